//! Labels: what the owner calls transactions, addresses, coins and keys, and their exchange with other wallets (BIP329).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// No label is longer, in characters (what BIP329 recommends).
pub const MAX_LABEL: usize = 255;
/// No wallet has more.
const MAX_LABELS: usize = 100_000;
/// No reference is longer, in bytes: the longest are extended keys with room to spare.
const MAX_REF: usize = 1000;

/// What kind of thing has the label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelKind {
    /// A transaction, by its id.
    Tx,
    /// An address.
    Addr,
    /// A public key in hexadecimal.
    Pubkey,
    /// An input, as `txid:vin`.
    Input,
    /// An output, as `txid:vout`.
    Output,
    /// An extended public key.
    Xpub,
}

impl LabelKind {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Tx, "tx"),
        (Self::Addr, "addr"),
        (Self::Pubkey, "pubkey"),
        (Self::Input, "input"),
        (Self::Output, "output"),
        (Self::Xpub, "xpub"),
    ];
}

impl fmt::Display for LabelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(kind, _)| kind == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

impl FromStr for LabelKind {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(kind, _)| *kind).ok_or_else(|| LabelError::Kind(text.chars().take(40).collect()))
    }
}

/// Why labels can't be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// None of BIP329's.
    #[error("'{0}' has no labels: expected tx, addr, pubkey, input, output or xpub")]
    Kind(String),
    /// A line that is no JSON object with `type` and `ref`.
    #[error("line {line} is not a label (BIP329): {reason}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Too long.
    #[error("a label has at most {MAX_LABEL} characters, not {0}")]
    TooLong(usize),
    /// Too long for anything that a label can belong to.
    #[error("a reference of {0} bytes names nothing")]
    Ref(usize),
    /// Too many.
    #[error("a wallet has at most {MAX_LABELS} labels")]
    TooMany,
}

impl LabelError {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Kind(_) | Self::Ref(_) => "bad_label",
            Self::Line { .. } => "bad_label_file",
            Self::TooLong(_) => "label_too_long",
            Self::TooMany => "too_many_labels",
        }
    }
}

/// One line of a BIP329 file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// What kind of thing.
    #[serde(rename = "type")]
    pub kind: LabelKind,
    /// Which one.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The descriptor, without keys, of the wallet that it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// For outputs: whether they may be spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spendable: Option<bool>,
    /// What other wallets wrote besides; kept for them.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// All labels of a wallet.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Label>", into = "Vec<Label>")]
pub struct Labels(BTreeMap<(LabelKind, String), Label>);

impl From<Vec<Label>> for Labels {
    fn from(labels: Vec<Label>) -> Self {
        Self(labels.into_iter().map(|label| ((label.kind, label.reference.clone()), label)).collect())
    }
}

impl From<Labels> for Vec<Label> {
    fn from(labels: Labels) -> Self {
        labels.0.into_values().collect()
    }
}

impl Labels {
    /// What something is called.
    pub fn get(&self, kind: LabelKind, reference: &str) -> Option<&str> {
        self.0.get(&(kind, reference.to_string()))?.label.as_deref()
    }

    /// Calls something so; an empty label takes it away.
    pub fn set(&mut self, kind: LabelKind, reference: &str, label: &str) -> Result<(), LabelError> {
        let label = label.trim();
        check(reference, label)?;
        let key = (kind, reference.to_string());
        if label.is_empty() {
            self.0.remove(&key);
            return Ok(());
        }
        if self.0.len() >= MAX_LABELS && !self.0.contains_key(&key) {
            return Err(LabelError::TooMany);
        }
        let entry = self.0.entry(key).or_insert_with(|| Label {
            kind,
            reference: reference.into(),
            label: None,
            origin: None,
            spendable: None,
            other: Map::new(),
        });
        entry.label = Some(label.into());
        Ok(())
    }

    /// All labels, by kind and reference.
    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        self.0.values()
    }

    /// Takes the labels of a BIP329 file; those that are here already are replaced, longer ones are cut. Kinds that
    /// are not known are passed over. Returns what was taken. A line that is broken spoils nothing: nothing is taken.
    pub fn import(&mut self, jsonl: &str) -> Result<Vec<Label>, LabelError> {
        let mut taken = Vec::new();
        for (line, text) in jsonl.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
            let fail = |reason: String| LabelError::Line { line: line + 1, reason };
            let value: Value = serde_json::from_str(text).map_err(|error| fail(error.to_string()))?;
            let kind =
                value.get("type").and_then(Value::as_str).ok_or_else(|| fail("it has no type".into()))?;
            if kind.parse::<LabelKind>().is_err() {
                continue;
            }
            let mut label: Label = serde_json::from_value(value).map_err(|error| fail(error.to_string()))?;
            label.label = label.label.map(|text| text.chars().take(MAX_LABEL).collect());
            check(&label.reference, "")?;
            taken.push(label);
            if self.0.len() + taken.len() > MAX_LABELS {
                return Err(LabelError::TooMany);
            }
        }
        for label in &taken {
            self.0.insert((label.kind, label.reference.clone()), label.clone());
        }
        Ok(taken)
    }

    /// A BIP329 file: one JSON object a line. `frozen` are the outputs that must not be spent.
    pub fn export(&self, frozen: impl Iterator<Item = String>) -> String {
        let mut labels = self.clone();
        for (key, label) in &mut labels.0 {
            if key.0 == LabelKind::Output {
                label.spendable = None;
            }
        }
        for reference in frozen {
            let label = labels.0.entry((LabelKind::Output, reference.clone())).or_insert_with(|| Label {
                kind: LabelKind::Output,
                reference,
                label: None,
                origin: None,
                spendable: None,
                other: Map::new(),
            });
            label.spendable = Some(false);
        }
        let mut lines = String::new();
        for label in labels.iter() {
            lines += &serde_json::to_string(label).expect("a label is plain data");
            lines.push('\n');
        }
        lines
    }
}

