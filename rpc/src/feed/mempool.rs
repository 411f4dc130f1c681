//! `subscribe_mempool`: what comes into the mempool and goes.

use super::Feed;
use crate::value::to_raw;
use chaincore_consensus::{BlockHash, Txid, Wtxid};
use chaincore_plugin::{MempoolEvent, RemovalReason};
use jsonrpsee::RpcModule;
use jsonrpsee::server::SubscriptionSink;
use serde::Serialize;

/// Events of one message.
const MAX_EVENTS: usize = 64;

/// One message: events in order, and the sequence after them. The first has none.
#[derive(Serialize)]
struct Message<'a> {
    sequence: u64,
    events: &'a [Event],
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "lowercase")]
enum Event {
    Added(Transaction),
    Removed {
        #[serde(flatten)]
        transaction: Transaction,
        reason: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        block: Option<BlockHash>,
        #[serde(skip_serializing_if = "Option::is_none")]
        replaced_by: Option<Txid>,
    },
    Gap {
        lost: u64,
    },
}

#[derive(Serialize)]
struct Transaction {
    sequence: u64,
    time: i64,
    txid: Txid,
    wtxid: Wtxid,
    /// In satoshis.
    fee: i64,
    vsize: u64,
}

/// An event, and the sequence after it if it tells.
fn shown(event: &MempoolEvent) -> (Event, Option<u64>) {
    match event {
        MempoolEvent::Added { sequence, time, tx, fee, vsize } => {
            let (sequence, time, vsize) = (*sequence, *time, *vsize);
            let (txid, wtxid, fee) = (tx.txid(), tx.wtxid(), fee.sat());
            (Event::Added(Transaction { sequence, time, txid, wtxid, fee, vsize }), Some(sequence + 1))
        }
        MempoolEvent::Removed { sequence, time, tx, fee, vsize, reason } => {
            let (sequence, time, vsize) = (*sequence, *time, *vsize);
            let (txid, wtxid, fee) = (tx.txid(), tx.wtxid(), fee.sat());
            let transaction = Transaction { sequence, time, txid, wtxid, fee, vsize };
            let (block, replaced_by) = match reason {
                RemovalReason::Block(hash) => (Some(*hash), None),
                RemovalReason::Replaced(by) => (None, Some(*by)),
                _ => (None, None),
            };
            let removed = Event::Removed { transaction, reason: reason.name(), block, replaced_by };
            (removed, Some(sequence + 1))
        }
        MempoolEvent::Gap { lost } => (Event::Gap { lost: *lost }, None),
    }
}

/// The subscription, ended by `unsubscribe_mempool`; its notifications are called `mempool`.
pub(super) fn methods(feed: Feed) -> RpcModule<Feed> {
    let mut module = RpcModule::new(feed);
    module
        .register_subscription(
            "subscribe_mempool",
            "mempool",
            "unsubscribe_mempool",
            |_, pending, feed, _| async move {
                match feed.check_started() {
                    Err(error) => pending.reject(error).await,
                    Ok(()) => {
                        if let Ok(sink) = pending.accept().await {
                            follow(&feed, sink).await;
                        }
                    }
                }
            },
        )
        .expect("the module is new and the two names differ");
    module
}

async fn follow(feed: &Feed, sink: SubscriptionSink) {
    let mut events = feed.node.mempool_events();
    let mut sequence = events.start();
    let mut shown_events = Vec::new();
    loop {
        let Ok(message) = to_raw(&Message { sequence, events: &shown_events }) else { return };
        // While this waits for a slow reader the ring goes on; what falls out of it is told as a gap.
        if sink.send(message).await.is_err() {
            return;
        }
        let news = tokio::select! {
            () = sink.closed() => return,
            news = events.next(MAX_EVENTS) => news,
        };
        if news.is_empty() {
            return;
        }
        shown_events.clear();
        for event in &news {
            let (event, after) = shown(event);
            sequence = match (&event, after) {
                (_, Some(after)) => after,
                (Event::Gap { lost }, None) => sequence + lost,
                (_, None) => sequence,
            };
            shown_events.push(event);
        }
    }
}
