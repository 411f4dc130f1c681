//! From loading history to following the tip: primary keys, coins and balances summed up once, the other indexes,
//! statistics. Each step is done or not done, whenever it is interrupted; the next session goes on with what is
//! missing.

use crate::connection::{Limits, Server, within};
use crate::error::MirrorError;
use crate::indexes::{INDEXES, Index, Kind, stays_in_bulk};
use crate::partitions::{self, PARTITIONED};
use crate::reorg::{is_coin, owner};
use crate::rows::tx_id;
use crate::session::{Mode, Session, in_time, lock_state};
use chaincore_consensus::params::ChainParams;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::future::Future;
use std::time::Duration;

/// How often a long statement is looked after from a second connection, and its progress told.
const LOOK: Duration = Duration::from_secs(2);

/// Told what is being done and, where the server knows it, how far it is (0 to 1).
pub type Progress<'a> = dyn Fn(&str, Option<f64>) + Send + Sync + 'a;

/// What sealing is done with.
pub struct Sealing<'a> {
    /// The server, for a second connection.
    pub server: &'a Server,
    /// The chain's rules.
    pub params: &'a ChainParams,
    /// Memory that the server may take for sorting: `maintenance_work_mem` and, for sums, `work_mem`.
    pub memory: &'a str,
    /// Where to tell.
    pub progress: &'a Progress<'a>,
    /// Whether the node wants to stop. What is done stays done.
    pub is_stopping: &'a (dyn Fn() -> bool + Send + Sync),
}

impl Session {
    /// Makes the tables those of a mirror that follows the tip.
    pub async fn seal(&mut self, with: &Sealing<'_>) -> Result<(), MirrorError> {
        self.set_mode(Mode::Seal).await?;
        self.settings(&[
            ("statement_timeout", "0"),
            ("maintenance_work_mem", with.memory),
            ("work_mem", with.memory),
        ])
        .await?;
        (with.progress)("checking the order of blocks", None);
        self.check_order(with).await?;
        let (keys, others): (Vec<&Index>, Vec<&Index>) = INDEXES
            .iter()
            .partition(|index| index.kind == Kind::Primary && PARTITIONED.contains(&index.table));
        let patience = self.limits.patience();
        in_time("cannot plan indexes", patience, self.plan()).await?;
        // Autovacuum was off: without statistics the sums would be made the slow way.
        self.analyze(&PARTITIONED, with).await?;
        for index in keys {
            self.build(index, with).await?;
        }
        if !self.seeded {
            self.seed(with).await?;
        }
        for index in others {
            self.build(index, with).await?;
        }
        for number in 0..self.partitions {
            let reset = partitions::autovacuum(&mut self.connection, number, true);
            in_time("cannot set up a partition", patience, reset).await?;
        }
        self.analyze(&["utxos", "address_balances", "blocks", "script_type_stats"], with).await?;
        (with.progress)("filling the analysts' views", None);
        self.long("cannot fill the analysts' views", "SELECT analytics.refresh()", with).await?;
        self.limit_statements().await?;
        self.set_mode(Mode::CatchUp).await
    }

    async fn analyze(&mut self, tables: &[&str], with: &Sealing<'_>) -> Result<(), MirrorError> {
        (with.progress)("collecting statistics", None);
        for table in tables {
            self.long("cannot collect statistics", &format!("ANALYZE chaincore.{table}"), with).await?;
        }
        Ok(())
    }

    /// Fills the analysts' materialized views anew.
    pub async fn refresh(&mut self, with: &Sealing<'_>) -> Result<(), MirrorError> {
        self.settings(&[("statement_timeout", "0"), ("work_mem", with.memory)]).await?;
        (with.progress)("filling the analysts' views", None);
        self.long("cannot fill the analysts' views", "SELECT analytics.refresh()", with).await?;
        self.limit_statements().await
    }

    /// Ends what long statements needed.
    async fn limit_statements(&mut self) -> Result<(), MirrorError> {
        let timeout = self.limits.statement.as_millis().to_string();
        self.settings(&[("statement_timeout", &timeout), ("work_mem", "64MB")]).await
    }

    /// Makes the tables bare again, for another load: too much is missing for the indexes to be worth keeping.
    pub async fn unseal(&mut self) -> Result<(), MirrorError> {
        let mut transaction = self.connection.begin().await.map_err(MirrorError::during("cannot begin"))?;
        lock_state(&mut transaction, self.epoch, self.lineage.tip()).await?;
        let failed = || MirrorError::during("cannot drop indexes");
        bare(&mut transaction, self.partitions).await?;
        sqlx::query("UPDATE chaincore.sync_state SET seeded = false, mode = 'bulk'")
            .execute(&mut *transaction)
            .await
            .map_err(failed())?;
        transaction.commit().await.map_err(MirrorError::during("cannot commit"))?;
        (self.seeded, self.mode) = (false, Mode::Bulk);
        Ok(())
    }

