//! Headers: which chain each peer has, and catching up with it headers-first.

use super::behind::Behind;
use super::locator::locator;
use super::{Peer, Protocol, SECOND};
use crate::chain::{BlockEntry, Snapshot, Validity};
use crate::p2p::kind::{ConnectionKind, PeerId};
use crate::p2p::permissions::Permissions;
use crate::p2p::wire::{InvKind, Inventory, Locator, MAX_HEADERS, Message};
use chaincore_consensus::pow::{Work, block_work, check_proof_of_work};
use chaincore_consensus::{BlockHash, Header};
use std::collections::BTreeSet;
use std::sync::Arc;

use super::download::MAX_IN_TRANSIT;

/// How long an answer to `getheaders` may take before another is sent, in microseconds.
const RESPONSE_TIME: i64 = 120 * SECOND;
/// How long the first catching-up may take, in microseconds: in any case, and for each header expected.
const SYNC_TIMEOUT_BASE: i64 = 15 * 60 * SECOND;
const SYNC_TIMEOUT_PER_HEADER: i64 = 1_000;
/// A best header younger than this (in seconds) is near the present: every peer may be asked.
const NEAR_PRESENT: i64 = 24 * 60 * 60;
/// Blocks are fetched straight after their header if the tip is no older than so many block intervals.
const DIRECT_FETCH_INTERVALS: i64 = 20;
/// How far below the tip a branch of low work may start without being taken for an attack, in blocks.
const WORK_BUFFER: u32 = 144;
/// How many outbound peers with a good chain are never dropped for falling behind.
const MAX_PROTECTED: usize = 4;

/// Headers of one peer.
#[derive(Debug, Default)]
pub(super) struct PeerHeaders {
    /// The best block that it is known to have.
    pub(super) best_known: Option<Arc<BlockEntry>>,
    /// A block that it announced and we do not know.
    last_unknown: Option<BlockHash>,
    /// The last block of its best chain of which all before are here.
    pub(super) last_common: Option<Arc<BlockEntry>>,
    /// The best header that it was sent.
    pub(super) best_sent: Option<Arc<BlockEntry>>,
    /// When it last announced a block better than our tip, in seconds.
    pub(super) last_announcement: i64,
    pub(super) sent_sendheaders: bool,
    /// When `getheaders` went out that has no answer yet, in microseconds; 0 for none.
    requested: i64,
    /// When the first catching-up with it is given up, in microseconds.
    timeout: Option<i64>,
    /// Whether an inv made us ask for headers before the first catching-up.
    asked_after_inv: bool,
    pub(super) behind: Behind,
    pub(super) is_protected: bool,
}

/// Catching up, over all peers.
#[derive(Debug, Default)]
pub(super) struct HeadersSync {
    /// Peers that the first catching-up was started with.
    pub(super) started: BTreeSet<PeerId>,
    /// On a ChainCore network: those of them that had no more to tell. Such a network may be young, or silent for
    /// days, so that an old last block says nothing about who is behind; then the next peer is asked.
    exhausted: BTreeSet<PeerId>,
    /// Those whose headers are so far ahead of blocks that they wait; meanwhile the next peer is asked.
    paused: BTreeSet<PeerId>,
    /// Peers to fetch from rather than from others.
    preferred: BTreeSet<PeerId>,
    protected: BTreeSet<PeerId>,
    /// The last block whose inv made us ask another peer for headers.
    last_inv: Option<BlockHash>,
}

impl HeadersSync {
    pub(super) fn set_preferred(&mut self, peer: PeerId, is_preferred: bool) {
        if is_preferred {
            self.preferred.insert(peer);
        }
    }

    /// How many peers catching up has been started with and not ended.
    fn under_way(&self) -> usize {
        let waits = |peer: &&PeerId| self.exhausted.contains(peer) || self.paused.contains(peer);
        self.started.iter().filter(|peer| !waits(peer)).count()
    }

