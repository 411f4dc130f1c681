//! Core's `script_tests.json`: scripts, flags and the exact error.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod vectors;

use chaincore_consensus::script::{
    self, Builder, Script, ScriptError, VerifyFlags, op, taproot, verify_script,
};
use chaincore_consensus::sighash::{PrecomputedTx, TxChecker};
use chaincore_consensus::{Amount, OutPoint, Transaction, TxIn, TxOut};
use serde_json::Value;
use vectors::Numbers;

/// The x coordinate of the key that the vectors use where they ask for a taproot output: that of the secret key 1.
const INTERNAL_KEY: &str = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798";

struct Case {
    script_sig: Script,
    script_pubkey: Script,
    witness: Vec<Vec<u8>>,
    amount: Amount,
    flags: VerifyFlags,
    error: String,
}

/// Reads the witness, filling in the parts that a case leaves to the reader, and the output script for those.
fn witness(items: &[Value]) -> (Vec<Vec<u8>>, Option<Script>) {
    let internal_key: [u8; 32] = chaincore_consensus::hex::decode(INTERNAL_KEY).unwrap().try_into().unwrap();
    let mut stack: Vec<Vec<u8>> = Vec::new();
    let mut output = None;
    for item in items {
        let text = item.as_str().unwrap();
        if let Some(script) = text.strip_prefix("#SCRIPT#") {
            stack.push(vectors::script(script).0);
        } else if text == "#CONTROLBLOCK#" {
            let leaf = taproot::leaf_hash(taproot::LEAF_TAPSCRIPT, stack.last().unwrap());
            let (key, odd) = taproot::output_key(&internal_key, Some(&leaf)).unwrap();
            stack.push([&[taproot::LEAF_TAPSCRIPT | u8::from(odd)][..], &internal_key].concat());
            output = Some(Builder::new().op(op::OP_1).push_data(&key).into_script());
        } else {
            stack.push(vectors::bytes(item));
        }
    }
    (stack, output)
}

/// `None` for a comment.
fn case(row: &Value) -> Option<Case> {
    let mut fields = row.as_array().unwrap().as_slice();
    let (mut witness_stack, mut output, mut amount) = (Vec::new(), None, Amount::ZERO);
    if let [Value::Array(items), rest @ ..] = fields {
        let (value, items) = items.split_last().unwrap();
        (witness_stack, output) = witness(items);
        amount = Amount::from_coins_text(&value.to_string()).unwrap();
        fields = rest;
    }
    let [script_sig, script_pubkey, flags, error, ..] = fields else {
        assert_eq!(fields.len(), 1, "{row}");
        return None;
    };
    let script_pubkey = script_pubkey.as_str().unwrap();
    Some(Case {
        script_sig: vectors::script(script_sig.as_str().unwrap()),
        script_pubkey: match script_pubkey {
            "0x51 0x20 #TAPROOTOUTPUT#" => output.expect("a control block came before"),
            text => vectors::script(text),
        },
        witness: witness_stack,
        amount,
        flags: VerifyFlags::from_names(flags.as_str().unwrap()).unwrap(),
        error: error.as_str().unwrap().into(),
    })
}

/// The transaction that spends an output of `crediting`, which has `case`'s script.
fn spending(case: &Case) -> (Transaction, TxOut) {
    let output = TxOut { value: case.amount, script_pubkey: case.script_pubkey.clone() };
    let input = |previous_output, script_sig, witness| TxIn {
        previous_output,
        script_sig,
        sequence: TxIn::SEQUENCE_FINAL,
        witness,
    };
    let nulls = Builder::new().push_int(0).push_int(0).into_script();
    let crediting = Transaction {
        version: 1,
        inputs: vec![input(OutPoint::NULL, nulls, vec![])],
        outputs: vec![output.clone()],
        lock_time: 0,
    };
    let previous_output = OutPoint { txid: crediting.compute_txid(), vout: 0 };
    let tx = Transaction {
        version: 1,
        inputs: vec![input(previous_output, case.script_sig.clone(), case.witness.clone())],
        outputs: vec![TxOut { value: case.amount, script_pubkey: Script::new() }],
        lock_time: 0,
    };
    (tx, output)
}

fn is_combination(flags: VerifyFlags) -> bool {
    let needs = |flag: VerifyFlags, needed: VerifyFlags| !flags.contains(flag) || flags.contains(needed);
    needs(VerifyFlags::CLEANSTACK, VerifyFlags::P2SH | VerifyFlags::WITNESS)
        && needs(VerifyFlags::WITNESS, VerifyFlags::P2SH)
}

#[test]
fn script_tests() {
    let rows = vectors::load("script_tests.json");
    let mut numbers = Numbers(1);
    let (mut cases, mut comments, mut other_flags, mut failures) = (0, 0, 0, Vec::new());
    for row in rows.as_array().unwrap() {
        let Some(case) = case(row) else {
            comments += 1;
            continue;
        };
        cases += 1;
        let (tx, output) = spending(&case);
        let spent = [output];
        let pre = PrecomputedTx::new(&tx, &spent);
        let verify = |flags| {
            let checker = TxChecker::new(&tx, 0, &spent, &pre);
            verify_script(&case.script_sig, &case.script_pubkey, &case.witness, flags, &checker)
        };
        let mut flags = case.flags;
        if flags.contains(VerifyFlags::CLEANSTACK) {
            flags |= VerifyFlags::P2SH | VerifyFlags::WITNESS;
        }
        let verdict = verify(flags);
        if verdict.map_or_else(ScriptError::name, |()| "OK") != case.error {
            failures.push(format!("{verdict:?}: {row}"));
        }
        // Flags are soft forks: fewer of them keep a valid script valid, more keep an invalid one invalid.
        for _ in 0..256 {
            let extra = VerifyFlags(numbers.next() as u32) & VerifyFlags::ALL;
            let other = if verdict.is_ok() { flags.without(extra) } else { flags | extra };
            if is_combination(other) {
                other_flags += 1;
                if verify(other).is_ok() != verdict.is_ok() {
                    failures.push(format!("with {other:?}: {row}"));
                }
            }
        }
        assert_eq!(script::verify_input(&tx, 0, &spent, &pre, flags, None), verdict);
    }
    println!(
        "script_tests.json: {} rows, {cases} cases, {comments} comments, {other_flags} runs with other flags, {} failures",
        rows.as_array().unwrap().len(),
        failures.len()
    );
    assert!(failures.is_empty(), "{failures:#?}");
    assert_eq!(cases + comments, rows.as_array().unwrap().len());
    assert_eq!(cases, 1222);
    assert!(other_flags > 100_000);
}
