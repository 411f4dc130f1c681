//! Transactions whose inputs are not known, kept while their parents are being fetched.
//!
//! An orphan is kept for each peer that announced it, and goes when the last of these announcements goes. All of Core's
//! current rules hold:
//!
//! * An announcement costs its peer the transaction's weight in memory, and one point of latency plus one for every ten
//!   inputs. All orphans together, each counted once, may use [`RESERVED_WEIGHT`] times the number of peers that have
//!   any; all announcements, with the inputs of each orphan counted once, [`MAX_LATENCY`] points.
//! * When either is exceeded, announcements go of whichever peer exceeds its share of either the most, its oldest first
//!   and those that are about to be looked at again last. So a peer within its share never loses an orphan to others.
//! * An orphan whose parent came is looked at again once, as work of one of its announcers chosen at random.

use crate::mempool::policy::MAX_STANDARD_TX_WEIGHT;
use crate::p2p::kind::PeerId;
use chaincore_consensus::{Block, OutPoint, Tx, TxRef, Txid, Wtxid};
use rand::Rng;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

/// What each peer's orphans may weigh without fear of eviction.
const RESERVED_WEIGHT: u64 = 404_000;
/// The points of latency of all peers together.
const MAX_LATENCY: u64 = 3000;

/// An orphan, as `getorphantxs` tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrphanInfo {
    /// The transaction.
    pub tx: TxRef,
    /// The peers that have announced it, in the order of their numbers.
    pub announcers: Vec<PeerId>,
}

#[derive(Debug)]
struct Orphan {
    tx: TxRef,
    /// Who announced it, and the announcement's place among all.
    announcers: BTreeMap<PeerId, u64>,
    /// Whose work it is to look at it again.
    worker: Option<PeerId>,
}

impl Orphan {
    fn weight(&self) -> u64 {
        self.tx.weight() as u64
    }

    /// The points of latency besides the one of each announcement.
    fn input_points(&self) -> u64 {
        self.tx.inputs.len() as u64 / 10
    }
}

/// What a peer has here.
#[derive(Debug, Default, PartialEq, Eq)]
struct Share {
    /// Its announcements, the oldest first, those that are its work last.
    announcements: BTreeMap<(bool, u64), Wtxid>,
    weight: u64,
    latency: u64,
}

/// How much of an allowance is used; above 1 is too much. Of equal parts, that of the smaller allowance is worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Score {
    used: u64,
    allowed: u64,
}

impl Score {
    const FULL: Self = Self { used: 1, allowed: 1 };

    fn compare_ratio(&self, other: &Self) -> Ordering {
        let left = u128::from(self.used) * u128::from(other.allowed);
        left.cmp(&(u128::from(other.used) * u128::from(self.allowed)))
    }
}

impl Ord for Score {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare_ratio(other).then(other.allowed.cmp(&self.allowed))
    }
}

impl PartialOrd for Score {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Share {
    fn score(&self, latency_allowed: u64, weight_allowed: u64) -> Score {
        let by_latency = Score { used: self.latency, allowed: latency_allowed };
        by_latency.max(Score { used: self.weight, allowed: weight_allowed })
    }
}

/// The orphans.
#[derive(Debug)]
pub(super) struct Orphanage {
    orphans: HashMap<Wtxid, Orphan>,
    by_outpoint: HashMap<OutPoint, BTreeSet<Wtxid>>,
    peers: HashMap<PeerId, Share>,
    announcements: u64,
    /// What the orphans weigh, and their inputs' points, each orphan counted once.
    weight: u64,
    input_points: u64,
    sequence: u64,
    reserved_weight: u64,
    max_latency: u64,
}

impl Default for Orphanage {
    fn default() -> Self {
        Self::with_limits(MAX_LATENCY, RESERVED_WEIGHT)
    }
}

impl Orphanage {
    fn with_limits(max_latency: u64, reserved_weight: u64) -> Self {
        Self {
            orphans: HashMap::new(),
            by_outpoint: HashMap::new(),
            peers: HashMap::new(),
            announcements: 0,
            weight: 0,
            input_points: 0,
            sequence: 0,
            reserved_weight,
            max_latency,
        }
    }

