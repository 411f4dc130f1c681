//! Blocks that come and blocks that go.

use super::*;

/// The coinbase of a block, paying to anyone.
fn coinbase(height: u32) -> TxRef {
    let script_sig = Script([&[4][..], &height.to_le_bytes()].concat());
    let input = TxIn { previous_output: OutPoint::NULL, script_sig, sequence: u32::MAX, witness: vec![] };
    tx(Transaction { version: 2, inputs: vec![input], outputs: vec![to(anyone(), 5_000_000)], lock_time: 0 })
}

#[test]
fn a_block_takes_its_transactions_and_what_contradicts_them() {
    let mut world = World::new();
    let (coin, other) = (world.fund(1_000_000), world.fund(1_000_000));
    let mined = spend(&[coin], &[990_000]);
    let child = spend(&[output(&mined, 0)], &[980_000]);
    let loser = spend(&[other], &[990_000]);
    let orphan = spend(&[output(&loser, 0)], &[980_000]);
    for tx in [&mined, &child, &loser, &orphan] {
        world.accept(tx).unwrap();
    }
    let winner = spend(&[other], &[1]);
    let gone = world.connect(&[coinbase(201), mined.clone(), winner]);
    assert_eq!(gone.len(), 2);
    assert!(!world.has(&mined) && world.has(&child) && !world.has(&loser) && !world.has(&orphan));
    assert!(world.pool.parents(&child.txid()).is_empty());
}

#[test]
fn disconnected_transactions_come_back_below_their_children() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let before = (world.coins.0.clone(), world.branch.clone());
    let parent = spend(&[coin], &[999_900]);
    let middle = spend(&[output(&parent, 0)], &[990_000]);
    let reward = coinbase(201);
    world.connect(&[reward.clone(), parent.clone(), middle.clone()]);
    let child = spend(&[output(&middle, 0)], &[980_000]);
    world.accept(&child).unwrap();
    (world.coins.0, world.branch) = before;
    world.reorg(&[reward, parent.clone(), middle.clone()]);
    for tx in [&parent, &middle, &child] {
        assert!(world.has(tx));
    }
    assert_eq!(world.pool.children(&middle.txid()), [child.txid()]);
    assert_eq!(world.pool.ancestors(&child.txid()).len(), 3);
    assert_eq!(world.pool.get(&parent.txid()).unwrap().sequence, 0);
}

#[test]
fn what_the_other_branch_confirmed_or_spent_stays_out() {
    let mut world = World::new();
    let (coin, other, third) = (world.fund(1_000_000), world.fund(1_000_000), world.fund(1_000_000));
    let before = (world.coins.0.clone(), world.branch.clone());
    let on_both = spend(&[coin], &[990_000]);
    let only_here = spend(&[other], &[990_000]);
    let doubled = spend(&[third], &[990_000]);
    let old_block = [coinbase(201), on_both.clone(), only_here.clone(), doubled.clone()];
    world.connect(&old_block);
    let child_of_both = spend(&[output(&on_both, 0)], &[980_000]);
    let child_of_doubled = spend(&[output(&doubled, 0)], &[980_000]);
    world.accept(&child_of_both).unwrap();
    world.accept(&child_of_doubled).unwrap();
    (world.coins.0, world.branch) = before;
    let double_spend = spend(&[third], &[1]);
    world.connect(&[coinbase(9), on_both.clone(), double_spend]);
    world.connect(&[coinbase(10)]);
    world.reorg(&old_block);
    assert!(world.has(&only_here), "valid again");
    assert!(!world.has(&on_both) && world.has(&child_of_both), "its parent is confirmed on this branch too");
    assert!(!world.has(&doubled) && !world.has(&child_of_doubled), "their coin is gone");
}

