use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SECOND: i64 = 1_000_000;
const NEVER: i64 = i64::MAX;

fn txid(byte: u8) -> TxName {
    TxName::Txid(Txid([byte; 32]))
}

fn wtxid(byte: u8) -> TxName {
    TxName::Wtxid(Wtxid([byte; 32]))
}

/// What a peer is to be asked for, and how many candidates, open requests and finished announcements it has.
fn check(
    tracker: &mut RequestTracker,
    peer: u64,
    now: i64,
    expected: &[TxName],
    [candidates, requested, completed]: [usize; 3],
) {
    let peer = PeerId(peer);
    assert_eq!(tracker.requestable(peer, now).0, expected);
    assert_eq!(tracker.in_flight(peer), requested);
    let done = tracker.peers.get(&peer).map_or(0, |state| state.completed);
    assert_eq!(done, completed);
    assert_eq!(tracker.count(peer), candidates + requested + completed);
}

#[test]
fn a_delayed_announcement_is_requested_and_expires() {
    let mut tracker = RequestTracker::default();
    tracker.announced(PeerId(1), wtxid(1), false, 8 * SECOND);
    check(&mut tracker, 1, 8 * SECOND - 1, &[], [1, 0, 0]);
    check(&mut tracker, 1, 8 * SECOND, &[wtxid(1)], [1, 0, 0]);
    tracker.requested(PeerId(1), &wtxid(1).hash(), 20 * SECOND);
    check(&mut tracker, 1, 20 * SECOND - 1, &[], [0, 1, 0]);
    let (requests, expired) = tracker.requestable(PeerId(2), 20 * SECOND);
    assert_eq!((requests, expired), (vec![], vec![(PeerId(1), wtxid(1))]));
    // Nobody is left who could be asked.
    check(&mut tracker, 1, 20 * SECOND, &[], [0, 0, 0]);
    assert!(tracker.by_hash.is_empty());
}

#[test]
fn the_better_of_two_peers_is_asked_then_the_other() {
    for (first, second) in [(true, false), (false, true), (true, true), (false, false)] {
        let mut tracker = RequestTracker::default();
        let hash = txid(7).hash();
        tracker.announced(PeerId(1), txid(7), first, 0);
        check(&mut tracker, 1, 0, &[txid(7)], [1, 0, 0]);
        tracker.announced(PeerId(2), txid(7), second, 0);
        let rank = |peer, preferred| tracker.priority(&hash, PeerId(peer), preferred);
        let (best, other) = if rank(1, first) > rank(2, second) { (1, 2) } else { (2, 1) };
        assert!(first == second || (best == 1) == first);
        check(&mut tracker, other, 0, &[], [1, 0, 0]);
        check(&mut tracker, best, 0, &[txid(7)], [1, 0, 0]);
        tracker.requested(PeerId(best), &hash, NEVER);
        check(&mut tracker, other, SECOND, &[], [1, 0, 0]);
        tracker.answered(PeerId(best), &hash);
        check(&mut tracker, best, SECOND, &[], [0, 0, 1]);
        check(&mut tracker, other, SECOND, &[txid(7)], [1, 0, 0]);
        tracker.disconnected(PeerId(other));
        check(&mut tracker, best, SECOND, &[], [0, 0, 0]);
        check(&mut tracker, other, SECOND, &[], [0, 0, 0]);
    }
}

#[test]
fn what_came_first_is_asked_for_first() {
    let mut tracker = RequestTracker::default();
    tracker.announced(PeerId(1), txid(9), true, 20 * SECOND);
    tracker.announced(PeerId(1), txid(3), false, 10 * SECOND);
    check(&mut tracker, 1, 10 * SECOND, &[txid(3)], [2, 0, 0]);
    check(&mut tracker, 1, 20 * SECOND, &[txid(9), txid(3)], [2, 0, 0]);
    // The clock goes back: it is too early again.
    check(&mut tracker, 1, 19 * SECOND, &[txid(3)], [2, 0, 0]);
    check(&mut tracker, 1, 9 * SECOND, &[], [2, 0, 0]);
}

#[test]
fn one_hash_is_one_transaction_whichever_name_it_is() {
    let mut tracker = RequestTracker::default();
    tracker.announced(PeerId(1), txid(5), true, 0);
    tracker.announced(PeerId(2), wtxid(5), false, 0);
    check(&mut tracker, 1, 0, &[txid(5)], [1, 0, 0]);
    check(&mut tracker, 2, 0, &[], [1, 0, 0]);
    tracker.requested(PeerId(1), &txid(5).hash(), SECOND);
    check(&mut tracker, 2, SECOND, &[wtxid(5)], [1, 0, 0]);
    check(&mut tracker, 1, SECOND, &[], [0, 0, 1]);
    // A second announcement by the same peer changes nothing.
    tracker.announced(PeerId(1), wtxid(5), true, 0);
    check(&mut tracker, 1, SECOND, &[], [0, 0, 1]);
}

