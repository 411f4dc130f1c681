//! Finishing (BIP174's input finaliser and extractor): from signatures to scripts and witnesses, from those to a
//! transaction.
//!
//! What is put together here is judged by the script interpreter, input by input, so nothing counts as finished that a
//! node would refuse. Known scripts are one key (in any of the usual forms, or bare) and `m` of `n` keys; of taproot
//! the key path.

use super::{PsbtError, is_final, spent_outputs};
use crate::verify::Judge;
use bitcoin::opcodes::all::{OP_CHECKMULTISIG, OP_CHECKSIG};
use bitcoin::psbt::Input;
use bitcoin::script::{Builder, Instruction, PushBytesBuf};
use bitcoin::{Psbt, PublicKey, Script, ScriptBuf, Transaction, Witness};
use serde::Serialize;

/// A PSBT with all inputs finished that can be.
#[derive(Clone, Debug)]
pub struct Finalised {
    /// The PSBT.
    pub psbt: Psbt,
    /// The transaction, if all its inputs are finished.
    pub tx: Option<Transaction>,
    /// The inputs that are not.
    pub unfinished: Vec<Unfinished>,
}

/// An input that can't be finished.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Unfinished {
    /// Which.
    pub input: usize,
    /// Why: mostly signatures that are missing.
    pub reason: String,
}

/// Finishes all inputs that have what they need.
///
/// # Errors
/// A PSBT that contradicts itself. Missing signatures and wrong ones are no error but [`Finalised::unfinished`].
pub fn finalise(mut psbt: Psbt) -> Result<Finalised, PsbtError> {
    let spent: Vec<_> = spent_outputs(&psbt)?.into_iter().map(|spent| Some(spent?.output)).collect();
    let judge = Judge::new(&psbt.unsigned_tx, &spent)
        .ok_or_else(|| PsbtError::Decode("its transaction is none".into()))?;
    let mut unfinished = Vec::new();
    for (input, (fields, spent)) in psbt.inputs.iter_mut().zip(&spent).enumerate() {
        let finished = spent
            .as_ref()
            .ok_or_else(|| "nothing says what it spends".to_string())
            .and_then(|spent| unlock(fields, &spent.script_pubkey))
            .and_then(|(script_sig, witness)| {
                judge.input(input, &script_sig, &witness).map_err(|error| error.to_string())?;
                Ok((script_sig, witness))
            });
        match finished {
            Ok((script_sig, witness)) => set_final(fields, script_sig, witness),
            Err(reason) => unfinished.push(Unfinished { input, reason }),
        }
    }
    let tx = unfinished.is_empty().then(|| psbt.clone().extract_tx_unchecked_fee_rate());
    Ok(Finalised { psbt, tx, unfinished })
}

/// Leaves of an input what it spends, what finishes it, and what nobody here understands (BIP174).
fn set_final(fields: &mut Input, script_sig: ScriptBuf, witness: Witness) {
    let before = core::mem::take(fields);
    *fields = Input {
        non_witness_utxo: before.non_witness_utxo,
        witness_utxo: before.witness_utxo,
        final_script_sig: (!script_sig.is_empty()).then_some(script_sig),
        final_script_witness: (!witness.is_empty()).then_some(witness),
        proprietary: before.proprietary,
        unknown: before.unknown,
        ..Input::default()
    };
}

