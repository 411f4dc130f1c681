//! What a mirror costs the node that it follows: how fast `chaincored` connects a deterministic chain at its tip without
//! a mirror, with one, with one whose server hangs and with one whose server is dead.
//!
//! Each round starts a node per case, anew, brings node and mirror to the same height, then lets the server hang or die
//! and submits block after block. Ratios are those within a round, so that what else the machine does falls out.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

#[path = "../chain/files.rs"]
mod files;
mod process;

use anyhow::{Context, Result, bail, ensure};
use chaincore_postgres::{Database, Options, Server};
use chaincore_tests::TestNode;
use clap::Parser;
use files::{FOUNDING_BLOCKS, Made, Plan};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Times a node with and without a mirror.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    plan: Plan,
    /// How many times each case is run; medians count.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Milliseconds between two blocks, which are not counted: with enough of them the mirror is done with a block when
    /// the next one comes, as it is on a chain that is not being downloaded.
    #[arg(long, default_value_t = 0)]
    pause: u64,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Without,
    On,
    Frozen,
    Dead,
}

const CASES: [(Case, &str); 4] = [
    (Case::Without, "a  no mirror"),
    (Case::On, "b  mirror on"),
    (Case::Frozen, "c  server frozen"),
    (Case::Dead, "d  server dead"),
];

/// One run of one case.
#[derive(Clone, Copy)]
struct Figures {
    /// Seconds for the blocks.
    wall: f64,
    /// Processor seconds of the node meanwhile.
    node: f64,
    /// Those of the mirror's own threads in it.
    mirror: f64,
    /// Those of the database server.
    server: f64,
    /// Seconds more until the mirror has every block, and what the node took in them.
    until_level: f64,
    node_until_level: f64,
    /// Bytes.
    peak_memory: u64,
}

/// The blocks in hex, and what the last one is called.
struct Chain<'a> {
    founding: &'a [String],
    measured: &'a [String],
    tip: String,
    /// Between two measured blocks.
    pause: Duration,
}

/// The threads that a mirror adds to a node.
const MIRROR_THREADS: [&str; 2] = ["plugin-mirror", "reader-mirror"];
/// After how many blocks the node is told to make them durable, with a mirror and without.
const DURABLE_EVERY: usize = 5;
/// A bound, not a measurement.
const PATIENCE: Duration = Duration::from_secs(1_800);

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.rounds > 0, "--rounds must be at least 1");
    let scratch = tempfile::tempdir()?;
    let made = files::make(&args.plan, scratch.path(), |_| {})?;
    let blocks = read_blocks(&made)?;
    let (founding, measured) = blocks.split_at(FOUNDING_BLOCKS as usize);
    println!(
        "chain: {} blocks at the tip after {FOUNDING_BLOCKS} empty ones, {} transactions, {} inputs, {:.1} MB",
        measured.len(),
        made.transactions,
        made.inputs,
        made.bytes as f64 / 1e6
    );
    let server = Server::start(Options::fast().durable());
    let mut rounds: Vec<[Figures; 4]> = vec![];
    for round in 0..args.rounds {
        let mut found = [None; 4];
        // Another one begins each time, so that none always has the machine in the same mood.
        for at in (0..4).map(|at| (at + round) % 4) {
            let pause = Duration::from_millis(args.pause);
            let chain = Chain { founding, measured, tip: made.tip.to_string(), pause };
            let figures = run(CASES[at].0, &server, &chain).context(CASES[at].1)?;
            eprintln!(
                "  round {}, {}: {:.2} s, node {:.2} s",
                round + 1,
                CASES[at].1,
                figures.wall,
                figures.node
            );
            found[at] = Some(figures);
        }
        rounds.push(found.map(|figures| figures.expect("every case was run")));
    }
    print(&rounds, measured.len());
    Ok(())
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

