//! Replace by fee: when a transaction may push out what it conflicts with.
//!
//! It must pay more than all that goes, pay for its own relay on top, and leave the pool's fee-rate diagram
//! better. Whether the replaced ones asked for it (BIP125) does not matter.

use super::feerate::compare_diagrams;
use super::pool::Mempool;
use super::precheck::Prechecked;
use chaincore_consensus::Amount;
use chaincore_consensus::Txid;
use chaincore_consensus::connect::money;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use std::cmp::Ordering;
use std::collections::HashSet;

/// How many clusters one transaction may disturb.
const MAX_REPLACED_CLUSTERS: usize = 100;

pub(super) fn too_large_cluster() -> RejectReason {
    RejectReason::new(RejectKind::MempoolPolicy, "too-large-cluster")
}

impl Mempool {
    /// Checks that the transaction may replace what it conflicts with; the answer is all that has to go.
    pub(super) fn check_replacement(&self, checked: &Prechecked) -> Result<HashSet<Txid>, RejectReason> {
        let txid = checked.tx.txid();
        let with_sibling = if checked.evicts_sibling { " (including sibling eviction)" } else { "" };
        let replaced = self.all_conflicts(&txid, &checked.conflicts).map_err(|debug| {
            let reason = format!("too many potential replacements{with_sibling}");
            RejectReason::new(RejectKind::MempoolPolicy, reason).with_debug(debug)
        })?;
        self.check_pays_for(&txid, checked.modified_fee(), checked.vsize(), &replaced).map_err(|debug| {
            let reason = format!("insufficient fee{with_sibling}");
            RejectReason::new(RejectKind::Reconsiderable, reason).with_debug(debug)
        })?;
        let change = self
            .graph
            .preview(&replaced, &[checked.candidate()], self.options.clusters)
            .ok_or_else(too_large_cluster)?;
        if compare_diagrams(&change.after, &change.before) != Some(Ordering::Greater) {
            return Err(RejectReason::new(RejectKind::Reconsiderable, "replacement-failed")
                .with_debug("insufficient feerate: does not improve feerate diagram"));
        }
        Ok(replaced)
    }

    /// All that goes if these go, unless they are in too many clusters: the error says so.
    pub(super) fn all_conflicts(
        &self,
        replacement: &Txid,
        direct: &HashSet<Txid>,
    ) -> Result<HashSet<Txid>, String> {
        let direct: Vec<Txid> = direct.iter().copied().collect();
        let clusters = self.graph.count_clusters(&direct);
        if clusters > MAX_REPLACED_CLUSTERS {
            return Err(format!(
                "rejecting replacement {replacement}; too many conflicting clusters ({clusters} > {MAX_REPLACED_CLUSTERS})"
            ));
        }
        Ok(direct.iter().flat_map(|txid| self.descendants(txid)).collect())
    }

    /// Checks that `fee` for `vsize` is more than `replaced` pays, by enough for its own relay (Core's
    /// `PaysForRBF`); the error says by what it is not.
    pub(super) fn check_pays_for(
        &self,
        replacement: &Txid,
        fee: i64,
        vsize: i64,
        replaced: &HashSet<Txid>,
    ) -> Result<(), String> {
        let replaced_fees = replaced
            .iter()
            .filter_map(|txid| self.get(txid))
            .fold(0i64, |sum, entry| sum.saturating_add(entry.modified_fee()));
        if fee < replaced_fees {
            return Err(format!(
                "rejecting replacement {replacement}, less fees than conflicting txs; {} < {}",
                money(Amount(fee)),
                money(Amount(replaced_fees))
            ));
        }
        let (additional, needed) = (fee - replaced_fees, self.options.incremental_relay.fee(vsize));
        if additional < needed {
            return Err(format!(
                "rejecting replacement {replacement}, not enough additional fees to relay; {} < {}",
                money(Amount(additional)),
                money(Amount(needed))
            ));
        }
        Ok(())
    }

    /// Refuses a transaction that spends from what it would replace.
    pub(super) fn check_independent_of_conflicts(&self, checked: &Prechecked) -> Result<(), RejectReason> {
        let parents = checked.tx.inputs.iter().map(|input| input.previous_output.txid);
        let mut ancestors: Vec<Txid> = parents.flat_map(|parent| self.ancestors(&parent)).collect();
        ancestors.sort_unstable();
        match ancestors.iter().find(|ancestor| checked.conflicts.contains(ancestor)) {
            Some(ancestor) => Err(RejectReason::consensus("bad-txns-spends-conflicting-tx")
                .with_debug(format!("{} spends conflicting transaction {ancestor}", checked.tx.txid()))),
            None => Ok(()),
        }
    }
}
