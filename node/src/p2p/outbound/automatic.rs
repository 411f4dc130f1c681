//! The connections that the node makes by itself, out of its address book (Core's `ThreadOpenConnections`).
//!
//! One call at a time, and one look at what is missing every half second: first the anchors, then full connections,
//! then those for blocks alone; when all are there, an extra one of either kind where the message thread wishes it,
//! and now and then a feeler, which only finds out whether an address is worth keeping. Peers that stay are each of
//! another network group, so that nobody who has many addresses of one has many of our connections.

use super::added::Added;
use super::choose::Chooser;
use super::fixed_seeds::FixedSeeds;
use super::{PAUSE, has_room};
use crate::chain::ChainHandle;
use crate::p2p::connection::Network;
use crate::p2p::kind::ConnectionKind;
use crate::p2p::net_address;
use crate::p2p::timer::RandomTimer;
use crate::p2p::wire::PeerAddress;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const SECOND: i64 = 1_000_000;
/// The mean times between two feelers, two extra connections for blocks, and two for a network without any.
const FEELER_INTERVAL: i64 = 120 * SECOND;
const EXTRA_BLOCK_RELAY_INTERVAL: i64 = 300 * SECOND;
const EXTRA_NETWORK_INTERVAL: i64 = 300 * SECOND;
/// Feelers wait up to that long, so that nodes do not call at the same moments.
const FEELER_DELAY: Duration = Duration::from_secs(1);
/// With so many full connections, no peer has to be asked for more addresses.
const ENOUGH_CONNECTIONS: usize = 2;
/// With fewer full connections than that, none is spent on networks that have no peer yet.
const LEAST_FOR_NETWORKS: usize = 5;
/// While the book has nobody to call, it is asked less and less often: in the end once in 2 to the power of this
/// looks. Looking through a book in vain is work.
const MAX_FRUITLESS: u32 = 4;
/// How long to wait before the next peer of `-seednode` is asked, in seconds.
const NEXT_SEED: i64 = 10;

/// The task's state.
pub(super) struct Automatic {
    network: Arc<Network>,
    added: Arc<Added>,
    chain: ChainHandle,
    rng: StdRng,
    anchors: Vec<PeerAddress>,
    /// Peers of `-seednode` that have not been asked.
    seeds: Vec<String>,
    fixed_seeds: FixedSeeds,
    /// When the last one was asked, in seconds.
    seed_asked: i64,
    /// How often the book had nobody in a row, how many addresses it had then, and how many looks to leave out.
    fruitless: u32,
    book_size: usize,
    leave_out: u32,
    feeler: RandomTimer,
    extra_block_relay: RandomTimer,
    extra_network: RandomTimer,
}

/// What there is already.
#[derive(Debug, Default)]
struct Census {
    full_relay: usize,
    block_relay: usize,
    /// Lasting connections that we made, by group; those that hide where they lead are counted alone.
    groups: BTreeSet<Vec<u8>>,
    hidden: usize,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    kind: ConnectionKind,
    preferred: Option<net_address::Network>,
    is_anchor: bool,
}

impl Plan {
    const fn of(kind: ConnectionKind) -> Self {
        Self { kind, preferred: None, is_anchor: false }
    }
}

impl Automatic {
    pub fn new(
        network: Arc<Network>,
        added: Arc<Added>,
        chain: ChainHandle,
        anchors: Vec<PeerAddress>,
    ) -> Self {
        let mut rng = StdRng::from_rng(&mut rand::rng());
        let mut seeds = network.options().seeds.clone();
        // Not the same one first at every start.
        seeds.shuffle(&mut rng);
        let seed_asked = network.clock().now();
        Self {
            fixed_seeds: FixedSeeds::new(&network),
            network,
            added,
            chain,
            rng,
            anchors,
            seeds,
            seed_asked,
            fruitless: 0,
            book_size: 0,
            leave_out: 0,
            feeler: RandomTimer::every(FEELER_INTERVAL),
            extra_block_relay: RandomTimer::every(EXTRA_BLOCK_RELAY_INTERVAL),
            extra_network: RandomTimer::every(EXTRA_NETWORK_INTERVAL),
        }
    }

