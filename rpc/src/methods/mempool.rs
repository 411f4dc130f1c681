//! The mempool: what is in it, and putting transactions into it.

use super::tx_json::{decode_hex, has_valid_ops};
use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::json::Json;
use crate::node::{MempoolEntry, Node, PackagedTx, TxAccepted};
use crate::registry::Args;
use crate::value::{Btc, Object};
use chaincore_consensus::amount::COIN;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{Amount, OutPoint, Tx, TxRef, Txid, Wtxid};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The fee rate above which a submitted transaction is taken for a mistake, unless the caller says otherwise.
pub const DEFAULT_MAX_FEE_RATE: Amount = Amount(COIN / 10);
/// How many transactions one test may hold.
const MAX_PACKAGE_COUNT: usize = 25;

/// The fee of `vsize` bytes at a rate per 1000, rounded up (Core's `CFeeRate::GetFee`).
pub fn fee_at(rate: Amount, vsize: u64) -> Amount {
    let fee = (i128::from(rate.sat()) * i128::from(vsize)).div_euclid(1000);
    let exact = (i128::from(rate.sat()) * i128::from(vsize)) % 1000 == 0;
    Amount(i64::try_from(if exact { fee } else { fee + 1 }).unwrap_or(i64::MAX))
}

/// The fee rate above which a call takes no transaction, in coins per 1000 virtual bytes; below one coin
/// (`ParseFeeRate`).
fn max_fee_rate(args: &Args, index: usize) -> Result<Amount, RpcError> {
    let rate = args.opt_amount(index)?.unwrap_or(DEFAULT_MAX_FEE_RATE);
    if rate.sat() >= COIN {
        return Err(RpcError::invalid_parameter(
            "Fee rates larger than or equal to 1BTC/kvB are not accepted",
        ));
    }
    Ok(rate)
}

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

/// The error that a refused submission is.
fn refused(reason: &RejectReason) -> RpcError {
    let code = match reason.kind {
        RejectKind::MissingInputs => code::VERIFY_ERROR,
        _ => code::VERIFY_REJECTED,
    };
    RpcError::new(code, reason.to_string())
}

/// Puts a transaction into the mempool as `sendrawtransaction` does; one that is there already is fine.
/// `max_fee_rate` of zero takes any fee.
pub fn broadcast(node: &dyn Node, tx: TxRef, max_fee_rate: Amount) -> Result<Txid, RpcError> {
    let txid = tx.txid();
    for vout in 0..tx.outputs.len() {
        // No output number reaches 2^32: the transaction would not fit anywhere.
        let outpoint = OutPoint { txid, vout: u32::try_from(vout).unwrap_or(u32::MAX) };
        if node.coin(&outpoint)?.is_some() {
            let message = "Transaction outputs already in utxo set";
            return Err(RpcError::new(code::VERIFY_ALREADY_IN_UTXO_SET, message));
        }
    }
    if node.mempool_tx(&txid).is_some() {
        node.announce_tx(&txid);
        return Ok(txid);
    }
    let max_fee = fee_at(max_fee_rate, tx.vsize() as u64);
    if max_fee.sat() > 0 {
        let test = node.test_txs(vec![tx.clone()])?;
        match test.transactions.into_iter().next().and_then(|test| test.verdict) {
            Some(Ok(accepted)) if accepted.fee > max_fee => {
                let message = "Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)";
                return Err(RpcError::new(code::VERIFY_ERROR, message));
            }
            Some(Err(reason)) => return Err(refused(&reason)),
            _ => {}
        }
    }
    match node.submit_tx(tx)? {
        Ok(_) => {
            node.announce_tx(&txid);
            Ok(txid)
        }
        Err(reason) => Err(refused(&reason)),
    }
}

/// Refuses a transaction that makes coins worth more than `limit` unspendable by mistake.
pub fn check_burn(tx: &Tx, limit: Amount) -> Result<(), RpcError> {
    let burns = |output: &chaincore_consensus::TxOut| {
        output.value > limit
            && (output.script_pubkey.is_unspendable() || !has_valid_ops(&output.script_pubkey))
    };
    if tx.outputs.iter().any(burns) {
        let message = "Unspendable output exceeds maximum configured by user (maxburnamount)";
        return Err(RpcError::new(code::VERIFY_ERROR, message));
    }
    Ok(())
}

