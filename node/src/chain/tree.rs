//! All known headers as a tree, and which of its branches is the best.
//!
//! Invariants: entries are added parents before children, and only those whose bodies, or bodies below, are missing
//! are ever forgotten, children with their parents; an entry's status says `FAILED` whenever an ancestor's does; the candidates are exactly the entries that are valid as far as known, have all bodies
//! down to the genesis block, and are at least as good as the active tip.

use super::entry::{BlockEntry, FIRST_SEQUENCE, Validity};
use chaincore_consensus::pow::Work;
use chaincore_consensus::{BlockHash, Header};
use chaincore_storage::{BlockRecord, FilePos};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Arc, RwLock};

/// The part of the tree that readers share: every entry, by number and by hash.
#[derive(Debug, Default)]
pub(super) struct TreeIndex {
    /// In the order of their numbers.
    entries: Vec<Arc<BlockEntry>>,
    by_hash: HashMap<BlockHash, Arc<BlockEntry>>,
    /// The entries without children.
    leaves: BTreeSet<u64>,
    /// The number of the next entry.
    next_id: u64,
}

impl TreeIndex {
    fn push(&mut self, entry: Arc<BlockEntry>) {
        self.by_hash.insert(entry.hash(), entry.clone());
        self.leaves.insert(entry.id());
        if let Some(parent) = entry.parent() {
            self.leaves.remove(&parent.id());
        }
        self.next_id = entry.id() + 1;
        self.entries.push(entry);
    }

    /// The place of the first entry whose number is not below `id`.
    fn place(&self, id: u64) -> usize {
        // Numbers are places as long as nothing has been forgotten.
        match usize::try_from(id)
            .ok()
            .filter(|at| self.entries.get(*at).is_some_and(|entry| entry.id() == id))
        {
            Some(at) => at,
            None => self.entries.partition_point(|entry| entry.id() < id),
        }
    }

    fn by_id(&self, id: u64) -> &Arc<BlockEntry> {
        let entry = self.entries.get(self.place(id)).filter(|entry| entry.id() == id);
        entry.expect("whatever has been forgotten is asked for no more")
    }

    /// The entry of a block, if its number is below `upto`.
    pub(super) fn get(&self, hash: &BlockHash, upto: u64) -> Option<Arc<BlockEntry>> {
        self.by_hash.get(hash).filter(|entry| entry.id() < upto).cloned()
    }

    /// The entries without children, as they were when `upto` was the next number.
    pub(super) fn tips(&self, upto: u64) -> Vec<Arc<BlockEntry>> {
        let mut tips = BTreeMap::new();
        for leaf in &self.leaves {
            let mut at = self.by_id(*leaf);
            while at.id() >= upto {
                at = at.parent().expect("the genesis block is among the first entries");
            }
            tips.insert(at.id(), at.clone());
        }
        let tips: Vec<_> = tips.into_values().collect();
        let is_tip = |entry: &Arc<BlockEntry>| {
            !tips.iter().any(|other| other.hash() != entry.hash() && entry.is_ancestor_of(other))
        };
        // Only entries that younger leaves were walked down to can lie below another tip.
        if upto == self.next_id { tips } else { tips.iter().filter(|entry| is_tip(entry)).cloned().collect() }
    }

    /// Forgets entries, and with each all above it.
    fn forget(&mut self, is_forgotten: impl Fn(&BlockEntry) -> bool) -> Vec<Arc<BlockEntry>> {
        let gone: Vec<_> = self.entries.extract_if(.., |entry| is_forgotten(entry)).collect();
        for entry in &gone {
            self.by_hash.remove(&entry.hash());
        }
        self.by_hash.shrink_to_fit();
        let parents: HashSet<u64> =
            self.entries.iter().filter_map(|entry| Some(entry.parent()?.id())).collect();
        self.leaves =
            self.entries.iter().map(|entry| entry.id()).filter(|id| !parents.contains(id)).collect();
        gone
    }
}

/// How candidates are ordered: most work, then first seen (Core's `CBlockIndexWorkComparator`).
type Preference = (Work, Reverse<u64>, Reverse<u64>);

fn preference(entry: &BlockEntry) -> Preference {
    (entry.chain_work(), Reverse(entry.sequence()), Reverse(entry.id()))
}

