//! The rows of blocks: against the headers' merkle roots, against the node's blocks, and against the row of `blocks`.

use super::{Extent, Problems, Run, hash_of, strides};
use crate::error::MirrorError;
use crate::rows::{BlockRows, Lineage, Maker, ScriptType, first_tx_id};
use chaincore_consensus::Hash256;
use chaincore_consensus::merkle::merkle_root;
use chaincore_plugin::BlockRef;
use rand::seq::IteratorRandom as _;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Blocks below the last hundred whose content a full check reads, at random.
const SAMPLE: usize = 400;

/// Blocks at the end of the chain that are always read.
const LAST: u32 = 100;

impl Run<'_> {
    /// The heights of `heights` whose content is read: all if they were asked for, else the last and some at random.
    fn sample(&self, heights: &RangeInclusive<u32>) -> Vec<u32> {
        if matches!(self.extent, Extent::Heights(_)) {
            return heights.clone().collect();
        }
        let (from, to) = (*heights.start(), *heights.end());
        let last = to.saturating_sub(LAST - 1).max(from);
        let mut sample = (from..last).choose_multiple(&mut rand::rng(), SAMPLE);
        sample.sort_unstable();
        sample.extend(last..=to);
        sample
    }

    pub(super) async fn merkle(
        &mut self,
        heights: &RangeInclusive<u32>,
        problems: &mut Problems,
    ) -> Result<(), MirrorError> {
        for height in self.sample(heights) {
            if problems.is_full() {
                break;
            }
            let root =
                sqlx::query("SELECT merkle_root FROM chaincore.blocks WHERE height = $1").bind(height as i32);
            let Some(row) = self.fetch(root).await?.pop() else { continue };
            let root: Vec<u8> = row.try_get(0).map_err(MirrorError::during("cannot read a merkle root"))?;
            let txids = sqlx::query(
                "SELECT txid FROM chaincore.transactions WHERE tx_id >= $1 AND tx_id < $2 ORDER BY tx_id",
            );
            let rows = self.fetch(txids.bind(first_tx_id(height)).bind(first_tx_id(height + 1))).await?;
            let mut leaves = vec![];
            for row in &rows {
                let txid: Vec<u8> = row.try_get(0).map_err(MirrorError::during("cannot read a txid"))?;
                leaves.extend(hash_of(&txid).map(|hash| Hash256(hash.0)));
            }
            let (made, _) = merkle_root(&leaves);
            if hash_of(&root).map(|hash| hash.0) != Some(made.0) {
                problems.add(format!("block {height}: its transactions do not have its merkle root"));
            }
        }
        Ok(())
    }

    pub(super) async fn content(
        &mut self,
        heights: &RangeInclusive<u32>,
        problems: &mut Problems,
    ) -> Result<(), MirrorError> {
        let blocks = self.own_blocks(heights)?;
        let maker = Maker { params: self.source.params, owners: false };
        for height in self.sample(heights) {
            if problems.is_full() {
                break;
            }
            let Some(at) = blocks.get((height - heights.start()) as usize) else { continue };
            let applied = self.source.chain.applied_block(&at.hash)?;
            // Median time and work need the blocks below; `headers` looks after those.
            let rows = maker.rows(&applied, &mut Lineage::default())?;
            self.compare(at, &rows, problems).await?;
        }
        Ok(())
    }

    async fn compare(
        &mut self,
        at: &BlockRef,
        rows: &BlockRows,
        problems: &mut Problems,
    ) -> Result<(), MirrorError> {
        let (from, to) = (first_tx_id(at.height), first_tx_id(at.height + 1));
        let block = sqlx::query(
            "SELECT concat_ws('|', size, stripped_size, weight, tx_count, input_count, output_count, input_value, \
             output_value, fees, coinbase_value, encode(coinbase_script, 'hex'), coalesce(coinbase_address, '-'), \
             coalesce(encode(witness_commitment, 'hex'), '-'), segwit_txs, taproot_inputs, rbf_txs, op_return_count, \
             utxo_delta, unspendable_value) FROM chaincore.blocks WHERE height = $1",
        );
        let stored = self.fetch(block.bind(at.height as i32)).await?;
        differ(at, "blocks", &stored, vec![block_text(rows)], problems)?;

        let transactions = sqlx::query(
            "SELECT concat_ws('|', tx_id, fee, input_value, output_value, weight, size, version, locktime, n_in, n_out, \
             flags, encode(txid, 'hex'), coalesce(encode(wtxid, 'hex'), '-')) \
             FROM chaincore.transactions WHERE tx_id >= $1 AND tx_id < $2 ORDER BY tx_id",
        );
        let stored = self.fetch(transactions.bind(from).bind(to)).await?;
        let made = rows.transactions.iter().map(|tx| {
            format!(
                "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
                tx.tx_id,
                tx.fee,
                tx.input_value,
                tx.output_value,
                tx.weight,
                tx.size,
                tx.version,
                tx.locktime,
                tx.n_in,
                tx.n_out,
                tx.flags,
                hex(&tx.txid),
                tx.wtxid.map_or_else(|| "-".into(), |wtxid| hex(&wtxid))
            )
        });
        differ(at, "transactions", &stored, made.collect(), problems)?;

        let outputs = sqlx::query(
            "SELECT concat_ws('|', tx_id, vout, value, script_key, script_type, coalesce(address, '-'), \
             encode(script, 'hex')) FROM chaincore.outputs WHERE tx_id >= $1 AND tx_id < $2 ORDER BY tx_id, vout",
        );
        let stored = self.fetch(outputs.bind(from).bind(to)).await?;
        let made = rows.outputs.iter().map(|output| {
            let address = output.script.address.as_deref().unwrap_or("-");
            let (key, kind) = (output.script.script_key, output.script.script_type.code());
            let text = format!("{}|{}|{}|{key}|{kind}|{address}", output.tx_id, output.vout, output.value);
            match &output.raw_script {
                Some(script) => format!("{text}|{}", hex(script)),
                None => text,
            }
        });
        differ(at, "outputs", &stored, made.collect(), problems)?;

        let inputs = sqlx::query(
            "SELECT concat_ws('|', tx_id, vin, prev_tx_id, prev_vout, value, script_key, script_type, sequence, \
             witness_size, scriptsig_size) FROM chaincore.inputs WHERE tx_id >= $1 AND tx_id < $2 ORDER BY tx_id, vin",
        );
        let stored = self.fetch(inputs.bind(from).bind(to)).await?;
        let made = rows.inputs.iter().map(|input| {
            format!(
                "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
                input.tx_id,
                input.vin,
                input.prev_tx_id,
                input.prev_vout,
                input.value,
                input.script_key,
                input.script_type.code(),
                input.sequence,
                input.witness_size,
                input.scriptsig_size
            )
        });
        differ(at, "inputs", &stored, made.collect(), problems)?;

        let types = sqlx::query(
            "SELECT concat_ws('|', script_type, n_out, out_value, n_in, in_value) FROM chaincore.script_type_stats \
             WHERE height = $1 ORDER BY script_type",
        );
        let stored = self.fetch(types.bind(at.height as i32)).await?;
        let by_code: BTreeMap<i16, _> =
            rows.types.iter().map(|(kind, sums)| (ScriptType::code(*kind), sums)).collect();
        let made = by_code.iter().map(|(code, sums)| {
            format!("{code}|{}|{}|{}|{}", sums.n_out, sums.out_value, sums.n_in, sums.in_value)
        });
        differ(at, "script_type_stats", &stored, made.collect(), problems)
    }

    /// Counts and sums, block by block and transaction by transaction.
    pub(super) async fn sums(
        &mut self,
        heights: &RangeInclusive<u32>,
        problems: &mut Problems,
    ) -> Result<(), MirrorError> {
        for (from, to) in strides(heights) {
            if problems.is_full() {
                break;
            }
            let ids = (first_tx_id(from), first_tx_id(to + 1));
            let blocks = sqlx::query(
                "WITH t AS (SELECT tx_id >> 20 AS height, count(*) AS n, sum(fee) AS fees, \
                   sum(input_value) AS input_value, sum(output_value) AS output_value, sum(n_in) AS n_in, \
                   sum(n_out) AS n_out, sum(output_value) FILTER (WHERE tx_id & 1048575 = 0) AS coinbase_value \
                   FROM chaincore.transactions WHERE tx_id >= $1 AND tx_id < $2 GROUP BY 1), \
                 s AS (SELECT height, sum(n_out) AS n_out, sum(out_value) AS out_value, sum(n_in) AS n_in, \
                   sum(in_value) AS in_value FROM chaincore.script_type_stats WHERE height BETWEEN $3 AND $4 GROUP BY 1) \
                 SELECT 'block ' || b.height || ': its row does not add up with those of its transactions' \
                 FROM chaincore.blocks b LEFT JOIN t ON t.height = b.height LEFT JOIN s ON s.height = b.height \
                 WHERE b.height BETWEEN $3 AND $4 AND NOT coalesce(t.n = b.tx_count AND t.fees = b.fees \
                   AND t.input_value = b.input_value AND t.output_value = b.output_value AND t.n_in = b.input_count \
                   AND t.n_out = b.output_count AND t.coinbase_value = b.coinbase_value \
                   AND b.input_value - (b.output_value - b.coinbase_value) = b.fees \
                   AND b.coinbase_value <= b.subsidy + b.fees AND s.n_out = b.output_count \
                   AND s.out_value = b.output_value AND s.n_in = b.input_count AND s.in_value = b.input_value, false) \
                 ORDER BY b.height LIMIT 10",
            );
            // The genesis block's coinbase may claim whatever it likes: nobody can spend it. It still adds up.
            let blocks = blocks.bind(ids.0).bind(ids.1).bind(from as i32).bind(to as i32);
            problems.add_rows(self.fetch(blocks).await?)?;
            let transactions = sqlx::query(
                "WITH o AS (SELECT tx_id, count(*) AS n, sum(value) AS value FROM chaincore.outputs \
                   WHERE tx_id >= $1 AND tx_id < $2 GROUP BY 1), \
                 i AS (SELECT tx_id, count(*) AS n, sum(value) AS value FROM chaincore.inputs \
                   WHERE tx_id >= $1 AND tx_id < $2 GROUP BY 1) \
                 SELECT 'transaction ' || coalesce(t.tx_id, o.tx_id, i.tx_id) || ' (block ' \
                   || (coalesce(t.tx_id, o.tx_id, i.tx_id) >> 20) || '): its row does not add up with those of its \
                   outputs and inputs' \
                 FROM (SELECT * FROM chaincore.transactions WHERE tx_id >= $1 AND tx_id < $2) t \
                 FULL JOIN o ON o.tx_id = t.tx_id FULL JOIN i ON i.tx_id = coalesce(t.tx_id, o.tx_id) \
                 WHERE t.tx_id IS NULL OR t.n_out <> coalesce(o.n, 0) OR t.output_value <> coalesce(o.value, 0) \
                   OR t.n_in <> coalesce(i.n, 0) OR t.input_value <> coalesce(i.value, 0) \
                   OR (t.tx_id & 1048575 <> 0 AND t.fee <> t.input_value - t.output_value) \
                 LIMIT 10",
            );
            problems.add_rows(self.fetch(transactions.bind(ids.0).bind(ids.1)).await?)?;
        }
        Ok(())
    }
}

