//! One block of the tree: its header, its place, and what is known about it.

use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::pow::{Work, block_work};
use chaincore_consensus::{BlockHash, Header};
use chaincore_plugin::BlockRef;
use chaincore_storage::{BlockRecord, BlockStatus, FilePos};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// How many blocks' times the median time past is taken over (BIP113).
const MEDIAN_TIME_SPAN: usize = 11;

/// How far a block has been checked. Each level includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Validity {
    /// The header is valid and its ancestors' headers are too (Core's `BLOCK_VALID_TREE`).
    Header = BlockStatus::VALID_TREE,
    /// The body has arrived and follows all rules that need no coins (`BLOCK_VALID_TRANSACTIONS`).
    Transactions = BlockStatus::VALID_TRANSACTIONS,
    /// It has been connected: coins and scripts are right (`BLOCK_VALID_SCRIPTS`).
    Scripts = BlockStatus::VALID_SCRIPTS,
}

/// The first [`BlockEntry::sequence`] number. There is room below for blocks declared precious.
pub const FIRST_SEQUENCE: u64 = 1 << 32;

/// A position that fits an atomic; the largest value means "none".
const NO_POSITION: u64 = u64::MAX;

fn pack(pos: FilePos) -> u64 {
    u64::from(pos.file) << 32 | u64::from(pos.offset)
}

fn unpack(packed: u64) -> Option<FilePos> {
    // Truncation is the point: file in the upper half, offset in the lower.
    (packed != NO_POSITION).then_some(FilePos { file: (packed >> 32) as u32, offset: packed as u32 })
}

/// A block of the tree.
///
/// Header, place and links never change; what is learned about the block (status, positions, counts) does, and
/// only the chain's writer thread changes it. Parents are linked by `Arc`, so a branch can be walked without
/// any lock.
pub struct BlockEntry {
    id: u64,
    hash: BlockHash,
    header: Header,
    height: u32,
    chain_work: Work,
    median_time_past: u32,
    max_time: u32,
    parent: Option<Arc<BlockEntry>>,
    skip: Option<Arc<BlockEntry>>,
    status: AtomicU32,
    n_tx: AtomicU32,
    chain_tx: AtomicU64,
    sequence: AtomicU64,
    data_pos: AtomicU64,
    undo_pos: AtomicU64,
}

impl BlockEntry {
    /// A tree of its own, for tests of what takes entries.
    #[cfg(test)]
    pub(crate) fn root(header: Header) -> Self {
        Self::genesis(header)
    }

    /// A block on another, for tests of what takes entries.
    #[cfg(test)]
    pub(crate) fn on(parent: &Arc<BlockEntry>, header: Header) -> Self {
        Self::child(parent.id + 1, header.hash(), header, parent)
    }

    /// The root of a tree.
    pub(super) fn genesis(header: Header) -> Self {
        Self::at(0, header.hash(), header, None)
    }

    /// A child of `parent`, number `id` of its tree.
    pub(super) fn child(id: u64, hash: BlockHash, header: Header, parent: &Arc<BlockEntry>) -> Self {
        Self::at(id, hash, header, Some(parent.clone()))
    }

    fn at(id: u64, hash: BlockHash, header: Header, parent: Option<Arc<BlockEntry>>) -> Self {
        let own_work = block_work(header.bits);
        let (height, chain_work, skip, max_time) = match &parent {
            None => (0, own_work, None, header.time),
            Some(parent) => {
                let height = parent.height + 1;
                let skip = parent.clone().into_ancestor(skip_height(height));
                (height, parent.chain_work + own_work, skip, parent.max_time.max(header.time))
            }
        };
        let mut entry = Self {
            id,
            hash,
            header,
            height,
            chain_work,
            median_time_past: 0,
            max_time,
            parent,
            skip,
            status: AtomicU32::new(Validity::Header as u32),
            n_tx: AtomicU32::new(0),
            chain_tx: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            data_pos: AtomicU64::new(NO_POSITION),
            undo_pos: AtomicU64::new(NO_POSITION),
        };
        entry.median_time_past = entry.compute_median_time_past();
        entry
    }

