//! Addresses whose place is taken.

use super::*;

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
        let address = at(&format!("250.1.1.{n}:0"));
        book.0.add(&[told(address, NOW)], &host(&format!("{n}.1.1.1")), 0, NOW);
        book.0.good(&address, true, NOW);
    }
    book.0.check().unwrap();
    let waiting: BTreeSet<_> = (0..2_000).filter_map(|_| book.collision()).collect();
    assert!((2..=10).contains(&waiting.len()), "{waiting:?}");
}
