//! Mining in the node itself (`--mine ADDRESS`), as the plugin `miner`.
//!
//! One thread asks for a template, lets the [`Workers`] search it in short turns, and hands in what they find;
//! between two turns it looks whether there is a new tip, or new transactions worth a new template. It does not
//! mine while the chain is loading or taking in block files.
//!
//! # Pace
//! A young chain's blocks take a millisecond each, so the miner holds itself back: it starts no search sooner
//! than [`MiningOptions::least_interval`] after the last block, whoever found that one. On chains that retarget,
//! a quarter of a second lets the difficulty find its level within two minutes (see the table in
//! `chaincore_consensus::params`) without a flood; on chains whose difficulty never moves, the interval itself
//! is the pace.

mod plugin;

pub use plugin::MinerPlugin;

use crate::chain::{ChainError, ChainHandle, Origin, Outcome, Phase};
use crate::template::{self, BlockTemplate, TemplateOptions, TemplateSource};
use chaincore_consensus::BlockHash;
use chaincore_consensus::params::{ChainParams, Retarget};
use chaincore_consensus::{Block, Script};
use chaincore_miner::{Search, Work, Workers, WorkersError};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long one turn of searching should take: a new tip is noticed that late at most.
const TURN: Duration = Duration::from_millis(100);
/// The nonces of the first turn, before the speed is known.
const FIRST_TURN: u64 = 1 << 16;
/// The age at which a template is replaced if the pool has changed, and the age at which it is in any case.
const STALE_TRANSACTIONS: Duration = Duration::from_secs(5);
const STALE: Duration = Duration::from_secs(30);
/// How long to wait when the chain is busy or refused a block.
const RETRY: Duration = Duration::from_millis(500);
/// Blocks come at least this fast on chains without retargeting.
const SLOWEST_PACE: Duration = Duration::from_secs(10);

/// How to mine.
#[derive(Clone, Debug)]
pub struct MiningOptions {
    /// Who gets the reward.
    pub script: Script,
    /// Threads that search; 0 for one per core.
    pub threads: usize,
    /// The least time between the last block and the next search.
    pub least_interval: Duration,
}

impl MiningOptions {
    /// One thread per core, at the chain's pace.
    pub fn paying_to(script: Script, params: &ChainParams) -> Self {
        let least_interval = match params.retarget {
            Retarget::NoRetarget | Retarget::Fixed(_) => {
                SLOWEST_PACE.min(Duration::from_secs(params.target_spacing.into()))
            }
            _ => Duration::from_millis(250),
        };
        Self { script, threads: 0, least_interval }
    }
}

/// Why mining could not start.
#[derive(Debug, thiserror::Error)]
pub enum MiningError {
    /// The searching threads could not be started.
    #[error(transparent)]
    Workers(#[from] WorkersError),
    /// The thread that leads them could not be started.
    #[error("cannot start the mining thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// What a miner has done since it started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct MiningStats {
    /// Headers hashed.
    pub hashes: u64,
    /// Blocks found that became the tip.
    pub blocks: u64,
    /// Blocks found that did not.
    pub lost: u64,
}

#[derive(Default)]
struct Counters {
    hashes: AtomicU64,
    blocks: AtomicU64,
    lost: AtomicU64,
    stop: AtomicBool,
}

/// A running miner. Dropping it stops it.
pub struct Miner {
    counters: Arc<Counters>,
    threads: usize,
    thread: Option<JoinHandle<()>>,
}

impl Miner {
    /// Starts mining on the chain's tip.
    pub fn start(chain: ChainHandle, options: MiningOptions) -> Result<Self, MiningError> {
        let workers = Workers::new(options.threads)?;
        let counters = Arc::new(Counters::default());
        let threads = workers.threads();
        let rounds = Rounds {
            templates: TemplateSource::new(chain.clone()),
            chain,
            workers,
            counters: counters.clone(),
            // Two miners that pay to one script must not try the same headers.
            tag: RandomState::new().hash_one("miner"),
            options,
        };
        let thread = std::thread::Builder::new().name("mining".into()).spawn(move || rounds.run())?;
        Ok(Self { counters, threads, thread: Some(thread) })
    }