    fn compute_median_time_past(&self) -> u32 {
        let mut times = [0; MEDIAN_TIME_SPAN];
        let mut count = 0;
        let mut at = Some(self);
        while let Some(entry) = at.filter(|_| count < MEDIAN_TIME_SPAN) {
            times[count] = entry.header.time;
            count += 1;
            at = entry.parent.as_deref();
        }
        times[..count].sort_unstable();
        times[count / 2]
    }

    /// The block's number in its tree: no other ever has it, and parents have smaller ones than children.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The block's hash.
    pub fn hash(&self) -> BlockHash {
        self.hash
    }

    /// The block's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many blocks lie below.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Height and hash.
    pub fn at_ref(&self) -> BlockRef {
        BlockRef { height: self.height, hash: self.hash }
    }

    /// The expected number of hashes that this block and all below took.
    pub fn chain_work(&self) -> Work {
        self.chain_work
    }

    /// The median of this block's and the ten preceding times (BIP113's "median time past" for a child).
    pub fn median_time_past(&self) -> u32 {
        self.median_time_past
    }

    /// The latest time among this block and all below (Core's `nTimeMax`).
    pub fn max_time(&self) -> u32 {
        self.max_time
    }

    /// The block built upon; `None` for the genesis block.
    pub fn parent(&self) -> Option<&Arc<BlockEntry>> {
        self.parent.as_ref()
    }

    /// Transactions in the block; 0 while its body is unknown.
    pub fn n_tx(&self) -> u32 {
        self.n_tx.load(Ordering::Acquire)
    }

    /// Transactions in the block and all below; 0 while any of those bodies is unknown.
    pub fn chain_tx(&self) -> u64 {
        self.chain_tx.load(Ordering::Acquire)
    }

    /// The order in which the block became connectable: of two chains with equal work the one with the smaller
    /// number is preferred. Below [`FIRST_SEQUENCE`] for blocks declared precious.
    pub fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// How far the block has been checked and what is stored of it.
    pub fn status(&self) -> BlockStatus {
        BlockStatus(self.status.load(Ordering::Acquire))
    }

    /// Whether the body is stored.
    pub fn has_data(&self) -> bool {
        self.status().has(BlockStatus::HAVE_DATA)
    }

    /// Whether the undo data is stored.
    pub fn has_undo(&self) -> bool {
        self.status().has(BlockStatus::HAVE_UNDO)
    }

    /// Whether the block or an ancestor is known to be invalid.
    pub fn is_failed(&self) -> bool {
        self.status().has(BlockStatus::FAILED)
    }

    /// Whether the block has been checked up to `level` and is not known to be invalid (Core's `IsValid`).
    pub fn is_valid(&self, level: Validity) -> bool {
        let status = self.status();
        !status.has(BlockStatus::FAILED) && status.level() >= level as u32
    }

    /// Where the body is stored.
    pub fn data_pos(&self) -> Option<FilePos> {
        unpack(self.data_pos.load(Ordering::Acquire))
    }

    /// Where the undo data is stored.
    pub fn undo_pos(&self) -> Option<FilePos> {
        unpack(self.undo_pos.load(Ordering::Acquire))
    }

    /// The ancestor (or this block itself) at `height`; `None` above this block. O(log height).
    pub fn ancestor(self: &Arc<Self>, height: u32) -> Option<&Arc<BlockEntry>> {
        if height > self.height {
            return None;
        }
        let mut at = self;
        while at.height > height {
            at = at.step_towards(height);
        }
        Some(at)
    }

    fn into_ancestor(self: Arc<Self>, height: u32) -> Option<Arc<BlockEntry>> {
        self.ancestor(height).cloned()
    }

    /// The farther of parent and skip link that is worth taking on the way down to `height`: a skip link is
    /// passed over when the parent's one would land nearer to the goal.
    fn step_towards(&self, height: u32) -> &Arc<BlockEntry> {
        let parent =
            self.parent.as_ref().expect("only the genesis block has no parent, and none is below it");
        let Some(skip) = &self.skip else { return parent };
        let here = skip_height(self.height);
        let next = skip_height(self.height - 1);
        let parent_is_better = here < height || (next + 2 < here && next >= height);
        if here == height || !parent_is_better { skip } else { parent }
    }

