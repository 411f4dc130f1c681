//! The indexes that the big tables have once they are loaded. While they are loaded in bulk they have none: with the
//! usual three, loading takes eight to eleven times as long. This is the only list: loading drops what is in it,
//! sealing builds it.
//!
//! Built without `CONCURRENTLY`: only the writer writes, and readers are not held up. So an interrupted build leaves
//! nothing behind; a leftover of somebody's own attempt (`indisvalid` false) is dropped and built again.

use crate::partitions::PARTITIONED;

/// What an index is for, beside searching.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The table's primary key.
    Primary,
    /// No two rows alike.
    Unique,
    /// Nothing.
    Plain,
}

/// An index of a table, or of each partition of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Index {
    /// The table, without its schema.
    pub table: &'static str,
    /// Its name is the table's with this behind it; a partition's likewise.
    pub suffix: &'static str,
    /// What is indexed, as PostgreSQL itself writes it.
    pub columns: &'static str,
    /// What it is for.
    pub kind: Kind,
}

const fn index(table: &'static str, suffix: &'static str, columns: &'static str, kind: Kind) -> Index {
    Index { table, suffix, columns, kind }
}

/// All of them, first those of the tables that others are made from.
pub const INDEXES: [Index; 16] = [
    index("transactions", "pkey", "(tx_id)", Kind::Primary),
    index("outputs", "pkey", "(tx_id, vout)", Kind::Primary),
    index("inputs", "pkey", "(tx_id, vin)", Kind::Primary),
    index("utxos", "pkey", "(tx_id, vout)", Kind::Primary),
    index("address_balances", "pkey", "(script_key, address)", Kind::Primary),
    // With the place, the last use of a script is one step away however often it was used.
    index("outputs", "script", "(script_key, tx_id)", Kind::Plain),
    index("inputs", "script", "(script_key, tx_id)", Kind::Plain),
    index("inputs", "spent", "(prev_tx_id, prev_vout)", Kind::Plain),
    // Eight bytes of 32: a quarter of the size. Not unique (BIP30); compare the whole identifier too.
    index("transactions", "txid", "(substr(txid, 1, 8))", Kind::Plain),
    index("utxos", "script", "(script_key)", Kind::Plain),
    // Most owners have spent all: their rows need not be in it.
    index("address_balances", "rich", "(balance DESC) WHERE (balance > 0)", Kind::Plain),
    index("blocks", "hash", "(hash)", Kind::Unique),
    index("blocks", "time", "(time)", Kind::Plain),
    index("blocks", "pool", "(pool_id, height)", Kind::Plain),
    index("stale_blocks", "height", "(height)", Kind::Plain),
    index("stale_transactions", "txid", "(substr(txid, 1, 8))", Kind::Plain),
];

impl Index {
    /// Whether its table is in partitions.
    pub fn is_partitioned(&self) -> bool {
        PARTITIONED.contains(&self.table)
    }

    /// Its name on a table or partition.
    pub fn name_on(&self, table: &str) -> String {
        format!("{table}_{}", self.suffix)
    }

    /// What makes it on a table or partition; `only` leaves the partitions of a parent out.
    pub fn create_on(&self, table: &str, only: bool) -> String {
        let (name, columns) = (self.name_on(table), self.columns);
        let only = if only { "ONLY " } else { "" };
        match self.kind {
            Kind::Primary => {
                format!("ALTER TABLE {only}chaincore.{table} ADD CONSTRAINT {name} PRIMARY KEY {columns}")
            }
            Kind::Unique => format!("CREATE UNIQUE INDEX {name} ON {only}chaincore.{table} {columns}"),
            Kind::Plain => format!("CREATE INDEX {name} ON {only}chaincore.{table} {columns}"),
        }
    }

    /// What drops it from a table or partition, if it is there.
    pub fn drop_from(&self, table: &str) -> String {
        let name = self.name_on(table);
        match self.kind {
            Kind::Primary => format!("ALTER TABLE chaincore.{table} DROP CONSTRAINT IF EXISTS {name}"),
            Kind::Unique | Kind::Plain => format!("DROP INDEX IF EXISTS chaincore.{name}"),
        }
    }
}

/// Whether an index stays while blocks are loaded in bulk: those of small tables.
pub fn stays_in_bulk(index: &Index) -> bool {
    matches!(index.table, "blocks" | "stale_blocks" | "stale_transactions")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_every_loaded_table_has_a_key() {
        let names: BTreeSet<_> = INDEXES.iter().map(|index| index.name_on(index.table)).collect();
        assert_eq!(names.len(), INDEXES.len());
        for table in ["transactions", "outputs", "inputs", "utxos", "address_balances"] {
            let keys =
                INDEXES.iter().filter(|index| index.table == table && index.kind == Kind::Primary).count();
            assert_eq!(keys, 1, "{table}");
        }
    }
}
