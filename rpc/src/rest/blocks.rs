//! Blocks of the active chain, streamed one at a time from one view of the chain.

use super::shapes::RestBlock;
use super::{Answer, Request, Rest, RestError};
use crate::http::rest::{RestResponse, RestStreamError};
use crate::node::{ChainView, Node};
use crate::value::{Object, to_json_string};
use hyper::StatusCode;
use hyper::body::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc;

/// How many blocks one range may span.
pub const MAX_RANGE: u32 = 1000;
/// How many pieces wait for a slow reader before the next block is read.
const PIECES_AHEAD: usize = 2;

/// Streams `{…head, "list":[blocks]}` for `count` blocks from `start` on.
fn stream(
    rest: &Rest,
    chain: Arc<dyn ChainView>,
    head: Object,
    list: &str,
    start: u32,
    count: u32,
) -> RestResponse {
    let (pieces, body) = mpsc::channel(PIECES_AHEAD);
    let mut opening = head.into_json();
    opening.pop();
    opening.push_str(&format!(",\"{list}\":["));
    let node = rest.0.node.clone();
    // Only reading a block needs a thread that may block; waiting for a slow reader needs none.
    tokio::spawn(async move {
        let mut piece = opening;
        for height in start..start + count {
            let (reader, view) = (node.clone(), chain.clone());
            let block = tokio::task::spawn_blocking(move || block_json(&*reader, &*view, height)).await;
            let block = block.unwrap_or_else(|_| Err("the reader failed".into()));
            let broken = match block {
                Ok(_) if node.is_stopping() => Some("the node is stopping".to_owned()),
                Ok(block) => {
                    if height > start {
                        piece.push(',');
                    }
                    piece.push_str(&block);
                    None
                }
                Err(reason) => {
                    tracing::error!(height, %reason, "a block of the active chain cannot be read");
                    Some(format!("block {height}: {reason}"))
                }
            };
            let next = match broken {
                None => Ok(Bytes::from(std::mem::take(&mut piece))),
                Some(reason) => Err(RestStreamError(reason)),
            };
            let last = next.is_err();
            if pieces.send(next).await.is_err() || last {
                return;
            }
        }
        piece.push_str("]}\n");
        // The reader may have gone: nothing is left to do for it.
        let _gone = pieces.send(Ok(Bytes::from(piece))).await.is_err();
    });
    RestResponse::stream("application/json", body)
}

fn block_json(node: &dyn Node, chain: &dyn ChainView, height: u32) -> Result<String, String> {
    let info = chain.at_height(height).ok_or("no such height")?;
    let block = node.block(&info.hash).map_err(|error| error.to_string())?.ok_or("not on disk")?;
    to_json_string(&RestBlock::new(&info, &block, node.params())).map_err(|error| error.to_string())
}

/// `GET /blockchain`.
pub fn blockchain(rest: &Rest, request: &Request) -> Answer {
    let chain = rest.node().chain();
    let length = chain.tip().height + 1;
    let start: u32 = request.number("start")?.unwrap_or(0);
    let limit: u32 = request.number("limit")?.unwrap_or(u32::MAX);
    let count = length.saturating_sub(start).min(limit);
    let end = start.saturating_add(count);
    let next = Some(end).filter(|end| *end < length && count > 0);
    let head =
        Object::new().with("length", &length).with("start", &start).with("count", &count).with("next", &next);
    Ok(stream(rest, chain, head, "chain", start, count))
}

/// `GET /blocks/range`.
pub fn range(rest: &Rest, request: &Request) -> Answer {
    let missing = |name: &str| {
        RestError::bad_request("bad_parameter", format!("{name} is missing: ?start=HEIGHT&end=HEIGHT"))
    };
    let start: u32 = request.number("start")?.ok_or_else(|| missing("start"))?;
    let end: u32 = request.number("end")?.ok_or_else(|| missing("end"))?;
    if start > end {
        let message = format!("start {start} is above end {end}");
        return Err(RestError::bad_request("bad_range", message));
    }
    let span = u64::from(end) - u64::from(start) + 1;
    if span > u64::from(MAX_RANGE) {
        let message = format!("{start} to {end} are {span} blocks; one answer holds at most {MAX_RANGE}");
        return Err(RestError::bad_request("range_too_large", message));
    }
    let chain = rest.node().chain();
    let height = chain.tip().height;
    if start > height {
        let message = format!("start {start} is above the chain's height {height}");
        return Err(RestError::new(StatusCode::NOT_FOUND, "not_found", message));
    }
    let end = end.min(height);
    let count = end - start + 1;
    let head = Object::new().with("start", &start).with("end", &end).with("count", &count);
    Ok(stream(rest, chain, head, "blocks", start, count))
}