    /// Whether this block is `other` or lies below it on the same branch.
    pub fn is_ancestor_of(&self, other: &Arc<BlockEntry>) -> bool {
        other.ancestor(self.height).is_some_and(|entry| entry.hash == self.hash)
    }

    /// The highest block that both branches share. Both must be of one tree.
    pub fn fork_with<'a>(self: &'a Arc<Self>, other: &'a Arc<BlockEntry>) -> &'a Arc<BlockEntry> {
        let height = self.height.min(other.height);
        let mut left = self.ancestor(height).expect("not above this block");
        let mut right = other.ancestor(height).expect("not above the other block");
        while !Arc::ptr_eq(left, right) {
            // Equal heights have skip links of equal length, so both sides may jump while those still differ.
            match (&left.skip, &right.skip) {
                (Some(a), Some(b)) if !Arc::ptr_eq(a, b) => (left, right) = (a, b),
                _ => {
                    left = left.parent.as_ref().expect("both branches start at one genesis block");
                    right = right.parent.as_ref().expect("both branches start at one genesis block");
                }
            }
        }
        left
    }

    pub(super) fn set_sequence(&self, sequence: u64) {
        self.sequence.store(sequence, Ordering::Release);
    }

    pub(super) fn set_chain_tx(&self, chain_tx: u64) {
        self.chain_tx.store(chain_tx, Ordering::Release);
    }

    fn update_status(&self, change: impl FnOnce(&mut BlockStatus)) {
        let mut status = self.status();
        change(&mut status);
        self.status.store(status.0, Ordering::Release);
    }

    pub(super) fn set_failed(&self, failed: bool) {
        self.update_status(|status| {
            if failed { status.set(BlockStatus::FAILED) } else { status.clear(BlockStatus::FAILED) }
        });
    }

    pub(super) fn raise_validity(&self, level: Validity) {
        self.update_status(|status| status.raise(level as u32));
    }

    pub(super) fn set_data(&self, pos: FilePos, n_tx: u32) {
        self.data_pos.store(pack(pos), Ordering::Release);
        self.n_tx.store(n_tx, Ordering::Release);
        self.update_status(|status| {
            status.set(BlockStatus::HAVE_DATA);
            status.raise(BlockStatus::VALID_TRANSACTIONS);
        });
    }

    pub(super) fn set_undo(&self, pos: FilePos) {
        self.undo_pos.store(pack(pos), Ordering::Release);
        self.update_status(|status| status.set(BlockStatus::HAVE_UNDO));
    }

    /// Takes over what was stored about the block.
    pub(super) fn restore(&self, record: &BlockRecord) {
        self.status.store(record.status.0, Ordering::Release);
        self.n_tx.store(record.n_tx, Ordering::Release);
        self.data_pos.store(record.data_pos.map_or(NO_POSITION, pack), Ordering::Release);
        self.undo_pos.store(record.undo_pos.map_or(NO_POSITION, pack), Ordering::Release);
        self.set_sequence(record.sequence);
    }

    /// What is stored about the block.
    pub(super) fn record(&self) -> BlockRecord {
        BlockRecord {
            header: self.header,
            height: self.height,
            status: self.status(),
            n_tx: self.n_tx(),
            data_pos: self.data_pos(),
            undo_pos: self.undo_pos(),
            sequence: self.sequence(),
        }
    }
}

impl Drop for BlockEntry {
    /// Frees a branch block by block: left to itself, the drop of a long branch's tip would recurse as deep as
    /// the branch is long.
    fn drop(&mut self) {
        let mut pending: Vec<_> = self.parent.take().into_iter().chain(self.skip.take()).collect();
        while let Some(link) = pending.pop() {
            if let Some(mut last) = Arc::into_inner(link) {
                pending.extend(last.parent.take().into_iter().chain(last.skip.take()));
            }
        }
    }
}

impl fmt::Debug for BlockEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockEntry({} {} status {:#x})", self.height, self.hash, self.status().0)
    }
}

/// A branch of the tree, seen from its highest block, as the consensus rules want it.
#[derive(Debug, Clone)]
pub struct Branch(pub Arc<BlockEntry>);

