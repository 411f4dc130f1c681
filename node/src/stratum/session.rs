//! One connection: what the miner was told, and what it hands in.

use super::difficulty::{self, Pace};
use super::job::{Job, OWN_BYTES, WORKER_BYTES};
use super::protocol::{self, Call, Heard, Refusal, Submission};
use super::server::Shared;
use super::workers::Verdict;
use crate::mining_server::payee;
use chaincore_consensus::address::Address;
use chaincore_consensus::{Block, Header, Script};
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// Jobs for which shares are still taken.
const REMEMBERED_JOBS: usize = 8;
/// Shares of one job that are remembered, to refuse them the second time. Who has handed in more gets a new job.
const REMEMBERED_SHARES: usize = 4096;
/// So many shares in a row that are none, and the connection is closed: the machine is broken, or no machine.
const PATIENCE: u32 = 128;
/// A share's time may be so far ahead of the node's, in seconds (`MAX_FUTURE_BLOCK_TIME`).
const MAX_AHEAD: i64 = 7200;
/// Workers of one connection.
const MAX_NAMES: usize = 64;

/// Work that the miner has.
struct Issued {
    id: String,
    job: Arc<Job>,
    /// The block's version as the miner was told.
    version: i32,
    difficulty: f64,
    seen: HashSet<Submission>,
}

/// What a message leads to.
#[derive(Default)]
pub(super) struct Outcome {
    /// Lines for the miner, in order.
    pub(super) lines: Vec<Value>,
    /// A block for the chain, and the name of the worker who found it.
    pub(super) block: Option<(Block, String)>,
    /// Why the connection ends, if it does.
    pub(super) close: Option<&'static str>,
}

/// A connection's state. It knows nothing of sockets.
pub(super) struct Session {
    pub(super) id: u64,
    own: [u8; OWN_BYTES],
    shared: Arc<Shared>,
    subscribed: bool,
    names: Vec<String>,
    payout: Option<Script>,
    version_mask: u32,
    difficulty: f64,
    /// The difficulty that the miner has been told; `None` if it is to be told with the next job.
    told: Option<f64>,
    /// Whether it asked for a difficulty that is not to be changed.
    fixed: bool,
    pace: Pace,
    issued: VecDeque<Issued>,
    next_job: u64,
    bad_in_a_row: u32,
}

impl Session {
    pub(super) fn new(id: u64, own: [u8; OWN_BYTES], shared: Arc<Shared>, now: Instant) -> Self {
        shared.workers.connected(id, now);
        Self {
            id,
            own,
            shared,
            subscribed: false,
            names: Vec::new(),
            payout: None,
            version_mask: 0,
            difficulty: 0.0,
            told: None,
            fixed: false,
            pace: Pace::new(now),
            issued: VecDeque::new(),
            next_job: 1,
            bad_in_a_row: 0,
        }
    }

    /// Whether it may be given work.
    pub(super) fn is_ready(&self) -> bool {
        self.subscribed && self.payout.is_some()
    }

    /// When to look at the worker's pace although it hands nothing in.
    pub(super) fn due(&self) -> Instant {
        self.pace.due()
    }

    /// A line of the miner's.
    pub(super) fn line(&mut self, line: &[u8], job: Option<&Arc<Job>>, now: Instant) -> Outcome {
        let mut outcome = Outcome::default();
        let request = match protocol::read(line) {
            Heard::Request(request) => request,
            Heard::Answer => {
                outcome.close = self.bad();
                return outcome;
            }
            Heard::Junk(id, why) => {
                tracing::debug!(target: "stratum", "worker {}: {}", self.id, why.message);
                outcome.lines.push(protocol::answer(&id, &Err(why)));
                outcome.close = self.bad();
                return outcome;
            }
        };
        let was_ready = self.is_ready();
        let harmless = matches!(request.call, Ok(Call::NotServed(_)));
        let result = request.call.and_then(|call| match call {
            Call::Submit(share) => self.submit(share, now, &mut outcome),
            other => self.arrange(other, job, now),
        });
        if let Err(refusal) = &result {
            tracing::debug!(target: "stratum", "worker {}: {}", self.id, refusal.message);
            if !harmless {
                outcome.close = self.bad();
            }
        }
        // What has no id is answered by nobody; some miners take the first line that comes for another answer.
        if !request.id.is_null() {
            outcome.lines.insert(0, protocol::answer(&request.id, &result));
        }
        // A new difficulty is that of the jobs after it.
        if let Some(job) = job.filter(|_| self.is_ready() && (!was_ready || self.told.is_none())) {
            let last = self.issued.back().map(|issued| issued.job.previous());
            outcome.lines.extend(self.give(job, last != Some(job.previous())));
        }
        outcome
    }

