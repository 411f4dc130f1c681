//! Chains of unknown worth: whether their headers are worth the memory.
//!
//! Headers cost a peer little to make and us memory to keep. So a chain that starts far below our tip is looked at
//! twice. First its headers are only counted: their work is summed up and one bit of every so-many-th is kept. Once
//! they have enough work they are asked for again, compared with those bits, and let through after enough bits of
//! *later* headers were compared too: whoever wants to smuggle in others the second time has to guess them all. The
//! design is Core's (`headerssync.cpp`, with its figures).

use super::locator::locator;
use super::{Peer, Protocol};
use crate::chain::BlockEntry;
use crate::p2p::wire::{Locator, MAX_HEADERS};
use chaincore_consensus::difficulty::permitted_transition;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::{Work, block_work};
use chaincore_consensus::{BlockHash, Hash256, Header};
use std::collections::VecDeque;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

/// How far a header may be ahead of the clock, in seconds.
const MAX_FUTURE: i64 = 2 * 60 * 60;
/// The median of eleven times grows by a second at least: so many blocks a second are possible.
const MAX_BLOCKS_PER_SECOND: i64 = 6;

/// How many headers lie between two that a bit is kept of, and how many are held back the second time. Larger
/// chains afford a larger distance.
#[derive(Debug, Clone, Copy)]
struct Spacing {
    commitments: u32,
    buffer: usize,
}

impl Spacing {
    fn of(params: &ChainParams) -> Self {
        let (commitments, buffer) = match params.name.as_str() {
            "main" => (641, 15_218),
            "testnet4" => (606, 16_092),
            "signet" => (620, 15_724),
            _ => (275, 7_017),
        };
        Self { commitments, buffer }
    }
}

/// A header without its parent's hash, which is the one before it.
#[derive(Debug, Clone, Copy)]
struct Compressed {
    version: i32,
    merkle_root: Hash256,
    time: u32,
    bits: u32,
    nonce: u32,
}

impl Compressed {
    fn new(header: &Header) -> Self {
        Self {
            version: header.version,
            merkle_root: header.merkle_root,
            time: header.time,
            bits: header.bits,
            nonce: header.nonce,
        }
    }

    fn on(self, previous: BlockHash) -> Header {
        let Self { version, merkle_root, time, bits, nonce } = self;
        Header { version, previous, merkle_root, time, bits, nonce }
    }
}

#[derive(Debug)]
enum Phase {
    /// Counting.
    Presync { work: Work, last: BlockHash, last_bits: u32, height: u32 },
    /// Comparing what comes again.
    Redownload {
        /// Held back until enough later bits were compared.
        buffer: VecDeque<Compressed>,
        /// The block below the first of them.
        below: BlockHash,
        last: BlockHash,
        height: u32,
        work: Work,
        /// Whether the work is reached again, so that the rest needs no comparing.
        is_proved: bool,
    },
}

/// The catching-up with one peer's chain.
#[derive(Debug)]
pub(super) struct Presync {
    start: Arc<BlockEntry>,
    minimum: Work,
    spacing: Spacing,
    /// Which headers a bit is kept of: nobody knows.
    offset: u32,
    salt: RandomState,
    bits: VecDeque<bool>,
    max_bits: usize,
    /// The height of the last header that was counted.
    counted: u32,
    phase: Phase,
}

/// What came of a batch of headers.
#[derive(Debug, Default, PartialEq, Eq)]
struct Progress {
    /// Headers whose chain has proved its worth.
    ready: Vec<Header>,
    /// Whether to ask for more; else it is over.
    more: bool,
}

impl Presync {
    fn new(start: Arc<BlockEntry>, minimum: Work, params: &ChainParams, now: i64, random: u32) -> Self {
        let spacing = Spacing::of(params);
        let seconds = (now - i64::from(start.median_time_past()) + MAX_FUTURE).max(0);
        let max_bits = MAX_BLOCKS_PER_SECOND.saturating_mul(seconds) / i64::from(spacing.commitments);
        let phase = Phase::Presync {
            work: start.chain_work(),
            last: start.hash(),
            last_bits: start.header().bits,
            height: start.height(),
        };
        Self {
            counted: start.height(),
            start,
            minimum,
            spacing,
            offset: random % spacing.commitments,
            salt: RandomState::new(),
            bits: VecDeque::new(),
            max_bits: usize::try_from(max_bits).unwrap_or(usize::MAX),
            phase,
        }
    }

