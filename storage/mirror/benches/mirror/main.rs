//! How fast the mirror is, against what the same server can do in the same run.
//!
//! `cargo xtask bench mirror -- --blocks 100 --rounds 3`. Bulk loading is compared with plain binary `COPY` of the same
//! rows, encoded beforehand, into the same tables; the two take turns, and medians are printed. The server is one of its
//! own with fsync on, in the temporary folder; `--set name=value` changes its settings and `--log FILE` keeps its log.
#![allow(clippy::print_stdout, reason = "its output is what it is for")]

mod blocks;

use blocks::{Maker, TXS};
use chaincore_consensus::BlockHash;
use chaincore_consensus::params::ChainParams;
use chaincore_mirror::batch::Encoded;
use chaincore_mirror::rows::{self, Lineage};
use chaincore_mirror::{Mirror, MirrorOptions, pools};
use chaincore_plugin::testkit::{NodeDouble, Notes};
use chaincore_plugin::{AppliedBlock, BlockRef, ChainReader, Context, Path, Plugin, ReadError};
use chaincore_postgres::{Options, Server};
use sqlx::{Connection, PgConnection};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Blocks to a batch: what 8 MB of Bitcoin's blocks are.
const BATCH: usize = 5;
/// Blocks mirrored at the tip.
const TIP_BLOCKS: usize = 16;
/// Depth of the reorganization.
const DEPTH: usize = 6;

/// Knows its tip; nothing else is asked.
struct Tip(Mutex<BlockRef>);

impl ChainReader for Tip {
    fn tip(&self) -> BlockRef {
        *self.0.lock().expect("nobody panics with the lock")
    }
    fn durable_tip(&self) -> BlockRef {
        self.tip()
    }
    fn is_ancestor(&self, _: &BlockRef, _: &BlockRef) -> bool {
        false
    }
    fn path(&self, _: &[BlockRef], _: usize) -> Path {
        Path { fork: self.tip(), connect: vec![], tip: self.tip() }
    }
    fn parent(&self, _: &BlockRef) -> Option<BlockRef> {
        None
    }
    fn applied_block(&self, hash: &BlockHash) -> Result<AppliedBlock, ReadError> {
        Err(ReadError::Unavailable(*hash))
    }
}

struct Bench {
    params: Arc<ChainParams>,
    chain: Arc<Tip>,
}

impl Bench {
    fn context(&self) -> Context {
        Context {
            chain: self.chain.clone(),
            node: Arc::new(NodeDouble::default()),
            params: self.params.clone(),
            folder: "/nonexistent".into(),
            report: Arc::new(Notes::default()),
        }
    }

    fn set_tip(&self, tip: BlockRef) {
        *self.chain.0.lock().expect("nobody panics with the lock") = tip;
    }

    /// Loads all blocks into an empty database; seconds of the loading alone.
    async fn bulk(&self, url: &str, all: &[AppliedBlock]) -> (Mirror, f64) {
        let mut mirror = Mirror::new(MirrorOptions::new(url)).expect("the server's own URL");
        mirror.open(&self.context()).await.expect("the server is ours");
        let started = Instant::now();
        for batch in all.chunks(BATCH) {
            mirror.extend(batch).await.expect("nothing is in the way");
        }
        (mirror, started.elapsed().as_secs_f64())
    }