    /// Lets a peer wait that has been asked for enough.
    pub(super) fn pause(&mut self, peer: &mut Peer) {
        self.paused.insert(peer.id());
        peer.headers.timeout = None;
    }

    pub(super) fn is_paused(&self, peer: PeerId) -> bool {
        self.paused.contains(&peer)
    }

    pub(super) fn resume(&mut self, peer: PeerId) {
        self.paused.remove(&peer);
    }

    pub(super) fn is_preferred(&self, peer: PeerId) -> bool {
        self.preferred.contains(&peer)
    }

    pub(super) fn forget(&mut self, peer: PeerId) {
        self.started.remove(&peer);
        self.exhausted.remove(&peer);
        self.paused.remove(&peer);
        self.preferred.remove(&peer);
        self.protected.remove(&peer);
    }
}

impl PeerHeaders {
    /// Whether it is not to be replaced by another peer.
    pub(super) fn is_protected(&self) -> bool {
        self.is_protected
    }

    /// Forgets blocks that the node has forgotten.
    pub(super) fn forget_unknown(&mut self, snapshot: &Snapshot) {
        let is_known = |entry: &Arc<BlockEntry>| snapshot.entry(&entry.hash()).is_some();
        self.last_common = self.last_common.take().filter(is_known);
        self.best_sent = self.best_sent.take().filter(is_known);
    }

    /// The peer has answered what it was asked for.
    pub(super) fn answered(&mut self) {
        self.requested = 0;
    }
}

impl Protocol {
    /// Whether the first catching-up, and blocks meanwhile, may be asked of a peer: the ones that we called first,
    /// others only if there are none or nothing comes from those.
    pub(super) fn syncs_from(&self, peer: &Peer) -> bool {
        self.headers.is_preferred(peer.id())
            || (peer.can_serve_blocks()
                && peer.kind() != ConnectionKind::AddrFetch
                && (self.headers.preferred.is_empty() || self.downloads.len() == 0))
    }

    /// Starts the first catching-up with a peer if it is its turn.
    pub(super) fn start_headers_sync_if_due(&mut self, peer: &mut Peer) {
        if self.headers.started.contains(&peer.id()) || !peer.can_serve_blocks() || self.is_importing() {
            return;
        }
        let best = self.snapshot().best_header().clone();
        let age = self.now() - i64::from(best.header().time);
        if !(self.headers.under_way() == 0 && self.syncs_from(peer) || age < NEAR_PRESENT) {
            return;
        }
        // One block back, so that even a peer at the same height has something to answer.
        let start = best.parent().unwrap_or(&best);
        if self.send_getheaders(peer, start) {
            let (height, id) = (start.height(), peer.id());
            tracing::debug!(target: "net", "initial getheaders ({height}) to peer={id}");
            self.headers.started.insert(id);
            self.set_headers_timeout(peer, &best);
        }
    }

    /// Gives a peer its time for the headers above a block.
    pub(super) fn set_headers_timeout(&self, peer: &mut Peer, best: &BlockEntry) {
        let age = self.now() - i64::from(best.header().time);
        let expected = age.max(0) / i64::from(self.chain.params().target_spacing.max(1));
        let allowance = SYNC_TIMEOUT_PER_HEADER.saturating_mul(expected);
        peer.headers.timeout = Some(self.now_micros() + SYNC_TIMEOUT_BASE.saturating_add(allowance));
    }

