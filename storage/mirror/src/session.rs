//! A writer's session: a connection that holds the lease, and what it knows of the database. Any error ends it; the
//! next one begins with what is stored.

use crate::connection::{Limits, Server, within};
use crate::error::MirrorError;
use crate::pools::{self, Rules};
use crate::rows::{Lineage, display_order};
use crate::{lease, partitions};
use chaincore_consensus::BlockHash;
use chaincore_consensus::params::ChainParams;
use chaincore_plugin::BlockRef;
use sqlx::migrate::{MigrateError, Migration, Migrator};
use sqlx::{Connection, PgConnection};
use std::fmt;
use std::future::Future;
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// How long the schema's changes may take.
const MIGRATION_LIMIT: Duration = Duration::from_secs(3600);

/// What the writer does with blocks; stored as text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// History goes into tables without indexes.
    Bulk,
    /// Indexes are built, coins and balances summed up.
    Seal,
    /// Several blocks to a transaction, with indexes.
    CatchUp,
    /// One block to a transaction.
    Tip,
    /// A reorganization is not finished.
    Reorg,
}

impl Mode {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Bulk, Self::Seal, Self::CatchUp, Self::Tip, Self::Reorg];

    /// The word in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bulk => "bulk",
            Self::Seal => "seal",
            Self::CatchUp => "catch-up",
            Self::Tip => "tip",
            Self::Reorg => "reorg",
        }
    }

    /// The mode of a word.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A session that may write.
pub struct Session {
    /// The connection. It holds the lease.
    pub connection: PgConnection,
    /// Its time limits.
    pub limits: Limits,
    /// Which writer we are.
    pub epoch: i64,
    /// The cursor, and what rows above it depend on.
    pub lineage: Lineage,
    /// The stored mode.
    pub mode: Mode,
    /// Whether coins and balances are kept.
    pub seeded: bool,
    /// How many partitions there are.
    pub partitions: u32,
    /// Whose blocks are whose.
    pub rules: Rules,
    /// Whether transactions of dropped blocks wait to be in the chain again.
    pub awaiting: bool,
    /// Whether blocks were dropped that may come back.
    pub has_stale: bool,
}

impl Session {
    /// Connects, takes the lease, brings the schema up to date and reads the state.
    ///
    /// # Errors
    /// All kinds; [`MirrorError::may_pass`] tells which come again.
    pub async fn open(
        server: &Server,
        limits: &Limits,
        patience: Duration,
        params: &ChainParams,
    ) -> Result<Self, MirrorError> {
        let mut connection = server.connect(limits).await?;
        in_time("cannot take the writer's lease", patience + limits.patience(), async {
            lease::take(&mut connection, patience).await
        })
        .await?;
        migrate(&mut connection, limits).await?;
        let limit = limits.patience();
        in_time("cannot read the state", limit, Self::begin(connection, *limits, params)).await
    }

    async fn begin(
        mut connection: PgConnection,
        limits: Limits,
        params: &ChainParams,
    ) -> Result<Self, MirrorError> {
        let action = "cannot read the state";
        let genesis = display_order(&params.genesis_hash.0);
        sqlx::query(
            "INSERT INTO chaincore.sync_state (network, genesis_hash, mode, plugin_version)
             VALUES ($1, $2, 'bulk', $3) ON CONFLICT DO NOTHING",
        )
        .bind(&params.name)
        .bind(&genesis[..])
        .bind(env!("CARGO_PKG_VERSION"))
        .execute(&mut connection)
        .await
        .map_err(MirrorError::during(action))?;
        let (network, stored): (String, Vec<u8>) =
            sqlx::query_as("SELECT network, genesis_hash FROM chaincore.sync_state")
                .fetch_one(&mut connection)
                .await
                .map_err(MirrorError::during(action))?;
        if network != params.name || stored != genesis {
            let hash = |bytes: &[u8]| chaincore_consensus::hex::encode(bytes);
            return Err(MirrorError::OtherChain {
                found: format!("{network} (genesis block {})", hash(&stored)),
                expected: format!("{} (genesis block {})", params.name, hash(&genesis)),
            });
        }
        let (epoch, mode, seeded): (i64, String, bool) = sqlx::query_as(
            "UPDATE chaincore.sync_state SET writer_epoch = writer_epoch + 1, plugin_version = $1
             RETURNING writer_epoch, mode, seeded",
        )
        .bind(env!("CARGO_PKG_VERSION"))
        .fetch_one(&mut connection)
        .await
        .map_err(MirrorError::during(action))?;
        let lineage = lineage(&mut connection).await?;
        let partitions = partitions::count(&mut connection).await?;
        let rules = pools::read(&mut connection).await?;
        let mut session = Self {
            connection,
            limits,
            epoch,
            lineage,
            mode: Mode::by_name(&mode).unwrap_or(Mode::CatchUp),
            seeded,
            partitions,
            rules,
            awaiting: false,
            has_stale: false,
        };
        session.look_for_stale().await?;
        Ok(session)
    }

