//! The first transaction of a block: who is paid, and the bytes that make every miner's block another.

use chaincore_consensus::merkle::{WITNESS_COMMITMENT_HEADER, block_witness_merkle_root, witness_commitment};
use chaincore_consensus::script::Builder;
use chaincore_consensus::{Amount, Block, OutPoint, Script, Transaction, Tx, TxIn, TxOut};
use std::sync::Arc;

const WITNESS_RESERVED: [u8; 32] = [0; 32];
/// The sequence that keeps the lock time in force.
const SEQUENCE_NONFINAL: u32 = 0xffff_fffe;

/// A coinbase for the block at `height` that pays `reward` to `to`. The script holds the height (BIP34), the extranonce and
/// the miner's words.
pub(crate) fn coinbase(height: u32, reward: Amount, to: &Script, aux: &[u8], words: &str) -> Transaction {
    Transaction {
        version: 2,
        inputs: vec![TxIn {
            previous_output: OutPoint::NULL,
            script_sig: script_sig(height, 0, aux, words),
            sequence: SEQUENCE_NONFINAL,
            witness: Vec::new(),
        }],
        outputs: vec![TxOut { value: reward, script_pubkey: to.clone() }],
        lock_time: height.saturating_sub(1),
    }
}

/// The script of a coinbase. What it takes together stays below the 100 bytes that it may have.
pub(crate) fn script_sig(height: u32, extranonce: u64, aux: &[u8], words: &str) -> Script {
    let mut builder = Builder::new().push_int(height.into());
    if height <= 16 {
        builder = builder.push_int(0);
    }
    builder = builder.push_data(&extranonce.to_le_bytes());
    if !words.is_empty() {
        builder = builder.push_data(words.as_bytes());
    }
    let mut script = builder.into_script();
    // What the template asks to be in every coinbase (BIP22 `coinbaseaux`); it is script already.
    script.0.extend_from_slice(aux);
    script.0.truncate(100);
    script
}

/// Commits the coinbase of a block to the witnesses of the others (BIP141).
pub(crate) fn commit_to_witnesses(block: &mut Block, coinbase: &mut Transaction) {
    coinbase.inputs[0].witness = vec![WITNESS_RESERVED.to_vec()];
    block.transactions[0] = Arc::new(Tx::from(coinbase.clone()));
    let hash = witness_commitment(&block_witness_merkle_root(block), &WITNESS_RESERVED);
    let script_pubkey = Script([&WITNESS_COMMITMENT_HEADER[..], &hash.0].concat());
    coinbase.outputs.push(TxOut { value: Amount::ZERO, script_pubkey });
    block.transactions[0] = Arc::new(Tx::from(coinbase.clone()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_stay_within_their_limit() {
        let words = "/chaincore-miner/abcdefghijklmnopqrst/";
        for height in [1, 16, 17, 800_000, u32::MAX] {
            let script = script_sig(height, u64::MAX, &[], words);
            assert!((2..=100).contains(&script.0.len()), "{}", script.0.len());
        }
        assert_eq!(script_sig(5, 1, &[7; 200], words).0.len(), 100);
        assert_ne!(script_sig(5, 1, &[], words), script_sig(5, 2, &[], words));
    }
}
