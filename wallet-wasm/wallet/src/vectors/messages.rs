//! Vectors of signed messages.

use super::{at, same, text};
use crate::chain::Chain;
use crate::message::{to_sign, to_spend, verify};
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Bip322 {
    signatures: Vec<Signature>,
    hashes: Vec<Hashes>,
}

#[derive(Deserialize)]
pub(super) struct Signature {
    address: String,
    message: String,
    signature: String,
    valid: bool,
}

#[derive(Deserialize)]
struct Hashes {
    message: String,
    hash: String,
    address: String,
    to_spend: String,
    to_sign: String,
}

pub(super) fn bip322(vectors: &Bip322) -> Result<usize, String> {
    let main = Chain::from_name("main").map_err(|error| error.to_string())?;
    for (number, vector) in vectors.hashes.iter().enumerate() {
        let hash =
            chaincore_consensus::hash::tagged_hash("BIP0322-signed-message", &[vector.message.as_bytes()]);
        same(number, "hash", text(&hash), vector.hash.clone())?;
        let script = main.script(&vector.address).map_err(|error| at(number, error))?;
        let spend = to_spend(&script, &vector.message);
        same(number, "to_spend", spend.compute_txid().to_string(), vector.to_spend.clone())?;
        same(number, "to_sign", to_sign(&spend).compute_txid().to_string(), vector.to_sign.clone())?;
    }
    Ok(signmessage(&vectors.signatures)? + vectors.hashes.len())
}

pub(super) fn signmessage(vectors: &[Signature]) -> Result<usize, String> {
    let main = Chain::from_name("main").map_err(|error| error.to_string())?;
    for (number, vector) in vectors.iter().enumerate() {
        // A signature under the prefix of another form can't even be read, which is a refusal like any other.
        let verdict = verify(&main, &vector.address, &vector.message, &vector.signature);
        let valid = verdict.as_ref().is_ok_and(crate::message::Verdict::is_valid);
        if valid != vector.valid {
            return Err(at(number, format!("{} said {:?}", vector.address, verdict)));
        }
    }
    Ok(vectors.len())
}