    /// Gives up on a peer that does not let us catch up; whether it was dropped.
    pub(super) fn check_headers_timeout(&mut self, peer: &mut Peer) -> bool {
        let Some(timeout) = peer.headers.timeout else { return false };
        if !self.headers.started.contains(&peer.id()) || self.headers.exhausted.contains(&peer.id()) {
            return false;
        }
        let age = self.now() - i64::from(self.snapshot().best_header().header().time);
        if age < NEAR_PRESENT {
            peer.headers.timeout = None;
            return false;
        }
        let others = self.headers.preferred.len() - usize::from(self.headers.is_preferred(peer.id()));
        if self.now_micros() <= timeout || self.headers.under_way() != 1 || others == 0 {
            return false;
        }
        if peer.link.may(Permissions::NOBAN) {
            let id = peer.id();
            tracing::info!("Timeout downloading headers from noban peer, not disconnecting peer={id}");
            self.headers.started.remove(&id);
            peer.headers.timeout = None;
            return false;
        }
        self.disconnect_loudly(peer, "Timeout downloading headers");
        true
    }

    /// Asks for the headers above a block, unless an answer is still awaited; whether it did.
    pub(super) fn send_getheaders(&mut self, peer: &mut Peer, from: &Arc<BlockEntry>) -> bool {
        let locator = locator(from);
        self.send_getheaders_by(peer, locator)
    }

    pub(super) fn send_getheaders_by(&mut self, peer: &mut Peer, locator: Locator) -> bool {
        let now = self.now_micros();
        if now - peer.headers.requested <= RESPONSE_TIME {
            return false;
        }
        peer.send(&Message::GetHeaders { locator, stop: BlockHash::ZERO });
        peer.headers.requested = now;
        true
    }

    /// Looks again for a block that the peer announced when we did not know it (Core's
    /// `ProcessBlockAvailability`).
    pub(super) fn look_up_announced(&self, peer: &mut Peer) {
        if let Some(entry) = peer.headers.last_unknown.and_then(|hash| self.entry(&hash)) {
            peer.headers.last_unknown = None;
            note_best(peer, entry);
        }
    }

    /// Notes that a peer has a block (Core's `UpdateBlockAvailability`).
    pub(super) fn note_available(&self, peer: &mut Peer, hash: BlockHash) {
        self.look_up_announced(peer);
        match self.entry(&hash) {
            Some(entry) => note_best(peer, entry),
            // The latest is the best guess.
            None => peer.headers.last_unknown = Some(hash),
        }
    }

    /// The work below which a chain is not worth the memory (Core's `GetAntiDoSWorkThreshold`).
    pub(super) fn work_threshold(&self) -> Work {
        let snapshot = self.snapshot();
        let tip = snapshot.tip();
        let one = block_work(tip.header().bits);
        let buffer = (0..WORK_BUFFER).fold(Work::default(), |sum, _| sum + one);
        tip.chain_work().saturating_sub(buffer).max(self.network.options().minimum_chain_work)
    }

    /// An inv named a block that we do not have: the headers up to it are asked for, but before the first
    /// catching-up of one more peer per block only.
    pub(super) fn ask_headers_after_inv(&mut self, peer: &mut Peer, hash: BlockHash) {
        let has_started = self.headers.started.contains(&peer.id());
        if !has_started && (peer.headers.asked_after_inv || self.headers.last_inv == Some(hash)) {
            return;
        }
        let best = self.snapshot().best_header().clone();
        if self.send_getheaders(peer, &best) {
            let (height, id) = (best.height(), peer.id());
            tracing::debug!(target: "net", "getheaders ({height}) {hash} to peer={id}");
        }
        if !has_started {
            peer.headers.asked_after_inv = true;
            self.headers.last_inv = Some(hash);
        }
    }

    pub(super) fn on_headers(&mut self, peer: &mut Peer, headers: Vec<Header>) {
        if self.is_importing() {
            let id = peer.id();
            tracing::debug!(target: "net", "Unexpected headers message received from peer {id}");
            return;
        }
        self.process_headers(peer, headers, false);
    }

