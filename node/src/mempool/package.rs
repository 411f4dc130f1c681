//! Trying several transactions together, as `testmempoolaccept` does.

use super::accept::{AcceptError, Accepted};
use super::pool::Mempool;
use super::precheck::{ChainView, Mode, Prechecked, Staged};
use super::truc;
use super::verify::verify_scripts;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{OutPoint, TxRef, Wtxid};
use chaincore_storage::StorageError;
use std::collections::{HashMap, HashSet};

/// How many transactions a package may have.
const MAX_COUNT: usize = 25;
/// How heavy a package may be.
const MAX_WEIGHT: usize = 404_000;

/// The answer to a package.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PackageTest {
    /// What is wrong with the package as a whole; `None` if only one of its transactions is refused, or none.
    pub error: Option<RejectReason>,
    /// The answer to each transaction, as far as the checks got: they end with the first refusal.
    pub results: HashMap<Wtxid, Result<Accepted, RejectReason>>,
}

impl PackageTest {
    fn failed(error: RejectReason) -> Self {
        Self { error: Some(error), results: HashMap::new() }
    }

    fn refuse(&mut self, wtxid: Wtxid, reason: RejectReason) {
        self.results.insert(wtxid, Err(reason));
    }
}

fn policy(reason: &'static str) -> RejectReason {
    RejectReason::new(RejectKind::MempoolPolicy, reason)
}

/// The rules on a package that need nothing but the package (Core's `IsWellFormedPackage`).
pub(super) fn check_well_formed(package: &[TxRef]) -> Result<(), RejectReason> {
    if package.len() > MAX_COUNT {
        return Err(policy("package-too-many-transactions"));
    }
    if package.len() > 1 && package.iter().map(|tx| tx.weight()).sum::<usize>() > MAX_WEIGHT {
        return Err(policy("package-too-large"));
    }
    let mut later: HashSet<_> = package.iter().map(|tx| tx.txid()).collect();
    if later.len() != package.len() {
        return Err(policy("package-contains-duplicates"));
    }
    for tx in package {
        if tx.inputs.iter().any(|input| later.contains(&input.previous_output.txid)) {
            return Err(policy("package-not-sorted"));
        }
        later.remove(&tx.txid());
    }
    let mut spent = HashSet::new();
    for tx in package {
        if tx.inputs.is_empty() || tx.inputs.iter().any(|input| spent.contains(&input.previous_output)) {
            return Err(policy("conflict-in-package"));
        }
        spent.extend(tx.inputs.iter().map(|input| input.previous_output));
    }
    Ok(())
}

impl Mempool {
    /// What [`Mempool::accept`] would say to each transaction in turn, if the ones before it were in the pool.
    /// Parents come before children; none may replace anything.
    pub fn test_package(
        &self,
        package: &[TxRef],
        chain: &ChainView<'_>,
    ) -> Result<PackageTest, StorageError> {
        if let Err(error) = check_well_formed(package) {
            return Ok(PackageTest::failed(error));
        }
        let mut test = PackageTest::default();
        let mut staged = Staged::new();
        let mut checked: Vec<Prechecked> = Vec::with_capacity(package.len());
        for tx in package {
            match self.precheck(tx, chain, &staged, Mode::PACKAGE_TEST) {
                Ok(one) => checked.push(one),
                Err(AcceptError::Storage(error)) => return Err(error),
                Err(AcceptError::Rejected(reason)) => {
                    test.refuse(tx.wtxid(), reason);
                    return Ok(test);
                }
            }
            let made = tx.outputs.iter().enumerate();
            staged.extend(
                made.map(|(at, output)| (OutPoint { txid: tx.txid(), vout: at as u32 }, output.clone())),
            );
        }
        for one in &checked {
            let verdict = self.with_truc_parents(&one.tx, |parents| {
                truc::check_in_package(&one.tx, package, parents, one.vsize())
            });
            if let Err(violation) = verdict {
                return Ok(PackageTest::failed(policy("TRUC-violation").with_debug(violation.debug)));
            }
        }
        let candidates: Vec<_> = checked.iter().map(Prechecked::candidate).collect();
        if !self.graph.fits(&candidates, self.options.clusters) {
            return Ok(PackageTest::failed(policy("too-large-cluster")));
        }
        if self.options.require_standard
            && let Err((wtxid, reason)) = self.check_ephemeral_spends(package)
        {
            test.refuse(wtxid, reason);
            return Ok(test);
        }
        for one in &checked {
            if let Err(reason) = verify_scripts(one, chain).and_then(|()| self.hooks().check(one)) {
                test.refuse(one.tx.wtxid(), reason);
                return Ok(test);
            }
            test.results.insert(one.tx.wtxid(), Ok(Self::verdict(one, Vec::new())));
        }
        Ok(test)
    }
}
