//! Blocks.

use super::lookup::{Spent, block, block_info, not_found};
use super::shapes::{BlockJson, TxJson};
use super::{PAGE, binary, immutable, text};
use crate::node::BlockInfo;
use crate::rest::{Answer, Request, Rest, RestError, json};
use chaincore_consensus::{BlockHash, hex};
use serde::Serialize;

/// How many blocks a list of blocks has.
const LISTED: u32 = 10;

/// The block as JSON. Its size and weight are known of its bytes alone.
fn shown(rest: &Rest, info: &BlockInfo) -> Result<BlockJson, RestError> {
    let facts = rest.0.facts.of(rest.node(), info)?.ok_or_else(|| not_found("Block not found"))?;
    Ok(BlockJson::new(info, facts.size, facts.weight))
}

fn height(request: &Request, at: usize) -> Result<u32, RestError> {
    let text = request.argument(at);
    let complaint = || RestError::bad_request("bad_height", format!("'{text}' is not a height"));
    text.parse().map_err(|_| complaint())
}

/// `GET /api/blocks` and `GET /api/blocks/{start}`.
pub fn list(rest: &Rest, request: &Request) -> Answer {
    let chain = rest.node().chain();
    let tip = chain.tip().height;
    let start = if request.arguments.is_empty() { tip } else { height(request, 0)?.min(tip) };
    let heights = (0..LISTED).map_while(|below| start.checked_sub(below));
    let blocks = heights.filter_map(|height| chain.at_height(height)).map(|info| shown(rest, &info));
    json(&blocks.collect::<Result<Vec<_>, _>>()?)
}

/// `GET /api/blocks/tip/height`.
pub fn tip_height(rest: &Rest, _: &Request) -> Answer {
    Ok(text(rest.node().chain().tip().height.to_string()))
}

/// `GET /api/blocks/tip/hash`.
pub fn tip_hash(rest: &Rest, _: &Request) -> Answer {
    Ok(text(rest.node().chain().tip().hash.to_string()))
}

/// `GET /api/block-height/{height}`.
pub fn at_height(rest: &Rest, request: &Request) -> Answer {
    let found = rest.node().chain().at_height(height(request, 0)?);
    Ok(text(found.ok_or_else(|| not_found("Block not found"))?.hash.to_string()))
}

/// `GET /api/block/{hash}`.
pub fn one(rest: &Rest, request: &Request) -> Answer {
    let info = block_info(&*rest.node().chain(), request.argument(0))?;
    json(&shown(rest, &info)?)
}

#[derive(Serialize)]
struct Standing {
    in_best_chain: bool,
    height: Option<u32>,
    next_best: Option<BlockHash>,
}

/// `GET /api/block/{hash}/status`.
pub fn status(rest: &Rest, request: &Request) -> Answer {
    let chain = rest.node().chain();
    let info = block_info(&*chain, request.argument(0))?;
    let in_best_chain = chain.is_active(&info.hash);
    let next = chain.at_height(info.height + 1).filter(|_| in_best_chain);
    json(&Standing {
        in_best_chain,
        height: in_best_chain.then_some(info.height),
        next_best: next.map(|next| next.hash),
    })
}

/// `GET /api/block/{hash}/header`.
pub fn header(rest: &Rest, request: &Request) -> Answer {
    let info = block_info(&*rest.node().chain(), request.argument(0))?;
    Ok(immutable(text(hex::encode(&info.header.to_array()))))
}

/// `GET /api/block/{hash}/raw`.
pub fn raw(rest: &Rest, request: &Request) -> Answer {
    let info = block_info(&*rest.node().chain(), request.argument(0))?;
    let bytes = rest.node().block_bytes(&info.hash)?.ok_or_else(|| not_found("Block not found"))?;
    Ok(immutable(binary(bytes)))
}

/// `GET /api/block/{hash}/txids`.
pub fn txids(rest: &Rest, request: &Request) -> Answer {
    let info = block_info(&*rest.node().chain(), request.argument(0))?;
    let block = block(rest.node(), &info)?;
    let txids: Vec<_> = block.transactions.iter().map(|tx| tx.txid()).collect();
    Ok(immutable(json(&txids)?))
}

/// `GET /api/block/{hash}/txid/{index}`.
pub fn txid(rest: &Rest, request: &Request) -> Answer {
    let info = block_info(&*rest.node().chain(), request.argument(0))?;
    let at: usize = request.argument(1).parse().unwrap_or(usize::MAX);
    let block = block(rest.node(), &info)?;
    let tx = block.transactions.get(at).ok_or_else(|| not_found("tx not found"))?;
    Ok(immutable(text(tx.txid().to_string())))
}

/// `GET /api/block/{hash}/txs` and `GET /api/block/{hash}/txs/{start}`.
pub fn txs(rest: &Rest, request: &Request) -> Answer {
    let node = rest.node();
    let chain = node.chain();
    let info = block_info(&*chain, request.argument(0))?;
    let start: usize = match request.arguments.get(1) {
        None => 0,
        Some(text) => text
            .parse()
            .map_err(|_| RestError::bad_request("bad_index", format!("'{text}' is not an index")))?,
    };
    if !start.is_multiple_of(PAGE) {
        let message = format!("start index must be a multiple of {PAGE}");
        return Err(RestError::bad_request("bad_index", message));
    }
    let block = block(node, &info)?;
    if start >= block.transactions.len() {
        return Err(RestError::bad_request("bad_index", "start index out of range"));
    }
    let spent = Spent::of(node, &info)?;
    let place = Some(&info).filter(|_| chain.is_active(&info.hash));
    let page = block.transactions.iter().enumerate().skip(start).take(PAGE);
    let shown = page.map(|(at, tx)| {
        let position = u32::try_from(at).expect("a block's weight bounds its transactions");
        TxJson::new(tx, &spent.by(position), place, node.params())
    });
    json(&shown.collect::<Vec<_>>())
}
