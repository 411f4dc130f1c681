//! Which transactions a template takes.

use super::{TemplateOptions, order};
use crate::mempool::feerate::FeeWeight;
use crate::mempool::graph::Chunk;
use crate::mempool::{Entry, Mempool};
use chaincore_consensus::TxRef;
use chaincore_consensus::check::MAX_BLOCK_SIGOPS_COST;
use chaincore_consensus::locktime::is_final_tx;

/// A block with less free weight than this is full enough to give up after many chunks that did not fit.
const FULL_ENOUGH: i64 = 4_000;
const MAX_MISSES: u32 = 1_000;

/// Transactions for a block, in block order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    pub transactions: Vec<TxRef>,
    pub fees: Vec<i64>,
    pub sigop_costs: Vec<i64>,
}

/// Takes chunks in the order that the pool's hooks want, or the best first if there are none.
pub(super) fn select(
    mempool: &Mempool,
    height: u32,
    lock_time_cutoff: i64,
    options: &TemplateOptions,
) -> Selection {
    let hooks = mempool.hooks();
    let by_rank = || order::select(mempool, hooks, height, lock_time_cutoff, options);
    let selection = if hooks.orders_templates() { by_rank() } else { None };
    selection.unwrap_or_else(|| best_first(mempool, height, lock_time_cutoff, options))
}

/// Takes the best chunks that fit. A chunk that does not fit takes what follows in its cluster with it, since
/// that may depend on it.
fn best_first(mempool: &Mempool, height: u32, lock_time_cutoff: i64, options: &TemplateOptions) -> Selection {
    let mut filling = Filling::new(options, height, lock_time_cutoff);
    let mut chunks = mempool.best_chunks();
    while let Some(chunk) = chunks.next() {
        if pays_less(chunk.rate, options) {
            break;
        }
        let entries: Vec<&Entry> = chunk.txids.iter().filter_map(|txid| mempool.get(txid)).collect();
        if !filling.take(chunk, &entries) {
            chunks.skip_cluster();
            if filling.is_done() {
                break;
            }
        }
    }
    filling.finish()
}

/// A block that is being filled, and its limits.
pub(super) struct Filling<'a> {
    options: &'a TemplateOptions,
    height: u32,
    lock_time_cutoff: i64,
    weight: i64,
    sigops: i64,
    misses: u32,
    selection: Selection,
}

impl<'a> Filling<'a> {
    pub(super) fn new(options: &'a TemplateOptions, height: u32, lock_time_cutoff: i64) -> Self {
        let (weight, sigops) = (options.reserved_weight, options.reserved_sigops);
        Self { options, height, lock_time_cutoff, weight, sigops, misses: 0, selection: Selection::default() }
    }

    /// Takes a chunk, the entries of which are given, if it fits.
    pub(super) fn take(&mut self, chunk: &Chunk, entries: &[&Entry]) -> bool {
        let chunk_sigops: i64 = entries.iter().map(|entry| entry.sigop_cost).sum();
        let fits = self.weight + chunk.rate.weight < self.options.max_weight
            && self.sigops + chunk_sigops < MAX_BLOCK_SIGOPS_COST;
        let is_final = |entry: &&Entry| is_final_tx(&entry.tx, self.height, self.lock_time_cutoff);
        if !fits || !entries.iter().all(is_final) {
            self.misses += 1;
            return false;
        }
        self.misses = 0;
        for entry in entries {
            self.weight += i64::try_from(entry.tx.weight())
                .expect("the pool holds no transaction above a block's weight");
            self.sigops += entry.sigop_cost;
            self.selection.transactions.push(entry.tx.clone());
            self.selection.fees.push(entry.fee);
            self.selection.sigop_costs.push(entry.sigop_cost);
        }
        true
    }

    /// Whether so many chunks did not fit, one after the other, that it is full enough.
    pub(super) fn is_done(&self) -> bool {
        self.misses > MAX_MISSES && self.weight + FULL_ENOUGH > self.options.max_weight
    }

    pub(super) fn finish(self) -> Selection {
        self.selection
    }
}

pub(super) fn pays_less(chunk: FeeWeight, options: &TemplateOptions) -> bool {
    i128::from(chunk.fee) * 1000 < i128::from(options.min_rate.0) * i128::from(chunk.vsize())
}
