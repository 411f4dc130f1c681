//! The mempool: what is in it, and what it puts first.

use super::{Reply, reply};
use crate::error::RpcError;
use crate::node::{MempoolEntry, Node};
use crate::registry::Args;
use crate::value::{Btc, Object};
use chaincore_consensus::{Amount, Tx, Txid, Wtxid};
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Serialize)]
struct EntryFees {
    base: Btc,
    modified: Btc,
    ancestor: Btc,
    descendant: Btc,
    chunk: Btc,
}

/// A mempool transaction as Core shows it.
#[derive(Serialize)]
pub struct EntryJson {
    vsize: u64,
    weight: u64,
    time: i64,
    height: u32,
    descendantcount: u64,
    descendantsize: u64,
    ancestorcount: u64,
    ancestorsize: u64,
    wtxid: Wtxid,
    chunkweight: u64,
    fees: EntryFees,
    depends: BTreeSet<String>,
    spentby: Vec<Txid>,
    #[serde(rename = "bip125-replaceable")]
    bip125_replaceable: bool,
    unbroadcast: bool,
}

impl EntryJson {
    /// A mempool transaction.
    pub fn new(node: &dyn Node, entry: &MempoolEntry) -> Self {
        Self {
            vsize: entry.vsize,
            weight: entry.weight,
            time: entry.time,
            height: entry.height,
            descendantcount: entry.descendants.count,
            descendantsize: entry.descendants.vsize,
            ancestorcount: entry.ancestors.count,
            ancestorsize: entry.ancestors.vsize,
            wtxid: entry.tx.wtxid(),
            chunkweight: entry.chunk_weight,
            fees: EntryFees {
                base: Btc(entry.fee),
                modified: Btc(entry.modified_fee),
                ancestor: Btc(entry.ancestors.fees),
                descendant: Btc(entry.descendants.fees),
                chunk: Btc(entry.chunk_fee),
            },
            depends: entry.depends.iter().map(Txid::to_string).collect(),
            spentby: entry.spent_by.clone(),
            bip125_replaceable: signals_replacement(node, entry),
            unbroadcast: entry.unbroadcast,
        }
    }
}

/// Whether a transaction, or one it needs in the mempool, says by its sequence numbers that it may be replaced
/// (BIP125). Replacement does not depend on it any more; clients still ask.
fn signals_replacement(node: &dyn Node, entry: &MempoolEntry) -> bool {
    const MAX_BIP125_SEQUENCE: u32 = 0xffff_fffd;
    let signals = |tx: &Tx| tx.inputs.iter().any(|input| input.sequence <= MAX_BIP125_SEQUENCE);
    let ancestor_signals = || {
        let ancestors = node.mempool_ancestors(&entry.tx.txid()).unwrap_or_default();
        ancestors.iter().filter_map(|txid| node.mempool_tx(txid)).any(|tx| signals(&tx))
    };
    signals(&entry.tx) || (!entry.depends.is_empty() && ancestor_signals())
}

/// Transactions by their id.
fn entries_by_id(node: &dyn Node, entries: impl IntoIterator<Item = MempoolEntry>) -> Object {
    let mut object = Object::new();
    for entry in entries {
        object.put(&entry.tx.txid().to_string(), &EntryJson::new(node, &entry));
    }
    object
}

#[derive(Serialize)]
struct TxidsAndSequence {
    txids: Vec<Txid>,
    mempool_sequence: u64,
}

pub fn getrawmempool(node: &dyn Node, args: &Args) -> Reply {
    let verbose = args.opt_bool(0)?.unwrap_or(false);
    let with_sequence = args.opt_bool(1)?.unwrap_or(false);
    match (verbose, with_sequence) {
        (true, true) => {
            Err(RpcError::invalid_parameter("Verbose results cannot contain mempool sequence values."))
        }
        (true, false) => reply(&entries_by_id(node, node.mempool_entries())),
        (false, true) => {
            let mempool_sequence = node.mempool_info().sequence;
            reply(&TxidsAndSequence { txids: node.mempool_txids(), mempool_sequence })
        }
        (false, false) => reply(&node.mempool_txids()),
    }
}

