//! Listens, and leads the connections.

use super::Sv2Options;
use super::connection::Connection;
use super::keys::Authority;
use crate::chain::ChainHandle;
use crate::mining_server::{Door, Server};
use chaincore_consensus::params::ChainParams;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Sums since the plugin was made.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Connections that there are now.
    pub(super) connections: AtomicU64,
    /// Templates that were made, and those of them that a client was told of.
    pub(super) made: AtomicU64,
    pub(super) told: AtomicU64,
    /// Solutions that became the tip.
    pub(super) blocks: AtomicU64,
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
pub(super) fn start(shared: Shared) -> io::Result<Server> {
    let (listen, max_connections) = (shared.options.listen, shared.options.max_connections);
    Server::start("sv2", listen, max_connections, move |door| accept(Arc::new(shared), door))
}

async fn accept(shared: Arc<Shared>, door: Door) {
    let mut id = 0u64;
    let lead = |stream, peer| {
        id += 1;
        let (id, shared) = (id, shared.clone());
        async move {
            tracing::debug!(target: "sv2", %peer, client = id, "connected");
            let counted = Counted::new(&shared.counts);
            let why = Connection::run(id, stream, shared).await;
            tracing::debug!(target: "sv2", client = id, "disconnected: {why}");
            drop(counted);
        }
    };
    door.admit(lead).await;
}
