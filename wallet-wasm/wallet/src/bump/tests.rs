//! Replacements and children, measured against BIP125's rules.

use super::*;
use crate::ledger::world::{World, outside, proven, stranger, tx};
use crate::ledger::{Keychain, TxState, TxUpdate, Update};
use crate::payment::{PaymentRequest, Share, create};
use bitcoin::Transaction;

fn send(world: &mut World, share: Share, rate: u64) -> Transaction {
    let request = PaymentRequest {
        to: vec![(stranger(1), share)],
        feerate: FeeRate(rate),
        fee: 0,
        coins: None,
        account: None,
        data: None,
        seed: 3,
    };
    let payment = create(&mut world.ledger, &request).unwrap();
    let tx = signed(world, &payment);
    world.ledger.sent(tx.clone(), 10);
    tx
}

fn signed(world: &World, payment: &Payment) -> Transaction {
    world.signer.sign(&mut payment.psbt.clone()).unwrap().tx.unwrap()
}

fn fee_of(world: &World, tx: &Transaction) -> u64 {
    let inputs = tx.input.iter().map(|input| world.ledger.output(&input.previous_output).unwrap().value);
    (inputs.sum::<bitcoin::Amount>() - tx.output.iter().map(|output| output.value).sum()).to_sat()
}

fn size(tx: &Transaction) -> u64 {
    tx.vsize() as u64
}

/// BIP125's rules 3 and 4, and Core's that the rate must rise.
fn assert_replaces(world: &World, new: &Transaction, old: &Transaction) {
    let (new_fee, old_fee) = (fee_of(world, new), fee_of(world, old));
    assert!(new_fee >= old_fee + FeeRate::INCREMENTAL_RELAY.fee(size(new)), "{new_fee} after {old_fee}");
    assert!(new_fee * size(old) > old_fee * size(new), "the rate rises");
    for input in &old.input {
        assert!(new.input.iter().any(|other| other.previous_output == input.previous_output));
    }
}

#[test]
fn the_change_pays_for_more_speed() {
    let mut world = World::new();
    world.fund(2, 100_000, proven(150, 1));
    world.fund(2, 90_000, proven(150, 1));
    let old = send(&mut world, Share::Exactly(30_000), 1000);
    let (payment, method) = speed_up(&mut world.ledger, &old.compute_txid(), FeeRate(20_000), 5).unwrap();
    assert_eq!(method, Method::Rbf);
    let new = signed(&world, &payment);
    assert_replaces(&world, &new, &old);
    assert_eq!(new.input.len(), 1, "the change suffices");
    assert!(payment.fee >= FeeRate(20_000).fee(size(&new)));
    let pays = |tx: &Transaction| {
        tx.output
            .iter()
            .find(|output| output.script_pubkey == stranger(1))
            .map(|output| output.value.to_sat())
    };
    assert_eq!(pays(&new), Some(30_000));
    let change = |tx: &Transaction| {
        let other = tx.output.iter().find(|output| output.script_pubkey != stranger(1));
        other.map(|output| output.script_pubkey.clone())
    };
    assert_eq!(change(&new), change(&old), "no further address is used up");
    world.ledger.sent(new.clone(), 11);
    assert!(!world.ledger.counts(&old.compute_txid()) && world.ledger.counts(&new.compute_txid()));
    // A rate that it has already.
    let error = speed_up(&mut world.ledger, &new.compute_txid(), FeeRate(20_000), 5).unwrap_err();
    assert!(matches!(error, PaymentError::PaysMore(_)), "{error}");
    // So much that the change is gone: another confirmed coin helps.
    let (payment, _) = speed_up(&mut world.ledger, &new.compute_txid(), FeeRate(600_000), 5).unwrap();
    let newer = signed(&world, &payment);
    assert_eq!((newer.input.len(), pays(&newer)), (2, Some(30_000)));
    assert_replaces(&world, &newer, &new);
    let error = speed_up(&mut world.ledger, &new.compute_txid(), FeeRate(9_000_000), 5).unwrap_err();
    assert!(matches!(error, PaymentError::NotEnough { .. }), "{error}");
}

#[test]
fn a_replacement_pays_by_the_rules_even_if_little_more_is_asked() {
    let mut world = World::new();
    world.fund(3, 100_000, proven(150, 1));
    let old = send(&mut world, Share::Exactly(30_000), 1000);
    let rate = FeeRate::of(fee_of(&world, &old), size(&old));
    let (payment, _) = speed_up(&mut world.ledger, &old.compute_txid(), FeeRate(rate.0 + 1), 5).unwrap();
    assert_replaces(&world, &signed(&world, &payment), &old);
}

