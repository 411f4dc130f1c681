//! From the signatures of one input to its script and witness.
//!
//! The kinds of outputs that wallets make: one key (P2PK, P2PKH, P2WPKH, P2TR by its key) and k of n keys, each bare or
//! inside P2SH, P2WSH or both. That is all that is needed here, and a tenth of what an engine for any script weighs in the
//! module for browsers. What comes out is a proposal: it counts once the interpreter has run it.

use bitcoin::hashes::Hash;
use bitcoin::opcodes::all::{OP_CHECKMULTISIG, OP_CHECKSIG, OP_PUSHNUM_1, OP_PUSHNUM_16};
use bitcoin::psbt::Input;
use bitcoin::script::{Builder, Instruction, PushBytesBuf};
use bitcoin::{PublicKey, Script, ScriptBuf, Witness};

/// What an input lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lack {
    #[error("a signature is missing")]
    Signature,
    #[error("{have} of {need} signatures are there")]
    Signatures { have: usize, need: usize },
    #[error("the script that the output has the hash of is missing")]
    Script,
    #[error("the output that it spends is missing")]
    Output,
    #[error("nobody here knows how to spend a script of this kind")]
    Kind,
}

/// Finishes an input that spends `script`; one that is finished stays as it is.
pub(super) fn finish(input: &mut Input, script: &Script) -> Result<(), Lack> {
    if input.final_script_sig.is_some() || input.final_script_witness.is_some() {
        return Ok(());
    }
    let (script_sig, witness) = unlock(input, script)?;
    let before = std::mem::take(input);
    // BIP174: what served its purpose goes, what nobody here understands stays.
    *input = Input {
        non_witness_utxo: before.non_witness_utxo,
        witness_utxo: before.witness_utxo,
        final_script_sig: Some(script_sig).filter(|script| !script.is_empty()),
        final_script_witness: Some(witness).filter(|witness| !witness.is_empty()),
        proprietary: before.proprietary,
        unknown: before.unknown,
        ..Input::default()
    };
    Ok(())
}

fn unlock(input: &Input, script: &Script) -> Result<(ScriptBuf, Witness), Lack> {
    if script.is_p2tr() {
        let signature = input.tap_key_sig.ok_or(Lack::Signature)?;
        return Ok((ScriptBuf::new(), Witness::from_slice(&[signature.to_vec()])));
    }
    if !script.is_p2sh() {
        let (pushes, witness) = unlock_inner(input, script)?;
        return Ok((pushed(&pushes)?, witness));
    }
    let redeem =
        input.redeem_script.as_ref().filter(|redeem| redeem.to_p2sh() == *script).ok_or(Lack::Script)?;
    let (mut pushes, witness) = unlock_inner(input, redeem)?;
    pushes.push(redeem.to_bytes());
    Ok((pushed(&pushes)?, witness))
}

/// What a script other than P2SH wants: pushes, or a witness.
fn unlock_inner(input: &Input, script: &Script) -> Result<(Vec<Vec<u8>>, Witness), Lack> {
    if script.is_p2wpkh() {
        let stack = by_hash(input, &script.as_bytes()[2..])?;
        return Ok((Vec::new(), Witness::from_slice(&stack)));
    }
    if script.is_p2wsh() {
        let inner =
            input.witness_script.as_ref().filter(|inner| inner.to_p2wsh() == *script).ok_or(Lack::Script)?;
        let mut stack = by_script(input, inner)?;
        stack.push(inner.to_bytes());
        return Ok((Vec::new(), Witness::from_slice(&stack)));
    }
    Ok((by_script(input, script)?, Witness::new()))
}

fn by_script(input: &Input, script: &Script) -> Result<Vec<Vec<u8>>, Lack> {
    if script.is_p2pkh() {
        return by_hash(input, &script.as_bytes()[3..23]);
    }
    if let Some(key) = single_key(script) {
        return Ok(vec![signature_of(input, &key).ok_or(Lack::Signature)?]);
    }
    let (need, keys) = several_keys(script).ok_or(Lack::Kind)?;
    // The interpreter takes one element too many, and wants it empty (BIP147); signatures come in the order of the keys.
    let mut stack = vec![Vec::new()];
    stack.extend(keys.iter().filter_map(|key| signature_of(input, key)).take(need));
    match stack.len() - 1 {
        have if have < need => Err(Lack::Signatures { have, need }),
        _ => Ok(stack),
    }
}

/// The signature and the key of a hash.
fn by_hash(input: &Input, hash: &[u8]) -> Result<Vec<Vec<u8>>, Lack> {
    let has_it = |key: &PublicKey| key.pubkey_hash().as_byte_array() == hash;
    let (key, signature) = input.partial_sigs.iter().find(|(key, _)| has_it(key)).ok_or(Lack::Signature)?;
    Ok(vec![signature.to_vec(), key.to_bytes()])
}

fn signature_of(input: &Input, key: &PublicKey) -> Option<Vec<u8>> {
    input.partial_sigs.get(key).map(|signature| signature.to_vec())
}

/// The key of `<key> OP_CHECKSIG`.
fn single_key(script: &Script) -> Option<PublicKey> {
    let mut instructions = script.instructions();
    let key = PublicKey::from_slice(instructions.next()?.ok()?.push_bytes()?.as_bytes()).ok()?;
    let ends = instructions.next()?.ok()? == Instruction::Op(OP_CHECKSIG) && instructions.next().is_none();
    ends.then_some(key)
}

