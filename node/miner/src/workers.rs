//! The threads that search, each on a core of its own.

use crate::job::{Job, Page, Solution};
use crate::meter::{CoreFigures, Meter};
use crate::{Hit, Kernel, Prepared};
use chaincore_consensus::Header;
use chaincore_consensus::pow::Target;
use core_affinity::CoreId;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Nonces tried between two looks at the cancel flag: a few milliseconds of one slow core.
const SLICE: u32 = 1 << 13;
/// Hits after which a kernel hands over what it has.
const MANY_HITS: usize = 64;

/// Why the workers could not be started.
#[derive(Debug, thiserror::Error)]
pub enum WorkersError {
    /// The system gives no threads.
    #[error("cannot start {threads} mining threads: {source}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// Why not.
        source: rayon::ThreadPoolBuildError,
    },
    /// The system gives no thread to lead them.
    #[error("cannot start the thread that leads the miners: {0}")]
    Leader(std::io::Error),
    /// There is no such kernel, or not on this processor.
    #[error("no kernel '{name}' here: this processor has {}", available.join(", "))]
    Kernel {
        /// What was asked for.
        name: String,
        /// What there is.
        available: Vec<&'static str>,
    },
}

/// How to search.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// How many threads; 0 for one per core.
    pub threads: usize,
    /// One thread on one core, whatever `threads` says.
    pub single_core: bool,
    /// Pins each thread to a core, in turn, where the system allows it.
    pub pin: bool,
    /// Gives way to everything else that wants the processor (nice 19; Unix only).
    pub low_priority: bool,
    /// The kernel by its name; the fastest if not given.
    pub kernel: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 0, single_core: false, pin: true, low_priority: false, kernel: None }
    }
}

/// A fixed set of mining threads, pinned round-robin to the cores this process may use (where the system
/// allows pinning). Dropping it ends them.
pub struct Workers {
    pool: rayon::ThreadPool,
    kernel: Kernel,
    cores: Vec<CoreId>,
    meters: Vec<Meter>,
}

/// How a search of one range of nonces ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Search {
    /// The lowest nonce of the range that solves the header.
    Found(u32),
    /// No nonce of the range does.
    Exhausted,
    /// The caller asked to stop.
    Cancelled,
}

/// How the search of a job ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// Every header has been tried.
    Exhausted,
    /// The job is stale, or whoever takes solutions has enough of them.
    Stopped,
}

impl Workers {
    /// Starts `threads` threads; 0 means one per core.
    pub fn new(threads: usize) -> Result<Self, WorkersError> {
        Self::start(&Options { threads, ..Options::default() })
    }

