//! The mempool against a small world of coins and headers in memory.

mod events;
mod hooks;
mod limits;
mod packages;
mod relay;
mod reorg;
mod replacement;
mod rules;
mod submit;
mod templates;

use super::*;
use crate::chain::CoinsView;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::hash::sha256;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::sigcache::SignatureCache;
use chaincore_consensus::{
    Amount, Block, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, TxRef, Txid, Wtxid,
};
use chaincore_storage::StorageError;
use std::collections::HashMap;
use std::sync::Arc;

/// A fee that suffices for any small transaction.
const FEE: i64 = 10_000;

#[derive(Default)]
struct Coins(HashMap<OutPoint, Coin>);

impl CoinsView for Coins {
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StorageError> {
        Ok(self.0.get(outpoint).cloned())
    }
}

struct World {
    params: ChainParams,
    branch: Vec<Header>,
    coins: Coins,
    signatures: SignatureCache,
    now: i64,
    pool: Mempool,
    funded: u32,
    follower: events::Follower,
}

impl World {
    /// A regtest chain of 200 blocks, ten minutes apart.
    fn new() -> Self {
        Self::with(MempoolOptions::default())
    }

    fn with(options: MempoolOptions) -> Self {
        let params = ChainParams::regtest();
        let mut branch = vec![params.genesis.header];
        for height in 1..=200 {
            let parent = branch[height - 1];
            branch.push(Header { previous: parent.hash(), time: parent.time + 600, ..parent });
        }
        let now = i64::from(branch[200].time) + 60;
        let signatures = SignatureCache::new(1 << 20, [1; 32]);
        let coins = Coins::default();
        let pool = Mempool::new(options);
        let follower = events::Follower::of(&pool);
        Self { params, branch, coins, signatures, now, pool, funded: 0, follower }
    }

    fn accept(&mut self, tx: &TxRef) -> Result<Accepted, String> {
        let mut pool = std::mem::take(&mut self.pool);
        let result = pool.accept(tx, &self.view());
        self.pool = pool;
        self.check();
        result.map_err(|error| error.to_string())
    }

    fn test(&self, tx: &TxRef) -> Result<Accepted, String> {
        self.pool.test(tx, &self.view()).map_err(|error| error.to_string())
    }

    fn reorg(&mut self, disconnected: &[TxRef]) {
        let mut pool = std::mem::take(&mut self.pool);
        pool.readd_after_reorg(disconnected, vec![], &self.view()).unwrap();
        self.pool = pool;
        self.check();
    }

    /// The pool is consistent, and whoever follows its events knows it.
    fn check(&mut self) {
        self.pool.check_consistency();
        self.follower.check(&self.pool);
    }

    fn view(&self) -> ChainView<'_> {
        ChainView {
            params: &self.params,
            tip: &self.branch,
            coins: &self.coins,
            signatures: Some(&self.signatures),
            now: self.now,
        }
    }

    /// A coin that anyone can spend with [`spend`].
    fn fund(&mut self, value: i64) -> OutPoint {
        self.fund_with(value, anyone(), 1, false)
    }

    fn fund_with(&mut self, value: i64, script_pubkey: Script, height: u32, coinbase: bool) -> OutPoint {
        self.funded += 1;
        let outpoint = OutPoint { txid: Txid(sha256(&self.funded.to_le_bytes())), vout: 0 };
        let output = TxOut { value: Amount(value), script_pubkey };
        self.coins.0.insert(outpoint, Coin { output, height, coinbase, tx_index: 0 });
        outpoint
    }

    /// What a block does to the coins.
    fn apply(&mut self, transactions: &[TxRef]) {
        let height = self.branch.len() as u32;
        for tx in transactions {
            for input in &tx.inputs {
                self.coins.0.remove(&input.previous_output);
            }
            for (vout, output) in tx.outputs.iter().enumerate() {
                let coinbase = tx.is_coinbase();
                let coin = Coin { output: output.clone(), height, coinbase, tx_index: 0 };
                self.coins.0.insert(OutPoint { txid: tx.txid(), vout: vout as u32 }, coin);
            }
        }
        let parent = self.branch[self.branch.len() - 1];
        self.branch.push(Header { previous: parent.hash(), time: parent.time + 600, ..parent });
    }

    fn connect(&mut self, transactions: &[TxRef]) -> Vec<TxRef> {
        self.apply(transactions);
        let header = self.branch[self.branch.len() - 1];
        let gone =
            self.pool.remove_for_block(&Block { header, transactions: transactions.to_vec() }, self.now);
        self.check();
        gone
    }

    fn has(&self, tx: &TxRef) -> bool {
        self.pool.get(&tx.txid()).is_some()
    }
}

/// A P2WSH output of `OP_TRUE`: standard, and spent without a key.
fn anyone() -> Script {
    Script([&[0, 32][..], &sha256(&[0x51])].concat())
}

fn to(script: Script, value: i64) -> TxOut {
    TxOut { value: Amount(value), script_pubkey: script }
}

fn input(previous_output: OutPoint) -> TxIn {
    TxIn { previous_output, script_sig: Script::new(), sequence: 0xffff_fffd, witness: vec![vec![0x51]] }
}

fn transaction(inputs: &[OutPoint], outputs: &[i64]) -> Transaction {
    Transaction {
        version: 2,
        inputs: inputs.iter().map(|outpoint| input(*outpoint)).collect(),
        outputs: outputs.iter().map(|value| to(anyone(), *value)).collect(),
        lock_time: 0,
    }
}

fn spend(inputs: &[OutPoint], outputs: &[i64]) -> TxRef {
    Arc::new(Tx::from(transaction(inputs, outputs)))
}

fn output(tx: &TxRef, vout: u32) -> OutPoint {
    OutPoint { txid: tx.txid(), vout }
}

fn tx(data: Transaction) -> TxRef {
    Arc::new(Tx::from(data))
}