fn check(reference: &str, label: &str) -> Result<(), LabelError> {
    if reference.is_empty() || reference.len() > MAX_REF {
        return Err(LabelError::Ref(reference.len()));
    }
    let len = label.chars().count();
    if len > MAX_LABEL { Err(LabelError::TooLong(len)) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TXID: &str = "f91d0a8a78462bc59398f2c5d7a84fcff491c26ba54c4833478b202796c8aafd";

    /// The lines that BIP329 gives as its example.
    const EXAMPLE: &str = concat!(
        r#"{ "type": "tx", "ref": "f91d0a8a78462bc59398f2c5d7a84fcff491c26ba54c4833478b202796c8aafd", "label": "Transaction", "origin": "wpkh([d34db33f/84'/0'/0'])" }"#,
        "\n",
        r#"{ "type": "addr", "ref": "bc1q34aq5drpuwy3wgl9lhup9892qp6svr8ldzyy7c", "label": "Address" }"#,
        "\n",
        r#"{ "type": "pubkey", "ref": "0283409659355b6d1cc3c32decd5d561abaac86c37a353b52895a5e6c196d6f448", "label": "Public Key" }"#,
        "\n",
        r#"{ "type": "input", "ref": "f91d0a8a78462bc59398f2c5d7a84fcff491c26ba54c4833478b202796c8aafd:0", "label": "Input" }"#,
        "\n",
        r#"{ "type": "output", "ref": "f91d0a8a78462bc59398f2c5d7a84fcff491c26ba54c4833478b202796c8aafd:1", "label": "Output", "spendable": false }"#,
        "\n",
        r#"{ "type": "xpub", "ref": "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8", "label": "Extended Public Key" }"#,
        "\n",
        r#"{ "type": "tx", "ref": "f546156d9044844e02b181026a1a407abfca62e7ea1159f87bbeaa77b4286c74", "label": "Account #1 Transaction", "origin": "wpkh([d34db33f/84'/0'/1'])" }"#,
    );

    #[test]
    fn the_example_of_bip329_goes_in_and_out() {
        let mut labels = Labels::default();
        assert_eq!(labels.import(EXAMPLE).unwrap().len(), 7);
        assert_eq!(labels.get(LabelKind::Tx, TXID), Some("Transaction"));
        assert_eq!(labels.get(LabelKind::Output, &format!("{TXID}:1")), Some("Output"));
        let out = labels.export([format!("{TXID}:1")].into_iter());
        let parsed = |text: &str| {
            let mut lines: Vec<Value> =
                text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            lines.sort_by_key(Value::to_string);
            lines
        };
        assert_eq!(parsed(&out), parsed(EXAMPLE));
        let thawed = labels.export(std::iter::empty());
        assert!(!thawed.contains("spendable"), "{thawed}");
    }

    #[test]
    fn bad_lines_are_refused_whole_and_unknown_kinds_passed_over() {
        let mut labels = Labels::default();
        let text = format!("{}\n{{\"type\":\"tx\"}}", EXAMPLE.lines().next().unwrap());
        assert!(matches!(labels.import(&text), Err(LabelError::Line { line: 2, .. })));
        assert!(matches!(labels.import("nonsense"), Err(LabelError::Line { line: 1, .. })));
        assert_eq!(labels, Labels::default());
        assert_eq!(labels.import(r#"{"type":"star","ref":"x","label":"y"}"#), Ok(Vec::new()));
        let long = "x".repeat(300);
        labels.import(&format!(r#"{{"type":"addr","ref":"a","label":"{long}","colour":7}}"#)).unwrap();
        assert_eq!(labels.get(LabelKind::Addr, "a").map(str::len), Some(MAX_LABEL));
        assert!(labels.export(std::iter::empty()).contains("\"colour\":7"), "what others wrote is kept");
        assert_eq!(labels.set(LabelKind::Addr, "a", &long), Err(LabelError::TooLong(300)));
        labels.set(LabelKind::Addr, "a", "  ").unwrap();
        assert_eq!(labels, Labels::default());
    }
}
