//! The writer's state: opening it, accepting headers and blocks, and making changes durable.

use super::outcome::CheckedBlock;
use super::shared::Shared;
use super::tree::BlockTree;
use super::{
    BlockEntry, Branch, ChainError, ChainOptions, FlushPolicy, Origin, Outcome, ScriptVerifier, Snapshot,
    Validity,
};
use crate::mempool::Mempool;
use chaincore_consensus::context::{check_block_context, check_header};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::check_proof_of_work;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{BlockHash, Header};
use chaincore_storage::{Commit, FilePos};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

/// How far above the tip a body that nobody asked for may lie (Core's `MIN_BLOCKS_TO_KEEP`).
const MAX_UNREQUESTED_DISTANCE: u32 = 288;

/// A body was accepted, or not.
pub(super) enum Accepted {
    /// Stored now.
    Stored(Arc<BlockEntry>),
    /// Not stored, for no fault of its own; this is the answer.
    Not(Outcome),
    /// Refused; the answer and why.
    Refused(Outcome, RejectReason),
}

/// The chain as its one writer has it. Everything that changes the chain is a method of this, called on the
/// writer thread through a [`ChainHandle`](super::ChainHandle).
pub struct Chain {
    pub(super) params: Arc<ChainParams>,
    pub(super) shared: Arc<Shared>,
    pub(super) tree: BlockTree,
    pub(super) tip: Arc<BlockEntry>,
    pub(super) durable: Arc<BlockEntry>,
    pub(super) scripts: ScriptVerifier,
    pub(super) mempool: Arc<RwLock<Mempool>>,
    pub(super) policy: FlushPolicy,
    pub(super) revision: u64,
    pub(super) blocks_since_flush: u32,
    pub(super) last_flush: Instant,
    pub(super) stop_at_height: Option<u32>,
}

impl Chain {
    pub(super) fn new(
        options: &ChainOptions,
        shared: Arc<Shared>,
        tree: BlockTree,
        tip: Arc<BlockEntry>,
        scripts: ScriptVerifier,
        mempool: Arc<RwLock<Mempool>>,
    ) -> Self {
        Self {
            params: options.params.clone(),
            shared,
            tree,
            durable: tip.clone(),
            tip,
            scripts,
            mempool,
            policy: options.flush,
            revision: 0,
            blocks_since_flush: 0,
            last_flush: Instant::now(),
            stop_at_height: options.stop_at_height,
        }
    }

    /// The chain's parameters.
    pub fn params(&self) -> &Arc<ChainParams> {
        &self.params
    }

    /// The active tip.
    pub fn tip(&self) -> &Arc<BlockEntry> {
        &self.tip
    }

    /// A block of any branch.
    pub fn entry(&self, hash: &BlockHash) -> Option<Arc<BlockEntry>> {
        self.tree.get(hash)
    }

    /// The transactions waiting for a block.
    pub fn mempool(&self) -> &Arc<RwLock<Mempool>> {
        &self.mempool
    }

    /// The threads and the cache that scripts are verified with.
    pub fn scripts(&self) -> &ScriptVerifier {
        &self.scripts
    }

    pub(super) fn make_snapshot(&self) -> Snapshot {
        Snapshot::new(
            self.tip.clone(),
            self.tree.best_header().clone(),
            self.tree.shared().clone(),
            [self.tree.next_id(), self.revision],
            self.tree.waiting(),
        )
    }

    /// Lets readers see the state as it is now.
    pub(super) fn publish(&self) {
        self.shared.publish(self.make_snapshot());
    }

    /// Checks a header and adds it to the tree (Core's `AcceptBlockHeader`). Known headers are returned as they
    /// are, unless they are known to be invalid; new ones are only added if the caller has made sure that their branch
    /// has enough work (`min_pow_checked`).
    pub fn accept_header(
        &mut self,
        header: &Header,
        min_pow_checked: bool,
    ) -> Result<Arc<BlockEntry>, RejectReason> {
        self.accept_header_with_hash(header, header.hash(), min_pow_checked)
    }

