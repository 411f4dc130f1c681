//! The web app in a real browser, on a real node: the scenarios of `tests/browser/scenarios`.
//!
//! Each is a script for Node.js that drives Chromium. It fails by itself on any report of the Content-Security-Policy,
//! any request that leaves the node's origin and any error that nobody caught.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use chaincore_tests::TestNode;
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a scenario on a new node that has what wallets ask for.
fn play(scenario: &str, more: &[&str]) {
    let arguments = [&["-regtest", "-txindex", "-blockfilterindex"], more].concat();
    let node = TestNode::start(&arguments);
    let (_, page) = node.get("/");
    assert!(
        page.contains("id=\"app\""),
        "the node was built without the web app: run `cargo xtask web` first"
    );
    let output = Command::new("node")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("browser/run.mjs"))
        .arg(scenario)
        .env("NODE_URL", node.url())
        .env("NODE_AUTH", node.authorization())
        .stdin(Stdio::null())
        .output()
        .expect("Node.js can be run");
    let told = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{scenario}: {}\n{told}\n{wrong}", output.status);
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
    play("wallet-kinds", &[]);
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
