//! A sled database as the store uses it: a fixed set of trees, explicit commits, bounded memory.
//!
//! What sled 1.0.0-alpha.124 does, read from its source and relied on here:
//! - Nothing reaches the disk but through `flush`. Cache pressure drops clean leaves only; a dirty one waits for
//!   the next flush. A flush writes the dirty leaves of *all* trees to unused slots, syncs them, and then appends
//!   one checksummed frame with their places to a log and syncs that: the frame is the commit point across trees.
//! - With `flush_every_ms(None)` every dropped tree handle flushes, and every iterator holds one: reading would
//!   commit what a writer has half applied. A very long interval switches that off as well as the timer.
//! - After a flush has failed, the next one waits for it forever, and the updates of the failed one are lost to
//!   memory. So one failure ends all writing ([`StorageError::Stopped`]) and the handles are then leaked, not
//!   dropped, because dropping flushes. What is on the disk stays the last commit.
//! - A leaf that has been flushed once is never dropped from memory while the database is open. So the database
//!   is closed and opened again once the flushes since its opening have brought in more than its share of memory.
//! - Opening loses everything if the process was killed at one moment of the opening before (see
//!   [`keep_snapshot`]). That state is mended before sled sees it.
//! - Handles are not `Sync`: a few clones behind locks serve all threads.

use crate::error::{At, Result, StorageError};
use crate::files;
use std::cell::Cell;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Entries per leaf. Coins come in random order, so each one written costs the rewriting of its leaf: small
/// leaves keep that low. Part of the on-disk format.
const LEAF_FANOUT: usize = 128;

/// Keys and values hardly compress (they are hashes); this level only folds what zstd gets for free.
const ZSTD_LEVEL: i32 = -3;

/// Longer than any process lives: no flush but the explicit ones.
const NO_TIMER_MS: usize = 1 << 40;

/// Memory taken by a leaf, in multiples of its bytes on disk (measured with coins: about 3, and the allocator's part).
const RESIDENT_PER_WRITTEN: u64 = 4;

/// Memory taken by a leaf, in multiples of the bytes that sled counts it for, which are those of its keys and values.
const RESIDENT_PER_COUNTED: usize = 3;

/// Threads that can read at the same time without waiting for each other.
const HANDLES: usize = 8;

type Db = sled::Db<LEAF_FANOUT>;
type Tree = sled::Tree<LEAF_FANOUT>;

/// One change to one tree: the tree's number, the key, the new value or `None` to remove it.
pub(crate) type Op<'a> = (u8, &'a [u8], Option<&'a [u8]>);

/// A key and its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

#[derive(Clone)]
struct Handle {
    trees: Vec<Tree>,
    db: Db,
}

/// An open database. Any thread may read; one at a time should apply and flush.
pub(crate) struct Database {
    path: PathBuf,
    tree_names: &'static [&'static str],
    cache_bytes: usize,
    handles: RwLock<Vec<Mutex<Handle>>>,
    flushing: Mutex<()>,
    failed: AtomicBool,
    written: AtomicU64,
}

fn unpoisoned<T>(result: std::result::Result<T, PoisonError<T>>) -> T {
    // A reader that panicked has changed nothing.
    result.unwrap_or_else(PoisonError::into_inner)
}

fn slot() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static SLOT: Cell<usize> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed));
    }
    SLOT.with(Cell::get) % HANDLES
}

