//! Leads the engine: the newest work in, solutions out, back to the node that the work came from.

use super::Failure;
use super::handing::{Verdict, hand_in};
use super::node::Node;
use super::options::{self, Options};
use super::report::{Figures, Report, Sums, Voice};
use super::signals;
use super::template::Work;
use super::watch::{self, News, Signal};
use chaincore_consensus::Block;
use chaincore_miner::{Engine, Event, Solution};
use rand::Rng;
use serde_json::json;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// Bits of the extranonce that this process counts in; the others are its own, drawn once. Miners of one owner do not
/// search the same headers, on however many machines: of a thousand, two share their place once in eight million runs.
const COUNTED_BITS: u32 = 20;
/// How often the node is told how the miner works.
const REPORT_INTERVAL: Duration = Duration::from_secs(60);
/// How often the time in the header moves on.
const RENEW: Duration = Duration::from_secs(5);
/// After this a block that no node has judged yet is no reason to wait with new work.
const SLOW: Duration = Duration::from_secs(2);
/// The longest pause after refused blocks.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Blocks that may be on their way at once.
const MAX_HANDED_IN: u64 = 16;
/// Work that was solved sooner than this would be solved again and again while the block is on its way.
const EASY: Duration = Duration::from_secs(1);
/// Work of this age is not searched any more once no node gives any.
const STALE: Duration = Duration::from_secs(60);
/// How long the end may take: for blocks that are on their way, and for telling the node.
const FAREWELL: Duration = Duration::from_secs(2);
/// How long telling the node may take where nobody waits for the end.
const LAST_WORD: Duration = Duration::from_secs(5);

/// Everything that the loop waits for.
enum Message {
    News(News),
    Engine(Event),
    /// Something went wrong with a block on its way.
    Trouble(String),
    /// What became of a block.
    Judged {
        block: Arc<Block>,
        height: u32,
        verdict: Verdict,
    },
    /// The user has had enough.
    Stop,
}

/// What is searched.
struct Current {
    /// The first of the engine's jobs for this work, and the last.
    jobs: (u64, u64),
    node: usize,
    work: Arc<Work>,
    /// The wish that it fulfils.
    wish: u64,
    /// On an easy chain there are many solutions of one template; one block is enough.
    is_solved: bool,
}

struct Mining<'a> {
    options: &'a Options,
    nodes: &'a [Arc<Node>],
    engine: Engine,
    messages: Sender<Message>,
    to_watch: Sender<Signal>,
    report: Report,
    sums: Sums,
    current: Option<Current>,
    /// The number of the last wish for new work: what was asked for before it is not searched.
    wish: u64,
    /// Blocks that were handed in and not judged yet, and when to go on without waiting for them.
    handed_in: u64,
    slow_due: Option<Instant>,
    /// How many blocks were refused one after the other.
    refusals: u32,
    renew_due: Instant,
    /// When mining began, and when the node is told next how it goes.
    begun: Instant,
    report_due: Instant,
    /// The node that gave work last, and the one that the user was told of.
    known: Option<usize>,
    announced: Option<usize>,
    /// What the miner calls itself, and what tells it from another of that name.
    worker: String,
    instance: String,
    extranonces: std::ops::Range<u64>,
}

