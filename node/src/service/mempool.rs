//! The mempool in the interfaces' terms.

use crate::mempool::graph::Chunk;
use crate::mempool::{Accepted, Entry, Mempool, PackagedTx};
use chaincore_consensus::{Amount, Txid};
use chaincore_plugin::MempoolEvent;
use chaincore_rpc::node::{MempoolChunk, MempoolEntry, MempoolEvents, MempoolInfo, Relatives, TxAccepted};
use std::future::Future;
use std::pin::Pin;

/// One reader of the pool's events.
pub(super) struct Events(pub(super) crate::mempool::MempoolEvents);

impl MempoolEvents for Events {
    fn start(&self) -> u64 {
        self.0.start()
    }

    fn next(&mut self, max: usize) -> Pin<Box<dyn Future<Output = Vec<MempoolEvent>> + Send + '_>> {
        Box::pin(self.0.next(max))
    }
}

pub(super) fn chunk(chunk: &Chunk) -> MempoolChunk {
    MempoolChunk {
        txids: chunk.txids.clone(),
        fee: Amount(chunk.rate.fee),
        weight: unsigned(chunk.rate.weight),
    }
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

pub(super) fn accepted(accepted: &Accepted) -> TxAccepted {
    TxAccepted {
        vsize: unsigned(accepted.vsize),
        fee: Amount(accepted.fee),
        effective_fee_rate: Amount(accepted.effective_rate.0),
        effective_includes: accepted.effective_includes.clone(),
    }
}

pub(super) fn packaged(packaged: PackagedTx) -> chaincore_rpc::node::PackagedTx {
    use chaincore_rpc::node::PackagedTx as Answer;
    match packaged {
        PackagedTx::Accepted(one) => Answer::Accepted {
            accepted: accepted(&one),
            replaced: one.replaced.iter().map(|tx| tx.txid()).collect(),
        },
        PackagedTx::InPool { vsize, fee } => Answer::InMempool { vsize: unsigned(vsize), fee: Amount(fee) },
        PackagedTx::DifferentWitness(wtxid) => Answer::DifferentWitness(wtxid),
        PackagedTx::Refused(reason) => Answer::Refused(reason),
    }
}

/// Sums over an entry and those related to it, itself among them.
fn relatives(mempool: &Mempool, family: &[Txid]) -> Relatives {
    let sums = mempool.sums(family);
    Relatives { count: sums.count as u64, vsize: unsigned(sums.vsize), fees: Amount(sums.modified_fees) }
}

/// The others of a transaction's family, in the order of their ids' bytes as Core's sets have them.
pub(super) fn others(family: Vec<Txid>, txid: &Txid) -> Vec<Txid> {
    let mut others: Vec<Txid> = family.into_iter().filter(|one| one != txid).collect();
    others.sort_unstable();
    others
}

pub(super) fn entry(mempool: &Mempool, entry: &Entry) -> MempoolEntry {
    let txid = entry.tx.txid();
    let chunk = mempool.cluster(&txid).iter().find(|chunk| chunk.txids.contains(&txid));
    let (chunk_fee, chunk_weight) = chunk
        .map_or((entry.modified_fee(), entry.adjusted_weight), |chunk| (chunk.rate.fee, chunk.rate.weight));
    MempoolEntry {
        tx: entry.tx.clone(),
        fee: Amount(entry.fee),
        modified_fee: Amount(entry.modified_fee()),
        vsize: unsigned(entry.vsize()),
        weight: entry.tx.weight() as u64,
        time: entry.time,
        height: entry.height,
        ancestors: relatives(mempool, &mempool.ancestors(&txid)),
        descendants: relatives(mempool, &mempool.descendants(&txid)),
        chunk_fee: Amount(chunk_fee),
        chunk_weight: unsigned(chunk_weight),
        depends: mempool.parents(&txid).to_vec(),
        spent_by: others(mempool.children(&txid).to_vec(), &txid),
        unbroadcast: entry.unbroadcast,
    }
}

pub(super) fn info(mempool: &Mempool, now: i64, loaded: bool) -> MempoolInfo {
    let info = mempool.info(now);
    let options = mempool.options();
    MempoolInfo {
        loaded,
        count: info.count as u64,
        vsize: unsigned(info.vsize),
        usage: info.usage as u64,
        total_fee: Amount(info.total_fee),
        max_usage: info.max_bytes as u64,
        min_fee_rate: Amount(info.min_fee.0.max(info.min_relay.0)),
        min_relay_fee_rate: Amount(info.min_relay.0),
        incremental_fee_rate: Amount(info.incremental_relay.0),
        unbroadcast: info.unbroadcast as u64,
        permit_bare_multisig: info.permit_bare_multisig,
        max_data_carrier: options.data_carrier.map(|bytes| bytes as u64),
        cluster_count_limit: info.cluster_count as u64,
        cluster_size_limit: unsigned(info.cluster_vsize),
        optimal: true,
        sequence: mempool.sequence(),
        updates: mempool.transactions_updated(),
    }
}
