use super::*;
use crate::mempool::MempoolOptions;
use crate::p2p::processing::txs::testing::{block_of, spend_of, tx_of, tx_spending};
use rand::SeedableRng;
use rand::rngs::StdRng;

const OUTBOUND: Source = Source { preferred: true, unlimited: false, wtxid_relay: true };
const INBOUND: Source = Source { preferred: false, unlimited: false, wtxid_relay: true };
const NOW: i64 = 1000 * SECOND;

struct World {
    download: TxDownload,
    pool: Mempool,
    now: i64,
}

impl World {
    fn new(sources: &[Source]) -> Self {
        let mut download = TxDownload::default();
        for (id, source) in (0..).zip(sources) {
            download.connected(PeerId(id), *source);
        }
        Self { download, pool: Mempool::new(MempoolOptions::default()), now: NOW }
    }

    fn announce(&mut self, peer: u64, name: TxName) -> bool {
        self.download.announced(PeerId(peer), name, &self.pool, self.now)
    }

    fn requests(&mut self, peer: u64) -> Vec<TxName> {
        self.download.take_requests(PeerId(peer), &self.pool, self.now)
    }

    fn receive(&mut self, peer: u64, tx: &TxRef) -> Received {
        self.download.received(PeerId(peer), tx, &self.pool)
    }

    fn refuse(&mut self, peer: u64, tx: &TxRef, kind: RejectKind, is_first: bool) -> Refused {
        let reason = RejectReason::new(kind, "because");
        self.download.refused(tx, &reason, PeerId(peer), is_first, &self.pool, self.now)
    }

    fn accept(&mut self, tx: &TxRef) {
        self.download.accepted(tx, &mut StdRng::seed_from_u64(1));
    }
}

fn by_wtxid(tx: &TxRef) -> TxName {
    TxName::Wtxid(tx.wtxid())
}

fn by_txid(tx: &TxRef) -> TxName {
    TxName::Txid(tx.txid())
}

#[test]
fn callers_and_txids_wait_two_seconds_each() {
    let by_txid_only = Source { wtxid_relay: false, ..INBOUND };
    let txs: Vec<TxRef> = (0..3).map(|seed| tx_spending(seed, 1)).collect();
    let mut world = World::new(&[OUTBOUND, INBOUND, by_txid_only]);
    assert!(!world.announce(0, by_wtxid(&txs[0])));
    assert!(!world.announce(1, by_wtxid(&txs[1])));
    assert!(!world.announce(2, by_txid(&txs[2])));
    assert_eq!(world.requests(0), [by_wtxid(&txs[0])]);
    assert!(world.requests(1).is_empty());
    world.now = NOW + 2 * SECOND;
    assert_eq!(world.requests(1), [by_wtxid(&txs[1])]);
    assert!(world.requests(2).is_empty());
    world.now = NOW + 4 * SECOND;
    assert_eq!(world.requests(2), [by_txid(&txs[2])]);
    // When nobody uses wtxids, txids are no worse.
    world.download.disconnected(PeerId(0));
    world.download.disconnected(PeerId(1));
    assert!(!world.announce(2, by_txid(&txs[0])));
    world.now += 2 * SECOND;
    assert_eq!(world.requests(2), [by_txid(&txs[0])]);
}

#[test]
fn an_overloaded_peer_is_asked_later_and_its_announcements_are_limited() {
    let trusted = Source { unlimited: true, ..OUTBOUND };
    let mut world = World::new(&[OUTBOUND, trusted]);
    let name = |number: u32| {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&number.to_le_bytes());
        TxName::Wtxid(Wtxid(hash))
    };
    for peer in 0..2 {
        for number in 0..100 {
            world.announce(peer, name(1000 * peer as u32 + number));
        }
        assert_eq!(world.requests(peer).len(), 100);
        world.announce(peer, name(5000 + peer as u32));
    }
    assert!(world.requests(0).is_empty());
    assert_eq!(world.requests(1), [name(5001)]);
    world.now += OVERLOADED_DELAY;
    assert_eq!(world.requests(0), [name(5000)]);
    for number in 10_000..20_000 {
        world.announce(0, name(number));
        world.announce(1, name(number + 50_000));
    }
    assert_eq!(world.download.requests.count(PeerId(0)), MAX_ANNOUNCEMENTS);
    assert_eq!(world.download.requests.count(PeerId(1)), 10_101);
}

#[test]
fn another_peer_is_asked_after_a_minute() {
    let mut world = World::new(&[OUTBOUND, INBOUND]);
    let tx = tx_spending(1, 1);
    world.announce(0, by_wtxid(&tx));
    world.announce(1, by_wtxid(&tx));
    assert_eq!(world.requests(0), [by_wtxid(&tx)]);
    world.now += REQUEST_TIMEOUT - 1;
    assert!(world.requests(1).is_empty());
    world.now += 1;
    assert_eq!(world.requests(1), [by_wtxid(&tx)]);
}

