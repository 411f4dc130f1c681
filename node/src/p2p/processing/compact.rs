//! Compact blocks (BIP152).

use super::{Peer, Protocol};
use crate::chain::BlockEntry;
use std::sync::Arc;

impl Protocol {
    /// Whether a peer wants new blocks as compact blocks, unasked.
    pub(super) fn wants_compact_blocks(&self, _: &Peer) -> bool {
        false
    }

    /// Whether a block is fetched as a compact block from a peer.
    pub(super) fn fetches_compact(&self, _: &Peer, _: &Arc<BlockEntry>) -> bool {
        false
    }

    /// Whether a block is recent enough for its transactions to be in others' mempools.
    pub(super) fn serves_compact(&self, _: &Arc<BlockEntry>) -> bool {
        false
    }

    /// Sends a block as a compact block; whether it could be read.
    pub(super) fn send_compact_block(&mut self, _: &Peer, _: &Arc<BlockEntry>) -> bool {
        false
    }

    /// Asks a peer that was first with a block for compact blocks unasked.
    pub(super) fn prefer_compact_blocks_of(&mut self, _: &mut Peer) {}
}