#[test]
fn what_is_not_ripe_or_final_any_more_leaves() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let reward = world.fund_with(5_000_000, anyone(), 101, true);
    let old_reward = world.fund_with(5_000_000, anyone(), 99, true);
    let recent = world.fund_with(1_000_000, anyone(), 150, false);
    let mut timed = transaction(&[coin], &[990_000]);
    timed.lock_time = 200;
    let timed = tx(timed);
    let mut aged = transaction(&[recent], &[990_000]);
    aged.inputs[0].sequence = 51;
    let aged = tx(aged);
    let (ripe, riper) = (spend(&[reward], &[4_000_000]), spend(&[old_reward], &[4_000_000]));
    let child = spend(&[output(&ripe, 0)], &[3_000_000]);
    for tx in [&timed, &aged, &ripe, &riper, &child] {
        world.accept(tx).unwrap();
    }
    world.branch.pop();
    world.reorg(&[]);
    assert!(!world.has(&timed), "lock time 200 needs block 201");
    assert!(!world.has(&aged), "51 blocks above block 150");
    assert!(!world.has(&ripe) && !world.has(&child), "99 blocks deep");
    assert!(world.has(&riper));
}

#[test]
fn a_deep_reorg_keeps_clusters_within_their_limits() {
    let mut world = World::new();
    let coin = world.fund(100_000_000);
    let before = (world.coins.0.clone(), world.branch.clone());
    let mut chain = vec![spend(&[coin], &[99_000_000])];
    for n in 1..150i64 {
        chain.push(spend(&[output(&chain[n as usize - 1], 0)], &[99_000_000 - n * 1_000]));
    }
    world.connect(&chain);
    (world.coins.0, world.branch) = before;
    world.reorg(&chain);
    assert_eq!(world.pool.len(), 64);
    assert!(world.has(&chain[63]) && !world.has(&chain[64]), "the ones that others need stay");
}

#[test]
fn what_has_to_leave_for_a_while_comes_back_as_it_was() {
    let mut world = World::new();
    let (coin, other, third) = (world.fund(1_000_000), world.fund(1_000_000), world.fund(1_000_000));
    let before = (world.coins.0.clone(), world.branch.clone());
    let confirmed = spend(&[coin], &[990_000]);
    let block = [coinbase(201), confirmed.clone()];
    world.connect(&block);
    let child = spend(&[output(&confirmed, 0)], &[980_000]);
    let grandchild = spend(&[output(&child, 0)], &[970_000]);
    let stranger = spend(&[other], &[990_000]);
    let mut timed = transaction(&[third], &[990_000]);
    timed.lock_time = 201;
    let timed = tx(timed);
    for tx in [&child, &grandchild, &stranger, &timed] {
        world.accept(tx).unwrap();
    }
    world.pool.set_unbroadcast(&child.txid(), true);
    let was = world.pool.get(&child.txid()).unwrap().clone();

    (world.coins.0, world.branch) = before;
    let mut pool = std::mem::take(&mut world.pool);
    let suspended = pool.suspend_for_reorg(&block, &world.view()).unwrap();
    pool.check_consistency();
    let txids: Vec<_> = suspended.iter().map(|entry| entry.tx.txid()).collect();
    assert_eq!(txids.len(), 3);
    assert!(txids.contains(&timed.txid()), "its time has not come on this branch");
    let place = |tx: &TxRef| txids.iter().position(|txid| *txid == tx.txid()).unwrap();
    assert!(place(&child) < place(&grandchild));
    assert!(pool.len() == 1 && pool.get(&stranger.txid()).is_some());

    // Another block comes, which has nothing to do with them.
    world.pool = pool;
    world.connect(&[coinbase(9)]);
    world.now += 1_000;
    let mut pool = std::mem::take(&mut world.pool);
    pool.readd_after_reorg(std::slice::from_ref(&confirmed), suspended, &world.view()).unwrap();
    pool.check_consistency();
    assert_eq!(pool.len(), 5);
    let is = pool.get(&child.txid()).unwrap();
    assert_eq!((is.time, is.height, is.sequence), (was.time, was.height, was.sequence));
    assert!(is.unbroadcast);
    assert_eq!(pool.ancestors(&grandchild.txid()).len(), 3);
}
