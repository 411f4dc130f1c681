//! All known headers as a tree, and which of its branches is the best.
//!
//! Invariants: entries are only ever added, parents before children; an entry's status says `FAILED` whenever
//! an ancestor's does; the candidates are exactly the entries that are valid as far as known, have all bodies
//! down to the genesis block, and are at least as good as the active tip.

use super::entry::{BlockEntry, FIRST_SEQUENCE, Validity};
use chaincore_consensus::pow::Work;
use chaincore_consensus::{BlockHash, Header};
use chaincore_storage::{BlockRecord, FilePos};
use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, RwLock};

/// The part of the tree that readers share: every entry, by number and by hash.
#[derive(Debug, Default)]
pub(super) struct TreeIndex {
    entries: Vec<Arc<BlockEntry>>,
    by_hash: HashMap<BlockHash, u32>,
    /// The entries without children.
    leaves: BTreeSet<u32>,
}

impl TreeIndex {
    fn push(&mut self, entry: Arc<BlockEntry>) {
        self.by_hash.insert(entry.hash(), entry.id());
        self.leaves.insert(entry.id());
        if let Some(parent) = entry.parent() {
            self.leaves.remove(&parent.id());
        }
        self.entries.push(entry);
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The entry of a block among the first `len` entries.
    pub(super) fn get(&self, hash: &BlockHash, len: usize) -> Option<Arc<BlockEntry>> {
        let id = *self.by_hash.get(hash)? as usize;
        (id < len).then(|| self.entries[id].clone())
    }

    /// The entries without children, as they were when there were `len` entries.
    pub(super) fn tips(&self, len: usize) -> Vec<Arc<BlockEntry>> {
        let mut tips: BTreeSet<u32> = BTreeSet::new();
        for leaf in &self.leaves {
            let mut at = &self.entries[*leaf as usize];
            while at.id() as usize >= len {
                at = at.parent().expect("the genesis block is among the first entries");
            }
            tips.insert(at.id());
        }
        let tips: Vec<_> = tips.into_iter().map(|id| self.entries[id as usize].clone()).collect();
        let is_tip = |entry: &Arc<BlockEntry>| {
            !tips.iter().any(|other| other.hash() != entry.hash() && entry.is_ancestor_of(other))
        };
        // Only entries that younger leaves were walked down to can lie below another tip.
        if len == self.len() { tips } else { tips.iter().filter(|entry| is_tip(entry)).cloned().collect() }
    }
}

/// How candidates are ordered: most work, then first seen (Core's `CBlockIndexWorkComparator`).
type Preference = (Work, Reverse<u64>, Reverse<u32>);

fn preference(entry: &BlockEntry) -> Preference {
    (entry.chain_work(), Reverse(entry.sequence()), Reverse(entry.id()))
}

/// The tree of headers with the writer's bookkeeping.
#[derive(Debug)]
pub(super) struct BlockTree {
    shared: Arc<RwLock<TreeIndex>>,
    candidates: BTreeSet<Preference>,
    /// Entries that have a body but an ancestor without one, by the entry right above the gap.
    unlinked: HashMap<u32, Vec<Arc<BlockEntry>>>,
    dirty: HashSet<u32>,
    best_header: Arc<BlockEntry>,
    next_sequence: u64,
    precious_sequence: u64,
    precious_work: Option<Work>,
}

impl BlockTree {
    /// A tree of one block.
    pub(super) fn new(genesis: Header) -> Self {
        let genesis = Arc::new(BlockEntry::genesis(genesis));
        let mut index = TreeIndex::default();
        index.push(genesis.clone());
        Self {
            shared: Arc::new(RwLock::new(index)),
            candidates: BTreeSet::new(),
            unlinked: HashMap::new(),
            dirty: HashSet::from([0]),
            best_header: genesis,
            next_sequence: FIRST_SEQUENCE,
            precious_sequence: FIRST_SEQUENCE - 1,
            precious_work: None,
        }
    }

