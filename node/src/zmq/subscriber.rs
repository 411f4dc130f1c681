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
    /// Bytes of messages that wait or are being written, each counted once however many wait for it, with what their
    /// places in the queues take.
    pub(super) waiting: AtomicUsize,
}

/// A message as it is sent, shared by all that it waits for.
#[derive(Debug)]
pub(super) struct Message {
    bytes: Vec<u8>,
    /// What it takes while it waits.
    size: usize,
    totals: Arc<Totals>,
}

/// What a message takes beside its bytes: most are so short that it is more than they.
const MESSAGE_SIZE: usize = size_of::<Message>() + 2 * size_of::<usize>();
/// What its place in a queue takes, of which up to a half is empty.
const PLACE_SIZE: usize = 2 * size_of::<Arc<Message>>();

impl Message {
    /// One that comes into so many queues.
    pub(super) fn new(bytes: Vec<u8>, queues: usize, totals: &Arc<Totals>) -> Arc<Self> {
        let size = bytes.len() + MESSAGE_SIZE + queues * PLACE_SIZE;
        totals.waiting.fetch_add(size, Ordering::Relaxed);
        Arc::new(Self { bytes, size, totals: totals.clone() })
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        self.totals.waiting.fetch_sub(self.size, Ordering::Relaxed);
    }
}

#[derive(Default, Debug)]
struct State {
    /// Beginnings of topics.
    wants: BTreeSet<Vec<u8>>,
    queue: VecDeque<Arc<Message>>,
    /// What the messages take that wait or are being written.
    bytes: usize,
    /// What the one takes that is being written, for as long as the subscriber likes.
    writing: usize,
    /// It was left, and wants nothing any more.
    left: bool,
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
        let mut state = self.state();
        if !state.left && Topic::ALL.iter().any(|topic| topic.name().as_bytes().starts_with(prefix)) {
            state.wants.insert(prefix.to_vec());
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
        state.bytes += message.size;
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

    /// What is to be written next, when what was given before has been written.
    pub(super) fn pop(&self) -> Option<Next> {
        let mut state = self.state();
        state.bytes -= std::mem::take(&mut state.writing);
        if let Some(answer) = state.answer.take() {
            return Some(Next::Answer(answer));
        }
        let message = state.queue.pop_front()?;
        state.writing = message.size;
        Some(Next::Message(message))
    }

    /// What waits for it or is being written to it, in bytes; nothing if it was left.
    pub(super) fn bytes(&self) -> usize {
        let state = self.state();
        if state.left { 0 } else { state.bytes }
    }

    /// What is free as soon as its connection has ended, in bytes; nothing if it was not left.
    pub(super) fn leaving(&self) -> usize {
        let state = self.state();
        if state.left { state.bytes } else { 0 }
    }

    /// Forgets what waits and ends the connection.
    pub(super) fn leave(&self) {
        let mut state = self.state();
        // That one is there until the connection has ended.
        state.bytes = state.writing;
        state.left = true;
        state.answer = None;
        state.wants.clear();
        state.queue.clear();
        drop(state);
        self.end.notify_one();
    }
}
