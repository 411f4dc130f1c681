//! Connections that a node makes by itself.

use super::{Node, at, start_time, wait};
use crate::p2p::kind::ConnectionKind;
use crate::p2p::options::P2pOptions;
use crate::p2p::outbound::AtCapacity;
use crate::p2p::subnet::Subnet;
use crate::p2p::transport::TransportVersion;
use std::collections::BTreeSet;
use std::net::SocketAddr;

fn kinds(node: &Node) -> Vec<ConnectionKind> {
    let links = node.links();
    links.iter().filter(|link| link.facts().handshake_done).map(|link| link.kind()).collect()
}

fn alone(options: &mut P2pOptions) {
    options.connect = None;
}

#[test]
fn a_seed_node_is_asked_and_left_and_who_it_knows_is_called() {
    let seed = Node::start(|_| {});
    let other = Node::start(|_| {});
    // Enough for a part of them to be told.
    let known: Vec<String> = (0..60).map(|n| format!("40.{n}.1.1:8333")).collect();
    seed.know(&known.iter().map(String::as_str).collect::<Vec<_>>());
    let place = seed.place();
    let node = Node::start(|options| {
        alone(options);
        options.seeds = vec![place.clone()];
    });
    for address in seed.book() {
        node.stand_in(&address, &other);
    }
    wait("the seed has been asked", || !node.book().is_empty());
    wait("the seed has been left", || !node.links().iter().any(|link| link.name() == place));
    wait("another node has been called", || kinds(&node).contains(&ConnectionKind::OutboundFullRelay));
    assert!(node.links().iter().all(|link| link.address().is_routable()));
}

#[test]
fn connections_are_made_to_one_of_each_group_and_to_nobody_who_is_banned_or_this_node() {
    let other = Node::start(|_| {});
    let node = Node::start(|options| {
        alone(options);
        options.external = vec![at("50.4.1.1:8333")];
        options.add = vec!["50.5.1.1".into()];
        options.active = false;
    });
    node.stand_in("50.5.1.1:18444", &other);
    let good = ["50.1.1.1:8333", "50.1.2.2:8333", "50.6.1.1:8333", "50.7.1.1:8333"];
    let bad = ["50.2.1.1:8333", "50.3.1.1:8333", "50.4.1.1:8333", "50.5.1.1:8333"];
    for address in good.iter().chain(&bad) {
        node.stand_in(address, &other);
    }
    node.bans().discourage(&at("50.3.1.1:8333").host());
    assert!(node.bans().ban(Subnet::parse("50.2.0.0/16", false).unwrap(), 0, false));
    node.know(&bad);
    node.know(&good);
    node.p2p.network().set_active(true);
    wait("three groups are connected", || {
        kinds(&node).iter().filter(|kind| **kind == ConnectionKind::OutboundFullRelay).count() == 3
    });
    // The added one is called as the owner's and takes no place.
    wait("the added one is connected", || kinds(&node).contains(&ConnectionKind::Manual));
    // Let it look for more. There is nobody.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let groups: BTreeSet<_> = node.links().iter().map(|link| link.address().group()).collect();
    assert_eq!((node.links().len(), groups.len()), (4, 4));
    let dialled = node.dialled();
    for address in &bad[..3] {
        assert!(!dialled.contains(&at(address)), "{address} of {dialled:?}");
    }
}

#[test]
fn connections_for_blocks_come_back_after_a_restart() {
    let (one, two) = (Node::start(|_| {}), Node::start(|_| {}));
    let for_blocks = |options: &mut P2pOptions| {
        alone(options);
        options.target_outbound = 0;
        options.max_automatic = 3;
    };
    let folder = {
        let node = Node::start(for_blocks);
        node.stand_in("61.1.1.1:8333", &one);
        node.stand_in("62.1.1.1:8333", &two);
        node.know(&["61.1.1.1:8333", "62.1.1.1:8333"]);
        wait("both are connected", || kinds(&node) == [ConnectionKind::BlockRelay; 2]);
        node.stop()
    };
    assert!(folder.path().join("anchors.dat").exists());
    // Without its address book.
    std::fs::remove_file(folder.path().join("peers.dat")).unwrap();
    let stand_ins: Vec<SocketAddr> = [&one, &two].map(|node| node.p2p.bound()[0]).to_vec();
    let node = Node::start_in(folder, start_time(), |options| {
        for_blocks(options);
        options.active = false;
    });
    for (address, stand_in) in ["61.1.1.1:8333", "62.1.1.1:8333"].into_iter().zip(stand_ins) {
        node.p2p.network().stand_ins.lock().unwrap().insert(at(address), stand_in);
    }
    assert!(!node.folder.path().join("anchors.dat").exists());
    // Nothing happens while the network is off.
    std::thread::sleep(std::time::Duration::from_secs(1));
    assert!(node.links().is_empty() && node.dialled().is_empty());
    node.p2p.network().set_active(true);
    wait("both are connected again", || kinds(&node) == [ConnectionKind::BlockRelay; 2]);
}

