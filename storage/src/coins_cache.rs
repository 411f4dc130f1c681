//! The coins in memory, in front of those on disk: most coins die young and never reach it.
//!
//! One writer at a time changes coins (`add`, `spend`, commits); any number of threads read. Entries are in shards by
//! a salted hash of the outpoint (transaction ids are the miners' and users' choice), each with its own lock, so that
//! readers rarely meet.
//!
//! Invariants:
//! - A dirty entry differs from the disk. It leaves the cache only after a commit, and readers find it here until then.
//! - A fresh entry is dirty and the disk has no coin at its outpoint, so spending it just removes it.
//! - A spent coin that the disk still has is a dirty entry without coin.
//! - Tables double when they grow. The number of shards is chosen so that the full-grown tables fill the budget, and
//!   [`wants_flush`](CoinsCache::wants_flush) says so before they would grow beyond it.

use crate::coins_db::CoinsDb;
use crate::error::{Result, StorageError};
use crate::packed::PackedCoin;
use chaincore_consensus::OutPoint;
use chaincore_consensus::coin::Coin;
use foldhash::quality::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

const DIRTY: u8 = 1;
const FRESH: u8 = 2;

/// Tables hold at most 7 entries per 8 buckets before they double; this is short of that, for shards fill unevenly.
const FILL_PERCENT: usize = 80;

/// The share of the budget that the tables may take; the rest is for long scripts.
const TABLE_PERCENT: usize = 94;

const MIN_SHARD_BUCKETS: usize = 64;

struct Entry {
    outpoint: OutPoint,
    flags: u8,
    coin: Option<PackedCoin>,
}

/// An entry and its control byte.
const BUCKET_BYTES: usize = size_of::<Entry>() + 1;

#[derive(Default)]
struct Shard {
    table: HashTable<Entry>,
    /// What the sum over all shards has been told of this one's table.
    table_bytes: usize,
    heap_bytes: usize,
}

/// A write-back cache of coins over [`CoinsDb`].
pub struct CoinsCache {
    db: CoinsDb,
    hasher: RandomState,
    shards: Box<[RwLock<Shard>]>,
    budget: usize,
    max_entries: usize,
    max_shard_entries: usize,
    entries: AtomicUsize,
    dirty: AtomicUsize,
    table_bytes: AtomicUsize,
    heap_bytes: AtomicUsize,
    /// Counts commits: a value read from disk before one may not enter the cache after it.
    commits: AtomicU64,
}

/// How full a [`CoinsCache`] is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoinsCacheUsage {
    /// Entries, spent ones included.
    pub entries: usize,
    /// Entries that differ from the disk.
    pub dirty: usize,
    /// Bytes of memory.
    pub bytes: usize,
    /// The bytes that it should not exceed.
    pub budget: usize,
}

impl CoinsCache {
    /// An empty cache that takes about `budget` bytes when full.
    pub fn new(db: CoinsDb, budget: usize) -> Self {
        let table_budget = (budget / 100 * TABLE_PERCENT).max(MIN_SHARD_BUCKETS * BUCKET_BYTES);
        // 32 to 63 shards of full-grown tables: the power of two that wastes least, within 3 % of the budget.
        let buckets = table_budget / BUCKET_BYTES;
        let per_shard = (buckets / 32).max(MIN_SHARD_BUCKETS);
        let per_shard =
            if per_shard.is_power_of_two() { per_shard } else { per_shard.next_power_of_two() / 2 };
        let shards = (buckets / per_shard).max(1);
        Self {
            db,
            hasher: RandomState::default(),
            shards: (0..shards).map(|_| RwLock::default()).collect(),
            budget,
            max_entries: shards * per_shard * FILL_PERCENT / 100,
            max_shard_entries: per_shard / 8 * 7,
            entries: AtomicUsize::new(0),
            dirty: AtomicUsize::new(0),
            table_bytes: AtomicUsize::new(0),
            heap_bytes: AtomicUsize::new(0),
            commits: AtomicU64::new(0),
        }
    }

