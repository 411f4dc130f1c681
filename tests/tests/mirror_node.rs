//! The mirror as its users have it: `chaincored --mirror`, a PostgreSQL server, `chaincored mirror verify`. Nodes are
//! killed and servers fail; at the end the tables are the chain's, and the checks say so.

use bitcoin::{Amount, OutPoint};
use chaincore_postgres::{Database, Options, Server};
use chaincore_tests::mining::{address, spend};
use chaincore_tests::node::{TestNode, binary};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

fn mirrored(database: &Database) -> String {
    format!("-mirror={}", database.url)
}

fn sql(database: &Database, text: &str) -> String {
    database.sql(text).unwrap_or_else(|error| panic!("{error}\n{text}")).trim().to_owned()
}

fn plugin(node: &TestNode) -> Value {
    let plugins = node.rpc("listplugins", json!([]));
    let plugins = plugins.as_array().expect("a list").clone();
    plugins.into_iter().find(|plugin| plugin["id"] == "mirror").expect("the mirror is a plugin")
}

/// Waits until the tables end with the node's tip.
fn wait_level(node: &TestNode, database: &Database) {
    let tip = node.rpc("getbestblockhash", json!([]));
    let tip = tip.as_str().expect("a hash").to_owned();
    node.wait_until("the mirror is level", |_| {
        let at = database.sql(
            "SELECT encode(tip_hash, 'hex') FROM chaincore.sync_state WHERE seeded \
             AND NOT EXISTS (SELECT FROM chaincore.index_builds WHERE state <> 'done')",
        );
        at.is_ok_and(|at| at.trim() == tip)
    });
}

fn verify(datadir: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(binary("chaincored"));
    command.args(["mirror", "verify"]).args(more).arg("-regtest");
    command.arg(format!("-datadir={}", datadir.display()));
    command.output().expect("chaincored can be run")
}

