//! Transactions by id or by hex.

use super::tx_json::{TxDetail, TxJson, decode_hex};
use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::node::{BlockInfo, ChainView, Node};
use crate::registry::Args;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::{BlockHash, TxRef, Txid, hex};
use serde::Serialize;

pub fn decoderawtransaction(node: &dyn Node, args: &Args) -> Reply {
    let witness = args.opt_bool(1)?;
    let tx = decode_hex(args.str(0)?, witness != Some(true), witness != Some(false));
    let tx = tx.ok_or_else(|| RpcError::undecodable("TX decode failed"))?;
    reply(&TxJson::new(&tx, node.params(), TxDetail::default()))
}

/// A transaction and the block it was found in.
struct Found {
    tx: TxRef,
    block: Option<BlockHash>,
}

/// Looks in the named block alone, or else in the mempool and the index.
fn find(node: &dyn Node, txid: &Txid, block: Option<&BlockInfo>) -> Result<Found, RpcError> {
    let missing =
        |what: &str| RpcError::not_found(format!("{what}. Use gettransaction for wallet transactions."));
    if let Some(info) = block {
        if !info.has_data {
            return Err(RpcError::misc("Block not available"));
        }
        let block = node.block(&info.hash)?.ok_or_else(|| RpcError::misc("Block not available"))?;
        let tx = block.transactions.iter().find(|tx| tx.txid() == *txid);
        let tx = tx.ok_or_else(|| missing("No such transaction found in the provided block"))?;
        return Ok(Found { tx: tx.clone(), block: Some(info.hash) });
    }
    if let Some(tx) = node.mempool_tx(txid) {
        return Ok(Found { tx, block: None });
    }
    let Some(index) = node.indexes().into_iter().find(|index| index.name == "txindex") else {
        return Err(missing(
            "No such mempool transaction. Use -txindex or provide a block hash to enable blockchain \
             transaction queries",
        ));
    };
    match node.find_tx(txid)? {
        Some(found) => Ok(Found { tx: found.tx, block: Some(found.block) }),
        None if index.synced => Err(missing("No such mempool or blockchain transaction")),
        None => Err(missing(
            "No such mempool transaction. Blockchain transactions are still in the process of being indexed",
        )),
    }
}

#[derive(Serialize)]
struct RawTxJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    in_active_chain: Option<bool>,
    #[serde(flatten)]
    tx: TxJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    blockhash: Option<BlockHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmations: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocktime: Option<u32>,
}

impl RawTxJson {
    fn new(chain: &dyn ChainView, block: Option<&BlockInfo>, tx: TxJson) -> Self {
        let active = block.filter(|block| chain.is_active(&block.hash));
        let depth = |block: &BlockInfo| (chain.tip().height + 1).saturating_sub(block.height);
        Self {
            in_active_chain: None,
            tx,
            blockhash: block.map(|block| block.hash),
            confirmations: block.map(|_| active.map_or(0, depth)),
            time: active.map(|block| block.header.time),
            blocktime: active.map(|block| block.header.time),
        }
    }
}

/// The coins a mined transaction spent, from its block's undo data; `None` where that is not kept.
fn spent_coins(node: &dyn Node, txid: &Txid, block: &BlockInfo) -> Result<Option<Vec<Coin>>, RpcError> {
    let unreadable = |what: &str| {
        let message = format!(
            "{what} data expected but can't be read. This could be due to disk corruption or a conflict with a \
             pruning event."
        );
        RpcError::new(code::INTERNAL_ERROR, message)
    };
    if !block.has_data || !block.has_undo {
        return Ok(None);
    }
    let undo = node.undo(&block.hash)?.ok_or_else(|| unreadable("Undo"))?;
    let block = node.block(&block.hash)?.ok_or_else(|| unreadable("Block"))?;
    let at = block.transactions.iter().position(|tx| tx.txid() == *txid);
    Ok(at.and_then(|at| undo.txs.get(at.checked_sub(1)?).cloned()))
}

pub fn getrawtransaction(node: &dyn Node, args: &Args) -> Reply {
    let txid: Txid = args.hash(0, "parameter 1")?;
    if txid.0 == node.params().genesis.header.merkle_root.0 {
        return Err(RpcError::not_found(
            "The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved",
        ));
    }
    let verbosity = args.verbosity(1, 0)?;
    let chain = node.chain();
    let named = match args.opt_hash(2, "parameter 3")? {
        None => None,
        Some(hash) => Some(chain.entry(&hash).ok_or_else(|| RpcError::not_found("Block hash not found"))?),
    };
    let found = find(node, &txid, named.as_ref())?;
    if verbosity <= 0 {
        return reply(&hex::encode(&found.tx.to_bytes()));
    }
    let block = found.block.and_then(|hash| chain.entry(&hash));
    let spent = match &block {
        Some(block) if verbosity >= 2 && !found.tx.is_coinbase() => spent_coins(node, &txid, block)?,
        _ => None,
    };
    let detail = TxDetail { hex: true, spent: spent.as_deref(), prevouts: true };
    let mut json = RawTxJson::new(&*chain, block.as_ref(), TxJson::new(&found.tx, node.params(), detail));
    json.in_active_chain = named.map(|block| chain.is_active(&block.hash));
    reply(&json)
}
