//! Blocks that peers send.

use super::{Peer, Protocol};
use crate::chain::{BlockEntry, BlockVerdict, ChainHandle, CheckedBlock, Origin, is_block_mutated};
use crate::p2p::connection::Network;
use crate::p2p::kind::PeerId;
use crate::p2p::wire::ReceivedBlock;
use chaincore_consensus::pow::block_work;
use chaincore_consensus::{Block, BlockHash};
use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Who sent the blocks whose verdict is still due, and whether in whole (not rebuilt from a compact block).
#[derive(Debug, Default)]
pub(super) struct BlockSources(HashMap<BlockHash, (PeerId, bool)>);

/// How long the writer may take before it is looked after.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the chain's writer reports while it works.
pub(super) enum ChainEvent {
    /// A block has its work and builds on the tip; its transactions are being checked.
    Early(Arc<Block>, Arc<BlockEntry>),
    /// The block that was handed in is done with.
    Done,
}

impl ChainEvent {
    /// A channel that the writer reports early blocks to.
    pub(super) fn channel(
        network: &Arc<Network>,
        chain: &ChainHandle,
    ) -> (mpsc::Sender<Self>, mpsc::Receiver<Self>) {
        let (sender, receiver) = mpsc::channel();
        let (early, network) = (sender.clone(), network.clone());
        chain.set_new_pow_valid_block(Box::new(move |block, entry| {
            // The protocol may be gone.
            if early.send(Self::Early(block.clone(), entry.clone())).is_ok() {
                network.wake().wake();
            }
        }));
        (sender, receiver)
    }
}

impl Protocol {
    pub(super) fn on_block(&mut self, peer: &mut Peer, received: ReceivedBlock) {
        let id = peer.id();
        if self.is_importing() {
            tracing::debug!(target: "net", "Unexpected block message received from peer {id}");
            return;
        }
        let hash = received.block.hash();
        tracing::debug!(target: "net", "received block {hash} peer={id}");
        let parent = self.entry(&received.block.header.previous);
        if let Some(parent) = &parent {
            let has_witnesses = parent.height() + 1 >= self.chain.params().deployments.segwit;
            if is_block_mutated(&received.block, has_witnesses) {
                tracing::debug!(target: "net", "Received mutated block from peer={id}");
                self.misbehaving(peer, "mutated block");
                self.block_done(&hash, Some(id));
                return;
            }
        }
        let is_requested = self.downloads.is_requested(&hash);
        self.block_done(&hash, Some(id));
        let threshold = self.work_threshold();
        let is_worth = parent
            .is_some_and(|parent| parent.chain_work() + block_work(received.block.header.bits) >= threshold);
        self.process_block(peer, received, is_requested, is_worth, false);
    }

    /// Hands a block to the chain and acts on what comes of it (Core's `ProcessBlock`).
    pub(super) fn process_block(
        &mut self,
        peer: &mut Peer,
        received: ReceivedBlock,
        is_requested: bool,
        is_worth: bool,
        via_compact_block: bool,
    ) {
        let hash = received.block.hash();
        self.block_sources.remember(hash, peer.id(), !via_compact_block);
        let had_it = self.entry(&hash).is_some_and(|entry| entry.has_data());
        let checked = CheckedBlock::from_parts(received.block, received.bytes, self.chain.params());
        match checked {
            Ok(block) => {
                let origin = Origin::Peer { requested: is_requested, min_pow_checked: is_worth };
                self.submit(peer, block, origin);
            }
            Err(reason) => {
                self.chain.refuse_block(hash, reason);
            }
        }
        self.act_on_verdicts(peer);
        if !had_it && self.entry(&hash).is_some_and(|entry| entry.has_data()) {
            peer.last_block = self.now();
            self.block_done(&hash, None);
        } else {
            self.block_sources.0.remove(&hash);
        }
        self.follow_chain();
    }

    /// Hands a block to the writer and waits until it is done with it, announcing it meanwhile to those who want
    /// blocks early.
    fn submit(&mut self, peer: &mut Peer, block: CheckedBlock, origin: Origin) {
        let done = self.events_in.clone();
        let queued = self.chain.queue_blocking(move |chain| {
            let outcome = chain.accept_block(&block, origin);
            // The protocol may be gone.
            let _ = done.send(ChainEvent::Done);
            outcome
        });
        if queued.is_err() {
            // The node is going down.
            return;
        }
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(ChainEvent::Early(block, entry)) => self.announce_early(&block, &entry, Some(&mut *peer)),
                Ok(ChainEvent::Done) => return,
                Err(_) if self.chain.is_stopped() => return,
                Err(_) => {}
            }
        }
    }

    /// Announces blocks that came another way than through a peer, such as by `submitblock`.
    pub(super) fn take_early_blocks(&mut self) {
        while let Ok(event) = self.events.try_recv() {
            if let ChainEvent::Early(block, entry) = event {
                self.announce_early(&block, &entry, None);
            }
        }
    }

    /// What follows for peers from what was found out about their blocks: also about blocks that came long ago and
    /// only counted when one above them came (Core's `BlockChecked`).
    pub(super) fn act_on_verdicts(&mut self, current: &mut Peer) {
        for verdict in self.chain.take_block_verdicts() {
            let Some((source, in_whole)) = self.block_sources.0.remove(&verdict.hash) else { continue };
            if source == current.id() {
                self.act_on_verdict(current, &verdict, in_whole);
            } else if let Some(mut peer) = self.peers.remove(&source) {
                self.act_on_verdict(&mut peer, &verdict, in_whole);
                self.peers.insert(source, peer);
            }
        }
    }

    fn act_on_verdict(&mut self, peer: &mut Peer, verdict: &BlockVerdict, in_whole: bool) {
        match &verdict.result {
            Err(reason) => self.punish_for_block(peer, reason, !in_whole, ""),
            Ok(()) => {
                // It is the best block that is known of: no other is on its way.
                let others = self.downloads.len() - usize::from(self.downloads.is_requested(&verdict.hash));
                if others == 0 && !self.chain.is_initial_download() {
                    self.prefer_compact_blocks_of(peer);
                }
            }
        }
    }
}

impl BlockSources {
    /// Sources kept at most; the verdict on a block that waits longer is nobody's any more.
    const MAX: usize = 4096;

    fn remember(&mut self, hash: BlockHash, peer: PeerId, in_whole: bool) {
        if self.0.len() >= Self::MAX {
            self.0.clear();
        }
        self.0.insert(hash, (peer, in_whole));
    }
}
