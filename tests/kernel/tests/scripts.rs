//! The interpreter against the one of Bitcoin Core 31: the same verdict on random scripts, on spends of every kind
//! with true signatures, and on spoiled ones.

#[path = "../../../node/consensus/tests/generate/mod.rs"]
mod generate;

use bitcoinkernel::{
    KernelError, PrecomputedTransactionData, ScriptPubkey, ScriptVerifyError,
    Transaction as KernelTransaction, TxOut as KernelOutput, verify,
};
use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::script::{ScriptError, VerifyFlags, verify_input};
use chaincore_consensus::sighash::PrecomputedTx;
use chaincore_consensus::{Transaction, TxOut};
use generate::runs::{flags, for_each, place, places};
use generate::spend::{Spend, change, plan};
use proptest::collection::vec;
use proptest::prelude::*;

/// Core's verdict.
fn core(spend: &Spend, flags: VerifyFlags) -> bool {
    let tx = KernelTransaction::new(&spend.tx.to_bytes()).expect("our bytes are a transaction");
    let output = |output: &TxOut| {
        let script = ScriptPubkey::new(&output.script_pubkey).expect("any bytes are a script");
        KernelOutput::new(&script, output.value.sat())
    };
    let spent: Vec<KernelOutput> = spend.spent.iter().map(output).collect();
    let data = PrecomputedTransactionData::new(&tx, &spent).expect("one output per input");
    let output = &spend.spent[spend.input];
    let script = ScriptPubkey::new(&output.script_pubkey).expect("any bytes are a script");
    match verify(&script, Some(output.value.sat()), &tx, spend.input, Some(flags.0), &data) {
        Ok(()) => true,
        Err(KernelError::ScriptVerify(ScriptVerifyError::Invalid)) => false,
        Err(error) => panic!("{error}: {spend:?}"),
    }
}

fn ours(spend: &Spend, flags: VerifyFlags) -> Result<(), ScriptError> {
    let pre = PrecomputedTx::new(&spend.tx, &spend.spent);
    verify_input(&spend.tx, spend.input, &spend.spent, &pre, flags, None)
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
    for_each(6000, cases, |((tx, spent, input), at, arguments, script, annex, flags)| {
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
fn signed_and_spoiled_spends_get_the_same_verdict() {
    let (mut runs, mut valid, mut untouched) = (0, 0, 0);
    let cases = (generate::transaction_and_spent(), plan(), vec(change(), 0..3), flags());
    for_each(8000, cases, |((tx, spent, input), plan, changes, flags)| {
        let mut spend = Spend::build(tx, spent, input, plan);
        changes.iter().for_each(|change| spend.change(change));
        // Without outputs or with a witness in no input the bytes are another transaction's.
        if Transaction::decode_exact(&spend.tx.to_bytes()).as_ref() != Ok(&spend.tx) {
            return;
        }
        let verdict = ours(&spend, flags);
        let case = format_args!("{verdict:?} {plan:?} {changes:?} {flags:?} {spend:?}").to_string();
        assert_eq!(core(&spend, flags), verdict.is_ok(), "{case}");
        runs += 1;
        valid += usize::from(verdict.is_ok());
        untouched += usize::from(changes.is_empty() && verdict.is_ok());
    });
    println!("spends: {runs} runs, {valid} valid, {untouched} of them as signed, all as Core");
    assert!(untouched > runs / 10 && valid < runs);
}