    fn is_committed(&self, height: u32) -> bool {
        height % self.spacing.commitments == self.offset
    }

    fn bit_of(&self, hash: &BlockHash) -> bool {
        self.salt.hash_one(hash.0) & 1 == 1
    }

    fn height(&self) -> u32 {
        match self.phase {
            Phase::Presync { height, .. } | Phase::Redownload { height, .. } => height,
        }
    }

    fn is_counting(&self) -> bool {
        matches!(self.phase, Phase::Presync { .. })
    }

    /// Whether the work has been there twice, so that all has been let through.
    fn is_proved(&self) -> bool {
        matches!(self.phase, Phase::Redownload { is_proved: true, .. })
    }

    fn next_locator(&self) -> Locator {
        let last = match &self.phase {
            Phase::Presync { last, .. } | Phase::Redownload { last, .. } => *last,
        };
        let mut next = locator(&self.start);
        next.hashes.insert(0, last);
        next
    }

    /// Takes the next headers, whose proof of work and order have been checked. The error says why the chain is not
    /// looked at any further.
    fn take(
        &mut self,
        headers: &[Header],
        is_full: bool,
        params: &ChainParams,
    ) -> Result<Progress, &'static str> {
        match self.phase {
            Phase::Presync { .. } => {
                self.count(headers, params)?;
                let more = is_full || matches!(self.phase, Phase::Redownload { .. });
                Ok(Progress { ready: vec![], more })
            }
            Phase::Redownload { .. } => {
                for header in headers {
                    self.compare(header, params)?;
                }
                let (ready, is_done) = self.let_through();
                Ok(Progress { ready, more: !is_done && is_full })
            }
        }
    }

    fn count(&mut self, headers: &[Header], params: &ChainParams) -> Result<(), &'static str> {
        let Phase::Presync { mut work, mut last, mut last_bits, mut height } = self.phase else {
            return Ok(());
        };
        for header in headers {
            if header.previous != last {
                return Err("non-continuous headers");
            }
            height = height.checked_add(1).ok_or("the chain is too long")?;
            if !permitted_transition(params, height, last_bits, header.bits) {
                return Err("invalid difficulty transition");
            }
            last = header.hash();
            if self.is_committed(height) {
                let bit = self.bit_of(&last);
                self.bits.push_back(bit);
                if self.bits.len() > self.max_bits {
                    return Err("exceeded max commitments");
                }
            }
            work += block_work(header.bits);
            last_bits = header.bits;
        }
        self.counted = height;
        self.phase = if work >= self.minimum {
            Phase::Redownload {
                buffer: VecDeque::new(),
                below: self.start.hash(),
                last: self.start.hash(),
                height: self.start.height(),
                work: self.start.chain_work(),
                is_proved: false,
            }
        } else {
            Phase::Presync { work, last, last_bits, height }
        };
        Ok(())
    }

    fn compare(&mut self, header: &Header, params: &ChainParams) -> Result<(), &'static str> {
        let hash = header.hash();
        let bit = self.bit_of(&hash);
        let is_committed = self.is_committed(self.height() + 1);
        let Phase::Redownload { buffer, last, height, work, is_proved, .. } = &mut self.phase else {
            return Ok(());
        };
        if header.previous != *last {
            return Err("non-continuous headers");
        }
        let previous_bits = buffer.back().map_or(self.start.header().bits, |previous| previous.bits);
        if !permitted_transition(params, *height + 1, previous_bits, header.bits) {
            return Err("invalid difficulty transition");
        }
        *work += block_work(header.bits);
        *is_proved |= *work >= self.minimum;
        if !*is_proved && is_committed {
            match self.bits.pop_front() {
                None => return Err("commitment overrun"),
                Some(expected) if expected != bit => return Err("commitment mismatch"),
                Some(_) => {}
            }
        }
        buffer.push_back(Compressed::new(header));
        *last = hash;
        *height += 1;
        Ok(())
    }

    /// The headers that enough later ones stand behind, and whether those were all.
    fn let_through(&mut self) -> (Vec<Header>, bool) {
        let Phase::Redownload { buffer, below, is_proved, .. } = &mut self.phase else {
            return (vec![], false);
        };
        let mut ready = vec![];
        while buffer.len() > self.spacing.buffer || *is_proved {
            let Some(first) = buffer.pop_front() else { break };
            let header = first.on(*below);
            *below = header.hash();
            ready.push(header);
        }
        (ready, buffer.is_empty() && *is_proved)
    }
}