/// Mines until it has what was asked for, or the user has had enough.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let nodes = options.check()?;
    let (engine, events) = options::engine(options)?;
    let (messages, inbox) = channel();
    forward("events", events, &messages, Message::Engine)?;
    let words = match &options.worker {
        Some(name) => format!("/chaincore-miner/{name}/"),
        None => "/chaincore-miner/".to_owned(),
    };
    let (news, found) = channel();
    let (to_watch, signals) = channel();
    let (watched, address) = (nodes.clone(), options.wallet.clone());
    let to_itself = to_watch.clone();
    spawn("watch", move || {
        watch::run(&watched, &address, &words, news, (to_itself, signals));
    })?;
    forward("news", found, &messages, Message::News)?;
    let to_loop = messages.clone();
    signals::on_stop(move || {
        let _ = to_loop.send(Message::Stop);
    })
    .map_err(|error| Failure::Machine(format!("cannot catch signals: {error}")))?;
    let place = rand::rng().random::<u64>() >> COUNTED_BITS << COUNTED_BITS;
    let now = Instant::now();
    let mining = Mining {
        options,
        nodes: &nodes,
        engine,
        messages,
        to_watch,
        report: Report::new(Voice::of(options)),
        sums: Sums::default(),
        current: None,
        wish: 0,
        handed_in: 0,
        slow_due: None,
        refusals: 0,
        renew_due: now,
        begun: now,
        report_due: now + REPORT_INTERVAL,
        known: None,
        announced: None,
        worker: options.worker.clone().unwrap_or_else(|| format!("miner-{:08x}", place >> 32)),
        instance: format!("{:08x}", place >> 32),
        extranonces: place..place.saturating_add(1 << COUNTED_BITS),
    };
    mining.lead(&inbox)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), Failure> {
    let spawned = std::thread::Builder::new().name(name.into()).spawn(work);
    spawned.map(drop).map_err(|error| Failure::Machine(format!("cannot start a thread: {error}")))
}

/// Lets what comes from elsewhere come to the loop.
fn forward<T: Send + 'static>(
    name: &str,
    from: Receiver<T>,
    to: &Sender<Message>,
    as_message: fn(T) -> Message,
) -> Result<(), Failure> {
    let to = to.clone();
    spawn(name, move || {
        for item in from {
            if to.send(as_message(item)).is_err() {
                return;
            }
        }
    })
}

/// The pause after so many refusals in a row: none after the first.
fn pause_after(refusals: u32) -> Duration {
    match refusals.checked_sub(2) {
        None => Duration::ZERO,
        Some(n) => LONGEST_PAUSE.min(Duration::from_secs(1 << n.min(10))),
    }
}

