//! Changing branches, in one transaction: readers see the old branch whole or the new one whole.
//!
//! Everything is reversed from the dropped rows themselves: an input says what it spent, its output whose it was. No
//! undo data is kept beside them and none is asked of the node, so a mirror can go back any number of blocks.

use crate::batch::{Seen, Totals};
use crate::error::MirrorError;
use crate::rows::{first_tx_id, tx_id};
use crate::session::{Mode, Session, in_time, lineage, lock_state};
use crate::write::{Live, advance};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{BlockHash, Hash256, Header};
use chaincore_plugin::{AppliedBlock, BlockRef};
use sqlx::{Connection, PgConnection, Row};
use std::time::{Duration, Instant};

/// Whether an output `o` became a coin: not of block 0, not `OP_RETURN`, not longer than scripts may be. Scripts that
/// could be either have no address and are stored.
macro_rules! is_coin {
    () => {
        "(o.tx_id >= 1048576 AND (o.script IS NULL OR (substr(o.script, 1, 1) <> '\\x6a'::bytea AND length(o.script) <= 10000)))"
    };
}

/// Whose an output `o` is: see `Owner`.
macro_rules! owner {
    () => {
        "coalesce(o.address, 'raw:' || encode(sha256(o.script), 'hex'))"
    };
}

pub(crate) use {is_coin, owner};

/// What a reorganization is told with.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The last block that stays.
    pub fork: BlockRef,
    /// The node's tip, for the record.
    pub node_tip: BlockRef,
    /// The mode afterwards.
    pub mode: Mode,
    /// Stored with the new blocks.
    pub seen: Option<&'a Seen>,
}

impl Session {
    /// Drops all blocks above the fork and takes in `blocks` instead, the first right above it.
    pub async fn reorganize(
        &mut self,
        params: &ChainParams,
        change: Change<'_>,
        blocks: &[AppliedBlock],
    ) -> Result<Totals, MirrorError> {
        let started = Instant::now();
        let Some(old_tip) = self.tip() else { return Ok(Totals::default()) };
        let depth = old_tip.height.saturating_sub(change.fork.height);
        if depth == 0 {
            let expected = Some(change.fork);
            return Err(MirrorError::CursorMoved { found: Some(old_tip), expected });
        }
        let end = blocks.last().map_or(change.fork, |block| block.at);
        // Ten dropped blocks may take as long as one statement.
        let limit = self.limits.patience() * (1 + depth / 10);
        let end_height = end.height;
        let (lineage, totals) = in_time("cannot change branches", limit, async {
            self.make_room(end_height, false).await?;
            let mut transaction =
                self.connection.begin().await.map_err(MirrorError::during("cannot begin"))?;
            lock_state(&mut transaction, self.epoch, Some(old_tip)).await?;
            unlimited(&mut transaction, limit).await?;
            let mut drop =
                Drop { connection: &mut transaction, params, fork: change.fork, seeded: self.seeded };
            let dropped = drop.run(old_tip, change.node_tip).await?;
            // The cursor is at the fork for a moment nobody sees: what follows depends on the rows below.
            advance(&mut transaction, Some(change.fork), change.mode, dropped.totals).await?;
            let mut lineage = lineage(&mut transaction).await?;
            let mut live = Live {
                connection: &mut transaction,
                params,
                rules: &self.rules,
                seeded: self.seeded,
                has_stale: true,
                awaiting: true,
            };
            let totals = live.write(blocks, &mut lineage, change.seen).await?;
            if !blocks.is_empty() {
                advance(&mut transaction, Some(end), change.mode, totals).await?;
            }
            sqlx::query("UPDATE chaincore.reorgs SET apply_ms = $1 WHERE id = $2")
                .bind(i32::try_from(started.elapsed().as_millis()).unwrap_or(i32::MAX))
                .bind(dropped.reorg_id)
                .execute(&mut *transaction)
                .await
                .map_err(MirrorError::during("cannot record the reorganization"))?;
            transaction.commit().await.map_err(MirrorError::during("cannot commit"))?;
            Ok((lineage, totals))
        })
        .await?;
        (self.lineage, self.mode) = (lineage, change.mode);
        in_time("cannot read dropped blocks", self.limits.patience(), self.look_for_stale()).await?;
        Ok(totals)
    }
}

/// Statements of this transaction may take as long as the whole of it.
async fn unlimited(connection: &mut PgConnection, limit: Duration) -> Result<(), MirrorError> {
    let set = sqlx::query("SELECT set_config('statement_timeout', $1, true)");
    let set = set.bind(limit.as_millis().to_string()).execute(connection);
    set.await.map_err(MirrorError::during("cannot set up the transaction"))?;
    Ok(())
}

