//! Blocks into tables: one transaction for a batch, the cursor in it. What the server did of a transaction that
//! failed is not asked: the session ends, and the next one begins with the stored cursor.

use crate::batch::{Encoded, Seen, Totals, copy_coins};
use crate::effects::Effects;
use crate::error::MirrorError;
use crate::partitions;
use crate::rows::{BlockRows, Lineage, Maker, display_order, first_tx_id, repeats_coinbase};
use crate::session::{Mode, Session, in_time, lock_state};
use chaincore_consensus::params::ChainParams;
use chaincore_plugin::{AppliedBlock, BlockRef};
use sqlx::{Connection, PgConnection};
use std::sync::Arc;

/// Blocks below the tip at which no reorganization is expected any more.
const FINAL_DEPTH: u32 = 100;

/// How a batch is written.
#[derive(Clone, Copy, Debug)]
pub struct Style<'a> {
    /// The mode to store with it.
    pub mode: Mode,
    /// Whether the commit waits for the disk. Without, a crash of the server takes back whole batches, cursor and
    /// all, never parts of one.
    pub durable: bool,
    /// Stored with the blocks.
    pub seen: Option<&'a Seen>,
}

/// Where to cut: a batch is of one partition, and a block that repeats a coinbase begins one of its own, so that
/// what it repeats is in the tables by then.
pub fn pieces<'a>(
    params: &ChainParams,
    blocks: &'a [AppliedBlock],
    max: usize,
) -> impl Iterator<Item = &'a [AppliedBlock]> {
    let mut rest = blocks;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let number = partitions::number(first.at.height);
        let length = rest[1..]
            .iter()
            .take(max.saturating_sub(1))
            .take_while(|block| {
                partitions::number(block.at.height) == number && !repeats_coinbase(params, block)
            })
            .count();
        let (piece, after) = rest.split_at(1 + length);
        rest = after;
        Some(piece)
    })
}

impl Session {
    /// Writes one batch of live blocks: rows, coins, balances, cursor.
    pub async fn write_live(
        &mut self,
        params: &ChainParams,
        blocks: &[AppliedBlock],
        style: Style<'_>,
    ) -> Result<Totals, MirrorError> {
        let Some(last) = blocks.last() else { return Ok(Totals::default()) };
        let mut lineage = self.lineage.clone();
        let limit = self.limits.patience();
        let totals = in_time("cannot write blocks", limit, async {
            self.make_room(last.at.height, false).await?;
            let expected = self.tip();
            let mut transaction =
                self.connection.begin().await.map_err(MirrorError::during("cannot begin"))?;
            lock_state(&mut transaction, self.epoch, expected).await?;
            if !style.durable {
                relax(&mut transaction).await?;
            }
            let mut live = Live {
                connection: &mut transaction,
                params,
                rules: &self.rules,
                seeded: self.seeded,
                has_stale: self.has_stale,
                awaiting: self.awaiting,
            };
            let totals = live.write(blocks, &mut lineage, style.seen).await?;
            advance(&mut transaction, Some(last.at), style.mode, totals).await?;
            transaction.commit().await.map_err(MirrorError::during("cannot commit"))?;
            Ok(totals)
        })
        .await?;
        (self.lineage, self.mode) = (lineage, style.mode);
        if self.awaiting || self.has_stale {
            in_time("cannot read dropped blocks", limit, self.look_for_stale()).await?;
        }
        Ok(totals)
    }

