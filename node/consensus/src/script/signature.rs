//! Signatures and public keys as bytes: their encoding rules, and what checks them.

use super::checker::SigVersion;
use super::error::ScriptError;
use super::flags::VerifyFlags;
use crate::sighash::SighashType;
use secp256k1::{Message, PublicKey, XOnlyPublicKey, ecdsa, schnorr};

/// Whether the first byte announces a key of exactly this size (Core's `CPubKey::ValidSize`).
pub(crate) fn has_pubkey_size(key: &[u8]) -> bool {
    match key.first() {
        Some(2 | 3) => key.len() == 33,
        Some(4 | 6 | 7) => key.len() == 65,
        _ => false,
    }
}

fn is_compressed(key: &[u8]) -> bool {
    key.len() == 33 && matches!(key[0], 2 | 3)
}

fn is_compressed_or_uncompressed(key: &[u8]) -> bool {
    is_compressed(key) || (key.len() == 65 && key[0] == 4)
}

/// Checks a public key of a script before tapscript against the flags that restrict its form.
pub(crate) fn check_pubkey_encoding(
    key: &[u8],
    flags: VerifyFlags,
    version: SigVersion,
) -> Result<(), ScriptError> {
    if flags.contains(VerifyFlags::STRICTENC) && !is_compressed_or_uncompressed(key) {
        return Err(ScriptError::PubKeyType);
    }
    if flags.contains(VerifyFlags::WITNESS_PUBKEYTYPE)
        && version == SigVersion::WitnessV0
        && !is_compressed(key)
    {
        return Err(ScriptError::WitnessPubKeyType);
    }
    Ok(())
}

/// Whether `signature`, with its hash type at the end, is in the one DER form that BIP66 allows: two positive
/// integers without padding in a sequence, all lengths in one byte.
pub fn is_strict_der(signature: &[u8]) -> bool {
    if !(9..=73).contains(&signature.len()) {
        return false;
    }
    let body = &signature[..signature.len() - 1];
    let [0x30, len, integers @ ..] = body else { return false };
    if usize::from(*len) != integers.len() {
        return false;
    }
    split_integer(integers).and_then(split_integer).is_some_and(<[u8]>::is_empty)
}

/// What follows a strict DER integer, if the bytes start with one.
fn split_integer(bytes: &[u8]) -> Option<&[u8]> {
    let [2, len, rest @ ..] = bytes else { return None };
    let (integer, rest) = rest.split_at_checked(usize::from(*len))?;
    let positive = integer.first()? & 0x80 == 0;
    let padded = matches!(integer, [0, next, ..] if next & 0x80 == 0);
    (positive && !padded).then_some(rest)
}

fn is_low_s(der: &[u8]) -> bool {
    let Ok(signature) = ecdsa::Signature::from_der_lax(der) else { return false };
    let mut normalized = signature;
    normalized.normalize_s();
    normalized == signature
}

/// Checks a signature of a script before tapscript, hash type included, against the flags that restrict its form.
/// An empty signature is the short way to say no and passes.
pub fn check_encoding(signature: &[u8], flags: VerifyFlags) -> Result<(), ScriptError> {
    let Some((hash_type, der)) = signature.split_last() else { return Ok(()) };
    let strict = VerifyFlags::DERSIG | VerifyFlags::LOW_S | VerifyFlags::STRICTENC;
    if flags.intersects(strict) && !is_strict_der(signature) {
        return Err(ScriptError::SigDer);
    }
    if flags.contains(VerifyFlags::LOW_S) && !is_low_s(der) {
        return Err(ScriptError::SigHighS);
    }
    if flags.contains(VerifyFlags::STRICTENC) && !SighashType::from_byte(*hash_type).is_defined() {
        return Err(ScriptError::SigHashType);
    }
    Ok(())
}

/// Whether `der`, a signature without hash type in any encoding that ever was accepted, signs `hash` with `key`.
pub fn verify_ecdsa(der: &[u8], key: &[u8], hash: [u8; 32]) -> bool {
    let Ok(key) = PublicKey::from_slice(key) else { return false };
    let Ok(mut signature) = ecdsa::Signature::from_der_lax(der) else { return false };
    // The library only verifies low S; high S was never forbidden by consensus.
    signature.normalize_s();
    ecdsa::verify(&signature, Message::from_digest(hash), &key).is_ok()
}

/// Whether `signature` signs `hash` with the x-only `key` (BIP340).
pub fn verify_schnorr(signature: [u8; 64], key: &[u8; 32], hash: &[u8; 32]) -> bool {
    let Ok(key) = XOnlyPublicKey::from_byte_array(*key) else { return false };
    schnorr::verify(&schnorr::Signature::from_byte_array(signature), hash, &key).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strict_der_is_one_form() {
        let good = [0x30, 6, 2, 1, 1, 2, 1, 1, 1];
        assert!(is_strict_der(&good));
        let with = |at: usize, byte: u8| {
            let mut bytes = good;
            bytes[at] = byte;
            bytes
        };
        for bad in [
            with(0, 0x31),
            with(1, 7),
            with(2, 3),
            with(3, 0),
            with(3, 9),
            with(4, 0x80),
            with(5, 3),
            with(6, 0),
        ] {
            assert!(!is_strict_der(&bad), "{bad:?}");
        }
        assert!(is_strict_der(&[0x30, 7, 2, 2, 0, 0x80, 2, 1, 1, 1]));
        assert!(!is_strict_der(&[0x30, 7, 2, 2, 0, 0x7f, 2, 1, 1, 1]));
        assert!(!is_strict_der(&good[..8]));
        assert!(!is_strict_der(&[0x30; 74]));
    }

    #[test]
    fn key_forms() {
        assert!(has_pubkey_size(&[2; 33]) && has_pubkey_size(&[6; 65]) && has_pubkey_size(&[4; 65]));
        assert!(!has_pubkey_size(&[2; 65]) && !has_pubkey_size(&[5; 33]) && !has_pubkey_size(&[]));
    }
}