    /// The tree that stored records describe. Records that do not hang together with `genesis` are left out and
    /// returned: a damaged index is the caller's to judge.
    pub(super) fn load(
        genesis: Header,
        mut records: Vec<(BlockHash, BlockRecord)>,
    ) -> (Self, Vec<BlockHash>) {
        let mut tree = Self::new(genesis);
        tree.dirty.clear();
        records.sort_by_key(|(hash, record)| (record.height, record.sequence, *hash));
        let mut orphans = vec![];
        for (hash, record) in records {
            let entry = match tree.get(&hash) {
                Some(entry) => entry,
                None => match tree.get(&record.header.previous) {
                    Some(parent) => tree.push(hash, record.header, &parent),
                    None => {
                        orphans.push(hash);
                        continue;
                    }
                },
            };
            entry.restore(&record);
            tree.next_sequence = tree.next_sequence.max(record.sequence + 1);
            if record.sequence > 0 {
                tree.precious_sequence = tree.precious_sequence.min(record.sequence - 1);
            }
            let n_tx = record.n_tx;
            if n_tx > 0 {
                match entry.parent() {
                    Some(parent) if parent.chain_tx() == 0 => {
                        let parent = parent.id();
                        tree.unlinked.entry(parent).or_default().push(entry);
                    }
                    parent => {
                        let below = parent.map_or(0, |parent| parent.chain_tx());
                        entry.set_chain_tx(below + u64::from(n_tx));
                    }
                }
            }
        }
        tree.recompute_best_header();
        (tree, orphans)
    }

