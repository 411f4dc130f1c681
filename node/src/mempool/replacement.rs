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
        let direct: Vec<Txid> = checked.conflicts.iter().copied().collect();
        let clusters = self.graph.count_clusters(&direct);
        if clusters > MAX_REPLACED_CLUSTERS {
            let reason = format!("too many potential replacements{with_sibling}");
            return Err(RejectReason::new(RejectKind::MempoolPolicy, reason).with_debug(format!(
                "rejecting replacement {txid}; too many conflicting clusters ({clusters} > {MAX_REPLACED_CLUSTERS})"
            )));
        }
        let replaced: HashSet<Txid> = direct.iter().flat_map(|txid| self.descendants(txid)).collect();
        let replaced_fees = replaced
            .iter()
            .filter_map(|txid| self.get(txid))
            .fold(0i64, |sum, entry| sum.saturating_add(entry.modified_fee()));
        let insufficient = |debug: String| {
            let reason = format!("insufficient fee{with_sibling}");
            Err(RejectReason::new(RejectKind::Reconsiderable, reason).with_debug(debug))
        };
        let fee = checked.modified_fee();
        if fee < replaced_fees {
            return insufficient(format!(
                "rejecting replacement {txid}, less fees than conflicting txs; {} < {}",
                money(Amount(fee)),
                money(Amount(replaced_fees))
            ));
        }
        let (additional, needed) = (fee - replaced_fees, self.options.incremental_relay.fee(checked.vsize()));
        if additional < needed {
            return insufficient(format!(
                "rejecting replacement {txid}, not enough additional fees to relay; {} < {}",
                money(Amount(additional)),
                money(Amount(needed))
            ));
        }
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
