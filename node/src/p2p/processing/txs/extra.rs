//! Transactions that are not in the mempool but may well be in the next block: refused and replaced ones.

use crate::p2p::processing::Protocol;
use chaincore_consensus::{TxRef, Wtxid};
use std::collections::VecDeque;

/// How many are kept (Core's default of `-blockreconstructionextratxn`).
const MAX: usize = 100;
/// The largest that is kept, in bytes.
const MAX_SIZE: usize = 100_000;

/// The last such transactions, the oldest first.
#[derive(Debug, Default)]
pub(super) struct ExtraTxs(VecDeque<(Wtxid, TxRef)>);

impl ExtraTxs {
    pub(super) fn add(&mut self, tx: &TxRef) {
        if tx.total_size() >= MAX_SIZE {
            return;
        }
        if self.0.len() == MAX {
            self.0.pop_front();
        }
        self.0.push_back((tx.wtxid(), tx.clone()));
    }
}

impl Protocol {
    /// Transactions outside the mempool that may help to put a compact block together.
    pub fn extra_txs(&self) -> impl Iterator<Item = &(Wtxid, TxRef)> {
        self.txs.extra.0.iter()
    }
}
