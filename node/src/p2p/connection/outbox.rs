//! What is to be sent to a peer.

use super::inbox::Total;
use crate::p2p::wire::Command;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// As many outboxes' bytes may be filled in all.
const FULL_OUTBOXES: usize = 32;

/// A frame on its way out.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) command: Command,
    pub(super) bytes: Vec<u8>,
}

/// A queue of frames. Filling it never waits: the message thread leaves a peer alone whose outbox
/// [is full](Outbox::is_full), so it grows beyond its bound by the answer to one message at most. All queues together
/// are bounded too, but for the answer to one message of each peer, so that peers that do not read keep nobody else
/// from being answered.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<VecDeque<Frame>>,
    bytes: AtomicUsize,
    max_bytes: usize,
    total: Total,
    max_total: usize,
    filled: Notify,
}

impl Outbox {
    pub(super) fn new(max_bytes: usize, total: Total) -> Self {
        Self {
            queue: Mutex::default(),
            bytes: AtomicUsize::new(0),
            max_bytes,
            total,
            max_total: max_bytes.saturating_mul(FULL_OUTBOXES),
            filled: Notify::new(),
        }
    }

    pub(super) fn push(&self, frame: Frame) {
        self.bytes.fetch_add(frame.bytes.len(), Ordering::AcqRel);
        self.total.fetch_add(frame.bytes.len(), Ordering::AcqRel);
        self.queue.lock().expect("no one panics while holding the queue").push_back(frame);
        self.filled.notify_one();
    }

    pub(super) fn pop(&self) -> Option<Frame> {
        self.queue.lock().expect("no one panics while holding the queue").pop_front()
    }

    /// The oldest frame; waits for one. It counts as queued until it is [`sent`](Self::sent).
    pub(super) async fn next(&self) -> Frame {
        loop {
            let filled = self.filled.notified();
            if let Some(frame) = self.pop() {
                return frame;
            }
            filled.await;
        }
    }

    /// Tells that a frame is on its way; whether that made the queue less than full.
    pub(super) fn sent(&self, bytes: usize) -> bool {
        let was_full = self.is_full();
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.total.fetch_sub(bytes, Ordering::AcqRel);
        was_full && !self.is_full()
    }

    /// Whether more is queued than should be (Core's `fPauseSend`).
    pub fn is_full(&self) -> bool {
        let own = self.bytes.load(Ordering::Acquire);
        own > self.max_bytes || (own > 0 && self.total.load(Ordering::Acquire) > self.max_total)
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes.load(Ordering::Acquire), Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(len: usize) -> Frame {
        Frame { command: Command::VERACK, bytes: vec![0; len] }
    }

    #[test]
    fn one_peer_is_bounded_and_all_together_but_for_one_answer_each() {
        let total = Total::default();
        let outboxes: Vec<Outbox> = (0..40).map(|_| Outbox::new(1_000, total.clone())).collect();
        outboxes[0].push(frame(1_100));
        assert!(outboxes[0].is_full() && !outboxes[1].is_full());
        assert!(outboxes[0].pop().is_some() && outboxes[0].sent(1_100) && !outboxes[0].is_full());
        for outbox in &outboxes[..33] {
            outbox.push(frame(1_000));
        }
        assert!(outboxes[..33].iter().all(Outbox::is_full), "all together hold more than they may");
        assert!(outboxes[33..].iter().all(|outbox| !outbox.is_full()), "whoever reads is answered");
        drop(outboxes);
        assert_eq!(total.load(Ordering::Acquire), 0);
    }
}
