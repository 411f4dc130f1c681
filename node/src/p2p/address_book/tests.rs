//! What Core's tests of its address manager expect, with the same addresses and the same key; and the file.

use super::bucket::Table;
use super::entry::{Choice, DAY, HOUR, MINUTE};
use super::file::LoadError;
use super::tables::{MAX_REFERENCES, Tables};
use super::*;
use chaincore_consensus::codec::Reader;
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
        self.0.check().unwrap_or_else(|code| assert!(time == 0 || code == -1, "{code}"));
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
fn selecting() {
    let mut book = Checked::new();
    assert!(book.add("250.1.1.1:8333", "252.2.2.2"));
    assert_eq!(book.select(true, &[]), Some(at("250.1.1.1:8333")));
    assert!(book.good("250.1.1.1:8333"));
    assert_eq!(book.select(true, &[]), None);
    assert_eq!(book.select(false, &[]), Some(at("250.1.1.1:8333")));

    assert!(book.add("250.3.1.1:8333", "250.3.1.1"));
    assert_eq!(book.select(true, &[]), Some(at("250.3.1.1:8333")));
    assert!(book.add("250.3.2.2:9999", "250.3.1.1"));
    assert!(book.add("250.3.3.3:9999", "250.4.1.1"));
    for (address, source) in
        [("250.4.4.4:8333", "250.3.2.2"), ("250.4.5.5:7777", "250.3.2.2"), ("250.4.6.6:8333", "250.1.1.3")]
    {
        assert!(book.add(address, source));
        assert!(book.good(address));
    }
    assert_eq!(book.size(), 7);
    let ports: BTreeSet<_> = (0..20).filter_map(|_| book.select(false, &[])).map(|at| at.port()).collect();
    assert_eq!(ports, BTreeSet::from([7777, 8333, 9999]));
}

#[test]
fn selecting_by_network() {
    let mut book = Checked::new();
    assert_eq!(book.select(false, &[Network::Ipv4]), None);
    assert!(book.add("250.1.1.1:8333", "252.2.2.2"));
    assert_eq!(book.select(true, &[Network::Ipv4]), Some(at("250.1.1.1:8333")));
    for other in [Network::Ipv6, Network::Onion, Network::I2p, Network::Cjdns] {
        assert_eq!(book.select(false, &[other]), None);
        assert_eq!(book.select(true, &[other]), None);
    }
    assert!(book.add(I2P, "252.2.2.2"));
    assert_eq!(book.select(true, &[Network::I2p]), Some(at(I2P)));
    assert_eq!(book.select(false, &[Network::Ipv4]), Some(at("250.1.1.1:8333")));
    assert!(book.select(false, &[Network::Ipv4, Network::I2p]).is_some());
    assert_eq!(book.select(false, &[Network::Ipv6, Network::Onion, Network::Cjdns]), None);

    assert!(book.good(I2P));
    assert_eq!(book.select(true, &[Network::I2p]), None);
    assert_eq!(book.select(false, &[Network::I2p]), Some(at(I2P)));
    // The only address of the network is in one table: that one is searched.
    for _ in 0..20 {
        assert_eq!(book.select(false, &[Network::Ipv4]), Some(at("250.1.1.1:8333")));
    }
    assert!(book.add(I2P_OTHER, "252.2.2.2"));
    assert_eq!(book.select(true, &[Network::I2p]), Some(at(I2P_OTHER)));
    let both: BTreeSet<_> = (0..100).filter_map(|_| book.select(false, &[Network::I2p])).collect();
    assert_eq!(both.len(), 2);
}

#[test]
fn what_failed_is_selected_less_often() {
    let mut book = Checked::new();
    for address in ["250.1.1.1:8333", "251.1.1.1:8333"] {
        book.add_told(told(at(address), NOW), "252.2.2.2", 0);
    }
    let failed = at("250.1.1.1:8333");
    for n in 0..8 {
        book.0.attempt(&failed, true, NOW - HOUR + n);
        book.0.good(&at("9.9.9.9:1"), true, NOW - HOUR + n + 1);
    }
    let times = (0..400).filter(|_| book.select(false, &[]) == Some(failed)).count();
    // Its chance is 0.036 against 1, but for the factor that grows as others are passed over.
    assert!(times < 60, "{times} of 400");
}

