//! Which blocks are being fetched from whom, and what to fetch next.
//!
//! Blocks are fetched from several peers at once, up to [`MAX_IN_TRANSIT`] from each, within a window that moves with
//! the first block that is missing. A peer that keeps the window from moving is dropped.

use super::{Peer, Protocol, SECOND};
use crate::chain::{BlockEntry, Validity};
use crate::p2p::kind::PeerId;
use crate::p2p::wire::{InvKind, Inventory, Message};
use chaincore_consensus::BlockHash;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// How many blocks are asked of one peer at a time.
pub(super) const MAX_IN_TRANSIT: usize = 16;
/// How far beyond the last block in common blocks are fetched.
const WINDOW: u32 = 1024;
/// How long the window may stand still before its staller is dropped, in microseconds: at first, and at most.
const STALLING_TIMEOUT: i64 = 2 * SECOND;
const STALLING_TIMEOUT_MAX: i64 = 64 * SECOND;
/// How long a block may take, in block intervals: alone, and for each other peer that blocks come from.
const TIMEOUT_BASE: f64 = 1.0;
const TIMEOUT_PER_PEER: f64 = 0.5;
/// A block may take this long in any case, in microseconds: on chains with short intervals, intervals say nothing
/// about the speed of lines.
const TIMEOUT_FLOOR: i64 = 60 * SECOND;
/// Peers that only have the latest blocks have that many (BIP159).
const LIMITED_BLOCKS: u32 = 288;

#[derive(Debug, Default)]
struct FromPeer {
    /// What was asked for and has not come, the oldest first.
    queue: VecDeque<Arc<BlockEntry>>,
    /// Since when the first of them has been due.
    downloading_since: i64,
    /// Since when the peer has kept the window from moving; 0 if it does not.
    stalling_since: i64,
}

/// The blocks that are on their way.
#[derive(Debug)]
pub(super) struct Downloads {
    peers: BTreeMap<PeerId, FromPeer>,
    in_flight: HashMap<BlockHash, Vec<PeerId>>,
    stalling_timeout: i64,
}

impl Default for Downloads {
    fn default() -> Self {
        Self { peers: BTreeMap::new(), in_flight: HashMap::new(), stalling_timeout: STALLING_TIMEOUT }
    }
}

impl Downloads {
    /// Whether anybody has been asked for a block.
    pub(super) fn is_requested(&self, hash: &BlockHash) -> bool {
        self.in_flight.contains_key(hash)
    }

    /// Who has been asked for a block.
    pub(super) fn sources(&self, hash: &BlockHash) -> &[PeerId] {
        self.in_flight.get(hash).map_or(&[], Vec::as_slice)
    }

    /// How many different blocks are on their way.
    pub(super) fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// How many blocks are on their way from a peer.
    pub(super) fn count_from(&self, peer: PeerId) -> usize {
        self.peers.get(&peer).map_or(0, |from| from.queue.len())
    }

    pub(super) fn heights_of(&self, peer: PeerId) -> Vec<u32> {
        self.peers.get(&peer).map_or(vec![], |from| from.queue.iter().map(|entry| entry.height()).collect())
    }

    /// Notes that a peer was asked for a block; `false` if it had been before.
    pub(super) fn requested(&mut self, peer: PeerId, entry: &Arc<BlockEntry>, now: i64) -> bool {
        let sources = self.in_flight.entry(entry.hash()).or_default();
        if sources.contains(&peer) {
            return false;
        }
        sources.push(peer);
        let from = self.peers.entry(peer).or_default();
        if from.queue.is_empty() {
            from.downloading_since = now;
        }
        from.queue.push_back(entry.clone());
        true
    }

    /// Notes that a block need not come any more, from one peer or from any (Core's `RemoveBlockRequest`).
    pub(super) fn done(&mut self, hash: &BlockHash, only_from: Option<PeerId>, now: i64) {
        let Some(sources) = self.in_flight.get_mut(hash) else { return };
        let concerned: Vec<PeerId> =
            sources.iter().copied().filter(|peer| only_from.is_none_or(|only| only == *peer)).collect();
        sources.retain(|peer| !concerned.contains(peer));
        if sources.is_empty() {
            self.in_flight.remove(hash);
        }
        for peer in concerned {
            let Some(from) = self.peers.get_mut(&peer) else { continue };
            if from.queue.front().is_some_and(|first| first.hash() == *hash) {
                // The next one is due from now on.
                from.downloading_since = from.downloading_since.max(now);
            }
            from.queue.retain(|entry| entry.hash() != *hash);
            from.stalling_since = 0;
            if from.queue.is_empty() {
                self.peers.remove(&peer);
            }
        }
    }

