//! A node that is attacked, and an honest one that it is connected to all the time.

#![allow(clippy::print_stdout, reason = "tests say what they measured")]

use crate::{Peer, TestNode, mining, resident};
use bitcoin::{Block, BlockHash, Transaction};
use serde_json::json;
use std::net::SocketAddr;

/// Where the honest node mines to.
const ADDRESS: &str = "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z";

/// The two nodes.
pub struct Pair {
    /// The node under attack, which has called the honest one.
    pub victim: TestNode,
    /// The other.
    pub honest: TestNode,
    before: u64,
}

/// The end of a chain.
#[derive(Debug, Clone, Copy)]
pub struct Tip {
    /// The last block.
    pub hash: BlockHash,
    /// Its height.
    pub height: u32,
    /// Its time, in seconds since 1970.
    pub time: u32,
}

impl Pair {
    /// Both nodes with a chain of `blocks`. The arguments are for the victim.
    pub fn start(blocks: u32, args: &[&str]) -> Self {
        let honest =
            TestNode::start(&["-regtest", "-bind=127.0.0.1", "-listen=1", "-connect=0", "-debug=net"]);
        honest.rpc("generatetoaddress", json!([blocks, ADDRESS]));
        let call = format!("-connect={}", honest.p2p_address());
        let more = ["-regtest", "-bind=127.0.0.1", "-listen=1", "-debug=net", &call];
        let victim = TestNode::start(&[&more[..], args].concat());
        let mut pair = Self { victim, honest, before: 0 };
        pair.wait_for_the_same_tip();
        pair.before = resident(pair.victim.pid());
        pair
    }

    /// Where the victim listens.
    pub fn address(&self) -> SocketAddr {
        self.victim.p2p_address()
    }

    /// A peer of the victim that has said hello.
    pub fn attacker(&self) -> Peer {
        Peer::greet(self.address())
    }

    fn wait_for_the_same_tip(&self) {
        let best = |node: &TestNode| node.rpc("getbestblockhash", json!([]));
        // Either may be ahead.
        self.victim.wait_until("both have the same tip", |victim| best(victim) == best(&self.honest));
    }

    /// The honest node finds a block, and the victim gets it.
    pub fn goes_on(&self) {
        // The honest node may still be getting a block that somebody gave to the victim.
        self.wait_for_the_same_tip();
        self.honest.rpc("generatetoaddress", json!([1, ADDRESS]));
        self.wait_for_the_same_tip();
    }

    /// Fails if the victim has taken more than so many bytes since the start.
    pub fn has_grown_by_less_than(&self, bytes: u64, what: &str) {
        let grown = resident(self.victim.pid()).saturating_sub(self.before);
        #[allow(clippy::print_stdout, reason = "a test tells what it measured")]
        {
            println!("{what}: {:.1} MB more memory", grown as f64 / 1e6);
        }
        assert!(grown < bytes, "{what}: {grown} bytes more memory, which is not less than {bytes}");
    }

    /// Waits until the victim's log says something.
    pub fn wait_for_log(&self, text: &str) {
        self.victim.wait_until(&format!("the log says '{text}'"), |node| node.log().contains(text));
    }

    /// The end of the victim's chain.
    pub fn tip(&self) -> Tip {
        let hash = self.victim.rpc("getbestblockhash", json!([]));
        let header = self.victim.rpc("getblockheader", json!([hash]));
        let number = |key: &str| u32::try_from(header[key].as_u64().expect("a number")).expect("a small one");
        let hash = hash.as_str().expect("a hash").parse().expect("a hash");
        Tip { hash, height: number("height"), time: number("time") }
    }

    /// A block on the victim's tip.
    pub fn next_block(&self, ballast: usize, more: Vec<Transaction>) -> Block {
        let tip = self.tip();
        mining::block(tip.hash, tip.height + 1, tip.time + 1, ballast, more)
    }
}
