//! Putting a block's transactions on the coins and taking them off again.

use super::block_access::damaged;
use super::{BlockEntry, Branch, ChainError, CoinsView, ScriptVerifier};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::connect::{ConnectSummary, bip30_applies, check_bip30, connect_block_rules};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::{Block, OutPoint, Txid};
use chaincore_plugin::BlockRef;
use chaincore_storage::{CoinsCache, StorageError};
use std::collections::{HashMap, HashSet};

/// What a valid block does to the coins.
#[derive(Debug)]
pub(super) struct Connection {
    /// What it spends, for its undo data: also coins that it made itself.
    pub(super) undo: BlockUndo,
    /// Coins to take away: those spent that were there before.
    spends: Vec<OutPoint>,
    /// Coins to add: those made and not spent again.
    adds: Vec<(OutPoint, Coin)>,
    /// Fees and the like.
    pub(super) summary: ConnectSummary,
}

impl Connection {
    /// Changes the coins.
    pub(super) fn apply(&self, coins: &CoinsCache) -> Result<(), StorageError> {
        for outpoint in &self.spends {
            coins.spend(outpoint)?;
        }
        for (outpoint, coin) in &self.adds {
            // Only coinbases can have the txid of an earlier transaction (BIP30's exceptions); they replace it.
            coins.add(*outpoint, coin.clone(), coin.coinbase)?;
        }
        Ok(())
    }
}

/// The coins that a block spends and makes, looked up but not judged.
struct Movement {
    spent: Vec<Vec<Coin>>,
    spends: Vec<OutPoint>,
    adds: Vec<(OutPoint, Coin)>,
}

/// Looks up what the block spends, in `coins` or among its own earlier outputs. The lists end before the first
/// transaction with an input that is missing or already spent.
fn trace(block: &Block, height: u32, coins: &(impl CoinsView + ?Sized)) -> Result<Movement, StorageError> {
    let count = block.transactions.len();
    let mut made: Vec<Vec<Option<Coin>>> = Vec::with_capacity(count);
    let mut index: HashMap<Txid, usize> = HashMap::with_capacity(count);
    let mut spent_before = HashSet::new();
    let mut movement = Movement { spent: Vec::with_capacity(count), spends: vec![], adds: vec![] };
    'transactions: for (position, tx) in block.transactions.iter().enumerate() {
        if position > 0 {
            let mut spent = Vec::with_capacity(tx.inputs.len());
            for input in &tx.inputs {
                let outpoint = input.previous_output;
                let own = index.get(&outpoint.txid).and_then(|at| made[*at].get_mut(outpoint.vout as usize));
                let coin = match own {
                    Some(slot) => slot.take(),
                    None if spent_before.insert(outpoint) => {
                        let coin = coins.coin(&outpoint)?;
                        movement.spends.push(outpoint);
                        coin
                    }
                    None => None,
                };
                let Some(coin) = coin else { break 'transactions };
                spent.push(coin);
            }
            movement.spent.push(spent);
        }
        let tx_index = u32::try_from(position).expect("a block's weight bounds its transactions");
        let coin = |output: &chaincore_consensus::TxOut| {
            let output = output.clone();
            (!output.script_pubkey.is_unspendable()).then_some(Coin {
                output,
                height,
                coinbase: position == 0,
                tx_index,
            })
        };
        index.insert(tx.txid(), position);
        made.push(tx.outputs.iter().map(coin).collect());
    }
    for (tx, outputs) in block.transactions.iter().zip(made) {
        let txid = tx.txid();
        for (vout, coin) in (0u32..).zip(outputs) {
            movement.adds.extend(coin.map(|coin| (OutPoint { txid, vout }, coin)));
        }
    }
    Ok(movement)
}

/// A refusal or a failure, where the rules call back for coins.
enum Fault {
    Refused(RejectReason),
    Storage(StorageError),
}

impl From<RejectReason> for Fault {
    fn from(reason: RejectReason) -> Self {
        Self::Refused(reason)
    }
}

/// Whether a coinbase of the chain could equal an earlier one. Where BIP34 holds from the first block on, each
/// contains its height, and looking for repetitions would only cost a lookup for every output.
fn can_repeat_coinbase(params: &ChainParams) -> bool {
    params.deployments.bip34 > 1
}

