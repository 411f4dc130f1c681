//! Blocks of the size of Bitcoin's, made up: 4,000 transactions, 9,000 inputs and 10,000 outputs each, three in ten
//! outputs to addresses that are used again and again.

use chaincore_consensus::coin::Coin;
use chaincore_consensus::merkle::block_merkle_root;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{
    Amount, Block, BlockHash, Hash256, Header, OutPoint, Transaction, Tx, TxIn, TxOut,
};
use chaincore_plugin::{AppliedBlock, BlockRef};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;

/// Transactions of a block beside the coinbase.
pub const TXS: usize = 4_000;
/// Inputs of a block.
const INPUTS: usize = 9_000;
/// Outputs of a block.
const OUTPUTS: usize = 10_000;
/// Addresses that are used again.
const REUSED: u32 = 20_000;

/// A chain and what can be spent after it.
#[derive(Clone)]
pub struct Maker {
    random: StdRng,
    tip: BlockRef,
    header: Header,
    coins: Vec<(OutPoint, Coin)>,
}

impl Maker {
    /// The genesis block and what makes more.
    pub fn new(params: &ChainParams) -> (AppliedBlock, Self) {
        let block = Arc::new(params.genesis.clone());
        let at = BlockRef { height: 0, hash: block.hash() };
        let header = block.header;
        let genesis = AppliedBlock { at, prev: BlockHash::ZERO, block, spent: Arc::new([]) };
        (genesis, Self { random: StdRng::seed_from_u64(7), tip: at, header, coins: vec![] })
    }

    /// Another branch from here.
    pub fn fork(&self) -> Self {
        let mut other = self.clone();
        other.random = StdRng::seed_from_u64(8);
        other
    }

    /// The next block.
    pub fn block(&mut self) -> AppliedBlock {
        let height = self.tip.height + 1;
        let mut spent = vec![];
        let mut made: Vec<(OutPoint, Coin)> = vec![];
        let mut transactions = vec![self.coinbase(height)];
        for index in 0..TXS {
            let wanted = INPUTS * (index + 1) / TXS - INPUTS * index / TXS;
            let inputs = self.inputs(wanted, &mut spent);
            let value: i64 =
                spent[spent.len() - inputs.len()..].iter().map(|coin: &Coin| coin.output.value.0).sum();
            let count = OUTPUTS * (index + 1) / TXS - OUTPUTS * index / TXS;
            let share = value * 999 / 1000 / count as i64;
            let outputs = (0..count).map(|_| self.output(share)).collect();
            transactions.push(Transaction { version: 2, inputs, outputs, lock_time: 0 });
        }
        let transactions: Vec<Arc<Tx>> = transactions.into_iter().map(|tx| Arc::new(Tx::from(tx))).collect();
        for (tx, tx_index) in transactions.iter().zip(0u32..) {
            for (output, vout) in tx.outputs.iter().zip(0u32..) {
                let coin = Coin { output: output.clone(), height, coinbase: tx_index == 0, tx_index };
                made.push((OutPoint { txid: tx.txid(), vout }, coin));
            }
        }
        self.coins.extend(made);
        let mut block = Block {
            header: Header { previous: self.tip.hash, time: self.header.time + 600, ..self.header },
            transactions,
        };
        block.header.merkle_root = block_merkle_root(&block).0;
        let (prev, at) = (self.tip.hash, BlockRef { height, hash: block.hash() });
        (self.tip, self.header) = (at, Header { merkle_root: Hash256::ZERO, ..block.header });
        AppliedBlock { at, prev, block: Arc::new(block), spent: spent.into() }
    }

    /// The coinbases of the first blocks have the outputs that the others spend.
    fn coinbase(&mut self, height: u32) -> Transaction {
        let tag = [&[4][..], &height.to_le_bytes(), b"/bench/"].concat();
        let input = TxIn {
            previous_output: OutPoint::NULL,
            script_sig: tag.into(),
            sequence: u32::MAX,
            witness: vec![],
        };
        let outputs = (0..1).map(|_| self.output(5_000_000_000)).collect();
        Transaction { version: 2, inputs: vec![input], outputs, lock_time: 0 }
    }

    fn inputs(&mut self, wanted: usize, spent: &mut Vec<Coin>) -> Vec<TxIn> {
        (0..wanted)
            .filter_map(|_| {
                // A young coin is likelier than an old one.
                let back = (self.random.random::<f64>().powi(3) * self.coins.len() as f64) as usize;
                let at = self.coins.len().checked_sub(1 + back)?;
                let (previous_output, coin) = self.coins.swap_remove(at);
                spent.push(coin);
                let witness = vec![vec![0x30; 71], vec![2; 33]];
                Some(TxIn { previous_output, script_sig: vec![].into(), sequence: 0xffff_fffd, witness })
            })
            .collect()
    }

    fn output(&mut self, value: i64) -> TxOut {
        let mut hash = [0u8; 32];
        if self.random.random_range(0..10) < 3 {
            let number = self.random.random_range(0..REUSED);
            hash[..4].copy_from_slice(&number.to_le_bytes());
        } else {
            self.random.fill(&mut hash);
        }
        let script = match hash[0] % 10 {
            0..5 => [&[0x00, 0x14][..], &hash[..20]].concat(),
            5..7 => [&[0x51, 0x20][..], &hash].concat(),
            7..9 => [&[0x76, 0xa9, 0x14][..], &hash[..20], &[0x88, 0xac]].concat(),
            _ => [&[0xa9, 0x14][..], &hash[..20], &[0x87]].concat(),
        };
        TxOut { value: Amount(value), script_pubkey: script.into() }
    }
}
