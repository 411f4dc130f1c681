//! What the chain is: heights, hashes, headers, blocks, tips.

use super::block_json::{BlockDetail, BlockJson, HeaderJson, bits_text, target_text};
use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::node::{BlockInfo, BlockValidity, ChainView, Node};
use crate::registry::Args;
use crate::value::CoreDouble;
use chaincore_consensus::{BlockHash, hex, pow};
use serde::Serialize;
use std::cmp::Reverse;

/// A block that a caller named by its hash.
pub fn known_block(chain: &dyn ChainView, hash: &BlockHash) -> Result<BlockInfo, RpcError> {
    chain.entry(hash).ok_or_else(|| RpcError::not_found("Block not found"))
}

pub fn getblockcount(node: &dyn Node, _: &Args) -> Reply {
    reply(&node.chain().tip().height)
}

pub fn getbestblockhash(node: &dyn Node, _: &Args) -> Reply {
    reply(&node.chain().tip().hash)
}

pub fn getdifficulty(node: &dyn Node, _: &Args) -> Reply {
    reply(&CoreDouble(pow::difficulty(node.chain().tip().header.bits)))
}

pub fn getblockhash(node: &dyn Node, args: &Args) -> Reply {
    let height: i32 = args.int(0)?;
    let block = u32::try_from(height).ok().and_then(|height| node.chain().at_height(height));
    let block = block.ok_or_else(|| RpcError::invalid_parameter("Block height out of range"))?;
    reply(&block.hash)
}

pub fn getblockheader(node: &dyn Node, args: &Args) -> Reply {
    let chain = node.chain();
    let hash = args.hash(0, "hash")?;
    let verbose = args.opt_bool(1)?.unwrap_or(true);
    let block = known_block(&*chain, &hash)?;
    if verbose {
        reply(&HeaderJson::new(&*chain, &block))
    } else {
        reply(&hex::encode(&block.header.to_array()))
    }
}

pub fn getblock(node: &dyn Node, args: &Args) -> Reply {
    let chain = node.chain();
    let hash = args.hash(0, "blockhash")?;
    let verbosity = args.verbosity(1, 1)?;
    let info = known_block(&*chain, &hash)?;
    if !info.has_data {
        return Err(RpcError::misc("Block not available (not fully downloaded)"));
    }
    let not_on_disk = || RpcError::misc("Block not found on disk");
    if verbosity <= 0 {
        return reply(&hex::encode(&node.block_bytes(&hash)?.ok_or_else(not_on_disk)?));
    }
    let block = node.block(&hash)?.ok_or_else(not_on_disk)?;
    let undo = if verbosity >= 2 && info.has_undo { node.undo(&hash)? } else { None };
    let detail = match verbosity {
        1 => BlockDetail::TxIds,
        verbosity => BlockDetail::Txs { undo: undo.as_deref(), prevouts: verbosity >= 3 },
    };
    reply(&BlockJson::new(&*chain, node.params(), &info, &block, detail))
}

/// How much of the chain's expected transactions are verified, from 0 to 1: exactly 1 near the tip of the headers.
fn verification_progress(node: &dyn Node, chain: &dyn ChainView, tip: &BlockInfo) -> f64 {
    if tip.chain_tx == 0 {
        return 0.0;
    }
    let spacing = i64::from(node.params().target_spacing.max(1));
    let behind = i64::from(chain.best_header().height) - i64::from(tip.height);
    let now = node.now();
    let time = i64::from(tip.header.time);
    // Near the present, count headers instead of trusting a miner's clock.
    let missing_seconds =
        if (now - time).abs() <= 2 * 60 * 60 { behind.max(0) * spacing } else { now - time };
    // What is missing is taken to hold one transaction per block.
    let missing = missing_seconds.max(0) as f64 / spacing as f64;
    tip.chain_tx as f64 / (tip.chain_tx as f64 + missing)
}

