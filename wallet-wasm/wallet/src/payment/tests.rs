//! Payments are signed by the signer, and what comes out is measured.

use super::*;
use crate::ledger::world::{World, proven, stranger};
use crate::ledger::{Standing, TxState, Update};
use proptest::prelude::*;

fn request(to: Vec<(ScriptBuf, Share)>, rate: u64) -> PaymentRequest {
    PaymentRequest { to, feerate: FeeRate(rate), fee: 0, coins: None, account: None, data: None, seed: 7 }
}

/// Signs a payment and checks what everybody can check: money is conserved, the fee is what was asked for.
fn sign(world: &World, payment: &Payment, rate: FeeRate) -> Transaction {
    let mut psbt = payment.psbt.clone();
    let signed = world.signer.sign(&mut psbt).unwrap();
    let tx = signed.tx.expect("all inputs are the wallet's");
    let vsize = u64::try_from(tx.vsize()).unwrap();
    let inputs = tx.input.iter().map(|input| world.ledger.output(&input.previous_output).unwrap().value);
    let brought: Amount = inputs.sum();
    let paid: Amount = tx.output.iter().map(|output| output.value).sum();
    assert_eq!((brought - paid).to_sat(), payment.fee);
    assert_eq!(signed.review.fee, payment.fee);
    assert!(payment.fee >= rate.fee(vsize), "{} for {vsize} vB at {rate}", payment.fee);
    assert!(vsize <= payment.vsize && payment.vsize - vsize <= 1 + 3 * payment.inputs.len() as u64);
    tx
}

#[test]
fn every_kind_of_coin_pays_with_all_that_signers_want() {
    let mut world = World::new();
    for account in 0..4 {
        world.fund(account, 50_000, proven(150, 1));
    }
    let to = vec![(stranger(1), Share::Exactly(170_000))];
    let payment = create(&mut world.ledger, &request(to, 5000)).unwrap();
    assert_eq!(payment.inputs.len(), 4);
    for (at, input) in payment.psbt.inputs.iter().enumerate() {
        let spent = world.ledger.output(&payment.inputs[at]).unwrap();
        let taproot = spent.script_pubkey.is_p2tr();
        assert_eq!(input.non_witness_utxo.is_some(), !taproot);
        assert_eq!(input.witness_utxo.is_some(), !spent.script_pubkey.is_p2pkh());
        assert_eq!(input.bip32_derivation.len(), usize::from(!taproot));
        assert_eq!(input.tap_key_origins.len(), usize::from(taproot));
        assert_eq!(input.tap_internal_key.is_some(), taproot);
        assert_eq!(input.redeem_script.is_some(), spent.script_pubkey.is_p2sh());
    }
    let (vout, amount) = payment.change.unwrap();
    let change = &payment.psbt.outputs[vout as usize];
    assert!(!change.bip32_derivation.is_empty() || !change.tap_key_origins.is_empty());
    assert_eq!(amount, 30_000 - payment.fee);
    assert!(payment.psbt.unsigned_tx.lock_time.to_consensus_u32() <= 200);
    assert!(payment.psbt.unsigned_tx.lock_time.to_consensus_u32() > 100);
    assert!(payment.psbt.unsigned_tx.input.iter().all(|input| input.sequence == SEQUENCE));
    let tx = sign(&world, &payment, FeeRate(5000));
    let txid = tx.compute_txid();
    world.ledger.sent(tx, 1);
    assert_eq!(world.ledger.balance(None).unconfirmed, amount);
    assert_eq!(world.ledger.entry(&txid, &|_| None).unwrap().standing, Standing::Good);
}

#[test]
fn all_of_it_and_chosen_coins() {
    let mut world = World::new();
    let coins: Vec<_> = [10_000, 20_000, 30_000].map(|value| world.fund(2, value, proven(9, 1))).into();
    let all = vec![(stranger(1), Share::All)];
    let payment = create(&mut world.ledger, &request(all.clone(), 1000)).unwrap();
    assert_eq!(payment.change, None);
    assert_eq!(payment.psbt.unsigned_tx.output[0].value.to_sat(), 60_000 - payment.fee);
    sign(&world, &payment, FeeRate(1000));
    // These and no others.
    let mut chosen = request(all.clone(), 1000);
    chosen.coins = Some(vec![coins[0], coins[2]]);
    let payment = create(&mut world.ledger, &chosen).unwrap();
    assert_eq!(payment.inputs.len(), 2);
    chosen.to = vec![(stranger(1), Share::Exactly(5000))];
    let payment = create(&mut world.ledger, &chosen).unwrap();
    assert_eq!(payment.inputs.len(), 2, "all that were chosen, though one would do");
    chosen.to = vec![(stranger(1), Share::Exactly(40_000))];
    assert!(matches!(
        create(&mut world.ledger, &chosen),
        Err(PaymentError::NotEnough { available: 40_000, .. })
    ));
    // Others first, the rest to one.
    let both = vec![(stranger(1), Share::Exactly(15_000)), (stranger(2), Share::All)];
    let payment = create(&mut world.ledger, &request(both, 1000)).unwrap();
    let rest = payment.psbt.unsigned_tx.output.iter().find(|output| output.script_pubkey == stranger(2));
    assert_eq!(rest.unwrap().value.to_sat(), 45_000 - payment.fee);
    // With data.
    let mut data = request(all, 1000);
    data.data = Some(b"hello".to_vec());
    let payment = create(&mut world.ledger, &data).unwrap();
    assert!(payment.psbt.unsigned_tx.output[1].script_pubkey.is_op_return());
    sign(&world, &payment, FeeRate(1000));
}

