//! Blocks that were found with the node's work.

use crate::chain::{ChainHandle, Origin, Outcome};
use chaincore_consensus::address::Address;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Block, Script, hex};
use std::sync::Arc;

/// Whom a script pays, for people: its address on the chain, or the script in hexadecimal digits.
pub(crate) fn payee(script: &Script, params: &ChainParams) -> String {
    let address = Address::from_script(&script.0).map(|address| address.to_text(&params.addresses));
    address.unwrap_or_else(|| hex::encode(&script.0))
}

/// Whom a block's coinbase pays first.
pub(crate) fn payee_of(block: &Block, params: &ChainParams) -> String {
    let outputs = block.transactions.first().map(|coinbase| coinbase.outputs.as_slice());
    let first = outputs.and_then(|outputs| outputs.iter().find(|output| output.value.sat() > 0));
    first.map_or_else(String::new, |output| payee(&output.script_pubkey, params))
}

/// Hands a block to the chain and logs, with the name of its finder and whom it pays, what became of it. Whether it is
/// the tip now.
pub(crate) async fn hand_in(chain: ChainHandle, block: Block, worker: String) -> bool {
    let (hash, address) = (block.hash(), payee_of(&block, chain.params()));
    let submit = move || chain.submit_block_blocking(Arc::new(block), Origin::Mined);
    let submitted = match tokio::task::spawn_blocking(submit).await {
        Ok(submitted) => submitted.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let outcome = match submitted {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::error!(target: "mining", %hash, %worker, %address, %error, "a block could not be handed in");
            return false;
        }
    };
    let is_best = matches!(outcome, Outcome::Best { .. });
    match outcome.reject_reason() {
        None if is_best => tracing::info!(target: "mining", %hash, %worker, %address, "block mined"),
        None => {
            tracing::info!(target: "mining", %hash, %worker, %address, "block mined, but another came first")
        }
        Some(reason) => {
            tracing::error!(target: "mining", %hash, %worker, %address, %reason, "the chain refused a block that was mined for it");
        }
    }
    is_best
}
