//! Proving oneself to the other members of a private network (`-peersecret`, `-peerkeys`).
//!
//! It happens between the veracks and everything else: until a peer has proved itself it is treated as one that
//! has not said hello, but for pings. Both sides send `authchal` with their verack behind them, answer the other's
//! with `authproof`, and go on when that of the other is right. A node without credentials sends neither message.

use super::{Peer, Protocol, SECOND};
use crate::p2p::authentication::{Side, Transcript};
use crate::p2p::transport::Transport;
use crate::p2p::wire::{AuthChallenge, AuthProof, Message};
use std::fmt::Display;

/// How long a peer may take, in microseconds.
const TIMEOUT: i64 = 10 * SECOND;
/// So many failures of peers that called are shown to the operator in so many microseconds; of more, the network's
/// details tell. Whoever calls often must not fill the log.
const SHOWN: u32 = 10;
const SHOWN_IN: i64 = 60 * SECOND;

/// How far a peer is.
#[derive(Debug, Default)]
pub(super) struct PeerAuth {
    /// The nonce of its version message.
    pub(super) version_nonce: u64,
    ours: Option<AuthChallenge>,
    theirs: Option<AuthChallenge>,
    started: i64,
    is_done: bool,
    /// Whether we have ended it, and have said why.
    is_refused: bool,
}

impl PeerAuth {
    /// Whether the peer has said hello and must prove itself next.
    pub(super) fn is_pending(&self) -> bool {
        self.ours.is_some() && !self.is_done
    }
}

/// How many failures have been shown lately.
#[derive(Debug, Default)]
pub(super) struct FailureLog {
    since: i64,
    shown: u32,
}

impl Protocol {
    /// Whether a peer must prove itself before anything else.
    pub(super) fn must_authenticate(&self, peer: &Peer) -> bool {
        self.network.options().own.credentials.is_some() && !peer.auth.is_done
    }

    /// Asks a peer that has said hello to prove itself.
    pub(super) fn begin_authentication(&mut self, peer: &mut Peer) {
        let Some(credentials) = &self.network.options().own.credentials else { return };
        let mut nonce = [0; 32];
        getrandom::fill(&mut nonce).expect("the system has random numbers");
        let challenge = credentials.challenge(nonce);
        peer.send(&Message::AuthChallenge(Box::new(challenge.clone())));
        peer.auth.ours = Some(challenge);
        peer.auth.started = self.now_micros();
    }

    pub(super) fn on_auth_challenge(&mut self, peer: &mut Peer, theirs: AuthChallenge) {
        let Some(credentials) = self.network.options().own.credentials.clone() else {
            let what =
                "the peer requires authentication, and this node has neither -peersecret nor -peerkeys";
            self.refuse(peer, what);
            return;
        };
        if !peer.auth.is_pending() || peer.auth.theirs.is_some() {
            self.refuse(peer, "authchal out of turn");
            return;
        }
        if let Err(failure) = credentials.check_challenge(&theirs) {
            self.refuse(peer, failure);
            return;
        }
        peer.auth.theirs = Some(theirs);
        if let Some(transcript) = self.transcript(peer) {
            peer.send(&Message::AuthProof(Box::new(credentials.prove(&transcript, own_side(peer)))));
        }
    }

    pub(super) fn on_auth_proof(&mut self, peer: &mut Peer, proof: &AuthProof) {
        let credentials = self.network.options().own.credentials.clone();
        let (Some(credentials), Some(transcript), false) =
            (credentials, self.transcript(peer), peer.auth.is_done)
        else {
            self.refuse(peer, "authproof out of turn");
            return;
        };
        match credentials.check(&transcript, own_side(peer).other(), proof) {
            Ok(()) => {
                if !self.network.admit(&peer.link) {
                    peer.auth.is_refused = true;
                    self.disconnect(peer, "failed to find an eviction candidate - connection dropped (full)");
                    return;
                }
                peer.auth.is_done = true;
                let by = credentials.methods();
                tracing::debug!(target: "net", "authenticated by {by} peer={}", peer.id());
                self.accept(peer);
            }
            Err(failure) => self.refuse(peer, failure),
        }
    }

    /// Drops a peer that takes too long.
    pub(super) fn check_authentication(&mut self, peer: &mut Peer) {
        if peer.auth.is_pending() && self.now_micros() > peer.auth.started.saturating_add(TIMEOUT) {
            self.refuse(peer, "the peer has not proved itself in time");
        }
    }

    /// Tells that a peer is gone that had not proved itself: its log may say more.
    pub(super) fn note_unauthenticated(&mut self, peer: &Peer) {
        if peer.auth.is_pending() && !peer.auth.is_refused {
            self.log_failure(peer, "the peer has ended the connection instead of proving itself");
        }
    }

    fn refuse(&mut self, peer: &mut Peer, why: impl Display) {
        peer.auth.is_refused = true;
        self.log_failure(peer, why);
        self.network.disconnect(&peer.link);
    }

    fn log_failure(&mut self, peer: &Peer, why: impl Display) {
        let now = self.now_micros();
        let log = &mut self.auth_failures;
        if now.saturating_sub(log.since) > SHOWN_IN {
            *log = FailureLog { since: now, shown: 0 };
        }
        let (id, address) = (peer.id(), peer.link.address());
        let text = format!("peer authentication failed: {why}, disconnecting peer={id} ({address})");
        if peer.is_inbound() && log.shown >= SHOWN {
            tracing::debug!(target: "net", "{text}");
        } else {
            log.shown = log.shown.saturating_add(1);
            tracing::info!("{text}");
        }
    }

    fn transcript(&self, peer: &Peer) -> Option<Transcript> {
        let ours = (peer.link.nonce(), peer.auth.ours.clone()?);
        let theirs = (peer.auth.version_nonce, peer.auth.theirs.clone()?);
        let [caller, called] = if peer.is_inbound() { [theirs, ours] } else { [ours, theirs] };
        Some(Transcript {
            magic: self.network.options().magic,
            genesis: *self.chain.params().genesis.hash().as_bytes(),
            version_nonces: [caller.0, called.0],
            challenges: [caller.1, called.1],
            session: peer.link.transport().and_then(Transport::session),
        })
    }
}

fn own_side(peer: &Peer) -> Side {
    if peer.is_inbound() { Side::Called } else { Side::Caller }
}
