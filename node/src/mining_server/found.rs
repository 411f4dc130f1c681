//! Blocks that were found with the node's work.

use crate::chain::{ChainHandle, Origin, Outcome};
use chaincore_consensus::Block;
use std::sync::Arc;

/// Hands a block to the chain and logs, with the name of its finder, what became of it. Whether it is the tip now.
pub(crate) async fn hand_in(chain: ChainHandle, block: Block, finder: String) -> bool {
    let hash = block.hash();
    let submit = move || chain.submit_block_blocking(Arc::new(block), Origin::Mined);
    let submitted = match tokio::task::spawn_blocking(submit).await {
        Ok(submitted) => submitted.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let outcome = match submitted {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(target: "mining", %hash, %finder, %error, "a block could not be handed in");
            return false;
        }
    };
    let is_best = matches!(outcome, Outcome::Best { .. });
    match outcome.reject_reason() {
        None if is_best => tracing::info!(target: "mining", %hash, %finder, "block mined"),
        None => tracing::info!(target: "mining", %hash, %finder, "block mined, but another came first"),
        Some(reason) => {
            tracing::error!(target: "mining", %hash, %finder, %reason, "the chain refused a block that was mined for it");
        }
    }
    is_best
}
