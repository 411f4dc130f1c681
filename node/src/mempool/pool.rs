//! The pool itself: entries, their indexes, and what can be asked about them.

use super::accept::Accepted;
use super::entry::{Entry, signals_replacement};
use super::events::{EventLog, MempoolEvents, NodeEvent, NodeEvents};
use super::feerate::FeeRate;
use super::graph::{BestFirst, Candidate, Chunk, TxGraph};
use super::hooks::PolicyHooks;
use super::options::MempoolOptions;
use super::rolling::{Fill, RollingFee};
use chaincore_consensus::{Amount, OutPoint, Tx, TxRef, Txid, Wtxid};
use chaincore_plugin::{MempoolEvent, RemovalReason};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The transactions that wait for a block.
#[derive(Debug, Default)]
pub struct Mempool {
    pub(super) options: MempoolOptions,
    pub(super) entries: HashMap<Txid, Entry>,
    by_wtxid: HashMap<Wtxid, Txid>,
    spends: HashMap<OutPoint, Txid>,
    by_time: BTreeSet<(i64, Txid)>,
    pub(super) graph: TxGraph,
    deltas: BTreeMap<Txid, i64>,
    usage: usize,
    total_vsize: i64,
    total_fee: i64,
    transactions_updated: u64,
    sequence: u64,
    pub(super) rolling: RollingFee,
    events: EventLog<MempoolEvent>,
    /// The same in one order with the steps of the chain.
    node_events: EventLog<NodeEvent>,
    hooks: PolicyHooks,
}

/// The pool in numbers, as `getmempoolinfo` tells them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MempoolInfo {
    /// Transactions.
    pub count: usize,
    /// Their virtual bytes, signature operations considered.
    pub vsize: i64,
    /// An estimate of the memory used, in bytes.
    pub usage: usize,
    /// What they pay, in satoshis.
    pub total_fee: i64,
    /// The memory the pool may use, in bytes.
    pub max_bytes: usize,
    /// What a transaction must pay to enter.
    pub min_fee: FeeRate,
    /// What every transaction must pay.
    pub min_relay: FeeRate,
    /// What a replacement must pay on top.
    pub incremental_relay: FeeRate,
    /// Transactions that no peer has asked for yet.
    pub unbroadcast: usize,
    /// Whether transactions must be standard.
    pub require_standard: bool,
    /// Whether outputs may be bare multisig.
    pub permit_bare_multisig: bool,
    /// Bytes of `OP_RETURN` scripts in one transaction.
    pub data_carrier: usize,
    /// Transactions that a cluster may have.
    pub cluster_count: usize,
    /// Virtual bytes that a cluster may have.
    pub cluster_vsize: i64,
}

/// Counts and sums over some transactions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// Transactions.
    pub count: usize,
    /// Their virtual bytes, signature operations considered.
    pub vsize: i64,
    /// What they pay with the owner's deltas, in satoshis.
    pub modified_fees: i64,
}

/// A fee delta that the owner set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prioritised {
    /// The transaction, in the pool or not.
    pub txid: Txid,
    /// The delta, in satoshis.
    pub fee_delta: i64,
    /// The fee with the delta, in satoshis, if the transaction is in the pool.
    pub modified_fee: Option<i64>,
}

impl Mempool {
    /// An empty pool.
    pub fn new(options: MempoolOptions) -> Self {
        // Sequence numbers start at 1: 0 marks entries that came back out of a block.
        Self { options, sequence: 1, ..Self::default() }
    }

    /// The settings.
    pub fn options(&self) -> &MempoolOptions {
        &self.options
    }

    /// Sets what plugins have to say from now on. What is in the pool already stays.
    pub fn set_hooks(&mut self, hooks: PolicyHooks) {
        self.hooks = hooks;
    }

    /// What plugins have to say.
    pub fn hooks(&self) -> &PolicyHooks {
        &self.hooks
    }

