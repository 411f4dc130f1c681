//! How the node behaves towards peers.

use super::authentication::Credentials;
use super::connection::BoundAddress;
use super::discovery::DiscoveryOptions;
use super::net_address::NetAddress;
use super::permissions::Whitelist;
use super::processing::HeaderLimits;
use super::reach::Reach;
use super::transport::TransportVersion;
use super::wire::ServiceFlags;
use chaincore_consensus::pow::Work;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The settings of the network.
#[derive(Debug, Clone)]
pub struct P2pOptions {
    /// The four bytes that every message starts with on this chain.
    pub magic: [u8; 4],
    /// The port of peers that are named without one.
    pub default_port: u16,
    /// What this node offers.
    pub services: ServiceFlags,
    /// What this node calls itself.
    pub user_agent: String,
    /// The work below which no chain is worth fetching.
    pub minimum_chain_work: Work,
    /// How many headers may wait for their blocks.
    pub headers_ahead: HeaderLimits,
    /// Whether connections may be made (`-networkactive`).
    pub active: bool,
    /// Whether to listen.
    pub listen: bool,
    /// Where to listen.
    pub binds: Vec<BoundAddress>,
    /// Addresses at which this node can be reached (`-externalip`).
    pub external: Vec<NetAddress>,
    /// The port that peers call at addresses which come without one.
    pub port: u16,
    /// Whether what peers see is taken for an address that others can reach (`-discover`).
    pub discover: bool,
    /// The most inbound connections.
    pub max_inbound: usize,
    /// How many full outbound connections to keep.
    pub target_outbound: usize,
    /// How many outbound connections for blocks alone to keep.
    pub target_block_relay: usize,
    /// How many connections the node may make by itself at once, short ones included.
    pub max_automatic: usize,
    /// Peers to keep a connection to (`-addnode`).
    pub add: Vec<String>,
    /// The only peers to call (`-connect`); `Some` of none to call nobody.
    pub connect: Option<Vec<String>>,
    /// Peers to ask for addresses (`-seednode`).
    pub seeds: Vec<String>,
    /// Names whose addresses are nodes, to be looked up while too few are known (`-dnsseed`).
    pub dns_seeds: Vec<String>,
    /// Whether there are DNS seeds at all (`-dnsseed`), be the list of them empty.
    pub dns_seeding: bool,
    /// Whether they are looked up however many nodes are known (`-forcednsseed`).
    pub force_dns_seeds: bool,
    /// Addresses that the chain lists, for when nothing else brings any; `None` if they are not to be used
    /// (`-fixedseeds`).
    pub fixed_seeds: Option<Vec<NetAddress>>,
    /// The networks on which the node calls others by itself (`-onlynet`).
    pub reach: Reach,
    /// How many bytes should be sent in a day; 0 for any number (`-maxuploadtarget`).
    pub upload_target: u64,
    /// Whether names may be looked up (`-dns`).
    pub dns: bool,
    /// Whether no transactions are taken from peers (`-blocksonly`).
    pub blocks_only: bool,
    /// How long a peer may take to say hello, in seconds (`-peertimeout`).
    pub peer_timeout: i64,
    /// How long a connection may take to be made.
    pub dial_timeout: Duration,
    /// How many bytes of a peer's messages may wait (`-maxreceivebuffer`).
    pub max_receive: usize,
    /// How many bytes for a peer may wait (`-maxsendbuffer`).
    pub max_send: usize,
    /// Who is allowed what (`-whitelist`).
    pub whitelist: Whitelist,
    /// How long a ban lasts if nothing else is said, in seconds.
    pub ban_time: i64,
    /// What ChainCore's networks have beyond Bitcoin's.
    pub own: OwnOptions,
    /// The chain's folder, for `peers.dat`, `banlist.json` and `anchors.dat`.
    pub folder: PathBuf,
}

impl P2pOptions {
    /// The highest version of the transport that this node knows: the encrypted one if it offers that to peers.
    pub fn transport(&self) -> TransportVersion {
        match self.services.contains(ServiceFlags::P2P_V2) {
            true => TransportVersion::V2,
            false => TransportVersion::V1,
        }
    }
}

/// What ChainCore's networks have beyond Bitcoin's. By default there is nothing of it, and all is as Core does it.
#[derive(Debug, Clone)]
pub struct OwnOptions {
    /// The most connections together (`-maxconnections`), for people to see.
    pub max_connections: usize,
    /// On a ChainCore network, which counts peers whoever called: outbound connections beyond so many take places
    /// of inbound ones. `None` on Bitcoin's chains.
    pub reserved_outbound: Option<usize>,
    /// What peers must prove themselves by, on a private network.
    pub credentials: Option<Arc<Credentials>>,
    /// How to look for peers.
    pub discovery: DiscoveryOptions,
    /// How often peers are pinged, in seconds.
    pub ping_interval: i64,
    /// How long a pong may take, in seconds.
    pub ping_timeout: i64,
}

impl Default for OwnOptions {
    fn default() -> Self {
        Self {
            max_connections: 125,
            reserved_outbound: None,
            credentials: None,
            discovery: DiscoveryOptions::default(),
            ping_interval: 2 * 60,
            ping_timeout: 20 * 60,
        }
    }
}
