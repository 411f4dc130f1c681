//! MuHash3072: a hash of a set that does not depend on the order of its members (Core's `crypto/muhash`).
//!
//! Every member becomes a number of 3072 bits, and the set is their product modulo the largest safe prime below
//! 2^3072. Here sets only grow, which is all that a scan of the coins needs.

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use chaincore_consensus::hash::{Hash256, sha256};
use crypto_bigint::{Limb, U3072};

/// The modulus is 2^3072 minus this.
const MODULUS_DISTANCE: Limb = Limb(1_103_717);

/// The hash of a growing set.
#[derive(Clone)]
pub struct MuHash(U3072);

impl Default for MuHash {
    /// The empty set.
    fn default() -> Self {
        Self(U3072::ONE)
    }
}

impl MuHash {
    /// Adds a member.
    pub fn insert(&mut self, member: &[u8]) {
        self.0 = self.0.mul_mod_special(&number(member), MODULUS_DISTANCE);
    }

    /// Unites two sets that share no member.
    pub fn combine(&mut self, other: &Self) {
        self.0 = self.0.mul_mod_special(&other.0, MODULUS_DISTANCE);
    }

    /// The set's hash. Its text is in the usual reversed order.
    pub fn finish(&self) -> Hash256 {
        // The product by one brings the number below the modulus.
        let number = self.0.mul_mod_special(&U3072::ONE, MODULUS_DISTANCE);
        Hash256(sha256(number.to_le_bytes().as_ref()))
    }
}

/// The number that stands for a member: 384 bytes of ChaCha20 keyed by its SHA-256.
fn number(member: &[u8]) -> U3072 {
    let mut bytes = [0u8; 384];
    ChaCha20::new(&sha256(member).into(), &[0; 12].into()).apply_keystream(&mut bytes);
    U3072::from_le_slice(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crypto_bigint::Odd;

    /// The members that Core's unit tests use: an integer in the first bytes of 32.
    fn member(value: u8) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[0] = value;
        bytes
    }

    #[test]
    fn agrees_with_cores_vector() {
        // Core's vector takes a member away again, which is a product by the inverse.
        let modulus = Odd::new(U3072::ZERO.wrapping_sub(&U3072::from(1_103_717u32))).unwrap();
        let mut set = MuHash::default();
        set.insert(&member(0));
        set.insert(&member(1));
        let inverse = number(&member(2)).invert_odd_mod(&modulus).unwrap();
        set.combine(&MuHash(inverse));
        assert_eq!(
            set.finish().to_string(),
            "10d312b100cbd32ada024a6646e40d3482fcff103668d2625f10002a607d5863"
        );
    }

    #[test]
    fn order_does_not_matter() {
        let hash = |members: &[u8]| {
            let mut set = MuHash::default();
            members.iter().for_each(|value| set.insert(&member(*value)));
            set.finish()
        };
        assert_eq!(hash(&[1, 2, 3]), hash(&[3, 1, 2]));
        assert_ne!(hash(&[1, 2]), hash(&[1, 2, 2]));
    }
}
