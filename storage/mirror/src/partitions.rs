//! The partitions of the three biggest tables: ranges of heights, made ahead by the writer. Rows are copied straight
//! into them; through the parent it takes a third longer.

use crate::error::MirrorError;
use crate::rows::first_tx_id;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::ops::Range;

/// The partitioned tables.
pub const PARTITIONED: [&str; 3] = ["transactions", "outputs", "inputs"];

/// How many heights before the end of the last partition the next is made.
const AHEAD: u32 = 100;

/// The partitions that there are: the same of each table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Partitions {
    /// Ascending, without gaps.
    ranges: Vec<Range<u32>>,
}

impl Partitions {
    /// Reads which there are.
    pub async fn read(connection: &mut PgConnection) -> Result<Self, MirrorError> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT c.relname::text FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
             WHERE i.inhparent = 'chaincore.inputs'::regclass",
        )
        .fetch_all(connection)
        .await
        .map_err(MirrorError::during("cannot list the partitions"))?;
        let mut ranges: Vec<_> = names.iter().filter_map(|name| parse(name)).collect();
        ranges.sort_by_key(|range| range.start);
        Ok(Self { ranges })
    }

    /// The range of heights that `height` is stored with.
    pub fn holding(&self, height: u32) -> Option<Range<u32>> {
        self.ranges.iter().find(|range| range.contains(&height)).cloned()
    }

    /// All of them, ascending.
    pub fn ranges(&self) -> &[Range<u32>] {
        &self.ranges
    }

    /// Makes partitions of `span` heights until `height` and some more have one. `bare`: without autovacuum, while
    /// they are loaded in bulk.
    pub async fn reach(
        &mut self,
        connection: &mut PgConnection,
        height: u32,
        span: u32,
        bare: bool,
    ) -> Result<(), MirrorError> {
        let ahead = AHEAD.min(span / 2);
        while self.ranges.last().is_none_or(|last| last.end <= height.saturating_add(ahead)) {
            let from = self.ranges.last().map_or(0, |last| last.end);
            let range = from..from.saturating_add(span.max(1));
            create(connection, &range, bare).await.map_err(MirrorError::during("cannot make a partition"))?;
            self.ranges.push(range);
        }
        Ok(())
    }
}

/// The name of a table's partition.
pub fn name(table: &str, range: &Range<u32>) -> String {
    format!("{table}_{}_{}", range.start, range.end)
}

fn parse(name: &str) -> Option<Range<u32>> {
    let (rest, end) = name.rsplit_once('_')?;
    let (_, start) = rest.rsplit_once('_')?;
    Some(start.parse().ok()?..end.parse().ok()?)
}

/// Makes a table and attaches it: unlike `CREATE TABLE ... PARTITION OF` that does not wait for readers.
async fn create(connection: &mut PgConnection, range: &Range<u32>, bare: bool) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let (from, to) = (first_tx_id(range.start), first_tx_id(range.end));
    for table in PARTITIONED {
        let leaf = name(table, range);
        let options = if bare { " WITH (autovacuum_enabled = false)" } else { "" };
        for statement in [
            format!("CREATE TABLE chaincore.{leaf} (LIKE chaincore.{table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE INCLUDING COMPRESSION){options}"),
            format!("ALTER TABLE chaincore.{table} ATTACH PARTITION chaincore.{leaf} FOR VALUES FROM ({from}) TO ({to})"),
        ] {
            sqlx::query(AssertSqlSafe(statement)).execute(&mut *transaction).await?;
        }
    }
    transaction.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_range() {
        assert_eq!(parse(&name("outputs", &(50_000..100_000))), Some(50_000..100_000));
        assert_eq!(parse("outputs_default"), None);
        let partitions = Partitions { ranges: vec![0..10, 10..20] };
        assert_eq!(partitions.holding(10), Some(10..20));
        assert_eq!(partitions.holding(20), None);
    }
}
