//! One chain, block by block: what is answered to blocks, and what the operator can declare.

mod kit;

use chaincore_consensus::check::CheckOptions;
use chaincore_consensus::merkle::block_merkle_root;
use chaincore_consensus::{Amount, OutPoint};
use chaincore_node::chain::{ChainError, Outcome, TipKind};
use chaincore_node::testkit::{self, Branch, Lock};
use kit::{assert_state, open, options, submit, submit_all};
use std::sync::Arc;

#[test]
fn grows_reorganizes_and_comes_back_after_a_restart() {
    let params = Arc::new(testkit::params(3));
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), &params);
    let mut main = Branch::new(params.clone(), 1);
    let chain = open(&options);
    for _ in 0..20 {
        let block = main.mine(6);
        assert_eq!(submit(&chain, &block), Outcome::Best { reorg_depth: 0 });
        assert_eq!(submit(&chain, &block), Outcome::AlreadyKnown);
    }
    assert_state(&chain, &main);

    let mut side = main.clone();
    let fork_height = main.height();
    for _ in 0..4 {
        submit_all(&chain, &[main.mine(6)]);
    }
    side = side.fork(2);
    for _ in 0..4 {
        assert_eq!(submit(&chain, &side.mine(6)), Outcome::SideChain);
    }
    // Equal work: the first seen stays.
    assert_state(&chain, &main);
    assert_eq!(submit(&chain, &side.mine(6)), Outcome::Best { reorg_depth: 4 });
    assert_state(&chain, &side);
    let snapshot = chain.snapshot();
    let kinds: Vec<_> = snapshot.tips().iter().map(|tip| (tip.kind, tip.branch_len)).collect();
    assert_eq!(kinds, [(TipKind::Active, 0), (TipKind::ValidFork, 4)]);
    assert_eq!(snapshot.block_at(fork_height).unwrap().hash(), main.blocks[fork_height as usize - 1].hash());

    chain.shutdown_blocking().unwrap();
    drop((chain, snapshot));
    let chain = open(&options);
    assert_state(&chain, &side);
    assert_eq!(submit(&chain, &main.mine(6)), Outcome::SideChain);
    assert_eq!(submit(&chain, &main.mine(6)), Outcome::Best { reorg_depth: 5 });
    assert_state(&chain, &main);
}

