//! What a peer has sent and nobody has looked at yet.

use crate::p2p::wire::{Command, Message, WireError};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// A message as it came.
#[derive(Debug)]
pub struct Received {
    /// The kind of message that the frame named.
    pub command: Command,
    /// What it says, or why it says nothing.
    pub message: Result<Message, WireError>,
    /// The payload's length in bytes.
    pub size: usize,
    /// When it came, in microseconds since 1970 by the node's clock.
    pub time: i64,
}

/// A queue of messages, bounded by the bytes they took on the wire: whoever fills it waits.
#[derive(Debug)]
pub struct Inbox {
    queue: Mutex<VecDeque<Received>>,
    bytes: AtomicUsize,
    max_bytes: usize,
    space: Notify,
}

/// What a message takes at least, so that small ones are bounded in number.
const MIN_MESSAGE: usize = 256;

fn cost(received: &Received) -> usize {
    received.size.max(MIN_MESSAGE)
}

impl Inbox {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { queue: Mutex::default(), bytes: AtomicUsize::new(0), max_bytes, space: Notify::new() }
    }

    /// Waits until there is room. One message more than the bound always fits.
    pub(super) async fn has_room(&self) {
        while self.bytes.load(Ordering::Acquire) > self.max_bytes {
            let space = self.space.notified();
            if self.bytes.load(Ordering::Acquire) <= self.max_bytes {
                return;
            }
            space.await;
        }
    }

    pub(super) fn push(&self, received: Received) {
        self.bytes.fetch_add(cost(&received), Ordering::AcqRel);
        self.queue.lock().expect("no one panics while holding the queue").push_back(received);
    }

    /// The oldest message, and whether there are more.
    pub fn pop(&self) -> Option<(Received, bool)> {
        let (received, more) = {
            let mut queue = self.queue.lock().expect("no one panics while holding the queue");
            (queue.pop_front()?, !queue.is_empty())
        };
        self.bytes.fetch_sub(cost(&received), Ordering::AcqRel);
        self.space.notify_one();
        Some((received, more))
    }
}
