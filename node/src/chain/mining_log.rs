//! What miners did with this node: templates they were given, blocks they handed in and what became of those.
//!
//! A ring of bounded length. Whoever wants all of it asks often enough; nobody waits for anybody. Beside it the last that
//! is known of each miner, so that it outlasts the ring: what miners reported, and how those stand whom the node itself
//! serves.

use super::outcome::{Origin, Outcome};
use chaincore_consensus::BlockHash;
use chaincore_plugin::node::{MinerEvent, MinerEventKind, MinerReport, MinerVia};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

/// How many events are kept.
const KEPT: usize = 1024;

/// Of how many miners the last report is kept.
const KEPT_MINERS: usize = 1024;

#[derive(Default)]
struct Ring {
    last: u64,
    events: VecDeque<MinerEvent>,
    /// The newest last; one of each worker, address and instance.
    reports: VecDeque<(i64, MinerReport)>,
    /// How the miners stand that the node serves itself, and since when.
    standings: BTreeMap<MinerVia, (i64, Vec<MinerReport>)>,
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
        let event =
            MinerEvent { at, report: Some(report.clone()), ..MinerEvent::new(MinerEventKind::Report) };
        self.note(event);
        let mut ring = self.0.lock().expect("no one panics while holding it");
        let key = |report: &MinerReport| {
            (report.worker.clone(), report.address.clone(), report.instance.clone(), report.via)
        };
        let own = key(&report);
        ring.reports.retain(|(_, known)| key(known) != own);
        if ring.reports.len() == KEPT_MINERS {
            ring.reports.pop_front();
        }
        ring.reports.push_back((at, report));
    }

    /// So stand all miners that the node serves by this way, in place of how they stood before.
    pub(crate) fn stand(&self, at: i64, via: MinerVia, standing: Vec<MinerReport>) {
        self.0.lock().expect("no one panics while holding it").standings.insert(via, (at, standing));
    }

    /// What is known of each miner, with the time of it: those that the node serves, and the last report of each other
    /// worker, address and instance, the newest first.
    pub(crate) fn reports(&self) -> Vec<(i64, MinerReport)> {
        let ring = self.0.lock().expect("no one panics while holding it");
        let standing = ring.standings.values().flat_map(|(at, all)| all.iter().map(|one| (*at, one.clone())));
        standing.chain(ring.reports.iter().rev().cloned()).collect()
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
    fn of_each_miner_the_last_report_counts() {
        let log = MiningLog::default();
        let report = |worker: &str, instance: Option<&str>, hashes| MinerReport {
            worker: worker.into(),
            address: "a".into(),
            instance: instance.map(str::to_owned),
            hashes,
            ..MinerReport::default()
        };
        log.report(10, report("rig", None, 5));
        log.template(11, 7, Duration::ZERO);
        log.report(12, report("other", None, 6));
        log.report(13, report("rig", None, 9));
        log.report(14, report("rig", Some("x"), 1));
        let own = MinerReport { via: MinerVia::Node, ..report("node", None, 3) };
        log.stand(15, MinerVia::Node, vec![report("before", None, 1)]);
        log.stand(16, MinerVia::Node, vec![own.clone()]);
        let all = [
            (16, own),
            (14, report("rig", Some("x"), 1)),
            (13, report("rig", None, 9)),
            (12, report("other", None, 6)),
        ];
        assert_eq!(log.reports(), all);
        assert_eq!(log.after(0)[3].kind.name(), "report");
        // Events of other kinds push nobody out.
        (0..KEPT as u32).for_each(|height| log.template(17, height, Duration::ZERO));
        assert_eq!(log.reports(), all);
        for n in 0..KEPT_MINERS as u64 + 5 {
            log.report(18, report(&n.to_string(), None, n));
        }
        assert_eq!(log.reports().len(), KEPT_MINERS + 1, "it is bounded");
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
