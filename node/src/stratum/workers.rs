//! Who is connected and what they did, for `listplugins`, `/metrics`, `GET /plugins/stratum` and `GET /mining_stats`.

use super::difficulty::HASHES_PER_DIFFICULTY;
use chaincore_plugin::node::{MinerReport, MinerVia};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Instant;

/// A hash rate is that of about the last five minutes.
const MEMORY_SECONDS: f64 = 300.0;

/// What became of a share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Accepted,
    Stale,
    Rejected,
}

/// An average that forgets: the work of shares, and how much of the time it remembers.
#[derive(Clone, Debug)]
struct Rate {
    begun: Instant,
    at: Instant,
    work: f64,
}

impl Rate {
    fn new(now: Instant) -> Self {
        Self { begun: now, at: now, work: 0.0 }
    }

    fn add(&mut self, difficulty: f64, now: Instant) {
        self.work = self.work_at(now) + difficulty;
        self.at = now;
    }

    fn work_at(&self, now: Instant) -> f64 {
        self.work * (-(now - self.at).as_secs_f64() / MEMORY_SECONDS).exp()
    }

    /// Hashes per second.
    fn hashes(&self, now: Instant) -> f64 {
        let remembered = MEMORY_SECONDS * (1.0 - (-(now - self.begun).as_secs_f64() / MEMORY_SECONDS).exp());
        self.work_at(now) * HASHES_PER_DIFFICULTY / remembered.max(1.0)
    }
}

#[derive(Clone, Debug)]
struct Worker {
    name: String,
    /// Whom its blocks pay.
    address: String,
    since: Instant,
    /// The difficulties of all shares that were accepted.
    work: f64,
    agent: String,
    difficulty: f64,
    rate: Rate,
    accepted: u64,
    stale: u64,
    rejected: u64,
    blocks: u64,
    last_share: Option<Instant>,
}

/// Sums since the server began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Totals {
    pub(super) connections: u64,
    pub(super) accepted: u64,
    pub(super) stale: u64,
    pub(super) rejected: u64,
    pub(super) blocks: u64,
    /// Hashes per second of all that are connected.
    pub(super) hash_rate: f64,
}

#[derive(Default)]
struct Inner {
    workers: BTreeMap<u64, Worker>,
    totals: Totals,
}

/// All connections. Any thread may note and read.
#[derive(Default)]
pub(super) struct Workers(Mutex<Inner>);

impl Workers {
    fn change<T>(&self, id: u64, change: impl FnOnce(&mut Worker, &mut Totals) -> T) -> Option<T> {
        let mut inner = self.0.lock().expect("no one panics while holding it");
        let Inner { workers, totals } = &mut *inner;
        workers.get_mut(&id).map(|worker| change(worker, totals))
    }

    pub(super) fn connected(&self, id: u64, now: Instant) {
        let worker = Worker {
            name: String::new(),
            address: String::new(),
            since: now,
            work: 0.0,
            agent: String::new(),
            difficulty: 0.0,
            rate: Rate::new(now),
            accepted: 0,
            stale: 0,
            rejected: 0,
            blocks: 0,
            last_share: None,
        };
        self.0.lock().expect("no one panics while holding it").workers.insert(id, worker);
    }

    pub(super) fn gone(&self, id: u64) {
        self.0.lock().expect("no one panics while holding it").workers.remove(&id);
    }

    pub(super) fn agent(&self, id: u64, agent: &str) {
        self.change(id, |worker, _| agent.clone_into(&mut worker.agent));
    }

    /// What it calls itself, and whom its blocks pay.
    pub(super) fn name(&self, id: u64, name: &str, address: &str) {
        self.change(id, |worker, _| {
            name.clone_into(&mut worker.name);
            address.clone_into(&mut worker.address);
        });
    }

    pub(super) fn difficulty(&self, id: u64, difficulty: f64) {
        self.change(id, |worker, _| worker.difficulty = difficulty);
    }

    pub(super) fn share(&self, id: u64, verdict: Verdict, difficulty: f64, now: Instant) {
        self.change(id, |worker, totals| {
            let (own, all) = match verdict {
                Verdict::Accepted => {
                    worker.rate.add(difficulty, now);
                    worker.work += difficulty;
                    worker.last_share = Some(now);
                    (&mut worker.accepted, &mut totals.accepted)
                }
                Verdict::Stale => (&mut worker.stale, &mut totals.stale),
                Verdict::Rejected => (&mut worker.rejected, &mut totals.rejected),
            };
            *own += 1;
            *all += 1;
        });
    }

    pub(super) fn block(&self, id: u64) {
        self.change(id, |worker, totals| {
            worker.blocks += 1;
            totals.blocks += 1;
        });
    }