    /// What readers share.
    pub(super) fn shared(&self) -> &Arc<RwLock<TreeIndex>> {
        &self.shared
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, TreeIndex> {
        self.shared.read().expect("no one panics while holding the tree")
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.read().len()
    }

    /// The entry of a block.
    pub(super) fn get(&self, hash: &BlockHash) -> Option<Arc<BlockEntry>> {
        let index = self.read();
        index.get(hash, index.len())
    }

    /// The root.
    pub(super) fn genesis(&self) -> Arc<BlockEntry> {
        self.read().entries[0].clone()
    }

    /// The valid header with the most work.
    pub(super) fn best_header(&self) -> &Arc<BlockEntry> {
        &self.best_header
    }

    fn push(&mut self, hash: BlockHash, header: Header, parent: &Arc<BlockEntry>) -> Arc<BlockEntry> {
        let mut index = self.shared.write().expect("no one panics while holding the tree");
        let id = u32::try_from(index.len()).expect("4 billion headers do not fit the memory");
        let entry = Arc::new(BlockEntry::child(id, hash, header, parent));
        index.push(entry.clone());
        entry
    }

    /// Adds a header whose rules have been checked.
    pub(super) fn insert(
        &mut self,
        hash: BlockHash,
        header: Header,
        parent: &Arc<BlockEntry>,
    ) -> Arc<BlockEntry> {
        let entry = self.push(hash, header, parent);
        self.dirty.insert(entry.id());
        if parent.is_failed() {
            entry.set_failed(true);
        } else if entry.chain_work() > self.best_header.chain_work() {
            self.best_header = entry.clone();
        }
        entry
    }

    /// Notes that the body of `entry` is stored, and makes candidates of all blocks that this completes, as far
    /// as they are at least as good as `tip` (Core's `ReceivedBlockTransactions`).
    pub(super) fn body_stored(
        &mut self,
        entry: &Arc<BlockEntry>,
        pos: FilePos,
        n_tx: u32,
        tip: Option<&BlockEntry>,
    ) {
        entry.set_data(pos, n_tx);
        self.dirty.insert(entry.id());
        if let Some(parent) = entry.parent().filter(|parent| parent.chain_tx() == 0) {
            self.unlinked.entry(parent.id()).or_default().push(entry.clone());
            return;
        }
        let mut queue = VecDeque::from([entry.clone()]);
        while let Some(entry) = queue.pop_front() {
            let below = entry.parent().map_or(0, |parent| parent.chain_tx());
            entry.set_chain_tx(below + u64::from(entry.n_tx()));
            entry.set_sequence(self.next_sequence);
            self.next_sequence += 1;
            self.dirty.insert(entry.id());
            if !entry.is_failed() && tip.is_none_or(|tip| preference(&entry) >= preference(tip)) {
                self.candidates.insert(preference(&entry));
            }
            queue.extend(self.unlinked.remove(&entry.id()).unwrap_or_default());
        }
    }

    /// The candidate that should be the active tip. `None` only before the genesis block's body is stored.
    pub(super) fn best_candidate(&self) -> Option<Arc<BlockEntry>> {
        let (.., Reverse(id)) = self.candidates.last()?;
        Some(self.read().entries[*id as usize].clone())
    }

    /// Forgets candidates that are worse than the active tip.
    pub(super) fn prune_candidates(&mut self, tip: &BlockEntry) {
        self.candidates = self.candidates.split_off(&preference(tip));
    }

    /// Finds the candidates anew, after entries have become worse or better or the tip has moved down.
    pub(super) fn rebuild_candidates(&mut self, tip: &BlockEntry) {
        let least = preference(tip);
        let found: BTreeSet<Preference> = {
            let index = self.read();
            let is_candidate = |entry: &&Arc<BlockEntry>| {
                entry.is_valid(Validity::Transactions) && entry.chain_tx() > 0 && preference(entry) >= least
            };
            index.entries.iter().filter(is_candidate).map(|entry| preference(entry)).collect()
        };
        self.candidates = found;
    }

    /// Marks a block and everything above it as invalid.
    pub(super) fn mark_failed(&mut self, entry: &Arc<BlockEntry>) {
        let affected: Vec<Arc<BlockEntry>> = {
            let index = self.read();
            let above = &index.entries[entry.id() as usize..];
            above.iter().filter(|other| !other.is_failed() && entry.is_ancestor_of(other)).cloned().collect()
        };
        for failed in affected {
            failed.set_failed(true);
            self.candidates.remove(&preference(&failed));
            self.dirty.insert(failed.id());
        }
        if self.best_header.is_failed() {
            self.recompute_best_header();
        }
    }

    /// Takes the mark of invalidity from a block, everything above it and everything below it.
    pub(super) fn clear_failed(&mut self, entry: &Arc<BlockEntry>) {
        let affected: Vec<Arc<BlockEntry>> = {
            let index = self.read();
            let related =
                |other: &&Arc<BlockEntry>| entry.is_ancestor_of(other) || other.is_ancestor_of(entry);
            index.entries.iter().filter(|other| other.is_failed()).filter(related).cloned().collect()
        };
        for cleared in affected {
            cleared.set_failed(false);
            self.dirty.insert(cleared.id());
        }
        self.recompute_best_header();
    }

    fn recompute_best_header(&mut self) {
        let best = {
            let index = self.read();
            let valid = index.entries.iter().filter(|entry| !entry.is_failed());
            valid.max_by_key(|entry| (entry.chain_work(), Reverse(entry.id()))).cloned()
        };
        self.best_header = best.unwrap_or_else(|| self.genesis());
    }

    /// Makes a block the preferred one among those of equal work, until the tip has more work (Core's
    /// `preciousblock`).
    pub(super) fn make_precious(&mut self, entry: &Arc<BlockEntry>, tip: &Arc<BlockEntry>) {
        if entry.chain_work() < tip.chain_work() {
            return;
        }
        if self.precious_work.is_some_and(|work| tip.chain_work() > work) {
            // The chain has grown since: whatever was precious then competes at lower work.
            self.precious_sequence = FIRST_SEQUENCE - 1;
        }
        self.precious_work = Some(tip.chain_work());
        self.candidates.remove(&preference(entry));
        entry.set_sequence(self.precious_sequence);
        self.precious_sequence = self.precious_sequence.saturating_sub(1);
        self.dirty.insert(entry.id());
        if entry.is_valid(Validity::Transactions) && entry.chain_tx() > 0 {
            self.candidates.insert(preference(entry));
        }
    }

    /// Notes that an entry has changed and has to be stored with the next flush.
    pub(super) fn mark_dirty(&mut self, entry: &BlockEntry) {
        self.dirty.insert(entry.id());
    }

    /// Whether any entry has changed since the last call of [`Self::clean`].
    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The records of all entries that changed since the last call of [`Self::clean`].
    pub(super) fn dirty_records(&self) -> Vec<(BlockHash, BlockRecord)> {
        let index = self.read();
        self.dirty
            .iter()
            .map(|id| &index.entries[*id as usize])
            .map(|entry| (entry.hash(), entry.record()))
            .collect()
    }

    /// Forgets which entries changed: their records are stored.
    pub(super) fn clean(&mut self) {
        self.dirty.clear();
    }
}
