//! Verifying all scripts of a block on a pool of threads of its own.

use super::ChainError;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::connect::block_script_failure;
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
    uses_cache: bool,
}

impl ScriptVerifier {
    /// A pool of `threads` threads (0: one per core) that shares `cache` with the mempool.
    pub fn new(threads: usize, cache: Arc<SignatureCache>) -> Result<Self, ChainError> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|n| format!("scripts-{n}"))
            .build()
            .map_err(|error| ChainError::Startup(format!("cannot start the script threads: {error}")))?;
        Ok(Self { pool: Arc::new(pool), cache, uses_cache: true })
    }

    /// The same threads without the cache, for blocks whose transactions were never in the mempool: remembering their
    /// signatures would only cost time.
    pub(super) fn without_cache(&self) -> Self {
        Self { uses_cache: false, ..self.clone() }
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
        let cache = self.uses_cache.then_some(&*self.cache);
        let verify_tx = |(tx, coins): (&TxRef, &Vec<Coin>)| {
            let outputs: Vec<TxOut> = coins.iter().map(|coin| coin.output.clone()).collect();
            let precomputed = PrecomputedTx::new(tx, &outputs);
            let verify = |input: usize| {
                verify_input(tx, input, &outputs, &precomputed, flags, cache)
                    .err()
                    .map(|error| block_script_failure(&error, tx, input))
            };
            (0..tx.inputs.len()).into_par_iter().with_min_len(INPUTS_PER_TASK).find_map_first(verify)
        };
        let transactions = block.transactions.get(1..).unwrap_or_default();
        let first = self.pool.install(|| transactions.par_iter().zip(spent).find_map_first(verify_tx));
        first.map_or(Ok(()), Err)
    }
}
