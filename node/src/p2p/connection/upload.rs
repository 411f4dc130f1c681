//! How much may be sent in a day (`-maxuploadtarget`): a target that old blocks have to leave room for, and nothing
//! that is ever enforced byte by byte. Times are seconds of the node's clock.

use std::sync::{Mutex, MutexGuard};

/// The time that the target is for, in seconds.
pub const TIMEFRAME: i64 = 24 * 60 * 60;
/// So often, in seconds, a new block has to be passed on, and so large it may be, in bytes (Core's buffer).
const BLOCK_INTERVAL: i64 = 10 * 60;
const BLOCK_SIZE: u64 = 4_000_000;

/// What has been sent since when.
#[derive(Debug, Default)]
struct Cycle {
    /// 0 before anything was sent.
    start: i64,
    sent: u64,
}

/// The target, and what was sent of it.
#[derive(Debug)]
pub struct UploadTarget {
    /// In bytes; 0 for no limit.
    limit: u64,
    cycle: Mutex<Cycle>,
}

impl UploadTarget {
    /// Nothing sent yet, of `limit` bytes in a day; 0 for no limit.
    pub fn new(limit: u64) -> Self {
        Self { limit, cycle: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Cycle> {
        self.cycle.lock().expect("no one panics while holding the cycle")
    }

    /// Counts what was sent; a new day begins with the first bytes after the last one.
    pub(super) fn sent(&self, bytes: u64, now: i64) {
        let mut cycle = self.lock();
        if cycle.start.saturating_add(TIMEFRAME) < now {
            *cycle = Cycle { start: now, sent: 0 };
        }
        cycle.sent = cycle.sent.saturating_add(bytes);
    }

    /// The target in bytes a day; 0 for no limit.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Whether as much as there should be has been sent (Core's `OutboundTargetReached(false)`).
    pub fn is_reached(&self) -> bool {
        self.limit != 0 && self.lock().sent >= self.limit
    }

    /// Whether old blocks are still given away while some bytes wait to be sent: what is left must do for each new block
    /// of the day once (Core's `OutboundTargetReached(true)` turned round).
    pub fn serves_old_blocks(&self, waiting: u64, now: i64) -> bool {
        let intervals = self.time_left(now) / BLOCK_INTERVAL;
        let buffer = intervals.unsigned_abs().saturating_mul(BLOCK_SIZE);
        self.limit == 0 || self.lock().sent.saturating_add(waiting).saturating_add(buffer) < self.limit
    }

    /// How many bytes may still be sent; 0 without a limit.
    pub fn bytes_left(&self) -> u64 {
        self.limit.saturating_sub(self.lock().sent)
    }

    /// Until a new day may begin, in seconds; 0 without a limit.
    pub fn time_left(&self, now: i64) -> i64 {
        let start = self.lock().start;
        match self.limit {
            0 => 0,
            _ if start == 0 => TIMEFRAME,
            _ => start.saturating_add(TIMEFRAME).saturating_sub(now).max(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000;
    /// What new blocks of a whole day may take.
    const DAY_OF_BLOCKS: u64 = 144 * BLOCK_SIZE;

    #[test]
    fn without_a_limit_there_is_none() {
        let target = UploadTarget::new(0);
        target.sent(u64::MAX, NOW);
        target.sent(u64::MAX, NOW);
        assert!(!target.is_reached() && target.serves_old_blocks(0, NOW));
        assert_eq!((target.bytes_left(), target.time_left(NOW)), (0, 0));
    }

    #[test]
    fn old_blocks_leave_room_for_new_ones() {
        let target = UploadTarget::new(DAY_OF_BLOCKS + 1000);
        assert!(target.serves_old_blocks(0, NOW));
        target.sent(999, NOW);
        assert!(target.serves_old_blocks(0, NOW) && !target.serves_old_blocks(1, NOW));
        target.sent(1, NOW);
        assert!(!target.serves_old_blocks(0, NOW) && !target.is_reached());
        // An hour later there are six blocks less to come.
        assert!(target.serves_old_blocks(0, NOW + 3600));
        assert_eq!((target.bytes_left(), target.time_left(NOW + 3600)), (DAY_OF_BLOCKS, TIMEFRAME - 3600));
        target.sent(DAY_OF_BLOCKS, NOW + 3600);
        assert!(target.is_reached() && !target.serves_old_blocks(0, NOW + 3600));
        assert_eq!(target.bytes_left(), 0);
    }

    #[test]
    fn a_target_below_a_day_of_blocks_leaves_nothing_for_old_ones() {
        let target = UploadTarget::new(DAY_OF_BLOCKS);
        assert!(!target.serves_old_blocks(0, NOW) && !target.is_reached());
        assert_eq!(target.time_left(NOW), TIMEFRAME);
    }

    #[test]
    fn a_new_day_begins_with_the_first_bytes_after_the_last() {
        let target = UploadTarget::new(1000);
        target.sent(2000, NOW);
        target.sent(1, NOW + TIMEFRAME);
        assert!(target.is_reached());
        assert_eq!(target.time_left(NOW + TIMEFRAME + 5), 0);
        target.sent(10, NOW + TIMEFRAME + 1);
        assert_eq!((target.is_reached(), target.bytes_left()), (false, 990));
    }
}