/// Checks everything about a block that needs the coins of its parent, scripts included if there is something to verify
/// them; logs what is wrong. Changes nothing.
pub(super) fn check_connect(
    block: &Block,
    parent: &Branch,
    coins: &(impl CoinsView + ?Sized),
    params: &ChainParams,
    scripts: Option<&ScriptVerifier>,
) -> Result<Result<Connection, RejectReason>, StorageError> {
    let verdict = judge(block, parent, coins, params, scripts)?;
    Ok(verdict.inspect_err(|reason| tracing::info!("Block validation error: {reason}")))
}

fn judge(
    block: &Block,
    parent: &Branch,
    coins: &(impl CoinsView + ?Sized),
    params: &ChainParams,
    scripts: Option<&ScriptVerifier>,
) -> Result<Result<Connection, RejectReason>, StorageError> {
    let height = parent.0.height() + 1;
    let repetition = || -> Result<Option<RejectReason>, StorageError> {
        if !bip30_applies(height, &block.hash(), parent, params) {
            return Ok(None);
        }
        match check_bip30(block, |outpoint| Ok(coins.coin(outpoint).map_err(Fault::Storage)?.is_some())) {
            Ok(()) => Ok(None),
            Err(Fault::Refused(reason)) => Ok(Some(reason)),
            Err(Fault::Storage(error)) => Err(error),
        }
    };
    if can_repeat_coinbase(params)
        && let Some(reason) = repetition()?
    {
        return Ok(Err(reason));
    }
    let Movement { spent, spends, adds } = trace(block, height, coins)?;
    let summary = match connect_block_rules(block, height, &spent, parent, params) {
        Ok(summary) => summary,
        // Other transactions than coinbases cannot repeat one whose outputs are still there without spending what is
        // spent already. That is found here, but the repetition is what counts (Core looks for it first).
        Err(reason) => return Ok(Err(repetition()?.unwrap_or(reason))),
    };
    if let Some(Err(reason)) = scripts.map(|scripts| scripts.verify(block, &spent, summary.script_flags)) {
        return Ok(Err(reason));
    }
    Ok(Ok(Connection { undo: BlockUndo { txs: spent }, spends, adds, summary }))
}

/// Takes a block off the coins. What it made must be there unspent, and what it spent must not be.
pub(super) fn disconnect(
    block: &Block,
    entry: &BlockEntry,
    undo: BlockUndo,
    coins: &CoinsCache,
) -> Result<(), ChainError> {
    if undo.txs.len() + 1 != block.transactions.len() {
        return Err(damaged(entry, "its undo data is of another block"));
    }
    let mut undo = undo.txs.into_iter().rev();
    for (position, tx) in block.transactions.iter().enumerate().rev() {
        let txid = tx.txid();
        for (vout, output) in (0u32..).zip(&tx.outputs) {
            if output.script_pubkey.is_unspendable() {
                continue;
            }
            let coin = coins.spend(&OutPoint { txid, vout })?;
            let as_made = coin.is_some_and(|coin| coin.output == *output && coin.height == entry.height());
            if !(as_made || position == 0 && is_overwritten_coinbase(&entry.at_ref())) {
                return Err(damaged(entry, "an output of it is not among the coins"));
            }
        }
        if position > 0 {
            let spent = undo.next().expect("the numbers have been compared");
            if spent.len() != tx.inputs.len() {
                return Err(damaged(entry, "its undo data is of another block"));
            }
            for (input, coin) in tx.inputs.iter().zip(spent).rev() {
                coins.add(input.previous_output, coin, true)?;
            }
        }
    }
    Ok(())
}

/// The blocks on `main` whose coinbases later ones replaced.
const OVERWRITTEN: [(u32, &str); 2] = [
    (91_722, "00000000000271a2dc26e7667f8419f2e15416dc6955e5a6c6cdf3f2574dd08e"),
    (91_812, "00000000000af0aed4792b1acee3d966af36cf5def14935db8de83d6f9306f2f"),
];

/// Whether a block is one of the two whose coinbase a later block's replaced (BIP30; Core's `IsBIP30Unspendable`):
/// its outputs are gone, rightly.
fn is_overwritten_coinbase(block: &BlockRef) -> bool {
    OVERWRITTEN.iter().any(|(height, hash)| block.height == *height && block.hash.to_string() == *hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::BlockHash;

    #[test]
    fn only_the_two_blocks_themselves_are_excused() {
        for (height, hash) in OVERWRITTEN {
            let hash: BlockHash = hash.parse().unwrap();
            assert!(is_overwritten_coinbase(&BlockRef { height, hash }));
            assert!(!is_overwritten_coinbase(&BlockRef { height, hash: BlockHash::ZERO }));
            assert!(!is_overwritten_coinbase(&BlockRef { height: height + 1, hash }));
        }
    }
}