impl Database {
    /// Opens or makes the database in `path`.
    pub(crate) fn open(path: &Path, tree_names: &'static [&'static str], cache_bytes: usize) -> Result<Self> {
        files::create_dir(path)?;
        let handles = open_handles(path, tree_names, cache_bytes)?;
        Ok(Self {
            path: path.to_path_buf(),
            tree_names,
            cache_bytes,
            handles: RwLock::new(handles),
            flushing: Mutex::new(()),
            failed: AtomicBool::new(false),
            written: AtomicU64::new(0),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn stopped(&self) -> StorageError {
        StorageError::Stopped { path: self.path.clone() }
    }

    fn check_writable(&self) -> Result<()> {
        if self.failed.load(Ordering::Acquire) { Err(self.stopped()) } else { Ok(()) }
    }

    fn fail(&self, error: StorageError) -> StorageError {
        self.failed.store(true, Ordering::Release);
        error
    }

    fn with<T>(&self, work: impl FnOnce(&Handle) -> std::io::Result<T>) -> Result<T> {
        let handles = unpoisoned(self.handles.read());
        let handle: MutexGuard<'_, Handle> =
            unpoisoned(handles.get(slot()).ok_or_else(|| self.stopped())?.lock());
        work(&handle).at(&self.path)
    }

    /// Reads one value through `read`.
    pub(crate) fn get<T>(&self, tree: u8, key: &[u8], read: impl FnOnce(&[u8]) -> T) -> Result<Option<T>> {
        self.with(|handle| Ok(handle.trees[usize::from(tree)].get(key)?.map(|value| read(&value))))
    }

    /// Up to `limit` entries between the bounds, in key order or from the last one backwards.
    pub(crate) fn range(
        &self,
        tree: u8,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Entry>> {
        let own = |entry: std::io::Result<(sled::InlineArray, sled::InlineArray)>| {
            entry.map(|(key, value)| (key.to_vec(), value.to_vec()))
        };
        if is_empty_range(from, to) {
            return Ok(Vec::new());
        }
        self.with(|handle| {
            let entries = handle.trees[usize::from(tree)].range::<&[u8], _>((from, to));
            if reverse {
                entries.rev().take(limit).map(own).collect()
            } else {
                entries.take(limit).map(own).collect()
            }
        })
    }

    /// Applies changes in memory; [`flush`](Self::flush) makes them durable. The changes to one tree show at once.
    pub(crate) fn apply<'a>(&self, ops: impl IntoIterator<Item = Op<'a>>) -> Result<()> {
        self.check_writable()?;
        let mut batches: Vec<Option<sled::Batch>> = vec![None; self.tree_names.len()];
        for (tree, key, value) in ops {
            let batch = batches[usize::from(tree)].get_or_insert_default();
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        self.with(|handle| {
            for (tree, batch) in handle.trees.iter().zip(batches) {
                if let Some(batch) = batch {
                    tree.apply_batch(batch)?;
                }
            }
            Ok(())
        })
        .map_err(|error| self.fail(error))
    }

    /// Makes everything applied so far durable, atomically.
    pub(crate) fn flush(&self) -> Result<()> {
        let _one_at_a_time = unpoisoned(self.flushing.lock());
        self.check_writable()?;
        let stats = self.with(|handle| handle.db.flush()).map_err(|error| self.fail(error))?;
        let bytes = stats.write_batch.heap_bytes_written;
        let written = self.written.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if written.saturating_mul(RESIDENT_PER_WRITTEN) > self.cache_bytes as u64 {
            self.reopen()?;
        }
        Ok(())
    }

    /// Gives back the memory of all leaves. The caller has flushed and holds `flushing`.
    fn reopen(&self) -> Result<()> {
        let mut handles = unpoisoned(self.handles.write());
        handles.clear();
        *handles =
            open_handles(&self.path, self.tree_names, self.cache_bytes).map_err(|error| self.fail(error))?;
        self.written.store(0, Ordering::Relaxed);
        Ok(())
    }

    /// How many times the database, with `more` bytes, would fill the memory it may take, rounded up.
    pub(crate) fn times_larger_than_memory(&self, more: u64) -> Result<u64> {
        let resident = (self.disk_bytes()? + more).saturating_mul(RESIDENT_PER_WRITTEN);
        Ok(resident / self.cache_bytes.max(1) as u64 + 1)
    }

    /// Flushes and closes; the error that dropping can't tell.
    pub(crate) fn close(self) -> Result<()> {
        self.flush()
    }

    /// Bytes on disk.
    pub(crate) fn disk_bytes(&self) -> Result<u64> {
        self.with(|handle| handle.db.size_on_disk())
    }
}

fn is_empty_range(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => {
            from >= to
        }
    }
}

/// Mends what a kill during an opening can leave: a snapshot of the metadata without a log behind it. sled would
/// write the new snapshot under the same number, and then remove the "old" one, which is the new one. With an empty
/// log behind the snapshot the numbers differ.
fn keep_snapshot(path: &Path) -> Result<()> {
    let metadata = path.join("metadata");
    let names = match std::fs::read_dir(&metadata) {
        Ok(names) => names,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).at(&metadata),
    };
    let (mut snapshot, mut log) = (None, None);
    for entry in names {
        let name = entry.at(&metadata)?.file_name();
        let number = |prefix: &str| u64::from_str_radix(name.to_str()?.strip_prefix(prefix)?, 16).ok();
        snapshot = snapshot.max(number("snapshot_"));
        log = log.max(number("log_"));
    }
    if let Some(snapshot) = snapshot
        && log.is_none_or(|log| log <= snapshot)
    {
        let path = metadata.join(format!("log_{:016x}", snapshot + 1));
        files::private().write(true).create_new(true).open(&path).at(&path)?;
        files::sync_dir(&metadata)?;
    }
    Ok(())
}

/// How long an opening waits for sled's threads of an earlier handle in this process to let go of the database. Other
/// processes are kept out by the folder's own lock.
const PATIENCE: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(10);

fn open_sled(path: &Path, cache_bytes: usize) -> Result<Db> {
    let since = Instant::now();
    loop {
        keep_snapshot(path)?;
        let opened = sled::Config::new()
            .path(path)
            .cache_capacity_bytes(cache_bytes / RESIDENT_PER_COUNTED)
            .flush_every_ms(Some(NO_TIMER_MS))
            .zstd_compression_level(ZSTD_LEVEL)
            .open();
        match opened {
            Ok(db) => return Ok(db),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                if since.elapsed() > PATIENCE {
                    return Err(StorageError::Locked { path: path.to_path_buf() });
                }
                std::thread::sleep(RETRY);
            }
            Err(error) => return Err(StorageError::io(path, error)),
        }
    }
}