impl Protocol {
    /// Forgets a catching-up with a chain of unknown worth.
    pub(super) fn end_presync(&mut self, peer: &mut Peer) {
        peer.presync = None;
    }

    /// Whether such a catching-up is going on.
    pub(super) fn is_presyncing(&self, peer: &Peer) -> bool {
        peer.presync.is_some()
    }

    /// The height up to which a peer's headers have been counted, which stays while they come again; -1 if nothing
    /// of the kind is going on.
    pub(super) fn presync_height(peer: &Peer) -> i32 {
        let height = peer.presync.as_ref().map(|presync| presync.counted);
        height.map_or(-1, |height| i32::try_from(height).unwrap_or(i32::MAX))
    }

    /// Headers that may be looked at now and whether their chain has proved its worth; `None` if there are none
    /// (Core's `IsContinuationOfLowWorkHeadersSync`).
    pub(super) fn continue_presync(
        &mut self,
        peer: &mut Peer,
        headers: Vec<Header>,
    ) -> Option<(Vec<Header>, bool)> {
        let Some(mut presync) = peer.presync.take() else { return Some((headers, false)) };
        let is_full = headers.len() == MAX_HEADERS;
        let (id, was_presync) = (peer.id(), presync.is_counting());
        let phase = if was_presync { "presync" } else { "redownload" };
        match presync.take(&headers, is_full, self.chain.params()) {
            Err(why) => {
                let height = presync.height();
                tracing::debug!(
                    target: "net",
                    "Initial headers sync aborted with peer={id}: {why} at height={height} ({phase} phase)"
                );
                Some((headers, false))
            }
            Ok(progress) => {
                peer.headers.answered();
                if was_presync && !presync.is_counting() {
                    tracing::debug!(
                        target: "net",
                        "Initial headers sync transition with peer={id}: reached sufficient work at height={}, \
                         redownloading from height={}",
                        presync.counted,
                        presync.start.height()
                    );
                }
                if progress.more {
                    let next = presync.next_locator();
                    let from = next.hashes.first().copied().unwrap_or(BlockHash::ZERO);
                    peer.presync = Some(presync);
                    self.send_getheaders_by(peer, next);
                    tracing::debug!(target: "net", "more getheaders (from {from}) to peer={id}");
                } else {
                    let (what, why) = match presync.is_proved() {
                        true => ("complete", "releasing all"),
                        false => ("aborted", "incomplete headers message"),
                    };
                    let height = presync.height();
                    tracing::debug!(
                        target: "net",
                        "Initial headers sync {what} with peer={id}: {why} at height={height} ({phase} phase)"
                    );
                }
                (!progress.ready.is_empty()).then_some((progress.ready, true))
            }
        }
    }

