//! How the mirror fails, and which of that may pass by itself.

use chaincore_plugin::{BlockRef, PluginError, ReadError};
use std::time::Duration;

/// Why the mirror could not do what it was asked. No variant holds a password: servers are named by
/// [`Server`](crate::connection::Server)'s display form.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The URL names no server.
    #[error("the mirror's URL is wrong: {0}")]
    Url(String),
    /// The server refused or was lost.
    #[error("{action}: {}", told(source))]
    Database {
        /// What was being done.
        action: &'static str,
        /// What went wrong.
        source: sqlx::Error,
    },
    /// The server did not answer in time. Whether it did what it was asked is unknown.
    #[error("{action}: no answer in {} s", limit.as_secs())]
    Silent {
        /// What was being done.
        action: &'static str,
        /// How long was waited.
        limit: Duration,
    },
    /// The schema could not be brought up to date.
    #[error("cannot bring the schema up to date: {0}")]
    Schema(sqlx::migrate::MigrateError),
    /// The schema is of a newer release.
    #[error(
        "the database has migration {0}, which this release does not know: it was written by a newer one"
    )]
    NewerSchema(i64),
    /// The database mirrors another chain.
    #[error("the database mirrors the chain {found}, not {expected}: give this chain a database of its own")]
    OtherChain {
        /// The chain's name and genesis block in the database.
        found: String,
        /// Ours.
        expected: String,
    },
    /// There is no mirror in the database.
    #[error(
        "the database holds no mirror; start a node with --mirror and this database's URL, it makes the tables itself"
    )]
    NoMirror,
    /// Somebody else writes to this database.
    #[error("another writer has the database: {0}; stop that one, or give this node a database of its own")]
    LeaseHeld(String),
    /// Somebody else has taken the database over.
    #[error("another writer took the database over: its epoch is {found}, ours was {ours}")]
    LeaseLost {
        /// The epoch in the database.
        found: i64,
        /// The epoch that we began with.
        ours: i64,
    },
    /// The database is not where it was left.
    #[error("the database is at {found:?}, not at {expected:?}")]
    CursorMoved {
        /// The cursor in the database.
        found: Option<BlockRef>,
        /// Where it was expected.
        expected: Option<BlockRef>,
    },
    /// What is stored contradicts the chain.
    #[error("block {height}: {what}; the mirror is damaged, `chaincored mirror verify --full` shows where")]
    Damaged {
        /// The height at which it was found.
        height: u32,
        /// The contradiction.
        what: String,
    },
    /// What the node gave cannot be mirrored.
    #[error("block {height}: {what}")]
    Input {
        /// The block's height.
        height: u32,
        /// What is wrong with it.
        what: String,
    },
    /// The node's chain could not be read.
    #[error("cannot read the chain: {0}")]
    Chain(#[from] ReadError),
    /// The node wants to stop.
    #[error("broken off: the node stops")]
    Stopping,
    /// The system refused something.
    #[error("the system refuses: {0}")]
    System(String),
    /// A call before `open`, or after a failed one.
    #[error("the mirror is not open")]
    Closed,
}

impl MirrorError {
    /// Tells what was being done when the database failed.
    pub fn during(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Database { action, source }
    }

    /// Whether it can work later without anybody doing anything to the mirror.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Silent { .. } | Self::LeaseHeld(_) | Self::LeaseLost { .. } => true,
            Self::CursorMoved { .. } | Self::Chain(_) | Self::System(_) | Self::Stopping | Self::Closed => {
                true
            }
            Self::Database { source, .. } => database_may_pass(source),
            Self::Schema(sqlx::migrate::MigrateError::Execute(source)) => database_may_pass(source),
            Self::Schema(sqlx::migrate::MigrateError::ExecuteMigration(source, _)) => {
                database_may_pass(source)
            }
            Self::Url(_) | Self::Schema(_) | Self::NewerSchema(_) | Self::OtherChain { .. } => false,
            Self::Damaged { .. } | Self::Input { .. } | Self::NoMirror => false,
        }
    }

    /// How long to wait before the next try, where it is known better than by doubling.
    fn pause(&self) -> Option<Duration> {
        match self {
            Self::LeaseHeld(_) => Some(Duration::from_secs(5)),
            // Serialization failures, deadlocks, a cursor that moved: all is well again after `open`.
            Self::CursorMoved { .. } | Self::Closed => Some(Duration::from_millis(50)),
            Self::Database { source, .. } => match sqlstate(source)?.get(..2)? {
                "40" => Some(Duration::from_millis(50)),
                // Disk full, too many connections, out of memory: somebody is working on it, or nobody is.
                "53" => Some(Duration::from_secs(30)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// An error of the server or of the way to it, and what to do next where that is known.
fn told(error: &sqlx::Error) -> String {
    let Some(answer) = error.as_database_error() else {
        let next = match error {
            sqlx::Error::Io(_) => "; is PostgreSQL running there?",
            _ => "",
        };
        return format!("{error}{next}");
    };
    // The message alone: where in the server's own source it comes from helps nobody.
    let next = match answer.code().as_deref() {
        Some("3D000") => "; make it with createdb, or name another in the URL",
        Some("28P01" | "28000") => {
            "; the password belongs in the URL (%40 for @, %2F for /), in PGPASSWORD or in ~/.pgpass"
        }
        Some("42501" | "25006") => {
            "; the mirror needs the database's owner or a writer (migrations/README.md)"
        }
        Some("53100") => "; make room on the server, nothing else is needed",
        Some("53300") => "; the server has no connection left, see its max_connections",
        _ => "",
    };
    format!("{}{next}", answer.message())
}

/// Whether a table or its schema is not there.
pub(crate) fn is_missing(error: &sqlx::Error) -> bool {
    matches!(sqlstate(error).as_deref(), Some("42P01" | "3F000"))
}

fn sqlstate(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(Into::into)
}

/// SQLSTATE classes: 08 connection, 25 transaction state (a connection cut off in the middle), 40 rollback,
/// 53 resources, 55 objects in use and lock timeouts, 57 operator's intervention (and statement timeouts), 58 the
/// system. All others (data, constraints, syntax, privileges, corruption) come again with every try.
fn database_may_pass(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            matches!(code.get(..2), Some("08" | "25" | "40" | "53" | "55" | "57" | "58"))
        }
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => true,
        sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => true,
        _ => false,
    }
}

impl From<MirrorError> for PluginError {
    fn from(error: MirrorError) -> Self {
        if error.may_pass() {
            Self::Retry { after: error.pause(), source: Box::new(error) }
        } else {
            Self::fatal(error)
        }
    }
}
