//! Who runs the server, and where it may keep its files.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// The account of a server: another one than ours only if we are root.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Account {
    other: Option<(u32, u32)>,
}

/// What a Unix socket's path may have at most, with the zero at its end (`sun_path` of Linux).
const SOCKET_PATH: usize = 108;
/// `/.s.PGSQL.65535.lock`, the longest name beside the socket.
const SOCKET_NAME: usize = 20;

/// Where Linux keeps files in memory. A server has a thousand files, and a disk that others use is slow to remove them.
const MEMORY: &str = "/dev/shm";
/// A server of a test takes 50 to 300 MB, and several run side by side.
const PLENTY: u64 = 4 << 30;

impl Account {
    /// Ours, or as root that of `postgres` or else of `nobody`.
    pub(crate) fn choose() -> Result<Self, Error> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Self { other: None });
        }
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let found = ["postgres", "nobody"].iter().find_map(|name| ids(&accounts, name));
        found.map(|ids| Self { other: Some(ids) }).ok_or(Error::NoAccount)
    }

    /// A command that will run as this account, without the settings of a user's own PostgreSQL.
    pub(crate) fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.other {
            // Our home is closed to it, and clients look there for certificates.
            command.uid(user).gid(group).env("HOME", "/");
        }
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PG") {
                command.env_remove(name);
            }
        }
        command
    }

    /// Gives a file to the account.
    pub(crate) fn give(self, path: &Path) -> Result<(), Error> {
        let Some((user, group)) = self.other else { return Ok(()) };
        let given = chown(path, Some(user), Some(group));
        given.map_err(|source| Error::File { path: path.to_owned(), source })
    }

    /// A new folder that belongs to the account and whose path leaves room for a socket's name; in memory if its files
    /// need not last and there is plenty.
    pub(crate) fn folder(self, lasting: bool) -> Result<PathBuf, Error> {
        let mut candidates = vec![std::env::temp_dir(), PathBuf::from("/tmp")];
        if !lasting && free_space(Path::new(MEMORY)) >= PLENTY {
            candidates.insert(0, PathBuf::from(MEMORY));
        }
        let Some(parent) = candidates.iter().find(|folder| self.may_enter(folder) && is_short(folder)) else {
            let names: Vec<_> = candidates.iter().map(|folder| folder.display().to_string()).collect();
            return Err(Error::NoFolder(names.join(" and ")));
        };
        let folder = tempfile::Builder::new().prefix("chaincore-pg-").tempdir_in(parent);
        let folder = folder.map_err(|source| Error::File { path: parent.clone(), source })?;
        self.give(folder.path())?;
        Ok(folder.keep())
    }

    fn may_enter(self, folder: &Path) -> bool {
        let Some((user, _)) = self.other else { return folder.is_dir() };
        folder.ancestors().all(|part| {
            part.metadata().is_ok_and(|data| {
                data.permissions().mode() & 0o001 != 0 || (data.uid() == user && data.mode() & 0o100 != 0)
            })
        })
    }
}

/// The bytes that may still be written; none if nobody can tell.
fn free_space(folder: &Path) -> u64 {
    rustix::fs::statvfs(folder).map_or(0, |space| space.f_bavail.saturating_mul(space.f_frsize))
}

fn is_short(parent: &Path) -> bool {
    let own = "/chaincore-pg-123456".len();
    parent.as_os_str().len() + own + SOCKET_NAME < SOCKET_PATH
}

fn ids(accounts: &str, name: &str) -> Option<(u32, u32)> {
    accounts.lines().find_map(|line| {
        let fields: Vec<_> = line.split(':').collect();
        if fields.first() != Some(&name) {
            return None;
        }
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let accounts =
            "root:x:0:0::/root:/bin/sh\npostgres2:x:7:8::/:/bin/sh\npostgres:x:101:104:,,:/:/bin/sh\n";
        assert_eq!(ids(accounts, "postgres"), Some((101, 104)));
        assert_eq!(ids(accounts, "nobody"), None);
    }

    #[test]
    fn a_folder_whose_sockets_would_have_too_long_names_is_not_taken() {
        assert!(is_short(Path::new("/tmp")));
        assert!(!is_short(&PathBuf::from(format!("/{}", "x".repeat(80)))));
    }

    #[test]
    fn what_must_last_is_not_kept_in_memory() {
        let account = Account { other: None };
        let lasting = account.folder(true).unwrap();
        let other = account.folder(false).unwrap();
        assert!(!lasting.starts_with(MEMORY) || std::env::temp_dir().starts_with(MEMORY));
        assert!(other.is_dir() && other != lasting);
        assert_eq!(free_space(Path::new("/nonexistent")), 0);
        for folder in [lasting, other] {
            std::fs::remove_dir(folder).unwrap();
        }
    }

    #[test]
    fn a_folder_closed_to_others_is_not_taken_for_another_account() {
        let closed = tempfile::tempdir().unwrap();
        std::fs::set_permissions(closed.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let stranger = Account { other: Some((54_321, 54_321)) };
        assert!(!stranger.may_enter(closed.path()));
        assert!(Account { other: None }.may_enter(closed.path()));
    }
}
