//! Chains of one's own: a TOML file that founds a network, and the same file with its first block mined.

mod check;
mod error;
#[cfg(any(test, target_family = "wasm"))]
mod small;
mod tables;
mod values;
mod write;

pub use error::ChainFileError;

use super::ChainParams;
#[cfg(target_family = "wasm")]
use small::parse;
#[cfg(not(target_family = "wasm"))]
use tables::parse;

impl ChainParams {
    /// The chain that a chain file describes, its first block included: the nonce must be there and good.
    pub fn from_toml(text: &str) -> Result<Self, ChainFileError> {
        Self::described(parse(text)?, false)
    }

    /// The chain that a chain file describes; mines its first block where the file has no nonce for it. Where it
    /// has no time either, `now` (seconds since 1970) is the block's time.
    pub fn found(text: &str, now: u32) -> Result<Self, ChainFileError> {
        let has_time = parse(text)?.genesis.time.is_some();
        if has_time {
            return Self::described(parse(text)?, true);
        }
        let mut table: toml::Table =
            text.parse().map_err(|error: toml::de::Error| ChainFileError::Syntax(error.to_string()))?;
        let genesis = table.entry("genesis").or_insert_with(|| toml::Table::new().into());
        if let Some(genesis) = genesis.as_table_mut() {
            genesis.insert("time".into(), i64::from(now).into());
        }
        Self::described(parse(&table.to_string())?, true)
    }

    /// The chain file of this chain, with its first block's nonce and hash. Reading it back gives the same chain
    /// where it was made from such a file; what only Bitcoin's own chains have (voted deployments, exceptions)
    /// has no place in it.
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        write::write_chain(&mut text, self).expect("writing to a string does not fail");
        text
    }
}

#[cfg(test)]
mod tests;