    /// Forgets all that was asked of a peer.
    pub(super) fn forget(&mut self, peer: PeerId) {
        let Some(from) = self.peers.remove(&peer) else { return };
        for entry in from.queue {
            if let Some(sources) = self.in_flight.get_mut(&entry.hash()) {
                sources.retain(|source| *source != peer);
                if sources.is_empty() {
                    self.in_flight.remove(&entry.hash());
                }
            }
        }
    }

    /// A block was connected: a stalling timeout that was raised shrinks slowly.
    pub(super) fn block_connected(&mut self) {
        if self.stalling_timeout > STALLING_TIMEOUT {
            self.stalling_timeout =
                (self.stalling_timeout * 85 / 100 / SECOND * SECOND).max(STALLING_TIMEOUT);
            let seconds = self.stalling_timeout / SECOND;
            tracing::debug!(target: "net", "Decreased stalling timeout to {seconds} seconds");
        }
    }
}

/// What to ask a peer for, and who stands in the way if there is nothing.
#[derive(Default)]
struct Choice {
    blocks: Vec<Arc<BlockEntry>>,
    staller: Option<PeerId>,
}

impl Protocol {
    /// How a peer is asked for a block: with its witnesses, if it has any.
    pub(super) fn block_request(peer: &Peer, hash: BlockHash) -> Inventory {
        let kind = match peer.can_serve_witnesses() {
            true => InvKind::WitnessBlock,
            false => InvKind::Block,
        };
        Inventory::block(kind, hash)
    }

    /// Notes that a block need not come any more, from one peer or from any: neither whole nor in parts.
    pub(super) fn block_done(&mut self, hash: &BlockHash, only_from: Option<PeerId>) {
        let now = self.now_micros();
        self.downloads.done(hash, only_from, now);
        self.compact.block_done(hash, only_from);
    }

    /// How many blocks are being put together from compact ones, over all peers.
    #[cfg(test)]
    pub(in crate::p2p) fn blocks_being_rebuilt(&self) -> usize {
        self.compact.being_rebuilt()
    }

    /// Whether a block's witnesses must come with it.
    pub(super) fn needs_witnesses(&self, entry: &BlockEntry) -> bool {
        entry.height() >= self.chain.params().deployments.segwit
    }

