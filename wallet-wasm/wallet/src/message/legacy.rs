//! The older form (Core's `signmessage`): 65 bytes from which the public key follows. Its first byte says which of the
//! possible keys is meant, and by BIP137 for which kind of address.

use super::Verdict;
use crate::keys::AccountKind;
use crate::psbt::script_of;
use bitcoin::Script;
use bitcoin::hashes::Hash;
use bitcoin::secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use bitcoin::secp256k1::{Message, PublicKey};
use bitcoin::sign_message::signed_msg_hash;

/// What the first byte is for the first of the possible keys: BIP137's ranges of four.
const UNCOMPRESSED: u8 = 27;
const COMPRESSED: u8 = 31;
const NESTED: u8 = 35;
const SEGWIT: u8 = 39;

/// What a message's signature signs.
pub(super) fn digest(message: &str) -> Message {
    Message::from_digest(signed_msg_hash(message).to_byte_array())
}

/// The first byte of a signature for a kind of address; `None` for those the form does not know.
pub(super) fn header(kind: AccountKind, recovery: RecoveryId) -> Option<u8> {
    let first = match kind {
        AccountKind::Legacy => COMPRESSED,
        AccountKind::Nested => NESTED,
        AccountKind::Segwit => SEGWIT,
        AccountKind::Taproot => return None,
    };
    Some(first + u8::try_from(recovery.to_i32()).ok()?)
}

/// Judges a signature; `None` if the bytes are none of this form or the address is of a kind that has none.
pub(super) fn verify(script: &Script, message: &str, bytes: &[u8]) -> Option<Verdict> {
    let kind = crate::chain::Chain::kind_of(script).filter(|kind| *kind != AccountKind::Taproot)?;
    let [header @ UNCOMPRESSED..=42, compact @ ..] = bytes else { return None };
    if compact.len() != 64 {
        return None;
    }
    let recovery = RecoveryId::from_i32(i32::from((header - UNCOMPRESSED) & 3)).ok()?;
    let recovered = RecoverableSignature::from_compact(compact, recovery)
        .and_then(|signature| crate::keys::secp().recover_ecdsa(&digest(message), &signature));
    let Ok(key) = recovered else {
        return Some(Verdict::invalid("no public key leads to this signature"));
    };
    if pays(script, kind, *header, &key) {
        Some(Verdict::Valid { lock_time: 0, sequence: 0 })
    } else {
        Some(Verdict::invalid("another key has signed, or another message"))
    }
}

/// Whether the key belongs to the address. Wallets mark segwit addresses by BIP137, or as any compressed key.
fn pays(script: &Script, kind: AccountKind, header: u8, key: &PublicKey) -> bool {
    match (header, kind) {
        (UNCOMPRESSED..COMPRESSED, AccountKind::Legacy) => {
            *script
                == bitcoin::ScriptBuf::new_p2pkh(&bitcoin::PublicKey::new_uncompressed(*key).pubkey_hash())
        }
        (UNCOMPRESSED..COMPRESSED, _) => false,
        (COMPRESSED..NESTED, _) | (NESTED..SEGWIT, AccountKind::Nested) | (SEGWIT.., AccountKind::Segwit) => {
            *script == script_of(kind, key)
        }
        _ => false,
    }
}
