//! Chains of too little work: whether headers are worth the memory.

use super::{Peer, Protocol};
use crate::chain::BlockEntry;
use chaincore_consensus::Header;
use chaincore_consensus::pow::{Work, block_work};
use std::sync::Arc;

impl Protocol {
    /// Forgets a catching-up with a chain of unknown worth.
    pub(super) fn end_presync(&mut self, _: &mut Peer) {}

    /// Whether such a catching-up is going on.
    pub(super) fn is_presyncing(&self, _: &Peer) -> bool {
        false
    }

    /// Headers that may be looked at now and whether their chain has proved its worth; `None` if there are none.
    pub(super) fn continue_presync(
        &mut self,
        _: &mut Peer,
        headers: Vec<Header>,
    ) -> Option<(Vec<Header>, bool)> {
        Some((headers, false))
    }

    /// Whether headers belong to a chain of too little work, which is not kept.
    pub(super) fn is_low_work(
        &mut self,
        peer: &mut Peer,
        start: &Arc<BlockEntry>,
        headers: &[Header],
    ) -> bool {
        let work = headers.iter().fold(Work::default(), |sum, header| sum + block_work(header.bits));
        if start.chain_work() + work >= self.work_threshold() {
            return false;
        }
        let (height, id) = (start.height() as usize + headers.len(), peer.id());
        tracing::debug!(target: "net", "Ignoring low-work chain (height={height}) from peer={id}");
        true
    }
}
