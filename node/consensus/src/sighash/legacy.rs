//! The signature hash of scripts before segwit: double SHA-256 over the transaction rewritten for the signer.

use super::{PrecomputedTx, Sha256Sink, SighashType};
use crate::codec::{Encode, Sink, put_compact_size};
use crate::hash::Hash256;
use crate::script::op::OP_CODESEPARATOR;
use crate::script::read_instruction;
use crate::transaction::Transaction;

/// The bytes of an input with an empty script.
const BLANK_INPUT_LEN: usize = 41;

/// From this many inputs on, hashing states along the inputs are kept.
const CHECKPOINT_INPUTS: usize = 16;

/// The hash that a legacy signature signs, for `script_code` without the signature itself. With `SINGLE` and no
/// output at the input's position the hash is the number one, an original mistake that is now a rule. `input` must
/// be in range.
pub fn legacy_sighash(
    tx: &Transaction,
    input: usize,
    script_code: &[u8],
    hash_type: SighashType,
    pre: &PrecomputedTx,
) -> Hash256 {
    match legacy_state(tx, input, script_code, hash_type, pre) {
        Some(state) => state.finish_with_type(hash_type),
        None => one(),
    }
}

pub(crate) fn one() -> Hash256 {
    let mut hash = [0; 32];
    hash[0] = 1;
    Hash256(hash)
}

/// The hashing up to the hash type; `None` if the hash is the number one.
pub(crate) fn legacy_state(
    tx: &Transaction,
    input: usize,
    script_code: &[u8],
    hash_type: SighashType,
    pre: &PrecomputedTx,
) -> Option<Sha256Sink> {
    if hash_type.is_single() && input >= tx.outputs.len() {
        return None;
    }
    if hash_type.kind() == SighashType::ALL.kind() {
        return Some(pre.legacy(tx).state(tx, input, script_code));
    }
    let mut state = Sha256Sink::default();
    state.put(&tx.version.to_le_bytes());
    if hash_type.is_anyone_can_pay() {
        put_compact_size(&mut state, 1);
        put_signed_input(&mut state, tx, input, script_code);
    } else {
        // What other inputs do about their sequence is theirs to change: this is NONE or SINGLE.
        put_compact_size(&mut state, tx.inputs.len() as u64);
        for (at, other) in tx.inputs.iter().enumerate() {
            if at == input {
                put_signed_input(&mut state, tx, input, script_code);
            } else {
                other.previous_output.encode(&mut state);
                state.put(&[0; 5]);
            }
        }
    }
    put_outputs(&mut state, tx, input, hash_type);
    state.put(&tx.lock_time.to_le_bytes());
    Some(state)
}

