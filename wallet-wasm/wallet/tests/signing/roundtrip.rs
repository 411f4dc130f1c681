//! What is signed is accepted; what is reviewed is what is signed.

use crate::coins::*;
use bitcoin::ScriptBuf;
use chaincore_wallet::chain::Chain;
use chaincore_wallet::descriptor::{PublicDescriptor, Watched};
use chaincore_wallet::keys::AccountKind;
use chaincore_wallet::psbt::review::OutputKind;
use chaincore_wallet::psbt::{combine, finalise, from_base64, to_base64};
use miniscript::psbt::PsbtInputExt;
use proptest::prelude::*;

fn chains() -> Vec<Chain> {
    vec![chain("main"), chain("regtest"), chain("chaincore"), custom_chain()]
}

#[test]
fn each_kind_is_accepted_on_each_chain() {
    for chain in chains() {
        let signer = signer(chain.clone());
        let stranger = place(AccountKind::Taproot, 0).script(&other_signer(chain));
        for kind in AccountKind::ALL {
            let back = change(kind, 3);
            let outputs = vec![pay(stranger.clone(), 400_000), pay(back.script(&signer), 590_000)];
            let mut draft = draft(&signer, &[(place(kind, 5), 1_000_000)], outputs);
            claim(&mut draft, 1, &signer, back);

            let before = signer.review(&draft.psbt).unwrap();
            let signed = signer.sign(&mut draft.psbt).unwrap();
            let tx = signed.tx.unwrap();
            accepted(&tx, &draft.spent).unwrap_or_else(|error| panic!("{kind:?}: {error}"));

            assert!(!before.complete && signed.review.complete);
            assert_eq!((before.fee, signed.review.fee, signed.signatures), (10_000, 10_000, 1), "{kind:?}");
            assert_eq!(before.net, 410_000);
            assert!(before.inputs[0].mine && !before.inputs[0].signed);
            assert_eq!(before.outputs[0].kind, OutputKind::Payment);
            assert_eq!(before.outputs[1].kind, OutputKind::Change, "{kind:?}");
            assert!(before.warnings.is_empty(), "{kind:?} {:?}", before.warnings);
            // The size said before is an upper bound, and a good one: signatures are at most two bytes shorter.
            let vsize = tx.vsize() as u64;
            assert!((vsize..=vsize + 2).contains(&before.vsize), "{kind:?} {} {vsize}", before.vsize);
            assert_eq!(signed.review.vsize, vsize);
            assert_eq!(before.txid_final, kind != AccountKind::Legacy, "{kind:?}");
            if before.txid_final {
                assert_eq!(before.txid, tx.compute_txid().to_string(), "{kind:?}");
            }
            assert_eq!(signed.review.txid, tx.compute_txid().to_string());
        }
    }
}

#[test]
fn an_account_watched_by_its_bare_key_is_signed_for() {
    let chain = chain("regtest");
    let signer = signer(chain.clone());
    for kind in AccountKind::ALL {
        let keys = signer.account(kind, 2).unwrap();
        // The key alone has no origin, so a PSBT made from it names the account's own fingerprint.
        let watched = Watched::parse(&keys.xpub, Some(kind), &chain).unwrap();
        let own = Place { kind, account: 2, change: false, index: 9 };
        let mut draft = draft(&signer, &[(own, 50_000)], vec![pay(ScriptBuf::new_op_return([1, 2]), 0)]);
        let fields = &mut draft.psbt.inputs[0];
        fields.bip32_derivation.clear();
        fields.tap_key_origins.clear();
        fields.update_with_descriptor_unchecked(&watched.receive.at(9).unwrap()).unwrap();
        let named =
            fields.bip32_derivation.values().chain(fields.tap_key_origins.values().map(|(_, source)| source));
        assert!(named.clone().count() == 1 && named.clone().all(|(_, path)| path.len() == 2), "{kind:?}");

        let signed = signer.sign(&mut draft.psbt).unwrap();
        assert_eq!(
            signed.review.inputs[0].path.as_deref(),
            Some(&*format!("m/{}'/1'/2'/0/9", kind.purpose()))
        );
        accepted(&signed.tx.unwrap(), &draft.spent).unwrap();
    }
}