    /// Whether the big tables are in a publication. PostgreSQL then refuses to delete rows of those without a primary
    /// key, and branches could not change while history is loaded.
    pub async fn is_published(&mut self) -> Result<bool, MirrorError> {
        let published = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_catalog.pg_publication_tables WHERE schemaname = 'chaincore')",
        )
        .fetch_one(&mut self.connection);
        within("cannot look at publications", self.limits.patience(), published).await
    }

    async fn settings(&mut self, settings: &[(&str, &str)]) -> Result<(), MirrorError> {
        for (name, value) in settings {
            let set = sqlx::query("SELECT set_config($1, $2, false)").bind(name).bind(value);
            let action = "cannot set up the session";
            within(action, self.limits.patience(), set.execute(&mut self.connection)).await?;
        }
        Ok(())
    }

    async fn check_order(&mut self, with: &Sealing<'_>) -> Result<(), MirrorError> {
        let check = sqlx::query_scalar::<_, Option<i32>>(
            "SELECT min(height) FROM (
                SELECT height, prev_hash, lag(hash) OVER (ORDER BY height) AS below,
                    row_number() OVER (ORDER BY height) - 1 AS expected FROM chaincore.blocks) b
             WHERE height <> expected OR (height > 0 AND prev_hash <> below)",
        );
        let wrong = check.fetch_one(&mut self.connection);
        match watched(with, &self.limits, "cannot check the order of blocks", wrong).await? {
            None => Ok(()),
            Some(height) => {
                let what = "it does not follow the row of the block below".into();
                Err(MirrorError::Damaged { height: height.max(0) as u32, what })
            }
        }
    }

    /// Fills `utxos` and `address_balances` from outputs and inputs.
    async fn seed(&mut self, with: &Sealing<'_>) -> Result<(), MirrorError> {
        (with.progress)("summing up coins", None);
        let tip = self.tip();
        let repeated = self.overwritten(with).await?;
        let failed = || MirrorError::during("cannot sum up coins");
        let limits = self.limits;
        let epoch = self.epoch;
        let connection = &mut self.connection;
        let work = async {
            let mut transaction = connection.begin().await.map_err(MirrorError::during("cannot begin"))?;
            lock_state(&mut transaction, epoch, tip).await?;
            sqlx::query("TRUNCATE chaincore.utxos, chaincore.address_balances")
                .execute(&mut *transaction)
                .await
                .map_err(failed())?;
            sqlx::query(concat!(
                "INSERT INTO chaincore.utxos (tx_id, value, script_key, vout, script_type, coinbase, address)
                 SELECT o.tx_id, o.value, o.script_key, o.vout, o.script_type, o.tx_id & 1048575 = 0, o.address
                 FROM chaincore.outputs o
                 LEFT JOIN chaincore.inputs i ON i.prev_tx_id = o.tx_id AND i.prev_vout = o.vout
                 WHERE i.tx_id IS NULL AND o.tx_id <> ALL ($1) AND ",
                is_coin!()
            ))
            .bind(&repeated)
            .execute(&mut *transaction)
            .await
            .map_err(failed())?;
            (with.progress)("summing up balances", None);
            sqlx::query(concat!(
                "INSERT INTO chaincore.address_balances
                    (script_key, balance, received, sent, utxo_count, first_height, last_height, address)
                 SELECT script_key, received - sent, received, sent, coins, first, last, name FROM (
                    SELECT o.script_key, ",
                owner!(),
                " AS name, coalesce(sum(o.value) FILTER (WHERE o.tx_id <> ALL ($1)), 0)::bigint AS received,
                        coalesce(sum(i.value), 0)::bigint AS sent,
                        (count(*) FILTER (WHERE o.tx_id <> ALL ($1)) - count(i.tx_id))::integer AS coins,
                        (min(o.tx_id) >> 20)::integer AS first,
                        (greatest(max(o.tx_id), max(i.tx_id)) >> 20)::integer AS last
                    FROM chaincore.outputs o
                    LEFT JOIN chaincore.inputs i ON i.prev_tx_id = o.tx_id AND i.prev_vout = o.vout
                    WHERE ",
                is_coin!(),
                " GROUP BY 1, 2) sums"
            ))
            .bind(&repeated)
            .execute(&mut *transaction)
            .await
            .map_err(failed())?;
            check_sums(&mut transaction, tip.map_or(0, |tip| tip.height)).await?;
            sqlx::query("UPDATE chaincore.sync_state SET seeded = true, updated_at = now()")
                .execute(&mut *transaction)
                .await
                .map_err(failed())?;
            transaction.commit().await.map_err(MirrorError::during("cannot commit"))
        };
        guarded(with, &limits, work).await?;
        self.seeded = true;
        Ok(())
    }

    /// Coinbases whose coins another one with the same identifier has taken the place of.
    async fn overwritten(&mut self, with: &Sealing<'_>) -> Result<Vec<i64>, MirrorError> {
        let mut earlier = Vec::new();
        for (height, hash) in &with.params.bip30_repeats {
            let find = sqlx::query_scalar::<_, Option<i64>>(
                "SELECT max(e.tx_id) FROM chaincore.blocks b
                 JOIN chaincore.transactions t ON t.tx_id = $3
                 JOIN chaincore.transactions e ON e.txid = t.txid AND e.tx_id < t.tx_id
                 WHERE b.height = $1 AND b.hash = $2",
            )
            .bind(*height as i32)
            .bind(crate::rows::display_order(&hash.0).to_vec())
            .bind(tx_id(*height, 0));
            let found = find.fetch_one(&mut self.connection);
            earlier.extend(watched(with, &self.limits, "cannot find repeated coinbases", found).await?);
        }
        Ok(earlier)
    }

    /// Says what will be built.
    async fn plan(&mut self) -> Result<(), MirrorError> {
        for index in &INDEXES {
            for table in self.parts(index) {
                sqlx::query(
                    "INSERT INTO chaincore.index_builds (index_name, relation, state) VALUES ($1, $2, 'planned')
                     ON CONFLICT (index_name) DO NOTHING",
                )
                .bind(index.name_on(&table))
                .bind(&table)
                .execute(&mut self.connection)
                .await
                .map_err(MirrorError::during("cannot plan indexes"))?;
            }
        }
        Ok(())
    }

    /// The tables that an index is built on, one by one.
    fn parts(&self, index: &Index) -> Vec<String> {
        if index.is_partitioned() {
            (0..self.partitions).map(|number| partitions::name(index.table, number)).collect()
        } else {
            vec![index.table.to_owned()]
        }
    }

    async fn build(&mut self, index: &Index, with: &Sealing<'_>) -> Result<(), MirrorError> {
        let parent = index.name_on(index.table);
        if index.is_partitioned() && self.validity(&parent).await? == Some(true) {
            return Ok(());
        }
        for table in self.parts(index) {
            self.build_on(index, &table, with).await?;
        }
        if !index.is_partitioned() {
            return Ok(());
        }
        if self.validity(&parent).await?.is_none() {
            self.long("cannot make an index", &index.create_on(index.table, true), with).await?;
        }
        for table in self.parts(index) {
            let part = index.name_on(&table);
            let attached = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = to_regclass('chaincore.' || $1))",
            )
            .bind(&part)
            .fetch_one(&mut self.connection);
            let attached: bool = within("cannot attach an index", self.limits.patience(), attached).await?;
            if !attached {
                let attach = format!("ALTER INDEX chaincore.{parent} ATTACH PARTITION chaincore.{part}");
                self.long("cannot attach an index", &attach, with).await?;
            }
        }
        Ok(())
    }

    async fn build_on(&mut self, index: &Index, table: &str, with: &Sealing<'_>) -> Result<(), MirrorError> {
        let name = index.name_on(table);
        match self.validity(&name).await? {
            Some(true) => return self.note(&name, table, "done").await,
            Some(false) => self.long("cannot drop an index", &index.drop_from(table), with).await?,
            None => {}
        }
        (with.progress)(&format!("building index {name}"), None);
        self.note(&name, table, "building").await?;
        match self.long("cannot build an index", &index.create_on(table, false), with).await {
            Ok(()) => self.note(&name, table, "done").await,
            Err(error) => {
                if !error.may_pass() {
                    self.note(&name, table, "failed").await?;
                }
                Err(error)
            }
        }
    }

    async fn note(&mut self, name: &str, table: &str, state: &'static str) -> Result<(), MirrorError> {
        let note = sqlx::query(
            "INSERT INTO chaincore.index_builds AS b (index_name, relation, state, started_at, finished_at)
             VALUES ($1, $2, $3, now(), CASE WHEN $3 IN ('done', 'failed') THEN now() END)
             ON CONFLICT (index_name) DO UPDATE SET state = $3,
                started_at = CASE WHEN $3 = 'building' THEN now() ELSE coalesce(b.started_at, now()) END,
                finished_at = CASE WHEN $3 = 'building' THEN NULL ELSE coalesce(b.finished_at, now()) END",
        )
        .bind(name)
        .bind(table)
        .bind(state);
        let action = "cannot note an index's state";
        within(action, self.limits.patience(), note.execute(&mut self.connection)).await?;
        Ok(())
    }

    /// Whether an index is whole; `None` if there is none of this name.
    async fn validity(&mut self, name: &str) -> Result<Option<bool>, MirrorError> {
        let valid = sqlx::query_scalar(
            "SELECT indisvalid FROM pg_catalog.pg_index WHERE indexrelid = to_regclass('chaincore.' || $1)",
        )
        .bind(name)
        .fetch_optional(&mut self.connection);
        within("cannot look at an index", self.limits.patience(), valid).await
    }

    /// A statement that may take hours.
    async fn long(
        &mut self,
        action: &'static str,
        statement: &str,
        with: &Sealing<'_>,
    ) -> Result<(), MirrorError> {
        let run = sqlx::query(AssertSqlSafe(statement)).execute(&mut self.connection);
        watched(with, &self.limits, action, run).await.map(|_| ())
    }
}

