//! `chaincore-miner` against real nodes: by REST without a password, by `getblocktemplate` with a cookie, through failures.

use bitcoin::{Amount, OutPoint};
use chaincore_tests::Core;
use chaincore_tests::mining::{address, spend};
use chaincore_tests::node::{TestNode, binary};
use serde_json::{Value, json};
use std::process::{Child, Command, Output, Stdio};

const PAYEE: &str = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080";

fn miner(args: &[&str]) -> Command {
    let mut command = Command::new(binary("chaincore-miner"));
    command.args(["--threads", "1", "--json"]).args(args).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(args: &[&str]) -> Output {
    miner(args).output().expect("the miner can be run")
}

/// What it told, line by line.
fn events(output: &Output) -> Vec<Value> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

fn accepted(output: &Output) -> Vec<String> {
    let of_blocks = |event: &&Value| event["event"] == "accepted";
    let hash = |event: &Value| event["hash"].as_str().expect("a hash").to_owned();
    events(output).iter().filter(of_blocks).map(hash).collect()
}

fn cookie_of(node: &TestNode) -> String {
    node.chain_dir().join(".cookie").display().to_string()
}

/// A child that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn paid(node: &TestNode, hash: &str) -> String {
    let block = node.rpc("getblock", json!([hash, 2]));
    block["tx"][0]["vout"][0]["scriptPubKey"]["address"].as_str().expect("an address").to_owned()
}

