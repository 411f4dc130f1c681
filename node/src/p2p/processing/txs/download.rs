//! Which transactions to fetch, and what follows from what became of them (Core's `TxDownloadManager`).
//!
//! Touches neither peers nor chain: it is told what happened and says what to do. Times are microseconds.

use super::filters::Filters;
use super::orphanage::{OrphanInfo, Orphanage};
use super::request::{RequestTracker, TxName};
use crate::mempool::Mempool;
use crate::p2p::kind::PeerId;
use crate::p2p::processing::SECOND;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{Block, Hash256, TxRef, Txid, Wtxid};
use rand::Rng;
use std::collections::HashMap;
use std::fmt;

/// From how many open requests on a peer is asked later than others.
const MAX_IN_FLIGHT: usize = 100;
/// How many announcements of a peer are kept.
pub(super) const MAX_ANNOUNCEMENTS: usize = 5000;
/// How much later than others a peer is asked: that called us, that has announced by txid while others do so by wtxid,
/// that is overloaded.
const NOT_PREFERRED_DELAY: i64 = 2 * SECOND;
const TXID_DELAY: i64 = 2 * SECOND;
const OVERLOADED_DELAY: i64 = 2 * SECOND;
/// How long a peer may take to answer before another one is asked.
const REQUEST_TIMEOUT: i64 = 60 * SECOND;

/// What matters of a peer that transactions are taken from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    /// Whether it is asked before others.
    pub(super) preferred: bool,
    /// Whether it may announce as much as it likes.
    pub(super) unlimited: bool,
    /// Whether it announces by wtxid.
    pub(super) wtxid_relay: bool,
}

/// A parent that is refused alone, with a child that might pay for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Package {
    pub(super) parent: TxRef,
    pub(super) child: TxRef,
    /// Who sent both.
    pub(super) sender: PeerId,
}

impl Package {
    pub(super) fn txs(&self) -> Vec<TxRef> {
        vec![self.parent.clone(), self.child.clone()]
    }
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { parent, child, sender } = self;
        write!(f, "parent {} (wtxid={}, sender={sender}) + ", parent.txid(), parent.wtxid())?;
        write!(f, "child {} (wtxid={}, sender={sender})", child.txid(), child.wtxid())
    }
}

/// What to do with a transaction that came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// Hand it to the mempool.
    Judge,
    /// Nothing: what there is to know of it is known.
    Known,
    /// It was refused alone before; hand it in with a child.
    WithChild(Package),
}

/// What to do about a transaction that was refused.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    /// Keep it for compact blocks: others may take it.
    pub(super) is_extra: bool,
    /// The parents that are being fetched from its sender, who is known to have them.
    pub(super) parents: Vec<Txid>,
    /// Hand this in.
    pub(super) package: Option<Package>,
}

/// The fetching of transactions.
#[derive(Debug, Default)]
pub(super) struct TxDownload {
    filters: Filters,
    orphans: Orphanage,
    requests: RequestTracker,
    sources: HashMap<PeerId, Source>,
    /// How many of them announce by wtxid.
    wtxid_sources: usize,
}

fn hash_of(txid: Txid) -> Hash256 {
    Hash256(txid.0)
}

/// The transactions that one spends from, each once.
fn parents_of(tx: &TxRef) -> Vec<Txid> {
    let mut parents: Vec<Txid> = tx.inputs.iter().map(|input| input.previous_output.txid).collect();
    parents.sort_unstable();
    parents.dedup();
    parents
}

impl TxDownload {
    pub(super) fn connected(&mut self, peer: PeerId, source: Source) {
        if self.sources.insert(peer, source).is_none() {
            self.wtxid_sources += usize::from(source.wtxid_relay);
        }
    }

    pub(super) fn disconnected(&mut self, peer: PeerId) {
        self.orphans.remove_peer(peer);
        self.requests.disconnected(peer);
        if let Some(source) = self.sources.remove(&peer) {
            self.wtxid_sources -= usize::from(source.wtxid_relay);
        }
    }

    /// The tip is another one.
    pub(super) fn tip_changed(&mut self) {
        self.filters.tip_changed();
    }

    pub(super) fn block_connected(&mut self, block: &Block) {
        self.orphans.remove_for_block(block);
        self.filters.block_connected(block);
        for tx in &block.transactions {
            self.forget_requests(tx);
        }
    }

    pub(super) fn block_disconnected(&mut self) {
        self.filters.block_disconnected();
    }

    fn forget_requests(&mut self, tx: &TxRef) {
        self.requests.forget(&Hash256(tx.txid().0));
        self.requests.forget(&Hash256(tx.wtxid().0));
    }

