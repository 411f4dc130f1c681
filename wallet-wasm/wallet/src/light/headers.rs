//! The chain of headers, checked from the genesis block: linked, with proof of work, at the difficulty that the rules
//! ask for, at times that they allow. Of two branches the one with more work wins.
//!
//! Memory stays small on a chain of any length: only a [window](HeaderChain::window_base) of recent headers is held,
//! enough for the rules to look back and for a thousand blocks to be replaced. Below it there is one hash per file of
//! [`FILE`] headers, by which an old file that is fetched again proves itself ([`HeaderChain::check_file`]).
//!
//! Invariants: the window begins at a file's first height and is never empty; every header in or below it has passed
//! every rule; `work` is that of all of them.

mod state;

pub use state::HeaderState;

use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::codec::{Decode, Reader};
use chaincore_consensus::context::check_header;
use chaincore_consensus::params::{ChainParams, Retarget};
use chaincore_consensus::pow::{Work, block_work, check_proof_of_work};
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::{BlockHash, Header};
use std::sync::Arc;

/// How many headers a file has, when it is full.
pub const FILE: u32 = 2000;

/// How many blocks can be replaced without starting again from genesis, at the least.
pub const REORG_WINDOW: u32 = 1000;

/// The most headers that are held of a branch that has less work than the best.
const MAX_SIDE: usize = 20_000;

/// The most headers that one call takes.
const MAX_BATCH: usize = FILE as usize;

/// What median time past needs, and a parent for ASERT.
const LEAST_LOOKBACK: u32 = 12;

/// Why headers were not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// A header does not build on the one before it.
    #[error("header {0} does not build on the one below it")]
    NotLinked(u32),
    /// A header's hash does not meet its target, or the target is easier than the chain allows.
    #[error("header {0} has no proof of work")]
    NoWork(u32),
    /// A header's target is not the one that the chain's rule gives.
    #[error("header {0} has the wrong difficulty")]
    WrongDifficulty(u32),
    /// A header's time is too far ahead of the clock.
    #[error("header {0} is from the future")]
    Future(u32),
    /// A header breaks another rule.
    #[error("header {height} is invalid: {reason}")]
    Invalid {
        /// The height.
        height: u32,
        /// The rule, in Core's words.
        reason: String,
    },
    /// The branch leaves ours below the window. A chain with more work must be read from genesis.
    #[error("the branch forks off below block {0}")]
    ForkTooDeep(u32),
    /// There is nothing between our chain and these.
    #[error("headers from {0} on leave a gap")]
    Gap(u32),
    /// The bytes are not a whole number of headers, or more than a file has.
    #[error("{0} bytes are no file of headers")]
    Size(usize),
    /// The file is not the one that was checked before.
    #[error("file {0} is not the one that was checked")]
    OtherFile(u32),
    /// A branch with less work than ours is longer than is looked at.
    #[error("a branch of {0} headers has less work")]
    EndlessBranch(usize),
    /// A stored chain is damaged or of another chain.
    #[error("the stored headers do not fit: {0}")]
    State(&'static str),
}

/// What became of headers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connected {
    /// How many headers the best chain has that it did not have.
    pub added: u32,
    /// After a reorganisation, the height of the last block that stayed.
    pub fork: Option<u32>,
    /// Whether they are valid but belong to a branch with less work than ours, so far.
    pub on_side: bool,
    /// Why the rest was refused.
    pub fault: Option<HeaderError>,
}

/// The last header of a file below the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Checkpoint {
    hash: BlockHash,
    time: u32,
}

/// A branch that forks off within the window and has less work.
#[derive(Debug, Clone)]
struct Side {
    /// The height of the last block that it shares with the best chain.
    fork: u32,
    headers: Vec<Header>,
    tip_hash: BlockHash,
}

