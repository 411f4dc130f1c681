//! Mode "verified index": every script's history from every node, a proof for every confirmed transaction, and who kept
//! one back.

mod proofs;

pub(super) use proofs::proven;

use super::wire::Ask;
use super::{POOL_INTERVAL, Part, Subject, Sync};
use crate::ledger::{Ledger, TxState, TxUpdate};
use crate::light::esplora::{PAGE, ToldError, ToldTx, read_page};
use crate::light::trust::FaultKind;
use bitcoin::hashes::Hash as _;
use bitcoin::{Transaction, Txid};
use chaincore_consensus::BlockHash;
use chaincore_consensus::hash::sha256;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// The most transactions that wait for their proofs: a bound on what a node can make up.
const MAX_UNPROVEN: usize = 50_000;

/// The most transactions of one script's history.
const MAX_HISTORY: usize = 25_000;

/// After so many seconds a round that missed something is repeated.
const RECHECK: u64 = 2;

/// In so many rounds in a row must a node miss a transaction before that means something.
const MISSED_ROUNDS: u32 = 2;

/// A transaction that is not in the node's mempool yet because it has just been sent is not gone, in seconds.
const YOUNG: u64 = 30;

/// What is known of one script's history, by one node.
#[derive(Debug, Default)]
struct History {
    /// The hash of the first page as it came last.
    digest: [u8; 32],
    txids: HashSet<Txid>,
}

/// A history that has more pages.
#[derive(Debug)]
struct Reading {
    digest: [u8; 32],
    txids: HashSet<Txid>,
    after: Txid,
}

/// One pass over all scripts.
#[derive(Debug)]
struct Round {
    /// Our tip when it began.
    tip: BlockHash,
    /// The node's height when it began: it cannot be blamed for what came later.
    height: u32,
    /// The next script to ask for.
    next: usize,
    /// Scripts that have been asked for and not been answered in full.
    open: BTreeSet<usize>,
    /// Of these, what has to be asked again.
    again: BTreeSet<usize>,
    seen: HashSet<Txid>,
    /// Whether an answer could not be used: nothing follows from what was not seen.
    broken: bool,
}

/// What one node's index has told.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// When the next round begins, for the node whose mempool is followed.
    pub(super) due: u64,
    round: Option<Round>,
    /// Our tip when the last round that was finished began, and how many scripts it had.
    done: Option<(BlockHash, usize)>,
    histories: HashMap<usize, History>,
    reading: BTreeMap<usize, Reading>,
    /// In how many rounds in a row a transaction was not told.
    missed: HashMap<Txid, u32>,
    recheck: bool,
}

/// A transaction that is confirmed, says a node.
#[derive(Debug)]
pub(super) struct Unproven {
    told: ToldTx,
    height: u32,
    /// The nodes that say so.
    by: BTreeSet<usize>,
    /// Which of them could not prove it, and when they are asked again.
    failed: BTreeMap<usize, u64>,
}

/// A node's proof was wrong; it may have reorganised meanwhile, so it is asked for its tip, and then for the proof again.
#[derive(Debug)]
pub(super) struct Suspicion {
    tx: Transaction,
    height: u32,
    /// How often the node had told its tip by then.
    told: u64,
}

impl Index {
    /// Whether everything was asked for on this tip.
    pub(super) fn is_done(&self, tip: BlockHash) -> bool {
        self.done.is_some_and(|(done, _)| done == tip)
    }

    pub(super) fn progress(&self) -> Part {
        match (&self.round, self.done) {
            (Some(round), _) => Part { at: (round.next - round.open.len()) as u32, of: round.next as u32 },
            (None, Some((_, scripts))) => Part { at: scripts as u32, of: scripts as u32 },
            (None, None) => Part::default(),
        }
    }

    /// A request came to nothing: it is made again.
    pub(super) fn retry(&mut self, at: usize) {
        self.reading.remove(&at);
        if let Some(round) = &mut self.round {
            round.again.insert(at);
        }
    }

    /// Requests were given up: the round begins again.
    pub(super) fn interrupt(&mut self) {
        self.round = None;
        self.reading.clear();
    }

    /// Blocks are others now: all that was told is looked at again.
    pub(super) fn forget_histories(&mut self) {
        self.histories.clear();
        self.done = None;
        self.due = 0;
    }

    fn finish_script(&mut self, at: usize, digest: [u8; 32], txids: HashSet<Txid>) {
        self.reading.remove(&at);
        if let Some(round) = &mut self.round {
            round.open.remove(&at);
            round.seen.extend(&txids);
        }
        self.histories.insert(at, History { digest, txids });
    }
}

