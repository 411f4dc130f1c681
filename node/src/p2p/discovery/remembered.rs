//! Peers that were added while the node ran (`POST /addpeer`), kept over a restart: `added_peers.json` in the chain's
//! folder, an array of their names. Whoever wants to be rid of one takes it out while the node does not run.

use super::PeerName;
use crate::p2p::disk;
use std::io;
use std::path::{Path, PathBuf};

/// How many are remembered: the last ones.
pub(super) const MAX_REMEMBERED: usize = 64;
/// What a file of so many may have, in bytes.
const MAX_FILE: u64 = 64 << 10;

/// The file.
#[derive(Debug)]
pub(super) struct Remembered(PathBuf);

impl Remembered {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self(folder.join("added_peers.json"))
    }

    /// The names. A file that cannot be read, and a name that is none, is told of and left out: a node must not fail to
    /// start for it.
    pub(super) fn read(&self) -> Vec<PeerName> {
        let bytes = match disk::read_limited(&self.0, MAX_FILE) {
            Ok(bytes) => bytes,
            Err(disk::FileError::Io(error)) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                tracing::warn!("{}: {error}", self.0.display());
                return Vec::new();
            }
        };
        let names: Vec<String> = match serde_json::from_slice(&bytes) {
            Ok(names) => names,
            Err(error) => {
                tracing::warn!("{}: {error}", self.0.display());
                return Vec::new();
            }
        };
        let parsed = names.iter().filter_map(|name| match name.parse() {
            Ok(name) => Some(name),
            Err(error) => {
                tracing::warn!("{}: {error}", self.0.display());
                None
            }
        });
        parsed.take(MAX_REMEMBERED).collect()
    }

    /// Writes the names. A failure is logged: the peers are kept as long as the node runs.
    pub(super) fn write(&self, names: &[PeerName]) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let text = serde_json::to_vec_pretty(&names).expect("text can be written as JSON");
        if let Err(error) = disk::replace(&self.0, &text) {
            tracing::error!("the added peers can't be written to {}: {error}", self.0.display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_were_written_and_nonsense_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let file = Remembered::in_folder(folder.path());
        assert_eq!(file.read(), []);
        let names: Vec<PeerName> =
            ["http://host:5001", "10.0.0.1:8001", "[::1]:8001"].map(|name| name.parse().unwrap()).to_vec();
        file.write(&names);
        assert_eq!(file.read(), names);
        let path = folder.path().join("added_peers.json");
        for (text, expected) in [
            ("", &[][..]),
            ("{}", &[]),
            ("[1]", &[]),
            (r#"["nonsense", "https://host:1", "http://host:5001"]"#, &names[..1]),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(file.read(), expected, "{text}");
        }
        std::fs::write(&path, vec![b' '; MAX_FILE as usize + 1]).unwrap();
        assert_eq!(file.read(), []);
        let many = format!("[{}\"a:1\"]", "\"host:1\",".repeat(MAX_REMEMBERED * 2));
        std::fs::write(&path, many).unwrap();
        assert_eq!(file.read().len(), MAX_REMEMBERED);
    }
}