    /// Whether a transaction need not be fetched. Orphans are looked up by wtxid alone: one with the same txid and a bad
    /// witness must not keep the good one away.
    fn has(&self, name: &TxName, pool: &Mempool, count_refused_alone: bool) -> bool {
        let hash = name.hash();
        self.orphans.get(&Wtxid(hash.0)).is_some()
            || (count_refused_alone && self.filters.is_rejected_alone(&hash))
            || self.filters.is_confirmed(&hash)
            || self.filters.is_rejected(&hash)
            || match name {
                TxName::Txid(txid) => pool.get(txid).is_some(),
                TxName::Wtxid(wtxid) => pool.get_by_wtxid(wtxid).is_some(),
            }
    }

    /// Those of an orphan's parents that would have to be fetched.
    fn missing_parents(&self, mut parents: Vec<Txid>, pool: &Mempool) -> Vec<Txid> {
        parents.retain(|parent| !self.has(&TxName::Txid(*parent), pool, false));
        parents
    }

    fn delay(&self, peer: PeerId, source: &Source, by_txid: bool) -> i64 {
        let mut delay = 0;
        if !source.preferred {
            delay += NOT_PREFERRED_DELAY;
        }
        if by_txid && self.wtxid_sources > 0 {
            delay += TXID_DELAY;
        }
        if !source.unlimited && self.requests.in_flight(peer) >= MAX_IN_FLIGHT {
            delay += OVERLOADED_DELAY;
        }
        delay
    }

    /// A peer has a transaction; whether it need not be fetched.
    pub(super) fn announced(&mut self, peer: PeerId, name: TxName, pool: &Mempool, now: i64) -> bool {
        if let TxName::Wtxid(wtxid) = name
            && let Some(orphan) = self.orphans.get(&wtxid).cloned()
        {
            // Who has a child has its parents too.
            let missing = self.missing_parents(parents_of(&orphan), pool);
            if !missing.is_empty() && self.fetch_parents(&missing, &wtxid, peer, now) {
                self.orphans.add_announcer(&wtxid, peer);
            }
            return true;
        }
        if self.has(&name, pool, true) {
            return true;
        }
        let Some(source) = self.sources.get(&peer).copied() else { return false };
        if !source.unlimited && self.requests.count(peer) >= MAX_ANNOUNCEMENTS {
            return false;
        }
        let by_txid = matches!(name, TxName::Txid(_));
        let time = now + self.delay(peer, &source, by_txid);
        self.requests.announced(peer, name, source.preferred, time);
        false
    }

    /// Counts a peer among those that an orphan's parents are fetched from; `false` if it cannot be.
    fn fetch_parents(&mut self, parents: &[Txid], orphan: &Wtxid, peer: PeerId, now: i64) -> bool {
        let Some(source) = self.sources.get(&peer).copied() else { return false };
        if self.orphans.has_from(orphan, peer)
            || (!source.unlimited && self.requests.count(peer) + parents.len() > MAX_ANNOUNCEMENTS)
        {
            return false;
        }
        let time = now + self.delay(peer, &source, true);
        for parent in parents {
            self.requests.announced(peer, TxName::Txid(*parent), source.preferred, time);
        }
        tracing::debug!(
            target: "txpackages", "added peer={peer} as a candidate for resolving orphan {orphan}"
        );
        true
    }

    /// When somebody may be to be asked next.
    pub(super) fn next_request(&self) -> Option<i64> {
        self.requests.next()
    }

    /// What to ask a peer for now; it counts as asked.
    pub(super) fn take_requests(&mut self, peer: PeerId, pool: &Mempool, now: i64) -> Vec<TxName> {
        let (mut requests, expired) = self.requests.requestable(peer, now);
        for (peer, name) in expired {
            let (kind, hash) = (name.kind(), name.hash());
            tracing::debug!(target: "net", "timeout of inflight {kind} {hash} from peer={peer}");
        }
        requests.retain(|name| {
            let hash = name.hash();
            if self.has(name, pool, false) {
                self.requests.forget(&hash);
                return false;
            }
            tracing::debug!(target: "net", "Requesting {} {hash} peer={peer}", name.kind());
            self.requests.requested(peer, &hash, now + REQUEST_TIMEOUT);
            true
        });
        requests
    }

    /// A peer has not what it was asked for.
    pub(super) fn not_found(&mut self, peer: PeerId, hash: &Hash256) {
        self.requests.answered(peer, hash);
    }

    /// A peer sent a transaction.
    pub(super) fn received(&mut self, peer: PeerId, tx: &TxRef, pool: &Mempool) -> Received {
        let (txid, wtxid) = (tx.txid(), tx.wtxid());
        self.requests.answered(peer, &hash_of(txid));
        self.requests.answered(peer, &Hash256(wtxid.0));
        if self.has(&TxName::Wtxid(wtxid), pool, false) {
            return Received::Known;
        }
        if self.filters.is_rejected_alone(&Hash256(wtxid.0)) {
            tracing::debug!(
                target: "txpackages",
                "found tx {txid} (wtxid={wtxid}) in reconsiderable rejects, looking for child in orphanage"
            );
            return self.find_package(tx, peer).map_or(Received::Known, Received::WithChild);
        }
        Received::Judge
    }

