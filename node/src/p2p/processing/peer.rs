//! What the protocol knows of one peer.

use super::addresses::PeerAddresses;
use super::announce::Announcements;
use super::authentication::PeerAuth;
use super::compact::PeerCompact;
use super::headers::PeerHeaders;
use super::ping::Ping;
use super::presync::Presync;
use super::txs::PeerTxs;
use crate::p2p::connection::PeerLink;
use crate::p2p::kind::{ConnectionKind, PeerId};
use crate::p2p::net_address::NetAddress;
use crate::p2p::wire::{Command, Inventory, Message, ServiceFlags};
use std::collections::VecDeque;
use std::sync::Arc;

/// One peer.
pub struct Peer {
    pub(super) link: Arc<PeerLink>,
    /// The version it offered; 0 before its version message.
    pub(super) version: i32,
    /// The lower of its version and ours.
    pub(super) common_version: i32,
    pub(super) services: ServiceFlags,
    pub(super) subversion: String,
    pub(super) starting_height: i32,
    pub(super) time_offset: i64,
    pub(super) local_address: Option<NetAddress>,
    pub(super) sent_version: bool,
    /// Whether both have said hello (Core's `fSuccessfullyConnected`).
    pub(super) is_connected: bool,
    /// Whether it announced `wtxidrelay` (BIP339).
    pub(super) wtxid_relay: bool,
    /// Whether it announced `sendaddrv2` (BIP155).
    pub(super) wants_addrv2: bool,
    /// Whether transactions are announced to it: it wants to hear of them, and the connection is for that.
    pub(super) relays_txs: bool,
    /// Whether it broke the rules and is to be dropped at the next send cycle.
    pub(super) misbehaves: bool,
    /// How far it has proved to be of this private network.
    pub(super) auth: PeerAuth,
    pub(super) ping: Ping,
    pub(super) addresses: PeerAddresses,
    pub(super) headers: PeerHeaders,
    pub(super) announcements: Announcements,
    /// The catching-up with its chain while nobody knows whether that is worth it.
    pub(super) presync: Option<Box<Presync>>,
    pub(super) compact: PeerCompact,
    /// What it asked for and has not been sent yet.
    pub(super) requests: VecDeque<Inventory>,
    /// When it last sent a block that was new and valid, in seconds.
    pub(super) last_block: i64,
    pub(super) txs: PeerTxs,
}

impl Peer {
    pub(super) fn new(link: Arc<PeerLink>) -> Self {
        Self {
            version: 0,
            common_version: 0,
            services: ServiceFlags::NONE,
            subversion: String::new(),
            starting_height: -1,
            time_offset: 0,
            local_address: None,
            sent_version: false,
            is_connected: false,
            wtxid_relay: false,
            wants_addrv2: false,
            relays_txs: false,
            misbehaves: false,
            auth: PeerAuth::default(),
            ping: Ping::default(),
            addresses: PeerAddresses::new(link.connected_at()),
            link,
            headers: PeerHeaders::default(),
            announcements: Announcements::default(),
            presync: None,
            compact: PeerCompact::default(),
            requests: VecDeque::new(),
            last_block: 0,
            txs: PeerTxs::default(),
        }
    }

    /// Its number.
    pub fn id(&self) -> PeerId {
        self.link.id()
    }

    pub(super) fn kind(&self) -> ConnectionKind {
        self.link.kind()
    }

    pub(super) fn is_inbound(&self) -> bool {
        self.link.is_inbound()
    }

    pub(super) fn send(&self, message: &Message) {
        self.link.send(message);
    }

    /// Sends a block as it lies in the block files.
    pub(super) fn send_block_bytes(&self, bytes: &[u8]) {
        self.link.send_payload(Command::BLOCK, bytes);
    }

    /// Whether it has blocks to give: all, or the latest.
    pub(super) fn can_serve_blocks(&self) -> bool {
        self.services.contains(ServiceFlags::NETWORK) || self.services.contains(ServiceFlags::NETWORK_LIMITED)
    }

    /// Whether it has only the latest blocks.
    pub(super) fn is_limited(&self) -> bool {
        !self.services.contains(ServiceFlags::NETWORK)
            && self.services.contains(ServiceFlags::NETWORK_LIMITED)
    }

    /// Whether its blocks and transactions come with witnesses.
    pub(super) fn can_serve_witnesses(&self) -> bool {
        self.services.contains(ServiceFlags::WITNESS)
    }
}
