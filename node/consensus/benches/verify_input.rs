//! How long an input takes, by what it spends, beside the bare signature check that is in it.

#![allow(clippy::unwrap_used, reason = "a bench fails by panicking")]
#![allow(missing_docs, reason = "criterion's macros make undocumented functions")]

#[allow(dead_code, reason = "the tests use the rest")]
#[path = "../tests/generate/spend.rs"]
mod spend;

use chaincore_consensus::script::{Script, VerifyFlags, signature, verify_input};
use chaincore_consensus::sigcache::SignatureCache;
use chaincore_consensus::sighash::PrecomputedTx;
use chaincore_consensus::{Amount, OutPoint, Transaction, TxIn, TxOut, Txid};
use criterion::{Criterion, criterion_group, criterion_main};
use secp256k1::{Keypair, Message, SecretKey, ecdsa, schnorr};
use spend::{Ask, Form, Lock, Plan, Spend};
use std::hint::black_box;

fn transaction(inputs: usize) -> (Transaction, Vec<TxOut>) {
    let input = |at: usize| TxIn {
        previous_output: OutPoint { txid: Txid([at as u8; 32]), vout: at as u32 },
        script_sig: Script::new(),
        sequence: TxIn::SEQUENCE_FINAL,
        witness: vec![],
    };
    let output = || TxOut { value: Amount(1000), script_pubkey: Script(vec![0x51; 22]) };
    let tx = Transaction {
        version: 2,
        inputs: (0..inputs).map(input).collect(),
        outputs: vec![output(), output()],
        lock_time: 0,
    };
    (tx, (0..inputs).map(|_| output()).collect())
}

fn spend(lock: Lock, ask: Ask, hash_type: u8, inputs: usize) -> Spend {
    let (tx, spent) = transaction(inputs);
    let plan = Plan { lock, ask, forms: [Form::Plain; 2], hash_type, annex: false };
    Spend::build(tx, spent, inputs / 2, plan)
}

fn inputs(c: &mut Criterion) {
    let mut group = c.benchmark_group("input");
    for (name, spend) in [
        ("p2pkh", spend(Lock::Bare, Ask::KeyHash, 1, 2)),
        ("p2sh 2 of 3", spend(Lock::P2sh, Ask::TwoOfThree, 1, 2)),
        ("p2wpkh", spend(Lock::P2wpkh, Ask::KeyHash, 1, 2)),
        ("p2wsh 2 of 3", spend(Lock::P2wsh, Ask::TwoOfThree, 1, 2)),
        ("p2tr key", spend(Lock::KeyPath, Ask::Key, 0, 2)),
        ("p2tr script", spend(Lock::ScriptPath, Ask::Key, 0, 2)),
        ("p2pkh of 1000", spend(Lock::Bare, Ask::KeyHash, 1, 1000)),
    ] {
        let pre = PrecomputedTx::new(&spend.tx, &spend.spent);
        let cache = SignatureCache::new(1 << 20, [1; 32]);
        let verify = |cache| {
            verify_input(&spend.tx, spend.input, &spend.spent, &pre, VerifyFlags::STANDARD, cache).unwrap()
        };
        group.bench_function(name, |b| b.iter(|| verify(black_box(None))));
        group.bench_function(format!("{name}, cached"), |b| b.iter(|| verify(black_box(Some(&cache)))));
    }
    group.finish();
}

fn bare_signatures(c: &mut Criterion) {
    let key = SecretKey::from_secret_bytes([7; 32]).unwrap();
    let pair = Keypair::from_secret_key(&key);
    let public = pair.public_key().serialize();
    let x_only = pair.x_only_public_key().0.to_byte_array();
    let der = ecdsa::sign(Message::from_digest([9; 32]), &key).serialize_der().to_vec();
    let schnorr = schnorr::sign_no_aux_rand(&[9; 32], &pair).to_byte_array();
    let mut group = c.benchmark_group("bare");
    group.bench_function("ecdsa", |b| {
        b.iter(|| assert!(signature::verify_ecdsa(&der, &public, black_box([9; 32]))))
    });
    group.bench_function("schnorr", |b| {
        b.iter(|| assert!(signature::verify_schnorr(schnorr, &x_only, black_box(&[9; 32]))));
    });
    group.finish();
}

criterion_group!(benches, bare_signatures, inputs);
criterion_main!(benches);
