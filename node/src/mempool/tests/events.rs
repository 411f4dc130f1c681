//! What followers of the pool are told. Every test of the pool has a [`Follower`], which holds that the events alone
//! make the pool.

use super::*;
use chaincore_plugin::{MempoolEvent, RemovalReason};
use std::collections::BTreeSet;

/// One who knows the pool from its events.
pub(super) struct Follower {
    events: MempoolEvents,
    sequence: u64,
    txids: BTreeSet<Txid>,
    /// What was told since the last [`Follower::story`].
    story: Vec<MempoolEvent>,
}

impl Follower {
    pub(super) fn of(pool: &Mempool) -> Self {
        let events = pool.subscribe();
        let sequence = events.start();
        Self { events, sequence, txids: BTreeSet::new(), story: vec![] }
    }

    pub(super) fn check(&mut self, pool: &Mempool) {
        let news = self.events.take(usize::MAX);
        for event in &news {
            let sequence = match event {
                MempoolEvent::Added { sequence, tx, .. } => {
                    assert!(self.txids.insert(tx.txid()), "{} came twice", tx.txid());
                    sequence
                }
                MempoolEvent::Removed { sequence, tx, .. } => {
                    assert!(self.txids.remove(&tx.txid()), "{} went twice", tx.txid());
                    sequence
                }
                MempoolEvent::Gap { lost } => panic!("{lost} events lost"),
            };
            assert_eq!(*sequence, self.sequence);
            self.sequence += 1;
        }
        assert_eq!(self.sequence, pool.sequence());
        assert_eq!(self.txids, pool.entries().map(|entry| entry.tx.txid()).collect());
        self.story.extend(news);
    }

    /// What was told, in short: which of `names` came or went, and why.
    fn story(&mut self, names: &[(&str, &TxRef)]) -> Vec<String> {
        let name = |tx: &TxRef| names.iter().find(|(_, named)| named.txid() == tx.txid()).unwrap().0;
        let tell = |event: &MempoolEvent| match event {
            MempoolEvent::Added { tx, .. } => format!("+{}", name(tx)),
            MempoolEvent::Removed { tx, reason, .. } => format!("-{} {}", name(tx), reason.name()),
            MempoolEvent::Gap { .. } => "gap".into(),
        };
        std::mem::take(&mut self.story).iter().map(tell).collect()
    }
}

/// The same in an order of their own, where the pool promises none.
fn sorted(mut story: Vec<String>) -> Vec<String> {
    story.sort();
    story
}

#[test]
fn whoever_comes_and_goes_is_told_with_the_reason() {
    let mut world = World::new();
    let (coin, other, third) = (world.fund(1_000_000), world.fund(1_000_000), world.fund(1_000_000));
    let first = spend(&[coin], &[990_000]);
    let child = spend(&[output(&first, 0)], &[980_000]);
    world.accept(&first).unwrap();
    world.accept(&child).unwrap();
    let MempoolEvent::Added { sequence: 1, time, fee: Amount(10_000), vsize, tx: ref told } =
        world.follower.story[0]
    else {
        panic!("{:?}", world.follower.story)
    };
    assert_eq!((time, vsize as usize), (world.now, first.vsize()));
    assert!(Arc::ptr_eq(told, &first), "no copies are made");
    let better = spend(&[coin], &[900_000]);
    world.accept(&better).unwrap();
    let names = [("first", &first), ("child", &child), ("better", &better)];
    let replaced = |event: &&MempoolEvent| matches!(event, MempoolEvent::Removed { reason: RemovalReason::Replaced(by), .. } if *by == better.txid());
    assert_eq!(world.follower.story.iter().filter(replaced).count(), 2);
    let story = world.follower.story(&names);
    assert_eq!(story[..2], ["+first", "+child"]);
    assert_eq!(sorted(story[2..4].to_vec()), ["-child replaced", "-first replaced"]);
    assert_eq!(story[4..], ["+better"]);

    // A block takes one and contradicts another, with its child.
    let loser = spend(&[other], &[990_000]);
    let orphan = spend(&[output(&loser, 0)], &[980_000]);
    world.accept(&loser).unwrap();
    world.accept(&orphan).unwrap();
    world.follower.story.clear();
    let before = (world.coins.0.clone(), world.branch.clone());
    world.connect(&[better.clone(), spend(&[other], &[1])]);
    let names = [("better", &better), ("loser", &loser), ("orphan", &orphan)];
    let hash = world.branch[world.branch.len() - 1].hash();
    assert!(matches!(
        world.follower.story[0],
        MempoolEvent::Removed { reason: RemovalReason::Block(block), .. } if block == hash
    ));
    let story = world.follower.story(&names);
    assert_eq!(story[0], "-better block");
    assert_eq!(sorted(story[1..].to_vec()), ["-loser conflict", "-orphan conflict"]);

    // The block goes again: what it took comes back, at the time of this.
    (world.coins.0, world.branch) = before;
    world.now += 100;
    world.reorg(std::slice::from_ref(&better));
    let MempoolEvent::Added { time, .. } = world.follower.story[0] else { panic!("it came back") };
    assert_eq!(time, world.now);
    assert_eq!(world.follower.story(&names), ["+better"]);

    // What is not final any more on the branch, what is too old.
    let mut timed = transaction(&[third], &[990_000]);
    timed.lock_time = 200;
    let timed = tx(timed);
    world.accept(&timed).unwrap();
    world.branch.pop();
    world.reorg(&[]);
    world.branch.push(world.branch[199]);
    world.now += world.pool.options.expiry + 1;
    world.pool.limit(world.now);
    world.check();
    let names = [("better", &better), ("timed", &timed)];
    assert_eq!(world.follower.story(&names), ["+timed", "-timed reorg", "-better expiry"]);
    assert!(world.pool.is_empty());
}

#[test]
fn what_does_not_fit_comes_and_goes() {
    let mut world = World::new();
    let (rich, poor) = (world.fund(1_000_000), world.fund(1_000_000));
    let (rich, poor) = (spend(&[rich], &[900_000]), spend(&[poor], &[999_000]));
    world.accept(&rich).unwrap();
    world.pool.options.max_bytes = world.pool.info(world.now).usage;
    world.accept(&poor).unwrap_err();
    let names = [("rich", &rich), ("poor", &poor)];
    assert_eq!(world.follower.story(&names), ["+rich", "+poor", "-poor sizelimit"]);
}

#[test]
fn a_refused_transaction_is_nothing_to_tell() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    world.accept(&spend(&[coin], &[1_000_000])).unwrap_err();
    world.test(&spend(&[coin], &[900_000])).unwrap();
    world.check();
    assert!(world.follower.story.is_empty());
    assert_eq!(world.pool.sequence(), 1);
}

#[test]
fn two_that_replace_name_the_child() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let old = spend(&[coin], &[999_000]);
    world.accept(&old).unwrap();
    let parent = spend(&[coin], &[1_000_000]);
    let child = spend(&[output(&parent, 0)], &[900_000]);
    let mut pool = std::mem::take(&mut world.pool);
    let outcome = pool.accept_package(&[parent.clone(), child.clone()], None, &world.view()).unwrap();
    world.pool = pool;
    assert_eq!(outcome.error, None);
    world.check();
    assert!(matches!(
        world.follower.story[1],
        MempoolEvent::Removed { reason: RemovalReason::Replaced(by), .. } if by == child.txid()
    ));
    let names = [("old", &old), ("parent", &parent), ("child", &child)];
    assert_eq!(world.follower.story(&names), ["+old", "-old replaced", "+parent", "+child"]);
}
