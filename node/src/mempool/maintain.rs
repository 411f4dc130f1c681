//! Keeping the pool true to the chain and within its bounds.

use super::accept::AcceptError;
use super::entry::{Entry, has_relative_locks};
use super::feerate::FeeRate;
use super::pool::Mempool;
use super::precheck::ChainView;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Block, OutPoint, TxRef, Txid};
use chaincore_plugin::RemovalReason;
use chaincore_storage::StorageError;
use std::collections::HashSet;

impl Mempool {
    /// A block was connected, at `now` by this node's clock: removes its transactions, and whatever spends what
    /// they spent. Returns what had to go without being in the block.
    pub fn remove_for_block(&mut self, block: &Block, now: i64) -> Vec<TxRef> {
        let mut conflicted = Vec::new();
        let confirmed = RemovalReason::Block(block.hash());
        for tx in &block.transactions {
            self.remove([tx.txid()], confirmed, now);
            for input in &tx.inputs {
                if let Some(spender) = self.spender(&input.previous_output).copied() {
                    self.clear_delta(&spender);
                    let gone = self.descendants(&spender);
                    conflicted.extend(self.remove(gone, RemovalReason::Conflict, now));
                }
            }
            self.clear_delta(&tx.txid());
        }
        self.graph.settle();
        self.rolling.block_connected(now);
        conflicted
    }

    /// Blocks with the transactions `disconnected` (with or without coinbases) left the chain, and the change of
    /// branches is not over: removes what is not valid on the chain as it is now, and returns it, parents first, for
    /// [`Mempool::readd_after_reorg`].
    pub fn suspend_for_reorg(
        &mut self,
        disconnected: &[TxRef],
        chain: &ChainView<'_>,
    ) -> Result<Vec<Entry>, StorageError> {
        let mut leaving = HashSet::new();
        for tx in disconnected {
            leaving.extend(self.orphans_of(tx, chain)?);
        }
        for txid in self.no_longer_valid(chain)? {
            leaving.extend(self.descendants(&txid));
        }
        let mut leaving: Vec<(usize, Entry)> = leaving
            .iter()
            .filter_map(|txid| Some((self.ancestors(txid).len(), self.get(txid)?.clone())))
            .collect();
        leaving.sort_by_key(|(ancestors, entry)| (*ancestors, entry.sequence, entry.tx.txid()));
        let gone = leaving.iter().map(|(_, entry)| entry.tx.txid());
        self.remove(gone, RemovalReason::Reorg, chain.now);
        self.graph.settle();
        Ok(leaving.into_iter().map(|(_, entry)| entry).collect())
    }

    /// The active branch changed, and [`Mempool::remove_for_block`] was called for the blocks that came.
    /// `disconnected` are the transactions of the blocks that left, in the order in which they were in the chain
    /// (with or without coinbases); `suspended` is what [`Mempool::suspend_for_reorg`] removed meanwhile, parents
    /// first. Takes back what is still valid, removes what no longer is.
    pub fn readd_after_reorg(
        &mut self,
        disconnected: &[TxRef],
        suspended: Vec<Entry>,
        chain: &ChainView<'_>,
    ) -> Result<(), StorageError> {
        for tx in disconnected {
            if tx.is_coinbase() || !self.take_back(tx, None, chain)? {
                let orphans = self.orphans_of(tx, chain)?;
                self.remove(orphans, RemovalReason::Reorg, chain.now);
            }
        }
        for entry in suspended {
            self.take_back(&entry.tx.clone(), Some(entry), chain)?;
        }
        let excess = self.graph.excess(self.options.clusters);
        let excess: HashSet<Txid> = excess.iter().flat_map(|txid| self.descendants(txid)).collect();
        self.remove(excess, RemovalReason::SizeLimit, chain.now);
        self.graph.settle();
        let invalid = self.no_longer_valid(chain)?;
        let invalid: HashSet<Txid> = invalid.iter().flat_map(|txid| self.descendants(txid)).collect();
        self.remove(invalid, RemovalReason::Reorg, chain.now);
        self.graph.settle();
        self.limit(chain.now);
        Ok(())
    }