    /// The disk below.
    pub fn db(&self) -> &CoinsDb {
        &self.db
    }

    fn locate(&self, outpoint: &OutPoint) -> (u64, &RwLock<Shard>) {
        let mut bytes = [0; 36];
        bytes[..32].copy_from_slice(&outpoint.txid.0);
        bytes[32..].copy_from_slice(&outpoint.vout.to_le_bytes());
        let hash = self.hasher.hash_one(bytes);
        // The table takes its bucket from the low bits and its tag from the top seven: choose by those between.
        let shard = (u64::from((hash >> 24) as u32) * self.shards.len() as u64) >> 32;
        (hash, &self.shards[shard as usize])
    }

    /// Takes a table's growing or shrinking into the sum.
    /// Asking a table for a vacant slot can grow it, taken or not.
    fn note_table(&self, shard: &mut Shard) {
        let bytes = shard.table.allocation_size();
        if bytes != shard.table_bytes {
            self.table_bytes.fetch_add(bytes, Ordering::Relaxed);
            self.table_bytes.fetch_sub(shard.table_bytes, Ordering::Relaxed);
            shard.table_bytes = bytes;
        }
    }

    fn rehash(&self) -> impl Fn(&Entry) -> u64 {
        |entry| self.locate(&entry.outpoint).0
    }

    /// The coin, if it is unspent; from disk if it is not in memory, where it then stays.
    pub fn get(&self, outpoint: &OutPoint) -> Result<Option<Coin>> {
        self.lookup(outpoint, true)
    }

    /// The coin, if it is unspent, without bringing it into memory: for readers that are not about to spend it.
    pub fn peek(&self, outpoint: &OutPoint) -> Result<Option<Coin>> {
        self.lookup(outpoint, false)
    }

    fn lookup(&self, outpoint: &OutPoint, keep: bool) -> Result<Option<Coin>> {
        let (hash, shard) = self.locate(outpoint);
        if let Some(entry) = read(shard).table.find(hash, |entry| entry.outpoint == *outpoint) {
            return Ok(entry.coin.as_ref().map(PackedCoin::unpack));
        }
        let commits = self.commits.load(Ordering::SeqCst);
        let Some(coin) = self.db.get(outpoint)? else { return Ok(None) };
        if keep && self.entries.load(Ordering::Relaxed) < self.max_entries {
            let mut shard = write(shard);
            // A commit since then may have spent the coin and dropped the entry that said so.
            if self.commits.load(Ordering::SeqCst) == commits
                && let Slot::Vacant(slot) =
                    shard.table.entry(hash, |entry| entry.outpoint == *outpoint, self.rehash())
            {
                let packed = PackedCoin::new(coin.clone());
                let heap_bytes = packed.heap_bytes();
                slot.insert(Entry { outpoint: *outpoint, flags: 0, coin: Some(packed) });
                shard.heap_bytes += heap_bytes;
                self.heap_bytes.fetch_add(heap_bytes, Ordering::Relaxed);
                self.entries.fetch_add(1, Ordering::Relaxed);
            }
            self.note_table(&mut shard);
        }
        Ok(Some(coin))
    }

    /// Whether the coin is unspent.
    pub fn has(&self, outpoint: &OutPoint) -> Result<bool> {
        Ok(self.get(outpoint)?.is_some())
    }

