//! Mining blocks on request: for tests, teaching and private chains.

use super::tx_json::decode_hex;
use super::{Reply, reply};
use crate::descriptor;
use crate::error::{RpcError, code};
use crate::json::Json;
use crate::node::{BlockOutcome, Node};
use crate::registry::Args;
use chaincore_consensus::address::Address;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::pow::Target;
use chaincore_consensus::{Block, BlockHash, Script, TxRef, Txid, hex};
use chaincore_miner::{Kernel, Prepared};
use serde::Serialize;
use std::sync::Arc;

/// How many nonces one call tries.
const DEFAULT_MAX_TRIES: u64 = 1_000_000;
/// How many nonces are tried between two looks at whether the node is stopping.
const TRIES_BETWEEN_LOOKS: u32 = 1 << 16;

/// What became of a search for a nonce.
enum Search {
    Found,
    /// Every nonce failed; another template may do better.
    Exhausted,
    /// The caller's tries are used up, or the node is stopping.
    GaveUp,
}

/// Looks for the lowest nonce, from the block's own on, that meets its target, and takes what it needed off `tries`.
///
/// As in Core's loop the last nonce of all is not tried, and tries that are used up win over a nonce that solves.
fn search(node: &dyn Node, block: &mut Block, tries: &mut u64) -> Search {
    let Ok(target) = Target::from_compact(block.header.bits) else { return Search::GaveUp };
    let (kernel, work) = (Kernel::fastest(), Prepared::new(&block.header, target));
    let mut hits = Vec::new();
    loop {
        if *tries == 0 || node.is_stopping() {
            return Search::GaveUp;
        }
        let start = block.header.nonce;
        let left = u32::try_from(*tries).unwrap_or(u32::MAX).min(u32::MAX - start);
        if left == 0 {
            return Search::Exhausted;
        }
        let tried = kernel.scan(&work, start, left.min(TRIES_BETWEEN_LOOKS), 1, &mut hits);
        if let Some(found) = hits.iter().map(|hit| hit.nonce).min() {
            *tries -= u64::from(found - start);
            block.header.nonce = found;
            return Search::Found;
        }
        block.header.nonce += tried;
        *tries -= u64::from(tried);
    }
}

fn not_accepted() -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, "ProcessNewBlock, block not accepted")
}

/// Mines `count` blocks that pay to a script, or as many as `max_tries` hashes give.
fn generate(
    node: &dyn Node,
    script: &Script,
    count: i32,
    mut tries: u64,
) -> Result<Vec<BlockHash>, RpcError> {
    let mut hashes = Vec::new();
    while i64::from(count) > hashes.len() as i64 && !node.is_stopping() {
        let mut block = node.build_template(script.clone(), true)?.block;
        match search(node, &mut block, &mut tries) {
            Search::GaveUp => break,
            Search::Exhausted => continue,
            Search::Found => {}
        }
        let hash = block.hash();
        match node.submit_block(Arc::new(block))? {
            BlockOutcome::Best | BlockOutcome::SideChain | BlockOutcome::AlreadyKnown => hashes.push(hash),
            _ => return Err(not_accepted()),
        }
    }
    Ok(hashes)
}

/// `generate`, which is the command line client's business; harnesses look for this error.
pub fn generate_is_gone(_: &dyn Node, _: &Args) -> Reply {
    let message =
        "generate\n\nhas been replaced by the -generate cli option. Refer to -help for more information.\n";
    Err(RpcError::new(code::METHOD_NOT_FOUND, message))
}

pub fn generatetoaddress(node: &dyn Node, args: &Args) -> Reply {
    let count = args.int(0)?;
    let tries = args.opt_int(2)?.unwrap_or(DEFAULT_MAX_TRIES);
    let address = Address::parse(args.str(1)?, &node.params().addresses)
        .map_err(|_| RpcError::not_found("Error: Invalid address"))?;
    reply(&generate(node, &address.script_pubkey(), count, tries)?)
}

pub fn generatetodescriptor(node: &dyn Node, args: &Args) -> Reply {
    let count = args.int(0)?;
    let tries = args.opt_int(2)?.unwrap_or(DEFAULT_MAX_TRIES);
    let script = descriptor::parse_script(args.str(1)?, node.params())?;
    reply(&generate(node, &script, count, tries)?)
}

/// A transaction that a caller gave by its id in the mempool or as hex.
fn given_transaction(node: &dyn Node, text: &str) -> Result<TxRef, RpcError> {
    if let Ok(txid) = text.parse::<Txid>() {
        let missing = || RpcError::not_found(format!("Transaction {text} not in mempool."));
        return node.mempool_tx(&txid).ok_or_else(missing);
    }
    decode_hex(text, true, true).map(Arc::new).ok_or_else(|| {
        RpcError::undecodable(format!(
            "Transaction decode failed for {text}. Make sure the tx has at least one input."
        ))
    })
}

#[derive(Serialize)]
struct Generated {
    hash: BlockHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
}

pub fn generateblock(node: &dyn Node, args: &Args) -> Reply {
    let output = args.str(0)?;
    let script = match descriptor::parse_script(output, node.params()) {
        Ok(script) => script,
        Err(_) => Address::parse(output, &node.params().addresses)
            .map_err(|_| RpcError::not_found("Error: Invalid address or descriptor"))?
            .script_pubkey(),
    };
    let given = |text: &Json| given_transaction(node, text.get_str()?);
    let txs: Vec<TxRef> = args.array(1)?.iter().map(given).collect::<Result<_, _>>()?;
    let submit = args.opt_bool(2)?.unwrap_or(true);
    let mut block = node.build_template(script, false)?.block;
    block.transactions.extend(txs);
    node.finish_template(&mut block)?;
    if let Err(reason) = node.test_block(Arc::new(block.clone()), false, false)? {
        let message = format!("TestBlockValidity failed: {reason}");
        return Err(RpcError::new(code::VERIFY_ERROR, message));
    }
    let mut tries = DEFAULT_MAX_TRIES;
    if !matches!(search(node, &mut block, &mut tries), Search::Found) {
        return Err(RpcError::misc("Failed to make block."));
    }
    let hash = block.hash();
    if !submit {
        return reply(&Generated { hash, hex: Some(hex::encode(&block.to_bytes())) });
    }
    match node.submit_block(Arc::new(block))? {
        BlockOutcome::Best | BlockOutcome::SideChain | BlockOutcome::AlreadyKnown => {
            reply(&Generated { hash, hex: None })
        }
        _ => Err(not_accepted()),
    }
}
