//! Partially signed transactions: made here and signed there, or the other way round.

use super::args::{Out, Psbt as Command, Shared};
use super::failure::Failure;
use super::network;
use super::output::{plain, print_json, say};
use super::pay::{create, payment_params, print_review};
use super::wallet::{Wallet, confirm};
use bitcoin::Psbt;
use bitcoin::consensus::encode::serialize_hex;
use chaincore_wallet::psbt;
use chaincore_wallet::psbt::review::Review;
use serde_json::{Value, json};
use std::io::Read;
use std::path::Path;

pub fn psbt(shared: &Shared, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create { payment, out } => {
            let mut wallet = Wallet::open(shared)?;
            let params = payment_params(&mut wallet, &payment)?;
            wallet.sync()?;
            let made = create(&mut wallet, params)?;
            wallet.save()?;
            put_psbt(shared, &out, made["psbt"].as_str().unwrap_or_default(), &made)
        }
        Command::Sign { psbt, out, yes } => {
            let mut read = read(&psbt)?;
            let wallet = Wallet::look(shared)?;
            let review = wallet.signer()?.review(&read)?;
            if !wallet.is_quiet() {
                print_review(&review);
            }
            confirm("Sign it?", yes)?;
            let signed = wallet.signer()?.sign(&mut read)?;
            let text = psbt::to_base64(&read);
            let about = json!({
                "psbt": text,
                "signatures": signed.signatures,
                "complete": signed.tx.is_some(),
                "txid": signed.review.txid,
            });
            put_psbt(shared, &out, &text, &about)
        }
        Command::Combine { psbts, out } => {
            let all = psbts.iter().map(|text| read(text)).collect::<Result<_, _>>()?;
            let text = psbt::to_base64(&psbt::combine(all)?);
            put_psbt(shared, &out, &text, &json!({"psbt": text}))
        }
        Command::Finalise { psbt, out } => {
            let finished = psbt::finalise(read(&psbt)?)?;
            let Some(tx) = finished.tx else { return Err(unfinished(&finished.unfinished)) };
            let hex = serialize_hex(&tx);
            put(shared, &out, &hex, &json!({"tx": hex, "txid": tx.compute_txid().to_string()}))
        }
        Command::Show { psbt } => show(shared, &read(&psbt)?),
        Command::Send { psbt } => {
            let finished = psbt::finalise(read(&psbt)?)?;
            let Some(tx) = finished.tx else { return Err(unfinished(&finished.unfinished)) };
            let mut wallet = Wallet::open(shared)?;
            let nodes = wallet.nodes()?;
            let txid = network::broadcast(&mut wallet, &nodes, &serialize_hex(&tx))?;
            match shared.json {
                true => print_json(&json!({"txid": txid})),
                false => say!("{txid}"),
            }
            wallet.save_after();
            Ok(())
        }
    }
}

fn unfinished(inputs: &[psbt::Unfinished]) -> Failure {
    let reasons: Vec<String> = inputs.iter().map(|at| format!("input {}: {}", at.input, at.reason)).collect();
    Failure::new("incomplete", format!("signatures are missing: {}", reasons.join("; ")))
}

/// A PSBT from a file, the standard input, or the argument itself.
fn read(text: &str) -> Result<Psbt, Failure> {
    let bytes = if text == "-" {
        let mut bytes = Vec::new();
        let most = psbt::MAX_PSBT_BYTES as u64 * 2 + 16;
        std::io::stdin().take(most).read_to_end(&mut bytes).map_err(|e| Failure::usage(e.to_string()))?;
        bytes
    } else if Path::new(text).is_file() {
        std::fs::read(text).map_err(|error| Failure::usage(format!("{text}: {error}")))?
    } else {
        text.as_bytes().to_vec()
    };
    psbt::read(&bytes).map_err(|error| {
        let shown: String = plain(&text.chars().take(60).collect::<String>());
        Failure::from(error).with(&format!("('{shown}')"))
    })
}

/// Prints or writes a PSBT: to a file called `.psbt` as bytes, as BIP174 wants it, else as base64.
fn put_psbt(shared: &Shared, out: &Out, text: &str, about: &Value) -> Result<(), Failure> {
    match &out.out {
        Some(path) if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("psbt")) => {
            out.write(&psbt::from_base64(text)?.serialize())?;
            if shared.json {
                print_json(about);
            }
            Ok(())
        }
        _ => put(shared, out, text, about),
    }
}

/// Prints or writes what came out.
fn put(shared: &Shared, out: &Out, text: &str, about: &Value) -> Result<(), Failure> {
    if out.out.is_some() {
        out.write(format!("{text}\n").as_bytes())?;
    }
    if shared.json {
        print_json(about);
    } else if out.out.is_none() {
        say!("{text}");
    }
    Ok(())
}

/// What a PSBT would do: as the wallet's keys see it or, if it only watches, as what it knows of the chain says.
fn show(shared: &Shared, psbt: &Psbt) -> Result<(), Failure> {
    let mut wallet = Wallet::look(shared)?;
    let review: Review = match wallet.signer() {
        Ok(signer) => signer.review(psbt)?,
        Err(_) => {
            let seen = wallet.call("review", json!({"psbt": psbt::to_base64(psbt)}))?;
            serde_json::from_value(seen).map_err(|error| Failure::new("internal", error.to_string()))?
        }
    };
    match shared.json {
        true => print_json(&json!(review)),
        false => print_review(&review),
    }
    Ok(())
}