#[test]
fn collisions_of_new_addresses() {
    let mut book = Checked::new();
    for n in 1..=22 {
        assert!(book.add(&format!("250.1.1.{n}:0"), "252.2.2.2"));
        assert_eq!(book.size(), n);
    }
    // As these have no useful times, the later one wins.
    assert!(book.add("250.1.1.23:0", "252.2.2.2"));
    assert_eq!(book.size(), 22);
    assert!(book.add("250.1.1.24:0", "252.2.2.2"));
    assert_eq!(book.size(), 23);
}

#[test]
fn a_new_address_with_one_place_is_not_pushed_out() {
    let mut book = Checked::new();
    for n in 1..=22 {
        assert!(book.add_told(told(at(&format!("250.1.1.{n}:0")), NOW), "252.2.2.2", 0));
    }
    assert!(!book.add_told(told(at("250.1.1.23:0"), NOW), "252.2.2.2", 0));
    assert_eq!(book.size(), 22);
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
        book.add_told(told(address, NOW + n as i64), &source(n), 0);
    }
    assert_eq!(book.place("253.3.3.3:8333"), (Table::New, MAX_REFERENCES));
    assert_eq!(book.size(), 1);
    assert_eq!(book.0.list(Table::New).len(), MAX_REFERENCES);
    // All of its places are freed at once.
    assert!(book.good("253.3.3.3:8333"));
    assert_eq!(book.0.list(Table::New), []);
    assert_eq!(book.0.list(Table::Tried).len(), 1);
}

#[test]
fn collisions_of_tried_addresses() {
    let mut book = Checked::new();
    for n in 1..=35 {
        let address = format!("250.1.1.{n}:0");
        assert!(book.add(&address, "252.2.2.2"));
        assert!(book.good(&address));
        assert_eq!(book.collision(), None);
        // Once more is no collision.
        assert!(!book.good(&address));
        assert_eq!(book.collision(), None);
    }
    assert!(book.add("250.1.1.36:0", "252.2.2.2"));
    assert!(!book.good("250.1.1.36:0"));
    assert_eq!(book.collision().as_deref(), Some("250.1.1.19:0"));
    assert!(book.add("250.1.1.37:0", "252.2.2.2"));
    assert!(book.good("250.1.1.37:0"));
}

#[test]
fn what_works_is_not_evicted() {
    let mut book = Checked::new();
    for n in 1..=35 {
        let address = format!("250.1.1.{n}:0");
        assert!(book.add(&address, "252.2.2.2") && book.good(&address));
    }
    assert!(book.add("250.1.1.36:0", "252.2.2.2"));
    assert!(!book.good("250.1.1.36:0"));
    book.resolve(NOW);
    assert_eq!(book.collision(), None);
    assert_eq!(book.place("250.1.1.19:0"), (Table::Tried, 1));
    assert_eq!(book.place("250.1.1.36:0"), (Table::New, 1));

    for n in 37..59 {
        let address = format!("250.1.1.{n}:0");
        assert!(book.add(&address, "252.2.2.2") && book.good(&address), "{n}");
    }
    assert!(book.add("250.1.1.59:0", "252.2.2.2"));
    assert!(!book.good("250.1.1.59:0"));
    assert_eq!(book.collision().as_deref(), Some("250.1.1.10:0"));
    assert!(!book.good("250.1.1.36:0"));
    let both: BTreeSet<_> = (0..50).filter_map(|_| book.collision()).collect();
    assert_eq!(both, BTreeSet::from(["250.1.1.10:0".into(), "250.1.1.19:0".into()]));
    book.resolve(NOW);
    assert_eq!(book.collision(), None);
}