/// Drops all indexes that bulk loading does without, and what they are built with.
pub async fn bare(connection: &mut PgConnection, partitions: u32) -> Result<(), MirrorError> {
    let failed = || MirrorError::during("cannot drop indexes");
    for index in INDEXES.iter().filter(|index| !stays_in_bulk(index)) {
        let parts = (0..partitions).map(|number| partitions::name(index.table, number));
        let parts = parts.filter(|_| index.is_partitioned());
        // The parent's first: with it go those that are attached to it.
        for table in std::iter::once(index.table.to_owned()).chain(parts) {
            let drop = AssertSqlSafe(index.drop_from(&table));
            sqlx::query(drop).execute(&mut *connection).await.map_err(failed())?;
        }
    }
    for statement in
        ["TRUNCATE chaincore.utxos, chaincore.address_balances", "DELETE FROM chaincore.index_builds"]
    {
        sqlx::query(statement).execute(&mut *connection).await.map_err(failed())?;
    }
    Ok(())
}

/// The sums must be what the blocks added up to.
async fn check_sums(connection: &mut PgConnection, height: u32) -> Result<(), MirrorError> {
    let sums: (i64, i64, i64, i64, i64, i64) = sqlx::query_as(
        "SELECT s.utxos, s.utxo_value, u.n, u.value, b.n, b.value FROM chaincore.sync_state s,
            (SELECT count(*) AS n, coalesce(sum(value), 0)::bigint AS value FROM chaincore.utxos) u,
            (SELECT coalesce(sum(utxo_count), 0)::bigint AS n, coalesce(sum(balance), 0)::bigint AS value
             FROM chaincore.address_balances) b",
    )
    .fetch_one(connection)
    .await
    .map_err(MirrorError::during("cannot check the sums"))?;
    let (coins, value, utxos, utxo_value, owned, owned_value) = sums;
    if (coins, value) == (utxos, utxo_value) && (coins, value) == (owned, owned_value) {
        return Ok(());
    }
    let what = format!(
        "blocks add up to {coins} coins of {value}, the tables have {utxos} of {utxo_value} and balances {owned} of {owned_value}"
    );
    Err(MirrorError::Damaged { height, what })
}

