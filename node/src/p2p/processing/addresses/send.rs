//! Sending addresses to a peer: collected, and sent now and then.

use super::{FETCH_TIMEOUT, MAX_ADDRESSES};
use crate::p2p::kind::ConnectionKind;
use crate::p2p::net_address::NetAddress;
use crate::p2p::processing::{Peer, Protocol};
use crate::p2p::wire::{Message, PeerAddress};
use rand::Rng;

impl Peer {
    /// Notes that the peer knows an address.
    pub(super) fn note_known(&mut self, address: &NetAddress) {
        if let Some(known) = &mut self.addresses.known {
            known.insert(&address.key());
        }
    }

    /// Queues an address for a peer that does not know it, in place of a random one if too many wait (Core's
    /// `PushAddress`).
    pub(super) fn queue_address(&mut self, address: PeerAddress, rng: &mut impl Rng) {
        let is_known =
            self.addresses.known.as_ref().is_none_or(|known| known.contains(&address.address.key()));
        if is_known || !address.address.is_valid() || !self.takes_address(&address.address) {
            return;
        }
        let queue = &mut self.addresses.to_send;
        if queue.len() < MAX_ADDRESSES {
            queue.push(address);
        } else {
            queue[rng.random_range(0..MAX_ADDRESSES)] = address;
        }
    }

    /// Sends addresses, in the form that the peer wants.
    pub(super) fn send_addresses(&self, addresses: Vec<PeerAddress>) {
        self.send(&match self.wants_addrv2 {
            true => Message::AddrV2(addresses),
            false => Message::Addr(addresses),
        });
    }
}

impl Protocol {
    /// Ends a connection that was made for addresses and brought none; whether it did.
    pub(in crate::p2p::processing) fn end_overdue_fetch(&self, peer: &Peer) -> bool {
        let is_overdue =
            peer.kind() == ConnectionKind::AddrFetch && self.now() - peer.link.connected_at() > FETCH_TIMEOUT;
        if is_overdue {
            self.disconnect(peer, "addrfetch connection timeout");
        }
        is_overdue
    }

    /// Core's `MaybeSendAddr`.
    pub(in crate::p2p::processing) fn send_addresses_if_due(&mut self, peer: &mut Peer) {
        if !peer.addresses.is_relaying() {
            return;
        }
        self.announce_own_address_if_due(peer);
        let now = self.now_micros();
        if !peer.addresses.send.is_due(now, &mut self.rng) {
            return;
        }
        let mut waiting = std::mem::take(&mut peer.addresses.to_send);
        if let Some(known) = &mut peer.addresses.known {
            waiting.retain(|address| {
                let key = address.address.key();
                let is_new = !known.contains(&key);
                if is_new {
                    known.insert(&key);
                }
                is_new
            });
        }
        if !waiting.is_empty() {
            peer.send_addresses(waiting);
        }
    }
}
