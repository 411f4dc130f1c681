//! Mining in the node itself (`--mine ADDRESS`), as the plugin `miner`.
//!
//! One thread asks for a template, lets the [`Workers`] search it, and hands in what they find. While they
//! search they look, about every millisecond, whether there is a new tip, or new transactions worth a new
//! template. It does not mine while the chain is loading or taking in block files.
//!
//! # Pace
//! A young chain's blocks take a millisecond each, so the miner holds itself back: it starts no search sooner
//! than [`MiningOptions::least_interval`] after the last block, whoever found that one. On chains that
//! retarget, a quarter of a second lets the difficulty find its level within two minutes (see the table in
//! `chaincore_consensus::params`) without a flood; on chains whose difficulty never moves, the interval
//! itself is the pace.

mod plugin;

pub use plugin::MinerPlugin;

use crate::chain::{ChainError, ChainHandle, Origin, Outcome, Phase};
use crate::mining_server::{Refused, payee_of};
use crate::template::{self, BlockTemplate, TemplateError, TemplateOptions, TemplateSource};
use chaincore_consensus::BlockHash;
use chaincore_consensus::params::{ChainParams, Retarget};
use chaincore_consensus::{Block, Script};
use chaincore_miner::{BIP320_MASK, Job, Options, Workers, WorkersError};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The age at which a template is replaced if the pool has changed, and the age at which it is in any case.
const STALE_TRANSACTIONS: Duration = Duration::from_secs(5);
const STALE: Duration = Duration::from_secs(30);
/// The time between two looks at the mempool, whose lock others want too.
const MEMPOOL_LOOK: Duration = Duration::from_millis(100);
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
    /// Bits of the version that may have any value: those of BIP320 that the chain does not vote with.
    pub version_mask: u32,
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
        let votes = params.version_bits.iter().fold(0, |bits, deployment| bits | 1 << deployment.bit);
        Self { script, threads: 0, version_mask: BIP320_MASK & !votes, least_interval }
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
    blocks: AtomicU64,
    lost: AtomicU64,
    stop: AtomicBool,
}

/// A running miner. Dropping it stops it.
pub struct Miner {
    counters: Arc<Counters>,
    workers: Arc<Workers>,
    thread: Option<JoinHandle<()>>,
}

impl Miner {
    /// Starts mining on the chain's tip.
    pub fn start(chain: ChainHandle, options: MiningOptions) -> Result<Self, MiningError> {
        let threads = Options { threads: options.threads, ..Options::default() };
        let workers = Arc::new(Workers::start(&threads)?);
        let counters = Arc::new(Counters::default());
        let rounds = Rounds {
            templates: TemplateSource::new(chain.clone()),
            chain,
            workers: workers.clone(),
            counters: counters.clone(),
            // Two miners that pay to one script must not try the same headers.
            tag: RandomState::new().hash_one("miner"),
            options,
        };
        let thread = std::thread::Builder::new().name("mining".into()).spawn(move || rounds.run())?;
        Ok(Self { counters, workers, thread: Some(thread) })
    }

    /// What it has done so far.
    pub fn stats(&self) -> MiningStats {
        MiningStats {
            hashes: self.workers.hashes(),
            blocks: self.counters.blocks.load(Ordering::Relaxed),
            lost: self.counters.lost.load(Ordering::Relaxed),
        }
    }

    /// The threads that search.
    pub fn threads(&self) -> usize {
        self.workers.threads()
    }

    /// Whether it does not mine any more although it was not stopped: the chain has.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Stops it and waits until it has stopped. Not for async code: a block that was found is handed in
    /// first.
    pub fn stop(&mut self) {
        self.counters.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!(target: "mining", "the mining thread has failed");
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

/// Looks whether a template is still worth searching.
struct Watch<'a> {
    chain: &'a ChainHandle,
    previous: BlockHash,
    transactions_updated: u64,
    made: Instant,
    /// The age, in milliseconds, at which to look at the mempool again.
    next_look: AtomicU64,
}

impl<'a> Watch<'a> {
    fn new(chain: &'a ChainHandle, template: &BlockTemplate, made: Instant) -> Self {
        Self {
            chain,
            previous: template.block.header.previous,
            transactions_updated: template.transactions_updated,
            made,
            next_look: AtomicU64::new(STALE_TRANSACTIONS.as_millis() as u64),
        }
    }

