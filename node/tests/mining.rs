//! The miner in the node: a chain grows, and what is sent to it is mined.

use chaincore_consensus::hash::sha256;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Amount, OutPoint, Script, Transaction, Tx, TxIn, TxOut, Txid};
use chaincore_node::chain::{ChainHandle, ChainOptions, Status};
use chaincore_node::mempool::{Mempool, MempoolOptions};
use chaincore_node::mining::{Miner, MinerPlugin, MiningOptions, MiningStats};
use chaincore_node::plugins::{PluginCommand, PluginState};
use chaincore_node::template::{TemplateError, TemplateOptions, TemplateSource};
use chaincore_node::testkit::wait_until;
use std::sync::Arc;
use std::time::Duration;

fn open(params: ChainParams, dir: &std::path::Path) -> ChainHandle {
    let options = ChainOptions::new(Arc::new(params), dir.into());
    ChainHandle::open(&options, Mempool::new(MempoolOptions::default()), Status::new())
        .expect("a new folder opens")
}

/// A P2WSH output of `OP_TRUE`.
fn anyone() -> Script {
    Script([&[0, 32][..], &sha256(&[0x51])].concat())
}

fn options(chain: &ChainHandle) -> MiningOptions {
    let least_interval = Duration::ZERO;
    MiningOptions { threads: 2, least_interval, ..MiningOptions::paying_to(anyone(), chain.params()) }
}

#[test]
fn a_miner_extends_the_chain_and_confirms_what_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::regtest(), dir.path());
    let mut miner = Miner::start(chain.clone(), options(&chain)).unwrap();
    wait_until("block 101", || chain.snapshot().height() > 100);
    let first = chain.read_block(&chain.snapshot().block_at(1).unwrap().hash()).unwrap();
    let reward = &first.transactions[0];
    assert_eq!(reward.outputs[0].script_pubkey, anyone());
    let spend = Arc::new(Tx::from(Transaction {
        version: 2,
        inputs: vec![TxIn {
            previous_output: OutPoint { txid: reward.txid(), vout: 0 },
            script_sig: Script::new(),
            sequence: 0xffff_fffd,
            witness: vec![vec![0x51]],
        }],
        outputs: vec![TxOut { value: Amount(49 * 100_000_000), script_pubkey: anyone() }],
        lock_time: 0,
    }));
    let txid: Txid = spend.txid();
    let accepted = chain.query_blocking(move |chain| chain.accept_tx(&spend)).unwrap().unwrap();
    assert_eq!(accepted.fee, 100_000_000);
    wait_until("the confirmation", || chain.coin(&OutPoint { txid, vout: 0 }).unwrap().0.is_some());
    assert!(chain.mempool().read().unwrap().is_empty());
    miner.stop();
    let stats = miner.stats();
    assert_eq!(stats.blocks, u64::from(chain.snapshot().height()), "every block was this miner's");
    assert_eq!(stats.lost, 0);
    assert!(stats.hashes >= stats.blocks);
    let (coin, _) = chain.coin(&OutPoint { txid, vout: 0 }).unwrap();
    let block = chain.read_block(&chain.snapshot().block_at(coin.unwrap().height).unwrap().hash()).unwrap();
    assert_eq!(block.transactions[0].outputs[0].value, Amount(51 * 100_000_000), "subsidy and fee");
    chain.shutdown_blocking().unwrap();
}

#[test]
fn the_default_chain_gets_harder_as_it_is_mined() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::chaincore(), dir.path());
    let mut miner = Miner::start(chain.clone(), options(&chain)).unwrap();
    wait_until("block 20", || chain.snapshot().height() >= 20);
    miner.stop();
    let work = |height: u32| chain.snapshot().block_at(height).unwrap().chain_work();
    let gained = |from: u32| work(from + 5).saturating_sub(work(from));
    assert!(gained(14) > gained(1), "blocks faster than every ten seconds raise the difficulty");
    chain.shutdown_blocking().unwrap();
}

#[test]
fn no_template_is_given_out_that_would_be_refused() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::regtest(), dir.path());
    let genesis = i64::from(chain.params().genesis.header.time);
    // The first block cannot be older than the genesis block, which by this clock is in the future.
    chain.clock().set_mock(Some(genesis - 3 * 3600));
    let template = |version| {
        let options = TemplateOptions { version, ..TemplateOptions::paying_to(anyone()) };
        TemplateSource::new(chain.clone()).build_blocking(options, true)
    };
    let refused = template(None).unwrap_err();
    assert!(matches!(refused, TemplateError::Invalid(_)));
    // Word for word what Bitcoin Core 31 says.
    let core = "TestBlockValidity failed: time-too-new, block timestamp too far in the future";
    assert_eq!(refused.to_string(), core);
    let mut miner = Miner::start(chain.clone(), options(&chain)).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(!miner.has_ended(), "it waits for a better time");
    assert_eq!((miner.stats(), chain.snapshot().height()), (MiningStats::default(), 0));
    chain.clock().set_mock(Some(genesis + 1));
    wait_until("a block", || chain.snapshot().height() > 0);
    miner.stop();
    assert_eq!(miner.stats().lost, 0);
    assert!(template(None).is_ok());
    let old = template(Some(1)).unwrap_err().to_string();
    assert!(old.starts_with("TestBlockValidity failed: bad-version(0x00000001)"), "{old}");
    chain.shutdown_blocking().unwrap();
}

#[test]
fn two_miners_share_a_chain_without_a_refused_block() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::regtest(), dir.path());
    let mut miners = [(); 2].map(|()| Miner::start(chain.clone(), options(&chain)).unwrap());
    wait_until("block 30", || chain.snapshot().height() >= 30);
    miners.iter_mut().for_each(Miner::stop);
    let blocks: u64 = miners.iter().map(|miner| miner.stats().blocks).sum();
    assert_eq!(blocks, u64::from(chain.snapshot().height()));
    chain.shutdown_blocking().unwrap();
}

#[test]
fn the_miner_is_a_plugin_that_can_be_stopped_and_started() {
    let dir = tempfile::tempdir().unwrap();
    let chain = open(ChainParams::regtest(), dir.path());
    let host = chaincore_node::testkit::host(&chain);
    host.start(Box::new(MinerPlugin::new(chain.clone(), options(&chain)))).unwrap();
    wait_until("block 5", || chain.snapshot().height() >= 5);
    host.command("miner", PluginCommand::Stop).unwrap();
    let status = host.statuses().remove(0);
    let blocks = status.figures.iter().find(|figure| figure.name == "miner_blocks_total");
    assert_eq!(blocks.map(|figure| figure.value), Some(f64::from(chain.snapshot().height())));
    assert_eq!((status.state, status.description.as_str()), (PluginState::Stopped, "not mining"));
    let stopped_at = chain.snapshot().height();
    host.command("miner", PluginCommand::Start).unwrap();
    wait_until("another block", || chain.snapshot().height() > stopped_at);
    host.stop();
    chain.shutdown_blocking().unwrap();
}
