//! Core's reject strings, each from the transaction that asks for it.

use super::*;

/// What the pool says to a transaction made from a standard one that spends a coin of a million satoshis.
fn verdict(change: impl FnOnce(&mut World, &mut Transaction)) -> String {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let mut data = transaction(&[coin], &[1_000_000 - FEE]);
    change(&mut world, &mut data);
    let tx = tx(data);
    let tested = world.test(&tx);
    let accepted = world.accept(&tx);
    assert_eq!(tested, accepted, "testing says what accepting does");
    accepted.map_or_else(|reason| reason, |_| "accepted".into())
}

#[test]
fn a_plain_transaction_is_accepted_and_measured() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let tx = spend(&[coin], &[1_000_000 - FEE]);
    let accepted = world.accept(&tx).unwrap();
    assert_eq!(accepted.fee, FEE);
    assert_eq!(accepted.vsize, tx.vsize() as i64);
    assert_eq!(accepted.effective_rate, FeeRate::of(FEE, accepted.vsize));
    assert_eq!(accepted.effective_includes, [tx.wtxid()]);
    let info = world.pool.info(world.now);
    assert_eq!((info.count, info.total_fee, info.vsize), (1, FEE, accepted.vsize));
    assert_eq!(info.min_fee, FeeRate(100));
    assert_eq!(world.pool.spender(&coin), Some(&tx.txid()));
    assert_eq!(world.accept(&tx).unwrap_err(), "txn-already-in-mempool");
}

#[test]
fn transactions_that_are_wrong_by_themselves() {
    assert_eq!(verdict(|_, _| ()), "accepted");
    assert_eq!(verdict(|_, tx| tx.inputs.clear()), "bad-txns-vin-empty");
    assert_eq!(verdict(|_, tx| tx.outputs.clear()), "bad-txns-vout-empty");
    let coinbase = |_: &mut World, tx: &mut Transaction| {
        tx.inputs[0] = TxIn { script_sig: Script(vec![0; 5]), ..input(OutPoint::NULL) };
    };
    assert_eq!(verdict(coinbase), "coinbase");
    assert_eq!(verdict(|_, tx| tx.version = 4), "version");
    assert_eq!(verdict(|_, tx| tx.version = 0), "version");
    assert_eq!(verdict(|_, tx| tx.inputs[0].script_sig = Script(vec![0; 1651])), "scriptsig-size");
    assert_eq!(verdict(|_, tx| tx.inputs[0].script_sig = Script(vec![0x61])), "scriptsig-not-pushonly");
    assert_eq!(verdict(|_, tx| tx.inputs[0].witness = vec![vec![0; 400_000]]), "tx-size");
    assert_eq!(verdict(|_, tx| tx.outputs[0].script_pubkey = Script(vec![0x61])), "scriptpubkey");
    let small =
        |_: &mut World, tx: &mut Transaction| tx.outputs[0].script_pubkey = Script(vec![0x6a, 0x01, 0x00]);
    assert_eq!(verdict(small), "tx-size-small");
}

#[test]
fn data_carriers_and_bare_multisig() {
    let data = |len: usize| {
        move |world: &mut World, tx: &mut Transaction| {
            world.pool.options.data_carrier = Some(100);
            let payload = [&[0x6a, 0x4c, len as u8][..], &vec![7; len]].concat();
            tx.outputs.push(to(Script(payload), 0));
        }
    };
    assert_eq!(verdict(data(97)), "accepted");
    assert_eq!(verdict(data(98)), "datacarrier");
    let multisig = |permit: bool| {
        move |world: &mut World, tx: &mut Transaction| {
            world.pool.options.permit_bare_multisig = permit;
            tx.outputs[0].script_pubkey = Script([&[0x51, 33][..], &[2; 33], &[0x51, 0xae]].concat());
        }
    };
    assert_eq!(verdict(multisig(true)), "accepted");
    assert_eq!(verdict(multisig(false)), "bare-multisig");
}

#[test]
fn dust() {
    let with_outputs = |values: Vec<i64>| {
        move |_: &mut World, tx: &mut Transaction| {
            tx.outputs = values.into_iter().map(|value| to(anyone(), value)).collect();
        }
    };
    // An output of 43 bytes, and a witness input of 67: 110 bytes at 3000 satoshis per 1000.
    assert_eq!(policy::dust_threshold(&to(anyone(), 0), FeeRate(3000)), 330);
    assert_eq!(verdict(with_outputs(vec![900_000, 330])), "accepted");
    assert_eq!(verdict(with_outputs(vec![900_000, 329])), "dust, tx with dust output must be 0-fee");
    assert_eq!(verdict(with_outputs(vec![900_000, 329, 0])), "dust");
    assert_eq!(verdict(with_outputs(vec![999_671, 329])), "min relay fee not met, 0 < 14");
}