    /// Asks a certain peer for a block, whoever else has been asked (Core's `FetchBlock`, with its texts).
    pub fn fetch_block(&mut self, hash: &BlockHash, id: PeerId) -> Result<(), &'static str> {
        if self.is_importing() {
            return Err("Loading blocks ...");
        }
        let entry = self.entry(hash).ok_or("Block header missing")?;
        let peer = self.peers.get(&id).ok_or("Peer does not exist")?;
        if !peer.can_serve_witnesses() {
            return Err("Pre-SegWit peer");
        }
        let (link, now) = (peer.link.clone(), self.now_micros());
        self.block_done(hash, None);
        if !self.downloads.requested(id, &entry, now) {
            return Err("Already requested from this peer");
        }
        link.send(&Message::GetData(vec![Inventory::block(InvKind::WitnessBlock, *hash)]));
        tracing::debug!(target: "net", "Requesting block {hash} from peer={id}");
        Ok(())
    }

    /// Drops a peer that holds up the download (the timeouts of Core's `SendMessages`); whether it did.
    pub(super) fn check_download_timeouts(&mut self, peer: &mut Peer) -> bool {
        let now = self.now_micros();
        let Some(from) = self.downloads.peers.get(&peer.id()) else {
            return self.check_headers_timeout(peer);
        };
        if from.stalling_since != 0 && from.stalling_since < now - self.downloads.stalling_timeout {
            self.disconnect_loudly(peer, "Peer is stalling block download");
            // If the line is slow, dropping more peers does not make it faster.
            let raised = (2 * self.downloads.stalling_timeout).min(STALLING_TIMEOUT_MAX);
            if raised != self.downloads.stalling_timeout {
                self.downloads.stalling_timeout = raised;
                let seconds = raised / SECOND;
                tracing::debug!(target: "net", "Increased stalling timeout temporarily to {seconds} seconds");
            }
            return true;
        }
        let others = self.downloads.peers.len() - 1;
        let intervals = TIMEOUT_BASE + TIMEOUT_PER_PEER * others as f64;
        let spacing = f64::from(self.chain.params().target_spacing);
        let timeout = ((spacing * intervals * SECOND as f64) as i64).max(TIMEOUT_FLOOR);
        if let Some(first) = from.queue.front()
            && now > from.downloading_since + timeout
        {
            self.disconnect_loudly(peer, format_args!("Timeout downloading block {}", first.hash()));
            return true;
        }
        self.check_headers_timeout(peer)
    }

    /// Asks for the next blocks, if the peer may be asked (the end of Core's `SendMessages`).
    pub(super) fn request_blocks(&mut self, peer: &mut Peer) {
        let may_ask = peer.can_serve_blocks()
            && ((self.syncs_from(peer) && !peer.is_limited()) || !self.chain.is_initial_download())
            && !self.is_importing();
        let room = MAX_IN_TRANSIT.saturating_sub(self.downloads.count_from(peer.id()));
        if !may_ask || room == 0 {
            return;
        }
        let choice = self.next_blocks(peer, room);
        let now = self.now_micros();
        let mut items = Vec::with_capacity(choice.blocks.len());
        for entry in choice.blocks {
            items.push(Self::block_request(peer, entry.hash()));
            self.downloads.requested(peer.id(), &entry, now);
            tracing::debug!(
                target: "net", "Requesting block {} ({}) peer={}", entry.hash(), entry.height(), peer.id()
            );
        }
        if let Some(staller) = choice.staller
            && self.downloads.count_from(peer.id()) == 0
            && let Some(from) = self.downloads.peers.get_mut(&staller)
            && from.stalling_since == 0
        {
            from.stalling_since = now;
            tracing::debug!(target: "net", "Stall started peer={staller}");
        }
        if !items.is_empty() {
            peer.send(&Message::GetData(items));
        }
    }

    /// Core's `FindNextBlocksToDownload`.
    fn next_blocks(&mut self, peer: &mut Peer, count: usize) -> Choice {
        let mut choice = Choice::default();
        self.look_up_announced(peer);
        let snapshot = self.snapshot();
        let Some(best) = peer.headers.best_known.clone() else { return choice };
        if best.chain_work() < snapshot.tip().chain_work()
            || best.chain_work() < self.network.options().minimum_chain_work
        {
            return choice;
        }
        let fork = best.fork_with(snapshot.tip()).clone();
        let is_current =
            |last: &Arc<BlockEntry>| last.chain_work() >= fork.chain_work() && last.is_ancestor_of(&best);
        let mut last_common = peer.headers.last_common.take().filter(|last| is_current(last)).unwrap_or(fork);
        let window_end = last_common.height() + WINDOW;
        let last_height = best.height().min(window_end + 1);
        let mut waiting_for = None;
        let mut height = last_common.height();
        'walk: while height < last_height {
            // Ancestors far down cost as much as a hundred steps.
            let upto = last_height.min(height + (count - choice.blocks.len()).max(128) as u32);
            for entry in branch_part(&best, height + 1, upto) {
                if !entry.is_valid(Validity::Header) {
                    break 'walk;
                }
                if !peer.can_serve_witnesses() && self.needs_witnesses(&entry) {
                    break 'walk;
                }
                if entry.has_data() || snapshot.is_active(&entry) {
                    if entry.chain_tx() != 0 {
                        last_common = entry;
                    }
                    continue;
                }
                if let Some(first) = self.downloads.sources(&entry.hash()).first() {
                    waiting_for.get_or_insert(*first);
                    continue;
                }
                if entry.height() > window_end {
                    // With a longer window there would be something to fetch.
                    if choice.blocks.is_empty() && waiting_for != Some(peer.id()) {
                        choice.staller = waiting_for;
                    }
                    break 'walk;
                }
                if peer.is_limited() && best.height() - entry.height() >= LIMITED_BLOCKS - 2 {
                    continue;
                }
                choice.blocks.push(entry);
                if choice.blocks.len() == count {
                    break 'walk;
                }
            }
            height = upto;
        }
        peer.headers.last_common = Some(last_common);
        choice
    }
}

/// The blocks of a branch between two heights, lowest first.
fn branch_part(tip: &Arc<BlockEntry>, from: u32, to: u32) -> Vec<Arc<BlockEntry>> {
    let mut entries = Vec::with_capacity((to + 1 - from) as usize);
    let mut at = tip.ancestor(to);
    while let Some(entry) = at.filter(|entry| entry.height() >= from) {
        entries.push(entry.clone());
        at = entry.parent();
    }
    entries.reverse();
    entries
}
