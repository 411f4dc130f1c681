//! Ephemeral dust: a transaction may have a dust output if it pays nothing itself and whatever spends from it
//! in the mempool spends the dust too.

use super::policy;
use super::pool::Mempool;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{OutPoint, TxRef, Txid, Wtxid};
use std::collections::{HashMap, HashSet};

impl Mempool {
    /// Checks that each transaction of a package spends all dust of its unconfirmed parents. The error names the
    /// transaction that does not.
    pub(super) fn check_ephemeral_spends(&self, package: &[TxRef]) -> Result<(), (Wtxid, RejectReason)> {
        let rate = self.options.dust_relay;
        let in_package: HashMap<Txid, &TxRef> = package.iter().map(|tx| (tx.txid(), tx)).collect();
        for tx in package {
            let parents: HashSet<Txid> = tx.inputs.iter().map(|input| input.previous_output.txid).collect();
            let spent: HashSet<OutPoint> = tx.inputs.iter().map(|input| input.previous_output).collect();
            let leaves_dust = parents.iter().any(|txid| {
                let pooled = || self.get(txid).map(|entry| &entry.tx);
                let Some(parent) = in_package.get(txid).copied().or_else(pooled) else { return false };
                let dust = policy::dust_outputs(parent, rate).into_iter();
                dust.map(|at| OutPoint { txid: *txid, vout: at as u32 })
                    .any(|outpoint| !spent.contains(&outpoint))
            });
            if leaves_dust {
                let (txid, wtxid) = (tx.txid(), tx.wtxid());
                let reason = RejectReason::new(RejectKind::MempoolPolicy, "missing-ephemeral-spends")
                    .with_debug(format!("tx {txid} (wtxid={wtxid}) did not spend parent's ephemeral dust"));
                return Err((wtxid, reason));
            }
        }
        Ok(())
    }
}