fn block_text(rows: &BlockRows) -> String {
    let block = &rows.block;
    let commitment = block.witness_commitment.map_or_else(|| "-".into(), |hash| hex(&hash));
    let address = block.coinbase_address.as_deref().unwrap_or("-");
    format!(
        "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{}|{address}|{commitment}|{}|{}|{}|{}|{}|{}",
        block.size,
        block.stripped_size,
        block.weight,
        block.tx_count,
        block.input_count,
        block.output_count,
        block.input_value,
        block.output_value,
        block.fees,
        block.coinbase_value,
        hex(&block.coinbase_script),
        block.segwit_txs,
        block.taproot_inputs,
        block.rbf_txs,
        block.op_return_count,
        block.utxo_delta,
        block.unspendable_value,
    )
}

fn hex(bytes: &[u8]) -> String {
    chaincore_consensus::hex::encode(bytes)
}

/// Adds a problem for the first row that is not what the node's block gives.
fn differ(
    at: &BlockRef,
    table: &str,
    stored: &[PgRow],
    made: Vec<String>,
    problems: &mut Problems,
) -> Result<(), MirrorError> {
    for (place, made) in made.iter().enumerate() {
        let text: Option<String> = match stored.get(place) {
            Some(row) => Some(row.try_get(0).map_err(MirrorError::during("cannot read a check's answer"))?),
            None => None,
        };
        if text.as_ref() != Some(made) {
            let found = text.unwrap_or_else(|| "nothing".into());
            problems.add(format!("block {}: {table}: {found} where the node has {made}", at.height));
            return Ok(());
        }
    }
    if stored.len() > made.len() {
        let more = stored.len() - made.len();
        problems.add(format!("block {}: {table}: {more} more rows than the node has", at.height));
    }
    Ok(())
}
