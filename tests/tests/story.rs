//! One network's story, told by the real binaries: a chain of one's own is founded, an external miner mines it,
//! coins are sent, confirmed and spent again, every REST path answers, and a restart and a kill change nothing.

use chaincore_consensus::address::Address;
use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Amount, Block, OutPoint, Script, Transaction, Tx, TxIn, TxOut, hex};
use chaincore_tests::keys::{Lock, Signer};
use chaincore_tests::{TestNode, binary};
use serde_json::{Value, json};
use std::process::Command;

const COIN: i64 = 100_000_000;

/// A key's way to be paid.
struct Party<'a> {
    signer: &'a Signer,
    lock: Lock,
    address: String,
}

impl<'a> Party<'a> {
    fn new(signer: &'a Signer, n: usize, params: &ChainParams) -> Self {
        let lock = Lock::nth(n);
        let address = Address::from_script(&signer.script(lock)).expect("a standard script");
        Self { signer, lock, address: address.to_text(&params.addresses) }
    }

    fn script(&self) -> Script {
        self.signer.script(self.lock)
    }

    /// Pays `amount` to another and the rest, less `fee`, back.
    fn pay(&self, from: OutPoint, value: i64, to: &Party<'_>, amount: i64, fee: i64) -> Tx {
        let spent = TxOut { value: Amount(value), script_pubkey: self.script() };
        let mut tx = Transaction {
            version: 2,
            inputs: vec![TxIn {
                previous_output: from,
                script_sig: Script::new(),
                sequence: 0xffff_fffd,
                witness: vec![],
            }],
            outputs: vec![
                TxOut { value: Amount(amount), script_pubkey: to.script() },
                TxOut { value: Amount(value - amount - fee), script_pubkey: self.script() },
            ],
            lock_time: 0,
        };
        self.signer.sign(&mut tx, &[spent], &[self.lock]);
        tx.into()
    }
}

