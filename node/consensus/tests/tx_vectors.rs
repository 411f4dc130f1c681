//! Core's `tx_valid.json` and `tx_invalid.json`, with the checks on flags that Core makes of them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod vectors;

use chaincore_consensus::TxOut;
use chaincore_consensus::check::check_transaction;
use chaincore_consensus::script::{ScriptError, VerifyFlags, verify_script};
use chaincore_consensus::sighash::{PrecomputedTx, TxChecker};
use vectors::{Numbers, TxCase, tx_cases};

/// Drops flags that need another one that is missing.
fn trimmed(mut flags: VerifyFlags) -> VerifyFlags {
    if !flags.contains(VerifyFlags::P2SH) {
        flags = flags.without(VerifyFlags::WITNESS);
    }
    if !flags.contains(VerifyFlags::WITNESS) {
        flags = flags.without(VerifyFlags::CLEANSTACK);
    }
    flags
}

/// Adds the flags that others need.
fn filled(mut flags: VerifyFlags) -> VerifyFlags {
    if flags.contains(VerifyFlags::CLEANSTACK) {
        flags |= VerifyFlags::WITNESS;
    }
    if flags.contains(VerifyFlags::WITNESS) {
        flags |= VerifyFlags::P2SH;
    }
    flags
}

struct Subject {
    case: TxCase,
    spent: Vec<TxOut>,
    pre: PrecomputedTx,
}

impl Subject {
    fn new(case: TxCase) -> Self {
        let spent = case.spent();
        let pre = PrecomputedTx::new(&case.tx, &spent);
        Self { case, spent, pre }
    }

    /// The verdict on all inputs.
    fn verify(&self, flags: VerifyFlags) -> Result<(), ScriptError> {
        self.case.tx.inputs.iter().zip(&self.spent).enumerate().try_for_each(|(at, (input, output))| {
            let checker = TxChecker::new(&self.case.tx, at, &self.spent, &self.pre);
            verify_script(&input.script_sig, &output.script_pubkey, &input.witness, flags, &checker)
        })
    }
}

#[test]
fn tx_valid() {
    let cases = tx_cases("tx_valid.json");
    let count = cases.len();
    let mut numbers = Numbers(2);
    let mut runs = 0;
    for case in cases {
        check_transaction(&case.tx).unwrap_or_else(|reason| panic!("{reason}: {}", case.text));
        let subject = Subject::new(case);
        let text = &subject.case.text;
        let excluded = VerifyFlags::from_names(&subject.case.flags).unwrap();
        assert_eq!(!excluded, filled(!excluded), "flags of {text}");
        assert_eq!(subject.verify(!excluded), Ok(()), "{text}");
        for (name, flag) in VerifyFlags::NAMED {
            let without = trimmed(!(excluded | *flag));
            assert_eq!(subject.verify(without), Ok(()), "without {name}: {text}");
            let random = trimmed(!(excluded | VerifyFlags(numbers.next() as u32) & VerifyFlags::ALL));
            assert_eq!(subject.verify(random), Ok(()), "under {random:?}: {text}");
            // The case names no flag that it does not break.
            let fewer = trimmed(excluded.without(*flag));
            if fewer != excluded {
                assert!(subject.verify(!fewer).is_err(), "{name} is not broken by {text}");
            }
            runs += 2;
        }
    }
    println!("tx_valid.json: {count} cases, 0 failures, {runs} runs with other flags");
    assert_eq!(count, 121);
}

#[test]
fn tx_invalid() {
    let cases = tx_cases("tx_invalid.json");
    let count = cases.len();
    let mut numbers = Numbers(3);
    let (mut malformed, mut runs) = (0, 0);
    for case in cases {
        if let Err(reason) = check_transaction(&case.tx) {
            assert_eq!(case.flags, "BADTX", "{reason}: {}", case.text);
            malformed += 1;
            continue;
        }
        let subject = Subject::new(case);
        let text = &subject.case.text;
        let flags = VerifyFlags::from_names(&subject.case.flags).unwrap();
        assert_eq!(flags, filled(flags), "flags of {text}");
        assert!(subject.verify(flags).is_err(), "{text}");
        for (name, flag) in VerifyFlags::NAMED {
            assert!(subject.verify(filled(flags | *flag)).is_err(), "with {name}: {text}");
            let random = filled(flags | VerifyFlags(numbers.next() as u32) & VerifyFlags::ALL);
            assert!(subject.verify(random).is_err(), "under {random:?}: {text}");
            runs += 2;
        }
    }
    println!(
        "tx_invalid.json: {count} cases ({malformed} malformed), 0 failures, {runs} runs with other flags"
    );
    assert_eq!((count, malformed), (93, 9));
}
