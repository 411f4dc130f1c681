//! Combining (BIP174): several PSBTs of one transaction become one that has what each of them has.

use super::{PsbtError, spent_outputs};
use bitcoin::Psbt;

/// The most PSBTs that are combined at once.
const MAX_PSBTS: usize = 100;

/// Combines PSBTs. The order in which they come does not matter: where two have different values for one field (such
/// as two signatures of one key), which of them stays depends on the values alone.
///
/// # Errors
/// PSBTs of different transactions, and PSBTs that say different things of what an input spends or of a key's origin.
pub fn combine(psbts: Vec<Psbt>) -> Result<Psbt, PsbtError> {
    let count = psbts.len();
    if count > MAX_PSBTS {
        return Err(PsbtError::Count(count));
    }
    let mut sorted: Vec<(Vec<u8>, Psbt)> = psbts.into_iter().map(|psbt| (psbt.serialize(), psbt)).collect();
    sorted.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut each = sorted.into_iter().map(|(_, psbt)| psbt);
    let mut combined = each.next().ok_or(PsbtError::Count(0))?;
    for other in each {
        check_agreement(&combined, &other)?;
        // The library lets a claimed output push out the previous transaction that would prove it: keep both.
        let previous: Vec<_> = combined
            .inputs
            .iter_mut()
            .zip(&other.inputs)
            .map(|(one, other)| one.non_witness_utxo.take().or_else(|| other.non_witness_utxo.clone()))
            .collect();
        combined.combine(other).map_err(|error| PsbtError::Conflict(error.to_string()))?;
        for (input, previous) in combined.inputs.iter_mut().zip(previous) {
            input.non_witness_utxo = previous;
        }
    }
    // The parts agreed pairwise with what was there; what they say together must still be possible.
    if !combined.unsigned_tx.input.is_empty() {
        spent_outputs(&combined)?;
    }
    Ok(combined)
}

fn check_agreement(one: &Psbt, other: &Psbt) -> Result<(), PsbtError> {
    if one.unsigned_tx != other.unsigned_tx {
        return Err(PsbtError::OtherTransaction);
    }
    // The library takes any origin that another one ends with for the same; what remains are contradictions.
    for (key, source) in &other.xpub {
        if one.xpub.get(key).is_some_and(|known| known != source) {
            return Err(PsbtError::Conflict(format!("the origin of the key {key}")));
        }
    }
    for (index, (one, other)) in one.inputs.iter().zip(&other.inputs).enumerate() {
        if let (Some(one), Some(other)) = (&one.witness_utxo, &other.witness_utxo)
            && one != other
        {
            return Err(PsbtError::Conflict(format!("what input {index} spends")));
        }
    }
    Ok(())
}