async fn watched<T>(
    with: &Sealing<'_>,
    limits: &Limits,
    action: &'static str,
    statement: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, MirrorError> {
    guarded(with, limits, async { statement.await.map_err(MirrorError::during(action)) }).await
}

/// Waits for work that has no limit, as long as the server still answers on another connection.
async fn guarded<T>(
    with: &Sealing<'_>,
    limits: &Limits,
    work: impl Future<Output = Result<T, MirrorError>>,
) -> Result<T, MirrorError> {
    if (with.is_stopping)() {
        return Err(MirrorError::Stopping);
    }
    let mut work = std::pin::pin!(work);
    // Most steps end before anybody has to look.
    if let Ok(answer) = tokio::time::timeout(LOOK, &mut work).await {
        return answer;
    }
    tokio::select! {
        answer = work => answer,
        failure = look_after(with, limits) => Err(failure),
    }
}

/// Ends when the server does not answer.
async fn look_after(with: &Sealing<'_>, limits: &Limits) -> MirrorError {
    let look = async {
        let mut second = with.server.connect(limits).await?;
        loop {
            if (with.is_stopping)() {
                return Err(MirrorError::Stopping);
            }
            let progress = sqlx::query_as::<_, (String, Option<f64>)>(
                "SELECT phase, CASE WHEN blocks_total > 0 THEN blocks_done::float8 / blocks_total
                    WHEN tuples_total > 0 THEN tuples_done::float8 / tuples_total END
                 FROM pg_catalog.pg_stat_progress_create_index WHERE datname = current_database() LIMIT 1",
            )
            .fetch_optional(&mut second);
            let progress = in_time("cannot look after the server", limits.connect, async {
                progress.await.map_err(MirrorError::during("cannot look after the server"))
            });
            if let Some((phase, done)) = progress.await? {
                (with.progress)(&phase, done);
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    match look.await {
        Ok(never) => never,
        Err(error) => error,
    }
}
