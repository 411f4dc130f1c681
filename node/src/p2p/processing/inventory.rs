//! What peers say they have, or have not.

use super::{Peer, Protocol};
use crate::p2p::wire::{InvKind, Inventory};

impl Protocol {
    pub(super) fn on_inv(&mut self, peer: &mut Peer, items: &[Inventory]) {
        let id = peer.id();
        let mut newest = None;
        for item in items {
            // Peers agree on how transactions are named; the other name means nothing between them.
            match item.kind {
                InvKind::Tx if peer.wtxid_relay => continue,
                InvKind::WtxId if !peer.wtxid_relay => continue,
                _ => {}
            }
            if item.kind == InvKind::Block {
                let hash = item.block_hash();
                let is_known = self.entry(&hash).is_some();
                let what = if is_known { "have" } else { "new" };
                tracing::debug!(target: "net", "got inv: {item} {what} peer={id}");
                self.note_available(peer, hash);
                if !is_known && !self.is_importing() && !self.downloads.is_requested(&hash) {
                    newest = Some(hash);
                }
            } else if item.kind.is_tx() {
                if !self.takes_txs_from(peer) {
                    let what = "inv sent in violation of protocol";
                    self.disconnect(peer, format_args!("transaction ({}) {what}", item.hash));
                    return;
                }
                self.on_tx_announced(peer, item);
            } else {
                tracing::debug!(target: "net", "Unknown inv type \"{item}\" received from peer={id}");
            }
        }
        if let Some(hash) = newest {
            self.ask_headers_after_inv(peer, hash);
        }
    }
}
