//! Peers that break the rules.

use super::{Peer, Protocol};
use crate::p2p::kind::ConnectionKind;
use crate::p2p::permissions::Permissions;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use std::fmt::Display;

impl Protocol {
    /// Marks a peer that broke a rule; it is dropped at its next send cycle.
    pub(super) fn misbehaving(&self, peer: &mut Peer, why: impl Display) {
        peer.misbehaves = true;
        let why = why.to_string();
        let colon = if why.is_empty() { "" } else { ": " };
        tracing::debug!(target: "net", "Misbehaving: peer={}{colon}{why}", peer.id());
    }

    /// Ends a connection and says why.
    pub(super) fn disconnect(&self, peer: &Peer, why: impl Display) {
        tracing::debug!(target: "net", "{why}, disconnecting peer={}", peer.id());
        self.network.disconnect(&peer.link);
    }

    /// [`Self::disconnect`] for what the operator should see.
    pub(super) fn disconnect_loudly(&self, peer: &Peer, why: impl Display) {
        tracing::info!("{why}, disconnecting peer={}", peer.id());
        self.network.disconnect(&peer.link);
    }

    /// Drops a peer that broke a rule, unless it may (Core's `MaybeDiscourageAndDisconnect`); whether it did.
    pub(super) fn punish_if_due(&mut self, peer: &mut Peer) -> bool {
        if !std::mem::take(&mut peer.misbehaves) {
            return false;
        }
        let id = peer.id();
        if peer.link.may(Permissions::NOBAN) {
            tracing::warn!("Not punishing noban peer {id}!");
            return false;
        }
        if peer.kind() == ConnectionKind::Manual {
            tracing::warn!("Not punishing manually connected peer {id}!");
            return false;
        }
        let address = peer.link.address();
        // All local peers share an address: what one does must not fall on the others.
        if address.is_local() || peer.link.is_onion() {
            let what = if peer.link.is_onion() { "inbound onion" } else { "local" };
            tracing::debug!(target: "net", "Warning: disconnecting but not discouraging {what} peer {id}!");
        } else {
            tracing::debug!(target: "net", "Disconnecting and discouraging peer {id}!");
            self.network.bans().discourage(&address.host());
            for link in self.network.peers() {
                if link.address().host() == address.host() {
                    self.network.disconnect(&link);
                }
            }
        }
        self.network.disconnect(&peer.link);
        true
    }

    /// What follows for a peer from the verdict on a block or header that it sent (Core's
    /// `MaybePunishNodeForBlock`). Blocks announced by compact blocks may have been passed on before they were
    /// checked in whole.
    pub(super) fn punish_for_block(
        &self,
        peer: &mut Peer,
        reason: &RejectReason,
        via_compact_block: bool,
        what: &str,
    ) {
        let guilty = match reason.kind {
            RejectKind::InvalidHeader | RejectKind::InvalidPrev | RejectKind::MissingPrev => true,
            RejectKind::Consensus | RejectKind::Mutated => !via_compact_block,
            RejectKind::CachedInvalid => !via_compact_block && !peer.is_inbound(),
            _ => false,
        };
        if guilty {
            self.misbehaving(peer, what);
        } else if !what.is_empty() {
            tracing::debug!(target: "net", "peer={}: {what}", peer.id());
        }
    }
}
