//! Sending peers the transactions that they ask for.

use crate::p2p::processing::{Peer, Protocol};
use crate::p2p::wire::{InvKind, Inventory, Message};
use chaincore_consensus::{Block, Hash256, TxRef, Txid, Wtxid};
use std::collections::HashMap;
use std::sync::Arc;

/// The transactions of the last block, by txid and wtxid: peers that have not got it yet still ask for them.
#[derive(Debug, Default)]
pub(super) struct RecentBlock {
    block: Option<Arc<Block>>,
    by_name: HashMap<Hash256, TxRef>,
}

impl RecentBlock {
    /// A transaction of `block`, which is the last one.
    fn find(&mut self, block: &Arc<Block>, name: &Hash256) -> Option<&TxRef> {
        if self.block.as_ref().is_none_or(|known| !Arc::ptr_eq(known, block)) {
            let names = |tx: &TxRef| [tx.txid().0, tx.wtxid().0].map(|name| (Hash256(name), tx.clone()));
            self.by_name = block.transactions.iter().flat_map(names).collect();
            self.block = Some(block.clone());
        }
        self.by_name.get(name)
    }
}

impl Protocol {
    /// A transaction that a peer may have: it was in the mempool when the peer was last told of new ones, or is in the
    /// last block (Core's `FindTxForGetData`). What is younger would tell when it came.
    fn find_for(&mut self, item: &Inventory, before: u64) -> Option<TxRef> {
        {
            let pool = self.pool();
            let entry = match item.kind {
                InvKind::WtxId => pool.get_by_wtxid(&Wtxid(item.hash.0)),
                _ => pool.get(&Txid(item.hash.0)),
            };
            if let Some(entry) = entry.filter(|entry| entry.sequence < before) {
                return Some(entry.tx.clone());
            }
        }
        let tx = self.txs.recent.find(self.compact.recent_block()?, &item.hash)?;
        let is_meant = match item.kind {
            InvKind::WtxId => tx.wtxid().0 == item.hash.0,
            _ => tx.txid().0 == item.hash.0,
        };
        is_meant.then(|| tx.clone())
    }

    /// Sends a transaction that a peer asked for; whether it has to be told that there is none.
    pub(in crate::p2p::processing) fn serve_tx(&mut self, peer: &mut Peer, item: &Inventory) -> bool {
        // Who does not want to hear of transactions is not told of their absence either.
        let Some(before) = peer.txs.last_sequence() else { return false };
        let Some(tx) = self.find_for(item, before) else { return true };
        if item.kind == InvKind::Tx {
            peer.link.send_stripped_tx(&tx);
        } else {
            peer.send(&Message::Tx(tx.clone()));
        }
        self.mark_broadcast(tx.txid());
        false
    }

    /// A transaction of the owner's has been asked for: somebody passes it on.
    fn mark_broadcast(&self, txid: Txid) {
        if self.pool().get(&txid).is_some_and(|entry| entry.unbroadcast) {
            let marked = self.chain.query_blocking(move |chain| {
                chain.with_mempool(|pool, _| pool.set_unbroadcast(&txid, false));
                Ok(())
            });
            if let Err(error) = marked {
                tracing::debug!(target: "mempool", "{txid} stays marked as not broadcast: {error}");
            } else {
                tracing::debug!(target: "mempool", "Removed {txid} from set of unbroadcast txns");
            }
        }
    }
}
