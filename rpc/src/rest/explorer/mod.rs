//! What pictures of the chain need beyond Esplora: figures of many blocks in one answer, who mines, what a text names, and
//! which plugins run.
//!
//! Everything here is bounded: blocks by [`MAX_BLOCKS`], bytes that are read for one answer by [`READ_BUDGET`]. What an
//! answer had no time to read is null in it, and `complete` is false; asked again, it goes on.

mod charts;
mod plugins;
pub mod routes;
mod search;

use super::facts::BlockFacts;
use super::{Request, Rest, RestError};
use crate::node::{BlockInfo, ChainView};
use std::sync::Arc;

/// How many blocks one answer looks at, if nothing is said and at most.
const BLOCKS: u32 = 144;
const MAX_BLOCKS: u32 = 1008;

/// Bytes of blocks that are read for one answer.
const READ_BUDGET: usize = 64 << 20;

/// Blocks of the active chain, the oldest first, with what is known of each.
struct Span {
    blocks: Vec<(BlockInfo, Option<Arc<BlockFacts>>)>,
    complete: bool,
}

/// The blocks that a request asks for: `blocks` of them up to the height `end`.
fn span(rest: &Rest, chain: &dyn ChainView, request: &Request) -> Result<Span, RestError> {
    let wanted = request.number("blocks")?.unwrap_or(BLOCKS);
    if !(1..=MAX_BLOCKS).contains(&wanted) {
        let message = format!("blocks must be from 1 to {MAX_BLOCKS}, not {wanted}");
        return Err(RestError::bad_request("bad_parameter", message));
    }
    let tip = chain.tip().height;
    let end = request.number("end")?.unwrap_or(tip).min(tip);
    let mut budget = READ_BUDGET;
    let mut blocks = Vec::new();
    // The newest are read first: if not all can be, it is they who are looked at.
    for info in (0..wanted).map_while(|below| chain.at_height(end.checked_sub(below)?)) {
        let facts = rest.0.facts.within(rest.node(), &info, &mut budget)?;
        blocks.push((info, facts));
    }
    blocks.reverse();
    let complete = blocks.iter().all(|(_, facts)| facts.is_some());
    Ok(Span { blocks, complete })
}
