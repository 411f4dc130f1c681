//! Which transactions are standard: rules of relay that are tighter than consensus.
//!
//! The checks and their words are Core's (`policy/policy.cpp`); each looks at one transaction and, where
//! needed, the outputs it spends.

use super::feerate::FeeRate;
use super::options::MempoolOptions;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::script::{self, ScriptError, ScriptKind, sigops};
use chaincore_consensus::transaction::WITNESS_SCALE_FACTOR;
use chaincore_consensus::{Tx, TxIn, TxOut};

/// The heaviest standard transaction.
pub const MAX_STANDARD_TX_WEIGHT: usize = 400_000;
/// The smallest standard transaction, without witnesses: one more than a merkle tree's inner node, which a
/// transaction could otherwise be mistaken for (CVE-2017-12842).
pub const MIN_STANDARD_TX_STRIPPED_SIZE: usize = 65;
/// The signature operations of a standard transaction: a fifth of a block's.
pub const MAX_STANDARD_TX_SIGOP_COST: i64 = 80_000 / 5;

const STANDARD_VERSIONS: std::ops::RangeInclusive<u32> = 1..=3;
/// A 15-of-15 P2SH multisig with compressed keys, and some.
const MAX_STANDARD_SCRIPT_SIG_SIZE: usize = 1650;
const MAX_P2SH_SIGOPS: u32 = 15;
/// Signature operations that may run in one transaction outside witnesses (BIP54).
const MAX_TX_LEGACY_SIGOPS: u32 = 2500;
const MAX_DUST_OUTPUTS: usize = 1;
const MAX_P2WSH_STACK_ITEMS: usize = 100;
const MAX_P2WSH_STACK_ITEM_SIZE: usize = 80;
const MAX_P2WSH_SCRIPT_SIZE: usize = 3600;
const MAX_TAPSCRIPT_STACK_ITEM_SIZE: usize = 80;
const MAX_SCRIPT_ELEMENT_SIZE: usize = 520;
const MAX_STACK_SIZE: usize = 1000;
const ANNEX_TAG: u8 = 0x50;
const TAPROOT_LEAF_MASK: u8 = 0xfe;
const TAPSCRIPT_LEAF: u8 = 0xc0;
const OP_RESERVED: u8 = 0x50;

/// Below this value an output costs more to spend than it is worth at `rate`, in satoshis.
pub fn dust_threshold(output: &TxOut, rate: FeeRate) -> i64 {
    if script::is_unspendable(&output.script_pubkey) {
        return 0;
    }
    // The input that would spend it: outpoint, length, signature and key (discounted in a witness), sequence.
    let unlocking = if script::witness_program(&output.script_pubkey).is_some() {
        107 / WITNESS_SCALE_FACTOR
    } else {
        107
    };
    let size = output.encoded_len() + 32 + 4 + 1 + unlocking + 4;
    rate.fee(i64::try_from(size).unwrap_or(i64::MAX))
}

/// The positions of outputs that are dust at `rate`.
pub fn dust_outputs(tx: &Tx, rate: FeeRate) -> Vec<usize> {
    let is_dust = |output: &TxOut| output.value.sat() < dust_threshold(output, rate);
    tx.outputs.iter().enumerate().filter(|(_, output)| is_dust(output)).map(|(at, _)| at).collect()
}

/// Whether the transaction by itself is standard (Core's `IsStandardTx`); the error is the reject reason.
pub fn check_standard(tx: &Tx, options: &MempoolOptions) -> Result<(), &'static str> {
    if !STANDARD_VERSIONS.contains(&tx.version) {
        return Err("version");
    }
    if tx.weight() > MAX_STANDARD_TX_WEIGHT {
        return Err("tx-size");
    }
    for input in &tx.inputs {
        if input.script_sig.len() > MAX_STANDARD_SCRIPT_SIG_SIZE {
            return Err("scriptsig-size");
        }
        if !script::is_push_only(&input.script_sig) {
            return Err("scriptsig-not-pushonly");
        }
    }
    let mut data_left = options.data_carrier.unwrap_or(0);
    for output in &tx.outputs {
        match script::classify(&output.script_pubkey) {
            ScriptKind::NonStandard => return Err("scriptpubkey"),
            ScriptKind::MultiSig { m, keys } => {
                if !(1..=3).contains(&keys.len()) || m < 1 || usize::from(m) > keys.len() {
                    return Err("scriptpubkey");
                }
                if !options.permit_bare_multisig {
                    return Err("bare-multisig");
                }
            }
            ScriptKind::NullData => {
                data_left = data_left.checked_sub(output.script_pubkey.len()).ok_or("datacarrier")?;
            }
            _ => {}
        }
    }
    if dust_outputs(tx, options.dust_relay).len() > MAX_DUST_OUTPUTS {
        return Err("dust");
    }
    Ok(())
}

