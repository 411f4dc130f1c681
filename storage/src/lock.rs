//! The lock that keeps a second process out of a folder.

use crate::error::{At, Result, StorageError};
use crate::files;
use std::fs::{File, TryLockError};
use std::path::Path;

/// Holds `.lock` in a folder. The operating system releases it with the process, however that ends.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock of a folder, which must exist.
    pub fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(".lock");
        let file = files::open_read_write(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StorageError::Locked { path: folder.to_path_buf() }),
            Err(TryLockError::Error(error)) => Err(error).at(&path),
        }
    }
}
