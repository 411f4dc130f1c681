//! Peers that say nothing.

use super::{Peer, Protocol};

/// How long a peer may neither send nor take anything, in seconds.
const TIMEOUT: i64 = 20 * 60;

impl Protocol {
    /// Whether a peer has been there long enough for its silence to mean something (`-peertimeout`).
    pub(super) fn minds_inactivity(&self, peer: &Peer) -> bool {
        peer.link.connected_at().saturating_add(self.network.options().peer_timeout) < self.now()
    }

    /// Core's `InactivityCheck`.
    pub(super) fn check_inactivity(&self, peer: &Peer) {
        if !self.minds_inactivity(peer) {
            return;
        }
        let now = self.now();
        let counters = peer.link.counters();
        let (sent, received) = (counters.last_sent(), counters.last_received());
        if sent == 0 || received == 0 {
            let never_received = if received == 0 { ", never received from peer" } else { "" };
            let never_sent = if sent == 0 { ", never sent to peer" } else { "" };
            let first = self.network.options().peer_timeout;
            self.disconnect(
                peer,
                format_args!("socket no message in first {first} seconds{never_received}{never_sent}"),
            );
        } else if now > sent + TIMEOUT {
            self.disconnect(peer, format_args!("socket sending timeout: {}s", now - sent));
        } else if now > received + TIMEOUT {
            self.disconnect(peer, format_args!("socket receive timeout: {}s", now - received));
        } else if !peer.is_connected {
            // Whoever speaks the encrypted transport may not even have greeted.
            let handshake = if peer.link.transport().is_none() { "V2" } else { "version" };
            self.disconnect(peer, format_args!("{handshake} handshake timeout"));
        }
    }
}
