//! Addresses that other nodes' APIs tell.

use super::messages::api;
use super::raw_peer::RawPeer;
use super::{Node, at};
use crate::p2p::discovery::Found;
use crate::p2p::kind::ConnectionKind;
use crate::p2p::net_address::Network;
use crate::p2p::options::P2pOptions;
use crate::p2p::reach::Reach;
use std::net::Ipv4Addr;

/// Whether a node calls another one in a round of which a third one has told, which also tells of itself and of the first. With `is_called`, somebody on this machine has called the node before.
fn calls(target_peers: usize, is_called: bool, change: impl FnOnce(&mut P2pOptions)) -> bool {
    let known = Node::start(|_| {});
    let teller = Node::start(|options| options.binds[0].address.set_ip(Ipv4Addr::new(127, 0, 0, 2).into()));
    let node_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let told = [known.place(), teller.place(), format!("127.0.0.1:{node_port}")];
    let port = teller.p2p.bound()[0].port();
    let api = api([
        ("/status", format!(r#"{{"instance":"teller","p2p_port":{port}}}"#)),
        ("/getpeers", format!(r#"{{"peers":{}}}"#, serde_json::to_string(&told).unwrap())),
    ]);
    let node = Node::start(|options| {
        options.binds[0].address.set_port(node_port);
        options.own.discovery.bootstrap = vec![format!("http://{api}").parse().unwrap()];
        // Nobody listens there.
        options.own.discovery.range = Some(1..=1);
        options.own.discovery.target_peers = target_peers;
        // The round alone calls, so that nothing is called twice.
        options.active = false;
        change(options);
    });
    node.p2p.network().set_active(true);
    let caller = is_called.then(|| RawPeer::call(&node, false));
    let round = node.run(node.p2p.discovery().run_now());
    let found = round.found.iter().filter(|found| !found.name.starts_with("http://"));
    let outcomes: Vec<String> = found.map(|found| format!("{} {}", found.name, found.outcome)).collect();
    let links = node.links();
    let called = links
        .iter()
        .any(|link| link.kind() == ConnectionKind::OutboundFullRelay && link.address() == at(&known.place()));
    drop(caller);
    let expected = called.then(|| format!("{} {}", known.place(), Found::CONNECTED));
    assert_eq!(outcomes, Vec::from_iter(expected));
    called
}

#[test]
fn a_node_that_another_tells_of_is_called_once_and_itself_never() {
    assert!(calls(6, false, |_| {}));
}

#[test]
fn nobody_is_called_who_is_not_needed_or_may_be_a_peer_already() {
    assert!(!calls(1, false, |_| {}), "there are peers enough");
    assert!(!calls(6, true, |_| {}), "somebody there has called");
    assert!(!calls(6, false, |options| options.reach = Reach::only(&[Network::Ipv6])), "not our network");
}