impl Branch {
    fn at(&self, height: u32) -> &BlockEntry {
        self.0.ancestor(height).expect("the rules ask for heights up to the tip's")
    }
}

impl Ancestry for Branch {
    fn tip_height(&self) -> u32 {
        self.0.height
    }

    fn header_at(&self, height: u32) -> Header {
        self.at(height).header
    }

    fn hash_at(&self, height: u32) -> BlockHash {
        self.at(height).hash
    }

    fn median_time_past_at(&self, height: u32) -> u32 {
        self.at(height).median_time_past
    }
}

/// The height that the skip link of a block at `height` leads to (Core's `GetSkipHeight`): clearing low bits
/// makes any ancestor reachable in O(log n) steps.
fn skip_height(height: u32) -> u32 {
    let clear_lowest_bit = |n: u32| n & n.wrapping_sub(1);
    match height {
        0 | 1 => 0,
        odd if odd & 1 == 1 => clear_lowest_bit(clear_lowest_bit(odd - 1)) + 1,
        even => clear_lowest_bit(even),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::Hash256;

    fn header(previous: BlockHash, nonce: u32) -> Header {
        Header {
            version: 1,
            previous,
            merkle_root: Hash256::ZERO,
            time: 1_000 + nonce * 7 % 97,
            bits: 0x207f_ffff,
            nonce,
        }
    }

    fn chain(from: &Arc<BlockEntry>, len: u32, salt: u32) -> Vec<Arc<BlockEntry>> {
        let mut entries: Vec<Arc<BlockEntry>> = vec![];
        for n in 0..len {
            let parent = entries.last().unwrap_or(from);
            let header = header(parent.hash, salt + n);
            let child = Arc::new(BlockEntry::child(0, header.hash(), header, parent));
            entries.push(child);
        }
        entries
    }

    #[test]
    fn ancestors_forks_and_medians() {
        let genesis = Arc::new(BlockEntry::genesis(header(BlockHash::ZERO, 0)));
        let main = chain(&genesis, 3_000, 1);
        let side = chain(&main[1_999], 500, 1_000_000);
        let tip = &main[2_999];
        for height in [0u32, 1, 2, 3, 500, 1_999, 2_000, 2_047, 2_048, 2_999, 3_000] {
            let expected = if height == 0 { &genesis } else { &main[height as usize - 1] };
            assert_eq!(tip.ancestor(height).unwrap().hash, expected.hash, "{height}");
        }
        assert!(tip.ancestor(3_001).is_none());
        for branch in [&side[0], &side[250], &side[499]] {
            assert_eq!(branch.fork_with(tip).hash, main[1_999].hash);
            assert_eq!(tip.fork_with(branch).hash, main[1_999].hash);
        }
        assert!(main[5].is_ancestor_of(tip) && !side[0].is_ancestor_of(tip));
        let mut times: Vec<u32> = main[2_989..].iter().map(|entry| entry.header.time).collect();
        times.sort_unstable();
        assert_eq!(tip.median_time_past(), times[5]);
        assert_eq!(Branch(tip.clone()).median_time_past(), times[5]);
    }

    #[test]
    fn a_long_branch_is_freed_without_recursion() {
        let genesis = Arc::new(BlockEntry::genesis(header(BlockHash::ZERO, 0)));
        let mut tip = genesis;
        for n in 1..200_000 {
            let header = header(tip.hash, n);
            tip = Arc::new(BlockEntry::child(n.into(), header.hash(), header, &tip));
        }
        let weak = Arc::downgrade(tip.ancestor(5).unwrap());
        drop(tip);
        assert!(weak.upgrade().is_none());
    }

    #[test]
    fn far_ancestors_take_few_steps() {
        let genesis = Arc::new(BlockEntry::genesis(header(BlockHash::ZERO, 0)));
        let main = chain(&genesis, 20_000, 1);
        for goal in [0, 1, 17, 9_999, 19_000] {
            let mut at = main.last().unwrap();
            let mut steps = 0;
            while at.height > goal {
                at = at.step_towards(goal);
                steps += 1;
            }
            assert!(steps < 120, "{steps} steps to {goal}");
        }
    }
}
