//! One more peer than usual: asking for it when the chain stands still, and parting with the worst afterwards.
//!
//! Whoever surrounds a node with his own peers can keep blocks from it. So a node that hears of no block looks for
//! another peer, and every few minutes it asks one more for its blocks anyway; of those it then keeps the better.

use super::{Peer, Protocol, SECOND};
use crate::p2p::kind::{ConnectionKind, PeerId};

/// How often extra peers are looked at, and how often whether the tip is stale, in microseconds.
const CHECK_INTERVAL: i64 = 45 * SECOND;
const STALE_CHECK_INTERVAL: i64 = 10 * 60 * SECOND;
/// How long a peer has to show what it has, in seconds.
const LEAST_TIME: i64 = 30;
/// A tip is stale after so many times the chain's block interval without another one.
const STALE_BLOCKS: i64 = 3;
/// The first blocks are there when the tip's age is less than so many times the chain's block interval.
const NEAR_BLOCKS: i64 = 20;

/// When what is due, in microseconds; `None` before the first look at the clock.
#[derive(Debug, Default)]
pub(super) struct ExtraPeers {
    check: Option<i64>,
    stale_check: i64,
    has_synced: bool,
}

impl Protocol {
    /// Core's `CheckForStaleTipAndEvictPeers`, when it is due. Only between two rounds, when all peers are here.
    pub(super) fn check_extra_peers_if_due(&mut self) {
        let now = self.now_micros();
        // A clock that was set back starts anew.
        let due = self.extra_peers.check.filter(|due| *due <= now + CHECK_INTERVAL);
        if due.is_none_or(|due| now >= due) {
            self.extra_peers.check = Some(now + CHECK_INTERVAL);
        }
        if due.is_some_and(|due| now >= due) {
            self.part_with_extra_block_peer();
            self.part_with_extra_full_peer();
            self.check_stale_tip(now);
        }
    }

    /// Brings the next check nearer by some microseconds.
    pub(super) fn advance_extra_peers(&mut self, by: i64) {
        if let Some(due) = &mut self.extra_peers.check {
            *due = due.saturating_sub(by);
        }
    }

    fn check_stale_tip(&mut self, now: i64) {
        let network = self.network.clone();
        let wishes = network.wishes();
        let spacing = i64::from(self.chain.params().target_spacing);
        let stale_check = &mut self.extra_peers.stale_check;
        if now > *stale_check || *stale_check > now + STALE_CHECK_INTERVAL {
            *stale_check = now + STALE_CHECK_INTERVAL;
            let age = self.now() - self.last_tip_update;
            let is_stale = age > STALE_BLOCKS * spacing && self.downloads.len() == 0;
            if is_stale && !self.is_importing() && network.is_active() && wishes.uses_book() {
                tracing::info!(
                    "Potential stale tip detected, will try using extra outbound peer (last tip update: {age} seconds \
                     ago)"
                );
                wishes.set_extra_full_relay(true);
            } else if wishes.extra_full_relay() {
                wishes.set_extra_full_relay(false);
            }
        }
        let tip_age = self.now() - i64::from(self.snapshot().tip().header().time);
        if !self.extra_peers.has_synced && tip_age < NEAR_BLOCKS * spacing {
            wishes.start_extra_block_relay();
            self.extra_peers.has_synced = true;
        }
    }

    /// The connected peers of a kind, the oldest first.
    fn peers_of(&self, kind: ConnectionKind) -> impl DoubleEndedIterator<Item = &Peer> {
        self.peers.values().filter(move |peer| peer.kind() == kind && !peer.link.is_closed())
    }

    fn has_extra(&self, kind: ConnectionKind, target: usize) -> bool {
        self.peers_of(kind).filter(|peer| peer.is_connected).count() > target
    }

    /// Whether a peer may go: it has had its time, and nothing is being fetched from it.
    fn may_go(&self, peer: &Peer) -> bool {
        self.now() - peer.link.connected_at() >= LEAST_TIME && self.downloads.heights_of(peer.id()).is_empty()
    }

    /// Of too many connections for blocks, the newest goes, unless it brought a block later than the one before it
    /// did: then that one goes.
    fn part_with_extra_block_peer(&mut self) {
        if !self.has_extra(ConnectionKind::BlockRelay, self.network.options().target_block_relay) {
            return;
        }
        let mut newest_first = self.peers_of(ConnectionKind::BlockRelay).rev();
        let (newest, next) = (newest_first.next(), newest_first.next());
        let worse = match (newest, next.map_or(0, |next| next.last_block)) {
            (Some(newest), before) if newest.last_block > before => next,
            _ => newest,
        };
        let Some(worse) = worse else { return };
        let (id, time) = (worse.id(), worse.last_block);
        if self.may_go(worse) {
            tracing::debug!(
                target: "net",
                "disconnecting extra block-relay-only peer={id} (last block received at time {time})"
            );
            self.network.disconnect(&worse.link);
        } else {
            self.log_kept("block-relay-only peer", worse);
        }
    }

    /// Of too many full connections, the one goes that announced a new block longest ago. Protected ones stay, and who
    /// is the only one of its network.
    fn part_with_extra_full_peer(&mut self) {
        if !self.has_extra(ConnectionKind::OutboundFullRelay, self.network.options().target_outbound) {
            return;
        }
        let is_alone = |peer: &Peer| {
            let network = peer.link.address().network();
            let lasts = |kind| matches!(kind, ConnectionKind::Manual | ConnectionKind::OutboundFullRelay);
            let of_network = |other: &&Peer| lasts(other.kind()) && other.link.address().network() == network;
            self.peers.values().filter(of_network).count() <= 1
        };
        let worst: Option<PeerId> = self
            .peers_of(ConnectionKind::OutboundFullRelay)
            .filter(|peer| !peer.headers.is_protected() && !is_alone(peer))
            .min_by_key(|peer| (peer.headers.last_announcement, std::cmp::Reverse(peer.id())))
            .map(Peer::id);
        let Some(worst) = worst.and_then(|id| self.peers.get(&id)) else { return };
        if !self.may_go(worst) {
            self.log_kept("outbound peer", worst);
            return;
        }
        let (id, time) = (worst.id(), worst.headers.last_announcement);
        tracing::debug!(
            target: "net",
            "disconnecting extra outbound peer={id} (last block announcement received at time {time})"
        );
        self.network.disconnect(&worst.link);
        // There was another one to be found; the next stale tip will tell if it is needed again.
        self.network.wishes().set_extra_full_relay(false);
    }

    fn log_kept(&self, what: &str, peer: &Peer) {
        let (id, since) = (peer.id(), peer.link.connected_at());
        let in_flight = self.downloads.heights_of(id).len();
        tracing::debug!(
            target: "net",
            "keeping {what}={id} chosen for eviction (connect time: {since}, blocks_in_flight: {in_flight})"
        );
    }
}
