//! One subscriber: what it wants, and the messages that wait for it.

use super::Topic;
use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// What the sockets of a node have done.
#[derive(Default, Debug)]
pub(super) struct Totals {
    /// Messages that were queued, once for each subscriber.
    pub(super) sent: AtomicU64,
    /// Messages that a subscriber missed because too many were waiting for it.
    pub(super) dropped: AtomicU64,
    /// Subscribers that were left because too much was waiting for them.
    pub(super) left: AtomicU64,
    /// Bytes of messages that wait, each counted once however many wait for it.
    pub(super) waiting: AtomicUsize,
}

/// A message as it is sent, shared by all that it waits for.
#[derive(Debug)]
pub(super) struct Message {
    bytes: Vec<u8>,
    totals: Arc<Totals>,
}

impl Message {
    pub(super) fn new(bytes: Vec<u8>, totals: &Arc<Totals>) -> Arc<Self> {
        totals.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
        Arc::new(Self { bytes, totals: totals.clone() })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.totals.waiting.fetch_sub(self.bytes.len(), Ordering::Relaxed);
    }
}

#[derive(Default, Debug)]
struct State {
    /// Beginnings of topics.
    wants: BTreeSet<Vec<u8>>,
    queue: VecDeque<Arc<Message>>,
    bytes: usize,
    /// The answer to its last ping.
    answer: Option<Vec<u8>>,
}

/// What is to be written next.
#[derive(Debug)]
pub(super) enum Next {
    Message(Arc<Message>),
    Answer(Vec<u8>),
}

/// A subscriber, as its connection and those who publish share it.
#[derive(Debug)]
pub(super) struct Subscriber {
    /// How many messages may wait.
    limit: usize,
    state: Mutex<State>,
    /// There is something to be written.
    pub(super) news: Notify,
    /// The connection is to end.
    pub(super) end: Notify,
}

impl Subscriber {
    /// One for whom at most so many messages wait; 0 for any number.
    pub(super) fn new(high_water_mark: u32) -> Self {
        let limit = if high_water_mark == 0 { usize::MAX } else { high_water_mark as usize };
        Self { limit, state: Mutex::default(), news: Notify::new(), end: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding a subscriber")
    }

    /// It wants all topics that begin so. Beginnings that no topic has are not remembered, so that there are few.
    pub(super) fn subscribe(&self, prefix: &[u8]) {
        if Topic::ALL.iter().any(|topic| topic.name().as_bytes().starts_with(prefix)) {
            self.state().wants.insert(prefix.to_vec());
        }
    }

    /// It no longer wants them, unless another beginning fits them, too.
    pub(super) fn cancel(&self, prefix: &[u8]) {
        self.state().wants.remove(prefix);
    }

    pub(super) fn wants(&self, topic: Topic) -> bool {
        let name = topic.name().as_bytes();
        self.state().wants.iter().any(|prefix| name.starts_with(prefix))
    }

    /// Puts a message at the end of what waits; false if there is no room.
    pub(super) fn push(&self, message: &Arc<Message>) -> bool {
        let mut state = self.state();
        if state.queue.len() >= self.limit {
            return false;
        }
        state.bytes += message.bytes().len();
        state.queue.push_back(message.clone());
        drop(state);
        self.news.notify_one();
        true
    }

    /// Sets what its ping is answered with.
    pub(super) fn answer(&self, frame: Vec<u8>) {
        self.state().answer = Some(frame);
        self.news.notify_one();
    }

    pub(super) fn pop(&self) -> Option<Next> {
        let mut state = self.state();
        if let Some(answer) = state.answer.take() {
            return Some(Next::Answer(answer));
        }
        let message = state.queue.pop_front()?;
        state.bytes -= message.bytes().len();
        Some(Next::Message(message))
    }

    /// The bytes that wait.
    pub(super) fn bytes(&self) -> usize {
        self.state().bytes
    }

    /// Forgets what waits and ends the connection.
    pub(super) fn leave(&self) {
        let mut state = self.state();
        (state.bytes, state.answer) = (0, None);
        state.wants.clear();
        state.queue.clear();
        drop(state);
        self.end.notify_one();
    }
}
