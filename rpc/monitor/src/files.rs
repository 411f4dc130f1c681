//! Files that are there whole or not at all.

use std::io::{self, Write};
use std::path::Path;

/// Writes a file beside the one at `path` and puts it in its place.
pub fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    // A pipe or a terminal has no beside.
    if path.exists() && !path.is_file() {
        return std::fs::File::options().write(true).open(path)?.write_all(content);
    }
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let beside = path.with_file_name(name);
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    let placed = written.and_then(|()| std::fs::rename(&beside, path));
    if placed.is_err() {
        // What is left of it is of no use; that it cannot be removed says nothing new.
        std::fs::remove_file(&beside).ok();
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x.json");
        for content in ["one", "another"] {
            replace(&path, content.as_bytes()).expect("there is room");
            assert_eq!(std::fs::read_to_string(&path).expect("it is there"), content);
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1);
        assert!(replace(&folder.path().join("none/x"), b"").is_err());
        assert!(replace(Path::new("/"), b"").is_err());
    }
}
