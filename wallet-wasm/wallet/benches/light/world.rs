//! A chain in memory, a wallet on it, and the answers of a node that has it.

use super::ask_signer;
use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::difficulty::next_bits;
use chaincore_consensus::filter::{BasicFilter, HEADER_BEFORE_GENESIS, basic_elements};
use chaincore_consensus::merkle::{block_merkle_root, merkle_branch};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::check_proof_of_work;
use chaincore_consensus::script::Builder;
use chaincore_consensus::{
    Amount, Block, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, Txid, hex,
};
use chaincore_wallet::chain::Chain;
use chaincore_wallet::light::esplora::script_hash;
use chaincore_wallet::service::SignerService;
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// Blocks above the first.
pub const BLOCKS: u32 = 100_000;
/// The wallet's transactions. Every fifth spends what the one before it received.
pub const TRANSACTIONS: u32 = 1_000;
/// The inputs that are signed for.
pub const INPUTS: usize = 100;
/// Scripts in every block's filter that are somebody else's.
const OTHERS: u32 = 50;
/// BIP39's own.
pub const WORDS: &str =
    "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon about";

const RECEIVED: i64 = 100_000;
const CHANGE: i64 = 59_000;

/// The chain file: blocks by ASERT, at a difficulty that is none.
const FILE: &str =
    "name = \"light-bench\"\n[difficulty]\nleading_hex_zeros = 0\n[genesis]\ntime = 1700000000\n";

pub struct World {
    /// The chain file, with its first block mined.
    pub file: String,
    /// The wallet's account, as `add_account` takes it.
    pub account: Value,
    /// What it has in the end, in satoshis.
    pub balance: i64,
    /// An address of somebody else.
    pub other: String,
    headers: Vec<Header>,
    blocks: Vec<Vec<u8>>,
    /// Where each block is, by its hash as it is shown.
    places: HashMap<String, usize>,
    filters: Vec<Vec<u8>>,
    filter_headers: Vec<Hash256>,
    /// Answers that are no files, by path.
    answers: Map<String, Value>,
}

impl World {
    /// Makes the chain. The signer holds the wallet's keys afterwards.
    pub fn new(signer: &mut SignerService) -> Self {
        let params = ChainParams::found(FILE, 0).unwrap();
        let file = params.to_toml();
        let chain = Chain::from_file(&file).unwrap();
        let wallet = ask_signer(
            signer,
            "create",
            json!({"chain": {"file": file}, "mnemonic": WORDS, "password": "for this bench alone"}),
        );
        let mut address = |account: u32, change: bool, index: u32| {
            let place = json!({"kind": "segwit", "account": account, "change": change, "index": index});
            let address = ask_signer(signer, "address_at", place)["address"].as_str().unwrap().to_owned();
            let script = Script(chain.script(&address).unwrap().to_bytes());
            (address, script)
        };
        let mut world = Self {
            account: wallet["accounts"][0].clone(),
            balance: 0,
            other: address(7, false, 0).0,
            headers: Vec::new(),
            blocks: Vec::new(),
            places: HashMap::new(),
            filters: Vec::new(),
            filter_headers: Vec::new(),
            answers: Map::new(),
            file,
        };
        world.put(&params.genesis, &[]);
        let mut histories: HashMap<String, Vec<Value>> = HashMap::new();
        let (mut received, mut changed) = (0, 0);
        let mut last: Option<(OutPoint, TxOut)> = None;
        for height in 1..=BLOCKS {
            let number = height / (BLOCKS / TRANSACTIONS);
            let mut txs = vec![coinbase(height)];
            let mut spent = Vec::new();
            if height.is_multiple_of(BLOCKS / TRANSACTIONS) {
                let (input, script, value) = if number.is_multiple_of(5) {
                    let (outpoint, output) = last.take().unwrap();
                    spent.push(output);
                    changed += 1;
                    (outpoint, address(0, true, changed - 1).1, CHANGE)
                } else {
                    let mut foreign = [0xfe; 32];
                    foreign[..4].copy_from_slice(&number.to_le_bytes());
                    received += 1;
                    let script = address(0, false, received - 1).1;
                    (OutPoint { txid: Txid(foreign), vout: 0 }, script, RECEIVED)
                };
                world.balance += value - spent.iter().map(|output| output.value.sat()).sum::<i64>();
                let tx = payment(input, TxOut { value: Amount(value), script_pubkey: script });
                let outpoint = OutPoint { txid: tx.compute_txid(), vout: 0 };
                last = Some((outpoint, tx.outputs[0].clone()));
                txs.push(tx);
            }
            let block = world.mine(&params, txs);
            let scripts: Vec<&[u8]> = spent.iter().map(|output| &output.script_pubkey[..]).collect();
            world.put(&block, &scripts);
            if let Some(tx) = block.transactions.get(1) {
                let told = told(tx, &spent, height, &block.header);
                for output in tx.outputs.iter().chain(&spent) {
                    let hash = script_hash(bitcoin::Script::from_bytes(&output.script_pubkey));
                    histories.entry(hash).or_default().insert(0, told.clone());
                }
                world.tell_proof(height, &block);
            }
        }
        for (hash, history) in histories {
            world.answers.insert(format!("/api/scripthash/{hash}/txs"), history.into());
        }
        world.answers.insert("/api/mempool/txids".into(), json!([]));
        world.answers.insert("/api/fee-estimates".into(), json!({"1": 2.0}));
        let tip = json!({"height": BLOCKS, "hash": world.headers.tip_hash().to_string()});
        let chain = json!({
            "name": params.name, "genesis": params.genesis_hash.to_string(), "file": world.file, "tip": tip,
            "filters": true,
        });
        world.answers.insert("/light/chain".into(), chain);
        world
    }

