//! Peers.

use crate::p2p::discovery::PeerName;
use crate::p2p::permissions::{PermissionError, WhiteBind, Whitelist};
use chaincore_rpc::conf::{Conf, ConfError};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use super::ReachConfig;
use super::api::split_host_port;

/// The names of Bitcoin's own chains; all others are ChainCore's.
pub(super) const BITCOIN_CHAINS: &[&str] = &["main", "test", "testnet4", "signet", "regtest"];

/// What the user agent may grow to, in characters (Core's limit).
const MAX_USER_AGENT: usize = 256;

/// How many peers the node calls by itself, as Core does on Bitcoin's chains.
const CORE_TARGET: usize = 8;
const CORE_BLOCK_RELAY: usize = 2;
const CORE_MAX: u32 = 125;

/// How many peers a ChainCore network aims at: below the first number the search is urgent, with the second it
/// ends, and more than the third are not taken.
const MIN_PEERS: usize = 2;
const TARGET_PEERS: usize = 6;
const MAX_PEERS: u32 = 12;

/// The ports of this machine where the APIs of other nodes are looked for.
const DISCOVERY_RANGE: RangeInclusive<u16> = 5000..=5100;
/// The most ports that a range may have.
const MAX_RANGE: usize = 4096;

/// How often peers are pinged and how long they may take to answer, in seconds: as Core does, and on ChainCore's
/// networks, whose blocks come every few seconds.
const CORE_PING: (i64, i64) = (120, 20 * 60);
const CHAINCORE_PING: (i64, i64) = (30, 120);

/// The longest name of a node, in characters.
const MAX_NODE_ID: usize = 64;

/// How the node finds and meets peers.
#[derive(Debug, Clone)]
pub struct PeersConfig {
    /// The port that peers connect to.
    pub port: u16,
    /// Where to listen; empty for everywhere. A tag such as `=onion` is left on it.
    pub binds: Vec<String>,
    /// Whether to listen at all.
    pub listen: bool,
    /// Whether to look for peers.
    pub discover: bool,
    /// First peers: `host:port`, or the URL of a node's API.
    pub bootstrap: Vec<PeerName>,
    /// The ports of this machine where nodes are looked for; `None` on Bitcoin's chains.
    pub discovery_range: Option<RangeInclusive<u16>>,
    /// Below so many peers the search for more is urgent.
    pub min_peers: usize,
    /// Whether peers are counted as on ChainCore's networks: whoever called.
    pub counts_all: bool,
    /// The file of the secret that peers must know.
    pub secret: Option<PathBuf>,
    /// The file of the keys that peers may have.
    pub keys: Option<PathBuf>,
    /// The file of this node's key.
    pub node_key: PathBuf,
    /// How often peers are pinged, in seconds.
    pub ping_interval: i64,
    /// How long a pong may take, in seconds.
    pub ping_timeout: i64,
    /// Peers to keep a connection to.
    pub add: Vec<String>,
    /// The only peers to connect to; `Some` of nothing for none.
    pub connect: Option<Vec<String>>,
    /// Most connections that the node keeps by itself.
    pub max_connections: u32,
    /// Comments in the user agent, checked against BIP14.
    pub comments: Vec<String>,
    /// Whether connections may be made at all.
    pub active: bool,
    /// Where to listen with permissions for all who call there.
    pub white_binds: Vec<WhiteBind>,
    /// How many full outbound connections to keep.
    pub target_outbound: usize,
    /// How many outbound connections for blocks alone to keep.
    pub target_block_relay: usize,
    /// Peers to ask for addresses.
    pub seeds: Vec<String>,
    /// Addresses at which this node can be reached.
    pub external: Vec<String>,
    /// On which networks peers are called, where first ones come from, and how much is sent.
    pub reach: ReachConfig,
    /// Whether names may be looked up.
    pub dns: bool,
    /// Whether no transactions are taken from peers.
    pub blocks_only: bool,
    /// How long a peer may take to say hello, in seconds.
    pub peer_timeout: i64,
    /// How long a connection may take to be made.
    pub dial_timeout: Duration,
    /// How many bytes of a peer's messages may wait.
    pub max_receive: usize,
    /// How many bytes for a peer may wait.
    pub max_send: usize,
    /// Who is allowed what.
    pub whitelist: Whitelist,
    /// Whether block filters are served.
    pub serve_filters: bool,
    /// Whether the encrypted transport is spoken.
    pub encrypted: bool,
    /// How long a ban lasts if nothing else is said, in seconds.
    pub ban_time: i64,
}

