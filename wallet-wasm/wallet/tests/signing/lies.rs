//! PSBTs made by somebody who wants more than one would agree to.

use crate::coins::*;
use bitcoin::psbt::PsbtSighashType;
use bitcoin::{Amount, EcdsaSighashType, OutPoint, ScriptBuf, TapSighashType};
use chaincore_wallet::keys::AccountKind;
use chaincore_wallet::psbt::review::OutputKind;
use chaincore_wallet::psbt::{Psbt, PsbtError, combine, finalise};
use chaincore_wallet::signer::{SignError, Signer};

fn simple(signer: &Signer, kind: AccountKind) -> Draft {
    draft(
        signer,
        &[(place(kind, 0), 100_000)],
        vec![pay(ScriptBuf::new_p2sh(&ScriptBuf::new().script_hash()), 99_000)],
    )
}

fn refused(signer: &Signer, psbt: &Psbt) -> PsbtError {
    let reviewed = signer.review(psbt).unwrap_err();
    let mut copy = psbt.clone();
    assert_eq!(signer.sign(&mut copy).unwrap_err(), SignError::Psbt(reviewed.clone()));
    assert_eq!(copy, *psbt, "a refusal changes nothing");
    reviewed
}

#[test]
fn a_false_amount_is_refused() {
    let signer = signer(chain("regtest"));
    for kind in [AccountKind::Nested, AccountKind::Segwit, AccountKind::Taproot] {
        let mut draft = simple(&signer, kind);
        draft.psbt.inputs[0].witness_utxo.as_mut().unwrap().value = Amount::from_sat(99_500);
        assert_eq!(refused(&signer, &draft.psbt), PsbtError::SpentMismatch { input: 0 });
        assert!(finalise(draft.psbt).is_err());
    }
}

#[test]
fn another_previous_transaction_is_refused() {
    let signer = signer(chain("regtest"));
    for kind in AccountKind::ALL {
        let mut draft = simple(&signer, kind);
        draft.psbt.inputs[0].non_witness_utxo = Some(funding(place(kind, 0).script(&signer), 200_000, 9));
        draft.psbt.inputs[0].witness_utxo = None;
        assert_eq!(refused(&signer, &draft.psbt), PsbtError::WrongPrevious { input: 0 });
        // The right one, but an output that it does not have.
        let mut draft = simple(&signer, kind);
        draft.psbt.unsigned_tx.input[0].previous_output.vout = u32::MAX;
        assert_eq!(refused(&signer, &draft.psbt), PsbtError::WrongPrevious { input: 0 });
    }
}

#[test]
fn unknown_amounts_are_refused_or_pointed_out() {
    let signer = signer(chain("regtest"));
    let mut legacy = simple(&signer, AccountKind::Legacy);
    legacy.psbt.inputs[0].witness_utxo = Some(legacy.spent[0].clone());
    legacy.psbt.inputs[0].non_witness_utxo = None;
    assert_eq!(refused(&signer, &legacy.psbt), PsbtError::PreviousNeeded { input: 0 });
    for kind in [AccountKind::Nested, AccountKind::Segwit, AccountKind::Taproot] {
        let mut draft = simple(&signer, kind);
        draft.psbt.inputs[0].non_witness_utxo = None;
        let signed = signer.sign(&mut draft.psbt.clone()).unwrap();
        // A taproot signature commits to all amounts: a lie makes it worthless.
        let expected: &[&str] = if kind == AccountKind::Taproot { &[] } else { &["missing_previous"] };
        let before = signer.review(&draft.psbt).unwrap();
        assert_eq!(codes(&before), expected, "{kind:?}");
        accepted(&signed.tx.unwrap(), &draft.spent).unwrap();
        draft.psbt.inputs[0].witness_utxo = None;
        assert_eq!(refused(&signer, &draft.psbt), PsbtError::MissingSpent { input: 0 });
    }
}

