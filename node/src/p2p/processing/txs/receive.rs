//! Transactions that peers announce and send.

use super::download::{MAX_ANNOUNCEMENTS, Package, Received};
use super::request::TxName;
use crate::mempool::{Accepted, PackagedTx};
use crate::p2p::permissions::Permissions;
use crate::p2p::processing::download::MAX_IN_TRANSIT;
use crate::p2p::processing::{Peer, Protocol};
use crate::p2p::wire::{InvKind, Inventory, MAX_INVENTORY, Message, tx_memory};
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{Hash256, TxRef, Txid, Wtxid};

/// How much memory a refused transaction may take that is kept for putting compact blocks together, in bytes.
const MAX_EXTRA_MEMORY: usize = 100_000;

/// What an inventory entry names.
fn name_of(item: &Inventory) -> TxName {
    match item.kind {
        InvKind::WtxId => TxName::Wtxid(Wtxid(item.hash.0)),
        _ => TxName::Txid(Txid(item.hash.0)),
    }
}

impl Protocol {
    /// A peer has a transaction.
    pub(in crate::p2p::processing) fn on_tx_announced(&mut self, peer: &mut Peer, item: &Inventory) {
        peer.txs.knows(&item.hash);
        if self.chain.is_initial_download() {
            return;
        }
        let (id, now) = (peer.id(), self.now_micros());
        let pool = self.chain.mempool().read().expect("no one panics while holding the mempool");
        let has = self.txs.download.announced(id, name_of(item), &pool, now);
        let what = if has { "have" } else { "new" };
        tracing::debug!(target: "net", "got inv: {item} {what} peer={id}");
    }

    /// A peer has not what it was asked for.
    pub(in crate::p2p::processing) fn on_notfound(&mut self, peer: &mut Peer, items: &[Inventory]) {
        // Nobody was asked for more.
        if items.len() > MAX_ANNOUNCEMENTS + MAX_IN_TRANSIT {
            return;
        }
        for item in items.iter().filter(|item| item.kind.is_tx()) {
            self.txs.download.not_found(peer.id(), &item.hash);
        }
    }

    /// Asks a peer for the transactions that it is its turn for.
    pub(in crate::p2p::processing) fn request_txs(&mut self, peer: &mut Peer) {
        let now = self.now_micros();
        let by_txid = if peer.can_serve_witnesses() { InvKind::WitnessTx } else { InvKind::Tx };
        let requests = {
            let pool = self.chain.mempool().read().expect("no one panics while holding the mempool");
            self.txs.download.take_requests(peer.id(), &pool, now)
        };
        let item = |name: &TxName| match name {
            TxName::Txid(txid) => Inventory::txid(by_txid, *txid),
            TxName::Wtxid(wtxid) => Inventory::wtxid(*wtxid),
        };
        for part in requests.chunks(MAX_INVENTORY) {
            peer.send(&Message::GetData(part.iter().map(item).collect()));
        }
    }

    /// A peer sends a transaction.
    pub(in crate::p2p::processing) fn on_tx(&mut self, peer: &mut Peer, tx: &TxRef) {
        if !self.takes_txs_from(peer) {
            self.disconnect(peer, "transaction sent in violation of protocol");
            return;
        }
        // It could not be judged.
        if self.chain.is_initial_download() {
            return;
        }
        let (txid, wtxid) = (tx.txid(), tx.wtxid());
        peer.txs.knows(&if peer.wtxid_relay { Hash256(wtxid.0) } else { Hash256(txid.0) });
        let received = {
            let pool = self.chain.mempool().read().expect("no one panics while holding the mempool");
            self.txs.download.received(peer.id(), tx, &pool)
        };
        if received == Received::Judge {
            self.judge(peer, tx);
            return;
        }
        if peer.link.may(Permissions::FORCE_RELAY) {
            self.force_relay(peer, tx);
        }
        if let Received::WithChild(package) = received {
            self.judge_package(peer, &package);
        }
    }

    /// Relays what is known already, for a peer that has us as its gateway to the network.
    fn force_relay(&mut self, peer: &mut Peer, tx: &TxRef) {
        let (txid, wtxid, id) = (tx.txid(), tx.wtxid(), peer.id());
        if self.pool().get(&txid).is_some() {
            tracing::info!("Force relaying tx {txid} (wtxid={wtxid}) from peer={id}");
            self.relay_to_all(txid, wtxid, Some(peer));
        } else {
            tracing::info!(
                "Not relaying non-mempool transaction {txid} (wtxid={wtxid}) from forcerelay peer={id}"
            );
        }
    }

