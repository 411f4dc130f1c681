//! The mempool: how much there is, what it pays, and putting transactions into it.

use super::{fees, text};
use crate::error::RpcError;
use crate::json::Json;
use crate::methods::submission::{Limits, broadcast, check_burn, submit_package};
use crate::methods::tx_json::decode_hex;
use crate::node::{MempoolChunk, Node};
use crate::rest::{Answer, Request, Rest, RestError, json};
use crate::value::{CoreDouble, Object};
use chaincore_consensus::{Amount, Txid};
use serde::Serialize;
use std::sync::Arc;

/// How many of the newest transactions are shown.
const RECENT: usize = 10;
/// The room that a block has for transactions, in weight units: the consensus limit less what miners keep free.
const ROOM: u64 = 4_000_000 - 8_000;

/// Below this nothing is taken or mined, in satoshis per virtual byte.
fn floor(node: &dyn Node) -> f64 {
    let info = node.mempool_info();
    let least = info.min_fee_rate.max(info.min_relay_fee_rate).max(node.block_min_fee_rate());
    least.sat() as f64 / 1000.0
}

#[derive(Serialize)]
struct Backlog {
    count: u64,
    vsize: u64,
    total_fee: i64,
    fee_histogram: Vec<(CoreDouble, u64)>,
}

/// `GET /api/mempool`.
pub fn backlog(rest: &Rest, _: &Request) -> Answer {
    let info = rest.node().mempool_info();
    let steps = fees::histogram(&rest.node().mempool_chunks());
    json(&Backlog {
        count: info.count,
        vsize: info.vsize,
        total_fee: info.total_fee.sat(),
        fee_histogram: steps.into_iter().map(|(rate, vsize)| (CoreDouble(rate), vsize)).collect(),
    })
}

/// `GET /api/mempool/txids`.
pub fn txids(rest: &Rest, _: &Request) -> Answer {
    json(&rest.node().mempool_txids())
}

#[derive(Serialize)]
struct Recent {
    txid: Txid,
    fee: i64,
    vsize: u64,
    value: i64,
}

/// `GET /api/mempool/recent`.
pub fn recent(rest: &Rest, _: &Request) -> Answer {
    let newest = rest.with_pool(|pool| {
        let shown = |tx: &super::pool::PoolTx| Recent {
            txid: tx.tx.txid(),
            fee: tx.fee.sat(),
            vsize: tx.vsize,
            value: tx.tx.output_sum().sat(),
        };
        pool.newest(RECENT).into_iter().map(shown).collect::<Vec<_>>()
    })?;
    json(&newest)
}

/// `GET /api/fee-estimates`.
pub fn estimates(rest: &Rest, _: &Request) -> Answer {
    let node = rest.node();
    let mut all = Object::new();
    for (target, rate) in fees::estimates(&node.mempool_chunks(), ROOM, floor(node)) {
        all.put(&target.to_string(), &CoreDouble(rate));
    }
    json(&all)
}

/// `GET /api/v1/fees/recommended`.
pub fn recommended(rest: &Rest, _: &Request) -> Answer {
    let node = rest.node();
    json(&fees::recommended(&node.mempool_chunks(), ROOM, floor(node)))
}

/// `GET /api/v1/fees/mempool-blocks`.
pub fn next_blocks(rest: &Rest, _: &Request) -> Answer {
    let node = rest.node();
    let chunks = node.mempool_chunks();
    let blocks = rest.with_pool(|pool| {
        let size = |txid: &Txid| pool.get(txid).map_or(0, |pooled| pooled.tx.total_size() as u64);
        fees::next_blocks(&chunks, ROOM, &|chunk: &MempoolChunk| chunk.txids.iter().map(size).sum())
    })?;
    json(&blocks)
}

/// What a client is told of a transaction that is refused: Core's code and words, as Esplora passes them on.
fn refused(method: &str, error: &RpcError) -> RestError {
    let said = Object::new().with("code", &error.code).with("message", &error.message).into_json();
    RestError::bad_request("rejected", format!("{method} RPC error: {said}"))
}

/// `POST /api/tx`: a transaction in hex; its id. The limits of a package can be said here, too.
pub fn post(rest: &Rest, request: &Request) -> Answer {
    let node = rest.node();
    let limits = limits(request)?;
    let undecodable = || RpcError::undecodable("TX decode failed. Make sure the tx has at least one input.");
    let sent = || {
        let tx = request.text().ok().and_then(|text| decode_hex(text, true, true)).ok_or_else(undecodable)?;
        check_burn(&tx, limits.max_burn)?;
        broadcast(node, Arc::new(tx), limits.max_fee_rate)
    };
    let txid = sent().map_err(|error| refused("sendrawtransaction", &error))?;
    Ok(text(txid.to_string()))
}

/// `POST /api/txs/package`: a child with its parents, each in hex, in a list; what became of each.
pub fn post_package(rest: &Rest, request: &Request) -> Answer {
    let body = request.json()?;
    let list = body.get_array();
    let raw: &[Json] = list.map_err(|_| RestError::bad_request("bad_body", "the body is not a JSON list"))?;
    let limits = limits(request)?;
    let submitted = submit_package(rest.node(), raw, limits);
    json(&submitted.map_err(|error| refused("submitpackage", &error))?)
}

/// `maxfeerate` in satoshis per virtual byte, `maxburnamount` in coins.
fn limits(request: &Request) -> Result<Limits, RestError> {
    let mut limits = Limits::default();
    if let Some(text) = request.query("maxfeerate") {
        let rate =
            text.parse::<f64>().ok().map(|rate| rate * 1000.0).filter(|rate| (0.0..1e15).contains(rate));
        let complaint =
            || RestError::bad_request("bad_parameter", format!("maxfeerate '{text}' is not a fee rate"));
        limits.max_fee_rate = Amount(rate.ok_or_else(complaint)? as i64);
    }
    if let Some(text) = request.query("maxburnamount") {
        let complaint = |error| RestError::bad_request("bad_parameter", format!("maxburnamount: {error}"));
        limits.max_burn = Amount::from_coins_text(&text).map_err(complaint)?;
    }
    Ok(limits)
}
