//! Methods that wait for the tip. They hold no thread meanwhile.

use super::reply;
use crate::error::RpcError;
use crate::node::{NodeRef, Tip};
use crate::registry::{Call, CallResult};
use chaincore_consensus::BlockHash;
use serde::Serialize;
use std::time::Duration;

#[derive(Serialize)]
struct TipJson {
    hash: BlockHash,
    height: u32,
}

/// A timeout in milliseconds; 0 and absent are for ever.
fn timeout(call: &Call, index: usize) -> Result<Option<Duration>, RpcError> {
    match call.args.opt_int::<i32>(index)?.unwrap_or(0) {
        0 => Ok(None),
        milliseconds => u64::try_from(milliseconds)
            .map(|milliseconds| Some(Duration::from_millis(milliseconds)))
            .map_err(|_| RpcError::misc("Negative timeout")),
    }
}

/// The first tip that `enough` is true of, or the one at the timeout or the node's stop.
async fn wait(node: NodeRef, timeout: Option<Duration>, enough: impl Fn(&Tip) -> bool + Send) -> CallResult {
    let mut tips = node.tip_watch();
    let found = async {
        let _closed = tips.wait_for(|tip| enough(tip)).await.is_err();
    };
    match timeout {
        None => found.await,
        Some(timeout) => {
            let _timed_out = tokio::time::timeout(timeout, found).await.is_err();
        }
    }
    let tip = *tips.borrow();
    reply(&TipJson { hash: tip.hash, height: tip.height })
}

pub async fn waitfornewblock(node: NodeRef, call: Call) -> CallResult {
    let timeout = timeout(&call, 0)?;
    let known = call.args.opt_hash(1, "current_tip")?.unwrap_or_else(|| node.tip_watch().borrow().hash);
    wait(node, timeout, move |tip| tip.hash != known).await
}

pub async fn waitforblock(node: NodeRef, call: Call) -> CallResult {
    let wanted: BlockHash = call.args.hash(0, "blockhash")?;
    let timeout = timeout(&call, 1)?;
    wait(node, timeout, move |tip| tip.hash == wanted).await
}

pub async fn waitforblockheight(node: NodeRef, call: Call) -> CallResult {
    let height: i32 = call.args.int(0)?;
    let timeout = timeout(&call, 1)?;
    wait(node, timeout, move |tip| i64::from(tip.height) >= i64::from(height)).await
}
