//! What miners did with this node: templates they were given, blocks they handed in and what became of those.
//!
//! A ring of bounded length. Whoever wants all of it asks often enough; nobody waits for anybody.

use super::outcome::{Origin, Outcome};
use chaincore_consensus::BlockHash;
use chaincore_plugin::node::{MinerEvent, MinerEventKind, MinerReport};
use std::collections::{HashSet, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

/// How many events are kept.
const KEPT: usize = 1024;

#[derive(Default)]
struct Ring {
    last: u64,
    events: VecDeque<MinerEvent>,
}

/// The ring. Any thread may note and read.
#[derive(Default)]
pub struct MiningLog(Mutex<Ring>);

impl MiningLog {
    fn note(&self, event: MinerEvent) {
        let mut ring = self.0.lock().expect("no one panics while holding it");
        ring.last += 1;
        let number = ring.last;
        if ring.events.len() == KEPT {
            ring.events.pop_front();
        }
        ring.events.push_back(MinerEvent { number, ..event });
    }

    /// A template was made for a miner.
    pub(crate) fn template(&self, at: i64, height: u32, took: Duration) {
        let latency = Some(millis(took));
        self.note(MinerEvent {
            at,
            height: Some(height),
            latency,
            ..MinerEvent::new(MinerEventKind::Template)
        });
    }

    /// A block was handed in, and this became of it. Blocks of peers and files are none of a miner's here.
    pub(super) fn submitted(
        &self,
        at: i64,
        origin: Origin,
        hash: BlockHash,
        height: Option<u32>,
        outcome: &Outcome,
        took: Duration,
    ) {
        if !matches!(origin, Origin::Rpc | Origin::Mined) {
            return;
        }
        let about = |kind| MinerEvent { at, height, hash: Some(hash), ..MinerEvent::new(kind) };
        self.note(about(MinerEventKind::Submit));
        let (kind, detail) = match (outcome, outcome.reject_reason()) {
            (Outcome::Best { .. }, _) => (MinerEventKind::Accepted, None),
            (_, Some(reason)) => (MinerEventKind::Rejected, Some(reason.to_string())),
            // Another block was there first, or this very one.
            (_, None) => (MinerEventKind::Stale, None),
        };
        self.note(MinerEvent { latency: Some(millis(took)), detail, ..about(kind) });
    }

    /// A miner told how it works.
    pub(crate) fn report(&self, at: i64, report: MinerReport) {
        self.note(MinerEvent { at, report: Some(report), ..MinerEvent::new(MinerEventKind::Report) });
    }

    /// The last report of each worker for each address, with its time, as far as they are kept: the newest first.
    pub(crate) fn reports(&self) -> Vec<(i64, MinerReport)> {
        let ring = self.0.lock().expect("no one panics while holding it");
        let mut known = HashSet::new();
        let told = ring.events.iter().rev().filter_map(|event| Some((event.at, event.report.as_ref()?)));
        told.filter(|(_, report)| known.insert((&report.worker, &report.address)))
            .map(|(at, report)| (at, report.clone()))
            .collect()
    }

    /// The events above a number, the oldest first, as far as they are kept.
    pub fn after(&self, number: u64) -> Vec<MinerEvent> {
        let ring = self.0.lock().expect("no one panics while holding it");
        ring.events.iter().filter(|event| event.number > number).cloned().collect()
    }
}

fn millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_last_events_in_order() {
        let log = MiningLog::default();
        for height in 0..KEPT as u32 + 5 {
            log.template(7, height, Duration::from_millis(3));
        }
        let all = log.after(0);
        assert_eq!(all.len(), KEPT);
        assert_eq!((all[0].height, all[0].number), (Some(5), 6));
        assert!(all.windows(2).all(|pair| pair[0].number + 1 == pair[1].number));
        assert_eq!(log.after(all[KEPT - 2].number).len(), 1);
        assert!(log.after(u64::MAX).is_empty());
    }

    #[test]
    fn of_each_worker_the_last_report_counts() {
        let log = MiningLog::default();
        let report = |worker: &str, hashes| MinerReport {
            worker: worker.into(),
            address: "a".into(),
            hashes,
            hashes_per_second: 1,
            accepted: 0,
            rejected: 0,
            uptime: 60,
        };
        log.report(10, report("rig", 5));
        log.template(11, 7, Duration::ZERO);
        log.report(12, report("other", 6));
        log.report(13, report("rig", 9));
        assert_eq!(log.reports(), [(13, report("rig", 9)), (12, report("other", 6))]);
        assert_eq!(log.after(0)[3].kind.name(), "report");
    }

    #[test]
    fn only_what_miners_hand_in_is_theirs() {
        let log = MiningLog::default();
        let hash = BlockHash([3; 32]);
        let took = Duration::from_millis(12);
        log.submitted(1, Origin::Import, hash, None, &Outcome::AlreadyKnown, took);
        assert!(log.after(0).is_empty());
        log.submitted(1, Origin::Rpc, hash, Some(4), &Outcome::SideChain, took);
        log.submitted(2, Origin::Mined, hash, Some(4), &Outcome::Best { reorg_depth: 0 }, took);
        let kinds: Vec<_> = log.after(0).iter().map(|event| event.kind.name()).collect();
        assert_eq!(kinds, ["submit", "stale", "submit", "accepted"]);
        let last = log.after(3).pop().expect("an event");
        assert_eq!((last.latency, last.hash, last.detail), (Some(12), Some(hash), None));
    }
}
