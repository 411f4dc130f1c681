//! One lie after the other: each is named, and the wallet goes on with what is proven, or with another node.

use super::*;

/// The client with a node that lies, alone and then beside an honest one: the first ledger, the second, and both
/// clients.
fn alone_and_with_help(mode: Mode, lies: &[Lie]) -> (Ledger, Sync, Ledger, Sync, Vec<Txid>) {
    let (server, txids) = story();
    let liar = server.lying(lies, &ledger());
    let mut first = ledger();
    let mut alone = client(&server, mode, 1);
    run(&mut alone, &mut first, &[&liar], server.maker.now());
    let mut second = ledger();
    let mut helped = client(&server, mode, 2);
    run(&mut helped, &mut second, &[&liar, &server], server.maker.now());
    assert!(!helped.faults().iter().any(|fault| fault.node == 1), "{:?}", helped.faults());
    assert!(all_proven(&second, &txids), "{lies:?}: {:?}", helped.faults());
    (first, alone, second, helped, txids)
}

#[test]
fn a_bad_merkle_branch() {
    let (first, alone, _, helped, txids) = alone_and_with_help(Mode::Verified, &[Lie::Branch]);
    assert!(
        has(&alone, 0, FaultKind::BadProof) && has(&helped, 0, FaultKind::BadProof),
        "{:?} {:?}",
        alone.faults(),
        alone.progress()
    );
    for txid in &txids {
        assert_eq!(first.tx(txid).map(|known| known.state.name()), Some("reported"), "shown as unproven");
    }
    assert!(!alone.progress().synced);
    assert_eq!(alone.progress().unproven, 4);
    assert!(alone.progress().nodes[0].lied);
}

#[test]
fn headers_against_the_rules() {
    for (lie, kind) in [
        (Lie::Pow, FaultKind::NoWork),
        (Lie::Difficulty, FaultKind::WrongDifficulty),
        (Lie::Link, FaultKind::NotLinked),
    ] {
        for mode in [Mode::Verified, Mode::Filters] {
            let (first, alone, second, helped, txids) = alone_and_with_help(mode, &[lie]);
            assert!(has(&alone, 0, kind) && has(&helped, 0, kind), "{lie:?}: {:?}", alone.faults());
            // What was proven before the bad header stays.
            assert_eq!(alone.headers().tip().0, 129);
            assert_eq!(second.tip().map(|(height, _)| height), Some(130));
            if mode == Mode::Verified {
                assert!(all_proven(&first, &txids), "{lie:?}");
            }
        }
    }
}

/// Nothing shows that a node keeps something back, until another tells of it and proves it.
#[test]
fn a_withheld_transaction() {
    let (first, alone, _, helped, txids) = alone_and_with_help(Mode::Verified, &[Lie::Withhold(3)]);
    assert_eq!(first.tx(&txids[1]), None);
    assert_eq!(alone.faults(), []);
    assert!(has(&helped, 0, FaultKind::WithheldTransaction));
    let fault = &helped.faults()[0];
    assert_eq!(fault.subject.txid.as_deref(), Some(&*txids[1].to_string()));
    // One that was told before and is not any more needs no other node.
    let (server, txids) = story();
    let mut ledger = ledger();
    let mut sync = client(&server, Mode::Verified, 1);
    let now = run(&mut sync, &mut ledger, &[&server], server.maker.now());
    let liar = server.lying(&[Lie::Withhold(3)], &ledger);
    run(&mut sync, &mut ledger, &[&liar], now);
    assert!(has(&sync, 0, FaultKind::WithheldTransaction), "{:?} {:?}", sync.faults(), sync.progress());
    assert!(all_proven(&ledger, &txids), "a proof outlives the node's mind");
}

/// A node without an index of transactions cannot look up where one is: the lists of blocks prove it as well.
#[test]
fn a_node_without_an_index() {
    let (first, alone, second, _, txids) = alone_and_with_help(Mode::Verified, &[Lie::NoIndex]);
    assert!(all_proven(&first, &txids) && all_proven(&second, &txids), "{:?}", alone.progress());
    assert!(alone.faults().is_empty(), "{:?}", alone.faults());
    let (first, alone, second, ..) = alone_and_with_help(Mode::Verified, &[Lie::NoIndex, Lie::Branch]);
    assert!(has(&alone, 0, FaultKind::BadProof), "{:?}", alone.faults());
    assert!(!txids.iter().any(|txid| first.tx(txid).is_some_and(|known| known.state.name() == "proven")));
    assert!(all_proven(&second, &txids), "the other node proves what the list does not");
}

