//! In which order things are told, and what is published of them.

use crate::chain::{ChainHandle, ChainOptions, Origin, Status};
use crate::mempool::{Mempool, MempoolOptions, NodeEvent, NodeEvents};
use crate::testkit::{self, Branch, FEE, Lock, Utxo};
use crate::zmq::Topic;
use crate::zmq::notifiers::Notifiers;
use crate::zmq::publisher::Publisher;
use crate::zmq::subscriber::{Next, Subscriber, Totals};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Amount, Block, OutPoint, TxRef, Txid};
use std::path::Path;
use std::sync::Arc;

/// Opens a chain that is past its first download if it takes old blocks for new.
fn open(folder: &Path, params: &Arc<ChainParams>, takes_old_blocks: bool) -> ChainHandle {
    let mut options = ChainOptions::new(params.clone(), folder.to_path_buf());
    if takes_old_blocks {
        options.max_tip_age = u32::MAX;
    }
    let mempool = MempoolOptions { require_standard: false, ..MempoolOptions::default() };
    ChainHandle::open(&options, Mempool::new(mempool), Status::new()).unwrap()
}

fn submit(chain: &ChainHandle, block: &Arc<Block>) {
    chain.submit_block_blocking(block.clone(), Origin::Rpc).unwrap();
}

fn accept(chain: &ChainHandle, tx: &TxRef) {
    let tx = tx.clone();
    chain.query_blocking(move |chain| chain.accept_tx(&tx)).unwrap().unwrap();
}

fn payment(coin: &(OutPoint, Utxo), lock: Lock, fees: i64) -> TxRef {
    let value = Amount(coin.1.value.sat() - fees * FEE);
    testkit::spend(&[*coin], vec![Utxo { value, lock, ..coin.1 }.output()])
}

fn plain(branch: &mut Branch) -> Arc<Block> {
    branch.mine_with(vec![], Lock::P2wpkh(0))
}

/// What has been told since it was asked last, the transactions by their place in a list.
fn story(events: &mut NodeEvents, known: &[&TxRef]) -> String {
    let name = |txid: Txid| known.iter().position(|tx| tx.txid() == txid).expect("it is known");
    let words: Vec<String> = events
        .take(1000)
        .iter()
        .map(|event| match event {
            NodeEvent::Added { tx, .. } => format!("A{}", name(tx.txid())),
            NodeEvent::Removed { txid, .. } => format!("R{}", name(*txid)),
            NodeEvent::Connected(block) => format!("C{}", block.height),
            NodeEvent::Disconnected(block) => format!("D{}", block.height),
            NodeEvent::Tip { block, initial_download: false } => format!("T{}", block.height),
            NodeEvent::Tip { block, initial_download: true } => format!("I{}", block.height),
            NodeEvent::Gap { lost } => panic!("{lost} events lost"),
        })
        .collect();
    words.join(" ")
}

fn subscribe(chain: &ChainHandle) -> NodeEvents {
    chain.mempool().read().unwrap().subscribe_node()
}

#[test]
fn blocks_and_transactions_are_told_in_the_order_of_cores_signals() {
    let (folder, params) = (tempfile::tempdir().unwrap(), Arc::new(testkit::params(3)));
    let chain = open(folder.path(), &params, true);
    let mut branch = Branch::new(params, 11);
    (0..10).for_each(|_| submit(&chain, &plain(&mut branch)));
    let mut events = subscribe(&chain);
    submit(&chain, &plain(&mut branch));
    assert_eq!(story(&mut events, &[]), "C11 T11");
    let coins = branch.spendable();
    let [cheap, better] = [1, 3].map(|fees| payment(&coins[0], Lock::P2wpkh(1), fees));
    let [waiting, rival] = [1, 2].map(|lock| payment(&coins[1], Lock::P2wpkh(lock), 1));
    let txs = [&cheap, &better, &waiting, &rival];
    txs[..3].iter().for_each(|tx| accept(&chain, tx));
    assert_eq!(
        story(&mut events, &txs),
        "A0 R0 A1 A2",
        "a replacement comes after what it replaces has gone"
    );
    // What a block has leaves without a word; what contradicts it does not.
    let mut other = branch.fork(12);
    submit(&chain, &branch.mine_with(vec![better.clone(), rival.clone()], Lock::P2wpkh(0)));
    assert_eq!(story(&mut events, &txs), "R2 C12 T12");
    // Another branch: what the first had is back before the blocks of the second are told of, and one of them is new.
    submit(&chain, &plain(&mut other));
    assert_eq!(story(&mut events, &txs), "");
    submit(&chain, &plain(&mut other));
    assert_eq!(story(&mut events, &txs), "D12 A1 A3 C12 C13 T13");
    // Both come back into the first branch's block when the other is declared invalid.
    let twelve = other.blocks[11].hash();
    chain.query_blocking(move |chain| chain.invalidate(twelve)).unwrap();
    assert_eq!(story(&mut events, &txs), "D13 D12 C12 T12");
    // Where nothing comes in its place there is no new tip.
    let eleven = branch.blocks[10].hash();
    chain.query_blocking(move |chain| chain.invalidate(eleven)).unwrap();
    let left = story(&mut events, &txs);
    assert!(left.starts_with("D12 A1 A3 D11") && !left.contains(['C', 'T']), "{left}");
    chain.query_blocking(move |chain| chain.reconsider(twelve)).unwrap();
    let back = story(&mut events, &txs);
    assert!(back.ends_with("C11 T11 C12 T12 C13 T13"), "{back}");
}

