//! Serving block filters to light clients (BIP157).

use super::{Peer, Protocol};
use crate::index::{BlockFilters, IndexError, MAX_FILTERS, MAX_HASHES};
use crate::p2p::wire::{BASIC_FILTER_TYPE, Message};
use chaincore_consensus::BlockHash;
use std::time::Duration;

/// How far the index may be behind a block of the active chain for a request to wait for it, in blocks, and for how long.
const NEARLY_THERE: u32 = 2;
const STEPS: usize = 100;
const STEP: Duration = Duration::from_millis(2);

impl Protocol {
    /// The block that a request ends with. A request that makes no sense ends the connection (BIP157), as does any
    /// if filters are not served (Core's `PrepareBlockFilterRequest`).
    fn filter_request(
        &self,
        peer: &Peer,
        filter_type: u8,
        start: u32,
        stop: BlockHash,
        limit: usize,
    ) -> Option<BlockFilters> {
        let filters = self.filters.clone().filter(|_| filter_type == BASIC_FILTER_TYPE);
        let Some(filters) = filters else {
            self.disconnect(
                peer,
                format_args!("peer requested unsupported block filter type: {filter_type}"),
            );
            return None;
        };
        let Some(last) = self.entry(&stop).filter(|entry| self.may_give_away(entry)) else {
            self.disconnect(peer, format_args!("peer requested invalid block hash: {stop}"));
            return None;
        };
        let height = last.height();
        if start > height {
            let what = "peer sent invalid getcfilters/getcfheaders with";
            self.disconnect(peer, format_args!("{what} start height {start} and stop height {height}"));
            return None;
        }
        if (height - start) as usize >= limit {
            let count = height - start + 1;
            self.disconnect(
                peer,
                format_args!("peer requested too many cfilters/cfheaders: {count} / {limit}"),
            );
            return None;
        }
        if self.snapshot().is_active(&last) {
            let_catch_up(&filters, &stop, height);
        }
        Some(filters)
    }

    pub(super) fn on_getcfilters(&self, peer: &Peer, filter_type: u8, start: u32, stop: BlockHash) {
        let Some(filters) = self.filter_request(peer, filter_type, start, stop, MAX_FILTERS) else { return };
        let Some(found) = looked_up(filters.range(&stop, start), "block filter", &stop) else { return };
        for (block, filter) in found {
            peer.send(&Message::CFilter { filter_type, block, filter });
        }
    }

    pub(super) fn on_getcfheaders(&self, peer: &Peer, filter_type: u8, start: u32, stop: BlockHash) {
        let Some(filters) = self.filter_request(peer, filter_type, start, stop, MAX_HASHES) else { return };
        let Some(found) = looked_up(filters.hashes(&stop, start), "block filter hashes", &stop) else {
            return;
        };
        let (previous, hashes) = (found.previous, found.hashes);
        peer.send(&Message::CFHeaders { filter_type, stop, previous, hashes });
    }

    pub(super) fn on_getcfcheckpt(&self, peer: &Peer, filter_type: u8, stop: BlockHash) {
        let Some(filters) = self.filter_request(peer, filter_type, 0, stop, usize::MAX) else { return };
        let found = looked_up(filters.checkpoints(&stop), "block filter header", &stop);
        if let Some(headers) = found {
            peer.send(&Message::CFCheckpt { filter_type, stop, headers });
        }
    }
}

/// A light client asks as soon as it hears of a block, when the index may be about to take it in, and takes silence
/// for a fault. An index that is far behind is not waited for.
fn let_catch_up(filters: &BlockFilters, stop: &BlockHash, height: u32) {
    for _ in 0..STEPS {
        let status = filters.status();
        let is_far = status.best_block.height.saturating_add(NEARLY_THERE) < height;
        if is_far
            || status.synced
            || status.failure.is_some()
            || !matches!(filters.filter_header(stop), Ok(None))
        {
            return;
        }
        std::thread::sleep(STEP);
    }
}

/// What the index found; a peer that asks for more than the index has reached gets no answer yet.
fn looked_up<T>(found: Result<Option<T>, IndexError>, what: &str, stop: &BlockHash) -> Option<T> {
    match found {
        Ok(Some(found)) => return Some(found),
        Ok(None) => {
            tracing::debug!(
                target: "net", "Failed to find {what} in index: filter_type=basic, stop_hash={stop}"
            );
        }
        Err(error) => tracing::error!("{what}: {error}"),
    }
    None
}
