//! More than a node could keep: transactions, announcements, addresses, questions and connections.

use crate::MB;
use crate::made_up::{addresses, inventory, orphan};
use bitcoin::Txid;
use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash;
use bitcoin::p2p::message::NetworkMessage;
use bitcoin::p2p::message_blockdata::Inventory;
use chaincore_tests::{Pair, Peer};
use serde_json::{Value, json};

#[test]
fn ten_thousand_orphans() {
    let pair = Pair::start(3, &[]);
    let mut peer = pair.attacker();
    for n in 0..10_000 {
        peer.send(NetworkMessage::Tx(orphan(n, 100)));
        if n % 500 == 0 {
            peer.sync();
        }
    }
    peer.sync();
    pair.goes_on();
    // Large ones: 60 MB.
    for n in 10_000..10_600 {
        peer.send(NetworkMessage::Tx(orphan(n, 99_000)));
        peer.sync();
    }
    pair.goes_on();
    pair.has_grown_by_less_than(60 * MB, "10,600 orphans");
    assert_eq!(pair.victim.rpc("getrawmempool", json!([])), json!([]));
    let orphans = pair.victim.rpc("getorphantxs", json!([]));
    let count = orphans.as_array().map_or(0, Vec::len);
    assert!((1..=3000).contains(&count), "{count} orphans are kept");
}

#[test]
fn announcements_and_addresses_without_end() {
    let pair = Pair::start(3, &[]);
    let mut peer = pair.attacker();
    for round in 0..20u32 {
        let mut items = inventory(50_000);
        for item in &mut items {
            if let Inventory::Transaction(txid) = item {
                let mut hash = txid.to_byte_array();
                hash[8..12].copy_from_slice(&round.to_le_bytes());
                *item = Inventory::Transaction(Txid::from_byte_array(hash));
            }
        }
        peer.send(NetworkMessage::Inv(items));
        peer.sync();
        if round % 10 == 0 {
            pair.goes_on();
        }
    }
    pair.has_grown_by_less_than(40 * MB, "1,000,000 announced transactions");
    for round in 0..100 {
        peer.send(NetworkMessage::Addr(addresses(1000, round * 1000)));
    }
    peer.sync();
    pair.goes_on();
    pair.has_grown_by_less_than(60 * MB, "100,000 addresses");
    if let Ok(Value::Array(known)) = pair.victim.try_rpc("getnodeaddresses", json!([0])) {
        assert!(
            known.len() <= 1100,
            "a peer may send 1000 addresses at once and one in 10 s: {}",
            known.len()
        );
    }
}

#[test]
fn questions_whose_answers_nobody_reads() {
    let pair = Pair::start(3, &[]);
    let big = pair.next_block(900_000, vec![]);
    let hex: String = serialize(&big).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(pair.honest.rpc("submitblock", json!([hex])), Value::Null);
    let best = json!(big.block_hash().to_string());
    pair.victim.wait_until("it has the big block", |node| node.rpc("getbestblockhash", json!([])) == best);
    let mut deaf: Vec<Peer> = (0..5).map(|_| pair.attacker()).collect();
    for peer in &mut deaf {
        // 9 GB of answers.
        for _ in 0..200 {
            let question = vec![Inventory::WitnessBlock(big.block_hash()); 10];
            peer.send(NetworkMessage::GetData(question));
        }
    }
    pair.goes_on();
    pair.goes_on();
    pair.has_grown_by_less_than(60 * MB, "9 GB asked for by 5 peers that do not read");
    // Whoever begins to read gets what it asked for.
    let listener = &mut deaf[0];
    for _ in 0..20 {
        let block = listener.wait_for("a block", |message| match message {
            NetworkMessage::Block(block) => Some(block.block_hash()),
            _ => None,
        });
        assert_eq!(block, big.block_hash());
    }
    drop(deaf);
    pair.goes_on();
}

#[test]
fn peers_that_come_and_go() {
    let pair = Pair::start(3, &[]);
    for round in 0..4 {
        for _ in 0..250 {
            let mut peer = pair.attacker();
            peer.send(NetworkMessage::Tx(orphan(round, 100)));
            peer.sync();
        }
        pair.goes_on();
        pair.has_grown_by_less_than(12 * MB, &format!("{} peers that came and went", 250 * (round + 1)));
    }
    pair.victim.wait_until("all are gone", |node| node.rpc("getconnectioncount", json!([])) == 1);
}
