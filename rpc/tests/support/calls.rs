//! Calling methods of the double, and transactions to call them with.

use super::MemoryNode;
use chaincore_consensus::address::Address;
use chaincore_consensus::{Amount, OutPoint, Script, Transaction, Tx, TxIn, TxOut};
use chaincore_rpc::json::Json;
use chaincore_rpc::methods;
use chaincore_rpc::node::*;
use chaincore_rpc::registry::{Registry, RegistryBuilder};
use std::sync::Arc;

/// The methods of a node, ready to be called.
pub fn registry(node: &Arc<MemoryNode>) -> Arc<Registry> {
    let mut builder = RegistryBuilder::new();
    let node: NodeRef = node.clone();
    methods::register(&mut builder, &node);
    let registry = builder.build().unwrap();
    registry.warmup().finish();
    registry
}

/// Calls a method; the answer's text, or the error.
pub async fn call(registry: &Registry, method: &str, params: &str) -> Result<String, (i32, String)> {
    let params = Json::parse(params.as_bytes()).expect("the test's parameters are JSON");
    let answer = registry.call_local(method, params).await;
    answer.map(|raw| raw.get().to_owned()).map_err(|error| (error.code, error.message))
}

/// The three P2PKH addresses and the taproot address that Core's test harness mines to.
pub const HARNESS: [&str; 4] = [
    "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z",
    "msX6jQXvxiNhx3Q62PKeLPrhrqZQdSimTg",
    "mnonCMyH9TmAsSj3M59DsbH8H63U3RKoFP",
    "bcrt1p9yfmy5h72durp7zrhlw9lf7jpwjgvwdg0jr0lqmmjtgg83266lqsekaqka",
];

/// A transaction that spends the coinbase of the block at a height, which the double does not ask a signature for.
pub fn spend(node: &MemoryNode, height: u32, fee: i64) -> Tx {
    let hash = node.chain().at_height(height).unwrap().hash;
    let coinbase = node.block(&hash).unwrap().unwrap().transactions[0].clone();
    let script = Address::parse(HARNESS[1], &node.params().addresses).unwrap().script_pubkey();
    let input = TxIn {
        previous_output: OutPoint { txid: coinbase.txid(), vout: 0 },
        script_sig: Script(vec![0x51]),
        sequence: 0xffff_fffd,
        witness: vec![vec![7; 3]],
    };
    let value = Amount(coinbase.outputs[0].value.sat() - fee);
    Transaction {
        version: 2,
        inputs: vec![input],
        outputs: vec![TxOut { value, script_pubkey: script }],
        lock_time: 0,
    }
    .into()
}