    /// Writes history: rows and cursor, no coins and balances. Encodes ahead in another thread.
    pub async fn write_history(
        &mut self,
        params: &Arc<ChainParams>,
        blocks: &[AppliedBlock],
    ) -> Result<Totals, MirrorError> {
        let Some(last) = blocks.last() else { return Ok(Totals::default()) };
        let limit = self.limits.patience();
        in_time("cannot make room", limit, self.make_room(last.at.height, true)).await?;
        let mut pieces = history_pieces(params, blocks).into_iter();
        let mut next = pieces.next().map(|piece| self.encode_ahead(params, piece, self.lineage.clone()));
        let mut totals = Totals::default();
        let totals = in_time("cannot write blocks", limit, async {
            let expected = self.tip();
            let mut transaction =
                self.connection.begin().await.map_err(MirrorError::during("cannot begin"))?;
            lock_state(&mut transaction, self.epoch, expected).await?;
            relax(&mut transaction).await?;
            let mut lineage = Lineage::default();
            while let Some(work) = next.take() {
                let (encoded, after) = work.await.map_err(|error| MirrorError::Input {
                    height: last.at.height,
                    what: format!("making its rows failed: {error}"),
                })??;
                lineage = after;
                next = pieces.next().map(|piece| encode_ahead(params, &self.rules, piece, lineage.clone()));
                let Some((first, _)) = encoded.range else { continue };
                totals += encoded.totals;
                encoded.copy_into(&mut transaction, partitions::number(first)).await?;
            }
            advance(&mut transaction, Some(last.at), Mode::Bulk, totals).await?;
            transaction.commit().await.map_err(MirrorError::during("cannot commit"))?;
            self.lineage = lineage;
            Ok(totals)
        })
        .await?;
        self.mode = Mode::Bulk;
        Ok(totals)
    }

    fn encode_ahead(
        &self,
        params: &Arc<ChainParams>,
        blocks: Vec<AppliedBlock>,
        lineage: Lineage,
    ) -> Encoding {
        encode_ahead(params, &self.rules, blocks, lineage)
    }

    /// Makes partitions up to a height.
    pub async fn make_room(&mut self, height: u32, bare: bool) -> Result<(), MirrorError> {
        self.partitions = partitions::reach(&mut self.connection, self.partitions, height, bare).await?;
        Ok(())
    }
}

type Encoding = tokio::task::JoinHandle<Result<(Encoded, Lineage), MirrorError>>;

fn encode_ahead(
    params: &Arc<ChainParams>,
    rules: &crate::pools::Rules,
    blocks: Vec<AppliedBlock>,
    mut lineage: Lineage,
) -> Encoding {
    let (params, rules) = (params.clone(), rules.clone());
    tokio::task::spawn_blocking(move || {
        let maker = Maker { params: &params, owners: false };
        let encoded = Encoded::history(&maker, &blocks, &rules, &mut lineage)?;
        Ok((encoded, lineage))
    })
}

/// Transactions in a piece of history, at most. Big enough for `COPY` to pay, small enough for encoding and copying to
/// go on side by side.
const PIECE: usize = 4_000;

/// Transactions in the first piece: the server waits for it.
const FIRST_PIECE: usize = 500;

fn history_pieces(params: &ChainParams, blocks: &[AppliedBlock]) -> Vec<Vec<AppliedBlock>> {
    let (mut all, mut size) = (Vec::new(), FIRST_PIECE);
    for piece in pieces(params, blocks, usize::MAX) {
        let (mut some, mut txs) = (Vec::new(), 0);
        for block in piece {
            txs += block.block.transactions.len();
            some.push(block.clone());
            if txs >= size {
                all.push(std::mem::take(&mut some));
                txs = 0;
                size = (size * 2).min(PIECE);
            }
        }
        if !some.is_empty() {
            all.push(some);
        }
    }
    all
}
/// The commit of this transaction does not wait for the disk.
pub async fn relax(connection: &mut PgConnection) -> Result<(), MirrorError> {
    let set = sqlx::query("SELECT set_config('synchronous_commit', 'off', true)");
    set.execute(connection).await.map_err(MirrorError::during("cannot set up the transaction"))?;
    Ok(())
}

