//! Answering peers that ask for headers and blocks.

use super::locator::find_fork;
use super::{Peer, Protocol};
use crate::chain::{BlockEntry, Validity};
use crate::p2p::permissions::Permissions;
use crate::p2p::wire::{InvKind, Inventory, Locator, MAX_HEADERS, Message};
use chaincore_consensus::BlockHash;
use std::sync::Arc;

/// The most blocks of an answer to `getblocks`.
const MAX_BLOCKS_INV: usize = 500;
/// A block that is older than the newest header by more than this, in seconds, is only given away while the upload
/// target is far (Core's `HISTORICAL_BLOCK_AGE`).
const HISTORICAL_AGE: i64 = 7 * 24 * 60 * 60;
/// Blocks off the active chain are only given away while they are younger than this, in seconds: old ones would
/// tell who is asked.
const STALE_RELAY_AGE: i64 = 30 * 24 * 60 * 60;

impl Protocol {
    pub(super) fn on_getdata(&mut self, peer: &mut Peer, items: Vec<Inventory>) {
        let id = peer.id();
        tracing::debug!(target: "net", "received getdata ({} invsz) peer={id}", items.len());
        if let Some(first) = items.first() {
            tracing::debug!(target: "net", "received getdata for: {first} peer={id}");
        }
        peer.requests.extend(items);
        self.serve_requests(peer);
    }

    /// Answers as much of what a peer asked for as may be sent now: all transactions at the front, then one block
    /// (Core's `ProcessGetData`).
    pub(super) fn serve_requests(&mut self, peer: &mut Peer) {
        let mut missing = vec![];
        while let Some(item) = peer.requests.front().copied()
            && item.kind.is_tx()
            && !peer.link.outbox().is_full()
        {
            peer.requests.pop_front();
            if self.serve_tx(peer, &item) {
                missing.push(item);
            }
        }
        if !missing.is_empty() {
            peer.send(&Message::NotFound(missing));
        }
        if !peer.link.outbox().is_full()
            && peer.requests.front().is_some_and(|item| !item.kind.is_tx())
            && let Some(item) = peer.requests.pop_front()
            && item.kind.is_block()
        {
            self.serve_block(peer, &item);
        }
    }

    /// Whether a block may be given away (Core's `BlockRequestAllowed`).
    pub(super) fn may_give_away(&self, entry: &Arc<BlockEntry>) -> bool {
        let snapshot = self.snapshot();
        if snapshot.is_active(entry) {
            return true;
        }
        let best = snapshot.best_header();
        let age = i64::from(best.header().time) - i64::from(entry.header().time);
        let spacing = self.chain.params().target_spacing;
        entry.is_valid(Validity::Scripts)
            && age < STALE_RELAY_AGE
            && best
                .chain_work()
                .saturating_sub(entry.chain_work())
                .equivalent_seconds(chaincore_consensus::pow::block_work(best.header().bits), spacing)
                < STALE_RELAY_AGE
    }

    /// Whether too much has been sent today for a block that is old, or is asked for in a form that only clients ask
    /// for which do not help the network.
    fn is_beyond_upload_target(&self, peer: &Peer, kind: InvKind, entry: &Arc<BlockEntry>) -> bool {
        let newest = i64::from(self.snapshot().best_header().header().time);
        let is_old = newest - i64::from(entry.header().time) > HISTORICAL_AGE;
        let is_filtered = !matches!(kind, InvKind::Block | InvKind::WitnessBlock | InvKind::CompactBlock);
        (is_old || is_filtered) && !self.network.serves_old_blocks() && !peer.link.may(Permissions::DOWNLOAD)
    }

