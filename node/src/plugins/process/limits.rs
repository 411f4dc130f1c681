//! How much a child may take: time, bytes, and words in the log.

use std::time::Duration;

/// What a child's behaviour is held to.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Until the manifest must have been given, from the start of the process.
    pub manifest: Duration,
    /// Until a call must have been answered, if the manifest does not name another time.
    pub call: Duration,
    /// Until a call of an RPC method or a REST path must have been answered, once it is the child's turn.
    pub api: Duration,
    /// How long a call of an RPC method or a REST path may wait for its turn.
    pub queue: Duration,
    /// Until `close` must have been answered.
    pub close: Duration,
    /// Until the child must have ended once its input has, and again once it was asked to by a signal.
    pub exit: Duration,
    /// Bytes of a line from the child.
    pub line: usize,
    /// Bytes of a line of the child's standard error that are logged.
    pub log_line: usize,
    /// Lines of the child's standard error that are logged in each [`Limits::log_window`].
    pub log_lines: u32,
    /// See [`Limits::log_lines`].
    pub log_window: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: Duration::from_secs(10),
            call: Duration::from_secs(60),
            api: Duration::from_secs(30),
            queue: Duration::from_secs(30),
            close: Duration::from_secs(4),
            exit: Duration::from_secs(1),
            line: 1 << 20,
            log_line: 1000,
            log_lines: 100,
            log_window: Duration::from_secs(10),
        }
    }
}

/// Calls of RPC methods and REST paths that may wait for one child at the same time. Each holds a thread of the
/// node's interface, so the others are told at once that the plugin is busy.
pub(super) const API_QUEUE: usize = 4;