    fn is_outdated(&self) -> bool {
        let age = self.made.elapsed();
        if self.chain.tip_state().borrow().applied.hash != self.previous || age >= STALE {
            return true;
        }
        let age = age.as_millis() as u64;
        if age < self.next_look.load(Ordering::Relaxed) {
            return false;
        }
        self.next_look.store(age + MEMPOOL_LOOK.as_millis() as u64, Ordering::Relaxed);
        let mempool = self.chain.mempool().read().expect("no one panics while holding the mempool");
        mempool.transactions_updated() != self.transactions_updated
    }
}

struct Rounds {
    chain: ChainHandle,
    templates: TemplateSource,
    workers: Arc<Workers>,
    counters: Arc<Counters>,
    tag: u64,
    options: MiningOptions,
}

impl Rounds {
    fn run(self) {
        let mut pace =
            Pace { least_interval: self.options.least_interval, tip: BlockHash::ZERO, since: None };
        let (threads, kernel) = (self.workers.threads(), self.workers.kernel().name());
        tracing::info!(target: "mining", threads, kernel, "mining");
        let mut refused = Refused::default();
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
            let template = match self.templates.build_blocking(options, true) {
                Ok(template) => template,
                Err(error @ TemplateError::Invalid(_)) => {
                    refused.log(&error);
                    self.pause(RETRY);
                    continue;
                }
                Err(TemplateError::Chain(error)) => {
                    tracing::info!(target: "mining", %error, "mining ends");
                    return;
                }
            };
            refused = Refused::default();
            let round = match self.solve(template) {
                Round::Solved(block) => self.hand_in(block),
                Round::Over => Ok(()),
            };
            if let Err(error) = round {
                tracing::info!(target: "mining", %error, "mining ends");
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
        let (made, tag, height) = (Instant::now(), self.tag, template.height);
        let with_extranonce = move |block: &mut Block, extranonce: u64| {
            template::set_extra_nonce(block, height, &[tag.to_le_bytes(), extranonce.to_le_bytes()].concat());
        };
        let block = template.block.clone();
        let merkle_root = move |extranonce| {
            let mut block = block.clone();
            with_extranonce(&mut block, extranonce);
            block.header.merkle_root
        };
        let job = Job::new(template.block.header, template.target())
            .rolling_version(self.options.version_mask)
            .rolling_extranonce(0..u64::MAX, merkle_root);
        let watch = Watch::new(&self.chain, &template, made);
        let is_stale = || self.counters.stop.load(Ordering::Relaxed) || watch.is_outdated();
        let Ok(solution) = self.workers.first(&job, &is_stale) else { return Round::Over };
        let mut block = template.block;
        with_extranonce(&mut block, solution.extranonce);
        block.header = solution.header;
        Round::Solved(block)
    }

    fn hand_in(&self, block: Block) -> Result<(), ChainError> {
        let (hash, transactions) = (block.hash(), block.transactions.len());
        let address = payee_of(&block, self.chain.params());
        let outcome = self.chain.submit_block_blocking(Arc::new(block), Origin::Mined)?;
        if let Outcome::Best { .. } = outcome {
            self.counters.blocks.fetch_add(1, Ordering::Relaxed);
            tracing::info!(target: "mining", %hash, worker = "this node", %address, transactions, "block mined");
            return Ok(());
        }
        self.counters.lost.fetch_add(1, Ordering::Relaxed);
        match outcome.reject_reason() {
            None => {
                tracing::info!(target: "mining", %hash, worker = "this node", %address, "block mined, but another came first")
            }
            Some(reason) => {
                tracing::error!(target: "mining", %hash, %reason, "the chain refused a block of its own miner");
                self.pause(RETRY);
            }
        }
        Ok(())
    }
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
    fn chains_that_never_retarget_are_paced_by_the_interval() {
        let interval = |params: &ChainParams| MiningOptions::paying_to(Script::new(), params).least_interval;
        assert_eq!(interval(&ChainParams::chaincore()), Duration::from_millis(250));
        assert_eq!(interval(&ChainParams::regtest()), SLOWEST_PACE);
        let quick = ChainParams { target_spacing: 2, ..ChainParams::regtest() };
        assert_eq!(interval(&quick), Duration::from_secs(2));
    }

    #[test]
    fn versions_are_not_rolled_in_bits_that_vote() {
        let mask = |params: &ChainParams| MiningOptions::paying_to(Script::new(), params).version_mask;
        let votes =
            |params: &ChainParams| params.version_bits.iter().fold(0, |bits, vote| bits | 1 << vote.bit);
        for params in [ChainParams::chaincore(), ChainParams::regtest(), ChainParams::main()] {
            assert_eq!(mask(&params) & votes(&params), 0);
            assert_eq!(mask(&params) | votes(&params) & BIP320_MASK, BIP320_MASK);
        }
        assert_eq!(mask(&ChainParams::regtest()), BIP320_MASK & !(1 << 28));
    }
}
