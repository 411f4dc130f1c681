//! The P2P network as the interfaces see it, JSON-RPC and REST alike: plain data, and what can be asked of it. The
//! rules for implementers are those of [`crate::node::Node`].

use crate::node::NodeResult;
use chaincore_consensus::{Amount, BlockHash};
use std::collections::BTreeMap;

/// A peer. Times are seconds since 1970 by the node's clock, 0 for never; heights are -1 for unknown.
#[derive(Debug, Clone, Default)]
pub struct PeerInfo {
    /// Its number.
    pub id: u64,
    /// What the owner called it, or its address.
    pub addr: String,
    /// Where it is; of one that called, the port it called from.
    pub address: String,
    /// What it calls itself to people, if it does.
    pub node_id: Option<String>,
    /// Whether both have said hello, and proved themselves where that is asked for.
    pub ready: bool,
    /// Our end of the connection.
    pub addr_bind: Option<String>,
    /// Our address as the peer sees it.
    pub addr_local: Option<String>,
    /// The kind of network it came through, in Core's words.
    pub network: String,
    /// The services it offers.
    pub services: u64,
    /// Whether transactions are announced to it.
    pub relays_txs: bool,
    /// The mempool's sequence when transactions were last announced to it.
    pub last_inv_sequence: u64,
    /// Transactions that wait to be announced to it.
    pub inv_to_send: u64,
    /// When something was last sent.
    pub last_send: i64,
    /// When something was last received.
    pub last_recv: i64,
    /// When it last sent a transaction that was new and taken.
    pub last_transaction: i64,
    /// When it last sent a block that was new and valid.
    pub last_block: i64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Bytes received.
    pub bytes_recv: u64,
    /// When the connection was made.
    pub connected_at: i64,
    /// Seconds that its clock is ahead of ours.
    pub time_offset: i64,
    /// How long the last ping took, in microseconds.
    pub ping_time: Option<i64>,
    /// How long the shortest ping took, in microseconds.
    pub min_ping: Option<i64>,
    /// For how long a ping has been unanswered, in microseconds.
    pub ping_wait: Option<i64>,
    /// The protocol's version it speaks; 0 before its version message.
    pub version: i32,
    /// What it calls itself.
    pub subversion: String,
    /// Whether it called.
    pub inbound: bool,
    /// Whether we asked it for compact blocks unasked (BIP152).
    pub high_bandwidth_to: bool,
    /// Whether it asked us for those.
    pub high_bandwidth_from: bool,
    /// The height up to which its headers were only counted.
    pub presynced_headers: i32,
    /// The height of the best block that it is known to have.
    pub synced_headers: i32,
    /// The height of the last block that both have.
    pub synced_blocks: i32,
    /// The height it started with.
    pub starting_height: i32,
    /// The heights of blocks being fetched from it.
    pub inflight: Vec<u32>,
    /// Whether addresses are relayed with it.
    pub addr_relay: bool,
    /// Addresses taken from it.
    pub addr_processed: u64,
    /// Addresses not taken because there were too many.
    pub addr_rate_limited: u64,
    /// What it is allowed beyond others, in Core's words.
    pub permissions: Vec<String>,
    /// The rate below which it wants to hear of no transaction, per 1000 virtual bytes.
    pub min_fee_filter: Amount,
    /// Bytes sent, by kind of message.
    pub sent_by_message: BTreeMap<String, u64>,
    /// Bytes received, by kind of message.
    pub recv_by_message: BTreeMap<String, u64>,
    /// What the connection is for, in Core's words.
    pub connection_type: &'static str,
    /// The version of the transport, in Core's words; `None` as long as that is not known.
    pub transport: Option<&'static str>,
    /// What both ends call an encrypted connection, as 64 hexadecimal digits.
    pub session_id: Option<String>,
}

impl PeerInfo {
    /// The height of the best block that it is known to have, or said to have when it connected.
    pub fn height(&self) -> Option<i64> {
        Some(self.synced_headers.max(self.starting_height)).filter(|height| *height >= 0).map(i64::from)
    }
}

