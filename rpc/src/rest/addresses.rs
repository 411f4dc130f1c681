//! What addresses hold, by the address index.

use super::shapes::coins;
use super::{Answer, Request, Rest, RestError, json};
use crate::node::ScriptId;
use chaincore_consensus::address::Address;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Amount, BlockHash, Script, Txid, hex};
use serde::Serialize;

/// How many outputs a page has when the caller does not say.
pub const DEFAULT_PAGE: usize = 1000;
/// How many it may have.
pub const MAX_PAGE: usize = 10_000;

/// An address of the chain, or the complaint that names it.
pub fn address_script(text: &str, params: &ChainParams) -> Result<(Address, Script), RestError> {
    let address = Address::parse(text, &params.addresses).map_err(|error| {
        let message = format!("'{text}' is not an address of the chain '{}': {error}", params.name);
        RestError::bad_request("bad_address", message)
    })?;
    let script = address.script_pubkey();
    Ok((address, script))
}

/// The page that a query asks for: how many to skip, and how many to show.
pub fn page(request: &Request) -> Result<(usize, usize), RestError> {
    let skip = request.number("skip")?.unwrap_or(0);
    let limit = request.number("limit")?.unwrap_or(DEFAULT_PAGE);
    if limit > MAX_PAGE {
        let message = format!("limit {limit} is above the most that one answer holds, {MAX_PAGE}");
        return Err(RestError::bad_request("bad_parameter", message));
    }
    Ok((skip, limit))
}

#[derive(Serialize)]
struct Balance {
    address: String,
    balance: i64,
    balance_coins: String,
    spendable: i64,
    immature: i64,
    received: i64,
    utxo_count: u64,
    transaction_count: u64,
    height: u32,
    block_hash: BlockHash,
}

/// `GET /balance/{address}`.
pub fn balance(rest: &Rest, request: &Request) -> Answer {
    let node = rest.node();
    let (address, script) = address_script(request.argument(0), node.params())?;
    let totals = node.script_totals(&ScriptId::of(&script))?;
    json(&Balance {
        address: address.to_text(&node.params().addresses),
        balance: totals.unspent.sat(),
        balance_coins: coins(totals.unspent),
        spendable: totals.unspent.sat() - totals.immature.sat(),
        immature: totals.immature.sat(),
        received: totals.received.sat(),
        utxo_count: totals.unspent_count,
        transaction_count: totals.tx_count,
        height: totals.at.height,
        block_hash: totals.at.hash,
    })
}

#[derive(Serialize)]
struct Utxo {
    txid: Txid,
    vout: u32,
    value: i64,
    amount: String,
    height: u32,
    confirmations: u32,
    coinbase: bool,
    spendable: bool,
    spent_in_mempool: bool,
}

#[derive(Serialize)]
struct Utxos {
    address: String,
    script_pubkey: String,
    count: usize,
    total: i64,
    total_coins: String,
    next: Option<usize>,
    height: u32,
    utxos: Vec<Utxo>,
}

/// `GET /utxos/{address}`.
pub fn utxos(rest: &Rest, request: &Request) -> Answer {
    let node = rest.node();
    let (address, script) = address_script(request.argument(0), node.params())?;
    let (skip, limit) = page(request)?;
    let height = node.chain().tip().height;
    // One more than shown tells whether there is a next page.
    let mut found = node.script_unspent(&ScriptId::of(&script), skip, limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let maturity = node.params().coinbase_maturity;
    let utxos: Vec<Utxo> = found
        .iter()
        .map(|unspent| {
            let spent_in_mempool = node.mempool_spender(&unspent.outpoint).is_some();
            let confirmations = (height + 1).saturating_sub(unspent.height);
            // The next block is one higher than the tip.
            let mature = !unspent.coinbase || confirmations >= maturity;
            Utxo {
                txid: unspent.outpoint.txid,
                vout: unspent.outpoint.vout,
                value: unspent.value.sat(),
                amount: coins(unspent.value),
                height: unspent.height,
                confirmations,
                coinbase: unspent.coinbase,
                spendable: mature && !spent_in_mempool,
                spent_in_mempool,
            }
        })
        .collect();
    let total = Amount(utxos.iter().map(|utxo| utxo.value).sum());
    json(&Utxos {
        address: address.to_text(&node.params().addresses),
        script_pubkey: hex::encode(&script),
        count: utxos.len(),
        total: total.sat(),
        total_coins: coins(total),
        next: more.then(|| skip.saturating_add(limit)),
        height,
        utxos,
    })
}

#[derive(Serialize)]
struct Event {
    txid: Txid,
    height: u32,
    tx_index: u32,
    confirmations: u32,
    time: Option<u32>,
}

#[derive(Serialize)]
struct History {
    address: String,
    count: usize,
    next: Option<usize>,
    height: u32,
    transactions: Vec<Event>,
}

/// `GET /history/{address}`.
pub fn history(rest: &Rest, request: &Request) -> Answer {
    let node = rest.node();
    let (address, script) = address_script(request.argument(0), node.params())?;
    let (skip, limit) = page(request)?;
    let chain = node.chain();
    let height = chain.tip().height;
    let mut found = node.script_history(&ScriptId::of(&script), None, skip, limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let event = |event: &crate::node::ScriptEvent| Event {
        txid: event.txid,
        height: event.height,
        tx_index: event.tx_index,
        confirmations: (height + 1).saturating_sub(event.height),
        time: chain.at_height(event.height).map(|block| block.header.time),
    };
    json(&History {
        address: address.to_text(&node.params().addresses),
        count: found.len(),
        next: more.then(|| skip.saturating_add(limit)),
        height,
        transactions: found.iter().map(event).collect(),
    })
}