    /// Starts the threads.
    pub fn start(options: &Options) -> Result<Self, WorkersError> {
        let kernel = match &options.kernel {
            None => Kernel::fastest(),
            Some(name) => Kernel::named(name).ok_or_else(|| WorkersError::Kernel {
                name: name.clone(),
                available: Kernel::available().iter().map(Kernel::name).collect(),
            })?,
        };
        let cores = if options.pin { core_affinity::get_core_ids().unwrap_or_default() } else { Vec::new() };
        let threads = if options.single_core { 1 } else { options.threads };
        let low_priority = options.low_priority;
        let pins = cores.clone();
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("miner-{index}"))
            .start_handler(move |index| {
                if let Some(core) = pins.get(index % pins.len().max(1)) {
                    core_affinity::set_for_current(*core);
                }
                if low_priority {
                    give_way();
                }
            })
            .build()
            .map_err(|source| WorkersError::Threads { threads, source })?;
        let meters = (0..pool.current_num_threads()).map(|_| Meter::default()).collect();
        Ok(Self { pool, kernel, cores, meters })
    }

    /// How many threads search.
    pub fn threads(&self) -> usize {
        self.pool.current_num_threads()
    }

    /// What they search with.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Headers hashed since the start. It grows while a search runs.
    pub fn hashes(&self) -> u64 {
        self.meters.iter().map(Meter::hashes).sum()
    }

    /// What each thread has done since the start.
    pub fn figures(&self) -> Vec<CoreFigures> {
        let core = |index: usize| Some(self.cores.get(index % self.cores.len().max(1))?.id);
        self.meters.iter().enumerate().map(|(index, meter)| meter.figures(core(index))).collect()
    }

    /// Searches a job until every header is tried, `is_stale` says so, or `found` returns false.
    ///
    /// The calling thread waits. `is_stale` is asked by one of the threads, about every millisecond of
    /// hashing; `found` is called by any of them, in no order, and others may find more while it runs. A job
    /// that is searched again goes on where it was left.
    pub fn mine(
        &self,
        job: &Job,
        is_stale: &(dyn Fn() -> bool + Sync),
        found: &(dyn Fn(Solution) -> bool + Sync),
    ) -> Ended {
        let over = AtomicBool::new(false);
        self.pool.broadcast(|context| {
            let mut page = None;
            let mut turn = self.meters[context.index()].begin();
            while !over.load(Ordering::Relaxed) {
                if context.index() == 0 && is_stale() {
                    over.store(true, Ordering::Relaxed);
                    return;
                }
                let Some(unit) = job.take() else { return };
                let page = job.turn_to(&mut page, &unit);
                let go_on = self.search_page(page, unit.start, unit.count, &over, found);
                turn.count(u64::from(unit.count) * u64::from(page.prepared.versions()));
                if !go_on {
                    over.store(true, Ordering::Relaxed);
                    return;
                }
            }
        });
        // `broadcast` joins its threads, so the load sees everything they stored.
        if over.load(Ordering::Relaxed) { Ended::Stopped } else { Ended::Exhausted }
    }

    /// The first solution that any thread finds, or why there is none.
    pub fn first(&self, job: &Job, is_stale: &(dyn Fn() -> bool + Sync)) -> Result<Solution, Ended> {
        let solution = std::sync::OnceLock::new();
        let ended = self.mine(job, is_stale, &|found| {
            // A second one, found at the same time, is as good and not needed.
            let _ = solution.set(found);
            false
        });
        solution.into_inner().ok_or(ended)
    }

    /// Whether to go on after these nonces.
    fn search_page(
        &self,
        page: &Page,
        start: u32,
        count: u32,
        over: &AtomicBool,
        found: &(dyn Fn(Solution) -> bool + Sync),
    ) -> bool {
        let mut hits = Vec::new();
        let mut done = 0;
        while done < count && !over.load(Ordering::Relaxed) {
            hits.clear();
            done += self.kernel.scan(&page.prepared, start + done, count - done, MANY_HITS, &mut hits);
            if !hits.iter().all(|hit| found(page.solution(*hit))) {
                return false;
            }
        }
        true
    }

    /// Searches the whole nonce space of `header` for a hash that meets `target`.
    pub fn search(&self, header: &Header, target: Target, cancel: &AtomicBool, hashes: &AtomicU64) -> Search {
        self.search_range(&Prepared::new(header, target), 0..=u32::MAX, cancel, hashes)
    }

    /// Searches the nonces of `range`, blocking until the lowest that solves `work` (in its first version) is
    /// known, the range is exhausted or `cancel` becomes true. The answer does not depend on the number of
    /// threads, so it can be repeated. `hashes` grows by the number of nonces tried while the search runs.
    pub fn search_range(
        &self,
        work: &Prepared,
        range: RangeInclusive<u32>,
        cancel: &AtomicBool,
        hashes: &AtomicU64,
    ) -> Search {
        let (start, end) = (u64::from(*range.start()), u64::from(*range.end()));
        // Threads take slices in order, so once a nonce is found only lower slices still matter.
        let next = AtomicU64::new(start);
        let best = AtomicU64::new(u64::MAX);
        let stopped = AtomicBool::new(false);
        self.pool.broadcast(|context| {
            let mut turn = self.meters[context.index()].begin();
            let mut hits: Vec<Hit> = Vec::new();
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
                let tried = self.kernel.scan(work, first, count, 1, &mut hits).into();
                turn.count(tried);
                hashes.fetch_add(tried, Ordering::Relaxed);
                if let Some(nonce) = hits.iter().filter(|hit| hit.version == 0).map(|hit| hit.nonce).min() {
                    best.fetch_min(nonce.into(), Ordering::Relaxed);
                    return;
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

/// Lowers the calling thread's priority as far as it goes.
#[cfg(unix)]
fn give_way() {
    // On Linux this is the thread's own; being nicer is always allowed.
    let _ = rustix::process::nice(19);
}

#[cfg(not(unix))]
fn give_way() {}
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
                let work = Prepared::new(&header, target(15));
                let expected = (0..).find(|nonce| work.solves(Hit { version: 0, nonce: *nonce })).unwrap();
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
        let work = Prepared::new(&header(9), Target::from_be_bytes([0; 32]));
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

    #[test]
    fn a_job_is_searched_to_its_end_and_no_header_twice() {
        let workers = Workers::new(3).unwrap();
        let solutions = std::sync::Mutex::new(Vec::new());
        // One time of two has 2^32 nonces, so the search is stopped, and goes on where it was.
        let job = Job::new(header(3), target(10));
        let stop_after = |most: usize| {
            let mut before = solutions.lock().unwrap().len();
            before += most;
            let found = |solution| {
                let mut solutions = solutions.lock().unwrap();
                solutions.push(solution);
                solutions.len() < before
            };
            workers.mine(&job, &|| false, &found)
        };
        assert_eq!(stop_after(50), Ended::Stopped);
        assert_eq!(stop_after(50), Ended::Stopped);
        let mut nonces: Vec<u32> =
            solutions.lock().unwrap().iter().map(|solution: &Solution| solution.header.nonce).collect();
        assert!(nonces.len() >= 100);
        nonces.sort_unstable();
        let all = nonces.len();
        nonces.dedup();
        assert_eq!(nonces.len(), all);
        for solution in solutions.lock().unwrap().iter() {
            assert!(target(10).is_met_by(&solution.header.hash()));
            assert_eq!(solution.header, Header { nonce: solution.header.nonce, ..header(3) });
        }
        let figures = workers.figures();
        assert_eq!(figures.len(), 3);
        assert_eq!(figures.iter().map(|core| core.hashes).sum::<u64>(), workers.hashes());
        assert!(workers.hashes() > 100);
    }

    #[test]
    fn the_first_solution_ends_a_search_and_a_stale_job_is_left() {
        let workers =
            Workers::start(&Options { single_core: true, threads: 9, ..Options::default() }).unwrap();
        assert_eq!(workers.threads(), 1);
        let job = Job::new(header(5), target(12)).rolling_version(crate::BIP320_MASK);
        let solution = workers.first(&job, &|| false).unwrap();
        assert!(target(12).is_met_by(&solution.header.hash()));
        let looks = AtomicU64::new(0);
        let is_stale = || looks.fetch_add(1, Ordering::Relaxed) >= 3;
        let never = Job::new(header(5), Target::from_be_bytes([0; 32]));
        let before = workers.hashes();
        assert_eq!(workers.first(&never, &is_stale), Err(Ended::Stopped));
        assert_eq!(looks.load(Ordering::Relaxed), 4);
        assert_eq!(workers.hashes() - before, 3 << 13, "a unit between two looks");
    }

    #[test]
    fn a_kernel_can_be_chosen_by_its_name() {
        for kernel in Kernel::available() {
            let options = Options { threads: 1, kernel: Some(kernel.name().into()), ..Options::default() };
            let workers = Workers::start(&options).unwrap();
            assert_eq!(workers.kernel().name(), kernel.name());
            assert!(workers.first(&Job::new(header(6), target(8)), &|| false).is_ok());
        }
        let options = Options { kernel: Some("abacus".into()), ..Options::default() };
        let error = Workers::start(&options).err().unwrap().to_string();
        assert!(
            error.starts_with("no kernel 'abacus' here: this processor has ") && error.ends_with("portable")
        );
    }
}