/// A peer that the owner added.
#[derive(Debug, Clone, Default)]
pub struct AddedPeer {
    /// The name it was added by.
    pub name: String,
    /// Where it is connected, and whether it called; `None` if it is not.
    pub connected: Option<(String, bool)>,
}

/// A known address.
#[derive(Debug, Clone, Default)]
pub struct KnownAddress {
    /// When it was last heard of, in seconds since 1970.
    pub time: u32,
    /// The services it is said to offer.
    pub services: u64,
    /// The address without port.
    pub address: String,
    /// The port.
    pub port: u16,
    /// The kind of network, in Core's words.
    pub network: String,
}

/// Where an address lies in the tables of known addresses.
#[derive(Debug, Clone, Default)]
pub struct AddressPlace {
    /// The bucket.
    pub bucket: usize,
    /// The place in it.
    pub position: usize,
    /// The address.
    pub known: KnownAddress,
    /// Who told of it.
    pub source: String,
    /// The network of who told.
    pub source_network: String,
}

/// How many addresses of a network are known.
#[derive(Debug, Clone, Default)]
pub struct AddressCount {
    /// The network, in Core's words.
    pub network: String,
    /// Never connected to.
    pub new: u64,
    /// Connected to once.
    pub tried: u64,
}

/// A banned subnet. Times are seconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct BanInfo {
    /// The subnet.
    pub subnet: String,
    /// When it was banned.
    pub created: i64,
    /// Until when.
    pub until: i64,
}

/// What went through all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NetTotals {
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
    /// What should be sent.
    pub upload: UploadTarget,
}

/// How much should be sent in a day (`-maxuploadtarget`). All zero but the time frame, if there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UploadTarget {
    /// A day, in seconds.
    pub timeframe: i64,
    /// The target in bytes.
    pub target: u64,
    /// Whether so much has been sent.
    pub is_reached: bool,
    /// Whether blocks older than a week are given away.
    pub serves_old_blocks: bool,
    /// Bytes that are left.
    pub bytes_left: u64,
    /// Seconds until counting begins anew.
    pub time_left: i64,
}

/// An address of this node's own.
#[derive(Debug, Clone, Default)]
pub struct LocalAddress {
    /// The address without port.
    pub address: String,
    /// The port.
    pub port: u16,
    /// How many peers have confirmed it.
    pub score: u32,
}

/// Why a connection of a kind was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectRefusal {
    /// There are as many as there may be.
    Full,
    /// The kind does not exist.
    UnknownKind,
}

/// Why a subnet was not banned or freed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BanRefusal {
    /// The text is no address and no subnet.
    Invalid,
    /// It is banned.
    Known,
    /// It is not banned.
    Unknown,
    /// The time has passed.
    InThePast,
}

/// A node's place in its network, for people and for other nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presence {
    /// A number of this process, as text: by it a node that finds its own API knows itself.
    pub instance: String,
    /// The port that it waits for peers at; `None` if it does not.
    pub p2p_port: Option<u16>,
    /// What peers must prove themselves by, in words; `None` if by nothing.
    pub authentication: Option<String>,
    /// The public key of the node, as 64 hexadecimal digits, if it has one.
    pub node_key: Option<String>,
    /// The ports of this machine where it looks for nodes; `None` if there are none to look at on its chain.
    pub discovery_ports: Option<(u16, u16)>,
    /// Below so many peers its search is urgent.
    pub min_peers: usize,
    /// With so many peers it calls nobody.
    pub target_peers: usize,
    /// It takes no more than so many.
    pub max_peers: usize,
}

/// A node that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FoundPeer {
    /// Where: the URL of its API, or its P2P address.
    pub name: String,
    /// What it calls itself, if it was asked.
    pub node_id: Option<String>,
    /// Its P2P address, if known.
    pub address: Option<String>,
    /// The height of its chain, if it was asked.
    pub height: Option<i64>,
    /// Whether it is a peer now.
    pub is_peer: bool,
    /// What became of it, in words.
    pub outcome: String,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Search {
    /// The nodes.
    pub found: Vec<FoundPeer>,
    /// How many ports were asked.
    pub ports: usize,
}

