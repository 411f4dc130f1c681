//! Chains whose work says nothing: long ones come in pieces, and headers without blocks are few.

use super::raw_peer::RawPeer;
use super::{Node, params, start_time, wait};
use crate::chain::Origin;
use crate::p2p::processing::HeaderLimits;
use crate::p2p::wire::Message;
use crate::testkit::Branch;
use chaincore_consensus::pow::check_proof_of_work;
use chaincore_consensus::{BlockHash, Hash256, Header};

/// A node that has a chain of so many blocks, and the time by then.
fn with_chain(blocks: u32) -> (Node, i64) {
    let node = Node::start(|_| {});
    let mut branch = Branch::new(params(), 11);
    let end = start_time() + 60 * i64::from(blocks);
    node.clock.set_mock(Some(end));
    for _ in 0..blocks {
        // Without coins: copying them would take longer than the blocks.
        branch.coins.clear();
        let block = branch.mine(0);
        assert!(node.chain.submit_block_blocking(block, Origin::Rpc).unwrap().is_accepted());
    }
    (node, end)
}

/// Headers of the test chain, each on the one before.
fn mine(from: BlockHash, start: u32, count: u32, salt: u8) -> Vec<Header> {
    let (mut previous, limit) = (from, params().pow_limit);
    (0..count)
        .map(|n| {
            let mut header = Header {
                version: 0x2000_0000,
                previous,
                merkle_root: Hash256([salt; 32]),
                time: params().genesis.header.time + start + n + 1,
                bits: params().genesis.header.bits,
                nonce: 0,
            };
            while !check_proof_of_work(&header.hash(), header.bits, limit) {
                header.nonce += 1;
            }
            previous = header.hash();
            header
        })
        .collect()
}

#[test]
fn a_long_chain_comes_in_pieces() {
    let (source, now) = with_chain(4_300);
    let limits = HeaderLimits { waiting: 5_000, lead: 100 };
    let node = Node::start_in(tempfile::tempdir().unwrap(), now, |options| options.headers_ahead = limits);
    node.call(&source);
    let mut most = 0;
    wait("the chain is there", || {
        let snapshot = node.chain.snapshot();
        most = most.max(snapshot.waiting_headers());
        snapshot.tip().hash() == source.chain.snapshot().tip().hash()
    });
    assert!(most > 0 && most <= 2_100, "{most} headers were ahead of blocks");
}

#[test]
fn headers_without_blocks_are_few_and_do_not_keep_the_honest_chain_out() {
    let (source, now) = with_chain(300);
    let limits = HeaderLimits { waiting: 6_000, lead: 3_000 };
    let node = Node::start_in(tempfile::tempdir().unwrap(), now, |options| options.headers_ahead = limits);
    let mut liars: Vec<RawPeer> = (0..3).map(|_| RawPeer::call(&node, false)).collect();
    let genesis = params().genesis.header.hash();
    for (salt, liar) in (1..).zip(&mut liars) {
        let (mut from, mut start) = (genesis, 0);
        for _ in 0..4 {
            let headers = mine(from, start, 2_000, salt);
            (from, start) = (headers[1_999].hash(), start + 2_000);
            liar.say(&Message::Headers(headers));
            liar.settle();
            let waiting = node.chain.snapshot().waiting_headers();
            assert!(waiting <= limits.waiting, "{waiting}");
        }
    }
    assert_eq!(node.chain.snapshot().tip().height(), 0);
    assert!(node.chain.snapshot().best_header().height() > 300, "the liars have more work");
    node.call(&source);
    let tip = source.chain.snapshot().tip().hash();
    wait("the honest chain is there", || node.chain.snapshot().tip().hash() == tip);
    liars.iter_mut().for_each(|liar| drop(liar.settle()));

    // What was forgotten is not in the store either, nor does anything there hang in the air.
    let waiting = node.chain.snapshot().waiting_headers();
    let folder = node.stop();
    let node = Node::start_in(folder, now, |options| options.headers_ahead = limits);
    assert_eq!(node.chain.snapshot().waiting_headers(), waiting);
    assert_eq!(node.chain.snapshot().tip().hash(), tip);
    // Now there is work to judge by, the tip's: headers that have less are not kept at all.
    let mut liar = RawPeer::call(&node, false);
    let headers = mine(genesis, 0, 150, 9);
    let last = headers[149].hash();
    liar.say(&Message::Headers(headers));
    liar.settle();
    assert_eq!(node.chain.snapshot().waiting_headers(), waiting);
    assert!(node.chain.entry(&last).is_none());
}
