//! Verifying all scripts of a block on a pool of threads of its own.

use super::ChainError;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::script::{VerifyFlags, verify_input};
use chaincore_consensus::sigcache::SignatureCache;
use chaincore_consensus::sighash::PrecomputedTx;
use chaincore_consensus::{Block, TxOut, TxRef};
use rayon::prelude::*;
use std::sync::Arc;

/// Inputs that one task verifies in a row: enough that handing out a task does not show, few enough that one
/// large transaction keeps all threads busy.
const INPUTS_PER_TASK: usize = 4;

/// The threads that verify scripts, and the signatures already found valid.
#[derive(Clone)]
pub struct ScriptVerifier {
    pool: Arc<rayon::ThreadPool>,
    cache: Arc<SignatureCache>,
}

impl ScriptVerifier {
    /// A pool of `threads` threads (0: one per core) that shares `cache` with the mempool.
    pub fn new(threads: usize, cache: Arc<SignatureCache>) -> Result<Self, ChainError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("scripts-{n}"))
            .build()
            .map_err(|error| ChainError::Startup(format!("cannot start the script threads: {error}")))?;
        Ok(Self { pool: Arc::new(pool), cache })
    }

    /// The signatures already found valid.
    pub fn cache(&self) -> &Arc<SignatureCache> {
        &self.cache
    }

    /// The threads, for other work on a block that can be divided.
    pub(super) fn pool(&self) -> &rayon::ThreadPool {
        &self.pool
    }

    /// Verifies every input of a block; `spent` holds the coins of each transaction after the coinbase. The
    /// refusal is that of the first bad input in block order, whichever thread met one first.
    pub(super) fn verify(
        &self,
        block: &Block,
        spent: &[Vec<Coin>],
        flags: VerifyFlags,
    ) -> Result<(), RejectReason> {
        let verify_tx = |(tx, coins): (&TxRef, &Vec<Coin>)| {
            let outputs: Vec<TxOut> = coins.iter().map(|coin| coin.output.clone()).collect();
            let precomputed = PrecomputedTx::new(tx, &outputs);
            let verify = |input: usize| {
                verify_input(tx, input, &outputs, &precomputed, flags, Some(&self.cache))
                    .err()
                    .map(|error| refusal(tx, input, &error.to_string()))
            };
            (0..tx.inputs.len()).into_par_iter().with_min_len(INPUTS_PER_TASK).find_map_first(verify)
        };
        let transactions = block.transactions.get(1..).unwrap_or_default();
        let first = self.pool.install(|| transactions.par_iter().zip(spent).find_map_first(verify_tx));
        first.map_or(Ok(()), Err)
    }
}

/// Core's words for a script that fails in a block.
fn refusal(tx: &TxRef, input: usize, error: &str) -> RejectReason {
    let outpoint = &tx.inputs[input].previous_output;
    let debug = format!("input {input} of {} (wtxid {}), spending {outpoint}", tx.txid(), tx.wtxid());
    RejectReason::consensus(format!("block-script-verify-flag-failed ({error})")).with_debug(debug)
}
