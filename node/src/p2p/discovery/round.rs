//! One round of looking for peers, and repeating it.

use super::http::Patience;
use super::{ApiUrl, Candidate, Refusal, Shared};
use crate::p2p::connection::PeerLink;
use crate::p2p::kind::ConnectionKind;
use crate::p2p::net_address::NetAddress;
use crate::p2p::outbound::is_bad_port;
use rand::seq::SliceRandom;
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How many ports are asked at the same time.
const CONCURRENCY: usize = 16;
/// How many APIs are asked anew in a round what nodes they know, and how many of those are called.
const ASKED: usize = 4;
const HEARD_CALLS: usize = 4;
/// When the first scan begins, and how much later at most: nodes that are started together should not all meet at
/// the same moment.
const FIRST_SCAN: Duration = Duration::from_millis(500);
const JITTER_MS: u64 = 1000;
/// The time between scans: with too few peers, with fewer than wanted, and with enough.
const URGENT: Duration = Duration::from_secs(10);
const WANTING: Duration = Duration::from_secs(60);
const CALM: Duration = Duration::from_secs(600);

/// A node that was found, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it was looked for.
    pub name: String,
    /// What it calls itself, if it was asked.
    pub node_id: Option<String>,
    /// Its P2P address.
    pub address: Option<String>,
    /// The height of its chain, if it was asked.
    pub height: Option<i64>,
    /// What became of it: [`Self::CONNECTED`], [`Self::KNOWN`], [`Self::ENOUGH`], or why it is not used.
    pub outcome: String,
}

impl Found {
    /// A connection was made.
    pub const CONNECTED: &str = "connected";
    /// There was a connection already.
    pub const KNOWN: &str = "already connected";
    /// There are peers enough.
    pub const ENOUGH: &str = "not needed";

    pub(super) fn new(url: &ApiUrl, candidate: &Candidate, outcome: &str) -> Self {
        Self {
            name: url.to_string(),
            node_id: Some(candidate.status.node_id()),
            address: Some(candidate.address.to_string()),
            height: Some(candidate.status.height()),
            outcome: outcome.into(),
        }
    }

    pub(super) fn refused(name: String, why: &Refusal) -> Self {
        Self { name, node_id: None, address: None, height: None, outcome: why.to_string() }
    }

    /// Whether it is a peer now.
    pub fn is_peer(&self) -> bool {
        self.outcome == Self::CONNECTED || self.outcome == Self::KNOWN
    }

    pub(super) fn place(&self) -> &str {
        self.address.as_deref().unwrap_or("?")
    }
}

/// What a round found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// The bootstrap nodes that were called, and the nodes in the range; this one is left out.
    pub found: Vec<Found>,
    /// How many ports were asked.
    pub ports: usize,
}

/// Scans for ever.
pub(super) async fn repeat(shared: Arc<Shared>) {
    tokio::time::sleep(FIRST_SCAN + jitter()).await;
    let mut last: Option<Instant> = None;
    loop {
        // Peers may be lost at any time, so it is looked often whether a scan is due.
        if shared.network.is_active() && last.is_none_or(|last| last.elapsed() >= shared.pause()) {
            if shared.wants_peers() {
                shared.round(false).await;
            }
            last = Some(Instant::now());
        }
        tokio::time::sleep(Duration::from_secs(1) + jitter()).await;
    }
}

fn jitter() -> Duration {
    Duration::from_millis(rand::random_range(0..JITTER_MS))
}

impl Shared {
    /// The time between scans as things are.
    fn pause(&self) -> Duration {
        match self.counts().0 {
            peers if peers < self.options.min_peers => URGENT,
            _ if self.wants_peers() => WANTING,
            _ => CALM,
        }
    }

    /// One round; with `bootstrap`, of those too. Rounds wait for each other.
    pub(super) async fn round(self: &Arc<Self>, bootstrap: bool) -> Round {
        let _turn = self.turn.lock().await;
        let mut round = Round::default();
        // On Bitcoin's chains nobody is looked for.
        if self.options.range.is_none() {
            round.found = if bootstrap { self.call_bootstrap(true).await } else { Vec::new() };
            return round;
        }
        self.ask_named().await;
        if bootstrap {
            round.found = self.call_bootstrap(true).await;
        }
        if let Some(range) = self.options.range.clone() {
            round.ports = range.len();
            let mut candidates = self.scan(range.collect()).await;
            candidates.shuffle(&mut rand::rng());
            for (url, candidate) in candidates {
                round.found.push(self.take_up(&url, candidate).await);
            }
        }
        round.found.extend(self.call_heard().await);
        round
    }

