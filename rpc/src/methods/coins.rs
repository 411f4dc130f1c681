//! The unspent coins: one of them, and statistics over all.

use super::muhash::MuHash;
use super::tx_json::ScriptPubKeyJson;
use super::{Reply, reply};
use crate::error::RpcError;
use crate::node::Node;
use crate::registry::Args;
use crate::value::Btc;
use chaincore_consensus::codec::{Encode, Sink};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::hash::HashWriter;
use chaincore_consensus::{Amount, BlockHash, Hash256, OutPoint, TxOut, Txid};
use serde::Serialize;

#[derive(Serialize)]
struct TxOutJson {
    bestblock: BlockHash,
    confirmations: u32,
    value: Btc,
    #[serde(rename = "scriptPubKey")]
    script_pubkey: ScriptPubKeyJson,
    coinbase: bool,
}

pub fn gettxout(node: &dyn Node, args: &Args) -> Reply {
    let outpoint = OutPoint { txid: args.hash(0, "txid")?, vout: args.int(1)? };
    let include_mempool = args.opt_bool(2)?.unwrap_or(true);
    let tip = node.chain().tip();
    let shown = |output: &TxOut, confirmations, coinbase| TxOutJson {
        bestblock: tip.hash,
        confirmations,
        value: Btc(output.value),
        script_pubkey: ScriptPubKeyJson::new(&output.script_pubkey, node.params(), true),
        coinbase,
    };
    if include_mempool {
        if node.mempool_spender(&outpoint).is_some() {
            return reply(&());
        }
        if let Some(tx) = node.mempool_tx(&outpoint.txid) {
            return reply(&tx.outputs.get(outpoint.vout as usize).map(|output| shown(output, 0, false)));
        }
    }
    let coin = node.coin(&outpoint)?;
    // The coin may be of a block that came after the view was taken.
    let confirmations = |coin: &Coin| (tip.height + 1).saturating_sub(coin.height).max(1);
    reply(&coin.map(|coin| shown(&coin.output, confirmations(&coin), coin.coinbase)))
}

/// Which hash of the coins is wanted.
enum CoinsHash {
    Serialized(HashWriter),
    MuHash(Box<MuHash>),
    None,
}

/// What a coin takes without any database around it (Core's `GetBogoSize`): id, index, height, value, length.
fn bogo_size(coin: &Coin) -> u64 {
    32 + 4 + 4 + 8 + 2 + coin.output.script_pubkey.len() as u64
}

/// The bytes of a coin that go into the hashes (Core's `TxOutSer`).
fn put_coin(sink: &mut impl Sink, outpoint: &OutPoint, coin: &Coin) {
    outpoint.encode(sink);
    sink.put(&(coin.height << 1 | u32::from(coin.coinbase)).to_le_bytes());
    coin.output.encode(sink);
}

impl CoinsHash {
    fn new(name: &str) -> Result<Self, RpcError> {
        match name {
            "hash_serialized_3" => Ok(Self::Serialized(HashWriter::default())),
            "muhash" => Ok(Self::MuHash(Box::default())),
            "none" => Ok(Self::None),
            _ => Err(RpcError::invalid_parameter(format!("'{name}' is not a valid hash_type"))),
        }
    }

    fn add(&mut self, outpoint: &OutPoint, coin: &Coin) {
        match self {
            Self::Serialized(hasher) => put_coin(hasher, outpoint, coin),
            Self::MuHash(hash) => {
                let mut bytes = Vec::with_capacity(64 + coin.output.script_pubkey.len());
                put_coin(&mut bytes, outpoint, coin);
                hash.insert(&bytes);
            }
            Self::None => {}
        }
    }
}

#[derive(Serialize)]
struct CoinsInfo {
    height: u32,
    bestblock: BlockHash,
    txouts: u64,
    bogosize: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash_serialized_3: Option<Hash256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    muhash: Option<Hash256>,
    total_amount: Btc,
    transactions: u64,
    disk_size: u64,
}

pub fn gettxoutsetinfo(node: &dyn Node, args: &Args) -> Reply {
    let mut hash = CoinsHash::new(args.opt_str(0)?.unwrap_or("hash_serialized_3"))?;
    args.opt_bool(2)?.unwrap_or(true);
    if args.some(1).is_some() {
        return Err(RpcError::invalid_parameter("Querying specific block heights requires coinstatsindex"));
    }
    let (mut txouts, mut bogosize, mut transactions, mut total) = (0, 0, 0, 0i64);
    let mut last: Option<Txid> = None;
    let mut interrupted = false;
    let tip = node.visit_coins(&mut |outpoint, coin| {
        hash.add(outpoint, coin);
        txouts += 1;
        bogosize += bogo_size(coin);
        total = total.saturating_add(coin.output.value.sat());
        if last.replace(outpoint.txid) != Some(outpoint.txid) {
            transactions += 1;
        }
        interrupted = txouts % 4096 == 0 && node.is_stopping();
        !interrupted
    })?;
    if interrupted {
        return Err(RpcError::shutting_down());
    }
    let (hash_serialized_3, muhash) = match hash {
        CoinsHash::Serialized(hasher) => (Some(Hash256(hasher.finish())), None),
        CoinsHash::MuHash(hash) => (None, Some(hash.finish())),
        CoinsHash::None => (None, None),
    };
    reply(&CoinsInfo {
        height: tip.height,
        bestblock: tip.hash,
        txouts,
        bogosize,
        hash_serialized_3,
        muhash,
        total_amount: Btc(Amount(total)),
        transactions,
        disk_size: node.coins_disk_size(),
    })
}
