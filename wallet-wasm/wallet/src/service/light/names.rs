//! Labels, URIs, addresses and messages.

use super::Session;
use crate::labels::LabelKind;
use crate::message;
use crate::service::{Fault, Params, to_value};
use crate::text;
use crate::uri;
use bitcoin::OutPoint;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// The most bytes of a file with labels.
const MAX_LABELS_FILE: usize = 32 << 20;
/// So many characters at the start and at the end of an address are what people compare, if they do.
const COMPARED: usize = 4;

impl Session {
    pub(super) fn label(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Set {
            #[serde(with = "text::shown")]
            kind: LabelKind,
            #[serde(rename = "ref")]
            reference: String,
            label: String,
        }
        let Set { kind, reference, label } = params.read()?;
        if kind == LabelKind::Addr {
            self.chain.script(&reference)?;
        }
        self.ledger.labels.set(kind, &reference, &label)?;
        Ok(json!({}))
    }

    pub(super) fn labels_export(&self) -> Result<Value, Fault> {
        let frozen = self.ledger.frozen().iter().map(ToString::to_string);
        Ok(json!({"jsonl": self.ledger.labels.export(frozen)}))
    }

    pub(super) fn labels_import(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Import {
            jsonl: String,
        }
        let Import { jsonl } = params.read()?;
        if jsonl.len() > MAX_LABELS_FILE {
            return Err(Fault::new("too_large", format!("labels have at most {MAX_LABELS_FILE} bytes")));
        }
        let taken = self.ledger.labels.import(&jsonl)?;
        for label in taken.iter().filter(|label| label.kind == LabelKind::Output) {
            if let (Some(spendable), Ok(outpoint)) = (label.spendable, label.reference.parse()) {
                self.ledger.set_frozen(outpoint, !spendable);
            }
        }
        Ok(json!({"count": taken.len()}))
    }

    pub(super) fn freeze(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Freeze {
            #[serde(with = "text::shown")]
            outpoint: OutPoint,
            frozen: bool,
        }
        let Freeze { outpoint, frozen } = params.read()?;
        if frozen && !self.ledger.owns_output(&outpoint) {
            return Err(crate::payment::PaymentError::NoSuchCoin(outpoint).into());
        }
        self.ledger.set_frozen(outpoint, frozen);
        Ok(json!({}))
    }

    pub(super) fn parse_uri(&self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Parse {
            text: String,
        }
        let read = uri::parse(&params.read::<Parse>()?.text, &self.chain)?;
        Ok(json!({
            "address": read.address,
            "amount": read.amount,
            "label": read.label,
            "message": read.message,
        }))
    }

    pub(super) fn make_uri(&self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Make {
            address: String,
            amount: Option<u64>,
            label: Option<String>,
            message: Option<String>,
        }
        let Make { address, amount, label, message } = params.read()?;
        self.chain.script(&address)?;
        Ok(json!({"uri": uri::make(&address, amount, label.as_deref(), message.as_deref())}))
    }

    pub(super) fn check_address(&self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Check {
            address: String,
        }
        let Check { address } = params.read()?;
        let script = match self.chain.script(&address) {
            Ok(script) => script,
            Err(error) => return Ok(json!({"valid": false, "error": error.to_string()})),
        };
        // As it is written usually: bech32 may come in capitals.
        let address = self.address(&script).unwrap_or(address);
        let known = self.known_addresses();
        let mine = self.ledger.owner(&script).is_some();
        let look_alike = known.iter().find(|other| **other != address && looks_like(other, &address));
        let warning = match look_alike {
            Some(_) if mine || known.contains(&address) => None,
            Some(other) => Some(json!({
                "code": "look_alike",
                "message": "It begins and ends as an address that you know, but is another one. \
                    Somebody may have sent you a trifle from it so that you copy it.",
                "address": other,
            })),
            None if mine => Some(json!({"code": "own", "message": "This is an address of your own."})),
            None => None,
        };
        Ok(json!({
            "valid": true,
            "mine": mine,
            "known": known.contains(&address),
            "label": self.ledger.labels.get(LabelKind::Addr, &address),
            "warning": warning,
            "address": address,
        }))
    }

    /// The wallet's own used addresses, and those that it has paid or that have labels.
    fn known_addresses(&self) -> BTreeSet<String> {
        let mut known = BTreeSet::new();
        for entry in self.ledger.history(None, &|_| None) {
            let pays = entry.sent > 0;
            let outputs = entry.outputs.iter().filter(|output| pays || output.owner.is_some());
            known.extend(outputs.filter_map(|output| self.address(&output.script)));
        }
        let labelled = self.ledger.labels.iter().filter(|label| label.kind == LabelKind::Addr);
        known.extend(labelled.map(|label| label.reference.clone()));
        known
    }

    pub(super) fn verify_message(&self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Verify {
            address: String,
            message: String,
            signature: String,
        }
        let Verify { address, message, signature } = params.read()?;
        let verdict = message::verify(&self.chain, &address, &message, &signature)?;
        let mut result = to_value(&verdict)?;
        result["valid"] = verdict.is_valid().into();
        Ok(result)
    }
}

/// Whether two addresses agree in the characters that people look at: those after the prefix, and the last ones.
pub(super) fn looks_like(one: &str, other: &str) -> bool {
    // After a bech32 prefix all begin with `1` and the witness version.
    let body = |text: &str| match text.rsplit_once('1') {
        Some((prefix, rest)) if !prefix.is_empty() && rest.len() > 20 && text == text.to_lowercase() => {
            rest.chars().skip(1).collect::<Vec<char>>()
        }
        _ => text.chars().skip(1).collect(),
    };
    let (one, other) = (body(one), body(other));
    let ends = |text: &[char]| {
        let len = text.len();
        (text[..COMPARED.min(len)].to_vec(), text[len.saturating_sub(COMPARED)..].to_vec())
    };
    one.len() >= 2 * COMPARED && other.len() >= 2 * COMPARED && ends(&one) == ends(&other)
}
