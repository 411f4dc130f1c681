//! The subscriptions, read in the process with as little room for messages as there can be.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use chaincore_consensus::{Amount, Txid};
use chaincore_plugin::{MempoolEvent, RemovalReason};
use chaincore_rpc::feed;
use chaincore_rpc::registry::RegistryBuilder;
use jsonrpsee::Methods;
use jsonrpsee::core::server::Subscription;
use serde_json::{Value, json};
use std::sync::Arc;
use support::{HARNESS, MemoryNode, spend};

fn subscriptions(node: &Arc<MemoryNode>) -> Methods {
    let warmup = RegistryBuilder::new().warmup();
    warmup.finish();
    feed::subscriptions(node.clone(), warmup)
}

async fn next(of: &mut Subscription) -> Value {
    of.next::<Value>().await.unwrap().unwrap().0
}

fn place(node: &MemoryNode, height: u32) -> Value {
    use chaincore_rpc::node::Node;
    json!({"height": height, "hash": node.chain().at_height(height).unwrap().hash.to_string()})
}

#[tokio::test]
async fn who_does_not_read_is_sent_the_short_way() {
    let node = MemoryNode::new();
    node.mine(250, HARNESS[0]);
    let methods = subscriptions(&node);
    let mut slow = methods.subscribe("subscribe_chain", [Vec::<String>::new()], 1).await.unwrap();
    let first = next(&mut slow).await;
    assert_eq!((&first["from"], &first["fork"]), (&Value::Null, &place(&node, 0)));
    assert_eq!(first["connect"].as_array().unwrap().len(), 100);
    // Block by block, with a chance for the feed to look at each.
    for _ in 0..50 {
        node.mine(1, HARNESS[0]);
        tokio::task::yield_now().await;
    }
    let mut messages = 0;
    let mut at = 100;
    while at < 300 {
        let step = next(&mut slow).await;
        assert_eq!(step["fork"], place(&node, at));
        for block in step["connect"].as_array().unwrap() {
            at += 1;
            assert_eq!(*block, place(&node, at));
        }
        messages += 1;
    }
    assert!(
        messages < 6,
        "one message waits, the feed holds the next, and the rest is told at once: {messages}"
    );

    // A slow reader of the tip gets the last one.
    let mut tips = methods.subscribe("subscribe_tip", Vec::<u8>::new(), 1).await.unwrap();
    assert_eq!(next(&mut tips).await, place(&node, 300));
    for _ in 0..20 {
        node.mine(1, HARNESS[0]);
        tokio::task::yield_now().await;
    }
    let mut told = 0;
    while next(&mut tips).await != place(&node, 320) {
        told += 1;
    }
    assert!(told < 4, "{told}");
}

#[tokio::test]
async fn events_are_told_with_their_reasons_and_gaps() {
    let node = MemoryNode::new();
    node.mine(101, HARNESS[0]);
    let tx = Arc::new(spend(&node, 1, 500));
    let (txid, wtxid) = (tx.txid(), tx.wtxid());
    let removed = |sequence, reason| MempoolEvent::Removed {
        sequence,
        time: 7,
        tx: tx.clone(),
        fee: Amount(500),
        vsize: 100,
        reason,
    };
    let added = MempoolEvent::Added { sequence: 1, time: 6, tx: tx.clone(), fee: Amount(500), vsize: 100 };
    let by = Txid([9; 32]);
    let block = node.mine(1, HARNESS[0])[0];
    node.tell(vec![
        vec![added, removed(2, RemovalReason::Replaced(by))],
        vec![MempoolEvent::Gap { lost: 10 }, removed(13, RemovalReason::Block(block))],
        vec![removed(14, RemovalReason::SizeLimit), MempoolEvent::Gap { lost: 5 }],
    ]);
    let methods = subscriptions(&node);
    let mut reader = methods.subscribe("subscribe_mempool", Vec::<u8>::new(), 1).await.unwrap();
    let event = |kind: &str, sequence: u64, time: u64, more: Value| {
        let mut event = json!({"event": kind, "sequence": sequence, "time": time, "txid": txid.to_string(),
            "wtxid": wtxid.to_string(), "fee": 500, "vsize": 100});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    assert_eq!(next(&mut reader).await, json!({"sequence": 1, "events": []}));
    let replaced = event("removed", 2, 7, json!({"reason": "replaced", "replaced_by": by.to_string()}));
    let expected = json!({"sequence": 3, "events": [event("added", 1, 6, json!({})), replaced]});
    assert_eq!(next(&mut reader).await, expected);
    let mined = event("removed", 13, 7, json!({"reason": "block", "block": block.to_string()}));
    let expected = json!({"sequence": 14, "events": [{"event": "gap", "lost": 10}, mined]});
    assert_eq!(next(&mut reader).await, expected);
    let dropped = event("removed", 14, 7, json!({"reason": "sizelimit"}));
    let expected = json!({"sequence": 20, "events": [dropped, {"event": "gap", "lost": 5}]});
    assert_eq!(next(&mut reader).await, expected);
    assert!(reader.next::<Value>().await.is_none(), "the pool is gone, and so is the subscription");
}

#[tokio::test]
async fn nothing_is_told_before_the_start_is_over() {
    let node = MemoryNode::new();
    let methods = feed::subscriptions(node, RegistryBuilder::new().warmup());
    for method in ["subscribe_chain", "subscribe_mempool", "subscribe_tip"] {
        let error = methods.subscribe(method, Vec::<u8>::new(), 1).await.err().unwrap().to_string();
        assert!(error.contains("-28") || error.contains("ServerError"), "{method}: {error}");
    }
}
