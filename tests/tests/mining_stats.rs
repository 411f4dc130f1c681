//! Two miners on two nodes of `chaincore`, and what the SQL mirror of one of them says of who mined what.

use chaincore_postgres::{Database, Options, Server};
use chaincore_tests::node::{TestNode, binary};
use serde_json::{Value, json};
use std::process::Command;

const ALICE: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
const BOB: &str = "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4";

/// Lets `chaincore-miner` find blocks; the last one.
fn mine(node: &TestNode, wallet: &str, worker: &str, blocks: u32, login: bool) -> Value {
    let mut command = Command::new(binary("chaincore-miner"));
    command.args(["--threads", "1", "--quiet", "--wallet", wallet, "--worker", worker, "--node", node.url()]);
    command.args(["--blocks", &blocks.to_string()]);
    if login {
        command.arg("--cookie").arg(node.chain_dir().join(".cookie"));
    }
    let output = command.output().expect("the miner can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    best(node)
}

fn best(node: &TestNode) -> Value {
    node.rpc("getbestblockhash", json!([]))
}

fn agree(nodes: &[&TestNode], tip: &Value) {
    for node in nodes {
        node.wait_until(&format!("it has {tip}"), |node| best(node) == *tip);
    }
}

fn wait_for(node: &TestNode, database: &Database, what: &str, wanted: &str) {
    node.wait_until(&format!("{what} is {wanted}"), |_| {
        database.sql(what).is_ok_and(|said| said.trim() == wanted)
    });
}

#[test]
fn blocks_are_their_miners() {
    let server = Server::start(Options::fast());
    let database = server.database("miners");
    let mirror = format!("-mirror={}", database.url);
    let lonely = ["-connect=0", "-listen=1", "-bind=127.0.0.1"];
    let one = TestNode::start(&[&lonely[..], &[&mirror]].concat());
    let two = TestNode::start(&lonely);
    let meet = || {
        two.rpc("addnode", json!([one.p2p_address().to_string(), "onetry"]));
        two.wait_until("they have met", |node| node.rpc("getconnectioncount", json!([])) == 1);
    };
    meet();
    // One is known by what she writes, the other by where his rewards go.
    wait_for(&one, &database, "SELECT seeded FROM chaincore.sync_state", "t");
    let rules = format!(
        "INSERT INTO chaincore.pools (pool_id, name) VALUES (1001, 'alice'), (1002, 'bob');
         INSERT INTO chaincore.pool_rules (version, pool_id, pattern, address)
         VALUES (chaincore.pool_rules_version() + 1, 1001, '/chaincore-miner/alice/', NULL),
            (chaincore.pool_rules_version() + 1, 1002, NULL, '{BOB}')"
    );
    database.sql(&rules).expect("rules can be added");

    agree(&[&two], &mine(&one, ALICE, "alice", 3, false));
    agree(&[&one], &mine(&two, BOB, "rig", 2, true));
    agree(&[&two], &mine(&one, ALICE, "alice", 2, true));
    // A block that somebody else's make stale.
    two.rpc("setnetworkactive", json!([false]));
    one.wait_until("they have parted", |node| node.rpc("getconnectioncount", json!([])) == 0);
    let lost = mine(&one, ALICE, "alice", 1, false);
    // The mirror takes in what a crash cannot take back; this makes it so now.
    one.rpc("preciousblock", json!([lost]));
    let at = "SELECT encode(tip_hash, 'hex') FROM chaincore.sync_state";
    wait_for(&one, &database, at, lost.as_str().expect("a hash"));
    let longer = mine(&two, BOB, "rig", 3, false);
    two.rpc("setnetworkactive", json!([true]));
    meet();
    agree(&[&one], &longer);
    let tip = mine(&one, ALICE, "alice", 1, false);
    agree(&[&two], &tip);
    one.rpc("preciousblock", json!([tip]));
    wait_for(&one, &database, at, tip.as_str().expect("a hash"));

    // What is told of the miners of a node is told by its own mirror: here of alice, whose lost block was the tip too.
    let stats = "SELECT string_agg(concat_ws(' ', pool, blocks, stale_blocks, accepted, earned), ', ' ORDER BY pool) FROM (
             SELECT pool, sum(blocks) AS blocks, sum(stale_blocks) AS stale_blocks, sum(local_accepted) AS accepted,
                sum(fees + subsidy) AS earned
             FROM chaincore.mining_stats WHERE pool IN ('alice', 'bob') GROUP BY pool
         ) AS sums";
    wait_for(&one, &database, stats, "alice 6 1 7 30000000000, bob 5 0 0 25000000000");
    let others = "SELECT count(*) FROM chaincore.blocks WHERE height > 0 AND pool_id IS NULL";
    wait_for(&one, &database, others, "0");
}
