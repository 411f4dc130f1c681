//! A child that comes with its parents.

use super::*;
use chaincore_consensus::reject::RejectReason;

fn submit(world: &mut World, package: &[TxRef]) -> PackageOutcome {
    submit_below(world, package, None)
}

fn submit_below(world: &mut World, package: &[TxRef], max_rate: Option<FeeRate>) -> PackageOutcome {
    let mut pool = std::mem::take(&mut world.pool);
    let outcome = pool.accept_package(package, max_rate, &world.view()).unwrap();
    world.pool = pool;
    world.check();
    outcome
}

fn accepted(outcome: &PackageOutcome, tx: &TxRef) -> Accepted {
    match &outcome.results[&tx.wtxid()] {
        PackagedTx::Accepted(accepted) => accepted.clone(),
        other => panic!("{other:?}"),
    }
}

fn refusal(outcome: &PackageOutcome, tx: &TxRef) -> String {
    match &outcome.results[&tx.wtxid()] {
        PackagedTx::Refused(reason) => reason.to_string(),
        other => panic!("{other:?}"),
    }
}

fn error(outcome: &PackageOutcome) -> String {
    outcome.error.as_ref().map_or_else(String::new, RejectReason::to_string)
}

#[test]
fn a_child_pays_for_its_parents() {
    let mut world = World::new();
    let (coin, other) = (world.fund(1_000_000), world.fund(1_000_000));
    let free = spend(&[coin], &[1_000_000]);
    let paying = spend(&[other], &[990_000]);
    let child = spend(&[output(&free, 0), output(&paying, 0)], &[1_970_000]);
    assert_eq!(world.accept(&free).unwrap_err(), "min relay fee not met, 0 < 10");
    let outcome = submit(&mut world, &[free.clone(), paying.clone(), child.clone()]);
    assert_eq!(outcome.error, None);
    // The one that pays comes in alone; the others' rate is that of the two.
    assert_eq!(accepted(&outcome, &paying).effective_includes, [paying.wtxid()]);
    for (tx, fee) in [(&free, 0), (&child, 20_000)] {
        let accepted = accepted(&outcome, tx);
        assert_eq!(accepted.fee, fee);
        assert_eq!(accepted.effective_includes, [free.wtxid(), child.wtxid()]);
        assert_eq!(accepted.effective_rate, FeeRate::of(20_000, (free.vsize() + child.vsize()) as i64));
        assert!(world.has(tx));
    }
    assert_eq!(world.pool.parents(&child.txid()).len(), 2);
    // Once more: all are known.
    let again = submit(&mut world, &[free.clone(), paying.clone(), child.clone()]);
    assert_eq!(again.error, None);
    let known = PackagedTx::InPool { vsize: free.vsize() as i64, fee: 0 };
    assert_eq!(again.results[&free.wtxid()], known);
    // A grandchild with a known parent, and one with a parent of another witness.
    let grandchild = spend(&[output(&child, 0)], &[1_960_000]);
    assert_eq!(submit(&mut world, &[child.clone(), grandchild.clone()]).error, None);
    let mut data = (*child).clone().into_inner();
    data.inputs[0].witness = vec![vec![], vec![0x51]];
    let twin = tx(data);
    let outcome = submit(&mut world, &[twin.clone(), grandchild]);
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.results[&twin.wtxid()], PackagedTx::DifferentWitness(child.wtxid()));
}

#[test]
fn what_does_not_pay_even_together_stays_out() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let free = spend(&[coin], &[1_000_000]);
    let child = spend(&[output(&free, 0)], &[999_985]);
    let outcome = submit(&mut world, &[free.clone(), child.clone()]);
    assert_eq!(error(&outcome), "transaction failed");
    assert_eq!(refusal(&outcome, &free), "min relay fee not met, 0 < 10");
    assert_eq!(refusal(&outcome, &child), "min relay fee not met, 15 < 20");
    assert!(world.pool.is_empty());
    // A parent does not pay for its child: the parent is in, its child is judged alone.
    let (coin, other) = (world.fund(1_000_000), world.fund(1_000_000));
    let rich = spend(&[coin], &[900_000]);
    let poor = spend(&[output(&rich, 0)], &[900_000]);
    let outcome = submit(&mut world, &[rich.clone(), poor.clone()]);
    assert_eq!(error(&outcome), "transaction failed");
    assert_eq!(accepted(&outcome, &rich).fee, 100_000);
    assert_eq!(refusal(&outcome, &poor), "min relay fee not met, 0 < 10");
    // What is wrong for other reasons than its fee is not tried again, nor are those with it.
    let free = spend(&[other], &[1_000_000]);
    let mut data = transaction(&[output(&free, 0)], &[900_000]);
    data.version = 4;
    let odd = tx(data);
    let outcome = submit(&mut world, &[free.clone(), odd.clone()]);
    assert_eq!(error(&outcome), "transaction failed");
    assert_eq!(refusal(&outcome, &odd), "version");
    assert!(!world.has(&free));
}

