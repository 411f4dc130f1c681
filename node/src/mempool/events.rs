//! What comes into the pool and what goes, told to whoever follows it: alone ([`MempoolEvents`]), or in one order with the
//! chain's steps ([`NodeEvents`]), which the chain's writer notes here because it holds the pool when it makes them.
//!
//! [`EventLog`] belongs to the pool, which writes into it under its own lock; [`EventReader`] is one reader's place in
//! it. All readers share one ring of the newest events, bounded in count and in bytes, so that memory depends neither
//! on how many readers there are nor on how slow they are, and the pool waits for none of them: who falls out of the
//! ring is told how many events were lost ([`MempoolEvent::Gap`], [`NodeEvent::Gap`]). While nobody reads nothing is
//! kept.

use chaincore_consensus::{TxRef, Txid};
use chaincore_plugin::{BlockRef, MempoolEvent};
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// The events that are kept at most, and the bytes of their transactions. Those still in the pool are there anyway; what
/// the ring costs are those that left.
const MAX_EVENTS: usize = 16_384;
const MAX_BYTES: usize = 16 << 20;

/// What an event counts beyond its transaction's bytes.
const EVENT_BYTES: usize = 256;

/// One thing that happened to the chain or to the pool. Within a change of branches the order is that of Core's
/// validation signals: the blocks that leave, what the change does to the pool, the blocks that come, the new tip.
#[derive(Clone, Debug)]
pub enum NodeEvent {
    /// A transaction came into the pool.
    Added {
        /// The mempool's sequence.
        sequence: u64,
        /// The transaction.
        tx: TxRef,
    },
    /// A transaction left the pool, and not because a block has it.
    Removed {
        /// The mempool's sequence.
        sequence: u64,
        /// The transaction.
        txid: Txid,
    },
    /// A block was put on the active chain.
    Connected(BlockRef),
    /// A block was taken off the active chain.
    Disconnected(BlockRef),
    /// The tip is new: the last block of those that came. Not told when blocks have only left.
    Tip {
        /// The tip.
        block: BlockRef,
        /// Whether the node is still catching up with the network.
        initial_download: bool,
    },
    /// Events were lost because the reader was too slow.
    Gap {
        /// How many.
        lost: u64,
    },
}

/// What a log can hold.
pub trait LogEvent: Clone {
    /// What stands for events that were lost.
    fn gap(lost: u64) -> Self;
    /// The transaction that it keeps in memory, if any.
    fn tx(&self) -> Option<&TxRef>;
}

impl LogEvent for MempoolEvent {
    fn gap(lost: u64) -> Self {
        Self::Gap { lost }
    }

    fn tx(&self) -> Option<&TxRef> {
        match self {
            Self::Added { tx, .. } | Self::Removed { tx, .. } => Some(tx),
            Self::Gap { .. } => None,
        }
    }
}

impl LogEvent for NodeEvent {
    fn gap(lost: u64) -> Self {
        Self::Gap { lost }
    }

    fn tx(&self) -> Option<&TxRef> {
        match self {
            Self::Added { tx, .. } => Some(tx),
            _ => None,
        }
    }
}

/// How long the ring is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Bounds {
    events: usize,
    bytes: usize,
}

struct Ring<E> {
    bounds: Bounds,
    events: VecDeque<(E, usize)>,
    /// How many events came before the first that is kept.
    first: u64,
    bytes: usize,
    readers: usize,
}

impl<E: LogEvent> Ring<E> {
    /// How many events there have been.
    fn end(&self) -> u64 {
        self.first + self.events.len() as u64
    }

    fn drop_first(&mut self) -> bool {
        let Some((_, bytes)) = self.events.pop_front() else { return false };
        self.bytes -= bytes;
        self.first += 1;
        true
    }

    fn push(&mut self, event: E) {
        let bytes = event.tx().map_or(0, |tx| tx.total_size()) + EVENT_BYTES;
        self.events.push_back((event, bytes));
        self.bytes += bytes;
        while (self.events.len() > self.bounds.events || self.bytes > self.bounds.bytes) && self.drop_first()
        {
        }
    }
}