    fn bad(&mut self) -> Option<&'static str> {
        self.bad_in_a_row += 1;
        (self.bad_in_a_row >= PATIENCE).then_some("nothing but refused messages")
    }

    /// Everything but shares.
    fn arrange(&mut self, call: Call, job: Option<&Arc<Job>>, now: Instant) -> Result<Value, Refusal> {
        match call {
            Call::Configure { extensions, mask } => {
                let mut told = serde_json::Map::new();
                for extension in extensions {
                    let rolling = extension == "version-rolling";
                    if rolling {
                        self.version_mask = mask;
                        told.insert("version-rolling.mask".into(), json!(format!("{mask:08x}")));
                    }
                    // A connection's bytes of the coinbase never change, so whoever asks for news of them gets all.
                    let known = rolling || extension == "subscribe-extranonce";
                    told.insert(extension, json!(known));
                }
                Ok(Value::Object(told))
            }
            Call::Subscribe { agent } => {
                self.subscribed = true;
                self.shared.workers.agent(self.id, &agent);
                let session = format!("{:08x}", self.id);
                Ok(json!([
                    [["mining.set_difficulty", session], ["mining.notify", session]],
                    chaincore_consensus::hex::encode(&self.own),
                    WORKER_BYTES
                ]))
            }
            Call::Authorize { name, password } => {
                self.authorize(name, &password)?;
                if self.difficulty == 0.0 {
                    self.difficulty = job.map_or(0.0, |job| self.first_difficulty(job.network));
                }
                Ok(json!(true))
            }
            Call::Suggest { difficulty } => {
                // What the password says is the owner's wish, this the firmware's.
                if !self.fixed {
                    self.difficulty = difficulty;
                    self.pace = Pace::new(now);
                }
                // It is told what came of it, also if nothing did.
                self.told = None;
                Ok(json!(true))
            }
            Call::ExtranonceSubscribe => Ok(json!(true)),
            Call::Ping => Ok(json!("pong")),
            Call::NotServed(name) => Err(Refusal::other(format!("'{name}' is not served here"))),
            Call::Submit(_) => Err(Refusal::other("a share where none belongs")),
        }
    }

    fn first_difficulty(&self, network: f64) -> f64 {
        self.shared.options.difficulty.unwrap_or_else(|| difficulty::first(network))
    }

    fn authorize(&mut self, name: String, password: &str) -> Result<(), Refusal> {
        if self.names.len() >= MAX_NAMES {
            return Err(Refusal::new(24, format!("no more than {MAX_NAMES} workers of one connection")));
        }
        let address = name.split('.').next().unwrap_or_default();
        let payout = match Address::parse(address, &self.shared.params.addresses) {
            Ok(address) => address.script_pubkey(),
            Err(error) => self.shared.options.payout.clone().ok_or_else(|| {
                Refusal::new(
                    24,
                    format!("the name must begin with an address to pay ({error}), or start the node with -stratumaddress"),
                )
            })?,
        };
        if self.payout.as_ref().is_some_and(|known| *known != payout) {
            return Err(Refusal::new(24, "workers of one connection must be paid at one address"));
        }
        self.shared.workers.name(self.id, &name, &payee(&payout, &self.shared.params));
        self.payout = Some(payout);
        self.names.push(name);
        let wished = password.split(',').find_map(|part| part.trim().strip_prefix("d=")?.parse::<f64>().ok());
        if let Some(wished) = wished.filter(|wished| *wished > 0.0) {
            (self.difficulty, self.fixed, self.told) = (wished, true, None);
        }
        Ok(())
    }

    /// New work. With `clean`, what the miner has is worth nothing any more.
    pub(super) fn give(&mut self, job: &Arc<Job>, clean: bool) -> Vec<Value> {
        let Some(payout) = self.payout.as_ref().filter(|_| self.subscribed) else { return vec![] };
        if self.difficulty == 0.0 {
            self.difficulty = self.first_difficulty(job.network);
        }
        let difficulty = difficulty::bounded(self.difficulty, job.network);
        let mut lines = Vec::new();
        if self.told != Some(difficulty) {
            self.told = Some(difficulty);
            self.shared.workers.difficulty(self.id, difficulty);
            lines.push(protocol::notice("mining.set_difficulty", &json!([difficulty])));
        }
        let id = format!("{:x}", self.next_job);
        self.next_job += 1;
        // Bits that the miner rolls tell nothing (BIP320). Where they are 0 at first, "this is in them" and "this is the
        // difference" are the same, and miners say either.
        let version = job.template.block.header.version & !(self.version_mask as i32);
        lines.push(protocol::notice("mining.notify", &job.notify(&id, payout, version, clean)));
        if clean {
            self.issued.clear();
        }
        if self.issued.len() == REMEMBERED_JOBS {
            self.issued.pop_front();
        }
        self.issued.push_back(Issued { id, job: job.clone(), version, difficulty, seen: HashSet::new() });
        lines
    }

    /// Gives the worker another difficulty if its pace asks for it.
    pub(super) fn keep_pace(&mut self, job: &Arc<Job>, now: Instant) -> Vec<Value> {
        let Some(current) = self.told.filter(|_| !self.fixed) else {
            self.pace = Pace::new(now);
            return vec![];
        };
        match self.pace.judge(current, job.network, now) {
            None => vec![],
            Some(difficulty) => {
                self.difficulty = difficulty;
                self.give(job, false)
            }
        }
    }

    fn submit(&mut self, share: Submission, now: Instant, outcome: &mut Outcome) -> Result<Value, Refusal> {
        let told = self.told.unwrap_or_default();
        let worker = share.worker.clone();
        match self.judge(share) {
            Ok((difficulty, block)) => {
                self.bad_in_a_row = 0;
                self.pace.share();
                self.shared.workers.share(self.id, Verdict::Accepted, difficulty, now);
                outcome.block = block.map(|block| (block, worker));
                if let Some(issued) = self.issued.back().map(|issued| issued.job.clone()) {
                    let full = self.issued.back().is_some_and(|last| last.seen.len() >= REMEMBERED_SHARES);
                    outcome.lines.extend(self.keep_pace(&issued, now));
                    if full {
                        outcome.lines.extend(self.give(&issued, false));
                    }
                }
                Ok(json!(true))
            }
            Err(refusal) => {
                let stale = refusal == Refusal::stale();
                let verdict = if stale { Verdict::Stale } else { Verdict::Rejected };
                self.shared.workers.share(self.id, verdict, told, now);
                Err(refusal)
            }
        }
    }

    /// The difficulty that a share counts for, and the block that it is.
    fn judge(&mut self, share: Submission) -> Result<(f64, Option<Block>), Refusal> {
        if !self.subscribed {
            return Err(Refusal::not_subscribed());
        }
        let Some(payout) = self.payout.as_ref().filter(|_| self.names.contains(&share.worker)) else {
            return Err(Refusal::unauthorized());
        };
        let issued = self.issued.iter_mut().find(|issued| issued.id == share.job);
        let issued = issued.ok_or_else(Refusal::stale)?;
        let template = &issued.job.template;
        let latest = self.shared.chain.clock().now() + MAX_AHEAD;
        if !(template.min_time..=latest).contains(&i64::from(share.time)) {
            return Err(Refusal::other(format!(
                "ntime {:08x} is not from {:08x} to {latest:08x}",
                share.time, template.min_time
            )));
        }
        // The name is no part of the header: the same share may not count for two workers.
        let version = share.version(issued.version, self.version_mask)?;
        let unnamed = Submission { worker: String::new(), version: Some(version as u32), ..share.clone() };
        if issued.seen.contains(&unnamed) {
            return Err(Refusal::duplicate());
        }
        let header: Header = issued.job.header(payout, self.own, &share, version);
        let hash = header.hash();
        let is_block = template.target().is_met_by(&hash);
        if !is_block && !difficulty::target(issued.difficulty).is_met_by(&hash) {
            return Err(Refusal::low_difficulty());
        }
        if issued.seen.len() < REMEMBERED_SHARES {
            issued.seen.insert(unnamed);
        } else if !is_block {
            return Err(Refusal::stale());
        }
        let block = is_block.then(|| issued.job.block(payout, self.own, &share, header));
        Ok((issued.difficulty, block))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.workers.gone(self.id);
    }
}
