//! What the REST paths know of a node's peers: the trait [`Peering`] and its plain data. The rules for implementers
//! are those of [`crate::node::Node`].

/// A node's place in its network, for people and for other nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Presence {
    /// A number of this process, as text: by it a node that finds its own API knows itself.
    pub instance: String,
    /// The port that it waits for peers at; `None` if it does not.
    pub p2p_port: Option<u16>,
    /// Whether connections may be made.
    pub active: bool,
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
    /// Bytes sent to peers since the start.
    pub bytes_sent: u64,
    /// Bytes received from peers since the start.
    pub bytes_received: u64,
    /// How many addresses of nodes it knows.
    pub known_addresses: u64,
}

/// A peer. Times are seconds since 1970 by the node's clock.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Neighbour {
    /// Counts the connections of the process.
    pub id: u64,
    /// Where it is; of one that called, the port it called from.
    pub address: String,
    /// Our end of the connection.
    pub local_address: Option<String>,
    /// What it calls itself to people, if it does.
    pub node_id: Option<String>,
    /// Its user agent.
    pub user_agent: String,
    /// Whether it called.
    pub inbound: bool,
    /// What the connection is for, in the words of `getpeerinfo`.
    pub kind: &'static str,
    /// Whether both have said hello, and proved themselves where that is asked for.
    pub ready: bool,
    /// The height of the best block that it is known to have, or said to have when it connected.
    pub height: Option<i64>,
    /// Since when.
    pub since: i64,
    /// When it last sent anything; 0 for never.
    pub last_seen: i64,
    /// How long the last ping took, in microseconds.
    pub ping: Option<i64>,
    /// Bytes sent to it.
    pub bytes_sent: u64,
    /// Bytes received from it.
    pub bytes_received: u64,
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

/// A node among its peers.
pub trait Peering {
    /// Its place in the network.
    fn presence(&self) -> Presence;
    /// Its peers, the oldest first.
    fn neighbours(&self) -> Vec<Neighbour>;
    /// Looks for peers now, and connects to those that are wanted.
    fn discover_peers(&self) -> Search;
    /// Connects to a peer, named as `http://host:port` of its API or `host:port` of its P2P port, and keeps
    /// connected.
    fn add_peer(&self, name: &str) -> Result<FoundPeer, AddPeerError>;
}