    /// Keeps an orphan that a peer sent or announced; whether it is new. Too large ones are not kept: nothing will make
    /// them standard.
    pub(super) fn add(&mut self, tx: &TxRef, peer: PeerId) -> bool {
        let (txid, wtxid, weight) = (tx.txid(), tx.wtxid(), tx.weight());
        if weight > MAX_STANDARD_TX_WEIGHT {
            let what = "ignoring large orphan tx";
            tracing::debug!(target: "txpackages", "{what} (size: {weight}, txid: {txid}, wtxid: {wtxid})");
            return false;
        }
        if self.orphans.contains_key(&wtxid) {
            self.add_announcer(&wtxid, peer);
            return false;
        }
        for input in &tx.inputs {
            self.by_outpoint.entry(input.previous_output).or_default().insert(wtxid);
        }
        let orphan = Orphan { tx: tx.clone(), announcers: BTreeMap::new(), worker: None };
        self.weight += orphan.weight();
        self.input_points += orphan.input_points();
        self.orphans.insert(wtxid, orphan);
        self.link(&wtxid, peer);
        tracing::debug!(
            target: "txpackages",
            "stored orphan tx {txid} (wtxid={wtxid}), weight: {weight} (mapsz {} outsz {})",
            self.announcements,
            self.by_outpoint.len()
        );
        self.limit();
        true
    }

    /// Notes that another peer has an orphan; whether that is new.
    pub(super) fn add_announcer(&mut self, wtxid: &Wtxid, peer: PeerId) -> bool {
        if !self.orphans.contains_key(wtxid) || self.has_from(wtxid, peer) {
            return false;
        }
        self.link(wtxid, peer);
        let txid = self.orphans[wtxid].tx.txid();
        tracing::debug!(
            target: "txpackages", "added peer={peer} as announcer of orphan tx {txid} (wtxid={wtxid})"
        );
        self.limit();
        true
    }

    /// An orphan.
    pub(super) fn get(&self, wtxid: &Wtxid) -> Option<&TxRef> {
        self.orphans.get(wtxid).map(|orphan| &orphan.tx)
    }

    /// Whether a peer is among an orphan's announcers.
    pub(super) fn has_from(&self, wtxid: &Wtxid, peer: PeerId) -> bool {
        self.orphans.get(wtxid).is_some_and(|orphan| orphan.announcers.contains_key(&peer))
    }

    /// Takes an orphan out; whether it was here.
    pub(super) fn remove(&mut self, wtxid: &Wtxid) -> bool {
        let was_here = self.remove_untrimmed(wtxid);
        // Fewer peers have a smaller allowance.
        self.limit();
        was_here
    }

    /// Forgets what a peer announced.
    pub(super) fn remove_peer(&mut self, peer: PeerId) {
        let Some(share) = self.peers.get(&peer) else { return };
        let wtxids: Vec<Wtxid> = share.announcements.values().copied().collect();
        for wtxid in &wtxids {
            self.unlink(wtxid, peer);
        }
        tracing::debug!(
            target: "txpackages", "Erased {} orphan transaction(s) from peer={peer}", wtxids.len()
        );
        self.limit();
    }

    /// Takes out what a block contains or makes impossible.
    pub(super) fn remove_for_block(&mut self, block: &Block) {
        if self.orphans.is_empty() {
            return;
        }
        let spent = block.transactions.iter().flat_map(|tx| &tx.inputs);
        let hit: BTreeSet<Wtxid> = spent
            .filter_map(|input| self.by_outpoint.get(&input.previous_output))
            .flatten()
            .copied()
            .collect();
        for wtxid in &hit {
            self.remove_untrimmed(wtxid);
        }
        if !hit.is_empty() {
            let count = hit.len();
            tracing::debug!(
                target: "txpackages", "Erased {count} orphan transaction(s) included or conflicted by block"
            );
        }
        self.limit();
    }

