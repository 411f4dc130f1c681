//! The root of a wallet's keys.

use super::account::{account_keys, account_path};
use super::wipe::{Wiped, burn_stack};
use super::{AccountKeys, AccountKind, AccountPath, KeyError, Phrase};
use crate::chain::Chain;
use bitcoin::bip32::{DerivationPath, Fingerprint, Xpriv, Xpub};
use bitcoin::secp256k1::{All, PublicKey, Secp256k1, SecretKey};
use zeroize::Zeroizing;

/// The master key of a wallet on a chain. Wipes itself when dropped.
pub struct Master {
    key: Wiped<Xpriv>,
    fingerprint: Fingerprint,
    chain: Chain,
    secp: Secp256k1<All>,
}

impl Master {
    /// The master key of a phrase and a passphrase (BIP39, BIP32).
    pub fn from_phrase(phrase: &Phrase, passphrase: &str, chain: Chain) -> Result<Self, KeyError> {
        Self::from_seed(&*phrase.seed(passphrase)?, chain)
    }

    /// The master key of a seed of 16 to 64 bytes (BIP32).
    pub fn from_seed(seed: &[u8], chain: Chain) -> Result<Self, KeyError> {
        if !(16..=64).contains(&seed.len()) {
            return Err(KeyError::Derivation);
        }
        let key = Xpriv::new_master(chain.network_kind(), seed).map_err(|_| KeyError::Derivation)?;
        Self::from_xpriv(Wiped::new(key), chain)
    }

    pub(crate) fn from_xpriv(key: Wiped<Xpriv>, chain: Chain) -> Result<Self, KeyError> {
        let mut blinding = Zeroizing::new([0; 32]);
        super::fill_random(&mut *blinding)?;
        let mut secp = Secp256k1::new();
        secp.seeded_randomize(&blinding);
        let fingerprint = key.fingerprint(&secp);
        burn_stack();
        Ok(Self { key, fingerprint, chain, secp })
    }

    /// The chain that the keys are for.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The first four bytes of the master public key's hash: what PSBTs and descriptors know the wallet by.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The library's context, blinded with random bytes of its own.
    pub(crate) fn secp(&self) -> &Secp256k1<All> {
        &self.secp
    }

    /// The public side of an account.
    pub fn account(&self, kind: AccountKind, index: u32) -> Result<AccountKeys, KeyError> {
        let xpub = self.account_xpub(kind, index)?;
        Ok(account_keys(kind, index, self.fingerprint, &xpub, &self.chain))
    }

    /// The extended public key of an account.
    pub fn account_xpub(&self, kind: AccountKind, index: u32) -> Result<Xpub, KeyError> {
        self.xpub(&account_path(kind, index, &self.chain)?)
    }

    /// The extended public key at any path.
    pub fn xpub(&self, path: &DerivationPath) -> Result<Xpub, KeyError> {
        Ok(Xpub::from_priv(&self.secp, &*self.derive(path)?))
    }

    /// The public key of one address.
    pub fn public_key(&self, path: AccountPath) -> Result<PublicKey, KeyError> {
        Ok(self.xpub(&path.to_path(&self.chain)?)?.public_key)
    }

    /// The extended private key at any path.
    pub(crate) fn derive(&self, path: &DerivationPath) -> Result<Wiped<Xpriv>, KeyError> {
        let key = self.key.derive_priv(&self.secp, path).map_err(|_| KeyError::Derivation)?;
        Ok(Wiped::new(key))
    }

    /// The private key at any path.
    pub(crate) fn secret_key(&self, path: &DerivationPath) -> Result<Wiped<SecretKey>, KeyError> {
        Ok(Wiped::new(self.derive(path)?.private_key))
    }
}

impl core::fmt::Debug for Master {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_struct("Master").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}
