//! Peers.

use chaincore_rpc::conf::{Conf, ConfError};

use super::api::split_host_port;

/// What the user agent may grow to, in characters (Core's limit).
const MAX_USER_AGENT: usize = 256;

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
    pub bootstrap: Vec<String>,
    /// Peers to keep a connection to.
    pub add: Vec<String>,
    /// The only peers to connect to; `Some` of nothing for none.
    pub connect: Option<Vec<String>>,
    /// Most connections that the node keeps by itself.
    pub max_connections: u32,
    /// Comments in the user agent, checked against BIP14.
    pub comments: Vec<String>,
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
        for comment in &comments {
            let safe = |c: char| c.is_ascii_alphanumeric() || " .,;-_?@".contains(c);
            if !comment.chars().all(safe) {
                let text = format!("User Agent comment ({comment}) contains unsafe characters.");
                return Err(ConfError::Value(text));
            }
        }
        // The rest of the agent is `/Satoshi:31.0.0(…)/ChainCore:x.y.z/`.
        let agent = comments.join("; ").len() + 40;
        if agent > MAX_USER_AGENT {
            return Err(ConfError::Value(format!(
                "Total length of network version string ({agent}) exceeds maximum length ({MAX_USER_AGENT}). Reduce \
                 the number or size of uacomments."
            )));
        }
        let bootstrap = settings.list("bootstrap-nodes");
        let connect = match settings.is_negated("connect") {
            true => Some(Vec::new()),
            // Core's `connect=0`, which harnesses write, is the same as -noconnect.
            false => settings.is_set("connect").then(|| settings.list("connect")),
        };
        Ok(Self {
            port,
            listen: settings.switch_or("listen", true)?,
            discover: settings.switch_or("discover", true)?,
            bootstrap: bootstrap
                .iter()
                .flat_map(|list| list.split(','))
                .map(|peer| peer.trim().to_owned())
                .filter(|peer| !peer.is_empty())
                .collect(),
            add: settings.list("addnode"),
            connect: connect.map(|peers| peers.into_iter().filter(|peer| peer != "0").collect()),
            max_connections: settings.number("maxconnections", 0..=1_000_000)?.unwrap_or(125),
            binds,
            comments,
        })
    }
}
