//! What the inputs of a PSBT spend, and how far that can be believed.

use super::PsbtError;
use bitcoin::{Psbt, TxOut};
use std::collections::BTreeSet;

/// The output that an input spends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Spent {
    /// The output.
    pub output: TxOut,
    /// Whether it was read out of the previous transaction, whose hash the input commits to.
    pub proven: bool,
}

/// What each input spends: `None` where the PSBT does not say.
///
/// # Errors
/// No inputs or outputs, an output spent twice, and statements that contradict each other or the input.
pub(crate) fn spent_outputs(psbt: &Psbt) -> Result<Vec<Option<Spent>>, PsbtError> {
    let tx = &psbt.unsigned_tx;
    if tx.input.is_empty() || tx.output.is_empty() {
        return Err(PsbtError::Empty);
    }
    let mut seen = BTreeSet::new();
    let mut all = Vec::with_capacity(tx.input.len());
    for (index, (input, fields)) in tx.input.iter().zip(&psbt.inputs).enumerate() {
        if !seen.insert(input.previous_output) {
            return Err(PsbtError::DuplicateInput { input: index });
        }
        let spent = match (&fields.non_witness_utxo, &fields.witness_utxo) {
            (Some(previous), claimed) => {
                let place = usize::try_from(input.previous_output.vout).unwrap_or(usize::MAX);
                let output = previous
                    .output
                    .get(place)
                    .filter(|_| previous.compute_txid() == input.previous_output.txid)
                    .ok_or(PsbtError::WrongPrevious { input: index })?;
                if claimed.as_ref().is_some_and(|claimed| claimed != output) {
                    return Err(PsbtError::SpentMismatch { input: index });
                }
                Some(Spent { output: output.clone(), proven: true })
            }
            (None, Some(claimed)) => Some(Spent { output: claimed.clone(), proven: false }),
            (None, None) => None,
        };
        all.push(spent);
    }
    Ok(all)
}
