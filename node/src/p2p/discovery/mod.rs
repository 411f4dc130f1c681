//! How the nodes of a ChainCore network find each other, beside Bitcoin's ways (which know no loopback and no
//! private network).
//!
//! - **Bootstrap nodes** (`--bootstrap-nodes`, `POST /addpeer`) are named by the owner. A connection to each is kept:
//!   one that is lost is called again, at growing intervals.
//! - **Addresses that APIs tell** (`GET /getpeers`) are called while the node has fewer peers than it wants: so a node
//!   that knows one other finds those that the other has called, wherever they are.
//! - **The scan** asks every port of a range on this machine whether a node's API is there (`GET /status`), and
//!   connects to those of the same chain while the node has fewer peers than it wants.
//!
//! An API tells the node's P2P port, chain and genesis, so that strangers are left alone; and a number of the
//! process (`instance`), by which a node knows itself. Two nodes that find each other at the same time would connect
//! twice: `GET /getpeers` of the other shows its end of the connections it made, and of two connections one is ended,
//! which both nodes choose alike. Nothing that others say is believed beyond that: a wrong answer leads to a connection
//! that the handshake ends.
//!
//! All waiting here is by the runtime's clock: no test mocks it, and it decides nothing of consensus.

mod bootstrap;
mod heard;
mod http;
mod remembered;
mod remote;
mod round;
mod url;

pub use http::FetchError;
pub use remote::Refusal;
pub use round::{Found, Round};
pub use url::{ApiUrl, PeerName, PeerNameError};

use super::connection::{ConnectError, Network, PeerLink};
use super::kind::ConnectionKind;
use super::net_address::NetAddress;
use bootstrap::Bootstrap;
use heard::Heard;
use http::Patience;
use remembered::Remembered;
use remote::{RemotePeers, RemoteStatus};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a name may take to resolve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long somebody who adds a peer waits for its hello, and how often it is looked.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(5);
const HANDSHAKE_TICK: Duration = Duration::from_millis(20);
/// How many addresses of a name are tried.
const MAX_ADDRESSES: usize = 4;
/// How many connections of another node are looked at.
const MAX_CONNECTIONS: usize = 256;
/// How many verdicts are remembered for the log.
const MAX_VERDICTS: usize = 512;

/// What a node is told apart by.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// A number of this process, as text.
    pub instance: String,
    /// The chain's name.
    pub chain: String,
    /// The hash of its first block, as text.
    pub genesis: String,
}

/// How to look for peers; by default nowhere.
#[derive(Debug, Clone, Default)]
pub struct DiscoveryOptions {
    /// Who we are.
    pub us: Identity,
    /// First peers (`--bootstrap-nodes`).
    pub bootstrap: Vec<PeerName>,
    /// The ports of this machine to ask (`-peer-discovery-range`); `None` to ask none.
    pub range: Option<RangeInclusive<u16>>,
    /// Whether they are asked unasked.
    pub automatic: bool,
    /// Below so many peers the search is urgent, and the node calls others whoever calls it.
    pub min_peers: usize,
    /// With so many peers nobody is called.
    pub target_peers: usize,
}

/// The search for peers.
pub struct Discovery {
    shared: Arc<Shared>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

struct Shared {
    options: DiscoveryOptions,
    network: Arc<Network>,
    bootstrap: Bootstrap,
    heard: Heard,
    /// Held for a round: two at once would call the same nodes.
    turn: tokio::sync::Mutex<()>,
    /// What was last said in the log of a place, so that it is not said every time.
    verdicts: Mutex<BTreeMap<String, String>>,
}

impl Discovery {
    /// Starts to look.
    pub fn start(options: DiscoveryOptions, network: Arc<Network>) -> Self {
        let file = Remembered::in_folder(&network.options().folder);
        let bootstrap = Bootstrap::new(options.bootstrap.clone(), file, network.options().connect.is_none());
        let shared = Arc::new(Shared {
            options,
            network,
            bootstrap,
            heard: Heard::default(),
            turn: tokio::sync::Mutex::default(),
            verdicts: Mutex::default(),
        });
        let mut tasks = vec![tokio::spawn(bootstrap::keep(shared.clone()))];
        if shared.options.automatic && shared.options.range.is_some() {
            tasks.push(tokio::spawn(round::repeat(shared.clone())));
        }
        Self { shared, tasks: Mutex::new(tasks) }
    }