impl Mining<'_> {
    fn lead(mut self, inbox: &Receiver<Message>) -> Result<(), Failure> {
        let interval = Duration::from_secs(self.options.interval);
        let mut due = Instant::now() + interval;
        loop {
            let next = [Some(due), Some(self.report_due), Some(self.renew_due), self.slow_due];
            let next = next.into_iter().flatten().min().unwrap_or(due);
            match inbox.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Message::News(news)) => self.news(news)?,
                Ok(Message::Engine(Event::Found { job, solution })) => self.found(job, solution)?,
                // Another time makes other headers.
                Ok(Message::Engine(Event::Exhausted { .. })) => self.renew(),
                Ok(Message::Trouble(text)) => self.report.trouble(&text),
                Ok(Message::Judged { block, height, verdict }) => self.judged(&block, height, verdict),
                Ok(Message::Stop) => return self.end(inbox, FAREWELL),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            let now = Instant::now();
            if now >= due {
                due = now + interval;
                let height = self.current.as_ref().map(|current| current.work.height);
                self.report.progress(height, self.sums, &Figures::of(&self.engine));
            }
            if now >= self.report_due {
                self.report_due = now + REPORT_INTERVAL;
                drop(self.tell_node());
            }
            if now >= self.renew_due {
                self.renew();
            }
            if self.slow_due.is_some_and(|slow| now >= slow) {
                self.slow_due = None;
                self.report.trouble("no answer for the block yet; going on with new work");
                self.ask(Duration::ZERO);
            }
            if self.report.has_nobody() {
                return Ok(());
            }
            if self.options.blocks.is_some_and(|wanted| self.sums.accepted >= wanted) {
                return self.end(inbox, LAST_WORD);
            }
        }
    }

    /// Says goodbye: to the node, which may take so long to hear it, and to the user.
    fn end(mut self, inbox: &Receiver<Message>, patience: Duration) -> Result<(), Failure> {
        self.engine.rest();
        let deadline = Instant::now() + FAREWELL;
        while self.handed_in > 0 {
            match inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Message::Judged { block, height, verdict }) => self.judged(&block, height, verdict),
                Ok(Message::Stop) | Err(_) => break,
                Ok(_) => {}
            }
        }
        if self.handed_in > 0 {
            self.report.trouble("it ends without an answer for the last block");
        }
        if let Some(told) = self.tell_node() {
            let _ = told.recv_timeout(patience);
        }
        self.report.end(self.sums, &Figures::of(&self.engine));
        Ok(())
    }

    /// Tells the node that gives the work how it goes, on a thread of its own; something comes once it has heard.
    fn tell_node(&self) -> Option<Receiver<()>> {
        let node = self.nodes[self.known.filter(|_| !self.options.no_report)?].clone();
        let hashes = Figures::of(&self.engine).hashes();
        let uptime = self.begun.elapsed();
        let report = json!({
            "worker": self.worker,
            "instance": self.instance,
            "miner_address": self.options.wallet,
            "hashes": hashes,
            "hashes_per_second": (hashes as f64 / uptime.as_secs_f64().max(1e-3)) as u64,
            "accepted": self.sums.accepted,
            "rejected": self.sums.refused,
            "uptime": uptime.as_secs(),
        });
        let (heard, told) = channel();
        let tell = move || {
            node.report(&report);
            let _ = heard.send(());
        };
        spawn("report", tell).ok().map(|()| told)
    }

    /// Wants new work after a pause, instead of all that was asked for before.
    fn ask(&mut self, pause: Duration) {
        self.wish += 1;
        let _ = self.to_watch.send(Signal::Fresh { wish: self.wish, pause });
    }

    /// Searches this work. No two searches share an extranonce, whatever the node repeats.
    fn search(&mut self, work: &Arc<Work>) -> u64 {
        let now = Instant::now();
        self.renew_due = now + RENEW;
        let job = work.job(self.extranonces.clone(), !self.options.no_version_rolling, now);
        // Half of them are left for one search alone, which never needs more than a few.
        let turn = self.engine.search(Arc::new(job));
        let place = self.extranonces.end.saturating_sub(1 << COUNTED_BITS);
        self.extranonces.start = place + (turn & ((1 << (COUNTED_BITS - 1)) - 1));
        turn
    }

    /// Goes on with the time of now in the header, where that is allowed.
    fn renew(&mut self) {
        self.renew_due = Instant::now() + RENEW;
        let is_searched = |current: &Current| !current.is_solved && current.work.has_free_time();
        let Some(work) = self.current.as_ref().filter(|current| is_searched(current)) else { return };
        let job = self.search(&work.work.clone());
        if let Some(current) = &mut self.current {
            current.jobs.1 = job;
        }
    }

    fn news(&mut self, news: News) -> Result<(), Failure> {
        match news {
            News::Work { wish, .. } if wish < self.wish => {}
            News::Work { node, work, wish } => {
                if self.known.is_none() {
                    let workers = self.engine.workers();
                    let cards: Vec<_> = self.engine.cards().into_iter().map(|card| card.name).collect();
                    let (kernel, threads) = (workers.kernel().name(), workers.threads());
                    let with = cards.iter().map(|card| format!(" and {card}")).collect::<String>();
                    self.report.event(
                        "start",
                        &format!("Mining to {} with {threads} threads ({kernel}){with}", self.options.wallet),
                        json!({
                            "address": self.options.wallet, "threads": threads, "kernel": kernel, "cards": cards,
                        }),
                    );
                }
                if self.announced.replace(node) != Some(node) {
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
                // A block on the same tip is on its way; another would be its rival.
                let is_solved = self.handed_in > 0
                    && self.current.as_ref().is_some_and(|current| {
                        current.is_solved
                            && current.wish == wish
                            && current.work.previous() == work.previous()
                    });
                let job = self.search(&work);
                self.current = Some(Current { jobs: (job, job), node, work, wish, is_solved });
                self.known = Some(node);
            }
            News::Trouble(text) => self.report.trouble(&text),
            News::Idle(wait) => {
                let is_stale = |current: &Current| current.work.came().elapsed() >= STALE;
                let mut and = "";
                if self.current.as_ref().is_none_or(is_stale) {
                    self.engine.rest();
                    self.current = None;
                } else {
                    and = ", the last is searched on";
                }
                self.announced = None;
                self.report.trouble(&format!(
                    "no node gives work; trying again in {:.0} s{and}",
                    wait.as_secs_f64().max(1.0)
                ));
            }
            News::Hopeless(failure) => {
                self.report.clear();
                return Err(failure);
            }
        }
        Ok(())
    }

    fn found(&mut self, job: u64, solution: Solution) -> Result<(), Failure> {
        let Some(current) = &mut self.current else { return Ok(()) };
        if !(current.jobs.0..=current.jobs.1).contains(&job) || current.is_solved {
            return Ok(());
        }
        let is_enough =
            self.options.blocks.is_some_and(|wanted| self.sums.accepted + self.handed_in >= wanted);
        if is_enough || self.handed_in >= MAX_HANDED_IN {
            return Ok(());
        }
        current.is_solved = true;
        self.handed_in += 1;
        self.slow_due = Some(Instant::now() + SLOW);
        let block = Arc::new(current.work.block(solution.header, solution.extranonce));
        let height = current.work.height;
        if current.work.came().elapsed() < EASY {
            self.engine.rest();
        }
        let mut nodes = self.nodes.to_vec();
        nodes[..=current.node].rotate_right(1);
        let messages = self.messages.clone();
        spawn("hand in", move || {
            let tell = |text: &str| {
                let text = format!("block {height} is not handed in yet: {text}; trying on");
                let _ = messages.send(Message::Trouble(text));
            };
            let verdict = hand_in(&nodes, &block, &tell);
            let _ = messages.send(Message::Judged { block, height, verdict });
        })
    }

    fn judged(&mut self, block: &Block, height: u32, verdict: Verdict) {
        self.handed_in -= 1;
        if self.handed_in == 0 {
            self.slow_due = None;
        }
        let hash = block.hash();
        // Otherwise there is new work already.
        let is_current =
            self.current.as_ref().is_none_or(|current| current.work.previous() == block.header.previous);
        match verdict {
            Verdict::Accepted => {
                self.sums.accepted += 1;
                self.refusals = 0;
                self.report.event(
                    "accepted",
                    &format!("Block {height} found: {hash}"),
                    json!({"height": height, "hash": hash.to_string()}),
                );
                if is_current {
                    self.ask(Duration::ZERO);
                }
            }
            Verdict::Refused(reason) => {
                self.sums.refused += 1;
                self.refusals += 1;
                let pause = pause_after(self.refusals);
                let then = match pause.as_secs() {
                    0 => "asking for new work".to_owned(),
                    seconds => format!("asking for new work in {seconds} s"),
                };
                self.report.event(
                    "refused",
                    &format!("Block {height} found, but not taken ({reason}): {hash}; {then}"),
                    json!({
                        "height": height, "hash": hash.to_string(), "reason": reason, "pause": pause.as_secs(),
                    }),
                );
                if is_current {
                    // What is made of the same work would be refused as well.
                    self.engine.rest();
                    self.ask(pause);
                }
            }
            Verdict::Lost(text) => {
                self.sums.refused += 1;
                self.report.trouble(&format!("block {height} ({hash}) could not be handed in: {text}"));
                if is_current {
                    self.ask(Duration::ZERO);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_slow_the_miner_down_within_bounds() {
        let pauses = [1, 2, 3, 6, 7, 100].map(|refusals| pause_after(refusals).as_secs());
        assert_eq!(pauses, [0, 1, 2, 16, 30, 30]);
    }
}
