//! What plugins may do to policy, and what they may not.

use super::*;
use crate::template::{BlockTemplate, TemplateOptions, build};
use chaincore_consensus::versionbits::StateCache;
use chaincore_plugin::policy::{Candidate, MempoolFilter, TemplateOrder};
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::Mutex;

/// Refuses transactions with an output of this value, and falls over where one is worth 666.
struct Refuse(i64);

impl MempoolFilter for Refuse {
    fn check(&self, candidate: &Candidate<'_>) -> Result<(), String> {
        let has = |value| candidate.tx.outputs.iter().any(|output| output.value == Amount(value));
        assert!(!has(666), "this filter has a mistake");
        assert_eq!(candidate.weight, candidate.tx.weight() as u64);
        if has(self.0) { Err("not-this-one".into()) } else { Ok(()) }
    }
}

/// Any function as an order.
struct By<F>(F);

impl<F: Fn(&[Candidate<'_>]) -> i64 + Send + Sync> TemplateOrder for By<F> {
    fn rank(&self, chunk: &[Candidate<'_>]) -> i64 {
        (self.0)(chunk)
    }
}

fn set_order(world: &mut World, rank: impl Fn(&[Candidate<'_>]) -> i64 + Send + Sync + 'static) {
    world.pool.set_hooks(PolicyHooks::new(vec![], vec![Arc::new(By(rank))]));
}

fn template(world: &World, max_weight: Option<i64>) -> BlockTemplate {
    let mut options = TemplateOptions::paying_to(anyone());
    options.max_weight = max_weight.unwrap_or(options.max_weight);
    let mut versions = StateCache::default();
    build(Some(&world.pool), &world.branch, &world.params, &mut versions, world.now, &options)
}

#[test]
fn a_filter_refuses_everywhere_but_in_blocks() {
    let mut world = World::new();
    world.pool.set_hooks(PolicyHooks::new(vec![Arc::new(Refuse(1)), Arc::new(Refuse(777_777))], vec![]));
    let coins: Vec<OutPoint> = (0..6).map(|_| world.fund(1_000_000)).collect();
    world.accept(&spend(&[coins[0]], &[900_000])).unwrap();
    let bad = spend(&[coins[1]], &[777_777]);
    assert_eq!(world.accept(&bad).unwrap_err(), "plugin-not-this-one");
    assert_eq!(world.test(&bad).unwrap_err(), "plugin-not-this-one");
    // The other checks come first.
    let free = spend(&[coins[2]], &[777_777, 222_223]);
    assert!(world.accept(&free).unwrap_err().starts_with("min relay fee not met"));
    // What a filter falls over is refused; the pool and the others are not harmed.
    let odd = spend(&[coins[2]], &[666, 900_000]);
    assert_eq!(world.accept(&odd).unwrap_err(), "plugin-failed");
    world.accept(&spend(&[coins[2]], &[900_000])).unwrap();

    // Packages: a parent that needs its child, and either of them refused.
    let parent = spend(&[coins[3]], &[1_000_000]);
    let child = spend(&[output(&parent, 0)], &[777_777]);
    let mut pool = std::mem::take(&mut world.pool);
    let outcome = pool.accept_package(&[parent.clone(), child.clone()], None, &world.view()).unwrap();
    assert_eq!(outcome.error.as_ref().unwrap().reason, "transaction failed");
    let refused = |tx: &TxRef| matches!(&outcome.results[&tx.wtxid()], PackagedTx::Refused(r) if r.reason == "plugin-not-this-one");
    assert!(refused(&child) && pool.get(&parent.txid()).is_none());
    let paying = spend(&[coins[3]], &[990_000]);
    let child_of_paying = spend(&[output(&paying, 0)], &[777_777]);
    let test = pool.test_package(&[paying.clone(), child_of_paying.clone()], &world.view()).unwrap();
    assert!(test.results[&paying.wtxid()].is_ok());
    let reason = test.results[&child_of_paying.wtxid()].clone().unwrap_err().reason;
    assert_eq!(reason, "plugin-not-this-one");
    world.pool = pool;
    world.check();

    // A block brings it, and goes again: the filter is asked then, and its child has to go too.
    let before = (world.coins.0.clone(), world.branch.clone());
    world.connect(std::slice::from_ref(&bad));
    let child = spend(&[output(&bad, 0)], &[700_000]);
    world.accept(&child).unwrap();
    (world.coins.0, world.branch) = before;
    world.reorg(std::slice::from_ref(&bad));
    assert!(!world.has(&bad) && !world.has(&child));
}

#[test]
fn a_high_rank_comes_first_and_brings_what_it_needs() {
    let mut world = World::new();
    let (a, b) = (world.fund(1_000_000), world.fund(1_000_000));
    let poor = spend(&[a], &[999_000]);
    let favourite = spend(&[output(&poor, 0)], &[998_900]);
    let rich = spend(&[b], &[900_000]);
    for tx in [&poor, &favourite, &rich] {
        world.accept(tx).unwrap();
    }
    assert_eq!(
        template(&world, None).block.transactions[1..],
        [rich.clone(), poor.clone(), favourite.clone()]
    );
    let wanted = favourite.txid();
    set_order(&mut world, move |chunk| {
        i64::from(chunk.iter().any(|candidate| candidate.tx.txid() == wanted)) * i64::MAX
    });
    assert_eq!(template(&world, None).block.transactions[1..], [poor, favourite, rich]);
}

#[test]
fn an_order_that_panics_is_not_asked_again() {
    let mut world = pool_of(&[(3, 500), (9, 700), (1, 900), (0, 100)]);
    let plain = template(&world, None);
    let asked = Arc::new(Mutex::new(0));
    let counter = asked.clone();
    set_order(&mut world, move |_| {
        // Dropped before the panic: what a hook does to its own locks is not the matter here.
        let mut asked = counter.lock().unwrap();
        *asked += 1;
        let third = *asked == 3;
        drop(asked);
        assert!(!third, "this order has a mistake");
        -*counter.lock().unwrap()
    });
    assert_eq!(template(&world, None), plain);
    assert_eq!(template(&world, None), plain);
    assert_eq!(*asked.lock().unwrap(), 3);
}

#[test]
fn an_order_that_dawdles_is_passed_over() {
    let mut world = pool_of(&[(3, 500), (9, 700), (1, 900), (0, 100)]);
    let plain = template(&world, None);
    set_order(&mut world, |_| {
        std::thread::sleep(std::time::Duration::from_millis(600));
        7
    });
    assert_eq!(template(&world, None), plain);
}

/// A pool of random families: each transaction spends a coin or outputs of those before it, and pays a fee.
fn pool_of(choices: &[(u8, u16)]) -> World {
    let mut world = World::new();
    let mut free: Vec<(OutPoint, i64)> = Vec::new();
    for (choice, fee) in choices {
        let mut inputs = Vec::new();
        for part in [choice & 15, choice >> 4] {
            if part > 5 && !free.is_empty() {
                inputs.push(free.remove(part as usize % free.len()));
            }
        }
        if inputs.is_empty() {
            inputs.push((world.fund(1_000_000), 1_000_000));
        }
        let outpoints: Vec<OutPoint> = inputs.iter().map(|(outpoint, _)| *outpoint).collect();
        let total: i64 = inputs.iter().map(|(_, value)| value).sum();
        let each = (total - i64::from(*fee) - 200) / 2;
        if each < 1_000 {
            continue;
        }
        let tx = spend(&outpoints, &[each, each]);
        if world.accept(&tx).is_ok() {
            free.extend([(output(&tx, 0), each), (output(&tx, 1), each)]);
        }
    }
    world
}

/// The chunks of a pool: what each depends on, and the rank it is worth with all that depends on it.
fn chunks(world: &World, rank: impl Fn(&[Txid]) -> i64) -> Vec<(Vec<Txid>, HashSet<usize>, i64)> {
    let list: Vec<Vec<Txid>> = world.pool.best_chunks().map(|chunk| chunk.txids.clone()).collect();
    let place = |txid: &Txid| list.iter().position(|chunk| chunk.contains(txid)).unwrap();
    // A chunk comes as a whole, so what one of its transactions needs is needed by whatever needs the chunk.
    let mut needs: Vec<HashSet<usize>> = Vec::new();
    for (at, chunk) in list.iter().enumerate() {
        let parents = chunk.iter().flat_map(|txid| world.pool.parents(txid)).map(place);
        let direct: HashSet<usize> = parents.filter(|need| *need != at).collect();
        let beyond = direct.iter().flat_map(|need| needs[*need].clone());
        needs.push(beyond.chain(direct.iter().copied()).collect());
    }
    let worth = |at: usize| {
        let with = (0..list.len()).filter(|other| *other == at || needs[*other].contains(&at));
        with.map(|other| rank(&list[other])).max().unwrap()
    };
    (0..list.len()).map(|at| (list[at].clone(), needs[at].clone(), worth(at))).collect()
}

fn rank_of(seed: usize, levels: u8, first: &Txid) -> i64 {
    i64::from(first.0[seed % 32] % levels) - 1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn equal_ranks_are_as_no_ranks(choices in prop::collection::vec(any::<(u8, u16)>(), 0..40), rank in any::<i64>()) {
        let mut world = pool_of(&choices);
        let plain = template(&world, None);
        let order: Vec<TxRef> = world.pool.in_mining_order().map(|entry| entry.tx.clone()).collect();
        prop_assert_eq!(&plain.block.transactions[1..], &order[..]);
        world.pool.set_hooks(PolicyHooks::new(vec![Arc::new(Refuse(1))], vec![]));
        prop_assert_eq!(&template(&world, None), &plain);
        set_order(&mut world, move |_| rank);
        prop_assert_eq!(&template(&world, None), &plain);
    }

    #[test]
    fn the_highest_rank_that_can_come_is_next(
        choices in prop::collection::vec(any::<(u8, u16)>(), 0..40),
        seed in any::<usize>(),
        levels in 1u8..6,
    ) {
        let mut world = pool_of(&choices);
        let plain = template(&world, None);
        set_order(&mut world, move |chunk| rank_of(seed, levels, &chunk[0].tx.txid()));
        let template = template(&world, None);
        let chunks = chunks(&world, |chunk| rank_of(seed, levels, &chunk[0]));
        let mut order = template.block.transactions[1..].iter().map(|tx| tx.txid());
        let mut done: HashSet<usize> = HashSet::new();
        let mut last = (i64::MAX, 0);
        while done.len() < chunks.len() {
            let ready = (0..chunks.len())
                .filter(|at| !done.contains(at) && chunks[*at].1.iter().all(|need| done.contains(need)));
            // The pool lists them by fee rate, so the first of equal ranks is next.
            let next = ready.max_by_key(|at| (chunks[*at].2, std::cmp::Reverse(*at))).unwrap();
            for txid in &chunks[next].0 {
                prop_assert_eq!(order.next(), Some(*txid));
            }
            prop_assert!(chunks[next].2 <= last.0, "what is pulled comes with what pulls it");
            last = (chunks[next].2, next);
            done.insert(next);
        }
        prop_assert_eq!(order.next(), None);
        prop_assert_eq!((template.reward, template.fees.len()), (plain.reward, plain.fees.len()));
    }

    #[test]
    fn limits_hold_whatever_the_order(
        choices in prop::collection::vec(any::<(u8, u16)>(), 1..40),
        seed in any::<usize>(),
        room in 0i64..30_000,
    ) {
        let mut world = pool_of(&choices);
        set_order(&mut world, move |chunk| rank_of(seed, 7, &chunk[0].tx.txid()));
        let max_weight = TemplateOptions::paying_to(anyone()).reserved_weight + room;
        let template = template(&world, Some(max_weight));
        let weight: usize = template.block.transactions[1..].iter().map(|tx| tx.weight()).sum();
        prop_assert!(weight as i64 <= room);
        let mut seen = HashSet::new();
        for tx in &template.block.transactions[1..] {
            for input in &tx.inputs {
                let parent = input.previous_output.txid;
                prop_assert!(world.pool.get(&parent).is_none() || seen.contains(&parent));
            }
            prop_assert!(seen.insert(tx.txid()), "each once");
        }
    }
}
