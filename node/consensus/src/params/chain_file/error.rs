//! Why a text is not a chain file.

use crate::hash::BlockHash;
use crate::pow::Target;

/// Why a text is not a chain file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainFileError {
    /// The text is not TOML, a key is unknown, or a value has the wrong type; says where.
    #[error("chain file: {0}")]
    Syntax(String),
    /// A key that has no default is missing.
    #[error("chain file: key '{0}' is missing")]
    Missing(&'static str),
    /// A value is out of range or of an unknown form.
    #[error("chain file: {key} = {value}: {expected}")]
    Value {
        /// The key's full name.
        key: &'static str,
        /// What the file says.
        value: String,
        /// What it may say.
        expected: String,
    },
    /// The first block's proof of work is not done: the file has no nonce, or one that does not meet the target.
    #[error("chain file: genesis.nonce = {nonce}: block {hash} does not meet target {target}")]
    GenesisWork {
        /// The nonce given.
        nonce: u32,
        /// The hash it leads to.
        hash: BlockHash,
        /// The target it should meet.
        target: Target,
    },
    /// The first block is another than the file says.
    #[error("chain file: genesis.hash = {expected}: the file's first block is {actual}")]
    GenesisHash {
        /// What the file says.
        expected: BlockHash,
        /// What its other values make.
        actual: BlockHash,
    },
}

/// That a value is not what it may be.
pub(super) fn bad<T>(
    key: &'static str,
    value: impl ToString,
    expected: impl Into<String>,
) -> Result<T, ChainFileError> {
    Err(ChainFileError::Value { key, value: value.to_string(), expected: expected.into() })
}
