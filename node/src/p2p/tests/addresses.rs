//! Addresses that nodes exchange.

use super::raw_peer::RawPeer;
use super::{FULL, Node, at, start_time, wait};
use crate::p2p::wire::{Message, PeerAddress, ServiceFlags};
use std::collections::BTreeSet;

const ONION: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:8333";

fn known(address: &str, time: i64) -> PeerAddress {
    PeerAddress { address: at(address), services: FULL, time: u32::try_from(time).unwrap() }
}

/// Routable addresses, each of another group.
fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{}.{}.7.7:8333", 60 + n / 250, n % 250)).collect()
}

#[test]
fn a_node_that_says_where_it_is_is_heard_of_two_nodes_away() {
    let middle = Node::start(|_| {});
    let far = Node::start(|_| {});
    far.call(&middle);
    let told = Node::start(|options| options.external = vec![at("5.6.7.8:18444")]);
    told.call(&middle);
    wait("the one in the middle knows the address", || middle.book() == ["5.6.7.8:18444"]);
    // It is passed on within a minute or so, which chance chooses.
    wait("the far one knows the address", || {
        middle.pass(30);
        far.book() == ["5.6.7.8:18444"]
    });
    assert!(told.book().is_empty());
}

#[test]
fn who_calls_gets_a_part_of_the_book_once_and_the_same_as_others() {
    let node = Node::start(|_| {});
    let all = many(1000);
    node.know(&all.iter().map(String::as_str).collect::<Vec<_>>());
    let size = node.book().len();
    assert!(size > 500, "{size}");
    let answer = |addrv2| {
        let mut peer = RawPeer::call(&node, addrv2);
        peer.say(&Message::GetAddr);
        peer.say(&Message::GetAddr);
        let addresses = match &peer.settle()[..] {
            [Message::Addr(addresses)] if !addrv2 => addresses.clone(),
            [Message::AddrV2(addresses)] if addrv2 => addresses.clone(),
            other => panic!("{other:?}"),
        };
        node.pass(600);
        // The second question has no answer.
        assert!(peer.settle().is_empty());
        addresses.iter().map(|known| known.address).collect::<BTreeSet<_>>()
    };
    let first = answer(false);
    assert_eq!(first.len(), size * 23 / 100);
    node.know(&many(1500)[1000..].iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(answer(true), first);
}

#[test]
fn who_is_called_is_asked_and_does_not_get_an_answer() {
    let called = Node::start(|_| {});
    called.know(&many(100).iter().map(String::as_str).collect::<Vec<_>>());
    let caller = Node::start(|_| {});
    caller.know(&["99.1.1.1:8333"; 1]);
    caller.call(&called);
    // Most of them find a place in the book.
    let part = called.book().len() * 23 / 100;
    wait("the caller has got its part", || caller.book().len() > part / 2);
    assert!(caller.book().len() <= part + 1);
    assert!(!called.book().contains(&"99.1.1.1:8333".to_owned()));
}

#[test]
fn too_many_addresses_are_not_looked_at() {
    let node = Node::start(|_| {});
    let mut peer = RawPeer::call(&node, false);
    let facts = || {
        let links = node.links();
        let facts = links[0].facts();
        (facts.addr_relay, facts.addr_processed, facts.addr_rate_limited)
    };
    peer.settle();
    assert_eq!(facts(), (false, 0, 0));
    let told: Vec<PeerAddress> = many(1000).iter().map(|address| known(address, start_time())).collect();
    peer.say(&Message::Addr(told.clone()));
    peer.settle();
    // Facts are published after the answer has gone out.
    wait("one is taken", || facts() == (true, 1, 999));
    node.pass(100);
    peer.say(&Message::Addr(told));
    peer.settle();
    wait("and one for each ten seconds", || facts() == (true, 11, 1989));
}

#[test]
fn who_is_trusted_with_addresses_may_tell_any_number() {
    let node = Node::start(|options| options.whitelist.add("addr@127.0.0.1").unwrap());
    let mut peer = RawPeer::call(&node, false);
    let told: Vec<PeerAddress> = many(1000).iter().map(|address| known(address, start_time())).collect();
    peer.say(&Message::Addr(told));
    peer.settle();
    wait("all are taken", || {
        let links = node.links();
        let facts = links[0].facts();
        (facts.addr_processed, facts.addr_rate_limited) == (1000, 0)
    });
}

#[test]
fn only_fresh_addresses_in_short_messages_are_passed_on_and_nothing_to_old_peers_that_they_cannot_read() {
    let node = Node::start(|options| options.whitelist.add("addr@127.0.0.1").unwrap());
    let mut teller = RawPeer::call(&node, true);
    let mut hearer = RawPeer::call(&node, false);
    // From now on it is told addresses. An old one is not passed on.
    hearer.say(&Message::Addr(vec![known("9.9.9.9:1", start_time())]));
    hearer.settle();
    let no_node = PeerAddress { services: ServiceFlags::WITNESS, ..known("4.4.4.4:8333", start_time()) };
    teller.say(&Message::AddrV2(vec![
        known("1.1.1.1:8333", start_time() - 599),
        known("2.2.2.2:8333", start_time() - 600),
        known("3.3.3.3:8333", start_time() + 601),
        known("10.0.0.1:8333", start_time()),
        known(ONION, start_time()),
        no_node,
    ]));
    let eleven: Vec<PeerAddress> = many(11).iter().map(|address| known(address, start_time())).collect();
    teller.say(&Message::AddrV2(eleven));
    teller.settle();
    node.pass(600);
    let heard = hearer.hear(|message| matches!(message, Message::Addr(_) | Message::AddrV2(_)));
    assert_eq!(heard, Message::Addr(vec![known("1.1.1.1:8333", start_time() - 599)]));
    // It knows it now.
    teller.say(&Message::AddrV2(vec![known("1.1.1.1:8333", node.clock.now())]));
    teller.settle();
    node.pass(600);
    assert!(hearer.settle().is_empty());
    // Nobody is told his own words.
    assert!(teller.settle().is_empty());
    let book = node.book();
    // Some of fifteen may share a place in the book, whose secret is chosen at random.
    assert!((12..=15).contains(&book.len()), "{book:?}");
    assert!(!book.contains(&ONION.to_owned()) && !book.contains(&"4.4.4.4:8333".to_owned()));
}

#[test]
fn the_own_address_is_told_about_once_a_day() {
    let node = Node::start(|options| options.external = vec![at("5.6.7.8:18444")]);
    let mut peer = RawPeer::call(&node, true);
    peer.say(&Message::GetAddr);
    let own = |message: &Message| match message {
        Message::AddrV2(addresses) => addresses.iter().any(|known| known.address == at("5.6.7.8:18444")),
        _ => false,
    };
    peer.hear(own);
    let mut told = 0;
    // Sixty days, by the hour. Each new time needs a moment for the message to be sent.
    for _ in 0..60 * 24 {
        node.pass(3600);
        told += peer.settle().iter().filter(|message| own(message)).count();
    }
    assert!((30..100).contains(&told), "{told} times in 60 days");
}
