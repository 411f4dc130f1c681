//! Peers beyond the usual number: those that are asked for their blocks, and those that are only tried.

use super::{Node, at, params, wait};
use crate::chain::Origin;
use crate::p2p::address_book::Table;
use crate::p2p::kind::{ConnectionKind, PeerId};
use crate::testkit::Branch;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How often the clock is moved on while something is waited for: long enough for a connection to be made meanwhile.
const STEP: Duration = Duration::from_millis(700);

fn kinds(node: &Node) -> Vec<ConnectionKind> {
    let links = node.links();
    links.iter().filter(|link| link.facts().handshake_done).map(|link| link.kind()).collect()
}

/// Moves the clock on now and then until something holds.
fn wait_by_clock(node: &Node, what: &str, seconds: i64, mut done: impl FnMut() -> bool) {
    let mut moved = Instant::now();
    wait(what, || {
        if moved.elapsed() >= STEP {
            node.pass(seconds);
            moved = Instant::now();
        }
        done()
    });
}

const ADDRESSES: [&str; 3] = ["61.1.1.1:8333", "62.1.1.1:8333", "63.1.1.1:8333"];

/// A node that keeps one connection for blocks, with a second one made because other peers are asked for theirs now and
/// then; the nodes it calls, and the numbers of the usual peer and the extra one.
fn with_an_extra_peer_for_blocks() -> (Node, Vec<Node>, PeerId, PeerId) {
    let others: Vec<Node> = ADDRESSES.iter().map(|_| Node::start(|_| {})).collect();
    let node = Node::start(|options| {
        options.connect = None;
        options.target_outbound = 0;
        options.target_block_relay = 1;
        options.max_automatic = 2;
        options.active = false;
    });
    ADDRESSES.iter().zip(&others).for_each(|(address, other)| node.stand_in(address, other));
    node.know(&ADDRESSES);
    node.p2p.network().set_active(true);
    wait("one is connected", || kinds(&node) == [ConnectionKind::BlockRelay]);
    // The chain is up to date, which is noticed at the first check.
    let wishes = node.p2p.network().wishes();
    wait_by_clock(&node, "others are asked", 50, || wishes.extra_block_relay());
    assert!(!wishes.extra_full_relay());
    wait_by_clock(&node, "another one is connected", 300, || kinds(&node) == [ConnectionKind::BlockRelay; 2]);
    // Only now: on a slow machine the clock may have run away from a connection before, and another one been made.
    let links = node.links();
    let (first, second) = (links[0].id(), links[1].id());
    assert!(first < second);
    (node, others, first, second)
}

#[test]
fn an_extra_peer_for_blocks_that_has_none_goes_again() {
    let (node, _others, first, _) = with_an_extra_peer_for_blocks();
    // It has its time.
    node.p2p.advance_schedule_blocking(45);
    assert_eq!(node.links().len(), 2);
    node.pass(50);
    wait("the newer one has been left", || node.links().len() == 1);
    assert_eq!(node.links()[0].id(), first);
}

#[test]
fn an_extra_peer_for_blocks_that_brings_a_block_takes_the_place_of_the_other() {
    let (node, others, first, second) = with_an_extra_peer_for_blocks();
    let extra = node.links()[1].address();
    let at_extra = ADDRESSES.iter().position(|address| at(address) == extra).unwrap();
    let block = Branch::new(params(), 5).mine(0);
    // By its clock the block is of today, so that it tells of it.
    let other = &others[at_extra];
    other.clock.set_mock(Some(node.clock.now()));
    assert!(other.chain.submit_block_blocking(block, Origin::Rpc).unwrap().is_accepted());
    wait("the block has come", || node.links()[1].facts().last_block > 0);
    node.pass(50);
    wait("the older one has been left", || node.links().len() == 1);
    assert_eq!(node.links()[0].id(), second);
    assert_ne!(first, second);
}

/// So long, in seconds, an address waits for another one to be tried; then it gets the place in any case.
const TEST_WINDOW: i64 = 40 * 60;

/// Moves the clock on by hours, with a block at the end of them: else a peer would be looked for that has one.
fn pass_hours(node: &Node) {
    let (release, busy) = mpsc::channel::<()>();
    let (begun, begins) = mpsc::channel();
    node.p2p.protocol().run(move |_| {
        begun.send(()).unwrap();
        let _ = busy.recv();
    });
    begins.recv().unwrap();
    node.pass(5 * 60 * 60);
    let block = Branch::new(params(), 5).mine(0);
    assert!(node.chain.submit_block_blocking(block, Origin::Rpc).unwrap().is_accepted());
    release.send(()).unwrap();
    node.p2p.sync_blocking();
}

/// A node that only makes feelers, whose book has two addresses for one place: the first is there, the other waits.
fn with_a_collision() -> (Node, String, String) {
    let node = Node::start(|options| {
        options.connect = None;
        options.target_outbound = 0;
        options.target_block_relay = 0;
        options.max_automatic = 1;
        options.active = false;
    });
    let book = node.p2p.network().book();
    // Those of one group share few places.
    let candidates = (1..=250).map(|n| format!("81.1.1.{n}:8333"));
    for waiting in candidates {
        node.know(&[&waiting]);
        book.good(&at(&waiting));
        if let Some(choice) = book.select_tried_collision() {
            // That the first one answered is long ago, and that the other did is not.
            pass_hours(&node);
            book.good(&at(&waiting));
            return (node, choice.address.address.to_string(), waiting);
        }
    }
    panic!("250 addresses have no place in common");
}

fn is_tried(node: &Node, address: &str) -> bool {
    let tried = node.p2p.network().book().list(Table::Tried);
    tried.iter().any(|listed| listed.address.address == at(address))
}

#[test]
fn a_feeler_to_an_address_that_fails_gives_its_place_to_the_one_that_waits() {
    let (node, old, waiting) = with_a_collision();
    assert!(is_tried(&node, &old) && !is_tried(&node, &waiting));
    let since = node.clock.now();
    node.p2p.network().set_active(true);
    // Nobody is there.
    wait_by_clock(&node, "the old one is called", 60, || node.dialled().contains(&at(&old)));
    assert!(!node.p2p.network().wishes().extra_full_relay());
    wait_by_clock(&node, "the other one has its place", 61, || is_tried(&node, &waiting));
    assert!(!is_tried(&node, &old) && node.clock.now() - since < TEST_WINDOW);
}

#[test]
fn a_feeler_to_an_address_that_answers_keeps_it_where_it_is() {
    let other = Node::start(|_| {});
    let (node, old, waiting) = with_a_collision();
    node.stand_in(&old, &other);
    let since = node.clock.now();
    node.p2p.network().set_active(true);
    wait_by_clock(&node, "the old one is called", 60, || node.dialled().contains(&at(&old)));
    assert!(!node.p2p.network().wishes().extra_full_relay());
    let book = node.p2p.network().book();
    wait("it has answered, and nobody waits any more", || {
        book.resolve_collisions();
        book.select_tried_collision().is_none()
    });
    assert!(is_tried(&node, &old) && !is_tried(&node, &waiting));
    assert!(node.clock.now() - since < TEST_WINDOW);
    wait("it has been left", || node.links().is_empty());
}
