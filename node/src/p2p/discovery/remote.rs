//! What a node's API says of the node, and whether it is a peer for this one.

use super::Identity;
use super::http::FetchError;
use crate::p2p::connection::ConnectError;
use crate::p2p::wire::sanitized;
use serde::Deserialize;

/// The longest name of a node that is repeated, in bytes.
const MAX_NAME: usize = 64;

/// What is used of `GET /status`. What an older node leaves out is as if it did not listen.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RemoteStatus {
    #[serde(default)]
    node_id: String,
    #[serde(default)]
    pub(super) instance: String,
    #[serde(default)]
    chain: String,
    #[serde(default)]
    genesis_hash: String,
    #[serde(default)]
    p2p_port: Option<u16>,
    #[serde(default)]
    blockchain_length: u64,
}

/// What is used of `GET /getpeers`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RemotePeers {
    /// The P2P addresses of nodes that it has called and that are its peers.
    #[serde(default)]
    pub(super) peers: Vec<String>,
    /// The connections that it made itself.
    #[serde(default)]
    pub(super) connections: Vec<RemoteConnection>,
}

/// A connection that another node made.
#[derive(Debug, Deserialize)]
pub(super) struct RemoteConnection {
    /// That node's end of it.
    #[serde(default)]
    pub(super) local_address: Option<String>,
    /// What it is for, in the words of `getpeerinfo`.
    #[serde(default)]
    pub(super) connection_type: String,
}

/// Why a node is not used.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It cannot be asked.
    #[error("{url}: {source}")]
    Fetch {
        /// Which.
        url: String,
        /// Why.
        source: FetchError,
    },
    /// It is this node.
    #[error("{0} is this node itself")]
    Itself(String),
    /// It follows another chain.
    #[error("{url} is a node of chain '{theirs}', this one is of '{ours}'")]
    OtherChain {
        /// Which.
        url: String,
        /// Its chain.
        theirs: String,
        /// Our chain.
        ours: String,
    },
    /// Its chain has the same name and is another one.
    #[error("{url} is a node of another chain '{chain}': its genesis block is {theirs}, ours is {ours}")]
    OtherGenesis {
        /// Which.
        url: String,
        /// The name of both chains.
        chain: String,
        /// Its genesis.
        theirs: String,
        /// Our genesis.
        ours: String,
    },
    /// Nobody can connect to it.
    #[error("{0} does not listen for peers")]
    NotListening(String),
    /// It ended the connection before it was one to work with.
    #[error("{0} ended the connection, or was left, during the handshake; debug.log may tell why")]
    Ended(String),
    /// Its P2P port does not answer.
    #[error("{0}")]
    Connect(#[from] ConnectError),
}

impl Refusal {
    /// Whether asking again is of little use: only another node at that place could be a peer.
    pub(super) fn is_lasting(&self) -> bool {
        matches!(self, Self::Itself(_) | Self::OtherChain { .. } | Self::OtherGenesis { .. })
    }
}

/// Text of others for the log and for answers: short and without control characters.
fn clean(text: &str) -> String {
    sanitized(&text.as_bytes()[..text.len().min(MAX_NAME)])
}

impl RemoteStatus {
    pub(super) fn node_id(&self) -> String {
        clean(&self.node_id)
    }

    pub(super) fn height(&self) -> i64 {
        i64::try_from(self.blockchain_length).unwrap_or(i64::MAX) - 1
    }

    /// The node's P2P port, if it is a peer for us.
    pub(super) fn judge(&self, url: &str, us: &Identity) -> Result<u16, Refusal> {
        if self.instance == us.instance {
            return Err(Refusal::Itself(url.into()));
        }
        if self.chain != us.chain {
            let (theirs, ours) = (clean(&self.chain), us.chain.clone());
            return Err(Refusal::OtherChain { url: url.into(), theirs, ours });
        }
        if self.genesis_hash != us.genesis {
            return Err(Refusal::OtherGenesis {
                url: url.into(),
                chain: us.chain.clone(),
                theirs: clean(&self.genesis_hash),
                ours: us.genesis.clone(),
            });
        }
        self.p2p_port.filter(|port| *port != 0).ok_or_else(|| Refusal::NotListening(url.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us() -> Identity {
        Identity { instance: "me".into(), chain: "chaincore".into(), genesis: "00aa".into() }
    }

    fn judged(status: &str) -> Result<u16, String> {
        let status: RemoteStatus = serde_json::from_str(status).unwrap();
        status.judge("http://x:1", &us()).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn only_other_nodes_of_the_chain_that_listen_are_peers() {
        let good =
            r#"{"instance":"you","chain":"chaincore","genesis_hash":"00aa","p2p_port":8001,"more":[]}"#;
        assert_eq!(judged(good), Ok(8001));
        let errors = [
            (good.replace("you", "me"), "http://x:1 is this node itself"),
            (
                good.replace("chaincore", "town\\u001b[31m"),
                "http://x:1 is a node of chain 'town31m', this one is of 'chaincore'",
            ),
            (
                good.replace("00aa", "00bb"),
                "http://x:1 is a node of another chain 'chaincore': its genesis block is 00bb, ours is 00aa",
            ),
            (good.replace("8001", "null"), "http://x:1 does not listen for peers"),
            (good.replace("8001", "0"), "http://x:1 does not listen for peers"),
            ("{}".into(), "http://x:1 is a node of chain '', this one is of 'chaincore'"),
        ];
        for (status, error) in errors {
            assert_eq!(judged(&status), Err(error.into()));
        }
    }

    #[test]
    fn names_of_others_are_short_and_plain() {
        let status = format!(r#"{{"node_id":"\u00e9{}\n"}}"#, "x".repeat(500));
        let status: RemoteStatus = serde_json::from_str(&status).unwrap();
        assert_eq!(status.node_id(), "x".repeat(MAX_NAME - 2));
    }
}
