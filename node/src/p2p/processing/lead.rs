//! How far headers may run ahead of blocks.
//!
//! Where work is cheap - on a young chain, and on any whose rules make it so - a peer can make headers without end, and
//! [presync](super::presync) has nothing to judge them by. So headers count as *waiting* until all blocks up to theirs
//! are here, and of those there are never many:
//!
//! - A peer whose chain is [`Limits::lead`] headers ahead is asked for no more until blocks have caught up. A long chain
//!   comes in pieces.
//! - When [`Limits::waiting`] are waiting over all peers, those go that nobody needs: all that no connected peer has, and
//!   of each peer's best chain all but the lowest, so that what stays is half as many. The lowest are those whose blocks
//!   are fetched next, so everybody's blocks can be, and whoever does not give them is dropped for that.
//!
//! One chain is not cut, the best of those that peers have: up to as much work as the tip has, or as the node was told
//! that the chain must have. So much must be known of a chain before its blocks are fetched, and work that has to be
//! done for each header bounds how many those are.

use super::{Peer, Protocol};
use crate::chain::BlockEntry;
use crate::p2p::kind::PeerId;
use chaincore_consensus::pow::Work;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many headers may wait for their blocks; each takes about 400 bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Over all peers.
    pub waiting: usize,
    /// On the chain of one peer.
    pub lead: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { waiting: 131_072, lead: 32_768 }
    }
}

/// When to look which headers can go.
#[derive(Debug)]
pub(super) struct Lead {
    limits: Limits,
    /// With more than so many headers waiting.
    trim_above: usize,
}

impl Lead {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, trim_above: limits.waiting }
    }

    /// Whether it is time to look. What could not go the last time is not looked at again and again.
    fn is_due(&mut self, waiting: usize) -> bool {
        let is_due = waiting > self.trim_above;
        self.trim_above = self.trim_above.min(self.after(waiting));
        is_due
    }

    /// The next time, if `waiting` have stayed.
    fn after(&self, waiting: usize) -> usize {
        self.limits.waiting.max(waiting + self.limits.waiting / 2)
    }

    /// How many headers of a chain stay in any case, with so many peers.
    fn share(&self, peers: usize) -> u32 {
        let share = self.limits.waiting / 2 / peers.max(1);
        u32::try_from(share).unwrap_or(u32::MAX).max(1)
    }

    /// With how many headers ahead a peer is asked for more.
    fn low(&self, peers: usize) -> u32 {
        (self.limits.lead / 2).min(self.share(peers) / 2)
    }
}

/// The highest height up to which a property holds that each block of a branch has if the one above it has. Genesis
/// must have it.
fn highest(tip: &Arc<BlockEntry>, has: impl Fn(&BlockEntry) -> bool) -> u32 {
    let (mut low, mut high) = (0, tip.height());
    while low < high {
        let middle = high - (high - low) / 2;
        match tip.ancestor(middle).is_some_and(|entry| has(entry)) {
            true => low = middle,
            false => high = middle - 1,
        }
    }
    low
}

/// The height up to which the blocks of a branch are here.
fn linked(tip: &Arc<BlockEntry>) -> u32 {
    highest(tip, |entry| entry.chain_tx() != 0)
}

/// The height up to which they are here or needed to judge the branch.
fn judged(tip: &Arc<BlockEntry>, measure: Work) -> u32 {
    highest(tip, |entry| entry.chain_tx() != 0 || entry.chain_work() <= measure)
}

/// How much of each peer's best chain is to stay.
fn cuts(
    claims: &BTreeMap<PeerId, Arc<BlockEntry>>,
    measure: Work,
    share: u32,
) -> BTreeMap<PeerId, Arc<BlockEntry>> {
    let cut = |entry: &Arc<BlockEntry>, base: u32| {
        let height = entry.height().min(base.saturating_add(share));
        entry.ancestor(height).unwrap_or(entry).clone()
    };
    let valid = claims.values().filter(|entry| !entry.is_failed());
    let best = valid.max_by_key(|entry| entry.chain_work());
    let uncut = best.and_then(|best| best.ancestor(judged(best, measure)));
    let kept = |entry: &Arc<BlockEntry>| {
        let linked = linked(entry);
        if entry.is_failed() {
            return entry.ancestor(linked).unwrap_or(entry).clone();
        }
        let shared = uncut.map_or(0, |uncut| entry.fork_with(uncut).height());
        cut(entry, linked.max(shared))
    };
    claims.iter().map(|(id, entry)| (*id, kept(entry))).collect()
}

impl Protocol {
    /// The work that a chain must have to be worth fetching.
    fn measure(&self) -> Work {
        self.snapshot().tip().chain_work().max(self.network.options().minimum_chain_work)
    }

    /// How many headers of a branch wait for blocks, without those that must be known to judge it.
    fn lead(&self, entry: &Arc<BlockEntry>) -> u32 {
        entry.height() - judged(entry, self.measure())
    }

    /// Whether headers above one are not to be asked for yet: then the peer has to wait, and others have their turn.
    pub(super) fn pauses_headers(&mut self, peer: &mut Peer, last: &Arc<BlockEntry>) -> bool {
        let lead = self.lead(last);
        if lead <= self.lead.limits.lead {
            return false;
        }
        tracing::debug!(
            target: "net", "{lead} headers are ahead of blocks: asking peer={} for more later", peer.id()
        );
        self.headers.pause(peer);
        true
    }

    /// Goes on asking a peer for headers when blocks have caught up.
    pub(super) fn resume_headers_if_due(&mut self, peer: &mut Peer) {
        if !self.headers.is_paused(peer.id()) {
            return;
        }
        let best = peer.headers.best_known.clone().unwrap_or_else(|| self.snapshot().tip().clone());
        if self.lead(&best) <= self.lead.low(self.peers.len() + 1) && self.send_getheaders(peer, &best) {
            let (height, id) = (best.height(), peer.id());
            tracing::debug!(target: "net", "more getheaders ({height}) to end to peer={id}");
            self.headers.resume(id);
            self.set_headers_timeout(peer, &best);
        }
    }

    /// Lets headers go that nobody needs if there are too many; between two peers.
    pub(super) fn trim_headers_if_due(&mut self) {
        let waiting = self.snapshot().waiting_headers();
        if !self.lead.is_due(waiting) {
            return;
        }
        let claim = |(id, peer): (&PeerId, &Peer)| Some((*id, peer.headers.best_known.clone()?));
        let claims: BTreeMap<_, _> = self.peers.iter().filter_map(claim).collect();
        let kept = cuts(&claims, self.measure(), self.lead.share(claims.len()));
        let keep: Vec<_> = kept.values().cloned().collect();
        let Ok(count) = self.chain.query_blocking(move |chain| Ok(chain.forget_headers(&keep))) else {
            // The node is going down.
            return;
        };
        let snapshot = self.snapshot();
        for (id, entry) in kept {
            let Some(peer) = self.peers.get_mut(&id) else { continue };
            if peer.headers.best_known.as_ref().is_some_and(|best| best.hash() != entry.hash()) {
                peer.headers.best_known = Some(entry);
                self.headers.pause(peer);
            }
            peer.headers.forget_unknown(&snapshot);
        }
        let left = snapshot.waiting_headers();
        self.lead.trim_above = self.lead.after(left);
        tracing::info!(
            "Too many headers without blocks: {count} that no peer needs are forgotten, {left} stay"
        );
    }
}

#[cfg(test)]
mod tests;
