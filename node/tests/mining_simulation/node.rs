//! The nodes: chain, storage and network, by a clock that the simulation moves.

use chaincore_consensus::BlockHash;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::Work;
use chaincore_node::chain::{ChainHandle, ChainOptions, FlushPolicy, Status};
use chaincore_node::clock::Clock;
use chaincore_node::mempool::Mempool;
use chaincore_node::p2p::{P2p, P2pOptions};
use chaincore_node::testkit;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// A whole node on a runtime of its own.
pub struct Node {
    pub chain: ChainHandle,
    pub p2p: P2p,
    pub runtime: tokio::runtime::Runtime,
}

impl Node {
    pub fn start(folder: &Path, params: &Arc<ChainParams>, clock: &Clock) -> Self {
        let options = ChainOptions {
            clock: clock.clone(),
            flush: FlushPolicy { coins_bytes: 8 << 20, blocks: 2_000, interval: Duration::from_secs(3_600) },
            script_threads: 1,
            ..ChainOptions::new(params.clone(), folder.join("chain"))
        };
        let chain = ChainHandle::open(&options, Mempool::default(), Status::new()).unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let options =
            P2pOptions { user_agent: "/simulation:1/".into(), ..testkit::quiet_network(folder, params) };
        let p2p = runtime.block_on(P2p::start(options, clock.clone(), chain.clone(), None)).unwrap();
        Self { chain, p2p, runtime }
    }

    /// The tip, as miners are told of it.
    pub fn tip(&self) -> BlockHash {
        self.chain.tip_state().borrow().applied.hash
    }

    pub fn work(&self) -> Work {
        self.chain.entry(&self.tip()).unwrap().chain_work()
    }

    /// The number of its only connection.
    pub fn connection(&self) -> u64 {
        let peers = self.p2p.network().peers();
        assert_eq!(peers.len(), 1, "the nodes are connected once");
        assert!(peers[0].facts().handshake_done);
        peers[0].id().0
    }
}
