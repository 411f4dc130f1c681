//! Proof of work: targets, their compact form, and the work that a target stands for.

use crate::hash::BlockHash;
use ruint::aliases::U256;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

/// The largest hash that is good enough, as a 256-bit number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(pub(crate) U256);

/// Why compact bits name no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BitsError {
    /// The sign bit is set.
    #[error("compact target {0:08x} is negative")]
    Negative(u32),
    /// The target is zero: no hash could meet it.
    #[error("compact target {0:08x} is zero")]
    Zero(u32),
    /// The target needs more than 256 bits.
    #[error("compact target {0:08x} overflows 256 bits")]
    Overflow(u32),
}

/// Why a text is not a 256-bit number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not 1 to 64 hexadecimal digits")]
pub struct ParseU256Error(pub String);

impl Target {
    /// The easiest target: every hash meets it.
    pub const MAX: Self = Self(U256::MAX);

    /// The target that block headers' compact form names (Core's `SetCompact`, refusing what `DeriveTarget`
    /// refuses but for the pow limit).
    pub fn from_compact(bits: u32) -> Result<Self, BitsError> {
        let (value, negative, overflow) = decode_compact(bits);
        if negative {
            Err(BitsError::Negative(bits))
        } else if overflow {
            Err(BitsError::Overflow(bits))
        } else if value.is_zero() {
            Err(BitsError::Zero(bits))
        } else {
            Ok(Self(value))
        }
    }

    /// The compact form, which keeps the upper 23 or so bits.
    pub fn to_compact(self) -> u32 {
        let mut size = self.0.bit_len().div_ceil(8) as u32;
        let mut mantissa = if size <= 3 {
            low_u32(self.0) << (8 * (3 - size))
        } else {
            low_u32(self.0 >> (8 * (size as usize - 3)))
        };
        // The mantissa's top bit is a sign: a number that reaches into it moves down by a byte.
        if mantissa & 0x0080_0000 != 0 {
            mantissa >>= 8;
            size += 1;
        }
        mantissa | size << 24
    }

    /// What is left of this target after a trip through its compact form: what a header can say.
    pub fn rounded(self) -> Self {
        Self(decode_compact(self.to_compact()).0)
    }

    /// The easiest target whose hashes begin with `zeros` hexadecimal zeros; at most 63.
    pub fn from_leading_hex_zeros(zeros: u32) -> Option<Self> {
        (zeros < 64).then(|| Self(U256::MAX >> (4 * zeros as usize)))
    }

    /// Whether `hash`, read as a number, is no larger than the target.
    pub fn is_met_by(self, hash: &BlockHash) -> bool {
        U256::from_le_bytes(hash.0) <= self.0
    }

    /// The number's 32 bytes, the most significant first.
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// The number with these 32 bytes, the most significant first.
    pub const fn from_be_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_be_bytes(bytes))
    }

    /// The expected number of hashes to meet the target: `2^256 / (target + 1)` (Core's `GetBlockProof`).
    pub fn work(self) -> Work {
        // 2^256 does not fit, but 2^256 / (t+1) = (2^256 - (t+1)) / (t+1) + 1 = !t / (t+1) + 1.
        match self.0.checked_add(U256::ONE) {
            Some(divisor) => Work(!self.0 / divisor + U256::ONE),
            None => Work(U256::ONE),
        }
    }
}

fn low_u32(value: U256) -> u32 {
    value.as_limbs()[0] as u32
}

fn decode_compact(bits: u32) -> (U256, bool, bool) {
    let size = bits >> 24;
    let mut word = bits & 0x007f_ffff;
    let value = if size <= 3 {
        word >>= 8 * (3 - size);
        U256::from(word)
    } else {
        let shift = 8 * (size as usize - 3);
        if shift < 256 { U256::from(word) << shift } else { U256::ZERO }
    };
    let negative = word != 0 && bits & 0x0080_0000 != 0;
    let overflow = word != 0 && (size > 34 || (word > 0xff && size > 33) || (word > 0xffff && size > 32));
    (value, negative, overflow)
}

fn parse_hex(text: &str) -> Result<U256, ParseU256Error> {
    if text.is_empty() || text.len() > 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ParseU256Error(text.into()));
    }
    U256::from_str_radix(text, 16).map_err(|_| ParseU256Error(text.into()))
}

impl FromStr for Target {
    type Err = ParseU256Error;

    fn from_str(text: &str) -> Result<Self, ParseU256Error> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Display for Target {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:064x}", self.0)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An expected number of hashes. Sums saturate, which no chain can reach.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Work(pub(crate) U256);

impl Work {
    /// No work.
    pub const ZERO: Self = Self(U256::ZERO);

    /// The nearest floating-point number.
    pub fn to_f64(self) -> f64 {
        self.0
            .as_limbs()
            .iter()
            .rev()
            .fold(0.0, |sum, limb| sum * 18_446_744_073_709_551_616.0 + *limb as f64)
    }

    /// The number's 32 bytes, the most significant first.
    pub fn to_be_bytes(self) -> [u8; 32] {
        self.0.to_be_bytes()
    }

    /// The number with these 32 bytes, the most significant first.
    pub const fn from_be_bytes(bytes: [u8; 32]) -> Self {
        Self(U256::from_be_bytes(bytes))
    }

