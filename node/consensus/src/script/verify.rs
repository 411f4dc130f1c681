//! Whether an input may spend an output (Core's `VerifyScript`).

use super::builder::push_prefix;
use super::checker::SignatureChecker;
use super::error::ScriptError;
use super::flags::VerifyFlags;
use super::interpreter::{Rules, run};
use super::pattern::{is_p2sh, is_push_only, witness_program};
use super::stack::Stack;
use super::witness::verify_witness_program;
use crate::sigcache::SignatureCache;
use crate::sighash::{PrecomputedTx, TxChecker};
use crate::transaction::{Transaction, TxOut};

/// Elements that fit the stack before it grows; most spends need less.
const USUAL_STACK: usize = 8;

/// Whether `script_sig` and `witness` unlock `script_pubkey` under `flags`. `flags` should keep the dependencies that
/// [`VerifyFlags`] names.
pub fn verify_script(
    script_sig: &[u8],
    script_pubkey: &[u8],
    witness: &[Vec<u8>],
    flags: VerifyFlags,
    checker: &dyn SignatureChecker,
) -> Result<(), ScriptError> {
    if flags.contains(VerifyFlags::SIGPUSHONLY) && !is_push_only(script_sig) {
        return Err(ScriptError::SigPushOnly);
    }
    // One stack, but two runs: a script never reaches into the other (CVE-2010-5141).
    let mut stack = Stack::with_capacity(USUAL_STACK);
    run(&mut stack, script_sig, flags, Rules::Base, checker)?;
    let redeem_script = stack.last().copied();
    run(&mut stack, script_pubkey, flags, Rules::Base, checker)?;
    check_true(&stack)?;

    let segwit = flags.contains(VerifyFlags::WITNESS);
    let mut used_witness = false;
    if segwit && let Some((version, program)) = witness_program(script_pubkey) {
        used_witness = true;
        if !script_sig.is_empty() {
            return Err(ScriptError::WitnessMalleated);
        }
        verify_witness_program(witness, version, program, false, flags, checker)?;
    }
    let mut left = stack.len();
    if let Some(redeem_script) =
        redeem_script.filter(|_| flags.contains(VerifyFlags::P2SH) && is_p2sh(script_pubkey))
    {
        if !is_push_only(script_sig) {
            return Err(ScriptError::SigPushOnly);
        }
        // The script hash comparison popped the redeem script and pushed its verdict; the rest is as it was.
        stack.drop_top(1)?;
        let redeem_script = redeem_script.as_slice();
        let mut stack: Stack<'_> = stack;
        run(&mut stack, redeem_script, flags, Rules::Base, checker)?;
        check_true(&stack)?;
        left = stack.len();
        if segwit && let Some((version, program)) = witness_program(redeem_script) {
            used_witness = true;
            if !is_exactly_push(script_sig, redeem_script) {
                return Err(ScriptError::WitnessMalleatedP2sh);
            }
            verify_witness_program(witness, version, program, true, flags, checker)?;
        }
    }
    // A witness program has judged its own stack.
    if flags.contains(VerifyFlags::CLEANSTACK) && !used_witness && left != 1 {
        return Err(ScriptError::CleanStack);
    }
    if segwit && !used_witness && !witness.is_empty() {
        return Err(ScriptError::WitnessUnexpected);
    }
    Ok(())
}

fn check_true(stack: &Stack<'_>) -> Result<(), ScriptError> {
    if stack.last().is_some_and(|top| top.is_true()) { Ok(()) } else { Err(ScriptError::EvalFalse) }
}

/// Whether `script` is one push of `data` in the shortest form and nothing else.
fn is_exactly_push(script: &[u8], data: &[u8]) -> bool {
    let (prefix, len) = push_prefix(data.len());
    script.strip_prefix(&prefix[..len]) == Some(data)
}

/// Whether input number `input` of `tx` may spend what it refers to: what block and mempool code calls.
///
/// `spent` has the outputs spent, one per input; `pre` was made from the same two. With a `cache`, signatures found
/// there are not verified again and valid ones are added.
///
/// # Errors
/// The rule that the scripts break. Also if `input` is out of range or `spent` does not fit the transaction, as an
/// unknown error, because then there is nothing to judge.
pub fn verify_input(
    tx: &Transaction,
    input: usize,
    spent: &[TxOut],
    pre: &PrecomputedTx,
    flags: VerifyFlags,
    cache: Option<&SignatureCache>,
) -> Result<(), ScriptError> {
    let (Some(signed), Some(output)) = (tx.inputs.get(input), spent.get(input)) else {
        return Err(ScriptError::Unknown);
    };
    let checker = TxChecker::new(tx, input, spent, pre).with_cache(cache);
    verify_script(&signed.script_sig, &output.script_pubkey, &signed.witness, flags, &checker)
}
