//! What the writer and its readers share.

use super::mining_log::MiningLog;
use super::verdicts::Verdicts;
use super::{BlockEntry, BlockVerdict, ChainError, ChainOptions, Snapshot, Status};
use crate::clock::Clock;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::{Block, BlockHash, OutPoint};
use chaincore_plugin::{AppliedBlock, BlockRef};
use chaincore_storage::{CoinsCache, Store};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// Where the chain stands: the one signal. Whoever is woken by it pulls what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TipState {
    /// The active tip.
    pub applied: BlockRef,
    /// The highest block that a crash cannot take back.
    pub durable: BlockRef,
    /// Counts the changes of `applied`.
    pub revision: u64,
}

/// Called on the chain's writer thread with a block that builds on the tip and is not connected yet: its proof of work
/// is right and its transactions are the header's, which is enough to pass it on (Core's signal `NewPoWValidBlock`).
/// It must return at once, must not ask the chain for anything that waits, and must not own a handle to the chain, which
/// would then never close.
pub type NewPowValidBlock = Box<dyn Fn(&Arc<Block>, &Arc<BlockEntry>) + Send + Sync>;

/// How many freshly connected blocks are kept at hand for followers, and of how many bytes at most.
const RECENT_BLOCKS: usize = 32;
const RECENT_BYTES: usize = 32 << 20;

#[derive(Default)]
struct Recent {
    blocks: VecDeque<(AppliedBlock, usize)>,
    bytes: usize,
}

/// The chain's state as others may see it.
pub(super) struct Shared {
    pub(super) params: Arc<ChainParams>,
    pub(super) clock: Clock,
    pub(super) mining_log: MiningLog,
    pub(super) store: Arc<Store>,
    pub(super) coins: Arc<CoinsCache>,
    pub(super) status: Status,
    max_tip_age: u32,
    snapshot: RwLock<Arc<Snapshot>>,
    /// Held for writing while coins and snapshot differ.
    coins_gate: RwLock<()>,
    /// Held for writing while the durable state changes.
    durable_gate: RwLock<()>,
    tip_state: watch::Sender<TipState>,
    recent: Mutex<Recent>,
    stopped: OnceLock<String>,
    initial_download: AtomicBool,
    pub(super) verdicts: Verdicts,
    new_pow_valid_block: OnceLock<NewPowValidBlock>,
}

impl Shared {
    pub(super) fn new(
        options: &ChainOptions,
        store: Arc<Store>,
        coins: Arc<CoinsCache>,
        status: Status,
        snapshot: Snapshot,
    ) -> Self {
        let applied = snapshot.tip().at_ref();
        Self {
            params: options.params.clone(),
            clock: options.clock.clone(),
            mining_log: MiningLog::default(),
            store,
            coins,
            status,
            max_tip_age: options.max_tip_age,
            snapshot: RwLock::new(Arc::new(snapshot)),
            coins_gate: RwLock::new(()),
            durable_gate: RwLock::new(()),
            tip_state: watch::Sender::new(TipState { applied, durable: applied, revision: 0 }),
            recent: Mutex::default(),
            stopped: OnceLock::new(),
            initial_download: AtomicBool::new(true),
            verdicts: Verdicts::default(),
            new_pow_valid_block: OnceLock::new(),
        }
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.read().expect("no one panics while holding the snapshot").clone()
    }

    /// Replaces the state that readers see.
    pub(super) fn publish(&self, snapshot: Snapshot) {
        let applied = snapshot.tip().at_ref();
        let revision = snapshot.revision();
        self.update_initial_download(snapshot.tip());
        *self.snapshot.write().expect("no one panics while holding the snapshot") = Arc::new(snapshot);
        self.tip_state.send_if_modified(|state| {
            let changed = state.applied != applied || state.revision != revision;
            (state.applied, state.revision) = (applied, revision);
            changed
        });
    }

