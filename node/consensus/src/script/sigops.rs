//! Counting signature operations, by bytes and before anything runs.

use super::MAX_PUBKEYS_PER_MULTISIG;
use super::flags::VerifyFlags;
use super::instruction::instructions;
use super::op::{
    OP_0, OP_CHECKMULTISIG, OP_CHECKMULTISIGVERIFY, OP_CHECKSIG, OP_CHECKSIGVERIFY, small_number,
};
use super::pattern::{is_p2sh, is_push_only, last_push, witness_program};
use crate::transaction::{Transaction, TxOut, WITNESS_SCALE_FACTOR};

/// The signature operations in a script, up to the first push that does not parse. `OP_CHECKMULTISIG` counts as 20,
/// or with `accurate` as the number right before it if that is an opcode from 1 to 16.
pub fn count(script: &[u8], accurate: bool) -> u32 {
    let mut total = 0;
    let mut previous = None;
    for instruction in instructions(script) {
        let Ok(instruction) = instruction else { break };
        match instruction.op {
            OP_CHECKSIG | OP_CHECKSIGVERIFY => total += 1,
            OP_CHECKMULTISIG | OP_CHECKMULTISIGVERIFY => {
                let keys = previous.filter(|op| accurate && *op != OP_0).and_then(small_number);
                total += keys.map_or(MAX_PUBKEYS_PER_MULTISIG as u32, u32::from);
            }
            _ => {}
        }
        previous = Some(instruction.op);
    }
    total
}

/// The signature operations in all scripts of the transaction itself, counted without looking at what it spends
/// (Core's `GetLegacySigOpCount`).
pub fn legacy_sigops(tx: &Transaction) -> u32 {
    let inputs = tx.inputs.iter().map(|input| count(&input.script_sig, false));
    let outputs = tx.outputs.iter().map(|output| count(&output.script_pubkey, false));
    inputs.chain(outputs).fold(0, u32::saturating_add)
}

/// The signature operations of the redeem script that `script_sig` reveals to a P2SH `script_pubkey`, 0 for other
/// outputs.
pub fn p2sh_sigops(script_sig: &[u8], script_pubkey: &[u8]) -> u32 {
    if !is_p2sh(script_pubkey) {
        return 0;
    }
    last_push(script_sig).map_or(0, |redeem| count(redeem, true))
}

/// The signature operations of the witness that unlocks `script_pubkey` (Core's `CountWitnessSigOps`).
pub fn witness_sigops(
    script_sig: &[u8],
    script_pubkey: &[u8],
    witness: &[Vec<u8>],
    flags: VerifyFlags,
) -> u32 {
    if !flags.contains(VerifyFlags::WITNESS) {
        return 0;
    }
    let program = witness_program(script_pubkey).or_else(|| {
        let wrapped = is_p2sh(script_pubkey) && is_push_only(script_sig);
        wrapped.then(|| last_push(script_sig).and_then(witness_program)).flatten()
    });
    match program {
        Some((0, program)) if program.len() == 20 => 1,
        Some((0, program)) if program.len() == 32 => witness.last().map_or(0, |script| count(script, true)),
        _ => 0,
    }
}

/// The cost of a transaction's signature operations in weight (BIP141): four for each outside the witness, one for
/// each inside. `spent` has the outputs spent, one per input, and is empty for a coinbase.
pub fn transaction_sigop_cost(tx: &Transaction, spent: &[TxOut], flags: VerifyFlags) -> i64 {
    let scale = WITNESS_SCALE_FACTOR as i64;
    let legacy = i64::from(legacy_sigops(tx)) * scale;
    if tx.is_coinbase() {
        return legacy;
    }
    tx.inputs.iter().zip(spent).fold(legacy, |cost, (input, output)| {
        let p2sh = if flags.contains(VerifyFlags::P2SH) {
            i64::from(p2sh_sigops(&input.script_sig, &output.script_pubkey))
        } else {
            0
        };
        let witness = witness_sigops(&input.script_sig, &output.script_pubkey, &input.witness, flags);
        cost + p2sh * scale + i64::from(witness)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::Builder;
    use crate::script::op::*;

    #[test]
    fn multisig_counts_its_keys_only_when_asked() {
        let script =
            Builder::new().push_int(1).push_data(&[2; 33]).push_int(2).op(OP_CHECKMULTISIG).into_script();
        assert_eq!((count(&script, false), count(&script, true)), (20, 2));
        let after_zero = Builder::new().push_int(0).op(OP_CHECKMULTISIGVERIFY).op(OP_CHECKSIG).into_script();
        assert_eq!(count(&after_zero, true), 21);
        assert_eq!(count(&[OP_CHECKSIG, 5, OP_CHECKSIG], true), 1);
    }

    #[test]
    fn redeem_scripts_and_witnesses() {
        let inner = Builder::new().push_int(1).push_int(3).op(OP_CHECKMULTISIG).into_script();
        let p2sh = Builder::new().op(OP_HASH160).push_data(&[0; 20]).op(OP_EQUAL).into_script();
        let script_sig = Builder::new().push_int(0).push_data(&inner).into_script();
        assert_eq!(p2sh_sigops(&script_sig, &p2sh), 3);
        assert_eq!(p2sh_sigops(&[OP_NOP], &p2sh), 0);
        let p2wsh = Builder::new().push_int(0).push_data(&[0; 32]).into_script();
        let witness = vec![inner.0.clone()];
        assert_eq!(witness_sigops(&[], &p2wsh, &witness, VerifyFlags::ALL), 3);
        assert_eq!(witness_sigops(&[], &p2wsh, &witness, VerifyFlags::P2SH), 0);
        let p2wpkh = Builder::new().push_int(0).push_data(&[0; 20]).into_script();
        let wrapped = Builder::new().push_data(&p2wpkh).into_script();
        assert_eq!(witness_sigops(&wrapped, &p2sh, &[], VerifyFlags::ALL), 1);
    }
}
