//! Nodes that are dead, strange or busy.

use super::{Purse, STRANGER, mine, regtest, text};
use chaincore_tests::node::TestNode;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::net::SocketAddr;

#[test]
fn dead_nodes_are_passed_over_and_strange_ones_are_not_believed() {
    // A port that is taken, and nobody listens.
    let taken = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    taken.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a port");
    let address = taken.local_addr().expect("an address").as_socket().expect("an IP address");
    let dead = format!("http://{address}");
    let node = regtest();
    let mut purse = Purse::new(&[&node]);
    let alice = purse.wallet("alice.json");
    mine(&node, 101, &alice);
    purse.nodes = vec![dead.clone(), node.url().into()];
    let balance = purse.ok("alice.json", &["balance"]);
    assert_eq!(balance["confirmed"], 10_000_000_000u64);
    // The whole fee, as it is said, if that is much, too; unless it is much for what is paid.
    for (amount, fee, satoshis) in [("1", "0.00005", 5_000), ("10.0", "0.5", 50_000_000)] {
        let sent = purse.ok("alice.json", &["send", "--to", STRANGER, "--amount", amount, "--fee", fee]);
        assert_eq!(sent["fee"], satoshis);
        node.rpc("getmempoolentry", json!([sent["txid"]]));
    }
    let dear = ["send", "--to", STRANGER, "--amount", "0.5", "--fee", "0.5", "--node", node.url()];
    assert_eq!(purse.fails("alice.json", &dear), (1, "high_fee".into()));
    assert_eq!(purse.fails("alice.json", &["balance", "--node", &dead]), (6, "no_node".into()));
    assert_eq!(purse.fails("alice.json", &["balance", "--node", "nonsense"]), (2, "usage".into()));
    // What was known is still known, and nodes are remembered.
    let offline = purse.run("alice.json", &["balance", "--offline", "--json"]);
    let offline: Value = serde_json::from_slice(&offline.stdout).expect("JSON");
    assert_eq!(offline["tip"]["height"], 101);
    purse.nodes = Vec::new();
    assert_eq!(purse.ok("alice.json", &["balance"])["tip"]["height"], 101);
    // Another chain's node.
    let other = TestNode::start(&["-chain=chaincore", "-txindex"]);
    assert_eq!(purse.fails("alice.json", &["balance", "--node", other.url()]), (9, "wrong_chain".into()));
    // And a node of which the wallet takes the chain.
    purse.nodes = vec![other.url().into()];
    purse.ok("other.json", &["create", "--no-encryption"]);
    let address = purse.ok("other.json", &["receive"])["address"].clone();
    mine(&other, 2, text(&address));
    let balance = purse.ok("other.json", &["balance"]);
    assert_eq!((&balance["immature"], &balance["unproven"]), (&json!(10_000_000_000u64), &json!(0)));
    assert_eq!(purse.ok("other.json", &["info"])["chain"], "chaincore");
}

/// A wallet asks for much at a time, and a node lets nobody ask too much.
#[test]
fn a_node_that_is_asked_too_much_takes_the_payment_later() {
    let node = TestNode::start(&["-regtest", "-txindex", "-ratelimit=20"]);
    let purse = Purse::new(&[&node]);
    let alice = purse.wallet("alice.json");
    mine(&node, 1, &alice);
    mine(&node, 100, STRANGER);
    for _ in 0..3 {
        let sent = purse.ok("alice.json", &["send", "--to", STRANGER, "--amount", "1", "--feerate", "2"]);
        node.rpc("getmempoolentry", json!([sent["txid"]]));
    }
}
