//! Listens, makes jobs of the chain's templates, and leads the connections.

use super::StratumOptions;
use super::job::{Job, OWN_BYTES};
use super::protocol::{self, Refusal};
use super::session::{Outcome, Session};
use super::workers::{Workers, own_name};
use crate::chain::{ChainHandle, Phase};
use crate::mining_server::{Door, Refused, Server, hand_in, payee_of};
use crate::template::{TemplateError, TemplateOptions, TemplateSource};
use chaincore_consensus::Script;
use chaincore_consensus::params::ChainParams;
use chaincore_rpc::ratelimit::{Bucket, Rate};
use serde_json::Value;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

/// The longest line a miner may send, in bytes.
const MAX_LINE: usize = 4096;
/// Lines a miner may send at once, and how many more each second.
const LINES: Rate = Rate { per_second: 50.0, burst: 500.0 };
/// Who has not subscribed and given an address by then is no miner.
const INTRODUCTION: Duration = Duration::from_secs(60);
/// Who says nothing for this long is gone. Shares come every ten seconds.
const SILENCE: Duration = Duration::from_secs(15 * 60);
/// Who does not take a line by then is gone.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How much, and for how long, is taken in of whoever is told that the connection ends.
const MAX_UNREAD: usize = 1 << 20;
const PARTING: Duration = Duration::from_secs(2);
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

/// Starts serving work.
pub(super) fn start(listener: TcpListener, shared: Shared) -> io::Result<Server> {
    let max_connections = shared.options.max_connections;
    Server::start("stratum", listener, max_connections, move |door| run(Arc::new(shared), door))
}

async fn run(shared: Arc<Shared>, door: Door) {
    let (jobs, current) = watch::channel(None);
    tokio::select! {
        () = accept(&shared, door, current) => {}
        () = make_jobs(&shared, &jobs) => {}
    }
}

/// A template becomes a job whenever there is a better one.
async fn make_jobs(shared: &Shared, jobs: &watch::Sender<Option<Arc<Job>>>) {
    let templates = TemplateSource::new(shared.chain.clone());
    let mut tips = shared.chain.tip_state();
    let mut refused = Refused::default();
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
            Ok(Err(error @ TemplateError::Invalid(_))) => {
                refused.log(&error);
                // What miners have is worth something as long as the tip is the same; else they get nothing new until
                // there is something.
                tokio::time::sleep(LOOK).await;
                continue;
            }
            Ok(Err(error)) => {
                tracing::info!(target: "stratum", %error, "no more work");
                return;
            }
            Err(error) => return tracing::error!(target: "stratum", %error, "a template failed"),
        };
        refused = Refused::default();
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

async fn accept(shared: &Arc<Shared>, door: Door, jobs: watch::Receiver<Option<Arc<Job>>>) {
    // Two servers that pay one address must not hand out the same work: the first number is anybody's guess.
    let mut id = u64::from(rand::random::<u32>());
    let lead = |stream, peer| {
        id += 1;
        let own: [u8; OWN_BYTES] = (id as u32).to_be_bytes();
        let session = Session::new(id, own, shared.clone(), Instant::now());
        let (id, shared, jobs) = (id, shared.clone(), jobs.clone());
        async move {
            tracing::debug!(target: "stratum", %peer, worker = id, "connected");
            let why = converse(session, stream, jobs, &shared).await;
            tracing::debug!(target: "stratum", worker = id, "disconnected: {why}");
        }
    };
    door.admit(lead).await;
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
    let mut allowance = Bucket::full(&LINES, begun);
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
        let mut end_with = None;
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let now = Instant::now();
            if allowance.take(&LINES, now).is_err() {
                end_with = Some(format!("too many lines: {} a second are enough", LINES.per_second));
                break;
            }
            if line.len() > MAX_LINE {
                end_with = Some(too_long());
                break;
            }
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            let job = jobs.borrow().clone();
            let outcome = session.line(line, job.as_ref(), now);
            given = given.or_else(|| job.filter(|_| session.is_ready()).map(|job| job.previous()));
            if let Some((block, name)) = outcome.block {
                let (shared, id) = (shared.clone(), session.id);
                tokio::spawn(async move {
                    let name = own_name(&name, &payee_of(&block, &shared.params)).to_owned();
                    if hand_in(shared.chain.clone(), block, name).await {
                        shared.workers.block(id);
                    }
                });
            }
            if let Err(why) = write(&mut stream, &outcome.lines).await {
                return why;
            }
            if let Some(why) = outcome.close {
                end_with = Some(why.into());
                break;
            }
        }
        if buffer.len() > MAX_LINE {
            end_with = end_with.or_else(|| Some(too_long()));
        }
        if let Some(why) = end_with {
            part(&mut stream, &why).await;
            return why;
        }
    }
}

fn too_long() -> String {
    format!("a line longer than {MAX_LINE} bytes")
}

/// Says in a last line why the connection ends. What the miner still sends is taken in for a moment: a connection that is
/// closed with something unread takes the last line with it.
async fn part(stream: &mut TcpStream, why: &str) {
    let last = protocol::answer(&Value::Null, &Err(Refusal::other(why)));
    if write(stream, &[last]).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let mut rest = vec![0; 16 << 10];
    let drain = async {
        let mut left = MAX_UNREAD;
        while let Ok(read @ 1..) = stream.read(&mut rest).await
            && read < left
        {
            left -= read;
        }
    };
    let _ = tokio::time::timeout(PARTING, drain).await;
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

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn a_flood_is_noticed_and_steady_work_is_not() {
        let start = Instant::now();
        let mut allowance = Bucket::full(&LINES, start);
        assert!((0..500).all(|_| allowance.take(&LINES, start).is_ok()));
        assert!(allowance.take(&LINES, start).is_err());
        let mut allowance = Bucket::full(&LINES, start);
        let mut now = start;
        for _ in 0..10_000 {
            now += Duration::from_millis(25);
            assert!(allowance.take(&LINES, now).is_ok());
        }
    }
}
