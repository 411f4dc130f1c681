//! Transactions into the mempool, and what is there.

use super::addresses::{address_script, page};
use super::shapes::{RestPoolTx, coins};
use super::stream::stream;
use super::{Answer, Request, Rest, RestError, json};
use crate::json::Json;
use crate::methods::submission::{DEFAULT_MAX_FEE_RATE, broadcast};
use crate::methods::tx_json::decode_hex;
use crate::value::{Object, to_json_string};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Amount, OutPoint, Script, Transaction, Tx, TxIn, TxOut, Txid, Wtxid, hex};
use serde::Serialize;
use std::sync::Arc;

fn bad(message: impl Into<String>) -> RestError {
    RestError::bad_request("bad_transaction", message)
}

fn from_hex(text: &str) -> Result<Tx, RestError> {
    decode_hex(text, true, true).ok_or_else(|| {
        let start: String = text.chars().take(32).collect();
        bad(format!("'{start}' is not the beginning of a transaction in hexadecimal"))
    })
}

/// A member that must be there.
fn member<'a>(object: &'a Json, name: &str, place: &str) -> Result<&'a Json, RestError> {
    object.member(name).ok_or_else(|| bad(format!("{place} has no {name}")))
}

/// A whole number, or the complaint that shows what is there instead.
fn whole<T: std::str::FromStr>(value: &Json, place: &str) -> Result<T, RestError> {
    value.get_int().map_err(|_| bad(format!("{place} must be a whole number in range, not {value}")))
}

fn bytes(value: &Json, place: &str) -> Result<Vec<u8>, RestError> {
    let decoded = value.get_str().ok().and_then(|text| hex::decode(text).ok());
    decoded.ok_or_else(|| bad(format!("{place} must be hexadecimal, not {value}")))
}

fn list<'a>(value: &'a Json, place: &str) -> Result<&'a [Json], RestError> {
    value.get_array().map_err(|_| bad(format!("{place} must be a list, not {value}")))
}

/// An input: `script_sig` and `witness`, or `scriptSig.hex` and `txinwitness` as Core names them.
fn input(value: &Json, place: &str) -> Result<TxIn, RestError> {
    let txid = member(value, "txid", place)?;
    let txid: Txid = txid
        .get_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| bad(format!("{place}.txid must be 64 hexadecimal digits, not {txid}")))?;
    let script_sig = match (value.member("script_sig"), value.field("scriptSig").member("hex")) {
        (Some(script), _) => bytes(script, &format!("{place}.script_sig"))?,
        (None, Some(script)) => bytes(script, &format!("{place}.scriptSig.hex"))?,
        (None, None) => Vec::new(),
    };
    let mut witness = Vec::new();
    if let Some(items) = value.member("witness").or_else(|| value.member("txinwitness")) {
        for item in list(items, &format!("{place}.witness"))? {
            witness.push(bytes(item, &format!("{place}.witness"))?);
        }
    }
    let sequence = value.member("sequence");
    Ok(TxIn {
        previous_output: OutPoint {
            txid,
            vout: whole(member(value, "vout", place)?, &format!("{place}.vout"))?,
        },
        script_sig: Script(script_sig),
        sequence: sequence
            .map_or(Ok(TxIn::SEQUENCE_FINAL), |value| whole(value, &format!("{place}.sequence")))?,
        witness,
    })
}

/// An output. Under `outputs` the value is in satoshis; under Core's `vout` it is in coins, as Core shows it.
fn output(value: &Json, place: &str, in_coins: bool, params: &ChainParams) -> Result<TxOut, RestError> {
    let worth = member(value, "value", place)?;
    let worth = if in_coins {
        worth.amount().map_err(|error| bad(format!("{place}.value {worth}: {}", error.message)))?
    } else {
        Amount(whole(worth, &format!("{place}.value (satoshis)"))?)
    };
    let script = value.member("script_pubkey").or_else(|| value.field("scriptPubKey").member("hex"));
    let script_pubkey = match (script, value.member("address")) {
        (Some(script), _) => Script(bytes(script, &format!("{place}.script_pubkey"))?),
        (None, Some(Json::String(address))) => address_script(address, params)?.1,
        _ => return Err(bad(format!("{place} has neither script_pubkey nor address"))),
    };
    Ok(TxOut { value: worth, script_pubkey })
}