#[test]
fn signatures_for_less_than_everything_are_refused() {
    let signer = signer(chain("regtest"));
    let sighash = |kind: u32| PsbtSighashType::from_u32(kind);
    for kind in AccountKind::ALL {
        for bad in [2, 3, 0x81, 0x82, 0x83, 4, 0x101, u32::MAX] {
            let mut draft = simple(&signer, kind);
            draft.psbt.inputs[0].sighash_type = Some(sighash(bad));
            let refusal = refused(&signer, &draft.psbt);
            assert!(matches!(refusal, PsbtError::Sighash { input: 0, .. }), "{kind:?} {bad:#x} {refusal}");
        }
        let mut draft = simple(&signer, kind);
        draft.psbt.inputs[0].sighash_type = Some(EcdsaSighashType::All.into());
        accepted(&signer.sign(&mut draft.psbt).unwrap().tx.unwrap(), &draft.spent).unwrap();
        // DEFAULT exists for taproot alone.
        let mut draft = simple(&signer, kind);
        draft.psbt.inputs[0].sighash_type = Some(TapSighashType::Default.into());
        if kind == AccountKind::Taproot {
            accepted(&signer.sign(&mut draft.psbt).unwrap().tx.unwrap(), &draft.spent).unwrap();
        } else {
            assert!(matches!(refused(&signer, &draft.psbt), PsbtError::Sighash { .. }));
        }
    }
}

#[test]
fn change_that_is_not_ours_is_a_payment() {
    let chain = chain("regtest");
    let (signer, thief) = (signer(chain.clone()), other_signer(chain));
    let back = change(AccountKind::Segwit, 1);
    let outputs =
        |script| vec![pay(place(AccountKind::Taproot, 0).script(&thief), 10_000), pay(script, 80_000)];
    let inputs = [(place(AccountKind::Segwit, 0), 91_000)];

    // The thief's script under the claim that it is our change.
    let mut lie = draft(&signer, &inputs, outputs(back.script(&thief)));
    claim(&mut lie, 1, &signer, back);
    let review = signer.review(&lie.psbt).unwrap();
    assert_eq!((review.outputs[1].kind, review.outputs[1].mine), (OutputKind::Payment, false));
    // The thief's own key, given for our fingerprint and path.
    let mut lie = draft(&signer, &inputs, outputs(back.script(&thief)));
    claim(&mut lie, 1, &thief, back);
    for source in lie.psbt.outputs[1].bip32_derivation.values_mut() {
        source.0 = signer.master().fingerprint();
    }
    let review = signer.review(&lie.psbt).unwrap();
    assert_eq!((review.outputs[1].kind, review.outputs[1].mine), (OutputKind::Payment, false));
    assert_eq!(review.net, 91_000);
    // Our key, where no restored wallet would look for it.
    let far = change(AccountKind::Segwit, 2_000_000_000);
    let mut lost = draft(&signer, &inputs, outputs(far.script(&signer)));
    claim(&mut lost, 1, &signer, far);
    assert_eq!(signer.review(&lost.psbt).unwrap().outputs[1].kind, OutputKind::Payment);
    // Our key in another kind of script than its path says.
    let mut odd = draft(&signer, &inputs, outputs(back.script(&signer)));
    claim(&mut odd, 1, &signer, back);
    let key = *odd.psbt.outputs[1].bip32_derivation.keys().next().unwrap();
    odd.psbt.unsigned_tx.output[1].script_pubkey =
        ScriptBuf::new_p2pkh(&bitcoin::PublicKey::new(key).pubkey_hash());
    assert_eq!(signer.review(&odd.psbt).unwrap().outputs[1].kind, OutputKind::Payment);
    // And the honest one.
    let mut honest = draft(&signer, &inputs, outputs(back.script(&signer)));
    claim(&mut honest, 1, &signer, back);
    let review = signer.review(&honest.psbt).unwrap();
    assert_eq!((review.outputs[1].kind, review.net), (OutputKind::Change, 11_000));
    assert_eq!(review.outputs[1].path.as_deref(), Some("m/84'/1'/0'/1/1"));
}

#[test]
fn inputs_that_are_not_ours() {
    let chain = chain("regtest");
    let (signer, other) = (signer(chain.clone()), other_signer(chain));
    let mut foreign = simple(&other, AccountKind::Segwit);
    assert_eq!(codes(&signer.review(&foreign.psbt).unwrap()), ["nothing_mine"]);
    assert_eq!(signer.sign(&mut foreign.psbt.clone()).unwrap_err(), SignError::NothingMine);
    // Under our fingerprint, they are still not.
    for source in foreign.psbt.inputs[0].bip32_derivation.values_mut() {
        source.0 = signer.master().fingerprint();
    }
    let review = signer.review(&foreign.psbt).unwrap();
    assert_eq!(codes(&review), ["false_origin", "nothing_mine"]);
    assert_eq!(signer.sign(&mut foreign.psbt).unwrap_err(), SignError::NothingMine);
}

