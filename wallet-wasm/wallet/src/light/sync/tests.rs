//! The driver against nodes that are honest, and nodes that lie in each way.

mod filters;
mod lies;
mod server;

use super::*;
use crate::ledger::TxState;
use crate::light::maker::{Maker, foreign, payment};
use bitcoin::ScriptBuf;
use chaincore_consensus::{OutPoint, Script, TxOut};
use server::{Lie, Server, from_block, ledger, run, script};

/// A chain of 130 blocks in which the wallet is paid, spends, and is paid again; the ids of its transactions.
fn story() -> (Server, Vec<Txid>) {
    let watched = ledger();
    let mut maker = Maker::regtest(20);
    let first = from_block(&maker, 1, &[script(&watched, 0), Script(vec![0x51])]);
    let second = from_block(&maker, 2, &[script(&watched, 3)]);
    maker.mine(vec![first.clone(), second.clone()]);
    for _ in 0..5 {
        maker.mine(Vec::new());
    }
    // It pays somebody, with change.
    let mut spend = payment(OutPoint { txid: first.compute_txid(), vout: 0 }, &[Script(vec![0x52; 22])]);
    spend.outputs[0].value.0 /= 2;
    spend.outputs.push(TxOut {
        value: chaincore_consensus::Amount(40_000_000),
        script_pubkey: script(&watched, watched.scripts().len() - 20),
    });
    maker.mine(vec![spend.clone()]);
    // The coins of a block.
    maker.mine_paying(script(&watched, 5), Vec::new());
    let coinbase = maker.blocks.last().unwrap().transactions[0].as_ref().clone().into_inner();
    while maker.height() < 130 {
        maker.mine(Vec::new());
    }
    let txids = [first, second, spend, coinbase].iter().map(|tx| foreign(tx).compute_txid()).collect();
    (Server::new(maker), txids)
}

fn client(server: &Server, mode: Mode, nodes: usize) -> Sync {
    let mut sync = Sync::new(&server.maker.params, mode, None);
    sync.set_nodes(nodes);
    sync
}

fn all_proven(ledger: &Ledger, txids: &[Txid]) -> bool {
    txids.iter().all(|txid| {
        ledger.tx(txid).is_some_and(|known| matches!(known.state, TxState::Proven { .. }) && !known.dropped)
    })
}

fn has(sync: &Sync, node: usize, kind: FaultKind) -> bool {
    sync.faults().iter().any(|fault| fault.node == node && fault.kind == kind)
}

/// Both modes come to the same ledger, with nothing said against an honest node.
#[test]
fn both_modes_find_the_same() {
    let (server, txids) = story();
    let mut balances = Vec::new();
    for mode in [Mode::Verified, Mode::Filters] {
        let mut ledger = ledger();
        let mut sync = client(&server, mode, 1);
        assert!(!sync.progress().synced);
        run(&mut sync, &mut ledger, &[&server], server.maker.now());
        assert_eq!(sync.faults(), [], "{mode:?}");
        assert!(sync.progress().synced, "{mode:?}: {:?}", sync.progress());
        assert!(all_proven(&ledger, &txids), "{mode:?}");
        assert_eq!(ledger.txs().count(), txids.len());
        assert_eq!(ledger.tip().map(|(height, _)| height), Some(130));
        balances.push(ledger.balance(None));
        if mode == Mode::Filters {
            // No request names anything of the wallet.
            let before = server.count("before");
            assert_eq!(server.count("api/scripthash/txs"), before);
            // Blocks with something, and one that is looked at by chance.
            assert!((3..=4).contains(&server.count("api/block/raw")), "{:?}", server.asked);
        } else {
            let asked = server.count("api/scripthash/txs");
            server.asked.borrow_mut().insert("before".into(), asked);
        }
    }
    assert_eq!(balances[0], balances[1]);
    assert_eq!(balances[0].confirmed + balances[0].immature, 100_000_000 + 40_000_000 + 5_000_000_000);
}

