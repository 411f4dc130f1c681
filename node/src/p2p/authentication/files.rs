//! The files that secrets and keys are in.

use chaincore_consensus::hex;
use secp256k1::schnorr;
use secp256k1::{Keypair, SecretKey, XOnlyPublicKey};
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// The least bytes of a secret. Whoever is called by a member, or calls one, can try secrets at home: a secret of a
/// person's wits is found that way, one of 32 random bytes is not.
const MIN_SECRET: usize = 16;
/// The longest file of a secret or key, and of a list, in bytes.
const MAX_FILE: u64 = 4 << 10;
const MAX_LIST: u64 = 1 << 20;

/// Why a file cannot be used. What is in it is not repeated.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is too long.
    #[error("{} is longer than {most} bytes", path.display())]
    TooLong {
        /// Which.
        path: PathBuf,
        /// How long it may be.
        most: u64,
    },
    /// The secret could be guessed.
    #[error("the secret in {} has {len} bytes; it must have at least {MIN_SECRET}", path.display())]
    ShortSecret {
        /// Which.
        path: PathBuf,
        /// How long the secret is.
        len: usize,
    },
    /// The key file has no key in its first line.
    #[error("{} has no private key (64 hexadecimal digits) in its first line", .0.display())]
    Key(PathBuf),
    /// A line of the list is no key.
    #[error("line {line} of {} is no public key (64 hexadecimal digits)", path.display())]
    ListedKey {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// The list has no keys.
    #[error("{} lists no public keys", .0.display())]
    EmptyList(PathBuf),
    /// The system has no random numbers.
    #[error("the system has no randomness: {0}")]
    Random(String),
}

/// The key of a node.
#[derive(Clone)]
pub struct NodeKey(Keypair);

impl fmt::Debug for NodeKey {
    /// The public part.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NodeKey({})", hex::encode(&self.public()))
    }
}

impl NodeKey {
    /// A new one.
    pub fn random() -> Result<Self, FileError> {
        loop {
            let mut bytes = [0; 32];
            getrandom::fill(&mut bytes).map_err(|error| FileError::Random(error.to_string()))?;
            // All but one in 2^127 numbers are keys.
            if let Some(key) = Self::from_bytes(bytes) {
                return Ok(key);
            }
        }
    }

    pub(super) fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        let secret = SecretKey::from_secret_bytes(bytes).ok()?;
        Some(Self(Keypair::from_secret_key(&secret)))
    }

    /// The public key, as BIP340 writes it.
    pub fn public(&self) -> [u8; 32] {
        self.0.x_only_public_key().0.to_byte_array()
    }

    /// The private key, for protocols that sign in their own way.
    pub(crate) fn secret(&self) -> [u8; 32] {
        self.0.to_secret_bytes()
    }

    pub(super) fn sign(&self, digest: &[u8; 32]) -> [u8; 64] {
        let mut extra = [0; 32];
        getrandom::fill(&mut extra).expect("the system has random numbers");
        schnorr::sign_with_aux_rand(digest, &self.0, &extra).to_byte_array()
    }

    /// Writes a file that only its owner can read: the private key and the public key, a line each.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let write = || -> io::Result<()> {
            let mut file = options.open(path)?;
            let secret = hex::encode(&self.0.to_secret_bytes());
            writeln!(file, "{secret}\n{}", hex::encode(&self.public()))?;
            file.sync_all()
        };
        write().map_err(|source| FileError::Io { path: path.into(), source })
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, FileError> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|source| FileError::Io { path: path.into(), source })?;
    if bytes.len() as u64 > most {
        return Err(FileError::TooLong { path: path.into(), most });
    }
    Ok(bytes)
}

/// A shared secret: the file without the white space around it.
pub fn read_secret(path: &Path) -> Result<Vec<u8>, FileError> {
    let bytes = read(path, MAX_FILE)?;
    let secret = bytes.trim_ascii();
    if secret.len() < MIN_SECRET {
        return Err(FileError::ShortSecret { path: path.into(), len: secret.len() });
    }
    Ok(secret.to_vec())
}

/// A node's key.
pub fn read_key(path: &Path) -> Result<NodeKey, FileError> {
    let bytes = read(path, MAX_FILE)?;
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let digits = std::str::from_utf8(line.trim_ascii()).ok();
    let key = digits.and_then(key_of_hex).and_then(NodeKey::from_bytes);
    key.ok_or_else(|| FileError::Key(path.into()))
}

/// A node's key; a new one if there is no such file.
pub fn read_or_make_key(path: &Path) -> Result<NodeKey, FileError> {
    match read_key(path) {
        Err(FileError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            let key = NodeKey::random()?;
            key.write(path)?;
            Ok(key)
        }
        result => result,
    }
}

/// A list of public keys: one at the beginning of each line; the rest of a line, empty lines and lines that begin
/// with `#` are for people.
pub fn read_keys(path: &Path) -> Result<BTreeSet<[u8; 32]>, FileError> {
    let bytes = read(path, MAX_LIST)?;
    let mut keys = BTreeSet::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let word = line.split(u8::is_ascii_whitespace).next().and_then(|word| std::str::from_utf8(word).ok());
        let key = word.and_then(key_of_hex).filter(|key| XOnlyPublicKey::from_byte_array(*key).is_ok());
        keys.insert(key.ok_or_else(|| FileError::ListedKey { path: path.into(), line: index + 1 })?);
    }
    if keys.is_empty() { Err(FileError::EmptyList(path.into())) } else { Ok(keys) }
}

fn key_of_hex(digits: &str) -> Option<[u8; 32]> {
    hex::decode(digits).ok()?.try_into().ok()
}
