//! Listens, and leads the connections.

use super::Sv2Options;
use super::connection::Connection;
use super::keys::Authority;
use crate::chain::ChainHandle;
use crate::mining_server::{Door, Server};
use chaincore_consensus::params::ChainParams;
use chaincore_plugin::node::{MinerReport, MinerVia};
use std::collections::BTreeMap;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// One client that is set up.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// What it is called.
    pub(super) name: String,
    /// Whom its last block paid; empty before its first.
    pub(super) address: String,
    /// Its blocks that became the tip, and those that did not.
    pub(super) blocks: u64,
    pub(super) lost: u64,
    pub(super) since: Instant,
}

/// Sums since the plugin was made.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// The clients that there are now and that have said who they are, by their number.
    pub(super) clients: Mutex<BTreeMap<u64, Client>>,
    /// Connections that there are now.
    pub(super) connections: AtomicU64,
    /// Templates that were made, and those of them that a client was told of.
    pub(super) made: AtomicU64,
    pub(super) told: AtomicU64,
    /// Solutions that became the tip.
    pub(super) blocks: AtomicU64,
}

impl Counts {
    /// Those clients, if `change` is for one of them.
    pub(super) fn note(&self, id: u64, change: impl FnOnce(&mut Client)) {
        let mut clients = self.clients.lock().expect("no one panics while holding it");
        clients.get_mut(&id).map(change);
    }

    /// The clients as `GET /mining_stats` shows them. How fast they mine they tell nobody.
    pub(super) fn standing(&self, now: Instant) -> Vec<MinerReport> {
        let clients = self.clients.lock().expect("no one panics while holding it");
        let standing = clients.iter().map(|(id, client)| MinerReport {
            worker: client.name.clone(),
            address: client.address.clone(),
            instance: Some(id.to_string()),
            via: MinerVia::Sv2,
            accepted: client.blocks,
            rejected: client.lost,
            blocks: client.blocks,
            uptime: (now - client.since).as_secs(),
            ..MinerReport::default()
        });
        standing.collect()
    }
}

/// What connections share.
pub(super) struct Shared {
    pub(super) options: Sv2Options,
    pub(super) params: Arc<ChainParams>,
    pub(super) chain: ChainHandle,
    pub(super) authority: Authority,
    pub(super) counts: Arc<Counts>,
}

/// One connection that there is.
struct Counted(Arc<Counts>);

impl Counted {
    fn new(counts: &Arc<Counts>) -> Self {
        counts.connections.fetch_add(1, Ordering::Relaxed);
        Self(counts.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Starts serving templates.
pub(super) fn start(listener: TcpListener, shared: Shared) -> io::Result<Server> {
    let max_connections = shared.options.max_connections;
    Server::start("sv2", listener, max_connections, move |door| accept(Arc::new(shared), door))
}

async fn accept(shared: Arc<Shared>, door: Door) {
    let mut id = 0u64;
    let lead = |stream, peer| {
        id += 1;
        let (id, shared) = (id, shared.clone());
        async move {
            tracing::debug!(target: "sv2", %peer, client = id, "connected");
            let counted = Counted::new(&shared.counts);
            let why = Connection::run(id, stream, shared.clone()).await;
            tracing::debug!(target: "sv2", client = id, "disconnected: {why}");
            shared.counts.clients.lock().expect("no one panics while holding it").remove(&id);
            drop(counted);
        }
    };
    door.admit(lead).await;
}
