//! Telling peers of new blocks.

use super::{Peer, Protocol};
use crate::chain::BlockEntry;
use crate::p2p::wire::{InvKind, Inventory, Message};
use chaincore_consensus::{BlockHash, Header};
use std::sync::Arc;

/// The most blocks that are announced by their headers; after longer reorganisations the peer has to ask.
const MAX_BLOCKS: usize = 8;

/// What a peer is to be told.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    /// Whether it wants headers rather than invs (BIP130).
    pub(super) prefers_headers: bool,
    /// New blocks, the oldest first.
    blocks: Vec<Arc<BlockEntry>>,
    /// Blocks to announce by inv, whatever it wants.
    pub(super) by_inv: Vec<BlockHash>,
    /// The block whose request shows that the peer has used up our last answer to `getblocks`.
    pub(super) continuation: Option<BlockHash>,
}

impl Peer {
    /// Whether the peer is known to have a block, or has been told of it.
    pub(super) fn has_header(&self, entry: &Arc<BlockEntry>) -> bool {
        let has =
            |best: &Option<Arc<BlockEntry>>| best.as_ref().is_some_and(|best| entry.is_ancestor_of(best));
        has(&self.headers.best_known) || has(&self.headers.best_sent)
    }
}

impl Protocol {
    /// Notes what became of the chain since the last time, for everybody (Core's `UpdatedBlockTip` and
    /// `BlockConnected`). The peer that is being served is told at its next send cycle, as it is asked then.
    pub(super) fn follow_chain(&mut self) {
        let snapshot = self.snapshot();
        let tip = snapshot.tip();
        if Arc::ptr_eq(tip, &self.announced) {
            return;
        }
        // A long reorganization passes worse tips on its way.
        if tip.chain_work() < self.announced.chain_work() && !self.announced.is_failed() {
            return;
        }
        let fork = tip.fork_with(&self.announced).clone();
        self.announced = tip.clone();
        if tip.height() > fork.height() {
            self.last_tip_update = self.now();
            self.downloads.block_connected();
        }
        self.on_chain_moved(&fork, tip);
        // Nobody waits for news from one who is years behind.
        if self.chain.is_initial_download() {
            return;
        }
        let mut blocks = vec![];
        let mut at = tip;
        while !Arc::ptr_eq(at, &fork) && blocks.len() < MAX_BLOCKS {
            blocks.push(at.clone());
            at = at.parent().expect("the fork lies below");
        }
        blocks.reverse();
        self.news.extend(blocks);
    }

    /// Takes what `follow_chain` found into every peer's announcements; between two rounds, when all are here.
    pub(super) fn share_news(&mut self) {
        let news = std::mem::take(&mut self.news);
        if news.is_empty() {
            return;
        }
        for peer in self.peers.values_mut() {
            peer.announcements.blocks.extend(news.iter().cloned());
        }
    }

    /// Announces what is new to a peer (the middle of Core's `SendMessages`).
    pub(super) fn announce_blocks(&mut self, peer: &mut Peer) {
        let blocks = std::mem::take(&mut peer.announcements.blocks);
        if let Some(newest) = blocks.last().cloned() {
            self.look_up_announced(peer);
            if !self.announce_headers(peer, &blocks) && !peer.has_header(&newest) {
                let hash = newest.hash();
                peer.announcements.by_inv.push(hash);
                tracing::debug!(target: "net", "SendMessages: sending inv peer={} hash={hash}", peer.id());
            }
        }
        let hashes = std::mem::take(&mut peer.announcements.by_inv);
        if !hashes.is_empty() {
            let item = |hash: BlockHash| Inventory::block(InvKind::Block, hash);
            peer.send(&Message::Inv(hashes.into_iter().map(item).collect()));
        }
    }

    /// Announces blocks by headers, or by one compact block, if the peer wants that and the headers connect to what
    /// it has; `false` if an inv must do.
    fn announce_headers(&mut self, peer: &mut Peer, blocks: &[Arc<BlockEntry>]) -> bool {
        let wants_compact = self.wants_compact_blocks(peer);
        if blocks.len() > MAX_BLOCKS
            || (!peer.announcements.prefers_headers && (!wants_compact || blocks.len() > 1))
        {
            return false;
        }
        let snapshot = self.snapshot();
        let mut headers: Vec<Header> = vec![];
        let mut best: Option<&Arc<BlockEntry>> = None;
        for entry in blocks {
            let connects = best.is_none_or(|best| entry.header().previous == best.hash());
            if !snapshot.is_active(entry) || !connects {
                return false;
            }
            best = Some(entry);
            if !headers.is_empty() {
                headers.push(*entry.header());
            } else if peer.has_header(entry) {
                continue;
            } else if entry.parent().is_none_or(|parent| peer.has_header(parent)) {
                headers.push(*entry.header());
            } else {
                return false;
            }
        }
        let (Some(best), [first, ..]) = (best, &headers[..]) else {
            // It has them all.
            return true;
        };
        let id = peer.id();
        if headers.len() == 1 && wants_compact {
            tracing::debug!(
                target: "net", "SendMessages sending header-and-ids {} to peer={id}", best.hash()
            );
            if !self.send_compact_block(peer, best) {
                return false;
            }
        } else if peer.announcements.prefers_headers {
            if headers.len() > 1 {
                let (count, first) = (headers.len(), first.hash());
                tracing::debug!(
                    target: "net",
                    "SendMessages: {count} headers, range ({first}, {}), to peer={id}", best.hash()
                );
            } else {
                tracing::debug!(target: "net", "SendMessages: sending header {} to peer={id}", best.hash());
            }
            peer.send(&Message::Headers(headers));
        } else {
            return false;
        }
        peer.headers.best_sent = Some(best.clone());
        true
    }
}
