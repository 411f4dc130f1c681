//! A child that does what it is asked.

use super::super::*;
use super::bench::{Bench, blocks, retry};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, TxOut, hex};
use chaincore_plugin::RemovalReason;
use std::time::Duration;

fn parsed(lines: &[String]) -> Vec<Value> {
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_call_reaches_the_child_in_its_shape() {
    let bench = Bench::new();
    let mut plugin = bench.open("reorganizes");
    assert_eq!((plugin.manifest().id.as_str(), plugin.manifest().important), ("tester", false));
    let mut blocks = blocks(3);
    blocks.iter_mut().for_each(|block| block.spent = Arc::new([]));
    let script = vec![0x51, 0x52].into();
    let output = TxOut { value: Amount(2_100_000_000_000_000), script_pubkey: script };
    blocks[1].spent = Arc::new([Coin { output, height: 9, coinbase: true, tx_index: 4 }]);
    let to = blocks[0].at;
    let tx = blocks[0].block.transactions[0].clone();
    let (sequence, time, fee, vsize) = (7, 1_700_000_000, Amount(5), 6);
    let removed = |reason| MempoolEvent::Removed { sequence, time, tx: tx.clone(), fee, vsize, reason };
    let events = [
        MempoolEvent::Added { sequence, time, tx: tx.clone(), fee, vsize },
        removed(RemovalReason::Expiry),
        removed(RemovalReason::Block(to.hash)),
        removed(RemovalReason::Replaced(tx.txid())),
        MempoolEvent::Gap { lost: 3 },
    ];
    bench.run(async {
        plugin.extend(&blocks[..2]).await.unwrap();
        plugin.rollback(to).await.unwrap();
        plugin.reorganize(to, &blocks[1..]).await.unwrap();
        plugin.mempool(&events).await.unwrap();
        plugin.tick().await.unwrap();
        let known = plugin.locator().await.unwrap();
        assert_eq!((known.len(), known[0].height, known[0].hash.to_string()), (1, 3, "33".repeat(32)));
        plugin.reset().await.unwrap();
        plugin.close().await;
    });
    bench.assert_gone();
    assert_eq!(bench.told.description(), "open");
    let name = |block: BlockRef| json!({"height": block.height, "hash": block.hash});
    let shown = |block: &AppliedBlock, spent: Value| {
        json!({"height": block.at.height, "hash": block.at.hash, "prev": block.prev,
            "block": hex::encode(&block.block.to_bytes()), "spent": spent})
    };
    let coin = json!({"value": 2_100_000_000_000_000u64, "height": 9, "coinbase": true, "tx_index": 4, "script": "5152"});
    let (first, second) = (shown(&blocks[0], json!([])), shown(&blocks[1], json!([coin])));
    let third = shown(&blocks[2], json!([]));
    let genesis = bench.context().chain.tip();
    let event = |kind: &str, more: Value| {
        let mut event = json!({"type": kind, "sequence": 7, "time": 1_700_000_000, "txid": tx.txid(),
            "wtxid": tx.wtxid(), "fee": 5, "vsize": 6});
        event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        event
    };
    let want = [
        ("manifest", json!({"protocol": 1, "chaincore": env!("CARGO_PKG_VERSION")})),
        (
            "open",
            json!({"chain": "regtest", "genesis": genesis.hash, "folder": bench.path("plugins/tester"),
                "tip": name(genesis), "durable_tip": name(genesis), "endpoint": "http://127.0.0.1:5000"}),
        ),
        ("extend", json!({"blocks": [first, second.clone()]})),
        ("rollback", json!({"to": name(to)})),
        ("reorganize", json!({"to": name(to), "blocks": [second, third]})),
        (
            "mempool",
            json!({"events": [
                event("added", json!({"tx": hex::encode(&tx.to_bytes())})),
                event("removed", json!({"reason": "expiry"})),
                event("removed", json!({"reason": "block", "block": to.hash})),
                event("removed", json!({"reason": "replaced", "by": tx.txid()})),
                {"type": "gap", "lost": 3},
            ]}),
        ),
        ("tick", json!({})),
        ("locator", json!({})),
        ("reset", json!({})),
        ("close", json!({})),
    ];
    let got = parsed(&bench.noted("lines"));
    assert_eq!(got.len(), want.len());
    for ((id, got), (method, params)) in (1..).zip(got).zip(want) {
        assert_eq!(got, json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
    }
    let folder = bench.folder.path().display().to_string();
    assert_eq!(bench.noted("env"), [format!("regtest {folder} {folder}/plugins")]);
    assert!(bench.path("plugins/tester").is_dir());
}

#[test]
fn a_change_of_branches_is_two_calls_for_who_does_not_want_it_in_one() {
    let bench = Bench::new();
    let mut plugin = bench.open("");
    let blocks = blocks(2);
    bench.run(plugin.reorganize(blocks[0].at, &blocks[1..])).unwrap();
    bench.run(plugin.reorganize(blocks[0].at, &[])).unwrap();
    assert_eq!(bench.calls()[2..], ["rollback", "extend", "rollback"]);
}

#[test]
fn it_is_opened_again_in_the_same_process_and_after_a_close_in_another() {
    let bench = Bench::new();
    let mut plugin = bench.open("");
    assert!(bench.run(plugin.open(&bench.context())).is_ok());
    assert_eq!(bench.noted("pids").len(), 1);
    bench.run(plugin.close());
    let text = retry(bench.run(plugin.tick()));
    assert_eq!(text, "the process is not running: it is stopped");
    assert!(bench.run(plugin.open(&bench.context())).is_ok());
    bench.run(plugin.tick()).unwrap();
    assert_eq!(bench.noted("pids").len(), 2);
    drop(plugin);
    bench.assert_gone();
}

#[test]
fn what_it_refuses_is_what_the_host_is_told() {
    let bench = Bench::new();
    let mut plugin = bench.open("tick:later");
    let Err(PluginError::Retry { after, source }) = bench.run(plugin.tick()) else { panic!("it refuses") };
    assert_eq!((after, source.to_string()), (Some(Duration::from_secs(7)), "not now".into()));
    // A polite refusal is no reason to end it.
    assert!(bench.run(plugin.open(&bench.context())).is_ok());
    assert_eq!(bench.noted("pids").len(), 1);

    let bench = Bench::new();
    let mut plugin = bench.open("extend:fatal");
    let Err(PluginError::Fatal(why)) = bench.run(plugin.extend(&blocks(1))) else { panic!("it refuses") };
    assert_eq!(why, "the disk is gone");
    bench.assert_gone();
}

#[test]
fn it_need_not_know_every_method() {
    for method in ["mempool", "tick", "locator", "close", "extend", "rollback", "reset", "open"] {
        let bench = Bench::new();
        let mut plugin = bench.start(&format!("{method}:unknown"));
        let opened = bench.run(plugin.open(&bench.context()));
        let block = blocks(1).remove(0);
        let result = bench.run(async {
            match method {
                "mempool" => plugin.mempool(&[]).await,
                "tick" => plugin.tick().await,
                "locator" => plugin.locator().await.map(|known| assert!(known.is_empty())),
                "close" => {
                    plugin.close().await;
                    Ok(())
                }
                "extend" => plugin.extend(&[block]).await,
                "rollback" => plugin.rollback(block.at).await,
                "reset" => plugin.reset().await,
                _ => opened.map(drop),
            }
        });
        if ["mempool", "tick", "locator", "close"].contains(&method) {
            result.unwrap();
        } else {
            assert_eq!(result.unwrap_err().to_string(), format!("the process does not know {method}"));
        }
    }
}

#[test]
fn a_batch_that_does_not_fit_into_a_pipe_arrives_whole() {
    let bench = Bench::new();
    let mut plugin = bench.open("");
    let mut blocks = blocks(2);
    let output = TxOut { value: Amount(1), script_pubkey: vec![0x6a; 100_001].into() };
    let coin = Coin { output, height: 1, coinbase: false, tx_index: 1 };
    blocks[0].spent = vec![coin; 30].into();
    bench.run(plugin.extend(&blocks)).unwrap();
    let call = parsed(&bench.noted("lines")).remove(2);
    let spent = call["params"]["blocks"][0]["spent"].as_array().unwrap();
    assert_eq!(spent.len(), 30);
    assert!(spent.iter().all(|coin| coin["script"] == *"6a".repeat(100_001)));
    assert_eq!(call["params"]["blocks"][1]["height"], 2);
}

#[test]
fn several_start_beside_each_other() {
    let bench = Bench::new();
    let missing = CommandLine { program: bench.path("no_such"), arguments: vec![] };
    let commands = [(bench.command(""), true), (missing, true), (bench.command("manifest:exit"), false)];
    let plugins = ProcessPlugin::start_all(commands, &bench.environment(), &bench.limits);
    let seen: Vec<_> = plugins
        .iter()
        .map(|plugin| (plugin.manifest().id, plugin.manifest().important, plugin.failure().is_some()))
        .collect();
    let want = [("tester", true, false), ("no-such", true, true), ("child", false, true)];
    assert_eq!(seen, want.map(|(id, important, failed)| (id.to_owned(), important, failed)));
    assert!(plugins[1].failure().unwrap().contains("no_such cannot be started"));
}
