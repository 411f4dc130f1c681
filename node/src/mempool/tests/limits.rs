//! How large the pool and its clusters get, and what goes first.

use super::*;

#[test]
fn a_cluster_has_at_most_64_transactions() {
    let mut world = World::new();
    let coin = world.fund(10_000_000);
    let mut last = spend(&[coin], &[9_990_000]);
    world.accept(&last).unwrap();
    for n in 1..64 {
        last = spend(&[output(&last, 0)], &[9_990_000 - n * 1_000]);
        world.accept(&last).unwrap();
    }
    let one_more = spend(&[output(&last, 0)], &[9_000_000]);
    assert_eq!(world.accept(&one_more).unwrap_err(), "too-large-cluster");
    assert_eq!(world.pool.ancestors(&last.txid()).len(), 64);
    assert_eq!(world.pool.sums(&world.pool.ancestors(&last.txid())).modified_fees, 10_000 + 63 * 1_000);
    // Replacing the last keeps the count.
    let parent = world.pool.parents(&last.txid())[0];
    world.accept(&spend(&[OutPoint { txid: parent, vout: 0 }], &[9_000_000])).unwrap();
    assert_eq!(world.pool.len(), 64);
}

#[test]
fn a_full_pool_drops_the_worst_chunk_and_raises_the_bar() {
    let mut world = World::new();
    let mut txs = Vec::new();
    for n in 0..20 {
        let coin = world.fund(1_000_000);
        txs.push(spend(&[coin], &[1_000_000 - 1_000 - n * 100]));
        world.accept(&txs[n as usize]).unwrap();
    }
    // The poorest has a rich child: together they are not the worst.
    let child = spend(&[output(&txs[0], 0)], &[900_000]);
    world.accept(&child).unwrap();
    let usage = world.pool.info(world.now).usage;
    world.pool.options.max_bytes = usage - 1;
    let dropped = world.pool.limit(world.now);
    world.check();
    assert_eq!(dropped, [txs[1].clone()]);
    assert!(world.has(&txs[0]) && world.has(&child));
    let bar = world.pool.min_fee(world.now);
    assert_eq!(bar, FeeRate(FeeRate::of(1_100, txs[1].vsize() as i64).0 + 100));
    let refused = world.accept(&txs[1]).unwrap_err();
    assert!(refused.starts_with("mempool min fee not met, 1100 < "), "{refused}");
    // Once a block came, the bar falls again.
    world.connect(&[]);
    world.now += 7 * 24 * 60 * 60;
    assert_eq!(world.pool.min_fee(world.now), FeeRate::ZERO);
}

#[test]
fn what_would_be_dropped_at_once_is_not_accepted() {
    let mut world = World::new();
    let (rich, poor) = (world.fund(1_000_000), world.fund(1_000_000));
    world.accept(&spend(&[rich], &[900_000])).unwrap();
    world.pool.options.max_bytes = world.pool.info(world.now).usage;
    assert_eq!(world.accept(&spend(&[poor], &[999_000])).unwrap_err(), "mempool full");
    assert_eq!(world.pool.len(), 1);
}

#[test]
fn old_transactions_leave_with_what_depends_on_them() {
    let mut world = World::new();
    let (old, young) = (world.fund(1_000_000), world.fund(1_000_000));
    let parent = spend(&[old], &[990_000]);
    world.accept(&parent).unwrap();
    world.now += 336 * 60 * 60 - 1;
    let child = spend(&[output(&parent, 0)], &[980_000]);
    world.accept(&child).unwrap();
    world.now += 2;
    let fresh = spend(&[young], &[990_000]);
    world.accept(&fresh).unwrap();
    assert!(!world.has(&parent) && !world.has(&child) && world.has(&fresh));
}

#[test]
fn the_pool_counts_what_happens() {
    let mut world = World::new();
    assert_eq!(world.pool.sequence(), 1);
    let coin = world.fund(1_000_000);
    let tx = spend(&[coin], &[990_000]);
    world.accept(&tx).unwrap();
    assert_eq!(world.pool.get(&tx.txid()).unwrap().sequence, 1);
    assert_eq!((world.pool.sequence(), world.pool.transactions_updated()), (2, 1));
    world.connect(std::slice::from_ref(&tx));
    assert_eq!((world.pool.sequence(), world.pool.transactions_updated()), (3, 2));
}
