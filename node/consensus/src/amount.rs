//! Money: whole satoshis, never a float.

use std::fmt;

/// Satoshis in one coin.
pub const COIN: i64 = 100_000_000;

/// No amount above this many satoshis is valid (Core's `MAX_MONEY`). A sanity bound, not the supply.
pub const MAX_MONEY: i64 = 21_000_000 * COIN;

/// An amount in satoshis. Signed, as on the wire: a negative output value parses and is then refused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(pub i64);

/// Why a text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an amount: expected coins with at most 8 decimals")]
pub struct ParseAmountError(pub String);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount of whole coins.
    pub const fn from_coins(coins: i64) -> Self {
        Self(coins * COIN)
    }

    /// The number of satoshis.
    pub const fn sat(self) -> i64 {
        self.0
    }

    /// Whether the amount is within `0..=MAX_MONEY` (Core's `MoneyRange`).
    pub const fn in_range(self) -> bool {
        self.0 >= 0 && self.0 <= MAX_MONEY
    }

    /// The sum, or `None` outside `i64`.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The amount that a decimal number of coins names (`"0.1"`, `"-1"`, `"1e-3"`), exactly, as Core's
    /// `ParseFixedPoint` with 8 decimals reads JSON numbers and strings.
    pub fn from_coins_text(text: &str) -> Result<Self, ParseAmountError> {
        parse_fixed_point(text, 8).map(Self).ok_or_else(|| ParseAmountError(text.into()))
    }
}

/// Reads a JSON-syntax number as an integer of `10^-decimals` units; `None` if it is malformed, has more
/// decimals than that, or leaves Core's range of ±(10^18 - 1).
pub fn parse_fixed_point(text: &str, decimals: u32) -> Option<i64> {
    const UPPER_BOUND: i128 = 1_000_000_000_000_000_000 - 1;
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = match rest.find(['e', 'E']) {
        None => (rest, 0i64),
        Some(at) => {
            let digits = &rest[at + 1..];
            let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
            if unsigned.is_empty() || unsigned.len() > 9 || !unsigned.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            let value: i64 = unsigned.parse().ok()?;
            (&rest[..at], if digits.starts_with('-') { -value } else { value })
        }
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        None => (mantissa, ""),
        Some((_, "")) => return None,
        Some(parts) => parts,
    };
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty()
        || (whole.len() > 1 && whole.starts_with('0'))
        || !all_digits(whole)
        || !all_digits(fraction)
    {
        return None;
    }
    let digits: String = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    if significant.trim_start_matches('0').is_empty() {
        return Some(0);
    }
    let trailing = i64::try_from(digits.len() - significant.len()).ok()?;
    let shift = exponent + trailing - i64::try_from(fraction.len()).ok()? + i64::from(decimals);
    let significant = significant.trim_start_matches('0');
    if !(0..=18).contains(&shift) || significant.len() > 18 {
        return None;
    }
    let value = significant.parse::<i128>().ok()?.checked_mul(10i128.pow(u32::try_from(shift).ok()?))?;
    if value > UPPER_BOUND {
        return None;
    }
    let value = i64::try_from(value).ok()?;
    Some(if negative { -value } else { value })
}

impl fmt::Display for Amount {
    /// Coins with exactly eight decimals, as Core prints them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let sat = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:08}", sat / COIN.unsigned_abs(), sat % COIN.unsigned_abs())
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} sat", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_eight_decimals() {
        assert_eq!(Amount(100).to_string(), "0.00000100");
        assert_eq!(Amount(-1).to_string(), "-0.00000001");
        assert_eq!(Amount::from_coins(50).to_string(), "50.00000000");
    }

    #[test]
    fn reads_what_core_reads() {
        let read = |text: &str| Amount::from_coins_text(text).ok().map(Amount::sat);
        assert_eq!(read("0.1"), Some(10_000_000));
        assert_eq!(read("1e-8"), Some(1));
        assert_eq!(read("20999999.9999999"), Some(2_099_999_999_999_990));
        assert_eq!(read("0.00000001000000"), Some(1));
        assert_eq!(read("-0.5"), Some(-50_000_000));
        assert_eq!(read("0"), Some(0));
        for bad in ["", "-", ".5", "1.", "01", "1e-9", "0.000000001", "1e12", "1 ", "+1", "1e", "nan"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