#[test]
fn an_orphan_has_its_parents_fetched_from_all_who_announced_it() {
    let mut world = World::new(&[OUTBOUND, OUTBOUND, OUTBOUND]);
    let parent = tx_spending(1, 1);
    let child = spend_of(&parent, 0);
    world.announce(0, by_wtxid(&child));
    world.announce(1, by_wtxid(&child));
    assert_eq!(world.receive(0, &child), Received::Judge);
    let refused = world.refuse(0, &child, RejectKind::MissingInputs, true);
    assert_eq!((refused.parents, refused.is_extra), (vec![parent.txid()], true));
    // Who announces it from now on is asked for the parent too.
    assert!(world.announce(2, by_wtxid(&child)));
    assert_eq!(world.download.orphans()[0].announcers, [0, 1, 2].map(PeerId));
    assert!((0..3).all(|peer| world.requests(peer).is_empty()));
    world.now += TXID_DELAY;
    let asked: Vec<_> = (0..3).flat_map(|peer| world.requests(peer)).collect();
    assert_eq!(asked, [by_txid(&parent)]);
    assert_eq!(world.receive(0, &child), Received::Known);
    // The parent comes: the orphan is somebody's work once.
    assert_eq!(world.receive(1, &parent), Received::Judge);
    world.accept(&parent);
    let work: Vec<_> = (0..3).filter_map(|peer| world.download.take_work(PeerId(peer))).collect();
    assert_eq!(work, std::slice::from_ref(&child));
    world.accept(&child);
    assert!(world.download.orphans().is_empty());
}

#[test]
fn an_orphan_of_a_refused_parent_is_not_kept() {
    let mut world = World::new(&[OUTBOUND]);
    let parent = tx_spending(1, 1);
    let child = spend_of(&parent, 0);
    // Without a witness, txid and wtxid are the same, so that the child's parent is known as refused.
    world.refuse(0, &parent, RejectKind::Consensus, true);
    assert_eq!(world.refuse(0, &child, RejectKind::MissingInputs, true).parents, []);
    assert!(world.download.orphans().is_empty());
    assert!(world.announce(0, by_wtxid(&child)) && world.announce(0, by_txid(&child)));
    world.download.tip_changed();
    assert!(!world.announce(0, by_wtxid(&child)));
}

#[test]
fn a_refusal_concerns_the_witness_unless_the_inputs_are_at_fault() {
    let previous = tx_spending(1, 1);
    for (kind, by_txid_too) in [(RejectKind::Consensus, false), (RejectKind::InputsNotStandard, true)] {
        let mut world = World::new(&[OUTBOUND]);
        let tx = spend_of(&previous, 0);
        world.refuse(0, &tx, kind, true);
        assert_eq!(world.receive(0, &tx), Received::Known);
        assert_eq!(world.announce(0, by_txid(&tx)), by_txid_too);
    }
    let mut world = World::new(&[OUTBOUND]);
    let stripped = tx_of([previous.inputs[0].previous_output], b"");
    let refused = world.refuse(0, &stripped, RejectKind::WitnessStripped, true);
    assert_eq!(refused, Refused::default());
    assert_eq!(world.receive(0, &stripped), Received::Judge);
}

#[test]
fn a_parent_that_pays_too_little_is_tried_with_its_child() {
    let parent = tx_spending(1, 1);
    let child = spend_of(&parent, 0);
    let package = Package { parent: parent.clone(), child: child.clone(), sender: PeerId(0) };
    let mut world = World::new(&[OUTBOUND, OUTBOUND]);
    // The child first.
    world.refuse(0, &child, RejectKind::MissingInputs, true);
    assert_eq!(world.refuse(0, &parent, RejectKind::Reconsiderable, true).package, Some(package.clone()));
    // Another peer's parent is no reason to try this peer's child.
    assert_eq!(world.receive(1, &parent), Received::Known);
    assert_eq!(world.receive(0, &parent), Received::WithChild(package.clone()));
    // Once is enough.
    world.download.package_refused(&package);
    assert_eq!(world.receive(0, &parent), Received::Known);

    // The parent first: it is asked for again by txid, on behalf of the child.
    let mut world = World::new(&[OUTBOUND]);
    assert_eq!(world.refuse(0, &parent, RejectKind::Reconsiderable, true).package, None);
    assert!(world.announce(0, by_wtxid(&parent)));
    assert_eq!(world.refuse(0, &child, RejectKind::MissingInputs, true).parents, [parent.txid()]);
    world.now += TXID_DELAY;
    assert_eq!(world.requests(0), [by_txid(&parent)]);
    assert_eq!(world.receive(0, &parent), Received::WithChild(package));

    // Two such parents are more than one child can pay for here.
    let other = tx_spending(2, 1);
    world.refuse(0, &other, RejectKind::Reconsiderable, true);
    let outpoint = |tx: &TxRef| chaincore_consensus::OutPoint { txid: tx.txid(), vout: 1 };
    let greedy = tx_of([outpoint(&parent), outpoint(&other)], b"");
    assert_eq!(world.refuse(0, &greedy, RejectKind::MissingInputs, true).parents, []);
}

#[test]
fn confirmed_transactions_are_not_fetched_until_their_block_leaves() {
    let mut world = World::new(&[OUTBOUND]);
    let tx = spend_of(&tx_spending(1, 1), 0);
    let orphan = spend_of(&tx, 0);
    world.refuse(0, &orphan, RejectKind::MissingInputs, true);
    world.announce(0, by_wtxid(&tx));
    world.download.block_connected(&block_of(vec![tx.clone(), orphan.clone()]));
    assert!(world.requests(0).is_empty() && world.download.orphans().is_empty());
    assert!(world.announce(0, by_wtxid(&tx)) && world.announce(0, by_txid(&tx)));
    world.download.block_disconnected();
    assert!(!world.announce(0, by_wtxid(&tx)));
}

#[test]
fn nothing_is_left_of_a_peer_that_is_gone() {
    let mut world = World::new(&[OUTBOUND]);
    let orphan = spend_of(&tx_spending(1, 1), 0);
    world.refuse(0, &orphan, RejectKind::MissingInputs, true);
    world.announce(0, by_wtxid(&tx_spending(2, 1)));
    world.download.disconnected(PeerId(0));
    assert!(world.download.orphans().is_empty() && world.download.sources.is_empty());
    assert_eq!((world.download.requests.count(PeerId(0)), world.download.wtxid_sources), (0, 0));
}
