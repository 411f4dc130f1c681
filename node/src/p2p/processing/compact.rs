//! Compact blocks (BIP152): sending, rebuilding, and choosing who sends them unasked.

use super::download::MAX_IN_TRANSIT;
use super::{Peer, Protocol};
use crate::chain::{BlockEntry, Validity};
use crate::p2p::compact_block::{PartialBlock, ReconstructError};
use crate::p2p::kind::PeerId;
use crate::p2p::wire::{
    BlockTxn, BlockTxnRequest, COMPACT_BLOCKS_WITH_WITNESS, CompactBlock, InvKind, Inventory, Message,
    ReceivedBlock,
};
use chaincore_consensus::pow::block_work;
use chaincore_consensus::{Block, BlockHash, TxRef, Wtxid};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// How far below the tip a block may lie that is sent as a compact block: others have its transactions at hand.
const MAX_COMPACT_DEPTH: u32 = 5;
/// How far below the tip a block may lie whose transactions are sent one by one.
const MAX_BLOCKTXN_DEPTH: u32 = 10;
/// How many peers may be asked for the missing transactions of one block.
const MAX_PARALLEL: usize = 3;
/// How many peers send compact blocks unasked.
const MAX_CHOSEN: usize = 3;
/// Transactions kept that a block may hold although the mempool does not.
const MAX_EXTRA: usize = 100;

/// Compact blocks with one peer.
#[derive(Debug, Default)]
pub(super) struct PeerCompact {
    /// Whether it understands them.
    provides: bool,
    /// Whether it wants new blocks so, unasked.
    pub(super) chose_us: bool,
    /// Whether we want them so from it.
    pub(super) is_chosen: bool,
}

/// The block that peers ask for most.
#[derive(Debug, Clone)]
struct Recent {
    hash: BlockHash,
    block: Arc<Block>,
    compact: Arc<CompactBlock>,
}

/// Compact blocks, over all peers.
#[derive(Debug, Default)]
pub(super) struct CompactBlocks {
    /// The peers that send them unasked, the longest idle first.
    chosen: VecDeque<PeerId>,
    recent: Option<Recent>,
    /// The highest block that was announced before it was connected.
    announced_height: u32,
    /// Blocks that are being rebuilt; `None` where that has failed and the whole block was asked for.
    partial: HashMap<(PeerId, BlockHash), Option<PartialBlock>>,
    extra: VecDeque<(Wtxid, TxRef)>,
}

impl CompactBlocks {
    /// Keeps a transaction that is not in the mempool, but may well be in the next block: replaced, or refused by
    /// policy alone.
    pub(super) fn remember_extra(&mut self, tx: TxRef) {
        if self.extra.len() == MAX_EXTRA {
            self.extra.pop_front();
        }
        self.extra.push_back((tx.wtxid(), tx));
    }

    /// The newest block's transactions, which may be asked for after they have left the mempool.
    pub(super) fn recent_block(&self) -> Option<&Arc<Block>> {
        self.recent.as_ref().map(|recent| &recent.block)
    }

    pub(super) fn forget(&mut self, peer: PeerId) {
        self.chosen.retain(|chosen| *chosen != peer);
        self.partial.retain(|(from, _), _| *from != peer);
    }

    /// A block need not come any more, from one peer or from any: what there was of it goes.
    pub(super) fn block_done(&mut self, hash: &BlockHash, only_from: Option<PeerId>) {
        match only_from {
            Some(peer) => drop(self.partial.remove(&(peer, *hash))),
            None => self.partial.retain(|(_, of), _| of != hash),
        }
    }

    #[cfg(test)]
    pub(super) fn being_rebuilt(&self) -> usize {
        self.partial.len()
    }
}

impl Protocol {
    pub(super) fn on_sendcmpct(&self, peer: &mut Peer, high_bandwidth: bool, version: u64) {
        if version == COMPACT_BLOCKS_WITH_WITNESS {
            peer.compact.provides = true;
            peer.compact.chose_us = high_bandwidth;
        }
    }

    /// Whether a peer wants new blocks as compact blocks, unasked.
    pub(super) fn wants_compact_blocks(&self, peer: &Peer) -> bool {
        peer.compact.chose_us
    }

    /// Whether a block whose header just came is fetched as a compact block.
    pub(super) fn fetches_compact(&self, peer: &Peer, last: &Arc<BlockEntry>) -> bool {
        let has_parent = last.parent().is_some_and(|parent| parent.is_valid(Validity::Scripts));
        !self.network.options().blocks_only && peer.compact.provides && has_parent
    }

    /// Whether a block is recent enough for its transactions to be in others' mempools.
    pub(super) fn serves_compact(&self, entry: &Arc<BlockEntry>) -> bool {
        self.can_fetch_directly() && entry.height() + MAX_COMPACT_DEPTH >= self.snapshot().height()
    }