impl Sync {
    /// How many transactions wait for their proof.
    pub(super) fn unproven(&self) -> usize {
        self.unproven.len()
    }

    pub(super) fn ask_index(&mut self, node: usize, ledger: &Ledger) {
        if !self.is_followed(node) {
            return;
        }
        self.ask_proofs(node);
        let scripts = ledger.scripts();
        let tip = self.headers.tip().1;
        let source = self.source() == node;
        let index = &mut self.indexes[node];
        if index.round.is_none() {
            let due = index.due <= self.now && (source || index.recheck);
            let new = index.done.is_none_or(|(done, count)| done != tip || count < scripts.len());
            if !due && !new {
                return;
            }
            index.due = self.now + POOL_INTERVAL;
            index.recheck = false;
            let height = self.nodes[node].tip.map_or(0, |(height, _)| height);
            index.round = Some(Round {
                tip,
                height,
                next: 0,
                open: BTreeSet::new(),
                again: BTreeSet::new(),
                seen: HashSet::new(),
                broken: false,
            });
        }
        if self.nodes[node].wait_until > self.now {
            return;
        }
        let index = &mut self.indexes[node];
        let Some(round) = &mut index.round else { return };
        for (at, reading) in &index.reading {
            let (at, after) = (*at, reading.after);
            if let Some(script) = scripts.get(at) {
                self.desk.post_script(node, at, script, Ask::More { at, after });
            }
        }
        round.again.retain(|at| !self.desk.post_script(node, *at, &scripts[*at], Ask::Script { at: *at }));
        while let Some(script) = scripts.get(round.next) {
            let at = round.next;
            if !self.desk.post_script(node, at, script, Ask::Script { at }) {
                break;
            }
            round.open.insert(at);
            round.next += 1;
        }
    }

    pub(super) fn take_page(
        &mut self,
        node: usize,
        at: usize,
        after: Option<Txid>,
        good: bool,
        body: &[u8],
        ledger: &Ledger,
    ) {
        if !good {
            let message = "it does not tell the history of scripts".into();
            self.doubt(node, FaultKind::Malformed, Subject::node(), message);
            self.nodes[node].wait_until = self.now + 30;
            return self.indexes[node].retry(at);
        }
        let digest = sha256(body);
        let index = &mut self.indexes[node];
        if index.round.is_none() {
            return;
        }
        if after.is_none()
            && let Some(known) = index.histories.remove(&at)
        {
            // Nothing new, unless something that was told unproven is not waited for any more.
            let settled = known.txids.iter().all(|txid| {
                ledger.tx(txid).is_some_and(|known| !known.dropped) || self.unproven.contains_key(txid)
            });
            if known.digest == digest && settled {
                return index.finish_script(at, digest, known.txids);
            }
            index.histories.insert(at, known);
        }
        let page = match read_page(body) {
            Ok(page) => page,
            Err(error) => {
                match &error {
                    ToldError::Wrong(txid, _) => {
                        self.lied(
                            node,
                            FaultKind::WrongTransaction,
                            Subject::transaction(txid),
                            error.to_string(),
                        );
                    }
                    ToldError::Malformed(_) => {
                        self.doubt(node, FaultKind::Malformed, Subject::node(), error.to_string());
                    }
                }
                let index = &mut self.indexes[node];
                index.reading.remove(&at);
                if let Some(round) = &mut index.round {
                    round.broken = true;
                    round.open.remove(&at);
                }
                return;
            }
        };
        let Some(script) = ledger.scripts().get(at) else { return };
        let last = page.iter().rev().find(|told| told.confirmed.is_some()).map(|told| told.txid);
        let confirmed = page.iter().filter(|told| told.confirmed.is_some()).count();
        let index = &mut self.indexes[node];
        let (first, mut txids) = match index.reading.remove(&at) {
            Some(reading) if after.is_some() => (reading.digest, reading.txids),
            _ => (digest, HashSet::new()),
        };
        let before = txids.len();
        let known = index.histories.get(&at).map(|history| &history.txids);
        // A full page of what is known: the older ones are as they were.
        let all_known = confirmed >= PAGE
            && known.is_some_and(|known| {
                page.iter().all(|told| told.confirmed.is_none() || known.contains(&told.txid))
            });
        txids.extend(page.iter().map(|told| told.txid));
        if all_known && let Some(known) = known {
            txids.extend(known.iter().filter(|txid| ledger.tx(txid).is_some_and(|tx| !tx.dropped)));
        }
        let more = !all_known && confirmed >= PAGE && txids.len() > before && txids.len() < MAX_HISTORY;
        match last.filter(|_| more) {
            Some(after) => {
                index.reading.insert(at, Reading { digest: first, txids, after });
            }
            None => index.finish_script(at, first, txids),
        }
        let script = script.clone();
        for told in page {
            let own = |output: &bitcoin::TxOut| output.script_pubkey == script;
            // What does not concern us is not kept, whatever the node thinks.
            if ledger.concerns(&told.tx) || told.prevouts.iter().flatten().any(own) {
                self.take_told(node, told, ledger);
            }
        }
    }

