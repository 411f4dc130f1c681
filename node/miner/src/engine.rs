//! Workers that always search the newest job.

use crate::job::{Job, Solution};
use crate::meter::CoreFigures;
use crate::workers::{Ended, Options, Workers, WorkersError};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// Events that wait for the receiver. More than these, and the search waits for it too.
const EVENTS: usize = 1024;
/// How long a thread waits for room between two looks at whether its job still counts.
const FULL: Duration = Duration::from_millis(1);

/// What a job has come to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event {
    /// A header that solves it. There may be more.
    Found {
        /// The job, by the number that [`Engine::search`] gave it.
        job: u64,
        /// The solution.
        solution: Solution,
    },
    /// All its headers have been tried: the engine is idle until it gets another job.
    Exhausted {
        /// The job, by its number.
        job: u64,
    },
}

/// What a graphics card has done since the start.
#[derive(Clone, PartialEq, Debug)]
pub struct CardFigures {
    /// The card's name.
    pub name: String,
    /// Headers hashed.
    pub hashes: u64,
    /// Why it does not search any more, if it has failed.
    pub failure: Option<String>,
}

/// A card beside the threads.
#[cfg(feature = "gpu")]
struct Card {
    gpu: crate::Gpu,
    name: String,
    hashes: AtomicU64,
    failure: std::sync::OnceLock<String>,
}

/// The job in hand and its number. The number alone is also in `Shared::newest`, where the threads look for
/// it.
struct Current {
    number: u64,
    job: Option<Arc<Job>>,
    is_over: bool,
}

struct Shared {
    /// The number of the newest job: a search of any other is stale.
    newest: AtomicU64,
    current: Mutex<Current>,
    changed: Condvar,
    workers: Workers,
    #[cfg(feature = "gpu")]
    cards: Vec<Card>,
}

impl Shared {
    /// Searches a job with everything there is.
    #[cfg(not(feature = "gpu"))]
    fn mine(
        &self,
        job: &Job,
        is_stale: &(dyn Fn() -> bool + Sync),
        found: &(dyn Fn(Solution) -> bool + Sync),
    ) -> Ended {
        self.workers.mine(job, is_stale, found)
    }

    /// Searches a job with everything there is: cards and threads take from one counter.
    #[cfg(feature = "gpu")]
    fn mine(
        &self,
        job: &Job,
        is_stale: &(dyn Fn() -> bool + Sync),
        found: &(dyn Fn(Solution) -> bool + Sync),
    ) -> Ended {
        std::thread::scope(|scope| {
            for card in self.cards.iter().filter(|card| card.failure.get().is_none()) {
                scope.spawn(move || {
                    let hashed = |count| {
                        card.hashes.fetch_add(count, Ordering::Relaxed);
                    };
                    if let Err(error) = card.gpu.mine(job, is_stale, found, &hashed) {
                        // What it had taken is lost, which is little of a job; the others go on.
                        let _ = card.failure.set(error.to_string());
                    }
                });
            }
            self.workers.mine(job, is_stale, found)
        })
    }

    fn new(workers: Workers) -> Self {
        Self {
            newest: AtomicU64::new(0),
            current: Mutex::new(Current { number: 0, job: None, is_over: false }),
            changed: Condvar::new(),
            workers,
            #[cfg(feature = "gpu")]
            cards: Vec::new(),
        }
    }

    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().expect("no one panics while holding the current job")
    }

    /// Makes `job` the newest.
    fn set(&self, job: Option<Arc<Job>>, is_over: bool) -> u64 {
        let mut current = self.current();
        current.number += 1;
        current.job = job;
        current.is_over |= is_over;
        self.newest.store(current.number, Ordering::Relaxed);
        self.changed.notify_one();
        current.number
    }

    fn run(&self, events: &SyncSender<Event>) {
        loop {
            let (number, job) = {
                let mut current = self.current();
                loop {
                    if current.is_over {
                        return;
                    }
                    if let Some(job) = current.job.take() {
                        break (current.number, job);
                    }
                    current =
                        self.changed.wait(current).expect("no one panics while holding the current job");
                }
            };
            let is_stale = || self.newest.load(Ordering::Relaxed) != number;
            let send = |event| {
                let mut event = event;
                while let Err(error) = events.try_send(event) {
                    match error {
                        TrySendError::Full(back) if !is_stale() => event = back,
                        // Too late for it, or no one listens.
                        TrySendError::Full(_) | TrySendError::Disconnected(_) => return false,
                    }
                    std::thread::sleep(FULL);
                }
                true
            };
            let found = |solution| send(Event::Found { job: number, solution });
            if self.mine(&job, &is_stale, &found) == Ended::Exhausted {
                send(Event::Exhausted { job: number });
            }
        }
    }
}

/// Workers that search the newest job until it is solved, exhausted or replaced: a replaced one is abandoned
/// within about a millisecond. Dropping the engine ends its threads.
pub struct Engine {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Engine {
    /// Starts the threads, which wait for a job. Events come by the receiver, which must be read: once it is
    /// full, or dropped, the search stands still.
    pub fn start(options: &Options) -> Result<(Self, Receiver<Event>), WorkersError> {
        Self::run(Shared::new(Workers::start(options)?))
    }

