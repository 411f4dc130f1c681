//! What is going on: the calls in progress, and how far the node's start is.

use super::lock;
use crate::error::{RpcError, code};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A call in progress, for `getrpcinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveCall {
    /// The method.
    pub method: &'static str,
    /// How long it has been running.
    pub duration: Duration,
}

/// The calls in progress, in the order they began.
#[derive(Debug, Clone, Default)]
pub struct ActiveCalls(Arc<Mutex<ActiveTable>>);

#[derive(Debug, Default)]
struct ActiveTable {
    next: u64,
    running: BTreeMap<u64, (&'static str, Instant)>,
}

impl ActiveCalls {
    /// What is running now.
    pub fn list(&self) -> Vec<ActiveCall> {
        let table = lock(&self.0);
        table
            .running
            .values()
            .map(|(method, since)| ActiveCall { method, duration: since.elapsed() })
            .collect()
    }

    pub(super) fn enter(&self, method: &'static str) -> ActiveGuard {
        let mut table = lock(&self.0);
        let id = table.next;
        table.next += 1;
        table.running.insert(id, (method, Instant::now()));
        ActiveGuard { calls: self.clone(), id }
    }
}

pub(super) struct ActiveGuard {
    calls: ActiveCalls,
    id: u64,
}

impl Drop for ActiveGuard {
    fn drop(&mut self) {
        lock(&self.calls.0).running.remove(&self.id);
    }
}

/// Where the node is in its start: until it is finished every call answers -28 with this text.
#[derive(Debug, Clone)]
pub struct Warmup(Arc<Mutex<Option<String>>>);

impl Default for Warmup {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Some("RPC server started".into()))))
    }
}

impl Warmup {
    /// Says what the node is doing (`Loading block index…`).
    pub fn set_status(&self, text: impl Into<String>) {
        *lock(&self.0) = Some(text.into());
    }

    /// Calls are answered from now on.
    pub fn finish(&self) {
        *lock(&self.0) = None;
    }

    /// The text, while the node is starting.
    pub fn status(&self) -> Option<String> {
        lock(&self.0).clone()
    }

    pub(crate) fn check(&self) -> Result<(), RpcError> {
        self.status().map_or(Ok(()), |text| Err(RpcError::new(code::IN_WARMUP, text)))
    }
}
