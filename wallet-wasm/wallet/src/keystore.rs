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

/// What Argon2id costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Params {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes; the wallet runs them one after the other.
    pub lanes: u32,
}

impl Params {
    /// What new vaults get: a third of a second in a browser.
    pub const STANDARD: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 1 };

    /// The least that is sealed with (OWASP's recommendation for Argon2id).
    pub const LEAST: Self = Self { memory_kib: 19 << 10, passes: 2, lanes: 1 };

    /// The most memory that a file may ask for, in KiB.
    pub const MAX_MEMORY_KIB: u32 = 1 << 20;
    /// The most passes that a file may ask for.
    pub const MAX_PASSES: u32 = 64;
    /// The most lanes that a file may ask for.
    pub const MAX_LANES: u32 = 16;
    /// The most work that a file may ask for, in KiB times passes: about ten seconds.
    pub const MAX_WORK: u64 = 6 << 20;

    fn error(self) -> KeystoreError {
        let Self { memory_kib, passes, lanes } = self;
        KeystoreError::Params { memory_kib, passes, lanes }
    }

    /// Whether a file may ask for this.
    fn check(self) -> Result<argon2::Params, KeystoreError> {
        let work = u64::from(self.memory_kib) * u64::from(self.passes);
        let bounded = self.memory_kib <= Self::MAX_MEMORY_KIB
            && self.passes <= Self::MAX_PASSES
            && self.lanes <= Self::MAX_LANES
            && work <= Self::MAX_WORK;
        // Too small ones are refused by the library.
        argon2::Params::new(self.memory_kib, self.passes, self.lanes, Some(32))
            .ok()
            .filter(|_| bounded)
            .ok_or_else(|| self.error())
    }

    /// Whether it is enough for something new.
    fn check_new(self) -> Result<(), KeystoreError> {
        let least = Self::LEAST;
        let enough = self.memory_kib >= least.memory_kib && self.passes >= least.passes;
        if enough { Ok(()) } else { Err(self.error()) }
    }
}

