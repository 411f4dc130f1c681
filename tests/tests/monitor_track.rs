//! `chaincore-monitor track` and `replay`: what holds is found to hold, every lie is found out, and what is written
//! is what the schemas say.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, OutPoint};
use chaincore_tests::{Terminal, TestNode, binary, mining};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

const ALICE: &str = "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z";
const BOB: &str = "msX6jQXvxiNhx3Q62PKeLPrhrqZQdSimTg";

fn monitor(args: &[&str]) -> Output {
    Command::new(binary("chaincore-monitor")).args(args).output().expect("the monitor can be run")
}

fn fits(schema: &str, value: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rpc/monitor/schema").join(schema);
    let schema = std::fs::read_to_string(&path).expect("the schema is there");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    // A schema that takes anything would hold nothing.
    let mut other = value.clone();
    other.as_object_mut().expect("an object").remove("version");
    assert!(!validator.is_valid(&other));
}

/// Tracks and gives the exit code and the export.
fn track(nodes: &str, more: &[&str]) -> (Option<i32>, Value) {
    let output = monitor(&[&["track", "--json", "-", "--nodes", nodes], more].concat());
    let text = String::from_utf8_lossy(&output.stdout);
    let export: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    fits("track.schema.json", &export);
    (output.status.code(), export)
}

fn check<'a>(export: &'a Value, name: &str) -> &'a Value {
    let checks = export["validation"]["checks"].as_array().expect("a list");
    checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("no check {name}"))
}

/// A chain of 111 blocks by two miners; the last has two transactions beside the coinbase.
fn chain() -> TestNode {
    let node = TestNode::start(&["-regtest", "-bind=127.0.0.1", "-listen=1", "-connect=0", "--node-id=one"]);
    let hashes = node.rpc("generatetoaddress", json!([2, mining::address()]));
    node.rpc("generatetoaddress", json!([108, ALICE]));
    for (hash, outputs) in [(&hashes[0], 2), (&hashes[1], 5)] {
        let block = node.rpc("getblock", json!([hash, 2]));
        let txid = block["tx"][0]["txid"].as_str().and_then(|txid| txid.parse().ok()).expect("a txid");
        let (value, fee) = (Amount::from_sat(50_0000_0000), Amount::from_sat(1000 * outputs));
        let tx = mining::spend(OutPoint { txid, vout: 0 }, value, fee, outputs);
        node.rpc("sendrawtransaction", json!([serialize_hex(&tx)]));
    }
    node.rpc("generatetoaddress", json!([1, BOB]));
    node
}

