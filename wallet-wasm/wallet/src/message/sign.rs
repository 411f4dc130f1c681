//! Signing messages with a wallet's keys.

use super::{MAX_MESSAGE_LEN, bip322, legacy};
use crate::base64;
use crate::chain::Chain;
use crate::keys::{AccountKind, AccountPath, KeyError, account_path, wipe::burn_stack};
use crate::psbt::{Psbt, script_of};
use crate::signer::{SignError, Signer};
use bitcoin::bip32::ChildNumber;
use serde::{Deserialize, Serialize};

/// How a message is signed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// BIP322: for all kinds of addresses.
    #[default]
    Bip322,
    /// The older form, which most programs know: not for taproot addresses.
    Legacy,
}

/// How many accounts of a kind are looked through for an address.
const ACCOUNTS_LOOKED_AT: u32 = 5;

/// How many addresses of each branch of them.
const ADDRESSES_LOOKED_AT: u32 = 500;

impl Signer {
    /// Signs a message with the key of one address.
    ///
    /// BIP322's simple form is written without its prefix, since programs that know the prefix take a signature without
    /// one for the simple form and programs older than the prefix know no other; the full form (P2PKH and P2WPKH in
    /// P2SH, which need a scriptSig) has it.
    pub fn sign_message(
        &self,
        place: AccountPath,
        message: &str,
        format: Format,
    ) -> Result<String, SignError> {
        if message.len() > MAX_MESSAGE_LEN {
            return Err(SignError::Message(format!("a message has at most {MAX_MESSAGE_LEN} bytes")));
        }
        match format {
            Format::Bip322 => self.sign_bip322(place, message),
            Format::Legacy => self.sign_legacy(place, message),
        }
    }

    fn sign_bip322(&self, place: AccountPath, message: &str) -> Result<String, SignError> {
        let path = place.to_path(self.chain())?;
        let key = self.master().public_key(place)?;
        let to_spend = bip322::to_spend(&script_of(place.kind, &key), message);
        let unsigned = Psbt::from_unsigned_tx(bip322::to_sign(&to_spend));
        let mut psbt = unsigned.map_err(|error| SignError::Message(error.to_string()))?;
        let source = (self.master().fingerprint(), path);
        let fields = &mut psbt.inputs[0];
        fields.non_witness_utxo = Some(to_spend);
        if place.kind == AccountKind::Taproot {
            fields.tap_key_origins.insert(key.x_only_public_key().0, (Vec::new(), source));
        } else {
            fields.bip32_derivation.insert(key, source);
        }
        // The same way as any transaction: looked through, signed, verified.
        let signed = self.sign(&mut psbt)?;
        let tx = signed.tx.ok_or(SignError::Unverified { input: 0 })?;
        Ok(match place.kind {
            AccountKind::Segwit | AccountKind::Taproot => {
                base64::encode(&bitcoin::consensus::serialize(&tx.input[0].witness))
            }
            AccountKind::Legacy | AccountKind::Nested => {
                format!("ful{}", base64::encode(&bitcoin::consensus::serialize(&tx)))
            }
        })
    }

    fn sign_legacy(&self, place: AccountPath, message: &str) -> Result<String, SignError> {
        let key = self.master().secret_key(&place.to_path(self.chain())?)?;
        let signature = self.master().secp().sign_ecdsa_recoverable(&legacy::digest(message), &key);
        let (recovery, compact) = signature.serialize_compact();
        let header = legacy::header(place.kind, recovery).ok_or_else(|| {
            SignError::Message("taproot addresses have no signatures in the older form: use BIP322".into())
        })?;
        let bytes = [&[header][..], &compact].concat();
        let script = script_of(place.kind, &self.master().public_key(place)?);
        burn_stack();
        match legacy::verify(&script, message, &bytes) {
            Some(verdict) if verdict.is_valid() => Ok(base64::encode(&bytes)),
            _ => Err(SignError::Unverified { input: 0 }),
        }
    }

    /// The place of an address in this wallet, if it is within the first 500 of either branch of its kind's first five
    /// accounts.
    pub fn find(&self, address: &str) -> Result<AccountPath, SignError> {
        let script = self.chain().script(address).map_err(|error| SignError::Message(error.to_string()))?;
        let not_mine = || SignError::NotMine(crate::chain::shorten(address));
        let kind = Chain::kind_of(&script).ok_or_else(not_mine)?;
        for account in 0..ACCOUNTS_LOOKED_AT {
            for change in [false, true] {
                let branch = account_path(kind, account, self.chain())?
                    .child(ChildNumber::Normal { index: u32::from(change) });
                let xpub = self.master().xpub(&branch)?;
                for index in 0..ADDRESSES_LOOKED_AT {
                    let key = xpub
                        .ckd_pub(self.master().secp(), ChildNumber::Normal { index })
                        .map_err(|_| KeyError::Derivation)?;
                    if script_of(kind, &key.public_key) == script {
                        return Ok(AccountPath { kind, account, change, index });
                    }
                }
            }
        }
        Err(not_mine())
    }
}
