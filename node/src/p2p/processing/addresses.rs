//! Exchanging addresses of nodes with peers.
//!
//! Addresses that peers tell go into the address book, at a limited rate; fresh ones are passed on to one or two
//! other peers, the same ones for a day, so that an address travels through the network once and not in circles. Who
//! called may ask once for a part of the book, and gets the same answer as all others for about a day. Connections
//! for blocks alone take no part: their addresses would show that they exist.

mod own;
mod receive;
mod relay;
mod send;

use super::{Peer, Protocol, SECOND};
use crate::p2p::address_book::response_cache::{ResponseCache, WayIn};
use crate::p2p::kind::ConnectionKind;
use crate::p2p::net_address::Network;
use crate::p2p::permissions::Permissions;
use crate::p2p::rolling_bloom::RollingBloom;
use crate::p2p::timer::RandomTimer;
use crate::p2p::token_bucket::TokenBucket;
use crate::p2p::wire::{Message, PeerAddress};

/// The most addresses of one message (Core's `MAX_ADDR_TO_SEND`).
const MAX_ADDRESSES: usize = 1000;
/// How much of the book an answer shows at most, in percent.
const MAX_PERCENT: usize = 23;
/// How many addresses a peer is known to know, and how often one counts among them by mistake.
const KNOWN: usize = 5000;
const KNOWN_FALSE_POSITIVES: f64 = 0.001;
/// The mean time between two `addr` messages to a peer, and between two that name this node, in microseconds.
const SEND_INTERVAL: i64 = 30 * SECOND;
const OWN_INTERVAL: i64 = 24 * 60 * 60 * SECOND;
/// How long a connection that was made for addresses may wait for them, in seconds.
const FETCH_TIMEOUT: i64 = 10 * SEND_INTERVAL / SECOND;

/// What is known of all peers together.
#[derive(Debug, Default)]
pub(super) struct AddressRelay {
    answers: ResponseCache,
}

/// The exchange with one peer.
#[derive(Debug)]
pub(super) struct PeerAddresses {
    /// What the peer knows; `None` if no addresses are exchanged with it.
    known: Option<RollingBloom>,
    to_send: Vec<PeerAddress>,
    send: RandomTimer,
    own: RandomTimer,
    /// Whether it has been told this node's address.
    knows_own: bool,
    tokens: TokenBucket,
    /// Whether it was asked for addresses and has not answered in whole.
    asked: bool,
    /// Whether it has asked.
    was_asked: bool,
    processed: u64,
    rate_limited: u64,
}

impl PeerAddresses {
    /// Those of a peer that connected at a time, in seconds.
    pub(super) fn new(connected_at: i64) -> Self {
        Self {
            known: None,
            to_send: Vec::new(),
            send: RandomTimer::at_once_and_every(SEND_INTERVAL),
            own: RandomTimer::at_once_and_every(OWN_INTERVAL),
            knows_own: false,
            tokens: TokenBucket::new(connected_at.saturating_mul(SECOND)),
            asked: false,
            was_asked: false,
            processed: 0,
            rate_limited: 0,
        }
    }

    /// Whether addresses are exchanged with the peer.
    pub(super) fn is_relaying(&self) -> bool {
        self.known.is_some()
    }

    /// Addresses that were taken from it.
    pub(super) fn processed(&self) -> u64 {
        self.processed
    }

    /// Addresses that were not, because it sent too many.
    pub(super) fn rate_limited(&self) -> u64 {
        self.rate_limited
    }
}

impl Peer {
    /// Begins to exchange addresses, if the connection is for that; whether it is.
    fn exchanges_addresses(&mut self) -> bool {
        if matches!(self.kind(), ConnectionKind::BlockRelay | ConnectionKind::Feeler) {
            return false;
        }
        self.addresses.known.get_or_insert_with(|| RollingBloom::new(KNOWN, KNOWN_FALSE_POSITIVES));
        true
    }
}

impl Protocol {
    /// Asks a peer that was called for addresses. Who called is not asked: it could fill the book with its own.
    pub(super) fn start_address_relay(&mut self, peer: &mut Peer) {
        if peer.is_inbound() || !peer.exchanges_addresses() {
            return;
        }
        peer.send(&Message::GetAddr);
        peer.addresses.asked = true;
        peer.addresses.tokens.expect(MAX_ADDRESSES as u32);
    }

    /// A peer asks for addresses. Only who called gets an answer: a node that nobody can call would show by it which
    /// addresses it was told.
    pub(super) fn on_getaddr(&mut self, peer: &mut Peer) {
        let id = peer.id();
        if !peer.is_inbound() {
            let kind = peer.kind().name();
            tracing::debug!(target: "net", "Ignoring \"getaddr\" from {kind} connection. peer={id}");
            return;
        }
        peer.exchanges_addresses();
        if std::mem::replace(&mut peer.addresses.was_asked, true) {
            tracing::debug!(target: "net", "Ignoring repeated \"getaddr\". peer={id}");
            return;
        }
        peer.addresses.to_send.clear();
        let network = self.network.clone();
        let choose = || {
            let mut addresses = network.book().get_addr(MAX_ADDRESSES, MAX_PERCENT, None, true);
            addresses.retain(|known| {
                let host = known.address.host();
                !network.bans().is_discouraged(&host) && !network.bans().is_banned(&host)
            });
            addresses
        };
        let addresses = match peer.link.may(Permissions::ADDR) {
            true => choose().into(),
            false => {
                let network = match peer.link.is_onion() {
                    true => Network::Onion,
                    false => peer.link.address().host().net_class(),
                };
                let bind = peer.link.bind().unwrap_or(crate::p2p::net_address::NetAddress::UNSPECIFIED);
                let now = self.now_micros();
                self.addresses.answers.answer(WayIn { network, bind }, now, choose)
            }
        };
        for address in addresses.iter() {
            peer.queue_address(*address, &mut self.rng);
        }
    }
}