#[test]
fn amounts_that_cannot_be() {
    let signer = signer(chain("regtest"));
    let mut draft = simple(&signer, AccountKind::Segwit);
    draft.psbt.unsigned_tx.output[0].value = Amount::from_sat(100_001);
    assert_eq!(refused(&signer, &draft.psbt), PsbtError::Overspent { spent: 100_000, out: 100_001 });
    for impossible in [u64::MAX, 21_000_000 * 100_000_000 + 1, 1 << 63] {
        draft.psbt.unsigned_tx.output[0].value = Amount::from_sat(impossible);
        assert_eq!(refused(&signer, &draft.psbt), PsbtError::Amount);
    }
    let mut twice = simple(&signer, AccountKind::Taproot);
    let (input, fields) = (twice.psbt.unsigned_tx.input[0].clone(), twice.psbt.inputs[0].clone());
    twice.psbt.unsigned_tx.input.push(input);
    twice.psbt.inputs.push(fields);
    assert_eq!(refused(&signer, &twice.psbt), PsbtError::DuplicateInput { input: 1 });
    let mut empty = simple(&signer, AccountKind::Taproot);
    empty.psbt.unsigned_tx.output.clear();
    empty.psbt.outputs.clear();
    assert_eq!(refused(&signer, &empty.psbt), PsbtError::Empty);
}

#[test]
fn what_is_odd_is_pointed_out() {
    let signer = signer(chain("regtest"));
    let review = |outputs, value| {
        let draft = draft(&signer, &[(place(AccountKind::Segwit, 0), value)], outputs);
        let review = signer.review(&draft.psbt).unwrap();
        codes(&review).into_iter().map(String::from).collect::<Vec<_>>()
    };
    let stranger = || place(AccountKind::Segwit, 0).script(&other_signer(chain("regtest")));
    assert!(review(vec![pay(stranger(), 100_000)], 105_000).is_empty());
    assert_eq!(review(vec![pay(stranger(), 100_000)], 105_001), ["high_fee"]);
    assert_eq!(review(vec![pay(stranger(), 10_000_000)], 10_070_000), ["high_feerate"]);
    let own = || place(AccountKind::Segwit, 0).script(&signer);
    assert_eq!(review(vec![pay(own(), 100_000)], 101_000), ["address_reuse"]);
    let twice = vec![pay(stranger(), 50_000), pay(stranger(), 50_000)];
    assert_eq!(review(twice, 101_000), ["address_reuse"]);
    let burned = vec![pay(ScriptBuf::new_op_return([1]), 5), pay(stranger(), 100_000)];
    assert_eq!(review(burned, 101_000), ["burned"]);
    let anybody = ScriptBuf::from_hex("5214751e76e8199196d454941c45d1b3a323f1433bd6").unwrap();
    assert_eq!(review(vec![pay(anybody, 100_000)], 101_000), ["unknown_witness"]);
    assert_eq!(review(vec![pay(ScriptBuf::from_hex("51").unwrap(), 100_000)], 101_000), ["no_address"]);
}

#[test]
fn a_false_signature_is_not_taken_for_one() {
    let signer = signer(chain("regtest"));
    for kind in AccountKind::ALL {
        // The signature of another transaction, put where ours belongs.
        let mut other =
            draft(&signer, &[(place(kind, 0), 100_000)], vec![pay(place(kind, 1).script(&signer), 98_000)]);
        let mut draft = simple(&signer, kind);
        let mut parts = draft.psbt.clone();
        signer.sign(&mut other.psbt).unwrap();
        let done = &other.psbt.inputs[0];
        parts.inputs[0].final_script_sig.clone_from(&done.final_script_sig);
        parts.inputs[0].final_script_witness.clone_from(&done.final_script_witness);
        let finished = finalise(parts).unwrap();
        assert!(finished.tx.is_none(), "{kind:?}: a finished input with another's signature");
        assert_eq!(finished.unfinished.len(), 1);
        // Unfinished, ours replaces what stood there.
        signer.sign(&mut draft.psbt).unwrap();
        accepted(&finalise(draft.psbt).unwrap().tx.unwrap(), &draft.spent).unwrap();
    }
}

