//! How fast nodes hear from each other: the first download of a deterministic chain from one peer, encrypted and in
//! the open, and from four beside the import of the same chain from files, the time that a block and a transaction take over five hops, and the memory
//! that idle peers take.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

#[path = "../chain/files.rs"]
mod files;

use anyhow::{Context, Result, ensure};
use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::{Amount, Block, OutPoint};
use chaincore_tests::{Peer, TestNode, mining, resident};
use clap::Parser;
use files::{FOUNDING_BLOCKS, Made, Plan};
use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Times the network of nodes on this machine.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    plan: Plan,
    /// How many times each download and import is done; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How many blocks are sent through the line of nodes.
    #[arg(long, default_value_t = 50)]
    relayed_blocks: usize,
    /// How many transactions are sent through it.
    #[arg(long, default_value_t = 7)]
    relayed_txs: usize,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Nodes between the first of a line and the last, and one.
const HOPS: usize = 5;
const IDLE_PEERS: usize = 100;
const COMMON: [&str; 4] = ["-regtest", "-noaddressindex", "-listen=1", "-bind=127.0.0.1"];

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.runs > 0, "--runs must be at least 1");
    downloads(&args)?;
    relay_of_blocks(&args)?;
    relay_of_txs(&args, false)?;
    relay_of_txs(&args, true)?;
    idle_peers()
}

fn median<T: PartialOrd + Copy>(mut values: Vec<T>) -> T {
    values.sort_by(|a, b| a.partial_cmp(b).expect("no figure is not a number"));
    values[values.len() / 2]
}

fn downloads(args: &Args) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let last = FOUNDING_BLOCKS + args.plan.blocks;
    let made = files::make(&args.plan, &scratch.path().join("files"), |height| {
        if height.is_multiple_of(50) {
            eprintln!("  made {height} of {last} blocks");
        }
    })?;
    println!(
        "chain: {} blocks, {} transactions, {} inputs, {:.1} MB",
        made.height,
        made.transactions,
        made.inputs,
        made.bytes as f64 / 1e6
    );
    let loads: Vec<String> = made.files.iter().map(|file| format!("-loadblock={}", file.display())).collect();
    let source = scratch.path().join("source");
    std::fs::create_dir(&source)?;
    fill(&source, &made, &loads)?;
    let mut peers = vec![];
    for at in 0..4 {
        let folder = scratch.path().join(format!("peer{at}"));
        let status = Command::new("cp").arg("-r").arg(&source).arg(&folder).status()?;
        ensure!(status.success(), "the chain cannot be copied");
        peers.push(TestNode::start_in(&folder, &[&COMMON[..], &["-connect=0"]].concat()));
    }
    let calls: Vec<String> = peers.iter().map(|peer| format!("-connect={}", peer.p2p_address())).collect();
    let open = [calls[0].clone(), "-v2transport=0".into()];
    let ways = [
        ("import from files", &loads[..]),
        ("download from 1", &calls[..1]),
        ("download from 1 in the open", &open),
        ("download from 4", &calls),
    ];
    let mut times = [(); 4].map(|()| vec![]);
    // In turn, so that what else the machine does falls on all alike.
    for _ in 0..args.runs {
        for ((_, sources), times) in ways.iter().zip(&mut times) {
            times.push(fill(tempfile::tempdir()?.path(), &made, sources)?);
        }
    }
    let times = times.map(median);
    for ((what, _), time) in ways.iter().zip(times) {
        println!(
            "{what}: {time:.2} s, {:.0} blocks/s, {:.0} inputs/s, {:.1} MB/s, {:.2} times the import",
            f64::from(made.height) / time,
            made.inputs as f64 / time,
            made.bytes as f64 / 1e6 / time,
            time / times[0]
        );
    }
    Ok(())
}

/// Runs a node on a new folder until it has the chain, and stops it; how many seconds that took.
fn fill(folder: &Path, made: &Made, sources: &[String]) -> Result<f64> {
    let since = Instant::now();
    let status = TestNode::command(folder, &COMMON)
        .args(sources)
        .args([format!("-stopatheight={}", made.height), "--quiet".into()])
        .stdout(Stdio::null())
        .status()
        .context("chaincored can be run")?;
    let time = since.elapsed().as_secs_f64();
    ensure!(status.success(), "the node ended with {status}");
    let log = std::fs::read_to_string(folder.join("regtest/debug.log"))?;
    ensure!(log.contains(&made.tip.to_string()), "the node did not reach block {}", made.tip);
    Ok(time)
}

