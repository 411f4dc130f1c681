//! What the transactions of a block pay.

/// Fee rates of a block in satoshis per virtual byte.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct FeeRates {
    /// The lowest.
    pub min: f64,
    /// The rates that 10, 25, 50, 75 and 90 percent of the weight pay at most.
    pub percentiles: [f64; 5],
    /// The highest.
    pub max: f64,
}

/// The rates of transactions given as fee and weight; `None` without any. Percentiles go by weight, as Core's
/// `getblockstats` does it (`CalculatePercentilesByWeight`); unlike there, rates keep their fractions.
pub fn percentiles(txs: impl Iterator<Item = (i64, i32)>) -> Option<FeeRates> {
    let rate = |fee: i64, weight: i32| fee as f64 * 4.0 / f64::from(weight.max(1));
    let mut rates: Vec<(f64, i64)> =
        txs.map(|(fee, weight)| (rate(fee, weight), i64::from(weight))).collect();
    rates.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (min, max) = (rates.first()?.0, rates.last()?.0);
    let total = rates.iter().map(|(_, weight)| weight).sum::<i64>() as f64;
    let marks = [total / 10.0, total / 4.0, total / 2.0, total * 3.0 / 4.0, total * 9.0 / 10.0];
    let (mut percentiles, mut next, mut passed) = ([max; 5], 0, 0i64);
    for (rate, weight) in rates {
        passed += weight;
        while next < marks.len() && passed as f64 >= marks[next] {
            percentiles[next] = rate;
            next += 1;
        }
    }
    Some(FeeRates { min, percentiles, max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_go_by_weight() {
        assert_eq!(percentiles(std::iter::empty()), None);
        let one = percentiles([(500, 400)].into_iter()).unwrap();
        assert_eq!(one, FeeRates { min: 5.0, percentiles: [5.0; 5], max: 5.0 });
        // 60 % of the weight pays 1, then 30 % 2, then 10 % 3.
        let three = percentiles([(30 * 3, 4 * 30), (180, 4 * 180), (90 * 2, 4 * 90)].into_iter()).unwrap();
        assert_eq!(three, FeeRates { min: 1.0, percentiles: [1.0, 1.0, 1.0, 2.0, 2.0], max: 3.0 });
    }
}