    fn compact_form(&mut self, hash: BlockHash) -> Option<Arc<CompactBlock>> {
        if let Some(recent) = self.compact.recent.as_ref().filter(|recent| recent.hash == hash) {
            return Some(recent.compact.clone());
        }
        let block = self.chain.read_block(&hash).ok()?;
        let compact = Arc::new(CompactBlock::new(&block, self.random_u64()));
        self.compact.recent = Some(Recent { hash, block, compact: compact.clone() });
        Some(compact)
    }

    /// Sends a block as a compact block; whether it could be read.
    pub(super) fn send_compact_block(&mut self, peer: &Peer, entry: &Arc<BlockEntry>) -> bool {
        let Some(compact) = self.compact_form(entry.hash()) else { return false };
        peer.send(&Message::CmpctBlock(Box::new((*compact).clone())));
        true
    }

    /// Announces a block that has its work but is not connected yet to those who want that (Core's
    /// `NewPoWValidBlock`). `current` is the peer being served, if there is one.
    pub(super) fn announce_early(
        &mut self,
        block: &Arc<Block>,
        entry: &Arc<BlockEntry>,
        current: Option<&mut Peer>,
    ) {
        if entry.height() <= self.compact.announced_height || !self.needs_witnesses(entry) {
            return;
        }
        self.compact.announced_height = entry.height();
        let hash = entry.hash();
        let compact = Arc::new(CompactBlock::new(block, self.random_u64()));
        self.compact.recent = Some(Recent { hash, block: block.clone(), compact: compact.clone() });
        let message = Message::CmpctBlock(Box::new((*compact).clone()));
        let mut peers = std::mem::take(&mut self.peers);
        for peer in peers.values_mut().chain(current) {
            self.look_up_announced(peer);
            let has_parent = entry.parent().is_some_and(|parent| peer.has_header(parent));
            let wants = peer.is_connected && peer.compact.chose_us && !peer.link.is_closed();
            if wants && has_parent && !peer.has_header(entry) {
                tracing::debug!(
                    target: "net",
                    "PeerManager::NewPoWValidBlock sending header-and-ids {hash} to peer={}",
                    peer.id()
                );
                peer.send(&message);
                peer.headers.best_sent = Some(entry.clone());
            }
        }
        self.peers = peers;
    }

    /// Asks a peer that was first with a block for compact blocks unasked, instead of the one that has been of use
    /// least recently (Core's `MaybeSetPeerAsAnnouncingHeaderAndIDs`).
    pub(super) fn prefer_compact_blocks_of(&mut self, peer: &mut Peer) {
        if self.network.options().blocks_only || !peer.compact.provides {
            return;
        }
        let id = peer.id();
        if let Some(at) = self.compact.chosen.iter().position(|chosen| *chosen == id) {
            self.compact.chosen.remove(at);
            self.compact.chosen.push_back(id);
            return;
        }
        let is_outbound = |id: &PeerId| self.peers.get(id).is_some_and(|peer| !peer.is_inbound());
        let outbound = self.compact.chosen.iter().filter(|id| is_outbound(id)).count();
        // Whoever calls may be an attacker: one peer that we called stays.
        if peer.is_inbound()
            && self.compact.chosen.len() >= MAX_CHOSEN
            && outbound == 1
            && self.compact.chosen.front().is_some_and(is_outbound)
        {
            self.compact.chosen.swap(0, 1);
        }
        peer.send(&Message::SendCmpct { high_bandwidth: true, version: COMPACT_BLOCKS_WITH_WITNESS });
        peer.compact.is_chosen = true;
        self.compact.chosen.push_back(id);
        if self.compact.chosen.len() > MAX_CHOSEN
            && let Some(oldest) = self.compact.chosen.pop_front()
            && let Some(oldest) = self.peers.get_mut(&oldest)
        {
            oldest.send(&Message::SendCmpct { high_bandwidth: false, version: COMPACT_BLOCKS_WITH_WITNESS });
            oldest.compact.is_chosen = false;
        }
    }

