//! Finding transactions with what they spend, and reading what a path names.

use super::pool::spent_outputs;
use crate::node::{BlockInfo, ChainView, Node, NodeError, ScriptId, TxPlace};
use crate::rest::{Request, RestError};
use chaincore_consensus::address::Address;
use chaincore_consensus::{Block, BlockHash, TxOut, TxRef, Txid, hex};
use hyper::StatusCode;
use std::sync::Arc;

/// How far an index may be behind the chain without its answers being refused, in blocks. (Questions wait for an index
/// that is a little behind.)
const MAX_LAG: u32 = 12;

/// How often a block that a reorganization took away meanwhile is looked for again.
const TRIES: usize = 3;

pub fn not_found(message: impl Into<String>) -> RestError {
    RestError::new(StatusCode::NOT_FOUND, "not_found", message)
}

/// The id in a path, or a complaint about it.
pub fn txid(text: &str) -> Result<Txid, RestError> {
    text.parse().map_err(|error| RestError::bad_request("bad_txid", format!("Invalid hex string: {error}")))
}

/// The block that a path names, of any branch.
pub fn block_info(chain: &dyn ChainView, text: &str) -> Result<BlockInfo, RestError> {
    let hash: BlockHash = text
        .parse()
        .map_err(|error| RestError::bad_request("bad_hash", format!("Invalid hex string: {error}")))?;
    chain.entry(&hash).ok_or_else(|| not_found("Block not found"))
}

/// A block's content.
pub fn block(node: &dyn Node, info: &BlockInfo) -> Result<Arc<Block>, RestError> {
    node.block(&info.hash)?.ok_or_else(|| not_found("Block not found"))
}

/// Who is asked for: by address, or by the SHA-256 of an output script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// `/address/…`.
    Address,
    /// `/scripthash/…`.
    ScriptHash,
}

impl Named {
    /// The script that the path's first part names.
    pub fn script(self, node: &dyn Node, request: &Request) -> Result<ScriptId, RestError> {
        let text = request.argument(0);
        match self {
            Self::Address => {
                let params = node.params();
                let address = Address::parse(text, &params.addresses).map_err(|error| {
                    let message =
                        format!("'{text}' is not an address of the chain '{}': {error}", params.name);
                    RestError::bad_request("bad_address", message)
                })?;
                Ok(ScriptId::of(&address.script_pubkey()))
            }
            Self::ScriptHash => {
                let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
                let complaint =
                    || RestError::bad_request("bad_hash", format!("'{text}' is not a SHA-256 in hex"));
                bytes.map(ScriptId).ok_or_else(complaint)
            }
        }
    }
}

/// Refuses answers by an index that is still far behind: what it has not seen is not known to be absent.
pub fn check_caught_up(node: &dyn Node, chain: &dyn ChainView, name: &str) -> Result<(), RestError> {
    let height = chain.tip().height;
    match node.indexes().into_iter().find(|index| index.name == name) {
        Some(index) if index.best_height.saturating_add(MAX_LAG) < height => {
            let message =
                format!("the index '{name}' is at height {} of {height}: try again", index.best_height);
            Err(RestError::new(StatusCode::SERVICE_UNAVAILABLE, "index_behind", message))
        }
        _ => Ok(()),
    }
}

/// A transaction and where it is.
#[derive(Debug, Clone)]
pub struct Found {
    /// The transaction.
    pub tx: TxRef,
    /// The block of the active chain that it is in, and its position there; `None` in the mempool.
    pub mined: Option<(BlockInfo, u32)>,
}

/// A transaction of the mempool or of the active chain.
pub fn find(node: &dyn Node, txid: &Txid) -> Result<Option<Found>, RestError> {
    for _ in 0..TRIES {
        if let Some(tx) = node.mempool_tx(txid) {
            return Ok(Some(Found { tx, mined: None }));
        }
        let genesis = &node.params().genesis.transactions[0];
        if genesis.txid() == *txid {
            let block = node.chain().at_height(0).ok_or_else(|| not_found("Block not found"))?;
            return Ok(Some(Found { tx: genesis.clone(), mined: Some((block, 0)) }));
        }
        let found = node.find_tx(txid)?;
        // The view comes after the index: it knows all that the index does, unless the chain has gone back.
        let chain = node.chain();
        let Some(found) = found else {
            check_caught_up(node, &*chain, "txindex")?;
            return Ok(None);
        };
        if let Some(block) = chain.entry(&found.block).filter(|block| chain.is_active(&block.hash)) {
            return Ok(Some(Found { tx: found.tx, mined: Some((block, found.tx_index)) }));
        }
    }
    Ok(None)
}

/// The same, for a path that must name one.
pub fn must_find(node: &dyn Node, text: &str) -> Result<Found, RestError> {
    find(node, &txid(text)?)?.ok_or_else(|| not_found("Transaction not found"))
}

impl Found {
    /// The block.
    pub fn block(&self) -> Option<&BlockInfo> {
        self.mined.as_ref().map(|(block, _)| block)
    }

    /// What its inputs spend.
    pub fn spent(&self, node: &dyn Node) -> Result<Vec<Option<TxOut>>, RestError> {
        match &self.mined {
            None => Ok(spent_outputs(node, &self.tx)?),
            Some((block, position)) => Ok(Spent::of(node, block)?.by(*position)),
        }
    }
}

/// What the transactions of a block spend.
pub struct Spent(Option<Arc<chaincore_consensus::undo::BlockUndo>>);

impl Spent {
    /// Of one block.
    pub fn of(node: &dyn Node, block: &BlockInfo) -> Result<Self, RestError> {
        Ok(Self(node.undo(&block.hash)?))
    }

    /// By the inputs of the transaction at a position; nothing by the coinbase.
    pub fn by(&self, position: u32) -> Vec<Option<TxOut>> {
        let at = (position as usize).checked_sub(1);
        let coins = self.0.as_ref().zip(at).and_then(|(undo, at)| undo.txs.get(at));
        coins.into_iter().flatten().map(|coin| Some(coin.output.clone())).collect()
    }
}

/// The place of a mined transaction, `None` for any other: by the transaction index, or where there is none among those of
/// a script.
pub fn place_of(node: &dyn Node, txid: &Txid, script: &ScriptId) -> Result<Option<TxPlace>, RestError> {
    match find(node, txid) {
        Ok(found) => {
            let mined = found.and_then(|found| found.mined);
            return Ok(mined.map(|(block, tx_index)| TxPlace { height: block.height, tx_index }));
        }
        Err(error) if error.code == "index_off" => {}
        Err(error) => return Err(error),
    }
    let mut before = None;
    loop {
        let events = node.script_history(script, before, 0, 1000)?;
        let Some(last) = events.last() else { return Ok(None) };
        before = Some(TxPlace { height: last.height, tx_index: last.tx_index });
        if let Some(event) = events.iter().find(|event| event.txid == *txid) {
            return Ok(Some(TxPlace { height: event.height, tx_index: event.tx_index }));
        }
        if node.is_stopping() {
            return Err(NodeError::Stopping.into());
        }
    }
}
