use super::*;
use crate::p2p::processing::txs::testing::{block_of, spend_of, tx_spending};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::StdRng;

/// Recomputes all sums and indexes.
fn check(orphanage: &Orphanage) {
    let mut shares: HashMap<PeerId, Share> = HashMap::new();
    let mut outpoints: HashMap<OutPoint, BTreeSet<Wtxid>> = HashMap::new();
    let (mut weight, mut points, mut announcements) = (0, 0, 0);
    for (wtxid, orphan) in &orphanage.orphans {
        weight += orphan.weight();
        points += orphan.input_points();
        assert!(orphan.worker.is_none_or(|worker| orphan.announcers.contains_key(&worker)));
        assert!(!orphan.announcers.is_empty());
        for input in &orphan.tx.inputs {
            outpoints.entry(input.previous_output).or_default().insert(*wtxid);
        }
        for (peer, sequence) in &orphan.announcers {
            let share = shares.entry(*peer).or_default();
            share.announcements.insert((orphan.worker == Some(*peer), *sequence), *wtxid);
            share.weight += orphan.weight();
            share.latency += 1 + orphan.input_points();
            announcements += 1;
        }
    }
    assert_eq!(shares, orphanage.peers);
    assert_eq!(outpoints, orphanage.by_outpoint);
    assert_eq!(
        (weight, points, announcements),
        (orphanage.weight, orphanage.input_points, orphanage.announcements)
    );
    assert!(!orphanage.is_over());
}

fn has(orphanage: &Orphanage, tx: &TxRef) -> bool {
    orphanage.get(&tx.wtxid()).is_some()
}

fn rng() -> StdRng {
    StdRng::seed_from_u64(1)
}

#[test]
fn the_oldest_goes_when_a_limit_is_exceeded() {
    let (first, second) = (tx_spending(1, 1), tx_spending(2, 1));
    let weight = first.weight() as u64;
    for (latency, reserved) in [(1, 10 * weight), (10, weight)] {
        let mut orphanage = Orphanage::with_limits(latency, reserved);
        assert!(orphanage.add(&first, PeerId(8)));
        assert!(orphanage.add(&second, PeerId(8)));
        assert!(!has(&orphanage, &first) && has(&orphanage, &second));
        check(&orphanage);
    }
}

#[test]
fn many_inputs_cost_latency() {
    let mut orphanage = Orphanage::with_limits(5, 1_000_000);
    let (small, large) = (tx_spending(1, 1), tx_spending(2, 45));
    orphanage.add(&small, PeerId(10));
    orphanage.add(&large, PeerId(10));
    assert!(!has(&orphanage, &small) && has(&orphanage, &large));
    check(&orphanage);
}

#[test]
fn what_is_about_to_be_looked_at_goes_last() {
    let peer = PeerId(9);
    let mut orphanage = Orphanage::with_limits(3, 1_000_000);
    let parents: Vec<TxRef> = (0..6).map(|seed| tx_spending(seed, 1)).collect();
    let children: Vec<TxRef> = parents.iter().map(|parent| spend_of(parent, 0)).collect();
    for child in &children[..3] {
        orphanage.add(child, peer);
    }
    orphanage.wake_children(&parents[0], &mut rng());
    assert!(orphanage.has_work(peer));
    let left = |orphanage: &Orphanage| children.iter().map(|child| has(orphanage, child)).collect::<Vec<_>>();
    orphanage.add(&children[3], peer);
    assert_eq!(left(&orphanage), [true, false, true, true, false, false]);
    orphanage.add(&children[4], peer);
    assert_eq!(left(&orphanage), [true, false, false, true, true, false]);
    orphanage.wake_children(&parents[4], &mut rng());
    orphanage.wake_children(&parents[3], &mut rng());
    // It is the only one that nobody waits for.
    orphanage.add(&children[5], peer);
    assert_eq!(left(&orphanage), [true, false, false, true, true, false]);
    // Work is done in the order in which orphans came.
    let work = std::iter::from_fn(|| orphanage.take_work(peer)).collect::<Vec<_>>();
    assert_eq!(work, [children[0].clone(), children[3].clone(), children[4].clone()]);
    assert!(!orphanage.has_work(peer));
    check(&orphanage);
}

#[test]
fn nobody_loses_an_orphan_to_a_peer_that_sends_many() {
    let mut orphanage = Orphanage::with_limits(20, 1_000_000);
    let modest: Vec<TxRef> = (0..5).map(|seed| tx_spending(seed, 1)).collect();
    for tx in &modest {
        orphanage.add(tx, PeerId(1));
    }
    for seed in 100..200 {
        orphanage.add(&tx_spending(seed, 1), PeerId(2));
        check(&orphanage);
    }
    assert!(modest.iter().all(|tx| has(&orphanage, tx)));
    assert_eq!(orphanage.orphans.len(), 20);
    // A third peer takes its share from the greedy one.
    for seed in 300..306 {
        orphanage.add(&tx_spending(seed, 1), PeerId(3));
    }
    assert!(modest.iter().all(|tx| has(&orphanage, tx)));
    assert!((300..306).all(|seed| has(&orphanage, &tx_spending(seed, 1))));
    check(&orphanage);
}