#[test]
fn a_restart_goes_on_where_it_was() {
    let (server, txids) = story();
    for mode in [Mode::Verified, Mode::Filters] {
        let mut ledger = ledger();
        let mut sync = client(&server, mode, 1);
        let now = run(&mut sync, &mut ledger, &[&server], server.maker.now());
        let state = serde_json::to_string(&sync.state()).unwrap();
        let mut longer = server.clone();
        longer.asked = Default::default();
        longer.maker.mine_paying(script(&ledger, 7), Vec::new());
        let mut sync = Sync::new(&server.maker.params, mode, Some(serde_json::from_str(&state).unwrap()));
        assert_eq!(sync.headers().tip().0, 130);
        run(&mut sync, &mut ledger, &[&longer], now);
        assert!(sync.progress().synced);
        assert_eq!(
            ledger.txs().count(),
            txids.len() + 1,
            "{mode:?} {:?} {:?}",
            sync.progress(),
            longer.asked
        );
        assert_eq!(sync.faults(), []);
        if mode == Mode::Filters {
            assert_eq!(longer.count("light/headers"), 1);
            assert_eq!(longer.count("api/block/raw"), 1, "only what is new is scanned");
        }
        // A state of another chain is not used.
        let other = Sync::new(&ChainParams::chaincore(), mode, Some(sync.state()));
        assert_eq!(other.headers().tip().0, 0);
    }
}

/// Three blocks are replaced, and one of the payments in them comes again later, the other never.
#[test]
fn a_reorganisation_of_three_blocks() {
    for mode in [Mode::Verified, Mode::Filters] {
        let (mut server, mut txids) = story();
        let mut ledger = ledger();
        let lost = from_block(&server.maker, 3, &[script(&ledger, 8)]);
        let moved = from_block(&server.maker, 4, &[script(&ledger, 9)]);
        let old = server.maker.clone();
        server.maker.mine(vec![lost.clone()]);
        server.maker.mine(vec![moved.clone()]);
        server.maker.mine(Vec::new());
        let mut sync = client(&server, mode, 1);
        let now = run(&mut sync, &mut ledger, &[&server], server.maker.now());
        let (lost_id, moved_id) = (foreign(&lost).compute_txid(), foreign(&moved).compute_txid());
        assert!(all_proven(&ledger, &[lost_id, moved_id]));
        let before = ledger.balance(None).confirmed;

        server.maker = old.fork(130);
        server.maker.mine(Vec::new());
        server.maker.mine(Vec::new());
        server.maker.mine(Vec::new());
        server.maker.mine(Vec::new());
        server.mempool = vec![moved.clone()];
        let now = run(&mut sync, &mut ledger, &[&server], now);
        assert_eq!(ledger.tip().map(|(height, _)| height), Some(134), "{mode:?}");
        let state = |ledger: &Ledger, txid| ledger.tx(txid).map(|known| (known.state.name(), known.dropped));
        assert_eq!(state(&ledger, &moved_id), Some(("mempool", false)), "{mode:?}");
        assert_eq!(state(&ledger, &lost_id), Some(("mempool", true)), "{mode:?}");
        assert!(all_proven(&ledger, &txids));
        assert_eq!(ledger.balance(None).confirmed, before - 200_000_000);

        server.maker.mine(vec![moved.clone()]);
        server.mempool.clear();
        run(&mut sync, &mut ledger, &[&server], now);
        txids.push(moved_id);
        assert!(all_proven(&ledger, &txids), "{mode:?}");
        assert_eq!(ledger.balance(None).confirmed, before - 100_000_000);
        assert_eq!(sync.faults(), [], "{mode:?}");
    }
}

