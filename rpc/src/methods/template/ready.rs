//! Whether the node has work for miners at all, by whatever way they ask.

use crate::error::{RpcError, code};
use crate::node::Node;

/// Why the node gives nobody work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoWork {
    /// A block that nobody hears of is lost.
    #[error("ChainCore is not connected!")]
    NotConnected,
    /// What is mined on an old tip is lost.
    #[error("ChainCore is in initial sync and waiting for blocks...")]
    InitialSync,
}

impl From<NoWork> for RpcError {
    fn from(why: NoWork) -> Self {
        let code = match why {
            NoWork::NotConnected => code::CLIENT_NOT_CONNECTED,
            NoWork::InitialSync => code::CLIENT_IN_INITIAL_DOWNLOAD,
        };
        Self::new(code, why.to_string())
    }
}

/// Says why there is no work, if there is none. Test chains always have some, as with Core: they may begin with one
/// node.
pub fn ready(node: &dyn Node) -> Result<(), NoWork> {
    if node.params().is_test_chain() {
        return Ok(());
    }
    let connections = node.connections();
    if connections.inbound + connections.outbound == 0 {
        return Err(NoWork::NotConnected);
    }
    if node.initial_block_download() { Err(NoWork::InitialSync) } else { Ok(()) }
}
