//! Waiting for peers to call.

use super::Network;
use crate::p2p::permissions::Permissions;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// An address to wait for peers at.
#[derive(Debug, Clone)]
pub struct BoundAddress {
    /// Where.
    pub address: SocketAddr,
    /// What peers that call there are allowed beyond others (`-whitebind`).
    pub permissions: Permissions,
    /// Whether calls there come through Tor (`-bind=…=onion`).
    pub is_onion: bool,
}

/// How long to wait after the system could not give another socket.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Starts to listen. Returns the address that was bound: the port is the system's choice if 0 was asked for.
pub async fn listen(network: &Arc<Network>, mut bound: BoundAddress) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(bound.address).await?;
    bound.address = listener.local_addr()?;
    let address = bound.address;
    tracing::info!("Bound to {address}");
    network.listens_at(address);
    let network = network.clone();
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, remote)) => network.accept(stream, remote, &bound),
                Err(error) => {
                    tracing::info!("socket error accept failed: {error}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
    Ok(address)
}
