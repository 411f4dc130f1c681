//! Which addresses are chosen and told to others.

use super::*;

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
    let both: BTreeSet<_> = (0..40).filter_map(|_| book.select(false, &[Network::I2p])).collect();
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
    let times = (0..150).filter(|_| book.select(false, &[]) == Some(failed)).count();
    // Its chance is 0.036 against 1, but for the factor that grows as others are passed over.
    assert!(times < 30, "{times} of 150");
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
