//! What a script learns from the exit code.

use serde::Serialize;
use std::process::ExitCode;

/// The state of what was looked at, from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All is as it should be.
    Good,
    /// Something is late or cannot be reached; it may mend by itself.
    Behind,
    /// Something contradicts something else: somebody must look.
    Broken,
}

/// What a monitor that could not do its own work exits with: a bad argument, a file that cannot be written.
pub const FAILED: u8 = 3;

impl Verdict {
    /// The exit code.
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> Self {
        verdict.code().into()
    }
}
