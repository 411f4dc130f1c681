//! Rows of some blocks, encoded for `COPY`.

use crate::encode::CopyRows;
use crate::error::MirrorError;
use crate::pools::Rules;
use crate::rows::{BlockRow, BlockRows, InputRow, Lineage, Maker, OutputRow, TransactionRow};
use chaincore_plugin::{AppliedBlock, BlockRef};
use sqlx::PgConnection;
use std::ops::AddAssign;

/// What of a block only the node that follows the tip knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    /// When it was connected, in seconds since 1970.
    pub at: i64,
    /// Whose node it was.
    pub node_id: String,
}

/// How the totals in `sync_state` change.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, serde::Serialize)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct Totals {
    pub blocks: i64,
    pub txs: i64,
    pub outputs: i64,
    pub inputs: i64,
    pub utxos: i64,
    pub utxo_value: i64,
}

impl Totals {
    /// Rows of the four tables that a block is in.
    pub fn rows(&self) -> i64 {
        self.blocks + self.txs + self.outputs + self.inputs
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.blocks += other.blocks;
        self.txs += other.txs;
        self.outputs += other.outputs;
        self.inputs += other.inputs;
        self.utxos += other.utxos;
        self.utxo_value += other.utxo_value;
    }
}

/// The rows of contiguous blocks, all of one partition.
#[derive(Debug, Default)]
pub struct Encoded {
    /// Rows of `blocks`.
    pub blocks: CopyRows,
    /// Rows of `transactions`.
    pub transactions: CopyRows,
    /// Rows of `outputs`.
    pub outputs: CopyRows,
    /// Rows of `inputs`.
    pub inputs: CopyRows,
    /// Rows of `script_type_stats`.
    pub types: CopyRows,
    /// What they add up to.
    pub totals: Totals,
    /// The height of the first block and the last block.
    pub range: Option<(u32, BlockRef)>,
}

/// Columns of `blocks`, in the order in which they are encoded.
const BLOCKS: &str = "height, hash, prev_hash, merkle_root, version, time, median_time, bits, nonce, difficulty, chainwork, size, stripped_size, weight, tx_count, input_count, output_count, input_value, output_value, subsidy, fees, coinbase_value, coinbase_script, coinbase_address, witness_commitment, pool_id, pool_rule_version, feerate_min, feerate_p10, feerate_p25, feerate_p50, feerate_p75, feerate_p90, feerate_max, segwit_txs, taproot_inputs, rbf_txs, op_return_count, utxo_delta, unspendable_value, utxo_acc, received_at, relayed_by_node";
const TRANSACTIONS: &str =
    "tx_id, fee, input_value, output_value, version, locktime, weight, size, n_in, n_out, flags, txid, wtxid";
const OUTPUTS: &str = "tx_id, value, script_key, vout, script_type, address, script";
const INPUTS: &str = "tx_id, prev_tx_id, value, script_key, sequence, vin, prev_vout, witness_size, scriptsig_size, script_type";
const TYPES: &str = "height, script_type, n_out, out_value, n_in, in_value";
const UTXOS: &str = "tx_id, value, script_key, vout, script_type, coinbase, address";

impl Encoded {
    /// Makes and encodes the rows of blocks that follow `lineage`, without owners: history.
    ///
    /// # Errors
    /// [`MirrorError::Input`].
    pub fn history(
        maker: &Maker<'_>,
        blocks: &[AppliedBlock],
        rules: &Rules,
        lineage: &mut Lineage,
    ) -> Result<Self, MirrorError> {
        let mut encoded = Self::default();
        let txs = blocks.iter().flat_map(|block| &block.block.transactions);
        let (count, outputs) = txs.fold((0, 0), |(txs, outputs), tx| (txs + 1, outputs + tx.outputs.len()));
        let inputs: usize = blocks.iter().map(|block| block.spent.len()).sum();
        // What rows have: exact but for the lengths of addresses and the identifiers with witness.
        encoded.transactions.reserve(count * 190);
        encoded.outputs.reserve(outputs * 116);
        encoded.inputs.reserve(inputs * 100);
        for block in blocks {
            let rows = maker.rows(block, lineage)?;
            encoded.push(&rows, block.at, rules, None);
        }
        Ok(encoded)
    }

    /// Adds a block.
    pub fn push(&mut self, rows: &BlockRows, at: BlockRef, rules: &Rules, seen: Option<&Seen>) {
        let block = &rows.block;
        put_block(&mut self.blocks, block, rules, seen);
        for row in &rows.transactions {
            put_transaction(&mut self.transactions, row);
        }
        for row in &rows.outputs {
            put_output(&mut self.outputs, row);
        }
        for row in &rows.inputs {
            put_input(&mut self.inputs, row);
        }
        for (script_type, stats) in &rows.types {
            let to = &mut self.types;
            to.begin(6);
            to.i32(block.height as i32);
            to.i16(script_type.code());
            to.i32(stats.n_out);
            to.i64(stats.out_value);
            to.i32(stats.n_in);
            to.i64(stats.in_value);
        }
        self.totals += Totals {
            blocks: 1,
            txs: rows.transactions.len() as i64,
            outputs: rows.outputs.len() as i64,
            inputs: rows.inputs.len() as i64,
            utxos: block.utxo_delta.into(),
            utxo_value: block.utxo_value_delta,
        };
        let first = self.range.map_or(at.height, |(first, _)| first);
        self.range = Some((first, at));
    }

    /// Bytes of all of them.
    pub fn len(&self) -> usize {
        [&self.blocks, &self.transactions, &self.outputs, &self.inputs, &self.types]
            .iter()
            .map(|rows| rows.len())
            .sum()
    }

