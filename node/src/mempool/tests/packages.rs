//! Several transactions tried together.

use super::*;

#[test]
fn a_package_is_tried_in_order_and_nothing_stays() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let parent = spend(&[coin], &[990_000]);
    let child = spend(&[output(&parent, 0)], &[980_000]);
    let test = world.pool.test_package(&[parent.clone(), child.clone()], &world.view()).unwrap();
    assert_eq!(test.error, None);
    assert_eq!(test.results.len(), 2);
    assert!(test.results.values().all(|result| result.as_ref().is_ok_and(|accepted| accepted.fee == FEE)));
    assert!(world.pool.is_empty());
    let reversed = world.pool.test_package(&[child, parent], &world.view()).unwrap();
    assert_eq!(reversed.error.unwrap().to_string(), "package-not-sorted");
    assert!(reversed.results.is_empty());
}

#[test]
fn a_package_ends_with_the_first_refusal() {
    let mut world = World::new();
    let (coin, other) = (world.fund(1_000_000), world.fund(1_000_000));
    let good = spend(&[coin], &[990_000]);
    let free = spend(&[other], &[1_000_000]);
    let test = world.pool.test_package(&[free.clone(), good.clone()], &world.view()).unwrap();
    assert_eq!(test.error, None);
    assert_eq!(test.results.len(), 1);
    let reason = test.results[&free.wtxid()].as_ref().unwrap_err();
    assert_eq!(reason.reason, "min relay fee not met");
    world.accept(&good).unwrap();
    let replacing = spend(&[coin], &[900_000]);
    let test = world.pool.test_package(std::slice::from_ref(&replacing), &world.view()).unwrap();
    let reason = test.results[&replacing.wtxid()].as_ref().unwrap_err();
    assert_eq!(reason.reason, "bip125-replacement-disallowed");
}

#[test]
fn packages_must_be_well_formed() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let (one, two) = (spend(&[coin], &[990_000]), spend(&[coin], &[980_000]));
    let error = |package: &[TxRef]| {
        world.pool.test_package(package, &world.view()).unwrap().error.unwrap().to_string()
    };
    assert_eq!(error(&[one.clone(), one.clone()]), "package-contains-duplicates");
    assert_eq!(error(&[one.clone(), two]), "conflict-in-package");
    assert_eq!(error(&vec![one; 26]), "package-too-many-transactions");
}

#[test]
fn dust_is_spent_with_its_transaction() {
    let mut world = World::new();
    world.pool.options.min_relay = FeeRate::ZERO;
    let coin = world.fund(1_000_000);
    let parent = spend(&[coin], &[1_000_000 - 100, 100]);
    world.accept(&parent).unwrap();
    let careless = spend(&[output(&parent, 0)], &[900_000]);
    let refused = world.accept(&careless).unwrap_err();
    assert_eq!(
        refused,
        format!(
            "missing-ephemeral-spends, tx {} (wtxid={}) did not spend parent's ephemeral dust",
            careless.txid(),
            careless.wtxid()
        )
    );
    world.accept(&spend(&[output(&parent, 0), output(&parent, 1)], &[900_000])).unwrap();
}
