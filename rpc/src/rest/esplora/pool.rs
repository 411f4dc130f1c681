//! The mempool by output script: what the node's own mempool, which knows outpoints, cannot tell.
//!
//! It follows the mempool's events, and only when it is asked: then it takes in what has happened since. Who has not
//! asked for so long that events are lost, or is the first to ask, reads the whole mempool once. Invariants: an answer is
//! as new as the mempool was when it was asked; nothing is held that the mempool does not hold, but for the outputs that
//! its transactions spend.

use crate::node::{MempoolEvents, Node, NodeResult, ScriptId};
use chaincore_consensus::{Amount, OutPoint, TxOut, TxRef, Txid};
use chaincore_plugin::MempoolEvent;
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// Events taken at a time.
const EVENTS: usize = 1024;

/// A transaction of the mempool.
#[derive(Debug, Clone)]
pub struct PoolTx {
    /// The transaction.
    pub tx: TxRef,
    /// What its inputs spend, as far as that was known when it came.
    pub spent: Vec<Option<TxOut>>,
    /// What it pays.
    pub fee: Amount,
    /// Its virtual size in bytes, adjusted for sigops.
    pub vsize: u64,
    /// Counts the transactions that came: later ones have higher numbers.
    arrival: u64,
}

/// Sums over the transactions of a script in the mempool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PoolTotals {
    /// Outputs that pay to it, and their sum in satoshis.
    pub funded: (u64, i64),
    /// Outputs of it that are spent, and their sum in satoshis.
    pub spent: (u64, i64),
    /// Transactions that do either.
    pub transactions: u64,
}

/// The mempool by script.
#[derive(Default)]
pub struct Pool {
    events: Option<Box<dyn MempoolEvents>>,
    txs: HashMap<Txid, PoolTx>,
    by_script: HashMap<ScriptId, HashSet<Txid>>,
    arrivals: u64,
}

/// What a transaction of the mempool spends, found now.
pub fn spent_outputs(node: &dyn Node, tx: &TxRef) -> NodeResult<Vec<Option<TxOut>>> {
    spent_with(node, tx, |_| None)
}

fn spent_with(
    node: &dyn Node,
    tx: &TxRef,
    known: impl Fn(&OutPoint) -> Option<TxOut>,
) -> NodeResult<Vec<Option<TxOut>>> {
    let output = |outpoint: &OutPoint| {
        if let Some(output) = known(outpoint) {
            return Ok(Some(output));
        }
        if let Some(coin) = node.coin(outpoint)? {
            return Ok(Some(coin.output));
        }
        let parent = node.mempool_tx(&outpoint.txid);
        Ok(parent.and_then(|parent| parent.outputs.get(outpoint.vout as usize).cloned()))
    };
    tx.inputs.iter().map(|input| output(&input.previous_output)).collect()
}

impl Pool {
    /// Takes in what has happened since the last call.
    pub fn update(&mut self, node: &dyn Node) -> NodeResult<()> {
        let Some(mut events) = self.events.take() else { return self.read_all(node) };
        loop {
            let next = pin!(events.next(EVENTS)).poll(&mut Context::from_waker(Waker::noop()));
            let Poll::Ready(news) = next else {
                self.events = Some(events);
                return Ok(());
            };
            // An end, as of a node that stops, and lost events alike: what there is is read anew.
            if news.is_empty() || news.iter().any(|event| matches!(event, MempoolEvent::Gap { .. })) {
                return self.read_all(node);
            }
            for event in news {
                match event {
                    MempoolEvent::Added { tx, fee, vsize, .. } => self.add(node, tx, fee, vsize)?,
                    MempoolEvent::Removed { tx, .. } => self.remove(&tx.txid()),
                    MempoolEvent::Gap { .. } => {}
                }
            }
        }
    }

    fn read_all(&mut self, node: &dyn Node) -> NodeResult<()> {
        *self = Self::default();
        // First the events, then the state: what comes in between is seen twice, which does no harm.
        let events = node.mempool_events();
        let mut entries = node.mempool_entries();
        entries.sort_by_key(|entry| entry.time);
        for entry in entries {
            self.add(node, entry.tx, entry.fee, entry.vsize)?;
        }
        self.events = Some(events);
        Ok(())
    }