    fn judge(&mut self, peer: &mut Peer, tx: &TxRef) {
        match self.chain.submit_tx_blocking(tx.clone()) {
            Ok(Ok(accepted)) => {
                self.on_accepted(peer, tx, &accepted);
                peer.txs.last_transaction = self.now();
            }
            Ok(Err(reason)) => {
                if let Some(package) = self.on_refused(peer, tx, &reason, true) {
                    self.judge_package(peer, &package);
                }
            }
            // The node is going down.
            Err(_) => {}
        }
    }

    /// The mempool took a transaction (Core's `ProcessValidTx`).
    fn on_accepted(&mut self, peer: &mut Peer, tx: &TxRef, accepted: &Accepted) {
        let (txid, wtxid) = (tx.txid(), tx.wtxid());
        self.txs.download.accepted(tx, &mut self.rng);
        let (id, count, usage) = {
            let pool = self.pool();
            (peer.id(), pool.len(), pool.usage() / 1000)
        };
        tracing::debug!(
            target: "mempool",
            "AcceptToMemoryPool: peer={id}: accepted {txid} (wtxid={wtxid}) (poolsz {count} txn, {usage} kB)"
        );
        self.relay_to_all(txid, wtxid, Some(peer));
        for replaced in &accepted.replaced {
            self.compact.remember_extra(replaced.clone());
        }
    }

    /// The mempool refused a transaction (Core's `ProcessInvalidTx`). `is_first`: that had just come. Returns what to try
    /// next.
    fn on_refused(
        &mut self,
        peer: &mut Peer,
        tx: &TxRef,
        reason: &RejectReason,
        is_first: bool,
    ) -> Option<Package> {
        let (txid, wtxid, id, now) = (tx.txid(), tx.wtxid(), peer.id(), self.now_micros());
        tracing::debug!(
            target: "mempoolrej", "{txid} (wtxid={wtxid}) from peer={id} was not accepted: {reason}"
        );
        let refused = {
            let pool = self.chain.mempool().read().expect("no one panics while holding the mempool");
            self.txs.download.refused(tx, reason, id, is_first, &pool, now)
        };
        if refused.is_extra && tx_memory(tx) < MAX_EXTRA_MEMORY {
            self.compact.remember_extra(tx.clone());
        }
        for parent in refused.parents {
            peer.txs.knows(&Hash256(parent.0));
        }
        refused.package
    }

    fn judge_package(&mut self, peer: &mut Peer, package: &Package) {
        let Ok(outcome) = self.chain.submit_package_blocking(package.txs(), None) else { return };
        let verdict = if outcome.error.is_none() { "package accepted" } else { "package rejected" };
        tracing::debug!(target: "txpackages", "package evaluation for {package}: {verdict}");
        if outcome.error.is_some() {
            self.txs.download.package_refused(package);
        }
        // The child first, or its parent would have it looked at again.
        for tx in [&package.child, &package.parent] {
            match outcome.results.get(&tx.wtxid()) {
                Some(PackagedTx::Accepted(accepted)) => self.on_accepted(peer, tx, accepted),
                Some(PackagedTx::Refused(reason)) => {
                    self.on_refused(peer, tx, reason, false);
                }
                Some(PackagedTx::DifferentWitness(_)) => {
                    let reason = RejectReason::new(RejectKind::Unknown, "");
                    self.on_refused(peer, tx, &reason, false);
                }
                Some(PackagedTx::InPool { .. }) | None => {}
            }
        }
    }

    /// Looks again at one orphan of a peer whose parent came meanwhile (Core's `ProcessOrphanTx`); whether there was
    /// something to do.
    pub(in crate::p2p::processing) fn reconsider_orphan(&mut self, peer: &mut Peer) -> bool {
        let id = peer.id();
        while let Some(orphan) = self.txs.download.take_work(id) {
            let (txid, wtxid) = (orphan.txid(), orphan.wtxid());
            match self.chain.submit_tx_blocking(orphan.clone()) {
                Ok(Ok(accepted)) => {
                    tracing::debug!(
                        target: "txpackages", "   accepted orphan tx {txid} (wtxid={wtxid})"
                    );
                    self.on_accepted(peer, &orphan, &accepted);
                    return true;
                }
                // Another parent is missing still.
                Ok(Err(reason)) if reason.kind == RejectKind::MissingInputs => {}
                Ok(Err(reason)) => {
                    tracing::debug!(
                        target: "txpackages",
                        "   invalid orphan tx {txid} (wtxid={wtxid}) from peer={id}. {reason}"
                    );
                    self.on_refused(peer, &orphan, &reason, false);
                    return true;
                }
                Err(_) => return false,
            }
        }
        false
    }

    /// Whether an orphan waits to be looked at on behalf of a peer.
    pub(in crate::p2p::processing) fn has_orphan_work(&self, peer: &Peer) -> bool {
        self.txs.download.has_work(peer.id())
    }
}
