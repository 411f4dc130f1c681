//! Databases of the chain's followers: ordered bytes with a cursor that always fits them.

use crate::database::{Database, Entry};
use crate::error::{Result, StorageError};
use chaincore_consensus::BlockHash;
use std::ops::Bound;
use std::path::Path;

const DATA: u8 = 0;
const CURSOR: u8 = 1;
const CURSOR_KEY: &[u8] = b"cursor";

/// Where a follower is: a block by height and hash.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cursor {
    /// The block's height.
    pub height: u32,
    /// The block's hash.
    pub hash: BlockHash,
}

/// Changes that belong together.
#[derive(Clone, Default, Debug)]
pub struct IndexBatch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl IndexBatch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key. Of several changes to one key the last counts.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push((key.into(), Some(value.into())));
    }

    /// Removes a key, if it is there.
    pub fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.changes.push((key.into(), None));
    }

    /// How many changes there are.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// The database of one follower. Any thread may read; one writes.
pub struct IndexDb {
    database: Database,
}

impl IndexDb {
    pub(crate) fn open(path: &Path, cache_bytes: usize) -> Result<Self> {
        Ok(Self { database: Database::open(path, &["data", "cursor"], cache_bytes)? })
    }

    /// Applies changes and moves the cursor (`None`: to before the first block). Readers see the changes at once;
    /// after a crash they are there only if a [`flush`](Self::flush) followed.
    pub fn apply(&self, batch: &IndexBatch, cursor: Option<Cursor>) -> Result<()> {
        let cursor = cursor.map(|cursor| [&cursor.height.to_be_bytes()[..], &cursor.hash.0].concat());
        let changes = batch.changes.iter().map(|(key, value)| (DATA, key.as_slice(), value.as_deref()));
        self.database.apply(changes.chain([(CURSOR, CURSOR_KEY, cursor.as_deref())]))
    }

    /// Makes everything applied so far durable, atomically, the cursor with it.
    pub fn flush(&self) -> Result<()> {
        self.database.flush()
    }

    /// Flushes and closes, which dropping does too, but without telling an error.
    pub fn close(self) -> Result<()> {
        self.database.close()
    }

    /// The cursor last applied.
    pub fn cursor(&self) -> Result<Option<Cursor>> {
        let cursor = self.database.get(CURSOR, CURSOR_KEY, |bytes| {
            let (height, hash) = bytes.split_first_chunk::<4>()?;
            Some(Cursor { height: u32::from_be_bytes(*height), hash: BlockHash(hash.try_into().ok()?) })
        })?;
        match cursor {
            Some(None) => Err(StorageError::corrupt(self.database.path(), "cursor")),
            cursor => Ok(cursor.flatten()),
        }
    }

    /// The value of a key.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.database.get(DATA, key, <[u8]>::to_vec)
    }

    /// Up to `limit` entries between the bounds in key order.
    pub fn range(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        self.database.range(DATA, from, to, limit, false)
    }

    /// Up to `limit` entries between the bounds, from the last one backwards.
    pub fn range_rev(&self, from: Bound<&[u8]>, to: Bound<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        self.database.range(DATA, from, to, limit, true)
    }

    /// Up to `limit` entries whose keys begin with `prefix`, in key order; those behind the key `after`, if given,
    /// which is how to read on.
    pub fn scan_prefix(&self, prefix: &[u8], after: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        let end = prefix_end(prefix);
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.range(from, end.as_deref().map_or(Bound::Unbounded, Bound::Excluded), limit)
    }

    /// As [`scan_prefix`](Self::scan_prefix), from the last entry backwards; those in front of the key `before`.
    pub fn scan_prefix_rev(&self, prefix: &[u8], before: Option<&[u8]>, limit: usize) -> Result<Vec<Entry>> {
        let end = prefix_end(prefix);
        let to = match (before, end.as_deref()) {
            (Some(before), Some(end)) => Bound::Excluded(before.min(end)),
            (Some(bound), None) | (None, Some(bound)) => Bound::Excluded(bound),
            (None, None) => Bound::Unbounded,
        };
        self.range_rev(Bound::Included(prefix), to, limit)
    }

    /// Bytes on disk.
    pub fn disk_bytes(&self) -> Result<u64> {
        self.database.disk_bytes()
    }
}

/// The first key behind all that begin with `prefix`.
fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

#[cfg(test)]
mod tests;