fn lock<E>(ring: &Mutex<Ring<E>>) -> MutexGuard<'_, Ring<E>> {
    ring.lock().expect("no one panics while holding the events")
}

/// The pool's side.
pub(super) struct EventLog<E> {
    ring: Arc<Mutex<Ring<E>>>,
    /// How many events there have been: wakes readers, and tells them that the pool is gone.
    end: watch::Sender<u64>,
}

impl<E: LogEvent> Default for EventLog<E> {
    fn default() -> Self {
        Self::new(Bounds { events: MAX_EVENTS, bytes: MAX_BYTES })
    }
}

impl<E> fmt::Debug for EventLog<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLog").field("end", &*self.end.borrow()).finish_non_exhaustive()
    }
}

impl<E: LogEvent> EventLog<E> {
    fn new(bounds: Bounds) -> Self {
        let ring = Ring { bounds, events: VecDeque::new(), first: 0, bytes: 0, readers: 0 };
        Self { ring: Arc::new(Mutex::new(ring)), end: watch::Sender::new(0) }
    }

    /// Tells of an event, which is only made if somebody reads.
    pub(super) fn push(&self, event: impl FnOnce() -> E) {
        let mut ring = lock(&self.ring);
        if ring.readers == 0 {
            return;
        }
        ring.push(event());
        let end = ring.end();
        drop(ring);
        self.end.send_replace(end);
    }

    /// A reader of the events from now on. `sequence` is the pool's.
    pub(super) fn subscribe(&self, sequence: u64) -> EventReader<E> {
        let mut ring = lock(&self.ring);
        ring.readers += 1;
        let next = ring.end();
        drop(ring);
        EventReader { ring: self.ring.clone(), next, start: sequence, end: self.end.subscribe() }
    }
}

/// One reader of the mempool's events, in order, from the moment of [`Mempool::subscribe`](super::Mempool::subscribe).
pub type MempoolEvents = EventReader<MempoolEvent>;

/// One reader of the events of chain and mempool, in one order, from the moment of
/// [`Mempool::subscribe_node`](super::Mempool::subscribe_node).
pub type NodeEvents = EventReader<NodeEvent>;

/// One reader's place in a log of events.
pub struct EventReader<E: LogEvent> {
    ring: Arc<Mutex<Ring<E>>>,
    /// How many events came before the one to be read next.
    next: u64,
    start: u64,
    end: watch::Receiver<u64>,
}

impl<E: LogEvent> fmt::Debug for EventReader<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventReader").field("next", &self.next).finish_non_exhaustive()
    }
}

impl<E: LogEvent> EventReader<E> {
    /// The pool's sequence when the reading began: that of the first event to come.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The next events, at most `max` and one at least. If some were lost the first stands for them
    /// ([`MempoolEvent::Gap`], [`NodeEvent::Gap`]). Empty once the pool is gone and all is read. May be dropped while it waits: nothing is
    /// lost by that.
    pub async fn next(&mut self, max: usize) -> Vec<E> {
        loop {
            let gone = self.end.has_changed().is_err();
            self.end.mark_unchanged();
            let events = self.take(max.max(1));
            if !events.is_empty() || gone {
                return events;
            }
            // Woken or gone: both are looked at above.
            let _ = self.end.changed().await;
        }
    }

    /// What there is now of the same; empty if nothing has happened.
    pub fn take(&mut self, max: usize) -> Vec<E> {
        let ring = lock(&self.ring);
        let lost = ring.first.saturating_sub(self.next);
        let mut events = Vec::new();
        if max == 0 {
            return events;
        }
        if lost > 0 {
            self.next = ring.first;
            events.push(E::gap(lost));
        }
        let skip = usize::try_from(self.next - ring.first).unwrap_or(usize::MAX);
        events.extend(ring.events.iter().skip(skip).take(max - events.len()).map(|(event, _)| event.clone()));
        self.next += events.len() as u64 - u64::from(lost > 0);
        events
    }

    /// Goes over all there is as if it had been read: for a reader that takes a snapshot of the pool instead. Returns
    /// how many events that were.
    pub fn skip_all(&mut self) -> u64 {
        let end = lock(&self.ring).end();
        end - std::mem::replace(&mut self.next, end)
    }
}

