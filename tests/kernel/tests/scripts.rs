//! The interpreter against the one of Bitcoin Core 31: the same verdict on random scripts, on spends of every kind
//! with true signatures, and on spoiled ones.

#[path = "../../../node/consensus/tests/generate/mod.rs"]
mod generate;

use bitcoinkernel::{
    KernelError, PrecomputedTransactionData, ScriptPubkey, ScriptVerifyError,
    Transaction as KernelTransaction, TxOut as KernelOutput, verify,
};
use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::hash::sha256;
use chaincore_consensus::script::{Builder, ScriptError, VerifyFlags, verify_input};
use chaincore_consensus::sighash::PrecomputedTx;
use chaincore_consensus::{Transaction, TxOut};
use generate::spend::{Spend, change, plan};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The flags that the kernel knows: those that are consensus somewhere.
const KNOWN: [VerifyFlags; 7] = [
    VerifyFlags::P2SH,
    VerifyFlags::DERSIG,
    VerifyFlags::NULLDUMMY,
    VerifyFlags::CHECKLOCKTIMEVERIFY,
    VerifyFlags::CHECKSEQUENCEVERIFY,
    VerifyFlags::WITNESS,
    VerifyFlags::TAPROOT,
];

/// All of them, or some with what they need.
fn flags() -> impl Strategy<Value = VerifyFlags> {
    let some = any::<u8>().prop_map(|bits| {
        let set = KNOWN.iter().enumerate().filter(|(at, _)| bits >> at & 1 != 0);
        let flags = set.fold(VerifyFlags::NONE, |flags, (_, flag)| flags | *flag);
        if flags.contains(VerifyFlags::WITNESS) { flags | VerifyFlags::P2SH } else { flags }
    });
    prop_oneof![1 => Just(VerifyFlags::MANDATORY), 1 => some]
}

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

/// Runs the same cases every time.
fn for_each<S: Strategy>(cases: u32, strategy: S, test: impl FnMut(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let test = std::cell::RefCell::new(test);
    let result = runner.run(&strategy, |value| {
        (test.borrow_mut())(value);
        Ok(())
    });
    result.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn random_scripts_get_the_same_verdict() {
    let (mut runs, mut valid) = (0, 0);
    let cases = (
        generate::transaction_and_spent(),
        generate::pushes(8),
        generate::script(16),
        any::<bool>(),
        flags(),
    );
    for_each(6000, cases, |((tx, spent, input), arguments, script, segwit, flags)| {
        let mut spend = Spend { tx, spent, input };
        if segwit {
            let items = arguments.instructions().filter_map(|item| Some(item.ok()?.data?.to_vec()));
            spend.tx.inputs[input].witness = items.chain([script.0.clone()]).collect();
            spend.tx.inputs[input].script_sig.0.clear();
            spend.spent[input].script_pubkey =
                Builder::new().push_int(0).push_data(&sha256(&script)).into_script();
        } else {
            spend.tx.inputs[input].witness.clear();
            spend.tx.inputs[input].script_sig = arguments;
            spend.spent[input].script_pubkey = script;
        }
        let verdict = ours(&spend, flags);
        assert_eq!(core(&spend, flags), verdict.is_ok(), "{verdict:?} {flags:?} {spend:?}");
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