    /// Asks the APIs of nodes that the owner named, and that are peers, what nodes they know of. What they tell is noted where it comes in.
    async fn ask_named(&self) {
        let mut apis = self.bootstrap.apis();
        apis.shuffle(&mut rand::rng());
        for url in apis.into_iter().take(ASKED) {
            // Whoever does not answer now tells nothing.
            let _ = self.ask(&url).await;
        }
    }

    /// Calls addresses that were told, while more peers are wanted; what became of them.
    async fn call_heard(&self) -> Vec<Found> {
        let mut results = Vec::new();
        while results.len() < HEARD_CALLS && self.wants_peers() && self.network.is_active() {
            let wanted = |address: &NetAddress| self.is_wanted(address);
            let Some(address) = self.heard.next(Instant::now().into_std(), wanted) else { break };
            let name = address.to_string();
            let (kind, transport) = (ConnectionKind::OutboundFullRelay, self.network.options().transport());
            let called = self.network.connect(&name, kind, transport).await;
            let outcome = called.map_or_else(|error| error.to_string(), |_| Found::CONNECTED.into());
            self.note(&name, &format!("{name}, of which another node told: {outcome}"));
            results.push(Found { node_id: None, address: Some(name.clone()), height: None, name, outcome });
        }
        results
    }

    /// Whether an address that was told may be called: it is on a network of ours, nobody who is banned, not this node,
    /// and nobody who is a peer already. Of those that called it is not known where they listen, so where such a one
    /// is, nobody is called: it may be the same.
    fn is_wanted(&self, address: &NetAddress) -> bool {
        let (host, bans) = (address.host(), self.network.bans());
        let is_own = self.network.local().contains(address) || self.network.is_bound(address);
        let links = self.network.peers();
        let same = |link: &std::sync::Arc<PeerLink>| {
            link.address() == *address || link.is_inbound() && link.address().host() == host
        };
        self.network.options().reach.contains(host.form())
            && !bans.is_banned(&host)
            && !bans.is_discouraged(&host)
            && !is_own
            && !is_bad_port(address.port())
            && !links.iter().any(same)
    }

    /// Connects to a node in the range, if it is one of the chain and more peers are wanted.
    async fn take_up(&self, url: &ApiUrl, candidate: Result<Candidate, Refusal>) -> Found {
        let joined = match candidate {
            Ok(candidate) => {
                let is_known = candidate.theirs.is_some()
                    || self.network.find(&candidate.address.to_string(), &candidate.address).is_some();
                if !is_known && !self.wants_peers() {
                    return Found::new(url, &candidate, Found::ENOUGH);
                }
                let joined = self.join(&candidate, ConnectionKind::OutboundFullRelay).await;
                joined.map(|(_, outcome)| Found::new(url, &candidate, outcome))
            }
            Err(refusal) => Err(refusal),
        };
        match joined {
            Ok(found) => {
                self.note(&found.name, &format!("{url} is a peer at {}", found.place()));
                found
            }
            Err(refusal) => {
                self.note(&url.to_string(), &format!("not connected: {refusal}"));
                Found::refused(url.to_string(), &refusal)
            }
        }
    }

    /// The nodes among the ports of this machine, without this one.
    async fn scan(self: &Arc<Self>, mut ports: VecDeque<u16>) -> Vec<(ApiUrl, Result<Candidate, Refusal>)> {
        // The tasks end with the set, so that a round which is given up leaves nothing behind.
        let mut asking = JoinSet::new();
        let mut found = Vec::new();
        loop {
            while asking.len() < CONCURRENCY
                && let Some(port) = ports.pop_front()
            {
                let this = self.clone();
                asking.spawn(async move {
                    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                    let url = ApiUrl { host: at.ip().to_string(), port };
                    let candidate = this.ask_at(at, &url, Patience::SCAN).await;
                    (url, candidate)
                });
            }
            match asking.join_next().await {
                None => return found,
                // Nobody or something else is there, or it is us.
                Some(Err(_) | Ok((_, Err(Refusal::Fetch { .. } | Refusal::Itself(_))))) => {}
                Some(Ok(node)) => found.push(node),
            }
        }
    }
}
