//! Blocks of a regtest chain with payments of several kinds, and ways to break a rule with them.

pub mod kernel;
pub mod ours;
pub mod spoil;
pub mod wallet;

use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::merkle::{
    WITNESS_COMMITMENT_HEADER, block_merkle_root, block_witness_merkle_root, witness_commitment,
};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::script::{Builder, Script};
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::{Amount, Block, Header, OutPoint, Transaction, Tx, TxIn, TxOut};
use std::sync::Arc;

/// Numbers that look random and are the same in every run (splitmix64).
pub struct Random(pub u64);

impl Random {
    /// The next number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as usize % bound
    }
}

/// A block under construction. Its parts may be changed before it is finished.
pub struct Draft {
    /// All but the merkle root and the nonce.
    pub header: Header,
    /// The coinbase without commitment, and the rest.
    pub txs: Vec<Transaction>,
    /// Whether the coinbase commits to the witnesses.
    pub commit: bool,
}

impl Draft {
    /// A valid block on top of the branch, with these transactions that leave `fees`.
    pub fn new(
        params: &ChainParams,
        branch: &[Header],
        txs: Vec<Transaction>,
        fees: i64,
        reward_to: Script,
    ) -> Self {
        let height = branch.tip_height() + 1;
        let coinbase = Transaction {
            version: 2,
            inputs: vec![TxIn {
                previous_output: OutPoint::NULL,
                script_sig: Script(
                    [&Builder::new().push_int(height.into()).into_script()[..], &[0]].concat(),
                ),
                sequence: 0xffff_fffe,
                witness: vec![vec![0; 32]],
            }],
            outputs: vec![TxOut {
                value: Amount(block_subsidy(height, params).sat() + fees),
                script_pubkey: reward_to,
            }],
            lock_time: 0,
        };
        let header = Header {
            version: 0x2000_0000,
            previous: branch.tip_hash(),
            merkle_root: Default::default(),
            time: branch.median_time_past().max(branch.tip().time + 300) + 1,
            bits: branch.tip().bits,
            nonce: 0,
        };
        Self { header, txs: [vec![coinbase], txs].concat(), commit: true }
    }

    /// The block with its commitment, merkle root and proof of work.
    pub fn finish(mut self) -> Block {
        if self.commit {
            let root = block_witness_merkle_root(&assemble(self.header, &self.txs));
            let reserved = self.txs[0].inputs.first().and_then(|input| input.witness.first().cloned());
            let hash = witness_commitment(&root, &reserved.unwrap_or_default());
            let script_pubkey = Script([&WITNESS_COMMITMENT_HEADER[..], &hash.0].concat());
            self.txs[0].outputs.push(TxOut { value: Amount::ZERO, script_pubkey });
        }
        let block = assemble(self.header, &self.txs);
        with_root(block)
    }
}

fn assemble(header: Header, txs: &[Transaction]) -> Block {
    Block { header, transactions: txs.iter().map(|tx| Arc::new(Tx::from(tx.clone()))).collect() }
}

/// The block with the root of its transactions, mined.
pub fn with_root(mut block: Block) -> Block {
    block.header.merkle_root = block_merkle_root(&block).0;
    mine(block, true)
}

/// The block with a nonce that meets its target, or with one that does not. Bits that name no possible target keep
/// the nonce.
pub fn mine(mut block: Block, good: bool) -> Block {
    let params = ChainParams::regtest();
    let target = chaincore_consensus::pow::Target::from_compact(block.header.bits);
    let Some(target) = target.ok().filter(|target| *target <= params.pow_limit) else { return block };
    // A harder target than regtest's own is not worth the search.
    if good && target.to_compact() != params.genesis.header.bits {
        return block;
    }
    while target.is_met_by(&block.hash()) != good {
        block.header.nonce += 1;
    }
    block
}

/// The block with one of its transactions changed and nothing else.
pub fn change(block: &Block, at: usize, change: impl FnOnce(&mut Transaction)) -> Block {
    let mut block = block.clone();
    let mut tx = Transaction::clone(&block.transactions[at]);
    change(&mut tx);
    block.transactions[at] = Arc::new(Tx::from(tx));
    block
}
