//! Absolute and relative lock times.

use crate::ancestry::Ancestry;
use crate::script::LOCKTIME_THRESHOLD;
use crate::transaction::{Transaction, TxIn};

/// Set in a sequence that is no relative lock time (BIP68).
pub const SEQUENCE_DISABLE_FLAG: u32 = 1 << 31;

/// Set in a sequence whose relative lock time counts in units of 512 seconds and not in blocks.
pub const SEQUENCE_TYPE_FLAG: u32 = 1 << 22;

/// The bits of a sequence that have the relative lock time.
pub const SEQUENCE_MASK: u32 = 0xffff;

/// The binary logarithm of the unit of relative lock times in seconds.
const SEQUENCE_GRANULARITY: u32 = 9;

/// Whether a block at `height` with this `time` (seconds since 1970: with BIP113 the median time past of its
/// parent) may have the transaction (Core's `IsFinalTx`).
pub fn is_final_tx(tx: &Transaction, height: u32, time: i64) -> bool {
    if tx.lock_time == 0 {
        return true;
    }
    let reached = if tx.lock_time < LOCKTIME_THRESHOLD { height.into() } else { time };
    i64::from(tx.lock_time) < reached || tx.inputs.iter().all(|input| input.sequence == TxIn::SEQUENCE_FINAL)
}

/// The last height and the last median time past at which a transaction is still locked; -1 for not at all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SequenceLocks {
    /// The last height at which it is locked.
    pub height: i64,
    /// The last median time past at which it is locked, in seconds since 1970.
    pub time: i64,
}

impl SequenceLocks {
    /// No lock.
    pub const NONE: Self = Self { height: -1, time: -1 };

    /// The relative locks of `tx` (BIP68, Core's `CalculateSequenceLocks`), whose inputs spend coins of the given
    /// heights. `branch` has the blocks that the coins are in, but for those of the very next block.
    ///
    /// Only call it where BIP68 holds; version 1 transactions have no relative locks.
    pub fn of(
        tx: &Transaction,
        coin_heights: impl IntoIterator<Item = u32>,
        branch: &(impl Ancestry + ?Sized),
    ) -> Self {
        let mut locks = Self::NONE;
        if tx.version < 2 {
            return locks;
        }
        for (input, coin_height) in tx.inputs.iter().zip(coin_heights) {
            if input.sequence & SEQUENCE_DISABLE_FLAG != 0 {
                continue;
            }
            let value = i64::from(input.sequence & SEQUENCE_MASK);
            if input.sequence & SEQUENCE_TYPE_FLAG != 0 {
                // Measured from the least time that the coin's block could have had.
                let from = coin_height.saturating_sub(1).min(branch.tip_height());
                let start = i64::from(branch.median_time_past_at(from));
                locks.time = locks.time.max(start + (value << SEQUENCE_GRANULARITY) - 1);
            } else {
                locks.height = locks.height.max(i64::from(coin_height) + value - 1);
            }
        }
        locks
    }

    /// Whether a block at `height` on a parent with this median time past may have the transaction.
    pub fn are_passed(self, height: u32, parent_median_time: u32) -> bool {
        self.height < i64::from(height) && self.time < i64::from(parent_median_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Header;
    use crate::transaction::OutPoint;
    use crate::{BlockHash, Hash256, Script};

    fn tx(version: u32, lock_time: u32, sequences: &[u32]) -> Transaction {
        let input = |sequence: &u32| TxIn {
            previous_output: OutPoint::NULL,
            script_sig: Script::new(),
            sequence: *sequence,
            witness: vec![],
        };
        Transaction { version, inputs: sequences.iter().map(input).collect(), outputs: vec![], lock_time }
    }

    #[test]
    fn absolute_locks() {
        assert!(is_final_tx(&tx(1, 0, &[0]), 0, 0));
        assert!(!is_final_tx(&tx(1, 10, &[0]), 10, i64::MAX));
        assert!(is_final_tx(&tx(1, 10, &[0]), 11, 0));
        assert!(is_final_tx(&tx(1, 10, &[u32::MAX]), 5, 0));
        assert!(!is_final_tx(&tx(1, 10, &[u32::MAX, 0]), 5, 0));
        assert!(!is_final_tx(&tx(1, LOCKTIME_THRESHOLD, &[0]), u32::MAX, LOCKTIME_THRESHOLD.into()));
        assert!(is_final_tx(&tx(1, LOCKTIME_THRESHOLD, &[0]), 0, i64::from(LOCKTIME_THRESHOLD) + 1));
    }

    #[test]
    fn relative_locks() {
        let branch: Vec<Header> = (0..100)
            .map(|n| Header {
                version: 1,
                previous: BlockHash::ZERO,
                merkle_root: Hash256::ZERO,
                time: n * 1000,
                bits: 0,
                nonce: 0,
            })
            .collect();
        let of = |tx: &Transaction, height| SequenceLocks::of(tx, vec![height; tx.inputs.len()], &branch);
        assert_eq!(of(&tx(1, 0, &[5]), 50), SequenceLocks::NONE);
        assert_eq!(of(&tx(2, 0, &[5 | SEQUENCE_DISABLE_FLAG]), 50), SequenceLocks::NONE);
        assert_eq!(of(&tx(2, 0, &[0]), 50), SequenceLocks { height: 49, time: -1 });
        let locks = of(&tx(2, 0, &[5, 3, SEQUENCE_TYPE_FLAG | 2]), 50);
        // The median time past at height 49 is the time of block 44.
        assert_eq!(locks, SequenceLocks { height: 54, time: 44_000 + 1023 });
        assert!(!locks.are_passed(54, u32::MAX));
        assert!(locks.are_passed(55, 45_024));
        assert!(!locks.are_passed(55, 45_023));
        // A coin of the very next block.
        assert_eq!(of(&tx(2, 0, &[SEQUENCE_TYPE_FLAG]), 100).time, 94_000 - 1);
        assert_eq!(of(&tx(2, 0, &[SEQUENCE_TYPE_FLAG]), 0).time, -1);
    }
}
