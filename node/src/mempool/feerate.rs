//! Fee rates: the rounded one that options and answers speak of, and the exact one that orders transactions.

use std::cmp::Ordering;
use std::fmt;

/// A fee rate in whole satoshis per 1000 virtual bytes, the unit of Core's options and answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct FeeRate(pub i64);

impl FeeRate {
    /// No fee.
    pub const ZERO: Self = Self(0);

    /// The rate of `fee` satoshis over `vsize` virtual bytes, rounded down; zero for nothing.
    pub fn of(fee: i64, vsize: i64) -> Self {
        if vsize <= 0 {
            return Self::ZERO;
        }
        let rate = (i128::from(fee) * 1000).div_euclid(vsize.into());
        Self(i64::try_from(rate).unwrap_or(if rate < 0 { i64::MIN } else { i64::MAX }))
    }

    /// What `vsize` virtual bytes cost at this rate, in satoshis, rounded up (Core's `CFeeRate::GetFee`).
    pub fn fee(self, vsize: i64) -> i64 {
        let product = i128::from(self.0) * i128::from(vsize);
        let fee = product.div_euclid(1000) + i128::from(product.rem_euclid(1000) != 0);
        i64::try_from(fee).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for FeeRate {
    /// Coins per kvB with eight decimals, as Core prints rates.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        chaincore_consensus::Amount(self.0).fmt(f)
    }
}

/// A sum of fees over a sum of weights, compared as the exact fraction. The empty sum ranks below everything.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FeeWeight {
    /// Satoshis, with the user's deltas; may be negative.
    pub fee: i64,
    /// Weight units, adjusted for signature operations.
    pub weight: i64,
}

impl FeeWeight {
    /// The virtual size of the weight.
    pub fn vsize(self) -> i64 {
        vsize_of_weight(self.weight)
    }

    /// Both sums taken together.
    pub fn plus(self, other: Self) -> Self {
        Self { fee: self.fee.saturating_add(other.fee), weight: self.weight + other.weight }
    }

    /// Compares the rates alone.
    pub fn compare_rate(&self, other: &Self) -> Ordering {
        match (self.weight, other.weight) {
            (0, 0) => Ordering::Equal,
            (0, _) => Ordering::Less,
            (_, 0) => Ordering::Greater,
            _ => (i128::from(self.fee) * i128::from(other.weight))
                .cmp(&(i128::from(other.fee) * i128::from(self.weight))),
        }
    }
}

/// Virtual bytes of a weight (BIP141), rounded up.
pub fn vsize_of_weight(weight: i64) -> i64 {
    (weight + 3).div_euclid(4)
}

/// How two fee-rate diagrams compare: `None` when neither is at least as good everywhere (Core's
/// `CompareChunks`). Each is a list of chunks with falling rates; the diagram is the sum of fees over the sum
/// of sizes, straight between chunks and level after the last.
pub fn compare_diagrams(left: &[FeeWeight], right: &[FeeWeight]) -> Option<Ordering> {
    let corners = |chunks: &[FeeWeight]| {
        chunks
            .iter()
            .scan((0i128, 0i128), |sum, chunk| {
                *sum = (sum.0 + i128::from(chunk.weight), sum.1 + i128::from(chunk.fee));
                Some(*sum)
            })
            .collect::<Vec<_>>()
    };
    let (left, right) = (corners(left), corners(right));
    // Both are concave above their chunks, so a difference shows at a corner of one of the two.
    let (mut better, mut worse) = (false, false);
    for &(size, fee) in &left {
        match height_against(&right, size, fee) {
            Ordering::Greater => better = true,
            Ordering::Less => worse = true,
            Ordering::Equal => {}
        }
    }
    for &(size, fee) in &right {
        match height_against(&left, size, fee) {
            Ordering::Greater => worse = true,
            Ordering::Less => better = true,
            Ordering::Equal => {}
        }
    }
    match (better, worse) {
        (true, true) => None,
        (true, false) => Some(Ordering::Greater),
        (false, true) => Some(Ordering::Less),
        (false, false) => Some(Ordering::Equal),
    }
}

/// Compares `fee` with the height of a diagram at `size`.
fn height_against(corners: &[(i128, i128)], size: i128, fee: i128) -> Ordering {
    let mut from = (0, 0);
    for &to in corners {
        if size <= to.0 {
            // fee against from.1 + (to.1 - from.1) * (size - from.0) / (to.0 - from.0)
            let width = to.0 - from.0;
            return ((fee - from.1) * width).cmp(&((to.1 - from.1) * (size - from.0)));
        }
        from = to;
    }
    fee.cmp(&from.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(list: &[(i64, i64)]) -> Vec<FeeWeight> {
        list.iter().map(|&(fee, weight)| FeeWeight { fee, weight }).collect()
    }

    #[test]
    fn fees_round_up_and_rates_round_down() {
        assert_eq!(FeeRate(100).fee(1), 1);
        assert_eq!(FeeRate(100).fee(140), 14);
        assert_eq!(FeeRate(1000).fee(0), 0);
        assert_eq!(FeeRate::of(999, 1000), FeeRate(999));
        assert_eq!(FeeRate::of(1, 3), FeeRate(333));
        assert_eq!(FeeRate::of(-1, 3), FeeRate(-334));
        assert_eq!(FeeRate::of(1, 0), FeeRate::ZERO);
        assert_eq!(FeeRate(100).to_string(), "0.00000100");
    }

    #[test]
    fn rates_compare_exactly() {
        let rate = |fee, weight| FeeWeight { fee, weight };
        assert_eq!(rate(1, 3).compare_rate(&rate(2, 6)), Ordering::Equal);
        assert_eq!(rate(i64::MAX, 3).compare_rate(&rate(i64::MAX, 4)), Ordering::Greater);
        assert_eq!(rate(0, 4).compare_rate(&FeeWeight::default()), Ordering::Greater);
    }

    #[test]
    fn diagrams_compare_where_they_differ() {
        let compare = |a: &[(i64, i64)], b: &[(i64, i64)]| compare_diagrams(&chunks(a), &chunks(b));
        assert_eq!(compare(&[], &[]), Some(Ordering::Equal));
        assert_eq!(compare(&[(10, 10)], &[(9, 10)]), Some(Ordering::Greater));
        assert_eq!(compare(&[(5, 5), (5, 5)], &[(10, 10)]), Some(Ordering::Equal));
        // More in total, but a worse start: neither is better.
        assert_eq!(compare(&[(20, 40)], &[(15, 10)]), None);
        // The same fee in less space is better.
        assert_eq!(compare(&[(10, 5)], &[(10, 10)]), Some(Ordering::Greater));
        assert_eq!(
            compare(&[(950, 300)], &[(100, 300), (150, 100)].map(|(f, s)| (f, s))),
            Some(Ordering::Greater)
        );
    }
}
