//! A minimal external miner, as a separate process: `getblocktemplate`, a coinbase of its own, a nonce search,
//! `submitblock`. It knows only what BIP22, BIP23, BIP145 and the template say.
//!
//! `gbt-miner URL AUTHORIZATION SCRIPT_HEX BLOCKS` prints the hash of each block found.
#![allow(clippy::print_stdout, reason = "its output is what the test reads")]

use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::hash::sha256d;
use chaincore_consensus::merkle::{block_merkle_root, block_witness_merkle_root};
use chaincore_consensus::script::Builder;
use chaincore_consensus::{
    Amount, Block, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, hex,
};
use serde_json::{Value, json};
use std::sync::Arc;

type Fallible<T> = Result<T, Box<dyn std::error::Error>>;

struct Rpc {
    url: String,
    authorization: String,
}

impl Rpc {
    /// A call in the dialect that miners speak: no `jsonrpc`, a number as id.
    fn call(&self, method: &str, params: Value) -> Fallible<Value> {
        let request = json!({"method": method, "params": params, "id": 0});
        let mut response = ureq::post(&self.url)
            .header("Authorization", &self.authorization)
            .config()
            .http_status_as_error(false)
            .build()
            .send(format!("{request}\r\n"))?;
        let text = response.body_mut().with_config().limit(64 << 20).read_to_string()?;
        let reply: Value = serde_json::from_str(&text)?;
        if !reply["error"].is_null() {
            return Err(format!("{method}: {}", reply["error"]).into());
        }
        reply.get("result").cloned().ok_or_else(|| format!("{method}: no result in {text}").into())
    }
}

fn field<'a>(template: &'a Value, name: &str) -> Fallible<&'a str> {
    template[name].as_str().ok_or_else(|| format!("the template has no text '{name}'").into())
}

fn number(template: &Value, name: &str) -> Fallible<u64> {
    template[name].as_u64().ok_or_else(|| format!("the template has no number '{name}'").into())
}

fn assemble(template: &Value, script: &Script) -> Fallible<Block> {
    let mut transactions = vec![];
    for entry in template["transactions"].as_array().ok_or("the template has no transactions")? {
        let tx = Tx::decode_exact(&hex::decode(field(entry, "data")?)?)?;
        if tx.txid().to_string() != field(entry, "txid")? || tx.wtxid().to_string() != field(entry, "hash")? {
            return Err(format!("the template names {} wrongly", tx.txid()).into());
        }
        transactions.push(Arc::new(tx));
    }
    let height = i64::try_from(number(template, "height")?)?;
    let value = Amount(i64::try_from(number(template, "coinbasevalue")?)?);
    let mut script_sig = Builder::new().push_int(height);
    if height <= 16 {
        script_sig = script_sig.op(0);
    }
    let mut coinbase = Transaction {
        version: 2,
        inputs: vec![TxIn {
            previous_output: OutPoint::NULL,
            script_sig: script_sig.into_script(),
            sequence: TxIn::SEQUENCE_FINAL,
            witness: vec![vec![0; 32]],
        }],
        outputs: vec![TxOut { value, script_pubkey: script.clone() }],
        lock_time: 0,
    };
    transactions.insert(0, Arc::new(coinbase.clone().into()));
    let header = Header {
        version: i32::try_from(template["version"].as_i64().ok_or("the template has no version")?)?,
        previous: field(template, "previousblockhash")?.parse()?,
        merkle_root: Hash256::ZERO,
        time: u32::try_from(number(template, "curtime")?)?,
        bits: u32::from_str_radix(field(template, "bits")?, 16)?,
        nonce: 0,
    };
    let mut block = Block { header, transactions };
    let root = block_witness_merkle_root(&block);
    let commitment = sha256d(&[root.0, [0; 32]].concat());
    let script_pubkey = Script([&[0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed][..], &commitment].concat());
    if let Some(given) = template["default_witness_commitment"].as_str()
        && given != hex::encode(&script_pubkey)
    {
        return Err(format!("the template commits to {given}, not {}", hex::encode(&script_pubkey)).into());
    }
    coinbase.outputs.push(TxOut { value: Amount::ZERO, script_pubkey });
    // As real miners do: the block goes out without the coinbase's witness, and the node puts it there.
    coinbase.inputs[0].witness.clear();
    block.transactions[0] = Arc::new(coinbase.into());
    block.header.merkle_root = block_merkle_root(&block).0;
    Ok(block)
}

fn main() -> Fallible<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [url, authorization, script, blocks] = args.as_slice() else {
        return Err("usage: gbt-miner URL AUTHORIZATION SCRIPT_HEX BLOCKS".into());
    };
    let rpc = Rpc { url: url.clone(), authorization: authorization.clone() };
    let script = Script(hex::decode(script)?);
    for _ in 0..blocks.parse::<u32>()? {
        let request = json!([{"capabilities": ["coinbasetxn", "coinbasevalue", "longpoll", "workid"], "rules": ["segwit"]}]);
        let template = rpc.call("getblocktemplate", request)?;
        let mut block = assemble(&template, &script)?;
        let mut target = hex::decode(field(&template, "target")?)?;
        target.reverse();
        let reached = |hash: &[u8; 32]| hash.iter().rev().le(target.iter().rev());
        while !reached(&block.header.hash().0) {
            block.header.nonce = block.header.nonce.checked_add(1).ok_or("no nonce reaches the target")?;
        }
        let answer = rpc.call("submitblock", json!([hex::encode(&block.to_bytes())]))?;
        if !answer.is_null() {
            return Err(format!("submitblock: {answer}").into());
        }
        println!("{}", block.hash());
    }
    Ok(())
}
