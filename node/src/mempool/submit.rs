//! Taking in a child with its unconfirmed parents, so that the child can pay for them (Core's `ProcessNewPackage`).
//!
//! Each transaction is first tried alone; those that only lack a fee, or a parent that lacks one, are then judged
//! together by what they pay together.

use super::accept::{AcceptError, Accepted};
use super::feerate::{FeeRate, compare_diagrams};
use super::package::check_well_formed;
use super::pool::Mempool;
use super::precheck::{ChainView, Mode, Prechecked, Staged};
use super::replacement::too_large_cluster;
use super::truc;
use super::verify::verify_scripts;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{OutPoint, TxRef, Txid, Wtxid};
use chaincore_plugin::RemovalReason;
use chaincore_storage::StorageError;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

/// What became of one transaction of a package.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PackagedTx {
    /// It came in.
    Accepted(Accepted),
    /// It was in the pool before.
    InPool {
        /// Virtual bytes, signature operations considered.
        vsize: i64,
        /// What it pays, in satoshis.
        fee: i64,
    },
    /// The same transaction with this other witness was in the pool before; the one handed in was not looked at.
    DifferentWitness(Wtxid),
    /// It was refused.
    Refused(RejectReason),
}

/// The answer to a package that was handed in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PackageOutcome {
    /// Why not all of the package is in the pool now; `None` if it is.
    pub error: Option<RejectReason>,
    /// The answer to each transaction; empty if the package was refused as such, without a look at them.
    pub results: HashMap<Wtxid, PackagedTx>,
}

/// What came of judging several transactions together.
#[derive(Default)]
struct Together {
    error: Option<RejectReason>,
    results: HashMap<Wtxid, PackagedTx>,
}

impl Together {
    fn failed(error: RejectReason) -> Self {
        Self { error: Some(error), results: HashMap::new() }
    }

    fn refused(error: RejectReason, wtxid: Wtxid, reason: RejectReason) -> Self {
        Self { error: Some(error), results: HashMap::from([(wtxid, PackagedTx::Refused(reason))]) }
    }
}

fn policy(reason: impl Into<std::borrow::Cow<'static, str>>) -> RejectReason {
    RejectReason::new(RejectKind::MempoolPolicy, reason)
}

/// The package's error when it is one of its transactions that is refused.
fn transaction_failed() -> RejectReason {
    policy("transaction failed")
}

fn mempool_full() -> RejectReason {
    policy("mempool full")
}

/// Whether `fee` for `vsize` is more than the caller wants to be paid at most.
pub(super) fn check_max_rate(fee: i64, vsize: i64, max: Option<FeeRate>) -> Result<(), RejectReason> {
    match max {
        Some(max) if i128::from(fee) * 1000 > i128::from(max.0) * i128::from(vsize) => {
            Err(policy("max feerate exceeded"))
        }
        _ => Ok(()),
    }
}

/// Whether every transaction but the last is a parent of the last (Core's `IsChildWithParents`).
pub fn is_child_with_parents(package: &[TxRef]) -> bool {
    let Some((child, parents)) = package.split_last().filter(|(_, parents)| !parents.is_empty()) else {
        return false;
    };
    let spent: HashSet<Txid> = child.inputs.iter().map(|input| input.previous_output.txid).collect();
    parents.iter().all(|parent| spent.contains(&parent.txid()))
}