#[test]
fn lock_times() {
    let absolute = |lock_time: u32| move |_: &mut World, tx: &mut Transaction| tx.lock_time = lock_time;
    assert_eq!(verdict(absolute(200)), "accepted");
    assert_eq!(verdict(absolute(201)), "non-final");
    let median = World::new().branch[195].time;
    assert_eq!(verdict(absolute(median - 1)), "accepted");
    assert_eq!(verdict(absolute(median)), "non-final");
    let relative = |blocks: u32| move |_: &mut World, tx: &mut Transaction| tx.inputs[0].sequence = blocks;
    // The coin is in block 1 and the next block is 201.
    assert_eq!(verdict(relative(200)), "accepted");
    assert_eq!(verdict(relative(201)), "non-BIP68-final");
    let without = |world: &mut World, tx: &mut Transaction| {
        relative(201)(world, tx);
        tx.version = 1;
    };
    assert_eq!(verdict(without), "accepted");
}

#[test]
fn inputs() {
    let missing = |_: &mut World, tx: &mut Transaction| {
        tx.inputs.push(input(OutPoint { vout: 9, txid: Txid([1; 32]) }))
    };
    assert_eq!(verdict(missing), "bad-txns-inputs-missingorspent");
    let coinbase_at = |height: u32| {
        move |world: &mut World, tx: &mut Transaction| {
            let coin = world.fund_with(50_000, anyone(), height, true);
            tx.inputs.push(input(coin));
        }
    };
    assert_eq!(verdict(coinbase_at(101)), "accepted");
    let young = verdict(coinbase_at(102));
    assert!(young.starts_with("bad-txns-premature-spend-of-coinbase"), "{young}");
    let overspent = verdict(|_, tx| tx.outputs[0].value = Amount(1_000_001));
    assert!(overspent.starts_with("bad-txns-in-belowout"), "{overspent}");
    let poor = verdict(|_, tx| tx.outputs[0].value = Amount(1_000_000 - 9));
    assert!(poor.starts_with("min relay fee not met, 9 < "), "{poor}");
}

#[test]
fn a_confirmed_transaction_is_known() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let tx = spend(&[coin], &[900_000]);
    world.apply(std::slice::from_ref(&tx));
    assert_eq!(world.accept(&tx).unwrap_err(), "txn-already-known");
}

#[test]
fn the_same_transaction_with_another_witness() {
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let mut data = transaction(&[coin], &[900_000]);
    world.accept(&tx(data.clone())).unwrap();
    data.inputs[0].witness = vec![vec![1], vec![0x51]];
    assert_eq!(world.accept(&tx(data)).unwrap_err(), "txn-same-nonwitness-data-in-mempool");
}

#[test]
fn outputs_spent_must_be_standard() {
    let spending = |script: Vec<u8>, script_sig: Vec<u8>| {
        move |world: &mut World, tx: &mut Transaction| {
            let coin = world.fund_with(50_000, Script(script), 1, false);
            tx.inputs.push(TxIn { script_sig: Script(script_sig), witness: vec![], ..input(coin) });
        }
    };
    let p2sh = [&[0xa9, 20][..], &[5; 20], &[0x87]].concat();
    let prefix = "bad-txns-nonstandard-inputs, ";
    for (script, script_sig, debug) in [
        (vec![0x51], vec![], "input 1 script unknown"),
        ([&[0x52, 32][..], &[5; 32]].concat(), vec![], "input 1 witness program is undefined"),
        (p2sh.clone(), vec![], "input 1 P2SH redeemscript missing"),
        (p2sh.clone(), vec![0x50], "p2sh scriptsig malformed (input 1: Opcode missing or not understood)"),
        (
            p2sh.clone(),
            [&[16][..], &[0xac; 16]].concat(),
            "p2sh redeemscript sigops exceed limit (input 1: 16 > 15)",
        ),
    ] {
        assert_eq!(verdict(spending(script, script_sig)), format!("{prefix}{debug}"));
    }
    let hash_differs = verdict(spending(p2sh, vec![1, 0x51]));
    assert!(hash_differs.starts_with("mempool-script-verify-flag-failed ("), "{hash_differs}");
}

