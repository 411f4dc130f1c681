//! Partially signed transactions (BIP174, with the taproot fields of BIP371). Version 2 (BIP370) is read, too; what is
//! written is version 0.
//!
//! What comes from outside is bounded before it is decoded, and what an input claims to spend is compared with the
//! transaction that it names wherever that one is there. Nothing here has keys: [`crate::signer`] does.

mod combine;
mod finalise;
mod own;
mod read;
pub mod review;
mod size;
mod spent;
mod v2;

pub use bitcoin::Psbt;
pub use combine::combine;
pub use finalise::{Finalised, Unfinished, finalise};
pub use own::script_of;
pub(crate) use own::{Paths, nested_script_sig, redeem_script_of};
pub use read::{MAX_PSBT_BYTES, from_base64, read, to_base64};
use spent::Spent;
pub(crate) use spent::spent_outputs;

/// Why a PSBT can't be read, combined, reviewed or finished.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PsbtError {
    /// More bytes than a wallet reads.
    #[error("a PSBT has at most {limit} bytes, this one has {len}")]
    TooLarge {
        /// The bytes there are.
        len: usize,
        /// The most that are read.
        limit: usize,
    },
    /// Neither the bytes of a PSBT nor their base64 or hexadecimal digits.
    #[error("this is no PSBT, neither as a file nor as base64")]
    Encoding,
    /// A format of which this wallet does not know.
    #[error("this is a PSBT of version {0}: only 0 (BIP174) and 2 (BIP370) are known")]
    Version(u32),
    /// The fields break the format.
    #[error("this PSBT is damaged: {0}")]
    Decode(String),
    /// The transaction has nothing to sign.
    #[error("the transaction has no inputs or no outputs")]
    Empty,
    /// An output is spent twice.
    #[error("input {input} spends the same output as an input before it")]
    DuplicateInput {
        /// The input.
        input: usize,
    },
    /// Nothing says what the input spends.
    #[error("input {input}: the PSBT does not say what it spends")]
    MissingSpent {
        /// The input.
        input: usize,
    },
    /// The previous transaction is another than the one the input names, or has no such output.
    #[error("input {input}: the previous transaction given is not the one it spends from")]
    WrongPrevious {
        /// The input.
        input: usize,
    },
    /// The two statements of what the input spends differ: somebody lies about an amount.
    #[error("input {input}: the output given is not the one in the previous transaction")]
    SpentMismatch {
        /// The input.
        input: usize,
    },
    /// Without the previous transaction nobody knows what an input without witness spends.
    #[error("input {input}: the previous transaction is missing, without it the amount can't be known")]
    PreviousNeeded {
        /// The input.
        input: usize,
    },
    /// A signature of that type would commit to less than the whole transaction.
    #[error("input {input}: signature type {kind} is refused, only DEFAULT and ALL are signed")]
    Sighash {
        /// The input.
        input: usize,
        /// The type asked for.
        kind: String,
    },
    /// More money than can exist.
    #[error("the amounts of this transaction are out of range")]
    Amount,
    /// More goes out than comes in.
    #[error("the outputs are worth {out} sat, the inputs only {spent} sat")]
    Overspent {
        /// What the inputs have.
        spent: u64,
        /// What the outputs take.
        out: u64,
    },
    /// PSBTs that are combined must be for one transaction.
    #[error("the PSBTs are for different transactions")]
    OtherTransaction,
    /// PSBTs that are combined contradict each other.
    #[error("the PSBTs contradict each other: {0}")]
    Conflict(String),
    /// Nothing to combine, or more than anybody has.
    #[error("1 to 100 PSBTs can be combined, these are {0}")]
    Count(usize),
}

impl PsbtError {
    /// The error's name in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::Encoding | Self::Decode(_) | Self::Empty | Self::DuplicateInput { .. } => "bad_psbt",
            Self::Version(_) => "psbt_version",
            Self::MissingSpent { .. } | Self::PreviousNeeded { .. } => "missing_utxo",
            Self::WrongPrevious { .. } | Self::SpentMismatch { .. } => "utxo_mismatch",
            Self::Sighash { .. } => "sighash_refused",
            Self::Amount | Self::Overspent { .. } => "bad_amount",
            Self::OtherTransaction => "other_transaction",
            Self::Conflict(_) => "psbt_conflict",
            Self::Count(_) => "bad_count",
        }
    }
}

/// Whether an input is finished: it has its script or its witness.
pub(crate) fn is_final(fields: &bitcoin::psbt::Input) -> bool {
    fields.final_script_sig.is_some() || fields.final_script_witness.is_some()
}
