//! Fee rates: whole satoshis for a thousand virtual bytes, as the node counts them.

use std::fmt;
use std::str::FromStr;

/// A fee rate in satoshis for 1000 virtual bytes (Core's `CFeeRate`). Written as satoshis per virtual byte with up to
/// three decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FeeRate(pub u64);

/// Why a text or a number is not a fee rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a fee rate: expected satoshis per virtual byte, with at most 3 decimals")]
pub struct FeeRateError(pub String);

impl FeeRateError {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        "bad_feerate"
    }
}

impl FeeRate {
    /// What a transaction must pay at least to be relayed: 0.1 sat/vB (Core's `DEFAULT_MIN_RELAY_TX_FEE`, since 30).
    pub const MIN_RELAY: Self = Self(100);
    /// What a replacement must pay for its own bytes, on top of what it replaces: 0.1 sat/vB (Core's
    /// `DEFAULT_INCREMENTAL_RELAY_FEE`, since 30).
    pub const INCREMENTAL_RELAY: Self = Self(100);
    /// What makes an output dust (Core's `DUST_RELAY_TX_FEE`): 3 sat/vB.
    pub const DUST_RELAY: Self = Self(3000);
    /// What a coin is expected to cost when it is spent in a calm hour (Core's `-consolidatefeerate`): 10 sat/vB.
    pub const LONG_TERM: Self = Self(10_000);
    /// No wallet of sane mind pays more: 100,000 sat/vB. Keeps sums far from overflow.
    pub const MAX: Self = Self(100_000_000);

    /// Satoshis per virtual byte, as a node's estimate gives it; rounded up. `None` if it is no positive finite
    /// number or above [`FeeRate::MAX`].
    pub fn from_sat_per_vb(rate: f64) -> Option<Self> {
        if !rate.is_finite() || rate <= 0.0 {
            return None;
        }
        let per_kvb = (rate * 1000.0 - 1e-6).ceil();
        // In range, so the cast is exact.
        (per_kvb <= Self::MAX.0 as f64).then_some(Self(per_kvb.max(1.0) as u64))
    }

    /// For showing only.
    pub fn sat_per_vb(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// The fee for this many virtual bytes, rounded up.
    pub fn fee(self, vsize: u64) -> u64 {
        let fee = (u128::from(self.0) * u128::from(vsize)).div_ceil(1000);
        u64::try_from(fee).unwrap_or(u64::MAX)
    }

    /// The fee for this weight: of the virtual bytes that it rounds up to.
    pub fn fee_for_weight(self, weight: u64) -> u64 {
        self.fee(weight.div_ceil(4))
    }

    /// The rate that a fee makes for a size, rounded down.
    pub fn of(fee: u64, vsize: u64) -> Self {
        let rate = u128::from(fee) * 1000 / u128::from(vsize.max(1));
        Self(u64::try_from(rate).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for FeeRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1000, self.0 % 1000);
        if part == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{part:03}").trim_end_matches('0'))
    }
}

impl FromStr for FeeRate {
    type Err = FeeRateError;

    fn from_str(text: &str) -> Result<Self, FeeRateError> {
        let rate = chaincore_consensus::amount::parse_fixed_point(text, 3)
            .and_then(|rate| u64::try_from(rate).ok())
            .filter(|rate| (1..=Self::MAX.0).contains(rate));
        rate.map(Self).ok_or_else(|| FeeRateError(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_written_and_read_exactly() {
        for (text, rate) in [("1", 1000), ("0.1", 100), ("12.345", 12_345), ("100000", 100_000_000)] {
            assert_eq!(text.parse(), Ok(FeeRate(rate)));
            assert_eq!(FeeRate(rate).to_string(), text);
        }
        for bad in ["", "0", "-1", "1.2345", "nan", "1e99", "100001", " 1", "1,5"] {
            assert!(bad.parse::<FeeRate>().is_err(), "{bad}");
        }
        assert_eq!(FeeRate::from_sat_per_vb(1.0), Some(FeeRate(1000)));
        assert_eq!(FeeRate::from_sat_per_vb(0.1), Some(FeeRate(100)));
        assert_eq!(FeeRate::from_sat_per_vb(1.0001), Some(FeeRate(1001)));
        for bad in [f64::NAN, f64::INFINITY, -1.0, 0.0, 1e300] {
            assert_eq!(FeeRate::from_sat_per_vb(bad), None);
        }
    }

    #[test]
    fn fees_are_rounded_up_and_never_overflow() {
        assert_eq!(FeeRate(1000).fee(141), 141);
        assert_eq!(FeeRate(1001).fee(141), 142);
        assert_eq!(FeeRate(100).fee_for_weight(561), 15);
        assert_eq!(FeeRate(u64::MAX).fee(u64::MAX), u64::MAX);
        assert_eq!(FeeRate::of(141, 141), FeeRate(1000));
    }
}