#[test]
fn witnesses_must_be_standard() {
    let with =
        |witness: Vec<Vec<u8>>| move |_: &mut World, tx: &mut Transaction| tx.inputs[0].witness = witness;
    assert_eq!(verdict(with(vec![vec![0; 81], vec![0x51]])), "bad-witness-nonstandard");
    assert_eq!(verdict(with(vec![vec![0x51; 3601]])), "bad-witness-nonstandard");
    let many = [vec![vec![]; 101], vec![vec![0x51]]].concat();
    assert_eq!(verdict(with(many)), "bad-witness-nonstandard");
    let anchor = |world: &mut World, tx: &mut Transaction| {
        let coin = world.fund_with(50_000, Script(vec![0x51, 2, 0x4e, 0x73]), 1, false);
        tx.inputs.push(input(coin));
    };
    assert_eq!(verdict(anchor), "bad-witness-nonstandard");
    let taproot = |witness: Vec<Vec<u8>>| {
        move |world: &mut World, tx: &mut Transaction| {
            let coin = world.fund_with(50_000, Script([&[0x51, 32][..], &[5; 32]].concat()), 1, false);
            tx.inputs.push(TxIn { witness, ..input(coin) });
        }
    };
    let leaf = [&[0xc0][..], &[5; 32]].concat();
    assert_eq!(verdict(taproot(vec![vec![1; 64], vec![0x50]])), "bad-witness-nonstandard");
    assert_eq!(verdict(taproot(vec![vec![0; 81], vec![0x51], leaf.clone()])), "bad-witness-nonstandard");
    assert_eq!(verdict(taproot(vec![vec![0x51], vec![]])), "bad-witness-nonstandard");
    let other_leaf = [&[0xc2][..], &[5; 32]].concat();
    let reached_scripts = verdict(taproot(vec![vec![0; 81], vec![0x51], other_leaf]));
    assert!(reached_scripts.starts_with("mempool-script-verify-flag-failed ("), "{reached_scripts}");
}

#[test]
fn scripts_run_with_the_standard_flags() {
    let fails = verdict(|_, tx| tx.inputs[0].witness = vec![vec![0x00]]);
    assert!(
        fails.starts_with("mempool-script-verify-flag-failed (Witness program hash mismatch), input 0 of "),
        "{fails}"
    );
    let mut world = World::new();
    let coin = world.fund(1_000_000);
    let mut data = transaction(&[coin], &[900_000]);
    data.inputs[0].witness.clear();
    let AcceptError::Rejected(reason) = world.pool.test(&tx(data), &world.view()).unwrap_err() else {
        panic!("the storage is in memory")
    };
    assert_eq!(reason.kind, chaincore_consensus::reject::RejectKind::WitnessStripped);
    // A clean stack is policy: two items left is no consensus failure before segwit, but here the witness rules.
    let unclean = verdict(|_, tx| tx.inputs[0].witness = vec![vec![1], vec![0x51]]);
    assert!(unclean.starts_with("mempool-script-verify-flag-failed ("), "{unclean}");
}

#[test]
fn signature_operations() {
    // 160 bytes of OP_CHECKMULTISIG in outputs cost 20 * 4 each: 201 of them are too many.
    let costly = |count: usize| {
        move |world: &mut World, tx: &mut Transaction| {
            world.pool.options.require_standard = false;
            tx.outputs.push(to(Script(vec![0xae; count]), 1000));
            tx.outputs[0].value = Amount(500_000);
        }
    };
    assert_eq!(verdict(costly(200)), "accepted");
    assert_eq!(verdict(costly(201)), "bad-txns-too-many-sigops, 16080");
    let mut world = World::new();
    world.pool.options.require_standard = false;
    let coin = world.fund(1_000_000);
    let mut data = transaction(&[coin], &[500_000]);
    costly(200)(&mut world, &mut data);
    assert_eq!(world.accept(&tx(data)).unwrap().vsize, 200 * 80 * 20 / 4, "signature operations weigh");
}

#[test]
fn anything_goes_where_standardness_is_not_required() {
    let mut world = World::with(MempoolOptions { require_standard: false, ..MempoolOptions::default() });
    let coin = world.fund(1_000_000);
    let mut data = transaction(&[coin], &[500_000, 1]);
    data.version = 7;
    data.outputs[0].script_pubkey = Script(vec![0x61; 60]);
    world.accept(&tx(data)).unwrap();
}
