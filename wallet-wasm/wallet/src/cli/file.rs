//! The wallet's file: JSON, readable by its owner only, and replaced as a whole or not at all.

use super::failure::Failure;
use chaincore_wallet::chain::ChainSpec;
use chaincore_wallet::keystore::Vault;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;
use zeroize::{Zeroize, Zeroizing};

const FORMAT: &str = "chaincore-wallet";
const VERSION: u32 = 1;
/// No wallet's file is larger.
const MAX_LEN: u64 = 512 << 20;

/// What the file holds.
#[derive(Serialize, Deserialize)]
pub struct WalletFile {
    format: String,
    version: u32,
    /// What the wallet is called.
    pub name: String,
    /// Its chain.
    pub chain: ChainSpec,
    /// When it was made, in seconds since 1970; 0 if nobody knows.
    pub birthday: u64,
    /// The keys under a password. The same object as a browser's export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<Vault>,
    /// The keys for everybody to read, as their owner wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_keys: Option<OpenKeys>,
    /// The nodes that were used last.
    pub nodes: Vec<String>,
    /// Accounts, transactions and labels; sealed if there is a vault.
    pub state: String,
}

/// Keys without a password.
#[derive(Serialize, Deserialize)]
pub struct OpenKeys {
    /// The words.
    pub mnemonic: String,
    /// The passphrase that belongs to them.
    pub passphrase: String,
}

impl Drop for OpenKeys {
    fn drop(&mut self) {
        self.mnemonic.zeroize();
        self.passphrase.zeroize();
    }
}

impl WalletFile {
    pub fn new(name: &str, chain: ChainSpec, birthday: u64) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            name: name.into(),
            chain,
            birthday,
            vault: None,
            open_keys: None,
            nodes: Vec::new(),
            state: String::new(),
        }
    }

    pub fn read(path: &Path) -> Result<Self, Failure> {
        let fail = |code: &str, what: String| Failure::new(code, format!("{}: {what}", path.display()));
        let meta = std::fs::metadata(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                fail("no_file", "there is no such wallet; `create` or `restore` makes one".into())
            }
            _ => fail("no_file", error.to_string()),
        })?;
        if !meta.is_file() || meta.len() > MAX_LEN {
            return Err(fail("bad_file", "this is no wallet".into()));
        }
        let bytes = std::fs::read(path).map(Zeroizing::new).map_err(|e| fail("no_file", e.to_string()))?;
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let head: Head =
            serde_json::from_slice(&bytes).map_err(|_| fail("bad_file", "this is no wallet".into()))?;
        if head.format != FORMAT || head.version != VERSION {
            let what = format!("{} of version {} is not supported", head.format, head.version);
            return Err(fail("bad_file", what));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| fail("bad_file", format!("the wallet is damaged (line {})", error.line())))
    }

    /// Writes the file. With `new`, only if there is none.
    pub fn write(&self, path: &Path, new: bool) -> Result<(), Failure> {
        let mut text = Zeroizing::new(
            serde_json::to_string_pretty(self)
                .map_err(|error| Failure::new("bad_file", error.to_string()))?,
        );
        text.push('\n');
        write_atomically(path, text.as_bytes(), new).map_err(|error| {
            Failure::new("bad_file", format!("{} can't be written: {error}", path.display()))
        })
    }
}

/// Fails if a new wallet would take another one's place.
pub fn check_free(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        let message = format!("{} exists already, and is not overwritten", path.display());
        return Err(Failure::new("file_exists", message));
    }
    Ok(())
}

/// Writes beside the file, then takes its place: whoever reads it at any time finds the old or the new one.
fn write_atomically(path: &Path, bytes: &[u8], new: bool) -> std::io::Result<()> {
    // A wallet behind a link stays where it is.
    let path = &if new { path.to_path_buf() } else { std::fs::canonicalize(path)? };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| std::io::Error::other("this is no file's name"))?;
    let beside = folder.join(format!(".{}.{}.new", name.to_string_lossy(), std::process::id()));
    let result = (|| {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if new {
            // Unlike a rename, a link takes nobody's place.
            std::fs::hard_link(&beside, path)?;
            std::fs::remove_file(&beside)?;
        } else {
            std::fs::rename(&beside, path)?;
        }
        #[cfg(unix)]
        std::fs::File::open(folder)?.sync_all()?;
        Ok(())
    })();
    if result.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_its_owners_and_takes_no_other_ones_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let mut wallet = WalletFile::new("a", ChainSpec::Plain("main".into()), 5);
        assert_eq!(WalletFile::read(&path).err().unwrap().exit_code(), 8);
        check_free(&path).unwrap();
        wallet.write(&path, true).unwrap();
        assert!(wallet.write(&path, true).is_err());
        assert_eq!(check_free(&path).unwrap_err().exit_code(), 8);
        wallet.state = "later".into();
        wallet.write(&path, false).unwrap();
        assert_eq!(WalletFile::read(&path).unwrap().state, "later");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        for bad in ["", "{}", "[]", r#"{"format":"chaincore-wallet","version":9}"#] {
            std::fs::write(&path, bad).unwrap();
            assert_eq!(WalletFile::read(&path).err().unwrap().exit_code(), 8, "{bad}");
        }
    }
}
