//! Secrets at rest: a vault under a password, and a wallet's public state under a key that the vault holds.
//!
//! A [`Vault`] is what a person keeps: a JSON object, the same in a browser's database and in an exported file. Its
//! key comes from the password by Argon2id (RFC 9106); what it hides is a random key for the public state, and then
//! the secret itself, encrypted with XChaCha20-Poly1305. The state's key is random rather than derived, so that a
//! new password changes the vault alone.
//!
//! Invariants: everything in the header is authenticated, so that nobody can swap parameters, wallet or version
//! unnoticed; a wrong password and a damaged file are one error; parameters that a file asks for are bounded before
//! they cost memory or time; what is decrypted is wiped when it is dropped.

mod params;
mod state;

pub use params::Params;
pub use state::{open_state, seal_state};

use crate::base64;
use argon2::{Algorithm, Argon2};
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use chaincore_consensus::hex;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// What [`Vault::format`] says.
pub const FORMAT: &str = "chaincore-vault";

/// The version that is written, and the only one that is read.
pub const VERSION: u32 = 1;

/// No vault's or state's ciphertext is larger than this, in bytes.
pub const MAX_CIPHERTEXT: usize = 64 << 20;

const SALT_LEN: usize = 16;
const NONCE_LEN: usize = 24;
const TAG_LEN: usize = 16;
const STATE_KEY_LEN: usize = 32;
const WALLET_ID_LEN: usize = 16;
/// The most bytes of a password; longer ones are refused rather than cut.
const MAX_PASSWORD: usize = 4096;

/// Why a vault or a state could not be sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeystoreError {
    /// The password is wrong, or the data were changed: nobody can tell which.
    #[error("wrong password or damaged data")]
    WrongPasswordOrDamaged,
    /// It is not one of ours, or is malformed.
    #[error("not a wallet vault: {0}")]
    Malformed(&'static str),
    /// It was written by a later version of this program.
    #[error("vault version {0} is not supported")]
    Version(u32),
    /// Parameters outside what is sane: a file must not ask for any amount of memory or time, and nobody should
    /// seal with less than is worth anything.
    #[error("Argon2id with {memory_kib} KiB, {passes} passes, {lanes} lanes is out of bounds")]
    Params {
        /// Memory in KiB.
        memory_kib: u32,
        /// Passes over it.
        passes: u32,
        /// Lanes.
        lanes: u32,
    },
    /// The password is empty, or longer than 4,096 bytes.
    #[error("a password of {0} bytes: 1 to 4096 are needed")]
    Password(usize),
    /// There is too much to seal.
    #[error("{0} bytes are too much to seal")]
    TooLarge(usize),
    /// The system has no memory for the key derivation.
    #[error("not enough memory to derive the key")]
    OutOfMemory,
    /// The system gave no random bytes; nothing was made with worse ones.
    #[error("no random bytes from the system")]
    Entropy,
}

impl KeystoreError {
    /// The error's name in JSON.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongPasswordOrDamaged => "wrong_password",
            Self::Malformed(_) => "bad_vault",
            Self::Version(_) => "vault_version",
            Self::Params { .. } => "vault_params",
            Self::Password(_) => "bad_password",
            Self::TooLarge(_) => "too_large",
            Self::OutOfMemory => "out_of_memory",
            Self::Entropy => "no_entropy",
        }
    }
}

/// A sealed secret, as it is stored and exported.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vault {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The wallet that it belongs to: 16 random bytes, in hexadecimal. It stays when the password changes.
    pub wallet_id: String,
    /// How the key comes from the password: `argon2id` (version 1.3).
    pub kdf: String,
    /// What that costs.
    pub params: Params,
    /// 16 bytes, in hexadecimal.
    pub salt: String,
    /// How the content is encrypted: `xchacha20poly1305`.
    pub cipher: String,
    /// 24 bytes, in hexadecimal.
    pub nonce: String,
    /// The ciphertext and its tag, in base64.
    pub data: String,
}

/// What was in a vault. It is wiped when dropped.
#[derive(Clone)]
pub struct Opened {
    /// The secret.
    pub plaintext: Zeroizing<Vec<u8>>,
    /// The key of the wallet's public state, see [`seal_state`].
    pub state_key: Zeroizing<[u8; STATE_KEY_LEN]>,
    /// The wallet's id.
    pub wallet_id: String,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened").field("wallet_id", &self.wallet_id).finish_non_exhaustive()
    }
}

/// Seals `plaintext` for a new wallet: an id and a state key are drawn for it.
pub fn seal(password: &str, plaintext: &[u8], params: Params) -> Result<Vault, KeystoreError> {
    create(password, plaintext, params).map(|(vault, _)| vault)
}

/// [`seal`], along with what [`open`] would say of it, which saves deriving the key twice.
pub fn create(password: &str, plaintext: &[u8], params: Params) -> Result<(Vault, Opened), KeystoreError> {
    let opened = Opened {
        plaintext: Zeroizing::new(plaintext.to_vec()),
        state_key: random()?,
        wallet_id: hex::encode(&*random::<WALLET_ID_LEN>()?),
    };
    let vault = reseal(password, &opened, params)?;
    Ok((vault, opened))
}

/// Seals what was opened under another password; wallet id and state key stay.
pub fn reseal(password: &str, opened: &Opened, params: Params) -> Result<Vault, KeystoreError> {
    params.check_new()?;
    reseal_unchecked(password, opened, params)
}

