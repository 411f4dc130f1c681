//! Calling peers.
//!
//! Three tasks do it, each with one call at a time and never two within half a second, so that neither an
//! unreachable network nor a wrong clock makes them spin: one keeps the connections to [`added`] peers, one those to
//! the peers of `-connect`, and if there are none of those, one makes the [`automatic`] connections out of the
//! address book. DNS seeds are asked in a [`seeds`] task of their own. All of them end with [`Outbound::stop`],
//! whatever they wait for.

mod added;
mod automatic;
mod bad_ports;
mod choose;
mod fixed_seeds;
mod seeds;
mod services;
mod wishes;

pub use added::AddedPeer;
pub(super) use bad_ports::is_bad_port;
pub(super) use services::{desirable_services, may_know_addresses};
pub use wishes::Wishes;

use super::anchors::{self, MAX_ANCHORS};
use super::connection::Network;
use super::kind::ConnectionKind;
use super::transport::TransportVersion;
use super::wire::{PeerAddress, ServiceFlags};
use crate::chain::ChainHandle;
use added::Added;
use automatic::Automatic;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// The least time between two calls.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a peer of `-connect` is left alone after a call grows with each round, up to so many pauses.
const MAX_PAUSES: u32 = 10;
/// How often what is known of the network is written to disk.
const SAVE_INTERVAL: Duration = Duration::from_secs(15 * 60);

/// No more connections of a kind, or no more at all, may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Error: Already at capacity for specified connection type.")]
pub struct AtCapacity;

/// The calling tasks.
pub struct Outbound {
    network: Arc<Network>,
    added: Arc<Added>,
    /// Where the anchors are written at the end; `None` if the address book is not used.
    anchors: Option<PathBuf>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Outbound {
    /// Starts to call.
    pub fn start(network: Arc<Network>, chain: ChainHandle) -> Self {
        let options = network.options();
        let added = Arc::new(Added::new(options.add.clone(), options.default_port, options.transport()));
        let mut tasks = vec![tokio::spawn(added.clone().keep_connected(network.clone()))];
        let mut anchors = None;
        match options.connect.clone() {
            Some(named) => {
                if !named.is_empty() && !options.seeds.is_empty() {
                    tracing::info!("-seednode is ignored when -connect is used");
                }
                tasks.push(tokio::spawn(connect_to_named(network.clone(), named)));
            }
            None => {
                network.wishes().use_book();
                let path = options.folder.join("anchors.dat");
                let first = anchors::take(&path, options.magic);
                tracing::info!("{} block-relay-only anchors will be tried for connections.", first.len());
                anchors = Some(path);
                let automatic = Automatic::new(network.clone(), added.clone(), chain, first);
                tasks.push(tokio::spawn(automatic.run()));
            }
        }
        if !options.dns_seeding {
            tracing::info!("DNS seeding disabled");
        } else if !options.dns_seeds.is_empty() {
            tasks.push(tokio::spawn(seeds::ask(network.clone())));
        }
        tasks.push(tokio::spawn(save_now_and_then(network.clone())));
        Self { network, added, anchors, tasks: Mutex::new(tasks) }
    }

    /// The names of the peers that the owner added.
    pub fn added(&self) -> Vec<String> {
        self.added.names()
    }

    /// The peers that the owner added, with their connections.
    pub fn added_peers(&self) -> Vec<AddedPeer> {
        self.added.peers(&self.network)
    }

    /// Adds a peer, to be called by a transport; `false` if it was added before, by whatever spelling of its address.
    pub fn add(&self, name: &str, transport: TransportVersion) -> bool {
        self.added.add(name, transport)
    }

    /// Removes a peer that was added by this name; `false` if it was not. The connection stays.
    pub fn remove(&self, name: &str) -> bool {
        self.added.remove(name)
    }

    /// Calls a peer once, as one of the owner's. What goes wrong is logged.
    pub async fn try_once(&self, name: &str, transport: TransportVersion) {
        let _ = self.network.connect(name, ConnectionKind::Manual, transport).await;
    }

    /// Makes a connection of a kind that the node otherwise makes by itself (`addconnection`, for tests). The answer
    /// comes when the call has succeeded or failed, and does not tell which, as Core's.
    pub async fn connect(
        &self,
        name: &str,
        kind: ConnectionKind,
        transport: TransportVersion,
    ) -> Result<(), AtCapacity> {
        let options = self.network.options();
        let most = match kind {
            ConnectionKind::Inbound | ConnectionKind::Manual => 0,
            ConnectionKind::OutboundFullRelay => options.target_outbound,
            ConnectionKind::BlockRelay => options.target_block_relay,
            // Short ones are limited by the sum alone.
            ConnectionKind::AddrFetch | ConnectionKind::Feeler => usize::MAX,
        };
        if self.network.count(|other| other == kind) >= most || !has_room(&self.network) {
            return Err(AtCapacity);
        }
        let _ = self.network.connect(name, kind, transport).await;
        Ok(())
    }

    /// Asks a peer for addresses, as soon as there is room for the connection.
    pub fn fetch_addresses_from(&self, name: &str) {
        self.network.wishes().fetch_addresses_from(name);
    }

    /// Stops to call, and writes the peers to be met first next time.
    pub fn stop(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock().expect("no one panics while holding the tasks"));
        if tasks.is_empty() {
            return;
        }
        tasks.iter().for_each(JoinHandle::abort);
        let Some(path) = &self.anchors else { return };
        let links = self.network.peers();
        let of_blocks = links.iter().filter(|link| link.kind() == ConnectionKind::BlockRelay);
        let anchors: Vec<PeerAddress> = of_blocks
            .take(MAX_ANCHORS)
            .map(|link| PeerAddress {
                address: link.address(),
                services: match link.facts().services {
                    ServiceFlags::NONE => ServiceFlags::NETWORK | ServiceFlags::WITNESS,
                    services => services,
                },
                time: u32::try_from(link.connected_at()).unwrap_or(0),
            })
            .collect();
        if let Err(error) = anchors::write(path, self.network.options().magic, &anchors) {
            tracing::error!("the anchors can't be written to {}: {error}", path.display());
        }
    }
}

/// Whether another connection may be made by the node itself.
fn has_room(network: &Network) -> bool {
    let is_own = |kind| !matches!(kind, ConnectionKind::Inbound | ConnectionKind::Manual);
    network.count(is_own) < network.options().max_automatic
}

/// Calls the peers of `-connect` whenever they are not connected.
async fn connect_to_named(network: Arc<Network>, named: Vec<String>) {
    let mut round = 0;
    while !named.is_empty() {
        for name in &named {
            // Failures are logged where they happen; it is tried again.
            let _ = network.connect(name, ConnectionKind::Manual, network.options().transport()).await;
            tokio::time::sleep(PAUSE * round.min(MAX_PAUSES)).await;
        }
        tokio::time::sleep(PAUSE).await;
        round += 1;
    }
}

async fn save_now_and_then(network: Arc<Network>) {
    loop {
        tokio::time::sleep(SAVE_INTERVAL).await;
        let network = network.clone();
        let save = move || {
            network.book().save();
            network.bans().save();
        };
        // It fails if the node ends: then it is saved there.
        let _ = tokio::task::spawn_blocking(save).await;
    }
}
