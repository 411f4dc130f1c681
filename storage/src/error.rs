//! What can go wrong with a store.

use chaincore_consensus::OutPoint;
use std::io;
use std::path::{Path, PathBuf};

/// Why the store could not do what was asked. After [`DiskFull`](Self::DiskFull), [`Io`](Self::Io) or
/// [`Corrupt`](Self::Corrupt) from a write, the store refuses further writes with [`Stopped`](Self::Stopped):
/// what is on the disk is the last commit, and only a reopening decides what that is.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another process holds the folder.
    #[error("Cannot obtain a lock on directory {}. ChainCore is probably already running.", .path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
    },
    /// The folder belongs to another chain.
    #[error(
        "{} holds the chain '{found}' (genesis {found_genesis}), not '{expected}' (genesis {expected_genesis})",
        .path.display()
    )]
    OtherChain {
        /// The folder.
        path: PathBuf,
        /// The chain it was made for.
        found: String,
        /// That chain's first block.
        found_genesis: String,
        /// The chain that was to be opened.
        expected: String,
        /// That chain's first block.
        expected_genesis: String,
    },
    /// The folder was written in a format that this version does not read.
    #[error("{} is of storage format {found}, this version reads {expected}: use -reindex", .path.display())]
    Format {
        /// The folder.
        path: PathBuf,
        /// The format found.
        found: String,
        /// The format that can be read.
        expected: u32,
    },
    /// The file system has no room left (or a quota or file size limit says so).
    #[error("disk full while writing {}: {source}", .path.display())]
    DiskFull {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file system failed.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What was read is not what was written.
    #[error("{} is damaged: {what}", .path.display())]
    Corrupt {
        /// The file or folder.
        path: PathBuf,
        /// What was wrong.
        what: String,
    },
    /// An earlier failure has ended all writing.
    #[error("{} is closed after an earlier failure", .path.display())]
    Stopped {
        /// The folder.
        path: PathBuf,
    },
    /// A coin was added over an unspent one where the rules exclude that.
    #[error("coin {0} exists already")]
    CoinExists(OutPoint),
    /// A block, or its undo data, is larger than any can be or than its file can hold.
    #[error("block or undo data of {0} bytes exceeds the limit")]
    TooLarge(usize),
}

impl StorageError {
    /// Types a failed operation on `path`.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        let source = without_trace(source);
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
                Self::DiskFull { path, source }
            }
            _ => Self::Io { path, source },
        }
    }

    pub(crate) fn corrupt(path: &Path, what: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_path_buf(), what: what.into() }
    }

    /// Whether the cause is a lack of room, which the user can mend.
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::DiskFull { .. })
    }
}

/// sled writes before an error where in its sources it has passed: of use to nobody who reads the message.
fn without_trace(error: io::Error) -> io::Error {
    let text = error.to_string();
    match text.rsplit_once(" -> ") {
        Some((trace, what)) if trace.starts_with("sled:") => io::Error::new(error.kind(), what),
        _ => error,
    }
}

/// The result of everything here.
pub type Result<T> = std::result::Result<T, StorageError>;

/// Names the file in an error.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T> {
        self.map_err(|error| StorageError::io(path, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_say_what_and_not_where_in_the_sources() {
        let full = io::Error::new(
            io::ErrorKind::StorageFull,
            "sled:src/heap.rs:907 -> sled:src/heap.rs:435 -> No space",
        );
        let error = StorageError::io(Path::new("db"), full);
        assert!(error.is_disk_full());
        assert_eq!(error.to_string(), "disk full while writing db: No space");
        let other = StorageError::io(Path::new("db"), io::Error::other("a -> b"));
        assert_eq!(other.to_string(), "db: a -> b");
    }
}
