//! The coinbase of a template, and the witness commitment in it.

use super::BlockTemplate;
use chaincore_consensus::merkle::{
    WITNESS_COMMITMENT_HEADER, block_merkle_root, block_witness_merkle_root, witness_commitment,
    witness_commitment_position,
};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::script::Builder;
use chaincore_consensus::{Amount, Block, OutPoint, Script, Transaction, Tx, TxIn, TxOut, TxRef};
use std::sync::Arc;

/// A sequence that keeps the lock time in force.
const SEQUENCE_NONFINAL: u32 = 0xffff_fffe;
/// What the coinbase's witness holds, to be given a meaning by a later soft fork (BIP141).
const WITNESS_RESERVED: [u8; 32] = [0; 32];

/// The coinbase of the block at `height`, without a witness commitment.
pub(super) fn coinbase(height: u32, reward: Amount, to: &Script, extra: &[u8]) -> TxRef {
    let input = TxIn {
        previous_output: OutPoint::NULL,
        script_sig: script_sig(height, extra),
        sequence: SEQUENCE_NONFINAL,
        witness: Vec::new(),
    };
    Arc::new(Tx::from(Transaction {
        version: 2,
        inputs: vec![input],
        outputs: vec![TxOut { value: reward, script_pubkey: to.clone() }],
        lock_time: height - 1,
    }))
}

/// The height (BIP34), and whatever else. A script of the height alone would be too short up to height 16: an
/// `OP_0` follows there.
fn script_sig(height: u32, extra: &[u8]) -> Script {
    let mut builder = Builder::new().push_int(height.into());
    if height <= 16 {
        builder = builder.push_int(0);
    }
    if !extra.is_empty() {
        builder = builder.push_data(extra);
    }
    builder.into_script()
}

fn change(tx: &TxRef, change: impl FnOnce(&mut Transaction)) -> TxRef {
    let mut data: Transaction = (***tx).clone();
    change(&mut data);
    Arc::new(Tx::from(data))
}

/// Adds the witness commitment to the coinbase and, where segwit is active, the coinbase's witness. Returns the
/// commitment's script.
pub(super) fn commit(block: &mut Block, height: u32, params: &ChainParams) -> Script {
    let root = block_witness_merkle_root(block);
    let hash = witness_commitment(&root, &WITNESS_RESERVED);
    let script = Script([&WITNESS_COMMITMENT_HEADER[..], &hash.0].concat());
    let output = TxOut { value: Amount::ZERO, script_pubkey: script.clone() };
    block.transactions[0] = change(&block.transactions[0], |coinbase| coinbase.outputs.push(output));
    complete_submitted_block(block, height, params);
    script
}

/// Gives the coinbase of a block at `height` the witness that its commitment needs, if it lacks it: miners that
/// know nothing of it leave it out (Core's `UpdateUncommittedBlockStructures`).
pub fn complete_submitted_block(block: &mut Block, height: u32, params: &ChainParams) {
    let Some(coinbase) = block.transactions.first() else { return };
    let incomplete = !coinbase.has_witness() && !coinbase.inputs.is_empty();
    if incomplete && height >= params.deployments.segwit && witness_commitment_position(block).is_some() {
        block.transactions[0] =
            change(coinbase, |coinbase| coinbase.inputs[0].witness = vec![WITNESS_RESERVED.to_vec()]);
    }
}

/// Makes the witness commitment and the merkle root fit the block's transactions again after these changed. The
/// block must have a coinbase.
pub fn regenerate_commitment(block: &mut Block, height: u32, params: &ChainParams) {
    let position = witness_commitment_position(block);
    block.transactions[0] = change(&block.transactions[0], |coinbase| {
        if let Some(position) = position {
            coinbase.outputs.remove(position);
        }
    });
    commit(block, height, params);
    block.header.merkle_root = block_merkle_root(block).0;
}

/// A template's coinbase with another payee and with bytes of the miner's choice, at most 75, behind the height.
pub fn personal_coinbase(template: &BlockTemplate, to: &Script, extra: &[u8]) -> TxRef {
    change(&template.block.transactions[0], |coinbase| {
        coinbase.inputs[0].script_sig = script_sig(template.height, extra);
        coinbase.outputs[0].script_pubkey = to.clone();
    })
}

/// Puts bytes of the miner's choice, at most 75, behind the height in the coinbase of a template's block: other
/// bytes, other hashes.
pub fn set_extra_nonce(block: &mut Block, height: u32, extra: &[u8]) {
    block.transactions[0] = change(&block.transactions[0], |coinbase| {
        coinbase.inputs[0].script_sig = script_sig(height, extra);
    });
    // The commitment covers witness ids, in which the coinbase counts as zero: it stays.
    block.header.merkle_root = block_merkle_root(block).0;
}