    pub(super) fn totals(&self, now: Instant) -> Totals {
        let inner = self.0.lock().expect("no one panics while holding it");
        let hash_rate = inner.workers.values().map(|worker| worker.rate.hashes(now)).sum();
        Totals { connections: inner.workers.len() as u64, hash_rate, ..inner.totals }
    }

    /// Those who have said whom to pay, as `GET /mining_stats` shows them.
    pub(super) fn standing(&self, now: Instant) -> Vec<MinerReport> {
        let inner = self.0.lock().expect("no one panics while holding it");
        let named = inner.workers.iter().filter(|(_, worker)| !worker.address.is_empty());
        let standing = named.map(|(id, worker)| MinerReport {
            worker: own_name(&worker.name, &worker.address).to_owned(),
            address: worker.address.clone(),
            instance: Some(format!("{id:08x}")),
            via: MinerVia::Stratum,
            hashes: (worker.work * HASHES_PER_DIFFICULTY) as u64,
            hashes_per_second: worker.rate.hashes(now).round() as u64,
            accepted: worker.accepted,
            rejected: worker.stale + worker.rejected,
            blocks: worker.blocks,
            uptime: (now - worker.since).as_secs(),
        });
        standing.collect()
    }

    /// The answer of `GET /plugins/stratum`. Who a worker is by its network address is not told.
    pub(super) fn json(&self, now: Instant) -> Value {
        let totals = self.totals(now);
        let inner = self.0.lock().expect("no one panics while holding it");
        let workers: Vec<Value> = inner
            .workers
            .values()
            .map(|worker| {
                json!({
                    "name": worker.name,
                    "agent": worker.agent,
                    "difficulty": worker.difficulty,
                    "hash_rate": worker.rate.hashes(now).round(),
                    "accepted": worker.accepted,
                    "stale": worker.stale,
                    "rejected": worker.rejected,
                    "blocks": worker.blocks,
                    "seconds_since_share": worker.last_share.map(|at| (now - at).as_secs()),
                })
            })
            .collect();
        json!({
            "hash_rate": totals.hash_rate.round(),
            "accepted": totals.accepted,
            "stale": totals.stale,
            "rejected": totals.rejected,
            "blocks": totals.blocks,
            "workers": workers,
        })
    }
}

/// The part of a worker's name that is not the address that it pays, if there is such a part.
pub(super) fn own_name<'a>(name: &'a str, address: &str) -> &'a str {
    name.strip_prefix(address)
        .and_then(|rest| rest.strip_prefix('.'))
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_hash_rate_is_that_of_the_last_minutes() {
        let workers = Workers::default();
        let start = Instant::now();
        workers.connected(1, start);
        // A share of difficulty 2 every ten seconds.
        let mut now = start;
        for _ in 0..60 {
            now += Duration::from_secs(10);
            workers.share(1, Verdict::Accepted, 2.0, now);
        }
        let expected = 2.0 * HASHES_PER_DIFFICULTY / 10.0;
        let ratio = workers.totals(now).hash_rate / expected;
        assert!((0.95..1.05).contains(&ratio), "{ratio}");
        // It stops, and is soon forgotten.
        assert!(workers.totals(now + Duration::from_secs(1800)).hash_rate < expected / 100.0);
        workers.share(1, Verdict::Stale, 2.0, now);
        workers.share(1, Verdict::Rejected, 2.0, now);
        workers.block(1);
        let shown = workers.json(now);
        assert_eq!(
            (&shown["accepted"], &shown["stale"], &shown["rejected"]),
            (&json!(60), &json!(1), &json!(1))
        );
        workers.name(1, "addr.rig", "addr");
        let told = workers.standing(now).remove(0);
        assert_eq!(
            (told.worker.as_str(), told.address.as_str(), told.via),
            ("rig", "addr", MinerVia::Stratum)
        );
        assert_eq!((told.accepted, told.rejected, told.blocks, told.uptime), (60, 2, 1, 600));
        assert_eq!(told.hashes, 120 << 32);
        assert!((told.hashes_per_second as f64 / expected - 1.0).abs() < 0.05);
        for (name, own) in [("addr", "addr"), ("addr.", "addr."), ("rig", "rig"), ("addr.a.b", "a.b")] {
            assert_eq!(own_name(name, "addr"), own);
        }
        workers.gone(1);
        assert_eq!(workers.standing(now), []);
        let totals = workers.totals(now);
        assert_eq!((totals.connections, totals.accepted, totals.blocks, totals.hash_rate), (0, 60, 1, 0.0));
        // Nobody is there to be noted.
        workers.share(1, Verdict::Accepted, 2.0, now);
        assert_eq!(workers.totals(now).accepted, 60);
    }
}
