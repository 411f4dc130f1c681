//! Saying hello: `version`, `verack`, and what may stand between them.

use super::{Peer, Protocol};
use crate::p2p::kind::ConnectionKind;
use crate::p2p::net_address::NetAddress;
use crate::p2p::outbound::desirable_services;
use crate::p2p::permissions::Permissions;
use crate::p2p::transport::{Transport, TransportVersion};
use crate::p2p::wire::{
    COMPACT_BLOCKS_VERSION, COMPACT_BLOCKS_WITH_WITNESS, FEATURE_VERSION, MIN_PEER_PROTOCOL_VERSION, Message,
    PROTOCOL_VERSION, SEND_HEADERS_VERSION, ServiceFlags, Version, WTXID_RELAY_VERSION,
};

impl Protocol {
    /// Whether transactions are taken from a peer (Core's `RejectIncomingTxs` turned round).
    pub(super) fn takes_txs_from(&self, peer: &Peer) -> bool {
        peer.kind().relays_txs() && (!self.network.options().blocks_only || peer.link.may(Permissions::RELAY))
    }

    /// Core's `PushNodeVersion`.
    pub(super) fn send_version(&mut self, peer: &mut Peer) {
        peer.sent_version = true;
        let options = self.network.options();
        let address = peer.link.address();
        let receiver = match address.is_routable() && address.host().is_addr_v1_compatible() {
            true => address,
            false => NetAddress::UNSPECIFIED,
        };
        let height = self.snapshot().height();
        let relay = self.takes_txs_from(peer);
        peer.send(&Message::Version(Box::new(Version {
            version: PROTOCOL_VERSION.cast_signed(),
            services: options.services,
            time: self.now(),
            receiver_services: ServiceFlags::NONE,
            receiver,
            sender_services: options.services,
            sender: NetAddress::UNSPECIFIED,
            nonce: peer.link.nonce(),
            user_agent: options.user_agent.clone().into_bytes(),
            start_height: i32::try_from(height).unwrap_or(i32::MAX),
            relay,
        })));
        tracing::debug!(
            target: "net",
            "send version message: version={PROTOCOL_VERSION}, blocks={height}, txrelay={}, peer={}",
            u8::from(relay),
            peer.id()
        );
    }

    pub(super) fn on_version(&mut self, peer: &mut Peer, version: &Version) {
        let id = peer.id();
        if peer.version != 0 {
            tracing::debug!(target: "net", "redundant version message from peer={id}");
            return;
        }
        // In a private network nothing that a stranger says counts.
        if !peer.is_inbound() && !self.must_authenticate(peer) {
            self.network.book().set_services(&peer.link.address(), version.services);
        }
        let wanted = desirable_services(version.services, &self.chain, self.now());
        if peer.kind().expects_services() && !version.services.contains(wanted) {
            let (offered, wanted) = (version.services.0, wanted.0);
            let what = "peer does not offer the expected services";
            self.disconnect(peer, format_args!("{what} ({offered:08x} offered, {wanted:08x} expected)"));
            return;
        }
        if version.version < MIN_PEER_PROTOCOL_VERSION {
            self.disconnect(peer, format_args!("peer using obsolete version {}", version.version));
            return;
        }
        if peer.is_inbound() && self.network.is_own_nonce(version.nonce) {
            tracing::info!("connected to self at {}, disconnecting", peer.link.address());
            self.network.disconnect(&peer.link);
            return;
        }
        if peer.is_inbound() {
            self.network.local().seen(&version.receiver);
            self.send_version(peer);
        }
        peer.version = version.version;
        peer.common_version = version.version.min(PROTOCOL_VERSION.cast_signed());
        peer.services = version.services;
        peer.subversion = version.clean_user_agent();
        peer.starting_height = version.start_height;
        peer.local_address = Some(version.receiver);
        peer.relays_txs = version.relay && peer.kind().relays_txs();
        tracing::debug!(
            target: "net",
            "receive version message: {}: version {}, blocks={}, us={}, txrelay={}, peer={id}",
            if peer.subversion.is_empty() { "<no user agent>" } else { &peer.subversion },
            peer.version,
            peer.starting_height,
            version.receiver,
            u8::from(version.relay),
        );
        if peer.common_version >= WTXID_RELAY_VERSION {
            peer.send(&Message::WtxidRelay);
            peer.send(&Message::SendAddrV2);
        }
        peer.send(&Message::Verack);
        peer.auth.version_nonce = version.nonce;
        if !self.must_authenticate(peer) {
            self.greet(peer);
        }
        peer.time_offset = version.time.max(0) - self.now();
        if peer.kind() == ConnectionKind::Feeler {
            self.disconnect(peer, "feeler connection completed");
        }
    }

