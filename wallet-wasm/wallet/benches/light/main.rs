//! How fast the wallet is, through the faces that pages use: headers verified, filters matched, the time until a wallet
//! of 1,000 transactions on a chain of 100,000 blocks knows its balance, and signing for 100 inputs.
//!
//! The chain is made in memory with next to no work, every rule holds on it, and the answers to the client come from
//! memory too. It is left in a folder for `wallet-wasm/bench/light.mjs`, which measures the same in the module.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench prints, and fails by panicking")]

mod world;

use chaincore_wallet::keystore::Params;
use chaincore_wallet::service::{LightService, SignerService};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use world::{BLOCKS, INPUTS, World};

/// Where the world is left.
const FOLDER: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/light-bench");

fn call(answer: &str) -> Value {
    let mut answer: Value = serde_json::from_str(answer).unwrap();
    assert!(answer["error"].is_null(), "{answer}");
    answer["result"].take()
}

fn ask_signer(signer: &mut SignerService, method: &str, params: Value) -> Value {
    call(&signer.call(&json!({"method": method, "params": params}).to_string()))
}

fn ask(light: &mut LightService, method: &str, params: Value) -> Value {
    call(&light.call(&json!({"method": method, "params": params}).to_string()))
}

/// Opens a wallet, with the account or without any, and lets it read the whole chain; how long that took.
fn sync(world: &World, account: Option<&Value>, mode: &str) -> (LightService, Duration) {
    let mut light = LightService::new();
    ask(&mut light, "open", json!({"chain": {"file": world.file}}));
    ask(&mut light, "configure", json!({"mode": mode}));
    if let Some(account) = account {
        ask(&mut light, "add_account", account.clone());
    }
    let started = Instant::now();
    let mut now = world.now();
    loop {
        let told = ask(&mut light, "poll", json!({"now": now}));
        let wanted = told["fetch"].as_array().unwrap();
        if wanted.is_empty() {
            assert_eq!(told["faults"], json!([]));
            if told["progress"]["synced"] == true {
                return (light, started.elapsed());
            }
            now += 1;
        }
        for fetch in wanted {
            let (status, body) = world.answer(fetch["path"].as_str().unwrap());
            light.give(fetch["id"].as_u64().unwrap(), status, body);
        }
    }
}

fn main() {
    let mut signer = SignerService::with_kdf(Params::LEAST);
    let world = World::new(&mut signer);
    world.write(Path::new(FOLDER));

    let (_, headers) = sync(&world, None, "verified");
    let per_second = |count: u32, time: Duration| f64::from(count) / time.as_secs_f64();
    println!("headers verified a second       {:>10.0}", per_second(BLOCKS, headers));
    let mut balances = Vec::new();
    for mode in ["filters", "verified"] {
        let (mut light, time) = sync(&world, Some(&world.account), mode);
        if mode == "filters" {
            println!(
                "filters matched a second        {:>10.0}",
                per_second(BLOCKS, time.saturating_sub(headers))
            );
        }
        balances.push((mode, time));
        let balance = ask(&mut light, "balance", json!({}));
        assert_eq!(balance["confirmed"], world.balance, "{mode}: {balance}");
        assert_eq!(balance["unproven"], 0);
        if mode == "verified" {
            for (mode, time) in &balances {
                println!("seconds to balance, {mode:<12}{:>10.2}", time.as_secs_f64());
            }
            let coins = ask(&mut light, "coins", json!({}));
            let coins = coins.as_array().unwrap()[..INPUTS].iter().map(|coin| &coin["outpoint"]);
            let coins: Vec<&Value> = coins.collect();
            let payment =
                json!({"to": [{"address": world.other, "amount": "all"}], "feerate": 2, "coins": coins});
            let psbt = ask(&mut light, "create", payment)["psbt"].take();
            let started = Instant::now();
            let signed = ask_signer(&mut signer, "sign", json!({"psbt": psbt}));
            let time = started.elapsed();
            assert_eq!(signed["signatures"], INPUTS);
            println!("milliseconds to sign {INPUTS} inputs {:>9.1}", time.as_secs_f64() * 1e3);
        }
    }
}