#[test]
fn the_mempool_and_then_a_block() {
    for mode in [Mode::Verified, Mode::Filters] {
        let (mut server, _) = story();
        let mut ledger = ledger();
        let paying = from_block(&server.maker, 5, &[script(&ledger, 2)]);
        let txid = foreign(&paying).compute_txid();
        server.mempool = vec![paying.clone(), from_block(&server.maker, 6, &[Script(vec![0x51])])];
        let mut sync = client(&server, mode, 1);
        let now = run(&mut sync, &mut ledger, &[&server], server.maker.now());
        assert_eq!(ledger.tx(&txid).map(|known| known.state.name()), Some("mempool"), "{mode:?}");
        assert_eq!(ledger.txs().count(), 5, "what is not ours is not kept");
        assert_eq!(ledger.balance(None).unconfirmed, 100_000_000);
        server.maker.mine(vec![paying]);
        server.mempool.clear();
        sync.nudge();
        let now = run(&mut sync, &mut ledger, &[&server], now);
        assert!(all_proven(&ledger, &[txid]), "{mode:?}");
        // Another is thrown out of the mempool.
        let doomed = from_block(&server.maker, 7, &[script(&ledger, 2)]);
        let doomed_id = foreign(&doomed).compute_txid();
        server.mempool = vec![doomed];
        let now = run(&mut sync, &mut ledger, &[&server], now);
        assert!(ledger.tx(&doomed_id).is_some_and(|known| !known.dropped));
        server.mempool.clear();
        run(&mut sync, &mut ledger, &[&server], now + 60);
        assert!(ledger.tx(&doomed_id).is_some_and(|known| known.dropped), "{mode:?}");
        assert_eq!(sync.faults(), []);
    }
}

/// A used address far out makes the wallet watch more, and what is found there still more; histories have pages.
#[test]
fn the_gap_grows_and_pages_are_turned() {
    let mut watched = ledger();
    watched.set_gap(200);
    let far: Vec<ScriptBuf> = watched.scripts().to_vec();
    let of = |at: usize| Script(far[at].to_bytes());
    let mut maker = Maker::regtest(150);
    // Address 18 in a block, 36 in the next, 54 in the same block as 72.
    for (height, indexes) in [(1, vec![18]), (2, vec![36]), (3, vec![72, 54])] {
        let txs =
            indexes.iter().enumerate().map(|(n, at)| from_block(&maker, height * 10 + n as u32, &[of(*at)]));
        let txs = txs.collect();
        maker.mine(txs);
    }
    // Sixty payments to one address.
    for height in 60..120 {
        let tx = from_block(&maker, height, &[of(1)]);
        maker.mine(vec![tx]);
    }
    let server = Server::new(maker);
    for mode in [Mode::Verified, Mode::Filters] {
        let mut ledger = ledger();
        let mut sync = client(&server, mode, 1);
        run(&mut sync, &mut ledger, &[&server], server.maker.now());
        assert!(sync.progress().synced, "{mode:?}: {:?}", sync.progress());
        assert_eq!(ledger.txs().count(), 64, "{mode:?}");
        assert_eq!(ledger.balance(None).confirmed, 64 * 100_000_000);
        assert_eq!(sync.faults(), []);
    }
}

#[test]
fn a_birthday_saves_work() {
    let mut maker = Maker::regtest(6100);
    let watched = ledger();
    let paying = from_block(&maker, 9, &[script(&watched, 0)]);
    maker.mine(vec![paying]);
    let server = Server::new(maker);
    for (mode, birthday, expected) in [
        (Mode::Filters, 0, 7),
        (Mode::Filters, u64::from(server.maker.headers[5500].time), 6),
        (Mode::Verified, 0, 0),
    ] {
        let server = server.lying(&[], &ledger());
        let mut ledger = ledger();
        ledger.set_birthday(birthday);
        let mut sync = client(&server, mode, 1);
        run(&mut sync, &mut ledger, &[&server], server.maker.now());
        assert!(sync.progress().synced, "{:?}", sync.progress());
        assert_eq!(ledger.txs().count(), 1);
        assert_eq!(server.count("light/filters"), expected, "{mode:?} from {birthday}");
        assert_eq!(sync.faults(), []);
    }
}

