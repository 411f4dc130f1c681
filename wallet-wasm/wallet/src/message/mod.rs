//! Signed messages: BIP322 in its simple and full forms, and the older form for P2PKH (with BIP137's marks for segwit).
//!
//! Verifying BIP322 runs the node's own script interpreter, so an address of any kind can have signed: multisignature
//! scripts, timelocks and taproot trees too.

mod bip322;
mod legacy;
mod sign;

pub use bip322::{to_sign, to_spend};
pub use sign::Format;

use crate::base64;
use crate::chain::{Chain, ChainError, shorten};
use serde::{Deserialize, Serialize};

/// No message that is signed or verified is longer, in bytes.
pub const MAX_MESSAGE_LEN: usize = 100_000;

/// No signature is longer, in base64 digits.
const MAX_SIGNATURE_LEN: usize = 200_000;

/// What a signature says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "lowercase")]
pub enum Verdict {
    /// The address's owner has signed the message.
    Valid {
        /// From which height or time on (below or above 500,000,000) a coin of the address could be spent so; 0 for
        /// always.
        lock_time: u32,
        /// How old such a coin must be (BIP68); 0 for any age.
        sequence: u32,
    },
    /// The script uses rules that only a later program knows.
    Inconclusive {
        /// Which.
        reason: String,
    },
    /// Nobody has signed this message so.
    Invalid {
        /// Why not.
        reason: String,
    },
}

/// Why a signature can't be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// No address of the chain.
    #[error(transparent)]
    Address(#[from] ChainError),
    /// Longer than messages are.
    #[error("a message has at most {MAX_MESSAGE_LEN} bytes, this one has {0}")]
    MessageTooLong(usize),
    /// Not base64, or neither a signature nor a witness nor a transaction.
    #[error("this is no signature of a message: {0:?}")]
    Encoding(String),
    /// BIP322's third form, which proves coins and not a message alone.
    #[error("this signature is a proof of funds, which this wallet does not judge")]
    ProofOfFunds,
}

impl MessageError {
    /// The error's name in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(error) => error.code(),
            Self::MessageTooLong(_) => "too_large",
            Self::Encoding(_) => "bad_signature",
            Self::ProofOfFunds => "proof_of_funds",
        }
    }
}

impl Verdict {
    /// Whether the signature holds.
    pub fn is_valid(&self) -> bool {
        matches!(self, Self::Valid { .. })
    }

    fn invalid(reason: impl ToString) -> Self {
        Self::Invalid { reason: reason.to_string() }
    }
}

/// Judges a signature: BIP322 with or without the prefix that names its form, or the older form.
pub fn verify(chain: &Chain, address: &str, message: &str, signature: &str) -> Result<Verdict, MessageError> {
    if message.len() > MAX_MESSAGE_LEN {
        return Err(MessageError::MessageTooLong(message.len()));
    }
    let script = chain.script(address)?;
    let text: String = signature.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    if text.len() > MAX_SIGNATURE_LEN {
        return Err(MessageError::Encoding(shorten(&text)));
    }
    let decode = |digits: &str| {
        let digits = digits.as_bytes();
        base64::decode(digits)
            .or_else(|| base64::decode_unpadded(digits))
            .ok_or_else(|| MessageError::Encoding(shorten(signature)))
    };
    let unreadable = || MessageError::Encoding(shorten(signature));
    match text.get(..3) {
        Some("smp") => bip322::verify_simple(&script, message, &decode(&text[3..])?).ok_or_else(unreadable),
        Some("ful") => bip322::verify_full(&script, message, &decode(&text[3..])?).ok_or_else(unreadable),
        Some("pof") => Err(MessageError::ProofOfFunds),
        _ => {
            let bytes = decode(&text)?;
            legacy::verify(&script, message, &bytes)
                .or_else(|| bip322::verify_simple(&script, message, &bytes))
                .or_else(|| bip322::verify_full(&script, message, &bytes))
                .ok_or_else(unreadable)
        }
    }
}
