//! How much memory messages take once they are read: a transaction of a few bytes may be made of many small parts,
//! each of which takes more than it took on the wire.

use super::{BlockTxn, CompactBlock, Message};
use chaincore_consensus::transaction::{TxIn, TxOut};
use chaincore_consensus::{Block, Tx, TxRef};

/// What a transaction takes, in bytes, without what the allocator adds (the measure of Core's
/// `RecursiveDynamicUsage`).
pub fn tx_memory(tx: &Tx) -> usize {
    let of_items =
        |items: &[Vec<u8>]| items.iter().map(|item| size_of::<Vec<u8>>() + item.len()).sum::<usize>();
    let inputs =
        tx.inputs.iter().map(|input| size_of::<TxIn>() + input.script_sig.len() + of_items(&input.witness));
    let outputs = tx.outputs.iter().map(|output| size_of::<TxOut>() + output.script_pubkey.len());
    size_of::<Tx>() + inputs.sum::<usize>() + outputs.sum::<usize>()
}

fn txs_memory<'a>(txs: impl IntoIterator<Item = &'a TxRef>) -> usize {
    txs.into_iter().map(|tx| tx_memory(tx)).sum()
}

impl Message {
    /// What the transactions in it take, in bytes; 0 for messages that have none, which take little more than they
    /// took on the wire.
    pub fn txs_memory(&self) -> usize {
        match self {
            Self::Tx(tx) => tx_memory(tx),
            Self::Block(received) => {
                let Block { transactions, .. } = &*received.block;
                txs_memory(transactions) + received.bytes.len()
            }
            Self::CmpctBlock(compact) => {
                let CompactBlock { prefilled, .. } = &**compact;
                txs_memory(prefilled.iter().map(|prefilled| &prefilled.tx))
            }
            Self::BlockTxn(BlockTxn { transactions, .. }) => txs_memory(transactions),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::{Amount, OutPoint, Script, Transaction, Txid};
    use std::sync::Arc;

    #[test]
    fn small_parts_count_for_what_they_take() {
        let tx = |witness| {
            Tx::from(Transaction {
                version: 2,
                inputs: vec![TxIn {
                    previous_output: OutPoint { txid: Txid([1; 32]), vout: 0 },
                    script_sig: Script(vec![0; 10]),
                    sequence: 0,
                    witness,
                }],
                outputs: vec![TxOut { value: Amount(1), script_pubkey: Script(vec![0; 20]) }],
                lock_time: 0,
            })
        };
        let (one, many) = (tx(vec![vec![0; 1000]]), tx(vec![vec![]; 1000]));
        assert!(one.total_size().abs_diff(many.total_size()) < 10);
        assert_eq!(tx_memory(&many) - tx_memory(&one), 999 * size_of::<Vec<u8>>() - 1000);
        let one = Arc::new(one);
        let two =
            BlockTxn { block: chaincore_consensus::BlockHash::ZERO, transactions: vec![one.clone(); 2] };
        assert_eq!(Message::BlockTxn(two).txs_memory(), 2 * tx_memory(&one));
        assert_eq!(Message::Verack.txs_memory(), 0);
    }
}
