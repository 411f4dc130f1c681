//! Accepting one transaction.

use super::entry::Entry;
use super::feerate::FeeRate;
use super::pool::Mempool;
use super::precheck::{ChainView, Mode, Prechecked, Staged};
use super::replacement::too_large_cluster;
use super::submit::check_max_rate;
use super::verify::verify_scripts;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{TxRef, Txid, Wtxid};
use chaincore_plugin::RemovalReason;
use chaincore_storage::StorageError;
use std::collections::HashSet;

/// A transaction is in the pool, or would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// Virtual bytes, signature operations considered.
    pub vsize: i64,
    /// What it pays, in satoshis, without the owner's delta.
    pub fee: i64,
    /// The rate it was judged by.
    pub effective_rate: FeeRate,
    /// The transactions whose fees and sizes that rate sums.
    pub effective_includes: Vec<Wtxid>,
    /// What it pushed out.
    pub replaced: Vec<TxRef>,
}

/// Why a transaction did not get in.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It was refused.
    #[error(transparent)]
    Rejected(#[from] RejectReason),
    /// It could not be judged.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl AcceptError {
    /// The refusal, unless it is the storage that failed.
    pub fn into_rejection(self) -> Result<RejectReason, StorageError> {
        match self {
            Self::Rejected(reason) => Ok(reason),
            Self::Storage(error) => Err(error),
        }
    }
}

/// A transaction that may enter, and what must leave for it.
struct Admitted {
    checked: Prechecked,
    replaced: HashSet<Txid>,
}

impl Mempool {
    /// Puts a transaction into the pool if it is valid in the next block and keeps this node's policy. May push
    /// out what it replaces, what is too old, and what pays least if the pool is too large.
    pub fn accept(&mut self, tx: &TxRef, chain: &ChainView<'_>) -> Result<Accepted, AcceptError> {
        let accepted = self.accept_unlimited(tx, None, chain)?;
        self.limit(chain.now);
        if self.get(&tx.txid()).is_none() {
            return Err(RejectReason::new(RejectKind::Reconsiderable, "mempool full").into());
        }
        Ok(accepted)
    }

    /// [`Mempool::accept`] without regard to how large the pool becomes; refused too if it pays more than `max_rate`.
    pub(super) fn accept_unlimited(
        &mut self,
        tx: &TxRef,
        max_rate: Option<FeeRate>,
        chain: &ChainView<'_>,
    ) -> Result<Accepted, AcceptError> {
        let admitted = self.admit(tx, max_rate, chain)?;
        Ok(self.put(admitted, chain))
    }

    /// What [`Mempool::accept`] would say, without doing it (and without knowing whether the pool would
    /// overflow).
    pub fn test(&self, tx: &TxRef, chain: &ChainView<'_>) -> Result<Accepted, AcceptError> {
        let Admitted { checked, replaced } = self.admit(tx, None, chain)?;
        let replaced = replaced.iter().filter_map(|txid| self.get(txid)).map(|entry| entry.tx.clone());
        Ok(Self::verdict(&checked, replaced.collect()))
    }

    /// Puts back a transaction of a block that left the chain, or one that had to leave with such a block and was
    /// here as `before`; the caller settles the graph.
    pub(super) fn accept_from_block(
        &mut self,
        tx: &TxRef,
        before: Option<Entry>,
        chain: &ChainView<'_>,
    ) -> Result<(), AcceptError> {
        let checked = self.precheck(tx, chain, &Staged::new(), Mode::FROM_BLOCK)?;
        verify_scripts(&checked, chain)?;
        if before.is_none() {
            self.hooks().check(&checked)?;
        }
        // Sequence 0 says: before everything that came by itself.
        let mut entry = checked.into_entry(chain, 0);
        if let Some(before) = before {
            (entry.time, entry.height, entry.sequence) = (before.time, before.height, before.sequence);
            entry.unbroadcast = before.unbroadcast;
        }
        self.insert(entry, chain.now);
        Ok(())
    }

    fn admit(
        &self,
        tx: &TxRef,
        max_rate: Option<FeeRate>,
        chain: &ChainView<'_>,
    ) -> Result<Admitted, AcceptError> {
        let checked = self.precheck(tx, chain, &Staged::new(), Mode::SINGLE)?;
        let mut replaced = HashSet::new();
        if checked.conflicts.is_empty() {
            if !self.graph.fits(&[checked.candidate()], self.options.clusters) {
                return Err(too_large_cluster().into());
            }
        } else {
            replaced = self.check_replacement(&checked)?;
            self.check_independent_of_conflicts(&checked)?;
        }
        check_max_rate(checked.modified_fee(), checked.vsize(), max_rate)?;
        if self.options.require_standard {
            self.check_ephemeral_spends(std::slice::from_ref(tx)).map_err(|(_, reason)| reason)?;
        }
        verify_scripts(&checked, chain)?;
        self.hooks().check(&checked)?;
        Ok(Admitted { checked, replaced })
    }

    fn put(&mut self, admitted: Admitted, chain: &ChainView<'_>) -> Accepted {
        let Admitted { checked, replaced } = admitted;
        let by = RemovalReason::Replaced(checked.tx.txid());
        let replaced = self.remove(replaced, by, chain.now);
        for tx in &replaced {
            tracing::debug!(target: "mempool", txid = %tx.txid(), by = %checked.tx.txid(), "replaced");
        }
        let accepted = Self::verdict(&checked, replaced);
        let sequence = self.sequence();
        self.insert(checked.into_entry(chain, sequence), chain.now);
        self.graph.settle();
        accepted
    }

    pub(super) fn verdict(checked: &Prechecked, replaced: Vec<TxRef>) -> Accepted {
        Accepted {
            vsize: checked.vsize(),
            fee: checked.fee,
            effective_rate: checked.rate(),
            effective_includes: vec![checked.tx.wtxid()],
            replaced,
        }
    }
}