#[test]
fn an_orphan_stays_until_its_last_announcer_leaves() {
    let mut orphanage = Orphanage::default();
    let tx = tx_spending(1, 1);
    assert!(orphanage.add(&tx, PeerId(1)));
    assert!(!orphanage.add(&tx, PeerId(1)));
    assert!(!orphanage.add(&tx, PeerId(2)));
    assert!(orphanage.add_announcer(&tx.wtxid(), PeerId(3)));
    assert!(!orphanage.add_announcer(&tx.wtxid(), PeerId(3)));
    assert!(!orphanage.add_announcer(&tx_spending(2, 1).wtxid(), PeerId(3)));
    assert_eq!(orphanage.all()[0].announcers, [PeerId(1), PeerId(2), PeerId(3)]);
    for peer in [2, 1] {
        orphanage.remove_peer(PeerId(peer));
        assert!(has(&orphanage, &tx) && !orphanage.has_from(&tx.wtxid(), PeerId(peer)));
        check(&orphanage);
    }
    orphanage.remove_peer(PeerId(3));
    assert!(!has(&orphanage, &tx));
    check(&orphanage);
}

#[test]
fn work_that_its_peer_abandons_comes_back_with_the_next_parent() {
    let mut orphanage = Orphanage::default();
    let parent = tx_spending(1, 1);
    let child = spend_of(&parent, 0);
    orphanage.add(&child, PeerId(1));
    orphanage.add(&child, PeerId(2));
    orphanage.wake_children(&parent, &mut rng());
    orphanage.wake_children(&parent, &mut rng());
    let worker = [1, 2].map(PeerId).into_iter().find(|peer| orphanage.has_work(*peer)).unwrap();
    orphanage.remove_peer(worker);
    check(&orphanage);
    let other = if worker == PeerId(1) { PeerId(2) } else { PeerId(1) };
    assert!(!orphanage.has_work(other));
    orphanage.wake_children(&parent, &mut rng());
    assert_eq!(orphanage.take_work(other), Some(child));
}

#[test]
fn a_block_takes_what_it_contains_and_what_it_conflicts_with() {
    let mut orphanage = Orphanage::default();
    let parent = tx_spending(1, 2);
    let (contained, other) = (spend_of(&parent, 0), spend_of(&parent, 1));
    let conflicting = Tx::clone(&tx_spending(1, 1));
    for tx in [&contained, &other, &TxRef::new(conflicting.clone())] {
        orphanage.add(tx, PeerId(1));
    }
    orphanage.remove_for_block(&block_of(vec![parent, contained.clone()]));
    assert!(!has(&orphanage, &contained) && has(&orphanage, &other));
    assert!(orphanage.get(&conflicting.wtxid()).is_none());
    check(&orphanage);
}

#[test]
fn too_large_ones_are_not_kept() {
    let mut orphanage = Orphanage::default();
    // An input weighs 4 * 41 units at least.
    assert!(!orphanage.add(&tx_spending(1, 2500), PeerId(1)));
    assert!(orphanage.orphans.is_empty());
}

#[test]
fn children_come_newest_first_and_from_one_peer() {
    let mut orphanage = Orphanage::default();
    let parent = tx_spending(1, 1);
    let [first, second, third] = [0, 1, 2].map(|vout| spend_of(&parent, vout));
    orphanage.add(&first, PeerId(1));
    orphanage.add(&second, PeerId(1));
    orphanage.add(&third, PeerId(2));
    orphanage.add(&tx_spending(5, 1), PeerId(1));
    assert_eq!(orphanage.children_from(&parent.txid(), PeerId(1)), [second, first]);
    assert_eq!(orphanage.children_from(&parent.txid(), PeerId(2)), [third]);
    assert!(orphanage.children_from(&parent.txid(), PeerId(3)).is_empty());
}

proptest! {
    #[test]
    fn sums_and_limits_hold_whatever_happens(
        steps in prop::collection::vec((0..6u8, 0..6u64, 0..12u64), 1..150)
    ) {
        let mut orphanage = Orphanage::with_limits(12, 3000);
        let mut rng = rng();
        let parents: Vec<TxRef> = (0..12).map(|seed| tx_spending(seed, 1)).collect();
        let txs: Vec<TxRef> =
            (0..12).map(|at| if at % 3 == 0 { tx_spending(at, 10) } else { spend_of(&parents[at as usize], 0) }).collect();
        for (what, peer, which) in steps {
            let (peer, which) = (PeerId(peer), which as usize);
            match what {
                0 | 1 => {
                    orphanage.add(&txs[which], peer);
                }
                2 => {
                    orphanage.add_announcer(&txs[which].wtxid(), peer);
                }
                3 => orphanage.wake_children(&parents[which], &mut rng),
                4 => {
                    orphanage.take_work(peer);
                }
                _ if which < 6 => orphanage.remove_peer(peer),
                _ => {
                    orphanage.remove(&txs[which].wtxid());
                }
            }
            check(&orphanage);
        }
    }
}
