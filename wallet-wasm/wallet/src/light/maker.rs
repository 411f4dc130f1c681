//! A chain that is really mined, for tests: blocks, their filters, and files as a node serves them.

use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::context::minimum_time;
use chaincore_consensus::difficulty::next_bits;
use chaincore_consensus::filter::{BasicFilter, HEADER_BEFORE_GENESIS};
use chaincore_consensus::merkle::block_merkle_root;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::check_proof_of_work;
use chaincore_consensus::script::Builder;
use chaincore_consensus::{
    Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut,
};
use std::collections::HashMap;
use std::sync::Arc;

/// A chain from genesis on.
#[derive(Clone)]
pub struct Maker {
    pub params: Arc<ChainParams>,
    pub headers: Vec<Header>,
    pub blocks: Vec<Arc<Block>>,
    pub filters: Vec<Vec<u8>>,
    pub filter_headers: Vec<Hash256>,
    scripts: HashMap<OutPoint, Script>,
    /// Makes coinbases of different branches differ.
    salt: u32,
}

impl Maker {
    pub fn new(params: ChainParams) -> Self {
        let mut maker = Self {
            headers: Vec::new(),
            blocks: Vec::new(),
            filters: Vec::new(),
            filter_headers: Vec::new(),
            scripts: HashMap::new(),
            salt: 0,
            params: Arc::new(params),
        };
        maker.put(maker.params.genesis.clone());
        maker
    }

    pub fn regtest(blocks: u32) -> Self {
        let mut maker = Self::new(ChainParams::regtest());
        for _ in 0..blocks {
            maker.mine(Vec::new());
        }
        maker
    }

    /// The same chain up to `height`, going on in its own way.
    pub fn fork(&self, height: u32) -> Self {
        let mut fork = self.clone();
        let kept = height as usize + 1;
        fork.headers.truncate(kept);
        fork.blocks.truncate(kept);
        fork.filters.truncate(kept);
        fork.filter_headers.truncate(kept);
        fork.salt += 1;
        fork
    }

    pub fn height(&self) -> u32 {
        self.headers.tip_height()
    }

    pub fn tip_hash(&self) -> BlockHash {
        self.headers.tip_hash()
    }

    /// A clock that finds no block in the future.
    pub fn now(&self) -> u64 {
        self.headers.tip().time.into()
    }

    pub fn mine(&mut self, txs: Vec<Transaction>) -> u32 {
        self.mine_paying(Script(vec![0x51]), txs)
    }

    pub fn mine_paying(&mut self, script: Script, txs: Vec<Transaction>) -> u32 {
        let spacing = self.params.target_spacing;
        self.mine_after(spacing, script, txs)
    }

    /// Mines a block that many seconds after the last.
    pub fn mine_after(&mut self, seconds: u32, script: Script, txs: Vec<Transaction>) -> u32 {
        let height = self.height() + 1;
        let coinbase = Transaction {
            version: 2,
            inputs: vec![TxIn {
                previous_output: OutPoint::NULL,
                script_sig: Builder::new().push_int(height.into()).push_int(self.salt.into()).into_script(),
                sequence: u32::MAX,
                witness: vec![],
            }],
            outputs: vec![TxOut { value: Amount::from_coins(50), script_pubkey: script }],
            lock_time: 0,
        };
        let transactions = std::iter::once(coinbase).chain(txs).map(|tx| Arc::new(Tx::from(tx))).collect();
        let least = minimum_time(&self.params, &self.headers) as u32;
        let time = (self.headers.tip().time + seconds).max(least);
        let mut block = Block {
            header: Header {
                version: 0x2000_0000,
                previous: self.tip_hash(),
                merkle_root: Hash256::ZERO,
                time,
                bits: next_bits(&self.params, &self.headers, time),
                nonce: 0,
            },
            transactions,
        };
        block.header.merkle_root = block_merkle_root(&block).0;
        solve(&mut block.header, &self.params);
        self.put(block);
        height
    }

    fn put(&mut self, block: Block) {
        for tx in &block.transactions {
            for (vout, output) in (0..).zip(&tx.outputs) {
                let outpoint = OutPoint { txid: tx.txid(), vout };
                self.scripts.insert(outpoint, output.script_pubkey.clone());
            }
        }
        let inputs = block.transactions.iter().skip(1).flat_map(|tx| &tx.inputs);
        let spent = inputs.map(|input| &self.scripts[&input.previous_output][..]);
        let filter = BasicFilter::of_block(&block, spent);
        let below = self.filter_headers.last().copied().unwrap_or(HEADER_BEFORE_GENESIS);
        self.filter_headers.push(filter.header(&below));
        self.filters.push(filter.into_bytes());
        self.headers.push(block.header);
        self.blocks.push(Arc::new(block));
    }

    /// `/light/headers/<n>.bin`.
    pub fn header_file(&self, file: u32) -> Option<Vec<u8>> {
        let headers = self.headers.chunks(2000).nth(file as usize)?;
        Some(headers.iter().flat_map(|header| header.to_array()).collect())
    }

    /// `/light/filterheaders/<n>.bin`.
    pub fn filter_header_file(&self, file: u32) -> Option<Vec<u8>> {
        let headers = self.filter_headers.chunks(2000).nth(file as usize)?;
        Some(headers.iter().flat_map(|header| header.0).collect())
    }

    /// `/light/filters/<n>.bin`.
    pub fn filter_file(&self, file: u32) -> Option<Vec<u8>> {
        let filters = self.filters.chunks(1000).nth(file as usize)?;
        let with_length = |filter: &Vec<u8>| [&(filter.len() as u32).to_le_bytes()[..], filter].concat();
        Some(filters.iter().flat_map(with_length).collect())
    }

    /// Headers from a height on.
    pub fn from(&self, height: u32) -> &[Header] {
        &self.headers[height as usize..]
    }
}

/// Finds the nonce.
pub fn solve(header: &mut Header, params: &ChainParams) {
    while !check_proof_of_work(&header.hash(), header.bits, params.pow_limit) {
        header.nonce += 1;
    }
}

/// A transaction with one input and outputs of a coin each.
pub fn payment(input: OutPoint, scripts: &[Script]) -> Transaction {
    Transaction {
        version: 2,
        inputs: vec![TxIn {
            previous_output: input,
            script_sig: Script::new(),
            sequence: 0xffff_fffd,
            witness: vec![],
        }],
        outputs: scripts
            .iter()
            .map(|script| TxOut { value: Amount::from_coins(1), script_pubkey: script.clone() })
            .collect(),
        lock_time: 0,
    }
}

/// The transaction in the other library's type.
pub fn foreign(tx: &Transaction) -> bitcoin::Transaction {
    bitcoin::consensus::deserialize(&tx.to_bytes()).unwrap()
}