    /// Takes back a transaction that a block had confirmed, or that was here as `before`.
    fn take_back(
        &mut self,
        tx: &TxRef,
        before: Option<Entry>,
        chain: &ChainView<'_>,
    ) -> Result<bool, StorageError> {
        match self.accept_from_block(tx, before, chain) {
            Ok(()) => Ok(true),
            Err(AcceptError::Rejected(reason)) => {
                tracing::debug!(target: "mempool", txid = %tx.txid(), %reason, "not taken back after a reorganization");
                Ok(false)
            }
            Err(AcceptError::Storage(error)) => Err(error),
        }
    }

    /// Transactions that spend from one that is neither in the pool nor, on this branch, in the chain, with all
    /// that depends on them.
    fn orphans_of(&self, tx: &TxRef, chain: &ChainView<'_>) -> Result<HashSet<Txid>, StorageError> {
        let mut orphans = HashSet::new();
        if self.get(&tx.txid()).is_some() {
            return Ok(orphans);
        }
        for (outpoint, child) in self.spenders_of(tx) {
            if chain.coins.coin(&outpoint)?.is_none() {
                orphans.extend(self.descendants(&child));
            }
        }
        Ok(orphans)
    }

    /// The transactions that the next block could not contain: not final, or a coinbase they spend is not ripe.
    fn no_longer_valid(&self, chain: &ChainView<'_>) -> Result<Vec<Txid>, StorageError> {
        let mut invalid = Vec::new();
        for (txid, entry) in self.entries.iter().filter(|(_, entry)| entry.depends_on_tip()) {
            if !self.is_still_valid(entry, chain)? {
                invalid.push(*txid);
            }
        }
        Ok(invalid)
    }

    fn is_still_valid(&self, entry: &Entry, chain: &ChainView<'_>) -> Result<bool, StorageError> {
        let tx = &entry.tx;
        if !chain.is_final(tx) {
            return Ok(false);
        }
        if !entry.spends_coinbase && !has_relative_locks(tx) {
            return Ok(true);
        }
        let mut coins = Vec::with_capacity(tx.inputs.len());
        for input in &tx.inputs {
            match self.current_coin(&input.previous_output, chain)? {
                Some(coin) => coins.push(coin),
                None => return Ok(false),
            }
        }
        let next = chain.next_height();
        let ripe =
            |coin: &Coin| !coin.coinbase || next - coin.height.min(next) >= chain.params.coinbase_maturity;
        Ok(coins.iter().all(ripe) && chain.relative_locks_pass(tx, &coins))
    }

    fn current_coin(&self, outpoint: &OutPoint, chain: &ChainView<'_>) -> Result<Option<Coin>, StorageError> {
        let Some(parent) = self.get(&outpoint.txid) else { return chain.coins.coin(outpoint) };
        let output = parent.tx.outputs.get(outpoint.vout as usize).cloned();
        Ok(output.map(|output| Coin { output, height: chain.next_height(), coinbase: false, tx_index: 0 }))
    }

    /// Drops what is too old, and while the pool takes too much memory, the chunk that pays least. Returns what
    /// was dropped.
    pub fn limit(&mut self, now: i64) -> Vec<TxRef> {
        let mut dropped = self.expire(now);
        self.rolling.advance(now, self.fill(), self.options.incremental_relay);
        while self.usage() > self.options.max_bytes {
            let Some(worst) = self.graph.worst_chunk() else { break };
            // What enters next must pay more than what left, or the two would take turns.
            let rate = FeeRate::of(worst.rate.fee, worst.rate.vsize())
                .0
                .saturating_add(self.options.incremental_relay.0);
            let txids = worst.txids.clone();
            self.rolling.raise(FeeRate(rate));
            tracing::debug!(target: "mempool", count = txids.len(), minimum = rate, "dropped for lack of room");
            dropped.extend(self.remove(txids, RemovalReason::SizeLimit, now));
            self.graph.settle();
        }
        dropped
    }

    fn expire(&mut self, now: i64) -> Vec<TxRef> {
        let old = self.older_than(now - self.options.expiry);
        let gone: HashSet<Txid> = old.iter().flat_map(|txid| self.descendants(txid)).collect();
        if gone.is_empty() {
            return Vec::new();
        }
        let expired = self.remove(gone, RemovalReason::Expiry, now);
        self.graph.settle();
        tracing::debug!(target: "mempool", count = expired.len(), "expired");
        expired
    }
}
