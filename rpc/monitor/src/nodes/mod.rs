//! Nodes and what they say over REST: public paths, no password, and answers that are not trusted to be short.

mod endpoint;
mod miner;
mod replies;

pub use endpoint::Endpoint;
pub use miner::Miner;
pub use replies::{BlockReply, Blocks, PeerList, RecentBlock, Stats, Status, TxReply};

use chaincore_rpc::client::{Client, ClientError, ClientOptions, Credentials};
use hyper::Method;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// The longest answer that is no list of blocks, in bytes.
const SHORT_ANSWER: usize = 4 << 20;
/// The longest answer with blocks: one block of four million weight units has about nine million bytes in JSON.
pub const LONG_ANSWER: usize = 64 << 20;

/// Why a node told nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// There is no connection, or it broke.
    #[error("no answer: {0}")]
    Unreachable(String),
    /// The node said no.
    #[error("HTTP {status}: {message}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the node said.
        message: String,
    },
    /// The answer is longer than it may be.
    #[error("an answer of more than {0} bytes")]
    TooLong(usize),
    /// Something answered that is not a ChainCore node.
    #[error("not a ChainCore node: {0}")]
    Odd(String),
}

/// One node's REST.
#[derive(Debug)]
pub struct NodeApi {
    /// Where it is.
    pub endpoint: Endpoint,
    client: Client,
}

impl NodeApi {
    /// A node that must answer within `timeout`.
    pub fn new(endpoint: Endpoint, timeout: Duration) -> Self {
        let client = Client::new(ClientOptions {
            host: endpoint.host.clone(),
            port: endpoint.port,
            path: "/".into(),
            credentials: Credentials::None,
            timeout: Some(timeout),
        });
        Self { endpoint, client }
    }

    /// `GET /status`.
    pub async fn status(&self) -> Result<Status, NodeError> {
        self.get("/status", SHORT_ANSWER).await
    }

    /// `GET /stats`.
    pub async fn stats(&self) -> Result<Stats, NodeError> {
        self.get("/stats", SHORT_ANSWER).await
    }

    /// `GET /peers`.
    pub async fn peers(&self) -> Result<PeerList, NodeError> {
        self.get("/peers", SHORT_ANSWER).await
    }

    /// `GET /blocks/range`: the blocks of the active chain from `start` to `end`, as many of them as there are.
    pub async fn blocks(&self, start: u32, end: u32) -> Result<Vec<BlockReply>, NodeError> {
        let path = format!("/blocks/range?start={start}&end={end}");
        let blocks: Blocks = self.get(&path, LONG_ANSWER).await?;
        Ok(blocks.blocks)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, most: usize) -> Result<T, NodeError> {
        let reply =
            self.client.http_within(Method::GET, path, "", most).await.map_err(|error| match error {
                ClientError::TooLong(most) => NodeError::TooLong(most),
                ClientError::Connect { source, .. } => NodeError::Unreachable(source.to_string()),
                ClientError::Timeout(limit) => NodeError::Unreachable(format!("nothing within {limit:?}")),
                other => NodeError::Unreachable(other.to_string()),
            })?;
        if reply.status != 200 {
            return Err(refused(reply.status, &reply.body));
        }
        serde_json::from_slice(&reply.body).map_err(|error| NodeError::Odd(format!("GET {path}: {error}")))
    }
}

/// What stands in `{"error":{"message":…}}`, or the beginning of whatever was sent.
fn refused(status: u16, body: &[u8]) -> NodeError {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = json.as_ref().and_then(|json| {
        let error = json.get("error")?;
        error.get("message").unwrap_or(error).as_str().map(str::to_owned)
    });
    let message =
        message.unwrap_or_else(|| String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned());
    NodeError::Refused { status, message: crate::text::clean(message.trim(), 200) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_the_node_said() {
        let error = refused(503, br#"{"error":{"code":"starting","message":"Loading\u001b block index"}}"#);
        assert_eq!(error.to_string(), "HTTP 503: Loading block index");
        assert_eq!(refused(404, b"<html>no").to_string(), "HTTP 404: <html>no");
    }
}
