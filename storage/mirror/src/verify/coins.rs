//! Coins, balances, and what there is of money in all.

use super::{Extent, Problems, Run};
use crate::error::MirrorError;
use crate::rows::{first_tx_id, script_key, tx_id};
use chaincore_consensus::OutPoint;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::hash::sha256;
use chaincore_plugin::{AppliedBlock, BlockRef};
use sqlx::Row as _;
use std::time::{Duration, Instant};

/// How long a fast check reads the node's coins before it leaves them to a full one.
const FAST_SCAN: Duration = Duration::from_millis(1500);

/// The parts that coins are summed up in: by the last byte of their script's key.
const BUCKETS: usize = 256;

/// Sums over coins that do not depend on their order; a coin can be taken out again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Sum {
    count: i128,
    value: i128,
    marks: i128,
}

struct Sums([Sum; BUCKETS]);

impl Default for Sums {
    fn default() -> Self {
        Self([Sum::default(); BUCKETS])
    }
}

impl Sums {
    fn add(&mut self, outpoint: &OutPoint, coin: &Coin, sign: i128) {
        let key = script_key(&sha256(&coin.output.script_pubkey));
        let place = tx_id(coin.height, coin.tx_index);
        let (vout, value) = (outpoint.vout as i32, coin.output.value.0);
        let mut bytes = [0; 28];
        bytes[..8].copy_from_slice(&place.to_be_bytes());
        bytes[8..12].copy_from_slice(&vout.to_be_bytes());
        bytes[12..20].copy_from_slice(&value.to_be_bytes());
        bytes[20..].copy_from_slice(&key.to_be_bytes());
        let digest = sha256(&bytes);
        let mark = i64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"));
        let sum = &mut self.0[(key & 255) as usize];
        sum.count += sign;
        sum.value += sign * i128::from(value);
        sum.marks += sign * i128::from(mark);
    }

    /// Puts a block on (`1`) or takes it off (`-1`).
    fn block(&mut self, applied: &AppliedBlock, sign: i128, repeats: bool) {
        for (position, (tx, spent)) in
            applied.block.transactions.iter().zip(applied.spent_by_tx()).enumerate()
        {
            for (input, coin) in tx.inputs.iter().zip(spent) {
                self.add(&input.previous_output, coin, -sign);
            }
            // What repeats an unspent coinbase changes no count; where that was is not worth knowing here.
            if applied.at.height == 0 || (repeats && position == 0) {
                continue;
            }
            for (vout, output) in tx.outputs.iter().enumerate() {
                if output.script_pubkey.is_unspendable() {
                    continue;
                }
                let coin = Coin {
                    output: output.clone(),
                    height: applied.at.height,
                    coinbase: position == 0,
                    tx_index: position as u32,
                };
                self.add(&OutPoint { txid: tx.txid(), vout: vout as u32 }, &coin, sign);
            }
        }
    }

    fn total(&self) -> Sum {
        self.0.iter().fold(Sum::default(), |total, sum| Sum {
            count: total.count + sum.count,
            value: total.value + sum.value,
            marks: total.marks + sum.marks,
        })
    }
}