#[derive(Serialize)]
struct ChainInfo {
    chain: String,
    blocks: u32,
    headers: u32,
    bestblockhash: BlockHash,
    bits: String,
    target: String,
    difficulty: CoreDouble,
    time: u32,
    mediantime: u32,
    verificationprogress: CoreDouble,
    initialblockdownload: bool,
    chainwork: String,
    size_on_disk: u64,
    pruned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    signet_challenge: Option<String>,
    warnings: Vec<String>,
}

pub fn getblockchaininfo(node: &dyn Node, _: &Args) -> Reply {
    let chain = node.chain();
    let tip = chain.tip();
    let params = node.params();
    reply(&ChainInfo {
        chain: params.name.clone(),
        blocks: tip.height,
        headers: chain.best_header().height,
        bestblockhash: tip.hash,
        bits: bits_text(tip.header.bits),
        target: target_text(tip.header.bits),
        difficulty: CoreDouble(pow::difficulty(tip.header.bits)),
        time: tip.header.time,
        mediantime: tip.median_time,
        verificationprogress: CoreDouble(verification_progress(node, &*chain, &tip)),
        initialblockdownload: node.initial_block_download(),
        chainwork: tip.chain_work.to_string(),
        size_on_disk: node.blocks_disk_size(),
        pruned: false,
        signet_challenge: params.signet_challenge.as_ref().map(|script| hex::encode(script)),
        warnings: node.warnings(),
    })
}

#[derive(Serialize)]
struct ChainTip {
    height: u32,
    hash: BlockHash,
    branchlen: u32,
    status: &'static str,
}

/// How far a branch's end is from the active chain.
fn branch_length(chain: &dyn ChainView, tip: &BlockInfo) -> u32 {
    // The heights of the branch that are in the active chain are a prefix: bisect for its end.
    let (mut shared, mut apart) = (0, tip.height + 1);
    while apart - shared > 1 {
        let middle = shared + (apart - shared) / 2;
        let on_active = chain.ancestor(&tip.hash, middle).is_some_and(|block| chain.is_active(&block.hash));
        if on_active { shared = middle } else { apart = middle }
    }
    tip.height - shared
}

pub fn getchaintips(node: &dyn Node, _: &Args) -> Reply {
    let chain = node.chain();
    let mut tips = chain.tips();
    tips.sort_by_key(|tip| (Reverse(tip.height), !chain.is_active(&tip.hash), tip.hash));
    let shown = |tip: BlockInfo| ChainTip {
        height: tip.height,
        hash: tip.hash,
        branchlen: branch_length(&*chain, &tip),
        status: if chain.is_active(&tip.hash) {
            "active"
        } else if tip.validity == BlockValidity::Failed {
            "invalid"
        } else if tip.chain_tx == 0 {
            "headers-only"
        } else if tip.validity == BlockValidity::Scripts {
            "valid-fork"
        } else {
            "valid-headers"
        },
    };
    reply(&tips.into_iter().map(shown).collect::<Vec<_>>())
}

/// Does something to a known block by hand.
fn steer(node: &dyn Node, args: &Args, act: impl FnOnce(BlockHash) -> crate::node::NodeResult<()>) -> Reply {
    let hash = args.hash(0, "blockhash")?;
    known_block(&*node.chain(), &hash)?;
    act(hash).map_err(|error| RpcError::new(code::DATABASE_ERROR, error.to_string()))?;
    reply(&())
}

pub fn invalidateblock(node: &dyn Node, args: &Args) -> Reply {
    steer(node, args, |hash| node.invalidate_block(hash))
}

pub fn reconsiderblock(node: &dyn Node, args: &Args) -> Reply {
    steer(node, args, |hash| node.reconsider_block(hash))
}

pub fn preciousblock(node: &dyn Node, args: &Args) -> Reply {
    steer(node, args, |hash| node.precious_block(hash))
}

pub fn syncwithvalidationinterfacequeue(node: &dyn Node, _: &Args) -> Reply {
    node.sync()?;
    reply(&())
}
