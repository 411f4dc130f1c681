//! Making transactions, signing them and putting signatures together.

use super::tx_json::decode_hex;
use super::{Reply, reply};
use crate::descriptor::{p2sh, p2wsh};
use crate::error::{RpcError, code};
use crate::json::Json;
use crate::node::Node;
use crate::registry::Args;
use crate::signing::{Job, Keys, Unlocking};
use crate::value::Hex;
use chaincore_consensus::address::{Address, WifKey};
use chaincore_consensus::amount::{COIN, MAX_MONEY};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::script::{Builder, ScriptError, op, to_asm};
use chaincore_consensus::sighash::{PrecomputedTx, SighashType};
use chaincore_consensus::{Amount, OutPoint, Script, Transaction, Tx, TxIn, TxOut, Txid, hex};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The sequence number of an input that may be replaced, of one that only lets the lock time count, and of neither.
const REPLACEABLE: u32 = u32::MAX - 2;
const NOT_FINAL: u32 = u32::MAX - 1;

/// Stands for an amount that the caller did not give: more than any output is worth.
const NOT_SAID: Amount = Amount(MAX_MONEY);

fn invalid(text: impl Into<String>) -> RpcError {
    RpcError::invalid_parameter(text)
}

fn inputs(values: &[Json], replaceable: Option<bool>, lock_time: u32) -> Result<Vec<TxIn>, RpcError> {
    let usual = match (replaceable.unwrap_or(true), lock_time) {
        (true, _) => REPLACEABLE,
        (false, 0) => u32::MAX,
        (false, _) => NOT_FINAL,
    };
    let input = |value: &Json| {
        value.get_object()?;
        let txid: Txid = value.field("txid").hash("txid")?;
        let vout = value.field("vout");
        if !matches!(vout, Json::Number(_)) {
            return Err(invalid("Invalid parameter, missing vout key"));
        }
        let vout: i32 = vout.get_int()?;
        let vout = u32::try_from(vout).map_err(|_| invalid("Invalid parameter, vout cannot be negative"))?;
        let sequence = match value.field("sequence") {
            given @ Json::Number(_) => u32::try_from(given.get_int::<i64>()?)
                .map_err(|_| invalid("Invalid parameter, sequence number is out of range"))?,
            _ => usual,
        };
        let previous_output = OutPoint { txid, vout };
        Ok(TxIn { previous_output, script_sig: Script::new(), sequence, witness: vec![] })
    };
    values.iter().map(input).collect()
}

/// The members of an object, or of an array of objects with one member each.
fn output_members(value: &Json) -> Result<Vec<(&str, &Json)>, RpcError> {
    if value.is_null() {
        return Err(invalid("Invalid parameter, output argument must be non-null"));
    }
    if let Json::Object(members) = value {
        return Ok(members.iter().map(|(name, value)| (name.as_str(), value)).collect());
    }
    let member = |output: &'_ Json| match output {
        Json::Object(members) => match members.len() {
            1 => Ok(()),
            _ => Err(invalid("Invalid parameter, key-value pair must contain exactly one key")),
        },
        _ => Err(invalid("Invalid parameter, key-value pair not an object as expected")),
    };
    let mut found = Vec::new();
    for output in value.get_array()? {
        member(output)?;
        found.extend(output.get_object()?.iter().map(|(name, value)| (name.as_str(), value)));
    }
    Ok(found)
}

