//! The chain that a wallet lives on: how addresses and keys are written there, and which key paths belong to it.
//!
//! A chain is data ([`ChainParams`]): one of the built-in ones, or a file that founds a network. Addresses are read and
//! written by the node's own code, so chains with prefixes of their own work as any other.

use crate::keys::AccountKind;
use bitcoin::{NetworkKind, Script, ScriptBuf};
use chaincore_consensus::address::Address;
use chaincore_consensus::params::{ChainFileError, ChainParams};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// No chain file that a node writes is longer; what is longer is refused unread.
pub const MAX_CHAIN_FILE_LEN: usize = 64 * 1024;

/// A chain as a wallet sees it. Cheap to clone.
#[derive(Clone)]
pub struct Chain {
    params: Arc<ChainParams>,
    /// The text of the chain's file, if it is none of the built-in chains.
    file: Option<Arc<str>>,
}

/// A chain as requests and vaults name it: `"main"`, `{"name":"main"}` or `{"file":"…TOML…"}`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ChainSpec {
    /// A built-in chain, by name alone.
    Plain(String),
    /// A chain's file.
    File {
        /// The TOML text.
        file: String,
    },
    /// A built-in chain.
    Name {
        /// Its name.
        name: String,
    },
}

/// Why there is no such chain, or why a text is no address of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// No built-in chain has this name.
    #[error("no built-in chain is called {0:?}: use one of {names} or a chain file", names = ChainParams::NAMES.join(", "))]
    UnknownName(String),
    /// The file is longer than any chain file.
    #[error("a chain file has at most {MAX_CHAIN_FILE_LEN} bytes, this one has {0}")]
    FileTooLong(usize),
    /// The file says no chain.
    #[error(transparent)]
    File(#[from] ChainFileError),
    /// The text is no address on this chain.
    #[error("{text:?} is no address on the chain {chain}: {reason}")]
    Address {
        /// The text, cut where no address would still go on.
        text: String,
        /// The chain.
        chain: String,
        /// Core's words.
        reason: String,
    },
}

impl ChainError {
    /// The error's name in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownName(_) => "unknown_chain",
            Self::FileTooLong(_) | Self::File(_) => "bad_chain_file",
            Self::Address { .. } => "bad_address",
        }
    }
}

impl Chain {
    /// A built-in chain.
    pub fn from_name(name: &str) -> Result<Self, ChainError> {
        let params = ChainParams::by_name(name).ok_or_else(|| ChainError::UnknownName(shorten(name)))?;
        Ok(Self { params: Arc::new(params), file: None })
    }

    /// The chain of a file, as a node writes it and `GET /light/chain` hands it out.
    pub fn from_file(text: &str) -> Result<Self, ChainError> {
        if text.len() > MAX_CHAIN_FILE_LEN {
            return Err(ChainError::FileTooLong(text.len()));
        }
        let params = ChainParams::from_toml(text)?;
        Ok(Self { params: Arc::new(params), file: Some(text.into()) })
    }

    /// The chain that a request or a vault names.
    pub fn from_spec(spec: &ChainSpec) -> Result<Self, ChainError> {
        match spec {
            ChainSpec::Plain(name) | ChainSpec::Name { name } => Self::from_name(name),
            ChainSpec::File { file } => Self::from_file(file),
        }
    }

    /// How to name the chain so that [`Chain::from_spec`] finds it again.
    pub fn spec(&self) -> ChainSpec {
        match &self.file {
            Some(text) => ChainSpec::File { file: text.to_string() },
            None => ChainSpec::Name { name: self.params.name.clone() },
        }
    }

    /// All that the chain is made of.
    pub fn params(&self) -> &ChainParams {
        &self.params
    }

    /// The chain's name.
    pub fn name(&self) -> &str {
        &self.params.name
    }

    /// The coin type of BIP44: 0 on Bitcoin's main chain, 1 on every other. (The default chain of ChainCore shares the
    /// main chain's address formats; another coin type keeps a wallet's keys of the two apart.)
    pub fn coin_type(&self) -> u32 {
        u32::from(self.params.is_test_chain())
    }

    /// Which of BIP32's two kinds the chain's extended keys are written as in descriptors: the main network's where the
    /// chain uses its version bytes, the test networks' else.
    pub fn network_kind(&self) -> NetworkKind {
        if self.params.addresses.xpub == [0x04, 0x88, 0xb2, 0x1e] {
            NetworkKind::Main
        } else {
            NetworkKind::Test
        }
    }

    /// The address that a script pays, if it has one.
    pub fn address(&self, script: &Script) -> Option<String> {
        Some(Address::from_script(script.as_bytes())?.to_text(&self.params.addresses))
    }

    /// The script that an address of this chain pays. Prefix and checksum are verified.
    pub fn script(&self, address: &str) -> Result<ScriptBuf, ChainError> {
        match Address::parse(address.trim(), &self.params.addresses) {
            Ok(parsed) => Ok(ScriptBuf::from_bytes(parsed.script_pubkey().0)),
            Err(error) => Err(ChainError::Address {
                text: shorten(address),
                chain: self.params.name.clone(),
                reason: error.message,
            }),
        }
    }

    /// The kind of account that an address of this script would come from, by its form alone.
    pub fn kind_of(script: &Script) -> Option<AccountKind> {
        if script.is_p2pkh() {
            Some(AccountKind::Legacy)
        } else if script.is_p2sh() {
            Some(AccountKind::Nested)
        } else if script.is_p2wpkh() {
            Some(AccountKind::Segwit)
        } else if script.is_p2tr() {
            Some(AccountKind::Taproot)
        } else {
            None
        }
    }
}

impl core::fmt::Debug for Chain {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.debug_tuple("Chain").field(&self.params.name).finish()
    }
}

impl PartialEq for Chain {
    fn eq(&self, other: &Self) -> bool {
        self.params.genesis_hash == other.params.genesis_hash && self.params == other.params
    }
}

impl Eq for Chain {}

/// What an error repeats of a text from outside.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}