    /// Whether there are no blocks.
    pub fn is_empty(&self) -> bool {
        self.range.is_none()
    }

    /// Copies the rows into the tables, the big ones into partition `number`.
    ///
    /// # Errors
    /// [`MirrorError::Database`].
    pub async fn copy_into(self, connection: &mut PgConnection, number: u32) -> Result<(), MirrorError> {
        let leaf = |table: &str| crate::partitions::name(table, number);
        copy(connection, &leaf("transactions"), TRANSACTIONS, self.transactions).await?;
        copy(connection, &leaf("outputs"), OUTPUTS, self.outputs).await?;
        copy(connection, &leaf("inputs"), INPUTS, self.inputs).await?;
        copy(connection, "blocks", BLOCKS, self.blocks).await?;
        copy(connection, "script_type_stats", TYPES, self.types).await
    }
}

/// Copies new coins into `utxos`.
///
/// # Errors
/// [`MirrorError::Database`].
pub async fn copy_coins(connection: &mut PgConnection, coins: &[&OutputRow]) -> Result<(), MirrorError> {
    let mut rows = CopyRows::default();
    for coin in coins {
        rows.begin(7);
        rows.i64(coin.tx_id);
        rows.i64(coin.value);
        rows.i64(coin.script.script_key);
        rows.i32(coin.vout);
        rows.i16(coin.script.script_type.code());
        rows.bool(coin.tx_id & ((1 << crate::rows::POSITION_BITS) - 1) == 0);
        rows.option(coin.script.address.as_deref(), CopyRows::text);
    }
    copy(connection, "utxos", UTXOS, rows).await
}

/// Bytes to a message. Each is flushed; small ones halve the speed.
const CHUNK: usize = 128 << 10;

/// Copies rows into a table.
///
/// # Errors
/// [`MirrorError::Database`].
pub async fn copy(
    connection: &mut PgConnection,
    table: &str,
    columns: &str,
    rows: CopyRows,
) -> Result<(), MirrorError> {
    if rows.is_empty() {
        return Ok(());
    }
    let failed = || MirrorError::during("cannot copy rows");
    let statement = format!("COPY chaincore.{table} ({columns}) FROM STDIN WITH (FORMAT binary)");
    let mut copy = connection.copy_in_raw(&statement).await.map_err(failed())?;
    for chunk in rows.finish().chunks(CHUNK) {
        copy.send(chunk).await.map_err(failed())?;
    }
    copy.finish().await.map_err(failed())?;
    Ok(())
}

fn put_block(to: &mut CopyRows, row: &BlockRow, rules: &Rules, seen: Option<&Seen>) {
    to.begin(43);
    to.i32(row.height as i32);
    to.bytes(&row.hash);
    to.bytes(&row.prev_hash);
    to.bytes(&row.merkle_root);
    to.i32(row.version);
    to.unix_time(row.time.into());
    to.unix_time(row.median_time.into());
    to.i64(row.bits.into());
    to.i64(row.nonce.into());
    to.f64(row.difficulty);
    to.bytes(&row.chainwork);
    for count in [row.size, row.stripped_size, row.weight, row.tx_count, row.input_count, row.output_count] {
        to.i32(count);
    }
    for value in [row.input_value, row.output_value, row.subsidy, row.fees, row.coinbase_value] {
        to.i64(value);
    }
    to.bytes(&row.coinbase_script);
    to.option(row.coinbase_address.as_deref(), CopyRows::text);
    to.option(row.witness_commitment, |to, hash| to.bytes(&hash));
    to.option(rules.judge(&row.coinbase_script, row.coinbase_address.as_deref()), CopyRows::i32);
    to.i32(rules.version());
    let rates = row.feerates;
    to.option(rates.map(|rates| rates.min), CopyRows::f64);
    for at in 0..5 {
        to.option(rates.map(|rates| rates.percentiles[at]), CopyRows::f64);
    }
    to.option(rates.map(|rates| rates.max), CopyRows::f64);
    for count in [row.segwit_txs, row.taproot_inputs, row.rbf_txs, row.op_return_count, row.utxo_delta] {
        to.i32(count);
    }
    to.i64(row.unspendable_value);
    to.i64(row.utxo_acc);
    to.option(seen.map(|seen| seen.at), CopyRows::unix_time);
    to.option(seen.map(|seen| seen.node_id.as_str()), CopyRows::text);
}

fn put_transaction(to: &mut CopyRows, row: &TransactionRow) {
    to.begin(13);
    for value in
        [row.tx_id, row.fee, row.input_value, row.output_value, row.version.into(), row.locktime.into()]
    {
        to.i64(value);
    }
    for count in [row.weight, row.size, row.n_in, row.n_out, row.flags] {
        to.i32(count);
    }
    to.bytes(&row.txid);
    to.option(row.wtxid, |to, id| to.bytes(&id));
}

fn put_output(to: &mut CopyRows, row: &OutputRow) {
    to.begin(7);
    to.i64(row.tx_id);
    to.i64(row.value);
    to.i64(row.script.script_key);
    to.i32(row.vout);
    to.i16(row.script.script_type.code());
    to.option(row.script.address.as_deref(), CopyRows::text);
    to.option(row.raw_script.as_deref(), CopyRows::bytes);
}

fn put_input(to: &mut CopyRows, row: &InputRow) {
    to.begin(10);
    for value in [row.tx_id, row.prev_tx_id, row.value, row.script_key, row.sequence.into()] {
        to.i64(value);
    }
    for count in [row.vin, row.prev_vout, row.witness_size, row.scriptsig_size] {
        to.i32(count);
    }
    to.i16(row.script_type.code());
}