    /// Looks for peers now: calls the bootstrap nodes that are not connected, and scans.
    pub async fn run_now(&self) -> Round {
        self.shared.round(true).await
    }

    /// Connects to a peer and keeps connected to it.
    pub async fn add(&self, name: &PeerName) -> Result<Found, Refusal> {
        let (found, mut link) = self.shared.meet(name, ConnectionKind::Manual).await?;
        let handshake = async {
            loop {
                // One that does not encrypt is being called again.
                if link.is_closed()
                    && self.shared.network.calls_in_the_open(&link)
                    && let Some(next) = self.shared.network.find(link.name(), &link.address())
                {
                    link = next;
                }
                let is_over = link.is_closed() && !self.shared.network.calls_in_the_open(&link);
                if link.facts().handshake_done || is_over {
                    break;
                }
                tokio::time::sleep(HANDSHAKE_TICK).await;
            }
        };
        // Who is slow is kept; the bootstrap task sees what becomes of it.
        let _ = tokio::time::timeout(HANDSHAKE_WAIT, handshake).await;
        if link.is_closed() {
            return Err(Refusal::Ended(found.place().to_owned()));
        }
        self.shared.bootstrap.add(name.clone(), link);
        Ok(found)
    }

    /// Stops to look.
    pub fn stop(&self) {
        let mut tasks = self.tasks.lock().expect("no one panics while holding the tasks");
        tasks.drain(..).for_each(|task| task.abort());
    }
}

/// A node of the chain that was found by its API.
struct Candidate {
    status: RemoteStatus,
    address: NetAddress,
    /// The connection that it made to us, and what for.
    theirs: Option<(Arc<PeerLink>, String)>,
}

impl Shared {
    /// How many peers there are, and how many of them we called.
    fn counts(&self) -> (usize, usize) {
        (self.network.count(|_| true), self.network.count(|kind| !kind.is_inbound()))
    }

    /// Whether more peers are wanted.
    fn wants_peers(&self) -> bool {
        let (all, outbound) = self.counts();
        all < self.options.target_peers || outbound < self.options.min_peers
    }

    /// Finds a named peer, connects to it unless it is connected, and tells of it.
    async fn meet(&self, name: &PeerName, kind: ConnectionKind) -> Result<(Found, Arc<PeerLink>), Refusal> {
        match name {
            PeerName::P2p(target) => {
                let known = self.network.resolve_all(target).await.unwrap_or_default();
                let known = known.iter().find_map(|address| self.network.find(target, address));
                let (link, outcome) = match known {
                    Some(link) => (link, Found::KNOWN),
                    None => (
                        self.network.connect(target, kind, self.network.options().transport()).await?,
                        Found::CONNECTED,
                    ),
                };
                let found = Found {
                    name: name.to_string(),
                    node_id: None,
                    address: Some(link.address().to_string()),
                    height: None,
                    outcome: outcome.into(),
                };
                Ok((found, link))
            }
            PeerName::Api(url) => {
                let candidate = self.ask(url).await?;
                let (link, outcome) = self.join(&candidate, kind).await?;
                Ok((Found::new(url, &candidate, outcome), link))
            }
        }
    }

    /// Asks an API at all addresses of its name, the IPv4 ones first: that is where nodes listen by default.
    async fn ask(&self, url: &ApiUrl) -> Result<Candidate, Refusal> {
        let failed = |source| Refusal::Fetch { url: url.to_string(), source };
        if !self.network.options().dns && url.host.parse::<IpAddr>().is_err() && url.host != "localhost" {
            return Err(failed(FetchError::Name));
        }
        let lookup = tokio::net::lookup_host((url.host.as_str(), url.port));
        let found = tokio::time::timeout(RESOLVE_TIMEOUT, lookup).await;
        let found = found.map_err(|_| failed(FetchError::Name))?.map_err(|_| failed(FetchError::Name))?;
        let mut addresses: Vec<SocketAddr> = found.take(MAX_ADDRESSES).collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        let mut result = Err(failed(FetchError::Name));
        for address in addresses {
            result = self.ask_at(address, url, Patience::NAMED).await;
            if !matches!(result, Err(Refusal::Fetch { .. })) {
                break;
            }
        }
        result
    }

