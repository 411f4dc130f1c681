//! Running a transaction's scripts, by this node's policy and then by consensus.

use super::policy;
use super::precheck::{ChainView, Prechecked};
use chaincore_consensus::connect::{block_script_failure, script_failure_details, script_flags};
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::script::{ScriptError, VerifyFlags, verify_input};
use chaincore_consensus::sighash::PrecomputedTx;
use rayon::prelude::*;

/// From how many inputs on they are shared out to the threads.
const PARALLEL_FROM: usize = 8;

/// Verifies all inputs. The signatures found valid stay in the cache, so that the block with the transaction
/// verifies fast.
pub(super) fn verify_scripts(checked: &Prechecked, chain: &ChainView<'_>) -> Result<(), RejectReason> {
    let tx = &checked.tx;
    let precomputed = PrecomputedTx::new(tx, &checked.spent);
    if let Some((input, error)) = first_failure(checked, &precomputed, VerifyFlags::STANDARD, chain) {
        let stripped = !tx.has_witness() && policy::spends_witness_program(tx, &checked.spent);
        let kind = if stripped { RejectKind::WitnessStripped } else { RejectKind::NotStandard };
        return Err(refusal(checked, kind, format!("mempool-script-verify-flag-failed ({error})"), input));
    }
    // Standard flags contain the consensus flags, so this fails only if one of the two sets is wrong.
    let flags = script_flags(chain.tip.tip_height(), &chain.tip.tip_hash(), chain.params);
    match first_failure(checked, &precomputed, flags, chain) {
        Some((input, error)) => {
            let reason = block_script_failure(&error, tx, input);
            tracing::error!(txid = %tx.txid(), %reason, "standard transaction fails the consensus flags");
            Err(reason)
        }
        None => Ok(()),
    }
}

fn first_failure(
    checked: &Prechecked,
    precomputed: &PrecomputedTx,
    flags: VerifyFlags,
    chain: &ChainView<'_>,
) -> Option<(usize, ScriptError)> {
    let signatures = chain.signatures;
    let verify = |input: usize| {
        let result = verify_input(&checked.tx, input, &checked.spent, precomputed, flags, signatures);
        result.err().map(|error| (input, error))
    };
    let inputs = 0..checked.spent.len();
    if inputs.len() < PARALLEL_FROM {
        return inputs.into_iter().find_map(verify);
    }
    inputs.into_par_iter().find_map_first(verify)
}

fn refusal(checked: &Prechecked, kind: RejectKind, reason: String, input: usize) -> RejectReason {
    RejectReason::new(kind, reason).with_debug(script_failure_details(&checked.tx, input))
}
