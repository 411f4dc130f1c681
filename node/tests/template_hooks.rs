//! Whatever plugins make of the order of transactions, the block is valid by our own consensus.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod kit;

use chaincore_consensus::check::CheckOptions;
use chaincore_consensus::{Amount, OutPoint, TxOut};
use chaincore_node::mempool::PolicyHooks;
use chaincore_node::plugins::{Host, HostOptions};
use chaincore_node::template::{TemplateOptions, TemplateSource};
use chaincore_node::testkit::{self, Branch, Lock, Numbers, Utxo, spend};
use chaincore_plugin::policy::{Candidate, MempoolFilter, TemplateOrder};
use chaincore_plugin::{ApiRegistry, BlockRef, Context, Manifest, Plugin, PluginError, async_trait};
use kit::{open, options, submit_all};
use std::sync::Arc;

/// Ranks that change with every question: no order at all.
struct Whim(std::sync::Mutex<Numbers>);

impl TemplateOrder for Whim {
    fn rank(&self, chunk: &[Candidate<'_>]) -> i64 {
        let mut numbers = self.0.lock().unwrap();
        match numbers.below(4) {
            0 => i64::MAX,
            1 => i64::MIN,
            _ => numbers.next() as i64 ^ chunk.len() as i64,
        }
    }
}

#[test]
fn blocks_are_valid_in_any_order_of_chunks() {
    let params = Arc::new(testkit::params(2));
    let dir = tempfile::tempdir().unwrap();
    let chain = open(&options(dir.path(), &params));
    let mut branch = Branch::new(params.clone(), 5);
    for _ in 0..30 {
        submit_all(&chain, &[branch.mine(0)]);
    }
    let mut numbers = Numbers::new(11);
    // Families: each transaction spends one or two coins, confirmed or not, and makes two.
    let mut coins: Vec<(OutPoint, Utxo)> = branch.spendable();
    let mut pooled = 0;
    for _ in 0..120 {
        let many = 1 + numbers.below(2) as usize;
        let inputs: Vec<_> =
            (0..many).map(|_| coins.remove(numbers.below(coins.len() as u64) as usize)).collect();
        let total: i64 = inputs.iter().map(|(_, utxo)| utxo.value.sat()).sum();
        let value = Amount((total - 1_000 - numbers.below(90_000) as i64) / 2);
        let lock = [Lock::Anyone, Lock::P2wpkh(1), Lock::P2pkh(2)][numbers.below(3) as usize];
        let tx = spend(&inputs, vec![TxOut { value, script_pubkey: lock.script() }; 2]);
        let accepted = chain.query_blocking({
            let tx = tx.clone();
            move |chain| chain.accept_tx(&tx)
        });
        if accepted.unwrap().is_ok() {
            pooled += 1;
            let made = Utxo { value, lock, height: branch.height() + 1, coinbase: false, tx_index: 0 };
            coins.extend((0..2).map(|vout| (OutPoint { txid: tx.txid(), vout }, made)));
        } else {
            coins.extend(inputs);
        }
    }
    assert!(pooled > 60, "{pooled}");
    let source = TemplateSource::new(chain.clone());
    let build = |max_weight: i64| {
        let mut options = TemplateOptions::paying_to(Lock::Anyone.script());
        options.max_weight = max_weight;
        source.build_blocking(options, true).unwrap()
    };
    let plain = build(4_000_000);
    assert_eq!(plain.fees.len(), pooled);
    let mut orders = std::collections::HashSet::new();
    for seed in 0..20 {
        let whim = Whim(std::sync::Mutex::new(Numbers::new(seed)));
        let hooks = PolicyHooks::new(vec![], vec![Arc::new(whim)]);
        chain.mempool().write().unwrap().set_hooks(hooks);
        for max_weight in [4_000_000, 8_000 + 600 * (1 + seed as i64)] {
            let template = build(max_weight);
            let block = template.block.clone();
            assert!((block.weight() as i64) < max_weight);
            orders.insert(block.transactions[1..].iter().map(|tx| tx.txid()).collect::<Vec<_>>());
            let options = CheckOptions { pow: false, merkle: true };
            let verdict = chain.query_blocking(move |chain| chain.check_proposal(&block, options)).unwrap();
            assert_eq!(verdict, Ok(()), "seed {seed}, weight {max_weight}");
        }
        let all = build(4_000_000);
        assert_eq!((all.fees.len(), all.reward), (pooled, plain.reward));
    }
    assert!(orders.len() > 20, "the whims had an effect");
    chain.mempool().write().unwrap().set_hooks(PolicyHooks::default());
    assert_eq!(build(4_000_000).block.transactions[1..], plain.block.transactions[1..]);
    chain.shutdown_blocking().unwrap();
}

/// A plugin that follows nothing and has only opinions.
struct Opinions;

impl MempoolFilter for Opinions {
    fn check(&self, candidate: &Candidate<'_>) -> Result<(), String> {
        if candidate.fee.sat() % 2 == 1 { Err("odd-fee".into()) } else { Ok(()) }
    }
}

impl TemplateOrder for Opinions {
    fn rank(&self, chunk: &[Candidate<'_>]) -> i64 {
        -chunk[0].fee.sat()
    }
}

#[async_trait]
impl Plugin for Opinions {
    fn manifest(&self) -> Manifest {
        Manifest { needs_blocks: false, ..Manifest::new("opinions", "1") }
    }

    fn register(&self, api: &mut dyn ApiRegistry) {
        api.mempool_filter(Arc::new(Self));
        api.template_order(Arc::new(Self));
    }

    async fn open(&mut self, _: &Context) -> Result<Option<BlockRef>, PluginError> {
        Ok(None)
    }
}

#[test]
fn what_a_plugin_registers_is_what_the_node_asks() {
    let params = Arc::new(testkit::params(2));
    let dir = tempfile::tempdir().unwrap();
    let chain = open(&options(dir.path(), &params));
    let mut branch = Branch::new(params, 6);
    for _ in 0..6 {
        submit_all(&chain, &[branch.mine(0)]);
    }
    let host = Host::new(HostOptions::default());
    host.start(Box::new(Opinions)).unwrap();
    chain.mempool().write().unwrap().set_hooks(host.registered().policy_hooks());
    let submit = |coin: usize, fee: i64| {
        let (outpoint, utxo) = branch.spendable()[coin];
        let output = TxOut { value: Amount(utxo.value.sat() - fee), script_pubkey: Lock::P2pkh(1).script() };
        let tx = spend(&[(outpoint, utxo)], vec![output]);
        let accepted = chain.query_blocking(move |chain| chain.accept_tx(&tx)).unwrap();
        accepted.map_err(|reason| reason.reason.into_owned())
    };
    submit(0, 9_000).unwrap();
    assert_eq!(submit(1, 5_001).unwrap_err(), "plugin-odd-fee");
    submit(1, 5_000).unwrap();
    submit(2, 7_000).unwrap();
    let template = TemplateSource::new(chain.clone())
        .build_blocking(TemplateOptions::paying_to(Lock::Anyone.script()), true)
        .unwrap();
    assert_eq!(template.fees, [5_000, 7_000, 9_000]);
    host.stop();
    chain.shutdown_blocking().unwrap();
}
