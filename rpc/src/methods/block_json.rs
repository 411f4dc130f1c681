//! How headers and blocks look in JSON (Core's `blockheaderToJSON` and `blockToJSON`).

use super::tx_json::{TxDetail, TxJson};
use crate::node::{BlockInfo, ChainView};
use crate::value::CoreDouble;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::{self, Target};
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::{Block, BlockHash, Hash256, Tx, Txid, hex};
use serde::Serialize;

/// Compact bits as eight digits.
pub fn bits_text(bits: u32) -> String {
    format!("{bits:08x}")
}

/// The target of compact bits as 64 digits; zeros for bits that name none.
pub fn target_text(bits: u32) -> String {
    Target::from_compact(bits).map_or_else(|_| "0".repeat(64), |target| hex::encode(&target.to_be_bytes()))
}

/// A block's number of confirmations, -1 off the active chain, and the block after it.
pub fn depth_and_next(chain: &dyn ChainView, block: &BlockInfo) -> (i64, Option<BlockHash>) {
    if !chain.is_active(&block.hash) {
        return (-1, None);
    }
    let next = chain.at_height(block.height + 1).map(|next| next.hash);
    (i64::from(chain.tip().height) - i64::from(block.height) + 1, next)
}

/// A header in the tree.
#[derive(Debug, Serialize)]
pub struct HeaderJson {
    hash: BlockHash,
    confirmations: i64,
    height: u32,
    version: i32,
    #[serde(rename = "versionHex")]
    version_hex: String,
    merkleroot: Hash256,
    time: u32,
    mediantime: u32,
    nonce: u32,
    bits: String,
    target: String,
    difficulty: CoreDouble,
    chainwork: String,
    #[serde(rename = "nTx")]
    n_tx: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    previousblockhash: Option<BlockHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nextblockhash: Option<BlockHash>,
}

impl HeaderJson {
    /// A header as it stands in a chain.
    pub fn new(chain: &dyn ChainView, block: &BlockInfo) -> Self {
        let (confirmations, nextblockhash) = depth_and_next(chain, block);
        let header = &block.header;
        Self {
            hash: block.hash,
            confirmations,
            height: block.height,
            version: header.version,
            version_hex: format!("{:08x}", header.version),
            merkleroot: header.merkle_root,
            time: header.time,
            mediantime: block.median_time,
            nonce: header.nonce,
            bits: bits_text(header.bits),
            target: target_text(header.bits),
            difficulty: CoreDouble(pow::difficulty(header.bits)),
            chainwork: block.chain_work.to_string(),
            n_tx: block.n_tx,
            previousblockhash: (block.height > 0).then_some(header.previous),
            nextblockhash,
        }
    }
}

/// What a coinbase says besides what it pays.
#[derive(Debug, Serialize)]
struct CoinbaseJson {
    version: u32,
    locktime: u32,
    sequence: u32,
    coinbase: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    witness: Option<String>,
}

impl CoinbaseJson {
    fn new(tx: &Tx) -> Option<Self> {
        let input = tx.inputs.first()?;
        Some(Self {
            version: tx.version,
            locktime: tx.lock_time,
            sequence: input.sequence,
            coinbase: hex::encode(&input.script_sig),
            witness: input.witness.first().map(|item| hex::encode(item)),
        })
    }
}

/// A block's transactions, as ids or in full.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum BlockTxs {
    Ids(Vec<Txid>),
    Full(Vec<TxJson>),
}

/// A block in the tree.
#[derive(Debug, Serialize)]
pub struct BlockJson {
    #[serde(flatten)]
    header: HeaderJson,
    strippedsize: usize,
    size: usize,
    weight: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    coinbase_tx: Option<CoinbaseJson>,
    tx: BlockTxs,
}

/// How much of a block to show.
#[derive(Debug, Clone, Copy)]
pub enum BlockDetail<'a> {
    /// The transactions' ids.
    TxIds,
    /// The transactions, their fees if the undo data is there, the outputs they spend if asked.
    Txs {
        /// The coins the block spent.
        undo: Option<&'a BlockUndo>,
        /// Whether to show them.
        prevouts: bool,
    },
}

impl BlockJson {
    /// A block as it stands in a chain.
    pub fn new(
        chain: &dyn ChainView,
        params: &ChainParams,
        info: &BlockInfo,
        block: &Block,
        detail: BlockDetail<'_>,
    ) -> Self {
        let tx = match detail {
            BlockDetail::TxIds => BlockTxs::Ids(block.transactions.iter().map(|tx| tx.txid()).collect()),
            BlockDetail::Txs { undo, prevouts } => {
                let full = |(at, tx): (usize, &chaincore_consensus::TxRef)| {
                    // The coinbase spends nothing and has no place in the undo data.
                    let spent = at.checked_sub(1).and_then(|at| undo?.txs.get(at)).map(Vec::as_slice);
                    TxJson::new(tx, params, TxDetail { hex: true, spent, prevouts })
                };
                BlockTxs::Full(block.transactions.iter().enumerate().map(full).collect())
            }
        };
        Self {
            header: HeaderJson::new(chain, info),
            strippedsize: block.stripped_size(),
            size: block.total_size(),
            weight: block.weight(),
            coinbase_tx: block.transactions.first().and_then(|tx| CoinbaseJson::new(tx)),
            tx,
        }
    }
}