#[test]
fn accounts_and_frozen_coins_are_kept_apart() {
    let mut world = World::new();
    let frozen = world.fund(2, 500_000, proven(9, 1));
    world.fund(2, 20_000, proven(9, 2));
    world.fund(3, 30_000, proven(9, 3));
    let waiting = world.fund(3, 900_000, TxState::Mempool { seen: 1 });
    world.ledger.set_frozen(frozen, true);
    let to = |amount| vec![(stranger(1), Share::Exactly(amount))];
    let mut from = request(to(15_000), 1000);
    from.account = Some(world.ids[3].clone());
    let payment = create(&mut world.ledger, &from).unwrap();
    assert_eq!(payment.inputs.len(), 1);
    let change = &payment.psbt.unsigned_tx.output[payment.change.unwrap().0 as usize];
    assert!(change.script_pubkey.is_p2tr(), "change stays in the account");
    from.to = to(40_000);
    assert!(matches!(
        create(&mut world.ledger, &from),
        Err(PaymentError::NotEnough { available: 30_000, .. })
    ));
    from.account = None;
    assert_eq!(create(&mut world.ledger, &from).unwrap().inputs.len(), 2, "both accounts");
    from.coins = Some(vec![frozen]);
    assert_eq!(create(&mut world.ledger, &from).unwrap_err(), PaymentError::Frozen(frozen));
    from.coins = Some(vec![waiting]);
    assert!(create(&mut world.ledger, &from).is_ok(), "by name also what is not confirmed");
    let unknown = crate::ledger::world::outside(3);
    from.coins = Some(vec![unknown]);
    assert_eq!(create(&mut world.ledger, &from).unwrap_err(), PaymentError::NoSuchCoin(unknown));
    from.coins = None;
    from.account = Some("none".into());
    assert!(matches!(create(&mut world.ledger, &from), Err(PaymentError::Account(_))));
}

#[test]
fn payments_that_make_no_sense() {
    let mut world = World::new();
    world.fund(2, 20_000, proven(9, 2));
    let mut fails = |to: Vec<(ScriptBuf, Share)>| create(&mut world.ledger, &request(to, 1000)).unwrap_err();
    assert_eq!(fails(vec![]), PaymentError::NoRecipient);
    let dust = fails(vec![(stranger(1), Share::Exactly(293))]);
    assert_eq!(dust, PaymentError::Dust { amount: 293, least: 294 });
    assert_eq!(fails(vec![(stranger(1), Share::All), (stranger(2), Share::All)]), PaymentError::TwoGetAll);
    let much = u64::MAX / 2;
    let twice = vec![(stranger(1), Share::Exactly(much)), (stranger(2), Share::Exactly(much))];
    assert_eq!(fails(twice), PaymentError::TooMuch(much * 2));
    let mut data = request(vec![], 1000);
    data.data = Some(vec![0; 81]);
    assert_eq!(create(&mut world.ledger, &data).unwrap_err(), PaymentError::DataTooLong(81));
    let empty = create(&mut crate::ledger::Ledger::new(1), &request(vec![(stranger(1), Share::All)], 1000));
    assert!(matches!(empty, Err(PaymentError::NotEnough { .. })));
    world.fund_often(1500, 0, 10_000, proven(9, 2));
    let all = create(&mut world.ledger, &request(vec![(stranger(1), Share::All)], 1000));
    assert!(matches!(all, Err(PaymentError::TooHeavy(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_signed_payment_is_what_was_asked_for(
        coins in prop::collection::vec((0usize..4, 1000u64..200_000, any::<bool>()), 1..12),
        amount in 1000u64..300_000,
        rate in 100u64..20_000,
        seed in any::<u64>(),
    ) {
        let mut world = World::new();
        let mut frozen = Vec::new();
        for (account, value, freeze) in coins {
            let coin = world.fund(account, value, proven(150, 1));
            if freeze {
                world.ledger.set_frozen(coin, true);
                frozen.push(coin);
            }
        }
        let tip = world.ledger.tip().unwrap();
        world.ledger.apply(Update::new(tip));
        let mut asked = request(vec![(stranger(4), Share::Exactly(amount))], rate);
        asked.seed = seed;
        let available = world.ledger.balance(None).spendable;
        match create(&mut world.ledger, &asked) {
            Ok(payment) => {
                prop_assert!(payment.inputs.iter().all(|input| !frozen.contains(input)));
                let tx = sign(&world, &payment, FeeRate(rate));
                let paid = tx.output.iter().filter(|output| output.script_pubkey == stranger(4));
                prop_assert_eq!(paid.map(|output| output.value.to_sat()).collect::<Vec<_>>(), vec![amount]);
                let change = payment.change.map_or(0, |(_, change)| change);
                prop_assert_eq!(tx.output.len(), 1 + usize::from(change > 0));
                // What is lost for want of change is less than a change output would have cost.
                let bound = FeeRate(rate).fee(payment.vsize + 43 + 40) + FeeRate::DUST_RELAY.fee(200) + 600;
                prop_assert!(payment.fee <= bound, "{} of {bound}", payment.fee);
            }
            Err(PaymentError::NotEnough { needed, available: counted }) => {
                prop_assert!(needed > counted && counted <= available);
            }
            Err(error) => prop_assert!(false, "{}", error),
        }
    }
}
