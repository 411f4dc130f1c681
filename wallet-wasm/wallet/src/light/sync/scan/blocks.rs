//! The blocks whose filters matched: fetched, checked, and told the ledger in their order.

use super::{Batch, Fetched};
use crate::ledger::{Ledger, TxState, TxUpdate, Update};
use crate::light::filters::{lacks_an_output, read_block};
use crate::light::sync::index::proven;
use crate::light::sync::wire::Ask;
use crate::light::sync::{Subject, Sync};
use crate::light::trust::FaultKind;
use bitcoin::hashes::Hash as _;
use chaincore_consensus::BlockHash;

/// Blocks that wait for those before them.
const MAX_BLOCKS: usize = 8;

impl Sync {
    pub(super) fn ask_blocks(&mut self, source: usize) {
        let Some(batch) = &self.scan.batch else { return };
        if batch.filters.is_none() {
            return;
        }
        let wanted: Vec<u32> = batch
            .pending
            .iter()
            .filter(|height| !batch.blocks.contains_key(height))
            .take(MAX_BLOCKS)
            .copied()
            .collect();
        for height in wanted {
            let Some(hash) = self.hash_at(height) else {
                self.need_header(source, height);
                return;
            };
            // A block proves itself, so any node will do.
            if !self.want(source, Ask::Block { height, hash }) && self.desk.room(source) == 0 {
                break;
            }
        }
    }

    pub(in super::super) fn take_block(
        &mut self,
        node: usize,
        height: u32,
        hash: BlockHash,
        good: bool,
        body: Vec<u8>,
    ) {
        if !good {
            self.nodes[node].wait_until = self.now + 2;
            self.nodes[node].tip_due = 0;
            return self.doubt(
                node,
                FaultKind::Refused,
                Subject::block(height),
                "it does not give a block".into(),
            );
        }
        let block = match read_block(&hash, &body) {
            Ok(block) => block,
            Err(error) => {
                self.nodes[node].wait_until = self.now + 2;
                return self.lied(node, FaultKind::WrongBlock, Subject::block(height), error.to_string());
            }
        };
        self.put_disputed(height, &hash, &block);
        if self.hash_at(height) != Some(hash) {
            return;
        }
        let Some(batch) = &mut self.scan.batch else { return };
        if !batch.pending.contains(&height) {
            return;
        }
        let filter = batch
            .filters
            .as_ref()
            .and_then(|filters| filters.get(height.checked_sub(batch.start)? as usize)?.as_ref());
        if filter.is_some_and(|filter| lacks_an_output(filter, &block)) {
            let source = batch.source;
            let message = "its filter lacks a script that the block pays to".into();
            self.lied(source, FaultKind::WrongFilterHeader, Subject::block(height), message);
            self.scan.bad.insert(source);
            // Another node's, or no filters at all.
            return self.scan.drop_batch();
        }
        let Ok(block) = bitcoin::consensus::deserialize(&body) else { return };
        batch.blocks.insert(height, Fetched { block });
    }

    /// Works through what has been fetched.
    pub(in super::super) fn settle_scan(&mut self, ledger: &mut Ledger) {
        loop {
            let Some(batch) = &mut self.scan.batch else { return };
            match_new(batch, ledger);
            let Some(height) = batch.pending.first().copied() else { break };
            let Some(fetched) = batch.blocks.remove(&height) else { return };
            batch.pending.remove(&height);
            self.read_txs(height, &fetched.block, ledger);
        }
        self.finish_batch();
    }

    /// Tells the ledger of the block's transactions that concern it, in their order, and again as long as that makes it
    /// watch more.
    fn read_txs(&mut self, height: u32, block: &bitcoin::Block, ledger: &mut Ledger) {
        let Some(header) = self.header_at(height) else { return };
        let (tip, hash) = self.headers.tip();
        let tip = (tip, bitcoin::BlockHash::from_byte_array(hash.0));
        loop {
            let mut new_scripts = 0;
            for (index, tx) in (0..).zip(&block.txdata) {
                if !ledger.concerns(tx) {
                    continue;
                }
                let state = proven(height, index, &header);
                let known = ledger.tx(&tx.compute_txid());
                if known.is_some_and(|known| known.state == state && !known.dropped) {
                    continue;
                }
                if let Some(TxState::Mempool { .. }) = known.map(|known| known.state) {
                    self.changed = true;
                }
                let mut update = Update::new(tip);
                update.reorg_from = self.reorg_from.take();
                update.txs.push(TxUpdate { tx: tx.clone(), state, prevouts: Vec::new() });
                new_scripts += ledger.apply(update).new_scripts;
                self.changed = true;
            }
            if new_scripts == 0 {
                return;
            }
        }
    }
}

/// Matches the filters with the scripts that they have not been matched with.
fn match_new(batch: &mut Batch, ledger: &Ledger) {
    let Some(filters) = &batch.filters else { return };
    let scripts = ledger.scripts();
    let new = scripts.get(batch.matched..).unwrap_or_default();
    if new.is_empty() {
        return;
    }
    for (height, filter) in (batch.start..).zip(filters) {
        let Some(filter) = filter else {
            // The block is read again, now that more is watched.
            if batch.matched > 0 {
                batch.pending.insert(height);
            }
            continue;
        };
        if filter.matches_any(new.iter().map(|script| script.as_bytes())) {
            batch.pending.insert(height);
        }
    }
    batch.matched = scripts.len();
}
