//! Keys: from random bytes to words (BIP39), from words to a tree of keys (BIP32), from the tree to accounts
//! (BIP44, BIP49, BIP84, BIP86), and extended public keys as other wallets write them (SLIP132).
//!
//! Secrets live in [`Phrase`] and [`Master`] alone. Both wipe themselves when dropped and show nothing of themselves in
//! `Debug`; errors and panics never contain them.

mod account;
mod entropy;
mod extended;
mod master;
mod mnemonic;
mod unicode;
pub(crate) mod wipe;

pub use account::{AccountKeys, AccountKind, AccountPath, account_path};
pub use entropy::{EntropyError, fill_random};
pub use extended::{ExtendedKeyError, ExtendedPublicKey, extended_to_text};
pub use master::Master;
pub use mnemonic::{Check, Phrase, WordCount, check, suggest};
pub(crate) use unicode::nfkd;
#[cfg(not(feature = "unicode"))]
pub use unicode::{Normalizer, set_normalizer};

use bitcoin::secp256k1::{Secp256k1, VerifyOnly};
use std::sync::OnceLock;

/// The library's context for public keys and for verifying, which needs no blinding.
pub fn secp() -> &'static Secp256k1<VerifyOnly> {
    static CONTEXT: OnceLock<Secp256k1<VerifyOnly>> = OnceLock::new();
    CONTEXT.get_or_init(Secp256k1::verification_only)
}

/// Why there are no such keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The system gave no good random bytes.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// Words come in twelves to twenty-fours.
    #[error("a wallet has 12, 15, 18, 21 or 24 words, these are {0}")]
    WordCount(usize),
    /// Some words are in no list.
    #[error("{}: {}", if .0.len() == 1 { "this word is in no word list" } else { "these words are in no word list" }, .0.join(", "))]
    UnknownWords(Vec<String>),
    /// All words exist, and one of them is wrong, or their order is.
    #[error("the words do not belong together: one is wrong or they are out of order")]
    Checksum,
    /// Nothing here knows the decomposition of letters beyond ASCII.
    #[error("this program can't read letters beyond ASCII in words and passphrases")]
    Unicode,
    /// Account numbers are below 2^31.
    #[error("account {0} does not exist: accounts are numbered from 0 to 2147483647")]
    Index(u32),
    /// A key path that is none.
    #[error("{0:?} is no key path such as m/84'/0'/0'/0/0")]
    Path(String),
    /// One of 2^127 seeds has no such key.
    #[error("this seed has no key here")]
    Derivation,
}

impl KeyError {
    /// The error's name in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Entropy(_) => "no_entropy",
            Self::WordCount(_) => "bad_word_count",
            Self::UnknownWords(_) => "unknown_words",
            Self::Checksum => "bad_checksum",
            Self::Unicode => "no_unicode",
            Self::Index(_) | Self::Path(_) => "bad_path",
            Self::Derivation => "no_key",
        }
    }
}
