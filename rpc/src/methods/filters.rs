//! Compact block filters (BIP157, BIP158), by the block filter index.

use super::blockchain::known_block;
use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::node::{BlockFilter, BlockInfo, BlockValidity, IndexStatus, Node};
use crate::registry::Args;
use crate::value::Hex;
use chaincore_consensus::Hash256;
use serde::Serialize;

/// The index as [`Node::indexes`] calls it.
const INDEX: &str = "basic block filter index";

/// The index that has filters of a type; refuses types that nobody knows and types that are not indexed.
pub fn filter_index(node: &dyn Node, type_name: &str) -> Result<IndexStatus, RpcError> {
    if type_name != "basic" {
        return Err(RpcError::not_found("Unknown filtertype"));
    }
    let index = node.indexes().into_iter().find(|index| index.name == INDEX);
    index.ok_or_else(|| RpcError::misc(format!("Index is not enabled for filtertype {type_name}")))
}

/// The filter of a known block, or why there is none.
pub fn block_filter(node: &dyn Node, block: &BlockInfo) -> Result<BlockFilter, RpcError> {
    if let Some(filter) = node.block_filter(&block.hash)? {
        return Ok(filter);
    }
    let synced = node.indexes().into_iter().any(|index| index.name == INDEX && index.synced);
    let (code, why) = match (block.validity, synced) {
        (BlockValidity::Scripts, false) => {
            (code::MISC, "Block filters are still in the process of being indexed.")
        }
        (BlockValidity::Scripts, true) => {
            (code::INTERNAL_ERROR, "This error is unexpected and indicates index corruption.")
        }
        _ => (code::INVALID_ADDRESS_OR_KEY, "Block was not connected to active chain."),
    };
    Err(RpcError::new(code, format!("Filter not found. {why}")))
}

#[derive(Serialize)]
struct FilterJson<'a> {
    filter: Hex<'a>,
    header: Hash256,
}

pub fn getblockfilter(node: &dyn Node, args: &Args) -> Reply {
    let hash = args.hash(0, "blockhash")?;
    filter_index(node, args.opt_str(1)?.unwrap_or("basic"))?;
    let block = known_block(&*node.chain(), &hash)?;
    let found = block_filter(node, &block)?;
    reply(&FilterJson { filter: Hex(found.filter.as_bytes()), header: found.header })
}