#[test]
fn long_changes_of_branches_tell_of_blocks_step_by_step() {
    let (folder, params) = (tempfile::tempdir().unwrap(), Arc::new(testkit::params(3)));
    let chain = open(folder.path(), &params, false);
    let mut loser = Branch::new(params, 13);
    submit(&chain, &plain(&mut loser));
    let mut winner = loser.fork(14);
    (0..40).for_each(|_| submit(&chain, &plain(&mut loser)));
    (0..40).for_each(|_| submit(&chain, &plain(&mut winner)));
    let mut events = subscribe(&chain);
    submit(&chain, &plain(&mut winner));
    let down = (2..=41).rev().map(|height| format!("D{height}"));
    let up = (2..=42).map(|height| format!("C{height}"));
    // The node has not caught up yet.
    let expected: Vec<String> = down.chain(up).chain(["I42".into()]).collect();
    assert_eq!(story(&mut events, &[]), expected.join(" "));
}

/// Everything that waits: topic, body and counter.
fn drain(subscriber: &Subscriber) -> Vec<(String, Vec<u8>, u32)> {
    let mut messages = vec![];
    while let Some(Next::Message(message)) = subscriber.pop() {
        let mut rest = message.bytes();
        let mut parts = vec![];
        while let Some((flags, after)) = rest.split_first() {
            let (len, after) = match flags & 2 {
                0 => (u64::from(after[0]), &after[1..]),
                _ => (u64::from_be_bytes(*after.first_chunk().unwrap()), &after[8..]),
            };
            let (part, after) = after.split_at(len as usize);
            parts.push(part);
            rest = after;
        }
        let [topic, body, count] = parts[..] else { panic!("{} parts", parts.len()) };
        let count = u32::from_le_bytes(count.try_into().unwrap());
        messages.push((String::from_utf8(topic.to_vec()).unwrap(), body.to_vec(), count));
    }
    messages
}

fn reversed(hash: [u8; 32]) -> Vec<u8> {
    hash.into_iter().rev().collect()
}

#[test]
fn each_event_is_published_as_core_publishes_it() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (folder, params) = (tempfile::tempdir().unwrap(), Arc::new(testkit::params(3)));
    let chain = open(folder.path(), &params, true);
    let mut branch = Branch::new(params, 15);
    (0..8).for_each(|_| submit(&chain, &plain(&mut branch)));
    let tx = payment(&branch.spendable()[0], Lock::P2wpkh(1), 1);
    let block = branch.mine_with(vec![tx.clone()], Lock::P2wpkh(0));
    submit(&chain, &block);
    let at = chain.snapshot().tip().at_ref();

    let totals = Arc::<Totals>::default();
    let publisher = Arc::new(Publisher::new(100, &totals, usize::MAX));
    // The sequence twice: each has a counter of its own.
    let topics = Topic::ALL.into_iter().chain([Topic::Sequence]);
    let all = topics.map(|topic| (topic, publisher.clone())).collect();
    let mut notifiers = Notifiers::new(chain, all);
    let mut tell = |event| runtime.block_on(notifiers.tell(&event));
    let (hash, txid) = (reversed(block.hash().0), reversed(tx.txid().0));
    let coinbase = &block.transactions[0];

    // Nobody hears these, and they count all the same.
    tell(NodeEvent::Connected(at));
    tell(NodeEvent::Tip { block: at, initial_download: false });
    tell(NodeEvent::Added { sequence: 1, tx: tx.clone() });
    let member = publisher.join();
    member.subscriber.subscribe(b"");
    let mut expect = |event, expected: Vec<(&str, Vec<u8>, u32)>| {
        tell(event);
        let expected: Vec<_> = expected.into_iter().map(|(topic, body, n)| (topic.into(), body, n)).collect();
        assert_eq!(drain(&member.subscriber), expected);
    };
    let sequence = |letter: &[u8]| [&hash, letter].concat();
    let mempool = |letter: &[u8]| [&txid, letter, &[2, 1, 0, 0, 0, 0, 0, 0]].concat();
    let of_block = |letter: &[u8], tx_count, count| {
        vec![
            ("hashtx", reversed(coinbase.txid().0), tx_count),
            ("rawtx", coinbase.to_bytes(), tx_count),
            ("hashtx", txid.clone(), tx_count + 1),
            ("rawtx", tx.to_bytes(), tx_count + 1),
            ("sequence", sequence(letter), count),
            ("sequence", sequence(letter), count),
        ]
    };
    expect(
        NodeEvent::Added { sequence: 258, tx: tx.clone() },
        vec![
            ("hashtx", txid.clone(), 3),
            ("rawtx", tx.to_bytes(), 3),
            ("sequence", mempool(b"A"), 2),
            ("sequence", mempool(b"A"), 2),
        ],
    );
    expect(
        NodeEvent::Removed { sequence: 258, txid: tx.txid() },
        vec![("sequence", mempool(b"R"), 3), ("sequence", mempool(b"R"), 3)],
    );
    expect(NodeEvent::Disconnected(at), of_block(b"D", 4, 4));
    expect(NodeEvent::Connected(at), of_block(b"C", 6, 5));
    let tip = |initial_download| NodeEvent::Tip { block: at, initial_download };
    expect(tip(true), vec![]);
    expect(tip(false), vec![("hashblock", hash.clone(), 1), ("rawblock", block.to_bytes(), 1)]);
    // What is lost leaves a hole in every count.
    expect(NodeEvent::Gap { lost: 10 }, vec![]);
    expect(tip(false), vec![("hashblock", hash.clone(), 12), ("rawblock", block.to_bytes(), 12)]);
    expect(NodeEvent::Gap { lost: u64::from(u32::MAX) - 12 }, vec![]);
    expect(tip(false), vec![("hashblock", hash.clone(), 0), ("rawblock", block.to_bytes(), 0)]);
}
