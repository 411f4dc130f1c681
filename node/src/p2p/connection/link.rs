//! One connection, as the tasks that serve its socket, the message thread and the interfaces share it.

use super::inbox::Total;
use super::outbox::Frame;
use super::{Counters, Inbox, Outbox};
use crate::p2p::facts::PeerFacts;
use crate::p2p::kind::{ConnectionKind, PeerId};
use crate::p2p::net_address::{NetAddress, Network};
use crate::p2p::permissions::Permissions;
use crate::p2p::transport::{Transport, TransportVersion};
use crate::p2p::wire::{Command, FrameHeader, Message, frame};
use chaincore_consensus::{Block, Tx};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock};
use tokio::sync::watch;

/// What is known of a connection when it is made.
#[derive(Debug, Clone)]
pub struct LinkOptions {
    /// Where the peer is.
    pub address: NetAddress,
    /// What the owner called it, or its address.
    pub name: String,
    /// Our end, if known.
    pub bind: Option<NetAddress>,
    /// What the connection is for.
    pub kind: ConnectionKind,
    /// What the peer is allowed beyond others.
    pub permissions: Permissions,
    /// Whether it came in through an address reserved for Tor.
    pub is_onion: bool,
    /// Whether to evict it first when connections run out.
    pub prefer_evict: bool,
    /// The highest version of the transport that this side knows, if the peer called, or speaks.
    pub transport: TransportVersion,
}

/// One connection.
#[derive(Debug)]
pub struct PeerLink {
    id: PeerId,
    options: LinkOptions,
    connected_at: i64,
    nonce: u64,
    network_key: u64,
    magic: [u8; 4],
    inbox: Inbox,
    outbox: Outbox,
    counters: Counters,
    closed: watch::Sender<bool>,
    transport: OnceLock<Transport>,
    is_stranger: AtomicBool,
    facts: Mutex<PeerFacts>,
}

/// What a connection is made of besides its options.
pub(super) struct LinkParts {
    pub(super) id: PeerId,
    pub(super) connected_at: i64,
    pub(super) nonce: u64,
    pub(super) network_key: u64,
    pub(super) magic: [u8; 4],
    pub(super) max_receive: usize,
    pub(super) max_send: usize,
    pub(super) received: Total,
    pub(super) queued: Total,
    pub(super) is_stranger: bool,
}

impl PeerLink {
    pub(super) fn new(options: LinkOptions, parts: LinkParts) -> Self {
        Self {
            id: parts.id,
            options,
            connected_at: parts.connected_at,
            nonce: parts.nonce,
            network_key: parts.network_key,
            magic: parts.magic,
            inbox: Inbox::new(parts.max_receive, parts.received),
            outbox: Outbox::new(parts.max_send, parts.queued),
            counters: Counters::default(),
            closed: watch::Sender::new(false),
            transport: OnceLock::new(),
            is_stranger: AtomicBool::new(parts.is_stranger),
            facts: Mutex::default(),
        }
    }

    /// The peer's number.
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Where the peer is.
    pub fn address(&self) -> NetAddress {
        self.options.address
    }

    /// What the owner called the peer, or its address (`addr` of `getpeerinfo`).
    pub fn name(&self) -> &str {
        &self.options.name
    }

    /// Our end of the connection, if known.
    pub fn bind(&self) -> Option<NetAddress> {
        self.options.bind
    }

    /// What the connection is for.
    pub fn kind(&self) -> ConnectionKind {
        self.options.kind
    }

    /// Whether the peer called.
    pub fn is_inbound(&self) -> bool {
        self.options.kind.is_inbound()
    }

    /// Whether it called in a private network and has not proved itself yet.
    pub fn is_stranger(&self) -> bool {
        self.is_stranger.load(Ordering::Acquire)
    }

    /// It has proved itself.
    pub(super) fn admit(&self) {
        self.is_stranger.store(false, Ordering::Release);
    }

