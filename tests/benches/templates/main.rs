//! How fast a node serves work: templates per second, how long one takes while 1, 100 and 1,000 clients wait in long
//! polls, and how long it takes from a new tip to the last client's answer.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod client;

use anyhow::{Context, Result, ensure};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, OutPoint, Txid};
use chaincore_tests::{TestNode, mining, resident};
use clap::Parser;
use client::{Answer, Client};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Times how a node serves work.
#[derive(Parser)]
struct Args {
    /// Transactions in the mempool.
    #[arg(long, default_value_t = 2000)]
    transactions: usize,
    /// Numbers of clients that wait, with commas.
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000")]
    clients: Vec<usize>,
    /// New tips for each number of clients; the median counts.
    #[arg(long, default_value_t = 5)]
    tips: usize,
    /// Calls from which a latency is told.
    #[arg(long, default_value_t = 200)]
    calls: usize,
    /// Clients that ask all the time for templates per second.
    #[arg(long, default_value_t = 8)]
    asking: usize,
    /// For how many seconds.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Another option for the node. May be given several times.
    #[arg(long = "node-option", allow_hyphen_values = true)]
    node_options: Vec<String>,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

const RULES: &str = r#"[{"rules":["segwit"]}]"#;
/// What one output of the coin that is spread out is worth.
const FEE: Amount = Amount::from_sat(2_000);
/// Transactions kept aside to make the mempool grow.
const GROWTH: usize = 20;
const ROUNDS_OF_GROWTH: usize = 10;

fn main() -> Result<()> {
    let args = Args::parse();
    ensure!(args.tips > 0 && args.calls > 0 && args.asking > 0, "nothing would be measured");
    let mut options = vec!["-regtest", "-noaddressindex", "-listen=0", "-connect=0"];
    options.extend(args.node_options.iter().map(String::as_str));
    let node = TestNode::start(&options);
    let growth = fill(&node, args.transactions)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let bench = Bench { host: node.url().trim_start_matches("http://").to_owned(), node: &node };
        bench.throughput(&args).await?;
        bench.growing(&growth).await?;
        for clients in &args.clients {
            bench.waiting(*clients, &args).await?;
        }
        anyhow::Ok(())
    })
}

/// Fills the mempool; gives further transactions that it would take.
fn fill(node: &TestNode, count: usize) -> Result<Vec<String>> {
    let wanted = count + GROWTH * ROUNDS_OF_GROWTH;
    let blocks = node.rpc("generatetoaddress", json!([101, mining::address()]));
    let block = node.rpc("getblock", json!([blocks[0], 2]));
    let txid: Txid = block["tx"][0]["txid"].as_str().context("a coinbase")?.parse()?;
    let coin = Amount::from_btc(50.0)?;
    let outputs = u64::try_from(wanted)?;
    let spread = mining::spend(OutPoint { txid, vout: 0 }, coin, Amount::from_sat(1_000_000), outputs);
    let each = spread.output[0].value;
    let address = mining::address();
    // Too large to be relayed, but a block may hold it.
    node.rpc("generateblock", json!([address, [serialize_hex(&spread)]]));
    let txid = spread.compute_txid();
    let mut all: Vec<String> = (0..u32::try_from(wanted)?)
        .map(|vout| serialize_hex(&mining::spend(OutPoint { txid, vout }, each, FEE, 1)))
        .collect();
    let growth = all.split_off(count);
    for raw in &all {
        node.rpc("sendrawtransaction", json!([raw]));
    }
    Ok(growth)
}

struct Bench<'a> {
    node: &'a TestNode,
    host: String,
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// p50, p95 and p99 in milliseconds.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |part: usize| millis(times[(times.len() * part / 100).min(times.len() - 1)]);
    format!("p50 {:.1}, p95 {:.1}, p99 {:.1} ms", at(50), at(95), at(99))
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

