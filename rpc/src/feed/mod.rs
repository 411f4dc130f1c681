//! The feed: how programs of others follow the chain and the mempool.
//!
//! `GET /rest/chain/updates` and the WebSocket subscription `subscribe_chain` answer with the same thing, a [`Step`]: the
//! way from a block that the reader knows to the active chain. Nothing is queued for a reader of the chain: what it is
//! sent next is worked out when it is ready for it, from the last block that it was sent, so that a slow one, or one that
//! comes back after a week, neither misses a block nor mistakes a reorganization, and costs the node nothing.
//! `subscribe_mempool` tells every arrival and departure in order, from a bounded ring that all readers share; one that
//! is too slow is told how many it has missed. `subscribe_tip` tells the tip, the newest one only.

mod chain;
mod mempool;
mod path;
mod tip;

pub use path::{BlockPlace, MAX_KNOWN, Step, step};

use crate::json::Json;
use crate::node::NodeRef;
use crate::registry::{RegistryBuilder, Warmup};
use jsonrpsee::Methods;
use jsonrpsee::types::{ErrorObjectOwned, Params};

/// Adds the subscriptions to what WebSockets serve.
pub fn register(builder: &mut RegistryBuilder, node: &NodeRef) {
    let warmup = builder.warmup();
    builder.add_feed(subscriptions(node.clone(), warmup));
}

/// The subscriptions of a node, which are refused until the warm-up is finished.
pub fn subscriptions(node: NodeRef, warmup: Warmup) -> Methods {
    let feed = Feed { node, warmup };
    let mut all = Methods::new();
    for more in [chain::methods(feed.clone()), mempool::methods(feed.clone()), tip::methods(feed)] {
        all.merge(more).expect("their names differ");
    }
    all
}

/// What subscriptions share.
#[derive(Clone)]
struct Feed {
    node: NodeRef,
    warmup: Warmup,
}

impl Feed {
    /// Refuses subscriptions while the node starts.
    fn check_started(&self) -> Result<(), ErrorObjectOwned> {
        self.warmup.check().map_err(refusal)
    }
}

fn refusal(error: crate::error::RpcError) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(error.code, error.message, None::<()>)
}

/// A subscription's argument, by place or by name.
fn argument(params: &Params<'_>, name: &str) -> Json {
    let params = params.as_str().and_then(|text| Json::parse(text.as_bytes())).unwrap_or_default();
    match &params {
        Json::Array(values) => values.first().cloned().unwrap_or_default(),
        other => other.member(name).cloned().unwrap_or_default(),
    }
}