    /// Core's `ProcessHeadersMessage`.
    pub(super) fn process_headers(&mut self, peer: &mut Peer, headers: Vec<Header>, via_compact_block: bool) {
        let count = headers.len();
        let (Some(first), Some(last)) = (headers.first().copied(), headers.last().copied()) else {
            // Not an announcement, so the answer to a question; and nothing more will come.
            self.end_presync(peer);
            peer.headers.requested = 0;
            self.note_exhausted(peer);
            return;
        };
        if let Err(why) = self.check_headers(&headers) {
            self.misbehaving(peer, why);
            return;
        }
        let Some((headers, mut is_worth)) = self.continue_presync(peer, headers) else { return };
        let first = headers.first().copied().unwrap_or(first);
        let last_hash = headers.last().unwrap_or(&last).hash();
        let Some(start) = self.entry(&first.previous) else {
            self.on_unconnected_headers(peer, &first, last_hash);
            return;
        };
        peer.headers.requested = 0;
        let known = self.entry(&last_hash);
        let snapshot = self.snapshot();
        is_worth |= peer.link.may(Permissions::NOBAN)
            || known.as_ref().is_some_and(|entry| {
                entry.is_ancestor_of(snapshot.best_header()) || snapshot.is_active(entry)
            });
        if !is_worth && self.is_low_work(peer, &start, &headers) {
            return;
        }
        let last = match self.chain.submit_headers_blocking(headers, true) {
            Ok(Ok(Some(last))) => last,
            Ok(Ok(None)) => return,
            Ok(Err(reason)) => {
                self.punish_for_block(peer, &reason, via_compact_block, "invalid header received");
                return;
            }
            // The node is going down.
            Err(_) => return,
        };
        let is_new = known.is_none();
        if is_new {
            self.log_new_header(peer, &last, via_compact_block);
        }
        let may_be_more = count == MAX_HEADERS;
        if may_be_more
            && !self.is_presyncing(peer)
            && !self.pauses_headers(peer, &last)
            && self.send_getheaders(peer, &last)
        {
            let (height, id) = (last.height(), peer.id());
            tracing::debug!(target: "net", "more getheaders ({height}) to end to peer={id}");
        }
        if !may_be_more && !self.is_presyncing(peer) {
            self.note_exhausted(peer);
        }
        self.note_headers(peer, &last, is_new, may_be_more);
        self.fetch_directly(peer, &last);
    }

    fn note_exhausted(&mut self, peer: &Peer) {
        let is_chaincore = self.network.options().own.reserved_outbound.is_some();
        if is_chaincore && self.headers.started.contains(&peer.id()) {
            self.headers.exhausted.insert(peer.id());
        }
    }

    /// Of use to see who withholds blocks, so logged for all to see once the node is up to date.
    pub(super) fn log_new_header(&self, peer: &Peer, entry: &BlockEntry, via_compact_block: bool) {
        let through = if via_compact_block { "cmpctblock " } else { "" };
        let (hash, height, id) = (entry.hash(), entry.height(), peer.id());
        if self.chain.is_initial_download() {
            tracing::debug!(
                target: "validation", "Saw new {through}header hash={hash} height={height} peer={id}"
            );
        } else {
            tracing::info!("Saw new {through}header hash={hash} height={height} peer={id}");
        }
    }

