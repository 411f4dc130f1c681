//! Messages that have come in part: bounded over all peers together.
//!
//! Each may take up to 4 MB for as long as its sender likes, so many senders could fill the memory with what is never
//! finished. Nobody can be made to wait for room, because a message that waits never ends; so when there is too much,
//! the sender goes whose message was begun first: whoever really sends is done soon.

use crate::p2p::kind::PeerId;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// What a message of each peer may take without counting, in bytes.
const FREE: usize = 64 << 10;

/// Who has to go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Whoever called.
    Inbound,
    /// Whom the node called.
    Outbound,
    /// Whom the owner trusts.
    Trusted,
}

#[derive(Debug)]
struct Held {
    rank: Rank,
    /// Counts messages in the order in which they were begun.
    begun: u64,
    bytes: usize,
}

#[derive(Debug, Default)]
struct State {
    held: BTreeMap<PeerId, Held>,
    total: usize,
    begun: u64,
}

/// What is held of unfinished messages.
#[derive(Debug)]
pub(super) struct Unfinished {
    max: usize,
    state: Mutex<State>,
}

impl Unfinished {
    /// At most `max` bytes, and [`FREE`] for each peer.
    pub fn new(max: usize) -> Self {
        Self { max, state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no one panics while holding the counts")
    }

    /// Notes how many bytes are held of a peer's message, 0 for a peer that is gone; who has to go now, if somebody
    /// has to. Of that one nothing is counted any more.
    pub fn note(&self, id: PeerId, rank: Rank, bytes: usize) -> Option<PeerId> {
        let mut state = self.lock();
        if bytes <= FREE {
            state.remove(id);
            return None;
        }
        let begun = match state.remove(id) {
            Some(before) => before.begun,
            None => {
                state.begun += 1;
                state.begun
            }
        };
        state.total += bytes;
        state.held.insert(id, Held { rank, begun, bytes });
        if state.total <= self.max {
            return None;
        }
        let (first, _) = state.held.iter().min_by_key(|(_, held)| (held.rank, held.begun))?;
        let first = *first;
        state.remove(first);
        Some(first)
    }

    /// How many bytes are held.
    #[cfg(test)]
    pub fn total(&self) -> usize {
        self.lock().total
    }
}

impl State {
    fn remove(&mut self, id: PeerId) -> Option<Held> {
        let held = self.held.remove(&id)?;
        self.total -= held.bytes;
        Some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_began_first_goes_when_there_is_too_much() {
        let unfinished = Unfinished::new(300_000);
        let note = |id, bytes| unfinished.note(PeerId(id), Rank::Inbound, bytes);
        assert_eq!(note(1, FREE), None);
        assert_eq!(unfinished.total(), 0);
        assert_eq!(note(2, 100_000), None);
        assert_eq!(note(1, 100_000), None);
        assert_eq!(note(2, 120_000), None);
        assert_eq!(note(3, 80_000), None);
        assert_eq!(unfinished.total(), 300_000);
        // That it grew last does not help the second.
        assert_eq!(note(1, 100_001), Some(PeerId(2)));
        assert_eq!(unfinished.total(), 180_001);
        // Whoever finishes a message begins anew with the next.
        assert_eq!((note(1, 0), note(1, 130_000)), (None, None));
        assert_eq!(note(3, 180_000), Some(PeerId(3)), "it is the one that asks");
        assert_eq!((note(1, 0), unfinished.total()), (None, 0));
    }

    #[test]
    fn whom_the_node_chose_or_trusts_goes_last() {
        let unfinished = Unfinished::new(400_000);
        assert_eq!(unfinished.note(PeerId(1), Rank::Trusted, 100_000), None);
        assert_eq!(unfinished.note(PeerId(2), Rank::Outbound, 100_000), None);
        assert_eq!(unfinished.note(PeerId(3), Rank::Inbound, 100_000), None);
        assert_eq!(unfinished.note(PeerId(1), Rank::Trusted, 250_000), Some(PeerId(3)));
        assert_eq!(unfinished.note(PeerId(1), Rank::Trusted, 390_000), Some(PeerId(2)));
        assert_eq!(unfinished.note(PeerId(1), Rank::Trusted, 410_000), Some(PeerId(1)));
    }
}
