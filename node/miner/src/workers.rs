//! The threads that search, each on a core of its own.

use crate::Work;
use chaincore_consensus::Header;
use chaincore_consensus::pow::Target;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Nonces tried between two looks at the cancel flag: about ten milliseconds of one slow core.
const SLICE: u32 = 1 << 14;

/// Why the workers could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start {threads} mining threads: {source}")]
pub struct WorkersError {
    threads: usize,
    source: rayon::ThreadPoolBuildError,
}

/// A fixed set of mining threads, pinned round-robin to the cores this process may use (where the system
/// allows pinning). Dropping it ends them.
pub struct Workers {
    pool: rayon::ThreadPool,
}

/// How a search ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Search {
    /// The lowest nonce of the range that solves the header.
    Found(u32),
    /// No nonce of the range does.
    Exhausted,
    /// The caller asked to stop.
    Cancelled,
}

impl Workers {
    /// Starts `threads` threads; 0 means one per core.
    pub fn new(threads: usize) -> Result<Self, WorkersError> {
        let cores = core_affinity::get_core_ids().unwrap_or_default();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("miner-{index}"))
            .start_handler(move |index| {
                if let Some(core) = cores.get(index % cores.len().max(1)) {
                    core_affinity::set_for_current(*core);
                }
            })
            .build()
            .map_err(|source| WorkersError { threads, source })?;
        Ok(Self { pool })
    }

    /// How many threads search.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// Searches the whole nonce space of `header` for a hash that meets `target`.
    pub fn search(&self, header: &Header, target: Target, cancel: &AtomicBool, hashes: &AtomicU64) -> Search {
        self.search_range(&Work::new(header, target), 0..=u32::MAX, cancel, hashes)
    }

    /// Searches the nonces of `range`, blocking until the lowest that solves `work` is known, the range is
    /// exhausted or `cancel` becomes true. `hashes` grows by the number of nonces tried while the search runs.
    pub fn search_range(
        &self,
        work: &Work,
        range: RangeInclusive<u32>,
        cancel: &AtomicBool,
        hashes: &AtomicU64,
    ) -> Search {
        let (start, end) = (u64::from(*range.start()), u64::from(*range.end()));
        // Threads take slices in order, so once a nonce is found only lower slices still matter.
        let next = AtomicU64::new(start);
        let best = AtomicU64::new(u64::MAX);
        let stopped = AtomicBool::new(false);
        self.pool.broadcast(|_| {
            loop {
                if cancel.load(Ordering::Relaxed) {
                    stopped.store(true, Ordering::Relaxed);
                    return;
                }
                let from = next.fetch_add(SLICE.into(), Ordering::Relaxed);
                if from > end || from > best.load(Ordering::Relaxed) {
                    return;
                }
                let count = u32::try_from((end - from + 1).min(SLICE.into())).expect("at most a slice");
                let first = u32::try_from(from).expect("not past the range's end");
                match work.first_in(first, count) {
                    Some(nonce) => {
                        best.fetch_min(nonce.into(), Ordering::Relaxed);
                        hashes.fetch_add(u64::from(nonce - first) + 1, Ordering::Relaxed);
                        return;
                    }
                    None => {
                        hashes.fetch_add(count.into(), Ordering::Relaxed);
                    }
                }
            }
        });
        // `broadcast` joins its threads, so the loads below see everything they stored.
        if stopped.load(Ordering::Relaxed) {
            return Search::Cancelled;
        }
        u32::try_from(best.load(Ordering::Relaxed)).map_or(Search::Exhausted, Search::Found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::hash::{BlockHash, Hash256};

    fn header(seed: u8) -> Header {
        Header {
            version: 4,
            previous: BlockHash([seed; 32]),
            merkle_root: Hash256([seed; 32]),
            time: 1_700_000_000,
            bits: 0x1f0f_ffff,
            nonce: 0,
        }
    }

    /// A target with this many leading zero bits.
    fn target(zero_bits: usize) -> Target {
        let mut target = [0xff; 32];
        for bit in 0..zero_bits {
            target[bit / 8] >>= 1;
        }
        Target::from_be_bytes(target)
    }

    #[test]
    fn finds_the_lowest_nonce_whatever_the_number_of_threads() {
        let (cancel, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
        for threads in [1, 2, 5] {
            let workers = Workers::new(threads).unwrap();
            assert_eq!(workers.threads(), threads);
            for seed in 0..4 {
                let header = header(seed);
                let work = Work::new(&header, target(15));
                let expected = (0..).find(|nonce| work.solves(*nonce)).unwrap();
                let found = workers.search(&header, target(15), &cancel, &hashes);
                assert_eq!(found, Search::Found(expected));
                let solved = Header { nonce: expected, ..header };
                assert_eq!(solved.hash().0[31], 0);
                assert!(solved.hash().0[30] < 2);
            }
        }
    }

    #[test]
    fn tells_exhausted_from_cancelled_and_counts_what_it_tried() {
        let workers = Workers::new(2).unwrap();
        let work = Work::new(&header(9), Target::from_be_bytes([0; 32]));
        let (cancel, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
        assert_eq!(workers.search_range(&work, 5..=100_004, &cancel, &hashes), Search::Exhausted);
        assert_eq!(hashes.load(Ordering::Relaxed), 100_000);
        assert_eq!(workers.search_range(&work, u32::MAX - 9..=u32::MAX, &cancel, &hashes), Search::Exhausted);
        assert_eq!(hashes.load(Ordering::Relaxed), 100_010);
        cancel.store(true, Ordering::Relaxed);
        assert_eq!(
            workers.search(&header(9), Target::from_be_bytes([0; 32]), &cancel, &hashes),
            Search::Cancelled
        );
    }

    #[test]
    fn a_running_search_can_be_cancelled() {
        let workers = Workers::new(2).unwrap();
        let (cancel, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            let search =
                scope.spawn(|| workers.search(&header(1), Target::from_be_bytes([0; 32]), &cancel, &hashes));
            while hashes.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            cancel.store(true, Ordering::Relaxed);
            assert_eq!(search.join().unwrap(), Search::Cancelled);
        });
    }
}
