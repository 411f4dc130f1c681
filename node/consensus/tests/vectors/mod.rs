//! Bitcoin Core's published test vectors, and readers for their notations.
//!
//! They lie in the source of `libbitcoinkernel-sys`, a crate of this workspace's lock file. Cargo knows where.

#![allow(dead_code, reason = "each test that includes this uses a part")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use chaincore_consensus::codec::Decode;
use chaincore_consensus::script::{Builder, Script, op};
use chaincore_consensus::{Amount, OutPoint, Transaction, TxOut, hex};
use serde_json::Value;
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::Command;

/// The folder with the vectors.
pub fn folder() -> PathBuf {
    let metadata = cargo_metadata(&["--offline"]).or_else(|_| cargo_metadata(&[]));
    let metadata = metadata.unwrap_or_else(|error| panic!("cargo metadata: {error}"));
    let packages = metadata["packages"].as_array().expect("metadata lists packages");
    let kernel = packages.iter().find(|package| package["name"] == "libbitcoinkernel-sys");
    let manifest =
        kernel.expect("libbitcoinkernel-sys is in the lock file")["manifest_path"].as_str().unwrap();
    PathBuf::from(manifest).with_file_name("bitcoin").join("src/test/data")
}

fn cargo_metadata(options: &[&str]) -> Result<Value, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["metadata", "--format-version", "1"]).args(options).output();
    let output = output.map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())
}

/// The vectors of one file.
pub fn load(name: &str) -> Value {
    let path = folder().join(name);
    let text = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The bytes that a JSON string of digits names.
pub fn bytes(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap_or_else(|| panic!("{value} is no text"))).unwrap()
}

/// The 32 bytes that a JSON string names, in the order written.
pub fn bytes32(value: &Value) -> [u8; 32] {
    bytes(value).try_into().unwrap()
}

/// A script in Core's notation: decimal numbers, `0x` raw bytes, quoted strings, opcodes with or without `OP_`.
pub fn script(text: &str) -> Script {
    let words = text.split([' ', '\t', '\n']).filter(|word| !word.is_empty());
    words
        .fold(Builder::new(), |builder, word| {
            if let Ok(number) = word.parse::<i64>() {
                return builder.push_int(number);
            }
            if let Some(raw) = word.strip_prefix("0x").filter(|raw| !raw.is_empty()) {
                let raw = hex::decode(raw).unwrap_or_else(|error| panic!("{word}: {error}"));
                return raw.into_iter().fold(builder, Builder::op);
            }
            match word.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
                Some(quoted) => builder.push_data(quoted.as_bytes()),
                None => builder.op(op::by_name(word).unwrap_or_else(|| panic!("no opcode {word}"))),
            }
        })
        .into_script()
}

/// One case of `tx_valid.json` and `tx_invalid.json`.
pub struct TxCase {
    /// The JSON, for messages.
    pub text: String,
    /// The transaction.
    pub tx: Transaction,
    /// The outputs that it spends and that the case gives.
    pub prevouts: HashMap<OutPoint, TxOut>,
    /// The names of the flags.
    pub flags: String,
}

impl TxCase {
    /// The outputs spent, one per input.
    pub fn spent(&self) -> Vec<TxOut> {
        let find = |input: &chaincore_consensus::TxIn| self.prevouts.get(&input.previous_output).cloned();
        self.tx
            .inputs
            .iter()
            .map(|input| find(input).unwrap_or_else(|| panic!("no prevout in {}", self.text)))
            .collect()
    }
}

/// The cases of `tx_valid.json` or `tx_invalid.json`; rows of one string are comments.
pub fn tx_cases(name: &str) -> Vec<TxCase> {
    let rows = load(name);
    rows.as_array().unwrap().iter().filter(|row| row[0].is_array()).map(tx_case).collect()
}

fn tx_case(row: &Value) -> TxCase {
    let text = row.to_string();
    assert_eq!(row.as_array().unwrap().len(), 3, "{text}");
    let prevout = |input: &Value| {
        let vout = input[1].as_i64().unwrap() as u32;
        let outpoint = OutPoint { txid: input[0].as_str().unwrap().parse().unwrap(), vout };
        let value = Amount(input.get(3).map_or(0, |value| value.as_i64().unwrap()));
        (outpoint, TxOut { value, script_pubkey: script(input[2].as_str().unwrap()) })
    };
    TxCase {
        tx: Transaction::decode_exact(&bytes(&row[1])).unwrap_or_else(|error| panic!("{error}: {text}")),
        prevouts: row[0].as_array().unwrap().iter().map(prevout).collect(),
        flags: row[2].as_str().unwrap().into(),
        text,
    }
}

/// Numbers that look random and are the same in every run.
pub struct Numbers(pub u64);

impl Numbers {
    /// The next number (splitmix64).
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}
