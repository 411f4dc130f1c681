//! The node among its peers: who they are, finding more, and adding one by name.
//!
//! Reading is for everybody; what makes the node call somebody is [for this machine and for users](controls) alone,
//! so that strangers cannot make it knock at doors of their choice.

use super::{Answer, Request, Rest, RestError, json};
use crate::network::{AddPeerError, FoundPeer, PeerInfo};
use crate::value::CoreDouble;
use hyper::StatusCode;
use serde::Serialize;

/// The JSON-RPC method whose right a user needs for a path from another machine.
pub fn controls(path: &str) -> Option<&'static str> {
    matches!(path, "/discover_peers" | "/addpeer").then_some("addnode")
}

#[derive(Serialize)]
struct Peer {
    id: u64,
    address: String,
    local_address: Option<String>,
    node_id: Option<String>,
    user_agent: String,
    direction: &'static str,
    connection_type: &'static str,
    ready: bool,
    height: Option<i64>,
    since: i64,
    last_seen: Option<i64>,
    ping_ms: Option<CoreDouble>,
    bytes_sent: u64,
    bytes_received: u64,
}

impl From<PeerInfo> for Peer {
    fn from(peer: PeerInfo) -> Self {
        Self {
            id: peer.id,
            height: peer.height(),
            address: peer.address,
            local_address: peer.addr_bind,
            node_id: peer.node_id,
            user_agent: peer.subversion,
            direction: if peer.inbound { "inbound" } else { "outbound" },
            connection_type: peer.connection_type,
            ready: peer.ready,
            since: peer.connected_at,
            last_seen: Some(peer.last_recv).filter(|time| *time != 0),
            ping_ms: peer.ping_time.map(|micros| CoreDouble(micros as f64 / 1000.0)),
            bytes_sent: peer.bytes_sent,
            bytes_received: peer.bytes_recv,
        }
    }
}

#[derive(Serialize)]
struct PeerList {
    peers: Vec<Peer>,
    count: usize,
    active_peers: usize,
    min_peers: usize,
    target_peers: usize,
    max_peers: usize,
    p2p: bool,
}

/// How many of the peers can be worked with.
pub(super) fn active(peers: &[PeerInfo]) -> usize {
    peers.iter().filter(|peer| peer.ready).count()
}

/// `GET /peers`.
pub fn peers(rest: &Rest, _: &Request) -> Answer {
    let network = rest.node().network();
    let (peers, presence) = (network.peers(), network.presence());
    json(&PeerList {
        count: peers.len(),
        active_peers: active(&peers),
        peers: peers.into_iter().map(Peer::from).collect(),
        min_peers: presence.min_peers,
        target_peers: presence.target_peers,
        max_peers: presence.max_peers,
        p2p: network.is_active(),
    })
}

/// A connection that this node made.
#[derive(Serialize)]
struct Connection {
    address: String,
    local_address: Option<String>,
    connection_type: &'static str,
}

#[derive(Serialize)]
struct SharedList {
    peers: Vec<String>,
    count: usize,
    active_peers: usize,
    p2p: bool,
    connections: Vec<Connection>,
}

/// `GET /getpeers`: the peers that others can connect to, which are the ones that this node has called. A peer that
/// called is at a port where nobody listens.
pub fn shared(rest: &Rest, _: &Request) -> Answer {
    let network = rest.node().network();
    let all = network.peers();
    let called = || all.iter().filter(|peer| !peer.inbound);
    let peers: Vec<String> = called().filter(|peer| peer.ready).map(|peer| peer.address.clone()).collect();
    json(&SharedList {
        count: peers.len(),
        peers,
        active_peers: active(&all),
        p2p: network.is_active(),
        connections: called()
            .map(|peer| Connection {
                address: peer.address.clone(),
                local_address: peer.addr_bind.clone(),
                connection_type: peer.connection_type,
            })
            .collect(),
    })
}

#[derive(Serialize)]
struct Found {
    name: String,
    node_id: Option<String>,
    address: Option<String>,
    height: Option<i64>,
    is_peer: bool,
    outcome: String,
}

impl From<FoundPeer> for Found {
    fn from(found: FoundPeer) -> Self {
        Self {
            name: found.name,
            node_id: found.node_id,
            address: found.address,
            height: found.height,
            is_peer: found.is_peer,
            outcome: found.outcome,
        }
    }
}

#[derive(Serialize)]
struct Discovered {
    discovered: usize,
    peers: Vec<Found>,
    ports_scanned: usize,
    active_peers: usize,
    p2p: bool,
    message: String,
}

/// `POST /discover_peers`.
pub fn discover(rest: &Rest, _: &Request) -> Answer {
    let network = rest.node().network();
    let is_active = network.is_active();
    let search = network.discover();
    let peers: Vec<Found> = search.found.into_iter().map(Found::from).collect();
    let discovered = peers.iter().filter(|peer| peer.is_peer).count();
    let message = match network.presence().discovery_ports {
        _ if !is_active => "the network is switched off".into(),
        None => "on this chain there is no range of ports to ask; bootstrap nodes were called".into(),
        Some((first, last)) => format!("the ports {first} to {last} of this machine were asked"),
    };
    json(&Discovered {
        discovered,
        peers,
        ports_scanned: search.ports,
        active_peers: active(&network.peers()),
        p2p: is_active,
        message,
    })
}

#[derive(Serialize)]
struct Added {
    status: &'static str,
    peer: Found,
}

/// `POST /addpeer`.
pub fn add(rest: &Rest, request: &Request) -> Answer {
    let body = request.json()?;
    let name = body.field("peer_url").get_str().map_err(|_| {
        RestError::bad_request("bad_body", "the body must be {\"peer_url\": \"http://host:port\"}")
    })?;
    let found = rest.node().network().join(name).map_err(|error| {
        let (status, code) = match &error {
            AddPeerError::Name(_) => (StatusCode::BAD_REQUEST, "bad_peer_url"),
            AddPeerError::Unfit(_) => (StatusCode::CONFLICT, "unfit_peer"),
            AddPeerError::Unreachable(_) => (StatusCode::BAD_GATEWAY, "unreachable"),
            AddPeerError::Off(_) => (StatusCode::SERVICE_UNAVAILABLE, "p2p_unavailable"),
        };
        RestError::new(status, code, error.to_string())
    })?;
    json(&Added { status: "added", peer: found.into() })
}