fn put_outputs(state: &mut Sha256Sink, tx: &Transaction, input: usize, hash_type: SighashType) {
    if hash_type.is_none() {
        put_compact_size(state, 0);
    } else if hash_type.is_single() {
        put_compact_size(state, input as u64 + 1);
        for _ in 0..input {
            // An output that was never filled in: value -1 and an empty script.
            state.put(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
        }
        tx.outputs[input].encode(state);
    } else {
        put_compact_size(state, tx.outputs.len() as u64);
        for output in &tx.outputs {
            output.encode(state);
        }
    }
}

fn put_signed_input(sink: &mut impl Sink, tx: &Transaction, input: usize, script_code: &[u8]) {
    tx.inputs[input].previous_output.encode(sink);
    put_script_code(sink, script_code);
    sink.put(&tx.inputs[input].sequence.to_le_bytes());
}

/// Puts the script without its `OP_CODESEPARATOR`s. After a push that runs past the end nothing is put, though the
/// announced length counts it, as in Core; such a script fails anyway when it gets there.
fn put_script_code(sink: &mut impl Sink, script_code: &[u8]) {
    let mut at = 0;
    let mut separators = 0;
    while let Some(instruction) = read_instruction(script_code, &mut at) {
        separators += usize::from(instruction.op == OP_CODESEPARATOR);
    }
    put_compact_size(sink, (script_code.len() - separators) as u64);
    if separators == 0 {
        return sink.put(&script_code[..at]);
    }
    let (mut at, mut from) = (0, 0);
    while let Some(instruction) = read_instruction(script_code, &mut at) {
        if instruction.op == OP_CODESEPARATOR {
            sink.put(&script_code[from..instruction.at]);
            from = at;
        }
    }
    sink.put(&script_code[from..at]);
}

/// The transaction as every input's `ALL` hash sees the others: with empty scripts. One buffer, so that hashing is
/// one pass over contiguous bytes, and hashing states along it, so that a transaction of many inputs is not hashed
/// from its start for each.
#[derive(Debug)]
pub(super) struct BlankedInputs {
    /// Version, input count, blank inputs, outputs, lock time.
    bytes: Vec<u8>,
    inputs_at: usize,
    /// The state before input `CHECKPOINT_INPUTS * (i + 1)`.
    checkpoints: Vec<Sha256Sink>,
}

impl BlankedInputs {
    pub(super) fn new(tx: &Transaction) -> Self {
        let mut bytes = Vec::with_capacity(64 + tx.inputs.len() * BLANK_INPUT_LEN + tx.outputs.len() * 34);
        bytes.put(&tx.version.to_le_bytes());
        put_compact_size(&mut bytes, tx.inputs.len() as u64);
        let inputs_at = bytes.len();
        for input in &tx.inputs {
            input.previous_output.encode(&mut bytes);
            bytes.put(&[0]);
            bytes.put(&input.sequence.to_le_bytes());
        }
        let mut checkpoints = Vec::new();
        if tx.inputs.len() > CHECKPOINT_INPUTS {
            let mut state = Sha256Sink::default();
            let mut hashed = 0;
            for input in (CHECKPOINT_INPUTS..tx.inputs.len()).step_by(CHECKPOINT_INPUTS) {
                let end = inputs_at + input * BLANK_INPUT_LEN;
                state.put(&bytes[hashed..end]);
                hashed = end;
                checkpoints.push(state.clone());
            }
        }
        put_compact_size(&mut bytes, tx.outputs.len() as u64);
        for output in &tx.outputs {
            output.encode(&mut bytes);
        }
        bytes.put(&tx.lock_time.to_le_bytes());
        Self { bytes, inputs_at, checkpoints }
    }

    fn state(&self, tx: &Transaction, input: usize, script_code: &[u8]) -> Sha256Sink {
        let at = self.inputs_at + input * BLANK_INPUT_LEN;
        let (mut state, hashed) = match (input / CHECKPOINT_INPUTS).checked_sub(1) {
            Some(checkpoint) => (
                self.checkpoints[checkpoint].clone(),
                self.inputs_at + (checkpoint + 1) * CHECKPOINT_INPUTS * BLANK_INPUT_LEN,
            ),
            None => (Sha256Sink::default(), 0),
        };
        state.put(&self.bytes[hashed..at]);
        put_signed_input(&mut state, tx, input, script_code);
        state.put(&self.bytes[at + BLANK_INPUT_LEN..]);
        state
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Amount;
    use crate::script::Script;
    use crate::transaction::{OutPoint, TxIn, TxOut};
    use crate::{Txid, codec::put_var_bytes, hash::sha256d};

    fn many_inputs(count: u8) -> Transaction {
        let input = |i: u8| TxIn {
            previous_output: OutPoint { txid: Txid([i; 32]), vout: i.into() },
            script_sig: Script(vec![i]),
            sequence: u32::from(i) * 7,
            witness: vec![],
        };
        Transaction {
            version: 1,
            inputs: (0..count).map(input).collect(),
            outputs: vec![TxOut { value: Amount(9), script_pubkey: Script(vec![1, 2, 3]) }],
            lock_time: 77,
        }
    }

    #[test]
    fn checkpoints_change_nothing() {
        for count in [1, 15, 16, 17, 32, 33, 50] {
            let tx = many_inputs(count);
            let pre = PrecomputedTx::default();
            for at in 0..usize::from(count) {
                let mut rewritten = tx.clone();
                for (i, input) in rewritten.inputs.iter_mut().enumerate() {
                    input.script_sig = if i == at { Script(vec![0x51, 0x52]) } else { Script::new() };
                }
                let mut bytes = rewritten.to_bytes();
                bytes.extend([1, 0, 0, 0]);
                let hash = legacy_sighash(&tx, at, &[0x51, 0xab, 0x52], SighashType::ALL, &pre);
                assert_eq!(hash.0, sha256d(&bytes), "input {at} of {count}");
            }
        }
    }

    #[test]
    fn truncated_script_codes_hash_as_in_core() {
        let mut bytes = Vec::new();
        put_script_code(&mut bytes, &[0x51, 0xab, 0x4c, 9, 1, 2]);
        assert_eq!(bytes, [5, 0x51, 0x4c, 9]);
        let mut whole = Vec::new();
        put_script_code(&mut whole, &[0x51, 2, 0xab, 0xab]);
        let mut expected = Vec::new();
        put_var_bytes(&mut expected, &[0x51, 2, 0xab, 0xab]);
        assert_eq!(whole, expected);
    }
}