#[test]
fn sending_and_fees() {
    let (server, _) = story();
    let mut ledger = ledger();
    let dead = server.lying(&[Lie::Dead], &ledger);
    let mut sync = client(&server, Mode::Verified, 2);
    let now = run(&mut sync, &mut ledger, &[&dead, &server], server.maker.now());
    assert_eq!(sync.fees().get(&1), Some(&3.5), "{:?} {:?}", sync.progress(), sync.faults());
    assert!(has(&sync, 0, FaultKind::Unreachable));
    let good = foreign(&from_block(&server.maker, 5, &[script(&ledger, 2)]));
    let mut bad = good.clone();
    bad.lock_time = bitcoin::absolute::LockTime::from_consensus(5);
    sync.broadcast(good.clone());
    sync.broadcast(bad.clone());
    run(&mut sync, &mut ledger, &[&dead, &server], now);
    let sent: Vec<_> = sync.sent().map(|sent| (sent.txid, sent.accepted)).collect();
    assert!(
        sent.contains(&(good.compute_txid(), true)) && sent.contains(&(bad.compute_txid(), false)),
        "{sent:?}"
    );
    assert!(ledger.tx(&good.compute_txid()).is_some() && ledger.tx(&bad.compute_txid()).is_none());
}

#[test]
fn sending_to_the_busy_and_the_silent() {
    let (server, _) = story();
    let mut ledger = ledger();
    let dead = server.lying(&[Lie::Dead], &ledger);
    let mut sync = client(&server, Mode::Verified, 2);
    let now = run(&mut sync, &mut ledger, &[&server, &server], server.maker.now());
    let tx = foreign(&from_block(&server.maker, 5, &[script(&ledger, 2)]));
    let sent = |sync: &Sync| sync.sent().last().map(|sent| (sent.accepted, sent.error.clone()));

    // Nobody answers: it may be on its way all the same.
    sync.broadcast(tx.clone());
    let mut now = now + 10;
    for _ in 0..10 {
        now = run(&mut sync, &mut ledger, &[&dead, &dead], now);
    }
    assert_eq!(sent(&sync), Some((false, None)), "{:?}", sync.faults());
    assert!(ledger.tx(&tx.compute_txid()).is_none());

    // Both are busy for a while.
    server.refuse_next.set(4);
    sync.broadcast(tx.clone());
    run(&mut sync, &mut ledger, &[&server, &server], now + 100);
    assert_eq!(sent(&sync), Some((true, None)), "{:?}", sync.faults());
    assert!(ledger.tx(&tx.compute_txid()).is_some());
}

#[test]
fn a_busy_node_and_a_pause() {
    let (server, txids) = story();
    let mut ledger = ledger();
    let mut sync = client(&server, Mode::Verified, 1);
    server.refuse_next.set(5);
    for now in 0..3 {
        let now = server.maker.now() + now;
        for fetch in sync.poll(&mut ledger, now) {
            sync.give(fetch.id, server.answer(&fetch));
        }
    }
    sync.pause(true);
    assert_eq!(sync.poll(&mut ledger, server.maker.now() + 5), []);
    assert_eq!(sync.progress().in_flight, 0);
    sync.pause(false);
    // Answers that nobody waits for.
    sync.give(1, Answer::Status(200, vec![1; 10]));
    sync.give(u64::MAX, Answer::Status(200, vec![1; 10]));
    // And one that never comes: it is asked again.
    let lost = sync.poll(&mut ledger, server.maker.now() + 6);
    assert!(!lost.is_empty());
    run(&mut sync, &mut ledger, &[&server], server.maker.now() + 100);
    assert!(all_proven(&ledger, &txids));
    assert!(sync.progress().synced);
}

#[test]
fn a_chain_that_has_stopped_is_told() {
    let (server, txids) = story();
    let mut ledger = ledger();
    let mut sync = client(&server, Mode::Verified, 1);
    let now = server.maker.now() + 100_000;
    let now = run(&mut sync, &mut ledger, &[&server], now);
    assert!(has(&sync, 0, FaultKind::StaleTip));
    assert!(all_proven(&ledger, &txids), "it is of use all the same");
    let mut server = server;
    server.maker.mine_after(100_000, Script(vec![0x51]), Vec::new());
    run(&mut sync, &mut ledger, &[&server], now);
    assert!(sync.faults().iter().all(|fault| fault.passed), "{:?}", sync.faults());
}