    /// Copies the same rows, encoded already, in the same batches; seconds.
    async fn ceiling(&self, url: &str, all: &[AppliedBlock]) -> f64 {
        let mut mirror = Mirror::new(MirrorOptions::new(url)).expect("the server's own URL");
        mirror.open(&self.context()).await.expect("the server is ours");
        mirror.close().await;
        let maker = rows::Maker { params: &self.params, owners: false };
        let mut lineage = Lineage::default();
        let rules = pools::Rules::default();
        let encoded: Vec<Encoded> = all
            .chunks(BATCH)
            .map(|batch| {
                Encoded::history(&maker, batch, &rules, &mut lineage).expect("they follow each other")
            })
            .collect();
        let mut connection = PgConnection::connect(url).await.expect("the server is ours");
        let started = Instant::now();
        for batch in encoded {
            let mut transaction = connection.begin().await.expect("the server is ours");
            chaincore_mirror::write::relax(&mut transaction).await.expect("the server is ours");
            batch.copy_into(&mut transaction, 0).await.expect("the tables are bare");
            transaction.commit().await.expect("the server is ours");
        }
        started.elapsed().as_secs_f64()
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn line(what: &str, figure: String, target: &str, holds: bool) {
    println!("{what:44} {figure:>22}   {target:18} {}", if holds { "holds" } else { "MISSED" });
}

fn argument(name: &str, default: usize) -> usize {
    let mut arguments = std::env::args();
    arguments.find(|argument| argument == name);
    arguments.next().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// Seconds that this thread has run.
fn thread_seconds() -> f64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos: f64 = times.split(' ').next().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    nanos / 1e9
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime can be made").block_on(run());
}

async fn run() {
    let (count, rounds) = (argument("--blocks", 100).max(20), argument("--rounds", 3).max(1));
    let params = Arc::new(ChainParams::regtest());
    let (genesis, mut maker) = Maker::new(&params);
    let mut all = vec![genesis];
    all.extend((0..count).map(|_| maker.block()));
    let rows: usize = all
        .iter()
        .map(|block| {
            let outputs: usize = block.block.transactions.iter().map(|tx| tx.outputs.len()).sum();
            1 + block.block.transactions.len() + outputs + block.spent.len()
        })
        .sum();
    println!("{count} blocks of {TXS} transactions, {rows} rows; {rounds} rounds, medians");

    // Time of the processor, not of the clock: others may use the machine.
    let before = thread_seconds();
    let maker_of_rows = rows::Maker { params: &params, owners: false };
    let (mut lineage, rules, mut bytes) = (Lineage::default(), pools::Rules::default(), 0);
    for batch in all.chunks(BATCH) {
        let encoded = Encoded::history(&maker_of_rows, batch, &rules, &mut lineage);
        bytes += encoded.expect("they follow each other").len();
    }
    let spent = thread_seconds() - before;
    println!(
        "{:44} {:>15.0} rows/s, {} bytes a row",
        "making and encoding them, one core",
        rows as f64 / spent,
        bytes / rows
    );
    if std::env::args().any(|argument| argument == "--encode-only") {
        return;
    }

    let options = Options::fast().durable().set("shared_buffers", "1GB").set("max_wal_size", "8GB");
    let mut options = options;
    let arguments: Vec<String> = std::env::args().collect();
    for pair in arguments.windows(2).filter(|pair| pair[0] == "--set") {
        let (name, value) = pair[1].split_once('=').expect("--set name=value");
        options = options.set(name, value);
    }
    let server = Server::start(options.set("checkpoint_timeout", "30min").set("wal_compression", "off"));
    let bench = Bench { params: params.clone(), chain: Arc::new(Tip(Mutex::new(all[count].at))) };
    let (mut bulk, mut ceiling) = (vec![], vec![]);
    for round in 0..rounds {
        // They take turns in going first.
        for turn in 0..2 {
            if (round + turn) % 2 == 0 {
                let database = server.database("ceiling");
                ceiling.push(bench.ceiling(&database.url, &all).await);
            } else {
                let database = server.database("bulk");
                let (mut mirror, seconds) = bench.bulk(&database.url, &all).await;
                mirror.close().await;
                bulk.push(seconds);
            }
        }
    }
    let (bulk_rate, ceiling_rate) = (rows as f64 / median(&mut bulk), rows as f64 / median(&mut ceiling));
    println!("{:44} {:>15.0} rows/s", "plain binary COPY, encoded before", ceiling_rate);
    let ratio = bulk_rate / ceiling_rate;
    line("bulk", format!("{bulk_rate:.0} rows/s = {ratio:.2}"), "of that >= 0.80", ratio >= 0.8);

    let database = server.database("sealed");
    let started = Instant::now();
    let (mut mirror, loaded) = bench.bulk(&database.url, &all).await;
    mirror.tick().await.expect("it can be sealed");
    let sealed = started.elapsed().as_secs_f64();
    println!("{:44} {:>15.1} s", "bulk and seal, of which seal", sealed - loaded);
    let rate = count as f64 / sealed;
    line("bulk and seal, end to end", format!("{rate:.1} blocks/s"), ">= 12", rate >= 12.0);

    let mut times = vec![];
    let mut fork = None;
    for number in 0..TIP_BLOCKS {
        if number == TIP_BLOCKS - DEPTH {
            fork = Some((maker.clone(), bench.chain.tip()));
        }
        let block = maker.block();
        bench.set_tip(block.at);
        let started = Instant::now();
        mirror.extend(&[block]).await.expect("it follows");
        times.push(started.elapsed().as_secs_f64());
    }
    let p50 = median(&mut times);
    let p95 = times[(times.len() * 95 / 100).min(times.len() - 1)];
    line("a block at the tip, p50", format!("{p50:.3} s"), "<= 0.5", p50 <= 0.5);
    line("a block at the tip, p95", format!("{p95:.3} s"), "<= 1.0", p95 <= 1.0);

    let (below, at) = fork.expect("there are more blocks than the depth");
    let mut other = below.fork();
    let branch: Vec<AppliedBlock> = (0..=DEPTH).map(|_| other.block()).collect();
    bench.set_tip(branch[DEPTH].at);
    let started = Instant::now();
    mirror.reorganize(at, &branch[..1]).await.expect("it has the fork");
    let took = started.elapsed().as_secs_f64();
    line("six blocks off and one on, in one transaction", format!("{took:.3} s"), "<= 3", took <= 3.0);
    mirror.close().await;
    if let Some(pair) = arguments.windows(2).find(|pair| pair[0] == "--log") {
        std::fs::copy(server.folder().join("log"), &pair[1]).expect("the log can be copied");
    }
}