    /// The difference, or nothing if `other` is larger.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// How many seconds this much work takes when one block's worth is `block` and comes every `spacing`
    /// seconds, at most `i64::MAX` (Core's `GetBlockProofEquivalentTime`).
    pub fn equivalent_seconds(self, block: Self, spacing: u32) -> i64 {
        if block == Self::ZERO {
            return i64::MAX;
        }
        let seconds = self.0.saturating_mul(U256::from(spacing)) / block.0;
        i64::try_from(seconds).unwrap_or(i64::MAX)
    }
}

impl Add for Work {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sub for Work {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl Sum for Work {
    fn sum<I: Iterator<Item = Self>>(items: I) -> Self {
        items.fold(Self::ZERO, Add::add)
    }
}

impl FromStr for Work {
    type Err = ParseU256Error;

    fn from_str(text: &str) -> Result<Self, ParseU256Error> {
        parse_hex(text).map(Self)
    }
}

impl fmt::Display for Work {
    /// 64 hexadecimal digits, as Core prints `chainwork`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:064x}", self.0)
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The work of a block with these bits; none if they name no target (Core's `GetBlockProof`).
pub fn block_work(bits: u32) -> Work {
    Target::from_compact(bits).map_or(Work::ZERO, Target::work)
}

/// Whether `hash` meets the target that `bits` name and that target is within the chain's limit.
pub fn check_proof_of_work(hash: &BlockHash, bits: u32, pow_limit: Target) -> bool {
    Target::from_compact(bits).is_ok_and(|target| target <= pow_limit && target.is_met_by(hash))
}

/// How much harder than mainnet's easiest target these bits are (Core's `GetDifficulty`, the same sequence of
/// roundings).
pub fn difficulty(bits: u32) -> f64 {
    let mut difficulty = f64::from(0x0000_ffff) / f64::from(bits & 0x00ff_ffff);
    let size = bits >> 24;
    for _ in size..29 {
        difficulty *= 256.0;
    }
    for _ in 29..size {
        difficulty /= 256.0;
    }
    difficulty
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_round_trips_and_refusals() {
        for (bits, hex) in [
            (0x1d00_ffff, "00000000ffff0000000000000000000000000000000000000000000000000000"),
            (0x207f_ffff, "7fffff0000000000000000000000000000000000000000000000000000000000"),
            (0x0101_0000, "0000000000000000000000000000000000000000000000000000000000000001"),
            (0x0500_9234, "0000000000000000000000000000000000000000000000000000000092340000"),
        ] {
            let target = Target::from_compact(bits).unwrap();
            assert_eq!(target.to_string(), hex);
            assert_eq!(target.to_compact(), bits);
            assert_eq!(hex.parse::<Target>().unwrap(), target);
        }
        assert_eq!(Target::from_compact(0x0492_3456), Err(BitsError::Negative(0x0492_3456)));
        assert_eq!(Target::from_compact(0x0092_3456), Err(BitsError::Zero(0x0092_3456)));
        assert_eq!(Target::from_compact(0xff12_3456), Err(BitsError::Overflow(0xff12_3456)));
        assert_eq!(Target::from_compact(0), Err(BitsError::Zero(0)));
        // A mantissa that would look negative moves down by a byte.
        assert_eq!("80".parse::<Target>().unwrap().to_compact(), 0x0200_8000);
        assert_eq!(Target::MAX.to_compact(), 0x2100_ffff);
        assert!("".parse::<Target>().is_err() && "0x1".parse::<Target>().is_err());
    }

    #[test]
    fn work_and_difficulty() {
        assert_eq!(block_work(0x1d00_ffff).to_string(), format!("{:064x}", 0x1_0001_0001u64));
        assert_eq!(block_work(0x207f_ffff).to_string(), format!("{:064x}", 2));
        assert_eq!(block_work(0), Work::ZERO);
        assert_eq!(Target::MAX.work().to_string(), format!("{:064x}", 1));
        assert_eq!(difficulty(0x1d00_ffff), 1.0);
        assert_eq!(difficulty(0x207f_ffff), 4.6565423739069247e-10);
        assert_eq!(difficulty(0x1b04_04cb), 16307.420938523983);
        let ten: Work = (0..10).map(|_| block_work(0x207f_ffff)).sum();
        assert_eq!(ten.to_f64(), 20.0);
        assert_eq!(ten.equivalent_seconds(block_work(0x207f_ffff), 600), 6000);
    }

    #[test]
    fn hashes_meet_targets() {
        let genesis: BlockHash =
            "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f".parse().unwrap();
        let limit = Target::from_leading_hex_zeros(8).unwrap();
        assert!(check_proof_of_work(&genesis, 0x1d00_ffff, limit));
        assert!(!check_proof_of_work(&genesis, 0x1d00_ffff, Target::from_leading_hex_zeros(9).unwrap()));
        assert!(!check_proof_of_work(&genesis, 0x1a00_ffff, limit));
        assert_eq!(Target::from_leading_hex_zeros(3).unwrap().to_compact(), 0x1f0f_ffff);
        assert_eq!(Target::from_leading_hex_zeros(64), None);
    }
}