/// The tree of headers with the writer's bookkeeping.
#[derive(Debug)]
pub(super) struct BlockTree {
    shared: Arc<RwLock<TreeIndex>>,
    candidates: BTreeSet<Preference>,
    /// Entries that have a body but an ancestor without one, by the entry right above the gap.
    unlinked: HashMap<u64, Vec<Arc<BlockEntry>>>,
    /// How many entries lack their body or that of an ancestor.
    waiting: usize,
    dirty: HashSet<u64>,
    /// Entries with smaller numbers have a record in the store.
    stored: u64,
    /// What was forgotten since the last flush and has a record in the store. Some of it may have come back.
    forgotten: HashSet<BlockHash>,
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
            waiting: 1,
            dirty: HashSet::from([0]),
            stored: 0,
            forgotten: HashSet::new(),
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
                        tree.link(&entry, below + u64::from(n_tx));
                    }
                }
            }
        }
        tree.stored = tree.next_id();
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

    /// The number of the next entry.
    pub(super) fn next_id(&self) -> u64 {
        self.read().next_id
    }

    /// How many entries lack their body or that of an ancestor.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The entry of a block.
    pub(super) fn get(&self, hash: &BlockHash) -> Option<Arc<BlockEntry>> {
        let index = self.read();
        index.get(hash, index.next_id)
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
        let entry = Arc::new(BlockEntry::child(index.next_id, hash, header, parent));
        index.push(entry.clone());
        self.waiting += 1;
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
            self.link(&entry, below + u64::from(entry.n_tx()));
            entry.set_sequence(self.next_sequence);
            self.next_sequence += 1;
            self.dirty.insert(entry.id());
            if !entry.is_failed() && tip.is_none_or(|tip| preference(&entry) >= preference(tip)) {
                self.candidates.insert(preference(&entry));
            }
            queue.extend(self.unlinked.remove(&entry.id()).unwrap_or_default());
        }
    }

    /// Notes that all bodies up to an entry's are here.
    fn link(&mut self, entry: &BlockEntry, chain_tx: u64) {
        if entry.chain_tx() == 0 && chain_tx != 0 {
            self.waiting -= 1;
        }
        entry.set_chain_tx(chain_tx);
    }

    /// Forgets entries that lack their body or that of an ancestor, but for those in `keep` and what they build on.
    /// Returns how many. A body that is stored above a gap goes with its entry, and the mark of invalidity of a header
    /// whose block has never been here.
    pub(super) fn forget_waiting(&mut self, keep: &[Arc<BlockEntry>]) -> usize {
        let mut kept = HashSet::from([0]);
        for entry in keep {
            let mut at = Some(entry);
            while let Some(entry) = at.filter(|entry| entry.chain_tx() == 0 && kept.insert(entry.id())) {
                at = entry.parent();
            }
        }
        let gone = {
            let mut index = self.shared.write().expect("no one panics while holding the tree");
            index.forget(|entry| entry.chain_tx() == 0 && !kept.contains(&entry.id()))
        };
        self.waiting -= gone.len();
        for entry in &gone {
            self.dirty.remove(&entry.id());
            if entry.id() < self.stored {
                self.forgotten.insert(entry.hash());
            }
            self.unlinked.remove(&entry.id());
        }
        self.unlinked.retain(|_, entries| {
            entries.retain(|entry| kept.contains(&entry.id()));
            !entries.is_empty()
        });
        self.recompute_best_header();
        gone.len()
    }

    /// The candidate that should be the active tip. `None` only before the genesis block's body is stored.
    pub(super) fn best_candidate(&self) -> Option<Arc<BlockEntry>> {
        let (.., Reverse(id)) = self.candidates.last()?;
        Some(self.read().by_id(*id).clone())
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
            let above = &index.entries[index.place(entry.id())..];
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
        !self.dirty.is_empty() || !self.forgotten.is_empty()
    }

    /// The records of all entries that changed since the last call of [`Self::clean`].
    pub(super) fn dirty_records(&self) -> Vec<(BlockHash, BlockRecord)> {
        let index = self.read();
        self.dirty.iter().map(|id| index.by_id(*id)).map(|entry| (entry.hash(), entry.record())).collect()
    }

    /// The blocks whose records are in the store though they have been forgotten.
    pub(super) fn forgotten(&self) -> Vec<BlockHash> {
        let index = self.read();
        self.forgotten.iter().filter(|hash| !index.by_hash.contains_key(hash)).copied().collect()
    }

    /// Forgets what has changed: the records are stored.
    pub(super) fn clean(&mut self) {
        self.dirty.clear();
        self.forgotten.clear();
        self.stored = self.next_id();
    }
}

#[cfg(test)]
mod tests;