#[test]
fn transactions_that_are_not_what_they_are_told_to_be() {
    let (first, alone, _, helped, _) = alone_and_with_help(Mode::Verified, &[Lie::Value]);
    assert!(has(&alone, 0, FaultKind::WrongTransaction) && has(&helped, 0, FaultKind::WrongTransaction));
    assert_eq!(first.txs().count(), 0);
    assert!(!alone.progress().synced);
}

#[test]
fn a_tip_that_is_not_there() {
    let (first, alone, _, helped, txids) = alone_and_with_help(Mode::Verified, &[Lie::Tip]);
    assert!(has(&alone, 0, FaultKind::TipNotServed) && has(&helped, 0, FaultKind::TipNotServed));
    assert!(all_proven(&first, &txids), "what it proves is proven");
}

#[test]
fn another_chain_no_answer_and_garbage() {
    for (lie, kind) in [
        (Lie::Genesis, FaultKind::WrongChain),
        (Lie::Dead, FaultKind::Unreachable),
        (Lie::Garbage, FaultKind::Malformed),
    ] {
        let (first, alone, _, helped, _) = alone_and_with_help(Mode::Verified, &[lie]);
        assert!(has(&alone, 0, kind) && has(&helped, 0, kind), "{lie:?}: {:?}", alone.faults());
        assert_eq!(first.txs().count(), 0);
        assert!(!alone.progress().synced, "{lie:?}");
        assert!(helped.progress().nodes[1].reachable);
    }
}

/// A node that is behind, on a branch with less work, is no liar; but what it proves for its branch is not proven.
#[test]
fn less_work_does_not_win() {
    let (server, txids) = story();
    let watched = ledger();
    let mut behind = Server::new(server.maker.fork(125));
    let other = from_block(&behind.maker, 12, &[script(&watched, 1)]);
    behind.maker.mine(vec![other.clone()]);
    behind.maker.mine(Vec::new());
    for order in [[&behind, &server], [&server, &behind]] {
        let mut ledger = ledger();
        let mut sync = client(&server, Mode::Verified, 2);
        run(&mut sync, &mut ledger, &order, server.maker.now());
        assert!(all_proven(&ledger, &txids));
        assert_eq!(sync.headers().tip().1, server.maker.tip_hash());
        let at = order.iter().position(|node| std::ptr::eq(*node, &behind)).unwrap();
        assert!(has(&sync, at, FaultKind::LittleWork), "{:?}", sync.faults());
        let state = ledger.tx(&foreign(&other).compute_txid()).map(|known| known.state.name());
        assert_ne!(state, Some("proven"));
        assert!(!sync.progress().nodes[at].lied, "{:?}", sync.faults());
    }
}

/// Longer than the window: the chain is read from genesis again, and the one with more work is taken.
#[test]
fn a_fork_long_ago() {
    let (server, txids) = story();
    let mut long = server.maker.clone();
    while long.height() < 5200 {
        long.mine(Vec::new());
    }
    let honest = Server::new(long.clone());
    let mut other = server.maker.fork(1500.min(server.maker.height()));
    while other.height() < 5210 {
        other.mine(Vec::new());
    }
    let longer = Server::new(other);
    let mut ledger = ledger();
    let mut sync = client(&server, Mode::Verified, 1);
    let now = run(&mut sync, &mut ledger, &[&honest], long.now());
    assert_eq!(sync.headers().window_base(), 4000);
    assert!(all_proven(&ledger, &txids));
    run(&mut sync, &mut ledger, &[&longer], now.max(longer.maker.now()));
    assert_eq!(sync.headers().tip().1, longer.maker.tip_hash(), "{:?}", sync.faults());
    assert!(all_proven(&ledger, &txids), "they are in both");
    assert!(sync.progress().synced);
    // And the way back is not taken: it has less work.
    run(&mut sync, &mut ledger, &[&honest], now.max(longer.maker.now()) + 1000);
    assert_eq!(sync.headers().tip().1, longer.maker.tip_hash());
    assert!(has(&sync, 0, FaultKind::LittleWork));
}