#[test]
fn refuses_what_breaks_the_rules_and_stays_where_it_was() {
    let params = Arc::new(testkit::params(3));
    let dir = tempfile::tempdir().unwrap();
    let chain = open(&options(dir.path(), &params));
    let mut main = Branch::new(params.clone(), 3);
    for _ in 0..10 {
        submit_all(&chain, &[main.mine(4)]);
    }
    let reason = |outcome: Outcome| match outcome {
        Outcome::Rejected(reason) => reason.reason.into_owned(),
        other => panic!("{other:?}"),
    };

    // Too much for the coinbase: found out when it is connected. Its child is refused because of it.
    let greedy = Arc::new(main.assemble(vec![], Lock::Anyone, Amount::from_coins(51), 7));
    assert_eq!(reason(submit(&chain, &greedy)), "bad-cb-amount");
    assert_eq!(submit(&chain, &greedy), Outcome::KnownInvalid);
    let mut above = main.clone();
    above.mine_with(vec![], Lock::Anyone);
    let mut child = above.assemble(vec![], Lock::Anyone, Amount::from_coins(50), 8);
    child.header.previous = greedy.hash();
    testkit::solve(&mut child, &params);
    assert_eq!(reason(submit(&chain, &Arc::new(child))), "bad-prevblk");

    // A coin that is not there, one that is not ripe, one spent twice, a wrong signature.
    let ripe = main.spendable().into_iter().find(|(_, utxo)| utxo.lock != Lock::Anyone).unwrap();
    let fresh = main
        .coins
        .iter()
        .find(|(_, utxo)| utxo.coinbase && utxo.height == main.height())
        .map(|(o, u)| (*o, *u))
        .unwrap();
    let output = |utxo: &testkit::Utxo| {
        vec![testkit::Utxo { value: Amount(utxo.value.sat() - 1_000), ..*utxo }.output()]
    };
    let reward = Amount::from_coins(50);
    let with = |transactions| Arc::new(main.assemble(transactions, Lock::Anyone, reward, 9));
    let nowhere = OutPoint { vout: 77, ..ripe.0 };
    assert_eq!(
        reason(submit(&chain, &with(vec![testkit::spend(&[(nowhere, ripe.1)], output(&ripe.1))]))),
        "bad-txns-inputs-missingorspent"
    );
    assert_eq!(
        reason(submit(&chain, &with(vec![testkit::spend(&[fresh], output(&fresh.1))]))),
        "bad-txns-premature-spend-of-coinbase"
    );
    let first = testkit::spend(&[ripe], output(&ripe.1));
    let mut second = output(&ripe.1);
    second[0].value = Amount(second[0].value.sat() - 1);
    assert_eq!(
        reason(submit(&chain, &with(vec![first, testkit::spend(&[ripe], second)]))),
        "bad-txns-inputs-missingorspent"
    );
    let other_key = match ripe.1.lock {
        Lock::P2pkh(key) => Lock::P2pkh((key + 1) % testkit::KEYS),
        _ => Lock::P2pkh(0),
    };
    let forged = testkit::spend(&[(ripe.0, testkit::Utxo { lock: other_key, ..ripe.1 })], output(&ripe.1));
    let refused = reason(submit(&chain, &with(vec![forged])));
    assert!(refused.starts_with("block-script-verify-flag-failed ("), "{refused}");

    // A body that is not the header's leaves the header alone: the right body still gets in.
    let good = main.mine(4);
    let mut mutated = (*good).clone();
    mutated.transactions.push(mutated.transactions[0].clone());
    assert_ne!(block_merkle_root(&mutated).0, good.header.merkle_root);
    assert_eq!(reason(submit(&chain, &Arc::new(mutated))), "bad-txnmrklroot");
    let mut stripped = (*good).clone();
    let mut coinbase = (*stripped.transactions[0]).clone().into_inner();
    coinbase.inputs[0].witness = vec![vec![1; 32]];
    stripped.transactions[0] = Arc::new(coinbase.into());
    assert_eq!(reason(submit(&chain, &Arc::new(stripped))), "bad-witness-merkle-match");
    assert_eq!(submit(&chain, &good), Outcome::Best { reorg_depth: 0 });

    // A block whose parent nobody knows.
    main.mine(1);
    assert_eq!(submit(&chain, &main.mine(1)), Outcome::MissingParent);
    submit_all(&chain, &main.blocks[main.blocks.len() - 2..]);
    assert_state(&chain, &main);
    let invalid = chain.snapshot().tips().iter().filter(|tip| tip.kind == TipKind::Invalid).count();
    assert!(invalid >= 5, "{invalid}");
}

#[test]
fn an_invalid_block_in_the_better_branch_brings_the_old_branch_back() {
    let params = Arc::new(testkit::params(3));
    let dir = tempfile::tempdir().unwrap();
    let chain = open(&options(dir.path(), &params));
    let mut main = Branch::new(params.clone(), 4);
    for _ in 0..10 {
        submit_all(&chain, &[main.mine(4)]);
    }
    let mut side = main.fork(5);
    submit_all(&chain, &[main.mine(4), main.mine(4)]);
    submit_all(&chain, &[side.mine(4)]);
    // The branch's second block takes too much; that shows only when the third makes the branch the best one.
    let bad = Arc::new(side.assemble(vec![], Lock::Anyone, Amount::from_coins(60), 1));
    assert_eq!(submit(&chain, &bad), Outcome::SideChain);
    let mut above = side.clone();
    above.mine_with(vec![], Lock::Anyone);
    let mut third = above.assemble(vec![], Lock::Anyone, Amount::from_coins(50), 1);
    third.header.previous = bad.hash();
    testkit::solve(&mut third, &params);
    // The third itself was never looked at, so nothing is said against it (Core answers `inconclusive`).
    assert_eq!(submit(&chain, &Arc::new(third)), Outcome::SideChain);
    assert_state(&chain, &main);
    // The part below the bad block is still good.
    submit_all(&chain, &[side.mine(4), side.mine(4)]);
    assert_state(&chain, &side);
}

