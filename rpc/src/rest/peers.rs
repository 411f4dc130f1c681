//! The node among its peers: who they are, finding more, and adding one by name.
//!
//! Reading is for everybody; what makes the node call somebody is [for this machine and for users](controls) alone,
//! so that strangers cannot make it knock at doors of their choice.

use super::{Answer, Request, Rest, RestError, json};
use crate::peering::{AddPeerError, FoundPeer, Neighbour};
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

impl From<Neighbour> for Peer {
    fn from(peer: Neighbour) -> Self {
        Self {
            id: peer.id,
            address: peer.address,
            local_address: peer.local_address,
            node_id: peer.node_id,
            user_agent: peer.user_agent,
            direction: if peer.inbound { "inbound" } else { "outbound" },
            connection_type: peer.kind,
            ready: peer.ready,
            height: peer.height,
            since: peer.since,
            last_seen: Some(peer.last_seen).filter(|time| *time != 0),
            ping_ms: peer.ping.map(|micros| CoreDouble(micros as f64 / 1000.0)),
            bytes_sent: peer.bytes_sent,
            bytes_received: peer.bytes_received,
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
pub(super) fn active(peers: &[Neighbour]) -> usize {
    peers.iter().filter(|peer| peer.ready).count()
}

/// `GET /peers`.
pub fn peers(rest: &Rest, _: &Request) -> Answer {
    let (neighbours, presence) = (rest.node().neighbours(), rest.node().presence());
    json(&PeerList {
        count: neighbours.len(),
        active_peers: active(&neighbours),
        peers: neighbours.into_iter().map(Peer::from).collect(),
        min_peers: presence.min_peers,
        target_peers: presence.target_peers,
        max_peers: presence.max_peers,
        p2p: presence.active,
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
    let neighbours = rest.node().neighbours();
    let called = || neighbours.iter().filter(|peer| !peer.inbound);
    let peers: Vec<String> = called().filter(|peer| peer.ready).map(|peer| peer.address.clone()).collect();
    json(&SharedList {
        count: peers.len(),
        peers,
        active_peers: active(&neighbours),
        p2p: rest.node().presence().active,
        connections: called()
            .map(|peer| Connection {
                address: peer.address.clone(),
                local_address: peer.local_address.clone(),
                connection_type: peer.kind,
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
    let node = rest.node();
    let presence = node.presence();
    let search = node.discover_peers();
    let peers: Vec<Found> = search.found.into_iter().map(Found::from).collect();
    let discovered = peers.iter().filter(|peer| peer.is_peer).count();
    let message = match presence.discovery_ports {
        _ if !presence.active => "the network is switched off".into(),
        None => "on this chain there is no range of ports to ask; bootstrap nodes were called".into(),
        Some((first, last)) => format!("the ports {first} to {last} of this machine were asked"),
    };
    json(&Discovered {
        discovered,
        peers,
        ports_scanned: search.ports,
        active_peers: active(&node.neighbours()),
        p2p: presence.active,
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
    let found = rest.node().add_peer(name).map_err(|error| {
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