/// What unlocks a script, by the signatures there are; or what is missing.
fn unlock(fields: &Input, script: &Script) -> Result<(ScriptBuf, Witness), String> {
    if is_final(fields) {
        let script_sig = fields.final_script_sig.clone().unwrap_or_default();
        return Ok((script_sig, fields.final_script_witness.clone().unwrap_or_default()));
    }
    if script.is_p2tr() {
        let signature = fields.tap_key_sig.ok_or("the signature of its taproot key is missing")?;
        return Ok((ScriptBuf::new(), Witness::p2tr_key_spend(&signature)));
    }
    let redeem = match &fields.redeem_script {
        Some(redeem) if redeem.to_p2sh() == *script => Some(redeem),
        _ if script.is_p2sh() => return Err("the script behind its address is missing".into()),
        _ => None,
    };
    let program = redeem.map_or(script, |redeem| redeem.as_script());
    let nested = || redeem.map_or(ScriptBuf::new(), |redeem| pushes([redeem.to_bytes()]));
    if program.is_p2wpkh() {
        let (signature, key) = signature_by(fields, |key| {
            key.wpubkey_hash().is_ok_and(|hash| ScriptBuf::new_p2wpkh(&hash) == *program)
        })?;
        return Ok((nested(), Witness::from_slice(&[signature, key])));
    }
    if program.is_p2wsh() {
        let inner = fields.witness_script.as_ref().filter(|inner| inner.to_p2wsh() == *program);
        let inner = inner.ok_or("the script behind its address is missing")?;
        let mut items = items(fields, inner)?;
        items.push(inner.to_bytes());
        return Ok((nested(), Witness::from_slice(&items)));
    }
    let mut items = items(fields, program)?;
    items.extend(redeem.map(|redeem| redeem.to_bytes()));
    Ok((pushes(items), Witness::new()))
}

/// What a script of one or several keys wants to find on the stack.
fn items(fields: &Input, script: &Script) -> Result<Vec<Vec<u8>>, String> {
    if script.is_p2pkh() {
        let (signature, key) =
            signature_by(fields, |key| ScriptBuf::new_p2pkh(&key.pubkey_hash()) == *script)?;
        return Ok(vec![signature, key]);
    }
    let (wanted, keys) = keys_of(script).ok_or("it has a script of a form that is not known here")?;
    let mut signatures: Vec<Vec<u8>> =
        keys.iter().filter_map(|key| Some(fields.partial_sigs.get(key)?.to_vec())).take(wanted).collect();
    if signatures.len() < wanted {
        return Err(format!("{} of {wanted} signatures are missing", wanted - signatures.len()));
    }
    if !script.as_bytes().ends_with(&[OP_CHECKSIG.to_u8()]) {
        // One element more than is needed is taken off the stack, and it must be empty (BIP147).
        signatures.insert(0, Vec::new());
    }
    Ok(signatures)
}

/// The signature, with its key, of the first key that is meant.
fn signature_by(fields: &Input, is_meant: impl Fn(&PublicKey) -> bool) -> Result<(Vec<u8>, Vec<u8>), String> {
    let found = fields.partial_sigs.iter().find(|(key, _)| is_meant(key));
    let (key, signature) = found.ok_or("its signature is missing")?;
    Ok((signature.to_vec(), key.to_bytes()))
}

/// How many signatures of which keys a script wants: `key CHECKSIG` or `m key… n CHECKMULTISIG`.
fn keys_of(script: &Script) -> Option<(usize, Vec<PublicKey>)> {
    let parts: Vec<Instruction<'_>> = script.instructions().collect::<Result<_, _>>().ok()?;
    let key = |part: &Instruction<'_>| PublicKey::from_slice(part.push_bytes()?.as_bytes()).ok();
    match &parts[..] {
        [one, Instruction::Op(OP_CHECKSIG)] => Some((1, vec![key(one)?])),
        [wanted, keys @ .., count, Instruction::Op(OP_CHECKMULTISIG)] => {
            let number = |part: &Instruction<'_>| usize::try_from(part.script_num()?).ok();
            let keys: Vec<_> = keys.iter().map(key).collect::<Option<_>>()?;
            (number(count)? == keys.len()).then_some((number(wanted)?, keys))
        }
        _ => None,
    }
}

/// A script that pushes these, each in the shortest way.
fn pushes(items: impl IntoIterator<Item = Vec<u8>>) -> ScriptBuf {
    let push = |builder: Builder, item: Vec<u8>| match PushBytesBuf::try_from(item) {
        Ok(bytes) if bytes.is_empty() => builder.push_int(0),
        Ok(bytes) => builder.push_slice(bytes),
        // No item has four gigabytes.
        Err(_) => builder,
    };
    items.into_iter().fold(Builder::new(), push).into_script()
}