/// Lets the miner, a process of its own, find blocks.
fn mine(node: &TestNode, to: &Party<'_>, blocks: u32) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_gbt-miner"))
        .args([node.url(), &node.authorization(), &hex::encode(&to.script()), &blocks.to_string()])
        .output()
        .expect("the miner can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let hashes: Vec<String> =
        String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect();
    assert_eq!(hashes.len(), blocks as usize);
    hashes
}

fn cli(node: &TestNode, args: &[&str]) -> (Option<i32>, String, String) {
    let output = node.cli(args);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text").trim_end().to_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn from_the_founding_to_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("story.toml");
    let founded = Command::new(binary("chaincored"))
        .args([
            "chain",
            "new",
            "--name",
            "story",
            "--leading-zeros",
            "2",
            "--maturity",
            "10",
            "--message",
            "Once",
        ])
        .arg("--out")
        .arg(&file)
        .output()
        .expect("chaincored can be run");
    assert!(founded.status.success(), "{}", String::from_utf8_lossy(&founded.stderr));
    let params =
        ChainParams::from_toml(&std::fs::read_to_string(&file).expect("the chain file")).expect("valid");

    let chain_file = format!("--chain-file={}", file.display());
    let datadir = folder.path().join("node");
    std::fs::create_dir(&datadir).expect("a folder");
    let mut node =
        TestNode::start_in(&datadir, &[&chain_file, "--node-id=alice", "-txindex=1", "-ratelimit=0"]);
    let signer = Signer::new();
    let [miner, bob, carol] = [0, 3, 6].map(|n| Party::new(&signer, n, &params));

    // Mined by getblocktemplate and submitblock.
    let hashes = mine(&node, &miner, 12);
    assert_eq!(node.rpc("getbestblockhash", json!([])), hashes[11].as_str());
    let first: Block = {
        let block = node.rpc("getblock", json!([hashes[0], 0]));
        Block::decode_exact(&hex::decode(block.as_str().expect("hex")).expect("hex")).expect("a block")
    };
    assert_eq!(first.header.previous, params.genesis.hash());
    let coinbase = OutPoint { txid: first.transactions[0].txid(), vout: 0 };

    // A payment: tried, sent, waiting, confirmed.
    let payment = miner.pay(coinbase, 50 * COIN, &bob, 10 * COIN, 10_000);
    let raw = hex::encode(&payment.to_bytes());
    let tried = node.rpc("testmempoolaccept", json!([[raw]]));
    assert_eq!((&tried[0]["allowed"], &tried[0]["txid"]), (&json!(true), &json!(payment.txid().to_string())));
    assert_eq!(node.rpc("sendrawtransaction", json!([raw])), payment.txid().to_string());
    let entry = node.rpc("getmempoolentry", json!([payment.txid().to_string()]));
    assert_eq!((&entry["ancestorcount"], &entry["descendantcount"]), (&json!(1), &json!(1)));
    assert_eq!(node.rpc("getmempoolancestors", json!([payment.txid().to_string()])), json!([]));
    assert_eq!(node.rpc("getmempooldescendants", json!([payment.txid().to_string()])), json!([]));
    assert_eq!(node.rpc("getrawmempool", json!([])), json!([payment.txid().to_string()]));
    let waiting = node.get_json("/transaction_pool");
    assert!(waiting.to_string().contains(&payment.txid().to_string()), "{waiting}");
    let too_much = miner.pay(coinbase, 50 * COIN, &carol, 49 * COIN, 10_000);
    let failure = node.try_rpc("sendrawtransaction", json!([hex::encode(&too_much.to_bytes())])).unwrap_err();
    assert_eq!(failure.code, -26, "a double spend that pays no more: {failure:?}");
    let block = mine(&node, &miner, 1).remove(0);
    assert_eq!(node.rpc("getrawmempool", json!([])), json!([]));
    let confirmed = node.rpc("getrawtransaction", json!([payment.txid().to_string(), 1]));
    assert_eq!((&confirmed["blockhash"], &confirmed["confirmations"]), (&json!(block), &json!(1)));
    let unspent = node.get_json(&format!("/utxos/{}", bob.address));
    assert_eq!(unspent["utxos"][0]["value"], 10 * COIN, "{unspent}");

    // Spent again, over the plain paths: JSON of the transaction in, a template out, a block in.
    let second = bob.pay(OutPoint { txid: payment.txid(), vout: 0 }, 10 * COIN, &carol, 4 * COIN, 5_000);
    let decoded = node.rpc("decoderawtransaction", json!([hex::encode(&second.to_bytes())]));
    let (status, answer) = node.post("/add_transaction", &decoded);
    assert_eq!((status, &answer["txid"]), (200, &json!(second.txid().to_string())), "{answer}");
    let (status, work) = node.post("/mine_block", &json!({"miner_address": carol.address}));
    assert_eq!(status, 200, "{work}");
    let mut block =
        Block::decode_exact(&hex::decode(work["block"].as_str().expect("hex")).expect("hex")).expect("block");
    assert_eq!(block.transactions[1].txid(), second.txid());
    let target = hex::decode(work["target"].as_str().expect("hex")).expect("hex");
    while !block.header.hash().0.iter().rev().le(target.iter()) {
        block.header.nonce += 1;
    }
    let (status, answer) =
        node.post("/submit_block", &json!({"template_id": work["template_id"], "nonce": block.header.nonce}));
    assert_eq!(status, 200, "{answer}");
    assert_eq!(node.rpc("getbestblockhash", json!([])), block.hash().to_string());

    every_path_answers(&node, &carol.address);
    the_client_talks(&node, &block.hash().to_string());

    // A restart, and a kill, change nothing.
    let state = |node: &TestNode| {
        let coins = node.rpc("gettxoutsetinfo", json!(["muhash"]));
        let balances =
            [&miner, &bob, &carol].map(|party| node.get_json(&format!("/balance/{}", party.address)));
        (
            node.rpc("getbestblockhash", json!([])),
            coins["muhash"].clone(),
            coins["total_amount"].clone(),
            balances,
        )
    };
    let before = state(&node);
    assert_eq!(before.3[2]["balance"], 54 * COIN + 5_000, "{}", before.3[2]);
    let third = carol.pay(OutPoint { txid: second.txid(), vout: 0 }, 4 * COIN, &miner, COIN, 2_000);
    assert!(node.rpc("sendrawtransaction", json!([hex::encode(&third.to_bytes())])).is_string());
    assert_eq!(node.stop(), Some(0));
    node.launch();
    node.wait_until("the mempool is loaded", |node| node.rpc("getmempoolinfo", json!([]))["loaded"] == true);
    assert_eq!(
        node.rpc("getrawmempool", json!([])),
        json!([third.txid().to_string()]),
        "what waits goes on waiting"
    );
    assert_eq!(state(&node), before);
    node.kill();
    node.launch();
    assert_eq!(state(&node), before);
    assert_eq!(
        node.rpc("getrawtransaction", json!([second.txid().to_string(), true]))["in_active_chain"],
        Value::Null
    );
    assert_eq!(node.stop(), Some(0));

    another_chain_is_refused(folder.path(), &datadir, &params);
}

/// Every documented path gives what it is for, and an error names the bad value.
fn every_path_answers(node: &TestNode, address: &str) {
    let status = node.get_json("/status");
    assert_eq!((&status["blockchain_length"], &status["active_peers"]), (&json!(15), &json!(0)));
    assert_eq!(status["node_id"], "alice");
    // The page without the web app, which need not be built; with it, `/` is that.
    let (code, page) = node.get("/status.html");
    assert_eq!(code, 200);
    assert!(page.contains("<html") && page.contains("story"), "{page}");
    let chain = node.get_json("/blockchain");
    assert_eq!(chain["chain"].as_array().map(Vec::len), Some(15));
    let part = node.get_json("/blockchain?start=3&limit=2");
    assert_eq!(part["chain"][0]["height"], 3);
    assert_eq!(part["chain"].as_array().map(Vec::len), Some(2));
    let range = node.get_json("/blocks/range?start=0&end=10");
    assert!(range.to_string().contains("\"height\":10"), "{range}");
    assert!(node.get_json("/stats").is_object());
    assert!(node.get_json(&format!("/balance/{address}"))["balance"].is_u64());
    assert!(node.get_json(&format!("/utxos/{address}"))["utxos"].is_array());
    assert!(node.get_json(&format!("/history/{address}")).is_object());
    assert!(node.get_json("/transaction_pool").is_object());
    for path in ["/peers", "/getpeers"] {
        assert!(node.get_json(path)["peers"].as_array().is_some_and(Vec::is_empty), "{path}");
    }
    let (code, discovered) = node.post("/discover_peers", &json!({}));
    assert_eq!(code, 200, "{discovered}");
    let (code, added) = node.post("/addpeer", &json!({"peer_url": "http://127.0.0.1:1"}));
    let said = added["error"]["message"].as_str();
    assert!(code == 502 && said.is_some_and(|text| text.contains("127.0.0.1:1")), "{code} {added}");
    let (code, refused) = node.post("/submit_block", &json!({}));
    assert!(
        code == 400 && refused["error"]["message"].as_str().is_some_and(|text| text.contains("template_id"))
    );
    let document = node.get_json("/openapi.json");
    assert!(document["paths"]["/balance/{address}"].is_object());
    for (path, code, named) in [
        ("/balance/nonsense", 400, "nonsense"),
        ("/status/", 404, "/status/"),
        ("/balance/", 404, "/balance/"),
        ("/blocks/range?start=9&end=x", 400, "x"),
        ("/blocks/range?start=9&end=3", 400, "3"),
    ] {
        let (got, body) = node.get(path);
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|_| panic!("{path}: {body}"));
        let message = body["error"]["message"].as_str().unwrap_or_else(|| panic!("{path}: {body}"));
        assert!(got == code && message.contains(named), "{path}: {got} {body}");
    }
}

