//! The signature hash of segwit v0 (BIP143).

use super::{PrecomputedTx, Sha256Sink, SighashType};
use crate::amount::Amount;
use crate::codec::{Encode, Sink, put_var_bytes};
use crate::hash::{Hash256, sha256d};
use crate::transaction::Transaction;

/// The hash that a signature in a segwit v0 script signs; `amount` is the value of the output spent. `input` must be
/// in range.
pub fn segwit_v0_sighash(
    tx: &Transaction,
    input: usize,
    script_code: &[u8],
    amount: Amount,
    hash_type: SighashType,
    pre: &PrecomputedTx,
) -> Hash256 {
    segwit_v0_state(tx, input, script_code, amount, hash_type, pre).finish_with_type(hash_type)
}

/// The hashing up to the hash type.
pub(crate) fn segwit_v0_state(
    tx: &Transaction,
    input: usize,
    script_code: &[u8],
    amount: Amount,
    hash_type: SighashType,
    pre: &PrecomputedTx,
) -> Sha256Sink {
    const NOTHING: [u8; 32] = [0; 32];
    let shared = pre.segwit(tx);
    let all_inputs = !hash_type.is_anyone_can_pay();
    let all_outputs = !hash_type.is_single() && !hash_type.is_none();
    let signed = &tx.inputs[input];
    let mut state = Sha256Sink::default();
    state.put(&tx.version.to_le_bytes());
    state.put(if all_inputs { &shared.prevouts } else { &NOTHING });
    state.put(if all_inputs && all_outputs { &shared.sequences } else { &NOTHING });
    signed.previous_output.encode(&mut state);
    put_var_bytes(&mut state, script_code);
    state.put(&amount.0.to_le_bytes());
    state.put(&signed.sequence.to_le_bytes());
    if all_outputs {
        state.put(&shared.outputs);
    } else {
        let single = tx.outputs.get(input).filter(|_| hash_type.is_single());
        state.put(&single.map_or(NOTHING, |output| sha256d(&output.to_bytes())));
    }
    state.put(&tx.lock_time.to_le_bytes());
    state
}