/// The same for a node that runs, at a port that the system chose.
fn verify_running(node: &TestNode, more: &[&str]) -> Output {
    let port = node.url().trim_end_matches('/').rsplit(':').next().expect("a port").to_owned();
    verify(node.datadir(), &[more, &[&*format!("-rpcport={port}")]].concat())
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn assert_right(output: &Output) {
    assert_eq!(output.status.code(), Some(0), "{}", text(output));
    assert!(text(output).contains("The mirror is what the node has."), "{}", text(output));
}

/// Blocks to a script that no block before paid: with the same one the same block would come again that was made
/// invalid, or that was lost when the node was killed.
fn branch_off(node: &TestNode, blocks: u64) {
    static NUMBER: AtomicU32 = AtomicU32::new(1);
    let raw = format!("raw(04{:08x}87)", NUMBER.fetch_add(1, Ordering::Relaxed));
    let described = node.rpc("getdescriptorinfo", json!([raw]));
    node.rpc("generatetodescriptor", json!([blocks, described["descriptor"]]));
}

/// Blocks with spends in them.
fn work(node: &TestNode, blocks: u32) {
    branch_off(node, 1);
    let hashes = node.rpc("generatetoaddress", json!([blocks, address()]));
    let last = hashes.as_array().and_then(|hashes| hashes.last().cloned()).expect("a hash");
    assert!(last.is_string());
    // The oldest coinbase that can be spent now and was not.
    let height = node.rpc("getblockcount", json!([])).as_u64().expect("a height");
    for at in (1..height.saturating_sub(100)).rev().take(2) {
        let hash = node.rpc("getblockhash", json!([at]));
        let block = node.rpc("getblock", json!([hash, 2]));
        let txid = block["tx"][0]["txid"].as_str().expect("a txid").parse().expect("a txid");
        let value = block["tx"][0]["vout"][0]["value"].as_f64().expect("a value");
        let value = Amount::from_btc(value).expect("an amount");
        let tx = spend(OutPoint { txid, vout: 0 }, value, Amount::from_sat(10_000), 3);
        let raw = bitcoin::consensus::encode::serialize_hex(&tx);
        // Spent already, in an earlier round: that is fine.
        let _ = node.try_rpc("sendrawtransaction", json!([raw]));
    }
    node.rpc("generatetoaddress", json!([1, address()]));
}

#[test]
fn a_mirror_follows_through_kills_and_outages_and_is_verified() {
    let server = Server::start(Options::fast().durable());
    let database = server.database("node");
    let home = tempfile::tempdir().expect("a folder");
    let switch = mirrored(&database);
    let arguments = ["-regtest", &*switch];
    let mut node = TestNode::start_in(home.path(), &arguments);
    work(&node, 120);
    wait_level(&node, &database);
    node.wait_until("it is live", |node| plugin(node)["state"] == "live");
    let log = node.log();
    assert!(
        log.contains("-mirror") || log.contains("mirror=\"****\"") || log.contains("mirror=****"),
        "{log}"
    );
    assert!(!log.contains(&database.url), "the URL may hold a password: {log}");

    // The documented tables exist by name, and hold the chain. The node is recorded every few seconds.
    node.wait_until("the node is recorded", |_| {
        database.sql("SELECT count(*) FROM chaincore.nodes").is_ok_and(|count| count.trim() != "0")
    });
    for table in ["blocks", "transactions", "utxos", "nodes", "mining_stats", "address_balances"] {
        let count: u64 =
            sql(&database, &format!("SELECT count(*) FROM chaincore.{table}")).parse().expect(table);
        assert!(count > 0, "{table} is empty");
    }
    let height = node.rpc("getblockcount", json!([])).as_u64().expect("a height");
    assert_eq!(sql(&database, "SELECT max(height) FROM chaincore.blocks"), height.to_string());
    let coins = node.rpc("gettxoutsetinfo", json!([]));
    assert_eq!(sql(&database, "SELECT count(*) FROM chaincore.utxos"), coins["txouts"].to_string());
    assert_right(&verify_running(&node, &["--fast", &switch]));
    node.wait_until("what miners did is told", |node| {
        let told = database.sql("SELECT count(*) FROM chaincore.miner_events WHERE kind = 'accepted'");
        let mined = node.rpc("getblockcount", json!([])).to_string();
        told.is_ok_and(|told| told.trim() == mined)
    });
    assert_eq!(sql(&database, "SELECT sum(local_accepted) FROM chaincore.mining_stats"), height.to_string());
    assert!(
        sql(
            &database,
            "SELECT count(*) FROM chaincore.miner_events WHERE kind = 'template' AND latency_ms >= 0"
        ) != "0"
    );

    // A reorganization.
    let gone = node.rpc("getblockhash", json!([height - 6]));
    node.rpc("invalidateblock", json!([gone]));
    // To somebody else: the same block would be the invalid one.
    node.rpc("generatetoaddress", json!([1, "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"]));
    work(&node, 9);
    wait_level(&node, &database);
    assert_eq!(sql(&database, "SELECT sum(depth) FROM chaincore.reorgs"), "7");
    assert_right(&verify_running(&node, &["--full", &switch]));

    // The node is killed, the server is killed, the server hangs: each while blocks come.
    work(&node, 5);
    node.kill();
    let mut node = TestNode::start_in(home.path(), &arguments);
    work(&node, 5);
    server.kill();
    work(&node, 5);
    node.wait_until("it waits for the server", |node| plugin(node)["state"] == "backoff");
    server.restart();
    node.rpc("plugin", json!(["start", "mirror"]));
    wait_level(&node, &database);
    server.freeze();
    work(&node, 5);
    server.thaw();
    wait_level(&node, &database);
    let report = node.rpc("mirrorverify", json!(["full"]));
    assert_eq!(report["ok"], true, "{report:#}");
    assert_eq!(report["checks"].as_array().map(Vec::len), Some(12));
    assert_right(&verify_running(&node, &["--height", "100..110", &switch]));
    let refused = node.try_rpc("mirrorverify", json!(["everything"]));
    assert!(format!("{refused:?}").contains("everything"), "{refused:?}");
    let other = verify_running(&node, &["--fast", "--mirror=postgres://ann@127.0.0.1:1/other"]);
    let said = String::from_utf8_lossy(&other.stderr);
    assert!(other.status.code() == Some(1) && said.contains("not in 127.0.0.1:1/other"), "{said}");

    // Without a node the store is read; JSON for programs; damage has a code of its own.
    assert_eq!(node.stop(), Some(0));
    let offline = verify(home.path(), &["--full", "--json", &switch]);
    let report: Value = serde_json::from_slice(&offline.stdout).expect("JSON");
    assert_eq!((offline.status.code(), &report["ok"]), (Some(0), &json!(true)), "{report:#}");
    sql(
        &database,
        "UPDATE chaincore.utxos SET value = value + 1 WHERE tx_id = (SELECT max(tx_id) FROM chaincore.utxos)",
    );
    let damaged = verify(home.path(), &["--full", &switch]);
    assert_eq!(damaged.status.code(), Some(2), "{}", text(&damaged));
    assert!(text(&damaged).contains("WRONG    coins"), "{}", text(&damaged));

    // Started with a file, loaded anew on request, it is right again.
    std::fs::write(home.path().join("chaincore.conf"), format!("[regtest]\nmirror={}\n", database.url))
        .expect("a file");
    let mut node = TestNode::start_in(home.path(), &["-regtest"]);
    node.rpc("plugin", json!(["reset", "mirror"]));
    work(&node, 1);
    wait_level(&node, &database);
    assert_right(&verify_running(&node, &["--full"]));
    assert_eq!(node.stop(), Some(0));
}

/// Rounds of harm: `CHAINCORE_MIRROR_HARM`, or as many as fit into a run of all tests.
fn rounds() -> u32 {
    std::env::var("CHAINCORE_MIRROR_HARM").ok().and_then(|text| text.parse().ok()).unwrap_or(3)
}

/// Numbers that look random (splitmix64); the seed is told, so that a failure can be had again.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// Node, plugin and server are killed, stopped and frozen at random moments, between and in the middle of blocks and
/// reorganizations. At the end every check passes.
#[test]
fn harm_at_random_moments_changes_nothing() {
    let seed = std::env::var("CHAINCORE_MIRROR_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(7);
    let mut dice = Dice(seed);
    let server = Server::start(Options::fast().durable());
    let database = server.database("harmed");
    let home = tempfile::tempdir().expect("a folder");
    let switch = mirrored(&database);
    let arguments = ["-regtest", &*switch];
    let mut node = TestNode::start_in(home.path(), &arguments);
    work(&node, 110);
    for _ in 0..rounds() {
        work(&node, 1 + dice.below(4) as u32);
        if dice.below(3) == 0 {
            let height = node.rpc("getblockcount", json!([])).as_u64().expect("a height");
            let gone = node.rpc("getblockhash", json!([height - dice.below(8)]));
            node.rpc("invalidateblock", json!([gone]));
            branch_off(&node, dice.below(9));
        }
        std::thread::sleep(std::time::Duration::from_millis(dice.below(120)));
        match dice.below(5) {
            0 => {
                node.kill();
                node = TestNode::start_in(home.path(), &arguments);
            }
            1 => {
                server.kill();
                work(&node, 1);
                server.restart();
            }
            2 => {
                server.freeze();
                work(&node, 1);
                server.thaw();
            }
            3 => {
                node.rpc("plugin", json!(["stop", "mirror"]));
                work(&node, 1);
                node.rpc("plugin", json!(["start", "mirror"]));
            }
            _ => {
                // Every connection is cut, the mirror's among them.
                let _ = database.sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()",
                );
            }
        }
        // What waits for a longer while goes on at once.
        let _ = node.try_rpc("plugin", json!(["start", "mirror"]));
    }
    work(&node, 1);
    node.rpc("plugin", json!(["start", "mirror"]));
    wait_level(&node, &database);
    let report = node.rpc("mirrorverify", json!(["full"]));
    assert_eq!(report["ok"], true, "seed {seed}: {report:#}");
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn what_cannot_work_is_said() {
    let home = tempfile::tempdir().expect("a folder");
    for (more, words) in [
        (&["--full", "--fast", "-mirror=postgres://u:hidden@localhost/x"][..], "cannot be used with"),
        (&["--height", "9..3", "-mirror=postgres://u:hidden@localhost/x"], "1000..2000"),
        (&[], "say -mirror=postgres://"),
        (&["-mirror=mysql://u:hidden@localhost/x"], "postgres://"),
        (&["-mirror=postgres://u:hidden@localhost/x"], "there is no node in"),
    ] {
        let output = verify(home.path(), more);
        assert_eq!(output.status.code(), Some(1), "{more:?}: {}", text(&output));
        assert!(text(&output).contains(words), "{more:?}: {}", text(&output));
        assert!(!text(&output).contains("hidden"), "{more:?}: {}", text(&output));
    }
    let help =
        Command::new(binary("chaincored")).args(["mirror", "verify", "--help"]).output().expect("help");
    assert!(help.status.success() && text(&help).contains("--height"), "{}", text(&help));
    let wrong = Command::new(binary("chaincored")).args(["mirror", "mend"]).output().expect("an answer");
    assert!(!wrong.status.success() && text(&wrong).contains("'verify', not 'mend'"), "{}", text(&wrong));
}