#[test]
fn cancelling_brings_the_money_home() {
    for (share, account) in [(Share::Exactly(30_000), 3), (Share::All, 0), (Share::All, 2)] {
        let mut world = World::new();
        world.fund(account, 100_000, proven(150, 1));
        let old = send(&mut world, share, 5000);
        let payment = cancel(&mut world.ledger, &old.compute_txid(), FeeRate(100), 5).unwrap();
        let new = signed(&world, &payment);
        assert_replaces(&world, &new, &old);
        assert_eq!(new.output.len(), 1);
        let owner = world.ledger.owner(&new.output[0].script_pubkey).unwrap();
        assert_eq!((owner.account, owner.keychain), (account, Keychain::Change));
        world.ledger.sent(new.clone(), 11);
        assert_eq!(world.ledger.balance(None).total, 100_000 - payment.fee);
        // And the cancellation itself can be sped up.
        let (faster, method) = speed_up(&mut world.ledger, &new.compute_txid(), FeeRate(50_000), 5).unwrap();
        assert_eq!(method, Method::Rbf);
        assert_replaces(&world, &signed(&world, &faster), &new);
    }
}

#[test]
fn a_child_pays_for_what_others_sent() {
    let mut world = World::new();
    // A stranger's payment: 1 sat/vB, says the server.
    let script = world.script(2, Keychain::Receive, 0);
    let theirs = tx(&[outside(1)], &[(script, 50_000), (stranger(2), 10_000)]);
    let spent =
        TxOut { value: bitcoin::Amount::from_sat(60_000 + size(&theirs)), script_pubkey: stranger(3) };
    let update =
        TxUpdate { tx: theirs.clone(), state: TxState::Mempool { seen: 4 }, prevouts: vec![Some(spent)] };
    let tip = world.ledger.tip().unwrap();
    world.ledger.apply(Update { txs: vec![update], ..Update::new(tip) });
    let txid = theirs.compute_txid();
    assert!(cancel(&mut world.ledger, &txid, FeeRate(9000), 5).is_err());
    let (payment, method) = speed_up(&mut world.ledger, &txid, FeeRate(10_000), 5).unwrap();
    assert_eq!(method, Method::Cpfp);
    let child = signed(&world, &payment);
    let together = size(&child) + size(&theirs);
    assert!(payment.fee + size(&theirs) >= FeeRate(10_000).fee(together));
    assert!(payment.fee + size(&theirs) <= FeeRate(10_000).fee(together + 3));
    assert!(child.output.len() == 1 && world.ledger.owner(&child.output[0].script_pubkey).is_some());
    // Built upon: the child is what can be sped up now, by replacing it.
    world.ledger.sent(child.clone(), 5);
    let error = speed_up(&mut world.ledger, &txid, FeeRate(20_000), 5).unwrap_err();
    assert!(matches!(error, PaymentError::Fixed { .. }));
    let (_, method) = speed_up(&mut world.ledger, &child.compute_txid(), FeeRate(90_000), 5).unwrap();
    assert_eq!(method, Method::Rbf);
}

#[test]
fn what_is_fixed_stays() {
    let mut world = World::new();
    let coin = world.fund(2, 100_000, proven(150, 1));
    let mut fails = |txid: &bitcoin::Txid| {
        let cancelled = cancel(&mut world.ledger, txid, FeeRate(1000), 5).unwrap_err();
        let sped = speed_up(&mut world.ledger, txid, FeeRate(1000), 5).unwrap_err();
        assert_eq!(cancelled, sped);
        cancelled.to_string()
    };
    assert!(fails(&coin.txid).contains("confirmed"));
    assert!(fails(&outside(1).txid).contains("does not know"));
    // The change was spent already: cancelling would take the second payment along.
    let first = send(&mut world, Share::Exactly(30_000), 1000);
    let second = send(&mut world, Share::Exactly(10_000), 1000);
    assert_eq!(second.input[0].previous_output.txid, first.compute_txid());
    let error = cancel(&mut world.ledger, &first.compute_txid(), FeeRate(9000), 5).unwrap_err();
    assert!(error.to_string().contains("spent its change"), "{error}");
    assert!(cancel(&mut world.ledger, &second.compute_txid(), FeeRate(9000), 5).is_ok());
}
