//! Plugins in processes of their own, with the real node: the two examples follow a chain with spends and
//! reorganizations, are killed, see the node killed, and end with the state that the chain has; hostile ones cost the
//! node nothing.

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, OutPoint};
use chaincore_tests::{TestNode, binary, mining, resident};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where blocks go that the watched script gets nothing of.
const ELSEWHERE: &str = "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z";

/// An address of its own: the same block would be made again where one was just declared invalid.
fn elsewhere(number: u8) -> String {
    let script = bitcoin::ScriptBuf::from_bytes(vec![0x51, 0x01, number]);
    bitcoin::Address::p2wsh(&script, bitcoin::Network::Regtest).to_string()
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../node/plugin/examples")
}

/// The example in Rust, built if need be beside the node.
fn fees_program() -> PathBuf {
    let profile = binary("chaincored").parent().expect("it lies in a folder").to_path_buf();
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--quiet", "-p", "chaincore-plugin", "--example", "fees", "--target-dir"]);
    build.arg(profile.parent().expect("a target folder")).current_dir(env!("CARGO_MANIFEST_DIR"));
    if profile.ends_with("release") {
        build.arg("--release");
    }
    assert!(build.status().expect("cargo can be run").success());
    profile.join("examples/fees")
}

/// The script of [`mining::address`] in hexadecimal digits.
fn watched() -> String {
    let address: bitcoin::Address<_> = mining::address().parse().expect("an address");
    address.assume_checked().script_pubkey().to_hex_string()
}

fn mine(node: &TestNode, count: u32, address: &str) {
    node.rpc("generatetoaddress", json!([count, address]));
}

fn best(node: &TestNode) -> Value {
    node.rpc("getbestblockhash", json!([]))
}

/// Spends the coinbase of a block that paid the watched script, with this fee, half of it back to it.
fn spend(node: &TestNode, height: u32, fee: u64) {
    let hash = node.rpc("getblockhash", json!([height]));
    let block = node.rpc("getblock", json!([hash, 2]));
    let coinbase = &block["tx"][0];
    let value = Amount::from_btc(coinbase["vout"][0]["value"].as_f64().expect("a value")).expect("an amount");
    let from =
        OutPoint { txid: coinbase["txid"].as_str().expect("a txid").parse().expect("a txid"), vout: 0 };
    let mut tx = mining::spend(from, value, Amount::from_sat(fee), 2);
    tx.output[1].script_pubkey = ELSEWHERE
        .parse::<bitcoin::Address<_>>()
        .map(bitcoin::Address::assume_checked)
        .expect("an address")
        .script_pubkey();
    node.rpc("sendrawtransaction", json!([serialize_hex(&tx)]));
}

/// What a plugin has stored.
fn state(node: &TestNode, id: &str) -> Value {
    let path = node.chain_dir().join("plugins").join(id).join("state.json");
    std::fs::read_to_string(path).map_or(Value::Null, |text| serde_json::from_str(&text).expect("JSON"))
}

/// What `listplugins` says of a plugin.
fn status(node: &TestNode, id: &str) -> Value {
    let list = node.rpc("listplugins", json!([]));
    let plugins = list.as_array().expect("a list").iter();
    plugins.clone().find(|plugin| plugin["id"] == id).unwrap_or_else(|| panic!("no {id} in {list}")).clone()
}

/// Waits until both examples are at the tip, and compares what they have with what the node says.
fn check(node: &TestNode) -> (Value, Value) {
    let tip = json!({"height": node.rpc("getblockcount", json!([])), "hash": best(node)});
    node.wait_until("the plugins are at the tip", |node| {
        state(node, "balance")["cursor"] == tip && state(node, "fees")[0] == tip
    });
    let (balance, fees) = (state(node, "balance"), state(node, "fees"));
    let changes = balance["changes"].as_array().expect("a list").iter();
    let held: i64 = changes.map(|change| change[1].as_i64().expect("satoshis")).sum();
    let found = node.rpc("scantxoutset", json!(["start", [format!("raw({})", watched())]]));
    let found = Amount::from_btc(found["total_amount"].as_f64().expect("an amount")).expect("an amount");
    assert_eq!(held, found.to_sat() as i64);
    let stored = fees[1].as_array().expect("a list");
    assert_eq!(stored.len() as u64, tip["height"].as_u64().expect("a height") + 1);
    for (height, fee) in stored.iter().enumerate().skip(1) {
        let stats = node.rpc("getblockstats", json!([height, ["totalfee"]]));
        assert_eq!(stats["totalfee"], *fee, "height {height}");
    }
    (balance, fees)
}

/// The processes whose parent is this one.
fn children(of: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").expect("a process list").filter_map(Result::ok);
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // "pid (name) state parent …"
        let rest = stat.rsplit_once(") ").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        let mut words = rest.split(' ');
        let state = words.next().unwrap_or_default();
        words.next().is_some_and(|parent| parent == of.to_string()) && state != "Z"
    })
    .collect()
}