impl Bench<'_> {
    async fn client(&self) -> Result<Client> {
        Client::connect(&self.host, &self.node.authorization()).await
    }

    fn resident_mb(&self) -> f64 {
        resident(self.node.pid()) as f64 / 1e6
    }

    /// Clients that ask one after the other, some at a time.
    async fn throughput(&self, args: &Args) -> Result<()> {
        let first = self.client().await?.call("getblocktemplate", RULES).await?;
        println!("template: {} transactions, {:.2} MB of JSON", args.transactions, first.length as f64 / 1e6);
        let until = Instant::now() + Duration::from_secs(args.seconds);
        let mut askers = JoinSet::new();
        for _ in 0..args.asking {
            let mut client = self.client().await?;
            askers.spawn(async move {
                let mut times = vec![];
                while Instant::now() < until {
                    let since = Instant::now();
                    client.call("getblocktemplate", RULES).await?;
                    times.push(since.elapsed());
                }
                anyhow::Ok(times)
            });
        }
        let mut times = vec![];
        while let Some(done) = askers.join_next().await {
            times.extend(done??);
        }
        println!(
            "{} clients asking: {:.0} templates/s, {}; the node has {:.0} MB",
            args.asking,
            times.len() as f64 / args.seconds as f64,
            spread(times),
            self.resident_mb()
        );
        Ok(())
    }

    /// The first answer after the mempool has grown and the old template may not be handed out any more.
    async fn growing(&self, growth: &[String]) -> Result<()> {
        let mut client = self.client().await?;
        let now = |client: &TestNode| {
            client.rpc("getblocktemplate", json!([{"rules": ["segwit"]}]))["curtime"].as_i64()
        };
        let mut clock = now(self.node).context("a time")?;
        let mut times = vec![];
        for round in growth.chunks(GROWTH) {
            for raw in round {
                client.call("sendrawtransaction", &format!("[\"{raw}\"]")).await?;
            }
            clock += 10;
            client.call("setmocktime", &format!("[{clock}]")).await?;
            let since = Instant::now();
            let answer = client.call("getblocktemplate", RULES).await?;
            times.push(millis(answer.at - since));
        }
        client.call("setmocktime", "[0]").await?;
        println!("a template after {GROWTH} more transactions: {:.1} ms", median(times));
        Ok(())
    }

    /// What a number of clients in long polls wait for, and what they cost others.
    async fn waiting(&self, count: usize, args: &Args) -> Result<()> {
        let mut prober = self.client().await?;
        let first = prober.call("getblocktemplate", RULES).await?;
        let mut id = first.text("longpollid").context("a template has a longpollid")?;
        let mut clients = vec![];
        for _ in 0..count {
            clients.push(self.client().await?);
        }
        let (mut parking, mut firsts, mut middles, mut lasts, mut worst) =
            (None, vec![], vec![], vec![], vec![]);
        for _ in 0..args.tips {
            let params = format!(r#"[{{"rules":["segwit"],"longpollid":"{id}"}}]"#);
            for client in &mut clients {
                client.send("getblocktemplate", &params).await?;
            }
            self.parked(count)?;
            if parking.is_none() {
                parking = Some(probe(&mut prober, args.calls).await?);
            }
            let told = self.new_tip(&mut clients, &mut prober).await?;
            id = told.id;
            firsts.push(told.times[0]);
            middles.push(told.times[told.times.len() / 2]);
            lasts.push(told.times[told.times.len() - 1]);
            worst.push(told.worst_probe);
        }
        let (templates, others) = parking.context("there is a first round")?;
        println!("{count} long polls waiting: getblocktemplate {templates}; getblockcount {others}");
        println!(
            "{count} long polls, new tip to the first answer {:.1}, the middle one {:.1}, the last {:.1} ms; \
             getblockcount meanwhile {:.1} ms at worst; the node has {:.0} MB",
            median(firsts),
            median(middles),
            median(lasts),
            median(worst),
            self.resident_mb()
        );
        Ok(())
    }

    /// Waits until so many calls are in progress besides the one that asks.
    fn parked(&self, count: usize) -> Result<()> {
        let since = Instant::now();
        loop {
            let info = self.node.rpc("getrpcinfo", json!([]));
            let calls = info["active_commands"].as_array().context("a list")?;
            let waiting = calls.iter().filter(|call| call["method"] == "getblocktemplate").count();
            if waiting == count {
                return Ok(());
            }
            ensure!(since.elapsed() < Duration::from_secs(60), "{waiting} of {count} long polls wait");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Makes a block without transactions the tip, so that the next template is as large as the last, and waits for all
    /// answers.
    async fn new_tip(&self, clients: &mut Vec<Client>, prober: &mut Client) -> Result<Told> {
        let block = self.node.rpc("generateblock", json!([mining::address(), [], false]));
        let (block, hash) = (block["hex"].as_str(), block["hash"].as_str());
        let (block, hash) = (block.context("a block")?.to_owned(), hash.context("a hash")?.to_owned());
        let mut submitter = self.client().await?;
        let mut polls = JoinSet::new();
        for mut client in clients.drain(..) {
            polls.spawn(async move {
                let answer = client.receive().await?;
                anyhow::Ok((client, answer))
            });
        }
        // All of them wait in their reads.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let (stop, stopped) = watch::channel(false);
        let since = Instant::now();
        let submitting = async move {
            submitter.call("submitblock", &format!("[\"{block}\"]")).await?;
            anyhow::Ok(())
        };
        let gathering = async {
            let mut answers: Vec<Answer> = vec![];
            while let Some(done) = polls.join_next().await {
                let (client, answer) = done??;
                clients.push(client);
                answers.push(answer);
            }
            stop.send_replace(true);
            anyhow::Ok(answers)
        };
        let probing = async {
            let mut worst = Duration::ZERO;
            while !*stopped.borrow() {
                let since = Instant::now();
                let answer = prober.call("getblockcount", "[]").await?;
                worst = worst.max(answer.at - since);
            }
            anyhow::Ok(worst)
        };
        let ((), answers, worst) = tokio::try_join!(submitting, gathering, probing)?;
        let mut times = vec![];
        let mut id = None;
        for answer in &answers {
            let told = answer.text("longpollid").context("a template has a longpollid")?;
            ensure!(told.starts_with(&hash), "a long poll was answered with an old template");
            times.push(millis(answer.at - since));
            id = Some(told);
        }
        times.sort_by(f64::total_cmp);
        Ok(Told { times, worst_probe: millis(worst), id: id.context("someone waited")? })
    }
}

/// What became of a round of long polls.
struct Told {
    /// From the block's sending to each answer's last byte, in milliseconds, the shortest first.
    times: Vec<f64>,
    worst_probe: f64,
    id: String,
}

/// How long plain calls take.
async fn probe(client: &mut Client, calls: usize) -> Result<(String, String)> {
    let (mut templates, mut others) = (vec![], vec![]);
    for _ in 0..calls {
        let since = Instant::now();
        templates.push(client.call("getblocktemplate", RULES).await?.at - since);
        let since = Instant::now();
        others.push(client.call("getblockcount", "[]").await?.at - since);
    }
    Ok((spread(templates), spread(others)))
}