/// Tables in which 250.1.1.36 collides with 250.1.1.19.
fn colliding() -> Checked {
    let mut book = Checked::new();
    for n in 1..=36 {
        let address = format!("250.1.1.{n}:0");
        assert!(book.add(&address, "252.2.2.2"));
        assert_eq!(book.good(&address), n < 36);
    }
    book
}

#[test]
fn what_fails_the_test_is_evicted() {
    let mut book = colliding();
    assert!(!book.good_at("250.1.1.19:0", 1));
    // The test has a minute to succeed.
    book.0.attempt(&at("250.1.1.19:0"), false, NOW - 60);
    book.resolve(NOW);
    assert_eq!(book.collision().as_deref(), Some("250.1.1.19:0"));
    book.0.attempt(&at("250.1.1.19:0"), false, NOW - 61);
    book.resolve(NOW);
    assert_eq!(book.collision(), None);
    assert_eq!(book.place("250.1.1.36:0"), (Table::Tried, 1));
    assert_eq!(book.place("250.1.1.19:0"), (Table::New, 1));
    assert!(!book.good("250.1.1.36:0"));
    assert_eq!(book.collision(), None);

    // Now the other one collides, and after hours without any test it wins.
    assert!(!book.good("250.1.1.19:0"));
    assert_eq!(book.collision().as_deref(), Some("250.1.1.36:0"));
    book.resolve(NOW + 4 * HOUR);
    assert_eq!(book.collision(), None);
    assert_eq!(book.place("250.1.1.19:0"), (Table::Tried, 1));
    assert_eq!(book.place("250.1.1.36:0"), (Table::New, 1));
}

#[test]
fn an_untested_collision_waits_for_its_test() {
    let mut book = colliding();
    assert!(!book.good_at("250.1.1.19:0", 1));
    book.resolve(NOW + 40 * MINUTE);
    assert_eq!(book.collision().as_deref(), Some("250.1.1.19:0"));
    book.resolve(NOW + 40 * MINUTE + 1);
    assert_eq!(book.place("250.1.1.36:0"), (Table::Tried, 1));
}

#[test]
fn a_collision_ends_with_its_address() {
    let mut book = colliding();
    let id = book.0.ids[&at("250.1.1.36:0")];
    let (place, _) = book.0.new.taken().find(|(_, at)| *at == id).unwrap();
    book.0.new.set(place, None);
    book.0.entries.get_mut(&id).unwrap().references = 0;
    book.0.delete(id);
    book.0.check().unwrap();
    let mut other = Checked(std::mem::replace(&mut book, Checked::new()).0);
    assert_eq!(other.collision(), None);
    other.resolve(NOW);
}

#[test]
fn collisions_are_bounded() {
    let mut book = Checked::new();
    for n in 1..=255 {
        let address = format!("250.1.1.{n}:0");
        book.add_told(told(at(&address), NOW), &format!("{n}.1.1.1"), 0);
        book.good(&address);
    }
    let waiting: BTreeSet<_> = (0..2_000).filter_map(|_| book.collision()).collect();
    assert!((2..=10).contains(&waiting.len()), "{waiting:?}");
}

#[test]
fn telling_others() {
    let mut book = Checked::new();
    assert!(book.get_all(true).is_empty());
    for (address, source) in [
        ("250.250.2.1:8333", "250.1.2.1"),
        ("251.252.2.3:8333", "250.1.2.1"),
        ("252.254.4.5:8333", "250.1.2.1"),
        ("250.251.2.2:9999", "250.2.3.3"),
        ("252.253.3.4:8333", "250.2.3.3"),
    ] {
        assert!(book.add_told(told(at(address), NOW), source, 0));
    }
    assert_eq!(book.get_all(true).len(), 5);
    // 23 of 100 of 5.
    assert_eq!(book.0.get_addr(2_500, 23, None, true, NOW).len(), 1);
    book.good("250.250.2.1:8333");
    book.good("250.251.2.2:9999");
    assert_eq!(book.get_all(true).len(), 5);
    assert_eq!(book.0.get_addr(3, 0, None, true, NOW).len(), 3);
    assert_eq!(book.0.get_addr(0, 200, None, true, NOW).len(), 5);

    for n in 1..8 * 256 {
        // Core's test has it so: n >> (8 % 256).
        let address = format!("{}.{}.1.23", n % 256, n >> 8);
        let to_add = [told(at(&address), NOW)];
        book.0.add(&to_add, &host(&address), 0, NOW);
        if n % 8 == 0 {
            book.0.good(&at(&address), true, NOW);
        }
    }
    book.0.check().unwrap();
    // Some have collided.
    assert_eq!(book.size(), 2_006);
    assert_eq!(book.0.get_addr(2_500, 23, None, true, NOW).len(), 461);
    let unique: BTreeSet<_> = book.get_all(false).iter().map(|address| address.address).collect();
    assert_eq!(unique.len(), 2_006);
    assert_eq!(book.0.get_addr(0, 0, Some(Network::Ipv6), true, NOW).len(), 0);
    book.0.check().unwrap();
}