impl Run<'_> {
    /// The node's coins as they were at the mirror's tip; `None` if there are too many for a fast check.
    fn own_coins(&self) -> Result<Option<Sums>, MirrorError> {
        let until = (self.extent == Extent::Fast).then(|| Instant::now() + FAST_SCAN);
        let mut sums = Sums::default();
        let mut complete = true;
        let scan = self.source.node.scan_coins(&mut |outpoint, coin| {
            sums.add(outpoint, coin, 1);
            complete = until.is_none_or(|until| Instant::now() < until);
            complete
        });
        let at = scan?;
        if !complete {
            return Ok(None);
        }
        self.move_coins(&mut sums, at)?;
        Ok(Some(sums))
    }

    /// Leads coins from one block to the mirror's tip.
    fn move_coins(&self, sums: &mut Sums, mut from: BlockRef) -> Result<(), MirrorError> {
        let chain = self.source.chain;
        let parent = |at: &BlockRef| {
            let what = format!("the node does not know what {at} builds on");
            chain.parent(at).ok_or(MirrorError::Damaged { height: at.height, what })
        };
        let repeats = |at: &BlockRef| {
            self.source
                .params
                .bip30_repeats
                .iter()
                .any(|(height, hash)| (*height, *hash) == (at.height, at.hash))
        };
        let mut to = self.tip;
        while from != to {
            if from.height >= to.height {
                sums.block(&chain.applied_block(&from.hash)?, -1, repeats(&from));
                from = parent(&from)?;
            } else {
                // Sums do not depend on the order.
                sums.block(&chain.applied_block(&to.hash)?, 1, repeats(&to));
                to = parent(&to)?;
            }
        }
        Ok(())
    }

    pub(super) async fn coins(&mut self, problems: &mut Problems) -> Result<(), MirrorError> {
        if let Some(why) = self.without_coins() {
            problems.skip(why);
            return Ok(());
        }
        let Some(own) = self.own_coins()? else {
            problems.skip("there are more coins than a fast check reads: --full compares them");
            return Ok(());
        };
        let own = own.total();
        let count = self.fetch_number(sqlx::query("SELECT count(*)::text FROM chaincore.utxos")).await?;
        let value = sqlx::query("SELECT coalesce(sum(value), 0)::text FROM chaincore.utxos");
        let value = self.fetch_number(value).await?;
        if count != own.count {
            problems.add(format!("utxos has {count} rows, the node {} coins", own.count));
        }
        if value != own.value {
            problems.add(format!("utxos holds {value} satoshis, the node's coins {}", own.value));
        }
        Ok(())
    }

    pub(super) async fn buckets(&mut self, problems: &mut Problems) -> Result<(), MirrorError> {
        if let Some(why) = self.without_coins() {
            problems.skip(why);
            return Ok(());
        }
        let Some(mut own) = self.own_coins()? else { return Ok(()) };
        let query = sqlx::query(
            "SELECT (script_key & 255)::int, count(*)::text, sum(value)::text, sum(('x' || encode(substr(sha256( \
             int8send(tx_id) || int4send(vout) || int8send(value) || int8send(script_key)), 1, 8), 'hex')) \
             ::bit(64)::bigint)::text FROM chaincore.utxos GROUP BY 1",
        );
        for row in self.fetch(query).await? {
            let read = || -> Result<_, sqlx::Error> {
                let number =
                    |at: usize| row.try_get::<String, _>(at).map(|text| text.parse().unwrap_or(i128::MAX));
                let bucket: i32 = row.try_get(0)?;
                Ok((bucket as usize, Sum { count: number(1)?, value: number(2)?, marks: number(3)? }))
            };
            let (bucket, theirs) = read().map_err(MirrorError::during("cannot read a check's answer"))?;
            let ours = std::mem::take(&mut own.0[bucket]);
            differ(bucket, theirs, ours, problems);
        }
        // Those that are left have no row at all.
        for (bucket, ours) in own.0.iter().enumerate().filter(|(_, ours)| **ours != Sum::default()) {
            differ(bucket, Sum::default(), *ours, problems);
        }
        // A row may agree with the node's coin and not with the output it was made from.
        let texts = sqlx::query(
            "SELECT 'output ' || u.vout || ' of transaction ' || u.tx_id || ': utxos does not repeat outputs' \
             FROM chaincore.utxos u LEFT JOIN chaincore.outputs o ON o.tx_id = u.tx_id AND o.vout = u.vout \
             WHERE o.tx_id IS NULL OR o.value <> u.value OR o.script_key <> u.script_key \
               OR o.script_type <> u.script_type OR o.address IS DISTINCT FROM u.address \
               OR u.coinbase <> (u.tx_id & 1048575 = 0) LIMIT 10",
        );
        problems.add_rows(self.fetch(texts).await?)
    }

    pub(super) async fn balances(&mut self, problems: &mut Problems) -> Result<(), MirrorError> {
        if let Some(why) = self.without_coins() {
            problems.skip(why);
            return Ok(());
        }
        let query = sqlx::query(
            "WITH moves AS ( \
               SELECT script_key, value AS received, 0::bigint AS sent, 1 AS coins, tx_id FROM chaincore.outputs \
               WHERE tx_id >= 1048576 AND tx_id <> ALL ($1) AND NOT (script IS NOT NULL \
                 AND (octet_length(script) > 10000 OR substr(script, 1, 1) = '\\x6a'::bytea)) \
               UNION ALL \
               SELECT script_key, 0, value, -1, tx_id FROM chaincore.inputs), \
             made AS (SELECT script_key, sum(received) AS received, sum(sent) AS sent, sum(coins) AS coins, \
               min(tx_id) >> 20 AS first_height FROM moves GROUP BY 1), \
             kept AS (SELECT script_key, sum(balance) AS balance, sum(received) AS received, sum(sent) AS sent, \
               sum(utxo_count) AS coins, min(first_height) AS first_height, min(address) AS address \
               FROM chaincore.address_balances GROUP BY 1) \
             SELECT coalesce(kept.address, 'script key ' || made.script_key) || ': its balance does not follow from its \
               outputs and inputs' \
             FROM made FULL JOIN kept ON kept.script_key = made.script_key \
             WHERE CASE WHEN kept.script_key IS NULL THEN made.coins <> 0 OR made.received <> made.sent \
               WHEN made.script_key IS NULL THEN true \
               ELSE kept.received <> made.received OR kept.sent <> made.sent OR kept.coins <> made.coins \
                 OR kept.balance <> made.received - made.sent OR kept.first_height <> made.first_height END \
             LIMIT 10",
        );
        // An output that repeats another gave nobody anything.
        let repeats: Vec<i64> =
            self.source.params.bip30_repeats.iter().map(|(height, _)| first_tx_id(*height)).collect();
        problems.add_rows(self.fetch(query.bind(repeats)).await?)?;
        let difference = self
            .fetch_number(sqlx::query(
                "SELECT ((SELECT coalesce(sum(balance), 0) FROM chaincore.address_balances) \
                 - (SELECT coalesce(sum(value), 0) FROM chaincore.utxos))::text",
            ))
            .await?;
        if difference != 0 {
            problems.add(format!("all balances are {difference} satoshis more than utxos"));
        }
        Ok(())
    }

    pub(super) async fn supply(&mut self, problems: &mut Problems) -> Result<(), MirrorError> {
        if let Some(why) = self.without_coins() {
            problems.skip(why);
            return Ok(());
        }
        let difference = self
            .fetch_number(sqlx::query(
                "SELECT ((SELECT coalesce(sum(coinbase_value) - sum(fees) - sum(unspendable_value), 0) \
                 FROM chaincore.blocks) - (SELECT coalesce(sum(value), 0) FROM chaincore.utxos))::text",
            ))
            .await?;
        if difference != 0 {
            problems.add(format!(
                "rewards without fees and without what cannot be spent are {difference} satoshis more than utxos"
            ));
        }
        let counts = self
            .fetch_number(sqlx::query(
                "SELECT ((SELECT coalesce(sum(utxo_delta), 0) FROM chaincore.blocks) \
                 - (SELECT count(*) FROM chaincore.utxos))::text",
            ))
            .await?;
        if counts != 0 {
            problems.add(format!("the blocks' utxo_delta add up to {counts} more than utxos has rows"));
        }
        Ok(())
    }
}

fn differ(bucket: usize, theirs: Sum, ours: Sum, problems: &mut Problems) {
    if theirs != ours {
        problems.add(format!(
            "coins whose script_key ends in {bucket:02x}: utxos has {} of {} satoshis, the node {} of {}{}",
            theirs.count,
            theirs.value,
            ours.count,
            ours.value,
            if (theirs.count, theirs.value) == (ours.count, ours.value) { ", not the same ones" } else { "" }
        ));
    }
}