/// The number and the keys of `k <key>… n OP_CHECKMULTISIG`.
fn several_keys(script: &Script) -> Option<(usize, Vec<PublicKey>)> {
    let all: Vec<_> = script.instructions().collect::<Result<_, _>>().ok()?;
    let [need, keys @ .., count, Instruction::Op(OP_CHECKMULTISIG)] = &all[..] else { return None };
    let keys: Vec<_> = keys
        .iter()
        .map(|key| PublicKey::from_slice(key.push_bytes()?.as_bytes()).ok())
        .collect::<Option<_>>()?;
    let need = small_number(need)?;
    (small_number(count)? == keys.len() && need <= keys.len()).then_some((need, keys))
}

fn small_number(instruction: &Instruction<'_>) -> Option<usize> {
    let Instruction::Op(code) = instruction else { return None };
    let (code, first) = (code.to_u8(), OP_PUSHNUM_1.to_u8());
    (first..=OP_PUSHNUM_16.to_u8()).contains(&code).then(|| usize::from(code - first) + 1)
}

fn pushed(pushes: &[Vec<u8>]) -> Result<ScriptBuf, Lack> {
    let script = pushes.iter().try_fold(Builder::new(), |script, push| {
        Ok(script.push_slice(PushBytesBuf::try_from(push.clone()).map_err(|_| Lack::Kind)?))
    });
    script.map(Builder::into_script)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bitcoin::EcdsaSighashType;
    use bitcoin::key::Secp256k1;
    use bitcoin::secp256k1::{Message, SecretKey};

    fn key(number: u8) -> (PublicKey, bitcoin::ecdsa::Signature) {
        let secp = Secp256k1::new();
        let secret = SecretKey::from_slice(&[number; 32]).unwrap();
        let signature = secp.sign_ecdsa(&Message::from_digest([7; 32]), &secret);
        let signature = bitcoin::ecdsa::Signature { signature, sighash_type: EcdsaSighashType::All };
        (PublicKey::new(secret.public_key(&secp)), signature)
    }

    fn two_of_three() -> ScriptBuf {
        let keys = [1, 2, 3].map(|number| key(number).0);
        let script = keys.iter().fold(Builder::new().push_int(2), |script, key| script.push_key(key));
        script.push_int(3).push_opcode(OP_CHECKMULTISIG).into_script()
    }

    #[test]
    fn every_kind_is_finished_with_what_it_wants() {
        let (public, signature) = key(1);
        let wanted = [signature.to_vec(), public.to_bytes()];
        let mut input = Input { partial_sigs: [(public, signature)].into(), ..Input::default() };

        let mut legacy = input.clone();
        finish(&mut legacy, &ScriptBuf::new_p2pkh(&public.pubkey_hash())).unwrap();
        assert_eq!(legacy.final_script_sig, Some(pushed(&wanted).unwrap()));
        assert_eq!(legacy.final_script_witness, None);
        assert!(legacy.partial_sigs.is_empty());

        let mut segwit = input.clone();
        let script = ScriptBuf::new_p2wpkh(&public.wpubkey_hash().unwrap());
        finish(&mut segwit, &script).unwrap();
        assert_eq!(segwit.final_script_witness, Some(Witness::from_slice(&wanted)));
        assert_eq!(segwit.final_script_sig, None);

        input.redeem_script = Some(script.clone());
        finish(&mut input, &script.to_p2sh()).unwrap();
        assert_eq!(input.final_script_witness, segwit.final_script_witness);
        assert_eq!(input.final_script_sig, Some(pushed(&[script.to_bytes()]).unwrap()));
    }

    #[test]
    fn several_signatures_come_in_the_order_of_the_keys() {
        let script = two_of_three();
        let (first, third) = (key(1), key(3));
        let mut input = Input { partial_sigs: [third].into(), ..Input::default() };
        input.witness_script = Some(script.clone());
        let output = script.to_p2wsh();
        assert_eq!(finish(&mut input, &output), Err(Lack::Signatures { have: 1, need: 2 }));
        input.partial_sigs.extend([first, key(2)]);
        finish(&mut input, &output).unwrap();
        let stack = [Vec::new(), first.1.to_vec(), key(2).1.to_vec(), script.to_bytes()];
        assert_eq!(input.final_script_witness, Some(Witness::from_slice(&stack)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let (public, _) = key(1);
        let mut input = Input::default();
        for (script, lack) in [
            (ScriptBuf::new_p2pkh(&public.pubkey_hash()), Lack::Signature),
            (ScriptBuf::new_p2wpkh(&public.wpubkey_hash().unwrap()), Lack::Signature),
            (two_of_three().to_p2sh(), Lack::Script),
            (two_of_three().to_p2wsh(), Lack::Script),
            (two_of_three(), Lack::Signatures { have: 0, need: 2 }),
            (ScriptBuf::new_op_return([1]), Lack::Kind),
            (ScriptBuf::new(), Lack::Kind),
        ] {
            assert_eq!(finish(&mut input, &script), Err(lack), "{script}");
        }
        // A script that is not the one whose hash is in the output opens nothing.
        input.redeem_script = Some(ScriptBuf::new());
        assert_eq!(finish(&mut input, &two_of_three().to_p2sh()), Err(Lack::Script));
        assert_eq!(input.redeem_script, Some(ScriptBuf::new()));
    }
}