    fn add(&mut self, node: &dyn Node, tx: TxRef, fee: Amount, vsize: u64) -> NodeResult<()> {
        let txid = tx.txid();
        if self.txs.contains_key(&txid) {
            return Ok(());
        }
        let of_pool = |outpoint: &OutPoint| {
            self.txs.get(&outpoint.txid)?.tx.outputs.get(outpoint.vout as usize).cloned()
        };
        let spent = spent_with(node, &tx, of_pool)?;
        for script in scripts(&tx, &spent) {
            self.by_script.entry(script).or_default().insert(txid);
        }
        self.arrivals += 1;
        self.txs.insert(txid, PoolTx { tx, spent, fee, vsize, arrival: self.arrivals });
        Ok(())
    }

    fn remove(&mut self, txid: &Txid) {
        let Some(gone) = self.txs.remove(txid) else { return };
        for script in scripts(&gone.tx, &gone.spent) {
            if let Some(txids) = self.by_script.get_mut(&script) {
                txids.remove(txid);
                if txids.is_empty() {
                    self.by_script.remove(&script);
                }
            }
        }
    }

    /// A transaction.
    pub fn get(&self, txid: &Txid) -> Option<&PoolTx> {
        self.txs.get(txid)
    }

    /// The transactions that came last, the newest first.
    pub fn newest(&self, count: usize) -> Vec<&PoolTx> {
        newest_first(self.txs.values(), count)
    }

    fn of(&self, script: &ScriptId) -> impl Iterator<Item = &PoolTx> {
        self.by_script.get(script).into_iter().flatten().filter_map(|txid| self.txs.get(txid))
    }

    /// The transactions that pay a script or spend from it, the newest first.
    pub fn newest_of(&self, script: &ScriptId, count: usize) -> Vec<&PoolTx> {
        newest_first(self.of(script), count)
    }

    /// The sums over these.
    pub fn totals_of(&self, script: &ScriptId) -> PoolTotals {
        let sum = |(count, sum): (u64, i64), output: &TxOut| {
            if ScriptId::of(&output.script_pubkey) == *script {
                (count + 1, sum.saturating_add(output.value.sat()))
            } else {
                (count, sum)
            }
        };
        self.of(script).fold(PoolTotals::default(), |totals, tx| PoolTotals {
            funded: tx.tx.outputs.iter().fold(totals.funded, sum),
            spent: tx.spent.iter().flatten().fold(totals.spent, sum),
            transactions: totals.transactions + 1,
        })
    }

    /// The outputs that pay to a script, at most `limit` of them.
    pub fn outputs_of(&self, script: &ScriptId, limit: usize) -> Vec<(OutPoint, Amount)> {
        let mut found = Vec::new();
        for tx in self.of(script) {
            for (vout, output) in (0u32..).zip(&tx.tx.outputs) {
                if found.len() < limit && ScriptId::of(&output.script_pubkey) == *script {
                    found.push((OutPoint { txid: tx.tx.txid(), vout }, output.value));
                }
            }
        }
        found
    }
}

/// The scripts that a transaction pays or spends from, each once.
fn scripts(tx: &TxRef, spent: &[Option<TxOut>]) -> HashSet<ScriptId> {
    let outputs = tx.outputs.iter().chain(spent.iter().flatten());
    outputs.map(|output| ScriptId::of(&output.script_pubkey)).collect()
}

fn newest_first<'a>(txs: impl Iterator<Item = &'a PoolTx>, count: usize) -> Vec<&'a PoolTx> {
    let mut txs: Vec<&PoolTx> = txs.collect();
    if txs.len() > count && count > 0 {
        txs.select_nth_unstable_by_key(count - 1, |tx| std::cmp::Reverse(tx.arrival));
    }
    txs.truncate(count);
    txs.sort_by_key(|tx| std::cmp::Reverse(tx.arrival));
    txs
}