    fn take_told(&mut self, node: usize, told: ToldTx, ledger: &Ledger) {
        let known = ledger.tx(&told.txid);
        if let Some(TxState::Proven { height, block, .. }) = known.map(|known| known.state)
            && self.headers.contains(height, &BlockHash(block.to_byte_array())) != Some(false)
        {
            return;
        }
        let Some((height, time)) = told.confirmed else {
            self.unproven.remove(&told.txid);
            let waits =
                known.is_some_and(|known| !known.dropped && matches!(known.state, TxState::Mempool { .. }));
            if !waits {
                let state = TxState::Mempool { seen: self.now };
                self.news.push(TxUpdate { tx: told.tx, state, prevouts: told.prevouts });
            }
            return;
        };
        let state = TxState::Reported { height, time };
        if known.is_none_or(|known| known.state != state || known.dropped) {
            self.news.push(TxUpdate { tx: told.tx.clone(), state, prevouts: told.prevouts.clone() });
        }
        if self.unproven.len() >= MAX_UNPROVEN && !self.unproven.contains_key(&told.txid) {
            return;
        }
        let unproven = self.unproven.entry(told.txid).or_insert_with(|| Unproven {
            told,
            height,
            by: BTreeSet::new(),
            failed: BTreeMap::new(),
        });
        if unproven.height != height {
            unproven.height = height;
            unproven.failed.clear();
        }
        unproven.by.insert(node);
    }

    /// Ends rounds that are complete.
    pub(super) fn settle_index(&mut self, ledger: &Ledger) {
        self.unproven.retain(|txid, _| ledger.tx(txid).is_some());
        for node in 0..self.nodes.len() {
            let scripts = ledger.scripts().len();
            let index = &mut self.indexes[node];
            let complete =
                |round: &mut Round| round.next == scripts && round.open.is_empty() && round.again.is_empty();
            let Some(round) = index.round.take_if(complete) else { continue };
            if round.broken {
                index.due = self.now + RECHECK;
                continue;
            }
            index.done = Some((round.tip, scripts));
            self.judge_round(node, &round, ledger);
        }
    }

    /// What a node did not tell in a whole round.
    fn judge_round(&mut self, node: usize, round: &Round, ledger: &Ledger) {
        let in_chain = self.is_in_chain(node);
        let source = self.source() == node;
        let mut missed = HashMap::new();
        for (txid, known) in ledger.txs() {
            let expected = match known.state {
                TxState::Proven { height, block, .. } => {
                    in_chain
                        && height <= round.height
                        && self.headers.contains(height, &BlockHash(block.to_byte_array())) != Some(false)
                }
                TxState::Reported { .. } => true,
                TxState::Mempool { seen } => {
                    source && !known.dropped && self.now.saturating_sub(seen) > YOUNG
                }
            };
            let subject = Subject::transaction(txid);
            if round.seen.contains(txid) || !expected {
                if round.seen.contains(txid) {
                    self.faults.pass(node, FaultKind::WithheldTransaction, Some(&subject));
                }
                continue;
            }
            let rounds = self.indexes[node].missed.get(txid).map_or(1, |rounds| rounds.saturating_add(1));
            missed.insert(*txid, rounds);
            if rounds < MISSED_ROUNDS {
                continue;
            }
            if let TxState::Proven { height, .. } = known.state {
                let message =
                    format!("it does not tell of a transaction that is proven to be in block {height}");
                self.lied(node, FaultKind::WithheldTransaction, subject, message);
            } else if !self
                .indexes
                .iter()
                .enumerate()
                .any(|(other, index)| other != node && index.tells(txid))
            {
                self.unproven.remove(txid);
                self.gone.push(*txid);
            }
        }
        let index = &mut self.indexes[node];
        if missed.values().any(|rounds| *rounds < MISSED_ROUNDS) {
            index.recheck = true;
            index.due = index.due.min(self.now + RECHECK);
        }
        index.missed = missed;
    }
}

impl Index {
    /// Whether the node tells of a transaction.
    fn tells(&self, txid: &Txid) -> bool {
        self.histories.values().any(|history| history.txids.contains(txid))
    }
}
