//! The partitions of the three biggest tables: ranges of heights, made ahead by the writer. Rows are copied straight
//! into them; through the parent it takes a third longer.

use crate::error::MirrorError;
use sqlx::{AssertSqlSafe, PgConnection};

/// The partitioned tables.
pub const PARTITIONED: [&str; 3] = ["transactions", "outputs", "inputs"];

/// Heights in a partition. The function `chaincore.ensure_partition` makes them so.
pub const SPAN: u32 = 50_000;

/// How many heights before the end of a partition the next is made.
const AHEAD: u32 = 100;

/// The number of the partition for a height.
pub fn number(height: u32) -> u32 {
    height / SPAN
}

/// The name of a table's partition, as `chaincore.partition_of` gives it.
pub fn name(table: &str, number: u32) -> String {
    format!("{table}_p{number:04}")
}

/// How many partitions there are: they are numbered from 0 without gaps.
pub async fn count(connection: &mut PgConnection) -> Result<u32, MirrorError> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_catalog.pg_inherits WHERE inhparent = 'chaincore.inputs'::regclass",
    )
    .fetch_one(connection)
    .await
    .map_err(MirrorError::during("cannot count the partitions"))?;
    Ok(u32::try_from(count).unwrap_or(0))
}

/// Makes partitions for the heights up to `height` and some more, given how many there are; how many there are then.
/// `bare`: without autovacuum, while they are loaded in bulk.
pub async fn reach(
    connection: &mut PgConnection,
    count: u32,
    height: u32,
    bare: bool,
) -> Result<u32, MirrorError> {
    let wanted = number(height.saturating_add(AHEAD)) + 1;
    for next in count..wanted {
        sqlx::query("SELECT chaincore.ensure_partition($1)")
            .bind((next * SPAN) as i32)
            .execute(&mut *connection)
            .await
            .map_err(MirrorError::during("cannot make a partition"))?;
        if bare {
            autovacuum(connection, next, false).await?;
        }
    }
    Ok(wanted.max(count))
}

/// Switches autovacuum of a partition off, or back on.
pub async fn autovacuum(connection: &mut PgConnection, number: u32, on: bool) -> Result<(), MirrorError> {
    let setting = if on { "RESET (autovacuum_enabled)" } else { "SET (autovacuum_enabled = false)" };
    for table in PARTITIONED {
        let statement = format!("ALTER TABLE chaincore.{} {setting}", name(table, number));
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await
            .map_err(MirrorError::during("cannot set up a partition"))?;
    }
    Ok(())
}
