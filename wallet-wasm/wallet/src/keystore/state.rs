//! A wallet's public state, sealed under the key that its vault holds.

use super::{KeystoreError, MAX_CIPHERTEXT, NONCE_LEN, STATE_KEY_LEN, TAG_LEN, decrypt, encrypt, random};
use crate::base64;
use zeroize::Zeroizing;

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
