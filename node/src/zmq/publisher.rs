//! The socket of one address: who subscribes there, and sending to all of them.

use super::subscriber::{Message, Subscriber, Totals};
use super::{Topic, zmtp};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard};

/// Subscribers of one address at a time.
pub const MAX_SUBSCRIBERS: usize = 128;

/// The bytes of messages that wait for all subscribers of a node. One that has this many waiting alone is gone or too
/// slow for what it wants.
pub(super) const MAX_WAITING: usize = 256 << 20;

#[derive(Default, Debug)]
struct Subscribers {
    by_number: BTreeMap<u64, Arc<Subscriber>>,
    next: u64,
}

/// A PUB socket.
#[derive(Debug)]
pub(super) struct Publisher {
    high_water_mark: u32,
    totals: Arc<Totals>,
    max_waiting: usize,
    subscribers: Mutex<Subscribers>,
}

impl Publisher {
    pub(super) fn new(high_water_mark: u32, totals: &Arc<Totals>, max_waiting: usize) -> Self {
        Self { high_water_mark, totals: totals.clone(), max_waiting, subscribers: Mutex::default() }
    }

    fn subscribers(&self) -> MutexGuard<'_, Subscribers> {
        self.subscribers.lock().expect("no one panics while holding the subscribers")
    }

    /// Takes in a subscriber, until what is given is dropped.
    pub(super) fn join(self: &Arc<Self>) -> Membership {
        let subscriber = Arc::new(Subscriber::new(self.high_water_mark));
        let mut subscribers = self.subscribers();
        let number = subscribers.next;
        subscribers.next += 1;
        subscribers.by_number.insert(number, subscriber.clone());
        Membership { publisher: self.clone(), number, subscriber }
    }

    /// How many subscribers there are.
    pub(super) fn count(&self) -> usize {
        self.subscribers().by_number.len()
    }

    /// Whether anybody wants the topic.
    pub(super) fn is_wanted(&self, topic: Topic) -> bool {
        self.subscribers().by_number.values().any(|subscriber| subscriber.wants(topic))
    }

    /// Puts a message into the queue of everyone who wants it and has room for it. Gives whether anybody did.
    pub(super) fn send(&self, topic: Topic, body: &[u8], count: u32) -> bool {
        let subscribers = self.subscribers();
        let wanting: Vec<_> =
            subscribers.by_number.values().filter(|subscriber| subscriber.wants(topic)).collect();
        if wanting.is_empty() {
            return false;
        }
        let message = Message::new(zmtp::message(topic.name(), body, count), wanting.len(), &self.totals);
        for subscriber in wanting {
            let total = if subscriber.push(&message) { &self.totals.sent } else { &self.totals.dropped };
            total.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// The bytes that wait for whoever has most waiting, and who that is.
    fn slowest(&self) -> Option<(usize, Arc<Subscriber>)> {
        let subscribers = self.subscribers();
        let waiting =
            subscribers.by_number.values().map(|subscriber| (subscriber.bytes(), subscriber.clone()));
        waiting.max_by_key(|(bytes, _)| *bytes)
    }

    /// What is free as soon as the connections have ended of those who were left, in bytes.
    fn leaving(&self) -> usize {
        self.subscribers().by_number.values().map(|subscriber| subscriber.leaving()).sum()
    }

    /// Whether more waits than may, without what will be free at once.
    fn is_overfull(&self, of: &[Arc<Self>]) -> bool {
        let waiting = self.totals.waiting.load(Ordering::Relaxed);
        waiting > self.max_waiting
            && waiting
                > of.iter().map(|publisher| publisher.leaving()).fold(self.max_waiting, usize::saturating_add)
    }

    /// Leaves the slowest subscribers of all sockets until what waits is within its bound.
    pub(super) fn relieve(of: &[Arc<Self>]) {
        while let Some(first) = of.first().filter(|first| first.is_overfull(of)) {
            let slowest =
                of.iter().filter_map(|publisher| publisher.slowest()).max_by_key(|(bytes, _)| *bytes);
            let Some((bytes, subscriber)) = slowest.filter(|(bytes, _)| *bytes > 0) else { return };
            subscriber.leave();
            first.totals.left.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(target: "zmq", bytes, "a subscriber is too slow and was left");
        }
    }
}

/// A subscriber's place among those of an address.
#[derive(Debug)]
pub(super) struct Membership {
    publisher: Arc<Publisher>,
    number: u64,
    pub(super) subscriber: Arc<Subscriber>,
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.publisher.subscribers().by_number.remove(&self.number);
    }
}