fn outputs(node: &dyn Node, value: &Json) -> Result<Vec<TxOut>, RpcError> {
    let mut outputs = Vec::new();
    let mut addresses = BTreeSet::new();
    let mut has_data = false;
    for (name, value) in output_members(value)? {
        if name == "data" {
            if std::mem::replace(&mut has_data, true) {
                return Err(invalid("Invalid parameter, duplicate key: data"));
            }
            let data = match value {
                Json::Number(digits) => Json::String(digits.clone()).hex("Data")?,
                other => other.hex("Data")?,
            };
            let script_pubkey = Builder::new().op(op::OP_RETURN).push_data(&data).into_script();
            outputs.push(TxOut { value: Amount::ZERO, script_pubkey });
            continue;
        }
        let amount = value.amount()?;
        let address = Address::parse(name, &node.params().addresses)
            .map_err(|_| RpcError::not_found(format!("Invalid Bitcoin address: {name}")))?;
        let script_pubkey = address.script_pubkey();
        if !addresses.insert(address) {
            return Err(invalid(format!("Invalid parameter, duplicated address: {name}")));
        }
        outputs.push(TxOut { value: amount, script_pubkey });
    }
    Ok(outputs)
}

pub fn createrawtransaction(node: &dyn Node, args: &Args) -> Reply {
    let replaceable = args.opt_bool(3)?;
    let version: u32 = args.opt_int(4)?.unwrap_or(2);
    let lock_time = args.opt_int::<i64>(2)?.unwrap_or(0);
    let lock_time =
        u32::try_from(lock_time).map_err(|_| invalid("Invalid parameter, locktime out of range"))?;
    if !(1..=3).contains(&version) {
        return Err(invalid("Invalid parameter, version out of range(1~3)"));
    }
    let inputs = inputs(args.array(0)?, replaceable, lock_time)?;
    let outputs = outputs(node, args.get(1))?;
    let signals = inputs.iter().any(|input| input.sequence <= REPLACEABLE);
    if replaceable == Some(true) && !inputs.is_empty() && !signals {
        return Err(invalid(
            "Invalid parameter combination: Sequence number(s) contradict replaceable option",
        ));
    }
    reply(&hex::encode(&Tx::from(Transaction { version, inputs, outputs, lock_time }).to_bytes()))
}

/// An output of the mempool or the chain that no mempool transaction spends.
fn unspent(node: &dyn Node, outpoint: &OutPoint) -> Result<Option<TxOut>, RpcError> {
    if let Some(tx) = node.mempool_tx(&outpoint.txid) {
        return Ok(tx.outputs.get(outpoint.vout as usize).cloned());
    }
    Ok(node.coin(outpoint)?.map(|coin| coin.output))
}

type Spent = BTreeMap<OutPoint, TxOut>;

/// Takes in an output that a caller describes, with the scripts behind its hashes.
fn described_output(value: &Json, keys: &mut Keys, spent: &mut Spent) -> Result<(), RpcError> {
    let undecodable = |text: &str| RpcError::undecodable(text);
    if !matches!(value, Json::Object(_)) {
        return Err(undecodable("expected object with {\"txid'\",\"vout\",\"scriptPubKey\"}"));
    }
    for (name, kind) in [("scriptPubKey", "string"), ("txid", "string"), ("vout", "number")] {
        let field = value.field(name);
        if field.is_null() {
            return Err(RpcError::wrong_type(format!("Missing {name}")));
        }
        if field.type_name() != kind {
            return Err(RpcError::wrong_type(format!(
                "JSON value of type {} for field {name} is not of expected type {kind}",
                field.type_name()
            )));
        }
    }
    let txid = value.field("txid").hash("txid")?;
    let vout: i32 = value.field("vout").get_int()?;
    let vout = u32::try_from(vout).map_err(|_| undecodable("vout cannot be negative"))?;
    let script_pubkey = Script(value.field("scriptPubKey").hex("scriptPubKey")?);
    let outpoint = OutPoint { txid, vout };
    if let Some(known) = spent.get(&outpoint).filter(|known| known.script_pubkey != script_pubkey) {
        return Err(RpcError::undecodable(format!(
            "Previous output scriptPubKey mismatch:\n{}\nvs:\n{}",
            to_asm(&known.script_pubkey, false),
            to_asm(&script_pubkey, false)
        )));
    }
    let amount = value.member("amount").map(Json::amount).transpose()?.unwrap_or(NOT_SAID);
    spent.insert(outpoint, TxOut { value: amount, script_pubkey: script_pubkey.clone() });
    if !script_pubkey.is_p2sh() && !script_pubkey.is_p2wsh() {
        return Ok(());
    }
    let script_of = |name: &str| match value.field(name) {
        Json::Null => Ok(None),
        text @ Json::String(_) => text.hex(name).map(|bytes| Some(Script(bytes))),
        other => Err(RpcError::wrong_type(format!(
            "JSON value of type {} for field {name} is not of expected type string",
            other.type_name()
        ))),
    };
    let (redeem, witness) = (script_of("redeemScript")?, script_of("witnessScript")?);
    let script = witness.clone().or_else(|| redeem.clone());
    let script = script.ok_or_else(|| invalid("Missing redeemScript/witnessScript"))?;
    let program = p2wsh(&script);
    keys.known.add_script(&script);
    keys.known.add_script(&program);
    if let (Some(redeem), Some(witness)) = (&redeem, &witness)
        && redeem != witness
        && *redeem != program
    {
        return Err(invalid("redeemScript does not correspond to witnessScript"));
    }
    let fits = if script_pubkey.is_p2sh() {
        script_pubkey == p2sh(&script) || script_pubkey == p2sh(&program)
    } else {
        script_pubkey == program
    };
    if fits { Ok(()) } else { Err(invalid("redeemScript/witnessScript does not match scriptPubKey")) }
}

