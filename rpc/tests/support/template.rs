//! The double's templates.

use super::MemoryNode;
use chaincore_consensus::merkle::{
    WITNESS_COMMITMENT_HEADER, block_merkle_root, block_witness_merkle_root, witness_commitment,
    witness_commitment_position,
};
use chaincore_consensus::script::Builder;
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::versionbits::{StateCache, compute_block_version};
use chaincore_consensus::{
    Amount, Block, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, TxRef,
};
use chaincore_rpc::node::*;
use std::sync::Arc;

/// Makes the witness commitment and the merkle root right.
pub(super) fn commit(block: &mut Block) {
    let commitment = witness_commitment(&block_witness_merkle_root(block), &[0; 32]);
    let place = witness_commitment_position(block).unwrap();
    let mut coinbase = Tx::clone(&block.transactions[0]).into_inner();
    coinbase.outputs[place].script_pubkey = Script([&WITNESS_COMMITMENT_HEADER[..], &commitment.0].concat());
    block.transactions[0] = Arc::new(coinbase.into());
    block.header.merkle_root = block_merkle_root(block).0;
}

impl MemoryNode {
    /// A template on the tip, of all that is in the mempool.
    pub(super) fn template(&self, coinbase_script: Script, use_mempool: bool) -> BlockTemplate {
        let (tip, pool) = {
            let state = self.state();
            (state.view.tip(), if use_mempool { state.pool.clone() } else { Vec::new() })
        };
        let height = tip.height + 1;
        let branch = self.chain().ancestry(&tip.hash).unwrap();
        let fees: Vec<Amount> = pool.iter().map(|(_, fee)| *fee).collect();
        let reward =
            block_subsidy(height, &self.params).sat() + fees.iter().map(|fee| fee.sat()).sum::<i64>();
        let mut script_sig = Builder::new().push_int(height.into());
        if height <= 16 {
            script_sig = script_sig.push_int(0);
        }
        let commitment = [&WITNESS_COMMITMENT_HEADER[..], &[0; 32]].concat();
        let coinbase = Transaction {
            version: 2,
            inputs: vec![TxIn {
                previous_output: OutPoint::NULL,
                script_sig: script_sig.into_script(),
                sequence: 0xffff_fffe,
                witness: vec![vec![0; 32]],
            }],
            outputs: vec![
                TxOut { value: Amount(reward), script_pubkey: coinbase_script },
                TxOut { value: Amount::ZERO, script_pubkey: Script(commitment) },
            ],
            lock_time: height - 1,
        };
        let mut transactions: Vec<TxRef> = vec![Arc::new(coinbase.into())];
        transactions.extend(pool.iter().map(|(tx, _)| tx.clone()));
        let min_time = tip.median_time + 1;
        let header = Header {
            version: compute_block_version(&self.params, &*branch, &mut StateCache::default()),
            previous: tip.hash,
            merkle_root: Hash256::ZERO,
            time: min_time.max(u32::try_from(self.now()).unwrap()),
            bits: tip.header.bits,
            nonce: 0,
        };
        let mut block = Block { header, transactions };
        commit(&mut block);
        let witness_commitment = block.transactions[0].outputs[1].script_pubkey.clone();
        BlockTemplate {
            block,
            height,
            sigops: vec![4; fees.len()],
            fees,
            min_time,
            witness_commitment: Some(witness_commitment),
        }
    }
}
