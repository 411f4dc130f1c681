//! Which transactions a template takes.

use super::TemplateOptions;
use crate::mempool::feerate::FeeWeight;
use crate::mempool::{Entry, Mempool};
use chaincore_consensus::TxRef;
use chaincore_consensus::check::MAX_BLOCK_SIGOPS_COST;
use chaincore_consensus::locktime::is_final_tx;

/// A block with less free weight than this is full enough to give up after many chunks that did not fit.
const FULL_ENOUGH: i64 = 4_000;
const MAX_MISSES: u32 = 1_000;

/// Transactions for a block, in block order.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub transactions: Vec<TxRef>,
    pub fees: Vec<i64>,
    pub sigop_costs: Vec<i64>,
}

/// Takes the best chunks that fit. A chunk that does not fit takes what follows in its cluster with it, since
/// that may depend on it.
pub(super) fn select(
    mempool: &Mempool,
    height: u32,
    lock_time_cutoff: i64,
    options: &TemplateOptions,
) -> Selection {
    let mut selection = Selection::default();
    let mut weight = options.reserved_weight;
    let mut sigops = options.reserved_sigops;
    let mut misses = 0;
    let mut chunks = mempool.best_chunks();
    while let Some(chunk) = chunks.next() {
        if pays_less(chunk.rate, options) {
            break;
        }
        let entries: Vec<&Entry> = chunk.txids.iter().filter_map(|txid| mempool.get(txid)).collect();
        let chunk_sigops: i64 = entries.iter().map(|entry| entry.sigop_cost).sum();
        let fits =
            weight + chunk.rate.weight < options.max_weight && sigops + chunk_sigops < MAX_BLOCK_SIGOPS_COST;
        if !fits || !entries.iter().all(|entry| is_final_tx(&entry.tx, height, lock_time_cutoff)) {
            chunks.skip_cluster();
            misses += 1;
            if misses > MAX_MISSES && weight + FULL_ENOUGH > options.max_weight {
                break;
            }
            continue;
        }
        misses = 0;
        for entry in entries {
            weight += i64::try_from(entry.tx.weight())
                .expect("the pool holds no transaction above a block's weight");
            sigops += entry.sigop_cost;
            selection.transactions.push(entry.tx.clone());
            selection.fees.push(entry.fee);
            selection.sigop_costs.push(entry.sigop_cost);
        }
    }
    selection
}

fn pays_less(chunk: FeeWeight, options: &TemplateOptions) -> bool {
    i128::from(chunk.fee) * 1000 < i128::from(options.min_rate.0) * i128::from(chunk.vsize())
}