#[test]
fn an_extra_peer_is_called_when_the_tip_is_stale_and_the_worst_goes() {
    let other = Node::start(|_| {});
    let node = Node::start(|options| {
        alone(options);
        options.target_outbound = 1;
        options.target_block_relay = 0;
        options.max_automatic = 2;
    });
    let addresses = ["71.1.1.1:8333", "72.1.1.1:8333", "73.1.1.1:8333"];
    addresses.iter().for_each(|address| node.stand_in(address, &other));
    node.know(&addresses);
    wait("one is connected", || kinds(&node) == [ConnectionKind::OutboundFullRelay]);
    assert!(!node.p2p.network().wishes().extra_full_relay());
    // The message thread has looked at the clock once. Its next look finds the tip of an hour ago.
    node.p2p.sync_blocking();
    node.pass(3600);
    wait("another one is wished for", || node.p2p.network().wishes().extra_full_relay());
    wait("another one is connected", || kinds(&node) == [ConnectionKind::OutboundFullRelay; 2]);
    let first = node.links()[0].id();
    // Neither has announced anything: the newer one goes, once it has had its time.
    node.p2p.advance_schedule_blocking(45);
    assert_eq!(kinds(&node).len(), 2);
    node.pass(60);
    wait("one of them has been left", || node.links().len() == 1);
    assert_eq!(node.links()[0].id(), first);
    wait("no other one is wished for", || !node.p2p.network().wishes().extra_full_relay());
}

#[test]
fn a_feeler_finds_out_whether_an_address_works() {
    let other = Node::start(|_| {});
    let node = Node::start(|options| {
        alone(options);
        options.target_outbound = 0;
        options.target_block_relay = 0;
        options.max_automatic = 1;
    });
    node.stand_in("81.1.1.1:8333", &other);
    node.know(&["81.1.1.1:8333"]);
    wait("it is among the tried ones and left", || {
        node.pass(60);
        let tried = node.p2p.network().book().list(crate::p2p::address_book::Table::Tried);
        !tried.is_empty() && node.links().is_empty()
    });
}

#[test]
fn who_is_called_twice_at_once_is_connected_once() {
    let (node, other) = (Node::start(|_| {}), Node::start(|_| {}));
    let (place, network) = (other.place(), node.p2p.network());
    let call = || network.connect(&place, ConnectionKind::Manual, TransportVersion::V1);
    let (one, two) = node.run(async { tokio::join!(call(), call()) });
    assert!(one.is_ok() != two.is_ok());
    assert_eq!(node.links().len(), 1);
}

#[test]
fn own_addresses_are_told_to_the_owner() {
    use chaincore_rpc::network::Network;
    let node = Node::start(|options| options.external = vec![at("50.4.1.1:8333")]);
    let told = node.p2p.local_addresses();
    let told: Vec<_> = told.iter().map(|own| (own.address.as_str(), own.port, own.score)).collect();
    assert_eq!(told, [("50.4.1.1", 8333, crate::p2p::local::SCORE_NAMED)]);
}

#[test]
fn connections_for_tests_have_their_limits() {
    let other = Node::start(|_| {});
    let node = Node::start(|options| options.max_automatic = 4);
    for n in 1..=9 {
        node.stand_in(&format!("9{n}.1.1.1:8333"), &other);
    }
    let call = |n: u8, kind| {
        let name = format!("9{n}.1.1.1:8333");
        node.run(node.p2p.outbound().connect(&name, kind, TransportVersion::V1))
    };
    assert_eq!(call(1, ConnectionKind::BlockRelay), Ok(()));
    assert_eq!(call(2, ConnectionKind::BlockRelay), Ok(()));
    assert_eq!(call(3, ConnectionKind::BlockRelay), Err(AtCapacity));
    assert_eq!(call(4, ConnectionKind::OutboundFullRelay), Ok(()));
    assert_eq!(call(5, ConnectionKind::AddrFetch), Ok(()));
    // One more than may be, of any kind.
    assert_eq!(call(6, ConnectionKind::OutboundFullRelay), Err(AtCapacity));
    assert_eq!(call(7, ConnectionKind::Feeler), Err(AtCapacity));
    assert_eq!(call(8, ConnectionKind::Manual), Err(AtCapacity));
    assert_eq!(call(9, ConnectionKind::Inbound), Err(AtCapacity));
}