    /// Has the orphans looked at again that spend a transaction which just came in.
    pub(super) fn wake_children(&mut self, tx: &Tx, rng: &mut impl Rng) {
        let txid = tx.txid();
        for vout in 0..tx.outputs.len() {
            let outpoint = OutPoint { txid, vout: u32::try_from(vout).unwrap_or(u32::MAX) };
            let Some(wtxids) = self.by_outpoint.get(&outpoint) else { continue };
            for wtxid in wtxids {
                let Some(orphan) = self.orphans.get_mut(wtxid) else { continue };
                if orphan.worker.is_some() {
                    continue;
                }
                // Nobody can hold an orphan up by taking it on and then leaving: its choice is not theirs.
                let chosen = rng.random_range(0..orphan.announcers.len());
                let Some((&peer, &sequence)) = orphan.announcers.iter().nth(chosen) else { continue };
                orphan.worker = Some(peer);
                if let Some(share) = self.peers.get_mut(&peer) {
                    share.announcements.remove(&(false, sequence));
                    share.announcements.insert((true, sequence), *wtxid);
                }
                let txid = orphan.tx.txid();
                tracing::debug!(
                    target: "txpackages", "added {txid} (wtxid={wtxid}) to peer {peer} workset"
                );
            }
        }
    }

    /// Whether a peer has work.
    pub(super) fn has_work(&self, peer: PeerId) -> bool {
        self.peers.get(&peer).is_some_and(|share| share.announcements.range((true, 0)..).next().is_some())
    }

    /// Takes the next orphan from a peer's work; the orphan stays here.
    pub(super) fn take_work(&mut self, peer: PeerId) -> Option<TxRef> {
        let share = self.peers.get_mut(&peer)?;
        let (&(_, sequence), &wtxid) = share.announcements.range((true, 0)..).next()?;
        share.announcements.remove(&(true, sequence));
        share.announcements.insert((false, sequence), wtxid);
        let orphan = self.orphans.get_mut(&wtxid)?;
        orphan.worker = None;
        Some(orphan.tx.clone())
    }

    /// A peer's orphans that spend a transaction, the newest announcement first (those that are its work before all).
    pub(super) fn children_from(&self, parent: &Txid, peer: PeerId) -> Vec<TxRef> {
        let Some(share) = self.peers.get(&peer) else { return vec![] };
        let orphans = share.announcements.values().rev().filter_map(|wtxid| self.get(wtxid));
        orphans
            .filter(|tx| tx.inputs.iter().any(|input| input.previous_output.txid == *parent))
            .cloned()
            .collect()
    }

    /// All orphans, in the order of their wtxids.
    pub(super) fn all(&self) -> Vec<OrphanInfo> {
        let mut orphans: Vec<&Orphan> = self.orphans.values().collect();
        orphans.sort_unstable_by_key(|orphan| orphan.tx.wtxid());
        let info = |orphan: &Orphan| OrphanInfo {
            tx: orphan.tx.clone(),
            announcers: orphan.announcers.keys().copied().collect(),
        };
        orphans.into_iter().map(info).collect()
    }

    fn link(&mut self, wtxid: &Wtxid, peer: PeerId) {
        let Some(orphan) = self.orphans.get_mut(wtxid) else { return };
        let sequence = self.sequence;
        self.sequence += 1;
        self.announcements += 1;
        orphan.announcers.insert(peer, sequence);
        let share = self.peers.entry(peer).or_default();
        share.announcements.insert((false, sequence), *wtxid);
        share.weight += orphan.weight();
        share.latency += 1 + orphan.input_points();
    }

