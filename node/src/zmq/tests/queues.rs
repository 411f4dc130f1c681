//! What waits for subscribers, and its bounds.

use crate::zmq::Topic;
use crate::zmq::publisher::Publisher;
use crate::zmq::subscriber::{Next, Subscriber, Totals};
use std::sync::Arc;
use std::sync::atomic::Ordering;

fn publisher(mark: u32, max_waiting: usize) -> (Arc<Publisher>, Arc<Totals>) {
    let totals = Arc::<Totals>::default();
    (Arc::new(Publisher::new(mark, &totals, max_waiting)), totals)
}

/// The counters of the messages that wait.
fn drain(subscriber: &Subscriber) -> Vec<u32> {
    std::iter::from_fn(|| subscriber.pop())
        .map(|next| match next {
            Next::Message(message) => u32::from_le_bytes(*message.bytes().last_chunk().unwrap()),
            Next::Answer(_) => panic!("nobody asked"),
        })
        .collect()
}

#[test]
fn each_hears_what_it_wants_until_it_wants_it_no_longer() {
    let (publisher, totals) = publisher(10, usize::MAX);
    let (all, hashes, txs) = (publisher.join(), publisher.join(), publisher.join());
    all.subscriber.subscribe(b"");
    hashes.subscriber.subscribe(b"hash");
    txs.subscriber.subscribe(b"rawtx");
    txs.subscriber.subscribe(b"rawtx");
    txs.subscriber.subscribe(b"rawtxs");
    let send = |from| {
        for (topic, count) in Topic::ALL.into_iter().zip(from..) {
            assert!(publisher.send(topic, b"body", count));
        }
    };
    send(0);
    assert_eq!(drain(&hashes.subscriber), [0, 1]);
    assert_eq!(drain(&txs.subscriber), [3]);
    txs.subscriber.cancel(b"rawtx");
    hashes.subscriber.subscribe(b"hashb");
    hashes.subscriber.cancel(b"hash");
    send(5);
    assert_eq!(drain(&hashes.subscriber), [5]);
    assert_eq!(drain(&txs.subscriber), [] as [u32; 0]);
    assert_eq!(drain(&all.subscriber), (0..10).collect::<Vec<_>>());
    assert_eq!(totals.sent.load(Ordering::Relaxed), 10 + 3 + 1);
    drop((all, txs));
    assert_eq!(publisher.count(), 1);
    assert!(!publisher.is_wanted(Topic::RawTx) && !publisher.send(Topic::RawTx, b"", 0));
    assert_eq!(totals.waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn who_does_not_read_misses_what_comes_after_the_mark_and_nobody_else_does() {
    let (publisher, totals) = publisher(3, usize::MAX);
    let (slow, fast) = (publisher.join(), publisher.join());
    slow.subscriber.subscribe(b"");
    fast.subscriber.subscribe(b"");
    let mut heard = vec![];
    for count in 0..10 {
        publisher.send(Topic::HashTx, &[0; 32], count);
        heard.extend(drain(&fast.subscriber));
    }
    assert_eq!(heard, (0..10).collect::<Vec<_>>());
    assert_eq!(totals.dropped.load(Ordering::Relaxed), 7);
    assert_eq!(drain(&slow.subscriber), [0, 1, 2]);
    publisher.send(Topic::HashTx, &[0; 32], 10);
    assert_eq!(drain(&slow.subscriber), [10]);
}

#[test]
fn a_mark_of_zero_is_none() {
    let (publisher, totals) = publisher(0, usize::MAX);
    let one = publisher.join();
    one.subscriber.subscribe(b"sequence");
    (0..5000).for_each(|count| assert!(publisher.send(Topic::Sequence, b"", count)));
    assert_eq!((totals.dropped.load(Ordering::Relaxed), drain(&one.subscriber).len()), (0, 5000));
}

#[test]
fn memory_is_bounded_by_leaving_the_slowest() {
    let (first, totals) = publisher(0, 100_000);
    let second = Arc::new(Publisher::new(0, &totals, 100_000));
    let both = [first.clone(), second.clone()];
    let (slow, slower, good) = (first.join(), second.join(), second.join());
    slow.subscriber.subscribe(b"rawtx");
    slower.subscriber.subscribe(b"rawblock");
    good.subscriber.subscribe(b"rawblock");
    first.send(Topic::RawTx, &[0; 30_000], 0);
    for count in 0..20 {
        second.send(Topic::RawBlock, &[0; 10_000], count);
        Publisher::relieve(&both);
        assert!(totals.waiting.load(Ordering::Relaxed) <= 100_000);
        assert_eq!(drain(&good.subscriber), [count]);
    }
    // It was left once, and what comes after that does not wait for it.
    assert_eq!(totals.left.load(Ordering::Relaxed), 1);
    assert_eq!((slower.subscriber.bytes(), drain(&slow.subscriber).len()), (0, 1));
    assert_eq!(totals.waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn short_messages_count_for_what_they_take() {
    let (publisher, totals) = publisher(0, 100_000);
    let stuck: Vec<_> = (0..64).map(|_| publisher.join()).collect();
    stuck.iter().for_each(|one| one.subscriber.subscribe(b"hashtx"));
    let mut sent = 0;
    while totals.left.load(Ordering::Relaxed) == 0 {
        publisher.send(Topic::HashTx, &[0; 32], sent);
        sent += 1;
        Publisher::relieve(std::slice::from_ref(&publisher));
    }
    // A pointer in each queue, to a message and its bytes.
    let least = (64 + 4) * size_of::<usize>() + 32;
    assert!(sent as usize <= 100_000 / least + 1, "{sent} messages");
    drop(stuck);
    assert_eq!(totals.waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn who_takes_a_message_and_does_not_read_it_is_left_before_others() {
    let (publisher, totals) = publisher(0, 100_000);
    let all = std::slice::from_ref(&publisher);
    let (stuck, good) = (publisher.join(), publisher.join());
    stuck.subscriber.subscribe(b"rawblock");
    publisher.send(Topic::RawBlock, &[0; 90_000], 0);
    // It is being written, and nothing else is wanted.
    let written = stuck.subscriber.pop();
    stuck.subscriber.cancel(b"rawblock");
    good.subscriber.subscribe(b"rawtx");
    let send = |count| {
        publisher.send(Topic::RawTx, &[0; 20_000], count);
        Publisher::relieve(all);
    };
    send(0);
    assert_eq!(totals.left.load(Ordering::Relaxed), 1);
    assert_eq!(drain(&good.subscriber), [0]);
    // Nor has anybody else to go while its connection ends; and what it asks for meanwhile does not count.
    stuck.subscriber.subscribe(b"");
    send(1);
    assert_eq!(totals.left.load(Ordering::Relaxed), 1);
    assert_eq!(drain(&good.subscriber), [1]);
    drop((written, stuck));
    assert_eq!(totals.waiting.load(Ordering::Relaxed), 0);
}
