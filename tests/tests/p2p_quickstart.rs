//! A ChainCore network as the documents start it, with real processes: by bootstrap nodes, by discovery alone, by
//! adding peers, and closed to strangers.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use chaincore_tests::{TestNode, binary};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};

/// Whom blocks pay to: the documents' miner.
const MINER: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";

/// So many ports in a row that nobody uses, each time others.
fn free_ports(count: u16) -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = 20_000 + u16::try_from(std::process::id() % 200).unwrap() * 40;
    loop {
        let first = start + NEXT.fetch_add(count, Ordering::SeqCst) % 4000;
        let is_free =
            |port| TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("::1", port)).is_ok();
        if (first..first + count).all(is_free) {
            return first;
        }
    }
}

fn start(args: &[String]) -> TestNode {
    TestNode::start(&args.iter().map(String::as_str).collect::<Vec<_>>())
}

fn words(command_line: &str) -> Vec<String> {
    command_line.split_whitespace().map(str::to_owned).collect()
}

fn length_and_tip(node: &TestNode) -> (Value, Value) {
    let status = node.get_json("/status");
    (status["blockchain_length"].clone(), status["best_block_hash"].clone())
}

fn active_peers(node: &TestNode) -> u64 {
    node.get_json("/status")["active_peers"].as_u64().unwrap()
}

fn mine(node: &TestNode, blocks: u32) {
    let before = node.get_json("/status")["height"].as_u64().unwrap();
    node.rpc("generatetoaddress", json!([blocks, MINER, 100_000_000]));
    assert_eq!(node.get_json("/status")["height"].as_u64().unwrap(), before + u64::from(blocks));
}

fn agree(nodes: &[&TestNode]) {
    for node in &nodes[1..] {
        node.wait_until("all have the same chain", |node| length_and_tip(node) == length_and_tip(nodes[0]));
    }
}

fn peer_ids(node: &TestNode) -> Vec<String> {
    let peers = node.get_json("/peers");
    let id = |peer: &Value| peer["node_id"].as_str().unwrap_or("?").to_owned();
    let mut ids: Vec<String> = peers["peers"].as_array().unwrap().iter().map(id).collect();
    ids.sort();
    ids
}

fn log(node: &TestNode) -> String {
    std::fs::read_to_string(node.chain_dir().join("debug.log")).unwrap()
}

#[test]
fn the_documented_quick_start() {
    // As in the documents, with other ports; nobody else's nodes are looked for.
    let ports = free_ports(6);
    let (api, p2p) = (ports, ports + 3);
    let line = |n: u16, more: &str| {
        let quiet = format!("--discover=1 --peer-discovery-range {0}-{0}", api + n);
        words(&format!("--node-id core{n} --api-port {} --p2p-port {} {more} {quiet}", api + n, p2p + n))
    };
    let bootstrap = format!("--bootstrap-nodes http://localhost:{api}");
    let mut core0 = start(&line(0, ""));
    let mut core1 = start(&line(1, &bootstrap));
    let core2 = start(&line(2, &bootstrap));
    for node in [&core0, &core1, &core2] {
        node.wait_until("there are peers", |node| active_peers(node) > 0);
    }
    core0.wait_until("both have come", |core0| peer_ids(core0) == ["core1", "core2"]);
    mine(&core0, 5);
    agree(&[&core0, &core1, &core2]);
    assert_eq!(length_and_tip(&core2).0, 6);
    mine(&core2, 1);
    agree(&[&core0, &core1, &core2]);
    assert_eq!(length_and_tip(&core1).0, 7);

    // What is said of each other.
    let status = core1.get_json("/status");
    assert_eq!((&status["node_id"], &status["p2p_port"]), (&json!("core1"), &json!(p2p + 1)));
    assert_eq!(
        core1.rpc("getnetworkinfo", json!([]))["subversion"].as_str().unwrap().matches("(core1)/").count(),
        1
    );
    let peers = core1.get_json("/peers");
    let peer = &peers["peers"][0];
    assert_eq!((&peer["node_id"], &peer["direction"]), (&json!("core0"), &json!("outbound")));
    assert_eq!(peer["address"], format!("127.0.0.1:{p2p}"));
    assert_eq!(core1.get_json("/getpeers")["peers"], json!([format!("127.0.0.1:{p2p}")]));
    assert_eq!(
        (&peers["min_peers"], &peers["target_peers"], &peers["max_peers"]),
        (&json!(2), &json!(6), &json!(12))
    );
    core1.wait_until("the peer's chain is known", |core1| {
        core1.get_json("/stats")["network"]["best_peer_height"] == 6
    });

    // A node that dies is noticed, and the bootstrap node is found again when it comes back.
    core1.kill();
    core0.wait_until("the dead peer is gone", |core0| peer_ids(core0) == ["core2"]);
    core1.launch();
    core0.wait_until("it is back", |core0| peer_ids(core0) == ["core1", "core2"]);
    core0.kill();
    core1.wait_until("the dead peer is gone", |core1| active_peers(core1) == 0);
    mine(&core1, 1);
    core0.launch();
    agree(&[&core0, &core1, &core2]);
    assert_eq!(length_and_tip(&core0).0, 8);
}