/// The chain of headers. See the [module](self).
#[derive(Debug, Clone)]
pub struct HeaderChain {
    params: Arc<ChainParams>,
    base: u32,
    window: Vec<Header>,
    tip_hash: BlockHash,
    work: Work,
    checkpoints: Vec<Checkpoint>,
    side: Option<Side>,
}

/// The headers of a file, as the node serves it.
pub fn parse_file(bytes: &[u8]) -> Result<Vec<Header>, HeaderError> {
    if !bytes.len().is_multiple_of(Header::LEN) || bytes.len() / Header::LEN > MAX_BATCH {
        return Err(HeaderError::Size(bytes.len()));
    }
    let mut reader = Reader::new(bytes);
    let headers = (0..bytes.len() / Header::LEN).map(|_| Header::decode(&mut reader));
    headers.collect::<Result<_, _>>().map_err(|_| HeaderError::Size(bytes.len()))
}

/// How far below the tip the rules of a chain look.
fn lookback(params: &ChainParams) -> u32 {
    match params.retarget {
        Retarget::Bitcoin2016 | Retarget::TestnetMinDifficulty => {
            params.retarget_interval().max(LEAST_LOOKBACK)
        }
        _ => LEAST_LOOKBACK,
    }
}

/// A branch on top of a block of the window.
struct Branch<'a> {
    chain: &'a HeaderChain,
    fork: u32,
    above: &'a [Header],
}

impl Ancestry for Branch<'_> {
    fn tip_height(&self) -> u32 {
        self.fork + self.above.len() as u32
    }

    fn header_at(&self, height: u32) -> Header {
        match height.checked_sub(self.fork + 1) {
            Some(at) => self.above[at as usize],
            None => self.chain.header_at(height),
        }
    }
}

impl Ancestry for HeaderChain {
    fn tip_height(&self) -> u32 {
        self.base + self.window.len() as u32 - 1
    }

    fn header_at(&self, height: u32) -> Header {
        if height == 0 {
            return self.params.genesis.header;
        }
        *self.header(height).expect("the window reaches as far down as the rules look")
    }

    fn hash_at(&self, height: u32) -> BlockHash {
        self.hash(height).unwrap_or_else(|| self.header_at(height).hash())
    }
}

impl HeaderChain {
    /// The chain that has only its genesis block.
    pub fn new(params: Arc<ChainParams>) -> Self {
        let genesis = params.genesis.header;
        Self {
            base: 0,
            window: vec![genesis],
            tip_hash: params.genesis_hash,
            work: block_work(genesis.bits),
            checkpoints: Vec::new(),
            side: None,
            params,
        }
    }

    /// The chain's rules.
    pub fn params(&self) -> &Arc<ChainParams> {
        &self.params
    }

    /// The height and the hash of the tip.
    pub fn tip(&self) -> (u32, BlockHash) {
        (self.tip_height(), self.tip_hash)
    }

    /// The tip's header.
    pub fn tip_header(&self) -> &Header {
        self.window.last().expect("the window is never empty")
    }

    /// The work of the whole chain.
    pub fn work(&self) -> Work {
        self.work
    }

    /// Whether this can be the chain that everybody else is on.
    pub fn has_minimum_work(&self) -> bool {
        self.work >= self.params.minimum_chain_work
    }

    /// The lowest height whose header is held.
    pub fn window_base(&self) -> u32 {
        self.base
    }

    /// The header at a height of the window.
    pub fn header(&self, height: u32) -> Option<&Header> {
        self.window.get(height.checked_sub(self.base)? as usize)
    }

    /// The hash of the header at a height of the window.
    pub fn hash(&self, height: u32) -> Option<BlockHash> {
        match height.checked_sub(self.base)? as usize + 1 {
            at if at < self.window.len() => Some(self.window[at].previous),
            at if at == self.window.len() => Some(self.tip_hash),
            _ => None,
        }
    }