/// Stores the cursor, the totals and the mode, and tells whoever listens.
pub async fn advance(
    connection: &mut PgConnection,
    tip: Option<BlockRef>,
    mode: Mode,
    totals: Totals,
) -> Result<(), MirrorError> {
    let hash = tip.map(|tip| display_order(&tip.hash.0).to_vec());
    let last_final = tip.and_then(|tip| tip.height.checked_sub(FINAL_DEPTH));
    sqlx::query(
        "UPDATE chaincore.sync_state SET tip_height = $1, tip_hash = $2, final_height = $3, mode = $4,
            event_seq = event_seq + 1, blocks = blocks + $5, txs = txs + $6, outputs = outputs + $7,
            inputs = inputs + $8, utxos = utxos + $9, utxo_value = utxo_value + $10, updated_at = now()",
    )
    .bind(tip.map(|tip| tip.height as i32))
    .bind(&hash)
    .bind(last_final.map(|height| height as i32))
    .bind(mode.name())
    .bind(totals.blocks)
    .bind(totals.txs)
    .bind(totals.outputs)
    .bind(totals.inputs)
    .bind(totals.utxos)
    .bind(totals.utxo_value)
    .execute(&mut *connection)
    .await
    .map_err(MirrorError::during("cannot store the cursor"))?;
    let text = tip.map_or_else(String::new, |tip| {
        serde_json::json!({ "height": tip.height, "hash": tip.hash.to_string(), "mode": mode.name() })
            .to_string()
    });
    sqlx::query("SELECT pg_notify('chaincore_tip', $1)")
        .bind(text)
        .execute(connection)
        .await
        .map_err(MirrorError::during("cannot notify"))?;
    Ok(())
}

/// Writing blocks inside of a transaction.
pub struct Live<'a> {
    /// In the transaction.
    pub connection: &'a mut PgConnection,
    /// The chain's rules.
    pub params: &'a ChainParams,
    /// Whose blocks are whose.
    pub rules: &'a crate::pools::Rules,
    /// Whether coins and balances are kept.
    pub seeded: bool,
    /// Whether blocks were dropped that may come back.
    pub has_stale: bool,
    /// Whether transactions of dropped blocks wait to be in the chain again.
    pub awaiting: bool,
}