#[test]
fn two_wallets_sign_one_transaction_apart() {
    let chain = chain("regtest");
    let (ours, theirs) = (signer(chain.clone()), other_signer(chain));
    let mut draft_ours = draft(
        &ours,
        &[(place(AccountKind::Segwit, 0), 70_000)],
        vec![pay(place(AccountKind::Taproot, 1).script(&theirs), 90_000)],
    );
    let draft_theirs = draft(&theirs, &[(place(AccountKind::Taproot, 0), 30_000)], vec![]);
    // One transaction with an input of each.
    let psbt = &mut draft_ours.psbt;
    psbt.unsigned_tx.input.extend(draft_theirs.psbt.unsigned_tx.input.clone());
    psbt.inputs.extend(draft_theirs.psbt.inputs.clone());
    draft_ours.spent.extend(draft_theirs.spent);

    // What the other side says of its amount is not proven here; the taproot signature would commit to it, but it is theirs.
    let mut claimed = psbt.clone();
    claimed.inputs[1].non_witness_utxo = None;
    assert_eq!(codes(&ours.review(&claimed).unwrap()), ["foreign_input", "missing_previous", "high_fee"]);
    assert_eq!(codes(&theirs.review(&claimed).unwrap()), ["foreign_input", "high_fee"]);

    let (mut one, mut two) = (psbt.clone(), psbt.clone());
    let by_us = ours.sign(&mut one).unwrap();
    let by_them = theirs.sign(&mut two).unwrap();
    assert!(by_us.tx.is_none() && by_them.tx.is_none());
    assert_eq!(codes(&by_us.review), ["foreign_input", "high_fee"]);
    assert!(finalise(one.clone()).unwrap().unfinished.iter().map(|left| left.input).eq([1]));
    for parts in [vec![one.clone(), two.clone()], vec![two, one, draft_ours.psbt.clone()]] {
        let done = finalise(combine(parts).unwrap()).unwrap();
        accepted(&done.tx.unwrap(), &draft_ours.spent).unwrap();
    }
    // Who signs last finishes.
    ours.sign(&mut draft_ours.psbt).unwrap();
    let last = theirs.sign(&mut draft_ours.psbt).unwrap();
    accepted(&last.tx.unwrap(), &draft_ours.spent).unwrap();
}

#[test]
fn scripts_of_several_keys_and_bare_ones() {
    let chain = chain("regtest");
    let (ours, theirs) = (signer(chain.clone()), other_signer(chain.clone()));
    let key = |signer: &chaincore_wallet::signer::Signer| {
        let receive = signer.account(AccountKind::Segwit, 7).unwrap().receive;
        receive.strip_prefix("wpkh(").unwrap().split_once(')').unwrap().0.to_string()
    };
    let (a, b) = (key(&ours), key(&theirs));
    let lone = "03a34b99f22c790c4e36b2b3c2c35a36db06226e41c692fc82b8b56ac1c540c5bd";
    let read = |text: String| PublicDescriptor::parse(&text, &chain).unwrap();
    let both: Vec<_> = [
        format!("wsh(sortedmulti(2,{a},{b}))"),
        format!("sh(wsh(multi(2,{a},{b},{lone})))"),
        format!("sh(multi(2,{b},{lone},{a}))"),
    ]
    .map(read)
    .into();
    let mut draft = draft_of(&both, 10_000);
    let before = ours.review(&draft.psbt).unwrap();
    assert!(before.inputs.iter().all(|input| input.shared && !input.mine), "{before:?}");
    assert!(codes(&before).contains(&"shared_input"));
    let once = ours.sign(&mut draft.psbt).unwrap();
    assert!(once.tx.is_none() && once.signatures == 3);
    let waiting = finalise(draft.psbt.clone()).unwrap().unfinished;
    assert!(waiting.iter().all(|left| left.reason == "1 of 2 signatures are missing"), "{waiting:?}");
    let tx = theirs.sign(&mut draft.psbt).unwrap().tx.unwrap();
    accepted(&tx, &draft.spent).unwrap();
    // At most as large as was said, and about.
    let vsize = tx.vsize() as u64;
    assert!((vsize..=vsize + 16).contains(&before.vsize), "{} {vsize}", before.vsize);

    // One key alone, in all the ways that there are.
    let alone: Vec<_> = [
        "pk(K)",
        "sh(pk(K))",
        "sh(pkh(K))",
        "wsh(pk(K))",
        "wsh(pkh(K))",
        "sh(wsh(pkh(K)))",
        "wsh(multi(1,K))",
    ]
    .map(|text| read(text.replace('K', &a)))
    .into();
    for descriptor in alone {
        let mut draft = draft_of(std::slice::from_ref(&descriptor), 10_000);
        let signed = ours.sign(&mut draft.psbt);
        if descriptor.to_string().starts_with("pk(") || descriptor.to_string().contains("pkh(") {
            // A bare key's script has no address that a wallet would be paid at, and a key's hash inside another
            // script names no key: neither is signed here.
            assert!(signed.is_err(), "{descriptor}");
        } else {
            accepted(&signed.unwrap().tx.unwrap(), &draft.spent)
                .unwrap_or_else(|error| panic!("{descriptor}: {error}"));
        }
    }
}

