//! Which of the known transactions count: of those that spend the same coin, one.
//!
//! The answer depends on the set of transactions and their states alone, not on the order in which they became known.

use super::KnownTx;
use super::update::TxState;
use bitcoin::{OutPoint, Txid};
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// The transactions that count, and what they spend.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// Which transaction spends an output.
    pub spenders: HashMap<OutPoint, Txid>,
    /// Each known transaction: whether it counts.
    pub counts: HashMap<Txid, bool>,
}

impl View {
    /// Whether a transaction is known and counts.
    pub fn has(&self, txid: &Txid) -> bool {
        self.counts.get(txid).copied().unwrap_or(false)
    }

    /// Chooses among the known transactions.
    pub fn new(known: &BTreeMap<Txid, KnownTx>) -> Self {
        let mut order: Vec<(&Txid, &KnownTx)> = known.iter().filter(|(_, tx)| tx.may_count()).collect();
        order.sort_by_key(|(txid, tx)| (rank(&tx.state), **txid));
        let mut view = Self { spenders: HashMap::new(), counts: HashMap::with_capacity(known.len()) };
        for (txid, _) in known.iter().filter(|(_, tx)| !tx.may_count()) {
            view.counts.insert(*txid, false);
        }
        for (txid, _) in order {
            if view.counts.contains_key(txid) {
                continue;
            }
            match view.family(known, txid) {
                Some(family) => {
                    for member in family {
                        // What rewards "spend" is the same nothing in every block.
                        let spent = known[&member].tx.input.iter().map(|input| input.previous_output);
                        view.spenders
                            .extend(spent.filter(|spent| !spent.is_null()).map(|spent| (spent, member)));
                        view.counts.insert(member, true);
                    }
                }
                None => {
                    view.counts.insert(*txid, false);
                }
            }
        }
        view
    }

    /// The transaction and those of its ancestors that are undecided yet; `None` if one of them spends what another
    /// transaction that counts has spent, or an output of one that does not count.
    fn family(&self, known: &BTreeMap<Txid, KnownTx>, txid: &Txid) -> Option<Vec<Txid>> {
        let mut family = vec![*txid];
        let mut spent: HashMap<OutPoint, Txid> = HashMap::new();
        let mut at = 0;
        while let Some(member) = family.get(at).copied() {
            at += 1;
            for input in &known.get(&member)?.tx.input {
                let spends = input.previous_output;
                if spends.is_null() {
                    continue;
                }
                if self.spenders.contains_key(&spends) || spent.insert(spends, member).is_some() {
                    return None;
                }
                match (self.counts.get(&spends.txid), known.contains_key(&spends.txid)) {
                    (Some(false), _) => return None,
                    (Some(true), _) | (None, false) => {}
                    (None, true) if family.contains(&spends.txid) => {}
                    (None, true) => family.push(spends.txid),
                }
            }
        }
        Some(family)
    }
}

/// The less, the more a transaction counts: what is proven before what is reported, both before what waits; the later
/// of two that wait, since a replacement comes after what it replaces.
fn rank(state: &TxState) -> (u8, u32, u32, Reverse<u64>) {
    match *state {
        TxState::Proven { height, index, .. } => (0, height, index, Reverse(0)),
        TxState::Reported { height, .. } => (1, height, 0, Reverse(0)),
        TxState::Mempool { seen } => (2, 0, 0, Reverse(seen)),
    }
}
