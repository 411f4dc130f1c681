//! `kill -9` at random moments of connects, reorgs and flushes of a chain with real spends: after each restart the
//! coins are those of a node that was never killed, and no block that was acknowledged is forgotten.

use chaincore_consensus::codec::Encode;
use chaincore_consensus::{Block, hex};
use chaincore_tests::TestNode;
use chaincore_tests::maker::{Maker, Mix};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::time::Duration;

/// How many kills; `CHAINCORE_KILLS` changes it.
const KILLS: u32 = 200;
const ARGS: [&str; 4] = ["-regtest", "-dbcache=4", "-txindex=1", "-flushblocks=9"];
const MIX: Mix = Mix { inputs: 24, fan: 10 };

/// Two branches that overtake each other again and again, in the order in which a node is to hear of the blocks.
fn schedule() -> Vec<Block> {
    let mut trunk = Maker::regtest(5);
    let mut blocks: Vec<Block> = (0..125).map(|_| trunk.next_block(MIX)).collect();
    let mut branches = [trunk.clone(), trunk];
    branches[1].diverge(1);
    // Each turn takes a branch past the other, so each turn is a reorg: of 6, 12, 18, ... blocks.
    for turn in 0..10 {
        let steps = if turn == 0 { 6 } else { 12 };
        blocks.extend((0..steps).map(|_| branches[turn % 2].next_block(MIX)));
    }
    blocks
}

fn submit(node: &TestNode, block: &Block) -> Result<Value, chaincore_tests::RpcFailure> {
    node.try_rpc("submitblock", json!([hex::encode(&block.to_bytes())]))
}

fn best(node: &TestNode) -> String {
    node.rpc("getbestblockhash", json!([])).as_str().expect("a hash").to_string()
}

fn muhash(node: &TestNode) -> String {
    let info = node.rpc("gettxoutsetinfo", json!(["muhash"]));
    info["muhash"].as_str().expect("a hash").to_string()
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

#[test]
fn no_kill_loses_anything() {
    let kills: u32 =
        std::env::var("CHAINCORE_KILLS").map_or(KILLS, |n| n.parse().expect("CHAINCORE_KILLS: a number"));
    let blocks = schedule();
    // A node that is never killed says what is right: the tip after each block and the coins of each tip.
    let mut tips = Vec::new();
    let mut coins: HashMap<String, String> = HashMap::new();
    let mut reorgs = 0;
    {
        let mut node = TestNode::start(&ARGS);
        coins.insert(best(&node), muhash(&node));
        tips.push(best(&node));
        for block in &blocks {
            let answer = submit(&node, block).expect("the node answers");
            assert!(answer.is_null() || answer == "inconclusive", "{answer}");
            let tip = best(&node);
            coins.entry(tip.clone()).or_insert_with(|| muhash(&node));
            reorgs += u32::from(
                tip == block.hash().to_string() && block.header.previous.to_string() != tips[tips.len() - 1],
            );
            tips.push(tip);
        }
        assert_eq!(reorgs, 9, "the schedule reorganizes at each turn");
        // ... and a rebuild of its coins from the blocks alone gives the same.
        let (tip, before) = (best(&node), muhash(&node));
        assert_eq!(node.stop(), Some(0));
        let rebuilt = TestNode::start_in(node.datadir(), &["-regtest", "-reindex-chainstate"]);
        rebuilt.wait_until("the coins are rebuilt", |node| best(node) == tip);
        assert_eq!(muhash(&rebuilt), before);
    }
    let mut random = Random(7);
    let mut folder = tempfile::tempdir().expect("a folder");
    let mut known = 0;
    let mut passes = 0;
    for kill in 0..kills {
        let mut node = TestNode::start_in(folder.path(), &ARGS);
        let tip = best(&node);
        let held = (known..=(known + 1).min(blocks.len())).find(|at| tips[*at] == tip);
        let held = held.unwrap_or_else(|| {
            panic!(
                "kill {kill}: {known} blocks were acknowledged, so the tip should be {}, not {tip}",
                tips[known]
            )
        });
        assert_eq!(muhash(&node), coins[&tip], "kill {kill}: coins at {tip}");
        known = held;
        if known == blocks.len() {
            drop(node);
            folder = tempfile::tempdir().expect("a folder");
            known = 0;
            passes += 1;
            continue;
        }
        let killer = {
            let pid = node.pid();
            let delay = Duration::from_micros(random.below(400_000));
            std::thread::spawn(move || {
                std::thread::sleep(delay);
                let status = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status();
                assert!(status.expect("kill can be run").success());
            })
        };
        // Sometimes the kill comes while the node stops and flushes.
        let stop_at = random.below(3).eq(&0).then(|| known + random.below(12) as usize);
        while known < blocks.len() {
            if stop_at == Some(known) {
                let _ = node.try_rpc("stop", json!([]));
                break;
            }
            match submit(&node, &blocks[known]) {
                Ok(answer) => {
                    assert!(
                        answer.is_null() || answer == "inconclusive" || answer == "duplicate",
                        "{answer}"
                    );
                    known += 1;
                }
                Err(_) => break,
            }
        }
        killer.join().expect("the killer ran");
        node.reap();
    }
    println!("{kills} kills, {passes} times through a chain of {} blocks with {reorgs} reorgs", blocks.len());
}
