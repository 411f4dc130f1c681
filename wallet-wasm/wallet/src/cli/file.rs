//! The wallet's file: JSON, readable by its owner only, and replaced as a whole or not at all.
//!
//! Under a password everything in it is sealed but the chain and what opening it takes.

use super::failure::Failure;
use chaincore_wallet::chain::ChainSpec;
use chaincore_wallet::keystore::{self, Vault};
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
    /// Its chain.
    pub chain: ChainSpec,
    /// The keys under a password. The same object as a browser's export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault: Option<Vault>,
    /// In a wallet that only watches: what seals it under a password. There are no keys in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watching: Option<Vault>,
    /// The keys for everybody to read, as their owner wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_keys: Option<OpenKeys>,
    /// What is known besides. Empty as long as it is sealed.
    #[serde(flatten)]
    pub about: About,
    /// The same, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    /// Accounts, transactions and labels; sealed if there is a vault.
    pub state: String,
}

/// What the command keeps besides the wallet's own state.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct About {
    /// What the wallet is called.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// When it was made, in seconds since 1970; 0 if nobody knows.
    #[serde(skip_serializing_if = "is_zero")]
    pub birthday: u64,
    /// The nodes that were used last.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<String>,
    /// Who vouches for them: certificates in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_cert: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What seals a file: the key from its vault, and whose it is.
pub struct Seal {
    /// The wallet's id.
    pub wallet_id: String,
    /// The key.
    pub key: Zeroizing<[u8; 32]>,
}

impl Seal {
    fn name(&self) -> String {
        format!("{}/about", self.wallet_id)
    }
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
    pub fn new(chain: ChainSpec, about: About) -> Self {
        Self {
            format: FORMAT.into(),
            version: VERSION,
            chain,
            vault: None,
            watching: None,
            open_keys: None,
            about,
            sealed: None,
            state: String::new(),
        }
    }

    /// What seals the file, whether there are keys in it or not.
    pub fn lock(&self) -> Option<&Vault> {
        self.vault.as_ref().or(self.watching.as_ref())
    }

    /// Opens what is sealed.
    pub fn unseal(&mut self, seal: &Seal) -> Result<(), Failure> {
        if let Some(sealed) = self.sealed.take() {
            let text = keystore::open_state(&seal.key, &seal.name(), &sealed)?;
            self.about = serde_json::from_slice(&text)
                .map_err(|error| Failure::new("bad_file", format!("the wallet is damaged: {error}")))?;
        }
        Ok(())
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
        let head: Head = serde_json::from_slice(&bytes).map_err(|error| {
            let begun = bytes.get(..1000).unwrap_or(&bytes);
            let ours = String::from_utf8_lossy(begun).contains(&format!("\"{FORMAT}\""));
            let what = match ours {
                true => format!(
                    "the wallet is damaged ({error}): take a copy, or `restore` it from its words to another file"
                ),
                false => "this is no wallet".into(),
            };
            fail("bad_file", what)
        })?;
        if head.format != FORMAT || head.version != VERSION {
            let what = format!("{} of version {} is not supported", head.format, head.version);
            return Err(fail("bad_file", what));
        }
        serde_json::from_slice(&bytes)
            .map_err(|error| fail("bad_file", format!("the wallet is damaged (line {})", error.line())))
    }

    /// Writes the file. With `new`, only if there is none.
    pub fn write(&mut self, path: &Path, new: bool, seal: Option<&Seal>) -> Result<(), Failure> {
        let broken = |error: serde_json::Error| Failure::new("bad_file", error.to_string());
        let about = seal.map(|_| std::mem::take(&mut self.about));
        if let Some((seal, about)) = seal.zip(about.as_ref()) {
            let text = Zeroizing::new(serde_json::to_vec(about).map_err(broken)?);
            self.sealed = Some(keystore::seal_state(&seal.key, &seal.name(), &text)?);
        }
        let written = serde_json::to_string_pretty(self).map(Zeroizing::new);
        if let Some(about) = about {
            self.about = about;
            self.sealed = None;
        }
        let mut text = written.map_err(broken)?;
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
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        let message = format!("{} can't be written: there is no folder {}", path.display(), folder.display());
        return Err(Failure::new("no_file", message));
    }
    Ok(())
}

/// Writes beside the file, then takes its place: whoever reads it at any time finds the old or the new one.
fn write_atomically(path: &Path, bytes: &[u8], new: bool) -> std::io::Result<()> {
    // A wallet behind a link stays where it is.
    let path = &if new { path.to_path_buf() } else { std::fs::canonicalize(path)? };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().ok_or_else(|| std::io::Error::other("this is no file's name"))?;
    // The lock keeps others from it: what lies there was left by a process that was killed.
    let beside = folder.join(format!(".{}.new", name.to_string_lossy()));
    let _ = std::fs::remove_file(&beside);
    let result = (|| {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        if new {
            take_free_place(&beside, path)?;
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

/// Unlike a rename, a link takes nobody's place. Not every medium knows links (memory sticks do not).
fn take_free_place(beside: &Path, path: &Path) -> std::io::Result<()> {
    match std::fs::hard_link(beside, path) {
        Ok(()) => std::fs::remove_file(beside),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if path.symlink_metadata().is_err() => std::fs::rename(beside, path),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn under_a_password_names_and_nodes_are_sealed_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let about = About {
            name: "savings".into(),
            birthday: 7,
            nodes: vec!["http://node.example".into()],
            ca_cert: Some("PEM".into()),
        };
        let seal = Seal { wallet_id: "00".into(), key: Zeroizing::new([3; 32]) };
        let mut wallet = WalletFile::new(ChainSpec::Plain("main".into()), about.clone());
        wallet.write(&path, true, Some(&seal)).unwrap();
        assert_eq!(wallet.about, about, "who writes goes on with it");
        let text = std::fs::read_to_string(&path).unwrap();
        for hidden in ["savings", "node.example", "birthday", "PEM"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        let mut read = WalletFile::read(&path).unwrap();
        assert_eq!(read.about, About::default());
        read.unseal(&seal).unwrap();
        assert_eq!(read.about, about);
        let other = Seal { key: Zeroizing::new([4; 32]), ..seal };
        assert_eq!(WalletFile::read(&path).unwrap().unseal(&other).unwrap_err().exit_code(), 3);
        // Without one it is there for everybody.
        wallet.write(&path, false, None).unwrap();
        assert_eq!(WalletFile::read(&path).unwrap().about, about);
    }

    #[test]
    fn a_file_is_its_owners_and_takes_no_other_ones_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let mut wallet = WalletFile::new(ChainSpec::Plain("main".into()), About::default());
        assert_eq!(WalletFile::read(&path).err().unwrap().exit_code(), 8);
        check_free(&path).unwrap();
        wallet.write(&path, true, None).unwrap();
        assert!(wallet.write(&path, true, None).is_err());
        assert_eq!(check_free(&path).unwrap_err().exit_code(), 8);
        wallet.state = "later".into();
        // What a process left that was killed while it wrote is in nobody's way.
        std::fs::write(folder.path().join(".a.json.new"), "half a wal").unwrap();
        wallet.write(&path, false, None).unwrap();
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
