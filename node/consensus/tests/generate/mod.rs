//! Random scripts and transactions, and spends with true signatures.

#![allow(dead_code, reason = "each test that includes this uses a part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

pub mod runs;
pub mod spend;

use chaincore_consensus::script::{Builder, Script, op};
use chaincore_consensus::{Amount, OutPoint, Transaction, TxIn, TxOut, Txid};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Opcodes that do something without a transaction.
const WORKING: &[u8] = &[
    op::OP_NOP,
    op::OP_IF,
    op::OP_NOTIF,
    op::OP_ELSE,
    op::OP_ENDIF,
    op::OP_VERIFY,
    op::OP_TOALTSTACK,
    op::OP_FROMALTSTACK,
    op::OP_2DROP,
    op::OP_2DUP,
    op::OP_3DUP,
    op::OP_2OVER,
    op::OP_2ROT,
    op::OP_2SWAP,
    op::OP_IFDUP,
    op::OP_DEPTH,
    op::OP_DROP,
    op::OP_DUP,
    op::OP_NIP,
    op::OP_OVER,
    op::OP_PICK,
    op::OP_ROLL,
    op::OP_ROT,
    op::OP_SWAP,
    op::OP_TUCK,
    op::OP_SIZE,
    op::OP_EQUAL,
    op::OP_EQUALVERIFY,
    op::OP_1ADD,
    op::OP_1SUB,
    op::OP_NEGATE,
    op::OP_ABS,
    op::OP_NOT,
    op::OP_0NOTEQUAL,
    op::OP_ADD,
    op::OP_SUB,
    op::OP_BOOLAND,
    op::OP_BOOLOR,
    op::OP_NUMEQUAL,
    op::OP_NUMEQUALVERIFY,
    op::OP_NUMNOTEQUAL,
    op::OP_LESSTHAN,
    op::OP_GREATERTHAN,
    op::OP_LESSTHANOREQUAL,
    op::OP_GREATERTHANOREQUAL,
    op::OP_MIN,
    op::OP_MAX,
    op::OP_WITHIN,
    op::OP_RIPEMD160,
    op::OP_SHA1,
    op::OP_SHA256,
    op::OP_HASH160,
    op::OP_HASH256,
    op::OP_NOP1,
    op::OP_NOP10,
];

/// Opcodes that ask about the transaction.
const CHECKING: &[u8] = &[
    op::OP_CODESEPARATOR,
    op::OP_CHECKSIG,
    op::OP_CHECKSIGVERIFY,
    op::OP_CHECKMULTISIG,
    op::OP_CHECKMULTISIGVERIFY,
    op::OP_CHECKLOCKTIMEVERIFY,
    op::OP_CHECKSEQUENCEVERIFY,
    op::OP_CHECKSIGADD,
];

fn pushed(data: &[u8]) -> Vec<u8> {
    Builder::new().push_data(data).into_script().0
}

/// The bytes of one instruction, seldom a broken one.
fn instruction() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        30 => (-1i64..=16).prop_map(|n| Builder::new().push_int(n).into_script().0),
        6 => any::<i64>().prop_map(|n| Builder::new().push_int(n >> 24).into_script().0),
        8 => vec(any::<u8>(), 0..6).prop_map(|data| pushed(&data)),
        3 => select(vec![20usize, 32, 33, 64, 65, 71, 75, 76, 255, 256, 520]).prop_map(|len| pushed(&vec![3; len])),
        1 => Just(pushed(&[0; 521])),
        40 => select(WORKING).prop_map(|op| vec![op]),
        6 => select(CHECKING).prop_map(|op| vec![op]),
        2 => any::<u8>().prop_map(|byte| vec![byte]),
    ]
}

/// A script of up to `len` instructions, some of which work.
pub fn script(len: usize) -> impl Strategy<Value = Script> {
    vec(instruction(), 0..len).prop_map(|parts| Script(parts.concat()))
}

/// A script that only pushes, mostly.
pub fn pushes(len: usize) -> impl Strategy<Value = Script> {
    let push = prop_oneof![
        40 => (-1i64..=16).prop_map(|n| Builder::new().push_int(n).into_script().0),
        8 => vec(any::<u8>(), 0..6).prop_map(|data| pushed(&data)),
        2 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    vec(push, 0..len).prop_map(|parts| Script(parts.concat()))
}

fn sequence() -> impl Strategy<Value = u32> {
    prop_oneof![Just(u32::MAX), Just(0), 0u32..20, (0u32..20).prop_map(|n| n | 1 << 22), any::<u32>()]
}

fn lock_time() -> impl Strategy<Value = u32> {
    prop_oneof![Just(0u32), 0u32..20, 499_999_990u32..500_000_010, any::<u32>()]
}

fn output() -> impl Strategy<Value = TxOut> {
    (0..=chaincore_consensus::amount::MAX_MONEY, script(4))
        .prop_map(|(value, script_pubkey)| TxOut { value: Amount(value), script_pubkey })
}

fn input() -> impl Strategy<Value = TxIn> {
    let outpoint = (any::<[u8; 32]>(), 0u32..5).prop_map(|(txid, vout)| OutPoint { txid: Txid(txid), vout });
    (outpoint, pushes(3), sequence(), prop_oneof![3 => Just(vec![]), 1 => vec(vec(any::<u8>(), 0..90), 1..4)])
        .prop_map(|(previous_output, script_sig, sequence, witness)| TxIn {
            previous_output,
            script_sig,
            sequence,
            witness,
        })
}

/// A transaction of at least one input and output.
pub fn transaction() -> impl Strategy<Value = Transaction> {
    let version = prop_oneof![8 => 0u32..4, 1 => any::<u32>()];
    (version, vec(input(), 1..5), vec(output(), 1..5), lock_time())
        .prop_map(|(version, inputs, outputs, lock_time)| Transaction { version, inputs, outputs, lock_time })
}

/// A transaction with the outputs that it spends, and the number of one of its inputs.
pub fn transaction_and_spent() -> impl Strategy<Value = (Transaction, Vec<TxOut>, usize)> {
    (transaction(), vec(output(), 5), any::<prop::sample::Index>()).prop_map(|(tx, mut spent, index)| {
        spent.truncate(tx.inputs.len());
        let input = index.index(tx.inputs.len());
        (tx, spent, input)
    })
}