impl<E: LogEvent> Drop for EventReader<E> {
    fn drop(&mut self) {
        let mut ring = lock(&self.ring);
        ring.readers -= 1;
        if ring.readers == 0 {
            while ring.drop_first() {}
            ring.events.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::{Amount, Script, Transaction, Tx, TxOut};

    fn log(events: usize, bytes: usize) -> EventLog<MempoolEvent> {
        EventLog::new(Bounds { events, bytes })
    }

    fn event(sequence: u64, size: usize) -> MempoolEvent {
        let output = TxOut { value: Amount(0), script_pubkey: Script(vec![0; size]) };
        let tx = Transaction { version: 2, inputs: vec![], outputs: vec![output], lock_time: 0 };
        let tx = Arc::new(Tx::from(tx));
        MempoolEvent::Added { sequence, time: 0, tx, fee: Amount(0), vsize: 1 }
    }

    fn numbers(events: &[MempoolEvent]) -> Vec<(bool, u64)> {
        let number = |event: &MempoolEvent| match event {
            MempoolEvent::Added { sequence, .. } | MempoolEvent::Removed { sequence, .. } => {
                (true, *sequence)
            }
            MempoolEvent::Gap { lost } => (false, *lost),
        };
        events.iter().map(number).collect()
    }

    fn push(log: &EventLog<MempoolEvent>, sequences: std::ops::Range<u64>) {
        sequences.for_each(|sequence| log.push(|| event(sequence, 1)));
    }

    #[test]
    fn readers_are_told_everything_in_order_or_how_much_they_lost() {
        let log = log(4, 1 << 20);
        push(&log, 0..3);
        let (mut fast, mut slow) = (log.subscribe(3), log.subscribe(3));
        assert_eq!(fast.start(), 3);
        assert!(fast.take(9).is_empty());
        push(&log, 3..6);
        assert_eq!(numbers(&fast.take(2)), [(true, 3), (true, 4)]);
        push(&log, 6..12);
        assert_eq!(numbers(&fast.take(3)), [(false, 3), (true, 8), (true, 9)]);
        assert_eq!(numbers(&slow.take(1)), [(false, 5)]);
        assert_eq!(numbers(&slow.take(9)), [(true, 8), (true, 9), (true, 10), (true, 11)]);
        assert_eq!(fast.skip_all(), 2);
        assert!(fast.take(9).is_empty() && slow.take(9).is_empty());
    }

    #[test]
    fn memory_is_bounded_whatever_readers_do_and_free_without_them() {
        let log = log(1_000_000, 100_000);
        let readers: Vec<_> = (0..100).map(|_| log.subscribe(0)).collect();
        for sequence in 0..1000 {
            log.push(|| event(sequence, 10_000));
            let ring = lock(&log.ring);
            assert!(ring.bytes <= 100_000);
            assert_eq!(ring.bytes, ring.events.iter().map(|(_, bytes)| bytes).sum::<usize>());
        }
        // One that is larger than the whole ring is lost, not kept.
        log.push(|| event(1000, 200_000));
        assert!(lock(&log.ring).events.is_empty());
        push(&log, 1001..1003);
        drop(readers);
        {
            let ring = lock(&log.ring);
            assert_eq!((ring.events.capacity(), ring.bytes), (0, 0));
        }
        log.push(|| unreachable!("nobody reads"));
        let mut late = log.subscribe(1003);
        push(&log, 1003..1004);
        assert_eq!(numbers(&late.take(9)), [(true, 1003)]);
    }

    #[tokio::test]
    async fn readers_are_woken_and_told_when_the_pool_is_gone() {
        let log = log(100, 1 << 20);
        let mut reader = log.subscribe(0);
        let waiting = tokio::spawn(async move {
            let mut seen = Vec::new();
            loop {
                match reader.next(3).await {
                    events if events.is_empty() => return seen,
                    events => seen.extend(numbers(&events)),
                }
            }
        });
        for sequence in 0..50 {
            push(&log, sequence..sequence + 1);
            tokio::task::yield_now().await;
        }
        drop(log);
        assert_eq!(waiting.await.unwrap(), (0..50).map(|sequence| (true, sequence)).collect::<Vec<_>>());
    }
}
