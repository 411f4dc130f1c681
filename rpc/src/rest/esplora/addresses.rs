//! What addresses, and scripts by their SHA-256, have been paid and have spent.

use super::PAGE;
use super::lookup::{Named, Spent, block, check_caught_up, place_of, txid};
use super::pool::PoolTotals;
use super::shapes::{Status, TxJson};
use crate::node::{BlockInfo, ChainView, Node, NodeError, ScriptId, ScriptTotals, TxPlace};
use crate::rest::{Answer, Request, Rest, RestError, json};
use chaincore_consensus::{OutPoint, TxRef, Txid};
use serde::Serialize;
use std::collections::HashSet;
use std::sync::Arc;

/// How many transactions of the mempool are shown.
const POOL_PAGE: usize = 50;

/// How many unspent outputs one answer has at most; whoever has more is refused, as by Esplora.
const MAX_UNSPENT: usize = 10_000;

#[derive(Serialize)]
struct Sums {
    funded_txo_count: u64,
    funded_txo_sum: i64,
    spent_txo_count: u64,
    spent_txo_sum: i64,
    tx_count: u64,
}

impl From<ScriptTotals> for Sums {
    fn from(totals: ScriptTotals) -> Self {
        Self {
            funded_txo_count: totals.funded_count,
            funded_txo_sum: totals.received.sat(),
            spent_txo_count: totals.funded_count.saturating_sub(totals.unspent_count),
            spent_txo_sum: totals.received.sat().saturating_sub(totals.unspent.sat()),
            tx_count: totals.tx_count,
        }
    }
}

impl From<PoolTotals> for Sums {
    fn from(totals: PoolTotals) -> Self {
        Self {
            funded_txo_count: totals.funded.0,
            funded_txo_sum: totals.funded.1,
            spent_txo_count: totals.spent.0,
            spent_txo_sum: totals.spent.1,
            tx_count: totals.transactions,
        }
    }
}

#[derive(Serialize)]
struct Stats<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scripthash: Option<&'a str>,
    chain_stats: Sums,
    mempool_stats: Sums,
}

/// The script that is asked for, and the chain, which the index must have followed.
fn asked(rest: &Rest, request: &Request, named: Named) -> Result<(ScriptId, Arc<dyn ChainView>), RestError> {
    let script = named.script(rest.node(), request)?;
    let chain = rest.node().chain();
    check_caught_up(rest.node(), &*chain, "address")?;
    Ok((script, chain))
}

fn stats(rest: &Rest, request: &Request, named: Named) -> Answer {
    let (script, _) = asked(rest, request, named)?;
    let totals = rest.node().script_totals(&script)?;
    let text = request.argument(0);
    json(&Stats {
        address: (named == Named::Address).then_some(text),
        scripthash: (named == Named::ScriptHash).then_some(text),
        chain_stats: totals.into(),
        mempool_stats: rest.with_pool(|pool| pool.totals_of(&script))?.into(),
    })
}

/// The transactions in the mempool, the newest first.
fn pooled(rest: &Rest, script: &ScriptId) -> Result<Vec<TxJson>, RestError> {
    let params = rest.node().params();
    rest.with_pool(|pool| {
        let txs = pool.newest_of(script, POOL_PAGE).into_iter();
        txs.map(|pooled| TxJson::new(&pooled.tx, &pooled.spent, None, params)).collect()
    })
}

/// A page of the transactions in the chain before a place, the newest first. A block is read once for all of its
/// transactions here.
fn mined(rest: &Rest, script: &ScriptId, before: Option<TxPlace>) -> Result<Vec<TxJson>, RestError> {
    let node = rest.node();
    let mut open: Option<(BlockInfo, Spent)> = None;
    let mut page = Vec::with_capacity(PAGE);
    for event in node.script_history(script, before, 0, PAGE)? {
        let (info, spent) = match open.take().filter(|(info, _)| info.height == event.height) {
            Some(same) => same,
            None => {
                // One that a reorganization has taken away meanwhile is not shown.
                let Some(info) = node.chain().at_height(event.height) else { continue };
                let spent = Spent::of(node, &info)?;
                (info, spent)
            }
        };
        if let Some(tx) = transaction(node, &info, &event.txid, event.tx_index)? {
            page.push(TxJson::new(&tx, &spent.by(event.tx_index), Some(&info), node.params()));
        }
        open = Some((info, spent));
    }
    Ok(page)
}

