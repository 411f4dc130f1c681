//! The plugins of a real node: listed, stopped, started and reset over RPC, shown in metrics, and never in the way.

use chaincore_tests::{TestNode, mining};
use serde_json::{Value, json};

/// Where the blocks of another branch pay to.
const ELSEWHERE: &str = "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z";

fn plugin(node: &TestNode, id: &str) -> Value {
    let list = node.rpc("listplugins", json!([]));
    let found = list.as_array().expect("a list").iter().find(|plugin| plugin["id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {list}")).clone()
}

fn mine(node: &TestNode, count: u32) {
    node.rpc("generatetoaddress", json!([count, mining::address()]));
}

/// Waits until a plugin is where the chain is.
fn wait_live(node: &TestNode, id: &str) {
    node.wait_until("the plugin is at the tip", |node| {
        let plugin = plugin(node, id);
        let tip = node.rpc("getbestblockhash", json!([]));
        plugin["state"] == "live" && plugin["cursor"]["hash"] == tip && plugin["lag"] == 0
    });
}

fn balance(node: &TestNode) -> (u16, Value) {
    let (status, text) = node.get(&format!("/balance/{}", mining::address()));
    (status, serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn plugins_are_listed_commanded_and_measured() {
    let mut node = TestNode::start(&["-regtest", "-txindex", "-blockfilterindex"]);
    mine(&node, 20);
    for id in ["addressindex", "txindex", "blockfilterindex", "metrics"] {
        wait_live(&node, id);
        let plugin = plugin(&node, id);
        assert_eq!((&plugin["kind"], &plugin["important"]), (&json!("in-process"), &json!(false)));
    }
    let (_, before) = balance(&node);
    assert_eq!((&before["height"], &before["transaction_count"]), (&json!(20), &json!(20)));

    // A stopped index says so and answers nothing old; the node goes on.
    let stopped = node.rpc("plugin", json!(["stop", "addressindex"]));
    assert_eq!(stopped["state"], "stopped");
    mine(&node, 5);
    let (status, answer) = balance(&node);
    assert_eq!(status, 500, "{answer}");
    assert!(answer["error"]["message"].as_str().expect("a text").contains("stopped"), "{answer}");
    assert_eq!(plugin(&node, "addressindex")["lag"], 5);
    node.rpc("plugin", json!(["start", "addressindex"]));
    wait_live(&node, "addressindex");
    assert_eq!(balance(&node).1["transaction_count"], 25);
    let taken = |node: &TestNode| plugin(node, "addressindex")["blocks"].as_u64().expect("a number");
    let before = taken(&node);
    node.rpc("plugin", json!(["reset", "addressindex"]));
    node.wait_until("all is taken in anew", |node| taken(node) >= before + 26);
    wait_live(&node, "addressindex");
    assert_eq!(balance(&node).1["transaction_count"], 25);
    for (wrong, code) in [(json!(["stop", "nobody"]), -8), (json!(["eat", "metrics"]), -8)] {
        assert_eq!(node.try_rpc("plugin", wrong).expect_err("it is wrong").code, code);
    }

    // A reorganization is seen by all.
    let third = node.rpc("getblockhash", json!([23]));
    node.rpc("invalidateblock", json!([third]));
    node.rpc("generatetoaddress", json!([4, ELSEWHERE]));
    wait_live(&node, "metrics");
    let (status, page) = node.get("/metrics");
    assert_eq!(status, 200);
    assert!(page.lines().any(|line| line == "chaincore_height 26"), "{page}");
    assert!(page.contains("chaincore_plugin_lag_blocks{plugin=\"txindex\"}"), "{page}");
    // `invalidateblock` takes blocks off one by one: how many steps of that are seen is a matter of luck.
    let seen = page.lines().find_map(|line| line.strip_prefix("chaincore_reorganizations_total "));
    assert!(seen.is_some_and(|seen| ["1", "2", "3"].contains(&seen)), "{page}");
    assert_eq!(node.get("/plugins/metrics").0, 200);
    assert_eq!(node.get("/plugins/nobody").0, 404);
    let document = node.get_json("/openapi.json");
    assert!(document["paths"]["/metrics"]["get"].is_object());
    let help = node.cli(&["help"]);
    let help = String::from_utf8_lossy(&help.stdout);
    assert!(help.contains("listplugins") && help.contains("plugin \"command\" \"id\""), "{help}");
    let listed = node.cli(&["plugin", "start", "txindex"]);
    assert!(listed.status.success(), "{listed:?}");

    // What was stopped runs again after a restart, and nothing is made anew.
    node.rpc("plugin", json!(["stop", "txindex"]));
    assert_eq!(node.stop(), Some(0));
    node.launch();
    for id in ["addressindex", "txindex", "blockfilterindex"] {
        wait_live(&node, id);
        assert_eq!(plugin(&node, id)["blocks"].as_u64().map(|blocks| blocks < 26), Some(true), "{id}");
    }
    assert_eq!(balance(&node).1["transaction_count"], 22);
}