    fn check_headers(&self, headers: &[Header]) -> Result<(), &'static str> {
        let limit = self.chain.params().pow_limit;
        if headers.iter().any(|header| !check_proof_of_work(&header.hash(), header.bits, limit)) {
            return Err("header with invalid proof of work");
        }
        let is_chain = headers.windows(2).all(|pair| pair[1].previous == pair[0].hash());
        if is_chain { Ok(()) } else { Err("non-continuous headers sequence") }
    }

    /// Headers on a block that is unknown, such as the announcement of a new block whose parent we missed.
    fn on_unconnected_headers(&mut self, peer: &mut Peer, first: &Header, last: BlockHash) {
        let best = self.snapshot().best_header().clone();
        if self.send_getheaders(peer, &best) {
            tracing::debug!(
                target: "net",
                "received header {}: missing prev block {}, sending getheaders ({}) to end (peer={})",
                first.hash(),
                first.previous,
                best.height(),
                peer.id()
            );
        }
        // Somebody else may send them; then the block can be fetched from this peer.
        self.note_available(peer, last);
    }

    /// Core's `UpdatePeerStateForReceivedHeaders`.
    fn note_headers(&mut self, peer: &mut Peer, last: &Arc<BlockEntry>, is_new: bool, may_be_more: bool) {
        self.note_available(peer, last.hash());
        let tip_work = self.snapshot().tip().chain_work();
        if is_new && last.chain_work() > tip_work {
            peer.headers.last_announcement = self.now();
        }
        let Some(best) = peer.headers.best_known.clone() else { return };
        let minimum = self.network.options().minimum_chain_work;
        if self.chain.is_initial_download()
            && !may_be_more
            && best.chain_work() < minimum
            && peer.kind().is_outbound_or_block_relay()
        {
            self.disconnect_loudly(peer, "outbound peer headers chain has insufficient work");
            return;
        }
        if peer.kind() == ConnectionKind::OutboundFullRelay
            && !peer.headers.is_protected
            && best.chain_work() >= tip_work
            && self.headers.protected.len() < MAX_PROTECTED
        {
            let id = peer.id();
            tracing::debug!(target: "net", "Protecting outbound peer={id} from eviction");
            peer.headers.is_protected = true;
            self.headers.protected.insert(id);
        }
    }

    /// Whether the tip is recent enough for new blocks to be fetched as they are announced.
    pub(super) fn can_fetch_directly(&self) -> bool {
        let age = self.now() - i64::from(self.snapshot().tip().header().time);
        age < i64::from(self.chain.params().target_spacing) * DIRECT_FETCH_INTERVALS
    }

    /// Asks for the blocks of new headers at once (Core's `HeadersDirectFetchBlocks`).
    fn fetch_directly(&mut self, peer: &mut Peer, last: &Arc<BlockEntry>) {
        let snapshot = self.snapshot();
        if !self.can_fetch_directly()
            || !last.is_valid(Validity::Header)
            || last.chain_work() < snapshot.tip().chain_work()
        {
            return;
        }
        let mut wanted = vec![];
        let mut at = last;
        while !snapshot.is_active(at) && wanted.len() <= MAX_IN_TRANSIT {
            let fits = peer.can_serve_witnesses() || !self.needs_witnesses(at);
            if !at.has_data() && !self.downloads.is_requested(&at.hash()) && fits {
                wanted.push(at.clone());
            }
            at = at.parent().expect("genesis is active");
        }
        if !snapshot.is_active(at) {
            let (hash, height) = (last.hash(), last.height());
            tracing::debug!(target: "net", "Large reorg, won't direct fetch to {hash} ({height})");
            return;
        }
        let now = self.now_micros();
        let mut items: Vec<Inventory> = vec![];
        for entry in wanted.iter().rev() {
            if self.downloads.count_from(peer.id()) >= MAX_IN_TRANSIT {
                break;
            }
            items.push(Self::block_request(peer, entry.hash()));
            self.downloads.requested(peer.id(), entry, now);
            tracing::debug!(target: "net", "Requesting block {} from peer={}", entry.hash(), peer.id());
        }
        if items.len() > 1 {
            let (hash, height) = (last.hash(), last.height());
            tracing::debug!(
                target: "net", "Downloading blocks toward {hash} ({height}) via headers direct fetch"
            );
        }
        if let [only] = &mut items[..]
            && self.downloads.len() == 1
            && self.fetches_compact(peer, last)
        {
            only.kind = InvKind::CompactBlock;
        }
        if !items.is_empty() {
            peer.send(&Message::GetData(items));
        }
    }
}

fn note_best(peer: &mut Peer, entry: Arc<BlockEntry>) {
    let best = &mut peer.headers.best_known;
    if best.as_ref().is_none_or(|best| entry.chain_work() >= best.chain_work()) {
        *best = Some(entry);
    }
}
