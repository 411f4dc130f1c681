//! Rows that contradict each other or lie outside the chain, indexes, and the totals.

use super::{Problems, Run, strides};
use crate::error::MirrorError;
use crate::indexes::{INDEXES, Kind};
use crate::rows::first_tx_id;
use sqlx::Row as _;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

impl Run<'_> {
    pub(super) async fn spends(
        &mut self,
        heights: &RangeInclusive<u32>,
        problems: &mut Problems,
    ) -> Result<(), MirrorError> {
        let tip = self.tip.height;
        let outside = sqlx::query(
            "SELECT 'blocks: height ' || height || ' is above the tip' FROM chaincore.blocks WHERE height > $1 \
             UNION ALL SELECT 'script_type_stats: height ' || height || ' is above the tip' \
               FROM chaincore.script_type_stats WHERE height > $1 \
             UNION ALL SELECT 'transactions: ' || tx_id || ' is above the tip' FROM chaincore.transactions \
               WHERE tx_id >= $2 \
             UNION ALL SELECT 'outputs: ' || tx_id || ' is above the tip' FROM chaincore.outputs WHERE tx_id >= $2 \
             UNION ALL SELECT 'inputs: ' || tx_id || ' is above the tip' FROM chaincore.inputs WHERE tx_id >= $2 \
             UNION ALL SELECT 'utxos: ' || tx_id || ' is above the tip' FROM chaincore.utxos WHERE tx_id >= $2 \
             LIMIT 10",
        );
        problems.add_rows(self.fetch(outside.bind(tip as i32).bind(first_tx_id(tip + 1))).await?)?;
        for (from, to) in strides(heights) {
            if problems.is_full() {
                return Ok(());
            }
            let unmade = sqlx::query(
                "SELECT 'input ' || i.vin || ' of transaction ' || i.tx_id || ': what it spends is not in outputs so' \
                 FROM chaincore.inputs i \
                 LEFT JOIN chaincore.outputs o ON o.tx_id = i.prev_tx_id AND o.vout = i.prev_vout \
                 WHERE i.tx_id >= $1 AND i.tx_id < $2 AND (o.tx_id IS NULL OR o.value <> i.value \
                   OR o.script_key <> i.script_key OR o.script_type <> i.script_type OR i.prev_tx_id >= i.tx_id) \
                 LIMIT 10",
            );
            problems.add_rows(self.fetch(unmade.bind(first_tx_id(from)).bind(first_tx_id(to + 1))).await?)?;
            let twice = sqlx::query(
                "SELECT 'output ' || prev_vout || ' of transaction ' || prev_tx_id || ' is spent ' || count(*) \
                   || ' times' FROM chaincore.inputs WHERE prev_tx_id >= $1 AND prev_tx_id < $2 \
                 GROUP BY prev_tx_id, prev_vout HAVING count(*) > 1 LIMIT 10",
            );
            problems.add_rows(self.fetch(twice.bind(first_tx_id(from)).bind(first_tx_id(to + 1))).await?)?;
            let kept = sqlx::query(
                "SELECT 'output ' || u.vout || ' of transaction ' || u.tx_id || ' is spent, and still in utxos' \
                 FROM chaincore.utxos u JOIN chaincore.inputs i ON i.prev_tx_id = u.tx_id AND i.prev_vout = u.vout \
                 WHERE u.tx_id >= $1 AND u.tx_id < $2 LIMIT 10",
            );
            problems.add_rows(self.fetch(kept.bind(first_tx_id(from)).bind(first_tx_id(to + 1))).await?)?;
        }
        Ok(())
    }

    pub(super) async fn indexes(&mut self, problems: &mut Problems) -> Result<(), MirrorError> {
        let unbuilt = sqlx::query("SELECT count(*)::text FROM chaincore.index_builds WHERE state <> 'done'");
        let unbuilt = self.fetch_number(unbuilt).await?;
        if unbuilt > 0 {
            problems.skip(format!("{unbuilt} indexes are still being built"));
            return Ok(());
        }
        let invalid = sqlx::query(
            "SELECT 'index ' || c.relname || ' is not valid: drop it, the writer builds it again' \
             FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = 'chaincore' AND NOT i.indisvalid LIMIT 10",
        );
        problems.add_rows(self.fetch(invalid).await?)?;
        let sealed = self.state.seeded;
        let indexed = sqlx::query(
            "SELECT t.relname::text, replace(pg_get_indexdef(i.indexrelid), '\"', ''), i.indisprimary FROM pg_index i \
             JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace \
             WHERE n.nspname = 'chaincore' AND i.indisvalid",
        );
        let mut there: BTreeMap<String, Vec<(String, bool)>> = BTreeMap::new();
        for row in self.fetch(indexed).await? {
            let read = || Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)));
            let (table, index): (String, _) =
                read().map_err(MirrorError::during("cannot read a check's answer"))?;
            there.entry(table).or_default().push(index);
        }
        // The writer gives leaves to the tables it makes; every leaf is a table of its own.
        let tables = sqlx::query(
            "SELECT c.relname::text, coalesce(p.relname, c.relname)::text FROM pg_class c \
             JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_inherits h ON h.inhrelid = c.oid \
             LEFT JOIN pg_class p ON p.oid = h.inhparent WHERE n.nspname = 'chaincore' AND c.relkind = 'r'",
        );
        for row in self.fetch(tables).await? {
            let read = || Ok((row.try_get(0)?, row.try_get(1)?));
            let (table, family): (String, String) =
                read().map_err(MirrorError::during("cannot read a check's answer"))?;
            let has = there.get(&table).map_or(&[][..], Vec::as_slice);
            let listed = INDEXES.iter().filter(|index| index.table == family);
            for index in listed.filter(|_| sealed) {
                let fits = |(definition, primary): &(String, bool)| {
                    *primary == (index.kind == Kind::Primary) && definition.ends_with(index.columns)
                };
                if !has.iter().any(fits) {
                    problems.add(format!("{table} has no index on {}", index.columns));
                }
            }
            let is_loaded = INDEXES.iter().any(|index| index.table == family && index.kind == Kind::Primary);
            if (sealed || !is_loaded) && !has.iter().any(|(_, primary)| *primary) {
                problems.add(format!("{table} has no primary key"));
            }
        }
        if !sealed {
            problems.skip("history is still being loaded: the large tables have no indexes yet");
        }
        Ok(())
    }

    pub(super) async fn totals(&mut self, problems: &mut Problems) -> Result<(), MirrorError> {
        let query = sqlx::query(
            "SELECT name || ': sync_state says ' || said || ', there are ' || counted FROM chaincore.sync_state s, \
             LATERAL (VALUES \
               ('blocks', s.blocks, (SELECT count(*) FROM chaincore.blocks)), \
               ('txs', s.txs, (SELECT count(*) FROM chaincore.transactions)), \
               ('outputs', s.outputs, (SELECT count(*) FROM chaincore.outputs)), \
               ('inputs', s.inputs, (SELECT count(*) FROM chaincore.inputs)), \
               ('utxos', s.utxos, (SELECT count(*) FROM chaincore.utxos)), \
               ('utxo_value', s.utxo_value, (SELECT coalesce(sum(value), 0)::bigint FROM chaincore.utxos))) \
               AS totals (name, said, counted) \
             WHERE said <> counted AND (s.seeded OR name NOT LIKE 'utxo%')",
        );
        problems.add_rows(self.fetch(query).await?)
    }
}