/// Nodes of which each has called the one before, at the same height and with coins to spend.
fn line(blocks: usize, more: &[&str]) -> Vec<TestNode> {
    let mut nodes: Vec<TestNode> = vec![];
    for at in 0..=HOPS {
        let call = match at {
            0 => "-connect=0".to_owned(),
            _ => format!("-connect={}", nodes[at - 1].p2p_address()),
        };
        let mut args = [&COMMON[..], &["-logtimemicros", &call]].concat();
        args.extend(more);
        nodes.push(TestNode::start(&args));
        if at == 0 {
            nodes[0].rpc("generatetoaddress", json!([blocks, mining::address()]));
        }
        let tip = nodes[0].rpc("getbestblockhash", json!([]));
        nodes[at].wait_until("it has the chain", |node| node.rpc("getbestblockhash", json!([])) == tip);
    }
    nodes
}

/// The time of day at which a node made a block its tip, in seconds, by its log.
fn time_of_tip(node: &TestNode, hash: &str) -> Option<f64> {
    let log = node.log();
    let line = log.lines().find(|line| line.contains("UpdateTip: new best=") && line.contains(hash))?;
    let (_, time) = line.split_once('T')?;
    let mut parts = time.split('Z').next()?.split(':').map(|part| part.parse::<f64>().ok());
    Some(parts.next()?? * 3600.0 + parts.next()?? * 60.0 + parts.next()??)
}

fn relay_of_blocks(args: &Args) -> Result<()> {
    let nodes = line(110, &[]);
    let (first, last) = (&nodes[0], &nodes[HOPS]);
    let mut times = vec![];
    for _ in 0..args.relayed_blocks {
        let tip = first.rpc("getblockheader", json!([first.rpc("getbestblockhash", json!([]))]));
        let number = |key: &str| tip[key].as_u64().and_then(|n| u32::try_from(n).ok()).context("a number");
        let parent = tip["hash"].as_str().context("a hash")?.parse()?;
        let block = mining::block(parent, number("height")? + 1, number("time")? + 1, 0, vec![]);
        let hash = block.block_hash().to_string();
        let start = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
        first.rpc("submitblock", json!([serialize_hex(&block)]));
        last.wait_until("the block is at the end", |node| {
            node.rpc("getbestblockhash", json!([])) == hash[..]
        });
        let end = time_of_tip(last, &hash).context("the log names the tip")?;
        // Midnight may lie between.
        times.push((end - start).rem_euclid(86_400.0) * 1e3);
    }
    println!(
        "block over {HOPS} hops: median {:.1} ms of {}, slowest {:.1} ms",
        median(times.clone()),
        times.len(),
        times.iter().copied().fold(0.0, f64::max)
    );
    Ok(())
}

/// With and without the delay by which nodes hide where a transaction came from.
fn relay_of_txs(args: &Args, at_once: bool) -> Result<()> {
    let free: &[&str] = if at_once { &["-whitelist=noban@127.0.0.1"] } else { &[] };
    let nodes = line(101 + args.relayed_txs, free);
    let (first, last) = (&nodes[0], &nodes[HOPS]);
    let mut times = vec![];
    for n in 0..args.relayed_txs {
        let hash = first.rpc("getblockhash", json!([n + 1]));
        let block = first.rpc("getblock", json!([hash, 0]));
        let block: Block = deserialize_hex(block.as_str().context("hex")?)?;
        let coin = OutPoint::new(block.txdata[0].compute_txid(), 0);
        let tx = mining::spend(coin, block.txdata[0].output[0].value, Amount::from_sat(10_000), 1);
        let txid = json!(tx.compute_txid().to_string());
        let since = Instant::now();
        first.rpc("sendrawtransaction", json!([serialize_hex(&tx)]));
        while last.try_rpc("getmempoolentry", json!([txid])).is_err() {
            ensure!(since.elapsed() < Duration::from_secs(600), "the transaction does not arrive");
            std::thread::sleep(Duration::from_millis(1));
        }
        times.push(since.elapsed().as_secs_f64() * 1e3);
    }
    println!(
        "transaction over {HOPS} hops, {}: median {:.0} ms of {}, slowest {:.0} ms",
        if at_once { "announced at once" } else { "announced in trickles" },
        median(times.clone()),
        times.len(),
        times.iter().copied().fold(0.0, f64::max)
    );
    Ok(())
}

fn idle_peers() -> Result<()> {
    let node = TestNode::start(&[&COMMON[..], &["-connect=0", "-maxconnections=500"]].concat());
    node.rpc("generatetoaddress", json!([110, mining::address()]));
    let before = resident(node.pid());
    let mut peers: Vec<Peer> = (0..IDLE_PEERS).map(|_| Peer::greet(node.p2p_address())).collect();
    for peer in &mut peers {
        peer.sync();
    }
    let after = resident(node.pid());
    println!("{IDLE_PEERS} idle peers: {:.2} MB", after.saturating_sub(before) as f64 / 1e6);
    Ok(())
}