    /// The same with cards beside the threads.
    #[cfg(feature = "gpu")]
    pub fn start_with_cards(
        options: &Options,
        cards: Vec<crate::Gpu>,
    ) -> Result<(Self, Receiver<Event>), WorkersError> {
        let card = |gpu: crate::Gpu| Card {
            name: gpu.name().unwrap_or_else(|_| "a card without a name".into()),
            gpu,
            hashes: AtomicU64::new(0),
            failure: std::sync::OnceLock::new(),
        };
        let cards = cards.into_iter().map(card).collect();
        Self::run(Shared { cards, ..Shared::new(Workers::start(options)?) })
    }

    fn run(shared: Shared) -> Result<(Self, Receiver<Event>), WorkersError> {
        let shared = Arc::new(shared);
        let (sender, receiver) = sync_channel(EVENTS);
        let thread = {
            let shared = shared.clone();
            std::thread::Builder::new()
                .name("miner".into())
                .spawn(move || shared.run(&sender))
                .map_err(WorkersError::Leader)?
        };
        Ok((Self { shared, thread: Some(thread) }, receiver))
    }

    /// Searches `job` from now on and abandons what was searched before. Returns the job's number.
    pub fn search(&self, job: Arc<Job>) -> u64 {
        self.shared.set(Some(job), false)
    }

    /// Abandons the job in hand.
    pub fn rest(&self) {
        self.shared.set(None, false);
    }

    /// The threads, for their figures.
    pub fn workers(&self) -> &Workers {
        &self.shared.workers
    }

    /// What each card beside the threads has done since the start.
    #[cfg(feature = "gpu")]
    pub fn cards(&self) -> Vec<CardFigures> {
        let figures = |card: &Card| CardFigures {
            name: card.name.clone(),
            hashes: card.hashes.load(Ordering::Relaxed),
            failure: card.failure.get().cloned(),
        };
        self.shared.cards.iter().map(figures).collect()
    }

    /// What each card beside the threads has done since the start: there are none without the feature `gpu`.
    #[cfg(not(feature = "gpu"))]
    pub fn cards(&self) -> Vec<CardFigures> {
        Vec::new()
    }

    /// What each thread has done since the start.
    pub fn figures(&self) -> Vec<CoreFigures> {
        self.shared.workers.figures()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shared.set(None, true);
        if let Some(thread) = self.thread.take() {
            // It fails only if a callback of a job did, and then there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::hash::{BlockHash, Hash256};
    use chaincore_consensus::{Header, pow::Target};

    const PATIENCE: Duration = Duration::from_secs(60);

    fn header(seed: u8) -> Header {
        Header {
            version: 0x2000_0000,
            previous: BlockHash([seed; 32]),
            merkle_root: Hash256([seed; 32]),
            time: 1_700_000_000,
            bits: 0x1f0f_ffff,
            nonce: 0,
        }
    }

    fn target(zero_bytes: usize) -> Target {
        let mut target = [0xff; 32];
        target[..zero_bytes].fill(0);
        Target::from_be_bytes(target)
    }

    fn start() -> (Engine, Receiver<Event>) {
        Engine::start(&Options { threads: 2, low_priority: true, ..Options::default() }).unwrap()
    }

    #[test]
    fn solutions_belong_to_their_job_and_a_new_job_replaces_the_old() {
        let (engine, events) = start();
        for seed in 0..3 {
            let target = target(2);
            let job = Job::new(header(seed), target)
                .rolling_version(crate::BIP320_MASK)
                .rolling_extranonce(0..1000, move |extranonce| Hash256([extranonce as u8; 32]));
            let number = engine.search(Arc::new(job));
            let mut seen = 0;
            while seen < 3 {
                let Event::Found { job, solution } = events.recv_timeout(PATIENCE).unwrap() else { continue };
                assert!(job <= number);
                if job < number {
                    continue;
                }
                assert_eq!(solution.header.previous, header(seed).previous);
                assert_eq!(solution.header.merkle_root, Hash256([solution.extranonce as u8; 32]));
                assert!(target.is_met_by(&solution.header.hash()));
                seen += 1;
            }
        }
        assert!(engine.workers().hashes() > 0);
    }

    #[test]
    fn an_engine_at_rest_or_out_of_work_takes_the_next_job() {
        let (engine, events) = start();
        // Nothing solves it, and it ends only because it is abandoned.
        engine.search(Arc::new(Job::new(header(1), target(32)).rolling_version(u32::MAX)));
        while engine.workers().hashes() == 0 {
            std::thread::yield_now();
        }
        engine.rest();
        let none = Job::new(header(2), target(0)).rolling_extranonce(7..7, |_| Hash256::ZERO);
        let number = engine.search(Arc::new(none));
        assert_eq!(events.recv_timeout(PATIENCE), Ok(Event::Exhausted { job: number }));
        let number = engine.search(Arc::new(Job::new(header(3), target(1))));
        let Ok(Event::Found { job, .. }) = events.recv_timeout(PATIENCE) else { panic!("it is easy") };
        assert_eq!(job, number);
    }

    #[test]
    fn an_engine_that_nobody_listens_to_can_be_dropped() {
        let (engine, events) = start();
        // Every hash solves it: the queue is full at once.
        let number = engine.search(Arc::new(Job::new(header(4), target(0)).rolling_version(u32::MAX)));
        let Event::Found { job, .. } = events.recv_timeout(PATIENCE).unwrap() else { panic!("all do") };
        assert_eq!(job, number);
        drop(engine);
        assert!(events.iter().count() <= EVENTS);
        let (engine, events) = start();
        drop(events);
        engine.search(Arc::new(Job::new(header(5), target(0))));
        drop(engine);
    }
}