fn reseal_unchecked(password: &str, opened: &Opened, params: Params) -> Result<Vault, KeystoreError> {
    let len = STATE_KEY_LEN + opened.plaintext.len();
    if len + TAG_LEN > MAX_CIPHERTEXT {
        return Err(KeystoreError::TooLarge(opened.plaintext.len()));
    }
    let mut content = Zeroizing::new(Vec::with_capacity(len));
    content.extend_from_slice(&*opened.state_key);
    content.extend_from_slice(&opened.plaintext);
    let salt = random::<SALT_LEN>()?;
    let nonce = random::<NONCE_LEN>()?;
    let mut vault = Vault {
        format: FORMAT.into(),
        version: VERSION,
        wallet_id: opened.wallet_id.clone(),
        kdf: "argon2id".into(),
        params,
        salt: hex::encode(&*salt),
        cipher: "xchacha20poly1305".into(),
        nonce: hex::encode(&*nonce),
        data: String::new(),
    };
    let header = vault.header()?;
    let key = derive(password, &*salt, params)?;
    vault.data = base64::encode(&encrypt(&key, &nonce, &content, &header.associated)?);
    Ok(vault)
}

/// Opens a vault.
pub fn open(password: &str, vault: &Vault) -> Result<Opened, KeystoreError> {
    let header = vault.header()?;
    if vault.data.len() > MAX_CIPHERTEXT.div_ceil(3) * 4 {
        return Err(KeystoreError::TooLarge(vault.data.len()));
    }
    let data = base64::decode(vault.data.as_bytes()).ok_or(KeystoreError::Malformed("data"))?;
    let key = derive(password, &header.salt, vault.params)?;
    let content = decrypt(&key, &header.nonce, &data, &header.associated)?;
    // Authentic, so whoever sealed it put the key in front.
    let (state_key, plaintext) =
        content.split_first_chunk::<STATE_KEY_LEN>().ok_or(KeystoreError::Malformed("content"))?;
    Ok(Opened {
        plaintext: Zeroizing::new(plaintext.to_vec()),
        state_key: Zeroizing::new(*state_key),
        wallet_id: vault.wallet_id.clone(),
    })
}

/// What of a vault is not secret, decoded and checked.
struct VaultHeader {
    salt: [u8; SALT_LEN],
    nonce: [u8; NONCE_LEN],
    /// What the ciphertext is bound to: name, version, wallet, parameters and salt.
    associated: Vec<u8>,
}

impl Vault {
    fn header(&self) -> Result<VaultHeader, KeystoreError> {
        if self.format != FORMAT {
            return Err(KeystoreError::Malformed("format"));
        }
        if self.version != VERSION {
            return Err(KeystoreError::Version(self.version));
        }
        if self.kdf != "argon2id" {
            return Err(KeystoreError::Malformed("kdf"));
        }
        if self.cipher != "xchacha20poly1305" {
            return Err(KeystoreError::Malformed("cipher"));
        }
        self.params.check()?;
        let wallet_id = fixed::<WALLET_ID_LEN>(&self.wallet_id, "wallet_id")?;
        let salt = fixed::<SALT_LEN>(&self.salt, "salt")?;
        let nonce = fixed::<NONCE_LEN>(&self.nonce, "nonce")?;
        let mut associated = Vec::from(FORMAT);
        let Params { memory_kib, passes, lanes } = self.params;
        for number in [self.version, memory_kib, passes, lanes] {
            associated.extend_from_slice(&number.to_le_bytes());
        }
        associated.extend_from_slice(&salt);
        associated.extend_from_slice(&wallet_id);
        Ok(VaultHeader { salt, nonce, associated })
    }
}

fn derive(password: &str, salt: &[u8], params: Params) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    if password.is_empty() || password.len() > MAX_PASSWORD {
        return Err(KeystoreError::Password(password.len()));
    }
    let kdf = Argon2::new(Algorithm::Argon2id, argon2::Version::V0x13, params.check()?);
    let mut key = Zeroizing::new([0; 32]);
    // The library wipes its memory, and says when it gets none.
    kdf.hash_password_into(password.as_bytes(), salt, &mut *key).map_err(|error| match error {
        argon2::Error::OutOfMemory => KeystoreError::OutOfMemory,
        _ => params.error(),
    })?;
    Ok(key)
}

fn encrypt(
    key: &[u8; 32],
    nonce: &[u8; NONCE_LEN],
    message: &[u8],
    associated: &[u8],
) -> Result<Vec<u8>, KeystoreError> {
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let payload = Payload { msg: message, aad: associated };
    cipher.encrypt(&XNonce::from(*nonce), payload).map_err(|_| KeystoreError::TooLarge(message.len()))
}

fn decrypt(
    key: &[u8; 32],
    nonce: &[u8; NONCE_LEN],
    data: &[u8],
    associated: &[u8],
) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
    let cipher = XChaCha20Poly1305::new(&Key::from(*key));
    let payload = Payload { msg: data, aad: associated };
    let opened = cipher.decrypt(&XNonce::from(*nonce), payload);
    opened.map(Zeroizing::new).map_err(|_| KeystoreError::WrongPasswordOrDamaged)
}

/// Bytes from the system's generator, or nothing: there is no second source.
fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, KeystoreError> {
    let mut bytes = Zeroizing::new([0; N]);
    crate::keys::fill_random(&mut *bytes).map_err(|_| KeystoreError::Entropy)?;
    Ok(bytes)
}

fn fixed<const N: usize>(text: &str, field: &'static str) -> Result<[u8; N], KeystoreError> {
    let bytes = hex::decode(text).map_err(|_| KeystoreError::Malformed(field))?;
    bytes.try_into().map_err(|_| KeystoreError::Malformed(field))
}

#[cfg(test)]
mod tests;
