//! Runs against another engine: under which flags, of which cases, and where a random script is run.

use super::spend::Spend;
use chaincore_consensus::hash::{hash160, sha256};
use chaincore_consensus::script::{Builder, Script, VerifyFlags, op, taproot};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The flags that Core's engine knows as a library: those that are consensus somewhere.
const KNOWN: [VerifyFlags; 7] = [
    VerifyFlags::P2SH,
    VerifyFlags::DERSIG,
    VerifyFlags::NULLDUMMY,
    VerifyFlags::CHECKLOCKTIMEVERIFY,
    VerifyFlags::CHECKSEQUENCEVERIFY,
    VerifyFlags::WITNESS,
    VerifyFlags::TAPROOT,
];

/// Sets of the flags known, with what they need; often all.
pub fn flags() -> impl Strategy<Value = VerifyFlags> {
    let some = any::<u8>().prop_map(|bits| {
        let set = KNOWN.iter().enumerate().filter(|(at, _)| bits >> at & 1 != 0);
        let flags = set.fold(VerifyFlags::NONE, |flags, (_, flag)| flags | *flag);
        if flags.contains(VerifyFlags::WITNESS) { flags | VerifyFlags::P2SH } else { flags }
    });
    prop_oneof![1 => Just(VerifyFlags::MANDATORY), 1 => some]
}

/// Runs the same cases every time; more of them if `PROPTEST_CASES` asks for more.
pub fn for_each<S: Strategy>(cases: u32, strategy: S, mut test: impl FnMut(S::Value)) {
    let config = Config::default();
    let config = Config { cases: cases.max(config.cases), failure_persistence: None, ..config };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let test = std::cell::RefCell::new(&mut test);
    runner
        .run(&strategy, |value| {
            (test.borrow_mut())(value);
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

/// A place to run a random script.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Bare,
    P2sh,
    P2wsh,
    P2shP2wsh,
    Tapscript,
}

/// Makes the input spend an output that commits to `script`, with `arguments` for it.
pub fn place(spend: &mut Spend, place: Place, script: &Script, arguments: Script, annex: bool) {
    let p2sh = |script: &[u8]| {
        Builder::new().op(op::OP_HASH160).push_data(&hash160(script)).op(op::OP_EQUAL).into_script()
    };
    let p2wsh = Builder::new().push_int(0).push_data(&sha256(script)).into_script();
    let mut witness: Vec<Vec<u8>> =
        arguments.instructions().filter_map(|i| Some(i.ok()?.data?.to_vec())).collect();
    let (mut script_sig, script_pubkey);
    script_sig = Script::new();
    match place {
        Place::Bare => {
            (script_sig, script_pubkey) = (arguments, script.clone());
            witness.clear();
        }
        Place::P2sh => {
            script_sig = Script([&arguments[..], &Builder::new().push_data(script).into_script()].concat());
            script_pubkey = p2sh(script);
            witness.clear();
        }
        Place::P2wsh | Place::P2shP2wsh => {
            witness.push(script.0.clone());
            if matches!(place, Place::P2wsh) {
                script_pubkey = p2wsh;
            } else {
                script_sig = Builder::new().push_data(&p2wsh).into_script();
                script_pubkey = p2sh(&p2wsh);
            }
        }
        Place::Tapscript => {
            let internal_key = sha256(b"chaincore");
            let internal_key = (0..=255u8).find_map(|first| {
                let mut key = internal_key;
                key[0] = first;
                taproot::output_key(&key, None).map(|_| key)
            });
            let internal_key = internal_key.expect("half of all numbers are keys");
            let leaf = taproot::leaf_hash(taproot::LEAF_TAPSCRIPT, script);
            let (key, odd) = taproot::output_key(&internal_key, Some(&leaf)).unwrap();
            script_pubkey = Builder::new().push_int(1).push_data(&key).into_script();
            witness.push(script.0.clone());
            witness.push([&[taproot::LEAF_TAPSCRIPT | u8::from(odd)][..], &internal_key].concat());
            if annex {
                witness.push(vec![taproot::ANNEX_TAG; 70]);
            }
        }
    }
    spend.tx.inputs[spend.input].script_sig = script_sig;
    spend.tx.inputs[spend.input].witness = witness;
    spend.spent[spend.input].script_pubkey = script_pubkey;
}

/// Any of them.
pub fn places() -> impl Strategy<Value = Place> {
    prop::sample::select(vec![Place::Bare, Place::P2sh, Place::P2wsh, Place::P2shP2wsh, Place::Tapscript])
}
