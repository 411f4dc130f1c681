//! Where things lie on disk.

use std::io;
use std::path::{Path, PathBuf};

use super::{ConfError, Settings};

/// Name of the file, in the chain's folder, with the password of the running node.
pub const COOKIE_FILE: &str = ".cookie";

/// The data folder where `-datadir` is not given: `~/.chaincore`.
pub fn default_datadir() -> PathBuf {
    match std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE")) {
        Some(home) if !home.is_empty() => PathBuf::from(home).join(".chaincore"),
        _ => PathBuf::from("/.chaincore"),
    }
}

/// The data folder that the options name; one that is named must exist.
pub(super) fn find(settings: &Settings) -> Result<PathBuf, ConfError> {
    let named = settings.text("datadir").filter(|name| !name.is_empty());
    let Some(name) = named else { return Ok(default_datadir()) };
    let path = std::path::absolute(&name).map_err(|_| ConfError::NoDatadir(name.clone()))?;
    if path.is_dir() { Ok(path) } else { Err(ConfError::NoDatadir(name)) }
}

/// The user name and password in a cookie file, as `user:password`.
///
/// A node writes the file when it is ready to be asked, and removes it when it stops.
pub fn read_cookie(path: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