    /// What the peer is allowed beyond others.
    pub fn permissions(&self) -> Permissions {
        self.options.permissions
    }

    /// Whether the peer has a permission.
    pub fn may(&self, permission: Permissions) -> bool {
        self.options.permissions.contains(permission)
    }

    /// Whether it came in through an address reserved for Tor.
    pub fn is_onion(&self) -> bool {
        self.options.is_onion
    }

    /// The network that the peer came through.
    pub fn network(&self) -> Network {
        if self.options.is_onion { Network::Onion } else { self.options.address.network() }
    }

    /// Whether to evict it first when connections run out.
    pub fn prefers_evict(&self) -> bool {
        self.options.prefer_evict
    }

    /// The highest version of the transport that this side knows, if the peer called, or speaks.
    pub fn attempted(&self) -> TransportVersion {
        self.options.transport
    }

    /// How messages travel; `None` as long as that is not known.
    pub fn transport(&self) -> Option<Transport> {
        self.transport.get().copied()
    }

    /// Whether a peer that we called has ended the connection, if it is ended, as one does that only knows the first
    /// version of the transport: it has had enough to see that this is none, and has said nothing (Core's
    /// `ShouldReconnectV1`). It is called again in the open.
    pub fn hears_only_plain(&self) -> bool {
        self.options.transport == TransportVersion::V2
            && !self.is_inbound()
            && self.counters.received() == 0
            && self.counters.sent() >= FrameHeader::LEN as u64
    }

    /// It is known how messages travel.
    pub(super) fn found(&self, transport: Transport) {
        // It is found out once, by one task.
        let _ = self.transport.set(transport);
    }

    /// When the connection was made, in seconds since 1970 by the node's clock.
    pub fn connected_at(&self) -> i64 {
        self.connected_at
    }

    /// The number in our version message, by which the node knows itself.
    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// A keyed hash of the peer's network group: equal for peers of one operator, and nobody else can choose it.
    pub fn network_key(&self) -> u64 {
        self.network_key
    }

    /// What came and waits.
    pub fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// What waits to be sent.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// What went through.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What the message thread knows of the peer, for the interfaces. Lock it shortly.
    pub fn facts(&self) -> MutexGuard<'_, PeerFacts> {
        self.facts.lock().expect("no one panics while holding the facts")
    }

    /// Queues a message.
    pub fn send(&self, message: &Message) {
        self.send_frame(message.command(), message.encode(self.magic));
    }

    /// Queues a message whose frame was made before, for several peers.
    pub fn send_frame(&self, command: Command, bytes: Vec<u8>) {
        if self.is_closed() {
            return;
        }
        tracing::debug!(
            target: "net",
            "sending {command} ({} bytes) peer={}",
            bytes.len().saturating_sub(FrameHeader::LEN),
            self.id
        );
        self.outbox.push(Frame { command, bytes });
    }

    /// Queues a message whose payload exists already.
    pub fn send_payload(&self, command: Command, payload: &[u8]) {
        self.send_frame(command, frame(self.magic, command, |bytes| bytes.extend_from_slice(payload)));
    }

    /// Queues a block without its witnesses.
    pub fn send_stripped_block(&self, block: &Block) {
        self.send_frame(Command::BLOCK, Message::encode_stripped_block(self.magic, block));
    }

    /// Queues a transaction without its witness.
    pub fn send_stripped_tx(&self, tx: &Tx) {
        self.send_frame(Command::TX, Message::encode_stripped_tx(self.magic, tx));
    }

    /// Ends the connection. What is queued already may still go out; what came is not looked at any more.
    pub fn close(&self) {
        self.closed.send_replace(true);
        self.inbox.close();
    }

    /// Whether the connection has ended, or is about to.
    pub fn is_closed(&self) -> bool {
        *self.closed.borrow()
    }

    /// Returns when the connection ends.
    pub(super) async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // The sender lives as long as this.
        let _ = closed.wait_for(|closed| *closed).await;
    }
}
