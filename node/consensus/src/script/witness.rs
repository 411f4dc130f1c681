//! Spending witness programs: segwit v0 (BIP141), taproot (BIP341) and what is left for later versions.

use super::checker::{SignatureChecker, TaprootContext};
use super::error::ScriptError;
use super::flags::VerifyFlags;
use super::instruction::instructions;
use super::interpreter::{Rules, TapscriptRun, run};
use super::op::{OP_CHECKSIG, OP_DUP, OP_EQUALVERIFY, OP_HASH160, is_success};
use super::stack::Stack;
use super::taproot::{ANNEX_TAG, ControlBlock, LEAF_TAPSCRIPT, leaf_hash};
use super::{MAX_SCRIPT_ELEMENT_SIZE, MAX_STACK_SIZE};
use crate::codec::{compact_size_len, put_var_bytes};
use crate::hash::sha256;
use crate::sighash::Sha256Sink;

/// What a tapscript may use for signature checks on top of its witness's size (BIP342).
const VALIDATION_WEIGHT_OFFSET: i64 = 50;

/// Runs what `witness` has for the program of an output, or with `wrapped` of a P2SH redeem script.
pub(crate) fn verify_witness_program(
    witness: &[Vec<u8>],
    version: u8,
    program: &[u8],
    wrapped: bool,
    flags: VerifyFlags,
    checker: &dyn SignatureChecker,
) -> Result<(), ScriptError> {
    match (version, program.len()) {
        (0, 32) => {
            let (script, arguments) = witness.split_last().ok_or(ScriptError::WitnessProgramWitnessEmpty)?;
            if sha256(script) != *program {
                return Err(ScriptError::WitnessProgramMismatch);
            }
            run_witness_script(arguments, script, flags, Rules::WitnessV0, checker)
        }
        (0, 20) => {
            if witness.len() != 2 {
                return Err(ScriptError::WitnessProgramMismatch);
            }
            let mut script = [0; 25];
            script[..3].copy_from_slice(&[OP_DUP, OP_HASH160, 20]);
            script[3..23].copy_from_slice(program);
            script[23..].copy_from_slice(&[OP_EQUALVERIFY, OP_CHECKSIG]);
            run_witness_script(witness, &script, flags, Rules::WitnessV0, checker)
        }
        (0, _) => Err(ScriptError::WitnessProgramWrongLength),
        (1, 32) if !wrapped => match program.try_into() {
            Ok(key) if flags.contains(VerifyFlags::TAPROOT) => verify_taproot(witness, key, flags, checker),
            _ => Ok(()),
        },
        // Pay to anchor.
        (1, 2) if !wrapped && program == [0x4e, 0x73] => Ok(()),
        _ if flags.contains(VerifyFlags::DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM) => {
            Err(ScriptError::DiscourageUpgradableWitnessProgram)
        }
        _ => Ok(()),
    }
}

fn verify_taproot(
    witness: &[Vec<u8>],
    output_key: &[u8; 32],
    flags: VerifyFlags,
    checker: &dyn SignatureChecker,
) -> Result<(), ScriptError> {
    let (stack, annex) = match witness {
        [] => return Err(ScriptError::WitnessProgramWitnessEmpty),
        [stack @ .., annex] if !stack.is_empty() && annex.first() == Some(&ANNEX_TAG) => (stack, Some(annex)),
        stack => (stack, None),
    };
    let annex_hash = annex.map(|annex| {
        let mut hasher = Sha256Sink::default();
        put_var_bytes(&mut hasher, annex);
        hasher.single()
    });
    let mut context = TaprootContext { annex_hash, leaf_hash: None, code_separator: u32::MAX };
    let (arguments, script, control) = match stack {
        [signature] => return checker.check_schnorr(signature, output_key, &context),
        [arguments @ .., script, control] => (arguments, script, control),
        [] => return Err(ScriptError::WitnessProgramWitnessEmpty),
    };
    let control = ControlBlock::parse(control).ok_or(ScriptError::TaprootWrongControlSize)?;
    let leaf = leaf_hash(control.leaf_version(), script);
    if !control.commits(output_key, &leaf) {
        return Err(ScriptError::WitnessProgramMismatch);
    }
    if control.leaf_version() == LEAF_TAPSCRIPT {
        context.leaf_hash = Some(leaf);
        let weight_left = witness_size(witness) + VALIDATION_WEIGHT_OFFSET;
        let rules = Rules::Tapscript(TapscriptRun { context, weight_left });
        return run_witness_script(arguments, script, flags, rules, checker);
    }
    if flags.contains(VerifyFlags::DISCOURAGE_UPGRADABLE_TAPROOT_VERSION) {
        return Err(ScriptError::DiscourageUpgradableTaprootVersion);
    }
    Ok(())
}

/// The serialized size of a witness, its count included.
fn witness_size(witness: &[Vec<u8>]) -> i64 {
    let items: usize = witness.iter().map(|item| compact_size_len(item.len() as u64) + item.len()).sum();
    (compact_size_len(witness.len() as u64) + items) as i64
}

fn run_witness_script(
    arguments: &[Vec<u8>],
    script: &[u8],
    flags: VerifyFlags,
    rules: Rules,
    checker: &dyn SignatureChecker,
) -> Result<(), ScriptError> {
    if matches!(rules, Rules::Tapscript(_)) {
        if has_success(script)? {
            let discouraged = flags.contains(VerifyFlags::DISCOURAGE_OP_SUCCESS);
            return if discouraged { Err(ScriptError::DiscourageOpSuccess) } else { Ok(()) };
        }
        if arguments.len() > MAX_STACK_SIZE {
            return Err(ScriptError::StackSize);
        }
    }
    if arguments.iter().any(|item| item.len() > MAX_SCRIPT_ELEMENT_SIZE) {
        return Err(ScriptError::PushSize);
    }
    let mut stack: Stack<'_> = arguments.iter().collect();
    run(&mut stack, script, flags, rules, checker)?;
    if stack.len() != 1 {
        return Err(ScriptError::CleanStack);
    }
    if stack.peek(0)?.is_true() { Ok(()) } else { Err(ScriptError::EvalFalse) }
}

/// Whether an `OP_SUCCESSx` comes before anything that does not parse.
fn has_success(script: &[u8]) -> Result<bool, ScriptError> {
    for instruction in instructions(script) {
        match instruction {
            Err(()) => return Err(ScriptError::BadOpcode),
            Ok(instruction) if is_success(instruction.op) => return Ok(true),
            Ok(_) => {}
        }
    }
    Ok(false)
}
