//! Files as the store wants them: private to the user, read and written at positions, durable when it says so.

use crate::error::{At, Result};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Makes a folder (and those above it) that only its user may enter.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).at(path)
}

/// Options for a file that only its user may read.
pub(crate) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Opens a file for reading and writing, making it if it is not there.
pub(crate) fn open_read_write(path: &Path) -> Result<File> {
    private().read(true).write(true).create(true).truncate(false).open(path).at(path)
}

/// Makes names in a folder durable.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    // Windows can neither open a folder as a file nor needs to.
    if cfg!(unix) { File::open(path).and_then(|dir| dir.sync_all()).at(path) } else { Ok(()) }
}

/// Replaces a file as a whole: after a crash it is either the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = private().write(true).create(true).truncate(true).open(&temporary).at(&temporary)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).at(&temporary)?;
    std::fs::rename(&temporary, path).at(path)?;
    sync_dir(path.parent().expect("a file lies in a folder"))
}

/// Removes a file that may be absent.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).at(path),
        _ => Ok(()),
    }
}

/// How often the removal of a folder is tried.
const REMOVALS: u32 = 50;

/// Removes a folder that may be absent. A database that was just closed may still have a thread that puts a last file
/// there, so a folder that is not empty after all is tried again.
pub(crate) fn remove_dir(path: &Path) -> Result<()> {
    for _ in 1..REMOVALS {
        match std::fs::remove_dir_all(path) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.exists() => return Ok(()),
            Err(error)
                if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) =>
            {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Err(error) => return Err(error).at(path),
        }
    }
    std::fs::remove_dir_all(path).at(path)
}

/// Reads up to `buffer.len()` bytes at a position, fewer only at the file's end.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        #[cfg(unix)]
        let read = std::os::unix::fs::FileExt::read_at(file, &mut buffer[done..], offset + done as u64);
        #[cfg(windows)]
        let read = std::os::windows::fs::FileExt::seek_read(file, &mut buffer[done..], offset + done as u64);
        match read {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// Writes all bytes at a position.
pub(crate) fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        #[cfg(unix)]
        let written = std::os::unix::fs::FileExt::write_at(file, &bytes[done..], offset + done as u64);
        #[cfg(windows)]
        let written = std::os::windows::fs::FileExt::seek_write(file, &bytes[done..], offset + done as u64);
        match written {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
