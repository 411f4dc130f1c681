//! Transactions for tests.

use chaincore_consensus::hash::sha256d;
use chaincore_consensus::transaction::{Transaction, TxIn, TxOut};
use chaincore_consensus::{Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, Tx, TxRef, Txid};

/// A transaction that spends these, with three outputs. The witness is no part of the txid.
pub(super) fn tx_of(inputs: impl IntoIterator<Item = OutPoint>, witness: &[u8]) -> TxRef {
    let input = |previous_output| TxIn {
        previous_output,
        script_sig: Script(vec![]),
        sequence: TxIn::SEQUENCE_FINAL,
        witness: if witness.is_empty() { vec![] } else { vec![witness.to_vec()] },
    };
    let output = TxOut { value: Amount(1000), script_pubkey: Script(vec![0x51]) };
    TxRef::new(Tx::from(Transaction {
        version: 2,
        inputs: inputs.into_iter().map(input).collect(),
        outputs: vec![output; 3],
        lock_time: 0,
    }))
}

/// A transaction that spends so many outputs of something unknown; equal seeds make equal outpoints.
pub(super) fn tx_spending(seed: u64, inputs: u32) -> TxRef {
    let txid = Txid(sha256d(&seed.to_le_bytes()));
    tx_of((0..inputs).map(|vout| OutPoint { txid, vout }), b"")
}

/// A transaction that spends one output of another.
pub(super) fn spend_of(parent: &TxRef, vout: u32) -> TxRef {
    tx_of([OutPoint { txid: parent.txid(), vout }], b"witness")
}

/// A block with these transactions and no valid header.
pub(super) fn block_of(transactions: Vec<TxRef>) -> Block {
    let header = Header {
        version: 1,
        previous: BlockHash::ZERO,
        merkle_root: Hash256::ZERO,
        time: 0,
        bits: 0,
        nonce: 0,
    };
    Block { header, transactions }
}
