//! Private networks: members and strangers.

use super::{Node, wait};
use crate::p2p::authentication::Credentials;
use crate::p2p::connection::STRANGERS;
use crate::p2p::kind::ConnectionKind;
use crate::p2p::options::P2pOptions;
use crate::p2p::transport::TransportVersion;
use std::net::TcpStream;
use std::sync::Arc;

fn secretive(options: &mut P2pOptions) {
    let secret = b"a secret of more than sixteen bytes".to_vec();
    options.own.credentials = Credentials::new(Some(secret), None).map(Arc::new);
}

fn members(node: &Node) -> usize {
    node.links().iter().filter(|link| link.facts().handshake_done).count()
}

#[test]
fn strangers_take_no_places_of_members() {
    let node = Node::start(|options| {
        secretive(options);
        options.max_inbound = 2;
    });
    let place = node.place();
    let flood = || -> Vec<TcpStream> { (0..20).map(|_| TcpStream::connect(&place).unwrap()).collect() };
    let strangers = |node: &Node| node.links().iter().filter(|link| link.is_stranger()).count();
    let before = flood();
    wait("all places of strangers are taken", || node.p2p.network().next_peer() == 20);
    assert_eq!((strangers(&node), node.links().len()), (STRANGERS, STRANGERS));
    assert_eq!(node.p2p.network().count(|_| true), 0, "they are no peers");
    let callers: Vec<Node> = (0..2).map(|_| Node::start(secretive)).collect();
    for (n, caller) in callers.iter().enumerate() {
        caller.run(caller.p2p.outbound().try_once(&place, TransportVersion::V1));
        wait("a member is accepted", || members(&node) == n + 1 && members(caller) == 1);
    }
    // Whoever comes now makes no member go.
    let after = flood();
    wait("all have called", || node.p2p.network().next_peer() == 42);
    wait("the places of strangers are taken", || strangers(&node) == STRANGERS);
    assert_eq!((members(&node), node.p2p.network().count(ConnectionKind::is_inbound)), (2, 2));
    // One more member has no place: the two are too few for one of them to go.
    let late = Node::start(secretive);
    late.run(late.p2p.outbound().try_once(&place, TransportVersion::V1));
    wait("it has been turned away", || node.p2p.network().next_peer() == 43 && late.links().is_empty());
    assert_eq!(members(&node), 2);
    drop((before, after));
    wait("the strangers are gone", || node.links().len() == 2);
}