    fn accept_header_with_hash(
        &mut self,
        header: &Header,
        hash: BlockHash,
        min_pow_checked: bool,
    ) -> Result<Arc<BlockEntry>, RejectReason> {
        if let Some(entry) = self.tree.get(&hash) {
            if entry.is_failed() {
                tracing::debug!("AcceptBlockHeader: block {hash} is marked invalid");
                return Err(RejectReason::new(RejectKind::CachedInvalid, "duplicate-invalid")
                    .with_debug(format!("block {hash} was previously marked invalid")));
            }
            return Ok(entry);
        }
        if !check_proof_of_work(&hash, header.bits, self.params.pow_limit) {
            let reason =
                RejectReason::new(RejectKind::InvalidHeader, "high-hash").with_debug("proof of work failed");
            tracing::debug!("AcceptBlockHeader: Consensus::CheckBlockHeader: {hash}, {reason}");
            return Err(reason);
        }
        let Some(parent) = self.tree.get(&header.previous) else {
            tracing::debug!("header {hash} has prev block not found: {}", header.previous);
            return Err(RejectReason::new(RejectKind::MissingPrev, "prev-blk-not-found"));
        };
        if parent.is_failed() {
            tracing::debug!("header {hash} has prev block invalid: {}", header.previous);
            return Err(RejectReason::new(RejectKind::InvalidPrev, "bad-prevblk"));
        }
        let now = self.shared.clock.now();
        check_header(header, &Branch(parent.clone()), now, &self.params).inspect_err(|reason| {
            tracing::debug!("AcceptBlockHeader: Consensus::ContextualCheckBlockHeader: {hash}, {reason}");
        })?;
        if !min_pow_checked {
            tracing::debug!(
                "AcceptBlockHeader: not adding new block header {hash}, missing anti-dos proof-of-work validation"
            );
            return Err(RejectReason::new(RejectKind::HeaderLowWork, "too-little-chainwork"));
        }
        Ok(self.tree.insert(hash, *header, &parent))
    }

    /// Adds headers, each on the one before, until one is refused. Returns the last one's entry. See
    /// [`Chain::accept_header`] for `min_pow_checked`.
    pub fn accept_headers(
        &mut self,
        headers: &[Header],
        min_pow_checked: bool,
    ) -> Result<Option<Arc<BlockEntry>>, RejectReason> {
        let mut last = None;
        let mut verdict = Ok(());
        for header in headers {
            match self.accept_header(header, min_pow_checked) {
                Ok(entry) => last = Some(entry),
                Err(reason) => {
                    verdict = Err(reason);
                    break;
                }
            }
        }
        if last.is_some() {
            self.publish();
        }
        verdict.map(|()| last)
    }

    /// Forgets headers whose block or a block below is not here, but for those in `keep` and what they build on.
    /// Returns how many. They are as if they had never come.
    pub fn forget_headers(&mut self, keep: &[Arc<BlockEntry>]) -> usize {
        let count = self.tree.forget_waiting(keep);
        self.publish();
        count
    }

    /// Checks a block against its ancestors, stores it, and makes the best chain active.
    pub fn accept_block(&mut self, block: &CheckedBlock, origin: Origin) -> Result<Outcome, ChainError> {
        self.accept_block_at(block, origin, None)
    }

    pub(super) fn accept_block_at(
        &mut self,
        block: &CheckedBlock,
        origin: Origin,
        stored_at: Option<FilePos>,
    ) -> Result<Outcome, ChainError> {
        let outcome = match self.store_block(block, origin, stored_at)? {
            Accepted::Not(outcome) => outcome,
            Accepted::Refused(outcome, reason) => {
                if origin != Origin::Import {
                    self.shared.refuse_block(block.hash(), &reason);
                }
                outcome
            }
            Accepted::Stored(entry) => {
                let activation = self.activate(Some(block))?;
                return Ok(self.outcome_of(&entry, activation));
            }
        };
        // The header may be new all the same.
        if self.tree.next_id() != self.shared.snapshot().upto() {
            self.publish();
        }
        Ok(outcome)
    }

    fn outcome_of(&self, entry: &Arc<BlockEntry>, activation: super::activate::Activation) -> Outcome {
        if let Some((_, reason)) = activation.failures.into_iter().find(|(hash, _)| *hash == entry.hash()) {
            return Outcome::Rejected(reason);
        }
        // A block whose parents just proved invalid was not looked at itself: it is inconclusive, as for Core.
        if entry.is_ancestor_of(&self.tip) {
            Outcome::Best { reorg_depth: activation.disconnected }
        } else {
            Outcome::SideChain
        }
    }