fn hash_type(value: Option<&str>) -> Result<SighashType, RpcError> {
    Ok(match value {
        None | Some("DEFAULT") => SighashType::DEFAULT,
        Some("ALL") => SighashType::ALL,
        Some("NONE") => SighashType::NONE,
        Some("SINGLE") => SighashType::SINGLE,
        Some("ALL|ANYONECANPAY") => SighashType::ALL.with_anyone_can_pay(),
        Some("NONE|ANYONECANPAY") => SighashType::NONE.with_anyone_can_pay(),
        Some("SINGLE|ANYONECANPAY") => SighashType::SINGLE.with_anyone_can_pay(),
        Some(other) => return Err(invalid(format!("'{other}' is not a valid sighash parameter."))),
    })
}

#[derive(Serialize)]
struct InputError {
    txid: Txid,
    vout: u32,
    witness: Vec<String>,
    #[serde(rename = "scriptSig")]
    script_sig: String,
    sequence: u32,
    error: String,
}

impl InputError {
    fn new(input: &TxIn, error: String) -> Self {
        Self {
            txid: input.previous_output.txid,
            vout: input.previous_output.vout,
            witness: input.witness.iter().map(|item| hex::encode(item)).collect(),
            script_sig: hex::encode(&input.script_sig),
            sequence: input.sequence,
            error,
        }
    }
}

#[derive(Serialize)]
struct Signed<'a> {
    hex: Hex<'a>,
    complete: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<InputError>,
}

fn failure_text(error: ScriptError) -> String {
    match error {
        ScriptError::InvalidStackOperation => {
            "Unable to sign input, invalid stack size (possibly missing key)".into()
        }
        ScriptError::SigNullFail => {
            "CHECK(MULTI)SIG failing with non-zero signature (possibly need more signatures)".into()
        }
        other => other.to_string(),
    }
}

