//! The redo journal: a commit in one file, before it goes into the database piece by piece.
//!
//! A commit can be larger than what should be in memory at once, so it can't be one sled batch. It is written
//! here first, in full and synced, and takes its final name in one rename: that is the commit point. Applying it
//! is idempotent (it holds final values, not changes), so after a crash it is applied from its start again and
//! then removed. Reading is the same code in both cases: every commit exercises what recovery does.
//!
//! The form: one of two magics, then frames of `length u32, crc32 u32, ops`, then a frame of length zero. An op is `tree u8, key length u8, key, value length u32 or ffffffff to remove, value`.

use crate::database::Op;
use crate::error::{At, Result, StorageError};
use crate::files;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Begins a journal of changes.
const CHANGES: &[u8; 8] = b"CCREDO01";
/// Begins a journal of all there is.
const REPLACES: &[u8; 8] = b"CCREPL01";
const REMOVED: u32 = u32::MAX;
const FRAME_BYTES: usize = 1 << 20;
const MAX_FRAME_BYTES: u32 = 64 << 20;

/// Writes a journal; it counts only after [`finish`](Self::finish).
pub(crate) struct JournalWriter {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    frame: Vec<u8>,
}

impl JournalWriter {
    /// Begins a journal in `folder`. With `replace_all` the database is emptied before it is applied.
    pub(crate) fn create(folder: &Path, replace_all: bool) -> Result<Self> {
        let path = journal_path(folder);
        let temporary = path.with_extension("tmp");
        let file =
            files::private().write(true).create(true).truncate(true).open(&temporary).at(&temporary)?;
        let mut file = BufWriter::with_capacity(FRAME_BYTES, file);
        file.write_all(if replace_all { REPLACES } else { CHANGES }).at(&temporary)?;
        Ok(Self { path, temporary, file, frame: Vec::with_capacity(FRAME_BYTES + 4096) })
    }

    /// Adds a change. Sorted keys make for fast applying.
    pub(crate) fn put(&mut self, (tree, key, value): Op<'_>) -> Result<()> {
        let key_len = u8::try_from(key.len()).expect("keys are registered in keys.rs and short");
        self.frame.extend([tree, key_len]);
        self.frame.extend(key);
        match value {
            None => self.frame.extend(REMOVED.to_le_bytes()),
            Some(value) => {
                let len = u32::try_from(value.len()).expect("values are far below 4 GiB");
                self.frame.extend(len.to_le_bytes());
                self.frame.extend(value);
            }
        }
        if self.frame.len() >= FRAME_BYTES { self.end_frame() } else { Ok(()) }
    }

    fn end_frame(&mut self) -> Result<()> {
        let len = u32::try_from(self.frame.len()).expect("a frame is about 1 MiB");
        self.file
            .write_all(&len.to_le_bytes())
            .and_then(|()| self.file.write_all(&crc32fast::hash(&self.frame).to_le_bytes()))
            .and_then(|()| self.file.write_all(&self.frame))
            .at(&self.temporary)?;
        self.frame.clear();
        Ok(())
    }

    /// Makes the journal durable and the commit decided. On an error nothing has been decided.
    pub(crate) fn finish(mut self) -> Result<()> {
        if !self.frame.is_empty() {
            self.end_frame()?;
        }
        self.end_frame()?;
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).at(&self.temporary)?;
        std::fs::rename(&self.temporary, &self.path).at(&self.path)?;
        files::sync_dir(self.path.parent().expect("the journal lies in a folder"))
    }
}

/// A decided commit that may not be in the database yet.
pub(crate) struct Journal {
    path: PathBuf,
    file: BufReader<File>,
    replace_all: bool,
}

impl Journal {
    /// The journal in `folder`, if there is one, checked to its end. What an unfinished one left is removed.
    pub(crate) fn find(folder: &Path) -> Result<Option<Self>> {
        files::remove_file(&journal_path(folder).with_extension("tmp"))?;
        let Some(mut journal) = Self::open(folder)? else { return Ok(None) };
        while journal.next_frame()?.is_some() {}
        Self::open(folder)
    }