    pub(super) fn on_cmpctblock(&mut self, peer: &mut Peer, compact: &CompactBlock) {
        let id = peer.id();
        let unwanted = if self.is_importing() {
            Some("even though we are still loading blocks!")
        } else if self.network.options().blocks_only {
            Some("even though we are blocksonly!")
        } else if !peer.compact.provides {
            Some("despite never having sent us a SENDCMPCT!")
        } else {
            None
        };
        if let Some(why) = unwanted {
            tracing::debug!(target: "cmpctblock", "peer={id} sent us a compact block {why}");
            return;
        }
        let header = compact.header;
        let hash = header.hash();
        let Some(parent) = self.entry(&header.previous) else {
            if !self.chain.is_initial_download() {
                let best = self.snapshot().best_header().clone();
                self.send_getheaders(peer, &best);
            }
            return;
        };
        if parent.chain_work() + block_work(header.bits) < self.work_threshold() {
            tracing::debug!(target: "net", "Ignoring low-work compact block from peer {id}");
            return;
        }
        let is_new = self.entry(&hash).is_none();
        let entry = match self.chain.submit_headers_blocking(vec![header], true) {
            Ok(Ok(Some(entry))) => entry,
            Ok(Err(reason)) => {
                self.punish_for_block(peer, &reason, true, "invalid header via cmpctblock");
                return;
            }
            // The node is going down.
            Ok(Ok(None)) | Err(_) => return,
        };
        if is_new {
            self.log_new_header(peer, &entry, true);
        }
        self.note_available(peer, hash);
        let snapshot = self.snapshot();
        if is_new && entry.chain_work() > snapshot.tip().chain_work() {
            peer.headers.last_announcement = self.now();
        }
        if entry.has_data() {
            return;
        }
        let in_flight = self.downloads.sources(&hash).len();
        let is_first = self.downloads.sources(&hash).first().is_none_or(|first| *first == id);
        let was_asked = self.downloads.sources(&hash).contains(&id);
        if !was_asked && !peer.compact.is_chosen {
            tracing::debug!(
                target: "cmpctblock",
                "peer={id}, not marked as high-bandwidth, sent us an unsolicited compact block!"
            );
            return;
        }
        if entry.chain_work() <= snapshot.tip().chain_work() || entry.n_tx() != 0 {
            if was_asked {
                peer.send(&Message::GetData(vec![Self::block_request(peer, hash)]));
            }
            return;
        }
        if in_flight == 0 && !self.can_fetch_directly() {
            return;
        }
        if entry.height() > snapshot.height() + 2 {
            // Its transactions are hardly in the mempool.
            if was_asked {
                peer.send(&Message::GetData(vec![Self::block_request(peer, hash)]));
            } else {
                self.process_headers(peer, vec![header], true);
            }
            return;
        }
        let has_room = in_flight < MAX_PARALLEL && self.downloads.count_from(id) < MAX_IN_TRANSIT;
        if has_room || was_asked {
            self.rebuild(peer, compact, &entry, in_flight, is_first);
        } else if let Ok(partial) = self.partial_block(compact)
            && let Ok(block) = partial.fill(vec![], self.needs_witnesses(&entry))
        {
            // Somebody else is asked already, but nothing is missing.
            self.process_rebuilt(peer, block);
        }
    }

    fn partial_block(&self, compact: &CompactBlock) -> Result<PartialBlock, ReconstructError> {
        let mempool = self.chain.mempool().read().expect("no one panics while holding the mempool");
        PartialBlock::new(compact, mempool.entries().map(|entry| &entry.tx), &self.compact.extra)
    }

    /// Rebuilds a block, asking for what is missing.
    fn rebuild(
        &mut self,
        peer: &mut Peer,
        compact: &CompactBlock,
        entry: &Arc<BlockEntry>,
        in_flight: usize,
        is_first: bool,
    ) {
        let (id, hash) = (peer.id(), entry.hash());
        let now = self.now_micros();
        self.downloads.requested(id, entry, now);
        if self.compact.partial.contains_key(&(id, hash)) {
            tracing::debug!(target: "net", "Peer sent us compact block we were already syncing!");
            return;
        }
        let partial = match self.partial_block(compact) {
            Ok(partial) => partial,
            Err(ReconstructError::Invalid) => {
                self.block_done(&hash, Some(id));
                self.misbehaving(peer, "invalid compact block");
                return;
            }
            Err(ReconstructError::Failed) => {
                if is_first {
                    peer.send(&Message::GetData(vec![Self::block_request(peer, hash)]));
                } else {
                    self.block_done(&hash, Some(id));
                }
                return;
            }
        };
        let missing = partial.missing();
        let sources = partial.sources();
        tracing::debug!(
            target: "cmpctblock",
            "Initialized PartiallyDownloadedBlock for block {hash}: {} txns prefilled, {} from mempool, {} from \
             extra pool, {} missing",
            sources.prefilled,
            sources.mempool - sources.extra,
            sources.extra,
            missing.len()
        );
        self.compact.partial.insert((id, hash), Some(partial));
        if missing.is_empty() {
            self.complete(peer, hash, vec![]);
            return;
        }
        let from_outbound = || {
            let sources = self.downloads.sources(&hash);
            sources.iter().any(|from| self.peers.get(from).is_some_and(|peer| !peer.is_inbound()))
        };
        // The last slot waits for a peer that we called ourselves.
        let may_ask = is_first
            || (peer.compact.is_chosen
                && (!peer.is_inbound() || from_outbound() || in_flight < MAX_PARALLEL - 1));
        if may_ask {
            peer.send(&Message::GetBlockTxn(BlockTxnRequest { block: hash, indexes: missing }));
        } else {
            self.block_done(&hash, Some(id));
        }
    }