/// `chaincore-cli` finds the cookie by itself, prints as bitcoin-cli does, and exits with the error's number.
fn the_client_talks(node: &TestNode, tip: &str) {
    assert_eq!(cli(node, &["getblockcount"]), (Some(0), "14".into(), String::new()));
    assert_eq!(cli(node, &["-named", "getblockhash", "height=14"]).1, tip);
    let (_, header, _) = cli(node, &["getblockheader", tip]);
    assert!(header.contains("\n  \"height\": 14,\n"), "{header}");
    let (code, _, error) = cli(node, &["getblockhash", "99"]);
    assert_eq!(
        (code, error.as_str()),
        (Some(8), "error code: -8\nerror message:\nBlock height out of range")
    );
    let (code, _, error) = cli(node, &["nonsense"]);
    assert_eq!(code, Some((-32601i32).unsigned_abs() as i32 & 0xff), "{error}");
}

/// A folder belongs to one chain: another of the same name is refused, and both are named.
fn another_chain_is_refused(folder: &std::path::Path, datadir: &std::path::Path, params: &ChainParams) {
    let file = folder.join("other.toml");
    let founded = Command::new(binary("chaincored"))
        .args(["chain", "new", "--name", "story", "--leading-zeros", "1", "--message", "Another", "--out"])
        .arg(&file)
        .status();
    assert!(founded.expect("chaincored can be run").success());
    let other =
        ChainParams::from_toml(&std::fs::read_to_string(&file).expect("the chain file")).expect("valid");
    let output = TestNode::command(datadir, &[format!("--chain-file={}", file.display())]).output();
    let output = output.expect("chaincored can be run");
    let error = String::from_utf8(output.stderr).expect("text");
    assert_eq!(output.status.code(), Some(1), "{error}");
    for genesis in [params.genesis.hash(), other.genesis.hash()] {
        assert!(error.starts_with("Error: ") && error.contains(&genesis.to_string()), "{error}");
    }
}
