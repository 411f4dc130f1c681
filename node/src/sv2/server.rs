//! Listens, and leads the connections.

use super::Sv2Options;
use super::connection::Connection;
use super::keys::Authority;
use crate::chain::ChainHandle;
use chaincore_consensus::params::ChainParams;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// After a connection could not be taken, the next is tried after this time.
const BREATH: Duration = Duration::from_secs(1);

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

/// A server that runs on a thread of its own. Dropping it ends it.
pub(super) struct Server {
    /// Where it listens.
    pub(super) address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(shared: Shared) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(shared.options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, mut stopped) = watch::channel(false);
        let thread = std::thread::Builder::new().name("sv2".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = stopped.wait_for(|stop| *stop) => {}
                    () = accept(Arc::new(shared), listener) => {}
                }
            });
            // A template or a block that is under way may take a while; nobody waits for it.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Whether it does not run any more although it was not told to stop.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_some_and(std::thread::JoinHandle::is_finished)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(target: "sv2", "the thread of the template provider has failed");
        }
    }
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

async fn accept(shared: Arc<Shared>, listener: std::net::TcpListener) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(target: "sv2", %error, "cannot listen"),
    };
    let places = Arc::new(Semaphore::new(shared.options.max_connections));
    for id in 1u64.. {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(target: "sv2", %error, "a connection cannot be taken");
                tokio::time::sleep(BREATH).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::debug!(target: "sv2", %peer, "refused: {} are connected", shared.options.max_connections);
            continue;
        };
        let shared = shared.clone();
        tokio::spawn(async move {
            tracing::debug!(target: "sv2", %peer, client = id, "connected");
            let counted = Counted::new(&shared.counts);
            let why = Connection::run(id, stream, shared).await;
            tracing::debug!(target: "sv2", client = id, "disconnected: {why}");
            drop((counted, place));
        });
    }
}