    /// Core's `AcceptBlock`: the header, then the body's own rules, then the block file. `stored_at` is where
    /// the body lies already, if it does.
    pub(super) fn store_block(
        &mut self,
        block: &CheckedBlock,
        origin: Origin,
        stored_at: Option<FilePos>,
    ) -> Result<Accepted, ChainError> {
        let header = &block.block().header;
        let entry = match self.accept_header_with_hash(header, block.hash(), origin.is_min_pow_checked()) {
            Ok(entry) => entry,
            Err(reason) => {
                let outcome = match reason.kind {
                    RejectKind::CachedInvalid => Outcome::KnownInvalid,
                    RejectKind::MissingPrev => Outcome::MissingParent,
                    _ => Outcome::Rejected(reason.clone()),
                };
                return Ok(Accepted::Refused(outcome, reason));
            }
        };
        if entry.has_data() {
            return Ok(Accepted::Not(Outcome::AlreadyKnown));
        }
        if matches!(origin, Origin::Peer { requested: false, .. }) && !self.is_worth_storing(&entry) {
            return Ok(Accepted::Not(Outcome::SideChain));
        }
        if let Some(parent) = entry.parent()
            && let Err(reason) = check_block_context(block.block(), &Branch(parent.clone()), &self.params)
        {
            if reason.kind != RejectKind::Mutated {
                self.mark_failed(&entry);
                self.publish();
            }
            tracing::error!("AcceptBlock: {reason}");
            return Ok(Accepted::Refused(Outcome::Rejected(reason.clone()), reason));
        }
        if !self.shared.is_initial_download() && entry.parent().is_some_and(|at| Arc::ptr_eq(at, &self.tip)) {
            self.shared.announce_new_pow_valid_block(block.block(), &entry);
        }
        let pos = match stored_at {
            Some(pos) => pos,
            None => self.shared.store.block_files().append_block(block.bytes())?,
        };
        let n_tx = u32::try_from(block.block().transactions.len())
            .expect("a block's weight bounds its transactions");
        self.tree.body_stored(&entry, pos, n_tx, Some(&self.tip));
        if entry.height() == 0 {
            // There is nothing to connect: its coinbase cannot be spent.
            entry.raise_validity(Validity::Scripts);
        }
        Ok(Accepted::Stored(entry))
    }

    fn is_worth_storing(&self, entry: &BlockEntry) -> bool {
        entry.n_tx() == 0
            && entry.chain_work() >= self.tip.chain_work()
            && entry.height() <= self.tip.height().saturating_add(MAX_UNREQUESTED_DISTANCE)
            && entry.chain_work() >= self.params.minimum_chain_work
    }

    pub(super) fn mark_failed(&mut self, entry: &Arc<BlockEntry>) {
        self.tree.mark_failed(entry);
        for (what, entry) in [("invalid block", entry), ("current best", &self.tip)] {
            tracing::info!(
                "InvalidChainFound: {what}={} height={} log2_work={:.6}",
                entry.hash(),
                entry.height(),
                entry.chain_work().to_f64().log2()
            );
        }
    }

    /// Flushes if the policy says that it is time to.
    pub(super) fn flush_if_due(&mut self) -> Result<(), ChainError> {
        let full = self.shared.coins.wants_flush();
        if full || self.blocks_since_flush >= self.policy.blocks || self.is_interval_over() {
            self.flush()?;
        }
        Ok(())
    }

    fn is_interval_over(&self) -> bool {
        self.last_flush.elapsed() >= self.policy.interval && !self.shared.status.is_importing()
    }

    /// How long the writer may sleep before a flush could be due.
    pub(super) fn until_flush(&self) -> Duration {
        self.policy.interval.saturating_sub(self.last_flush.elapsed()).max(Duration::from_millis(50))
    }

    /// Makes everything accepted so far durable: coins, tip, and what is known of the blocks, in one commit.
    pub fn flush(&mut self) -> Result<(), ChainError> {
        self.last_flush = Instant::now();
        if !self.tree.is_dirty() && self.tip.hash() == self.durable.hash() {
            return Ok(());
        }
        self.commit_state()
    }

    /// Commits even if nothing has changed (the first time, nothing is stored at all).
    pub(super) fn commit_state(&mut self) -> Result<(), ChainError> {
        let started = Instant::now();
        {
            let _gate = self.shared.change_durable();
            self.shared.store.commit(Commit {
                coins: Some(&self.shared.coins),
                tip: Some(self.tip.hash()),
                records: self.tree.dirty_records(),
                forgotten: self.tree.forgotten(),
                extra: vec![],
            })?;
        }
        self.tree.clean();
        self.durable = self.tip.clone();
        self.blocks_since_flush = 0;
        self.shared.publish_durable(self.durable.at_ref());
        tracing::debug!(tip = %self.durable.at_ref(), took = ?started.elapsed(), "flushed");
        Ok(())
    }
}
