//! Announcing the owner's transactions: at once, and again from time to time until a peer asks for them.

use crate::p2p::processing::{Protocol, SECOND};
use chaincore_consensus::{Txid, Wtxid};
use rand::Rng;

/// How long to wait before the next attempt at least, and how much longer at most, in microseconds. Chance keeps others
/// from telling the node by its rhythm.
const INTERVAL: i64 = 10 * 60 * SECOND;
const SPREAD: i64 = 5 * 60 * SECOND;

/// When the next attempt is due, in microseconds; `None` before the first look at the clock.
#[derive(Debug, Default)]
pub(super) struct Rebroadcast(Option<i64>);

impl Protocol {
    /// Announces a transaction of the mempool to all peers that are not known to know it.
    pub fn relay_tx(&mut self, txid: Txid, wtxid: Wtxid) {
        self.relay_to_all(txid, wtxid, None);
    }

    /// Does what is due by the clock and belongs to no peer.
    pub fn run_scheduled(&mut self) {
        self.check_extra_peers_if_due();
        let now = self.now_micros();
        // A clock that was set back must not make the next attempt a matter of years.
        let due = self.txs.rebroadcast.0.filter(|due| *due <= now + INTERVAL + SPREAD);
        if due.is_some_and(|due| now >= due) {
            self.announce_unbroadcast();
        }
        if due.is_none_or(|due| now >= due) {
            self.txs.rebroadcast.0 = Some(now + INTERVAL + self.rng.random_range(0..SPREAD));
        }
    }

    /// Brings everything that is due later nearer by some seconds, and does what is due then (`mockscheduler`).
    pub fn advance_schedule(&mut self, seconds: i64) {
        self.run_scheduled();
        self.advance_extra_peers(seconds.saturating_mul(SECOND));
        if let Some(due) = &mut self.txs.rebroadcast.0 {
            *due -= seconds.saturating_mul(SECOND);
        }
        self.run_scheduled();
    }

    /// Core's `ReattemptInitialBroadcast`.
    fn announce_unbroadcast(&mut self) {
        let names: Vec<(Txid, Wtxid)> = {
            let pool = self.pool();
            let entries = pool.unbroadcast().filter_map(|txid| pool.get(txid));
            entries.map(|entry| (entry.tx.txid(), entry.tx.wtxid())).collect()
        };
        for (txid, wtxid) in names {
            self.relay_tx(txid, wtxid);
        }
    }
}
