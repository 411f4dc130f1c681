//! What is to be sent to a peer.

use crate::p2p::wire::Command;
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// A frame on its way out.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) command: Command,
    pub(super) bytes: Vec<u8>,
}

/// A queue of frames. Filling it never waits: the message thread leaves a peer alone whose outbox
/// [is full](Outbox::is_full), so it grows beyond its bound by the answer to one message at most.
#[derive(Debug)]
pub struct Outbox {
    queue: Mutex<VecDeque<Frame>>,
    bytes: AtomicUsize,
    max_bytes: usize,
    filled: Notify,
}

impl Outbox {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { queue: Mutex::default(), bytes: AtomicUsize::new(0), max_bytes, filled: Notify::new() }
    }

    pub(super) fn push(&self, frame: Frame) {
        self.bytes.fetch_add(frame.bytes.len(), Ordering::AcqRel);
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
        let before = self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        before > self.max_bytes && before - bytes <= self.max_bytes
    }

    /// Whether more is queued than should be (Core's `fPauseSend`).
    pub fn is_full(&self) -> bool {
        self.bytes.load(Ordering::Acquire) > self.max_bytes
    }
}