/// A node that tells what another one says, changed by `lie` (a path and the answer).
fn liar(node: &TestNode, lie: impl Fn(&str, &mut Value) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let (truth, lie) = (node.url().to_owned(), Arc::new(lie));
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (truth, lie) = (truth.clone(), lie.clone());
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                let mut stream = stream;
                let mut line = String::new();
                while matches!(reader.read_line(&mut line), Ok(1..)) {
                    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
                    while line.trim_end() != "" {
                        line.clear();
                        if !matches!(reader.read_line(&mut line), Ok(1..)) {
                            return;
                        }
                    }
                    line.clear();
                    let mut answer = ureq::get(format!("{truth}{path}")).call().expect("the node answers");
                    let text = answer.body_mut().with_config().limit(1 << 30).read_to_string().expect("text");
                    let mut body: Value = serde_json::from_str(&text).expect("JSON");
                    lie(&path, &mut body);
                    let body = body.to_string();
                    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
                    if stream
                        .write_all(head.as_bytes())
                        .and_then(|()| stream.write_all(body.as_bytes()))
                        .is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    url
}

/// The block at `height` of an answer, if it is there.
fn block_at(answer: &mut Value, height: u64) -> Option<&mut Value> {
    let blocks = answer.get_mut("blocks")?.as_array_mut()?;
    blocks.iter_mut().find(|block| block["height"] == height)
}

#[test]
fn a_chain_that_holds_is_found_to_hold_and_is_described() {
    let node = chain();
    let (code, export) = track(node.url(), &[]);
    assert_eq!(
        (code, &export["validation"]["verdict"]),
        (Some(0), &json!("good")),
        "{}",
        export["validation"]
    );
    for name in
        ["genesis", "link", "hash", "work", "difficulty", "time", "txids", "merkle", "witness", "coinbase"]
    {
        assert!(check(&export, name)["checked"].as_u64() >= Some(1), "{name}");
    }
    assert_eq!(check(&export, "spends")["checked"], 2);
    assert_eq!(check(&export, "sums")["checked"], 2);
    assert_eq!(check(&export, "reward")["checked"], 111);
    assert_eq!(
        (&check(&export, "chain_work")["checked"], &check(&export, "count")["checked"]),
        (&json!(1), &json!(1))
    );

    let stats = node.get_json("/stats");
    assert_eq!((&export["range"]["blocks"], &export["range"]["work"]), (&json!(112), &stats["chain_work"]));
    let mining = &export["mining"];
    assert_eq!((&mining["miners"], &mining["majority"]), (&json!(3), &json!(1)));
    let first = &mining["distribution"][0];
    assert_eq!(
        (&first["payee"], &first["blocks"], &first["longest_streak"]),
        (&json!(ALICE), &json!(108), &json!(108))
    );
    let transactions = &export["transactions"];
    assert_eq!((&transactions["total"], &transactions["coinbases"]), (&json!(114), &json!(112)));
    assert_eq!(
        transactions["shapes"],
        json!({"sweeps": 0, "consolidations": 0, "payments": 1, "batches": 1})
    );
    assert_eq!((&transactions["fees"]["total"], &transactions["segwit"]), (&json!(7000), &json!(2)));
    let last = export["blocks"].as_array().and_then(|blocks| blocks.last()).expect("blocks");
    assert_eq!(
        (&last["height"], &last["fees"], &last["miner"]["payee"]),
        (&json!(111), &json!(7000), &json!(BOB))
    );

    // A part of it: what cannot be known there is said and not claimed.
    let (code, export) = track(node.url(), &["--from", "50", "--to", "111"]);
    assert_eq!((code, &export["range"]["blocks"]), (Some(0), &json!(62)));
    assert_eq!(check(&export, "spends")["checked"], 0);
    assert!(check(&export, "spends")["note"].is_string());
    assert_eq!(export["blocks"][61]["fees"], Value::Null);

    // For people, and into a file.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("chain.json");
    let output = monitor(&["track", "--nodes", node.url(), "--json", file.to_str().expect("a path")]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("everything that was checked holds") && text.contains("payments 50.0 %"), "{text}");
    let written = std::fs::read_to_string(&file).expect("it was written");
    fits("track.schema.json", &serde_json::from_str(&written).expect("JSON"));
}

#[test]
fn every_lie_is_found_out() {
    let node = chain();
    type Lie = fn(&str, &mut Value);
    let lies: &[(&str, Lie)] = &[
        ("shape", |_, answer| {
            block_at(answer, 5).into_iter().for_each(|block| block["merkle_root"] = json!("nonsense"));
        }),
        ("genesis", |path, answer| {
            if path == "/status" {
                answer["genesis_hash"] = answer["best_block_hash"].clone();
            }
        }),
        ("link", |_, answer| {
            block_at(answer, 5).into_iter().for_each(|block| block["previous_hash"] = json!("ab".repeat(32)));
        }),
        ("hash", |_, answer| {
            block_at(answer, 5).into_iter().for_each(|block| block["hash"] = json!("ab".repeat(32)));
        }),
        ("hash", |_, answer| block_at(answer, 5).into_iter().for_each(|block| block["version"] = json!(7))),
        ("work", |_, answer| {
            block_at(answer, 5).into_iter().for_each(|block| block["bits"] = json!("1d00ffff"));
        }),
        ("difficulty", |_, answer| {
            block_at(answer, 5).into_iter().for_each(|block| block["bits"] = json!("207ffffe"));
        }),
        ("time", |_, answer| {
            block_at(answer, 20).into_iter().for_each(|block| block["time"] = json!(1_000_000_000))
        }),
        ("time", |_, answer| {
            block_at(answer, 20).into_iter().for_each(|block| block["time"] = json!(4_000_000_000_u32));
        }),
        ("txids", |_, answer| {
            block_at(answer, 5)
                .into_iter()
                .for_each(|block| block["transactions"][0]["txid"] = json!("ab".repeat(32)));
        }),
        ("merkle", |_, answer| {
            block_at(answer, 5)
                .into_iter()
                .for_each(|block| block["transactions"][0]["outputs"][0]["value"] = json!(1));
        }),
        ("merkle", |_, answer| {
            block_at(answer, 111).into_iter().for_each(|block| {
                let twice = block["transactions"][2].clone();
                block["transactions"].as_array_mut().expect("a list").push(twice);
            });
        }),
        ("witness", |_, answer| {
            block_at(answer, 111)
                .into_iter()
                .for_each(|block| block["transactions"][1]["inputs"][0]["witness"][0] = json!("52"));
        }),
        ("coinbase", |_, answer| {
            block_at(answer, 111).into_iter().for_each(|block| {
                block["transactions"].as_array_mut().expect("a list").remove(0);
            });
        }),
        ("spends", |_, answer| {
            block_at(answer, 111)
                .into_iter()
                .for_each(|block| block["transactions"][1]["inputs"][0]["vout"] = json!(7));
        }),
        // The coinbase of the block before is there, but too young.
        ("spends", |_, answer| {
            let young = block_at(answer, 110).map(|block| block["transactions"][0]["txid"].clone());
            if let (Some(young), Some(block)) = (young, block_at(answer, 111)) {
                block["transactions"][1]["inputs"][0]["txid"] = young;
            }
        }),
        ("sums", |_, answer| {
            block_at(answer, 111)
                .into_iter()
                .for_each(|block| block["transactions"][1]["outputs"][0]["value"] = json!(60_0000_0000_i64));
        }),
        ("reward", |_, answer| {
            block_at(answer, 5)
                .into_iter()
                .for_each(|block| block["transactions"][0]["outputs"][0]["value"] = json!(50_0000_0001_i64));
        }),
        ("chain_work", |path, answer| {
            if path == "/stats" {
                answer["chain_work"] = json!("1".repeat(64));
            }
        }),
        ("count", |path, answer| {
            if path == "/stats" {
                answer["total_transactions"] = json!(115);
            }
        }),
    ];
    for (name, lie) in lies {
        let (code, export) = track(&liar(&node, lie), &[]);
        let failed = check(&export, name)["failed"].as_u64();
        assert!(failed >= Some(1), "{name} was not found: {:#}", export["validation"]);
        assert_eq!((code, &export["validation"]["verdict"]), (Some(2), &json!("broken")), "{name}");
        let listed = export["validation"]["findings"].as_array().expect("a list");
        assert!(listed.iter().any(|finding| finding["check"] == **name), "{name}");
    }
    // The same without a lie, so that it is not the liar that is found.
    let (code, export) = track(&liar(&node, |_, _| {}), &[]);
    assert_eq!(code, Some(0), "{:#}", export["validation"]);
    let output = monitor(&["track", "--nodes", &liar(&node, lies[2].1)]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("THINGS WRONG") && text.contains("! height 5, link: it builds on abab"), "{text}");
}

#[test]
fn other_nodes_are_compared_and_the_fork_is_found() {
    let one = chain();
    let two = TestNode::start(&["-regtest", "-bind=127.0.0.1", "-listen=1", "-connect=0", "--node-id=two"]);
    two.rpc("addnode", json!([one.p2p_address().to_string(), "onetry"]));
    two.wait_until("both have the same tip", |two| two.get_json("/status")["height"] == 111);
    let nodes = format!("{},{}", two.url(), one.url());
    let (code, export) = track(&nodes, &[]);
    assert_eq!((code, &export["nodes"][0]["agrees"]), (Some(0), &json!(true)));
    two.rpc("setnetworkactive", json!([false]));
    two.rpc("invalidateblock", json!([two.rpc("getblockhash", json!([70]))]));
    two.rpc("generatetoaddress", json!([7, BOB]));
    let (code, export) = track(&nodes, &[]);
    assert_eq!(
        (code, &export["source"]["node_id"]),
        (Some(2), &json!("one")),
        "the one with more work is read"
    );
    let other = &export["nodes"][0];
    assert_eq!(
        (&other["agrees"], &other["compared_to"], &other["fork_height"]),
        (&json!(false), &json!(76), &json!(69))
    );
    // Nobody there: the range holds, but the comparison is missing.
    let (code, export) = track(&format!("{},http://127.0.0.1:1", one.url()), &[]);
    assert_eq!((code, &export["validation"]["verdict"]), (Some(1), &json!("behind")));
}

#[test]
fn a_session_is_recorded_and_shown_again() {
    let mut node = TestNode::start(&["-regtest", "-connect=0", "--node-id=one"]);
    node.rpc("generatetoaddress", json!([3, ALICE]));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("session.json");
    let path = file.to_str().expect("a path");
    let args = ["track", "--record", path, "--for", "600", "--interval", "0.2", "--nodes", node.url()];
    let mut terminal = Terminal::start(&binary("chaincore-monitor"), &args, &[], (110, 40));
    terminal.wait_for("REC");
    terminal.wait_for("height 3");
    node.rpc("generatetoaddress", json!([1, ALICE]));
    node.rpc("generatetoaddress", json!([2, BOB]));
    terminal.wait_for("height 6");
    node.kill();
    terminal.wait_for("UNREACHABLE");
    assert_eq!(terminal.quit(), 1);
    terminal.is_restored();
    // Who mined is told at the end.
    terminal.wait_for_all(&["recorded in", BOB]);

    let session: Value =
        serde_json::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("JSON");
    fits("session.schema.json", &session);
    let summary = &session["summary"];
    assert_eq!(
        (&summary["first_height"], &summary["last_height"], &summary["worst"]),
        (&json!(3), &json!(6), &json!(1))
    );
    let miners = summary["miners"].as_array().expect("a list");
    let blocks = |payee: &str| {
        let miner = miners.iter().find(|miner| miner["payee"] == payee).expect("a miner");
        (miner["blocks"].clone(), miner["first_height"].clone(), miner["last_height"].clone())
    };
    assert_eq!(
        (blocks(ALICE), blocks(BOB)),
        ((json!(1), json!(4), json!(4)), (json!(2), json!(5), json!(6)))
    );
    let words: Vec<_> =
        session["events"].as_array().expect("a list").iter().map(|event| &event["what"]).collect();
    assert!(words.contains(&&json!("block")) && words.contains(&&json!("down")), "{words:?}");

    // At once, as text; and in the same screens, at a speed that keys change.
    let output = monitor(&["replay", path, "--speed", "0"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in ["UNREACHABLE", "does not answer", "session 20", BOB] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    let lines = monitor(&["replay", path, "--speed", "0", "--json"]).stdout;
    let lines: Vec<Value> = String::from_utf8_lossy(&lines)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(Some(lines.len()), session["frames"].as_array().map(Vec::len));
    assert_eq!((&lines[0]["best"]["height"], &lines[0]["verdict"]), (&json!(3), &json!("good")));
    let mut terminal = Terminal::start(&binary("chaincore-monitor"), &["replay", path], &[], (110, 40));
    terminal.wait_for_all(&["REPLAY", "space holds"]);
    terminal.press(" ");
    terminal.wait_for("HELD");
    terminal.press(" ++++++++");
    terminal.wait_for("END");
    terminal.wait_for("UNREACHABLE");
    assert_eq!(terminal.quit(), 1);
    terminal.is_restored();

    // What is no recording, or one of another version, is refused.
    std::fs::write(&file, r#"{"schema":"chaincore-monitor-session/2"}"#).expect("there is room");
    let output = monitor(&["replay", path]);
    assert_eq!(output.status.code(), Some(3));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("this monitor replays chaincore-monitor-session/1")
    );
}

#[test]
fn a_recording_in_a_pipe_ends_by_itself() {
    let node = TestNode::start(&["-regtest", "-connect=0"]);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("session.json");
    let path = file.to_str().expect("a path");
    let output =
        monitor(&["track", "--record", path, "--for", "1", "--interval", "0.2", "--nodes", node.url()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let session: Value =
        serde_json::from_str(&std::fs::read_to_string(&file).expect("a file")).expect("JSON");
    fits("session.schema.json", &session);
    assert!(session["frames"].as_array().is_some_and(|frames| !frames.is_empty()));
    assert_eq!(session["summary"]["miners"], json!([]));
}