#[test]
fn terrible_addresses_are_not_told() {
    let mut book = Checked::new();
    let source = "250.1.2.1";
    assert!(book.add_told(told(at("250.250.2.1:8333"), NOW), source, 0));
    // Too old, never reached, and from the future.
    assert!(book.add("250.251.2.2:9999", source));
    book.good("250.251.2.3:9998");
    assert!(book.add_told(told(at("250.251.2.3:9998"), NOW), source, 0));
    for _ in 0..3 {
        book.0.attempt(&at("250.251.2.3:9998"), true, NOW - 61);
    }
    assert!(book.add_told(told(at("250.252.2.4:9997"), NOW + 11 * MINUTE), source, 0));
    assert_eq!(book.get_all(true).len(), 1);
    assert_eq!(book.get_all(false).len(), 4);
}

#[test]
fn many_failures_make_a_tried_address_terrible() {
    let mut book = Checked::new();
    let start = NOW - 8 * DAY;
    let lost = told(at("250.250.2.1:8333"), start);
    assert!(book.add_told(lost, "250.1.2.1", 0));
    assert!(book.good_at("250.250.2.1:8333", start));
    assert!(book.add_told(told(at("251.252.2.3:8333"), NOW), "250.1.2.1", 0));
    assert!(book.good("251.252.2.3:8333"));
    for _ in 0..10 {
        // Not in the last minute, where nothing is terrible; all count, as they come before the last success.
        book.0.attempt(&lost.address, true, NOW - 61);
    }
    assert_eq!(book.get_all(true), [told(at("251.252.2.3:8333"), NOW)]);
    assert_eq!(book.get_all(false).len(), 2);
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
fn sizes() {
    let mut book = Checked::new();
    assert_eq!(book.0.size(Some(Network::Ipv4), None), 0);
    assert!(book.add("250.1.1.1:8333", "252.2.2.2") && book.good("250.1.1.1:8333"));
    assert!(book.add("250.1.1.2:8333", "252.2.2.2"));
    assert!(book.add(I2P, "252.2.2.2"));
    for (network, table, size) in [
        (None, None, 3),
        (Some(Network::Ipv4), None, 2),
        (Some(Network::I2p), None, 1),
        (Some(Network::I2p), Some(Table::New), 1),
        (Some(Network::Ipv4), Some(Table::Tried), 1),
        (None, Some(Table::New), 2),
        (None, Some(Table::Tried), 1),
    ] {
        assert_eq!(book.0.size(network, table), size, "{network:?} {table:?}");
    }
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

// The file.

fn filled() -> Checked {
    let mut book = Checked::new();
    for n in 0..3_000_u32 {
        let address =
            told(NetAddress::new(Host::Ipv4([250, (n % 251) as u8, (n / 251) as u8, 7]), 8333), NOW);
        let address = PeerAddress { services: ServiceFlags(u64::from(n)), ..address };
        book.0.add(&[address], &Host::Ipv4([(n % 97) as u8 + 20, 2, 3, 4]), 0, NOW);
        if n % 5 == 0 {
            book.0.good(&address.address, true, NOW - i64::from(n));
        }
        book.0.attempt(&address.address, true, NOW - i64::from(n));
        for source in 0..n % 4 {
            let told = told(address.address, NOW + 60);
            book.0.add(&[told], &Host::Ipv4([100 + source as u8, 2, 3, 4]), 0, NOW);
        }
    }
    for other in [I2P, I2P_OTHER, "[2a00:1450::1]:8333"] {
        book.0.add(&[told(at(other), NOW)], &Host::internal("seed.example").unwrap(), 0, NOW);
    }
    book.0.good(&at(I2P), true, NOW);
    book.0.check().unwrap();
    book
}

fn decode(bytes: &[u8]) -> Result<Checked, String> {
    let mut reader = Reader::new(bytes);
    let tables = Tables::decode(&mut reader, [0; 32]).map_err(|error| error.to_string())?;
    assert_eq!(reader.remaining(), 0);
    Ok(Checked(tables))
}

#[test]
fn the_file_keeps_everything() {
    let book = filled();
    let read = decode(&book.0.to_bytes()).unwrap();
    for table in [Table::New, Table::Tried] {
        assert!(book.0.list(table).len() > 300);
        assert_eq!(book.0.list(table), read.0.list(table));
    }
    assert_eq!(book.0.counts, read.0.counts);
    for (address, id) in &read.0.ids {
        let (ours, read) = (&book.0.entries[&book.0.ids[address]], &read.0.entries[id]);
        assert_eq!((ours.last_success, ours.failures), (read.last_success, read.failures));
        assert_eq!(read.last_try, 0);
    }
    assert_eq!(read.0.to_bytes().len(), book.0.to_bytes().len());
}

#[test]
fn addresses_that_are_none_are_dropped() {
    let mut book = Checked::new();
    for address in ["5.5.5.5:0", "6.6.6.6:0", "7.7.7.7:0", "8.8.8.8:0"] {
        assert!(book.add(address, "::"));
    }
    assert!(book.good("7.7.7.7:0") && book.good("8.8.8.8:0"));
    let mut bytes = book.0.to_bytes();
    for (from, to) in [([6; 4], [0; 4]), ([8; 4], [255; 4])] {
        let at = bytes.windows(4).position(|window| window == from).unwrap();
        bytes[at..at + 4].copy_from_slice(&to);
    }
    let read = decode(&bytes).unwrap();
    assert_eq!(read.size(), 2);
    assert_eq!((read.place("5.5.5.5:0"), read.place("7.7.7.7:0")), ((Table::New, 1), (Table::Tried, 1)));
}

#[test]
fn other_buckets_are_made_anew() {
    let book = filled();
    let mut bytes = book.0.to_bytes();
    // Whoever wrote this had a map of autonomous systems.
    *bytes.last_mut().unwrap() = 1;
    let read = decode(&bytes).unwrap();
    assert_eq!(read.0.list(Table::Tried), book.0.list(Table::Tried));
    let entries = read.0.entries.values().filter(|entry| !entry.tried);
    for entry in entries {
        let place = read.0.key.new_place(&entry.address.address, &entry.source);
        assert_eq!(read.0.new.get(place), Some(read.0.ids[&entry.address.address]));
        assert_eq!(entry.references, 1);
    }
    assert!(read.size() > 1_000);
}

#[test]
fn damaged_files_are_errors() {
    let good = Checked::new().0.to_bytes();
    let with = |at: usize, bytes: &[u8]| {
        let mut damaged = good.clone();
        damaged[at..at + bytes.len()].copy_from_slice(bytes);
        decode(&damaged).err().unwrap_or_default()
    };
    let counts = 2 + 32;
    assert_eq!(
        with(1, &[31]),
        "Corrupted addrman database: The compat value (31) is lower than the expected minimum value 32."
    );
    assert_eq!(
        with(counts, &(-1_i32).to_le_bytes()),
        "Corrupt AddrMan serialization: nNew=-1, should be in [0, 65536]"
    );
    assert_eq!(
        with(counts + 4, &16_385_i32.to_le_bytes()),
        "Corrupt AddrMan serialization: nTried=16385, should be in [0, 16384]"
    );
    assert!(with(counts, &1_i32.to_le_bytes()).contains("Unsupported CAddress disk format version"));
    assert!(with(counts, &10_i32.to_le_bytes()).contains("disk format"));
    // More buckets than there are bytes.
    assert!(with(counts + 8, &i32::MAX.to_le_bytes()).starts_with("end of data"));
    assert!(with(counts + 12, &i32::MAX.to_le_bytes()).starts_with("end of data"));
    let later = [7, 32 + 5];
    let error = Tables::decode(&mut Reader::new(&[&later, &good[2..]].concat()), [0; 32]);
    assert!(matches!(error, Err(LoadError::Unsupported { format: 7, lowest: 5 })));
    // A later format that says it can be read can.
    assert_eq!(with(0, &[7]), "");

    // The same address twice.
    let mut book = Checked::new();
    assert!(book.add("5.5.5.5:0", "::") && book.add("6.6.6.6:0", "::"));
    let mut bytes = book.0.to_bytes();
    let at = bytes.windows(4).position(|window| window == [6; 4]).unwrap();
    bytes[at..at + 4].copy_from_slice(&[5; 4]);
    assert_eq!(decode(&bytes).err().unwrap(), "Corrupt data. Consistency check failed with code -5");
}

#[test]
fn no_damage_panics() {
    let mut book = Checked::new();
    for address in ["5.5.5.5:0", "6.6.6.6:0", "7.7.7.7:0", I2P] {
        assert!(book.add(address, "::"));
    }
    assert!(book.good("7.7.7.7:0"));
    let good = book.0.to_bytes();
    for at in 0..500 {
        for value in [0, 0x7f, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            if let Ok(read) = Tables::decode(&mut Reader::new(&bytes), [0; 32]) {
                read.check().unwrap();
            }
        }
        assert!(Tables::decode(&mut Reader::new(&good[..at]), [0; 32]).is_err());
    }
}

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];

fn open(path: &Path) -> Result<AddressBook, AddressBookError> {
    let clock = Clock::new();
    clock.set_mock(Some(NOW));
    AddressBook::open(path.to_owned(), MAGIC, clock, Randomness::System)
}

#[test]
fn a_book_and_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("peers.dat");
    let book = open(&path).unwrap();
    assert!(path.exists(), "a missing file is made");
    let address = told(at("250.1.1.1:8333"), NOW);
    assert_eq!(book.clone().add(&[address], &host("252.2.2.2"), 0), 1);
    assert!(book.good(&address.address));
    assert_eq!(book.select(false, &[]), Some(Choice { address, last_try: NOW }));
    assert_eq!(book.counts()[Network::Ipv4 as usize], Count { new: 0, tried: 1 });
    book.save();
    let read = open(&path).unwrap();
    assert_eq!(read.list(Table::Tried), book.list(Table::Tried));

    // Other networks' files and damaged ones are errors that name the file.
    let bytes = fs::read(&path).unwrap();
    for (at, text) in [(0, "Invalid network magic number"), (60, "Checksum mismatch, data corrupted")] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        let error = open(&path).err().unwrap().to_string();
        assert!(error.starts_with(&format!("Invalid or corrupt peers.dat ({text}).")), "{error}");
        assert!(error.contains(&path.display().to_string()), "{error}");
    }
    fs::write(&path, b"").unwrap();
    assert!(open(&path).err().unwrap().to_string().starts_with("Invalid or corrupt peers.dat (end of data"));
}

#[test]
fn a_later_versions_file_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("peers.dat");
    let later = [vec![9, 32 + 9], vec![7; 100]].concat();
    disk::write_checked(&path, MAGIC, &later).unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(open(&path).unwrap().size(None, None), 0);
    assert_eq!(fs::read(folder.path().join("peers.dat.bak")).unwrap(), before);
    assert_eq!(open(&path).unwrap().size(None, None), 0);
}
