//! Submitting work, and what is known about mining.

use super::block_json::{bits_text, target_text};
use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::node::{BlockInfo, BlockOutcome, ChainView, Node};
use crate::registry::Args;
use crate::value::{Btc, CoreDouble};
use chaincore_consensus::codec::Decode;
use chaincore_consensus::difficulty::next_bits;
use chaincore_consensus::merkle::witness_commitment_position;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::{Block, Header, Tx, hex, pow};
use serde::Serialize;
use std::sync::Arc;

/// The default number of blocks that the network's hash rate is measured over.
const DEFAULT_HASHPS_BLOCKS: i32 = 120;

/// The hashes per second that the last `blocks` blocks below `height` took, or all since the last retarget for -1;
/// `height` -1 is the tip (Core's `GetNetworkHashPS`).
pub fn network_hashps(node: &dyn Node, blocks: i32, height: i32) -> Result<f64, RpcError> {
    let chain = node.chain();
    if blocks < -1 || blocks == 0 {
        let message = "Invalid nblocks. Must be a positive number or -1.";
        return Err(RpcError::invalid_parameter(message));
    }
    let no_such_height = || RpcError::invalid_parameter("Block does not exist at specified height");
    let last = match height {
        -1 => chain.tip(),
        height => {
            let height = u32::try_from(height).map_err(|_| no_such_height())?;
            chain.at_height(height).ok_or_else(no_such_height)?
        }
    };
    if last.height == 0 {
        return Ok(0.0);
    }
    let since_retarget = last.height % node.params().retarget_interval() + 1;
    let count = u32::try_from(blocks).unwrap_or(since_retarget).min(last.height);
    let window = (last.height - count..=last.height).filter_map(|height| chain.at_height(height));
    let (mut first, mut earliest, mut latest) = (None, u32::MAX, 0);
    for block in window {
        earliest = earliest.min(block.header.time);
        latest = latest.max(block.header.time);
        first.get_or_insert(block);
    }
    let seconds = latest.saturating_sub(earliest);
    match first {
        Some(first) if seconds > 0 => {
            Ok(last.chain_work.saturating_sub(first.chain_work).to_f64() / f64::from(seconds))
        }
        _ => Ok(0.0),
    }
}

pub fn getnetworkhashps(node: &dyn Node, args: &Args) -> Reply {
    let blocks = args.opt_int(0)?.unwrap_or(DEFAULT_HASHPS_BLOCKS);
    reply(&CoreDouble(network_hashps(node, blocks, args.opt_int(1)?.unwrap_or(-1))?))
}

#[derive(Serialize)]
struct NextBlock {
    height: u32,
    bits: String,
    difficulty: CoreDouble,
    target: String,
}

#[derive(Serialize)]
struct MiningInfo {
    blocks: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    currentblockweight: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currentblocktx: Option<u64>,
    bits: String,
    difficulty: CoreDouble,
    target: String,
    networkhashps: CoreDouble,
    pooledtx: u64,
    blockmintxfee: Btc,
    chain: String,
    next: NextBlock,
    #[serde(skip_serializing_if = "Option::is_none")]
    signet_challenge: Option<String>,
    warnings: Vec<String>,
}

/// The bits that the block after `parent` must have if its time is the node's (Core's `NextEmptyBlockIndex`).
pub fn bits_after(node: &dyn Node, chain: &dyn ChainView, parent: &BlockInfo) -> u32 {
    let earliest = parent.median_time.saturating_add(1);
    let time = u32::try_from(node.now()).unwrap_or(u32::MAX).max(earliest);
    chain.ancestry(&parent.hash).map_or(parent.header.bits, |branch| next_bits(node.params(), &*branch, time))
}