    pub(super) fn publish_durable(&self, durable: BlockRef) {
        self.tip_state.send_if_modified(|state| {
            let changed = state.durable != durable;
            state.durable = durable;
            changed
        });
    }

    pub(super) fn tip_state(&self) -> &watch::Sender<TipState> {
        &self.tip_state
    }

    /// Keeps readers of coins out until the guard is dropped: coins and snapshot are about to differ.
    pub(super) fn change_coins(&self) -> RwLockWriteGuard<'_, ()> {
        self.coins_gate.write().expect("no one panics while holding the gate")
    }

    /// Keeps the durable state as it is until the guard is dropped; the writer waits with its next flush.
    pub(super) fn hold_durable(&self) -> RwLockReadGuard<'_, ()> {
        self.durable_gate.read().expect("no one panics while holding the gate")
    }

    /// Waits until no one reads the durable state.
    pub(super) fn change_durable(&self) -> RwLockWriteGuard<'_, ()> {
        self.durable_gate.write().expect("no one panics while holding the gate")
    }

    /// An unspent output and the state of the chain in which it is one.
    pub(super) fn coin(&self, outpoint: &OutPoint) -> Result<(Option<Coin>, Arc<Snapshot>), ChainError> {
        let _gate = self.coins_gate.read().expect("no one panics while holding the gate");
        Ok((self.coins.peek(outpoint)?, self.snapshot()))
    }

    pub(super) fn remember(&self, applied: AppliedBlock, bytes: usize) {
        let mut recent = self.recent.lock().expect("no one panics while holding the blocks");
        recent.bytes += bytes;
        recent.blocks.push_back((applied, bytes));
        while recent.blocks.len() > RECENT_BLOCKS || recent.bytes > RECENT_BYTES {
            let Some((_, bytes)) = recent.blocks.pop_front() else { break };
            recent.bytes -= bytes;
        }
    }

    pub(super) fn recall(&self, hash: &BlockHash) -> Option<AppliedBlock> {
        let recent = self.recent.lock().expect("no one panics while holding the blocks");
        recent.blocks.iter().rev().find(|(block, _)| block.at.hash == *hash).map(|(block, _)| block.clone())
    }

    /// Ends the initial download, for good, when the tip is recent and has enough work (Core's
    /// `UpdateIBDStatus`).
    fn update_initial_download(&self, tip: &BlockEntry) {
        if !self.initial_download.load(Ordering::Relaxed) || self.status.is_importing() {
            return;
        }
        let recent = i64::from(tip.header().time) >= self.clock.now() - i64::from(self.max_tip_age);
        if recent && tip.chain_work() >= self.params.minimum_chain_work {
            self.initial_download.store(false, Ordering::Relaxed);
        }
    }

    /// Whether this is the first listener: there can be one.
    pub(super) fn set_new_pow_valid_block(&self, listener: NewPowValidBlock) -> bool {
        self.new_pow_valid_block.set(listener).is_ok()
    }

    pub(super) fn announce_new_pow_valid_block(&self, block: &Arc<Block>, entry: &Arc<BlockEntry>) {
        if let Some(listener) = self.new_pow_valid_block.get() {
            listener(block, entry);
        }
    }

    /// Notes and logs that a block which was handed in is refused (Core's `ProcessNewBlock`).
    pub(super) fn refuse_block(&self, hash: BlockHash, reason: &RejectReason) {
        tracing::error!("ProcessNewBlock: AcceptBlock FAILED ({reason})");
        self.verdicts.push(BlockVerdict { hash, result: Err(reason.clone()) });
    }

    pub(super) fn is_initial_download(&self) -> bool {
        self.initial_download.load(Ordering::Relaxed)
    }

    pub(super) fn stop(&self, reason: String) {
        self.status.set(super::Phase::Stopped(reason.clone()));
        // The first reason is the cause of any later one.
        let _ = self.stopped.set(reason);
    }

    pub(super) fn stopped(&self) -> Option<&String> {
        self.stopped.get()
    }
}