#[test]
fn by_discovery_alone() {
    let folder = tempfile::tempdir().unwrap();
    let ports = free_ports(8);
    let chain_file = folder.path().join("town.toml");
    let made = Command::new(binary("chaincored"))
        .args(["chain", "new", "--name", "town", "--out"])
        .arg(&chain_file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let range = format!("--discover=1 --peer-discovery-range {ports}-{}", ports + 7);
    let line =
        |n: u16, more: &str| words(&format!("--node-id core{n} --api-port {} {range} {more}", ports + n));
    let stranger = start(&line(5, &format!("--chain-file={}", chain_file.display())));
    // Something that is no node at all.
    let silent = TcpListener::bind(("127.0.0.1", ports + 6)).unwrap();
    let nervous = "-pinginterval=1 -pingtimeout=3 -peertimeout=1";
    let mut nodes = vec![start(&line(0, nervous)), start(&line(3, nervous)), start(&line(7, nervous))];
    mine(&nodes[1], 3);
    agree(&nodes.iter().collect::<Vec<_>>());
    // All of them find all others, and of two connections between the same nodes one is taken back.
    for (node, others) in nodes.iter().zip([["core3", "core7"], ["core0", "core7"], ["core0", "core3"]]) {
        node.wait_until("it has found the others, each once", |node| {
            node.post("/discover_peers", &json!({}));
            peer_ids(node) == others
        });
    }
    assert_eq!(active_peers(&stranger), 0);
    let (status, found) = nodes[0].post("/discover_peers", &json!({}));
    assert_eq!(
        (status, &found["discovered"], &found["ports_scanned"]),
        (200, &json!(2), &json!(8)),
        "{found}"
    );
    let outcomes: Vec<&str> =
        found["peers"].as_array().unwrap().iter().map(|peer| peer["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "already connected").count(), 2);
    assert!(outcomes.iter().any(|outcome| outcome.contains("is a node of chain 'town'")), "{outcomes:?}");
    assert!(log(&nodes[0]).contains("is a node of chain 'town', this one is of 'chaincore'"));
    drop(silent);

    // A node that hangs keeps its connections open and is found out by its silence.
    let hanging = nodes.pop().unwrap();
    let stop = Command::new("kill").args(["-STOP", &hanging.pid().to_string()]).status().unwrap();
    assert!(stop.success());
    nodes[0].wait_until("the silent peer is gone", |node| peer_ids(node) == ["core3"]);
    drop(hanging);
}

#[test]
fn peers_are_added_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let chain_file = folder.path().join("town.toml");
    let made = Command::new(binary("chaincored"))
        .args(["chain", "new", "--name", "town", "--out"])
        .arg(&chain_file)
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut first = TestNode::start(&["--node-id=first"]);
    let mut second = TestNode::start(&["--node-id=second", &format!("--api-port={}", free_ports(1))]);
    let stranger = TestNode::start(&[&format!("--chain-file={}", chain_file.display())]);
    let add = |node: &TestNode, peer: &str| node.post("/addpeer", &json!({"peer_url": peer}));
    let (status, answer) = add(&first, second.url());
    assert_eq!(
        (status, &answer["status"], &answer["peer"]["node_id"]),
        (200, &json!("added"), &json!("second"))
    );
    assert_eq!(answer["peer"]["outcome"], "connected");
    assert_eq!((peer_ids(&first), peer_ids(&second)), (vec!["second".into()], vec!["first".into()]));
    let (status, answer) = add(&second, first.url());
    assert_eq!((status, &answer["peer"]["outcome"]), (200, &json!("already connected")), "{answer}");
    let port = first.get_json("/status")["p2p_port"].clone();
    for (peer, status, code) in [
        (first.url().to_owned(), 409, "unfit_peer"),
        (stranger.url().to_owned(), 409, "unfit_peer"),
        (format!("http://127.0.0.1:{}", free_ports(1)), 502, "unreachable"),
        (format!("127.0.0.1:{}", free_ports(1)), 502, "unreachable"),
        // That is a P2P port.
        (format!("http://127.0.0.1:{port}"), 502, "unreachable"),
        ("https://127.0.0.1:5000".into(), 400, "bad_peer_url"),
        ("somewhere".into(), 400, "bad_peer_url"),
    ] {
        let (found, answer) = add(&first, &peer);
        assert_eq!((found, &answer["error"]["code"]), (status, &json!(code)), "{peer}: {answer}");
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(&peer), "{message}");
    }
    assert_eq!((active_peers(&first), active_peers(&stranger)), (1, 0));
    // The connection is kept: it is made again when it was lost.
    second.kill();
    first.wait_until("the peer is gone", |first| active_peers(first) == 0);
    second.launch();
    first.wait_until("the peer is back", |first| peer_ids(first) == ["second"]);

    // A made-up name stays over a restart.
    let mut nameless = TestNode::start(&[]);
    let name = nameless.get_json("/status")["node_id"].clone();
    assert_eq!(nameless.stop(), Some(0));
    nameless.launch();
    assert_eq!(nameless.get_json("/status")["node_id"], name);
    assert_eq!((first.stop(), second.stop()), (Some(0), Some(0)));
}

#[test]
fn an_added_peer_is_called_again_after_a_restart() {
    let mut first = TestNode::start(&["--node-id=first"]);
    let second = TestNode::start(&["--node-id=second"]);
    let (status, answer) = first.post("/addpeer", &json!({"peer_url": second.url()}));
    assert_eq!(status, 200, "{answer}");
    first.kill();
    second.wait_until("the peer is gone", |second| active_peers(second) == 0);
    first.launch();
    first.wait_until("it has called again", |first| peer_ids(first) == ["second"]);
    assert_eq!(first.get_json("/peers")["peers"][0]["direction"], "outbound");
    let remembered = first.chain_dir().join("added_peers.json");
    assert_eq!(first.stop(), Some(0));
    let names: Vec<String> = serde_json::from_slice(&std::fs::read(&remembered).unwrap()).unwrap();
    assert_eq!(names, [second.url()]);
}

#[test]
fn a_node_that_knows_one_finds_those_that_it_has_called() {
    let ports = free_ports(3);
    // Nobody is found by looking around: each sees its own port alone.
    let line = |n: u16, more: &str| {
        let api = ports + n;
        words(&format!(
            "--node-id core{n} --api-port {api} --discover=1 --peer-discovery-range {api}-{api} {more}"
        ))
    };
    let core2 = start(&line(2, ""));
    let core1 = start(&line(1, &format!("--bootstrap-nodes {}", core2.url())));
    core1.wait_until("it has called", |core1| peer_ids(core1) == ["core2"]);
    let core0 = start(&line(0, &format!("--bootstrap-nodes {}", core1.url())));
    core0.wait_until("it has found both", |core0| peer_ids(core0) == ["core1", "core2"]);
    assert_eq!(core0.get_json("/getpeers")["count"], 2, "it has called both");
    core2.wait_until("it was called by both", |core2| peer_ids(core2) == ["core0", "core1"]);
    mine(&core2, 1);
    agree(&[&core0, &core1, &core2]);
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// Lets one node call another; whether they are peers then, and whether they say so both.
fn call(caller: &TestNode, called: &TestNode) -> bool {
    let (status, answer) = caller.post("/addpeer", &json!({"peer_url": called.url()}));
    assert!(status == 200 || answer["error"]["code"] == "unreachable", "{status} {answer}");
    status == 200
}

#[test]
fn a_shared_secret_closes_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let with = |secret: &str| {
        let file = write(folder.path(), &secret[..5], &format!("{secret}\n"));
        TestNode::start(&[&format!("-peersecret={}", file.display()), "-debug=net"])
    };
    let (first, second) = (with("right, and long enough"), with("right, and long enough"));
    let (wrong, none) = (with("wrong, and long enough"), TestNode::start(&["-debug=net"]));
    assert_eq!(first.get_json("/status")["authentication"], "shared secret");
    assert!(call(&first, &second));
    mine(&second, 2);
    agree(&[&first, &second]);
    for stranger in [&wrong, &none] {
        assert!(!call(stranger, &first), "a stranger is let in");
        assert!(!call(&first, stranger), "a stranger is called");
        stranger.wait_until("it has nothing", |stranger| {
            active_peers(stranger) == 0 && stranger.get_json("/status")["headers"] == 0
        });
    }
    // Whoever looks first says what is wrong, the other that it was left.
    assert!([&first, &wrong].iter().any(|node| log(node).contains("the peer has another secret")));
    for node in [&first, &wrong] {
        node.wait_until("the failure is in the log", |node| {
            log(node).contains("peer authentication failed: ")
        });
    }
    assert!(
        log(&none).contains("requires authentication, and this node has neither -peersecret nor -peerkeys")
    );
    for node in [&first, &second] {
        assert_eq!(active_peers(node), 1, "{}\n{}", node.get_json("/peers"), log(node));
    }
    let short = write(folder.path(), "short", "guess me");
    let refused =
        TestNode::command(folder.path(), &[format!("-peersecret={}", short.display())]).output().unwrap();
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("has 8 bytes") && !said.contains("guess"), "{said}");
}