    /// Adds a coin. Where `possible_overwrite` is not given, there must be no unspent coin at the outpoint (the rules
    /// see to that, BIP30): one in memory is an error, and one on disk would be lost sight of. Coinbases of the time
    /// before BIP34 may repeat, and coins given back by a reorganization may be there.
    pub fn add(&self, outpoint: OutPoint, coin: Coin, possible_overwrite: bool) -> Result<()> {
        let coin = PackedCoin::new(coin);
        let heap_bytes = coin.heap_bytes();
        let (hash, shard) = self.locate(&outpoint);
        let mut shard = write(shard);
        match shard.table.entry(hash, |entry| entry.outpoint == outpoint, self.rehash()) {
            Slot::Occupied(mut slot) => {
                let entry = slot.get_mut();
                let replaced = entry.coin.as_ref().map(PackedCoin::heap_bytes);
                if replaced.is_some() && !possible_overwrite {
                    return Err(StorageError::CoinExists(outpoint));
                }
                if entry.flags & DIRTY == 0 {
                    self.dirty.fetch_add(1, Ordering::Relaxed);
                }
                entry.flags |= DIRTY;
                entry.coin = Some(coin);
                let replaced = replaced.unwrap_or(0);
                shard.heap_bytes = shard.heap_bytes + heap_bytes - replaced;
                self.heap_bytes.fetch_sub(replaced, Ordering::Relaxed);
            }
            Slot::Vacant(slot) => {
                let flags = if possible_overwrite { DIRTY } else { DIRTY | FRESH };
                slot.insert(Entry { outpoint, flags, coin: Some(coin) });
                shard.heap_bytes += heap_bytes;
                self.dirty.fetch_add(1, Ordering::Relaxed);
                self.entries.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.note_table(&mut shard);
        self.heap_bytes.fetch_add(heap_bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Spends a coin and gives it; `None` if there is none.
    pub fn spend(&self, outpoint: &OutPoint) -> Result<Option<Coin>> {
        let (hash, shard) = self.locate(outpoint);
        {
            let mut shard = write(shard);
            if let Ok(mut slot) = shard.table.find_entry(hash, |entry| entry.outpoint == *outpoint) {
                let entry = slot.get_mut();
                let Some(packed) = entry.coin.take() else { return Ok(None) };
                if entry.flags & FRESH != 0 {
                    slot.remove();
                    self.dirty.fetch_sub(1, Ordering::Relaxed);
                    self.entries.fetch_sub(1, Ordering::Relaxed);
                } else if entry.flags & DIRTY == 0 {
                    entry.flags |= DIRTY;
                    self.dirty.fetch_add(1, Ordering::Relaxed);
                }
                let heap_bytes = packed.heap_bytes();
                shard.heap_bytes -= heap_bytes;
                self.heap_bytes.fetch_sub(heap_bytes, Ordering::Relaxed);
                return Ok(Some(packed.unpack()));
            }
        }
        let Some(coin) = self.db.get(outpoint)? else { return Ok(None) };
        let mut shard = write(shard);
        let spent = Entry { outpoint: *outpoint, flags: DIRTY, coin: None };
        match shard.table.entry(hash, |entry| entry.outpoint == *outpoint, self.rehash()) {
            Slot::Vacant(slot) => {
                slot.insert(spent);
                self.entries.fetch_add(1, Ordering::Relaxed);
            }
            // A reader has brought the coin in since.
            Slot::Occupied(mut slot) => {
                if let Some(packed) = std::mem::replace(slot.get_mut(), spent).coin {
                    shard.heap_bytes -= packed.heap_bytes();
                    self.heap_bytes.fetch_sub(packed.heap_bytes(), Ordering::Relaxed);
                }
            }
        }
        self.note_table(&mut shard);
        self.dirty.fetch_add(1, Ordering::Relaxed);
        Ok(Some(coin))
    }

    /// How full the cache is.
    pub fn usage(&self) -> CoinsCacheUsage {
        CoinsCacheUsage {
            entries: self.entries.load(Ordering::Relaxed),
            dirty: self.dirty.load(Ordering::Relaxed),
            bytes: self.bytes(),
            budget: self.budget,
        }
    }

    fn bytes(&self) -> usize {
        self.table_bytes.load(Ordering::Relaxed) + self.heap_bytes.load(Ordering::Relaxed)
    }

    /// Whether it is time for a commit: the tables are about to grow beyond the budget, or the scripts have. Cheap
    /// enough to be asked after every block. A block more or less does no harm.
    pub fn wants_flush(&self) -> bool {
        self.entries.load(Ordering::Relaxed) >= self.max_entries || self.bytes() > self.budget
    }

    /// Calls `each` with every dirty entry whose txid begins with a byte in `first`; `None` is a spent coin.
    pub(crate) fn for_each_dirty(
        &self,
        first: std::ops::RangeInclusive<u8>,
        mut each: impl FnMut(&OutPoint, Option<&PackedCoin>),
    ) {
        for shard in &self.shards {
            for entry in read(shard).table.iter() {
                if entry.flags & DIRTY != 0 && first.contains(&entry.outpoint.txid.0[0]) {
                    each(&entry.outpoint, entry.coin.as_ref());
                }
            }
        }
    }

    /// After a commit of every dirty entry: entries of spent coins go, the others are clean. Of these the youngest
    /// half of a full cache stays, since young coins are the likeliest to be spent.
    pub(crate) fn committed(&self) {
        self.commits.fetch_add(1, Ordering::SeqCst);
        // Scripts can fill the budget before the tables do, and tables can have grown too large (removed entries
        // take room in them until they are rehashed): then they have to give memory back.
        let over_budget = self.bytes() > self.budget;
        let oldest = if over_budget {
            self.oldest_to_keep(self.entries.load(Ordering::Relaxed).min(self.max_entries) / 8)
        } else {
            self.oldest_to_keep(self.max_entries / 2)
        };
        for shard in &self.shards {
            let mut shard = write(shard);
            let mut heap_bytes = 0;
            let before = shard.table.len();
            let mut cleaned = 0;
            shard.table.retain(|entry| {
                cleaned += usize::from(entry.flags & DIRTY != 0);
                entry.flags = 0;
                let kept = entry.coin.as_ref().filter(|coin| coin.height() >= oldest);
                heap_bytes += kept.map_or(0, PackedCoin::heap_bytes);
                kept.is_some()
            });
            if over_budget {
                shard.table.shrink_to(0, self.rehash());
            } else if shard.table.capacity() > self.max_shard_entries {
                shard.table.shrink_to(self.max_shard_entries, self.rehash());
            }
            self.note_table(&mut shard);
            self.dirty.fetch_sub(cleaned, Ordering::Relaxed);
            self.entries.fetch_sub(before - shard.table.len(), Ordering::Relaxed);
            self.heap_bytes.fetch_sub(shard.heap_bytes - heap_bytes, Ordering::Relaxed);
            shard.heap_bytes = heap_bytes;
        }
    }

    /// The height from which on coins stay, so that at most `keep` do.
    fn oldest_to_keep(&self, keep: usize) -> u32 {
        if self.entries.load(Ordering::Relaxed) <= keep {
            return 0;
        }
        let mut heights = Vec::new();
        for shard in &self.shards {
            heights.extend(read(shard).table.iter().filter_map(|entry| Some(entry.coin.as_ref()?.height())));
        }
        match heights.len().checked_sub(keep) {
            None | Some(0) => 0,
            Some(drop) => {
                // All coins of the border's height go. With every coin at one height that empties the cache.
                let (_, border, _) = heights.select_nth_unstable(drop - 1);
                border.saturating_add(1)
            }
        }
    }

    /// Forgets everything, dirty entries too: after the disk below has been replaced.
    pub fn clear(&self) {
        self.commits.fetch_add(1, Ordering::SeqCst);
        for shard in &self.shards {
            let mut shard = write(shard);
            let dirty = shard.table.iter().filter(|entry| entry.flags & DIRTY != 0).count();
            self.dirty.fetch_sub(dirty, Ordering::Relaxed);
            self.entries.fetch_sub(shard.table.len(), Ordering::Relaxed);
            self.heap_bytes.fetch_sub(shard.heap_bytes, Ordering::Relaxed);
            shard.table = HashTable::new();
            shard.heap_bytes = 0;
            self.note_table(&mut shard);
        }
    }
}

fn read(shard: &RwLock<Shard>) -> RwLockReadGuard<'_, Shard> {
    shard.read().unwrap_or_else(PoisonError::into_inner)
}

fn write(shard: &RwLock<Shard>) -> RwLockWriteGuard<'_, Shard> {
    shard.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
