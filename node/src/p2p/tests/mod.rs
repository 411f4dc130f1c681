//! Nodes of one process that talk to each other over loopback. Their addresses in messages and address books are
//! routable ones; who is called there is a stand-in on loopback, and nobody else is ever called.

mod addresses;
mod connections;
mod extra_peers;
mod headers;
mod heard;
mod messages;
mod private;
mod raw_peer;
mod reach;
mod transport;

use super::address_book::Table;
use super::bans::Bans;
use super::connection::PeerLink;
use super::net_address::NetAddress;
use super::options::P2pOptions;
use super::service::P2p;
use super::wire::{PeerAddress, ServiceFlags};
use crate::chain::{ChainHandle, ChainOptions, Status};
use crate::clock::Clock;
use crate::mempool::Mempool;
use crate::testkit::{self, wait_until as wait};
use chaincore_consensus::params::ChainParams;
use std::sync::Arc;
use std::time::Duration;

/// How long anything may take that is waited for. Generous: it is a bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(120);
/// What a node offers that keeps all blocks.
const FULL: ServiceFlags = ServiceFlags(1 | 1 << 3 | 1 << 10);

/// A node without interfaces, of the chain that has only its genesis block. It stops when it is dropped.
struct Node {
    p2p: P2p,
    chain: ChainHandle,
    clock: Clock,
    runtime: Option<tokio::runtime::Runtime>,
    folder: tempfile::TempDir,
}

fn params() -> Arc<ChainParams> {
    Arc::new(testkit::params(4))
}

/// A time shortly after the genesis block, so that nodes believe to have all blocks.
fn start_time() -> i64 {
    i64::from(params().genesis.header.time) + 60
}

impl Node {
    fn start(change: impl FnOnce(&mut P2pOptions)) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), start_time(), change)
    }

    fn start_in(folder: tempfile::TempDir, now: i64, change: impl FnOnce(&mut P2pOptions)) -> Self {
        let clock = Clock::new();
        clock.set_mock(Some(now));
        let path = folder.path().to_path_buf();
        let chain_options =
            ChainOptions { clock: clock.clone(), ..ChainOptions::new(params(), path.join("chain")) };
        let chain = ChainHandle::open(&chain_options, Mempool::default(), Status::new()).unwrap();
        let mut options = P2pOptions { discover: true, ..testkit::quiet_network(&path, &params()) };
        change(&mut options);
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let p2p = runtime.block_on(P2p::start(options, clock.clone(), chain.clone(), None)).unwrap();
        Self { p2p, chain, clock, runtime: Some(runtime), folder }
    }

    /// Where the node listens, as text.
    fn place(&self) -> String {
        self.p2p.bound()[0].to_string()
    }

    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.as_ref().expect("it runs").block_on(future)
    }

    /// Calls another node, as the owner would have it.
    fn call(&self, other: &Self) {
        let transport = self.p2p.network().options().transport();
        self.run(self.p2p.outbound().try_once(&other.place(), transport));
        wait("the nodes have met", || {
            let greeted = |node: &Self| node.links().iter().all(|link| link.facts().handshake_done);
            !self.links().is_empty() && greeted(self) && greeted(other)
        });
    }

    fn links(&self) -> Vec<Arc<PeerLink>> {
        self.p2p.network().peers()
    }

    /// Lets another node answer at an address.
    fn stand_in(&self, address: &str, other: &Self) {
        self.p2p.network().stand_ins.lock().unwrap().insert(at(address), other.p2p.bound()[0]);
    }

    /// Puts addresses into the book, as heard of now.
    fn know(&self, addresses: &[&str]) {
        for (n, address) in (1..).zip(addresses) {
            let known = PeerAddress {
                address: at(address),
                services: FULL,
                time: u32::try_from(self.clock.now()).unwrap(),
            };
            // Sources of their own: those of one share few places.
            let source = format!("{}.{}.1.1", n % 200 + 11, n / 200).parse().unwrap();
            self.p2p.network().book().add(&[known], &source, 0);
        }
    }

    /// The addresses of the book.
    fn book(&self) -> Vec<String> {
        let book = self.p2p.network().book();
        let listed = [Table::New, Table::Tried].into_iter().flat_map(|table| book.list(table));
        let mut addresses: Vec<String> = listed.map(|listed| listed.address.address.to_string()).collect();
        addresses.sort();
        addresses.dedup();
        addresses
    }

    /// Moves the clock.
    fn pass(&self, seconds: i64) {
        self.clock.set_mock(Some(self.clock.now() + seconds));
        self.p2p.network().wake().wake();
    }

    fn bans(&self) -> &Bans {
        self.p2p.network().bans()
    }

    fn dialled(&self) -> Vec<NetAddress> {
        self.p2p.network().dialled.lock().unwrap().clone()
    }

    /// Stops the node in order; its folder.
    fn stop(mut self) -> tempfile::TempDir {
        self.p2p.stop();
        std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.p2p.stop();
        let _ = self.chain.shutdown_blocking();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn at(text: &str) -> NetAddress {
    text.parse().unwrap()
}
