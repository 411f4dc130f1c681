//! Nodes in a line, a star and a ring agree on one chain: after each has mined for itself, after a partition, and over
//! lines that are slow and break. A node that comes late gets the chain from several others.

use bitcoin::{Address, Network, ScriptBuf};
use chaincore_tests::{Proxy, TestNode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const ARGS: [&str; 4] = ["-regtest", "-bind=127.0.0.1", "-listen=1", "-debug=net"];

/// Nodes and the lines between them.
struct Mesh {
    nodes: Vec<TestNode>,
    lines: Vec<(usize, usize, Proxy)>,
}

impl Mesh {
    /// Nodes whose lines are cut. The second node of each edge calls the first.
    fn new(size: usize, edges: &[(usize, usize)]) -> Self {
        let mut mesh = Self { nodes: vec![], lines: vec![] };
        for at in 0..size {
            for (called, caller) in edges.iter().filter(|(_, caller)| *caller == at) {
                let called_at = mesh.nodes[*called].p2p_address();
                mesh.lines.push((*called, *caller, Proxy::new(called_at)));
            }
            let calls: Vec<String> = mesh
                .lines
                .iter()
                .filter(|(_, caller, _)| *caller == at)
                .map(|(.., line)| format!("-connect={}", line.address()))
                .collect();
            let mut args = ARGS.to_vec();
            args.extend(calls.iter().map(String::as_str));
            if calls.is_empty() {
                args.push("-connect=0");
            }
            mesh.nodes.push(TestNode::start(&args));
        }
        mesh
    }

    fn heal(&self) {
        self.lines.iter().for_each(|(.., line)| line.heal());
    }

    /// Cuts every line between one side and the other.
    fn cut_off(&self, side: &[usize]) {
        for (a, b, line) in &self.lines {
            if side.contains(a) != side.contains(b) {
                line.cut();
            }
        }
    }

    /// Lets a node mine; the last block.
    fn mine(&self, at: usize, count: usize) -> Value {
        mine(&self.nodes[at], at, count)
    }

    fn wait_for_tip(&self, at: &[usize], tip: &Value) {
        for at in at {
            let node = &self.nodes[*at];
            node.wait_until(&format!("node {at} has {tip}"), |node| best(node) == *tip);
        }
    }
}

fn best(node: &TestNode) -> Value {
    node.rpc("getbestblockhash", json!([]))
}

/// Mines to an address that no other node mines to, so that no two nodes find the same block.
fn mine(node: &TestNode, who: usize, count: usize) -> Value {
    let script = ScriptBuf::from_bytes(vec![0x51, u8::try_from(who).expect("few nodes")]);
    let address = Address::p2wsh(&script, Network::Regtest).to_string();
    let hashes = node.rpc("generatetoaddress", json!([count, address]));
    hashes[count - 1].clone()
}

/// Everyone mines alone, then all are joined; then the network falls in two sides that both mine, and heals.
fn converges(edges: &[(usize, usize)], side: &[usize]) {
    let mesh = Mesh::new(5, edges);
    let everyone: Vec<usize> = (0..5).collect();
    let rest: Vec<usize> = everyone.iter().copied().filter(|at| !side.contains(at)).collect();
    let tips: Vec<Value> = everyone.iter().map(|at| mesh.mine(*at, 1 + 2 * ((at + 2) % 5))).collect();
    assert_eq!(tips.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(), 5, "five chains");
    mesh.heal();
    // Node 2 has mined the most.
    mesh.wait_for_tip(&everyone, &tips[2]);

    // A block from the end of the network reaches the other end.
    let tip = mesh.mine(4, 1);
    mesh.wait_for_tip(&everyone, &tip);

    mesh.cut_off(side);
    let (few, many) = (mesh.mine(side[0], 3), mesh.mine(rest[0], 6));
    // The sides may be in pieces themselves, as a star without its centre is.
    let is_joined = |side: &[usize]| {
        edges.iter().filter(|(a, b)| side.contains(a) && side.contains(b)).count() + 1 >= side.len()
    };
    for (part, tip) in [(side, &few), (&rest[..], &many)] {
        mesh.wait_for_tip(if is_joined(part) { part } else { &part[..1] }, tip);
    }
    assert_eq!(best(&mesh.nodes[side[0]]), few, "nothing comes through a cut line");
    mesh.heal();
    mesh.wait_for_tip(&everyone, &many);
    let tips = mesh.nodes[side[0]].rpc("getchaintips", json!([]));
    let branch = |tip: &Value| tip["hash"] == few && tip["branchlen"] == 3 && tip["status"] == "valid-fork";
    assert!(tips.as_array().is_some_and(|tips| tips.iter().any(branch)), "{tips}");
}

#[test]
fn a_line() {
    converges(&[(0, 1), (1, 2), (2, 3), (3, 4)], &[0, 1]);
}

#[test]
fn a_star() {
    converges(&[(0, 1), (0, 2), (0, 3), (0, 4)], &[3, 4]);
}

#[test]
fn a_ring() {
    converges(&[(0, 1), (1, 2), (2, 3), (3, 4), (0, 4)], &[1, 2]);
}

#[test]
fn lines_that_are_slow_and_break() {
    let mesh = Mesh::new(3, &[(0, 1), (1, 2), (0, 2)]);
    for (.., line) in &mesh.lines {
        line.delay(Duration::from_millis(30));
        line.reset_every(25);
        line.heal();
    }
    for round in 0..8 {
        // Two nodes mine at once. The second has more work, whether it has heard of the first one's block or not.
        mesh.mine(round % 3, 1);
        let tip = mesh.mine((round + 1) % 3, 2);
        mesh.wait_for_tip(&[0, 1, 2], &tip);
    }
    assert!(mesh.lines.iter().map(|(.., line)| line.passed()).sum::<u64>() > 75, "lines have broken");
}

fn connections(node: &TestNode) -> u64 {
    node.rpc("getconnectioncount", json!([])).as_u64().expect("a number")
}

#[test]
fn a_partition_made_by_the_operators() {
    let nodes: Vec<TestNode> =
        (0..4).map(|_| TestNode::start(&[&ARGS[..], &["-connect=0"]].concat())).collect();
    let call = |from: usize, to: usize| {
        nodes[from].rpc("addnode", json!([nodes[to].p2p_address().to_string(), "onetry"]));
    };
    for (at, node) in nodes.iter().enumerate().skip(1) {
        mine(node, at, 1);
        call(at, at - 1);
    }
    for (node, count) in nodes.iter().zip([1, 2, 2, 1]) {
        node.wait_until("all are connected", |node| connections(node) == count);
    }
    let everyone = |tip: &Value| {
        for node in &nodes {
            node.wait_until(&format!("it has {tip}"), |node| best(node) == *tip);
        }
    };
    everyone(&mine(&nodes[0], 0, 4));

    // One end of a connection is told to hang up.
    nodes[2].rpc("disconnectnode", json!([nodes[1].p2p_address().to_string()]));
    nodes[1].wait_until("node 2 has hung up", |node| connections(node) == 1);
    let (few, many) = (mine(&nodes[0], 0, 1), mine(&nodes[3], 3, 3));
    for (at, tip) in [(1, &few), (2, &many)] {
        nodes[at].wait_until("its side has the block", |node| best(node) == *tip);
    }
    call(1, 2);
    everyone(&many);

    // A node leaves the network, and comes back.
    nodes[3].rpc("setnetworkactive", json!([false]));
    nodes[2].wait_until("node 3 has left", |node| connections(node) == 1);
    let (alone, all) = (mine(&nodes[3], 3, 2), mine(&nodes[0], 0, 5));
    nodes[2].wait_until("the others agree", |node| best(node) == all);
    assert_eq!(best(&nodes[3]), alone);
    nodes[3].rpc("setnetworkactive", json!([true]));
    call(3, 0);
    everyone(&all);
}

fn copy_chain(from: &Path, to: &Path) {
    let folder = to.join("regtest");
    std::fs::create_dir(&folder).expect("a new folder");
    for part in ["blocks", "chainstate", "indexes"] {
        let part = from.join("regtest").join(part);
        let status = std::process::Command::new("cp").arg("-r").arg(part).arg(&folder).status();
        assert!(status.expect("cp can be run").success());
    }
}

#[test]
fn a_late_node_gets_5000_blocks_from_several_peers() {
    let mut seeds = vec![TestNode::start(&[&ARGS[..], &["-connect=0"]].concat())];
    let tip = mine(&seeds[0], 0, 5000);
    assert_eq!(seeds[0].stop(), Some(0));
    let folders: Vec<_> = (0..2).map(|_| tempfile::tempdir().expect("a folder")).collect();
    for folder in &folders {
        copy_chain(seeds[0].datadir(), folder.path());
    }
    seeds[0].launch();
    for folder in &folders {
        seeds.push(TestNode::start_in(folder.path(), &[&ARGS[..], &["-connect=0"]].concat()));
    }
    let calls: Vec<String> = seeds.iter().map(|seed| format!("-connect={}", seed.p2p_address())).collect();
    let mut args = ARGS.to_vec();
    args.extend(calls.iter().map(String::as_str));
    let late = TestNode::start(&args);
    late.wait_until("the late node has the chain", |node| best(node) == tip);
    assert_eq!(late.rpc("getblockcount", json!([])), 5000);
    for peer in late.rpc("getpeerinfo", json!([])).as_array().expect("peers") {
        let bytes = peer["bytesrecv_per_msg"]["block"].as_u64();
        assert!(bytes.is_some_and(|bytes| bytes > 20_000), "no peer was left out: {peer}");
        assert_eq!(peer["connection_type"], "manual");
    }
    let log = late.log();
    let mut counts = [0; 3];
    for line in log.lines().filter(|line| line.contains(" received block ")) {
        let peer: usize = line.rsplit_once("peer=").expect("a peer").1.parse().expect("a number");
        counts[peer] += 1;
    }
    assert_eq!(counts.iter().sum::<usize>(), 5000, "each block came once: {counts:?}");
    assert!(counts.iter().all(|count| *count >= 100), "no peer was left out: {counts:?}");
    println!("blocks by peer: {counts:?}");
}