    pub(super) fn on_blocktxn(&mut self, peer: &mut Peer, answer: BlockTxn) {
        if self.is_importing() {
            let id = peer.id();
            tracing::debug!(target: "net", "Unexpected blocktxn message received from peer {id}");
            return;
        }
        self.complete(peer, answer.block, answer.transactions);
    }

    /// Core's `ProcessCompactBlockTxns`.
    fn complete(&mut self, peer: &mut Peer, hash: BlockHash, missing: Vec<TxRef>) {
        let id = peer.id();
        let is_first = self.downloads.sources(&hash).first().is_none_or(|first| *first == id);
        let partial = match self.compact.partial.remove(&(id, hash)) {
            Some(Some(partial)) => partial,
            Some(None) => {
                self.block_done(&hash, Some(id));
                self.misbehaving(peer, "previous compact block reconstruction attempt failed");
                tracing::debug!(target: "net", "Peer {id} sent compact block transactions multiple times");
                return;
            }
            None => {
                tracing::debug!(
                    target: "net", "Peer {id} sent us block transactions for block we weren't expecting"
                );
                return;
            }
        };
        let with_witnesses = self.entry(&hash).is_none_or(|entry| self.needs_witnesses(&entry));
        match partial.fill(missing, with_witnesses) {
            Ok(block) => self.process_rebuilt(peer, block),
            Err(ReconstructError::Invalid) => {
                self.block_done(&hash, Some(id));
                self.misbehaving(peer, "invalid compact block/non-matching block transactions");
            }
            Err(ReconstructError::Failed) if is_first => {
                // Two transactions may share a short id. That it failed is kept: one attempt per peer and block.
                self.compact.partial.insert((id, hash), None);
                peer.send(&Message::GetData(vec![Self::block_request(peer, hash)]));
            }
            Err(ReconstructError::Failed) => {
                self.block_done(&hash, Some(id));
                tracing::debug!(
                    target: "net",
                    "Peer {id} sent us a compact block but it failed to reconstruct, waiting on first download to \
                     complete"
                );
            }
        }
    }

    fn process_rebuilt(&mut self, peer: &mut Peer, block: Block) {
        let hash = block.hash();
        tracing::debug!(target: "cmpctblock", "Successfully reconstructed block {hash}");
        self.block_done(&hash, Some(peer.id()));
        self.process_block(peer, ReceivedBlock::from(Arc::new(block)), true, true, true);
        if self.entry(&hash).is_some_and(|entry| entry.is_valid(Validity::Transactions)) {
            self.block_done(&hash, None);
        }
    }

    pub(super) fn on_getblocktxn(&mut self, peer: &mut Peer, request: &BlockTxnRequest) {
        let id = peer.id();
        if let Some(recent) = self.compact.recent.as_ref().filter(|recent| recent.hash == request.block) {
            let block = recent.block.clone();
            self.send_block_txs(peer, &block, request);
            return;
        }
        let Some(entry) = self.entry(&request.block).filter(|entry| entry.has_data()) else {
            tracing::debug!(target: "net", "Peer {id} sent us a getblocktxn for a block we don't have");
            return;
        };
        if entry.height() + MAX_BLOCKTXN_DEPTH >= self.snapshot().height() {
            if let Ok(block) = self.chain.read_block(&request.block) {
                self.send_block_txs(peer, &block, request);
            }
            return;
        }
        // Whoever makes us read old blocks shall have to take them whole.
        tracing::debug!(
            target: "net", "Peer {id} sent us a getblocktxn for a block > {MAX_BLOCKTXN_DEPTH} deep"
        );
        peer.requests.push_back(Inventory::block(InvKind::WitnessBlock, request.block));
    }

    fn send_block_txs(&self, peer: &mut Peer, block: &Block, request: &BlockTxnRequest) {
        match BlockTxn::answer(block, request) {
            Some(answer) => {
                let (id, block, count) = (peer.id(), request.block, answer.transactions.len());
                tracing::debug!(
                    target: "net",
                    "peer={id} sent us a GETBLOCKTXN for block {block}, sending a BLOCKTXN with {count} txns."
                );
                peer.send(&Message::BlockTxn(answer));
            }
            None => self.misbehaving(peer, "getblocktxn with out-of-bounds tx indices"),
        }
    }
}