/// What a push-only scriptSig leaves on top of the stack: for P2SH the redeem script. `Ok(None)` if it pushes
/// nothing.
fn top_of_stack(script_sig: &[u8]) -> Result<Option<Vec<u8>>, ScriptError> {
    let mut top = None;
    for (count, instruction) in script::instructions(script_sig).enumerate() {
        let instruction = instruction.map_err(|()| ScriptError::BadOpcode)?;
        let item = match instruction.data {
            Some(data) if data.len() > MAX_SCRIPT_ELEMENT_SIZE => return Err(ScriptError::PushSize),
            Some(data) => data.to_vec(),
            None if instruction.op == 0x4f => vec![0x81],
            None if (0x51..=0x60).contains(&instruction.op) => vec![instruction.op - OP_RESERVED],
            None => return Err(ScriptError::BadOpcode),
        };
        if count >= MAX_STACK_SIZE {
            return Err(ScriptError::StackSize);
        }
        top = Some(item);
    }
    Ok(top)
}

/// Whether the outputs spent are of kinds that this node understands and cheap enough to verify (Core's
/// `ValidateInputsStandardness`). `spent` holds one output per input.
pub fn check_inputs_standard(tx: &Tx, spent: &[TxOut]) -> Result<(), RejectReason> {
    let refuse = |debug: String| {
        Err(RejectReason::new(RejectKind::InputsNotStandard, "bad-txns-nonstandard-inputs").with_debug(debug))
    };
    let mut legacy = 0u32;
    for (input, output) in tx.inputs.iter().zip(spent) {
        let executed = if script::is_p2sh(&output.script_pubkey) {
            sigops::p2sh_sigops(&input.script_sig, &output.script_pubkey)
        } else {
            sigops::count(&output.script_pubkey, true)
        };
        legacy = legacy.saturating_add(sigops::count(&input.script_sig, true)).saturating_add(executed);
        if legacy > MAX_TX_LEGACY_SIGOPS {
            return refuse("non-witness sigops exceed bip54 limit".into());
        }
    }
    for (at, (input, output)) in tx.inputs.iter().zip(spent).enumerate() {
        match script::classify(&output.script_pubkey) {
            ScriptKind::NonStandard => return refuse(format!("input {at} script unknown")),
            ScriptKind::WitnessUnknown { .. } => {
                return refuse(format!("input {at} witness program is undefined"));
            }
            ScriptKind::ScriptHash(_) => {
                let redeem = match top_of_stack(&input.script_sig) {
                    Ok(Some(redeem)) => redeem,
                    Ok(None) => return refuse(format!("input {at} P2SH redeemscript missing")),
                    Err(error) => return refuse(format!("p2sh scriptsig malformed (input {at}: {error})")),
                };
                let count = sigops::count(&redeem, true);
                if count > MAX_P2SH_SIGOPS {
                    return refuse(format!(
                        "p2sh redeemscript sigops exceed limit (input {at}: {count} > {MAX_P2SH_SIGOPS})"
                    ));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether no witness is larger than the usual scripts need (Core's `IsWitnessStandard`): anyone who relays a
/// transaction could otherwise stuff some.
pub fn is_witness_standard(tx: &Tx, spent: &[TxOut]) -> bool {
    let mut inputs = tx.inputs.iter().zip(spent).filter(|(input, _)| !input.witness.is_empty());
    inputs.all(|(input, output)| is_input_witness_standard(input, output))
}

fn is_input_witness_standard(input: &TxIn, output: &TxOut) -> bool {
    if script::is_pay_to_anchor(&output.script_pubkey) {
        return false;
    }
    let redeem;
    let wrapped = script::is_p2sh(&output.script_pubkey);
    let locking: &[u8] = if wrapped {
        let Ok(Some(top)) = top_of_stack(&input.script_sig) else { return false };
        redeem = top;
        &redeem
    } else {
        &output.script_pubkey
    };
    match script::witness_program(locking) {
        None => false,
        Some((0, program)) if program.len() == 32 => {
            let Some((witness_script, items)) = input.witness.split_last() else { return false };
            witness_script.len() <= MAX_P2WSH_SCRIPT_SIZE
                && items.len() <= MAX_P2WSH_STACK_ITEMS
                && items.iter().all(|item| item.len() <= MAX_P2WSH_STACK_ITEM_SIZE)
        }
        Some((1, program)) if program.len() == 32 && !wrapped => is_taproot_witness_standard(&input.witness),
        Some(_) => true,
    }
}

fn is_taproot_witness_standard(witness: &[Vec<u8>]) -> bool {
    match witness {
        [] => false,
        [_signature] => true,
        [.., annex] if annex.first() == Some(&ANNEX_TAG) => false,
        [items @ .., _script, control] => match control.first() {
            None => false,
            Some(leaf) if leaf & TAPROOT_LEAF_MASK == TAPSCRIPT_LEAF => {
                items.iter().all(|item| item.len() <= MAX_TAPSCRIPT_STACK_ITEM_SIZE)
            }
            Some(_) => true,
        },
    }
}

/// Whether an output spent needs a witness (anchors do not): if the transaction then has none, someone may have
/// stripped it (Core's `SpendsNonAnchorWitnessProg`).
pub fn spends_witness_program(tx: &Tx, spent: &[TxOut]) -> bool {
    tx.inputs.iter().zip(spent).any(|(input, output)| {
        let locking = &output.script_pubkey;
        if script::witness_program(locking).is_some() {
            return !script::is_pay_to_anchor(locking);
        }
        script::is_p2sh(locking)
            && matches!(top_of_stack(&input.script_sig), Ok(Some(redeem)) if script::witness_program(&redeem).is_some())
    })
}
