//! The message thread's round.

use super::{Peer, Protocol};
use crate::p2p::connection::Network;
use crate::p2p::kind::PeerId;
use rand::seq::SliceRandom;
use std::io;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// How long the thread sleeps at most when nobody wakes it.
const NAP: Duration = Duration::from_millis(100);
/// How long it sleeps at least, so that it never spins.
const DOZE: Duration = Duration::from_millis(1);

type Work = Box<dyn FnOnce(&mut Protocol) + Send>;

enum Command {
    Run(Work),
    Stop,
}

/// The way to the protocol from other threads.
#[derive(Clone)]
pub struct ProtocolHandle {
    network: Arc<Network>,
    commands: mpsc::Sender<Command>,
}

impl ProtocolHandle {
    /// Does something with the protocol between two messages. Does not wait; nothing happens if the thread has
    /// stopped.
    pub fn run(&self, work: impl FnOnce(&mut Protocol) + Send + 'static) {
        // It fails only after the thread has stopped.
        let _ = self.commands.send(Command::Run(Box::new(work)));
        self.network.wake().wake();
    }

    /// [`Self::run`] that waits for an answer; `None` if the thread has stopped. Not for the runtime's threads.
    pub fn ask_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Protocol) -> T + Send + 'static,
    ) -> Option<T> {
        let (reply, answer) = mpsc::sync_channel(1);
        self.run(move |protocol| {
            // Nobody may be waiting any more.
            let _ = reply.send(work(protocol));
        });
        answer.recv().ok()
    }
}

/// The running thread.
pub struct MessageThread {
    handle: ProtocolHandle,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Its sender lives as long as the thread.
    alive: watch::Receiver<()>,
}

impl MessageThread {
    /// Starts the thread.
    pub fn start(protocol: Protocol) -> io::Result<Self> {
        let (commands, queue) = mpsc::channel();
        let handle = ProtocolHandle { network: protocol.network.clone(), commands };
        let (guard, alive) = watch::channel(());
        let thread = std::thread::Builder::new().name("msghand".into()).spawn(move || {
            let _guard = guard;
            serve(protocol, &queue);
        })?;
        Ok(Self { handle, thread: Mutex::new(Some(thread)), alive })
    }

    /// Returns when the thread has ended, because it was stopped or because of a failure.
    pub async fn ended(&self) {
        let mut alive = self.alive.clone();
        // Nothing is ever sent, so this returns when the sender is gone.
        while alive.changed().await.is_ok() {}
    }

    /// The way to the protocol.
    pub fn handle(&self) -> &ProtocolHandle {
        &self.handle
    }

    /// Stops the thread and waits for it.
    pub fn stop(&self) {
        let _ = self.handle.commands.send(Command::Stop);
        self.handle.network.wake().wake();
        let thread = self.thread.lock().expect("no one panics while holding the thread").take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!("the message thread has failed");
        }
    }
}

fn serve(mut protocol: Protocol, commands: &mpsc::Receiver<Command>) {
    loop {
        while let Ok(command) = commands.try_recv() {
            match command {
                Command::Run(work) => work(&mut protocol),
                Command::Stop => return,
            }
        }
        if !protocol.round() {
            protocol.network.wake().sleep(protocol.nap());
        }
    }
}

impl Protocol {
    /// Serves every peer once; whether there is more to do at once.
    fn round(&mut self) -> bool {
        self.admit_and_drop();
        self.take_early_blocks();
        self.follow_chain();
        self.share_news();
        self.run_scheduled();
        let mut order: Vec<PeerId> = self.peers.keys().copied().collect();
        // Nobody gains by being first.
        order.shuffle(&mut self.rng);
        let mut more = false;
        for id in order {
            let Some(mut peer) = self.peers.remove(&id) else { continue };
            if !peer.link.is_closed() {
                more |= self.receive_one(&mut peer);
                self.send_cycle(&mut peer);
                self.publish_facts(&peer);
            }
            self.peers.insert(id, peer);
            self.trim_headers_if_due();
        }
        more
    }

    /// How long nothing is to be done unless somebody says something: until transactions are to be announced or asked
    /// for, if that is soon.
    pub(in crate::p2p) fn nap(&self) -> Duration {
        // A clock that stands tells nothing of how long that is.
        if self.clock.is_mocked() {
            return NAP;
        }
        let now = self.now_micros();
        let is_served =
            |peer: &&Peer| peer.is_connected && !peer.link.is_closed() && !peer.link.outbox().is_full();
        let mut served = self.peers.values().filter(is_served).peekable();
        let request = served.peek().and_then(|_| self.next_request());
        let next = served.filter_map(Peer::next_announcement).chain(request).min();
        let until = |next: i64| Duration::from_micros(next.saturating_sub(now).max(0).unsigned_abs());
        next.map_or(NAP, |next| until(next).clamp(DOZE, NAP))
    }

