//! Private keys as text: the wallet import format.

use super::{base58_check, decode_base58_check};
use crate::params::AddressFormat;
use secp256k1::{PublicKey, SecretKey};

/// A private key, and whether its public key is written in the compressed form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WifKey {
    /// The key.
    pub secret: SecretKey,
    /// Whether its public key has 33 bytes and not 65.
    pub compressed: bool,
}

impl WifKey {
    /// The key that `text` names on chains of this format; `None` if it names none there (Core's `DecodeSecret`).
    pub fn parse(text: &str, format: &AddressFormat) -> Option<Self> {
        let data = decode_base58_check(text, 34)?;
        let (secret, compressed) = match data.as_slice() {
            [version, secret @ ..] if *version == format.wif && secret.len() == 32 => (secret, false),
            [version, secret @ .., 1] if *version == format.wif && secret.len() == 32 => (secret, true),
            _ => return None,
        };
        let secret = SecretKey::from_secret_bytes(secret.try_into().ok()?).ok()?;
        Some(Self { secret, compressed })
    }

    /// The text of the key on chains of this format.
    pub fn to_text(&self, format: &AddressFormat) -> String {
        let mut payload = self.secret.to_secret_bytes().to_vec();
        if self.compressed {
            payload.push(1);
        }
        base58_check(&[format.wif], &payload)
    }

    /// The public key in the form that the text asks for.
    pub fn public_key_bytes(&self) -> Vec<u8> {
        let key = PublicKey::from_secret_key(&self.secret);
        if self.compressed { key.serialize().to_vec() } else { key.serialize_uncompressed().to_vec() }
    }
}
