//! Methods that need neither keys nor a wallet's state; both workers answer them.
//!
//! | method | parameters | result |
//! |---|---|---|
//! | `combine` | `psbts: [text]` | `{psbt}` |
//! | `finalise` | `psbt` | `{psbt, complete, tx?, txid?, unfinished: [{input, reason}]}` |
//! | `verify_message` | `chain`, `address`, `message`, `signature` | `{valid, verdict, reason?, lock_time?, sequence?}` |
//! | `describe` | `chain`, `text`, `kind?` | `{receive, change?, kind?, ranged, first: [address]}` |
//! | `address` | `chain`, `script` or `address` | `{address?, script}` |

use super::{Fault, Params, to_value};
use crate::chain::{Chain, ChainSpec};
use crate::descriptor::Watched;
use crate::keys::AccountKind;
use crate::{message, psbt};
use bitcoin::ScriptBuf;
use bitcoin::consensus::encode::serialize_hex;
use serde::Deserialize;
use serde_json::{Value, json};

/// The result of a method of this module; `None` if it is not one.
pub fn call(method: &str, params: &Params<'_>) -> Option<Result<Value, Fault>> {
    Some(match method {
        "combine" => combine(params),
        "finalise" => finalise(params),
        "verify_message" => verify_message(params),
        "describe" => describe(params),
        "address" => address(params),
        _ => return None,
    })
}

fn combine(params: &Params<'_>) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Combine {
        psbts: Vec<String>,
    }
    let texts = params.read::<Combine>()?.psbts;
    let psbts = texts.iter().map(|text| psbt::from_base64(text)).collect::<Result<_, _>>()?;
    Ok(json!({"psbt": psbt::to_base64(&psbt::combine(psbts)?)}))
}

fn finalise(params: &Params<'_>) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Finalise {
        psbt: String,
    }
    let finalised = psbt::finalise(psbt::from_base64(&params.read::<Finalise>()?.psbt)?)?;
    let mut result = json!({
        "psbt": psbt::to_base64(&finalised.psbt),
        "complete": finalised.tx.is_some(),
        "unfinished": finalised.unfinished,
    });
    if let Some(tx) = &finalised.tx {
        result["tx"] = serialize_hex(tx).into();
        result["txid"] = tx.compute_txid().to_string().into();
    }
    Ok(result)
}

fn verify_message(params: &Params<'_>) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Verify {
        chain: ChainSpec,
        address: String,
        message: String,
        signature: String,
    }
    let Verify { chain, address, message, signature } = params.read()?;
    let verdict = message::verify(&Chain::from_spec(&chain)?, &address, &message, &signature)?;
    let mut result = to_value(&verdict)?;
    result["valid"] = verdict.is_valid().into();
    Ok(result)
}

fn describe(params: &Params<'_>) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Describe {
        chain: ChainSpec,
        text: String,
        kind: Option<AccountKind>,
    }
    let Describe { chain, text, kind } = params.read()?;
    let chain = Chain::from_spec(&chain)?;
    let watched = Watched::parse(&text, kind, &chain)?;
    let mut first = Vec::new();
    for index in 0..if watched.receive.is_ranged() { 3 } else { 1 } {
        first.push(chain.address(&watched.receive.script(index)?));
    }
    Ok(json!({
        "receive": watched.receive.to_string(),
        "change": watched.change.as_ref().map(ToString::to_string),
        "kind": watched.receive.kind(),
        "ranged": watched.receive.is_ranged(),
        "first": first,
    }))
}

fn address(params: &Params<'_>) -> Result<Value, Fault> {
    #[derive(Deserialize)]
    struct Address {
        chain: ChainSpec,
        address: Option<String>,
        script: Option<String>,
    }
    let Address { chain, address, script } = params.read()?;
    let chain = Chain::from_spec(&chain)?;
    let script = match (address, script) {
        (Some(address), None) => chain.script(&address)?,
        (None, Some(script)) => {
            ScriptBuf::from_hex(&script).map_err(|error| Fault::new("bad_params", error.to_string()))?
        }
        _ => return Err(Fault::new("bad_params", "either an address or a script is needed")),
    };
    Ok(json!({"address": chain.address(&script), "script": script.to_hex_string()}))
}
