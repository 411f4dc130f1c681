//! Finishing (BIP174's input finaliser and extractor): from signatures to scripts and witnesses, from those to a
//! transaction.

use super::finish::{Lack, finish};
use super::{PsbtError, spent_outputs};
use crate::verify::verify_transaction;
use bitcoin::{Psbt, Transaction};
use serde::Serialize;

/// A PSBT with all inputs finished that can be.
#[derive(Clone, Debug)]
pub struct Finalised {
    /// The PSBT.
    pub psbt: Psbt,
    /// The transaction, if all its inputs are finished.
    pub tx: Option<Transaction>,
    /// The inputs that are not.
    pub unfinished: Vec<Unfinished>,
}

/// An input that can't be finished.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Unfinished {
    /// Which.
    pub input: usize,
    /// Why: mostly signatures that are missing.
    pub reason: String,
}

/// Finishes all inputs that have what they need. The transaction is there only if all its scripts and signatures hold.
///
/// # Errors
/// A PSBT that contradicts itself. Missing signatures are no error but [`Finalised::unfinished`].
pub fn finalise(mut psbt: Psbt) -> Result<Finalised, PsbtError> {
    let spent = spent_outputs(&psbt)?;
    let mut unfinished = Vec::new();
    for (number, (input, spent)) in psbt.inputs.iter_mut().zip(&spent).enumerate() {
        let finished = match spent {
            Some(spent) => finish(input, &spent.output.script_pubkey),
            None => Err(Lack::Output),
        };
        if let Err(lack) = finished {
            unfinished.push(Unfinished { input: number, reason: lack.to_string() });
        }
    }
    let mut tx = unfinished.is_empty().then(|| psbt.clone().extract_tx_unchecked_fee_rate());
    // Inputs that came finished are as unknown as any: the whole transaction runs through the interpreter.
    let known: Option<Vec<_>> = spent.into_iter().map(|spent| Some(spent?.output)).collect();
    if let (Some(extracted), Some(known)) = (&tx, known)
        && let Err((input, error)) = verify_transaction(extracted, &known)
    {
        unfinished.push(Unfinished { input, reason: error.to_string() });
        tx = None;
    }
    Ok(Finalised { psbt, tx, unfinished })
}