    /// The last block whose rows are stored.
    pub fn tip(&self) -> Option<BlockRef> {
        self.lineage.tip()
    }

    /// Whether blocks were dropped, and whether their transactions wait to be in the chain again.
    pub async fn look_for_stale(&mut self) -> Result<(), MirrorError> {
        let (has_stale, awaiting): (bool, bool) = sqlx::query_as(
            "SELECT EXISTS (SELECT FROM chaincore.stale_blocks),
                    EXISTS (SELECT FROM chaincore.stale_transactions WHERE reconfirmed_height IS NULL AND pos > 0)",
        )
        .fetch_one(&mut self.connection)
        .await
        .map_err(MirrorError::during("cannot read dropped blocks"))?;
        (self.has_stale, self.awaiting) = (has_stale, awaiting);
        Ok(())
    }

    /// Stores the mode.
    pub async fn set_mode(&mut self, mode: Mode) -> Result<(), MirrorError> {
        if self.mode != mode {
            let set = sqlx::query(
                "UPDATE chaincore.sync_state SET mode = $1, updated_at = now() WHERE writer_epoch = $2",
            );
            let set = set.bind(mode.name()).bind(self.epoch).execute(&mut self.connection);
            within("cannot store the mode", self.limits.patience(), set).await?;
            self.mode = mode;
        }
        Ok(())
    }

    /// Lets go of everything.
    pub async fn close(self) {
        // The server lets go of the lease with the session, politely ended or not.
        drop(tokio::time::timeout(Duration::from_secs(2), self.connection.close()).await);
    }
}

/// Locks the state for this transaction and checks that we are still the writer and the database is where we think.
pub async fn lock_state(
    connection: &mut PgConnection,
    epoch: i64,
    expected: Option<BlockRef>,
) -> Result<(), MirrorError> {
    let (found_epoch, height, hash): (i64, Option<i32>, Option<Vec<u8>>) =
        sqlx::query_as("SELECT writer_epoch, tip_height, tip_hash FROM chaincore.sync_state FOR UPDATE")
            .fetch_one(connection)
            .await
            .map_err(MirrorError::during("cannot lock the state"))?;
    if found_epoch != epoch {
        return Err(MirrorError::LeaseLost { found: found_epoch, ours: epoch });
    }
    let found = height.zip(hash).and_then(|(height, hash)| block_ref(height, &hash));
    if found != expected {
        return Err(MirrorError::CursorMoved { found, expected });
    }
    Ok(())
}

/// A block from its columns.
pub fn block_ref(height: i32, hash: &[u8]) -> Option<BlockRef> {
    let hash: [u8; 32] = hash.try_into().ok()?;
    Some(BlockRef { height: u32::try_from(height).ok()?, hash: BlockHash(display_order(&hash)) })
}

/// Height, time, work, accumulator, hash.
type TipRow = (i32, i64, Vec<u8>, i64, Vec<u8>);

