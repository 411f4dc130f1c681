//! What signatures sign: the hashes of a transaction, as seen by one of its inputs.
//!
//! Three schemes, from the oldest: the legacy hash over a rewritten transaction, BIP143 for segwit v0, BIP341 for
//! taproot. What all inputs of a transaction share is computed once, in [`PrecomputedTx`]; what the signatures of one
//! input share, in [`TxChecker`].

mod checker;
mod legacy;
mod precomputed;
mod segwit;
mod taproot;

pub use checker::TxChecker;
pub use legacy::legacy_sighash;
pub use precomputed::PrecomputedTx;
pub use segwit::segwit_v0_sighash;
pub use taproot::taproot_sighash;

pub(crate) use legacy::legacy_state;
pub(crate) use segwit::segwit_v0_state;

use crate::codec::Sink;
use crate::hash::Hash256;
use sha2::{Digest, Sha256};

/// Which parts of a transaction a signature covers.
///
/// Scripts before taproot carry any byte here and the hash covers it as 32 bits, so all 32 are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SighashType(pub u32);

impl SighashType {
    /// Taproot only: like [`Self::ALL`], with no hash type byte at the signature's end.
    pub const DEFAULT: Self = Self(0);
    /// All inputs and outputs.
    pub const ALL: Self = Self(1);
    /// All inputs, no output.
    pub const NONE: Self = Self(2);
    /// All inputs and the output at the position of the input.
    pub const SINGLE: Self = Self(3);
    /// Added to the others: only the one input.
    pub const ANYONE_CAN_PAY: Self = Self(0x80);

    /// The type that the last byte of a signature names.
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte as u32)
    }

    /// The type with [`Self::ANYONE_CAN_PAY`] added.
    pub const fn with_anyone_can_pay(self) -> Self {
        Self(self.0 | Self::ANYONE_CAN_PAY.0)
    }

    /// Whether only the one input is covered.
    pub const fn is_anyone_can_pay(self) -> bool {
        self.0 & Self::ANYONE_CAN_PAY.0 != 0
    }

    /// Whether no output is covered; before taproot.
    pub const fn is_none(self) -> bool {
        self.0 & 0x1f == Self::NONE.0
    }

    /// Whether only the output at the input's position is covered; before taproot.
    pub const fn is_single(self) -> bool {
        self.0 & 0x1f == Self::SINGLE.0
    }

    /// Whether this is one of the six types that policy allows before taproot.
    pub const fn is_defined(self) -> bool {
        matches!(self.0 & !Self::ANYONE_CAN_PAY.0, 1..=3)
    }

    /// Whether taproot knows the type.
    pub const fn is_taproot(self) -> bool {
        matches!(self.0, 0..=3 | 0x81..=0x83)
    }

    /// Core's name of a defined type: `ALL|ANYONECANPAY`.
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "ALL",
            2 => "NONE",
            3 => "SINGLE",
            0x81 => "ALL|ANYONECANPAY",
            0x82 => "NONE|ANYONECANPAY",
            0x83 => "SINGLE|ANYONECANPAY",
            _ => return None,
        })
    }

    /// Which of the six kinds of ECDSA hash this is: types of one kind differ only in the hashed type itself.
    pub(crate) const fn kind(self) -> usize {
        let outputs = if self.is_single() {
            2
        } else if self.is_none() {
            1
        } else {
            0
        };
        outputs + if self.is_anyone_can_pay() { 3 } else { 0 }
    }
}

/// SHA-256 under way, as a sink.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sha256Sink(pub(crate) Sha256);

impl Sha256Sink {
    /// The hash so far.
    pub(crate) fn single(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// The double hash of what is written so far and the hash type: the end of every ECDSA hash.
    pub(crate) fn finish_with_type(mut self, hash_type: SighashType) -> Hash256 {
        self.put(&hash_type.0.to_le_bytes());
        Hash256(Sha256::digest(self.0.finalize()).into())
    }
}

impl Sink for Sha256Sink {
    fn put(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_names() {
        let single = SighashType::SINGLE.with_anyone_can_pay();
        assert_eq!(single.name(), Some("SINGLE|ANYONECANPAY"));
        assert_eq!(single.kind(), 5);
        assert_eq!(SighashType(0x23).kind(), SighashType::SINGLE.kind());
        assert_eq!(SighashType(0).kind(), SighashType::ALL.kind());
        assert!(SighashType(0).is_taproot() && !SighashType(0).is_defined());
        assert!(!SighashType(0x80).is_taproot() && !SighashType(4).is_defined());
        assert_eq!(SighashType::from_byte(0xff).name(), None);
    }
}