#[test]
fn packages_are_children_with_parents_and_do_not_pay_too_much() {
    let mut world = World::new();
    let coins: Vec<_> = (0..3).map(|_| world.fund(1_000_000)).collect();
    let parent = spend(&[coins[0]], &[1_000_000]);
    let child = spend(&[output(&parent, 0)], &[900_000]);
    let stranger = spend(&[coins[1]], &[990_000]);
    let outcome = submit(&mut world, &[stranger.clone(), parent.clone(), child.clone()]);
    assert_eq!(error(&outcome), "package-not-child-with-parents");
    assert!(outcome.results.is_empty());
    assert_eq!(error(&submit(&mut world, &[child.clone(), parent.clone()])), "package-not-sorted");
    let outcome = submit_below(&mut world, &[parent.clone(), child.clone()], Some(FeeRate(100_000)));
    assert_eq!(error(&outcome), "transaction failed");
    assert_eq!(refusal(&outcome, &child), "max feerate exceeded");
    assert!(world.pool.is_empty());
    let outcome = submit_below(&mut world, std::slice::from_ref(&stranger), Some(FeeRate(10_000)));
    assert_eq!(refusal(&outcome, &stranger), "max feerate exceeded");
    assert_eq!(submit(&mut world, std::slice::from_ref(&stranger)).error, None);
}

#[test]
fn a_parent_and_its_child_may_replace_together() {
    let mut world = World::new();
    let (coin, other) = (world.fund(1_000_000), world.fund(1_000_000));
    let old = spend(&[coin], &[995_000]);
    let old_child = spend(&[output(&old, 0)], &[985_000]);
    world.accept(&old).unwrap();
    world.accept(&old_child).unwrap();
    let rival = spend(&[coin], &[999_000]);
    let fair = spend(&[output(&rival, 0)], &[985_000]);
    let outcome = submit(&mut world, &[rival.clone(), fair.clone()]);
    assert_eq!(
        error(&outcome),
        format!(
            "package RBF failed: insufficient anti-DoS fees, rejecting replacement {}, not enough additional fees to relay; 0.00 < 0.0000002",
            fair.txid()
        )
    );
    let better = spend(&[output(&rival, 0)], &[900_000]);
    let outcome = submit(&mut world, &[rival.clone(), better.clone()]);
    assert_eq!(outcome.error, None);
    let replaced: Vec<Txid> =
        [&rival, &better].iter().flat_map(|tx| accepted(&outcome, tx).replaced).map(|tx| tx.txid()).collect();
    assert_eq!(replaced.len(), 2);
    assert!(replaced.contains(&old.txid()) && replaced.contains(&old_child.txid()));
    assert!(world.has(&rival) && world.has(&better) && !world.has(&old));
    // Not with three, and not on top of what waits already.
    let again = spend(&[coin], &[999_500]);
    let fresh = spend(&[other], &[1_000_000]);
    let both = spend(&[output(&again, 0), output(&fresh, 0)], &[1_500_000]);
    let outcome = submit(&mut world, &[again.clone(), fresh.clone(), both]);
    assert_eq!(error(&outcome), "package RBF failed: package must be 1-parent-1-child");
    let waiting = world.fund(1_000_000);
    let waiting = spend(&[waiting], &[990_000]);
    world.accept(&waiting).unwrap();
    let on_top = spend(&[output(&again, 0), output(&waiting, 0)], &[1_000_000]);
    let outcome = submit(&mut world, &[again, on_top]);
    assert_eq!(error(&outcome), "package RBF failed: new transaction cannot have mempool ancestors");
}

#[test]
fn dust_that_its_child_spends_comes_with_the_child() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let dusty = spend(&[coin], &[999_900, 100]);
    let careless = spend(&[output(&dusty, 0)], &[900_000]);
    let outcome = submit(&mut world, &[dusty.clone(), careless.clone()]);
    assert_eq!(error(&outcome), "unspent-dust");
    assert!(refusal(&outcome, &careless).starts_with("missing-ephemeral-spends"));
    assert!(world.pool.is_empty());
    let careful = spend(&[output(&dusty, 0), output(&dusty, 1)], &[900_000]);
    assert_eq!(submit(&mut world, &[dusty.clone(), careful.clone()]).error, None);
    assert!(world.has(&dusty) && world.has(&careful));
}

#[test]
fn what_the_pool_has_no_room_for_is_said_of_each() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let parent = spend(&[coin], &[1_000_000]);
    let child = spend(&[output(&parent, 0)], &[990_000]);
    world.pool.options.max_bytes = 0;
    let outcome = submit(&mut world, &[parent.clone(), child.clone()]);
    assert_eq!(error(&outcome), "transaction failed");
    assert_eq!(refusal(&outcome, &parent), "mempool full");
    assert_eq!(refusal(&outcome, &child), "mempool full");
    assert!(world.pool.is_empty());
}