    /// Whether a block of the window, or the last of a file below it, is in the chain. Nothing if its header is not
    /// held.
    pub fn contains(&self, height: u32, hash: &BlockHash) -> Option<bool> {
        if height > self.tip_height() {
            return Some(false);
        }
        if let Some(ours) = self.hash(height) {
            return Some(ours == *hash);
        }
        let last_of_file = (height + 1).is_multiple_of(FILE);
        let checkpoint = self.checkpoints.get((height / FILE) as usize).filter(|_| last_of_file)?;
        Some(checkpoint.hash == *hash)
    }

    /// A height such that all blocks with that time or later are above it, as far as files tell: the first of a file,
    /// at least two hours before.
    pub fn height_before(&self, time: u32) -> u32 {
        let early = time.saturating_sub(2 * 60 * 60);
        // Times of blocks jitter, but not by a file's length and two hours.
        let files = self.checkpoints.iter().take_while(|checkpoint| checkpoint.time < early).count();
        (files as u32).saturating_sub(1) * FILE
    }

    /// Takes the headers from height `start` on, at clock time `now` in seconds since 1970.
    pub fn connect(&mut self, start: u32, headers: &[Header], now: u64) -> Connected {
        if headers.len() > MAX_BATCH {
            return refused(HeaderError::Size(headers.len() * Header::LEN));
        }
        if let Some(side) = self.side.take_if(|side| {
            start == side.fork + 1 + side.headers.len() as u32
                && headers.first().is_some_and(|header| header.previous == side.tip_hash)
        }) {
            return self.extend_side(side, headers, now);
        }
        // What is below the window or the same as ours.
        let known = headers.iter().enumerate().take_while(|(at, header)| {
            let height = u64::from(start) + *at as u64;
            height < self.base.into()
                || u32::try_from(height).is_ok_and(|height| self.header(height) == Some(header))
        });
        let known = known.count();
        let Some(first) = headers.get(known) else { return Connected::default() };
        let height = start.saturating_add(known as u32);
        if height > self.tip_height() + 1 {
            return refused(HeaderError::Gap(height));
        }
        if height == self.tip_height() + 1 {
            if first.previous != self.tip_hash {
                return refused(HeaderError::NotLinked(height));
            }
            self.side = None;
            return self.extend(&headers[known..], now);
        }
        // The window begins high enough above what the rules look back at only at its own lookback.
        let lowest = if self.base == 0 { 1 } else { self.base + lookback(&self.params) };
        if height < lowest {
            return refused(HeaderError::ForkTooDeep(height));
        }
        let fork = height - 1;
        let Some(tip_hash) = self.hash(fork) else { return refused(HeaderError::ForkTooDeep(height)) };
        if first.previous != tip_hash {
            return refused(HeaderError::NotLinked(height));
        }
        self.extend_side(Side { fork, headers: Vec::new(), tip_hash }, &headers[known..], now)
    }

    /// Headers on top of the tip.
    fn extend(&mut self, headers: &[Header], now: u64) -> Connected {
        let mut connected = Connected::default();
        for header in headers {
            match check(header, &self.tip_hash, &*self, now, &self.params) {
                Ok(hash) => {
                    self.window.push(*header);
                    self.tip_hash = hash;
                    self.work += block_work(header.bits);
                    connected.added += 1;
                }
                Err(fault) => {
                    connected.fault = Some(fault);
                    break;
                }
            }
        }
        self.trim();
        connected
    }

