//! The signature hash of taproot and tapscript (BIP341, BIP342).

use super::{PrecomputedTx, Sha256Sink, SighashType};
use crate::codec::{Encode, Sink};
use crate::hash::Hash256;
use crate::script::TaprootContext;
use crate::script::taproot::Tag;
use crate::transaction::{Transaction, TxOut};

/// The hash that a Schnorr signature signs. `spent` has the outputs spent, one per input.
///
/// `None` if there is no such hash: the hash type is not one that taproot knows, `SINGLE` has no output at the
/// input's position, or `spent` does not fit the transaction. `input` must be in range.
pub fn taproot_sighash(
    tx: &Transaction,
    input: usize,
    spent: &[TxOut],
    hash_type: SighashType,
    context: &TaprootContext,
    pre: &PrecomputedTx,
) -> Option<Hash256> {
    if !hash_type.is_taproot() {
        return None;
    }
    let shared = pre.taproot(tx, spent)?;
    let mut state = Sha256Sink(Tag::Sighash.hasher());
    // The epoch, then the hash type.
    state.put(&[0, hash_type.0 as u8]);
    state.put(&tx.version.to_le_bytes());
    state.put(&tx.lock_time.to_le_bytes());
    if !hash_type.is_anyone_can_pay() {
        state.put(&shared.prevouts);
        state.put(&shared.amounts);
        state.put(&shared.scripts);
        state.put(&shared.sequences);
    }
    if !hash_type.is_none() && !hash_type.is_single() {
        state.put(&shared.outputs);
    }
    let extension = if context.leaf_hash.is_some() { 2 } else { 0 };
    state.put(&[extension | u8::from(context.annex_hash.is_some())]);
    if hash_type.is_anyone_can_pay() {
        tx.inputs[input].previous_output.encode(&mut state);
        spent.get(input)?.encode(&mut state);
        state.put(&tx.inputs[input].sequence.to_le_bytes());
    } else {
        state.put(&u32::try_from(input).ok()?.to_le_bytes());
    }
    if let Some(annex_hash) = &context.annex_hash {
        state.put(annex_hash);
    }
    if hash_type.is_single() {
        let mut output_hash = Sha256Sink::default();
        tx.outputs.get(input)?.encode(&mut output_hash);
        state.put(&output_hash.single());
    }
    if let Some(leaf_hash) = &context.leaf_hash {
        state.put(leaf_hash);
        // The version of 32-byte keys.
        state.put(&[0]);
        state.put(&context.code_separator.to_le_bytes());
    }
    Some(Hash256(state.single()))
}