pub fn getmininginfo(node: &dyn Node, _: &Args) -> Reply {
    let chain = node.chain();
    let tip = chain.tip();
    let params = node.params();
    let stats = node.template_stats();
    let next_bits = bits_after(node, &*chain, &tip);
    reply(&MiningInfo {
        blocks: tip.height,
        currentblockweight: stats.map(|stats| stats.weight),
        currentblocktx: stats.map(|stats| stats.transactions),
        bits: bits_text(tip.header.bits),
        difficulty: CoreDouble(pow::difficulty(tip.header.bits)),
        target: target_text(tip.header.bits),
        networkhashps: CoreDouble(network_hashps(node, DEFAULT_HASHPS_BLOCKS, -1)?),
        pooledtx: node.mempool_info().count,
        blockmintxfee: Btc(node.block_min_fee_rate()),
        chain: params.name.clone(),
        next: NextBlock {
            height: tip.height + 1,
            bits: bits_text(next_bits),
            difficulty: CoreDouble(pow::difficulty(next_bits)),
            target: target_text(next_bits),
        },
        signet_challenge: params.signet_challenge.as_ref().map(|script| hex::encode(script)),
        warnings: node.warnings(),
    })
}

/// Reads a block from hex.
pub fn decode_block(text: &str) -> Result<Block, RpcError> {
    let block = hex::decode(text).ok().and_then(|bytes| Block::decode_first(&bytes).ok());
    block.ok_or_else(|| RpcError::undecodable("Block decode failed"))
}

/// Gives a coinbase that commits to witnesses the witness it needs for that, if the miner left it out: 32 zero
/// bytes (Core's `UpdateUncommittedBlockStructures`). Miners that only know the coinbase's txid do so.
pub fn complete_coinbase(node: &dyn Node, block: &mut Block) {
    let Some(parent) = node.chain().entry(&block.header.previous) else { return };
    let active = parent.height + 1 >= node.params().deployments.segwit;
    if !active || witness_commitment_position(block).is_none() {
        return;
    }
    let Some(coinbase) = block.transactions.first_mut() else { return };
    if coinbase.has_witness() || coinbase.inputs.is_empty() {
        return;
    }
    let mut data = Tx::clone(coinbase).into_inner();
    data.inputs[0].witness = vec![vec![0; 32]];
    *coinbase = Arc::new(data.into());
}

/// BIP22's word for a refusal.
pub fn bip22_reason(reason: &RejectReason) -> String {
    if reason.reason.is_empty() { "rejected".into() } else { reason.reason.to_string() }
}

/// BIP22's word for what became of a block; `None` if it is now in the active chain.
pub fn bip22_outcome(outcome: &BlockOutcome) -> Option<String> {
    match outcome {
        BlockOutcome::Best => None,
        BlockOutcome::SideChain => Some("inconclusive".into()),
        BlockOutcome::AlreadyKnown => Some("duplicate".into()),
        BlockOutcome::KnownInvalid => Some("duplicate-invalid".into()),
        BlockOutcome::MissingParent => Some("prev-blk-not-found".into()),
        BlockOutcome::Rejected(reason) => Some(bip22_reason(reason)),
    }
}

/// Submits a block as `submitblock` does.
pub fn submit(node: &dyn Node, mut block: Block) -> Result<BlockOutcome, RpcError> {
    complete_coinbase(node, &mut block);
    Ok(node.submit_block(Arc::new(block))?)
}

pub fn submitblock(node: &dyn Node, args: &Args) -> Reply {
    let block = decode_block(args.str(0)?)?;
    reply(&bip22_outcome(&submit(node, block)?))
}

pub fn submitheader(node: &dyn Node, args: &Args) -> Reply {
    let bytes = hex::decode(args.str(0)?).ok();
    let header = bytes.and_then(|bytes| Header::decode_first(&bytes).ok());
    let header = header.ok_or_else(|| RpcError::undecodable("Block header decode failed"))?;
    if node.chain().entry(&header.previous).is_none() {
        let message = format!("Must submit previous header ({}) first", header.previous);
        return Err(RpcError::new(code::VERIFY_ERROR, message));
    }
    match node.submit_header(header)? {
        Ok(()) => reply(&()),
        Err(reason) => Err(RpcError::new(code::VERIFY_ERROR, reason.reason)),
    }
}