    async fn ask_at(&self, at: SocketAddr, url: &ApiUrl, patience: Patience) -> Result<Candidate, Refusal> {
        let failed = |source| Refusal::Fetch { url: url.to_string(), source };
        let status: RemoteStatus = http::get(at, url, "/status", patience).await.map_err(failed)?;
        let port = status.judge(&url.to_string(), &self.options.us)?;
        let address = NetAddress::from(SocketAddr::new(at.ip(), port));
        // A node that cannot tell of its connections is called all the same.
        let peers: RemotePeers = http::get(at, url, "/getpeers", patience).await.unwrap_or_default();
        self.heard.note(at.ip(), &peers.peers);
        Ok(Candidate { status, address, theirs: self.their_connection(at.ip(), &peers) })
    }

    /// The connection to us among those that another node, whose API is at an address, made. It may only name one that
    /// comes from there: else it could have us leave others' connections, and count them for its own.
    fn their_connection(&self, at: IpAddr, peers: &RemotePeers) -> Option<(Arc<PeerLink>, String)> {
        let mut links = self.network.peers();
        links.retain(|link| link.address().to_socket_addr().is_some_and(|address| address.ip() == at));
        peers.connections.iter().take(MAX_CONNECTIONS).find_map(|connection| {
            let end: NetAddress = connection.local_address.as_deref()?.parse().ok()?;
            let link = links.iter().find(|link| link.is_inbound() && link.address() == end)?;
            Some((link.clone(), connection.connection_type.clone()))
        })
    }

    /// Connects to a node unless it is connected; the connection, and which of both it was.
    async fn join(
        &self,
        candidate: &Candidate,
        kind: ConnectionKind,
    ) -> Result<(Arc<PeerLink>, &'static str), Refusal> {
        let target = candidate.address.to_string();
        if let Some(ours) = self.network.find(&target, &candidate.address) {
            return Ok((self.settle(ours, candidate), Found::KNOWN));
        }
        if let Some((theirs, _)) = &candidate.theirs {
            return Ok((theirs.clone(), Found::KNOWN));
        }
        // Whoever was found by looking around is not somebody that the owner named.
        let (bans, host) = (self.network.bans(), candidate.address.host());
        if kind != ConnectionKind::Manual && (bans.is_banned(&host) || bans.is_discouraged(&host)) {
            return Err(ConnectError::Banned(target).into());
        }
        if kind != ConnectionKind::Manual && !self.network.options().reach.contains(host.form()) {
            return Err(ConnectError::Unreached(target).into());
        }
        let link = self.network.connect(&target, kind, self.network.options().transport()).await?;
        Ok((link, Found::CONNECTED))
    }

    /// Ends one of two connections with the same node, and returns the one that stays. Both nodes choose the same:
    /// what an owner asked for stays, else what the node of the greater `instance` has made.
    fn settle(&self, ours: Arc<PeerLink>, candidate: &Candidate) -> Arc<PeerLink> {
        let Some((theirs, their_kind)) = &candidate.theirs else { return ours };
        let manual = ConnectionKind::Manual;
        let (stays, goes) = match (ours.kind() == manual, their_kind == manual.name()) {
            (true, true) => return ours,
            (true, false) => (ours, theirs.clone()),
            (false, true) => (theirs.clone(), ours),
            (false, false) if self.options.us.instance < candidate.status.instance => (theirs.clone(), ours),
            (false, false) => (ours, theirs.clone()),
        };
        let (id, other) = (goes.id(), stays.id());
        tracing::debug!(target: "net", "the same node is peer={other}, disconnecting peer={id}");
        self.network.disconnect(&goes);
        stays
    }

    /// Says in the log what became of a place, if that is new.
    fn note(&self, place: &str, verdict: &str) {
        let mut verdicts = self.verdicts.lock().expect("no one panics while holding the verdicts");
        if verdicts.get(place).is_some_and(|last| last == verdict) {
            return;
        }
        if verdicts.len() >= MAX_VERDICTS {
            verdicts.clear();
        }
        verdicts.insert(place.to_owned(), verdict.to_owned());
        tracing::info!("Discovery: {verdict}");
    }
}
