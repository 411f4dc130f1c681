//! How a child breaks the protocol, and how it refuses within it.

use chaincore_plugin::{ApiError, PluginError};
use serde::Deserialize;
use std::io;
use std::time::Duration;

/// The longest text of the child's that is shown.
const SHOWN: usize = 300;
/// The longest wait that a child may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Why a child was ended, or is not there. All of it may pass: the next `open` starts a new process.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The program cannot be run.
    #[error("{command} cannot be started: {source}")]
    NotStarted {
        /// The program.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// It ended by itself.
    #[error("the process ended by itself ({0})")]
    Exited(String),
    /// It closed its standard output.
    #[error("the process closed its standard output")]
    Closed,
    /// It did not answer.
    #[error("no answer to {method} within {} s", limit.as_secs_f32())]
    Late {
        /// What was asked.
        method: &'static str,
        /// For how long.
        limit: Duration,
    },
    /// It sends an endless line.
    #[error("a line of more than {0} bytes")]
    LineTooLong(usize),
    /// It sends something else than an answer.
    #[error("an answer to {method} that is not a JSON-RPC 2.0 response ({why}): {line}")]
    NotAReply {
        /// What was asked.
        method: &'static str,
        /// What the parser says.
        why: String,
        /// The line, cut.
        line: String,
    },
    /// It answers something else.
    #[error("an answer to call {got} where call {expected} ({method}) is due")]
    WrongId {
        /// What was asked.
        method: &'static str,
        /// The number of that call.
        expected: u64,
        /// The number in the answer, as it stands there.
        got: String,
    },
    /// It says something without having been asked, or before it was asked in full.
    #[error("a line that nobody asked for: {0}")]
    Unasked(String),
    /// Its answer does not have the shape that it must have.
    #[error("a wrong answer to {method}: {why}")]
    WrongResult {
        /// What was asked.
        method: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A pipe failed.
    #[error("the pipe to the process failed: {0}")]
    Pipe(io::Error),
    /// Whoever made a call did not wait for its end, so nobody knows how far the child has got.
    #[error("{0} was abandoned")]
    Abandoned(&'static str),
    /// There is no process, for this reason.
    #[error("the process is not running: {0}")]
    NotRunning(String),
    /// The process gives another manifest than the one by which the node was set up.
    #[error("the manifest is not the one that was given when the node started; restart the node")]
    ManifestChanged,
    /// The thread that keeps the process is gone.
    #[error("the bridge to the process has ended")]
    BridgeEnded,
}

/// What a child says instead of doing what it was asked.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Refusal {
    /// JSON-RPC's code, or Core's for a call of an RPC method.
    pub(super) code: i32,
    /// For people.
    pub(super) message: String,
    /// What it means for the plugin.
    #[serde(default)]
    data: Option<serde_json::Value>,
}

/// JSON-RPC's code of a method that is not there.
const METHOD_NOT_FOUND: i32 = -32601;

impl Refusal {
    /// Whether the child does not know the method.
    pub(super) fn is_unknown_method(&self) -> bool {
        self.code == METHOD_NOT_FOUND
    }

    /// Whether the child says that it will not work before somebody does something.
    pub(super) fn is_fatal(&self) -> bool {
        self.data.as_ref().is_some_and(|data| data["fatal"] == true)
    }

    fn retry_after(&self) -> Option<Duration> {
        let seconds = self.data.as_ref()?["retry_after"].as_f64()?;
        Duration::try_from_secs_f64(seconds).ok().map(|wait| wait.min(MAX_RETRY_AFTER))
    }

    /// What the host is told.
    pub(super) fn into_plugin_error(self) -> PluginError {
        let (fatal, after, message) = (self.is_fatal(), self.retry_after(), printable(&self.message));
        if fatal { PluginError::Fatal(message) } else { PluginError::Retry { after, source: message.into() } }
    }

    /// What the caller of an RPC method is told.
    pub(super) fn into_api_error(self) -> ApiError {
        ApiError { code: self.code, message: printable(&self.message) }
    }
}

/// A child's text for a person: cut, on one line, without what moves a terminal's cursor.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String = text.chars().take(SHOWN).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if shown.len() < text.len() && text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// The same for bytes.
pub(super) fn printable_bytes(bytes: &[u8]) -> String {
    // Four bytes are the longest character.
    printable(&String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN + 4)]))
}