pub fn sendrawtransaction(node: &dyn Node, args: &Args) -> Reply {
    let max_burn = args.opt_amount(2)?.unwrap_or(Amount::ZERO);
    let tx = decode_hex(args.str(0)?, true, true)
        .ok_or_else(|| RpcError::undecodable("TX decode failed. Make sure the tx has at least one input."))?;
    check_burn(&tx, max_burn)?;
    let max_fee_rate = max_fee_rate(args, 1)?;
    reply(&broadcast(node, Arc::new(tx), max_fee_rate)?)
}

#[derive(Serialize)]
struct TestFees {
    base: Btc,
    #[serde(rename = "effective-feerate")]
    effective_feerate: Btc,
    #[serde(rename = "effective-includes")]
    effective_includes: Vec<Wtxid>,
}

#[derive(Serialize)]
struct TestJson {
    txid: Txid,
    wtxid: Wtxid,
    #[serde(rename = "package-error", skip_serializing_if = "Option::is_none")]
    package_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vsize: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<TestFees>,
    #[serde(rename = "reject-reason", skip_serializing_if = "Option::is_none")]
    reject_reason: Option<String>,
    #[serde(rename = "reject-details", skip_serializing_if = "Option::is_none")]
    reject_details: Option<String>,
}

impl TestJson {
    fn accepted(&mut self, accepted: TxAccepted) {
        self.allowed = Some(true);
        self.vsize = Some(accepted.vsize);
        self.fees = Some(TestFees {
            base: Btc(accepted.fee),
            effective_feerate: Btc(accepted.effective_fee_rate),
            effective_includes: accepted.effective_includes,
        });
    }

    fn rejected(&mut self, reason: &RejectReason) {
        self.allowed = Some(false);
        if reason.kind == RejectKind::MissingInputs {
            self.reject_reason = Some("missing-inputs".into());
        } else {
            self.reject_reason = Some(reason.reason.to_string());
            self.reject_details = Some(reason.to_string());
        }
    }
}

/// The transactions of a package, still in hex.
fn package(args: &Args) -> Result<&[Json], RpcError> {
    let raw = args.array(0)?;
    if raw.is_empty() || raw.len() > MAX_PACKAGE_COUNT {
        return Err(RpcError::invalid_parameter(format!(
            "Array must contain between 1 and {MAX_PACKAGE_COUNT} transactions."
        )));
    }
    Ok(raw)
}

fn decode_packaged(raw: &Json) -> Result<TxRef, RpcError> {
    let text = raw.get_str()?;
    let tx = decode_hex(text, true, true).ok_or_else(|| {
        RpcError::undecodable(format!("TX decode failed: {text} Make sure the tx has at least one input."))
    })?;
    Ok(Arc::new(tx))
}

pub fn testmempoolaccept(node: &dyn Node, args: &Args) -> Reply {
    let raw = package(args)?;
    let max_fee_rate = max_fee_rate(args, 1)?;
    let txs: Vec<TxRef> = raw.iter().map(decode_packaged).collect::<Result<_, _>>()?;
    let test = node.test_txs(txs)?;
    let mut too_expensive = false;
    let mut answers = Vec::with_capacity(test.transactions.len());
    for tx in test.transactions {
        let mut answer = TestJson {
            txid: tx.txid,
            wtxid: tx.wtxid,
            package_error: test.package_error.clone(),
            allowed: None,
            vsize: None,
            fees: None,
            reject_reason: None,
            reject_details: None,
        };
        // Once one costs too much, those after it, which may need it, get no verdict.
        match tx.verdict.filter(|_| !too_expensive) {
            None => {}
            Some(Ok(accepted)) => {
                let max_fee = fee_at(max_fee_rate, accepted.vsize);
                if max_fee.sat() > 0 && accepted.fee > max_fee {
                    answer.allowed = Some(false);
                    answer.reject_reason = Some("max-fee-exceeded".into());
                    too_expensive = true;
                } else {
                    answer.accepted(accepted);
                }
            }
            Some(Err(reason)) => answer.rejected(&reason),
        }
        answers.push(answer);
    }
    reply(&answers)
}