/// The transaction at a place: by the transaction index, or out of its block.
fn transaction(
    node: &dyn Node,
    info: &BlockInfo,
    txid: &Txid,
    position: u32,
) -> Result<Option<TxRef>, RestError> {
    match node.find_tx(txid) {
        Ok(found) => Ok(found.filter(|found| found.block == info.hash).map(|found| found.tx)),
        Err(NodeError::IndexOff(_)) => {
            let tx = block(node, info)?.transactions.get(position as usize).cloned();
            Ok(tx.filter(|tx| tx.txid() == *txid))
        }
        Err(error) => Err(error.into()),
    }
}

/// Those behind one that the client has seen; none if that is not in the chain.
fn mined_after(rest: &Rest, script: &ScriptId, seen: &str) -> Result<Vec<TxJson>, RestError> {
    match place_of(rest.node(), &txid(seen)?, script)? {
        Some(place) => mined(rest, script, Some(place)),
        None => Ok(Vec::new()),
    }
}

fn txs(rest: &Rest, request: &Request, named: Named) -> Answer {
    let (script, _) = asked(rest, request, named)?;
    if let Some(seen) = request.query("after_txid") {
        return json(&mined_after(rest, &script, &seen)?);
    }
    let mut all = pooled(rest, &script)?;
    all.extend(mined(rest, &script, None)?);
    json(&all)
}

fn txs_chain(rest: &Rest, request: &Request, named: Named) -> Answer {
    let (script, _) = asked(rest, request, named)?;
    match request.arguments.get(1) {
        Some(seen) => json(&mined_after(rest, &script, seen)?),
        None => json(&mined(rest, &script, None)?),
    }
}

fn txs_mempool(rest: &Rest, request: &Request, named: Named) -> Answer {
    let script = named.script(rest.node(), request)?;
    json(&pooled(rest, &script)?)
}

#[derive(Serialize)]
struct Unspent {
    txid: Txid,
    vout: u32,
    status: Status,
    value: i64,
}

fn utxo(rest: &Rest, request: &Request, named: Named) -> Answer {
    let node = rest.node();
    let (script, chain) = asked(rest, request, named)?;
    // The mempool first: what a block takes out of it in between is then in both, and not in neither.
    let pooled = rest.with_pool(|pool| pool.outputs_of(&script, MAX_UNSPENT + 1))?;
    let unspent = node.script_unspent(&script, 0, MAX_UNSPENT + 1)?;
    if unspent.len() + pooled.len() > MAX_UNSPENT {
        let message = format!("Too many unspent transaction outputs (>{MAX_UNSPENT})");
        return Err(RestError::bad_request("too_many", message));
    }
    let mined: HashSet<OutPoint> = unspent.iter().map(|coin| coin.outpoint).collect();
    let of_chain = unspent
        .into_iter()
        .map(|coin| (coin.outpoint, coin.value, Status::new(chain.at_height(coin.height).as_ref())));
    let of_pool = pooled.into_iter().filter(|(outpoint, _)| !mined.contains(outpoint));
    let of_pool = of_pool.map(|(outpoint, value)| (outpoint, value, Status::new(None)));
    let shown: Vec<Unspent> = of_chain
        .chain(of_pool)
        .filter(|(outpoint, ..)| node.mempool_spender(outpoint).is_none())
        .map(|(OutPoint { txid, vout }, value, status)| Unspent { txid, vout, status, value: value.sat() })
        .collect();
    json(&shown)
}

/// The same handlers for both ways of naming a script.
macro_rules! both {
    ($($(#[$doc:meta])* $of_address:ident $of_script:ident = $run:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $of_address(rest: &Rest, request: &Request) -> Answer {
                $run(rest, request, Named::Address)
            }

            $(#[$doc])*
            pub fn $of_script(rest: &Rest, request: &Request) -> Answer {
                $run(rest, request, Named::ScriptHash)
            }
        )*
    };
}

both! {
    /// The sums.
    address_stats script_stats = stats;
    /// The newest transactions, those of the mempool first.
    address_txs script_txs = txs;
    /// A page of transactions of the chain.
    address_chain script_chain = txs_chain;
    /// The transactions of the mempool.
    address_mempool script_mempool = txs_mempool;
    /// The unspent outputs.
    address_utxo script_utxo = utxo;
}
