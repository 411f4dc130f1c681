//! Checks of the vectors that the BIPs publish, as data in `tests/vectors`. They run the same natively and in the module for
//! browsers, which is why they are here and not in a test: with the feature `vectors`, and in no build for people.

mod keys;
mod light;
mod messages;
mod psbts;
mod signatures;

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Checks one file of vectors by its name (`bip39`, …) and its text. Says how many vectors held.
///
/// # Errors
/// The first vector that does not hold, or that the file is not as its name says.
pub fn check(name: &str, json: &str) -> Result<usize, String> {
    let checked = match name {
        "accounts" => keys::accounts(&read::<Vec<_>>(json)?),
        "addresses" => keys::addresses(&read::<Vec<_>>(json)?),
        "bip32" => keys::bip32(&read(json)?),
        "bip39" | "bip39_japanese" => keys::bip39(&read::<Vec<_>>(json)?),
        "bip21" => light::bip21(&read::<Vec<_>>(json)?),
        "bip143" => signatures::bip143(&read::<Vec<_>>(json)?),
        "bip158" => light::bip158(&read::<Vec<_>>(json)?),
        "bip174" => psbts::bip174(&read(json)?),
        "bip329" => light::bip329(&read::<Vec<_>>(json)?),
        "bip322" => messages::bip322(&read(json)?),
        "bip340" => signatures::bip340(&read::<Vec<_>>(json)?),
        "bip341" => signatures::bip341(&read(json)?),
        "descriptors" => keys::descriptors(&read(json)?),
        "signmessage" => messages::signmessage(&read::<Vec<_>>(json)?),
        _ => Err("there are no vectors of this name".into()),
    };
    checked.map_err(|problem| format!("{name}: {problem}"))
}

#[derive(Deserialize)]
struct File<T> {
    vectors: T,
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    let file: File<T> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    Ok(file.vectors)
}

/// A problem with one vector.
fn at(number: usize, what: impl core::fmt::Display) -> String {
    format!("vector {number}: {what}")
}

fn same<T: PartialEq + core::fmt::Debug>(
    number: usize,
    what: &str,
    actual: T,
    expected: T,
) -> Result<(), String> {
    if actual == expected {
        Ok(())
    } else {
        Err(at(number, format!("{what} is {actual:?} and should be {expected:?}")))
    }
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    chaincore_consensus::hex::decode(text).map_err(|error| error.to_string())
}

fn text(bytes: &[u8]) -> String {
    chaincore_consensus::hex::encode(bytes)
}