    /// A clock by which the tip is young.
    pub fn now(&self) -> u64 {
        self.headers.tip().time.into()
    }

    fn mine(&self, params: &ChainParams, txs: Vec<Transaction>) -> Block {
        let time = self.headers.tip().time + params.target_spacing;
        let header = Header {
            version: 0x2000_0000,
            previous: self.headers.tip_hash(),
            merkle_root: Hash256::ZERO,
            time,
            bits: next_bits(params, &self.headers, time),
            nonce: 0,
        };
        let mut block =
            Block { header, transactions: txs.into_iter().map(|tx| Arc::new(Tx::from(tx))).collect() };
        block.header.merkle_root = block_merkle_root(&block).0;
        while !check_proof_of_work(&block.header.hash(), block.header.bits, params.pow_limit) {
            block.header.nonce += 1;
        }
        block
    }

    fn put(&mut self, block: &Block, spent: &[&[u8]]) {
        let height = self.headers.len() as u32;
        let others: Vec<[u8; 22]> = (0..OTHERS)
            .map(|at| {
                let mut script = [0x14; 22];
                script[0] = 0;
                script[2..6].copy_from_slice(&(height * OTHERS + at).to_le_bytes());
                script
            })
            .collect();
        let own = basic_elements(block, spent.iter().copied());
        let filter = BasicFilter::build(block.hash(), own.chain(others.iter().map(|script| &script[..])));
        let below = self.filter_headers.last().copied().unwrap_or(HEADER_BEFORE_GENESIS);
        self.filter_headers.push(filter.header(&below));
        self.filters.push(filter.into_bytes());
        self.places.insert(block.hash().to_string(), self.headers.len());
        self.headers.push(block.header);
        self.blocks.push(block.to_bytes());
    }

    fn tell_proof(&mut self, height: u32, block: &Block) {
        let leaves: Vec<Hash256> = block.transactions.iter().map(|tx| Hash256(tx.txid().0)).collect();
        let merkle: Vec<String> = merkle_branch(&leaves, 1).iter().map(ToString::to_string).collect();
        let path = format!("/api/tx/{}/merkle-proof", block.transactions[1].txid());
        self.answers.insert(path, json!({"block_height": height, "merkle": merkle, "pos": 1}));
    }

    /// What a node answers: the status and the body.
    pub fn answer(&self, path: &str) -> (u16, Vec<u8>) {
        self.found(path).map_or((404, b"{}".to_vec()), |body| (200, body))
    }