impl Mempool {
    /// Puts a transaction, or a child with parents (which come first), into the pool as far as they are valid in the
    /// next block and keep this node's policy. A transaction that pays more than `max_rate` is refused.
    pub fn accept_package(
        &mut self,
        package: &[TxRef],
        max_rate: Option<FeeRate>,
        chain: &ChainView<'_>,
    ) -> Result<PackageOutcome, StorageError> {
        let failed = |error| Ok(PackageOutcome { error: Some(error), results: HashMap::new() });
        if let Err(error) = check_well_formed(package) {
            return failed(error);
        }
        if package.len() > 1 && !is_child_with_parents(package) {
            return failed(policy("package-not-child-with-parents"));
        }
        let mut outcome = PackageOutcome::default();
        // What a transaction got alone, if it got nothing else later.
        let mut alone: HashMap<Wtxid, RejectReason> = HashMap::new();
        let mut rest: Vec<TxRef> = Vec::new();
        let mut hopeless = false;
        for tx in package {
            let wtxid = tx.wtxid();
            if let Some(entry) = self.get(&tx.txid()) {
                let known = match entry.tx.wtxid() {
                    same if same == wtxid => PackagedTx::InPool { vsize: entry.vsize(), fee: entry.fee },
                    other => PackagedTx::DifferentWitness(other),
                };
                outcome.results.insert(wtxid, known);
                continue;
            }
            match self.accept_unlimited(tx, max_rate, chain) {
                Ok(accepted) => {
                    outcome.results.insert(wtxid, PackagedTx::Accepted(accepted));
                }
                Err(AcceptError::Storage(error)) => return Err(error),
                Err(AcceptError::Rejected(reason)) => {
                    let curable =
                        matches!(reason.kind, RejectKind::Reconsiderable | RejectKind::MissingInputs);
                    if curable && package.len() > 1 {
                        rest.push(tx.clone());
                    } else {
                        hopeless = true;
                        outcome.error = Some(transaction_failed());
                    }
                    alone.insert(wtxid, reason);
                }
            }
        }
        if !hopeless && !rest.is_empty() {
            let together = self.accept_rest(&rest, max_rate, chain)?;
            outcome.error = together.error;
            outcome.results.extend(together.results);
        }
        self.limit(chain.now);
        for tx in package {
            let result = outcome.results.get(&tx.wtxid());
            if matches!(result, Some(PackagedTx::Refused(_))) {
                continue;
            }
            let refusal = match result {
                Some(_) if self.get(&tx.txid()).is_some() => continue,
                Some(_) => {
                    outcome.error = Some(transaction_failed());
                    Some(mempool_full())
                }
                None => alone.remove(&tx.wtxid()),
            };
            outcome.results.extend(refusal.map(|reason| (tx.wtxid(), PackagedTx::Refused(reason))));
        }
        Ok(outcome)
    }

    /// Judges what did not get in alone: one transaction again alone, as a parent of it may have come in, or several
    /// together.
    fn accept_rest(
        &mut self,
        rest: &[TxRef],
        max_rate: Option<FeeRate>,
        chain: &ChainView<'_>,
    ) -> Result<Together, StorageError> {
        let [tx] = rest else { return self.accept_together(rest, max_rate, chain) };
        match self.accept_unlimited(tx, max_rate, chain) {
            Ok(accepted) => Ok(Together {
                error: None,
                results: HashMap::from([(tx.wtxid(), PackagedTx::Accepted(accepted))]),
            }),
            Err(AcceptError::Storage(error)) => Err(error),
            Err(AcceptError::Rejected(reason)) => {
                Ok(Together::refused(transaction_failed(), tx.wtxid(), reason))
            }
        }
    }

    /// Puts several transactions into the pool that pay enough together (Core's `AcceptMultipleTransactions`).
    fn accept_together(
        &mut self,
        package: &[TxRef],
        max_rate: Option<FeeRate>,
        chain: &ChainView<'_>,
    ) -> Result<Together, StorageError> {
        let mut staged = Staged::new();
        let mut checked: Vec<Prechecked> = Vec::with_capacity(package.len());
        for tx in package {
            let verdict = self.precheck(tx, chain, &staged, Mode::PACKAGE).and_then(|one| {
                check_max_rate(one.modified_fee(), one.vsize(), max_rate)?;
                Ok(one)
            });
            match verdict {
                Ok(one) => checked.push(one),
                Err(AcceptError::Storage(error)) => return Err(error),
                Err(AcceptError::Rejected(reason)) => {
                    return Ok(Together::refused(transaction_failed(), tx.wtxid(), reason));
                }
            }
            let made = (0u32..).zip(&tx.outputs);
            staged.extend(made.map(|(vout, output)| (OutPoint { txid: tx.txid(), vout }, output.clone())));
        }
        let replaced = match self.judge_together(package, &checked, chain) {
            Ok(replaced) => replaced,
            Err(together) => return Ok(together),
        };
        for one in &checked {
            if let Err(reason) = verify_scripts(one, chain).and_then(|()| self.hooks().check(one)) {
                return Ok(Together::refused(transaction_failed(), one.tx.wtxid(), reason));
            }
        }
        let (fee, vsize) = sums(&checked);
        // Replacements are of a parent and a child: it is the child that pays for them.
        let by = RemovalReason::Replaced(package.last().expect("packages are not empty").txid());
        let mut replaced = self.remove(replaced, by, chain.now);
        let includes: Vec<Wtxid> = package.iter().map(|tx| tx.wtxid()).collect();
        let mut together = Together::default();
        for one in checked {
            let accepted = Accepted {
                vsize: one.vsize(),
                fee: one.fee,
                effective_rate: FeeRate::of(fee, vsize),
                effective_includes: includes.clone(),
                replaced: std::mem::take(&mut replaced),
            };
            together.results.insert(one.tx.wtxid(), PackagedTx::Accepted(accepted));
            let sequence = self.sequence();
            self.insert(one.into_entry(chain, sequence), chain.now);
        }
        self.graph.settle();
        Ok(together)
    }

