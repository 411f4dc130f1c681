//! What the chain's tests share.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may end there")]

pub mod peer;

use chaincore_consensus::coin::Coin;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Amount, Block, OutPoint};
use chaincore_node::chain::{ChainHandle, ChainOptions, FlushPolicy, Origin, Outcome, Status};
use chaincore_node::index::{AddressIndex, Addresses, Index, Place, Rules, Spender, script_hash};
use chaincore_node::mempool::{Mempool, MempoolOptions};
use chaincore_node::plugins::Host;
use chaincore_node::testkit::{self, Branch, Lock, Utxo};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Small and quick options for a test's chain.
pub fn options(dir: &Path, params: &Arc<ChainParams>) -> ChainOptions {
    let mut options = ChainOptions::new(params.clone(), dir.to_path_buf());
    options.flush = FlushPolicy { coins_bytes: 1 << 20, blocks: 1_000, interval: Duration::from_secs(3_600) };
    options.database_cache_bytes = 1 << 20;
    options.signature_cache_bytes = 1 << 20;
    options.script_threads = 2;
    options
}

/// Opens a chain.
pub fn open(options: &ChainOptions) -> ChainHandle {
    // The kit's blocks contain outputs that anyone can spend, which are not standard.
    let mempool = MempoolOptions { require_standard: false, ..MempoolOptions::default() };
    ChainHandle::open(options, Mempool::new(mempool), Status::new()).unwrap()
}

/// Hands a block in.
pub fn submit(chain: &ChainHandle, block: &Arc<Block>) -> Outcome {
    chain.submit_block_blocking(block.clone(), Origin::Rpc).unwrap()
}

/// Hands blocks in that must all be accepted.
pub fn submit_all(chain: &ChainHandle, blocks: &[Arc<Block>]) {
    for block in blocks {
        let outcome = submit(chain, block);
        assert!(outcome.is_accepted(), "{outcome:?}");
    }
}

/// All coins of a chain.
pub fn coins(chain: &ChainHandle) -> BTreeMap<OutPoint, Coin> {
    chain
        .read_durable_blocking(|store, durable| {
            assert_eq!(durable.hash, chain.snapshot().tip().hash());
            Ok(store.coins().iter().map(|entry| entry.unwrap()).collect())
        })
        .unwrap()
}

/// Checks that a chain has exactly the coins of a branch, and its tip.
pub fn assert_state(chain: &ChainHandle, branch: &Branch) {
    assert_eq!(chain.snapshot().tip().hash(), branch.tip_hash());
    let expected: BTreeMap<OutPoint, Coin> =
        branch.coins.iter().map(|(outpoint, utxo)| (*outpoint, coin(utxo))).collect();
    let found = coins(chain);
    assert_eq!(found.len(), expected.len());
    assert!(found == expected, "the coins differ");
}

fn coin(utxo: &Utxo) -> Coin {
    Coin { output: utxo.output(), height: utxo.height, coinbase: utxo.coinbase, tx_index: utxo.tx_index }
}

/// An index that is led by a host of its own.
pub struct Led<R> {
    index: Index<R>,
    host: Host,
}

impl<R: Rules> Led<R> {
    /// Starts an index.
    pub fn start(chain: &ChainHandle, rules: R) -> Self {
        let host = testkit::host(chain);
        let (index, plugin) = Index::open(chain.clone(), rules).unwrap();
        host.start(Box::new(plugin)).unwrap();
        Self { index, host }
    }

    /// Stops it.
    pub fn stop(&self) {
        self.host.stop();
    }
}

impl<R> std::ops::Deref for Led<R> {
    type Target = Index<R>;

    fn deref(&self) -> &Index<R> {
        &self.index
    }
}

/// Starts the address index of a chain.
pub fn address_index(chain: &ChainHandle) -> Led<Addresses> {
    Led::start(chain, Addresses { coinbase_maturity: chain.params().coinbase_maturity })
}

/// Waits until an index is level with its chain.
pub fn wait_synced(index: &AddressIndex) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    assert!(runtime.block_on(index.wait_synced(Duration::from_secs(120))), "{:?}", index.status());
}

