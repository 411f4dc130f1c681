//! Doubles of what a plugin is given beside the chain.

use crate::node::{MempoolSnapshot, MinerEvent, NodeIdentity, NodeVitals};
use crate::{BlockRef, NodeReader, ReadError, Reporter};
use chaincore_consensus::OutPoint;
use chaincore_consensus::coin::Coin;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Default)]
struct Answers {
    identity: NodeIdentity,
    vitals: NodeVitals,
    mempool: MempoolSnapshot,
    miner_events: Vec<MinerEvent>,
    coins: Option<(BlockRef, Vec<(OutPoint, Coin)>)>,
}

/// A node that answers what a test has told it to.
#[derive(Default)]
pub struct NodeDouble(Mutex<Answers>);

impl NodeDouble {
    /// Who it is.
    pub fn set_identity(&self, identity: NodeIdentity) {
        lock(&self.0).identity = identity;
    }

    /// How it is.
    pub fn set_vitals(&self, vitals: NodeVitals) {
        lock(&self.0).vitals = vitals;
    }

    /// What is in its mempool.
    pub fn set_mempool(&self, mempool: MempoolSnapshot) {
        lock(&self.0).mempool = mempool;
    }

    /// What miners did.
    pub fn set_miner_events(&self, events: Vec<MinerEvent>) {
        lock(&self.0).miner_events = events;
    }

    /// The coins that a scan shows, and after which block they are. Without it a scan fails.
    pub fn set_coins(&self, at: BlockRef, coins: Vec<(OutPoint, Coin)>) {
        lock(&self.0).coins = Some((at, coins));
    }
}

impl NodeReader for NodeDouble {
    fn identity(&self) -> NodeIdentity {
        lock(&self.0).identity.clone()
    }

    fn vitals(&self) -> NodeVitals {
        lock(&self.0).vitals
    }

    fn mempool(&self) -> MempoolSnapshot {
        lock(&self.0).mempool.clone()
    }

    fn miner_events(&self, after: u64) -> Vec<MinerEvent> {
        lock(&self.0).miner_events.iter().filter(|event| event.number > after).cloned().collect()
    }

    fn scan_coins(&self, visit: &mut dyn FnMut(&OutPoint, &Coin) -> bool) -> Result<BlockRef, ReadError> {
        let coins = lock(&self.0).coins.clone();
        let (at, coins) = coins.ok_or_else(|| ReadError::Storage("no coins were set".into()))?;
        for (outpoint, coin) in &coins {
            if !visit(outpoint, coin) {
                break;
            }
        }
        Ok(at)
    }
}

/// Keeps what a plugin tells of itself.
#[derive(Default)]
pub struct Notes {
    description: Mutex<String>,
    figures: Mutex<BTreeMap<&'static str, f64>>,
}

impl Notes {
    /// What it said last that it is doing.
    pub fn description(&self) -> String {
        lock(&self.description).clone()
    }

    /// The last value of a figure.
    pub fn figure(&self, name: &str) -> Option<f64> {
        lock(&self.figures).get(name).copied()
    }
}

impl Reporter for Notes {
    fn describe(&self, text: &str) {
        *lock(&self.description) = text.to_owned();
    }

    fn figure(&self, name: &'static str, _help: &'static str, value: f64) {
        lock(&self.figures).insert(name, value);
    }
}
