//! Blocks of the active chain, streamed one at a time from one view of the chain.

use super::shapes::RestBlock;
use super::stream::stream;
use super::{Answer, Request, Rest, RestError};
use crate::node::{ChainView, Node};
use crate::value::{Object, to_json_string};
use hyper::StatusCode;
use std::sync::Arc;

/// How many blocks one range may span.
pub const MAX_RANGE: u32 = 1000;
/// Blocks from `start` on, read as they are wanted.
fn blocks(
    rest: &Rest,
    chain: Arc<dyn ChainView>,
    start: u32,
    count: u32,
) -> impl Iterator<Item = Result<String, String>> + Send + use<> {
    let node = rest.0.node.clone();
    let block = move |height: u32| {
        block_json(&*node, &*chain, height).map_err(|reason| format!("block {height}: {reason}"))
    };
    (start..start + count).map(block)
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
    Ok(stream(rest, head, "chain", blocks(rest, chain, start, count)))
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
    Ok(stream(rest, head, "blocks", blocks(rest, chain, start, count)))
}
