//! Listens, makes jobs of the chain's templates, and leads the connections.

use super::StratumOptions;
use super::job::{Job, OWN_BYTES};
use super::session::{Outcome, Session};
use super::workers::Workers;
use crate::chain::{ChainHandle, Origin, Outcome as Accepted, Phase};
use crate::template::{TemplateOptions, TemplateSource};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{Block, Script};
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// The longest line a miner may send, in bytes.
const MAX_LINE: usize = 4096;
/// Lines a miner may send at once, and how many more each second.
const BURST: f64 = 500.0;
const LINES_PER_SECOND: f64 = 50.0;
/// Who has not subscribed and given an address by then is no miner.
const INTRODUCTION: Duration = Duration::from_secs(60);
/// Who says nothing for this long is gone. Shares come every ten seconds.
const SILENCE: Duration = Duration::from_secs(15 * 60);
/// Who does not take a line by then is gone.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// New transactions make a new job after this time; without any, the clock does after that time.
const NEW_TRANSACTIONS: Duration = Duration::from_secs(20);
const NEW_TIME: Duration = Duration::from_secs(60);
/// How often the pool is looked at, and the chain while it is busy.
const LOOK: Duration = Duration::from_secs(1);

/// What connections share.
pub(super) struct Shared {
    pub(super) options: StratumOptions,
    pub(super) params: Arc<ChainParams>,
    pub(super) chain: ChainHandle,
    pub(super) workers: Arc<Workers>,
}

/// A server that runs on a thread of its own. Dropping it ends it.
pub(super) struct Server {
    /// Where it listens.
    pub(super) address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(shared: Shared) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(shared.options.listen)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new().name("stratum".into()).spawn(move || {
            runtime.block_on(run(Arc::new(shared), listener, stopped));
            // A template or a block that is under way may take a while; nobody waits for it.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Whether it does not run any more although it was not told to stop.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.as_ref().is_some_and(std::thread::JoinHandle::is_finished)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(target: "stratum", "the thread of the Stratum server has failed");
        }
    }
}

async fn run(shared: Arc<Shared>, listener: std::net::TcpListener, mut stop: watch::Receiver<bool>) {
    let listener = match TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(target: "stratum", %error, "cannot listen"),
    };
    let (jobs, current) = watch::channel(None);
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => {}
        () = accept(&shared, listener, current) => {}
        () = make_jobs(&shared, &jobs) => {}
    }
}

/// A template becomes a job whenever there is a better one.
async fn make_jobs(shared: &Shared, jobs: &watch::Sender<Option<Arc<Job>>>) {
    let templates = TemplateSource::new(shared.chain.clone());
    let mut tips = shared.chain.tip_state();
    while !shared.chain.is_stopped() {
        if shared.chain.status().phase() != Phase::Ready {
            tokio::time::sleep(LOOK).await;
            continue;
        }
        // Every connection puts in its own payee.
        let options = TemplateOptions::paying_to(shared.options.payout.clone().unwrap_or_else(placeholder));
        let source = templates.clone();
        let built = tokio::task::spawn_blocking(move || source.build_blocking(options, true)).await;
        let job = match built {
            Ok(Ok(template)) => Arc::new(Job::new(template)),
            Ok(Err(error)) => {
                tracing::info!(target: "stratum", %error, "no more work");
                return;
            }
            Err(error) => return tracing::error!(target: "stratum", %error, "a template failed"),
        };
        let (made, previous) = (Instant::now(), job.previous());
        let updates = job.template.transactions_updated;
        jobs.send_replace(Some(job));
        loop {
            let moved = tips.wait_for(|tip| tip.applied.hash != previous);
            match tokio::time::timeout(LOOK, moved).await {
                Ok(Ok(_)) => break,
                Ok(Err(_)) => return,
                Err(_) => {}
            }
            let changed = || {
                let mempool = shared.chain.mempool().read().expect("no one panics while holding the mempool");
                mempool.transactions_updated() != updates
            };
            let age = made.elapsed();
            if age >= NEW_TIME || age >= NEW_TRANSACTIONS && changed() {
                break;
            }
        }
    }
}

/// A script as long as that of most addresses.
fn placeholder() -> Script {
    Script([&[0, 20][..], &[0; 20]].concat())
}

async fn accept(shared: &Arc<Shared>, listener: TcpListener, jobs: watch::Receiver<Option<Arc<Job>>>) {
    let places = Arc::new(Semaphore::new(shared.options.max_connections));
    // Two servers that pay one address must not hand out the same work: the first number is anybody's guess.
    let numbers = AtomicU64::new(u64::from(rand::random::<u32>()));
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(target: "stratum", %error, "a connection cannot be taken");
                tokio::time::sleep(LOOK).await;
                continue;
            }
        };
        let Ok(place) = places.clone().try_acquire_owned() else {
            tracing::debug!(target: "stratum", %peer, "refused: {} are connected", shared.options.max_connections);
            continue;
        };
        let id = numbers.fetch_add(1, Ordering::Relaxed);
        let own: [u8; OWN_BYTES] = (id as u32).to_be_bytes();
        let session = Session::new(id, own, shared.clone(), Instant::now());
        let (chain, jobs) = (shared.clone(), jobs.clone());
        tokio::spawn(async move {
            tracing::debug!(target: "stratum", %peer, worker = id, "connected");
            let why = converse(session, stream, jobs, &chain).await;
            tracing::debug!(target: "stratum", worker = id, "disconnected: {why}");
            drop(place);
        });
    }
}

