//! What Core's tests of its address manager expect, with the same addresses and the same key.

mod choosing;
mod collisions;
mod file;

use super::bucket::Table;
use super::entry::{DAY, HOUR, MINUTE};
use super::tables::{MAX_REFERENCES, Tables};
use super::*;
use std::collections::BTreeSet;

const NOW: i64 = 1_700_000_000;
/// The time of an address that nobody gave one.
const UNSET: i64 = 100_000_000;
const I2P: &str = "udhdrtrcetjm5sxzskjyr5ztpeszydbh4dpl3pl4utgqqw2v4jna.b32.i2p:0";
const I2P_OTHER: &str = "c4gfnttsuwqomiygupdqqqyy5y5emnk5c73hrfvatri67prd7vyq.b32.i2p:0";

fn at(text: &str) -> NetAddress {
    text.parse().unwrap()
}

fn host(text: &str) -> Host {
    text.parse().unwrap()
}

fn told(address: NetAddress, time: i64) -> PeerAddress {
    PeerAddress { address, services: ServiceFlags::NONE, time: time as u32 }
}

/// The tables of Core's tests, checked after every step.
struct Checked(Tables);

impl Checked {
    fn new() -> Self {
        let (key, seed) = Randomness::Fixed.draw();
        Self(Tables::new(key, seed))
    }

    fn add_told(&mut self, told: PeerAddress, source: &str, penalty: i64) -> bool {
        let added = self.0.add(&[told], &host(source), penalty, NOW);
        self.0.check().unwrap();
        added > 0
    }

    fn add(&mut self, address: &str, source: &str) -> bool {
        self.add_told(told(at(address), UNSET), source, 0)
    }

    fn good(&mut self, address: &str) -> bool {
        self.good_at(address, NOW)
    }

    fn good_at(&mut self, address: &str, time: i64) -> bool {
        let moved = self.0.good(&at(address), true, time);
        self.0.check().unwrap();
        moved
    }

    fn resolve(&mut self, now: i64) {
        self.0.resolve_collisions(now);
        self.0.check().unwrap();
    }

    fn size(&self) -> usize {
        self.0.size(None, None)
    }

    fn select(&mut self, new_only: bool, networks: &[Network]) -> Option<NetAddress> {
        self.0.select(new_only, networks, NOW).map(|choice| choice.address.address)
    }

    fn collision(&mut self) -> Option<String> {
        self.0.select_tried_collision().map(|choice| choice.address.address.to_string())
    }

    fn get_all(&mut self, filtered: bool) -> Vec<PeerAddress> {
        self.0.get_addr(0, 0, None, filtered, NOW)
    }

    /// The table that the address is in, and at how many places.
    fn place(&self, address: &str) -> (Table, usize) {
        let entry = &self.0.entries[&self.0.ids[&at(address)]];
        if entry.tried { (Table::Tried, 1) } else { (Table::New, entry.references) }
    }
}

#[test]
fn addresses_are_added_once() {
    let mut book = Checked::new();
    assert_eq!(book.select(false, &[]), None);
    assert!(book.add("250.1.1.1:8333", "252.2.2.2"));
    assert_eq!(book.select(false, &[]), Some(at("250.1.1.1:8333")));
    assert!(!book.add("250.1.1.1:8333", "252.2.2.2"));
    assert_eq!(book.size(), 1);
    assert!(book.add("250.1.1.2:8333", "252.2.2.2"));
    // Unroutable ones never are.
    for address in ["10.0.0.1:8333", "127.0.0.1:8333", "0.0.0.0:1", "[2001:db8::1]:1", "[::]:0"] {
        assert!(!book.add(address, "252.2.2.2"));
    }
    let two = ["250.1.1.3:8333", "250.1.1.4:8333"].map(|address| told(at(address), UNSET));
    assert_eq!(book.0.add(&two, &host("252.2.2.2"), 0, NOW), 2);
}

#[test]
fn ports_are_addresses_of_their_own() {
    let mut book = Checked::new();
    assert!(book.add("250.1.1.1:8333", "252.2.2.2"));
    assert!(book.add("250.1.1.1:8334", "252.2.2.2"));
    assert_eq!(book.size(), 2);
    book.good("250.1.1.1:8334");
    assert_eq!(book.size(), 2);
    assert_eq!(book.select(true, &[]), Some(at("250.1.1.1:8333")));
}

#[test]
fn addresses_that_many_tell_of_have_many_places() {
    let source = |n: usize| format!("{}.{}.1.1", n % 256, n / 256);
    let mut book = Checked::new();
    let address = at("253.3.3.3:8333");
    // Nobody knows anything new.
    for n in 1..20 {
        book.add_told(told(address, NOW), &source(n), 0);
    }
    assert_eq!(book.place("253.3.3.3:8333"), (Table::New, 1));
    for n in 1..2_000 {
        book.0.add(&[told(address, NOW + n as i64)], &host(&source(n)), 0, NOW);
    }
    book.0.check().unwrap();
    assert_eq!(book.place("253.3.3.3:8333"), (Table::New, MAX_REFERENCES));
    assert_eq!(book.size(), 1);
    assert_eq!(book.0.list(Table::New).len(), MAX_REFERENCES);
    // All of its places are freed at once.
    assert!(book.good("253.3.3.3:8333"));
    assert_eq!(book.0.list(Table::New), []);
    assert_eq!(book.0.list(Table::Tried).len(), 1);
}

