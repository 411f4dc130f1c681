//! Announcing transactions to peers.
//!
//! Announcements go out in bursts at random times, so that nobody can tell by them where a transaction came from: for
//! peers that called us all at the same moments, every five seconds on average, and for each of the others by itself,
//! every two. A burst is limited, and what pays most goes first.

use super::exponential;
use crate::mempool::{FeeRate, Mempool};
use crate::p2p::net_address::{Host, Network};
use crate::p2p::permissions::Permissions;
use crate::p2p::processing::{Peer, Protocol, SECOND};
use crate::p2p::rolling_bloom::RollingBloom;
use crate::p2p::wire::{InvKind, Inventory, MAX_INVENTORY, Message};
use chaincore_consensus::{Hash256, Tx, Txid, Wtxid};
use std::collections::{BTreeSet, HashMap};

/// The mean time between two bursts, in microseconds.
const INBOUND_INTERVAL: i64 = 5 * SECOND;
const OUTBOUND_INTERVAL: i64 = 2 * SECOND;
/// How many transactions a burst has if no more than a thousand wait, and at most.
const TARGET: usize = 14 * 5;
const MAX: usize = 1000;
/// How many transactions a peer is known to know of, and how often one counts among them by mistake.
const KNOWN: usize = 50_000;
const KNOWN_FALSE_POSITIVES: f64 = 0.000_001;

/// What goes through a peer's connection besides blocks.
#[derive(Debug, Default)]
pub(in crate::p2p::processing) struct PeerTxs {
    /// `None` if the peer does not want to hear of transactions, or has not said hello.
    relay: Option<Relay>,
    /// The rate below which we asked the peer to tell us of none, in satoshis per 1000 virtual bytes.
    pub(super) sent_filter: i64,
    /// When it is due to be told the next one, in microseconds.
    pub(super) next_filter: i64,
    /// When it last sent a transaction that was new and taken, in seconds.
    pub(in crate::p2p::processing) last_transaction: i64,
}

/// What a peer has heard and is to hear.
#[derive(Debug)]
struct Relay {
    /// What it has announced to us or we to it, by the names that it uses.
    known: RollingBloom,
    waiting: BTreeSet<Wtxid>,
    /// Whether it asked for all that is in the mempool (BIP35).
    wants_all: bool,
    /// When the next burst is due, in microseconds; 0 before the first one.
    next: i64,
    /// The mempool's sequence number at the last one.
    last_sequence: u64,
    /// The rate below which it does not want to hear of transactions.
    min_rate: FeeRate,
}

impl PeerTxs {
    pub(super) fn start(&mut self) {
        self.relay = Some(Relay {
            known: RollingBloom::new(KNOWN, KNOWN_FALSE_POSITIVES),
            waiting: BTreeSet::new(),
            wants_all: false,
            next: 0,
            last_sequence: 1,
            min_rate: FeeRate::ZERO,
        });
    }

    /// The mempool's sequence number when the peer was last told of new transactions; `None` if it is never told.
    pub(in crate::p2p::processing) fn last_sequence(&self) -> Option<u64> {
        self.relay.as_ref().map(|relay| relay.last_sequence)
    }

    /// How many transactions it is still to be told of.
    pub(in crate::p2p::processing) fn waiting(&self) -> usize {
        self.relay.as_ref().map_or(0, |relay| relay.waiting.len())
    }

    /// The rate below which it does not want to hear of transactions.
    pub(in crate::p2p::processing) fn min_rate(&self) -> FeeRate {
        self.relay.as_ref().map_or(FeeRate::ZERO, |relay| relay.min_rate)
    }

    pub(super) fn set_min_rate(&mut self, rate: FeeRate) {
        if let Some(relay) = &mut self.relay {
            relay.min_rate = rate;
        }
    }

    /// When something that waits is to be told next; `None` if nothing waits.
    fn next(&self, at_once: bool) -> Option<i64> {
        let relay = self.relay.as_ref().filter(|relay| relay.wants_all || !relay.waiting.is_empty())?;
        // It is due after that time, not at it.
        Some(if at_once { i64::MIN } else { relay.next.saturating_add(1) })
    }

    /// The peer has shown that it knows of a transaction, by the name that it uses for it.
    pub(super) fn knows(&mut self, hash: &Hash256) {
        if let Some(relay) = &mut self.relay {
            relay.known.insert(&hash.0);
        }
    }
}

/// When the peers that called us hear of transactions next, by the network they came through and our address there.
#[derive(Debug, Default)]
pub(super) struct InboundTimers(HashMap<(Network, Option<(Host, u16)>), i64>);

/// How a peer names a transaction.
fn item_for(tx: &Tx, by_wtxid: bool) -> Inventory {
    match by_wtxid {
        true => Inventory::wtxid(tx.wtxid()),
        false => Inventory::txid(InvKind::Tx, tx.txid()),
    }
}