#[test]
fn asking_out_of_turn_takes_the_request_over() {
    let mut tracker = RequestTracker::default();
    let hash = wtxid(1).hash();
    for peer in 1..=3 {
        tracker.announced(PeerId(peer), wtxid(1), peer == 1, if peer == 3 { NEVER } else { 0 });
    }
    check(&mut tracker, 1, 0, &[wtxid(1)], [1, 0, 0]);
    // Not its turn, and not even its time.
    tracker.requested(PeerId(3), &hash, 10 * SECOND);
    check(&mut tracker, 1, 0, &[], [1, 0, 0]);
    check(&mut tracker, 3, 0, &[], [0, 1, 0]);
    tracker.requested(PeerId(1), &hash, 10 * SECOND);
    check(&mut tracker, 3, 0, &[], [0, 0, 1]);
    check(&mut tracker, 1, 0, &[], [0, 1, 0]);
    // Asking again whom it was asked is nothing new; nor is asking who announced nothing.
    tracker.requested(PeerId(1), &hash, NEVER);
    tracker.requested(PeerId(9), &hash, NEVER);
    check(&mut tracker, 2, 10 * SECOND, &[wtxid(1)], [1, 0, 0]);
    tracker.forget(&hash);
    assert!(tracker.peers.is_empty() && tracker.waiting.is_empty() && tracker.due.is_empty());
}

/// The same rules with nothing kept but the announcements.
#[derive(Default)]
struct Model(BTreeMap<(Hash256, PeerId), Announcement>);

impl Model {
    fn drop_completed(&mut self, hash: &Hash256) {
        if self.0.iter().all(|((of, _), one)| of != hash || one.state == State::Completed) {
            self.0.retain(|(of, _), _| of != hash);
        }
    }

    fn set(&mut self, hash: &Hash256, peer: PeerId, state: State) {
        if let Some(one) = self.0.get_mut(&(*hash, peer)) {
            one.state = state;
        }
        self.drop_completed(hash);
    }

    fn expire(&mut self, now: i64) {
        let open = |one: &Announcement| one.state == State::Requested && one.time <= now;
        let late: Vec<_> = self.0.iter().filter(|(_, one)| open(one)).map(|(key, _)| *key).collect();
        for (hash, peer) in late {
            self.set(&hash, peer, State::Completed);
        }
    }