    /// A child of a transaction that was refused alone, from the same peer: strangers could keep the true child away
    /// with any number of false ones.
    fn find_package(&self, parent: &TxRef, sender: PeerId) -> Option<Package> {
        let children = self.orphans.children_from(&parent.txid(), sender);
        let is_new = |child: &TxRef| {
            !self.filters.is_package_rejected(&[parent.clone(), child.clone()])
                && !self.filters.is_rejected(&hash_of(child.txid()))
        };
        let child = children.into_iter().find(is_new)?;
        Some(Package { parent: parent.clone(), child, sender })
    }

    /// The mempool took a transaction.
    pub(super) fn accepted(&mut self, tx: &TxRef, rng: &mut impl Rng) {
        self.forget_requests(tx);
        self.orphans.wake_children(tx, rng);
        self.orphans.remove(&tx.wtxid());
    }

    /// The mempool refused a transaction; `is_first`: that had just come, rather than waited as an orphan or been handed
    /// in with others.
    pub(super) fn refused(
        &mut self,
        tx: &TxRef,
        reason: &RejectReason,
        peer: PeerId,
        is_first: bool,
        pool: &Mempool,
        now: i64,
    ) -> Refused {
        let (txid, wtxid) = (tx.txid(), tx.wtxid());
        let mut result = Refused { is_extra: is_first, ..Refused::default() };
        match reason.kind {
            RejectKind::MissingInputs => {
                if is_first && !self.filters.is_rejected(&Hash256(wtxid.0)) {
                    self.on_new_orphan(tx, peer, pool, now, &mut result);
                }
                return result;
            }
            // Somebody took the witness off: the whole transaction may be fine.
            RejectKind::WitnessStripped => result.is_extra = false,
            kind => {
                // Not the txid: with another witness, the transaction may be fine.
                if kind == RejectKind::Reconsiderable {
                    self.filters.reject_alone(&wtxid);
                    if is_first {
                        let what = "failed but reconsiderable, looking for child in orphanage";
                        tracing::debug!(target: "txpackages", "tx {txid} (wtxid={wtxid}) {what}");
                        result.package = self.find_package(tx, peer);
                    }
                } else {
                    self.filters.reject(&Hash256(wtxid.0));
                }
                self.requests.forget(&Hash256(wtxid.0));
                // What is spent does not depend on the witness, so no witness helps.
                if kind == RejectKind::InputsNotStandard && tx.has_witness() {
                    self.filters.reject(&hash_of(txid));
                    self.requests.forget(&hash_of(txid));
                }
            }
        }
        if self.orphans.remove(&wtxid) {
            tracing::debug!(target: "txpackages", "   removed orphan tx {txid} (wtxid={wtxid})");
        }
        result
    }

    fn on_new_orphan(&mut self, tx: &TxRef, peer: PeerId, pool: &Mempool, now: i64, result: &mut Refused) {
        let (txid, wtxid) = (tx.txid(), tx.wtxid());
        let parents = parents_of(tx);
        let refused_alone =
            |parent: &&Txid| self.filters.is_rejected_alone(&hash_of(**parent)) && pool.get(parent).is_none();
        // One parent may be paid for by the orphan, but not two.
        let is_hopeless = parents.iter().any(|parent| self.filters.is_rejected(&hash_of(*parent)))
            || parents.iter().filter(refused_alone).count() > 1;
        if is_hopeless {
            tracing::debug!(
                target: "mempool", "not keeping orphan with rejected parents {txid} (wtxid={wtxid})"
            );
            self.filters.reject(&hash_of(txid));
            self.filters.reject(&Hash256(wtxid.0));
            self.forget_requests(tx);
            return;
        }
        let missing = self.missing_parents(parents, pool);
        result.is_extra &= self.orphans.get(&wtxid).is_none();
        let mut peers = vec![peer];
        peers.extend(self.requests.candidates(&hash_of(txid)));
        if tx.has_witness() {
            peers.extend(self.requests.candidates(&Hash256(wtxid.0)));
        }
        for peer in peers {
            if self.fetch_parents(&missing, &wtxid, peer, now) {
                self.orphans.add(tx, peer);
            }
        }
        // As an orphan it is here.
        self.forget_requests(tx);
        result.parents = missing;
    }

    /// A package as a whole was refused.
    pub(super) fn package_refused(&mut self, package: &Package) {
        self.filters.reject_package(&package.txs());
    }

    /// Whether an orphan is to be looked at again on behalf of a peer.
    pub(super) fn has_work(&self, peer: PeerId) -> bool {
        self.orphans.has_work(peer)
    }

    /// The next such orphan.
    pub(super) fn take_work(&mut self, peer: PeerId) -> Option<TxRef> {
        self.orphans.take_work(peer)
    }

    /// All orphans.
    pub(super) fn orphans(&self) -> Vec<OrphanInfo> {
        self.orphans.all()
    }
}

#[cfg(test)]
mod tests;
