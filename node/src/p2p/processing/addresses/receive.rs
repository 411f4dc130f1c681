//! Addresses that a peer tells.

use super::MAX_ADDRESSES;
use crate::p2p::kind::ConnectionKind;
use crate::p2p::outbound::{desirable_services, may_know_addresses};
use crate::p2p::permissions::Permissions;
use crate::p2p::processing::{Peer, Protocol};
use crate::p2p::wire::PeerAddress;
use rand::seq::SliceRandom;

/// How much earlier than it says a peer is believed to have heard of an address, in seconds.
const PENALTY: i64 = 2 * 60 * 60;
/// An address that was heard of a shorter time ago, in seconds, is news.
const FRESH: i64 = 10 * 60;
/// More addresses than that in one message are no news, but an answer.
const MAX_NEWS: usize = 10;
/// Times before that, and times in the future, are nonsense, and taken for so long ago, in seconds.
const LEAST_TIME: i64 = 100_000_000;
const NONSENSE: i64 = 5 * 24 * 60 * 60;

/// When an address was heard of, if it says `time`.
fn sane_time(time: u32, now: i64) -> i64 {
    let time = i64::from(time);
    if time <= LEAST_TIME || time > now.saturating_add(FRESH) { now - NONSENSE } else { time }
}

impl Protocol {
    /// Core's `ProcessAddrs`.
    pub(in crate::p2p::processing) fn on_addresses(
        &mut self,
        peer: &mut Peer,
        command: &str,
        mut addresses: Vec<PeerAddress>,
    ) {
        let id = peer.id();
        if !peer.exchanges_addresses() {
            let kind = peer.kind().name();
            tracing::debug!(target: "net", "ignoring {command} message from {kind} peer={id}");
            return;
        }
        let (now, now_micros) = (self.now(), self.now_micros());
        peer.addresses.tokens.refill(now_micros);
        let is_limited = !peer.link.may(Permissions::ADDR);
        let count = addresses.len();
        let is_news = !peer.addresses.asked && count <= MAX_NEWS;
        let (mut processed, mut rate_limited) = (0, 0);
        // Which ones get through must not be the sender's choice.
        addresses.shuffle(&mut self.rng);
        let mut kept = Vec::new();
        for mut known in addresses {
            if !peer.addresses.tokens.take() && is_limited {
                rate_limited += 1;
                continue;
            }
            let desirable = desirable_services(known.services, &self.chain, now);
            if !may_know_addresses(known.services) && !known.services.contains(desirable) {
                continue;
            }
            let time = sane_time(known.time, now);
            known.time = u32::try_from(time).unwrap_or(0);
            peer.note_known(&known.address);
            let host = known.address.host();
            if self.network.bans().is_discouraged(&host) || self.network.bans().is_banned(&host) {
                continue;
            }
            processed += 1;
            let is_reachable = self.network.options().reach.contains(known.address.network());
            if is_news && time > now - FRESH && known.address.is_routable() {
                self.relay_address(&known, is_reachable);
            }
            if is_reachable {
                kept.push(known);
            }
        }
        peer.addresses.processed += processed;
        peer.addresses.rate_limited += rate_limited;
        tracing::debug!(
            target: "net",
            "Received addr: {count} addresses ({processed} processed, {rate_limited} rate-limited) from peer={id}"
        );
        self.network.book().add(&kept, &peer.link.address().host(), PENALTY);
        if count < MAX_ADDRESSES {
            peer.addresses.asked = false;
        }
        // One alone is its own.
        if peer.kind() == ConnectionKind::AddrFetch && count > 1 {
            self.disconnect(peer, "addrfetch connection completed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsensical_times_are_long_ago() {
        let now = 1_700_000_000;
        assert_eq!(sane_time(1_699_999_999, now), 1_699_999_999);
        assert_eq!(sane_time(1_700_000_600, now), 1_700_000_600);
        assert_eq!(sane_time(1_700_000_601, now), now - NONSENSE);
        assert_eq!(sane_time(100_000_000, now), now - NONSENSE);
        assert_eq!(sane_time(100_000_001, now), 100_000_001);
        assert_eq!(sane_time(0, now), now - NONSENSE);
    }
}