    /// Everything about several transactions together but their scripts; the answer is what has to go for them.
    fn judge_together(
        &self,
        package: &[TxRef],
        checked: &[Prechecked],
        chain: &ChainView<'_>,
    ) -> Result<HashSet<Txid>, Together> {
        for one in checked {
            self.with_truc_parents(&one.tx, |parents| {
                truc::check_in_package(&one.tx, package, parents, one.vsize())
            })
            .map_err(|violation| Together::failed(policy("TRUC-violation").with_debug(violation.debug)))?;
        }
        let (fee, vsize) = sums(checked);
        self.check_fee_rate(vsize, fee, chain.now).map_err(|reason| {
            let last = package.last().expect("packages are not empty").wtxid();
            Together::refused(transaction_failed(), last, reason)
        })?;
        let conflicts: HashSet<Txid> = checked.iter().flat_map(|one| one.conflicts.iter().copied()).collect();
        let replaced = if conflicts.is_empty() {
            let candidates: Vec<_> = checked.iter().map(Prechecked::candidate).collect();
            if !self.graph.fits(&candidates, self.options.clusters) {
                return Err(Together::failed(too_large_cluster()));
            }
            HashSet::new()
        } else {
            self.check_package_replacement(checked, &conflicts).map_err(Together::failed)?
        };
        if self.options.require_standard {
            self.check_ephemeral_spends(package)
                .map_err(|(wtxid, reason)| Together::refused(policy("unspent-dust"), wtxid, reason))?;
        }
        Ok(replaced)
    }

    /// Checks that a parent and its child may together replace what they conflict with (Core's `PackageRBFChecks`);
    /// the answer is all that has to go.
    fn check_package_replacement(
        &self,
        checked: &[Prechecked],
        conflicts: &HashSet<Txid>,
    ) -> Result<HashSet<Txid>, RejectReason> {
        let [parent, child] = checked else {
            return Err(policy("package RBF failed: package must be 1-parent-1-child"));
        };
        let spends_pooled = |one: &Prechecked| {
            one.tx.inputs.iter().any(|input| self.get(&input.previous_output.txid).is_some())
        };
        if checked.iter().any(spends_pooled) {
            return Err(policy("package RBF failed: new transaction cannot have mempool ancestors"));
        }
        let txid = child.tx.txid();
        let replaced = self.all_conflicts(&txid, conflicts).map_err(|debug| {
            policy("package RBF failed: too many potential replacements").with_debug(debug)
        })?;
        let (fee, vsize) = sums(checked);
        self.check_pays_for(&txid, fee, vsize, &replaced)
            .map_err(|debug| policy("package RBF failed: insufficient anti-DoS fees").with_debug(debug))?;
        // The two must be mined together: a child that only pays for the replacement's relay is none.
        let (whole, first) = (
            i128::from(fee) * i128::from(parent.vsize()),
            i128::from(parent.modified_fee()) * i128::from(vsize),
        );
        if whole <= first {
            let debug = format!(
                "package feerate {} BTC/kvB <= parent feerate is {} BTC/kvB",
                FeeRate::of(fee, vsize),
                parent.rate()
            );
            let reason = "package RBF failed: package feerate is less than or equal to parent feerate";
            return Err(policy(reason).with_debug(debug));
        }
        let candidates: Vec<_> = checked.iter().map(Prechecked::candidate).collect();
        let change = self
            .graph
            .preview(&replaced, &candidates, self.options.clusters)
            .ok_or_else(too_large_cluster)?;
        if compare_diagrams(&change.after, &change.before) != Some(Ordering::Greater) {
            return Err(policy("package RBF failed: insufficient feerate: does not improve feerate diagram"));
        }
        Ok(replaced)
    }
}

/// Fees, with the owner's deltas, and virtual sizes of all.
fn sums(checked: &[Prechecked]) -> (i64, i64) {
    let fee = checked.iter().fold(0i64, |sum, one| sum.saturating_add(one.modified_fee()));
    (fee, checked.iter().map(Prechecked::vsize).sum())
}