impl PeersConfig {
    pub(super) fn read(conf: &Conf) -> Result<Self, ConfError> {
        let settings = &conf.settings;
        let port = settings.port("port")?.unwrap_or(conf.chain.params.p2p_port);
        let binds = settings.list("bind");
        for bind in &binds {
            let address = bind.rsplit_once('=').map_or(bind.as_str(), |(address, _)| address);
            if split_host_port(address).is_none() {
                return Err(ConfError::Value(format!("Invalid port specified in -bind: '{bind}'")));
            }
        }
        let comments = settings.list("uacomment");
        let safe = |c: char| c.is_ascii_alphanumeric() || " .,;-_?@".contains(c);
        let node_id = settings.text("node-id").unwrap_or_default();
        if !node_id.chars().all(safe) || node_id.len() > MAX_NODE_ID {
            return Err(ConfError::Value(format!(
                "Invalid -node-id '{node_id}': it must have at most {MAX_NODE_ID} letters, digits and characters of \" \
                 .,;-_?@\"."
            )));
        }
        for comment in &comments {
            if !comment.chars().all(safe) {
                let text = format!("User Agent comment ({comment}) contains unsafe characters.");
                return Err(ConfError::Value(text));
            }
        }
        // The rest of the agent is `/Satoshi:31.0.0(…)/ChainCore:x.y.z/`.
        let agent = comments.join("; ").len() + node_id.len() + 40;
        if agent > MAX_USER_AGENT {
            return Err(ConfError::Value(format!(
                "Total length of network version string ({agent}) exceeds maximum length ({MAX_USER_AGENT}). Reduce \
                 the number or size of uacomments."
            )));
        }
        let wrong = |error: PermissionError| ConfError::Value(error.to_string());
        let blocks_only = settings.switch_or("blocksonly", false)?;
        let relay = settings.switch_or("whitelistrelay", !blocks_only)?;
        let mut whitelist = Whitelist::new(relay, settings.switch_or("whitelistforcerelay", false)?, false);
        for text in settings.list("whitelist") {
            whitelist.add(&text).map_err(wrong)?;
        }
        let white_binds = settings.list("whitebind").into_iter().map(|text| WhiteBind::parse(&text));
        let white_binds = white_binds.collect::<Result<Vec<_>, _>>().map_err(wrong)?;
        let is_chaincore = !BITCOIN_CHAINS.contains(&conf.chain.params.name.as_str());
        let bootstrap = settings.list("bootstrap-nodes");
        let bootstrap = bootstrap.iter().flat_map(|list| list.split(',')).map(str::trim);
        let bootstrap = bootstrap.filter(|peer| !peer.is_empty()).map(|peer| {
            peer.parse().map_err(|error| ConfError::Value(format!("Invalid -bootstrap-nodes: {error}.")))
        });
        let range = match settings.text("peer-discovery-range").filter(|text| !text.is_empty()) {
            Some(text) => Some(discovery_range(&text)?),
            None => is_chaincore.then_some(DISCOVERY_RANGE),
        };
        let file = |name: &str| settings.text(name).filter(|path| !path.is_empty());
        let (ping_interval, ping_timeout) = if is_chaincore { CHAINCORE_PING } else { CORE_PING };
        let connect = match settings.is_negated("connect") {
            true => Some(Vec::new()),
            // Core's `connect=0`, which harnesses write, is the same as -noconnect.
            false => settings.is_set("connect").then(|| settings.list("connect")),
        };
        let max_connections = match settings.number::<i64>("maxconnections", i64::MIN..=1_000_000)? {
            Some(most) => u32::try_from(most).map_err(|_| {
                ConfError::Value("-maxconnections must be greater or equal than zero".to_string())
            })?,
            None if is_chaincore => MAX_PEERS,
            None => CORE_MAX,
        };
        let peer_timeout = settings.number::<i64>("peertimeout", i64::MIN..=i64::MAX)?.unwrap_or(60);
        if peer_timeout < 1 {
            return Err(ConfError::Value("peertimeout must be a positive integer.".to_string()));
        }
        // Who is told whom to call needs no seeds, as in Core.
        let is_alone = connect.is_some() || max_connections == 0;
        Ok(Self {
            port,
            listen: settings.switch_or("listen", true)?,
            discover: settings.switch_or("discover", true)?,
            bootstrap: bootstrap.collect::<Result<_, _>>()?,
            // Bitcoin's own chains have nothing of the kind.
            discovery_range: range.filter(|_| is_chaincore),
            min_peers: MIN_PEERS,
            counts_all: is_chaincore,
            secret: file("peersecret").map(|path| conf.chain_path(&path)),
            keys: file("peerkeys").map(|path| conf.chain_path(&path)),
            node_key: conf.chain_path(file("nodekey").as_deref().unwrap_or("node_key")),
            ping_interval: settings.number("pinginterval", 1..=86_400)?.unwrap_or(ping_interval),
            ping_timeout: settings.number("pingtimeout", 1..=86_400)?.unwrap_or(ping_timeout),
            add: settings.list("addnode"),
            connect: connect.map(|peers| peers.into_iter().filter(|peer| peer != "0").collect()),
            max_connections,
            active: settings.switch_or("networkactive", true)?,
            white_binds,
            target_outbound: if is_chaincore { TARGET_PEERS } else { CORE_TARGET },
            target_block_relay: if is_chaincore { 0 } else { CORE_BLOCK_RELAY },
            seeds: settings.list("seednode"),
            external: settings.list("externalip"),
            reach: ReachConfig::read(conf, is_alone)?,
            dns: settings.switch_or("dns", true)?,
            blocks_only,
            peer_timeout,
            dial_timeout: Duration::from_millis(settings.number("timeout", 1..=600_000)?.unwrap_or(5_000)),
            max_receive: settings.number("maxreceivebuffer", 0..=1_000_000)?.unwrap_or(5_000) * 1_000,
            max_send: settings.number("maxsendbuffer", 0..=1_000_000)?.unwrap_or(1_000) * 1_000,
            whitelist,
            serve_filters: settings.switch_or("peerblockfilters", false)?,
            encrypted: settings.switch_or("v2transport", true)?,
            ban_time: settings.number("bantime", 1..=i64::MAX)?.unwrap_or(24 * 60 * 60),
            binds,
            comments,
        })
    }
}

/// `5000-5100`, or one port.
fn discovery_range(text: &str) -> Result<RangeInclusive<u16>, ConfError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |digits: &str| digits.trim().parse::<u16>().ok().filter(|port| *port != 0);
    let range = port(first).zip(port(last)).map(|(first, last)| first..=last);
    range.filter(|range| (1..=MAX_RANGE).contains(&range.len())).ok_or_else(|| {
        ConfError::Value(format!(
            "Invalid -peer-discovery-range '{text}': it must be two ports such as 5000-5100, at most {MAX_RANGE} of \
             them."
        ))
    })
}