impl Live<'_> {
    /// Writes blocks that follow `lineage`, which goes on by them. Partitions must be there.
    pub async fn write(
        &mut self,
        blocks: &[AppliedBlock],
        lineage: &mut Lineage,
        seen: Option<&Seen>,
    ) -> Result<Totals, MirrorError> {
        let maker = Maker { params: self.params, owners: self.seeded };
        let mut totals = Totals::default();
        for piece in pieces(self.params, blocks, usize::MAX) {
            let mut rows = Vec::with_capacity(piece.len());
            let mut encoded = Encoded::default();
            for block in piece {
                let of_block = maker.rows(block, lineage)?;
                encoded.push(&of_block, block.at, self.rules, seen);
                rows.push(of_block);
            }
            totals += encoded.totals;
            encoded.copy_into(self.connection, partitions::number(piece[0].at.height)).await?;
            if self.seeded {
                self.coins_and_balances(&rows).await?;
            }
            if self.has_stale {
                self.come_back(&rows).await?;
            }
            if self.awaiting {
                self.confirm_again(&rows).await?;
            }
        }
        Ok(totals)
    }

    async fn coins_and_balances(&mut self, rows: &[BlockRows]) -> Result<(), MirrorError> {
        let effects = Effects::of(rows)?;
        let height = rows[0].block.height;
        if rows[0].repeats_coinbase {
            self.drop_repeated(&rows[0]).await?;
        }
        copy_coins(self.connection, &effects.created).await?;
        let (ids, vouts): (Vec<i64>, Vec<i32>) = effects.spent.iter().copied().unzip();
        let spent = sqlx::query(
            "DELETE FROM chaincore.utxos u USING unnest($1::bigint[], $2::integer[]) AS s (tx_id, vout)
             WHERE u.tx_id = s.tx_id AND u.vout = s.vout",
        )
        .bind(&ids)
        .bind(&vouts)
        .execute(&mut *self.connection)
        .await
        .map_err(MirrorError::during("cannot spend coins"))?
        .rows_affected();
        if spent != ids.len() as u64 {
            let what = format!("{} coins are spent from here on, {spent} of them were in utxos", ids.len());
            return Err(MirrorError::Damaged { height, what });
        }
        self.balances(&effects).await
    }

    async fn balances(&mut self, effects: &Effects<'_>) -> Result<(), MirrorError> {
        let count = effects.balances.len();
        let (mut keys, mut names) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut received, mut sent) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut coins, mut first, mut last) =
            (Vec::with_capacity(count), Vec::with_capacity(count), Vec::with_capacity(count));
        for (owner, delta) in &effects.balances {
            keys.push(owner.script_key);
            names.push(owner.name.as_str());
            received.push(delta.received);
            sent.push(delta.sent);
            coins.push(delta.coins);
            first.push(delta.first as i32);
            last.push(delta.last as i32);
        }
        sqlx::query(
            "INSERT INTO chaincore.address_balances AS b
                (script_key, address, balance, received, sent, utxo_count, first_height, last_height)
             SELECT script_key, address, received - sent, received, sent, coins, first, last
             FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::integer[], $6::integer[],
                $7::integer[]) AS d (script_key, address, received, sent, coins, first, last)
             ON CONFLICT (script_key, address) DO UPDATE SET
                balance = b.balance + excluded.balance, received = b.received + excluded.received,
                sent = b.sent + excluded.sent, utxo_count = b.utxo_count + excluded.utxo_count,
                last_height = excluded.last_height",
        )
        .bind(&keys)
        .bind(&names)
        .bind(&received)
        .bind(&sent)
        .bind(&coins)
        .bind(&first)
        .bind(&last)
        .execute(&mut *self.connection)
        .await
        .map_err(MirrorError::during("cannot change balances"))?;
        Ok(())
    }

    /// A coinbase with the identifier of an unspent one takes that one's place.
    async fn drop_repeated(&mut self, rows: &BlockRows) -> Result<(), MirrorError> {
        let height = rows.block.height;
        let first = first_tx_id(height);
        let Some(coinbase) = rows.transactions.first() else { return Ok(()) };
        let dropped = sqlx::query(
            "DELETE FROM chaincore.utxos WHERE tx_id =
                (SELECT max(tx_id) FROM chaincore.transactions
                 WHERE substr(txid, 1, 8) = substr($1, 1, 8) AND txid = $1 AND tx_id < $2)",
        )
        .bind(&coinbase.txid[..])
        .bind(first)
        .execute(&mut *self.connection)
        .await
        .map_err(MirrorError::during("cannot replace coins"))?
        .rows_affected();
        let expected = rows.outputs.iter().filter(|output| output.tx_id == first && output.is_coin).count();
        if dropped != expected as u64 {
            let what =
                format!("its coinbase repeats one with {expected} coins, {dropped} of them were in utxos");
            return Err(MirrorError::Damaged { height, what });
        }
        Ok(())
    }

    /// Blocks that were dropped and are in the chain again are not stale.
    async fn come_back(&mut self, rows: &[BlockRows]) -> Result<(), MirrorError> {
        let hashes: Vec<&[u8]> = rows.iter().map(|rows| &rows.block.hash[..]).collect();
        sqlx::query(
            "WITH back AS (DELETE FROM chaincore.stale_blocks WHERE hash = ANY($1) RETURNING hash)
             DELETE FROM chaincore.stale_transactions WHERE block_hash IN (SELECT hash FROM back)",
        )
        .bind(&hashes)
        .execute(&mut *self.connection)
        .await
        .map_err(MirrorError::during("cannot take blocks back"))?;
        Ok(())
    }

    /// Notes where transactions of dropped blocks are in the chain again.
    async fn confirm_again(&mut self, rows: &[BlockRows]) -> Result<(), MirrorError> {
        let (mut ids, mut heights): (Vec<&[u8]>, Vec<i32>) = (Vec::new(), Vec::new());
        for block in rows {
            for tx in block.transactions.iter().skip(1) {
                ids.push(&tx.txid);
                heights.push(block.block.height as i32);
            }
        }
        sqlx::query(
            "UPDATE chaincore.stale_transactions s SET reconfirmed_height = n.height
             FROM unnest($1::bytea[], $2::integer[]) AS n (txid, height)
             WHERE s.reconfirmed_height IS NULL AND s.txid = n.txid",
        )
        .bind(&ids)
        .bind(&heights)
        .execute(&mut *self.connection)
        .await
        .map_err(MirrorError::during("cannot confirm transactions again"))?;
        Ok(())
    }
}
