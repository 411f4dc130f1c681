//! What a vault's key costs, and within which bounds a file may say so.

use super::KeystoreError;
use serde::{Deserialize, Serialize};

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

    pub(super) fn error(self) -> KeystoreError {
        let Self { memory_kib, passes, lanes } = self;
        KeystoreError::Params { memory_kib, passes, lanes }
    }

    /// Whether a file may ask for this.
    pub(super) fn check(self) -> Result<argon2::Params, KeystoreError> {
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
    pub(super) fn check_new(self) -> Result<(), KeystoreError> {
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