#[test]
fn blocks_can_be_declared_invalid_valid_and_precious() {
    let params = Arc::new(testkit::params(3));
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), &params);
    let chain = open(&options);
    let mut main = Branch::new(params.clone(), 6);
    for _ in 0..10 {
        submit_all(&chain, &[main.mine(4)]);
    }
    let trunk = main.clone();
    let mut side = main.fork(7);
    for _ in 0..3 {
        submit_all(&chain, &[main.mine(4)]);
    }
    submit_all(&chain, &[side.mine(4), side.mine(4)]);
    let first_of_main = main.blocks[10].hash();
    let first_of_side = side.blocks[10].hash();

    chain.query_blocking(move |chain| chain.invalidate(first_of_main)).unwrap();
    assert_state(&chain, &side);
    chain.query_blocking(move |chain| chain.invalidate(first_of_side)).unwrap();
    assert_state(&chain, &trunk);
    // A block on an invalid one is refused, also after a restart.
    let more = main.mine(4);
    let outcome = submit(&chain, &more);
    assert_eq!(outcome.reject_reason().unwrap().reason, "bad-prevblk");
    chain.crash_blocking();
    drop(chain);
    let chain = open(&options);
    assert_state(&chain, &trunk);
    assert_eq!(submit(&chain, &more).reject_reason().unwrap().reason, "bad-prevblk");

    let tip_of_main = main.blocks[12].hash();
    chain.query_blocking(move |chain| chain.reconsider(tip_of_main)).unwrap();
    assert_eq!(chain.snapshot().tip().hash(), tip_of_main);
    chain.query_blocking(move |chain| chain.reconsider(first_of_side)).unwrap();
    assert_eq!(chain.snapshot().tip().hash(), tip_of_main);
    submit_all(&chain, &[more]);
    assert_state(&chain, &main);

    // Equal work, then preference by the operator, back and forth.
    submit_all(&chain, &[side.mine(4), side.mine(4)]);
    assert_state(&chain, &main);
    let (a, b) = (main.tip_hash(), side.tip_hash());
    chain.query_blocking(move |chain| chain.precious(b)).unwrap();
    assert_state(&chain, &side);
    chain.query_blocking(move |chain| chain.precious(a)).unwrap();
    assert_state(&chain, &main);
    chain.query_blocking(move |chain| chain.precious(b)).unwrap();
    assert_state(&chain, &side);
    // Less work than the tip: nothing happens.
    chain.query_blocking(move |chain| chain.precious(first_of_main)).unwrap();
    assert_state(&chain, &side);
    let unknown = chaincore_consensus::BlockHash([9; 32]);
    assert!(matches!(
        chain.query_blocking(move |chain| chain.invalidate(unknown)),
        Err(ChainError::UnknownBlock(hash)) if hash == unknown
    ));
}

#[test]
fn proposals_are_judged_and_not_stored() {
    let params = Arc::new(testkit::params(3));
    let dir = tempfile::tempdir().unwrap();
    let chain = open(&options(dir.path(), &params));
    let mut main = Branch::new(params.clone(), 8);
    for _ in 0..5 {
        submit_all(&chain, &[main.mine(2)]);
    }
    let judge = |block: chaincore_consensus::Block, options: CheckOptions| {
        chain.query_blocking(move |chain| chain.check_proposal(&block, options)).unwrap()
    };
    let mut good = main.assemble(vec![], Lock::Anyone, Amount::from_coins(50), 1);
    assert_eq!(judge(good.clone(), CheckOptions::ALL), Ok(()));
    let greedy = main.assemble(vec![], Lock::Anyone, Amount::from_coins(51), 1);
    assert_eq!(judge(greedy, CheckOptions::ALL).unwrap_err().reason, "bad-cb-amount");
    good.header.merkle_root.0[0] ^= 1;
    let unsolved = CheckOptions { pow: false, merkle: false };
    assert_eq!(judge(good.clone(), unsolved), Ok(()));
    assert!(judge(good, CheckOptions { pow: false, merkle: true }).is_err());
    let before = chain.snapshot().tip().hash();
    main.mine(1);
    let stale = main.assemble(vec![], Lock::Anyone, Amount::from_coins(50), 1);
    assert_eq!(judge(stale, CheckOptions::ALL).unwrap_err().reason, "inconclusive-not-best-prevblk");
    assert_eq!(chain.snapshot().tip().hash(), before);
    assert_eq!(chain.snapshot().tips().len(), 1);
}