/// Checks every script of the kit: its balance and its unspent outputs are those of the branch, and its history
/// adds up.
pub fn assert_addresses(index: &AddressIndex, branch: &Branch) {
    wait_synced(index);
    let mut funded = 0;
    for lock in Lock::all() {
        let script = script_hash(&lock.script());
        let mut expected: Vec<(OutPoint, Utxo)> =
            branch.coins.iter().filter(|(_, utxo)| utxo.lock == lock).map(|(o, u)| (*o, *u)).collect();
        expected.sort_by_key(|(outpoint, utxo)| (utxo.height, utxo.tx_index, outpoint.vout));
        let (balance, at) = index.balance(&script).unwrap();
        assert_eq!(at.hash, branch.tip_hash());
        let sum = |utxos: &mut dyn Iterator<Item = &Utxo>| Amount(utxos.map(|utxo| utxo.value.sat()).sum());
        assert_eq!(balance.total, sum(&mut expected.iter().map(|(_, utxo)| utxo)));
        assert_eq!(balance.unspent, expected.len() as u64);
        let maturity = index.rules().coinbase_maturity;
        let immature = |utxo: &&Utxo| utxo.coinbase && branch.height() + 1 - utxo.height < maturity;
        assert_eq!(balance.immature, sum(&mut expected.iter().map(|(_, utxo)| utxo).filter(immature)));

        // In pages of seven.
        let mut found = vec![];
        let mut after = None;
        loop {
            let (page, _) = index.unspent(&script, after, 7).unwrap();
            let Some(last) = page.last() else { break };
            after = Some(Place { height: last.height, tx_index: last.tx_index, vout: last.outpoint.vout });
            found.extend(page);
        }
        let found: Vec<(OutPoint, Utxo)> = found
            .into_iter()
            .map(|item| {
                let utxo = Utxo {
                    value: item.value,
                    lock,
                    height: item.height,
                    coinbase: item.coinbase,
                    tx_index: item.tx_index,
                };
                (item.outpoint, utxo)
            })
            .collect();
        assert_eq!(found, expected);

        let (history, _) = index.history(&script, None, usize::MAX / 2).unwrap();
        assert_eq!(history.len() as u64, balance.transactions);
        let received: i64 = history.iter().map(|item| item.received.sat()).sum();
        let spent: i64 = history.iter().map(|item| item.spent.sat()).sum();
        assert_eq!(balance.received, Amount(received));
        assert_eq!(balance.total, Amount(received - spent));

        // The same backwards, in pages of five.
        let mut back = vec![];
        let mut before = None;
        loop {
            let page = index.history_back(&script, before, 5).unwrap();
            let Some(last) = page.last() else { break };
            before = Some(Place { height: last.height, tx_index: last.tx_index, vout: 0 });
            back.extend(page);
        }
        back.reverse();
        assert_eq!(back, history);
        funded += balance.funded;
    }
    assert_spenders(index, funded);
}

/// Checks for every output of the active chain by whom the index says that it is spent, and that so many outputs can be
/// spent at all.
fn assert_spenders(index: &AddressIndex, funded: u64) {
    let chain = index.chain();
    let mut spent = HashMap::new();
    let mut made = vec![];
    for height in 1..=chain.snapshot().tip().height() {
        let hash = chain.snapshot().block_at(height).unwrap().hash();
        let block = chain.read_block(&hash).unwrap();
        for (tx_index, tx) in (0u32..).zip(&block.transactions) {
            for (vin, input) in (0u32..).zip(&tx.inputs) {
                spent.insert(input.previous_output, Spender { txid: tx.txid(), vin, height, tx_index });
            }
            let outputs = (0u32..).zip(&tx.outputs).filter(|(_, out)| !out.script_pubkey.is_unspendable());
            made.extend(outputs.map(|(vout, output)| {
                (OutPoint { txid: tx.txid(), vout }, script_hash(&output.script_pubkey))
            }));
        }
    }
    assert_eq!(made.len() as u64, funded);
    for (outpoint, script) in &made {
        assert_eq!(index.spender(outpoint, script).unwrap(), spent.get(outpoint).copied(), "{outpoint:?}");
    }
}
