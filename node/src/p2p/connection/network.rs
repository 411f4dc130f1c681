//! All connections of the node, and making new ones.

use super::inbox::Total;
use super::link::{LinkOptions, LinkParts};
use super::unfinished::{Rank, Unfinished};
use super::{PeerLink, Totals, UploadTarget, session, strangers};
use crate::clock::Clock;
use crate::p2p::address_book::AddressBook;
use crate::p2p::bans::Bans;
use crate::p2p::eviction::{self, Candidate};
use crate::p2p::kind::{ConnectionKind, PeerId};
use crate::p2p::local::LocalAddresses;
use crate::p2p::net_address::NetAddress;
use crate::p2p::options::P2pOptions;
use crate::p2p::outbound::Wishes;
use crate::p2p::permissions::Permissions;
use crate::p2p::wake::Wake;
use crate::p2p::wire::{Command, MAX_PAYLOAD, ServiceFlags};
use chaincore_consensus::hash::sha256;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpStream;

/// What unfinished messages of all peers together may take, in bytes: sixteen of the longest ones.
pub(in crate::p2p) const MAX_UNFINISHED: usize = 16 * MAX_PAYLOAD;

/// The secret that makes numbers which peers cannot choose.
#[derive(Debug)]
struct Secret([u8; 32]);

impl Secret {
    fn hash(&self, what: &str, data: &[u8]) -> u64 {
        let digest = sha256(&[&self.0[..], what.as_bytes(), data].concat());
        u64::from_le_bytes(*digest.first_chunk().expect("a digest has 32 bytes"))
    }
}

/// The connections of the node.
pub struct Network {
    options: P2pOptions,
    clock: Clock,
    wake: Wake,
    secret: Secret,
    book: AddressBook,
    bans: Bans,
    local: LocalAddresses,
    wishes: Wishes,
    peers: Mutex<BTreeMap<PeerId, Arc<PeerLink>>>,
    arrivals: Mutex<Vec<Arc<PeerLink>>>,
    next_id: AtomicU64,
    active: AtomicBool,
    totals: Totals,
    /// Where the node listens.
    bound: Mutex<Vec<SocketAddr>>,
    upload: UploadTarget,
    /// Who listens in the place of a routable address, and what was dialled.
    #[cfg(test)]
    pub(in crate::p2p) stand_ins: Mutex<BTreeMap<NetAddress, SocketAddr>>,
    #[cfg(test)]
    pub(in crate::p2p) dialled: Mutex<Vec<NetAddress>>,
    /// What waits in all inboxes together.
    received: Total,
    /// What has come in part of all peers together.
    unfinished: Unfinished,
    /// What waits in all outboxes together.
    queued: Total,
}

