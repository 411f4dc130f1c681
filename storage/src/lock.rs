//! The lock that keeps a second process out of a folder.

use crate::error::{At, Result, StorageError};
use crate::files;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a lock that is held is tried again. A child process has it, too, between its fork and its exec (the
/// database starts one when it is opened, plugins are some), so one that was let go of may seem held for a moment.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(20);

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
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => {
                    return Err(StorageError::Locked { path: folder.to_path_buf() });
                }
                Err(TryLockError::Error(error)) => return Err(error).at(&path),
            }
        }
    }
}
