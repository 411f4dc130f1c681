//! How blocks and transactions look in REST answers.

use crate::node::{BlockInfo, MempoolEntry};
use crate::value::CoreDouble;
use chaincore_consensus::address::Address;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::script::classify;
use chaincore_consensus::{Amount, Block, BlockHash, Hash256, Tx, Txid, Wtxid, hex, pow};
use serde::Serialize;

/// An amount in coins, as text.
pub fn coins(amount: Amount) -> String {
    amount.to_string()
}

/// An input.
#[derive(Serialize)]
pub struct RestInput {
    #[serde(skip_serializing_if = "Option::is_none")]
    coinbase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txid: Option<Txid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vout: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    script_sig: Option<String>,
    witness: Vec<String>,
    sequence: u32,
}

/// An output.
#[derive(Serialize)]
pub struct RestOutput {
    n: usize,
    value: i64,
    amount: String,
    address: Option<String>,
    script_pubkey: String,
    #[serde(rename = "type")]
    kind: &'static str,
}

/// A transaction.
#[derive(Serialize)]
pub struct RestTx {
    txid: Txid,
    wtxid: Wtxid,
    version: u32,
    locktime: u32,
    size: usize,
    vsize: usize,
    inputs: Vec<RestInput>,
    outputs: Vec<RestOutput>,
}

impl RestTx {
    /// A transaction.
    pub fn new(tx: &Tx, params: &ChainParams) -> Self {
        let coinbase = tx.is_coinbase();
        let inputs = tx.inputs.iter().map(|input| RestInput {
            coinbase: coinbase.then(|| hex::encode(&input.script_sig)),
            txid: (!coinbase).then_some(input.previous_output.txid),
            vout: (!coinbase).then_some(input.previous_output.vout),
            script_sig: (!coinbase).then(|| hex::encode(&input.script_sig)),
            witness: input.witness.iter().map(|item| hex::encode(item)).collect(),
            sequence: input.sequence,
        });
        let outputs = tx.outputs.iter().enumerate().map(|(n, output)| RestOutput {
            n,
            value: output.value.sat(),
            amount: coins(output.value),
            address: Address::from_script(&output.script_pubkey)
                .map(|address| address.to_text(&params.addresses)),
            script_pubkey: hex::encode(&output.script_pubkey),
            kind: classify(&output.script_pubkey).name(),
        });
        Self {
            txid: tx.txid(),
            wtxid: tx.wtxid(),
            version: tx.version,
            locktime: tx.lock_time,
            size: tx.total_size(),
            vsize: tx.vsize(),
            inputs: inputs.collect(),
            outputs: outputs.collect(),
        }
    }
}

/// A block.
#[derive(Serialize)]
pub struct RestBlock {
    height: u32,
    hash: BlockHash,
    previous_hash: BlockHash,
    merkle_root: Hash256,
    version: i32,
    time: u32,
    bits: String,
    nonce: u32,
    difficulty: CoreDouble,
    size: usize,
    weight: usize,
    transaction_count: usize,
    transactions: Vec<RestTx>,
}

impl RestBlock {
    /// A block of the active chain.
    pub fn new(info: &BlockInfo, block: &Block, params: &ChainParams) -> Self {
        let header = &block.header;
        Self {
            height: info.height,
            hash: info.hash,
            previous_hash: header.previous,
            merkle_root: header.merkle_root,
            version: header.version,
            time: header.time,
            bits: format!("{:08x}", header.bits),
            nonce: header.nonce,
            difficulty: CoreDouble(pow::difficulty(header.bits)),
            size: block.total_size(),
            weight: block.weight(),
            transaction_count: block.transactions.len(),
            transactions: block.transactions.iter().map(|tx| RestTx::new(tx, params)).collect(),
        }
    }
}

/// A transaction of the mempool.
#[derive(Serialize)]
pub struct RestPoolTx {
    #[serde(flatten)]
    tx: RestTx,
    fee: i64,
    fee_coins: String,
    fee_rate: CoreDouble,
    time: i64,
    depends: Vec<Txid>,
}

impl RestPoolTx {
    /// A transaction of the mempool.
    pub fn new(entry: &MempoolEntry, params: &ChainParams) -> Self {
        Self {
            tx: RestTx::new(&entry.tx, params),
            fee: entry.fee.sat(),
            fee_coins: coins(entry.fee),
            fee_rate: CoreDouble(entry.fee.sat() as f64 / entry.vsize.max(1) as f64),
            time: entry.time,
            depends: entry.depends.clone(),
        }
    }
}