pub fn signrawtransactionwithkey(node: &dyn Node, args: &Args) -> Reply {
    let tx = decode_hex(args.str(0)?, true, true)
        .ok_or_else(|| RpcError::undecodable("TX decode failed. Make sure the tx has at least one input."))?;
    let mut tx = tx.into_inner();
    let mut keys = Keys::default();
    for key in args.array(1)? {
        let key = WifKey::parse(key.get_str()?, &node.params().addresses);
        keys.add(&key.ok_or_else(|| RpcError::not_found("Invalid private key"))?);
    }
    let mut spent = Spent::new();
    for input in &tx.inputs {
        if let Some(output) = unspent(node, &input.previous_output)? {
            spent.insert(input.previous_output, output);
        }
    }
    for output in args.opt_array(2)?.unwrap_or_default() {
        described_output(output, &mut keys, &mut spent)?;
    }
    let hash_type = hash_type(args.opt_str(3)?)?;
    let all: Option<Vec<TxOut>> =
        tx.inputs.iter().map(|input| spent.get(&input.previous_output).cloned()).collect();
    let all = all.unwrap_or_default();
    let unsigned = tx.clone();
    let pre = PrecomputedTx::new(&unsigned, &all);
    let mut errors = Vec::new();
    for (at, input) in tx.inputs.iter_mut().enumerate() {
        let Some(output) = spent.get(&input.previous_output) else {
            errors.push(InputError::new(input, "Input not found or already spent".into()));
            continue;
        };
        let job = Job { tx: &unsigned, input: at, output, spent: &all, pre: &pre, hash_type };
        let earlier = Unlocking::from(&*input);
        // Without an output at its place, a signature of one output would sign nothing.
        let pointless = hash_type.is_single() && at >= unsigned.outputs.len();
        let unlocking = if pointless { earlier } else { job.sign(&keys, &[earlier]) };
        let verdict = job.verify(&unlocking);
        (input.script_sig, input.witness) = (unlocking.script_sig, unlocking.witness);
        if output.value == NOT_SAID && !input.witness.is_empty() {
            let (coins, rest) = (output.value.sat() / COIN, output.value.sat() % COIN);
            let script = hex::encode(&output.script_pubkey);
            return Err(RpcError::wrong_type(format!(
                "Missing amount for CTxOut(nValue={coins}.{rest:08}, scriptPubKey={})",
                script.get(..30).unwrap_or(&script)
            )));
        }
        if let Err(error) = verdict {
            errors.push(InputError::new(input, failure_text(error)));
        }
    }
    let bytes = Tx::from(tx).to_bytes();
    reply(&Signed { hex: Hex(&bytes), complete: errors.is_empty(), errors })
}

pub fn combinerawtransaction(node: &dyn Node, args: &Args) -> Reply {
    let texts = args.array(0)?;
    if texts.len() < 2 {
        let message = "Missing transactions. At least two transactions required.";
        return Err(RpcError::undecodable(message));
    }
    let mut variants = Vec::with_capacity(texts.len());
    for (at, text) in texts.iter().enumerate() {
        let tx = decode_hex(text.get_str()?, true, true).ok_or_else(|| {
            RpcError::undecodable(format!(
                "TX decode failed for tx {at}. Make sure the tx has at least one input."
            ))
        })?;
        variants.push(tx.into_inner());
    }
    let bare = |tx: &Transaction| {
        let mut tx = tx.clone();
        tx.inputs.iter_mut().for_each(|input| {
            (input.script_sig, input.witness) = (Script::new(), vec![]);
        });
        tx
    };
    let unsigned = bare(&variants[0]);
    if let Some(other) = variants.iter().position(|variant| bare(variant) != unsigned) {
        let message = format!("Transaction number {} not compatible with first transaction", other + 1);
        return Err(invalid(message));
    }
    let mut merged = variants[0].clone();
    let mut all = Vec::with_capacity(merged.inputs.len());
    for input in &merged.inputs {
        let output = unspent(node, &input.previous_output)?;
        let missing = || RpcError::new(code::VERIFY_ERROR, "Input not found or already spent");
        all.push(output.ok_or_else(missing)?);
    }
    let pre = PrecomputedTx::new(&unsigned, &all);
    for (at, input) in merged.inputs.iter_mut().enumerate() {
        let output = &all[at];
        let hash_type = SighashType::ALL;
        let job = Job { tx: &unsigned, input: at, output, spent: &all, pre: &pre, hash_type };
        let earlier: Vec<Unlocking> =
            variants.iter().map(|variant| Unlocking::from(&variant.inputs[at])).collect();
        let unlocking = job.sign(&Keys::default(), &earlier);
        (input.script_sig, input.witness) = (unlocking.script_sig, unlocking.witness);
    }
    reply(&hex::encode(&Tx::from(merged).to_bytes()))
}
