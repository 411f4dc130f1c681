//! What an operator or the RPC asks of the chain beyond blocks.

use super::connect::check_connect;
use super::reorg::{Change, PAUSE, STEP_BLOCKS};
use super::{BlockEntry, Branch, Chain, ChainError, ScriptVerifier};
use crate::mempool::{Accepted, ChainView, FeeRate, Mempool, PackageOutcome};
use chaincore_consensus::check::{CheckOptions, check_block};
use chaincore_consensus::context::{check_block_context, check_header};
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{Block, BlockHash, TxRef};

use std::sync::Arc;

/// How many of the blocks that are declared invalid give their transactions back to the mempool, the highest first
/// (Core's `InvalidateBlock`).
const MAX_GIVEN_BACK: u32 = 10;

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
    /// Returns the lowest block that left. Each block is a change of its own, so that what the mempool gets of it has the
    /// height of that time, and readers are let in between.
    pub(super) fn leave_failed_branch(&mut self) -> Result<Option<Arc<BlockEntry>>, ChainError> {
        let (shared, mempool) = (self.shared.clone(), self.mempool.clone());
        let mut change = Change::new(&shared, &mempool);
        let (mut left, mut count) = (None, 0);
        while self.tip.is_failed() && !shared.status.is_interrupted() {
            let entry = self.tip.clone();
            self.disconnect_in(&entry, &mut change)?;
            left = Some(entry);
            count += 1;
            if count > MAX_GIVEN_BACK {
                self.give_nothing_back(&mut change)?;
            }
            self.end_change(&mut change)?;
            if count % STEP_BLOCKS == 0 {
                std::thread::sleep(PAUSE);
            }
        }
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
        self.check_next(block, options, Some(&self.scripts))
    }

    /// [`Self::check_proposal`] of a template that this node made: all that can be wrong with one before it is mined.
    ///
    /// Its scripts are not run. What is in the pool has been verified with the standard flags, which contain those of
    /// every block, and so it need not be verified again for each template; Core asks its script cache, which says the
    /// same. All else is checked, since it depends on the tip, the clock, the options and what plugins chose.
    pub fn check_template(&self, block: &Block) -> Result<Result<(), RejectReason>, ChainError> {
        self.check_next(block, CheckOptions { pow: false, merkle: false }, None)
    }

    fn check_next(
        &self,
        block: &Block,
        options: CheckOptions,
        scripts: Option<&ScriptVerifier>,
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
        let connected = check_connect(block, &branch, &*self.shared.coins, &self.params, scripts)?;
        Ok(connected.map(|_| ()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::{ChainHandle, ChainOptions, Origin, Status};
    use crate::testkit;
    use std::collections::HashMap;

    #[test]
    fn of_blocks_declared_invalid_the_highest_ten_give_their_transactions_back() {
        let params = Arc::new(testkit::params(2));
        let dir = tempfile::tempdir().unwrap();
        let options = ChainOptions::new(params.clone(), dir.path().to_path_buf());
        let chain = ChainHandle::open(&options, Mempool::default(), Status::new()).unwrap();
        let mut branch = testkit::Branch::new(params, 17);
        for n in 0..30 {
            // Every block spends a coinbase that no other transaction touches, from far below what will leave.
            let far = |utxo: &testkit::Utxo| utxo.coinbase && utxo.height <= 14;
            let coin = branch.spendable().into_iter().find(|(_, utxo)| n >= 16 && far(utxo));
            let spends = coin.map(|coin| {
                let value = chaincore_consensus::Amount(coin.1.value.sat() - testkit::FEE);
                let script_pubkey = testkit::Lock::P2wpkh(1).script();
                testkit::spend(&[coin], vec![chaincore_consensus::TxOut { value, script_pubkey }])
            });
            let block = branch.mine_with(spends.into_iter().collect(), testkit::Lock::P2wpkh(0));
            assert!(chain.submit_block_blocking(block, Origin::Rpc).unwrap().is_accepted());
        }
        let mined: HashMap<_, _> = (1u32..)
            .zip(&branch.blocks)
            .flat_map(|(height, block)| block.transactions[1..].iter().map(move |tx| (tx.txid(), height)))
            .collect();
        assert_eq!(mined.len(), 14);
        // The blocks of the heights 17 to 30 leave.
        let first = branch.blocks[16].hash();
        chain.query_blocking(move |chain| chain.invalidate(first)).unwrap();
        assert_eq!(chain.snapshot().height(), 16);
        let pool = chain.mempool().read().unwrap();
        let mut heights: Vec<u32> = pool.in_mining_order().map(|entry| mined[&entry.tx.txid()]).collect();
        heights.sort_unstable();
        assert_eq!(heights, Vec::from_iter(21..=30));
        for entry in pool.in_mining_order() {
            assert_eq!(entry.height, mined[&entry.tx.txid()] - 1, "the tip's height when it came back");
        }
    }
}