/// Why a peer was not added. The texts are for people and name what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddPeerError {
    /// The text names no peer.
    #[error("{0}")]
    Name(String),
    /// The node there is no peer for this one: it follows another chain, or is this node itself.
    #[error("{0}")]
    Unfit(String),
    /// Nobody answers there.
    #[error("{0}")]
    Unreachable(String),
    /// There is no network now.
    #[error("{0}")]
    Off(String),
}

/// The network of a running node. Methods may wait; none is called on an async runtime's thread.
pub trait Network: Send + Sync {
    /// All peers, the oldest first.
    fn peers(&self) -> Vec<PeerInfo>;
    /// The node's place among its peers.
    fn presence(&self) -> Presence;
    /// Looks for peers now, and connects to those that are wanted.
    fn discover(&self) -> Search;
    /// Connects to a peer, named as `http://host:port` of its API or `host:port` of its P2P port, and keeps
    /// connected. ([`Network::add`] only notes whom to call.)
    fn join(&self, name: &str) -> Result<FoundPeer, AddPeerError>;
    /// Asks all peers for a sign of life.
    fn ping(&self);
    /// What went through all connections.
    fn totals(&self) -> NetTotals;
    /// Whether the node calls others on a network by itself, by the network's name in Core's words.
    fn reaches(&self, network: &str) -> bool;
    /// Whether transactions are taken from peers.
    fn takes_txs(&self) -> bool;
    /// The median of how many seconds the clocks of peers that we called are ahead of ours.
    fn time_offset(&self) -> i64;
    /// Whether connections may be made.
    fn is_active(&self) -> bool;
    /// Allows connections, or ends all.
    fn set_active(&self, active: bool);
    /// This node's own addresses, as told to peers.
    fn local_addresses(&self) -> Vec<LocalAddress>;
    /// Calls a peer once, by the encrypted transport or in the open; what comes of it is only logged.
    fn try_once(&self, name: &str, encrypted: bool);
    /// Adds a peer to keep a connection to, called by the encrypted transport or in the open; `false` if it was added
    /// before.
    fn add(&self, name: &str, encrypted: bool) -> bool;
    /// Forgets such a peer; `false` if it was not added.
    fn remove(&self, name: &str) -> bool;
    /// The peers that were added.
    fn added(&self) -> Vec<AddedPeer>;
    /// Opens a connection of a kind, as the node would by itself, by the encrypted transport or in the open.
    fn open(&self, address: &str, kind: &str, encrypted: bool) -> Result<(), ConnectRefusal>;
    /// Ends the connection to an address; `false` if there is none.
    fn disconnect_address(&self, address: &str) -> bool;
    /// Ends a connection; `false` if there is none.
    fn disconnect_id(&self, id: u64) -> bool;
    /// Sends a message as it is; `false` if there is no such peer.
    fn send_raw(&self, id: u64, command: [u8; 12], payload: &[u8]) -> bool;
    /// Asks a peer for a block; the error is Core's text.
    fn fetch_block(&self, hash: &BlockHash, id: u64) -> NodeResult<Result<(), String>>;
    /// Bans an address or subnet until a time, or for some seconds (0: as long as usual).
    fn ban(&self, subnet: &str, time: i64, absolute: bool) -> Result<(), BanRefusal>;
    /// Lifts a ban.
    fn unban(&self, subnet: &str) -> Result<(), BanRefusal>;
    /// All bans.
    fn bans(&self) -> Vec<BanInfo>;
    /// Lifts all bans.
    fn clear_bans(&self);
    /// Known addresses, `max` at most (0: all), of one network if one is named; `None` if it is none.
    fn addresses(&self, max: usize, network: Option<&str>) -> Option<Vec<KnownAddress>>;
    /// How many addresses are known.
    fn address_counts(&self) -> Vec<AddressCount>;
    /// The tables of known addresses: those never connected to, those connected to once.
    fn address_tables(&self) -> [Vec<AddressPlace>; 2];
    /// Adds a known address; `None` if it is none, else whether it has a place now, or why not.
    fn add_address(&self, address: &str, port: u16, tried: bool) -> Option<Result<(), &'static str>>;
    /// Does now what is due in the next seconds.
    fn advance(&self, seconds: i64);
}
