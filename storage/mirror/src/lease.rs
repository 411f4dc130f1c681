//! One writer per database. A session holds an advisory lock for as long as it lives; whoever gets the lock raises
//! `sync_state.writer_epoch`, and every transaction compares the epoch with its own. So a writer that was paused,
//! lost its session and wakes up again can write nothing over what its successor wrote.

use crate::error::MirrorError;
use sqlx::{PgConnection, Row};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The advisory lock's key: "ChainCor" in ASCII.
const KEY: i64 = 0x4368_6169_6e43_6f72;

/// Takes the lock, waiting up to `patience` for another to let go.
pub async fn take(connection: &mut PgConnection, patience: Duration) -> Result<(), MirrorError> {
    let started = Instant::now();
    loop {
        let taken: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(KEY)
            .fetch_one(&mut *connection)
            .await
            .map_err(MirrorError::during("cannot take the writer's lease"))?;
        if taken {
            return Ok(());
        }
        if started.elapsed() >= patience {
            let holder = current_holder(connection).await?;
            return Err(MirrorError::LeaseHeld(holder.unwrap_or_else(|| "it let go just now".into())));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Who holds it, as far as we may know; `None` if nobody does.
pub async fn current_holder(connection: &mut PgConnection) -> Result<Option<String>, MirrorError> {
    let row = sqlx::query(
        "SELECT l.pid, coalesce(a.application_name, '') AS application, coalesce(host(a.client_addr), 'local') AS host,
                coalesce(to_char(a.backend_start, 'YYYY-MM-DD HH24:MI:SS'), '?') AS since
         FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
         WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND l.granted AND l.objsubid = 1
           AND l.classid = ($1 >> 32)::int8::oid AND l.objid = ($1 & 4294967295)::int8::oid LIMIT 1",
    )
    .bind(KEY)
    .fetch_optional(connection)
    .await
    .map_err(MirrorError::during("cannot see who holds the writer's lease"))?;
    let Some(row) = row else { return Ok(None) };
    let text = |name: &str| row.try_get::<String, _>(name).unwrap_or_default();
    let pid: i32 = row.try_get("pid").unwrap_or_default();
    Ok(Some(format!(
        "process {pid} ({}, {}, since {} UTC)",
        text("application"),
        text("host"),
        text("since")
    )))
}