fn print(rounds: &[[Figures; 4]], blocks: usize) {
    println!(
        "medians of {} rounds; ratios are to (a) of the same round, least to most in brackets; the node makes every \
         {DURABLE_EVERY} blocks durable",
        rounds.len()
    );
    println!(
        "{:18} {:>8} {:>9} {:>24}  {:>9} {:>24}  {:>9} {:>8} {:>8}",
        "",
        "wall s",
        "blocks/s",
        "wall ratio",
        "node CPU",
        "node CPU ratio",
        "mirror's",
        "server's",
        "peak MB"
    );
    for (at, (_, name)) in CASES.iter().enumerate() {
        let of = |what: fn(&Figures) -> f64| median(rounds.iter().map(|round| what(&round[at])));
        let ratio = |what: fn(&Figures) -> f64| {
            let ratios = || rounds.iter().map(|round| what(&round[at]) / what(&round[0]));
            let (least, most) = (ratios().fold(f64::MAX, f64::min), ratios().fold(0.0, f64::max));
            format!("{:.3} [{least:.3} to {most:.3}]", median(ratios()))
        };
        println!(
            "{name:18} {:8.2} {:9.2} {:>24}  {:7.2} s {:>24}  {:7.2} s {:6.2} s {:8.1}",
            of(|run| run.wall),
            blocks as f64 / of(|run| run.wall),
            ratio(|run| run.wall),
            of(|run| run.node),
            ratio(|run| run.node),
            of(|run| run.mirror),
            of(|run| run.server),
            of(|run| run.peak_memory as f64 / 1e6)
        );
    }
    let on = |what: fn(&Figures) -> f64| median(rounds.iter().map(|round| what(&round[1])));
    println!(
        "(b) has every block in its tables {:.2} s after the node, which takes {:.2} s of processor time meanwhile.",
        on(|run| run.until_level),
        on(|run| run.node_until_level)
    );
    println!(
        "(c) and (d) show whether the node waits for its mirror: they are to be within 1 % of (a). (b) shares the {} \
         processors of this machine with the PostgreSQL server (\"server's\"), so its wall time measures the machine, not \
         waiting; what it costs the node itself is its processor time, of which \"mirror's\" is that of the mirror's own \
         threads.",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
}

fn run(case: Case, server: &Server, chain: &Chain) -> Result<Figures> {
    let database = (case != Case::Without).then(|| server.database("node"));
    let mut args = vec!["-regtest".to_owned(), "-noaddressindex".into(), "-connect=0".into()];
    args.extend(database.as_ref().map(|database: &Database| format!("-mirror={}", database.url)));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut node = TestNode::start(&args);
    for block in chain.founding {
        submit(&node, block)?;
    }
    if database.is_some() {
        wait_level(&node)?;
    }
    match case {
        Case::Without | Case::On => {}
        Case::Frozen => server.freeze(),
        Case::Dead => server.kill(),
    }
    let result = measure(case, server, &node, chain);
    node.kill();
    match case {
        Case::Without | Case::On => {}
        Case::Frozen => server.thaw(),
        Case::Dead => server.restart(),
    }
    result
}

fn measure(case: Case, server: &Server, node: &TestNode, chain: &Chain) -> Result<Figures> {
    let pid = node.pid();
    let of_server = || server.process().map_or(Ok(0.0), process::processor_of_family);
    let before =
        (process::processor(pid)?, process::processor_of_threads(pid, &MIRROR_THREADS)?, of_server()?);
    let mut wall = 0.0;
    for (at, block) in chain.measured.iter().enumerate() {
        let begun = Instant::now();
        submit(node, block)?;
        if (at + 1) % DURABLE_EVERY == 0 {
            make_durable(node)?;
        }
        wall += begun.elapsed().as_secs_f64();
        std::thread::sleep(chain.pause);
    }
    let since = Instant::now();
    let after =
        (process::processor(pid)?, process::processor_of_threads(pid, &MIRROR_THREADS)?, of_server()?);
    let tip = node.rpc("getbestblockhash", json!([]));
    ensure!(tip == chain.tip[..], "the node ends with {tip}, not {}", chain.tip);
    match case {
        Case::Without => {}
        Case::On => wait_level(node)?,
        // The server was what it was said to be: nothing has come to the mirror.
        Case::Frozen | Case::Dead => {
            let lag = mirror(node)?["lag"].as_u64();
            ensure!(lag == Some(chain.measured.len() as u64), "the mirror is {lag:?} blocks behind");
        }
    }
    Ok(Figures {
        wall,
        node: after.0 - before.0,
        mirror: after.1 - before.1,
        server: after.2 - before.2,
        until_level: since.elapsed().as_secs_f64(),
        node_until_level: process::processor(pid)? - after.0,
        peak_memory: process::peak_memory(pid)?,
    })
}

fn submit(node: &TestNode, block: &str) -> Result<()> {
    match node.try_rpc("submitblock", json!([block])) {
        Ok(Value::Null) => Ok(()),
        Ok(refused) => bail!("the node refuses a block: {refused}"),
        Err(failure) => bail!("submitblock: {failure:?}"),
    }
}

/// A mirror is given what a crash of the node cannot take back. A node makes its blocks durable every half a minute, too
/// seldom for a short run; to prefer the block that is the tip anyway changes nothing else.
fn make_durable(node: &TestNode) -> Result<()> {
    let done = node.try_rpc("preciousblock", json!([node.rpc("getbestblockhash", json!([]))]));
    ensure!(done == Ok(Value::Null), "preciousblock: {done:?}");
    Ok(())
}

fn mirror(node: &TestNode) -> Result<Value> {
    let plugins = node.rpc("listplugins", json!([]));
    let found = plugins.as_array().into_iter().flatten().find(|plugin| plugin["id"] == "mirror");
    found.cloned().context("the mirror is a plugin")
}

/// Waits until the mirror has all, its indexes too, and does nothing more.
fn wait_level(node: &TestNode) -> Result<()> {
    make_durable(node)?;
    let since = Instant::now();
    let wanted = format!("follows the tip, {}", node.rpc("getblockcount", json!([])));
    loop {
        let status = mirror(node)?;
        if status["state"] == "live" && status["lag"] == 0 && status["description"] == wanted {
            return Ok(());
        }
        ensure!(since.elapsed() < PATIENCE, "the mirror does not get level: {status:#}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The blocks above the genesis block, in hex, out of their files.
fn read_blocks(made: &Made) -> Result<Vec<String>> {
    let mut blocks = vec![];
    for file in &made.files {
        let bytes = std::fs::read(file)?;
        let mut rest = &bytes[..];
        while let Some((head, after)) = rest.split_at_checked(8) {
            let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
            let (block, next) = after.split_at_checked(length).context("a file holds whole blocks")?;
            blocks.push(block.iter().map(|byte| format!("{byte:02x}")).collect());
            rest = next;
        }
    }
    blocks.remove(0);
    ensure!(blocks.len() == made.height as usize, "{} blocks, not {}", blocks.len(), made.height);
    Ok(blocks)
}