#[test]
fn a_hundred_inputs() {
    let signer = signer(chain("chaincore"));
    let inputs: Vec<_> =
        (0..100).map(|index| (place(AccountKind::ALL[index as usize % 4], index), 10_000)).collect();
    let mut draft =
        draft(&signer, &inputs, vec![pay(place(AccountKind::Segwit, 0).script(&signer), 900_000)]);
    let signed = signer.sign(&mut draft.psbt).unwrap();
    assert_eq!(signed.signatures, 100);
    accepted(&signed.tx.unwrap(), &draft.spent).unwrap();
}

prop_compose! {
    fn any_place()(kind in 0..4_usize, account in 0..3_u32, change in any::<bool>(), index in 0..100_000_u32) -> Place {
        Place { kind: AccountKind::ALL[kind], account, change, index }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever mix of own inputs is signed, Core's engine accepts it, the fee is what was said, and exactly the change
    /// that is claimed truly is taken for change.
    #[test]
    fn signed_and_finished_always_verifies(
        inputs in prop::collection::vec((any_place(), 10_000..50_000_000_u64), 1..5),
        outputs in prop::collection::vec((any_place(), any::<bool>()), 1..4),
        fee in 200..5_000_u64,
    ) {
        let signer = signer(chain("regtest"));
        let total: u64 = inputs.iter().map(|(_, value)| value).sum();
        let share = (total - fee) / outputs.len() as u64;
        let mut txouts: Vec<_> =
            outputs.iter().map(|(place, _)| pay(place.script(&signer), share)).collect();
        txouts[0].value += bitcoin::Amount::from_sat(total - fee - share * outputs.len() as u64);
        let mut draft = draft(&signer, &inputs, txouts);
        for (index, (place, claimed)) in outputs.iter().enumerate() {
            if *claimed {
                claim(&mut draft, index, &signer, *place);
            }
        }
        let unsigned = draft.psbt.clone();
        let signed = signer.sign(&mut draft.psbt).unwrap();
        let tx = signed.tx.unwrap();
        prop_assert_eq!(accepted(&tx, &draft.spent), Ok(()));
        prop_assert_eq!(signed.review.fee, fee);
        prop_assert_eq!(signed.review.vsize, tx.vsize() as u64);
        for ((place, claimed), review) in outputs.iter().zip(&signed.review.outputs) {
            prop_assert_eq!(review.mine, *claimed);
            prop_assert_eq!(review.kind == OutputKind::Change, *claimed && place.change);
        }
        // Through text and back nothing is lost.
        prop_assert_eq!(from_base64(&to_base64(&unsigned)).unwrap(), unsigned);
    }

    /// Parts of one PSBT combine to the same whole in any order, twice the same part included.
    #[test]
    fn the_order_of_combining_does_not_matter(seed in any::<u64>(), parts in 2..5_usize) {
        let signer = signer(chain("regtest"));
        let inputs: Vec<_> = (0..4).map(|index| (place(AccountKind::ALL[index], index as u32), 10_000)).collect();
        let draft = draft(&signer, &inputs, vec![pay(ScriptBuf::new_op_return([9]), 0)]);
        // Each part is signed anew (two taproot signatures of one key differ) and lacks some signatures.
        let mut all = Vec::new();
        for part in 0..parts {
            let mut psbt = draft.psbt.clone();
            for (index, fields) in psbt.inputs.iter_mut().enumerate() {
                if (seed >> (part * 4 + index)) & 1 == 1 {
                    fields.bip32_derivation.clear();
                    fields.tap_key_origins.clear();
                }
            }
            if signer.sign(&mut psbt).is_ok() {
                psbt.inputs.iter_mut().zip(&draft.psbt.inputs).for_each(|(fields, whole)| {
                    fields.bip32_derivation.clone_from(&whole.bip32_derivation);
                    fields.tap_key_origins.clone_from(&whole.tap_key_origins);
                });
            }
            all.push(psbt);
        }
        all.push(draft.psbt.clone());
        let whole = combine(all.clone()).unwrap();
        all.rotate_left(seed as usize % parts);
        all.push(all[0].clone());
        prop_assert_eq!(&combine(all.clone()).unwrap(), &whole);
        all.reverse();
        prop_assert_eq!(&combine(all).unwrap(), &whole);
    }
}