#[derive(Serialize)]
struct SubmitFees {
    base: Btc,
    #[serde(rename = "effective-feerate", skip_serializing_if = "Option::is_none")]
    effective_feerate: Option<Btc>,
    #[serde(rename = "effective-includes", skip_serializing_if = "Option::is_none")]
    effective_includes: Option<Vec<Wtxid>>,
}

#[derive(Serialize, Default)]
struct SubmitJson {
    txid: Option<Txid>,
    #[serde(rename = "other-wtxid", skip_serializing_if = "Option::is_none")]
    other_wtxid: Option<Wtxid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vsize: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fees: Option<SubmitFees>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl SubmitJson {
    fn new(txid: Txid, packaged: Option<PackagedTx>) -> Self {
        let json = Self { txid: Some(txid), ..Self::default() };
        match packaged {
            None => Self { error: Some("package-not-validated".into()), ..json },
            Some(PackagedTx::Refused(reason)) => Self { error: Some(reason.to_string()), ..json },
            Some(PackagedTx::DifferentWitness(other)) => Self { other_wtxid: Some(other), ..json },
            Some(PackagedTx::InMempool { vsize, fee }) => {
                let fees = SubmitFees { base: Btc(fee), effective_feerate: None, effective_includes: None };
                Self { vsize: Some(vsize), fees: Some(fees), ..json }
            }
            Some(PackagedTx::Accepted { accepted, .. }) => {
                let fees = SubmitFees {
                    base: Btc(accepted.fee),
                    effective_feerate: Some(Btc(accepted.effective_fee_rate)),
                    effective_includes: Some(accepted.effective_includes),
                };
                Self { vsize: Some(accepted.vsize), fees: Some(fees), ..json }
            }
        }
    }
}

/// Whether all but the last are parents of the last and none spends from another of them (Core's
/// `IsChildWithParentsTree`).
fn is_child_with_parents_tree(package: &[TxRef]) -> bool {
    let Some((child, parents)) = package.split_last() else { return false };
    let spends = |tx: &Tx, txid: Txid| tx.inputs.iter().any(|input| input.previous_output.txid == txid);
    parents.iter().all(|parent| {
        spends(child, parent.txid()) && !parents.iter().any(|other| spends(other, parent.txid()))
    })
}

#[derive(Serialize)]
struct PackageJson {
    package_msg: String,
    #[serde(rename = "tx-results")]
    results: Object,
    #[serde(rename = "replaced-transactions")]
    replaced: Vec<Txid>,
}

pub fn submitpackage(node: &dyn Node, args: &Args) -> Reply {
    let raw = package(args)?;
    let max_fee_rate = Some(max_fee_rate(args, 1)?).filter(|rate| rate.sat() != 0);
    let max_burn = args.opt_amount(2)?.unwrap_or(Amount::ZERO);
    let mut txs: Vec<TxRef> = Vec::with_capacity(raw.len());
    for raw in raw {
        let tx = decode_packaged(raw)?;
        check_burn(&tx, max_burn)?;
        txs.push(tx);
    }
    if txs.len() > 1 && !is_child_with_parents_tree(&txs) {
        let message = "package topology disallowed. not child-with-parents or parents depend on each other.";
        return Err(RpcError::new(code::VERIFY_ERROR, message));
    }
    let submission = node.submit_package(txs.clone(), max_fee_rate)?;
    for tx in &txs {
        node.announce_tx(&tx.txid());
    }
    let mut results = Object::new();
    let mut replaced = BTreeSet::new();
    for (tx, packaged) in txs.iter().zip(submission.transactions) {
        if let Some(PackagedTx::Accepted { replaced: gone, .. }) = &packaged {
            replaced.extend(gone.iter().copied());
        }
        results.put(&tx.wtxid().to_string(), &SubmitJson::new(tx.txid(), packaged));
    }
    let package_msg = submission.error.unwrap_or_else(|| "success".into());
    reply(&PackageJson { package_msg, results, replaced: replaced.into_iter().collect() })
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
