//! Peers. There is no P2P yet: lists are empty and say why, and connecting is refused.

use super::{Answer, Request, Rest, RestError, json};
use hyper::StatusCode;
use serde::Serialize;

const NO_P2P: &str = "this node does not speak P2P";

#[derive(Serialize)]
struct PeerList {
    peers: Vec<String>,
    count: usize,
    active_peers: u32,
    p2p: bool,
}

/// `GET /peers` and `GET /getpeers`.
pub fn peers(rest: &Rest, _: &Request) -> Answer {
    let connections = rest.node().connections();
    json(&PeerList {
        peers: Vec::new(),
        count: 0,
        active_peers: connections.inbound + connections.outbound,
        p2p: connections.enabled,
    })
}

#[derive(Serialize)]
struct Discovered {
    discovered: usize,
    peers: Vec<String>,
    p2p: bool,
    message: &'static str,
}

/// `POST /discover_peers`.
pub fn discover(rest: &Rest, _: &Request) -> Answer {
    let p2p = rest.node().connections().enabled;
    json(&Discovered { discovered: 0, peers: Vec::new(), p2p, message: NO_P2P })
}

/// `POST /addpeer`.
pub fn add(_: &Rest, request: &Request) -> Answer {
    let body = request.json()?;
    let peer = body.field("peer_url").get_str().map_err(|_| {
        RestError::bad_request("bad_body", "the body must be {\"peer_url\": \"http://host:port\"}")
    })?;
    let authority = peer.split_once("://").map_or(peer, |(_, rest)| rest).trim_end_matches('/');
    let port = authority.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
        let message = format!("peer_url must be http://host:port or host:port, not '{peer}'");
        return Err(RestError::bad_request("bad_peer_url", message));
    }
    Err(RestError::new(
        StatusCode::NOT_IMPLEMENTED,
        "p2p_unavailable",
        format!("cannot connect to '{peer}': {NO_P2P}"),
    ))
}