    fn found(&self, path: &str) -> Option<Vec<u8>> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let skip = query.strip_prefix("skip=").map_or(0, |skip| skip.parse().unwrap());
        let number = |name: &str| name.strip_suffix(".bin").unwrap().parse::<usize>().unwrap();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match *parts {
            ["light", "headers", name] => {
                let file = self.headers.chunks(2000).nth(number(name))?.iter().skip(skip);
                Some(file.flat_map(|header| header.to_array()).collect())
            }
            ["light", "filterheaders", name] => {
                let file = self.filter_headers.chunks(2000).nth(number(name))?.iter().skip(skip);
                Some(file.flat_map(|header| header.0).collect())
            }
            ["light", "filters", name] => {
                let file = self.filters.chunks(1000).nth(number(name))?.iter().skip(skip);
                Some(file.flat_map(|filter| framed(filter)).collect())
            }
            ["api", "block", hash, "raw"] => Some(self.blocks[*self.places.get(hash)?].clone()),
            ["api", "scripthash", ..] => {
                Some(self.answers.get(path).unwrap_or(&json!([])).to_string().into_bytes())
            }
            _ => Some(self.answers.get(path)?.to_string().into_bytes()),
        }
    }

    /// Leaves it in a folder.
    pub fn write(&self, folder: &Path) {
        std::fs::create_dir_all(folder).unwrap();
        let put = |name: &str, bytes: Vec<u8>| std::fs::write(folder.join(name), bytes).unwrap();
        put("headers.bin", self.headers.iter().flat_map(|header| header.to_array()).collect());
        put("filterheaders.bin", self.filter_headers.iter().flat_map(|header| header.0).collect());
        put("filters.bin", self.filters.iter().flat_map(|filter| framed(filter)).collect());
        put("blocks.bin", self.blocks.iter().flat_map(|block| framed(block)).collect());
        let world = json!({
            "words": WORDS, "file": self.file, "balance": self.balance, "other": self.other, "blocks": BLOCKS,
            "transactions": TRANSACTIONS, "inputs": INPUTS, "answers": self.answers,
        });
        put("world.json", world.to_string().into_bytes());
    }
}

/// Bytes behind their length.
fn framed(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u32).to_le_bytes()[..], bytes].concat()
}

fn coinbase(height: u32) -> Transaction {
    let input = TxIn {
        previous_output: OutPoint::NULL,
        script_sig: Builder::new().push_int(height.into()).push_int(0).into_script(),
        sequence: u32::MAX,
        witness: vec![],
    };
    let output = TxOut { value: Amount::from_coins(50), script_pubkey: Script(vec![0x51]) };
    Transaction { version: 2, inputs: vec![input], outputs: vec![output], lock_time: 0 }
}

fn payment(input: OutPoint, output: TxOut) -> Transaction {
    let input = TxIn {
        previous_output: input,
        script_sig: Script::new(),
        sequence: 0xffff_fffd,
        // As large as a signature and a key.
        witness: vec![vec![7; 72], vec![2; 33]],
    };
    Transaction { version: 2, inputs: vec![input], outputs: vec![output], lock_time: 0 }
}

/// A transaction as Esplora tells it.
fn told(tx: &Tx, spent: &[TxOut], height: u32, header: &Header) -> Value {
    let output = |output: &TxOut| json!({"scriptpubkey": hex::encode(&output.script_pubkey), "value": output.value.sat()});
    let input = |(at, input): (usize, &TxIn)| {
        json!({
            "txid": input.previous_output.txid.to_string(),
            "vout": input.previous_output.vout,
            "prevout": spent.get(at).map(output),
            "scriptsig": "",
            "witness": input.witness.iter().map(|item| hex::encode(item)).collect::<Vec<_>>(),
            "is_coinbase": false,
            "sequence": input.sequence,
        })
    };
    json!({
        "txid": tx.txid().to_string(),
        "version": tx.version,
        "locktime": tx.lock_time,
        "vin": tx.inputs.iter().enumerate().map(input).collect::<Vec<_>>(),
        "vout": tx.outputs.iter().map(output).collect::<Vec<_>>(),
        "status": {
            "confirmed": true, "block_height": height, "block_hash": header.hash().to_string(),
            "block_time": header.time,
        },
    })
}
