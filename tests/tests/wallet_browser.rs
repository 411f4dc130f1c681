//! The web app in a real browser, on a real node: the scenarios of `tests/browser/scenarios`.
//!
//! Each is a script for Node.js that drives Chromium. It fails by itself on any report of the Content-Security-Policy,
//! any request that leaves the node's origin and any error that nobody caught.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use chaincore_consensus::hex;
use chaincore_tests::{TestNode, binary};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What wallets ask a node for.
const SERVING: [&str; 3] = ["-regtest", "-txindex", "-blockfilterindex"];

/// Runs a scenario on a new node that has what wallets ask for.
fn play(scenario: &str, more: &[&str]) {
    play_on(&TestNode::start(&[&SERVING, more].concat()), scenario, &[]);
}

/// Runs a scenario on a node, with these variables besides.
fn play_on(node: &TestNode, scenario: &str, more: &[(&str, &str)]) {
    let (_, page) = node.get("/");
    assert!(
        page.contains("id=\"app\""),
        "the node was built without the web app: run `cargo xtask web` first"
    );
    let mut command = Command::new("node");
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/run.mjs")).arg(scenario);
    command.env("NODE_URL", node.url()).env("NODE_AUTH", node.authorization());
    command.envs(more.iter().copied());
    pass(scenario, &mut command);
}

/// Runs a program of Node.js that must succeed.
fn pass(what: &str, command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().expect("Node.js can be run");
    let told = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{told}\n{wrong}", output.status);
}

/// Has Bitcoin Core's own engine judge every input in the chain of a node; the kinds of outputs that were spent.
fn spent_as_another_engine_sees_it(node: &TestNode) -> BTreeSet<String> {
    let mut kinds = BTreeSet::new();
    for height in 1..=node.rpc("getblockcount", json!([])).as_u64().unwrap() {
        let block = node.rpc("getblock", json!([node.rpc("getblockhash", json!([height])), 3]));
        for tx in &block["tx"].as_array().unwrap()[1..] {
            let bytes = hex::decode(tx["hex"].as_str().unwrap()).unwrap();
            let spent: Vec<_> = tx["vin"].as_array().unwrap().iter().map(|input| &input["prevout"]).collect();
            let scripts = spent.iter().map(|output| output["scriptPubKey"]["hex"].as_str().unwrap());
            let scripts: Vec<_> = scripts.map(|script| hex::decode(script).unwrap()).collect();
            let value = |output: &Value| (output["value"].as_f64().unwrap() * 1e8).round() as u64;
            let outputs = spent.iter().zip(&scripts).map(|(output, script)| bitcoinconsensus::Utxo {
                script_pubkey: script.as_ptr(),
                script_pubkey_len: script.len() as u32,
                value: value(output) as i64,
            });
            let outputs: Vec<_> = outputs.collect();
            let flags = bitcoinconsensus::VERIFY_ALL_PRE_TAPROOT | bitcoinconsensus::VERIFY_TAPROOT;
            for (at, output) in spent.iter().enumerate() {
                let verdict = bitcoinconsensus::verify_with_flags(
                    &scripts[at],
                    value(output),
                    &bytes,
                    Some(&outputs),
                    at,
                    flags,
                );
                assert!(verdict.is_ok(), "input {at} of {}: {verdict:?}", tx["txid"]);
                kinds.insert(output["scriptPubKey"]["type"].as_str().unwrap().to_owned());
            }
        }
    }
    kinds
}

/// The folder of the app's sources.
fn web() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../web")
}

/// Copies a folder and all that is in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let there = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &there);
        } else {
            std::fs::copy(entry.path(), there).unwrap();
        }
    }
}

#[test]
fn the_page_loads_and_asks_nobody_else() {
    play("loads", &[]);
}

#[test]
fn both_workers_answer() {
    play("workers", &[]);
}

#[test]
fn the_explorer_shows_the_chain_as_it_grows() {
    play("explorer", &[]);
}

#[test]
fn a_wallet_is_made_paid_pays_and_is_restored() {
    play("wallet", &[]);
}

#[test]
fn two_tabs_a_reload_and_a_reorganization() {
    play("wallet-tabs", &[]);
}

#[test]
fn a_watched_wallet_prepares_and_another_signs() {
    play("wallet-watch", &[]);
}

#[test]
fn coins_of_every_kind_private_filters_and_look_alikes() {
    let node = TestNode::start(&SERVING);
    play_on(&node, "wallet-kinds", &[]);
    let kinds = spent_as_another_engine_sees_it(&node);
    for kind in ["pubkeyhash", "scripthash", "witness_v0_keyhash", "witness_v1_taproot"] {
        assert!(kinds.contains(kind), "none of {kind} was spent: {kinds:?}");
    }
}

#[test]
fn a_lying_node_is_caught_and_wallets_lock_themselves() {
    play("wallet-lies", &[]);
}

#[test]
fn a_keyboard_and_a_narrow_window_are_enough() {
    play("wallet-keyboard", &[]);
}

#[test]
fn plain_http_on_a_network_is_enough() {
    play("wallet-lan", &["-rpcallowhost=node.lan"]);
}

#[test]
fn nothing_of_the_keys_is_left_after_a_lock() {
    play("wallet-secrets", &[]);
}

#[test]
fn the_package_works_in_a_page_of_others() {
    play("package", &[]);
}

#[test]
fn sequences_of_codes_are_those_of_others() {
    let suites = std::fs::read_dir(web().join("tests")).unwrap().map(|entry| entry.unwrap().path());
    pass("the app's own suites", Command::new("node").arg("--test").args(suites));
}

#[test]
fn codes_come_in_by_pictures_and_by_a_camera() {
    play("wallet-scan", &[]);
}

/// The second node is told of blocks by the scenario. Names have no port, so that each node can be told of the other's
/// before it has one.
#[test]
fn a_second_node_tells_what_the_first_keeps_back() {
    let second =
        TestNode::start(&["-regtest", "-txindex", "-cors=http://first.lan", "-rpcallowhost=second.lan"]);
    let more = [
        "-rpcallowhost=first.lan",
        "-rpcallowhost=third.lan",
        "-webconnect=http://second.lan",
        "-webconnect=http://third.lan",
    ];
    let first = TestNode::start(&[&SERVING[..], &more].concat());
    let authorization = second.authorization();
    play_on(&first, "wallet-compare", &[("SECOND_URL", second.url()), ("SECOND_AUTH", &authorization)]);
}

#[test]
fn a_node_without_an_index_proves_by_the_lists_of_blocks() {
    play_on(&TestNode::start(&["-regtest"]), "wallet-noindex", &[]);
}

#[test]
fn workers_that_trap_lock_the_wallet() {
    play("wallet-crash", &[]);
}

#[test]
fn a_chain_of_ones_own_is_known_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("town.toml");
    let mut founding = Command::new(binary("chaincored"));
    founding
        .args(["chain", "new", "--name", "town", "--bech32", "town", "--reward", "25", "--out"])
        .arg(&file);
    assert!(founding.output().unwrap().status.success());
    play_on(&TestNode::start(&[&format!("--chain-file={}", file.display())]), "wallet-chain", &[]);
}

/// The node serves a folder, which the scenario upgrades; in the end it stops the node.
#[test]
fn the_app_is_installed_upgraded_and_opened_without_a_node() {
    let folder = tempfile::tempdir().unwrap();
    copy(&web().join("dist"), folder.path());
    let path = folder.path().to_str().unwrap();
    let node = TestNode::start(&[&SERVING[..], &[&format!("-webdir={path}")]].concat());
    play_on(&node, "offline", &[("WEB_FOLDER", path)]);
}
