//! The node as plugins see it beside its chain.

use super::Service;
use crate::chain::{Chain, ChainError};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, OutPoint};
use chaincore_plugin::node::{MempoolSnapshot, MinerEvent, NodeIdentity, NodeVitals, PooledTx};
use chaincore_plugin::{BlockRef, NodeReader, ReadError};

fn storage(error: ChainError) -> ReadError {
    ReadError::Storage(Box::new(error))
}

impl Service {
    /// Tells where the node's REST and RPC interface is. Only the first call counts.
    pub fn set_endpoint(&self, endpoint: String) {
        let _ = self.endpoint.set(endpoint);
    }
}

impl NodeReader for Service {
    fn identity(&self) -> NodeIdentity {
        NodeIdentity {
            node_id: self.info.node_id.clone(),
            version: self.info.version.clone(),
            user_agent: self.info.subversion.clone(),
            endpoint: self.endpoint.get().cloned(),
        }
    }

    fn vitals(&self) -> NodeVitals {
        let chain = self.chain_handle();
        let pool = self.mempool().info(self.clock.now());
        let network = self.p2p.get().map(|p2p| p2p.network());
        NodeVitals {
            headers: chain.snapshot().best_header().height(),
            peers: network.map_or(0, |network| network.count(|_| true)),
            bytes_received: network.map_or(0, |network| network.totals().received()),
            bytes_sent: network.map_or(0, |network| network.totals().sent()),
            mempool_txs: pool.count,
            mempool_vsize: u64::try_from(pool.vsize).unwrap_or(0),
            mempool_min_fee: Amount(pool.min_fee.0.max(pool.min_relay.0)),
            is_syncing: chain.status().is_importing() || chain.is_initial_download(),
        }
    }

    fn mempool(&self) -> MempoolSnapshot {
        let pool = Service::mempool(self);
        let pooled = |entry: &crate::mempool::Entry| PooledTx {
            txid: entry.tx.txid(),
            wtxid: entry.tx.wtxid(),
            fee: Amount(entry.fee),
            vsize: u64::try_from(entry.vsize()).unwrap_or(0),
            time: entry.time,
        };
        MempoolSnapshot { sequence: pool.sequence(), txs: pool.entries().map(pooled).collect() }
    }

    fn miner_events(&self, after: u64) -> Vec<MinerEvent> {
        self.chain_handle().mining_log().after(after)
    }

    fn scan_coins(&self, visit: &mut dyn FnMut(&OutPoint, &Coin) -> bool) -> Result<BlockRef, ReadError> {
        let chain = self.chain_handle();
        // Asking the writer is not allowed on a thread that runs async code; reading is.
        let flushed = std::thread::scope(|scope| {
            scope.spawn(|| chain.query_blocking(Chain::flush)).join().expect("a flush does not panic")
        });
        flushed.map_err(storage)?;
        let walk = chain.read_durable(|store, at| {
            for coin in store.coins().iter() {
                let (outpoint, coin) = coin?;
                if !visit(&outpoint, &coin) {
                    break;
                }
            }
            Ok(at)
        });
        walk.map_err(storage)
    }
}