/// What the rows above the stored tip depend on.
pub async fn lineage(connection: &mut PgConnection) -> Result<Lineage, MirrorError> {
    let action = "cannot read the tip";
    let tip: (Option<i32>, Option<Vec<u8>>) =
        sqlx::query_as("SELECT tip_height, tip_hash FROM chaincore.sync_state")
            .fetch_one(&mut *connection)
            .await
            .map_err(MirrorError::during(action))?;
    let Some(tip) = tip.0.zip(tip.1).and_then(|(height, hash)| block_ref(height, &hash)) else {
        return Ok(Lineage::default());
    };
    let rows: Vec<TipRow> = sqlx::query_as(
        "SELECT height, extract(epoch FROM time)::bigint, chainwork, utxo_acc, hash FROM chaincore.blocks
         WHERE height BETWEEN $1 - 10 AND $1 ORDER BY height",
    )
    .bind(tip.height as i32)
    .fetch_all(connection)
    .await
    .map_err(MirrorError::during(action))?;
    let damaged = |what: &str| MirrorError::Damaged { height: tip.height, what: what.into() };
    let last = rows.last().ok_or_else(|| damaged("the tip's row is missing"))?;
    if block_ref(last.0, &last.4) != Some(tip) || rows.len() != tip.height.min(10) as usize + 1 {
        return Err(damaged("the last rows of blocks do not lead to the tip"));
    }
    let chainwork = last.2[..].try_into().map_err(|_| damaged("chainwork has not 32 bytes"))?;
    let times = rows.iter().map(|row| row.1 as u32).collect();
    Ok(Lineage::at(tip, times, chainwork, last.3))
}

/// Brings the schema up to date. Usually there is nothing to do, and that is found out quickly.
async fn migrate(connection: &mut PgConnection, limits: &Limits) -> Result<(), MirrorError> {
    let action = "cannot look at the schema";
    let applied = in_time(action, limits.patience(), applied(connection)).await?;
    let known: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
    if let Some(newer) = applied.iter().find(|(version, _)| !known.contains(version)) {
        return Err(MirrorError::NewerSchema(newer.0));
    }
    let is_applied = |migration: &Migration| {
        applied.iter().any(|(version, sum)| *version == migration.version && *sum == *migration.checksum)
    };
    if MIGRATIONS.iter().all(is_applied) {
        return Ok(());
    }
    let mut migrations = Migrator { migrations: MIGRATIONS.migrations.clone(), ..Migrator::DEFAULT };
    migrations.create_schema("chaincore");
    migrations.dangerous_set_table_name("chaincore._sqlx_migrations");
    set_timeout(connection, limits, Duration::ZERO).await?;
    let run = tokio::time::timeout(MIGRATION_LIMIT, migrations.run_direct(None, connection, false));
    match run.await {
        Ok(Ok(())) => {}
        Ok(Err(MigrateError::VersionMissing(version))) => return Err(MirrorError::NewerSchema(version)),
        Ok(Err(error)) => return Err(MirrorError::Schema(error)),
        Err(_) => {
            return Err(MirrorError::Silent { action: "cannot change the schema", limit: MIGRATION_LIMIT });
        }
    }
    set_timeout(connection, limits, limits.statement).await
}

/// Versions and checksums of the migrations that the database has.
async fn applied(connection: &mut PgConnection) -> Result<Vec<(i64, Vec<u8>)>, MirrorError> {
    let failed = || MirrorError::during("cannot look at the schema");
    let is_there: bool = sqlx::query_scalar("SELECT to_regclass('chaincore._sqlx_migrations') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed())?;
    if !is_there {
        return Ok(vec![]);
    }
    sqlx::query_as("SELECT version, checksum FROM chaincore._sqlx_migrations WHERE success")
        .fetch_all(connection)
        .await
        .map_err(failed())
}

async fn set_timeout(
    connection: &mut PgConnection,
    limits: &Limits,
    timeout: Duration,
) -> Result<(), MirrorError> {
    let set = sqlx::query("SELECT set_config('statement_timeout', $1, false)");
    let set = set.bind(timeout.as_millis().to_string()).execute(connection);
    within("cannot set up the session", limits.patience(), set).await?;
    Ok(())
}

/// Waits for several steps, but not for ever.
pub async fn in_time<T>(
    action: &'static str,
    limit: Duration,
    steps: impl Future<Output = Result<T, MirrorError>>,
) -> Result<T, MirrorError> {
    tokio::time::timeout(limit, steps).await.unwrap_or(Err(MirrorError::Silent { action, limit }))
}