    /// Core's `ProcessGetBlockData`.
    fn serve_block(&mut self, peer: &mut Peer, item: &Inventory) {
        let id = peer.id();
        let hash = item.block_hash();
        let Some(entry) = self.entry(&hash) else { return };
        if !self.may_give_away(&entry) {
            let what = "ignoring request from peer";
            tracing::debug!(
                target: "net", "ProcessGetBlockData: {what}={id} for old block that isn't in the main chain"
            );
            return;
        }
        if self.is_beyond_upload_target(peer, item.kind, &entry) {
            self.disconnect(peer, "historical block serving limit reached");
            return;
        }
        if !entry.has_data() {
            return;
        }
        let sent = match item.kind {
            InvKind::CompactBlock if self.serves_compact(&entry) => self.send_compact_block(peer, &entry),
            InvKind::WitnessBlock | InvKind::CompactBlock => match self.chain.read_block_bytes(&hash) {
                Ok(bytes) => {
                    peer.send_block_bytes(&bytes);
                    true
                }
                Err(_) => false,
            },
            InvKind::Block => match self.chain.read_block(&hash) {
                Ok(block) => {
                    peer.link.send_stripped_block(&block);
                    true
                }
                Err(_) => false,
            },
            // Filtered blocks need BIP37, which is off.
            _ => true,
        };
        if !sent {
            tracing::error!("Cannot load block from disk, disconnecting peer={id}");
            self.network.disconnect(&peer.link);
            return;
        }
        if peer.announcements.continuation == Some(hash) {
            // It makes the peer ask for the next part.
            let tip = self.snapshot().tip().hash();
            peer.send(&Message::Inv(vec![Inventory::block(InvKind::Block, tip)]));
            peer.announcements.continuation = None;
        }
    }

    pub(super) fn on_getblocks(&mut self, peer: &mut Peer, locator: &Locator, stop: BlockHash) {
        let id = peer.id();
        let snapshot = self.snapshot();
        let fork = find_fork(&snapshot, &locator.hashes);
        let blocks = snapshot.blocks(fork.height() + 1, MAX_BLOCKS_INV);
        tracing::debug!(
            target: "net",
            "getblocks {} to {} limit {MAX_BLOCKS_INV} from peer={id}",
            blocks.first().map_or(-1, |entry| i64::from(entry.height())),
            end_of(stop)
        );
        for (count, entry) in blocks.iter().enumerate() {
            let (height, hash) = (entry.height(), entry.hash());
            if hash == stop {
                tracing::debug!(target: "net", " getblocks stopping at {height} {hash}");
                break;
            }
            peer.announcements.by_inv.push(hash);
            if count + 1 == MAX_BLOCKS_INV {
                tracing::debug!(target: "net", " getblocks stopping at limit {height} {hash}");
                peer.announcements.continuation = Some(hash);
            }
        }
    }

    pub(super) fn on_getheaders(&mut self, peer: &mut Peer, locator: &Locator, stop: BlockHash) {
        let id = peer.id();
        if self.is_importing() {
            tracing::debug!(target: "net", "Ignoring getheaders from peer={id} while importing/reindexing");
            return;
        }
        let snapshot = self.snapshot();
        let too_little = snapshot.tip().chain_work() < self.network.options().minimum_chain_work;
        if too_little && !peer.link.may(Permissions::DOWNLOAD) {
            let why = "because active chain has too little work; sending empty response";
            tracing::debug!(target: "net", "Ignoring getheaders from peer={id} {why}");
            peer.send(&Message::Headers(vec![]));
            return;
        }
        let blocks = if locator.hashes.is_empty() {
            let Some(entry) = self.entry(&stop) else { return };
            if !self.may_give_away(&entry) {
                let what = "ignoring request from peer";
                tracing::debug!(
                    target: "net",
                    "ProcessMessage: {what}={id} for old block header that isn't in the main chain"
                );
                return;
            }
            if snapshot.is_active(&entry) {
                snapshot.blocks(entry.height(), MAX_HEADERS)
            } else {
                vec![entry]
            }
        } else {
            snapshot.blocks(find_fork(&snapshot, &locator.hashes).height() + 1, MAX_HEADERS)
        };
        tracing::debug!(
            target: "net",
            "getheaders {} to {} from peer={id}",
            blocks.first().map_or(-1, |entry| i64::from(entry.height())),
            end_of(stop)
        );
        let upto = blocks.iter().position(|entry| entry.hash() == stop).map_or(blocks.len(), |at| at + 1);
        let blocks = &blocks[..upto];
        // Whoever has no more to hear has our tip.
        peer.headers.best_sent = Some(blocks.last().unwrap_or(snapshot.tip()).clone());
        peer.send(&Message::Headers(blocks.iter().map(|entry| *entry.header()).collect()));
    }
}

fn end_of(stop: BlockHash) -> String {
    if stop == BlockHash::ZERO { "end".into() } else { stop.to_string() }
}
