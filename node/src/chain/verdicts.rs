//! What was found out about blocks, for those who handed them in: the verdict may come long after the block, when a
//! block above it makes its branch the best.

use chaincore_consensus::BlockHash;
use chaincore_consensus::reject::RejectReason;
use std::collections::VecDeque;
use std::sync::Mutex;

/// Verdicts kept until someone takes them.
const MAX_VERDICTS: usize = 1_024;

/// A block was connected, or it was found to break a rule (Core's signal `BlockChecked`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockVerdict {
    /// The block.
    pub hash: BlockHash,
    /// `Ok` if it was connected, else why it was refused.
    pub result: Result<(), RejectReason>,
}

/// The verdicts that nobody has taken yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Verdicts(Mutex<VecDeque<BlockVerdict>>);

impl Verdicts {
    /// Adds a verdict. If there are too many the oldest goes, valid blocks' first: a peer that waits for praise can
    /// do without.
    pub(super) fn push(&self, verdict: BlockVerdict) {
        let mut verdicts = self.0.lock().expect("no one panics while holding the verdicts");
        if verdicts.len() == MAX_VERDICTS {
            let oldest_valid = verdicts.iter().position(|verdict| verdict.result.is_ok());
            verdicts.remove(oldest_valid.unwrap_or(0));
        }
        verdicts.push_back(verdict);
    }

    pub(super) fn take(&self) -> Vec<BlockVerdict> {
        let mut verdicts = self.0.lock().expect("no one panics while holding the verdicts");
        verdicts.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(n: u32, result: Result<(), RejectReason>) -> BlockVerdict {
        let mut hash = BlockHash::ZERO;
        hash.0[..4].copy_from_slice(&n.to_le_bytes());
        BlockVerdict { hash, result }
    }

    #[test]
    fn too_many_verdicts_push_out_the_oldest_of_valid_blocks() {
        let verdicts = Verdicts::default();
        let bad = verdict(0, Err(RejectReason::consensus("bad-cb-amount")));
        verdicts.push(bad.clone());
        for n in 1..=MAX_VERDICTS as u32 {
            verdicts.push(verdict(n, Ok(())));
        }
        let taken = verdicts.take();
        assert_eq!(taken.len(), MAX_VERDICTS);
        assert_eq!(taken[0], bad);
        assert_eq!(taken[1], verdict(2, Ok(())));
        assert!(verdicts.take().is_empty());
        for _ in 0..=MAX_VERDICTS {
            verdicts.push(bad.clone());
        }
        assert_eq!(verdicts.take().len(), MAX_VERDICTS);
    }
}
