//! The indexes that the big tables have once they are loaded. While they are loaded in bulk they have none: with the
//! usual three, loading takes eight to eleven times as long. This is the only list: loading drops what is in it,
//! sealing builds it.
//!
//! Built without `CONCURRENTLY`: only the writer writes, and readers are not held up. So an interrupted build leaves
//! nothing behind; a leftover of somebody's own attempt (`indisvalid` false) is dropped and built again.

/// An index of a table or of each partition of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Index {
    /// The table, without its schema.
    pub table: &'static str,
    /// The index's or the constraint's name; partitions' have their own after it.
    pub name: &'static str,
    /// What is indexed, as in `CREATE INDEX`.
    pub columns: &'static str,
    /// Whether it is the table's primary key.
    pub primary: bool,
    /// Whether the table is partitioned.
    pub partitioned: bool,
}

const fn key(table: &'static str, name: &'static str, columns: &'static str, partitioned: bool) -> Index {
    Index { table, name, columns, primary: true, partitioned }
}

const fn plain(table: &'static str, name: &'static str, columns: &'static str, partitioned: bool) -> Index {
    Index { table, name, columns, primary: false, partitioned }
}

/// All of them, those first that the writer itself needs.
pub const INDEXES: [Index; 14] = [
    key("transactions", "transactions_pkey", "(tx_id)", true),
    key("outputs", "outputs_pkey", "(tx_id, vout)", true),
    key("inputs", "inputs_pkey", "(tx_id, vin)", true),
    key("utxos", "utxos_pkey", "(tx_id, vout)", false),
    key("address_balances", "address_balances_pkey", "(script_key, address)", false),
    // With the place, the last use of a script is one step away however often it was used.
    plain("outputs", "outputs_script", "(script_key, tx_id)", true),
    plain("inputs", "inputs_script", "(script_key, tx_id)", true),
    plain("inputs", "inputs_spent", "(prev_tx_id, prev_vout)", true),
    // Eight bytes of 32: a quarter of the size. Not unique (BIP30); compare the whole identifier too.
    plain("transactions", "transactions_txid", "(substr(txid, 1, 8))", true),
    plain("utxos", "utxos_script", "(script_key)", false),
    plain("address_balances", "address_balances_rich", "(balance DESC)", false),
    plain("blocks", "blocks_time", "(time)", false),
    plain("blocks", "blocks_pool", "(pool_id, height)", false),
    plain("stale_transactions", "stale_transactions_txid", "(txid)", false),
];

/// Whether an index stays while blocks are loaded in bulk: those of small tables.
pub fn stays_in_bulk(index: &Index) -> bool {
    matches!(index.table, "blocks" | "stale_transactions")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_every_loaded_table_has_a_key() {
        let names: BTreeSet<_> = INDEXES.iter().map(|index| index.name).collect();
        assert_eq!(names.len(), INDEXES.len());
        for table in ["transactions", "outputs", "inputs", "utxos", "address_balances"] {
            let keys = INDEXES.iter().filter(|index| index.table == table && index.primary).count();
            assert_eq!(keys, 1, "{table}");
        }
    }
}