    fn requestable(&self, tracker: &RequestTracker, peer: PeerId, now: i64) -> Vec<TxName> {
        let mine = self.0.values().filter(|one| one.peer == peer && one.state == State::Delayed);
        let is_turn = |one: &&Announcement| {
            let hash = one.name.hash();
            let all = || self.0.values().filter(|other| other.name.hash() == hash);
            let rank = |one: &Announcement| tracker.priority(&hash, one.peer, one.preferred);
            one.time <= now
                && all().all(|other| other.state != State::Requested)
                && all()
                    .filter(|other| other.state == State::Delayed && other.time <= now)
                    .all(|other| rank(other) <= rank(one))
        };
        let mut found: Vec<_> = mine.filter(is_turn).collect();
        found.sort_by_key(|one| one.sequence);
        found.iter().map(|one| one.name).collect()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Announce { peer: u64, name: TxName, preferred: bool, delay: i64 },
    Request { peer: u64, name: TxName, patience: i64 },
    RequestNext { peer: u64 },
    Answer { peer: u64, name: TxName },
    Forget { name: TxName },
    Disconnect { peer: u64 },
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    let peer = || 0..4u64;
    let name =
        || (0..4u8, any::<bool>()).prop_map(|(byte, is_txid)| if is_txid { txid(byte) } else { wtxid(byte) });
    prop_oneof![
        6 => (peer(), name(), any::<bool>(), -3..6i64)
            .prop_map(|(peer, name, preferred, delay)| Step::Announce { peer, name, preferred, delay }),
        1 => (peer(), name(), 1..6i64)
            .prop_map(|(peer, name, patience)| Step::Request { peer, name, patience }),
        4 => peer().prop_map(|peer| Step::RequestNext { peer }),
        3 => (peer(), name()).prop_map(|(peer, name)| Step::Answer { peer, name }),
        1 => name().prop_map(|name| Step::Forget { name }),
        1 => peer().prop_map(|peer| Step::Disconnect { peer }),
        3 => (-2..6i64).prop_map(Step::Wait),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_rules_written_down_simply(steps in prop::collection::vec(step(), 1..120)) {
        let (mut tracker, mut model) = (RequestTracker::default(), Model::default());
        let mut now = 100;
        for (sequence, step) in (0..).zip(steps) {
            match step {
                Step::Announce { peer, name, preferred, delay } => {
                    let (peer, time) = (PeerId(peer), now + delay);
                    tracker.announced(peer, name, preferred, time);
                    model.0.entry((name.hash(), peer)).or_insert(Announcement {
                        peer, name, time, sequence, preferred, state: State::Delayed,
                    });
                }
                Step::Request { peer, name, patience } => {
                    let (peer, hash) = (PeerId(peer), name.hash());
                    tracker.requested(peer, &hash, now + patience);
                    if model.0.get(&(hash, peer)).is_some_and(|one| one.state == State::Delayed) {
                        for ((of, _), one) in &mut model.0 {
                            if *of == hash && one.state == State::Requested {
                                one.state = State::Completed;
                            }
                        }
                        let one = model.0.get_mut(&(hash, peer)).unwrap();
                        (one.state, one.time) = (State::Requested, now + patience);
                    }
                }
                Step::RequestNext { peer } => {
                    let peer = PeerId(peer);
                    for name in tracker.requestable(peer, now).0 {
                        tracker.requested(peer, &name.hash(), now + 4);
                        let one = model.0.get_mut(&(name.hash(), peer)).unwrap();
                        (one.state, one.time) = (State::Requested, now + 4);
                    }
                }
                Step::Answer { peer, name } => {
                    tracker.answered(PeerId(peer), &name.hash());
                    model.set(&name.hash(), PeerId(peer), State::Completed);
                }
                Step::Forget { name } => {
                    tracker.forget(&name.hash());
                    model.0.retain(|(hash, _), _| *hash != name.hash());
                }
                Step::Disconnect { peer } => {
                    tracker.disconnected(PeerId(peer));
                    let left: Vec<_> = model.0.keys().filter(|(_, of)| *of == PeerId(peer)).copied().collect();
                    for (hash, peer) in left {
                        model.0.remove(&(hash, peer));
                        model.drop_completed(&hash);
                    }
                    prop_assert_eq!(tracker.count(PeerId(peer)), 0);
                    prop_assert!(!tracker.peers.contains_key(&PeerId(peer)));
                }
                Step::Wait(time) => now += time,
            }
            model.expire(now);
            for peer in (0..4).map(PeerId) {
                let expected = model.requestable(&tracker, peer, now);
                prop_assert_eq!(tracker.requestable(peer, now).0, expected);
                let count = |state: Option<State>| {
                    let of = model.0.values().filter(|one| one.peer == peer);
                    of.filter(|one| state.is_none_or(|state| one.state == state)).count()
                };
                prop_assert_eq!(tracker.count(peer), count(None));
                prop_assert_eq!(tracker.in_flight(peer), count(Some(State::Requested)));
            }
            for announcements in tracker.by_hash.values() {
                let chosen = |one: &&Announcement| matches!(one.state, State::Best | State::Requested);
                prop_assert!(announcements.iter().filter(chosen).count() <= 1);
                prop_assert!(announcements.iter().any(|one| one.state != State::Completed));
            }
        }
        for peer in (0..4).map(PeerId) {
            tracker.disconnected(peer);
        }
        let is_empty = tracker.by_hash.is_empty() && tracker.peers.is_empty();
        prop_assert!(is_empty && tracker.waiting.is_empty() && tracker.due.is_empty());
    }
}

#[test]
fn the_next_time_is_that_of_whatever_comes_first() {
    let mut tracker = RequestTracker::default();
    assert_eq!(tracker.next(), None);
    let name = |n: u8| TxName::Wtxid(Wtxid([n; 32]));
    tracker.announced(PeerId(1), name(1), false, 50);
    tracker.announced(PeerId(2), name(2), false, 40);
    assert_eq!(tracker.next(), Some(40));
    tracker.requestable(PeerId(2), 45);
    assert_eq!(tracker.next(), Some(50), "whose time has come waits for nothing");
    tracker.requested(PeerId(2), &name(2).hash(), 48);
    assert_eq!(tracker.next(), Some(48));
}