#[test]
fn members_who_encrypt_call_nobody_in_the_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "secret", "right, and long enough\n");
    let secret = format!("-peersecret={}", file.display());
    let encrypts = TestNode::start(&[&secret, "-debug=net"]);
    let plain = TestNode::start(&[&secret, "-debug=net", "-v2transport=0"]);
    assert!(!call(&encrypts, &plain));
    encrypts.wait_until("it says why", |node| {
        log(node).contains("a private network is not called in the open unless -v2transport=0")
    });
    assert!(!log(&encrypts).contains("retrying with v1 transport protocol"));
    assert!(call(&plain, &encrypts));
}

#[test]
fn a_list_of_keys_closes_a_network() {
    let folder = tempfile::tempdir().unwrap();
    let key = |name: &str| {
        let path = folder.path().join(name);
        let made =
            Command::new(binary("chaincored")).args(["key", "new", "--node", "--out"]).arg(&path).output();
        let made = made.unwrap();
        assert!(made.status.success(), "{made:?}");
        (path, String::from_utf8(made.stdout).unwrap().trim().to_owned())
    };
    let [(alice, alices), (bob, bobs), (carol, _)] = ["alice", "bob", "carol"].map(key);
    let members = write(folder.path(), "members", &format!("# the town\n{alices} alice\n{bobs} bob\n"));
    let with = |key: &Path| {
        TestNode::start(&[
            &format!("-nodekey={}", key.display()),
            &format!("-peerkeys={}", members.display()),
            "-debug=net",
        ])
    };
    let (alice, bob, carol) = (with(&alice), with(&bob), with(&carol));
    assert_eq!(alice.get_json("/status")["node_key"], alices.as_str());
    assert!(call(&alice, &bob));
    mine(&bob, 1);
    agree(&[&alice, &bob]);
    // Carol knows them, but they do not know her.
    assert!(!call(&carol, &alice) && !call(&alice, &carol));
    assert!(log(&alice).contains("is not on the list of -peerkeys"));
    assert_eq!((active_peers(&alice), active_peers(&carol)), (1, 0));
}
