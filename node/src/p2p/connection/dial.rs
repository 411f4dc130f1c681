//! Calling peers.

use super::link::LinkOptions;
use super::{Network, PeerLink};
use crate::p2p::kind::ConnectionKind;
use crate::p2p::net_address::NetAddress;
use crate::p2p::permissions::Permissions;
use crate::p2p::transport::TransportVersion;
use crate::p2p::wire::{PeerAddress, ServiceFlags};
use rand::seq::SliceRandom;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a name may take to resolve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);
/// How many of a name's addresses are looked at (Core's limit).
const MAX_ADDRESSES: usize = 256;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The owner switched the network off.
    #[error("the network is switched off")]
    Inactive,
    /// There is a connection already.
    #[error("already connected to {0}")]
    Known(String),
    /// The address is banned or discouraged.
    #[error("{0} is banned")]
    Banned(String),
    /// The address is on a network that the node does not call others on by itself.
    #[error("{0} is on a network that -onlynet leaves out")]
    Unreached(String),
    /// The address is this node's own.
    #[error("{0} is this node")]
    Own(String),
    /// The name or address says nothing.
    #[error("cannot resolve {0}")]
    Name(String),
    /// Nobody answers.
    #[error("cannot connect to {address}: {source}")]
    Dial {
        /// Where.
        address: String,
        /// Why.
        source: io::Error,
    },
    /// Nobody answers in time.
    #[error("{0} does not answer")]
    Timeout(String),
}

/// How a peer is called.
struct Call<'a> {
    name: &'a str,
    kind: ConnectionKind,
    transport: TransportVersion,
    count_failure: bool,
}

impl Network {
    /// Calls a peer that was named, by the owner or in a setting, and waits for the connection (not for the peer's
    /// hello). Of a name's addresses each is tried until one answers. Bans do not matter: whoever names a peer means
    /// it. A peer that does not understand `transport` is called again in the open.
    pub async fn connect(
        self: &Arc<Self>,
        target: &str,
        kind: ConnectionKind,
        transport: TransportVersion,
    ) -> Result<Arc<PeerLink>, ConnectError> {
        if !self.is_active() {
            return Err(ConnectError::Inactive);
        }
        if self.peers().iter().any(|link| link.name() == target) {
            return Err(ConnectError::Known(target.to_owned()));
        }
        tracing::debug!(
            target: "net", "trying {transport} connection ({}) to {target}, lastseen=0.0hrs", kind.name()
        );
        let addresses = self.resolve_all(target).await?;
        // One of them may have called, or be called by another name.
        if let Some(known) = addresses.iter().find_map(|address| self.find(target, address)) {
            tracing::info!("Not opening a connection to {target}, already connected to {}", known.address());
            return Err(ConnectError::Known(known.name().to_owned()));
        }
        let mut failure = ConnectError::Name(target.to_owned());
        for address in addresses {
            match self.dial(address, Call { name: target, kind, transport, count_failure: false }).await {
                Err(error @ (ConnectError::Dial { .. } | ConnectError::Timeout(_))) => failure = error,
                done => return done,
            }
        }
        Err(failure)
    }

    /// Calls a peer whose address somebody told, unless that is this node, banned, or connected already, on whatever
    /// port. `count_failure`: see [`crate::p2p::address_book::AddressBook::attempt`]. The transport is the one that
    /// it is said to know.
    pub async fn connect_address(
        self: &Arc<Self>,
        known: &PeerAddress,
        kind: ConnectionKind,
        count_failure: bool,
    ) -> Result<Arc<PeerLink>, ConnectError> {
        let (address, name) = (known.address, known.address.to_string());
        self.check_told(&address, &name)?;
        let transport = match self.is_private() || known.services.contains(ServiceFlags::P2P_V2) {
            true => self.options().transport(),
            false => TransportVersion::V1,
        };
        tracing::debug!(target: "net", "trying {transport} connection ({}) to {name}", kind.name());
        self.dial(address, Call { name: &name, kind, transport, count_failure }).await
    }

    /// Calls a peer again that did not understand the encrypted transport, in the open. What goes wrong is logged.
    pub(super) async fn call_in_the_open(self: &Arc<Self>, link: &PeerLink) {
        tracing::debug!(target: "net", "retrying with v1 transport protocol for peer={}", link.id());
        let (address, name, kind) = (link.address(), link.name(), link.kind());
        // Who was named is meant; an address that somebody told may have become unwanted.
        let is_named = kind == ConnectionKind::Manual || name != address.to_string();
        if !is_named && self.check_told(&address, name).is_err() {
            return;
        }
        let transport = TransportVersion::V1;
        tracing::debug!(target: "net", "trying {transport} connection ({}) to {name}", kind.name());
        // It could be connected to a moment ago: that is no failure of the address.
        let _ = self.dial(address, Call { name, kind, transport, count_failure: false }).await;
    }

