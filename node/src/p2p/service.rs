//! The network as the rest of the node sees it.

use super::address_book::{AddressBook, Randomness};
use super::bans::Bans;
use super::connection::{Network, PeerLink, listen};
use super::discovery::Discovery;
use super::kind::{ConnectionKind, PeerId};
use super::local::SCORE_BOUND;
use super::net_address::NetAddress;
use super::options::P2pOptions;
use super::outbound::{AtCapacity, Outbound};
use super::processing::{MessageThread, OrphanInfo, Protocol, ProtocolHandle};
use super::transport::TransportVersion;
use crate::chain::ChainHandle;
use crate::clock::Clock;
use crate::index::BlockFilters;
use chaincore_consensus::{Txid, Wtxid};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

/// Why the network could not be started.
#[derive(Debug, thiserror::Error)]
pub enum P2pError {
    /// A port is taken, or may not be used.
    #[error("Unable to bind to {address} on this computer. {source}")]
    Bind {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A file of the network cannot be read.
    #[error("{0}")]
    File(String),
    /// A thread cannot be started.
    #[error("cannot start the network: {0}")]
    System(#[from] io::Error),
}

/// The running network.
pub struct P2p {
    network: Arc<Network>,
    messages: MessageThread,
    outbound: Outbound,
    discovery: Discovery,
    bound: Vec<SocketAddr>,
    follower: JoinHandle<()>,
    runtime: Handle,
}

impl P2p {
    /// Listens, calls peers, and starts to serve them.
    /// `filters` is what light clients are served from, if they are.
    pub async fn start(
        options: P2pOptions,
        clock: Clock,
        chain: ChainHandle,
        filters: Option<BlockFilters>,
    ) -> Result<Self, P2pError> {
        let peers = options.folder.join("peers.dat");
        let book = AddressBook::open(peers, options.magic, clock.clone(), Randomness::System)
            .map_err(|error| P2pError::File(error.to_string()))?;
        let bans = Bans::open(options.folder.join("banlist.json"), clock.clone(), options.ban_time);
        let network = Network::new(options, clock, book, bans);
        let mut bound = vec![];
        if network.options().listen {
            for bind in network.options().binds.clone() {
                let address = bind.address;
                let listening = listen(&network, bind).await;
                let address = listening.map_err(|source| P2pError::Bind { address, source })?;
                network.local().add(address.into(), SCORE_BOUND);
                bound.push(address);
            }
        }
        let messages = MessageThread::start(Protocol::new(network.clone(), chain.clone(), filters))?;
        let outbound = Outbound::start(network.clone(), chain.clone());
        let discovery = Discovery::start(network.options().own.discovery.clone(), network.clone());
        let follower = {
            let (network, mut tip) = (network.clone(), chain.tip_state());
            tokio::spawn(async move {
                while tip.changed().await.is_ok() {
                    network.wake().wake();
                }
            })
        };
        Ok(Self { network, messages, outbound, discovery, bound, follower, runtime: Handle::current() })
    }

    /// The connections.
    pub fn network(&self) -> &Arc<Network> {
        &self.network
    }

    /// The protocol.
    pub fn protocol(&self) -> &ProtocolHandle {
        self.messages.handle()
    }

    /// Automatic and added connections.
    pub fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// The search for peers by their APIs.
    pub fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// Where the node listens.
    pub fn bound(&self) -> &[SocketAddr] {
        &self.bound
    }

    /// Calls a peer. Not for the runtime's threads; what comes of it is in the log.
    pub fn connect_blocking(&self, target: &str, kind: ConnectionKind, transport: TransportVersion) {
        if let Err(error) = self.runtime.block_on(self.network.connect(target, kind, transport)) {
            tracing::debug!(target: "net", "{error}");
        }
    }

    /// [`Outbound::connect`] for threads outside the runtime.
    pub fn open_blocking(
        &self,
        target: &str,
        kind: ConnectionKind,
        transport: TransportVersion,
    ) -> Result<(), AtCapacity> {
        self.runtime.block_on(self.outbound.connect(target, kind, transport))
    }

    /// Ends the connections to an address; whether there was one.
    pub fn disconnect_address(&self, name: &str) -> bool {
        let parsed = NetAddress::parse(name, self.network.options().default_port).ok();
        let is_meant = |link: &&Arc<PeerLink>| {
            link.name() == name || parsed.is_some_and(|address| link.address() == address)
        };
        let found: Vec<_> = self.network.peers().iter().filter(is_meant).cloned().collect();
        for link in &found {
            let id = link.id();
            tracing::debug!(target: "net", "disconnect by address match, disconnecting peer={id}");
            self.network.disconnect(link);
        }
        !found.is_empty()
    }

    /// Ends a connection; whether there was one.
    pub fn disconnect_id(&self, id: PeerId) -> bool {
        let Some(link) = self.network.peer(id) else { return false };
        tracing::debug!(target: "net", "disconnect by id, disconnecting peer={id}");
        self.network.disconnect(&link);
        true
    }

    /// Has peers told of a transaction of the mempool that do not know it.
    pub fn relay_tx(&self, txid: Txid, wtxid: Wtxid) {
        self.protocol().run(move |protocol| protocol.relay_tx(txid, wtxid));
    }

    /// Transactions whose inputs are not known. Not for the runtime's threads.
    pub fn orphans_blocking(&self) -> Vec<OrphanInfo> {
        self.protocol().ask_blocking(|protocol| protocol.orphans()).unwrap_or_default()
    }

    /// Does now what the network's schedule has for the next seconds (`mockscheduler`). Not for the runtime's threads.
    pub fn advance_schedule_blocking(&self, seconds: i64) {
        self.protocol().ask_blocking(move |protocol| protocol.advance_schedule(seconds));
    }

    /// Returns when the message thread has seen everything that happened before the call. Not for the runtime's
    /// threads.
    pub fn sync_blocking(&self) {
        self.protocol().ask_blocking(Protocol::follow_chain_now);
    }

    /// Returns when no more messages are processed: the network was stopped, or has failed.
    pub async fn ended(&self) {
        self.messages.ended().await;
    }

    /// Ends all connections and saves what is known of the network. Not for the runtime's threads.
    pub fn stop(&self) {
        self.outbound.stop();
        self.discovery.stop();
        self.follower.abort();
        self.network.shut_down();
        self.messages.stop();
        self.network.book().save();
        self.network.bans().save();
    }
}
