//! One transaction waiting in the mempool.

use super::feerate::{FeeWeight, vsize_of_weight};
use chaincore_consensus::locktime::SEQUENCE_DISABLE_FLAG;
use chaincore_consensus::transaction::TxIn;
use chaincore_consensus::{Tx, TxRef};
use std::mem::size_of;

/// A sequence of at most this offers to be replaced (BIP125).
const MAX_REPLACEABLE_SEQUENCE: u32 = 0xffff_fffd;

/// A transaction in the mempool with what was found out about it when it came.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The transaction.
    pub tx: TxRef,
    /// What it pays, in satoshis.
    pub fee: i64,
    /// What the owner adds to that when transactions are ranked, in satoshis (`prioritisetransaction`).
    pub fee_delta: i64,
    /// When it came, in seconds since 1970.
    pub time: i64,
    /// The chain's height when it came.
    pub height: u32,
    /// The pool's sequence number when it came; 0 if it came back out of a block.
    pub sequence: u64,
    /// Its signature operations as blocks count them, four for each outside a witness.
    pub sigop_cost: i64,
    /// Its weight, or what its signature operations count as if that is more.
    pub adjusted_weight: i64,
    /// Whether it spends a coinbase's output.
    pub spends_coinbase: bool,
    /// Whether the owner sent it here and no peer has asked for it yet.
    pub unbroadcast: bool,
}

impl Entry {
    /// The fee that ranks it: what it pays and the owner's delta.
    pub fn modified_fee(&self) -> i64 {
        self.fee.saturating_add(self.fee_delta)
    }

    /// Virtual bytes, signature operations considered.
    pub fn vsize(&self) -> i64 {
        vsize_of_weight(self.adjusted_weight)
    }

    /// What ranks it.
    pub fn rate(&self) -> FeeWeight {
        FeeWeight { fee: self.modified_fee(), weight: self.adjusted_weight }
    }

    /// Whether a reorganization can make it invalid without touching what it spends: it waits for a height or
    /// time, or for a coinbase to ripen.
    pub(super) fn depends_on_tip(&self) -> bool {
        self.spends_coinbase || self.tx.lock_time != 0 || has_relative_locks(&self.tx)
    }

    /// An estimate of the memory it takes here, links and indexes included.
    pub(super) fn memory(&self) -> usize {
        /// What an entry takes in the pool's maps and the graph, besides the entry itself.
        const LINKS: usize = 500;
        /// What one outpoint takes in the index of spends.
        const SPEND: usize = 120;
        let inputs: usize = self.tx.inputs.iter().map(input_memory).sum();
        let outputs: usize =
            self.tx.outputs.iter().map(|output| size_of_val(output) + heap(output.script_pubkey.len())).sum();
        size_of::<Self>() + size_of::<Tx>() + LINKS + inputs + outputs + SPEND * self.tx.inputs.len()
    }
}

fn input_memory(input: &TxIn) -> usize {
    let witness: usize = input.witness.iter().map(|item| size_of_val(item) + heap(item.len())).sum();
    size_of_val(input) + heap(input.script_sig.len()) + witness
}

/// What an allocation of `len` bytes really takes.
fn heap(len: usize) -> usize {
    if len == 0 { 0 } else { (len + 8).next_multiple_of(16) }
}

/// Whether an input has a relative lock time that counts (BIP68).
pub(super) fn has_relative_locks(tx: &Tx) -> bool {
    tx.version >= 2 && tx.inputs.iter().any(|input| input.sequence & SEQUENCE_DISABLE_FLAG == 0)
}

/// Whether the transaction itself offers to be replaced (BIP125).
pub fn signals_replacement(tx: &Tx) -> bool {
    tx.inputs.iter().any(|input| input.sequence <= MAX_REPLACEABLE_SEQUENCE)
}
