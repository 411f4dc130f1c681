//! Who announced which transaction, and whom to ask for it next.
//!
//! Every announcement of a transaction by a peer is in one of these states:
//!
//! * delayed: it may be acted upon from a certain time on;
//! * ready: it may be acted upon, but another one is to be acted upon first;
//! * best: it is the one to act upon;
//! * requested: the peer was asked, and has until a certain time to answer;
//! * completed: the peer was asked and answered, or did not; kept so that it is not asked again.
//!
//! Invariants: no peer has two announcements of one hash; of each hash at most one announcement is best or requested;
//! if any is ready then exactly one is; the best is at least as good as the ready ones; a hash of which all
//! announcements are completed is forgotten, with them (Core's `TxRequestTracker`). Txids and wtxids share one space of
//! hashes. Memory is bounded by the caller, who counts what a peer has announced before he adds to it.

use crate::p2p::kind::PeerId;
use chaincore_consensus::{Hash256, Txid, Wtxid};
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};

/// A transaction by one of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum TxName {
    Txid(Txid),
    Wtxid(Wtxid),
}

impl TxName {
    pub(super) fn hash(&self) -> Hash256 {
        match self {
            Self::Txid(txid) => Hash256(txid.0),
            Self::Wtxid(wtxid) => Hash256(wtxid.0),
        }
    }

    /// The kind's word in the log.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Txid(_) => "tx",
            Self::Wtxid(_) => "wtx",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Delayed,
    Ready,
    Best,
    Requested,
    Completed,
}

#[derive(Debug, Clone)]
struct Announcement {
    peer: PeerId,
    name: TxName,
    /// From when it may be acted upon, or once requested until when, in microseconds.
    time: i64,
    /// Counts all announcements.
    sequence: u64,
    preferred: bool,
    state: State,
}

#[derive(Debug, Default)]
struct PeerState {
    /// The best announcements, in the order in which they came.
    best: BTreeSet<(u64, Hash256)>,
    hashes: BTreeSet<Hash256>,
    requested: usize,
    completed: usize,
}

/// All announcements. Times are microseconds of any one clock.
#[derive(Debug, Default)]
pub(super) struct RequestTracker {
    by_hash: HashMap<Hash256, Vec<Announcement>>,
    peers: HashMap<PeerId, PeerState>,
    /// Announcements that wait for their time: delayed and requested ones.
    waiting: BTreeSet<(i64, Hash256, PeerId)>,
    /// Announcements whose time has come: ready and best ones.
    due: BTreeSet<(i64, Hash256, PeerId)>,
    sequence: u64,
    /// Peers cannot foresee who of them will be asked.
    salt: RandomState,
}

impl RequestTracker {
    /// What decides between several announcements of one hash, the higher the better.
    pub(super) fn priority(&self, hash: &Hash256, peer: PeerId, preferred: bool) -> (bool, u64) {
        (preferred, self.salt.hash_one((hash, peer)))
    }

    /// A peer has a transaction; it may be asked for from `time` on.
    pub(super) fn announced(&mut self, peer: PeerId, name: TxName, preferred: bool, time: i64) {
        let hash = name.hash();
        let announcements = self.by_hash.entry(hash).or_default();
        if announcements.iter().any(|one| one.peer == peer) {
            return;
        }
        let sequence = self.sequence;
        self.sequence += 1;
        announcements.push(Announcement { peer, name, time, sequence, preferred, state: State::Delayed });
        self.peers.entry(peer).or_default().hashes.insert(hash);
        self.waiting.insert((time, hash, peer));
    }

    /// What to ask a peer for now, in the order in which it was announced, and which requests have run out of time
    /// meanwhile (those of other peers too).
    pub(super) fn requestable(&mut self, peer: PeerId, now: i64) -> (Vec<TxName>, Vec<(PeerId, TxName)>) {
        let expired = self.move_to(now);
        let Some(state) = self.peers.get(&peer) else { return (vec![], expired) };
        let name = |hash: &Hash256| self.find(hash, peer).map(|one| one.name);
        (state.best.iter().filter_map(|(_, hash)| name(hash)).collect(), expired)
    }

    /// A peer was asked for a transaction, and has until `expiry` to answer. Whoever else was asked for it has no
    /// longer.
    pub(super) fn requested(&mut self, peer: PeerId, hash: &Hash256, expiry: i64) {
        match self.find(hash, peer).map(|one| one.state) {
            Some(State::Delayed | State::Ready | State::Best) => {}
            _ => return,
        }
        let other = self.by_hash[hash].iter().find(|one| one.state == State::Requested).map(|one| one.peer);
        if let Some(other) = other {
            self.set_state(hash, other, State::Completed, None);
        }
        self.set_state(hash, peer, State::Requested, Some(expiry));
        self.settle(hash);
    }

    /// A peer answered, or said that it has not what it was asked for.
    pub(super) fn answered(&mut self, peer: PeerId, hash: &Hash256) {
        if self.find(hash, peer).is_some() {
            self.set_state(hash, peer, State::Completed, None);
            self.settle(hash);
        }
    }

    /// A transaction is not wanted any more.
    pub(super) fn forget(&mut self, hash: &Hash256) {
        for one in self.by_hash.remove(hash).unwrap_or_default() {
            self.unlink(hash, &one);
        }
    }