fn lives(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn kill(pid: u32) {
    // It may be gone.
    let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
}

fn wait_until_gone(pids: &[u32]) {
    for _ in 0..6000 {
        if !pids.iter().any(|pid| lives(*pid)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("processes {pids:?} live on");
}

#[test]
fn the_examples_follow_the_chain_whatever_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let balance = format!("--plugin={} {}", examples().join("balance.py").display(), watched());
    let fees = format!("-important-plugin={}", fees_program().display());
    let args = ["-regtest", "-flushblocks=1", &balance, &fees];
    let mut node = TestNode::start_in(folder.path(), &args);
    let mine_here = |node: &TestNode, count| mine(node, count, &mining::address());
    mine_here(&node, 110);
    for (height, fee) in [(1, 1000), (2, 2000), (3, 3000)] {
        spend(&node, height, fee);
        mine(&node, 1, ELSEWHERE);
    }
    let (_, before) = check(&node);
    assert_eq!(before[1].as_array().expect("a list")[111..], [json!(1000), json!(2000), json!(3000)]);

    // Their methods answer, and their errors are told as they are.
    let held = node.rpc("getwatchedbalance", json!([]));
    assert_eq!(held["at"], json!({"height": 113, "hash": best(&node)}));
    assert_eq!(node.rpc("getblockfees", json!([112])), 2000);
    assert_eq!(node.rpc("getblockfees", json!({"height": 113})), 3000);
    let error = node.try_rpc("getblockfees", json!([9999])).expect_err("there is no such block");
    assert_eq!((error.code, error.message.as_str()), (1, "there is no such block"));
    assert!(node.rpc("help", json!(["getwatchedbalance"])).to_string().contains("in satoshis"));
    for (id, important) in [("balance", false), ("fees", true)] {
        let status = status(&node, id);
        assert_eq!(
            (&status["kind"], &status["important"]),
            (&json!("process"), &json!(important)),
            "{status}"
        );
        assert_eq!((&status["cursor"], &status["lag"]), (&held["at"], &json!(0)), "{status}");
    }

    // What was spent is unspent, and spent again elsewhere.
    let at_112 = node.rpc("getblockhash", json!([112]));
    node.rpc("invalidateblock", json!([at_112]));
    check(&node);
    spend(&node, 4, 4000);
    mine_here(&node, 4);
    check(&node);
    node.rpc("reconsiderblock", json!([at_112]));
    let side = best(&node);
    mine(&node, 1, ELSEWHERE);
    assert_ne!(best(&node), side);
    let stored = check(&node);

    // Children are killed while the chain grows and is reorganized.
    for round in 0..4u8 {
        let processes = children(node.pid());
        kill(processes[round as usize % processes.len()]);
        mine_here(&node, 3);
        let height = node.rpc("getblockcount", json!([])).as_u64().expect("a height") - u64::from(round);
        let hash = node.rpc("getblockhash", json!([height]));
        node.rpc("invalidateblock", json!([hash]));
        children(node.pid()).into_iter().for_each(kill);
        mine(&node, 2 + u32::from(round), &elsewhere(round));
        check(&node);
    }
    let stored_now = check(&node);
    assert_ne!(stored_now, stored);
    let seen = status(&node, "balance");
    assert!(
        seen["retries"].as_u64() >= Some(1) && seen["last_error"].to_string().contains("signal 9"),
        "{seen}"
    );
    node.wait_until("both are live", |node| {
        ["balance", "fees"].iter().all(|id| status(node, id)["state"] == "live")
    });

    // It can be stopped, started and made to begin anew.
    assert_eq!(node.rpc("plugin", json!(["stop", "balance"]))["state"], "stopped");
    assert_eq!(children(node.pid()).len(), 1);
    let error = node.try_rpc("getwatchedbalance", json!([])).expect_err("it is stopped");
    assert_eq!(error.message, "plugin balance is not running: it is stopped");
    mine_here(&node, 1);
    node.rpc("plugin", json!(["start", "balance"]));
    check(&node);
    let kept = node.rpc("plugin", json!(["stop", "balance"]));
    assert_eq!(kept["state"], "stopped");
    let path = node.chain_dir().join("plugins/balance/state.json");
    let spoilt = std::fs::read_to_string(&path).expect("its file").replace("[1, ", "[1, 7");
    std::fs::write(&path, spoilt).expect("its file");
    node.rpc("plugin", json!(["reset", "balance"]));
    node.wait_until("it has forgotten what was wrong", |node| {
        let state = state(node, "balance");
        state["cursor"]["hash"] == best(node) && !state.to_string().contains("[1,7")
    });
    check(&node);

    // The node is killed; the children notice. It comes back, and nothing is read twice or missing.
    for _ in 0..2 {
        let stored = check(&node);
        let processes = children(node.pid());
        assert_eq!(processes.len(), 2);
        node.kill();
        wait_until_gone(&processes);
        node.launch();
        assert_eq!(check(&node), stored);
        mine_here(&node, 2);
        node.kill();
        node.launch();
        check(&node);
    }
    let processes = children(node.pid());
    let stored = check(&node);
    assert_eq!(node.stop(), Some(0));
    assert!(!processes.iter().any(|pid| lives(*pid)));
    let mut node = TestNode::start_in(folder.path(), &args);
    assert_eq!(check(&node), stored);
    assert_eq!(node.stop(), Some(0));
}

#[test]
fn hostile_plugins_cost_the_node_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = |id: &str| {
        format!(
            "read l; echo '{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"protocol\":1,\"id\":\"{id}\"}}}}'\n"
        )
    };
    let bad: [(&str, bool, &str); 8] = [
        ("garbage", true, "head -c 3000 /dev/urandom; sleep 1000"),
        ("endless", true, "while :; do printf %65536s x; done"),
        ("flood", true, "while :; do echo '{}'; done"),
        ("stderr", true, "while :; do echo help >&2; done"),
        ("silence", true, "trap '' TERM; sleep 1000 & sleep 1000"),
        ("exit", true, "exit 3"),
        ("dumb", false, "echo hello; sleep 1000"),
        ("gone", false, "exit 0"),
    ];
    let mut args = vec!["-regtest".to_owned(), "-flushblocks=1".to_owned()];
    for (name, speaks, rest) in bad {
        let path = folder.path().join(format!("{name}.sh"));
        let first = if speaks { manifest(name) } else { String::new() };
        std::fs::write(&path, format!("{first}{rest}\n")).expect("a script can be written");
        args.push(format!("-plugin=sh {}", path.display()));
    }
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut node = TestNode::start(&args);
    let before = resident(node.pid());
    for _ in 0..20 {
        mine(&node, 5, ELSEWHERE);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(node.rpc("getblockcount", json!([])), 100);
    let grown = resident(node.pid()).saturating_sub(before);
    assert!(grown < 100 << 20, "{} MiB", grown >> 20);
    for (name, speaks, _) in bad {
        let known = status(&node, name);
        let want: &[&str] = match (speaks, name) {
            (false, _) => &["failed"],
            // It is asked to open, and nobody waits long for an answer here.
            (true, "silence" | "stderr") => &["starting"],
            (true, _) => &["backoff", "starting"],
        };
        assert!(want.iter().any(|state| known["state"] == *state), "{known}");
    }
    let log = node.log();
    for text in ["garbage", "endless", "flood", "exit", "dumb", "gone"] {
        assert!(log.contains(&format!("the plugin {text}")), "{text} is not in the log");
    }
    assert!(log.contains("plugin stderr: help"));
    let processes = children(node.pid());
    assert_eq!(node.stop(), Some(0));
    wait_until_gone(&processes);
}

#[test]
fn a_process_that_outlives_the_node_is_ended_by_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("deaf.sh");
    let text = "trap '' TERM HUP\nread l; echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocol\":1,\"id\":\"deaf\"}}'\n\
                read l; echo '{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"cursor\":null}}'\nwhile :; do sleep 1; done\n";
    std::fs::write(&script, text).expect("a script can be written");
    let value = format!("-plugin=sh {}", script.display());
    let mut node = TestNode::start(&["-regtest", &value]);
    let noted = |node: &TestNode| {
        let path = node.chain_dir().join("plugins/deaf/process");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.split(' ').next().and_then(|pid| pid.parse::<u32>().ok())
    };
    node.wait_until("it is open", |node| noted(node).is_some());
    let old = noted(&node).expect("it is noted");
    node.kill();
    assert!(lives(old));
    node.launch();
    node.wait_until("another is open", |node| noted(node).is_some_and(|pid| pid != old));
    wait_until_gone(&[old]);
    let new = noted(&node).expect("it is noted");
    assert!(lives(new));
    assert_eq!(node.stop(), Some(0));
    wait_until_gone(&[new]);
}

#[test]
fn an_important_plugin_that_fails_stops_the_node() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = folder.path().join("fatal.sh");
    let text = "read l; echo '{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"protocol\":1,\"id\":\"fatal\"}}'\n\
                read l; echo '{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":1,\"message\":\"the shop is closed\",\
                \"data\":{\"fatal\":true}}}'\n read l\n";
    std::fs::write(&script, text).expect("a script can be written");
    for (option, stops) in [("plugin", false), ("important-plugin", true)] {
        let datadir = tempfile::tempdir().expect("a folder");
        let value = format!("-{option}=sh {}", script.display());
        let mut command = TestNode::command(datadir.path(), &["-regtest", &value]);
        if stops {
            let output = command.output().expect("chaincored can be started");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && said.contains("the shop is closed"), "{said}");
        } else {
            let mut node = TestNode::start_in(datadir.path(), &["-regtest", &value]);
            node.wait_until("it has failed", |node| node.log().contains("the shop is closed"));
            assert_eq!(node.stop(), Some(0));
        }
    }
}

#[test]
fn a_plugin_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    for option in ["--plugin=/no/such/plugin.py", "--important-plugin=no-such-program x"] {
        let output =
            TestNode::command(folder.path(), &["-regtest", option]).output().expect("it can be started");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let program = option.split_once('=').expect("a value").1.split(' ').next().expect("a word");
        assert!(!output.status.success() && said.contains(&format!("there is no file {program}")), "{said}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "nothing was begun");
}
