//! The 32-byte identifiers of the chain and the hash functions behind them.
//!
//! Bytes are held in the order in which they are hashed and serialized; text is the reverse of that, as
//! every Bitcoin tool prints it.

use ripemd::Ripemd160;
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// SHA-256.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    Sha256::digest(data).into()
}

/// SHA-256 of SHA-256, the hash of blocks and transactions.
pub fn sha256d(data: &[u8]) -> [u8; 32] {
    Sha256::digest(Sha256::digest(data)).into()
}

/// RIPEMD-160 of SHA-256, the hash of public keys and scripts in addresses.
pub fn hash160(data: &[u8]) -> [u8; 20] {
    Ripemd160::digest(Sha256::digest(data)).into()
}

/// A BIP340 tagged hash over the concatenation of `parts`.
pub fn tagged_hash(tag: &str, parts: &[&[u8]]) -> [u8; 32] {
    let tag = sha256(tag.as_bytes());
    let mut hasher = Sha256::new();
    hasher.update(tag);
    hasher.update(tag);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// SipHash-2-4 with a 128-bit key of two little-endian halves: short, keyed, and no commitment to anything.
pub fn siphash24(key: (u64, u64), data: &[u8]) -> u64 {
    siphasher::sip::SipHasher24::new_with_keys(key.0, key.1).hash(data)
}

/// A writer that hashes what is written to it with double SHA-256.
#[derive(Default)]
pub struct HashWriter(Sha256);

impl HashWriter {
    /// The double SHA-256 of everything written.
    pub fn finish(self) -> [u8; 32] {
        Sha256::digest(self.0.finalize()).into()
    }

    /// The single SHA-256 of everything written.
    pub fn finish_single(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

impl crate::codec::Sink for HashWriter {
    fn put(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

/// Why a text is not a 32-byte hash.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not 64 hexadecimal digits")]
pub struct ParseHashError(pub String);

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// All zero bytes, the "none" of the protocol.
            pub const ZERO: Self = Self([0; 32]);

            /// The bytes in serialization order.
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                for byte in self.0.iter().rev() {
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseHashError;

            fn from_str(text: &str) -> Result<Self, ParseHashError> {
                let bytes = crate::hex::decode(text).map_err(|_| ParseHashError(text.into()))?;
                let mut bytes: [u8; 32] = bytes.try_into().map_err(|_| ParseHashError(text.into()))?;
                bytes.reverse();
                Ok(Self(bytes))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl crate::codec::Encode for $name {
            fn encode(&self, sink: &mut impl crate::codec::Sink) {
                sink.put(&self.0);
            }
        }

        impl crate::codec::Decode for $name {
            fn decode(reader: &mut crate::codec::Reader<'_>) -> Result<Self, crate::codec::DecodeError> {
                Ok(Self(reader.array()?))
            }
        }
    };
}

hash_type!(
    /// The double SHA-256 of a block header.
    BlockHash
);
hash_type!(
    /// The double SHA-256 of a transaction without its witness.
    Txid
);
hash_type!(
    /// The double SHA-256 of a transaction with its witness (BIP141).
    Wtxid
);
hash_type!(
    /// Any other 32-byte hash: merkle roots, script hashes, commitments.
    Hash256
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_reversed_bytes() {
        let text = "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f";
        let hash: BlockHash = text.parse().unwrap();
        assert_eq!(hash.0[0], 0x6f);
        assert_eq!(hash.to_string(), text);
        assert!("00".parse::<BlockHash>().is_err());
        assert!("zz".repeat(32).parse::<BlockHash>().is_err());
    }

    #[test]
    fn known_digests() {
        assert_eq!(crate::hex::encode(&hash160(b"")), "b472a266d0bd89c13706a4132ccfb16f7c3b9fcb");
        assert_eq!(
            crate::hex::encode(&sha256d(b"hello")),
            "9595c9df90075148eb06860365df33584b75bff782a510c6cd4883a419833d50"
        );
    }
}