    /// Whether headers belong to a chain of too little work so far, which is not kept; if it may grow, it is
    /// counted (Core's `TryLowWorkHeadersSync`).
    pub(super) fn is_low_work(
        &mut self,
        peer: &mut Peer,
        start: &Arc<BlockEntry>,
        headers: &[Header],
    ) -> bool {
        let work = headers.iter().fold(start.chain_work(), |sum, header| sum + block_work(header.bits));
        let minimum = self.work_threshold();
        let id = peer.id();
        if work >= minimum {
            return false;
        }
        if headers.len() == MAX_HEADERS {
            let random = self.random_u32();
            let presync = Presync::new(start.clone(), minimum, self.chain.params(), self.now(), random);
            tracing::debug!(
                target: "net",
                "Initial headers sync started with peer={id}: height={}, max_commitments={}, min_work={minimum}",
                start.height(),
                presync.max_bits
            );
            peer.presync = Some(Box::new(presync));
            self.continue_presync(peer, headers.to_vec());
        } else {
            let height = start.height() as usize + headers.len();
            tracing::debug!(target: "net", "Ignoring low-work chain (height={height}) from peer={id}");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::BlockEntry;

    /// Headers with valid proof of work for regtest, each on the one before.
    fn mine(from: BlockHash, count: usize, salt: u32) -> Vec<Header> {
        let params = ChainParams::regtest();
        let mut previous = from;
        (0..count)
            .map(|n| {
                let mut header = Header {
                    version: 0x2000_0000,
                    previous,
                    merkle_root: Hash256::ZERO,
                    time: 1_600_000_000 + n as u32 * 600 + salt,
                    bits: 0x207f_ffff,
                    nonce: 0,
                };
                while !params.pow_limit.is_met_by(&header.hash()) {
                    header.nonce += 1;
                }
                previous = header.hash();
                header
            })
            .collect()
    }

    fn presync(work_of: usize) -> (Presync, ChainParams, BlockHash) {
        let params = ChainParams::regtest();
        let genesis = params.genesis.header;
        let start = Arc::new(BlockEntry::root(genesis));
        let hash = start.hash();
        let minimum = (0..=work_of).fold(Work::default(), |sum, _| sum + block_work(genesis.bits));
        (Presync::new(start, minimum, &params, 1_700_000_000, 7), params, hash)
    }

    #[test]
    fn an_honest_chain_comes_through_once_it_has_come_twice() {
        let (mut sync, params, genesis) = presync(9_000);
        let headers = mine(genesis, 9_500, 0);
        for batch in headers.chunks(2_000).take(5) {
            let progress = sync.take(batch, batch.len() == 2_000, &params).unwrap();
            assert_eq!(progress.ready, vec![]);
            assert!(progress.more);
        }
        assert!(!sync.is_counting(), "the work is there after 9,000 headers");
        assert_eq!(sync.counted, 9_500);
        let mut got = vec![];
        for batch in headers.chunks(2_000) {
            let progress = sync.take(batch, batch.len() == 2_000, &params).unwrap();
            got.extend(progress.ready);
        }
        assert_eq!(got, headers);
    }

    #[test]
    fn another_chain_the_second_time_is_noticed_before_it_is_let_through() {
        let mut noticed = 0;
        let (_, _, genesis) = presync(1);
        let (first, second) = (mine(genesis, 9_500, 0), mine(genesis, 9_500, 1));
        for _ in 0..20 {
            let (mut sync, params, _) = presync(9_000);
            for batch in first.chunks(2_000) {
                sync.take(batch, batch.len() == 2_000, &params).unwrap();
            }
            let mut let_through = 0;
            for batch in second.chunks(2_000) {
                match sync.take(batch, batch.len() == 2_000, &params) {
                    Ok(progress) => let_through += progress.ready.len(),
                    Err(why) => {
                        assert_eq!(why, "commitment mismatch");
                        noticed += 1;
                        break;
                    }
                }
                assert_eq!(let_through, 0);
            }
        }
        // 32 bits are compared: to pass them all by chance takes luck of 1 in 4 billion.
        assert_eq!(noticed, 20);
    }

    #[test]
    fn a_chain_that_ends_early_or_breaks_is_given_up() {
        let (mut sync, params, genesis) = presync(9_000);
        let headers = mine(genesis, 4_000, 0);
        assert!(sync.take(&headers[..2_000], true, &params).unwrap().more);
        assert_eq!(sync.take(&headers[2_001..], true, &params), Err("non-continuous headers"));
        let (mut sync, params, _) = presync(9_000);
        assert!(!sync.take(&headers[..1_999], false, &params).unwrap().more);
    }

    #[test]
    fn what_is_kept_while_counting_is_bounded_by_time() {
        let (mut sync, params, genesis) = presync(1_000_000);
        sync.max_bits = 6;
        let headers = mine(genesis, 2_000, 0);
        assert_eq!(sync.take(&headers, true, &params), Err("exceeded max commitments"));
    }
}