    /// Exchanges addresses with a peer from here on, and fetches from it before others if we called it.
    fn greet(&mut self, peer: &mut Peer) {
        let is_preferred = (!peer.is_inbound() || peer.link.may(Permissions::NOBAN))
            && peer.kind() != ConnectionKind::AddrFetch
            && peer.can_serve_blocks();
        self.headers.set_preferred(peer.id(), is_preferred);
        self.start_address_relay(peer);
        if !peer.is_inbound() {
            self.network.book().good(&peer.link.address());
        }
    }

    pub(super) fn on_verack(&mut self, peer: &mut Peer) {
        let id = peer.id();
        if peer.is_connected || peer.auth.is_pending() {
            tracing::debug!(target: "net", "ignoring redundant verack message from peer={id}");
        } else if self.must_authenticate(peer) {
            self.begin_authentication(peer);
        } else {
            self.begin_exchange(peer);
        }
    }

    /// Takes up a peer that has said hello and proved itself.
    pub(super) fn accept(&mut self, peer: &mut Peer) {
        self.greet(peer);
        self.begin_exchange(peer);
    }

    fn begin_exchange(&mut self, peer: &mut Peer) {
        let id = peer.id();
        let kind = peer.kind().name();
        // Something has come over it.
        let transport = peer.link.transport().map_or(TransportVersion::V1, Transport::version);
        // Whoever calls often must not fill the log.
        if peer.is_inbound() {
            tracing::debug!(
                target: "net", "New {kind} peer connected: transport: {transport}, version: {}, peer={id}", peer.version
            );
        } else {
            tracing::info!(
                "New {kind} peer connected: transport: {transport}, version: {}, blocks={}, peer={id}",
                peer.version,
                peer.starting_height
            );
        }
        if peer.common_version >= COMPACT_BLOCKS_VERSION {
            peer.send(&Message::SendCmpct { high_bandwidth: false, version: COMPACT_BLOCKS_WITH_WITNESS });
        }
        self.start_tx_relay(peer);
        peer.is_connected = true;
    }

    pub(super) fn on_wtxid_relay(&self, peer: &mut Peer) {
        let id = peer.id();
        if peer.is_connected {
            self.disconnect(peer, "wtxidrelay received after verack");
        } else if peer.common_version < WTXID_RELAY_VERSION {
            let version = peer.common_version;
            let what = "ignoring wtxidrelay due to old common version";
            tracing::debug!(target: "net", "{what}={version} from peer={id}");
        } else if peer.wtxid_relay {
            tracing::debug!(target: "net", "ignoring duplicate wtxidrelay from peer={id}");
        } else {
            peer.wtxid_relay = true;
        }
    }

    /// Drops a peer that names a feature when that is not allowed (BIP434); whether it did.
    pub(super) fn refuse_feature(&self, peer: &Peer) -> bool {
        if peer.is_connected {
            self.disconnect(peer, "feature received after verack");
        } else if peer.common_version < FEATURE_VERSION {
            let version = peer.common_version;
            self.disconnect(peer, format_args!("feature received with incompatible version {version}"));
        } else {
            return false;
        }
        true
    }

    pub(super) fn on_sendaddrv2(&self, peer: &mut Peer) {
        if peer.is_connected {
            self.disconnect(peer, "sendaddrv2 received after verack");
        } else {
            peer.wants_addrv2 = true;
        }
    }

    /// Asks for headers instead of invs once the peer is known to have a chain worth hearing of (BIP130).
    pub(super) fn send_sendheaders_if_due(&self, peer: &mut Peer) {
        let is_worth = peer
            .headers
            .best_known
            .as_ref()
            .is_some_and(|best| best.chain_work() > self.network.options().minimum_chain_work);
        if is_worth && !peer.headers.sent_sendheaders && peer.common_version >= SEND_HEADERS_VERSION {
            peer.send(&Message::SendHeaders);
            peer.headers.sent_sendheaders = true;
        }
    }
}
