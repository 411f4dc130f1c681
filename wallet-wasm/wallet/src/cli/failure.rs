//! Why a command failed, and the exit code that says so.

use chaincore_wallet::service::Fault;
use serde_json::json;
use std::fmt;
use std::path::Path;

/// A code for programs, a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: String,
    message: String,
}

/// The exit code of each code that has one of its own; all others are 1.
const EXITS: &[(u8, &[&str])] = &[
    (2, &["usage", "bad_amount", "bad_feerate", "bad_params", "unknown_chain"]),
    (3, &["wrong_password", "no_password", "bad_password"]),
    (
        4,
        &[
            "bad_address",
            "bad_checksum",
            "unknown_words",
            "bad_word_count",
            "bad_descriptor",
            "bad_descriptor_checksum",
            "bad_extended_key",
            "wrong_network",
            "private_key",
            "bad_uri",
            "uri_unsupported",
            "bad_psbt",
            "psbt_version",
            "look_alike",
        ],
    ),
    (5, &["not_enough_money"]),
    (6, &["no_node"]),
    (7, &["refused"]),
    (8, &["no_file", "file_exists", "bad_file", "bad_vault", "bad_state", "vault_version", "state_version"]),
    (9, &["wrong_chain", "lie"]),
    (10, &["busy"]),
];

impl Failure {
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into() }
    }

    /// The command line makes no sense.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new("usage", message)
    }

    /// The same, of a file.
    pub fn of(self, path: &Path) -> Self {
        Self { message: format!("{}: {}", path.display(), self.message), ..self }
    }

    /// Adds a sentence.
    pub fn with(self, more: &str) -> Self {
        Self { message: format!("{} {more}", self.message), ..self }
    }

    /// A word for programs.
    pub fn code(&self) -> &str {
        &self.code
    }

    pub fn exit_code(&self) -> u8 {
        let found = EXITS.iter().find(|(_, codes)| codes.contains(&self.code.as_str()));
        found.map_or(1, |(exit, _)| *exit)
    }

    pub fn to_json(&self) -> String {
        json!({"error": {"code": self.code, "message": self.message, "exit": self.exit_code()}}).to_string()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self { code: fault.code, message: fault.message }
    }
}

macro_rules! from_errors {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::new(error.code(), error.to_string())
            }
        })*
    };
}

from_errors!(
    chaincore_wallet::chain::ChainError,
    chaincore_wallet::keys::KeyError,
    chaincore_wallet::keystore::KeystoreError,
    chaincore_wallet::message::MessageError,
    chaincore_wallet::psbt::PsbtError,
    chaincore_wallet::signer::SignError,
);
