//! Transactions.

use super::{Peer, Protocol};
use crate::chain::BlockEntry;
use crate::p2p::wire::Inventory;
use std::sync::Arc;

impl Protocol {
    /// A peer has a transaction.
    pub(super) fn on_tx_announced(&mut self, _: &mut Peer, _: &Inventory) {}

    /// A peer has not what it was asked for.
    pub(super) fn on_notfound(&mut self, _: &mut Peer, _: &[Inventory]) {}

    /// Sends a transaction that a peer asked for; whether it has to be told that there is none.
    pub(super) fn serve_tx(&mut self, _: &mut Peer, _: &Inventory) -> bool {
        true
    }

    /// The chain's tip moved from above `fork` to `tip`.
    pub(super) fn on_chain_moved(&mut self, _: &Arc<BlockEntry>, _: &Arc<BlockEntry>) {}
}
