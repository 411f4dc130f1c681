//! Putting transactions into the mempool, alone or in packages, and asking whether it would take them.

use super::tx_json::{decode_hex, has_valid_ops};
use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::json::Json;
use crate::node::{Node, PackagedTx, TxAccepted};
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
    check_count(raw)?;
    Ok(raw)
}

fn check_count(raw: &[Json]) -> Result<(), RpcError> {
    if raw.is_empty() || raw.len() > MAX_PACKAGE_COUNT {
        return Err(RpcError::invalid_parameter(format!(
            "Array must contain between 1 and {MAX_PACKAGE_COUNT} transactions."
        )));
    }
    Ok(())
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
    let max_fee_rate = max_fee_rate(args, 1)?;
    let max_burn = args.opt_amount(2)?.unwrap_or(Amount::ZERO);
    reply(&submit_package(node, raw, Limits { max_fee_rate, max_burn })?)
}

/// What a submission refuses as a mistake.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A higher fee rate, per 1000 virtual bytes; zero takes any.
    pub max_fee_rate: Amount,
    /// More coins made unspendable.
    pub max_burn: Amount,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_fee_rate: DEFAULT_MAX_FEE_RATE, max_burn: Amount::ZERO }
    }
}

/// Puts a child with its unconfirmed parents, which come first, into the mempool, each given in hex.
pub fn submit_package(node: &dyn Node, raw: &[Json], limits: Limits) -> Result<impl Serialize, RpcError> {
    check_count(raw)?;
    let max_fee_rate = Some(limits.max_fee_rate).filter(|rate| rate.sat() != 0);
    let mut txs: Vec<TxRef> = Vec::with_capacity(raw.len());
    for raw in raw {
        let tx = decode_packaged(raw)?;
        check_burn(&tx, limits.max_burn)?;
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
    Ok(PackageJson { package_msg, results, replaced: replaced.into_iter().collect() })
}