impl Default for Params {
    fn default() -> Self {
        Self::STANDARD
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

/// What a sealed state begins with.
const STATE_VERSION: u8 = 1;

/// Seals a wallet's public state (addresses, transactions, labels) under the key that its vault holds, bound to
/// `id`, which says whose and which state it is. The answer is text: version, nonce and ciphertext in base64.
pub fn seal_state(key: &[u8; STATE_KEY_LEN], id: &str, plaintext: &[u8]) -> Result<String, KeystoreError> {
    if plaintext.len() + TAG_LEN > MAX_CIPHERTEXT {
        return Err(KeystoreError::TooLarge(plaintext.len()));
    }
    let nonce = random::<NONCE_LEN>()?;
    let sealed = encrypt(key, &nonce, plaintext, &state_associated(id))?;
    Ok(base64::encode(&[&[STATE_VERSION][..], &*nonce, &sealed].concat()))
}

/// Opens what [`seal_state`] sealed.
pub fn open_state(
    key: &[u8; STATE_KEY_LEN],
    id: &str,
    sealed: &str,
) -> Result<Zeroizing<Vec<u8>>, KeystoreError> {
    if sealed.len() > (1 + NONCE_LEN + MAX_CIPHERTEXT).div_ceil(3) * 4 {
        return Err(KeystoreError::TooLarge(sealed.len()));
    }
    let sealed = base64::decode(sealed.as_bytes()).ok_or(KeystoreError::Malformed("state"))?;
    let (version, rest) = sealed.split_first().ok_or(KeystoreError::Malformed("state"))?;
    if *version != STATE_VERSION {
        return Err(KeystoreError::Version((*version).into()));
    }
    let (nonce, data) = rest.split_first_chunk::<NONCE_LEN>().ok_or(KeystoreError::Malformed("state"))?;
    decrypt(key, nonce, data, &state_associated(id))
}

fn state_associated(id: &str) -> Vec<u8> {
    [b"chaincore-state".as_slice(), &[STATE_VERSION], id.as_bytes()].concat()
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
mod tests {
    use super::*;
    use data_encoding::{BASE64, HEXLOWER};
    use proptest::prelude::*;

    const QUICK: Params = Params { memory_kib: 64, passes: 1, lanes: 1 };
    const SECRET: &[u8] = b"ozone drill grab fiber curtain grace pudding thank cruise elder eight picnic";

    fn quick_vault(password: &str) -> (Vault, Opened) {
        let opened = Opened {
            plaintext: Zeroizing::new(SECRET.to_vec()),
            state_key: Zeroizing::new([7; 32]),
            wallet_id: "000102030405060708090a0b0c0d0e0f".into(),
        };
        (reseal_unchecked(password, &opened, QUICK).unwrap(), opened)
    }

    fn bytes_of(text: &str) -> Vec<u8> {
        HEXLOWER.decode(text.as_bytes()).unwrap()
    }

    /// RFC 9106, section 5.3.
    #[test]
    fn argon2id_of_the_rfc() {
        let params = argon2::ParamsBuilder::new()
            .m_cost(32)
            .t_cost(3)
            .p_cost(4)
            .data(argon2::AssociatedData::new(&[4; 12]).unwrap())
            .build()
            .unwrap();
        let kdf =
            Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, argon2::Version::V0x13, params).unwrap();
        let mut tag = [0; 32];
        kdf.hash_password_into(&[1; 32], &[2; 16], &mut tag).unwrap();
        assert_eq!(
            tag.to_vec(),
            bytes_of("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659")
        );
    }

    /// From the tests of Argon2's reference implementation: `hashtest(version, 2, 16, 1, "password", "somesalt")`.
    #[test]
    fn argon2id_as_used_here() {
        let params = Params { memory_kib: 1 << 16, passes: 2, lanes: 1 };
        let key = derive("password", b"somesalt", params).unwrap();
        assert_eq!(
            key.to_vec(),
            bytes_of("09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7")
        );
    }

    /// draft-irtf-cfrg-xchacha, appendix A.3.1.
    #[test]
    fn xchacha20poly1305_of_the_draft() {
        let key: [u8; 32] = std::array::from_fn(|at| 0x80 + at as u8);
        let nonce: [u8; 24] = std::array::from_fn(|at| 0x40 + at as u8);
        let associated = bytes_of("50515253c0c1c2c3c4c5c6c7");
        let message = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the \
            future, sunscreen would be it.";
        let expected = bytes_of(concat!(
            "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb",
            "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452",
            "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9",
            "21f9664c97637da9768812f615c68b13b52e",
            "c0875924c1c7987947deafd8780acf49"
        ));
        assert_eq!(encrypt(&key, &nonce, message, &associated).unwrap(), expected);
        assert_eq!(decrypt(&key, &nonce, &expected, &associated).unwrap().as_slice(), message);
    }

    #[test]
    fn a_vault_opens_again_and_a_new_password_keeps_the_wallet() {
        let (vault, created) = create("correct horse", SECRET, Params::LEAST).unwrap();
        let text = serde_json::to_string(&vault).unwrap();
        assert!(!text.contains("ozone") && !text.contains("horse"));
        let opened = open("correct horse", &serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(opened.plaintext.as_slice(), SECRET);
        assert_eq!((&opened.state_key, &opened.wallet_id), (&created.state_key, &vault.wallet_id));
        assert_eq!(format!("{opened:?}"), format!("Opened {{ wallet_id: {:?}, .. }}", vault.wallet_id));
        let other = reseal("battery staple", &opened, Params::LEAST).unwrap();
        assert_ne!((&other.salt, &other.nonce, &other.data), (&vault.salt, &vault.nonce, &vault.data));
        assert_eq!(open("correct horse", &other).unwrap_err(), KeystoreError::WrongPasswordOrDamaged);
        let reopened = open("battery staple", &other).unwrap();
        assert_eq!((reopened.state_key, reopened.wallet_id), (opened.state_key, opened.wallet_id));
        // Another wallet shares neither id nor key nor salt.
        let (second, second_opened) = create("correct horse", SECRET, Params::LEAST).unwrap();
        assert_ne!((&second.wallet_id, &second.salt), (&vault.wallet_id, &vault.salt));
        assert_ne!(second_opened.state_key, created.state_key);
    }

    /// Every field of the header is bound to the content: a valid-looking change of any of them is found out.
    #[test]
    fn every_change_is_noticed() {
        let (vault, _) = quick_vault("pw");
        let damaged = Err(KeystoreError::WrongPasswordOrDamaged);
        let open = |vault: &Vault| open("pw", vault).map(|opened| opened.plaintext.to_vec());
        assert_eq!(open(&vault), Ok(SECRET.to_vec()));
        for (field, other) in [
            ("wallet_id", "000102030405060708090a0b0c0d0e10"),
            ("salt", "00000000000000000000000000000000"),
            ("nonce", "000000000000000000000000000000000000000000000000"),
        ] {
            let mut json = serde_json::to_value(&vault).unwrap();
            json[field] = other.into();
            assert_eq!(open(&serde_json::from_value(json).unwrap()), damaged, "{field}");
        }
        for params in
            [Params { memory_kib: 65, ..QUICK }, Params { passes: 2, ..QUICK }, Params { lanes: 2, ..QUICK }]
        {
            assert_eq!(open(&Vault { params, ..vault.clone() }), damaged);
        }
        let sealed = BASE64.decode(vault.data.as_bytes()).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open(&Vault { data: BASE64.encode(&changed), ..vault.clone() }), damaged, "{at}");
        }
        for len in 0..sealed.len() {
            assert_eq!(
                open(&Vault { data: BASE64.encode(&sealed[..len]), ..vault.clone() }),
                damaged,
                "{len}"
            );
        }
    }

    #[test]
    fn what_is_not_a_vault() {
        let (vault, _) = quick_vault("pw");
        let error = |vault: Vault| open("pw", &vault).unwrap_err();
        assert_eq!(error(Vault { format: "x".into(), ..vault.clone() }), KeystoreError::Malformed("format"));
        assert_eq!(error(Vault { version: 2, ..vault.clone() }), KeystoreError::Version(2));
        assert_eq!(error(Vault { kdf: "scrypt".into(), ..vault.clone() }), KeystoreError::Malformed("kdf"));
        assert_eq!(
            error(Vault { cipher: "aes".into(), ..vault.clone() }),
            KeystoreError::Malformed("cipher")
        );
        assert_eq!(error(Vault { salt: "00".into(), ..vault.clone() }), KeystoreError::Malformed("salt"));
        assert_eq!(error(Vault { nonce: "zz".into(), ..vault.clone() }), KeystoreError::Malformed("nonce"));
        assert_eq!(error(Vault { data: "=".into(), ..vault.clone() }), KeystoreError::Malformed("data"));
        let with = serde_json::to_string(&vault).unwrap().replacen('{', r#"{"extra":1,"#, 1);
        assert!(serde_json::from_str::<Vault>(&with).is_err());
        for password in ["", &"x".repeat(MAX_PASSWORD + 1)] {
            assert_eq!(open(password, &vault).unwrap_err(), KeystoreError::Password(password.len()));
        }
    }

    /// A file must not be able to ask for all memory, or for a day.
    #[test]
    fn parameters_are_bounded() {
        let (vault, _) = quick_vault("pw");
        let of = |memory_kib, passes, lanes| Params { memory_kib, passes, lanes };
        for params in [
            of(u32::MAX, 1, 1),
            of(Params::MAX_MEMORY_KIB + 1, 1, 1),
            of(64, u32::MAX, 1),
            of(64, Params::MAX_PASSES + 1, 1),
            of(1 << 20, 7, 1),
            of(1 << 16, 3, 17),
            of(7, 1, 1),
            of(0, 0, 0),
            of(64, 0, 1),
            of(64, 1, 0),
            of(64, 1, 16),
        ] {
            let error = open("pw", &Vault { params, ..vault.clone() }).unwrap_err();
            assert_eq!(error, params.error(), "{params:?}");
        }
        for params in [QUICK, of(64 << 10, 1, 1), of(18 << 10, 9, 1)] {
            assert_eq!(seal("pw", SECRET, params).unwrap_err(), params.error());
        }
        assert!(Params::STANDARD.check().is_ok() && Params::STANDARD.check_new().is_ok());
    }

    #[test]
    fn states() {
        let key = [9; 32];
        let sealed = seal_state(&key, "wallet/history", b"{\"txs\":[]}").unwrap();
        assert_eq!(open_state(&key, "wallet/history", &sealed).unwrap().as_slice(), b"{\"txs\":[]}");
        assert_ne!(sealed, seal_state(&key, "wallet/history", b"{\"txs\":[]}").unwrap(), "nonces are fresh");
        let damaged = KeystoreError::WrongPasswordOrDamaged;
        assert_eq!(open_state(&[8; 32], "wallet/history", &sealed).unwrap_err(), damaged);
        assert_eq!(open_state(&key, "other/history", &sealed).unwrap_err(), damaged);
        let bytes = BASE64.decode(sealed.as_bytes()).unwrap();
        for at in 1..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x80;
            assert_eq!(open_state(&key, "wallet/history", &BASE64.encode(&changed)).unwrap_err(), damaged);
        }
        let mut later = bytes;
        later[0] = 2;
        let later = BASE64.encode(&later);
        assert_eq!(open_state(&key, "wallet/history", &later).unwrap_err(), KeystoreError::Version(2));
        for text in ["", "AQ==", "not base64"] {
            assert_eq!(open_state(&key, "", text).unwrap_err(), KeystoreError::Malformed("state"), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_state_comes_back(
            key: [u8; 32], id: String, state in prop::collection::vec(any::<u8>(), 0..300)
        ) {
            let sealed = seal_state(&key, &id, &state).unwrap();
            let opened = open_state(&key, &id, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), state.as_slice());
        }

        #[test]
        fn any_text_is_refused_without_panic(text: String) {
            prop_assert!(open_state(&[1; 32], "", &text).is_err());
            prop_assert!(serde_json::from_str::<Vault>(&text).is_err());
        }
    }
}
