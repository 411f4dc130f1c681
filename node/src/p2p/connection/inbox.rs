//! What a peer has sent and nobody has looked at yet.

use crate::p2p::wire::{Command, Frame, Message, WireError};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

/// A message as it came.
#[derive(Debug)]
pub struct Received {
    /// The kind of message that the frame named.
    pub command: Command,
    content: Content,
    /// The payload's length in bytes.
    pub size: usize,
    /// When it came, in microseconds since 1970 by the node's clock.
    pub time: i64,
}

#[derive(Debug)]
enum Content {
    Read(Result<Message, WireError>),
    /// It takes much more memory once it is read, so it waits as it came.
    Payload(Vec<u8>),
}

impl Received {
    /// Reads a frame that came at a time.
    pub(super) fn new(frame: Frame, time: i64) -> Self {
        let Frame { command, payload } = frame;
        let (size, message) = (payload.len(), Message::decode(&command, &payload));
        let memory = message.as_ref().map_or(0, Message::txs_memory);
        let content = match memory > SMALL + size.saturating_mul(MOST_GROWTH) {
            true => Content::Payload(payload),
            false => Content::Read(message),
        };
        Self { command, content, size, time }
    }

    /// What it says, or why it says nothing.
    pub fn into_message(self) -> Result<Message, WireError> {
        match self.content {
            Content::Read(message) => message,
            Content::Payload(payload) => Message::decode(&self.command, &payload),
        }
    }
}

/// The bytes in all inboxes together.
pub(super) type Total = Arc<AtomicUsize>;

/// A queue of messages, bounded by the bytes they took on the wire: whoever fills it waits. All queues together are
/// bounded too, but for one message of each peer, so that nobody can keep others from being heard. That of an ended
/// connection holds nothing: whoever calls, fills it and leaves before the message thread looks leaves nothing behind.
#[derive(Debug)]
pub struct Inbox {
    /// `None` once the connection has ended.
    queue: Mutex<Option<VecDeque<Received>>>,
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
/// How many times its payload's length a message that waits may take, and how much any may. Usual transactions take
/// two to five times theirs; one of empty witness items takes 24 times.
const MOST_GROWTH: usize = 8;
const SMALL: usize = 4096;

fn cost(received: &Received) -> usize {
    received.size.max(MIN_MESSAGE)
}

impl Inbox {
    pub(super) fn new(max_bytes: usize, total: Total) -> Self {
        Self {
            queue: Mutex::new(Some(VecDeque::new())),
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
        let mut queue = self.lock();
        let Some(queue) = queue.as_mut() else { return };
        let cost = cost(&received);
        self.bytes.fetch_add(cost, Ordering::AcqRel);
        self.total.fetch_add(cost, Ordering::AcqRel);
        queue.push_back(received);
    }

    /// Throws away what waits, and what still comes.
    pub(super) fn close(&self) {
        let Some(waiting) = self.lock().take() else { return };
        let cost: usize = waiting.iter().map(cost).sum();
        self.bytes.fetch_sub(cost, Ordering::AcqRel);
        self.total.fetch_sub(cost, Ordering::AcqRel);
    }

    fn lock(&self) -> MutexGuard<'_, Option<VecDeque<Received>>> {
        self.queue.lock().expect("no one panics while holding the queue")
    }

    /// The oldest message, and whether there are more.
    pub fn pop(&self) -> Option<(Received, bool)> {
        let (received, more) = {
            let mut queue = self.lock();
            let queue = queue.as_mut()?;
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
    use crate::p2p::wire::FrameHeader;
    use chaincore_consensus::{Amount, OutPoint, Script, Transaction, Tx, TxIn, TxOut, Txid};

    fn message(size: usize) -> Received {
        Received { command: Command::VERACK, content: Content::Read(Ok(Message::Verack)), size, time: 0 }
    }

    #[test]
    fn an_ended_connection_holds_nothing_and_takes_nothing_from_others() {
        let total = Total::default();
        let inbox = Inbox::new(10_000, total.clone());
        inbox.push(message(4_000_000));
        inbox.close();
        assert_eq!(total.load(Ordering::Acquire), 0);
        inbox.push(message(4_000_000));
        assert!(inbox.pop().is_none() && !inbox.is_full());
        assert_eq!(total.load(Ordering::Acquire), 0);
        drop(inbox);
        assert_eq!(total.load(Ordering::Acquire), 0);
    }

    #[test]
    fn what_swells_waits_as_it_came() {
        let tx = |witness| {
            let input = TxIn {
                previous_output: OutPoint { txid: Txid([1; 32]), vout: 0 },
                script_sig: Script(vec![]),
                sequence: 0,
                witness,
            };
            let output = TxOut { value: Amount(1), script_pubkey: Script(vec![0x51]) };
            let tx = Transaction { version: 2, inputs: vec![input], outputs: vec![output], lock_time: 0 };
            Message::Tx(Arc::new(Tx::from(tx)))
        };
        let received = |message: &Message| {
            let payload = message.encode([0; 4])[FrameHeader::LEN..].to_vec();
            Received::new(Frame { command: message.command(), payload }, 0)
        };
        let (usual, swelling) = (tx(vec![vec![0; 100_000]]), tx(vec![vec![]; 100_000]));
        assert!(matches!(received(&usual).content, Content::Read(Ok(_))));
        assert!(matches!(received(&swelling).content, Content::Payload(_)));
        assert_eq!(received(&usual).into_message(), Ok(usual));
        assert_eq!(received(&swelling).into_message(), Ok(swelling));
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