    /// Headers on top of a branch, which becomes the best chain when it has more work.
    fn extend_side(&mut self, mut side: Side, headers: &[Header], now: u64) -> Connected {
        let mut fault = None;
        for header in headers {
            let branch = Branch { chain: self, fork: side.fork, above: &side.headers };
            match check(header, &side.tip_hash, &branch, now, &self.params) {
                Ok(hash) => {
                    side.headers.push(*header);
                    side.tip_hash = hash;
                }
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        let work = |headers: &[Header]| headers.iter().map(|header| block_work(header.bits)).sum::<Work>();
        let kept = (side.fork + 1 - self.base) as usize;
        let (ours, theirs) = (work(&self.window[kept..]), work(&side.headers));
        if theirs > ours {
            let added = side.headers.len() as u32;
            self.window.truncate(kept);
            self.window.extend_from_slice(&side.headers);
            self.tip_hash = side.tip_hash;
            self.work = self.work - ours + theirs;
            self.side = None;
            self.trim();
            return Connected { added, fork: Some(side.fork), on_side: false, fault };
        }
        if side.headers.len() > MAX_SIDE {
            return refused(HeaderError::EndlessBranch(side.headers.len()));
        }
        let on_side = !side.headers.is_empty();
        self.side = Some(side).filter(|_| on_side);
        Connected { added: 0, fork: None, on_side, fault }
    }

    /// Lets go of files that neither the rules nor a reorganisation reach.
    fn trim(&mut self) {
        let keep = (lookback(&self.params) + REORG_WINDOW) as usize;
        let mut files = 0;
        while self.window.len() - files * FILE as usize >= keep + FILE as usize {
            let last = self.window[(files + 1) * FILE as usize - 1];
            let hash = self.window[(files + 1) * FILE as usize].previous;
            self.checkpoints.push(Checkpoint { hash, time: last.time });
            files += 1;
        }
        self.window.drain(..files * FILE as usize);
        self.base += files as u32 * FILE;
    }

    /// Whether these are the headers of a file of ours: below the window by the hash that was kept of it, within by
    /// comparing.
    pub fn check_file(&self, file: u32, headers: &[Header]) -> Result<(), HeaderError> {
        let other = Err(HeaderError::OtherFile(file));
        let Some(checkpoint) = self.checkpoints.get(file as usize) else {
            let same = headers.iter().enumerate().all(|(at, header)| {
                file.checked_mul(FILE).and_then(|first| self.header(first + at as u32)) == Some(header)
            });
            return if same && !headers.is_empty() { Ok(()) } else { other };
        };
        if headers.len() != FILE as usize {
            return other;
        }
        // The last hash commits to all headers before it.
        let mut above = checkpoint.hash;
        for header in headers.iter().rev() {
            if header.hash() != above {
                return other;
            }
            above = header.previous;
        }
        Ok(())
    }

    /// A height up to which another chain is the same for sure: the last of a file, or within both windows.
    pub fn common_with(&self, other: &Self) -> u32 {
        let files =
            self.checkpoints.iter().zip(&other.checkpoints).take_while(|(one, other)| one == other).count();
        let mut common = (files as u32 * FILE).saturating_sub(1);
        for height in self.base.max(other.base).max(common)..=self.tip_height().min(other.tip_height()) {
            match self.hash(height) == other.hash(height) {
                true => common = height,
                false => break,
            }
        }
        common
    }
}

fn refused(fault: HeaderError) -> Connected {
    Connected { fault: Some(fault), ..Connected::default() }
}

/// All rules for a header on top of `parent`, whose hash is given; the header's own hash.
fn check(
    header: &Header,
    parent_hash: &BlockHash,
    parent: &impl Ancestry,
    now: u64,
    params: &ChainParams,
) -> Result<BlockHash, HeaderError> {
    let height = parent.tip_height() + 1;
    if header.previous != *parent_hash {
        return Err(HeaderError::NotLinked(height));
    }
    let hash = header.hash();
    if !check_proof_of_work(&hash, header.bits, params.pow_limit) {
        return Err(HeaderError::NoWork(height));
    }
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    check_header(header, parent, now, params).map_err(|reject: RejectReason| match &*reject.reason {
        "bad-diffbits" => HeaderError::WrongDifficulty(height),
        _ if reject.kind == RejectKind::TimeFuture => HeaderError::Future(height),
        reason => HeaderError::Invalid { height, reason: reason.into() },
    })?;
    Ok(hash)
}

#[cfg(test)]
#[path = "headers/tests.rs"]
mod tests;