impl Relay {
    /// All that is in the mempool and pays enough.
    fn take_all(&mut self, pool: &Mempool, by_wtxid: bool) -> Vec<Inventory> {
        let mut items = vec![];
        for entry in pool.in_mining_order() {
            self.waiting.remove(&entry.tx.wtxid());
            if entry.fee < self.min_rate.fee(entry.vsize()) {
                continue;
            }
            let item = item_for(&entry.tx, by_wtxid);
            self.known.insert(&item.hash.0);
            items.push(item);
        }
        items
    }

    /// The best of what waits.
    fn take_burst(&mut self, pool: &Mempool, by_wtxid: bool) -> Vec<Inventory> {
        let most = MAX.min(TARGET + self.waiting.len() / 1000 * 5);
        // What left the mempool is no news any more.
        self.waiting.retain(|wtxid| pool.get_by_wtxid(wtxid).is_some());
        let tx = |wtxid: &Wtxid| pool.get_by_wtxid(wtxid).map(|entry| entry.tx.txid());
        let mut order: Vec<Txid> = self.waiting.iter().filter_map(tx).collect();
        pool.sort_for_relay(&mut order);
        let mut items = vec![];
        for entry in order.iter().filter_map(|txid| pool.get(txid)) {
            if items.len() == most {
                break;
            }
            self.waiting.remove(&entry.tx.wtxid());
            let item = item_for(&entry.tx, by_wtxid);
            if self.known.contains(&item.hash.0) || entry.fee < self.min_rate.fee(entry.vsize()) {
                continue;
            }
            self.known.insert(&item.hash.0);
            items.push(item);
        }
        items
    }
}

impl Peer {
    /// When the peer is to be told of the next transactions, in microseconds; `None` if there are none.
    pub(in crate::p2p::processing) fn next_announcement(&self) -> Option<i64> {
        self.txs.next(self.link.may(Permissions::NOBAN))
    }
}

impl Protocol {
    /// Has all peers told of a transaction of the mempool that do not know it (Core's `InitiateTxBroadcastToAll`).
    /// `current` is the one that is being served.
    pub(super) fn relay_to_all(&mut self, txid: Txid, wtxid: Wtxid, current: Option<&mut Peer>) {
        for peer in self.peers.values_mut().chain(current) {
            let hash = if peer.wtxid_relay { Hash256(wtxid.0) } else { Hash256(txid.0) };
            // Before the first burst, the time at which something was added could be told from what is in it.
            if let Some(relay) = peer.txs.relay.as_mut().filter(|relay| relay.next != 0)
                && !relay.known.contains(&hash.0)
            {
                relay.waiting.insert(wtxid);
            }
        }
    }

    /// When the next burst to a peer is due after one that is due `now`.
    fn next_burst(&mut self, peer: &Peer, now: i64) -> i64 {
        if !peer.is_inbound() {
            return now + exponential(&mut self.rng, OUTBOUND_INTERVAL);
        }
        let bind = peer.link.bind().map(|bind| (bind.host(), bind.port()));
        let timer = self.txs.timers.0.entry((peer.link.network(), bind)).or_default();
        if *timer < now {
            *timer = now + exponential(&mut self.rng, INBOUND_INTERVAL);
        }
        *timer
    }

    /// Tells a peer of new transactions, if it is time to.
    pub(in crate::p2p::processing) fn announce_txs(&mut self, peer: &mut Peer) {
        let now = self.now_micros();
        let Some(next) = peer.txs.relay.as_ref().map(|relay| relay.next) else { return };
        let is_due = next < now;
        // Peers that are trusted need not guess, so they need not wait.
        if !is_due && !peer.link.may(Permissions::NOBAN) {
            return;
        }
        let next = if is_due { self.next_burst(peer, now) } else { next };
        let by_wtxid = peer.wtxid_relay;
        let Some(relay) = peer.txs.relay.as_mut() else { return };
        relay.next = next;
        let mut items = vec![];
        {
            let pool = self.pool();
            if std::mem::take(&mut relay.wants_all) {
                items = relay.take_all(&pool, by_wtxid);
            }
            if !relay.waiting.is_empty() {
                items.extend(relay.take_burst(&pool, by_wtxid));
            }
            relay.last_sequence = pool.sequence();
        }
        for part in items.chunks(MAX_INVENTORY) {
            peer.send(&Message::Inv(part.to_vec()));
        }
    }

    /// A peer asks for all that is in the mempool (BIP35).
    pub(in crate::p2p::processing) fn on_mempool(&mut self, peer: &mut Peer) {
        if peer.link.may(Permissions::MEMPOOL) {
            if let Some(relay) = &mut peer.txs.relay {
                relay.wants_all = true;
            }
        } else if !peer.link.may(Permissions::NOBAN) {
            self.disconnect(peer, "mempool request with bloom filters disabled");
        }
    }

    /// A peer wants to filter what it is told of (BIP37), which is not offered.
    pub(in crate::p2p::processing) fn on_bloom_filter(&self, peer: &Peer, command: &str) {
        self.disconnect(peer, format_args!("{command} received despite not offering bloom services"));
    }
}
