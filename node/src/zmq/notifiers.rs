//! Makes messages of what happens to the chain and the mempool: what, in which order and with which bytes, as Core does.

use super::Topic;
use super::publisher::Publisher;
use crate::chain::{ChainError, ChainHandle};
use crate::mempool::NodeEvent;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::{BlockHash, Tx};
use chaincore_plugin::BlockRef;
use std::sync::Arc;

/// One topic at one address.
struct Notifier {
    topic: Topic,
    publisher: Arc<Publisher>,
    /// The number of its next message.
    count: u32,
}

impl Notifier {
    fn is_wanted(&self) -> bool {
        self.publisher.is_wanted(self.topic)
    }

    /// A message, which counts whether anybody hears it or not.
    fn tell(&mut self, body: &[u8]) -> bool {
        let count = self.count;
        self.skip(1);
        self.publisher.send(self.topic, body, count)
    }

    /// Messages that were not made.
    fn skip(&mut self, messages: u64) {
        // The counter goes round anyhow.
        self.count = self.count.wrapping_add(messages as u32);
    }
}

/// All notifications of a node.
pub(super) struct Notifiers {
    chain: ChainHandle,
    publishers: Vec<Arc<Publisher>>,
    all: Vec<Notifier>,
}

/// Hashes go the way in which people read them.
fn shown(mut hash: [u8; 32]) -> [u8; 32] {
    hash.reverse();
    hash
}

/// The body of a message about the mempool.
fn about_tx(txid: [u8; 32], letter: u8, sequence: u64) -> [u8; 41] {
    let mut body = [letter; 41];
    body[..32].copy_from_slice(&shown(txid));
    body[33..].copy_from_slice(&sequence.to_le_bytes());
    body
}

/// The body of a message about a block that came or went.
fn about_block(block: BlockHash, letter: u8) -> [u8; 33] {
    let mut body = [letter; 33];
    body[..32].copy_from_slice(&shown(block.0));
    body
}

impl Notifiers {
    /// Those of a chain, sorted as Core sorts them.
    pub(super) fn new(chain: ChainHandle, all: Vec<(Topic, Arc<Publisher>)>) -> Self {
        let mut publishers: Vec<Arc<Publisher>> = vec![];
        for (_, publisher) in &all {
            if !publishers.iter().any(|known| Arc::ptr_eq(known, publisher)) {
                publishers.push(publisher.clone());
            }
        }
        let all = all.into_iter().map(|(topic, publisher)| Notifier { topic, publisher, count: 0 }).collect();
        Self { chain, publishers, all }
    }

    fn of(&mut self, topics: &[Topic]) -> impl Iterator<Item = &mut Notifier> {
        self.all.iter_mut().filter(move |notifier| topics.contains(&notifier.topic))
    }

    /// Publishes what there is to say of an event. Lets the connections write whenever there is something for them, so
    /// that a large block does not fill the queues of those who keep up.
    pub(super) async fn tell(&mut self, event: &NodeEvent) {
        match event {
            NodeEvent::Added { sequence, tx } => {
                self.about_transaction(tx).await;
                self.about_sequence(&about_tx(tx.txid().0, b'A', *sequence)).await;
            }
            NodeEvent::Removed { sequence, txid } => {
                self.about_sequence(&about_tx(txid.0, b'R', *sequence)).await;
            }
            NodeEvent::Connected(block) => {
                self.about_transactions_of(block).await;
                self.about_sequence(&about_block(block.hash, b'C')).await;
            }
            NodeEvent::Disconnected(block) => {
                self.about_transactions_of(block).await;
                self.about_sequence(&about_block(block.hash, b'D')).await;
            }
            NodeEvent::Tip { initial_download: true, .. } => {}
            NodeEvent::Tip { block, initial_download: false } => self.about_tip(block).await,
            NodeEvent::Gap { lost } => {
                tracing::warn!(target: "zmq", lost, "too much happened at once: subscribers miss messages");
                self.all.iter_mut().for_each(|notifier| notifier.skip(*lost));
            }
        }
    }

    /// Lets others run, if there is something for them.
    async fn give_way(&self, told: bool) {
        if told {
            Publisher::relieve(&self.publishers);
            tokio::task::yield_now().await;
        }
    }

    async fn about_sequence(&mut self, body: &[u8]) {
        let mut told = false;
        for notifier in self.of(&[Topic::Sequence]) {
            told |= notifier.tell(body);
        }
        self.give_way(told).await;
    }

    async fn about_transaction(&mut self, tx: &Tx) {
        let hash = shown(tx.txid().0);
        let (mut raw, mut told) = (None, false);
        for notifier in self.of(&[Topic::HashTx, Topic::RawTx]) {
            match notifier.topic {
                Topic::HashTx => told |= notifier.tell(&hash),
                _ if notifier.is_wanted() => told |= notifier.tell(raw.get_or_insert_with(|| tx.to_bytes())),
                _ => notifier.skip(1),
            }
        }
        self.give_way(told).await;
    }

    async fn about_transactions_of(&mut self, block: &BlockRef) {
        const TOPICS: &[Topic] = &[Topic::HashTx, Topic::RawTx];
        let wanted = self.of(TOPICS).any(|notifier| notifier.is_wanted());
        let read = wanted.then(|| self.chain.read_block(&block.hash));
        match read {
            Some(Ok(read)) => {
                for tx in &read.transactions {
                    self.about_transaction(tx).await;
                }
                return;
            }
            Some(Err(error)) => unreadable(block, &error),
            None => {}
        }
        let count = self.chain.entry(&block.hash).map_or(0, |entry| entry.n_tx());
        self.of(TOPICS).for_each(|notifier| notifier.skip(count.into()));
    }

    async fn about_tip(&mut self, block: &BlockRef) {
        let hash = shown(block.hash.0);
        let mut told = false;
        for notifier in self.of(&[Topic::HashBlock]) {
            told |= notifier.tell(&hash);
        }
        let wanted = self.of(&[Topic::RawBlock]).any(|notifier| notifier.is_wanted());
        let bytes = wanted.then(|| self.chain.read_block_bytes(&block.hash));
        let bytes = bytes.and_then(|read| read.inspect_err(|error| unreadable(block, error)).ok());
        for notifier in self.of(&[Topic::RawBlock]) {
            match &bytes {
                Some(bytes) => told |= notifier.tell(bytes),
                None => notifier.skip(1),
            }
        }
        self.give_way(told).await;
    }
}

fn unreadable(block: &BlockRef, error: &ChainError) {
    tracing::warn!(target: "zmq", "block {block} cannot be published: {error}");
}