    /// How many transactions wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// A transaction.
    pub fn get(&self, txid: &Txid) -> Option<&Entry> {
        self.entries.get(txid)
    }

    /// A transaction by the identifier that covers its witness.
    pub fn get_by_wtxid(&self, wtxid: &Wtxid) -> Option<&Entry> {
        self.get(self.by_wtxid.get(wtxid)?)
    }

    /// The transaction that spends an output.
    pub fn spender(&self, outpoint: &OutPoint) -> Option<&Txid> {
        self.spends.get(outpoint)
    }

    /// All transactions, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    /// All transactions as blocks would take them: the best chunk first, parents before children.
    pub fn in_mining_order(&self) -> impl Iterator<Item = &Entry> {
        self.best_chunks().flat_map(|chunk| &chunk.txids).filter_map(|txid| self.get(txid))
    }

    /// The chunks, best first.
    pub fn best_chunks(&self) -> BestFirst<'_> {
        self.graph.best_first()
    }

    /// The chunks of a transaction's cluster, best first; empty if it is not in the pool.
    pub fn cluster(&self, txid: &Txid) -> &[Chunk] {
        self.graph.cluster(txid)
    }

    /// The transactions that it spends from directly.
    pub fn parents(&self, txid: &Txid) -> &[Txid] {
        self.graph.parents(txid)
    }

    /// The transactions that spend from it directly.
    pub fn children(&self, txid: &Txid) -> &[Txid] {
        self.graph.children(txid)
    }

    /// A transaction (first) and all it depends on; empty if it is not in the pool.
    pub fn ancestors(&self, txid: &Txid) -> Vec<Txid> {
        self.graph.ancestors(txid)
    }

    /// A transaction (first) and all that depends on it; empty if it is not in the pool.
    pub fn descendants(&self, txid: &Txid) -> Vec<Txid> {
        self.graph.descendants(txid)
    }

    /// Counts and sums over transactions of the pool, such as some transaction's ancestors.
    pub fn sums(&self, txids: &[Txid]) -> Sums {
        txids.iter().filter_map(|txid| self.get(txid)).fold(Sums::default(), |sums, entry| Sums {
            count: sums.count + 1,
            vsize: sums.vsize + entry.vsize(),
            modified_fees: sums.modified_fees.saturating_add(entry.modified_fee()),
        })
    }

    /// Whether the transaction, or one it depends on, offers to be replaced (BIP125).
    pub fn is_replaceable(&self, txid: &Txid) -> bool {
        self.ancestors(txid)
            .iter()
            .filter_map(|txid| self.get(txid))
            .any(|entry| signals_replacement(&entry.tx))
    }

    /// Grows whenever a transaction comes, goes or is ranked anew: what a longpoll waits for.
    pub fn transactions_updated(&self) -> u64 {
        self.transactions_updated
    }

    /// Grows with every transaction that comes or goes (`mempool_sequence`): the number that the next event will have.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Everything that comes and goes from now on: the pool as it is now is what the events begin with.
    pub fn subscribe(&self) -> MempoolEvents {
        self.events.subscribe(self.sequence)
    }

    /// Everything that comes and goes from now on, in one order with the blocks that come and go.
    pub fn subscribe_node(&self) -> NodeEvents {
        self.node_events.subscribe(self.sequence)
    }

    /// Tells of a step of the chain: by the chain's writer, while it keeps readers of the pool out.
    pub fn note(&self, event: NodeEvent) {
        self.node_events.push(|| event);
    }

    /// The number of the event that happens now.
    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence - 1
    }

    /// The rate below which a transaction is refused because the pool was full lately.
    pub fn min_fee(&self, now: i64) -> FeeRate {
        self.rolling.at(now, self.fill(), self.options.incremental_relay)
    }

    pub(super) fn fill(&self) -> Fill {
        Fill { usage: self.usage, limit: self.options.max_bytes }
    }

    /// The pool in numbers.
    pub fn info(&self, now: i64) -> MempoolInfo {
        MempoolInfo {
            count: self.len(),
            vsize: self.total_vsize,
            usage: self.usage,
            total_fee: self.total_fee,
            max_bytes: self.options.max_bytes,
            min_fee: self.min_fee(now).max(self.options.min_relay),
            min_relay: self.options.min_relay,
            incremental_relay: self.options.incremental_relay,
            unbroadcast: self.unbroadcast().count(),
            require_standard: self.options.require_standard,
            permit_bare_multisig: self.options.permit_bare_multisig,
            data_carrier: self.options.data_carrier.unwrap_or(0),
            cluster_count: self.options.clusters.count,
            cluster_vsize: self.options.clusters.vsize,
        }
    }

    /// The transactions that no peer has asked for yet.
    pub fn unbroadcast(&self) -> impl Iterator<Item = &Txid> {
        self.entries.iter().filter(|(_, entry)| entry.unbroadcast).map(|(txid, _)| txid)
    }

    /// Marks a transaction as sent by the owner and not asked for yet, or as asked for.
    pub fn set_unbroadcast(&mut self, txid: &Txid, unbroadcast: bool) {
        if let Some(entry) = self.entries.get_mut(txid) {
            entry.unbroadcast = unbroadcast;
        }
    }

    /// Adds to what ranks a transaction beyond its fee, in satoshis, whether it is in the pool or not.
    pub fn prioritise(&mut self, txid: Txid, fee_delta: i64) {
        let delta = self.deltas.entry(txid).or_default();
        *delta = delta.saturating_add(fee_delta);
        let delta = *delta;
        if delta == 0 {
            self.deltas.remove(&txid);
        }
        if let Some(entry) = self.entries.get_mut(&txid) {
            entry.fee_delta = delta;
            self.graph.set_fee(&txid, entry.modified_fee());
            self.transactions_updated += 1;
        }
    }

    /// The fee deltas that the owner set, by identifier.
    pub fn prioritised(&self) -> impl Iterator<Item = Prioritised> {
        self.deltas.iter().map(|(txid, delta)| Prioritised {
            txid: *txid,
            fee_delta: *delta,
            modified_fee: self.get(txid).map(Entry::modified_fee),
        })
    }

    pub(super) fn delta(&self, txid: &Txid) -> i64 {
        self.deltas.get(txid).copied().unwrap_or(0)
    }

    pub(super) fn clear_delta(&mut self, txid: &Txid) {
        self.deltas.remove(txid);
    }

    /// Adds an entry with its links at `now`; the caller settles the graph.
    pub(super) fn insert(&mut self, entry: Entry, now: i64) {
        let tx: TxRef = entry.tx.clone();
        let txid = tx.txid();
        let parents = tx.inputs.iter().map(|input| input.previous_output.txid).collect();
        // Only a transaction that comes back out of a block can have children here already.
        let children: Vec<Txid> = self.spenders_of(&tx).map(|(_, child)| child).collect();
        self.graph.add(Candidate { txid, rate: entry.rate(), parents }, &children);
        for input in &tx.inputs {
            self.spends.insert(input.previous_output, txid);
        }
        self.by_wtxid.insert(tx.wtxid(), txid);
        self.by_time.insert((entry.time, txid));
        self.usage += entry.memory();
        self.total_vsize += entry.vsize();
        self.total_fee += entry.fee;
        self.transactions_updated += 1;
        let sequence = self.next_sequence();
        self.node_events.push(|| NodeEvent::Added { sequence, tx: tx.clone() });
        self.events.push(|| {
            let (fee, vsize) = (Amount(entry.fee), entry.vsize().unsigned_abs());
            MempoolEvent::Added { sequence, time: now, tx, fee, vsize }
        });
        self.entries.insert(txid, entry);
    }

    /// Removes entries and their links, and only these, at `now`; the caller settles the graph.
    pub(super) fn remove(
        &mut self,
        txids: impl IntoIterator<Item = Txid>,
        reason: RemovalReason,
        now: i64,
    ) -> Vec<TxRef> {
        let mut removed = Vec::new();
        for txid in txids {
            let Some(entry) = self.entries.remove(&txid) else { continue };
            self.graph.remove(&txid);
            for input in &entry.tx.inputs {
                self.spends.remove(&input.previous_output);
            }
            self.by_wtxid.remove(&entry.tx.wtxid());
            self.by_time.remove(&(entry.time, txid));
            self.usage -= entry.memory();
            self.total_vsize -= entry.vsize();
            self.total_fee -= entry.fee;
            self.transactions_updated += 1;
            let sequence = self.next_sequence();
            if !matches!(reason, RemovalReason::Block(_)) {
                self.node_events.push(|| NodeEvent::Removed { sequence, txid });
            }
            self.events.push(|| MempoolEvent::Removed {
                sequence,
                time: now,
                tx: entry.tx.clone(),
                fee: Amount(entry.fee),
                vsize: entry.vsize().unsigned_abs(),
                reason,
            });
            removed.push(entry.tx);
        }
        removed
    }

    /// The outputs of a transaction, in the pool or not, that entries spend, and the spenders.
    pub(super) fn spenders_of(&self, tx: &Tx) -> impl Iterator<Item = (OutPoint, Txid)> {
        let txid = tx.txid();
        let outpoints = (0..tx.outputs.len()).map(move |vout| OutPoint { txid, vout: vout as u32 });
        outpoints.filter_map(|outpoint| self.spends.get(&outpoint).map(|spender| (outpoint, *spender)))
    }

    /// The transactions that came before `time`.
    pub(super) fn older_than(&self, time: i64) -> Vec<Txid> {
        self.by_time.iter().take_while(|(came, _)| *came < time).map(|(_, txid)| *txid).collect()
    }

    /// An estimate of the memory used, in bytes.
    pub fn usage(&self) -> usize {
        self.usage
    }

    /// What acceptance tells about a transaction that is here already.
    pub fn accepted(&self, txid: &Txid) -> Option<Accepted> {
        self.get(txid).map(|entry| Accepted {
            vsize: entry.vsize(),
            fee: entry.fee,
            effective_rate: FeeRate::of(entry.modified_fee(), entry.vsize()),
            effective_includes: vec![entry.tx.wtxid()],
            replaced: Vec::new(),
        })
    }

    /// Checks everything the module's documentation promises about the indexes; for tests. Panics if they lie.
    #[cfg(test)]
    pub(super) fn check_consistency(&self) {
        assert_eq!(self.by_wtxid.len(), self.entries.len());
        assert_eq!(self.by_time.len(), self.entries.len());
        assert_eq!(self.in_mining_order().count(), self.entries.len());
        let inputs: usize = self.entries.values().map(|entry| entry.tx.inputs.len()).sum();
        assert_eq!(self.spends.len(), inputs);
        for (txid, entry) in &self.entries {
            let mut parents: Vec<Txid> = entry
                .tx
                .inputs
                .iter()
                .map(|input| input.previous_output.txid)
                .filter(|parent| self.entries.contains_key(parent))
                .collect();
            parents.sort_unstable();
            parents.dedup();
            let mut linked = self.parents(txid).to_vec();
            linked.sort_unstable();
            assert_eq!(linked, parents);
            for parent in parents {
                assert!(self.children(&parent).contains(txid));
            }
            assert!(entry.tx.inputs.iter().all(|input| self.spender(&input.previous_output) == Some(txid)));
        }
        assert_eq!(self.usage, self.entries.values().map(Entry::memory).sum::<usize>());
        assert_eq!(self.total_vsize, self.entries.values().map(Entry::vsize).sum::<i64>());
        assert_eq!(self.total_fee, self.entries.values().map(|entry| entry.fee).sum::<i64>());
    }
}
