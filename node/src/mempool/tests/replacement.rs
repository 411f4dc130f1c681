//! Replacing what is in the pool.

use super::*;

#[test]
fn a_replacement_pays_more_and_for_its_relay() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let first = spend(&[coin], &[990_000]);
    let child = spend(&[output(&first, 0)], &[980_000]);
    world.accept(&first).unwrap();
    world.accept(&child).unwrap();
    let with_fee = |fee: i64| spend(&[coin], &[1_000_000 - fee]);
    let less = world.accept(&with_fee(19_999)).unwrap_err();
    let txid = with_fee(19_999).txid();
    assert_eq!(
        less,
        format!(
            "insufficient fee, rejecting replacement {txid}, less fees than conflicting txs; 0.00019999 < 0.0002"
        )
    );
    let barely = world.accept(&with_fee(20_001)).unwrap_err();
    assert!(barely.contains("not enough additional fees to relay; 0.00000001 < 0.0000001"), "{barely}");
    let better = with_fee(20_100);
    let mut replaced: Vec<_> = world.accept(&better).unwrap().replaced.iter().map(|tx| tx.txid()).collect();
    replaced.sort();
    let mut expected = [first.txid(), child.txid()];
    expected.sort();
    assert_eq!(replaced, expected);
    assert!(world.has(&better) && !world.has(&first) && !world.has(&child));
}

#[test]
fn no_offer_to_be_replaced_is_needed() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let mut data = transaction(&[coin], &[990_000]);
    data.inputs[0].sequence = u32::MAX;
    let first = tx(data);
    world.accept(&first).unwrap();
    assert!(!world.pool.is_replaceable(&first.txid()));
    world.accept(&spend(&[coin], &[900_000])).unwrap();
}

#[test]
fn a_replacement_must_improve_the_diagram() {
    let mut world = World::new();
    let (coin, other) = (world.fund(1_000_000), world.fund(1_000_000));
    // Small and well paid.
    world.accept(&spend(&[coin], &[980_000])).unwrap();
    // More in total, but at a lower rate: forty outputs.
    let large = spend(&[coin, other], &[(2_000_000 - 25_000) / 40; 40]);
    let refused = world.accept(&large).unwrap_err();
    assert_eq!(refused, "replacement-failed, insufficient feerate: does not improve feerate diagram");
}

#[test]
fn a_transaction_cannot_spend_what_it_replaces() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let first = spend(&[coin], &[990_000]);
    world.accept(&first).unwrap();
    let both = spend(&[coin, output(&first, 0)], &[1_000_000]);
    let refused = world.accept(&both).unwrap_err();
    assert_eq!(
        refused,
        format!(
            "bad-txns-spends-conflicting-tx, {} spends conflicting transaction {}",
            both.txid(),
            first.txid()
        )
    );
}

#[test]
fn the_owner_can_outbid() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let first = spend(&[coin], &[990_000]);
    let second = spend(&[coin], &[989_999]);
    world.accept(&first).unwrap();
    assert!(world.accept(&second).is_err());
    world.pool.prioritise(second.txid(), 5_000);
    world.accept(&second).unwrap();
    let entry = world.pool.get(&second.txid()).unwrap();
    assert_eq!((entry.fee, entry.modified_fee()), (10_001, 15_001));
    let listed: Vec<_> = world.pool.prioritised().collect();
    assert_eq!(listed, [Prioritised { txid: second.txid(), fee_delta: 5_000, modified_fee: Some(15_001) }]);
    world.pool.prioritise(second.txid(), -5_000);
    assert_eq!(world.pool.prioritised().count(), 0);
    assert_eq!(world.pool.get(&second.txid()).unwrap().modified_fee(), 10_001);
    world.check();
}

#[test]
fn truc_keeps_families_small_and_evicts_siblings() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let version = |version: u32, mut data: Transaction| {
        data.version = version;
        tx(data)
    };
    let parent = version(3, transaction(&[coin], &[400_000, 500_000]));
    world.accept(&parent).unwrap();
    let plain = version(2, transaction(&[output(&parent, 0)], &[390_000]));
    let refused = world.accept(&plain).unwrap_err();
    assert!(refused.starts_with("TRUC-violation, non-version=3 tx "), "{refused}");
    let child = version(3, transaction(&[output(&parent, 0)], &[390_000]));
    world.accept(&child).unwrap();
    let grandchild = version(3, transaction(&[output(&child, 0)], &[380_000]));
    assert!(world.accept(&grandchild).unwrap_err().ends_with("would have too many ancestors"));
    let cheap = version(3, transaction(&[output(&parent, 1)], &[490_000]));
    let refused = world.accept(&cheap).unwrap_err();
    assert!(refused.starts_with("insufficient fee (including sibling eviction), "), "{refused}");
    let sibling = version(3, transaction(&[output(&parent, 1)], &[480_000]));
    world.accept(&sibling).unwrap();
    assert!(!world.has(&child));
    let big = version(3, transaction(&[output(&parent, 1)], &[9_000; 30]));
    let refused = world.accept(&big).unwrap_err();
    assert!(refused.contains("is too big: "), "{refused}");
}