    /// Whether an address that somebody told may be called.
    fn check_told(&self, address: &NetAddress, name: &str) -> Result<(), ConnectError> {
        let (host, name) = (address.host(), || name.to_owned());
        if !self.is_active() {
            return Err(ConnectError::Inactive);
        }
        if self.local().contains(address) {
            return Err(ConnectError::Own(name()));
        }
        if self.bans().is_banned(&host) || self.bans().is_discouraged(&host) {
            return Err(ConnectError::Banned(name()));
        }
        match self.is_connected_to_host(address) {
            true => Err(ConnectError::Known(name())),
            false => Ok(()),
        }
    }

    /// Whether there is a connection with a host, on whatever port.
    pub fn is_connected_to_host(&self, address: &NetAddress) -> bool {
        self.peers().iter().any(|link| link.address().host() == address.host())
    }

    /// The connection that goes by a name or leads to an address.
    pub fn find(&self, name: &str, address: &NetAddress) -> Option<Arc<PeerLink>> {
        self.peers().into_iter().find(|link| link.name() == name || link.address() == *address)
    }

    /// The addresses that a name stands for, in no order; the chain's port if it names none.
    pub async fn resolve_all(&self, target: &str) -> Result<Vec<NetAddress>, ConnectError> {
        if let Ok(address) = NetAddress::parse(target, self.options().default_port) {
            return Ok(vec![address]);
        }
        let unknown = || ConnectError::Name(target.to_owned());
        let has_port = target.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = match has_port {
            true => target.to_owned(),
            false => format!("{target}:{}", self.options().default_port),
        };
        let mut addresses = self.look_up(&host).await.ok_or_else(unknown)?;
        addresses.shuffle(&mut rand::rng());
        match addresses.iter().all(NetAddress::is_valid) && !addresses.is_empty() {
            true => Ok(addresses),
            false => Err(unknown()),
        }
    }

    /// Asks the system for the addresses of `host:port`; `None` if it does not know or takes too long, or if names
    /// are not to be looked up.
    pub(in crate::p2p) async fn look_up(&self, host: &str) -> Option<Vec<NetAddress>> {
        if !self.options().dns {
            return None;
        }
        let found = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host(host)).await;
        let addresses = found.ok()?.ok()?;
        Some(addresses.take(MAX_ADDRESSES).map(NetAddress::from).collect())
    }

    async fn dial(
        self: &Arc<Self>,
        address: NetAddress,
        call: Call<'_>,
    ) -> Result<Arc<PeerLink>, ConnectError> {
        let Call { name, kind, transport, count_failure } = call;
        self.book().attempt(&address, count_failure);
        let Some(socket_address) = self.socket_address(&address) else {
            return Err(ConnectError::Name(name.to_owned()));
        };
        let dial = TcpStream::connect(socket_address);
        let stream = match tokio::time::timeout(self.options().dial_timeout, dial).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(source)) => {
                tracing::debug!(target: "net", "connect() to {address} failed: {source}");
                return Err(ConnectError::Dial { address: address.to_string(), source });
            }
            Err(_) => {
                tracing::debug!(target: "net", "connection attempt to {address} timed out");
                return Err(ConnectError::Timeout(address.to_string()));
            }
        };
        // It may have been switched off, and all connections ended, since.
        if !self.is_active() {
            return Err(ConnectError::Inactive);
        }
        // Several tasks call peers: another one may have called the same one meanwhile.
        if self.find(name, &address).is_some() {
            return Err(ConnectError::Known(name.to_owned()));
        }
        let _ = stream.set_nodelay(true);
        let bind = stream.local_addr().ok().map(NetAddress::from);
        let permissions = match kind {
            ConnectionKind::Manual => self.options().whitelist.manual(Some(&address.host())),
            _ => Permissions::NONE,
        };
        Ok(self.add(
            stream,
            LinkOptions {
                address,
                name: name.to_owned(),
                bind,
                kind,
                permissions,
                is_onion: false,
                prefer_evict: false,
                transport,
            },
        ))
    }

    #[cfg(not(test))]
    fn socket_address(&self, address: &NetAddress) -> Option<SocketAddr> {
        address.to_socket_addr()
    }

    /// Tests have nobody at routable addresses but who listens on loopback for them, and call nobody else.
    #[cfg(test)]
    fn socket_address(&self, address: &NetAddress) -> Option<SocketAddr> {
        self.dialled.lock().unwrap().push(*address);
        let stand_in = self.stand_ins.lock().unwrap().get(address).copied();
        stand_in.or_else(|| address.to_socket_addr().filter(|_| address.is_local()))
    }
}
