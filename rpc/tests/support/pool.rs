//! What the double says of transactions in its mempool.

use super::{MemoryNode, State, key};
use chaincore_consensus::{Amount, Tx, TxRef, Txid};
use chaincore_plugin::MempoolEvent;
use chaincore_rpc::node::*;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

/// What the double is told to tell of its mempool, message by message, and then nothing more.
pub(super) struct Script(pub(super) VecDeque<Vec<MempoolEvent>>);

impl MempoolEvents for Script {
    fn start(&self) -> u64 {
        1
    }

    fn next(&mut self, _: usize) -> Pin<Box<dyn Future<Output = Vec<MempoolEvent>> + Send + '_>> {
        Box::pin(std::future::ready(self.0.pop_front().unwrap_or_default()))
    }
}

impl MemoryNode {
    pub(super) fn fee(state: &State, tx: &Tx) -> Option<Amount> {
        let mut sum = 0;
        for input in &tx.inputs {
            let outpoint = &input.previous_output;
            let parent = state.pool.iter().find(|(tx, _)| tx.txid() == outpoint.txid);
            sum += match state.coins.get(&key(outpoint)) {
                Some(coin) => coin.output.value.sat(),
                None => parent?.0.outputs.get(outpoint.vout as usize)?.value.sat(),
            };
        }
        Some(Amount(sum - tx.output_sum().sat()))
    }

    pub(super) fn entry(state: &State, (tx, fee): &(TxRef, Amount)) -> MempoolEntry {
        let alone = Relatives { count: 1, vsize: tx.vsize() as u64, fees: *fee };
        let spends = |child: &Tx, parent: &Tx| {
            child.inputs.iter().any(|input| input.previous_output.txid == parent.txid())
        };
        let others = |wanted: &dyn Fn(&Tx) -> bool| -> Vec<Txid> {
            state.pool.iter().filter(|(other, _)| wanted(other)).map(|(other, _)| other.txid()).collect()
        };
        MempoolEntry {
            tx: tx.clone(),
            fee: *fee,
            modified_fee: *fee,
            vsize: tx.vsize() as u64,
            weight: tx.weight() as u64,
            time: 1_296_688_602,
            height: 1,
            ancestors: alone,
            descendants: alone,
            chunk_fee: *fee,
            chunk_weight: tx.weight() as u64,
            depends: others(&|other| spends(tx, other)),
            spent_by: others(&|other| spends(other, tx)),
            unbroadcast: true,
        }
    }
}
