//! Telling peers where this node is.

use super::PeerAddresses;
use crate::p2p::local::Listener;
use crate::p2p::processing::{Peer, Protocol};
use crate::p2p::wire::PeerAddress;

impl Protocol {
    /// Tells a peer where this node can be reached, when the chain is there and from then on about once a day.
    pub(super) fn announce_own_address_if_due(&mut self, peer: &mut Peer) {
        let now = self.now_micros();
        let is_ready = self.network.options().listen && !self.chain.is_initial_download();
        if !is_ready || !peer.addresses.own.is_due(now, &mut self.rng) {
            return;
        }
        let PeerAddresses { knows_own, known, .. } = &mut peer.addresses;
        let was_told = std::mem::replace(knows_own, true);
        if was_told && let Some(known) = known {
            // It may have forgotten, and hears it again.
            known.clear();
        }
        let listener = Listener {
            address: peer.link.address(),
            network: peer.link.network(),
            is_inbound: peer.is_inbound(),
            sees_us_at: peer.local_address,
        };
        let Some(address) = self.network.local().for_peer(&listener, &mut self.rng) else { return };
        tracing::debug!(target: "net", "Advertising address {address} to peer={}", peer.id());
        let own = PeerAddress {
            address,
            services: self.network.options().services,
            time: u32::try_from(self.now()).unwrap_or(0),
        };
        if was_told {
            peer.queue_address(own, &mut self.rng);
        } else if peer.takes_address(&address) {
            // In a message of its own: of a longer one only some would be taken.
            peer.send_addresses(vec![own]);
        }
    }
}
