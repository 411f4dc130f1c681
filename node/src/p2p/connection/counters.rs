//! What went through a connection.

use crate::p2p::wire::Command;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// Bytes by kind of message. Kinds that this node does not know are counted together as `*other*`.
pub type ByMessage = BTreeMap<String, u64>;

/// What went through one connection. Times are seconds since 1970 by the node's clock, 0 for never.
#[derive(Debug, Default)]
pub struct Counters {
    sent: AtomicU64,
    received: AtomicU64,
    last_sent: AtomicI64,
    last_received: AtomicI64,
    sent_by_message: Mutex<ByMessage>,
    received_by_message: Mutex<ByMessage>,
}

/// Where messages of unknown kinds are counted.
const OTHER: &str = "*other*";

fn add(map: &Mutex<ByMessage>, command: Option<&Command>, bytes: u64) {
    let name = command.filter(|command| command.is_known()).map_or(OTHER.to_owned(), ToString::to_string);
    *map.lock().expect("no one panics while counting").entry(name).or_default() += bytes;
}

impl Counters {
    pub(super) fn bytes_sent(&self, bytes: u64, now: i64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
        self.last_sent.store(now, Ordering::Relaxed);
    }

    pub(super) fn bytes_received(&self, bytes: u64, now: i64) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
        self.last_received.store(now, Ordering::Relaxed);
    }

    pub(super) fn message_sent(&self, command: &Command, bytes: u64) {
        add(&self.sent_by_message, Some(command), bytes);
    }

    /// `None` for a frame that could not be used.
    pub(super) fn message_received(&self, command: Option<&Command>, bytes: u64) {
        add(&self.received_by_message, command, bytes);
    }

    /// Bytes sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes received.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// When something was last sent.
    pub fn last_sent(&self) -> i64 {
        self.last_sent.load(Ordering::Relaxed)
    }

    /// When something was last received.
    pub fn last_received(&self) -> i64 {
        self.last_received.load(Ordering::Relaxed)
    }

    /// Bytes sent, by kind of message.
    pub fn sent_by_message(&self) -> ByMessage {
        self.sent_by_message.lock().expect("no one panics while counting").clone()
    }

    /// Bytes received, by kind of message.
    pub fn received_by_message(&self) -> ByMessage {
        self.received_by_message.lock().expect("no one panics while counting").clone()
    }
}

/// What went through all connections together.
#[derive(Debug, Default)]
pub struct Totals {
    pub(super) sent: AtomicU64,
    pub(super) received: AtomicU64,
}

impl Totals {
    /// Bytes sent.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Bytes received.
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }
}
