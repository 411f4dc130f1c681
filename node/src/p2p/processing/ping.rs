//! Pings: whether a peer is there, and how far away.

use super::{Peer, Protocol, SECOND};
use crate::p2p::wire::{BIP31_VERSION, Message};
use rand::Rng;

/// The pings of one peer. Times are in microseconds.
#[derive(Debug, Default)]
pub(super) struct Ping {
    /// The number that the peer is to send back; 0 while none is awaited.
    nonce: u64,
    started: i64,
    /// Whether the owner asked for a ping.
    pub(super) queued: bool,
    /// How long the last one took.
    pub(super) last: Option<i64>,
    /// How long the shortest one took.
    pub(super) best: Option<i64>,
}

impl Ping {
    /// Since when an answer is awaited.
    pub(super) fn waiting_since(&self) -> Option<i64> {
        (self.nonce != 0).then_some(self.started)
    }
}

impl Protocol {
    /// Has every peer pinged at its next send cycle.
    pub fn ping_all(&mut self) {
        self.peers.values_mut().for_each(|peer| peer.ping.queued = true);
    }

    /// Core's `MaybeSendPing`.
    pub(super) fn ping_if_due(&mut self, peer: &mut Peer) {
        let now = self.now_micros();
        let options = self.network.options();
        if self.minds_inactivity(peer)
            && peer.ping.nonce != 0
            && now > peer.ping.started + options.own.ping_timeout * SECOND
        {
            let waited = (now - peer.ping.started) as f64 / SECOND as f64;
            self.disconnect(peer, format_args!("ping timeout: {waited:.6}s"));
            return;
        }
        let is_due = peer.ping.nonce == 0 && now > peer.ping.started + options.own.ping_interval * SECOND;
        if !peer.ping.queued && !is_due {
            return;
        }
        peer.ping.queued = false;
        peer.ping.started = now;
        if peer.common_version > BIP31_VERSION {
            peer.ping.nonce = self.rng.random_range(1..=u64::MAX);
            peer.send(&Message::Ping(peer.ping.nonce));
        } else {
            // No answer will tell which ping it is for.
            peer.ping.nonce = 0;
            peer.send(&Message::PingBare);
        }
    }

    /// `received`: when it came, in microseconds.
    pub(super) fn on_pong(&self, peer: &mut Peer, nonce: Option<u64>, len: usize, received: i64) {
        let expected = peer.ping.nonce;
        let (finished, problem) = match nonce {
            None => (true, Some("Short payload")),
            Some(_) if expected == 0 => (false, Some("Unsolicited pong without ping")),
            Some(nonce) if nonce == expected => {
                let took = received - peer.ping.started;
                if took >= 0 {
                    peer.ping.last = Some(took);
                    peer.ping.best = Some(peer.ping.best.map_or(took, |best| best.min(took)));
                }
                (true, (took < 0).then_some("Timing mishap"))
            }
            // Most likely a fault of the other implementation.
            Some(0) => (true, Some("Nonce zero")),
            // Pings may overlap.
            Some(_) => (false, Some("Nonce mismatch")),
        };
        if let Some(problem) = problem {
            tracing::debug!(
                target: "net",
                "pong peer={}: {problem}, {expected:x} expected, {:x} received, {len} bytes",
                peer.id(),
                nonce.unwrap_or(0)
            );
        }
        if finished {
            peer.ping.nonce = 0;
        }
    }
}
