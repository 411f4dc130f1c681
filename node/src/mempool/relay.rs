//! What passing transactions on needs to know of the pool.

use super::feerate::FeeWeight;
use super::pool::Mempool;
use chaincore_consensus::{TxRef, Txid, Wtxid};
use std::cmp::Ordering;

/// A transaction of the pool, as announcements want it (Core's `TxMempoolInfo`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayInfo {
    /// The transaction.
    pub tx: TxRef,
    /// When it came, in seconds since 1970.
    pub time: i64,
    /// What it pays, in satoshis, without the owner's delta.
    pub fee: i64,
    /// What the owner adds to that, in satoshis.
    pub fee_delta: i64,
    /// Virtual bytes, signature operations considered.
    pub vsize: i64,
    /// The pool's sequence number when it came: it was there for whoever saw a larger one.
    pub sequence: u64,
}

/// A place in the order of [`Mempool::in_mining_order`]. Chunks of equal rates keep together by cluster.
#[derive(PartialEq, Eq)]
struct Place {
    rate: FeeWeight,
    cluster: Txid,
    chunk: usize,
    position: usize,
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_rate = other.rate.compare_rate(&self.rate);
        let by_cluster = by_rate.then_with(|| self.cluster.cmp(&other.cluster));
        by_cluster.then(self.chunk.cmp(&other.chunk)).then(self.position.cmp(&other.position))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Mempool {
    /// A transaction of the pool, for announcements.
    pub fn relay_info(&self, txid: &Txid) -> Option<RelayInfo> {
        self.get(txid).map(|entry| RelayInfo {
            tx: entry.tx.clone(),
            time: entry.time,
            fee: entry.fee,
            fee_delta: entry.fee_delta,
            vsize: entry.vsize(),
            sequence: entry.sequence,
        })
    }

    /// The same by the identifier that covers the witness.
    pub fn relay_info_by_wtxid(&self, wtxid: &Wtxid) -> Option<RelayInfo> {
        self.relay_info(&self.get_by_wtxid(wtxid)?.tx.txid())
    }

    /// Sorts transactions as they are best announced: those that blocks would take first come first, parents before
    /// children (Core's `CompareMiningScoreWithTopology`). What is not in the pool comes last.
    pub fn sort_for_relay(&self, txids: &mut [Txid]) {
        txids.sort_by_cached_key(|txid| {
            let place = self.place(txid);
            (place.is_none(), place, *txid)
        });
    }

    fn place(&self, txid: &Txid) -> Option<Place> {
        let chunks = self.cluster(txid);
        let cluster = *chunks.first()?.txids.first()?;
        let find = |(chunk, one): (usize, &super::graph::Chunk)| {
            let position = one.txids.iter().position(|at| at == txid)?;
            Some(Place { rate: one.rate, cluster, chunk, position })
        };
        chunks.iter().enumerate().find_map(find)
    }
}