    /// What it has done so far.
    pub fn stats(&self) -> MiningStats {
        MiningStats {
            hashes: self.counters.hashes.load(Ordering::Relaxed),
            blocks: self.counters.blocks.load(Ordering::Relaxed),
            lost: self.counters.lost.load(Ordering::Relaxed),
        }
    }

    /// The threads that search.
    pub fn threads(&self) -> usize {
        self.threads
    }

    /// Whether it does not mine any more although it was not stopped: the chain has.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Stops it and waits until it has stopped. Not for async code: it may take a turn of searching.
    pub fn stop(&mut self) {
        self.counters.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!(target: "miner", "the mining thread has failed");
            }
        }
    }
}

impl Drop for Miner {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Holds the miner back after each block.
#[derive(Debug)]
struct Pace {
    least_interval: Duration,
    tip: BlockHash,
    since: Option<Instant>,
}

impl Pace {
    /// How long to wait before the next search on `tip`. The first tip seen counts as old.
    fn wait(&mut self, tip: BlockHash, now: Instant) -> Duration {
        if tip != self.tip {
            self.since = (self.tip != BlockHash::ZERO).then_some(now);
            self.tip = tip;
        }
        self.since.map_or(Duration::ZERO, |since| self.least_interval.saturating_sub(now - since))
    }
}

/// How a template ended.
enum Round {
    Solved(Block),
    /// There is something better to work on, or the miner was stopped.
    Over,
}

struct Rounds {
    chain: ChainHandle,
    templates: TemplateSource,
    workers: Workers,
    counters: Arc<Counters>,
    tag: u64,
    options: MiningOptions,
}

impl Rounds {
    fn run(self) {
        let mut pace =
            Pace { least_interval: self.options.least_interval, tip: BlockHash::ZERO, since: None };
        tracing::info!(target: "miner", threads = self.workers.threads(), "mining");
        while !self.is_stopped() {
            if self.chain.status().phase() != Phase::Ready {
                self.pause(RETRY);
                continue;
            }
            let wait = pace.wait(self.tip(), Instant::now());
            if !wait.is_zero() {
                self.pause(wait);
                continue;
            }
            let options = TemplateOptions::paying_to(self.options.script.clone());
            let round = self.templates.build_blocking(options, true).and_then(|template| {
                match self.solve(template) {
                    Round::Solved(block) => self.hand_in(block),
                    Round::Over => Ok(()),
                }
            });
            if let Err(error) = round {
                tracing::info!(target: "miner", %error, "mining ends");
                return;
            }
        }
    }

    fn is_stopped(&self) -> bool {
        self.counters.stop.load(Ordering::Relaxed)
    }

    fn tip(&self) -> BlockHash {
        self.chain.tip_state().borrow().applied.hash
    }