    /// Forgets an announcement, and the orphan if it was the last one.
    fn unlink(&mut self, wtxid: &Wtxid, peer: PeerId) {
        let Some(orphan) = self.orphans.get_mut(wtxid) else { return };
        let Some(sequence) = orphan.announcers.remove(&peer) else { return };
        self.announcements -= 1;
        let was_work = orphan.worker == Some(peer);
        if was_work {
            orphan.worker = None;
        }
        if let Some(share) = self.peers.get_mut(&peer) {
            share.announcements.remove(&(was_work, sequence));
            share.weight -= orphan.weight();
            share.latency -= 1 + orphan.input_points();
            if share.announcements.is_empty() {
                self.peers.remove(&peer);
            }
        }
        if !orphan.announcers.is_empty() {
            return;
        }
        self.weight -= orphan.weight();
        self.input_points -= orphan.input_points();
        let Some(orphan) = self.orphans.remove(wtxid) else { return };
        for input in &orphan.tx.inputs {
            let Some(wtxids) = self.by_outpoint.get_mut(&input.previous_output) else { continue };
            wtxids.remove(wtxid);
            if wtxids.is_empty() {
                self.by_outpoint.remove(&input.previous_output);
            }
        }
    }

    fn remove_untrimmed(&mut self, wtxid: &Wtxid) -> bool {
        let Some(orphan) = self.orphans.get(wtxid) else { return false };
        let txid = orphan.tx.txid();
        let peers: Vec<PeerId> = orphan.announcers.keys().copied().collect();
        for peer in &peers {
            self.unlink(wtxid, *peer);
        }
        tracing::debug!(
            target: "txpackages",
            "removed orphan tx {txid} (wtxid={wtxid}) ({} announcements)",
            peers.len()
        );
        true
    }

    fn latency(&self) -> u64 {
        self.input_points + self.announcements
    }

    fn max_weight(&self) -> u64 {
        self.reserved_weight * (self.peers.len() as u64).max(1)
    }

    fn is_over(&self) -> bool {
        self.latency() > self.max_latency || self.weight > self.max_weight()
    }

    /// Evicts announcements until all limits hold.
    fn limit(&mut self) {
        if !self.is_over() {
            return;
        }
        let orphans_before = self.orphans.len();
        let announcements_before = self.announcements;
        // The limits of now count to the end, though they change with the number of peers.
        let latency_allowed = (self.max_latency / (self.peers.len() as u64).max(1)).max(1);
        let weight_allowed = self.reserved_weight;
        let mut worst: BinaryHeap<(Score, PeerId)> = self
            .peers
            .iter()
            .map(|(peer, share)| (share.score(latency_allowed, weight_allowed), *peer))
            .filter(|(score, _)| score.compare_ratio(&Score::FULL).is_gt())
            .collect();
        while self.is_over()
            && let Some((_, peer)) = worst.pop()
        {
            let threshold = worst.peek().map_or(Score::FULL, |(score, _)| *score);
            let had = self.peers.get(&peer).map_or(0, |share| share.announcements.len());
            let mut removed = 0;
            let mut score = None;
            while self.is_over() {
                let first = self.peers.get(&peer).and_then(|share| share.announcements.values().next());
                let Some(wtxid) = first.copied() else { break };
                self.unlink(&wtxid, peer);
                removed += 1;
                score = self.peers.get(&peer).map(|share| share.score(latency_allowed, weight_allowed));
                if score.is_none_or(|score| score <= threshold) {
                    break;
                }
            }
            tracing::debug!(
                target: "txpackages",
                "peer={peer} orphanage overflow, removed {removed} of {had} announcements"
            );
            if let Some(score) = score {
                worst.push((score, peer));
            }
        }
        let removed = orphans_before - self.orphans.len();
        let announcements = announcements_before - self.announcements;
        tracing::debug!(
            target: "txpackages",
            "orphanage overflow, removed {removed} tx ({announcements} announcements)"
        );
    }
}

#[cfg(test)]
mod tests;