    /// The journal in `folder`, not checked yet.
    pub(crate) fn open(folder: &Path) -> Result<Option<Self>> {
        let path = journal_path(folder);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).at(&path),
        };
        let mut file = BufReader::with_capacity(1 << 18, file);
        let mut magic = [0; CHANGES.len()];
        file.read_exact(&mut magic).at(&path)?;
        if ![CHANGES, REPLACES].contains(&&magic) {
            return Err(StorageError::corrupt(&path, "unknown magic"));
        }
        Ok(Some(Self { path, file, replace_all: magic == *REPLACES }))
    }

    /// Its bytes.
    pub(crate) fn len(&self) -> Result<u64> {
        Ok(self.file.get_ref().metadata().at(&self.path)?.len())
    }

    /// Whether the database is to be emptied first.
    pub(crate) fn replaces_all(&self) -> bool {
        self.replace_all
    }

    /// The next piece of the commit, `None` at its end.
    pub(crate) fn next_frame(&mut self) -> Result<Option<Frame>> {
        let mut start = [0; 8];
        self.file.read_exact(&mut start).at(&self.path)?;
        let [len, crc] =
            [0, 4].map(|at| u32::from_le_bytes(start[at..at + 4].try_into().expect("four bytes")));
        if len == 0 && crc == crc32fast::hash(&[]) {
            return Ok(None);
        }
        if len > MAX_FRAME_BYTES {
            return Err(StorageError::corrupt(&self.path, format!("frame of {len} bytes")));
        }
        let mut bytes = vec![0; len as usize];
        self.file.read_exact(&mut bytes).at(&self.path)?;
        if crc32fast::hash(&bytes) != crc {
            return Err(StorageError::corrupt(&self.path, "checksum mismatch"));
        }
        Ok(Some(Frame(bytes)))
    }

    /// Removes the journal: everything in it is durable elsewhere.
    pub(crate) fn remove(self) -> Result<()> {
        files::remove_file(&self.path)
    }
}

/// A checked piece of a journal.
pub(crate) struct Frame(Vec<u8>);

impl Frame {
    /// Its bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Its changes.
    pub(crate) fn ops(&self) -> impl Iterator<Item = Op<'_>> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (&[tree, key_len], tail) = rest.split_first_chunk::<2>()?;
            let (key, tail) = tail.split_at_checked(key_len.into())?;
            let (len, tail) = tail.split_first_chunk::<4>()?;
            let len = u32::from_le_bytes(*len);
            let (value, tail) = if len == REMOVED {
                (None, tail)
            } else {
                let (value, tail) = tail.split_at_checked(len as usize)?;
                (Some(value), tail)
            };
            rest = tail;
            Some((tree, key, value))
        })
    }
}

fn journal_path(folder: &Path) -> PathBuf {
    folder.join("journal")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tree, key and value of a change.
    type Op = (u8, Vec<u8>, Option<Vec<u8>>);

    fn ops(count: u32) -> Vec<Op> {
        let op = |n: u32| {
            (
                n as u8 % 3,
                n.to_be_bytes().to_vec(),
                (!n.is_multiple_of(4)).then(|| vec![n as u8; n as usize % 90]),
            )
        };
        (0..count).map(op).collect()
    }

    fn write(folder: &Path, ops: &[Op]) {
        let mut writer = JournalWriter::create(folder, false).unwrap();
        for (tree, key, value) in ops {
            writer.put((*tree, key, value.as_deref())).unwrap();
        }
        writer.finish().unwrap();
    }

    #[test]
    fn reads_back_what_was_written_over_many_frames() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Journal::find(folder.path()).unwrap().is_none());
        let ops = ops(60_000);
        write(folder.path(), &ops);
        let mut journal = Journal::find(folder.path()).unwrap().unwrap();
        let mut read = Vec::new();
        let mut frames = 0;
        while let Some(frame) = journal.next_frame().unwrap() {
            frames += 1;
            read.extend(
                frame.ops().map(|(tree, key, value)| (tree, key.to_vec(), value.map(<[u8]>::to_vec))),
            );
        }
        assert!(frames > 2);
        assert_eq!(read, ops);
        journal.remove().unwrap();
        assert!(Journal::find(folder.path()).unwrap().is_none());
    }

    #[test]
    fn damage_is_seen_and_an_unfinished_journal_does_not_count() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &ops(1000));
        let path = journal_path(folder.path());
        let good = std::fs::read(&path).unwrap();
        for at in [0, 12, 500, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            std::fs::write(&path, bad).unwrap();
            assert!(Journal::find(folder.path()).is_err(), "flip at {at}");
        }
        for len in [3, 12, good.len() - 1] {
            std::fs::write(&path, &good[..len]).unwrap();
            assert!(Journal::find(folder.path()).is_err(), "cut to {len}");
        }
        std::fs::remove_file(&path).unwrap();
        std::fs::write(path.with_extension("tmp"), &good[..100]).unwrap();
        assert!(Journal::find(folder.path()).unwrap().is_none());
        assert!(!path.with_extension("tmp").exists());
    }
}