    /// Waits, or less if the miner is stopped.
    fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            if self.is_stopped() {
                return;
            }
            std::thread::park_timeout(left);
        }
    }

    fn solve(&self, template: BlockTemplate) -> Round {
        let target = template.target();
        let made = Instant::now();
        let mut turn = FIRST_TURN;
        let mut block = template.block.clone();
        for extra in 0u64.. {
            let tag = [self.tag.to_le_bytes(), extra.to_le_bytes()].concat();
            template::set_extra_nonce(&mut block, template.height, &tag);
            let work = Work::new(&block.header, target);
            let mut next = 0;
            while next <= u64::from(u32::MAX) {
                let last = (next + turn - 1).min(u32::MAX.into());
                let range = next as u32..=last as u32;
                let begun = Instant::now();
                match self.workers.search_range(&work, range, &self.counters.stop, &self.counters.hashes) {
                    Search::Found(nonce) => {
                        block.header.nonce = nonce;
                        return Round::Solved(block);
                    }
                    Search::Cancelled => return Round::Over,
                    Search::Exhausted => {}
                }
                if self.is_outdated(&template, made.elapsed()) {
                    return Round::Over;
                }
                turn = next_turn(turn, begun.elapsed());
                next = last + 1;
            }
        }
        Round::Over
    }

    fn is_outdated(&self, template: &BlockTemplate, age: Duration) -> bool {
        if self.tip() != template.block.header.previous || age >= STALE {
            return true;
        }
        let transactions_updated = || {
            let mempool = self.chain.mempool().read().expect("no one panics while holding the mempool");
            mempool.transactions_updated()
        };
        age >= STALE_TRANSACTIONS && transactions_updated() != template.transactions_updated
    }

    fn hand_in(&self, block: Block) -> Result<(), ChainError> {
        let (hash, transactions) = (block.hash(), block.transactions.len());
        let outcome = self.chain.submit_block_blocking(Arc::new(block), Origin::Mined)?;
        if let Outcome::Best { .. } = outcome {
            self.counters.blocks.fetch_add(1, Ordering::Relaxed);
            tracing::info!(target: "miner", %hash, transactions, "block mined");
            return Ok(());
        }
        self.counters.lost.fetch_add(1, Ordering::Relaxed);
        match outcome.reject_reason() {
            None => tracing::info!(target: "miner", %hash, "block mined, but another came first"),
            Some(reason) => {
                tracing::error!(target: "miner", %hash, %reason, "the chain refused a block of its own miner");
                self.pause(RETRY);
            }
        }
        Ok(())
    }
}

/// The nonces of the next turn, given how long the last one took.
fn next_turn(turn: u64, took: Duration) -> u64 {
    let ratio = TURN.as_secs_f64() / took.as_secs_f64().max(1e-6);
    ((turn as f64 * ratio.clamp(0.25, 4.0)) as u64).clamp(1 << 12, 1 << 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pace_counts_from_every_new_tip_but_the_first() {
        let interval = Duration::from_millis(250);
        let mut pace = Pace { least_interval: interval, tip: BlockHash::ZERO, since: None };
        let start = Instant::now();
        let tip = |n| BlockHash([n; 32]);
        assert_eq!(pace.wait(tip(1), start), Duration::ZERO);
        assert_eq!(pace.wait(tip(2), start), interval);
        assert_eq!(pace.wait(tip(2), start + Duration::from_millis(100)), Duration::from_millis(150));
        assert_eq!(pace.wait(tip(2), start + interval), Duration::ZERO);
        assert_eq!(pace.wait(tip(3), start + Duration::from_secs(60)), interval);
    }

    #[test]
    fn turns_approach_their_length_and_stay_bounded() {
        let mut turn = FIRST_TURN;
        for _ in 0..20 {
            // A miner of one million hashes per second.
            turn = next_turn(turn, Duration::from_secs_f64(turn as f64 / 1e6));
        }
        assert!((90_000..=110_000).contains(&turn), "{turn}");
        assert_eq!(next_turn(1 << 12, Duration::from_secs(9)), 1 << 12);
        assert_eq!(next_turn(1 << 32, Duration::ZERO), 1 << 32);
    }

    #[test]
    fn chains_that_never_retarget_are_paced_by_the_interval() {
        let interval = |params: &ChainParams| MiningOptions::paying_to(Script::new(), params).least_interval;
        assert_eq!(interval(&ChainParams::chaincore()), Duration::from_millis(250));
        assert_eq!(interval(&ChainParams::regtest()), SLOWEST_PACE);
        let quick = ChainParams { target_spacing: 2, ..ChainParams::regtest() };
        assert_eq!(interval(&quick), Duration::from_secs(2));
    }
}