    /// Takes note of what happened to connections and chain, between two rounds.
    pub fn follow_chain_now(&mut self) {
        self.admit_and_drop();
        self.follow_chain();
    }

    /// Takes up new connections and forgets ended ones.
    fn admit_and_drop(&mut self) {
        for link in self.network.take_arrivals() {
            self.peers.insert(link.id(), Peer::new(link));
        }
        let gone: Vec<PeerId> =
            self.peers.values().filter(|peer| peer.link.is_closed()).map(Peer::id).collect();
        for id in gone {
            if let Some(peer) = self.peers.remove(&id) {
                self.forget(&peer);
            }
        }
    }

    /// Core's `FinalizeNode`.
    fn forget(&mut self, peer: &Peer) {
        let id = peer.id();
        self.note_unauthenticated(peer);
        self.headers.forget(id);
        self.downloads.forget(id);
        self.forget_txs_of(id);
        self.compact.forget(id);
        if peer.is_connected && peer.kind().relays_txs() && !peer.is_inbound() {
            self.network.book().connected(&peer.link.address());
        }
        tracing::debug!(target: "net", "Cleared nodestate for peer={id}");
    }

    /// What happens at a peer without its doing (Core's `SendMessages`).
    fn send_cycle(&mut self, peer: &mut Peer) {
        if self.punish_if_due(peer) {
            return;
        }
        if !peer.is_inbound() && !peer.sent_version {
            self.send_version(peer);
        }
        // A ping without an answer says more than the silence that it ends in.
        if peer.is_connected && !peer.link.outbox().is_full() {
            self.ping_if_due(peer);
        }
        if !peer.link.is_closed() {
            self.check_inactivity(peer);
        }
        self.check_authentication(peer);
        if !peer.is_connected || peer.link.is_closed() || peer.link.outbox().is_full() {
            return;
        }
        if self.end_overdue_fetch(peer) {
            return;
        }
        self.send_addresses_if_due(peer);
        self.send_sendheaders_if_due(peer);
        self.start_headers_sync_if_due(peer);
        self.resume_headers_if_due(peer);
        self.announce_blocks(peer);
        self.announce_txs(peer);
        if self.check_download_timeouts(peer) {
            return;
        }
        self.consider_eviction(peer);
        self.request_blocks(peer);
        self.request_txs(peer);
        self.send_fee_filter_if_due(peer);
    }

    /// Tells the interfaces what is known of a peer.
    fn publish_facts(&self, peer: &Peer) {
        let mut facts = peer.link.facts();
        facts.version = peer.version;
        facts.services = peer.services;
        if facts.subversion != peer.subversion {
            facts.subversion.clone_from(&peer.subversion);
        }
        facts.starting_height = peer.starting_height;
        facts.time_offset = peer.time_offset;
        facts.handshake_done = peer.is_connected;
        facts.local_address = peer.local_address;
        facts.relays_txs = peer.relays_txs;
        facts.addr_relay = peer.addresses.is_relaying();
        facts.addr_processed = peer.addresses.processed();
        facts.addr_rate_limited = peer.addresses.rate_limited();
        facts.min_fee_filter = peer.txs.min_rate().0;
        facts.inv_to_send = peer.txs.waiting();
        facts.last_inv_sequence = peer.txs.last_sequence().unwrap_or(0);
        facts.last_transaction = peer.txs.last_transaction;
        let height = |entry: &Option<std::sync::Arc<crate::chain::BlockEntry>>| {
            entry.as_ref().map_or(-1, |entry| i32::try_from(entry.height()).unwrap_or(i32::MAX))
        };
        facts.synced_headers = height(&peer.headers.best_known);
        facts.synced_blocks = height(&peer.headers.last_common);
        facts.presynced_headers = Self::presync_height(peer);
        facts.high_bandwidth_to = peer.compact.is_chosen;
        facts.high_bandwidth_from = peer.compact.chose_us;
        facts.inflight = self.downloads.heights_of(peer.id());
        facts.last_block = peer.last_block;
        facts.ping_time = peer.ping.last;
        facts.min_ping = peer.ping.best;
        facts.ping_sent = peer.ping.waiting_since();
        facts.last_block_announcement = peer.headers.last_announcement;
    }
}