impl Network {
    /// No connections yet.
    pub fn new(options: P2pOptions, clock: Clock, book: AddressBook, bans: Bans) -> Arc<Self> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the system has random numbers");
        // Who listens on loopback alone is not where others see him.
        let is_open = options.binds.iter().any(|bind| NetAddress::from(bind.address).host().is_bind_any());
        let learns = options.discover && is_open;
        let local = LocalAddresses::new(options.listen, learns, options.port, options.reach);
        for address in &options.external {
            local.add_named(*address);
        }
        Arc::new(Self {
            active: AtomicBool::new(options.active),
            upload: UploadTarget::new(options.upload_target),
            options,
            clock,
            wake: Wake::default(),
            secret: Secret(secret),
            book,
            bans,
            local,
            wishes: Wishes::default(),
            peers: Mutex::default(),
            arrivals: Mutex::default(),
            next_id: AtomicU64::new(0),
            totals: Totals::default(),
            bound: Mutex::default(),
            #[cfg(test)]
            stand_ins: Mutex::default(),
            #[cfg(test)]
            dialled: Mutex::default(),
            received: Total::default(),
            unfinished: Unfinished::new(MAX_UNFINISHED),
            queued: Total::default(),
        })
    }

    /// The settings.
    pub fn options(&self) -> &P2pOptions {
        &self.options
    }

    /// The node's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The known addresses.
    pub fn book(&self) -> &AddressBook {
        &self.book
    }

    /// Who may not connect.
    pub fn bans(&self) -> &Bans {
        &self.bans
    }

    /// Where this node itself can be reached.
    pub fn local(&self) -> &LocalAddresses {
        &self.local
    }

    /// What the message thread wants of the connections that are made next.
    pub fn wishes(&self) -> &Wishes {
        &self.wishes
    }

    /// What the message thread sleeps on.
    pub fn wake(&self) -> &Wake {
        &self.wake
    }

    /// What went through all connections together.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How much should be sent in a day, and what has been.
    pub fn upload(&self) -> &UploadTarget {
        &self.upload
    }

    /// Whether blocks older than a week are given away today. What waits to be sent counts as sent: a peer's queue may
    /// hold many blocks.
    pub fn serves_old_blocks(&self) -> bool {
        let waiting = self.queued.load(Ordering::Acquire) as u64;
        self.upload.serves_old_blocks(waiting, self.clock.now())
    }

    /// A number for `data` that nobody outside can foresee.
    pub fn keyed_hash(&self, what: &str, data: &[u8]) -> u64 {
        self.secret.hash(what, data)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<PeerId, Arc<PeerLink>>> {
        self.peers.lock().expect("no one panics while holding the peers")
    }

    /// All connections, the oldest first.
    pub fn peers(&self) -> Vec<Arc<PeerLink>> {
        self.lock().values().cloned().collect()
    }

    /// A connection.
    pub fn peer(&self, id: PeerId) -> Option<Arc<PeerLink>> {
        self.lock().get(&id).cloned()
    }

    /// How many connections are of some kind; strangers in a private network are of none.
    pub fn count(&self, is: impl Fn(ConnectionKind) -> bool) -> usize {
        self.lock().values().filter(|link| is(link.kind()) && !link.is_stranger()).count()
    }

    /// Connections that the message thread has not seen yet.
    pub fn take_arrivals(&self) -> Vec<Arc<PeerLink>> {
        std::mem::take(&mut self.lock_arrivals())
    }

    fn lock_arrivals(&self) -> std::sync::MutexGuard<'_, Vec<Arc<PeerLink>>> {
        self.arrivals.lock().expect("no one panics while holding the arrivals")
    }

    /// Notes where the node listens.
    pub(super) fn listens_at(&self, address: SocketAddr) {
        self.bound.lock().expect("no one panics while holding the addresses").push(address);
    }

    /// Whether somebody who calls an address on this machine calls this node.
    pub fn is_bound(&self, address: &NetAddress) -> bool {
        let bound = self.bound.lock().expect("no one panics while holding the addresses");
        let is_it = |bound: &SocketAddr| {
            let everywhere = bound.ip().is_unspecified() && address.is_local();
            bound.port() == address.port() && (everywhere || NetAddress::from(*bound) == *address)
        };
        bound.iter().any(is_it)
    }

    /// Whether connections may be made.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Allows connections, or ends all and allows none (`setnetworkactive`).
    pub fn set_active(&self, active: bool) {
        if self.active.swap(active, Ordering::AcqRel) != active {
            tracing::info!("SetNetworkActive: {active}");
        }
        if !active {
            for link in self.peers() {
                tracing::debug!(target: "net", "Network not active, disconnecting peer={}", link.id());
                self.disconnect(&link);
            }
        }
    }

    /// Ends a connection.
    pub fn disconnect(&self, link: &PeerLink) {
        link.close();
        self.lock().remove(&link.id());
        // Whoever is gone before the message thread looked need not be seen by it: it may be busy for long.
        self.lock_arrivals().retain(|arrival| arrival.id() != link.id());
        self.wake.wake();
    }

    /// Ends all connections and allows no more.
    pub fn shut_down(&self) {
        self.active.store(false, Ordering::Release);
        for link in self.peers() {
            tracing::debug!(target: "net", "Stopping node, disconnecting peer={}", link.id());
            self.disconnect(&link);
        }
    }

    /// Notes how much memory the unfinished message of a peer takes, and ends a connection if all of them take too much.
    pub(super) fn note_unfinished(&self, link: &PeerLink, bytes: usize) {
        let rank = match link.kind() {
            _ if link.may(Permissions::NOBAN) => Rank::Trusted,
            ConnectionKind::Inbound => Rank::Inbound,
            _ => Rank::Outbound,
        };
        let Some(first) = self.unfinished.note(link.id(), rank, bytes) else { return };
        tracing::debug!(target: "net", "too many unfinished messages, disconnecting peer={first}");
        if let Some(link) = self.peer(first) {
            self.disconnect(&link);
        }
    }

    /// The number of the next connection.
    #[cfg(test)]
    pub(in crate::p2p) fn next_peer(&self) -> u64 {
        self.next_id.load(Ordering::Relaxed)
    }

    /// How many bytes of unfinished messages are counted.
    #[cfg(test)]
    pub(in crate::p2p) fn unfinished(&self) -> usize {
        self.unfinished.total()
    }

    pub(super) fn count_received(&self, link: &PeerLink, bytes: usize) {
        link.counters().bytes_received(bytes as u64, self.clock.now());
        self.totals.received.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes, of a message or of none.
    pub(super) fn count_sent(&self, link: &PeerLink, command: Option<&Command>, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let now = self.clock.now();
        link.counters().bytes_sent(bytes as u64, now);
        self.upload.sent(bytes as u64, now);
        if let Some(command) = command {
            link.counters().message_sent(command, bytes as u64);
        }
        self.totals.sent.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Whether a version message's number is one of ours: the node has called itself (Core's
    /// `CheckIncomingNonce`).
    pub fn is_own_nonce(&self, nonce: u64) -> bool {
        self.lock()
            .values()
            .any(|link| !link.is_inbound() && !link.facts().handshake_done && link.nonce() == nonce)
    }

    /// How many inbound connections there may be now.
    fn max_inbound(&self) -> usize {
        let taken = self
            .options
            .own
            .reserved_outbound
            .map_or(0, |reserved| self.count(|kind| !kind.is_inbound()).saturating_sub(reserved));
        self.options.max_inbound.saturating_sub(taken)
    }

    /// Takes a connection that somebody made to us, unless there is a reason not to.
    pub(super) fn accept(
        self: &Arc<Self>,
        stream: TcpStream,
        remote: SocketAddr,
        bound: &super::BoundAddress,
    ) {
        let address = NetAddress::from(remote);
        let bind = stream.local_addr().ok().map(NetAddress::from);
        let permissions = self.options.whitelist.incoming(bound.permissions, Some(&address.host()));
        if !self.is_active() {
            let text = "dropped: not accepting new connections";
            tracing::debug!(target: "net", "connection from {address} {text}");
            return;
        }
        let _ = stream.set_nodelay(true);
        let inbound = self.count(ConnectionKind::is_inbound);
        let is_free = permissions.contains(Permissions::NOBAN);
        if !is_free && self.bans.is_banned(&address.host()) {
            tracing::debug!(target: "net", "connection from {address} dropped (banned)");
            return;
        }
        let discouraged = self.bans.is_discouraged(&address.host());
        let max_inbound = self.max_inbound();
        let is_nearly_full = inbound + 1 >= max_inbound;
        if !is_free && is_nearly_full && discouraged {
            tracing::debug!(target: "net", "connection from {address} dropped (discouraged)");
            return;
        }
        if self.is_private() {
            self.make_room_for_stranger(&address);
        } else if inbound >= max_inbound && !self.evict_one() {
            tracing::debug!(
                target: "net", "failed to find an eviction candidate - connection dropped (full)"
            );
            return;
        }
        tracing::debug!(target: "net", "connection from {address} accepted");
        self.add(
            stream,
            LinkOptions {
                address,
                name: address.to_string(),
                bind,
                kind: ConnectionKind::Inbound,
                permissions,
                is_onion: bound.is_onion,
                prefer_evict: discouraged,
                transport: self.options.transport(),
            },
        );
    }

    /// Whether peers must prove themselves.
    pub(super) fn is_private(&self) -> bool {
        self.options.own.credentials.is_some()
    }

    /// Whether a peer that does not encrypt is called again in the open. Not in a private network: whoever can cut lines
    /// could make members do with connections on which a proof says who was there at the beginning, and no more.
    pub fn calls_in_the_open(&self, link: &PeerLink) -> bool {
        link.hears_only_plain() && !self.is_private()
    }

    /// Ends a stranger's connection if there are too many of them for another one.
    fn make_room_for_stranger(&self, newcomer: &NetAddress) {
        let links = self.peers();
        let goes = |link: &&Arc<PeerLink>| link.is_stranger() && !link.may(Permissions::NOBAN);
        let strangers: Vec<_> =
            links.iter().filter(goes).map(|link| (link.id(), link.address().host())).collect();
        let Some(first) = strangers::who_goes(&strangers, newcomer.host()) else { return };
        tracing::debug!(target: "net", "too many peers have not proved themselves, disconnecting peer={first}");
        if let Some(link) = self.peer(first) {
            self.disconnect(&link);
        }
    }

    /// Takes a peer that has proved itself among the others; `false` if there is no place for it.
    pub fn admit(&self, link: &PeerLink) -> bool {
        let is_new = link.is_stranger();
        if is_new && self.count(ConnectionKind::is_inbound) >= self.max_inbound() && !self.evict_one() {
            return false;
        }
        link.admit();
        true
    }

    /// Ends the inbound connection that is worth least, if one may be ended (Core's
    /// `AttemptToEvictConnection`).
    fn evict_one(&self) -> bool {
        let candidates = self
            .peers()
            .iter()
            .filter(|link| link.is_inbound() && !link.may(Permissions::NOBAN) && !link.is_closed())
            .filter(|link| !link.is_stranger())
            .map(candidate)
            .collect();
        let Some(id) = eviction::select(candidates).map(PeerId) else { return false };
        let Some(link) = self.peer(id) else { return false };
        tracing::debug!(target: "net", "selected inbound connection for eviction, disconnecting peer={id}");
        self.disconnect(&link);
        true
    }

    pub(super) fn add(self: &Arc<Self>, stream: TcpStream, options: LinkOptions) -> Arc<PeerLink> {
        let id = PeerId(self.next_id.fetch_add(1, Ordering::Relaxed));
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).expect("the system has random numbers");
        let parts = LinkParts {
            id,
            connected_at: self.clock.now(),
            nonce: u64::from_le_bytes(nonce),
            network_key: self.secret.hash("network group", &options.address.group()),
            magic: self.options.magic,
            max_receive: self.options.max_receive,
            max_send: self.options.max_send,
            received: self.received.clone(),
            is_stranger: self.is_private() && options.kind.is_inbound(),
            queued: self.queued.clone(),
        };
        let link = Arc::new(PeerLink::new(options, parts));
        tracing::debug!(target: "net", "Added connection peer={id}");
        self.lock().insert(id, link.clone());
        self.lock_arrivals().push(link.clone());
        session::start(self, &link, stream);
        self.wake.wake();
        link
    }
}

fn candidate(link: &Arc<PeerLink>) -> Candidate {
    let facts = link.facts();
    Candidate {
        id: link.id().0,
        inbound: link.is_inbound(),
        noban: link.may(Permissions::NOBAN),
        connected: link.connected_at(),
        min_ping: facts.min_ping.unwrap_or(i64::MAX),
        last_block: facts.last_block,
        last_tx: facts.last_transaction,
        relevant_services: facts.services.contains(ServiceFlags::NETWORK | ServiceFlags::WITNESS),
        relays_txs: facts.relays_txs,
        bloom_filter: false,
        group: link.network_key(),
        prefer: link.prefers_evict(),
        local: link.address().is_local(),
        network: link.network(),
    }
}
