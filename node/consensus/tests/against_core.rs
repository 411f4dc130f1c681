//! The interpreter against Bitcoin Core's own, as `libbitcoinconsensus` has it: the same verdict on random scripts,
//! on spends with true signatures and on spoiled ones, under any of the flags that the library knows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod generate;

use bitcoinconsensus::{Error, Utxo, verify_with_flags};
use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::script::{ScriptError, VerifyFlags, verify_input};
use chaincore_consensus::sigcache::SignatureCache;
use chaincore_consensus::sighash::PrecomputedTx;
use chaincore_consensus::{Transaction, TxOut};
use generate::runs::{flags, for_each, place, places};
use generate::spend::{Change, Form, Spend, change, plan};
use proptest::collection::vec;
use proptest::prelude::*;

/// Core's verdict.
fn core(spend: &Spend, flags: VerifyFlags) -> bool {
    let utxo = |output: &TxOut| Utxo {
        script_pubkey: output.script_pubkey.as_ptr(),
        script_pubkey_len: u32::try_from(output.script_pubkey.len()).unwrap(),
        value: output.value.0,
    };
    let utxos: Vec<Utxo> = spend.spent.iter().map(utxo).collect();
    let output = &spend.spent[spend.input];
    let value = u64::try_from(output.value.0).unwrap();
    let tx = spend.tx.to_bytes();
    match verify_with_flags(&output.script_pubkey, value, &tx, Some(&utxos), spend.input, flags.0) {
        Ok(()) => true,
        Err(Error::ERR_SCRIPT) => false,
        Err(error) => panic!("{error}: {spend:?}"),
    }
}

/// Ours, without and with a cache that has seen it.
fn ours(spend: &Spend, flags: VerifyFlags) -> Result<(), ScriptError> {
    let pre = PrecomputedTx::new(&spend.tx, &spend.spent);
    let cache = SignatureCache::new(1 << 12, [1; 32]);
    let verify = |cache| verify_input(&spend.tx, spend.input, &spend.spent, &pre, flags, cache);
    let verdict = verify(None);
    assert_eq!(verify(Some(&cache)), verdict);
    assert_eq!(verify(Some(&cache)), verdict);
    verdict
}

#[test]
fn random_scripts_get_the_same_verdict() {
    let (mut runs, mut valid) = (0, 0);
    let cases = (
        generate::transaction_and_spent(),
        places(),
        generate::pushes(8),
        generate::script(16),
        any::<bool>(),
        flags(),
    );
    for_each(8000, cases, |((tx, spent, input), at, arguments, script, annex, flags)| {
        let mut spend = Spend { tx, spent, input };
        place(&mut spend, at, &script, arguments, annex);
        let verdict = ours(&spend, flags);
        assert_eq!(core(&spend, flags), verdict.is_ok(), "{verdict:?} {at:?} {flags:?} {spend:?}");
        runs += 1;
        valid += usize::from(verdict.is_ok());
    });
    println!("random scripts: {runs} runs, {valid} valid, all as Core");
    assert!(valid > runs / 50 && valid < runs, "{valid} of {runs}");
}

#[test]
fn signed_spends_get_the_same_verdict() {
    let (mut runs, mut valid, mut plain) = (0, 0, 0);
    let cases = (generate::transaction_and_spent(), plan(), flags());
    for_each(3000, cases, |((tx, spent, input), plan, flags)| {
        let spend = Spend::build(tx, spent, input, plan);
        let verdict = ours(&spend, flags);
        assert_eq!(core(&spend, flags), verdict.is_ok(), "{verdict:?} {plan:?} {flags:?} {spend:?}");
        runs += 1;
        valid += usize::from(verdict.is_ok());
        // The signatures are ours: what we sign as it should be must hold, whatever the flags.
        let known_type = plan.hash_type & !0x80 == 1 || plan.hash_type & !0x80 == 2;
        if known_type && plan.forms.iter().all(|form| matches!(form, Form::Plain)) {
            assert_eq!(verdict, Ok(()), "{plan:?} {flags:?} {spend:?}");
            plain += 1;
        }
    });
    println!("signed spends: {runs} runs, {valid} valid, {plain} of them plain, all as Core");
    assert!(plain > runs / 5 && valid < runs);
}

#[test]
fn spoiled_spends_get_the_same_verdict() {
    let (mut runs, mut valid) = (0, 0);
    let cases = (generate::transaction_and_spent(), plan(), vec(change(), 1..3), flags());
    for_each(6000, cases, |((tx, spent, input), plan, changes, flags)| {
        let mut spend = Spend::build(tx, spent, input, plan);
        changes.iter().for_each(|change: &Change| spend.change(change));
        // Without outputs or with a witness in no input the bytes are another transaction's.
        if Transaction::decode_exact(&spend.tx.to_bytes()).as_ref() != Ok(&spend.tx) {
            return;
        }
        let verdict = ours(&spend, flags);
        assert_eq!(
            core(&spend, flags),
            verdict.is_ok(),
            "{verdict:?} {plan:?} {changes:?} {flags:?} {spend:?}"
        );
        runs += 1;
        valid += usize::from(verdict.is_ok());
    });
    println!("spoiled spends: {runs} runs, {valid} valid, all as Core");
    assert!(runs > 5000 && valid > 0 && valid < runs);
}

/// Spent outputs that do not fit are refused and do not panic.
#[test]
fn missing_spent_outputs_are_refused() {
    let cases = (generate::transaction_and_spent(), plan());
    for_each(50, cases, |((tx, spent, input), plan)| {
        let spend = Spend::build(tx, spent, input, plan);
        let pre = PrecomputedTx::new(&spend.tx, &[]);
        let verdict = verify_input(&spend.tx, spend.input, &[], &pre, VerifyFlags::MANDATORY, None);
        assert_eq!(verdict, Err(ScriptError::Unknown));
        let beyond = spend.tx.inputs.len();
        assert!(verify_input(&spend.tx, beyond, &spend.spent, &pre, VerifyFlags::MANDATORY, None).is_err());
    });
}
