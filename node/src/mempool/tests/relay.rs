//! What is passed on, and what a refusal says of the transaction and its sender.

use super::*;
use chaincore_consensus::reject::RejectKind;

#[test]
fn announcements_are_ordered_as_blocks_would_be() {
    let mut world = World::new();
    let coins: Vec<_> = (0..3).map(|_| world.fund(1_000_000)).collect();
    let poor = spend(&[coins[0]], &[999_000]);
    let rich_child = spend(&[output(&poor, 0)], &[900_000]);
    let middle = spend(&[coins[1]], &[980_000]);
    let cheap = spend(&[coins[2]], &[999_500]);
    for tx in [&cheap, &poor, &middle, &rich_child] {
        world.accept(tx).unwrap();
    }
    let stranger = Txid(sha256(b"none"));
    let mut txids = vec![stranger, cheap.txid(), rich_child.txid(), middle.txid(), poor.txid()];
    world.pool.sort_for_relay(&mut txids);
    assert_eq!(txids, [poor.txid(), rich_child.txid(), middle.txid(), cheap.txid(), stranger]);
    let mined: Vec<_> = world.pool.in_mining_order().map(|entry| entry.tx.txid()).collect();
    assert_eq!(txids[..4], mined);
    // A part of them, too.
    let mut some = vec![middle.txid(), poor.txid()];
    world.pool.sort_for_relay(&mut some);
    assert_eq!(some, [poor.txid(), middle.txid()]);
}

#[test]
fn what_relay_asks_of_a_transaction() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let tx = spend(&[coin], &[1_000_000 - FEE]);
    world.pool.prioritise(tx.txid(), 77);
    let sequence = world.pool.sequence();
    world.accept(&tx).unwrap();
    let info = world.pool.relay_info(&tx.txid()).unwrap();
    assert_eq!((info.fee, info.fee_delta, info.vsize), (FEE, 77, tx.vsize() as i64));
    assert_eq!((info.time, info.sequence), (world.now, sequence));
    assert!(info.sequence < world.pool.sequence());
    assert_eq!(world.pool.relay_info_by_wtxid(&tx.wtxid()), Some(info));
    assert_eq!(world.pool.relay_info_by_wtxid(&Wtxid(tx.txid().0)), None);
}

#[test]
fn refusals_are_of_cores_kinds() {
    let kind = |change: &dyn Fn(&mut World, &mut Transaction)| {
        let mut world = World::new();
        let coin = world.fund(1_000_000);
        let mut data = transaction(&[coin], &[1_000_000 - FEE]);
        change(&mut world, &mut data);
        let mut pool = std::mem::take(&mut world.pool);
        match pool.accept(&tx(data), &world.view()) {
            Err(AcceptError::Rejected(reason)) => reason.kind,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(kind(&|_, tx| tx.outputs.clear()), RejectKind::Consensus);
    assert_eq!(kind(&|_, tx| tx.outputs[0].value = Amount(1_000_001)), RejectKind::Consensus);
    assert_eq!(kind(&|_, tx| tx.version = 4), RejectKind::NotStandard);
    assert_eq!(kind(&|_, tx| tx.lock_time = 250), RejectKind::PrematureSpend);
    assert_eq!(
        kind(&|world, tx| {
            tx.inputs[0].previous_output = world.fund_with(1_000_000, anyone(), 150, true);
        }),
        RejectKind::PrematureSpend
    );
    assert_eq!(kind(&|_, tx| tx.inputs[0].previous_output.vout = 9), RejectKind::MissingInputs);
    assert_eq!(kind(&|_, tx| tx.inputs[0].witness.clear()), RejectKind::WitnessStripped);
    assert_eq!(kind(&|_, tx| tx.inputs[0].witness = vec![vec![0x52]]), RejectKind::NotStandard);
    let stuffed = |_: &mut World, tx: &mut Transaction| {
        tx.inputs[0].witness = vec![vec![1; 81], vec![0x51]];
    };
    assert_eq!(kind(&stuffed), RejectKind::WitnessMutated);
    assert_eq!(kind(&|_, tx| tx.outputs[0].value = Amount(1_000_000)), RejectKind::Reconsiderable);
    assert_eq!(
        kind(&|world, tx| {
            tx.inputs[0].previous_output =
                world.fund_with(1_000_000, Script([&[0x52, 2][..], &[7; 2]].concat()), 1, false);
        }),
        RejectKind::InputsNotStandard
    );
    // Against what is in the pool: there already, with another witness, not worth what it replaces, two children.
    let first = |world: &mut World, tx: &Transaction| {
        world.accept(&Arc::new(Tx::from(tx.clone()))).unwrap();
    };
    assert_eq!(kind(&|world, tx| first(world, tx)), RejectKind::Conflict);
    assert_eq!(
        kind(&|world, tx| {
            first(world, tx);
            tx.inputs[0].witness = vec![vec![], vec![0x51]];
        }),
        RejectKind::Conflict
    );
    assert_eq!(
        kind(&|world, tx| {
            first(world, tx);
            tx.outputs[0].value = Amount(1_000_000 - FEE - 1);
        }),
        RejectKind::Reconsiderable
    );
    assert_eq!(
        kind(&|world, tx| {
            first(world, tx);
            let parent = Tx::from(tx.clone()).txid();
            tx.version = 3;
            tx.inputs[0].previous_output = OutPoint { txid: parent, vout: 0 };
            tx.outputs[0].value = Amount(900_000);
        }),
        RejectKind::MempoolPolicy
    );
}