    /// A peer is gone.
    pub(super) fn disconnected(&mut self, peer: PeerId) {
        let hashes = self.peers.get(&peer).map(|state| state.hashes.clone()).unwrap_or_default();
        for hash in hashes {
            let Some(announcements) = self.by_hash.get_mut(&hash) else { continue };
            let Some(at) = announcements.iter().position(|one| one.peer == peer) else { continue };
            let one = announcements.swap_remove(at);
            self.unlink(&hash, &one);
            self.settle(&hash);
        }
    }

    /// The peers that have announced a transaction and may still be asked for it, or have been.
    pub(super) fn candidates(&self, hash: &Hash256) -> impl Iterator<Item = PeerId> {
        let announcements = self.by_hash.get(hash).map_or(&[][..], Vec::as_slice);
        announcements.iter().filter(|one| one.state != State::Completed).map(|one| one.peer)
    }

    /// When the time of an announcement or of a request comes next.
    pub(super) fn next(&self) -> Option<i64> {
        self.waiting.first().map(|(time, _, _)| *time)
    }

    /// How many requests to a peer are open.
    pub(super) fn in_flight(&self, peer: PeerId) -> usize {
        self.peers.get(&peer).map_or(0, |state| state.requested)
    }

    /// How many announcements of a peer are kept.
    pub(super) fn count(&self, peer: PeerId) -> usize {
        self.peers.get(&peer).map_or(0, |state| state.hashes.len())
    }

    fn find(&self, hash: &Hash256, peer: PeerId) -> Option<&Announcement> {
        self.by_hash.get(hash)?.iter().find(|one| one.peer == peer)
    }

    /// Does what the time brings with it, also if it went backwards.
    fn move_to(&mut self, now: i64) -> Vec<(PeerId, TxName)> {
        let mut expired = vec![];
        while let Some(&(time, hash, peer)) = self.waiting.first()
            && time <= now
        {
            let Some(one) = self.find(&hash, peer) else { break };
            let state = match one.state {
                State::Requested => {
                    expired.push((peer, one.name));
                    State::Completed
                }
                _ => State::Ready,
            };
            self.set_state(&hash, peer, state, None);
            self.settle(&hash);
        }
        while let Some(&(time, hash, peer)) = self.due.last()
            && time > now
        {
            self.set_state(&hash, peer, State::Delayed, None);
            self.settle(&hash);
        }
        expired
    }

    /// Changes an announcement's state and all that depends on it except other announcements.
    fn set_state(&mut self, hash: &Hash256, peer: PeerId, state: State, time: Option<i64>) {
        let Some(announcements) = self.by_hash.get_mut(hash) else { return };
        let Some(at) = announcements.iter().position(|one| one.peer == peer) else { return };
        let mut one = announcements[at].clone();
        self.unlink(hash, &one);
        one.state = state;
        one.time = time.unwrap_or(one.time);
        let entry = self.peers.entry(peer).or_default();
        entry.hashes.insert(*hash);
        match state {
            State::Delayed | State::Ready => {}
            State::Best => {
                entry.best.insert((one.sequence, *hash));
            }
            State::Requested => entry.requested += 1,
            State::Completed => entry.completed += 1,
        }
        match state {
            State::Delayed | State::Requested => self.waiting.insert((one.time, *hash, peer)),
            State::Ready | State::Best => self.due.insert((one.time, *hash, peer)),
            State::Completed => false,
        };
        if let Some(announcements) = self.by_hash.get_mut(hash) {
            announcements[at] = one;
        }
    }

    /// Takes an announcement out of everything but [`Self::by_hash`].
    fn unlink(&mut self, hash: &Hash256, one: &Announcement) {
        let key = (one.time, *hash, one.peer);
        match one.state {
            State::Delayed | State::Requested => self.waiting.remove(&key),
            State::Ready | State::Best => self.due.remove(&key),
            State::Completed => false,
        };
        let Some(entry) = self.peers.get_mut(&one.peer) else { return };
        entry.hashes.remove(hash);
        entry.best.remove(&(one.sequence, *hash));
        entry.requested -= usize::from(one.state == State::Requested);
        entry.completed -= usize::from(one.state == State::Completed);
        if entry.hashes.is_empty() {
            self.peers.remove(&one.peer);
        }
    }

    /// Makes the invariants hold again for a hash whose announcements have changed.
    fn settle(&mut self, hash: &Hash256) {
        let Some(announcements) = self.by_hash.get(hash) else { return };
        if announcements.iter().all(|one| one.state == State::Completed) {
            self.forget(hash);
            return;
        }
        let is_requested = announcements.iter().any(|one| one.state == State::Requested);
        let current = announcements.iter().find(|one| one.state == State::Best).map(|one| one.peer);
        let best = announcements
            .iter()
            .filter(|one| !is_requested && matches!(one.state, State::Ready | State::Best))
            .max_by_key(|one| self.priority(hash, one.peer, one.preferred))
            .map(|one| one.peer);
        if current == best {
            return;
        }
        if let Some(current) = current {
            self.set_state(hash, current, State::Ready, None);
        }
        if let Some(best) = best {
            self.set_state(hash, best, State::Best, None);
        }
    }
}

#[cfg(test)]
mod tests;
