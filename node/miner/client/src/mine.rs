//! Leads the engine: the newest work in, solutions out, back to the node that the work came from.

use super::Failure;
use super::node::Node;
use super::options::{Options, check_address};
use super::report::{Report, Sums, Voice};
use super::template::Work;
use super::watch::{self, News};
use chaincore_consensus::Block;
use chaincore_miner::{Engine, Event, Options as EngineOptions, Solution};
use rand::Rng;
use serde_json::json;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How often a block is handed in again when its node does not answer, before the others are tried.
const ATTEMPTS: u32 = 3;
/// Bits of the extranonce that this process counts in; the others are its own, drawn once. Miners of one owner do not
/// search the same headers, on however many machines: of a thousand, two share their place once in eight million runs.
const COUNTED_BITS: u32 = 20;
/// How often the node is told how the miner works.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);

/// Everything that the loop waits for.
enum Message {
    News(News),
    Engine(Event),
    /// What became of a block.
    Judged {
        block: Box<Block>,
        height: u32,
        said: Result<Option<String>, String>,
    },
}

struct Mining<'a> {
    options: &'a Options,
    nodes: &'a [Arc<Node>],
    engine: Engine,
    messages: Sender<Message>,
    report: Report,
    sums: Sums,
    /// What is searched: its number in the engine, its node, and the work.
    current: Option<(u64, usize, Arc<Work>)>,
    /// The last job that was solved. On an easy chain there are many solutions of one template; one block is enough.
    solved: Option<u64>,
    /// Blocks that were handed in and not judged yet.
    handed_in: u64,
    /// When mining began, and when the node is told next how it goes.
    begun: Instant,
    report_due: Instant,
    /// The node that gave work last.
    known: Option<usize>,
    /// What the miner calls itself.
    worker: String,
    extranonces: std::ops::Range<u64>,
}

/// Mines until it has what was asked for.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    check_address(&options.wallet).map_err(Failure::Address)?;
    let nodes = watch::nodes(options).map_err(Failure::Node)?;
    let engine_options = EngineOptions {
        threads: options.threads,
        single_core: options.single_core,
        pin: !options.no_pin,
        low_priority: options.low_priority,
        kernel: options.kernel.clone(),
    };
    let (engine, events) =
        Engine::start(&engine_options).map_err(|error| Failure::Machine(error.to_string()))?;
    let (messages, inbox) = channel();
    let to_loop = messages.clone();
    spawn("events", move || {
        for event in events {
            if to_loop.send(Message::Engine(event)).is_err() {
                return;
            }
        }
    })?;
    let words = match &options.worker {
        Some(name) => format!("/chaincore-miner/{name}/"),
        None => "/chaincore-miner/".to_owned(),
    };
    let (news, found) = channel();
    let (watched, address) = (nodes.clone(), options.wallet.clone());
    spawn("watch", move || watch::run(&watched, &address, &words, &news))?;
    let to_loop = messages.clone();
    spawn("news", move || {
        for news in found {
            if to_loop.send(Message::News(news)).is_err() {
                return;
            }
        }
    })?;
    let voice = match (options.quiet, options.json) {
        (_, true) => Voice::Json,
        (true, false) => Voice::Quiet,
        (false, false) => Voice::Plain { cores: options.stats },
    };
    let mut report = Report::new(voice);
    let (kernel, threads) = (engine.workers().kernel().name(), engine.workers().threads());
    report.event(
        "start",
        &format!("Mining to {} with {threads} threads ({kernel})", options.wallet),
        json!({"address": options.wallet, "threads": threads, "kernel": kernel}),
    );
    let place = rand::rng().random::<u64>() >> COUNTED_BITS << COUNTED_BITS;
    let extranonces = place..place.saturating_add(1 << COUNTED_BITS);
    let mining = Mining {
        options,
        nodes: &nodes,
        engine,
        messages,
        report,
        sums: Sums::default(),
        current: None,
        solved: None,
        handed_in: 0,
        begun: Instant::now(),
        report_due: Instant::now() + REPORT_INTERVAL,
        known: None,
        worker: options.worker.clone().unwrap_or_else(|| format!("miner-{:08x}", place >> 32)),
        extranonces,
    };
    mining.lead(&inbox)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let spawned = std::thread::Builder::new().name(name.into()).spawn(work);
    spawned.map(drop).map_err(|error| Failure::Machine(format!("cannot start a thread: {error}")))
}

