//! Vectors of PSBTs (BIP174, BIP371).

use super::{at, hex, same, text};
use crate::chain::Chain;
use crate::keys::{Master, wipe::Wiped};
use crate::psbt::{combine, finalise, from_base64, read, to_base64};
use crate::signer::Signer;
use bitcoin::bip32::Xpriv;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Bip174 {
    valid: Vec<Named>,
    invalid: Vec<Named>,
    sign: Sign,
    finalise: Finalise,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    psbt: String,
}

#[derive(Deserialize)]
struct Sign {
    xprv: String,
    first: String,
    combined: String,
}

#[derive(Deserialize)]
struct Finalise {
    psbt: String,
    finalised: String,
    tx: String,
}

pub(super) fn bip174(vectors: &Bip174) -> Result<usize, String> {
    for (number, vector) in vectors.valid.iter().enumerate() {
        let psbt =
            from_base64(&vector.psbt).map_err(|error| at(number, format!("{}: {error}", vector.name)))?;
        let again = from_base64(&to_base64(&psbt)).map_err(|error| at(number, error))?;
        same(number, &vector.name, again, psbt)?;
    }
    for (number, vector) in vectors.invalid.iter().enumerate() {
        if from_base64(&vector.psbt).is_ok() {
            return Err(at(number, format!("{} is invalid and was read", vector.name)));
        }
        if vector.psbt.starts_with("70736274ff") && read(&hex(&vector.psbt)?).is_ok() {
            return Err(at(number, format!("{} is invalid and was read as bytes", vector.name)));
        }
    }
    sign(&vectors.sign)?;
    let fail = |error: crate::psbt::PsbtError| error.to_string();
    let finished = finalise(from_base64(&vectors.finalise.psbt).map_err(fail)?).map_err(fail)?;
    same(0, "finalised", text(&finished.psbt.serialize()), vectors.finalise.finalised.clone())?;
    let tx = finished.tx.ok_or_else(|| format!("not finished: {:?}", finished.unfinished))?;
    same(0, "transaction", text(&bitcoin::consensus::serialize(&tx)), vectors.finalise.tx.clone())?;
    Ok(vectors.valid.len() + vectors.invalid.len() + 4)
}

/// What each of two signers makes, whose keys all come from one master key: a signer has only its own keys' origins here.
/// Together that is what the BIP says, in either order.
fn sign(vectors: &Sign) -> Result<(), String> {
    let chain = Chain::from_name("regtest").map_err(|error| error.to_string())?;
    let key: Xpriv = vectors.xprv.parse().map_err(|error| format!("{error}"))?;
    let master = Master::from_xpriv(Wiped::new(key), chain).map_err(|error| error.to_string())?;
    let signer = Signer::of_any_path(master);
    let read = |text: &str| from_base64(text).map_err(|error| error.to_string());
    let (first, combined) = (read(&vectors.first)?, read(&vectors.combined)?);
    let mut second = combined.clone();
    for (input, first) in second.inputs.iter_mut().zip(&first.inputs) {
        input.partial_sigs.retain(|key, _| !first.partial_sigs.contains_key(key));
    }
    let mut parts = Vec::new();
    for (number, expected) in [first, second].into_iter().enumerate() {
        let mut psbt = expected.clone();
        let keys: Vec<_> =
            expected.inputs.iter().flat_map(|input| input.partial_sigs.keys().copied()).collect();
        for input in &mut psbt.inputs {
            input.bip32_derivation.retain(|key, _| keys.contains(&bitcoin::PublicKey::new(*key)));
            input.partial_sigs.clear();
        }
        signer.sign(&mut psbt).map_err(|error| at(number, error))?;
        for (input, expected) in psbt.inputs.iter_mut().zip(&expected.inputs) {
            input.bip32_derivation.clone_from(&expected.bip32_derivation);
            for (key, signature) in &expected.partial_sigs {
                let made = input.partial_sigs.get(key).ok_or_else(|| at(number, "a key did not sign"))?;
                // Signatures are made anew until r is small, which the BIP's are not always.
                if made.signature.serialize_compact()[0] >= 0x80 {
                    return Err(at(number, "a signature with a large r"));
                }
                if signature.signature.serialize_compact()[0] >= 0x80 {
                    input.partial_sigs.insert(*key, *signature);
                }
            }
        }
        same(number, "signed", &psbt, &expected)?;
        parts.push(psbt);
    }
    for _ in 0..2 {
        parts.reverse();
        let together = combine(parts.clone()).map_err(|error| error.to_string())?;
        same(0, "combined", &together, &combined)?;
    }
    Ok(())
}
