//! The lock that keeps a second process from a wallet's file while one changes it.
//!
//! It lies beside the file, as the file itself is replaced whenever it is written. The operating system lets go of it
//! with the process, however that ends. Who only reads needs none: what is read is the old file or the new one.

use super::failure::Failure;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another process may take before this one gives up: as long as a synchronisation of some length.
const PATIENCE: Duration = Duration::from_secs(30);
/// After this long a person is told what is being waited for.
const SILENCE: Duration = Duration::from_millis(500);
/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(50);

/// Holds the lock of a wallet.
pub struct WalletLock {
    _file: File,
}

impl WalletLock {
    /// Takes the lock of a wallet, and waits for it for a while; `tell` is told so. `None` where nobody can lock or
    /// write: on media that can only be read, or that know no locks.
    pub fn acquire(wallet: &Path, tell: &dyn Fn(&str)) -> Result<Option<Self>, Failure> {
        Self::wait(wallet, PATIENCE, tell)
    }

    fn wait(wallet: &Path, patience: Duration, tell: &dyn Fn(&str)) -> Result<Option<Self>, Failure> {
        let Some(path) = beside(wallet) else { return Ok(None) };
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        // What stands in the way of a lock also stands in the way of writing, which says it with the wallet's name.
        let Ok(file) = options.open(&path) else { return Ok(None) };
        let begun = Instant::now();
        let mut told = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { _file: file })),
                Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => return Ok(None),
                Err(TryLockError::Error(error)) => {
                    let message = format!("{} can't be locked: {error}", path.display());
                    return Err(Failure::new("bad_file", message));
                }
                Err(TryLockError::WouldBlock) if begun.elapsed() > patience => {
                    let message = format!(
                        "{} is in use by another chaincore-wallet: wait until that ends, or answer what it asks",
                        wallet.display()
                    );
                    return Err(Failure::new("busy", message));
                }
                Err(TryLockError::WouldBlock) => {
                    if !told && begun.elapsed() > SILENCE {
                        tell(&format!("another chaincore-wallet uses {}: waiting for it", wallet.display()));
                        told = true;
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }
}

/// Where the lock is: the same for every link to a wallet.
fn beside(wallet: &Path) -> Option<PathBuf> {
    let wallet = std::fs::canonicalize(wallet).unwrap_or_else(|_| wallet.to_path_buf());
    let name = wallet.file_name()?.to_string_lossy().into_owned();
    Some(wallet.with_file_name(format!(".{name}.lock")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let wallet = folder.path().join("a.json");
        let told = Cell::new(0);
        let tell = |_: &str| told.set(told.get() + 1);
        let first = WalletLock::acquire(&wallet, &tell).unwrap();
        assert!(first.is_some());
        let second = WalletLock::wait(&wallet, SILENCE * 2, &tell).err().unwrap();
        assert_eq!((second.exit_code(), told.get()), (10, 1), "{second}");
        // Another wallet in the same folder is another matter.
        assert!(WalletLock::wait(&folder.path().join("b.json"), Duration::ZERO, &tell).unwrap().is_some());
        drop(first);
        assert!(WalletLock::wait(&wallet, Duration::ZERO, &tell).unwrap().is_some());
        // Where nothing can be written, nothing needs to be kept apart.
        assert!(WalletLock::acquire(&folder.path().join("none/a.json"), &tell).unwrap().is_none());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_leads_to_the_same_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (wallet, link) = (folder.path().join("a.json"), folder.path().join("link.json"));
        std::fs::write(&wallet, "").unwrap();
        std::os::unix::fs::symlink(&wallet, &link).unwrap();
        let _held = WalletLock::acquire(&wallet, &|_| {}).unwrap();
        assert!(WalletLock::wait(&link, Duration::ZERO, &|_| {}).is_err());
    }
}