    pub async fn run(mut self) {
        if self.network.book().size(None, None) == 0
            && let Some(seed) = self.seeds.pop()
        {
            tracing::info!("Empty addrman, adding seednode ({seed}) to addrfetch");
            self.network.wishes().fetch_addresses_from(&seed);
        }
        loop {
            if self.network.is_active() {
                self.step().await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Makes one connection to a peer that was named, if there is one, and one of the node's choice.
    async fn step(&mut self) {
        if has_room(&self.network)
            && let Some(name) = self.network.wishes().next_fetch()
        {
            // Failures are logged where they happen.
            let transport = self.network.options().transport();
            let _ = self.network.connect(&name, ConnectionKind::AddrFetch, transport).await;
            tokio::time::sleep(PAUSE).await;
        }
        if !has_room(&self.network) {
            return;
        }
        self.fixed_seeds.add_if_due(&self.network, !self.added.names().is_empty());
        let census = self.census();
        self.ask_next_seed(&census);
        let book_size = self.network.book().size(None, None);
        if self.leave_out > 0 && book_size == self.book_size && self.anchors.is_empty() {
            self.leave_out -= 1;
            return;
        }
        let Some(plan) = self.plan(&census) else { return };
        let Some(known) = self.choose(plan, &census) else {
            self.fruitless = (self.fruitless + 1).min(MAX_FRUITLESS);
            self.leave_out = (1 << self.fruitless) - 1;
            self.book_size = book_size;
            return;
        };
        self.fruitless = 0;
        let address = known.address;
        if plan.kind == ConnectionKind::Feeler {
            tokio::time::sleep(FEELER_DELAY.mul_f64(self.rng.random())).await;
            tracing::debug!(target: "net", "Making feeler connection to {address}");
        }
        if let Some(network) = plan.preferred {
            tracing::debug!(target: "net", "Making network specific connection to {address} on {network}.");
        }
        // With nobody reached, it may be our own network that does not work.
        let reached = census.groups.len() + census.hidden;
        let count_failure = reached >= self.network.options().max_automatic.saturating_sub(1).min(2);
        // Failures are logged where they happen, and count in the book.
        let _ = self.network.connect_address(&known, plan.kind, count_failure).await;
    }

    fn census(&self) -> Census {
        let mut census = Census::default();
        for link in self.network.peers() {
            match link.kind() {
                ConnectionKind::Inbound | ConnectionKind::AddrFetch | ConnectionKind::Feeler => continue,
                ConnectionKind::OutboundFullRelay => census.full_relay += 1,
                ConnectionKind::BlockRelay => census.block_relay += 1,
                ConnectionKind::Manual => {}
            }
            let form = link.address().host().form();
            if matches!(form, net_address::Network::Ipv4 | net_address::Network::Ipv6) {
                census.groups.insert(link.address().group());
            } else {
                census.hidden += 1;
            }
        }
        census
    }

    fn ask_next_seed(&mut self, census: &Census) {
        let now = self.network.clock().now();
        // A clock that went back must not end it.
        let is_due = now > self.seed_asked + NEXT_SEED || now < self.seed_asked;
        if census.full_relay < ENOUGH_CONNECTIONS
            && is_due
            && let Some(seed) = self.seeds.pop()
        {
            self.seed_asked = now;
            tracing::info!(
                "Couldn't connect to peers from addrman after {NEXT_SEED} seconds. Adding seednode ({seed}) to addrfetch"
            );
            self.network.wishes().fetch_addresses_from(&seed);
        }
    }

    /// What is missing most.
    fn plan(&mut self, census: &Census) -> Option<Plan> {
        let options = self.network.options();
        let now = self.network.clock().now_micros();
        let wants_blocks = census.block_relay < options.target_block_relay;
        if wants_blocks && !self.anchors.is_empty() {
            return Some(Plan { is_anchor: true, ..Plan::of(ConnectionKind::BlockRelay) });
        }
        if census.full_relay < options.target_outbound {
            return Some(Plan::of(ConnectionKind::OutboundFullRelay));
        }
        if wants_blocks {
            return Some(Plan::of(ConnectionKind::BlockRelay));
        }
        let wishes = self.network.wishes();
        if wishes.extra_full_relay() {
            return Some(Plan::of(ConnectionKind::OutboundFullRelay));
        }
        if wishes.extra_block_relay() && self.extra_block_relay.is_due(now, &mut self.rng) {
            return Some(Plan::of(ConnectionKind::BlockRelay));
        }
        if self.feeler.is_due(now, &mut self.rng) {
            return Some(Plan::of(ConnectionKind::Feeler));
        }
        if options.target_outbound >= LEAST_FOR_NETWORKS
            && census.full_relay == options.target_outbound
            && let Some(preferred) = self.network_without_peers()
            && self.extra_network.is_due(now, &mut self.rng)
        {
            let plan = Plan::of(ConnectionKind::OutboundFullRelay);
            return Some(Plan { preferred: Some(preferred), ..plan });
        }
        None
    }

    /// A network of which addresses are known and no peer is.
    fn network_without_peers(&mut self) -> Option<net_address::Network> {
        let links = self.network.peers();
        let has_peers = |network| {
            let lasts = |kind| matches!(kind, ConnectionKind::Manual | ConnectionKind::OutboundFullRelay);
            links.iter().any(|link| lasts(link.kind()) && link.address().network() == network)
        };
        let mut networks = self.network.options().reach.dialled();
        networks.shuffle(&mut self.rng);
        networks
            .into_iter()
            .find(|network| !has_peers(*network) && self.network.book().size(Some(*network), None) > 0)
    }

    fn choose(&mut self, plan: Plan, census: &Census) -> Option<PeerAddress> {
        let chooser = Chooser {
            network: &self.network,
            chain: &self.chain,
            added: &self.added,
            groups: &census.groups,
        };
        if plan.is_anchor {
            while let Some(anchor) = self.anchors.pop() {
                let address = anchor.address;
                if address.is_valid()
                    && !self.network.local().contains(&address)
                    && chooser.is_useful(anchor.services)
                    && !census.groups.contains(&address.group())
                {
                    tracing::debug!(target: "net", "Trying to make an anchor connection to {address}");
                    return Some(anchor);
                }
            }
        }
        chooser.choose(plan.kind, plan.preferred)
    }
}
