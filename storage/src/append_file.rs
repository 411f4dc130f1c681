//! A file that only grows, for a follower's larger values: its database keeps the places.
//!
//! What was appended is durable once [`AppendFile::sync`] has returned; the follower names a place in its database
//! after that. Bytes that a crash left behind the last named place are never read and never overwritten.

use crate::error::{At, Result, StorageError};
use crate::files;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// The file. Any thread may read; one appends.
#[derive(Debug)]
pub struct AppendFile {
    path: PathBuf,
    file: File,
    end: AtomicU64,
}

impl AppendFile {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let folder = path.parent().expect("a file lies in a folder");
        files::create_dir(folder)?;
        let file = files::open_read_write(path)?;
        files::sync_dir(folder)?;
        let end = AtomicU64::new(file.metadata().at(path)?.len());
        Ok(Self { path: path.to_path_buf(), file, end })
    }

    /// Puts bytes at the end and tells where that was.
    pub fn append(&self, bytes: &[u8]) -> Result<u64> {
        let offset = self.end.load(Ordering::Acquire);
        files::write_at(&self.file, bytes, offset).at(&self.path)?;
        self.end.store(offset + bytes.len() as u64, Ordering::Release);
        Ok(offset)
    }

    /// Makes everything appended so far durable.
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().at(&self.path)
    }

    /// `len` bytes from `offset` on, which must have been appended.
    pub fn read(&self, offset: u64, len: u32) -> Result<Vec<u8>> {
        let outside = || StorageError::corrupt(&self.path, format!("nothing at {offset}, {len} bytes"));
        let end = offset.checked_add(len.into()).ok_or_else(outside)?;
        if end > self.end.load(Ordering::Acquire) {
            return Err(outside());
        }
        let mut bytes = vec![0; len as usize];
        let read = files::read_at(&self.file, &mut bytes, offset).at(&self.path)?;
        if read < bytes.len() { Err(outside()) } else { Ok(bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_stays_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("values.dat");
        let file = AppendFile::open(&path).unwrap();
        assert_eq!(file.append(b"one").unwrap(), 0);
        assert_eq!(file.append(b"two!").unwrap(), 3);
        file.sync().unwrap();
        drop(file);
        let file = AppendFile::open(&path).unwrap();
        assert_eq!(file.append(b"3").unwrap(), 7);
        assert_eq!(file.read(3, 4).unwrap(), b"two!");
        assert_eq!(file.read(7, 1).unwrap(), b"3");
        assert!(
            file.read(7, 2).is_err() && file.read(u64::MAX, 2).is_err() && file.read(1 << 40, 1).is_err()
        );
    }
}
