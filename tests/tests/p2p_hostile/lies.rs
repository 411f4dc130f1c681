//! False headers and blocks.

use crate::{MB, now};
use bitcoin::hashes::Hash;
use bitcoin::p2p::message::NetworkMessage;
use bitcoin::{Amount, BlockHash, TxMerkleNode};
use chaincore_tests::{Pair, mining};

#[test]
fn false_headers_and_blocks() {
    let pair = Pair::start(10, &["-debug=validation"]);
    let tip = pair.tip();
    let dropped = |message: NetworkMessage, why: &str| {
        let mut liar = pair.attacker();
        liar.send(message);
        liar.wait_closed();
        pair.wait_for_log(why);
        pair.goes_on();
    };

    // Headers.
    let good = mining::headers(tip.hash, tip.time, 3, 1);
    let mut spoiled = good.clone();
    mining::spoil(&mut spoiled[2]);
    dropped(NetworkMessage::Headers(spoiled), "header with invalid proof of work");
    dropped(NetworkMessage::Headers(vec![good[0], good[2]]), "non-continuous headers sequence");
    let mut late = good[0];
    late.time = u32::try_from(now()).expect("before 2106") + 3 * 60 * 60;
    mining::solve(&mut late);
    let mut liar = pair.attacker();
    liar.send(NetworkMessage::Headers(vec![late]));
    assert!(liar.try_sync().is_some(), "a header of the future may come too early: Core drops nobody for it");
    let mut early = good[0];
    early.time = 1;
    mining::solve(&mut early);
    dropped(NetworkMessage::Headers(vec![early]), "invalid header received");

    // Blocks whose contents are not those of their header.
    let mut false_root = pair.next_block(0, vec![]);
    false_root.header.merkle_root = TxMerkleNode::all_zeros();
    mining::solve(&mut false_root.header);
    dropped(NetworkMessage::Block(false_root), "mutated block");
    let mut no_work = pair.next_block(0, vec![]);
    mining::spoil(&mut no_work.header);
    dropped(NetworkMessage::Block(no_work), "high-hash");

    // A block that breaks a rule, and one on top of it.
    let mut greedy = pair.next_block(0, vec![]);
    greedy.txdata[0].output[0].value = Amount::from_sat(50_0000_0001);
    greedy.header.merkle_root = greedy.compute_merkle_root().expect("a coinbase");
    mining::solve(&mut greedy.header);
    let above = mining::headers(greedy.block_hash(), greedy.header.time, 1, 0);
    dropped(NetworkMessage::Block(greedy), "bad-cb-amount");
    dropped(NetworkMessage::Headers(above), "has prev block invalid");

    // What only may be false is not punished: a header whose parent nobody knows.
    let mut honest = pair.attacker();
    honest.send(NetworkMessage::Headers(mining::headers(BlockHash::all_zeros(), tip.time, 1, 2)));
    let answer = honest.sync();
    assert!(answer.iter().any(|message| matches!(message, NetworkMessage::GetHeaders(_))), "{answer:?}");
    pair.has_grown_by_less_than(20 * MB, "false headers and blocks");
}