struct Dropped {
    reorg_id: i64,
    totals: Totals,
}

/// Dropping blocks inside of a transaction.
struct Drop<'a> {
    connection: &'a mut PgConnection,
    params: &'a ChainParams,
    fork: BlockRef,
    seeded: bool,
}

impl Drop<'_> {
    async fn run(&mut self, old_tip: BlockRef, node_tip: BlockRef) -> Result<Dropped, MirrorError> {
        self.check_fork().await?;
        let (depth, txs, outputs, inputs, value, utxos): (i64, i64, i64, i64, i64, i64) = sqlx::query_as(
            "SELECT count(*), coalesce(sum(tx_count), 0)::bigint, coalesce(sum(output_count), 0)::bigint,
                coalesce(sum(input_count), 0)::bigint, coalesce(sum(output_value), 0)::bigint,
                coalesce(sum(utxo_delta), 0)::bigint
             FROM chaincore.blocks WHERE height > $1",
        )
        .bind(self.fork.height as i32)
        .fetch_one(&mut *self.connection)
        .await
        .map_err(MirrorError::during("cannot read dropped blocks"))?;
        let reorg_id = sqlx::query_scalar(
            "INSERT INTO chaincore.reorgs (detected_at, fork_height, fork_hash, old_tip, new_tip, depth, connected,
                txs_dropped, value_dropped, apply_ms)
             VALUES (now(), $1, $2, $3, $4, $5, $6, $7, $8, 0) RETURNING id",
        )
        .bind(self.fork.height as i32)
        .bind(shown(self.fork.hash))
        .bind(shown(old_tip.hash))
        .bind(shown(node_tip.hash))
        .bind(depth as i32)
        .bind(node_tip.height.saturating_sub(self.fork.height) as i32)
        .bind(i32::try_from(txs).unwrap_or(i32::MAX))
        .bind(value)
        .fetch_one(&mut *self.connection)
        .await
        .map_err(MirrorError::during("cannot record the reorganization"))?;
        self.keep_stale(reorg_id).await?;
        let value_before = self.coin_value_above().await?;
        if self.seeded {
            let repeated = self.repeated().await?;
            self.reverse_balances(&repeated).await?;
            self.reverse_coins(&repeated).await?;
        }
        self.delete_rows().await?;
        let totals = Totals {
            blocks: -depth,
            txs: -txs,
            outputs: -outputs,
            inputs: -inputs,
            utxos: -utxos,
            utxo_value: -value_before,
        };
        Ok(Dropped { reorg_id, totals })
    }

    async fn check_fork(&mut self) -> Result<(), MirrorError> {
        let found: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT hash FROM chaincore.blocks WHERE height = $1")
                .bind(self.fork.height as i32)
                .fetch_optional(&mut *self.connection)
                .await
                .map_err(MirrorError::during("cannot read the fork"))?;
        if found == Some(shown(self.fork.hash)) {
            return Ok(());
        }
        let what = format!("the branch does not have the fork {}", self.fork.hash);
        Err(MirrorError::Input { height: self.fork.height, what })
    }

    /// The blocks and their transactions are kept aside.
    async fn keep_stale(&mut self, reorg_id: i64) -> Result<(), MirrorError> {
        let failed = || MirrorError::during("cannot keep dropped blocks");
        let rows = sqlx::query(
            "SELECT height, version, prev_hash, merkle_root, extract(epoch FROM time)::bigint AS time, bits, nonce
             FROM chaincore.blocks WHERE height > $1",
        )
        .bind(self.fork.height as i32)
        .fetch_all(&mut *self.connection)
        .await
        .map_err(failed())?;
        let (mut heights, mut headers) = (Vec::new(), Vec::new());
        for row in rows {
            let hash = |name: &str| -> Result<[u8; 32], sqlx::Error> {
                let bytes: Vec<u8> = row.try_get(name)?;
                let mut bytes: [u8; 32] =
                    bytes.try_into().map_err(|_| sqlx::Error::Decode("a hash has not 32 bytes".into()))?;
                bytes.reverse();
                Ok(bytes)
            };
            let word = |name: &str| row.try_get::<i64, _>(name).map(|word| word as u32);
            let header = Header {
                version: row.try_get("version").map_err(failed())?,
                previous: BlockHash(hash("prev_hash").map_err(failed())?),
                merkle_root: Hash256(hash("merkle_root").map_err(failed())?),
                time: word("time").map_err(failed())?,
                bits: word("bits").map_err(failed())?,
                nonce: word("nonce").map_err(failed())?,
            };
            heights.push(row.try_get::<i32, _>("height").map_err(failed())?);
            headers.push(header.to_array().to_vec());
        }
        sqlx::query(
            "INSERT INTO chaincore.stale_blocks
                (hash, height, prev_hash, header, tx_count, fees, pool_id, reorg_id, seen_at)
             SELECT b.hash, b.height, b.prev_hash, h.header, b.tx_count, b.fees, b.pool_id, $3, now()
             FROM chaincore.blocks b JOIN unnest($1::integer[], $2::bytea[]) AS h (height, header)
                ON h.height = b.height",
        )
        .bind(&heights)
        .bind(&headers)
        .bind(reorg_id)
        .execute(&mut *self.connection)
        .await
        .map_err(failed())?;
        sqlx::query(
            "INSERT INTO chaincore.stale_transactions (block_hash, pos, txid, fee)
             SELECT b.hash, (t.tx_id & 1048575)::integer, t.txid, t.fee
             FROM chaincore.transactions t JOIN chaincore.blocks b ON b.height = t.tx_id >> 20
             WHERE t.tx_id >= $1 AND b.height > $2",
        )
        .bind(self.above())
        .bind(self.fork.height as i32)
        .execute(&mut *self.connection)
        .await
        .map_err(failed())?;
        sqlx::query(
            "UPDATE chaincore.stale_transactions SET reconfirmed_height = NULL WHERE reconfirmed_height > $1",
        )
        .bind(self.fork.height as i32)
        .execute(&mut *self.connection)
        .await
        .map_err(failed())?;
        Ok(())
    }

    /// Coinbases of dropped blocks that took another one's place, with the place of that one.
    async fn repeated(&mut self) -> Result<Vec<(i64, i64)>, MirrorError> {
        let mut pairs = Vec::new();
        for (height, hash) in &self.params.bip30_repeats {
            if *height <= self.fork.height {
                continue;
            }
            let pair: Option<(i64, i64)> = sqlx::query_as(
                "SELECT t.tx_id, e.tx_id FROM chaincore.blocks b
                 JOIN chaincore.transactions t ON t.tx_id = $3
                 JOIN LATERAL (SELECT tx_id FROM chaincore.transactions e
                    WHERE substr(e.txid, 1, 8) = substr(t.txid, 1, 8) AND e.txid = t.txid AND e.tx_id < t.tx_id
                    ORDER BY tx_id DESC LIMIT 1) e ON true
                 WHERE b.height = $1 AND b.hash = $2",
            )
            .bind(*height as i32)
            .bind(shown(*hash))
            .bind(tx_id(*height, 0))
            .fetch_optional(&mut *self.connection)
            .await
            .map_err(MirrorError::during("cannot read repeated coinbases"))?;
            pairs.extend(pair);
        }
        Ok(pairs)
    }

    /// The value by which the dropped blocks changed all coins together.
    async fn coin_value_above(&mut self) -> Result<i64, MirrorError> {
        let repeated = self.repeated().await?;
        let later: Vec<i64> = repeated.iter().map(|pair| pair.0).collect();
        let (made, spent): (i64, i64) = sqlx::query_as(concat!(
            "SELECT (SELECT coalesce(sum(o.value), 0)::bigint FROM chaincore.outputs o
                WHERE o.tx_id >= $1 AND o.tx_id <> ALL ($2) AND ",
            is_coin!(),
            "), (SELECT coalesce(sum(i.value), 0)::bigint FROM chaincore.inputs i WHERE i.tx_id >= $1)"
        ))
        .bind(self.above())
        .bind(&later)
        .fetch_one(&mut *self.connection)
        .await
        .map_err(MirrorError::during("cannot sum up dropped coins"))?;
        Ok(made - spent)
    }

    /// What the dropped blocks paid and spent is taken back; owners that had nothing before go.
    async fn reverse_balances(&mut self, repeated: &[(i64, i64)]) -> Result<(), MirrorError> {
        let later: Vec<i64> = repeated.iter().map(|pair| pair.0).collect();
        sqlx::query(concat!(
            "WITH gone AS (
                SELECT o.script_key, ",
            owner!(),
            " AS address, CASE WHEN o.tx_id = ANY ($3) THEN 0 ELSE o.value END AS received, 0::bigint AS sent,
                    CASE WHEN o.tx_id = ANY ($3) THEN 0 ELSE -1 END AS coins
                FROM chaincore.outputs o WHERE o.tx_id >= $1 AND ",
            is_coin!(),
            " UNION ALL
                SELECT o.script_key, ",
            owner!(),
            ", 0, i.value, 1
                FROM chaincore.inputs i JOIN chaincore.outputs o ON o.tx_id = i.prev_tx_id AND o.vout = i.prev_vout
                WHERE i.tx_id >= $1
             ), net AS (
                SELECT script_key, address, sum(received)::bigint AS received, sum(sent)::bigint AS sent,
                    sum(coins)::integer AS coins
                FROM gone GROUP BY script_key, address
             ), forgotten AS (
                DELETE FROM chaincore.address_balances b USING net n
                WHERE b.script_key = n.script_key AND b.address = n.address AND b.first_height > $2
             )
             UPDATE chaincore.address_balances b
             SET balance = b.balance - n.received + n.sent, received = b.received - n.received,
                sent = b.sent - n.sent, utxo_count = b.utxo_count + n.coins,
                last_height = greatest(
                    (SELECT o.tx_id >> 20 FROM chaincore.outputs o
                     WHERE o.script_key = b.script_key AND o.tx_id >= 1048576 AND o.tx_id < $1 AND ",
            owner!(),
            " = b.address ORDER BY o.tx_id DESC LIMIT 1),
                    (SELECT i.tx_id >> 20 FROM chaincore.inputs i
                     JOIN chaincore.outputs o ON o.tx_id = i.prev_tx_id AND o.vout = i.prev_vout
                     WHERE i.script_key = b.script_key AND i.tx_id < $1 AND ",
            owner!(),
            " = b.address ORDER BY i.tx_id DESC LIMIT 1))::integer
             FROM net n WHERE b.script_key = n.script_key AND b.address = n.address AND b.first_height <= $2"
        ))
        .bind(self.above())
        .bind(self.fork.height as i32)
        .bind(&later)
        .execute(&mut *self.connection)
        .await
        .map_err(MirrorError::during("cannot take balances back"))?;
        Ok(())
    }

    /// Coins that the dropped blocks made go, those that they spent come back.
    async fn reverse_coins(&mut self, repeated: &[(i64, i64)]) -> Result<(), MirrorError> {
        let failed = || MirrorError::during("cannot take coins back");
        sqlx::query("DELETE FROM chaincore.utxos WHERE tx_id >= $1")
            .bind(self.above())
            .execute(&mut *self.connection)
            .await
            .map_err(failed())?;
        let earlier: Vec<i64> =
            repeated.iter().map(|pair| pair.1).filter(|earlier| *earlier < self.above()).collect();
        sqlx::query(concat!(
            "INSERT INTO chaincore.utxos (tx_id, value, script_key, vout, script_type, coinbase, address)
             SELECT o.tx_id, o.value, o.script_key, o.vout, o.script_type, o.tx_id & 1048575 = 0, o.address
             FROM chaincore.inputs i JOIN chaincore.outputs o ON o.tx_id = i.prev_tx_id AND o.vout = i.prev_vout
             WHERE i.tx_id >= $1 AND i.prev_tx_id < $1
             UNION ALL
             SELECT o.tx_id, o.value, o.script_key, o.vout, o.script_type, true, o.address
             FROM chaincore.outputs o WHERE o.tx_id = ANY ($2) AND ",
            is_coin!()
        ))
        .bind(self.above())
        .bind(&earlier)
        .execute(&mut *self.connection)
        .await
        .map_err(failed())?;
        Ok(())
    }

    async fn delete_rows(&mut self) -> Result<(), MirrorError> {
        for statement in [
            "DELETE FROM chaincore.inputs WHERE tx_id >= $1",
            "DELETE FROM chaincore.outputs WHERE tx_id >= $1",
            "DELETE FROM chaincore.transactions WHERE tx_id >= $1",
        ] {
            let delete = sqlx::query(statement).bind(self.above()).execute(&mut *self.connection);
            delete.await.map_err(MirrorError::during("cannot drop rows"))?;
        }
        for statement in [
            "DELETE FROM chaincore.script_type_stats WHERE height > $1",
            "DELETE FROM chaincore.blocks WHERE height > $1",
        ] {
            let delete = sqlx::query(statement).bind(self.fork.height as i32).execute(&mut *self.connection);
            delete.await.map_err(MirrorError::during("cannot drop rows"))?;
        }
        Ok(())
    }

    /// All rows of dropped blocks are at or above this.
    fn above(&self) -> i64 {
        first_tx_id(self.fork.height + 1)
    }
}

fn shown(hash: BlockHash) -> Vec<u8> {
    crate::rows::display_order(&hash.0).to_vec()
}