fn not_in_mempool() -> RpcError {
    RpcError::not_found("Transaction not in mempool")
}

pub fn getmempoolentry(node: &dyn Node, args: &Args) -> Reply {
    let txid = args.hash(0, "txid")?;
    reply(&EntryJson::new(node, &node.mempool_entry(&txid).ok_or_else(not_in_mempool)?))
}

/// The relatives of a mempool transaction, as ids or in full.
fn relatives(node: &dyn Node, args: &Args, of: impl FnOnce(&Txid) -> Option<Vec<Txid>>) -> Reply {
    let verbose = args.opt_bool(1)?.unwrap_or(false);
    let txid = args.hash(0, "txid")?;
    let txids = of(&txid).ok_or_else(not_in_mempool)?;
    if verbose {
        reply(&entries_by_id(node, txids.iter().filter_map(|txid| node.mempool_entry(txid))))
    } else {
        reply(&txids)
    }
}

pub fn getmempoolancestors(node: &dyn Node, args: &Args) -> Reply {
    relatives(node, args, |txid| node.mempool_ancestors(txid))
}

pub fn getmempooldescendants(node: &dyn Node, args: &Args) -> Reply {
    relatives(node, args, |txid| node.mempool_descendants(txid))
}

#[derive(Serialize)]
struct MempoolJson {
    loaded: bool,
    size: u64,
    bytes: u64,
    usage: u64,
    total_fee: Btc,
    maxmempool: u64,
    mempoolminfee: Btc,
    minrelaytxfee: Btc,
    incrementalrelayfee: Btc,
    unbroadcastcount: u64,
    fullrbf: bool,
    permitbaremultisig: bool,
    maxdatacarriersize: u64,
    limitclustercount: u64,
    limitclustersize: u64,
    optimal: bool,
}

pub fn getmempoolinfo(node: &dyn Node, _: &Args) -> Reply {
    let info = node.mempool_info();
    reply(&MempoolJson {
        loaded: info.loaded,
        size: info.count,
        bytes: info.vsize,
        usage: info.usage,
        total_fee: Btc(info.total_fee),
        maxmempool: info.max_usage,
        mempoolminfee: Btc(info.min_fee_rate.max(info.min_relay_fee_rate)),
        minrelaytxfee: Btc(info.min_relay_fee_rate),
        incrementalrelayfee: Btc(info.incremental_fee_rate),
        unbroadcastcount: info.unbroadcast,
        fullrbf: true,
        permitbaremultisig: info.permit_bare_multisig,
        maxdatacarriersize: info.max_data_carrier.unwrap_or(0),
        limitclustercount: info.cluster_count_limit,
        limitclustersize: info.cluster_size_limit,
        optimal: info.optimal,
    })
}

pub fn prioritisetransaction(node: &dyn Node, args: &Args) -> Reply {
    let txid: Txid = args.hash(0, "txid")?;
    if args.some(1).is_some_and(|dummy| dummy.get_real().is_ok_and(|dummy| dummy != 0.0)) {
        return Err(RpcError::invalid_parameter(
            "Priority is no longer supported, dummy argument to prioritisetransaction must be 0.",
        ));
    }
    let delta = Amount(args.int(2)?);
    if !node.prioritise(txid, delta)? {
        return Err(RpcError::invalid_parameter(
            "Priority is not supported for transactions with dust outputs.",
        ));
    }
    reply(&true)
}

#[derive(Serialize)]
struct PriorityJson {
    fee_delta: i64,
    in_mempool: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified_fee: Option<i64>,
}

pub fn getprioritisedtransactions(node: &dyn Node, _: &Args) -> Reply {
    let mut object = Object::new();
    for priority in node.priorities() {
        let json = PriorityJson {
            fee_delta: priority.delta.sat(),
            in_mempool: priority.modified_fee.is_some(),
            modified_fee: priority.modified_fee.map(Amount::sat),
        };
        object.put(&priority.txid.to_string(), &json);
    }
    reply(&object)
}
