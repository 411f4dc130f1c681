//! Labels and frozen coins.

use super::args::{Label, Shared};
use super::failure::Failure;
use super::output::{self, plain, print_json, say};
use super::pay::check_outpoint;
use super::wallet::Wallet;
use serde_json::{Value, json};
use std::io::Read;

/// The most bytes of a file with labels.
const MAX_FILE: u64 = 32 << 20;

/// What can have a label (BIP329).
const KINDS: [&str; 6] = ["tx", "addr", "output", "input", "pubkey", "xpub"];

pub fn label(shared: &Shared, label: Label) -> Result<(), Failure> {
    let mut wallet = match label {
        Label::Export { .. } => Wallet::look(shared)?,
        _ => Wallet::open(shared)?,
    };
    match label {
        Label::Set { kind, reference, label } => {
            if !KINDS.contains(&kind.as_str()) {
                let message =
                    format!("'{}' is no kind of thing: expected one of {}", plain(&kind), KINDS.join(", "));
                return Err(Failure::usage(message));
            }
            wallet.call("label", json!({"kind": kind, "ref": reference, "label": label}))?;
            wallet.save()?;
            if shared.json {
                print_json(&json!({"kind": kind, "ref": reference, "label": label}));
            }
        }
        Label::Export { out } => {
            let exported = wallet.call("labels_export", json!({}))?;
            let jsonl = exported["jsonl"].as_str().unwrap_or_default();
            match &out.out {
                Some(_) => out.write(jsonl.as_bytes())?,
                None => output::write(format_args!("{jsonl}")),
            }
        }
        Label::Import { file } => {
            let mut text = String::new();
            let read = if file.as_os_str() == "-" {
                std::io::stdin().take(MAX_FILE).read_to_string(&mut text)
            } else {
                std::fs::File::open(&file).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text))
            };
            read.map_err(|error| Failure::usage(format!("{}: {error}", file.display())))?;
            let count = wallet.call("labels_import", json!({"jsonl": text}))?["count"].clone();
            wallet.save()?;
            tell(shared, json!({"count": count}), &format!("{count} labels"));
        }
    }
    Ok(())
}

pub fn freeze(shared: &Shared, outpoint: &str, frozen: bool) -> Result<(), Failure> {
    check_outpoint(outpoint)?;
    let mut wallet = Wallet::open(shared)?;
    wallet.call("freeze", json!({"outpoint": outpoint, "frozen": frozen}))?;
    wallet.save()?;
    tell(shared, json!({"outpoint": outpoint, "frozen": frozen}), "");
    Ok(())
}

fn tell(shared: &Shared, value: Value, text: &str) {
    match shared.json {
        true => print_json(&value),
        false if !text.is_empty() => say!("{text}"),
        false => {}
    }
}
