//! Where first peers come from, and on which networks they are called.

use super::raw_peer::RawPeer;
use super::{FULL, Node, at, start_time, wait};
use crate::p2p::net_address::Network;
use crate::p2p::reach::Reach;
use crate::p2p::wire::{Message, PeerAddress};
use std::time::Duration;

const SEED: &str = "51.1.1.1:8333";

#[test]
fn addresses_of_the_chains_file_are_used_when_there_is_nothing_else() {
    let seed = Node::start(|_| {});
    let node = Node::start(|options| {
        options.connect = None;
        options.fixed_seeds = Some(vec![at(SEED), at("[2a00::1]:8333")]);
        options.reach = Reach::only(&[Network::Ipv4]);
        options.active = false;
    });
    node.stand_in(SEED, &seed);
    node.p2p.network().set_active(true);
    wait("it is connected", || node.links().iter().any(|link| link.address() == at(SEED)));
    assert_eq!(node.book(), [SEED]);
    // They are said to be old, so that others are told first.
    let listed = node.p2p.network().book().list(crate::p2p::address_book::Table::New);
    let week = 7 * 24 * 60 * 60;
    assert!(listed.iter().all(|one| i64::from(one.address.time) <= node.clock.now() - week));
}

#[test]
fn addresses_of_the_chains_file_wait_for_other_sources() {
    let node = Node::start(|options| {
        options.connect = None;
        options.dns_seeding = true;
        options.fixed_seeds = Some(vec![at(SEED)]);
    });
    let adding = Node::start(|options| {
        options.connect = None;
        options.add = vec!["50.5.1.1".into()];
        options.fixed_seeds = Some(vec![at(SEED)]);
    });
    let never = Node::start(|options| options.connect = None);
    std::thread::sleep(Duration::from_secs(2));
    node.pass(60);
    std::thread::sleep(Duration::from_secs(2));
    assert!(node.book().is_empty() && adding.book().is_empty());
    for waiting in [&node, &adding] {
        waiting.pass(61);
        wait("it is known", || waiting.book() == [SEED]);
    }
    never.pass(3600);
    assert!(never.book().is_empty());
}

#[test]
fn only_chosen_networks_are_called_and_remembered() {
    let other = Node::start(|_| {});
    let node = Node::start(|options| {
        options.connect = None;
        options.reach = Reach::only(&[Network::Ipv6]);
        options.external = vec![at("50.4.1.1:8333")];
    });
    let (four, six) = ("52.1.1.1:8333", "[2a00::1]:8333");
    node.stand_in(four, &other);
    node.stand_in(six, &other);
    // From an earlier run, when it was on all networks.
    node.know(&[four]);
    let mut peer = RawPeer::call(&node, true);
    let told = |text: &str| PeerAddress {
        address: at(text),
        services: FULL,
        time: u32::try_from(node.clock.now()).unwrap(),
    };
    node.pass(100);
    peer.say(&Message::AddrV2(vec![told("53.1.1.1:8333"), told(six), told("54.1.1.1:8333")]));
    peer.settle();
    assert_eq!(node.book(), [four, six]);
    wait("the one is connected", || node.links().iter().any(|link| link.address() == at(six)));
    std::thread::sleep(Duration::from_secs(2));
    assert!(!node.dialled().contains(&at(four)));
    use chaincore_rpc::network::Network as _;
    assert!(node.p2p.reaches("ipv6") && !node.p2p.reaches("ipv4") && !node.p2p.reaches("onion"));
    // What the owner names is told all the same.
    assert_eq!(node.p2p.local_addresses().len(), 1);
}

#[test]
fn dns_seeds_are_asked_although_addresses_are_known_if_they_must_be() {
    let folder = {
        let node = Node::start(|_| {});
        node.know(&["52.1.1.1:8333"]);
        node.stop()
    };
    // Names are not looked up in tests: the seeds themselves are noted to be asked then, and nobody calls them here.
    let seeded = |folder, force| {
        Node::start_in(folder, start_time(), |options| {
            options.dns_seeding = true;
            options.dns_seeds = vec!["seed.example".into(), "seed2.example".into()];
            options.force_dns_seeds = force;
        })
    };
    let node = seeded(folder, false);
    assert_eq!(node.book().len(), 1);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(node.p2p.network().wishes().next_fetch(), None);
    let node = seeded(node.stop(), true);
    assert_eq!(node.book().len(), 1);
    let mut asked = vec![];
    wait("both are asked", || {
        asked.extend(node.p2p.network().wishes().next_fetch());
        asked.len() == 2
    });
}
