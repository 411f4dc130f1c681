//! Which keys of a PSBT are a wallet's own: those that its master key leads to, whatever the PSBT says.

use crate::keys::{AccountKind, AccountPath, Master};
use bitcoin::bip32::{ChildNumber, DerivationPath, Fingerprint, KeySource, Xpub};
use bitcoin::key::CompressedPublicKey;
use bitcoin::secp256k1::PublicKey;
use bitcoin::taproot::TapLeafHash;
use bitcoin::{Script, ScriptBuf, XOnlyPublicKey};
use std::collections::BTreeMap;

/// A key of the wallet that a PSBT names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct OwnKey {
    /// Its path from the master key.
    pub path: DerivationPath,
    /// The place, if it is one of an account's addresses.
    pub place: Option<AccountPath>,
    /// The key, derived here.
    pub key: PublicKey,
}

/// Which of a wallet's keys may sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Paths {
    /// Those of accounts on the wallet's own chain. Signatures do not say which chain they are for: who could have a key
    /// of Bitcoin's main chain sign on a test chain, under amounts that look harmless there, could spend on the main chain.
    OwnChain,
    /// All: for published vectors, whose paths follow no rule.
    #[cfg_attr(not(feature = "vectors"), expect(dead_code, reason = "only the checks of vectors need it"))]
    Any,
}

/// The purposes whose paths go on with the coin type: BIP44's kin, and BIP48's and BIP87's for several signers.
const PURPOSES: [u32; 6] = [44, 48, 49, 84, 86, 87];

/// How many accounts of each kind are looked through for an account that a PSBT names by its own fingerprint.
const ACCOUNTS_LOOKED_AT: u32 = 20;

/// The most key origins of one input or output that are looked at.
const MAX_ORIGINS: usize = 100;

/// No path is longer.
const MAX_STEPS: usize = 10;

/// A wallet's keys as far as they were asked for, kept for one PSBT.
pub(crate) struct Own<'a> {
    master: &'a Master,
    paths: Paths,
    branches: BTreeMap<DerivationPath, Xpub>,
    /// The accounts by the fingerprints of their own keys, once they are needed.
    accounts: Option<BTreeMap<Fingerprint, DerivationPath>>,
}

type Ecdsa = BTreeMap<PublicKey, KeySource>;
type Taproot = BTreeMap<XOnlyPublicKey, (Vec<TapLeafHash>, KeySource)>;

impl<'a> Own<'a> {
    pub(crate) fn new(master: &'a Master, paths: Paths) -> Self {
        Self { master, paths, branches: BTreeMap::new(), accounts: None }
    }

    /// The wallet's own keys among those whose origins an input or output names. An origin is believed only if the
    /// key there is the one it is given for.
    pub(crate) fn keys(&mut self, ecdsa: &Ecdsa, taproot: &Taproot) -> Vec<OwnKey> {
        let mut found = Vec::new();
        for (key, source) in ecdsa.iter().take(MAX_ORIGINS) {
            found.extend(self.key_at(source).filter(|own| own.key == *key));
        }
        for (key, (_, source)) in taproot.iter().take(MAX_ORIGINS) {
            found.extend(self.key_at(source).filter(|own| own.key.x_only_public_key().0 == *key));
        }
        found.dedup();
        found
    }

    fn key_at(&mut self, (fingerprint, path): &KeySource) -> Option<OwnKey> {
        let path = self.full_path(*fingerprint, path)?;
        if self.paths == Paths::OwnChain && !self.is_for_this_chain(&path) {
            return None;
        }
        let (last, branch) = path.as_ref().split_last()?;
        let key = match last {
            ChildNumber::Normal { .. } => {
                let branch = DerivationPath::from(branch);
                let xpub = match self.branches.get(&branch) {
                    Some(xpub) => *xpub,
                    None => {
                        let xpub = self.master.xpub(&branch).ok()?;
                        self.branches.insert(branch, xpub);
                        xpub
                    }
                };
                xpub.ckd_pub(self.master.secp(), *last).ok()?.public_key
            }
            ChildNumber::Hardened { .. } => self.master.xpub(&path).ok()?.public_key,
        };
        let place = AccountPath::from_path(&path, self.master.chain());
        Some(OwnKey { path, place, key })
    }

    fn is_for_this_chain(&self, path: &DerivationPath) -> bool {
        use ChildNumber::Hardened;
        let coin_type = self.master.chain().coin_type();
        matches!(path.as_ref(), [Hardened { index: purpose }, Hardened { index: coin }, ..]
            if PURPOSES.contains(purpose) && *coin == coin_type)
    }

    /// The path from the master key: as given, or for an account that is watched by its extended key alone, the
    /// account's with the given steps behind it.
    fn full_path(&mut self, fingerprint: Fingerprint, path: &DerivationPath) -> Option<DerivationPath> {
        if path.len() > MAX_STEPS {
            return None;
        }
        if fingerprint == self.master.fingerprint() {
            return Some(path.clone());
        }
        let [ChildNumber::Normal { index: 0..=1 }, ChildNumber::Normal { .. }] = path.as_ref() else {
            return None;
        };
        let master = self.master;
        let accounts = self.accounts.get_or_insert_with(|| {
            let places = AccountKind::ALL
                .into_iter()
                .flat_map(|kind| (0..ACCOUNTS_LOOKED_AT).map(move |account| (kind, account)));
            places
                .filter_map(|(kind, account)| {
                    let steps = crate::keys::account_path(kind, account, master.chain()).ok()?;
                    Some((master.xpub(&steps).ok()?.fingerprint(), steps))
                })
                .collect()
        });
        Some(accounts.get(&fingerprint)?.extend(path))
    }
}

/// The script of a kind of account that a key is paid with.
pub fn script_of(kind: AccountKind, key: &PublicKey) -> ScriptBuf {
    let compressed = CompressedPublicKey(*key);
    match kind {
        AccountKind::Legacy => ScriptBuf::new_p2pkh(&compressed.pubkey_hash()),
        AccountKind::Nested => ScriptBuf::new_p2sh(&redeem_script_of(key).script_hash()),
        AccountKind::Segwit => redeem_script_of(key),
        AccountKind::Taproot => ScriptBuf::new_p2tr(crate::keys::secp(), key.x_only_public_key().0, None),
    }
}

/// What a nested script reveals: the key's witness program.
pub(crate) fn redeem_script_of(key: &PublicKey) -> ScriptBuf {
    ScriptBuf::new_p2wpkh(&CompressedPublicKey(*key).wpubkey_hash())
}

/// The kind of script that pays the key alone, if that is what this script does.
pub(crate) fn kind_paying(script: &Script, key: &PublicKey) -> Option<AccountKind> {
    crate::chain::Chain::kind_of(script).filter(|kind| *script == *script_of(*kind, key))
}

/// The whole script of a nested input: one push.
pub(crate) fn nested_script_sig(key: &PublicKey) -> ScriptBuf {
    let program = redeem_script_of(key);
    bitcoin::script::Builder::new()
        .push_slice(
            <&bitcoin::script::PushBytes>::try_from(program.as_bytes()).expect("22 bytes can be pushed"),
        )
        .into_script()
}