impl Mining<'_> {
    fn lead(mut self, inbox: &std::sync::mpsc::Receiver<Message>) -> Result<(), Failure> {
        let interval = Duration::from_secs(self.options.interval);
        let mut due = Instant::now() + interval;
        loop {
            match inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Message::News(news)) => self.news(news)?,
                Ok(Message::Engine(Event::Found { job, solution })) => self.found(job, solution)?,
                // The next template comes within half a minute.
                Ok(Message::Engine(Event::Exhausted { .. })) => {}
                Ok(Message::Judged { block, height, said }) => self.judged(&block, height, said),
                Err(RecvTimeoutError::Timeout) => {
                    due += interval;
                    let height = self.current.as_ref().map(|(_, _, work)| work.height);
                    self.report.progress(height, self.sums, &self.engine.figures());
                }
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            if Instant::now() >= self.report_due {
                self.report_due = Instant::now() + REPORT_INTERVAL;
                drop(self.tell_node());
            }
            if self.options.blocks.is_some_and(|wanted| self.sums.accepted >= wanted) {
                if let Some(telling) = self.tell_node() {
                    // It ends soon, whatever the node does.
                    let _ = telling.join();
                }
                self.report.progress(None, self.sums, &self.engine.figures());
                self.report.end();
                return Ok(());
            }
        }
    }

    /// Tells the node that gives the work how it goes, on a thread of its own.
    fn tell_node(&self) -> Option<std::thread::JoinHandle<()>> {
        let node = self.nodes[self.known.filter(|_| !self.options.no_report)?].clone();
        let hashes: u64 = self.engine.figures().iter().map(|core| core.hashes).sum();
        let uptime = self.begun.elapsed();
        let report = json!({
            "worker": self.worker,
            "miner_address": self.options.wallet,
            "hashes": hashes,
            "hashes_per_second": (hashes as f64 / uptime.as_secs_f64().max(1e-3)) as u64,
            "accepted": self.sums.accepted,
            "rejected": self.sums.refused,
            "uptime": uptime.as_secs(),
        });
        std::thread::Builder::new().name("report".into()).spawn(move || node.report(&report)).ok()
    }

    fn news(&mut self, news: News) -> Result<(), Failure> {
        match news {
            News::Work { node, work } => {
                let is_new =
                    self.current.as_ref().is_none_or(|(_, _, known)| known.previous() != work.previous());
                let is_other = self.current.as_ref().is_none_or(|(_, known, _)| *known != node);
                let job = work.job(self.extranonces.clone(), !self.options.no_version_rolling);
                let number = self.engine.search(Arc::new(job));
                if is_new && is_other {
                    let url = &self.nodes[node].url;
                    self.report.event(
                        "node",
                        &format!(
                            "{url} gives work: block {} with {} transactions",
                            work.height,
                            work.transactions()
                        ),
                        json!({"node": url, "height": work.height, "transactions": work.transactions()}),
                    );
                }
                self.current = Some((number, node, work));
                self.known = Some(node);
            }
            News::Trouble { text, again_in } => {
                if let Some(wait) = again_in {
                    // What was searched is stale by the time a node is back.
                    self.engine.rest();
                    self.current = None;
                    self.report.trouble(&format!("{text}; trying again in {:.0} s", wait.as_secs_f64()));
                } else {
                    self.report.trouble(&text);
                }
            }
            News::Hopeless(failure) => {
                self.report.end();
                return Err(failure);
            }
        }
        Ok(())
    }

    fn found(&mut self, job: u64, solution: Solution) -> Result<(), Failure> {
        let Some((number, node, work)) = &self.current else { return Ok(()) };
        if *number != job || self.solved.replace(job) == Some(job) {
            return Ok(());
        }
        if self.options.blocks.is_some_and(|wanted| self.sums.accepted + self.handed_in >= wanted) {
            return Ok(());
        }
        self.handed_in += 1;
        let (block, height) = (work.block(solution.header, solution.extranonce), work.height);
        // The search goes on with the next template, which the block brings about.
        self.engine.rest();
        let first = *node;
        let mut nodes: Vec<Arc<Node>> = vec![self.nodes[first].clone()];
        nodes
            .extend(self.nodes.iter().enumerate().filter(|(n, _)| *n != first).map(|(_, node)| node.clone()));
        let messages = self.messages.clone();
        spawn("submit", move || {
            let said = hand_in(&nodes, &block);
            let _ = messages.send(Message::Judged { block: Box::new(block), height, said });
        })
    }

    fn judged(&mut self, block: &Block, height: u32, said: Result<Option<String>, String>) {
        self.handed_in -= 1;
        let hash = block.hash();
        match said {
            Ok(None) => {
                self.sums.accepted += 1;
                self.report.event(
                    "accepted",
                    &format!("Block {height} found: {hash}"),
                    json!({"height": height, "hash": hash.to_string()}),
                );
            }
            Ok(Some(reason)) => {
                self.sums.refused += 1;
                self.report.event(
                    "refused",
                    &format!("Block {height} found, but not taken ({reason}): {hash}"),
                    json!({"height": height, "hash": hash.to_string(), "reason": reason}),
                );
            }
            Err(text) => {
                self.sums.refused += 1;
                self.report.trouble(&format!("block {height} could not be handed in: {text}"));
            }
        }
    }
}

/// Hands a block in where its work came from, and elsewhere if that node does not answer.
fn hand_in(nodes: &[Arc<Node>], block: &Block) -> Result<Option<String>, String> {
    let mut said = String::new();
    for node in nodes {
        let mut backoff = watch::Backoff::new();
        for attempt in 1..=ATTEMPTS {
            match node.submit(block) {
                Ok(answer) => return Ok(answer),
                Err(error) => said = error.to_string(),
            }
            if attempt < ATTEMPTS {
                std::thread::sleep(backoff.next());
            }
        }
    }
    Err(said)
}
