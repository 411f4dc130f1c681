//! Ctrl-C and a polite kill: they end the node as the method `stop` does.

use crate::service::Service;
use chaincore_rpc::node::Node;
use std::io;
use std::sync::Arc;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Catches the signals from the moment it is made, so that one that comes while the node starts ends it well, too.
pub(super) struct StopSignals {
    #[cfg(unix)]
    terminate: Signal,
    #[cfg(unix)]
    interrupt: Signal,
}

impl StopSignals {
    /// Only inside a runtime.
    #[cfg(unix)]
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Only inside a runtime.
    #[cfg(not(unix))]
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Stops the service at the first signal, also at one that came before.
    pub(super) fn stop(mut self, service: &Arc<Service>) {
        let service = service.clone();
        tokio::spawn(async move {
            if self.come().await {
                service.request_shutdown();
            }
        });
    }

    #[cfg(unix)]
    async fn come(&mut self) -> bool {
        tokio::select! {
            signal = self.terminate.recv() => signal.is_some(),
            signal = self.interrupt.recv() => signal.is_some(),
        }
    }

    #[cfg(not(unix))]
    async fn come(&mut self) -> bool {
        tokio::signal::ctrl_c().await.is_ok()
    }
}
