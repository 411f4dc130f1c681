//! Mode "private filters": unconfirmed transactions. All of the mempool's are read and matched here, so that nobody
//! learns which of them are ours; a mempool that is too large for that is left alone.

use super::wire::Ask;
use super::{POOL_INTERVAL, Sync};
use crate::ledger::{Ledger, TxState, TxUpdate};
use crate::light::esplora::read_txids;
use crate::light::proof::read_transaction;
use bitcoin::Txid;
use std::collections::{HashMap, HashSet, VecDeque};

/// A mempool with more transactions is not looked through.
const MAX_POOL: usize = 5000;

/// In so many looks in a row must a transaction be missing before it is gone.
const MISSED_LOOKS: u32 = 2;

/// A transaction that has just been sent is not gone, in seconds.
const YOUNG: u64 = 30;

#[derive(Debug, Default)]
pub(super) struct Pool {
    /// When it is looked at again.
    pub(super) due: u64,
    /// What has been looked at and is still there.
    known: HashSet<Txid>,
    /// What is there and has not been looked at.
    wanted: VecDeque<Txid>,
    missed: HashMap<Txid, u32>,
}

impl Sync {
    pub(super) fn ask_pool(&mut self) {
        let node = self.source();
        if !self.is_followed(node) {
            return;
        }
        if self.pool.due <= self.now && self.want(node, Ask::PoolIds) {
            self.pool.due = self.now + POOL_INTERVAL;
        }
        for at in 0..self.pool.wanted.len() {
            let txid = self.pool.wanted[at];
            if !self.want(node, Ask::PoolTx { txid }) {
                break;
            }
        }
    }

    pub(super) fn take_pool(&mut self, node: usize, good: bool, body: &[u8], ledger: &Ledger) {
        if !good || node != self.source() {
            return;
        }
        let Ok(txids) = read_txids(body) else { return };
        let there: HashSet<Txid> = txids.iter().copied().collect();
        self.pool.known.retain(|txid| there.contains(txid));
        self.pool.wanted.clear();
        if txids.len() <= MAX_POOL {
            self.pool.wanted.extend(txids.iter().filter(|txid| !self.pool.known.contains(*txid)));
        }
        let mut missed = HashMap::new();
        for (txid, known) in ledger.txs() {
            let TxState::Mempool { seen } = known.state else { continue };
            if known.dropped || there.contains(txid) || self.now.saturating_sub(seen) <= YOUNG {
                continue;
            }
            let looks = self.pool.missed.get(txid).map_or(1, |looks| looks + 1);
            missed.insert(*txid, looks);
            // A block may hold it that has not been scanned yet.
            if looks >= MISSED_LOOKS && self.scan.next() == Some(self.headers.tip().0 + 1) {
                self.gone.push(*txid);
            }
        }
        self.pool.missed = missed;
    }

    pub(super) fn take_pool_tx(&mut self, txid: Txid, good: bool, body: &[u8], ledger: &Ledger) {
        self.pool.wanted.retain(|wanted| *wanted != txid);
        self.pool.known.insert(txid);
        if !good {
            // It has gone meanwhile.
            return;
        }
        let Ok(tx) = read_transaction(body, &txid) else { return };
        if ledger.concerns(&tx) && ledger.tx(&txid).is_none_or(|known| known.dropped) {
            let state = TxState::Mempool { seen: self.now };
            self.news.push(TxUpdate { tx, state, prevouts: Vec::new() });
        }
    }
}