#[test]
fn psbts_that_contradict_each_other_are_not_combined() {
    let signer = signer(chain("regtest"));
    let one = simple(&signer, AccountKind::Segwit).psbt;
    let mut other = one.clone();
    other.unsigned_tx.output[0].value -= Amount::ONE_SAT;
    assert_eq!(combine(vec![one.clone(), other]).unwrap_err(), PsbtError::OtherTransaction);
    let mut other = one.clone();
    other.inputs[0].witness_utxo.as_mut().unwrap().value = Amount::from_sat(1);
    assert!(matches!(combine(vec![one.clone(), other]).unwrap_err(), PsbtError::Conflict(_)));
    // What the library itself would stumble over: origins of one key, the shorter not the end of the longer.
    let xpub = signer.master().account_xpub(AccountKind::Segwit, 0).unwrap();
    let origin = |path: &str| (signer.master().fingerprint(), path.parse().unwrap());
    for (a, b) in [("m/1", "m/2/3"), ("m/2/3", "m/1"), ("m", "m/1")] {
        let (mut left, mut right) = (one.clone(), one.clone());
        left.xpub.insert(xpub, origin(a));
        right.xpub.insert(xpub, origin(b));
        assert!(matches!(combine(vec![left, right]).unwrap_err(), PsbtError::Conflict(_)), "{a} {b}");
    }
    // Each alone says something possible, together they do not.
    let mut previous = one.clone();
    previous.inputs[0].witness_utxo = None;
    let mut claimed = one.clone();
    claimed.inputs[0].non_witness_utxo = None;
    claimed.inputs[0].witness_utxo.as_mut().unwrap().value = Amount::from_sat(1);
    assert_eq!(combine(vec![previous, claimed]).unwrap_err(), PsbtError::SpentMismatch { input: 0 });
    assert_eq!(combine(Vec::new()).unwrap_err(), PsbtError::Count(0));
    assert_eq!(combine(vec![one; 101]).unwrap_err(), PsbtError::Count(101));
}

#[test]
fn an_input_spent_elsewhere_is_no_input_of_ours() {
    // The origin is right and the output is not the one that the key pays.
    let signer = signer(chain("regtest"));
    let mut draft = simple(&signer, AccountKind::Segwit);
    let previous = funding(place(AccountKind::Segwit, 1).script(&signer), 100_000, 3);
    draft.psbt.unsigned_tx.input[0].previous_output = OutPoint::new(previous.compute_txid(), 1);
    draft.psbt.inputs[0].witness_utxo = Some(previous.output[1].clone());
    draft.psbt.inputs[0].non_witness_utxo = Some(previous);
    assert_eq!(codes(&signer.review(&draft.psbt).unwrap()), ["false_origin", "nothing_mine"]);
}

#[test]
fn keys_of_another_chain_do_not_sign() {
    // Nothing in a signature says which chain it is for. A PSBT shown on a test chain, made of coins of the main chain:
    let (here, there) = (signer(chain("chaincore")), signer(chain("main")));
    for kind in AccountKind::ALL {
        let mut theirs = simple(&there, kind);
        assert_eq!(
            theirs.psbt.inputs[0].bip32_derivation.len() + theirs.psbt.inputs[0].tap_key_origins.len(),
            1
        );
        assert_eq!(codes(&here.review(&theirs.psbt).unwrap()), ["false_origin", "nothing_mine"]);
        assert_eq!(here.sign(&mut theirs.psbt.clone()).unwrap_err(), SignError::NothingMine);
        assert!(there.sign(&mut theirs.psbt).unwrap().tx.is_some());
        // Nor does change count there.
        let back = change(kind, 0);
        let mut lost = draft(&here, &[(place(kind, 0), 100_000)], vec![pay(back.script(&there), 99_000)]);
        claim(&mut lost, 0, &there, back);
        assert!(!here.review(&lost.psbt).unwrap().outputs[0].mine);
    }
    // Paths that say nothing of a chain are not ours either.
    let xpub = here.master().xpub(&"m/0h/1".parse().unwrap()).unwrap();
    let text = format!("wpkh([{}/0h/1]{xpub}/0/*)", here.master().fingerprint());
    let loose = chaincore_wallet::descriptor::PublicDescriptor::parse(&text, here.chain()).unwrap();
    let mut loose = draft_of(&[loose], 10_000);
    assert_eq!(here.sign(&mut loose.psbt).unwrap_err(), SignError::NothingMine);
}