/// How many lines a miner may send now.
struct Allowance {
    lines: f64,
    at: Instant,
}

impl Allowance {
    fn take(&mut self, now: Instant) -> bool {
        let earned = (now - self.at).as_secs_f64() * LINES_PER_SECOND;
        self.lines = (self.lines + earned).min(BURST) - 1.0;
        self.at = now;
        self.lines >= 0.0
    }
}

/// Leads a connection to its end and says why it ended.
async fn converse(
    mut session: Session,
    mut stream: TcpStream,
    mut jobs: watch::Receiver<Option<Arc<Job>>>,
    shared: &Arc<Shared>,
) -> String {
    let _ = stream.set_nodelay(true);
    let begun = Instant::now();
    let mut heard = begun;
    let mut allowance = Allowance { lines: BURST, at: begun };
    let mut buffer: Vec<u8> = Vec::with_capacity(1024);
    let mut given = None;
    loop {
        let mut outcome = Outcome::default();
        let silent = if session.is_ready() { heard + SILENCE } else { begun + INTRODUCTION };
        let until = silent.min(session.due());
        tokio::select! {
            changed = jobs.changed() => {
                if changed.is_err() {
                    return "the server ends".into();
                }
                if let Some(job) = jobs.borrow_and_update().clone().filter(|_| session.is_ready()) {
                    let clean = given.replace(job.previous()) != Some(job.previous());
                    outcome.lines = session.give(&job, clean);
                }
            }
            read = stream.read_buf(&mut buffer) => {
                match read {
                    Ok(0) => return "the miner left".into(),
                    Ok(_) => {}
                    Err(error) => return error.to_string(),
                }
                heard = Instant::now();
            }
            () = tokio::time::sleep_until(until.into()) => {
                let now = Instant::now();
                if now >= silent {
                    return "silence".into();
                }
                let job = jobs.borrow().clone();
                outcome.lines = job.map_or_else(Vec::new, |job| session.keep_pace(&job, now));
            }
        }
        if let Err(why) = write(&mut stream, &outcome.lines).await {
            return why;
        }
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let now = Instant::now();
            if !allowance.take(now) {
                return "too many lines".into();
            }
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let job = jobs.borrow().clone();
            let outcome = session.line(line, job.as_ref(), now);
            given = given.or_else(|| job.filter(|_| session.is_ready()).map(|job| job.previous()));
            if let Some(block) = outcome.block {
                tokio::spawn(hand_in(shared.clone(), block, session.id));
            }
            if let Err(why) = write(&mut stream, &outcome.lines).await {
                return why;
            }
            if let Some(why) = outcome.close {
                return why.into();
            }
        }
        if buffer.len() > MAX_LINE {
            return format!("a line longer than {MAX_LINE} bytes");
        }
    }
}

async fn write(stream: &mut TcpStream, lines: &[Value]) -> Result<(), String> {
    if lines.is_empty() {
        return Ok(());
    }
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    match tokio::time::timeout(WRITE_PATIENCE, stream.write_all(text.as_bytes())).await {
        Ok(written) => written.map_err(|error| error.to_string()),
        Err(_) => Err("the miner takes nothing".into()),
    }
}

async fn hand_in(shared: Arc<Shared>, block: Block, worker: u64) {
    let (hash, chain) = (block.hash(), shared.chain.clone());
    let submitted =
        tokio::task::spawn_blocking(move || chain.submit_block_blocking(Arc::new(block), Origin::Mined))
            .await;
    match submitted {
        Ok(Ok(Accepted::Best { .. })) => {
            shared.workers.block(worker);
            tracing::info!(target: "stratum", %hash, worker, "block mined");
        }
        Ok(Ok(outcome)) => match outcome.reject_reason() {
            None => tracing::info!(target: "stratum", %hash, worker, "block mined, but another came first"),
            Some(reason) => {
                tracing::error!(target: "stratum", %hash, worker, %reason, "the chain refused a worker's block");
            }
        },
        Ok(Err(error)) => tracing::error!(target: "stratum", %hash, %error, "a block could not be handed in"),
        Err(error) => tracing::error!(target: "stratum", %hash, %error, "a block could not be handed in"),
    }
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_flood_is_noticed_and_steady_work_is_not() {
        let start = Instant::now();
        let mut allowance = Allowance { lines: BURST, at: start };
        assert!((0..BURST as u32).all(|_| allowance.take(start)));
        assert!(!allowance.take(start));
        let mut allowance = Allowance { lines: BURST, at: start };
        let mut now = start;
        for _ in 0..10_000 {
            now += Duration::from_millis(25);
            assert!(allowance.take(now));
        }
    }
}
