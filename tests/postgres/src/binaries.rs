//! Where PostgreSQL's programs are.

use std::path::{Path, PathBuf};

use crate::Error;

/// The folder of PostgreSQL's programs.
#[derive(Debug, Clone)]
pub struct Binaries {
    folder: PathBuf,
}

impl Binaries {
    /// The installed PostgreSQL: what `CHAINCORE_PG_BIN` names, else what `PATH` holds, else the newest of
    /// `/usr/lib/postgresql/*/bin`.
    ///
    /// # Errors
    /// [`Error::NotInstalled`] says where was looked and how to install it.
    pub fn find() -> Result<Self, Error> {
        let named = std::env::var_os("CHAINCORE_PG_BIN").map(PathBuf::from);
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::find_in(named, std::env::split_paths(&path).collect(), Path::new("/usr/lib/postgresql"))
    }

    fn find_in(named: Option<PathBuf>, path: Vec<PathBuf>, packaged: &Path) -> Result<Self, Error> {
        if let Some(folder) = named {
            // Whoever names a folder means that one and no other.
            if let Some(folder) = folder_of_server(&folder) {
                return Ok(Self { folder });
            }
            return Err(Error::NotInstalled { searched: format!("{} (CHAINCORE_PG_BIN)", folder.display()) });
        }
        let mut candidates = path.into_iter().chain(versions(packaged));
        match candidates.find_map(|folder| folder_of_server(&folder)) {
            Some(folder) => Ok(Self { folder }),
            None => Err(Error::NotInstalled { searched: format!("PATH and {}/*/bin", packaged.display()) }),
        }
    }

    /// The path of one program, such as `pg_dump`.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// The folder itself, or the one that its links point to: a machine may have links to some programs in its path, or
/// only the clients.
fn folder_of_server(folder: &Path) -> Option<PathBuf> {
    let whole = |folder: &Path| ["initdb", "postgres", "psql"].iter().all(|name| folder.join(name).is_file());
    if !folder.is_absolute() {
        return None;
    }
    if whole(folder) {
        return Some(folder.to_owned());
    }
    let linked = folder.join("postgres").canonicalize().ok()?.parent()?.to_owned();
    whole(&linked).then_some(linked)
}

/// `<folder>/<version>/bin`, the newest first.
fn versions(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.split('.').next()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, path)| path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(folder: &Path, programs: &[&str]) {
        std::fs::create_dir_all(folder).unwrap();
        for program in programs {
            std::fs::write(folder.join(program), "").unwrap();
        }
    }

    #[test]
    fn the_newest_packaged_version_is_taken_by_number() {
        let root = tempfile::tempdir().unwrap();
        for version in ["9.6", "15", "17"] {
            install(&root.path().join(version).join("bin"), &["initdb", "postgres", "psql"]);
        }
        install(&root.path().join("18/bin"), &["psql"]);
        let found = Binaries::find_in(None, Vec::new(), root.path()).unwrap();
        assert_eq!(found.program("initdb"), root.path().join("17/bin/initdb"));
    }

    #[test]
    fn clients_in_the_path_are_not_a_server_and_a_server_there_comes_first() {
        let root = tempfile::tempdir().unwrap();
        let (clients, server) = (root.path().join("clients"), root.path().join("server"));
        install(&clients, &["psql", "pg_dump"]);
        install(&server, &["initdb", "postgres", "psql"]);
        install(&root.path().join("pg/15/bin"), &["initdb", "postgres", "psql"]);
        let packaged = root.path().join("pg");
        let found = Binaries::find_in(None, vec![clients.clone(), server.clone()], &packaged).unwrap();
        assert_eq!(found.program("postgres"), server.join("postgres"));
        let found = Binaries::find_in(None, vec![clients.clone()], &packaged).unwrap();
        assert_eq!(found.program("postgres"), packaged.join("15/bin/postgres"));
        // A link to some of a server's programs leads to all of them.
        std::os::unix::fs::symlink(server.join("postgres"), clients.join("postgres")).unwrap();
        let found = Binaries::find_in(None, vec![clients], &packaged).unwrap();
        assert_eq!(found.program("pg_dump"), server.canonicalize().unwrap().join("pg_dump"));
    }

    #[test]
    fn a_named_folder_is_the_only_one_and_its_absence_says_how_to_install() {
        let root = tempfile::tempdir().unwrap();
        install(&root.path().join("pg/15/bin"), &["initdb", "postgres", "psql"]);
        let named = root.path().join("elsewhere");
        let error = Binaries::find_in(Some(named.clone()), Vec::new(), &root.path().join("pg")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(named.to_str().unwrap()) && text.contains("apt-get install postgresql"),
            "{text}"
        );
        install(&named, &["initdb", "postgres", "psql"]);
        assert!(Binaries::find_in(Some(named), Vec::new(), &root.path().join("pg")).is_ok());
    }
}