fn open_handles(path: &Path, tree_names: &[&str], cache_bytes: usize) -> Result<Vec<Mutex<Handle>>> {
    let db = open_sled(path, cache_bytes)?;
    let trees = tree_names.iter().map(|name| db.open_tree(name)).collect::<std::io::Result<_>>().at(path)?;
    let handle = Handle { trees, db };
    Ok((0..HANDLES).map(|_| Mutex::new(handle.clone())).collect())
}

impl Drop for Database {
    fn drop(&mut self) {
        if !self.failed.load(Ordering::Acquire)
            && let Err(error) = self.flush()
        {
            tracing::error!("closing the database failed: {error}");
        }
        if self.failed.load(Ordering::Acquire) {
            // Dropping would flush, which can hang or abort after a failure.
            std::mem::forget(std::mem::take(&mut *unpoisoned(self.handles.write())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_without_a_log_is_not_lost() {
        let folder = tempfile::tempdir().unwrap();
        let open = || Database::open(folder.path(), &["a", "b"], 1 << 20).unwrap();
        let database = open();
        database.apply([(1, &b"key"[..], Some(&b"value"[..]))]).unwrap();
        database.close().unwrap();
        for round in 0..4 {
            let metadata = folder.path().join("metadata");
            for entry in std::fs::read_dir(&metadata).unwrap().map(|entry| entry.unwrap()) {
                let name = entry.file_name().into_string().unwrap();
                // The first opening takes what there is into a snapshot and leaves an empty log behind it.
                if round > 0 && name.starts_with("log_") {
                    assert_eq!(entry.metadata().unwrap().len(), 0);
                    std::fs::remove_file(entry.path()).unwrap();
                }
            }
            assert_eq!(
                open().get(1, b"key", <[u8]>::to_vec).unwrap(),
                Some(b"value".to_vec()),
                "round {round}"
            );
        }
    }

    #[test]
    fn memory_is_given_back_without_losing_anything() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path(), &["a"], 100_000).unwrap();
        let value = [7; 50];
        for round in 0..20u32 {
            let keys: Vec<_> = (0..500u32).map(|n| (round << 16 | n).to_le_bytes()).collect();
            database.apply(keys.iter().map(|key| (0, &key[..], Some(&value[..])))).unwrap();
            database.flush().unwrap();
        }
        // Reopening counts from nothing again.
        assert!(database.written.load(Ordering::Relaxed) * RESIDENT_PER_WRITTEN <= 100_000);
        let all = database.range(0, Bound::Unbounded, Bound::Unbounded, usize::MAX, false).unwrap();
        assert_eq!(all.len(), 10_000);
    }
}
