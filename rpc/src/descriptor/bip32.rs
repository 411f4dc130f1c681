//! Extended keys and their derivation (BIP32).

use chaincore_consensus::address::{base58_check, decode_base58_check};
use chaincore_consensus::hash::hash160;
use chaincore_consensus::params::AddressFormat;
use hmac::{Hmac, KeyInit, Mac};
use secp256k1::{PublicKey, Scalar, SecretKey};
use sha2::Sha512;

/// Child numbers from here on are hardened.
pub const HARDENED: u32 = 1 << 31;

/// The longest payload of an extended key's text: version and 74 bytes.
const TEXT_BYTES: usize = 78;

/// What extended public and private keys have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    depth: u8,
    parent: [u8; 4],
    child: [u8; 4],
    chain_code: [u8; 32],
}

/// An extended public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedPublic {
    place: Place,
    /// The key.
    pub key: PublicKey,
}

/// An extended private key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtendedPrivate {
    place: Place,
    /// The key.
    pub key: SecretKey,
}

/// Reads a text of an extended key with this version: its place and the 33 bytes of its key.
fn parse(text: &str, version: [u8; 4]) -> Option<(Place, [u8; 33])> {
    let data = decode_base58_check(text, TEXT_BYTES)?;
    let data: &[u8; TEXT_BYTES] = data.as_slice().try_into().ok()?;
    let (found, rest) = data.split_first_chunk::<4>()?;
    let (depth, rest) = rest.split_first()?;
    let (parent, rest) = rest.split_first_chunk::<4>()?;
    let (child, rest) = rest.split_first_chunk::<4>()?;
    let (chain_code, key) = rest.split_first_chunk::<32>()?;
    let rootless = *depth == 0 && (*parent != [0; 4] || *child != [0; 4]);
    if *found != version || rootless {
        return None;
    }
    Some((
        Place { depth: *depth, parent: *parent, child: *child, chain_code: *chain_code },
        key.try_into().ok()?,
    ))
}

/// What a derivation adds to the key, and the next chain code.
fn mix(chain_code: &[u8; 32], data: &[&[u8]]) -> Option<(Scalar, [u8; 32])> {
    let mut mac = Hmac::<Sha512>::new_from_slice(chain_code).expect("HMAC takes keys of any length");
    data.iter().for_each(|part| mac.update(part));
    let bytes: [u8; 64] = mac.finalize().into_bytes().into();
    let (tweak, chain_code) = bytes.split_first_chunk::<32>()?;
    Some((Scalar::from_be_bytes(*tweak).ok()?, chain_code.try_into().ok()?))
}

impl Place {
    fn child(&self, key: &PublicKey, number: u32, chain_code: [u8; 32]) -> Option<Self> {
        let [a, b, c, d, ..] = hash160(&key.serialize());
        Some(Self {
            depth: self.depth.checked_add(1)?,
            parent: [a, b, c, d],
            child: number.to_be_bytes(),
            chain_code,
        })
    }
}

impl ExtendedPublic {
    /// The key that a text (`xpub…`) names on chains of this format.
    pub fn parse(text: &str, format: &AddressFormat) -> Option<Self> {
        let (place, key) = parse(text, format.xpub)?;
        Some(Self { place, key: PublicKey::from_slice(&key).ok()? })
    }

    /// The text.
    pub fn to_text(self, format: &AddressFormat) -> String {
        let Place { depth, parent, child, chain_code } = self.place;
        base58_check(
            &format.xpub,
            &[&[depth][..], &parent, &child, &chain_code, &self.key.serialize()].concat(),
        )
    }

    /// A child that is not hardened; `None` for those that are, and for one number in 2^127.
    pub fn child(&self, number: u32) -> Option<Self> {
        if number >= HARDENED {
            return None;
        }
        let (tweak, chain_code) =
            mix(&self.place.chain_code, &[&self.key.serialize(), &number.to_be_bytes()])?;
        let place = self.place.child(&self.key, number, chain_code)?;
        Some(Self { place, key: self.key.add_exp_tweak(&tweak).ok()? })
    }
}

impl ExtendedPrivate {
    /// The key that a text (`xprv…`) names on chains of this format.
    pub fn parse(text: &str, format: &AddressFormat) -> Option<Self> {
        let (place, key) = parse(text, format.xprv)?;
        let [0, key @ ..] = key else { return None };
        Some(Self { place, key: SecretKey::from_secret_bytes(key).ok()? })
    }

    /// The extended public key.
    pub fn public(&self) -> ExtendedPublic {
        ExtendedPublic { place: self.place, key: self.key.public_key() }
    }

    /// A child, hardened or not; `None` for one number in 2^127.
    pub fn child(&self, number: u32) -> Option<Self> {
        let public = self.key.public_key();
        let chain_code = &self.place.chain_code;
        let (tweak, chain_code) = if number >= HARDENED {
            mix(chain_code, &[&[0], &self.key.to_secret_bytes(), &number.to_be_bytes()])?
        } else {
            mix(chain_code, &[&public.serialize(), &number.to_be_bytes()])?
        };
        let place = self.place.child(&public, number, chain_code)?;
        Some(Self { place, key: self.key.add_tweak(&tweak).ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::params::ChainParams;

    /// BIP32's test vector 1.
    #[test]
    fn children_are_those_of_bip32() {
        let format = &ChainParams::main().addresses;
        let master = ExtendedPrivate::parse(
            "xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
            format,
        );
        let child = master.unwrap().child(HARDENED).unwrap();
        assert_eq!(
            child.public().to_text(format),
            "xpub68Gmy5EdvgibQVfPdqkBBCHxA5htiqg55crXYuXoQRKfDBFA1WEjWgP6LHhwBZeNK1VTsfTFUHCdrfp1bgwQ9xv5ski8PX9rL2dZXvgGDnw"
        );
        let grandchild = child.child(1).unwrap();
        assert_eq!(
            grandchild.public().to_text(format),
            "xpub6ASuArnXKPbfEwhqN6e3mwBcDTgzisQN1wXN9BJcM47sSikHjJf3UFHKkNAWbWMiGj7Wf5uMash7SyYq527Hqck2AxYysAA7xmALppuCkwQ"
        );
        assert_eq!(child.public().child(1), Some(grandchild.public()));
        assert_eq!(child.public().child(HARDENED | 1), None);
    }
}