/// A transaction from its parts.
fn from_parts(parts: &Json, params: &ChainParams) -> Result<Tx, RestError> {
    let (inputs, in_name) = match parts.member("inputs") {
        Some(inputs) => (inputs, "inputs"),
        None => (parts.member("vin").ok_or_else(|| bad("the transaction has no inputs"))?, "vin"),
    };
    let (outputs, out_name) = match parts.member("outputs") {
        Some(outputs) => (outputs, "outputs"),
        None => (parts.member("vout").ok_or_else(|| bad("the transaction has no outputs"))?, "vout"),
    };
    let read_input = |(at, value): (usize, &Json)| input(value, &format!("{in_name}[{at}]"));
    let read_output =
        |(at, value): (usize, &Json)| output(value, &format!("{out_name}[{at}]"), out_name == "vout", params);
    let transaction = Transaction {
        version: parts.member("version").map_or(Ok(2), |value| whole(value, "version"))?,
        inputs: list(inputs, in_name)?.iter().enumerate().map(read_input).collect::<Result<_, _>>()?,
        outputs: list(outputs, out_name)?.iter().enumerate().map(read_output).collect::<Result<_, _>>()?,
        lock_time: parts.member("locktime").map_or(Ok(0), |value| whole(value, "locktime"))?,
    };
    Ok(transaction.into())
}

/// The transaction of a body in any of the documented shapes.
fn read(request: &Request, params: &ChainParams) -> Result<Tx, RestError> {
    let text = request.text()?;
    if !text.starts_with(['{', '"']) {
        return from_hex(text);
    }
    match request.json()? {
        Json::String(text) => from_hex(&text),
        body => {
            let inner = body.member("transaction").unwrap_or(&body);
            match (inner, inner.member("hex").or_else(|| inner.member("tx_hex"))) {
                (Json::String(text), _) | (_, Some(Json::String(text))) => from_hex(text),
                (_, Some(other)) => Err(bad(format!("hex must be a string, not {other}"))),
                (parts, None) => from_parts(parts, params),
            }
        }
    }
}

#[derive(Serialize)]
struct Added {
    txid: Txid,
    wtxid: Wtxid,
    status: &'static str,
    size: usize,
    vsize: usize,
    fee: Option<i64>,
    fee_coins: Option<String>,
}

/// `POST /add_transaction`.
pub fn add(rest: &Rest, request: &Request) -> Answer {
    let node = rest.node();
    let tx = Arc::new(read(request, node.params())?);
    let known = node.mempool_tx(&tx.txid()).is_some();
    let txid = broadcast(node, tx.clone(), DEFAULT_MAX_FEE_RATE)?;
    let fee = node.mempool_entry(&txid).map(|entry| entry.fee);
    json(&Added {
        txid,
        wtxid: tx.wtxid(),
        status: if known { "known" } else { "accepted" },
        size: tx.total_size(),
        vsize: tx.vsize(),
        fee: fee.map(Amount::sat),
        fee_coins: fee.map(coins),
    })
}

/// `GET /transaction_pool`, streamed: a page of large transactions is large.
pub fn pool(rest: &Rest, request: &Request) -> Answer {
    let node = rest.0.node.clone();
    let (skip, limit) = page(request)?;
    let info = node.mempool_info();
    let txids = node.mempool_txids();
    let head = Object::new()
        .with("count", &info.count)
        .with("virtual_size", &info.vsize)
        .with("total_fees", &info.total_fee.sat())
        .with("total_fees_coins", &coins(info.total_fee))
        .with("next", &Some(skip.saturating_add(limit)).filter(|next| *next < txids.len()));
    let shown = txids.into_iter().skip(skip).take(limit).filter_map(move |txid| {
        // One that has left meanwhile is left out.
        let entry = node.mempool_entry(&txid)?;
        Some(
            to_json_string(&RestPoolTx::new(&entry, node.params()))
                .map_err(|error| format!("{txid}: {error}")),
        )
    });
    Ok(stream(rest, head, "transactions", shown))
}
