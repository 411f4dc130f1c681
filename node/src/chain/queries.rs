//! What an operator or the RPC asks of the chain beyond blocks.

use super::connect::check_connect;
use super::reorg::Change;
use super::{BlockEntry, Branch, Chain, ChainError};
use crate::mempool::{Accepted, ChainView, FeeRate, Mempool, PackageOutcome};
use chaincore_consensus::check::{CheckOptions, check_block};
use chaincore_consensus::context::{check_block_context, check_header};
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{Block, BlockHash, TxRef};

use std::sync::Arc;

impl Chain {
    fn known(&self, hash: BlockHash) -> Result<Arc<BlockEntry>, ChainError> {
        self.tree.get(&hash).ok_or(ChainError::UnknownBlock(hash))
    }

    /// Declares a block invalid, and with it all above; the best chain without it becomes active. The
    /// declaration is durable. The genesis block cannot be declared invalid.
    pub fn invalidate(&mut self, hash: BlockHash) -> Result<(), ChainError> {
        let entry = self.known(hash)?;
        if entry.height() == 0 {
            return Err(ChainError::Refused("the genesis block cannot be invalid".into()));
        }
        self.tree.mark_failed(&entry);
        let left = self.leave_failed_branch()?;
        if self.tip.is_failed() {
            // Interrupted: only what has left the chain is invalid, as with Core.
            self.tree.clear_failed(&entry);
            left.iter().for_each(|left| self.tree.mark_failed(left));
        }
        self.tree.rebuild_candidates(&self.tip);
        self.activate(None)?;
        self.flush()
    }

    /// Takes the active chain back to below any block marked as invalid, or as far as an interruption lets it.
    /// Returns the lowest block that left.
    pub(super) fn leave_failed_branch(&mut self) -> Result<Option<Arc<BlockEntry>>, ChainError> {
        let (shared, mempool) = (self.shared.clone(), self.mempool.clone());
        let mut change = Change::new(&shared, &mempool);
        let mut left = None;
        while self.tip.is_failed() && !shared.status.is_interrupted() {
            let entry = self.tip.clone();
            self.disconnect_in(&entry, &mut change)?;
            left = Some(entry);
        }
        self.end_change(&mut change)?;
        Ok(left)
    }

    /// Takes the mark of invalidity from a block, all above it and all below it. If one of them is invalid
    /// after all, that will be found out again.
    pub fn reconsider(&mut self, hash: BlockHash) -> Result<(), ChainError> {
        let entry = self.known(hash)?;
        self.tree.clear_failed(&entry);
        self.tree.rebuild_candidates(&self.tip);
        self.activate(None)?;
        self.flush()
    }

    /// Prefers a block to others of equal work, as if it had arrived before them.
    pub fn precious(&mut self, hash: BlockHash) -> Result<(), ChainError> {
        let entry = self.known(hash)?;
        let tip = self.tip.clone();
        self.tree.make_precious(&entry, &tip);
        self.activate(None)?;
        self.flush()
    }

    /// What the mempool is judged by.
    pub(super) fn chain_view<'a>(&'a self, branch: &'a Branch) -> ChainView<'a> {
        ChainView {
            params: &self.params,
            tip: branch,
            coins: &*self.shared.coins,
            signatures: Some(self.scripts.cache()),
            now: self.shared.clock.now(),
        }
    }

    /// Does something with the mempool and the state of the chain that it is judged by.
    pub fn with_mempool<T>(&mut self, work: impl FnOnce(&mut Mempool, &ChainView<'_>) -> T) -> T {
        let branch = Branch(self.tip.clone());
        let mut mempool = self.mempool.write().expect("no one panics while holding the mempool");
        work(&mut mempool, &self.chain_view(&branch))
    }

    /// Puts a transaction into the mempool.
    pub fn accept_tx(&mut self, tx: &TxRef) -> Result<Result<Accepted, RejectReason>, ChainError> {
        match self.with_mempool(|mempool, view| mempool.accept(tx, view)) {
            Ok(accepted) => Ok(Ok(accepted)),
            Err(error) => Ok(Err(error.into_rejection()?)),
        }
    }

    /// Puts a child with its unconfirmed parents into the mempool; see [`Mempool::accept_package`].
    pub fn accept_package(
        &mut self,
        package: &[TxRef],
        max_rate: Option<FeeRate>,
    ) -> Result<PackageOutcome, ChainError> {
        Ok(self.with_mempool(|mempool, view| mempool.accept_package(package, max_rate, view))?)
    }

    /// Whether a block would become the tip, without storing it (Core's `TestBlockValidity`): the judgement of
    /// block proposals. Proof of work and merkle root may be left out, for templates.
    pub fn check_proposal(
        &mut self,
        block: &Block,
        options: CheckOptions,
    ) -> Result<Result<(), RejectReason>, ChainError> {
        let branch = Branch(self.tip.clone());
        if block.header.previous != self.tip.hash() {
            let reason = RejectReason::new(RejectKind::MissingPrev, "inconclusive-not-best-prevblk");
            return Ok(Err(reason.with_debug(format!("the tip is {}", self.tip.hash()))));
        }
        let verdict = check_block(block, &self.params, options)
            .and_then(|()| check_header(&block.header, &branch, self.shared.clock.now(), &self.params))
            .and_then(|()| check_block_context(block, &branch, &self.params));
        if let Err(reason) = verdict {
            return Ok(Err(reason));
        }
        let connected = check_connect(block, &branch, &*self.shared.coins, &self.params, &self.scripts)?;
        Ok(connected.map(|_| ()))
    }
}
