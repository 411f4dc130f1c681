//! Templates are Core's to the byte: the deterministic regtest chain of Core's own test framework comes out.
//!
//! Core starts a node on regtest, stops its clock at the genesis block's time and mines 199 blocks, 25 at a time,
//! for four addresses in turn. The hashes below were recorded from two independent runs of Core.

use chaincore_consensus::address::Address;
use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::check::{CheckOptions, check_block};
use chaincore_consensus::context::{check_block_context, check_header};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::versionbits::StateCache;
use chaincore_consensus::{Block, Header, Script};
use chaincore_miner::{Search, Workers};
use chaincore_node::template::{self, BlockTemplate, TemplateOptions};
use std::sync::atomic::{AtomicBool, AtomicU64};

const BLOCK_1: &str = "4a31ceeaab3807a7441be5f951d86a4682a217bff37123f34196e2709d852f5e";
const BLOCK_199: &str = "70561696b71207e34ce30fd728f44836b9a49b391af801d77b4621e3cb16e888";

const ADDRESSES: [&str; 4] = [
    "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z",
    "msX6jQXvxiNhx3Q62PKeLPrhrqZQdSimTg",
    "mnonCMyH9TmAsSj3M59DsbH8H63U3RKoFP",
    "bcrt1p9yfmy5h72durp7zrhlw9lf7jpwjgvwdg0jr0lqmmjtgg83266lqsekaqka",
];

struct Miner {
    params: ChainParams,
    branch: Vec<Header>,
    versions: StateCache,
    workers: Workers,
    now: i64,
}

impl Miner {
    fn on(params: ChainParams, threads: usize) -> Self {
        let genesis = params.genesis.header;
        Self {
            branch: vec![genesis],
            versions: StateCache::default(),
            workers: Workers::new(threads).expect("threads can be started"),
            now: genesis.time.into(),
            params,
        }
    }

    fn template(&mut self, script: &Script) -> BlockTemplate {
        let options = TemplateOptions::paying_to(script.clone());
        template::build(None, &self.branch, &self.params, &mut self.versions, self.now, &options)
    }

    fn mine(&mut self, script: &Script) -> Block {
        let mut template = self.template(script);
        let target = template.target();
        let (cancel, hashes) = (AtomicBool::new(false), AtomicU64::new(0));
        let found = self.workers.search(&template.block.header, target, &cancel, &hashes);
        let Search::Found(nonce) = found else { panic!("no nonce solves height {}", template.height) };
        template.block.header.nonce = nonce;
        let block = template.block;
        check_block(&block, &self.params, CheckOptions::ALL).expect("a mined block is valid");
        check_header(&block.header, &self.branch, self.now, &self.params).expect("a mined header is valid");
        check_block_context(&block, &self.branch, &self.params).expect("a mined block fits its branch");
        self.branch.push(block.header);
        block
    }
}

#[test]
fn the_chain_of_cores_test_framework() {
    let params = ChainParams::regtest();
    let scripts = ADDRESSES.map(|text| Address::parse(text, &params.addresses).unwrap().script_pubkey());
    let mut miner = Miner::on(params, 2);
    for round in 0..8 {
        let count = if round == 7 { 24 } else { 25 };
        for _ in 0..count {
            miner.mine(&scripts[round % scripts.len()]);
        }
    }
    assert_eq!(miner.branch[1].hash().to_string(), BLOCK_1);
    assert_eq!(miner.branch[199].hash().to_string(), BLOCK_199);
    assert_eq!(miner.branch.tip_height(), 199);
}

#[test]
fn an_extra_nonce_changes_the_block_and_keeps_it_valid() {
    let params = ChainParams::regtest();
    let mut miner = Miner::on(params, 1);
    for height in 1..20 {
        let plain = miner.template(&Script(vec![0x51]));
        let mut other = plain.clone();
        template::set_extra_nonce(&mut other.block, height, &[7; 8]);
        assert_ne!(plain.block.header.merkle_root, other.block.header.merkle_root);
        let options = CheckOptions { pow: false, merkle: true };
        check_block(&other.block, &miner.params, options).unwrap();
        check_block_context(&other.block, &miner.branch, &miner.params).unwrap();
        miner.mine(&Script(vec![0x51]));
    }
}

#[test]
fn a_block_without_coinbase_witness_is_completed() {
    let mut miner = Miner::on(ChainParams::regtest(), 1);
    let template = miner.template(&Script(vec![0x51]));
    let mut bare = template.block.clone();
    let mut coinbase = (**bare.transactions[0]).clone();
    coinbase.inputs[0].witness.clear();
    bare.transactions[0] = std::sync::Arc::new(coinbase.into());
    assert!(check_block_context(&bare, &miner.branch, &miner.params).is_err());
    template::complete_submitted_block(&mut bare, 1, &miner.params);
    assert_eq!(bare, template.block);
    check_block_context(&bare, &miner.branch, &miner.params).unwrap();
    // What has no commitment gets no witness.
    let mut without = template.block.clone();
    let mut coinbase = (**without.transactions[0]).clone();
    coinbase.inputs[0].witness.clear();
    coinbase.outputs.pop();
    without.transactions[0] = std::sync::Arc::new(coinbase.into());
    let before = without.clone();
    template::complete_submitted_block(&mut without, 1, &miner.params);
    assert_eq!(without, before);
}

#[test]
fn a_changed_transaction_list_is_committed_to_again() {
    let mut miner = Miner::on(ChainParams::regtest(), 1);
    let mut template = miner.template(&Script(vec![0x51]));
    // Any transaction with a witness will do: commitments do not ask what it spends.
    let mut spend = (**template.block.transactions[0]).clone();
    spend.inputs[0].previous_output.vout = 3;
    spend.inputs[0].witness = vec![vec![1; 40]];
    template.block.transactions.push(std::sync::Arc::new(spend.into()));
    assert!(check_block_context(&template.block, &miner.branch, &miner.params).is_err());
    template::regenerate_commitment(&mut template.block, 1, &miner.params);
    check_block_context(&template.block, &miner.branch, &miner.params).unwrap();
    assert_eq!(template.block.transactions[0].outputs.len(), 2);
}
