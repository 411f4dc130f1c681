//! The fee rate below which nothing enters a pool that was full not long ago.

use super::feerate::FeeRate;

/// Seconds in which the rate halves while the pool stays full (Core's `ROLLING_FEE_HALFLIFE`).
const HALF_LIFE: f64 = 12.0 * 60.0 * 60.0;
/// Seconds between updates.
const RESOLUTION: i64 = 10;

/// The rate of what was dropped last, falling again once blocks make room.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RollingFee {
    /// Satoshis per kvB.
    rate: f64,
    updated: i64,
    block_since_bump: bool,
}

/// How full the pool is, which sets how fast the rate falls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    pub usage: usize,
    pub limit: usize,
}

impl RollingFee {
    /// The rate at `now`; at least `incremental` while it is not zero.
    pub fn at(&self, now: i64, fill: Fill, incremental: FeeRate) -> FeeRate {
        let mut copy = *self;
        copy.advance(now, fill, incremental)
    }

    /// Lets the rate fall until `now`.
    pub fn advance(&mut self, now: i64, fill: Fill, incremental: FeeRate) -> FeeRate {
        if self.rate == 0.0 || !self.block_since_bump {
            return FeeRate(self.rate.round() as i64);
        }
        if now > self.updated + RESOLUTION {
            let half_life = match fill.usage {
                usage if usage < fill.limit / 4 => HALF_LIFE / 4.0,
                usage if usage < fill.limit / 2 => HALF_LIFE / 2.0,
                _ => HALF_LIFE,
            };
            self.rate /= f64::exp2((now - self.updated) as f64 / half_life);
            self.updated = now;
            if self.rate < incremental.0 as f64 / 2.0 {
                self.rate = 0.0;
                return FeeRate::ZERO;
            }
        }
        FeeRate(self.rate.round() as i64).max(incremental)
    }

    /// Something that paid `rate` was dropped for lack of room.
    pub fn raise(&mut self, rate: FeeRate) {
        if rate.0 as f64 > self.rate {
            self.rate = rate.0 as f64;
            self.block_since_bump = false;
        }
    }

    /// A block came.
    pub fn block_connected(&mut self, now: i64) {
        self.updated = now;
        self.block_since_bump = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_only_after_a_block_and_to_zero_in_the_end() {
        let fill = Fill { usage: 90, limit: 100 };
        let incremental = FeeRate(100);
        let mut fee = RollingFee::default();
        assert_eq!(fee.at(0, fill, incremental), FeeRate::ZERO);
        fee.raise(FeeRate(4000));
        fee.raise(FeeRate(3000));
        assert_eq!(fee.advance(1_000_000, fill, incremental), FeeRate(4000));
        fee.block_connected(1_000_000);
        let later = 1_000_000 + HALF_LIFE as i64;
        assert_eq!(fee.at(later, fill, incremental), FeeRate(2000));
        assert_eq!(fee.at(later, Fill { usage: 10, limit: 100 }, incremental), FeeRate(250));
        assert_eq!(fee.advance(later, fill, incremental), FeeRate(2000));
        assert_eq!(fee.at(later + 5 * HALF_LIFE as i64, fill, incremental), FeeRate(100));
        assert_eq!(fee.at(later + 6 * HALF_LIFE as i64, fill, incremental), FeeRate::ZERO);
    }
}
