//! Why there is no server.

use std::path::PathBuf;

/// Why a server could not be made or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No folder holds `initdb` and `postgres`.
    #[error(
        "no PostgreSQL on this machine: looked for initdb in {searched}. Install it (on Debian: apt-get install \
         postgresql; or cargo xtask setup) or name its folder of programs in CHAINCORE_PG_BIN"
    )]
    NotInstalled {
        /// The places that were looked at.
        searched: String,
    },
    /// Root runs the test and there is no account to run the server as.
    #[error("PostgreSQL does not run as root, and there is neither a user postgres nor a user nobody")]
    NoAccount,
    /// No folder for temporary files serves: the account cannot enter it or its path is too long for a socket.
    #[error(
        "no folder for a server: {0} cannot be entered by its account or have too long paths for a socket"
    )]
    NoFolder(String),
    /// A program could not be run.
    #[error("cannot run {program}: {source}")]
    Run {
        /// What was to be run.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ran and failed.
    #[error("{program} failed: {output}")]
    Failed {
        /// What was run.
        program: PathBuf,
        /// What it wrote to its standard error.
        output: String,
    },
    /// A file of the server could not be written or read.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server did not come up.
    #[error("the server did not start; its log says:\n{log}")]
    NotStarted {
        /// The end of the server's log.
        log: String,
    },
    /// The process that keeps the server is gone.
    #[error("the process that keeps the server does not answer: {0}")]
    Keeper(std::io::Error),
    /// The certificate of a server with TLS could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}
