//! What the mirror looks like from outside: read-only questions, for monitors. None of them counts the rows of a big
//! table: all are answered at once however long the chain is.

mod queries;

use crate::batch::Totals;
use crate::connection::{Limits, Server, within};
use crate::error::MirrorError;
use crate::session::{Mode, in_time};
use serde::Serialize;
use sqlx::PgConnection;
use std::time::Duration;

/// How many blocks shares of pools are taken of: a week's worth on Bitcoin.
pub const POOL_BLOCKS: u32 = 1_008;

/// The mirror at one moment. Times are seconds since 1970 by the server's clock; hashes are hexadecimal as people write
/// them.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Status {
    /// The server, without the password.
    pub server: String,
    /// The server's clock.
    pub now: f64,
    /// PostgreSQL's version.
    pub server_version: String,
    /// How far it is.
    pub sync: Sync,
    /// The node that it follows, as it told last; `None` if none has told yet.
    pub node: Option<Node>,
    /// Blocks that the node has and the mirror has not; `None` if the node is not known.
    pub lag_blocks: Option<u32>,
    /// Who holds the writer's lease; `None` if nobody writes.
    pub writer: Option<String>,
    /// The last blocks, the newest first.
    pub blocks: Vec<BlockLine>,
    /// Who made the last [`POOL_BLOCKS`] blocks, the most first.
    pub pools: Vec<PoolShare>,
    /// How many reorganizations there were.
    pub reorg_count: i64,
    /// The last of them.
    pub last_reorg: Option<ReorgLine>,
    /// The last run of each integrity check.
    pub checks: Vec<CheckLine>,
    /// Indexes that are not done, or all if `mode` is `seal`.
    pub index_builds: Vec<IndexLine>,
    /// Indexes that are there but not whole, of the mirror's tables.
    pub invalid_indexes: i64,
    /// The tables, the biggest first; partitions are counted with their parents.
    pub tables: Vec<TableLine>,
    /// The whole database in bytes.
    pub database_bytes: i64,
    /// The mempool when it was recorded last.
    pub mempool: Option<MempoolLine>,
}

/// The row of `sync_state`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Sync {
    /// The chain's name.
    pub network: String,
    /// Its first block.
    pub genesis_hash: String,
    /// Height of the last mirrored block.
    pub tip_height: Option<u32>,
    /// Its hash.
    pub tip_hash: Option<String>,
    /// Up to here no reorganization is expected.
    pub final_height: Option<u32>,
    /// What the writer does.
    #[serde(serialize_with = "mode_name")]
    pub mode: Mode,
    /// Whether coins and balances are kept.
    pub seeded: bool,
    /// Count of committed batches.
    pub event_seq: i64,
    /// Which writer it is.
    pub writer_epoch: i64,
    /// Rows.
    pub totals: Totals,
    /// When it was written last.
    pub updated_at: f64,
    /// The writer's version.
    pub plugin_version: String,
}

/// A row of `nodes`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct Node {
    pub node_id: String,
    pub height: Option<u32>,
    pub best_hash: Option<String>,
    pub peers: Option<i32>,
    pub status: String,
    pub last_seen: f64,
}

/// What matters of a row of `blocks`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct BlockLine {
    pub height: u32,
    pub hash: String,
    pub time: f64,
    pub tx_count: i32,
    pub size: i32,
    pub weight: i32,
    pub fees: i64,
    pub subsidy: i64,
    pub feerate_p50: Option<f64>,
    pub pool: Option<String>,
    pub received_at: Option<f64>,
}

/// What a pool has made.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PoolShare {
    /// Its name; `None` for blocks that no rule fits.
    pub pool: Option<String>,
    /// Its blocks.
    pub blocks: i64,
    /// Their share, 0 to 1.
    pub share: f64,
    /// Satoshis of fees in them.
    pub fees: i64,
}

/// A row of `reorgs`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct ReorgLine {
    pub id: i64,
    pub detected_at: f64,
    pub fork_height: u32,
    pub depth: i32,
    pub connected: i32,
    pub old_tip: String,
    pub new_tip: String,
    pub txs_dropped: i32,
    pub apply_ms: i32,
}

/// A row of `integrity_checks`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct CheckLine {
    pub name: String,
    pub ok: Option<bool>,
    pub started_at: f64,
    pub finished_at: Option<f64>,
    pub detail: serde_json::Value,
}

/// A row of `index_builds`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct IndexLine {
    pub index_name: String,
    pub relation: String,
    pub state: String,
}

/// The size of a table.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TableLine {
    /// Its name.
    pub table: String,
    /// Bytes, indexes included.
    pub bytes: i64,
    /// Rows as the server's statistics estimate them.
    pub rows: i64,
    /// Rows that are dead and not yet vacuumed away, by the same.
    pub dead_rows: i64,
}

/// What matters of a row of `mempool_snapshots`.
#[derive(Clone, PartialEq, Debug, Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct MempoolLine {
    pub taken_at: f64,
    pub tx_count: i32,
    pub vsize: i64,
    pub total_fee: i64,
    pub min_feerate: f64,
    pub feerate_p50: Option<f64>,
}

fn mode_name<S: serde::Serializer>(mode: &Mode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(mode.name())
}

impl Status {
    /// Seconds since the tip's block says it was made, by the server's clock.
    pub fn tip_age(&self) -> Option<f64> {
        self.blocks.first().map(|block| self.now - block.time)
    }

    /// Rows per second that came since an earlier look.
    pub fn rows_per_second(&self, earlier: &Self) -> f64 {
        let passed = self.now - earlier.now;
        let rows = self.sync.totals.rows() - earlier.sync.totals.rows();
        if passed > 0.0 { rows.max(0) as f64 / passed } else { 0.0 }
    }

    /// The newest run of any check that failed; `None` if all were well when they ran last.
    pub fn failed_check(&self) -> Option<&CheckLine> {
        self.checks.iter().find(|check| check.ok == Some(false))
    }
}

/// Looks at a mirror. It can change nothing, whatever rights its role has.
pub struct Watcher {
    server: Server,
    limits: Limits,
    connection: Option<PgConnection>,
}

impl Watcher {
    /// Will look at the mirror at this URL. Connects with the first question.
    ///
    /// # Errors
    /// [`MirrorError::Url`].
    pub fn new(url: &str, patience: Duration) -> Result<Self, MirrorError> {
        let limits = Limits { connect: patience, statement: patience, lock: patience };
        Ok(Self { server: Server::parse(url)?, limits, connection: None })
    }

    /// The server, without the password.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// The mirror now, with this many of the last blocks. After an error the next call connects again.
    ///
    /// # Errors
    /// [`MirrorError::NoMirror`] if the database holds none; else those of the connection.
    pub async fn status(&mut self, blocks: u32) -> Result<Status, MirrorError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let patience = self.limits.patience();
        let answer = queries::status(&mut connection, &self.server, blocks);
        let status = in_time("cannot look at the mirror", patience, answer).await?;
        self.connection = Some(connection);
        Ok(status)
    }

    async fn connect(&self) -> Result<PgConnection, MirrorError> {
        let mut connection = self.server.connect(&self.limits).await?;
        let set = sqlx::query(
            "SELECT set_config('default_transaction_read_only', 'on', false),
                set_config('application_name', 'chaincore-monitor', false)",
        );
        within("cannot set up the session", self.limits.connect, set.execute(&mut connection)).await?;
        Ok(connection)
    }
}
