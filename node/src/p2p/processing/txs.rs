//! Transactions: what peers announce is fetched and judged, and what the mempool takes is announced to them.

mod announce;
mod download;
mod fee_filter;
mod filters;
mod orphanage;
mod receive;
mod request;
mod schedule;
mod serve;
#[cfg(test)]
mod testing;

pub(super) use announce::PeerTxs;
pub use orphanage::OrphanInfo;

use super::{Peer, Protocol};
use crate::chain::BlockEntry;
use crate::mempool::Mempool;
use crate::p2p::kind::PeerId;
use crate::p2p::permissions::Permissions;
use crate::p2p::timer::exponential;
use announce::InboundTimers;
use download::{Source, TxDownload};
use fee_filter::FeeRounder;
use schedule::Rebroadcast;
use serve::RecentBlock;
use std::sync::{Arc, RwLockReadGuard};

/// How many blocks are read at most to learn which transactions were confirmed, after the tip moved by more.
const MAX_BLOCKS: usize = 100;

/// What the node knows about transactions on their way.
#[derive(Debug)]
pub(super) struct Txs {
    download: TxDownload,
    recent: RecentBlock,
    timers: InboundTimers,
    rounder: FeeRounder,
    rebroadcast: Rebroadcast,
    /// The tip that all of this goes by.
    tip: Arc<BlockEntry>,
}

impl Txs {
    /// Nothing, at a tip.
    pub(super) fn new(tip: Arc<BlockEntry>) -> Self {
        Self {
            download: TxDownload::default(),
            recent: RecentBlock::default(),
            timers: InboundTimers::default(),
            rounder: FeeRounder::default(),
            rebroadcast: Rebroadcast::default(),
            tip,
        }
    }
}

impl Protocol {
    pub(super) fn pool(&self) -> RwLockReadGuard<'_, Mempool> {
        self.chain.mempool().read().expect("no one panics while holding the mempool")
    }

    /// Starts to exchange transactions with a peer that has said hello.
    pub(super) fn start_tx_relay(&mut self, peer: &mut Peer) {
        if peer.relays_txs {
            peer.txs.start();
        }
        let source = Source {
            preferred: self.headers.is_preferred(peer.id()),
            unlimited: peer.link.may(Permissions::RELAY),
            wtxid_relay: peer.wtxid_relay,
        };
        self.txs.download.connected(peer.id(), source);
    }

    /// When a peer may be to be asked for a transaction next, in microseconds.
    pub(super) fn next_request(&self) -> Option<i64> {
        self.txs.download.next_request()
    }

    /// A peer is gone.
    pub(super) fn forget_txs_of(&mut self, peer: PeerId) {
        self.txs.download.disconnected(peer);
    }

    /// The chain's tip moved from above `fork` to `tip`.
    pub(super) fn on_chain_moved(&mut self, fork: &Arc<BlockEntry>, tip: &Arc<BlockEntry>) {
        let before = std::mem::replace(&mut self.txs.tip, tip.clone());
        if !Arc::ptr_eq(&before, fork) {
            self.txs.download.block_disconnected();
        }
        // No transactions are taken meanwhile, so nothing is to be kept up to date.
        if self.chain.is_initial_download() {
            return;
        }
        let mut blocks = vec![];
        let mut at = tip;
        while !Arc::ptr_eq(at, fork) && blocks.len() < MAX_BLOCKS {
            blocks.push(at.hash());
            at = at.parent().expect("the fork lies below");
        }
        for hash in blocks.iter().rev() {
            // A block that was pruned meanwhile is no recent one.
            let Ok(block) = self.chain.read_block(hash) else { continue };
            self.txs.download.block_connected(&block);
        }
        self.txs.download.tip_changed();
    }

    /// The transactions whose inputs are not known.
    pub fn orphans(&self) -> Vec<OrphanInfo> {
        self.txs.download.orphans()
    }
}