#[test]
fn failures_count_once_between_successes() {
    let mut book = Checked::new();
    assert!(book.add_told(told(at("250.1.1.1:8333"), NOW), "250.1.2.1", 0));
    let id = book.0.ids[&at("250.1.1.1:8333")];
    let try_at = |book: &mut Checked, time| {
        book.0.attempt(&at("250.1.1.1:8333"), true, time);
        book.0.entries[&id].failures
    };
    assert_eq!(try_at(&mut book, NOW), 1);
    assert_eq!(try_at(&mut book, NOW + 1), 1);
    // Any success shows that there is a network.
    book.0.good(&at("9.9.9.9:1"), true, NOW + 2);
    assert_eq!(try_at(&mut book, NOW + 3), 2);
    book.0.attempt(&at("250.1.1.1:8333"), false, NOW + 9);
    assert_eq!(book.0.entries[&id].last_try, NOW + 9);
    assert_eq!(book.0.entries[&id].failures, 2);
    book.good_at("250.1.1.1:8333", NOW + 10);
    assert_eq!(book.0.entries[&id].failures, 0);
}

#[test]
fn penalties_are_for_what_others_say() {
    let mut book = Checked::new();
    let time = NOW - 10_000;
    assert!(book.add_told(told(at("250.1.1.1:8333"), time), "250.1.1.1", 3_600));
    assert_eq!(book.get_all(true), [told(at("250.1.1.1:8333"), time)]);
    assert!(book.add_told(told(at("250.1.1.2:8333"), time), "250.1.1.3", 3_600));
    let second = book.get_all(true).into_iter().find(|address| address.address == at("250.1.1.2:8333"));
    assert_eq!(second, Some(told(at("250.1.1.2:8333"), time - 3_600)));
    // No time is before 1970.
    assert!(book.add_told(told(at("250.1.1.4:8333"), 100), "250.1.1.3", 3_600));
    assert!(book.get_all(false).contains(&told(at("250.1.1.4:8333"), 0)));
}

#[test]
fn times_and_services_are_updated() {
    let mut book = Checked::new();
    let time = NOW - 10_000;
    let address = at("250.1.1.1:8333");
    let only = |book: &mut Checked| {
        let [only] = book.get_all(true)[..] else { panic!("one address") };
        (i64::from(only.time), only.services)
    };
    assert!(book.add_told(told(address, time), "252.2.2.2", 0));
    book.0.connected(&address.with_port(8334), NOW);
    book.0.set_services(&address.with_port(8334), ServiceFlags::NETWORK_LIMITED);
    assert_eq!(only(&mut book), (time, ServiceFlags::NONE));

    book.0.connected(&address, time + 20 * MINUTE);
    assert_eq!(only(&mut book).0, time);
    book.0.connected(&address, NOW);
    book.0.set_services(&address, ServiceFlags::NETWORK_LIMITED);
    assert_eq!(only(&mut book), (NOW, ServiceFlags::NETWORK_LIMITED));

    // What others say adds services, what the node itself says replaces them.
    let v2 = PeerAddress { services: ServiceFlags::P2P_V2, ..told(address, time) };
    assert!(!book.add_told(v2, "252.2.2.2", 0));
    assert_eq!(only(&mut book).1, ServiceFlags::P2P_V2 | ServiceFlags::NETWORK_LIMITED);
    book.0.set_services(&address, ServiceFlags::NETWORK);
    assert!(book.good("250.1.1.1:8333"));
    assert_eq!(only(&mut book), (NOW, ServiceFlags::NETWORK));
    assert!(!book.add_told(v2, "252.2.2.2", 0));
    assert_eq!(only(&mut book).1, ServiceFlags::P2P_V2 | ServiceFlags::NETWORK);

    // An address that is heard of is no newer for an hour.
    assert!(!book.add_told(told(address, NOW + HOUR), "252.2.2.2", 0));
    assert_eq!(only(&mut book).0, NOW);
    assert!(!book.add_told(told(address, NOW + HOUR + 1), "252.2.2.2", 0));
    assert_eq!(book.get_all(false)[0].time, (NOW + HOUR + 1) as u32);
}

#[test]
fn memory_is_bounded() {
    let mut book = Checked::new();
    // One source can't have more than its 64 buckets, whatever it tells.
    for n in 0..30_000_u32 {
        let [a, b, ..] = (n * 7).to_le_bytes();
        let address = NetAddress::new(Host::Ipv4([20 + (n / 3_000) as u8, a, b, 1]), 8333);
        book.0.add(&[told(address, NOW)], &host("252.2.2.2"), 0, NOW);
    }
    book.0.check().unwrap();
    assert!(book.size() <= 64 * 64, "{}", book.size());
    assert_eq!(book.size(), book.0.entries.len());
}
