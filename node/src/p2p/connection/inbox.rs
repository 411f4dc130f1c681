//! What a peer has sent and nobody has looked at yet.

use crate::p2p::wire::{Command, Message, WireError};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
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

/// The bytes in all inboxes together.
pub(super) type Total = Arc<AtomicUsize>;

/// A queue of messages, bounded by the bytes they took on the wire: whoever fills it waits. All queues together are
/// bounded too, but for one message of each peer, so that nobody can keep others from being heard.
#[derive(Debug)]
pub struct Inbox {
    queue: Mutex<VecDeque<Received>>,
    bytes: AtomicUsize,
    max_bytes: usize,
    total: Total,
    max_total: usize,
    space: Notify,
}

/// As many inboxes' bytes may be filled in all.
const FULL_INBOXES: usize = 12;
/// What a message takes at least, so that small ones are bounded in number.
const MIN_MESSAGE: usize = 256;

fn cost(received: &Received) -> usize {
    received.size.max(MIN_MESSAGE)
}

impl Inbox {
    pub(super) fn new(max_bytes: usize, total: Total) -> Self {
        Self {
            queue: Mutex::default(),
            bytes: AtomicUsize::new(0),
            max_bytes,
            total,
            max_total: max_bytes.saturating_mul(FULL_INBOXES),
            space: Notify::new(),
        }
    }

    fn is_full(&self) -> bool {
        let own = self.bytes.load(Ordering::Acquire);
        own > self.max_bytes || (own > 0 && self.total.load(Ordering::Acquire) > self.max_total)
    }

    /// Waits until there is room. One message more than the bound always fits.
    pub(super) async fn has_room(&self) {
        while self.is_full() {
            let space = self.space.notified();
            if !self.is_full() {
                return;
            }
            space.await;
        }
    }

    pub(super) fn push(&self, received: Received) {
        let cost = cost(&received);
        self.bytes.fetch_add(cost, Ordering::AcqRel);
        self.total.fetch_add(cost, Ordering::AcqRel);
        self.queue.lock().expect("no one panics while holding the queue").push_back(received);
    }

    /// The oldest message, and whether there are more.
    pub fn pop(&self) -> Option<(Received, bool)> {
        let (received, more) = {
            let mut queue = self.queue.lock().expect("no one panics while holding the queue");
            (queue.pop_front()?, !queue.is_empty())
        };
        let cost = cost(&received);
        self.bytes.fetch_sub(cost, Ordering::AcqRel);
        self.total.fetch_sub(cost, Ordering::AcqRel);
        self.space.notify_one();
        Some((received, more))
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes.load(Ordering::Acquire), Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(size: usize) -> Received {
        Received { command: Command::VERACK, message: Ok(Message::Verack), size, time: 0 }
    }

    #[test]
    fn one_peer_is_bounded_and_all_together_but_for_one_message_each() {
        let total = Total::default();
        let inboxes: Vec<Inbox> = (0..20).map(|_| Inbox::new(10_000, total.clone())).collect();
        inboxes[0].push(message(11_000));
        assert!(inboxes[0].is_full() && !inboxes[1].is_full());
        assert!(inboxes[0].pop().is_some());
        assert!(!inboxes[0].is_full());
        for inbox in &inboxes[..13] {
            inbox.push(message(9_500));
        }
        assert!(inboxes[..13].iter().all(Inbox::is_full), "all together hold more than they may");
        assert!(inboxes[13..].iter().all(|inbox| !inbox.is_full()), "whoever has nothing waiting may speak");
        drop(inboxes);
        assert_eq!(total.load(Ordering::Acquire), 0);
    }
}