#[test]
fn blocks_are_mined_by_rest_and_by_template() {
    let node = TestNode::start(&["-regtest"]);
    let url = node.url().trim_end_matches('/').to_owned();
    let cookie = cookie_of(&node);
    let mut height = 0;
    for login in [&[][..], &["--cookie", &cookie]] {
        let output = run(&[
            &["--wallet", PAYEE, "--node", &url, "--blocks", "3", "--worker", "rig-1"],
            login,
        ]
        .concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        let hashes = accepted(&output);
        assert_eq!(hashes.len(), 3);
        height += 3;
        assert_eq!(node.rpc("getblockcount", json!([])), height);
        for hash in &hashes {
            assert_eq!(paid(&node, hash), PAYEE);
            let block = node.rpc("getblock", json!([hash, 2]));
            let script = block["tx"][0]["vin"][0]["coinbase"].as_str().expect("a script").to_owned();
            let words: String = "/chaincore-miner/rig-1/".bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(script.contains(&words), "{script}");
        }
    }
    // With transactions that have witnesses, and what they pay.
    let hashes = node.rpc("generatetoaddress", json!([101, address()]));
    let block = node.rpc("getblock", json!([hashes[0], 2]));
    let txid = block["tx"][0]["txid"].as_str().expect("a txid").parse().expect("a txid");
    let tx = spend(
        OutPoint { txid, vout: 0 },
        Amount::from_btc(50.0).expect("an amount"),
        Amount::from_sat(10_000),
        3,
    );
    let raw = bitcoin::consensus::encode::serialize_hex(&tx);
    let txid = node.rpc("sendrawtransaction", json!([raw]));
    let template = node.rpc("getblocktemplate", json!([{"rules": ["segwit"]}]));
    let worth = template["coinbasevalue"].as_u64().expect("an amount");
    assert!(worth > 5_000_000_000);
    for login in [&["--cookie", &*cookie][..], &[]] {
        let output = run(&[&["--wallet", PAYEE, "--node", &url, "--blocks", "1"], login].concat());
        let hash = accepted(&output).pop().expect("a block");
        let block = node.rpc("getblock", json!([hash, 2]));
        if !login.is_empty() {
            assert_eq!(block["tx"][1]["txid"], txid);
            let paid = Amount::from_btc(block["tx"][0]["vout"][0]["value"].as_f64().expect("a value"));
            assert_eq!(paid.expect("an amount").to_sat(), worth);
        }
    }
    // Who mined what is known to the node.
    let about = run(&[
        "--wallet",
        PAYEE,
        "--node",
        &url,
        "--blocks",
        "2",
        "--interval",
        "1",
        "--stats",
        "--worker",
        "rig-2",
    ]);
    let told = node.get_json("/mining_stats");
    let of = |worker: &str| {
        let miners = told["miners"].as_array().expect("a list");
        let known = miners.iter().find(|miner| miner["worker"] == worker);
        known.unwrap_or_else(|| panic!("no {worker} in {told}")).clone()
    };
    let second = of("rig-2");
    assert_eq!((&second["accepted"], &second["rejected"]), (&json!(2), &json!(0)), "{second}");
    assert_eq!(second["miner_address"], PAYEE);
    assert!(second["hashes"].as_u64() > Some(0), "{second}");
    assert_eq!(of("rig-1")["accepted"], 3, "by JSON-RPC's port and password too");
    let told = events(&about);
    let last = told.iter().rev().find(|event| event["event"] == "stats").expect("figures");
    assert_eq!((&last["accepted"], last["cores"].as_array().map(Vec::len)), (&json!(2), Some(1)));
    // A unit of the search is counted when it ends: that of the second block need not have, that of the first has.
    assert!(
        last["hashes"].as_u64().is_some_and(|hashes| hashes > 0)
            && last["cores"][0]["hashes_per_second"].is_number(),
        "{last}"
    );
}

#[test]
fn a_miner_goes_on_with_another_node_and_finds_the_first_again() {
    let mut first = TestNode::start(&["-regtest"]);
    let second = TestNode::start(&["-regtest"]);
    let (one, two) =
        (first.url().trim_end_matches('/').to_owned(), second.url().trim_end_matches('/').to_owned());
    first.kill();
    let nodes = format!("{one},{two}");
    let output = run(&["--wallet", PAYEE, "--node", &nodes, "--blocks", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(second.rpc("getblockcount", json!([])), 2);
    assert!(events(&output).iter().any(|event| event["event"] == "trouble"), "{:?}", events(&output));

    // It waits for a node that is away, and mines once it is there.
    let mut third = TestNode::start(&["-regtest"]);
    let port = third.url().trim_end_matches('/').rsplit(':').next().expect("a port").to_owned();
    let url = third.url().trim_end_matches('/').to_owned();
    third.kill();
    let waiting = Running(miner(&["--wallet", PAYEE, "--node", &url]).spawn().expect("the miner can be run"));
    let fixed = format!("-rpcport={port}");
    let again = TestNode::start_in(third.datadir(), &["-regtest", &fixed]);
    again.wait_until("a block", |node| node.rpc("getblockcount", json!([])).as_u64() > Some(0));
    drop(waiting);
}

#[test]
fn what_cannot_be_mined_is_said() {
    let node = TestNode::start(&["-regtest"]);
    let url = node.url().trim_end_matches('/').to_owned();
    let cookie = cookie_of(&node);
    // An address of another chain.
    for login in [&[][..], &["--cookie", &cookie]] {
        let arguments = [&["--wallet", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "--node", &url], login].concat();
        let output = run(&arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(3), "{text}");
        assert!(text.contains("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"), "{text}");
    }
    let wrong = run(&["--wallet", PAYEE, "--node", &url, "--rpcuser", "a", "--rpcpassword", "hidden"]);
    let text = String::from_utf8_lossy(&wrong.stderr);
    assert_eq!(wrong.status.code(), Some(4), "{text}");
    assert!(text.contains("wrong user or password") && !text.contains("hidden"), "{text}");

    let signet = TestNode::start(&["-signet", "-connect=0"]);
    let url = signet.url().trim_end_matches('/').to_owned();
    let cookie = cookie_of(&signet);
    let payee = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
    let output = run(&["--wallet", payee, "--node", &url, "--cookie", &cookie]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("signature"), "{text}");
}

#[test]
fn the_default_chain_is_mined_by_rest_and_by_template() {
    const PAYEE: &str = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    let node = TestNode::start(&["-connect=0"]);
    let url = node.url().trim_end_matches('/').to_owned();
    let cookie = cookie_of(&node);
    let mut height = 0;
    for login in [&[][..], &["--cookie", &cookie]] {
        let output = run(&[&["--wallet", PAYEE, "--node", &url, "--blocks", "5"], login].concat());
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        height += 5;
        assert_eq!(node.rpc("getblockcount", json!([])), height);
        for hash in accepted(&output) {
            assert_eq!(paid(&node, &hash), PAYEE);
            assert!(hash.starts_with("000"), "{hash}");
        }
    }
}

#[test]
fn bitcoin_core_gives_work() {
    let Some(core) = Core::start("regtest", &[]) else { return };
    let (url, cookie) = (core.url(), core.cookie().display().to_string());
    let mine = |blocks: &str| {
        let output = run(&[
            "--wallet", PAYEE, "--node", &url, "--cookie", &cookie, "--blocks", blocks, "--worker", "rig-1",
        ]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(events(&output).iter().all(|event| event["event"] != "refused"), "{:?}", events(&output));
        accepted(&output)
    };
    let block = |hash: &str| core.rpc("getblock", json!([hash, 2]));
    // Over the heights whose script changes its form.
    for hash in mine("20") {
        let first = &block(&hash)["tx"][0];
        assert_eq!(first["vout"][0]["scriptPubKey"]["address"], PAYEE);
        let words: String = "/chaincore-miner/rig-1/".bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(first["vin"][0]["coinbase"].as_str().is_some_and(|script| script.contains(&words)));
    }
    assert_eq!(core.rpc("getblockcount", json!([])), 20);

    // With transactions that have witnesses, one of which spends another, and what they pay.
    let hashes = core.rpc("generatetoaddress", json!([110, address()]));
    let fee = Amount::from_sat(10_000);
    let mut txids = vec![];
    for n in 0..4 {
        let coinbase = &block(hashes[n].as_str().expect("a hash"))["tx"][0];
        let txid = coinbase["txid"].as_str().expect("a txid").parse().expect("a txid");
        let value = Amount::from_btc(50.0).expect("an amount");
        let parent = spend(OutPoint { txid, vout: 0 }, value, fee, 2);
        let child =
            spend(OutPoint { txid: parent.compute_txid(), vout: 1 }, parent.output[1].value, fee * 3, 1);
        for tx in [parent, child] {
            let raw = bitcoin::consensus::encode::serialize_hex(&tx);
            txids.push(core.rpc("sendrawtransaction", json!([raw])));
        }
    }
    let hash = mine("1").pop().expect("a block");
    let full = block(&hash);
    let mut mined: Vec<&Value> =
        full["tx"].as_array().expect("transactions").iter().skip(1).map(|tx| &tx["txid"]).collect();
    mined.sort_by_key(|txid| txid.to_string());
    let mut sent: Vec<&Value> = txids.iter().collect();
    sent.sort_by_key(|txid| txid.to_string());
    assert_eq!(mined, sent);
    let outputs = full["tx"][0]["vout"].as_array().expect("outputs");
    let paid = Amount::from_btc(outputs[0]["value"].as_f64().expect("a value")).expect("an amount");
    assert_eq!(paid.to_sat(), 50_0000_0000 + 4 * 40_000);
    assert!(
        outputs[1]["scriptPubKey"]["hex"].as_str().is_some_and(|script| script.starts_with("6a24aa21a9ed"))
    );
    assert_eq!(core.rpc("getbestblockhash", json!([])), hash.as_str());
    assert_eq!(core.rpc("getmempoolinfo", json!([]))["size"], 0);

    // By user and password in the URL, as the cookie's content is.
    let login = std::fs::read_to_string(&cookie).expect("the cookie can be read");
    let with_login = url.replace("http://", &format!("http://{}@", login.trim()));
    let output = run(&["--wallet", PAYEE, "--node", &with_login, "--blocks", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    // What another finds ends the search: the long poll brings new work.
    let mut running = Running(
        miner(&["--wallet", PAYEE, "--node", &url, "--cookie", &cookie, "--blocks", "200"])
            .stdout(Stdio::null())
            .spawn()
            .expect("the miner can be run"),
    );
    for _ in 0..50 {
        core.rpc("generatetoaddress", json!([1, address()]));
    }
    assert!(running.0.wait().expect("it ends").success(), "the miner goes on after blocks of others");
    // Not without a login, and not to an address of another chain.
    let output = run(&["--wallet", PAYEE, "--node", &url]);
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    let foreign = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa";
    let output = run(&["--wallet", foreign, "--node", &url, "--cookie", &cookie]);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_signet_of_bitcoin_core_is_refused() {
    let Some(core) = Core::start("signet", &[]) else { return };
    let payee = "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx";
    let cookie = core.cookie().display().to_string();
    let output = run(&["--wallet", payee, "--node", &core.url(), "--cookie", &cookie]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("signature"), "{text}");
}
