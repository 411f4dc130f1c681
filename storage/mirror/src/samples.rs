//! What is recorded from time to time and has nothing to do with the cursor: the mempool, the node, pools of blocks
//! whose rules have changed. Losing one of these loses nothing of the chain.

use crate::error::MirrorError;
use crate::options::MirrorOptions;
use crate::pools;
use crate::rows::display_order;
use crate::session::Session;
use chaincore_plugin::node::{
    MempoolSnapshot, MinerEvent, MinerReport, NodeIdentity, NodeReader, NodeVitals,
};
use chaincore_plugin::{Context, MempoolEvent, RemovalReason};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often old records are dropped.
const CLEAN: Duration = Duration::from_secs(3600);

/// How many blocks are judged anew at a time.
const JUDGE: i64 = 5_000;

/// The most events of the mempool that are kept until they can be written.
const MAX_EVENTS: usize = 10_000;

/// When what was recorded last.
#[derive(Debug, Default)]
pub struct Samples {
    sampled: Option<Instant>,
    cleaned: Option<Instant>,
    judged: Option<i32>,
    /// The number of the last event of a miner that is written.
    mined: u64,
}

/// What the node calls itself.
pub fn node_id(identity: &NodeIdentity) -> String {
    if identity.node_id.is_empty() { "local".into() } else { identity.node_id.clone() }
}

impl Samples {
    /// A new session: what it knows of the database is new too.
    pub fn reopened(&mut self) {
        self.judged = None;
    }

    /// Records what is due.
    pub async fn record(
        &mut self,
        session: &mut Session,
        context: &Context,
        options: &MirrorOptions,
    ) -> Result<(), MirrorError> {
        let due = self.sampled.is_none_or(|last| last.elapsed() >= options.sample);
        let node = context.node.clone();
        let (identity, vitals, mempool) = ask(node, due).await?;
        self.node(session, context, &identity, vitals, due).await?;
        self.miners(session, context, &identity).await?;
        if let Some(mempool) = mempool {
            snapshot(session, &mempool, vitals).await?;
            self.sampled = Some(Instant::now());
        }
        if self.cleaned.is_none_or(|last| last.elapsed() >= CLEAN) {
            clean(session, options).await?;
            self.cleaned = Some(Instant::now());
        }
        self.judge(session).await
    }

    async fn node(
        &self,
        session: &mut Session,
        context: &Context,
        identity: &NodeIdentity,
        vitals: NodeVitals,
        sample: bool,
    ) -> Result<(), MirrorError> {
        let failed = || MirrorError::during("cannot record the node");
        let tip = context.chain.tip();
        let id = node_id(identity);
        let hash = display_order(&tip.hash.0).to_vec();
        sqlx::query(
            "INSERT INTO chaincore.nodes AS n (node_id, name, network, endpoint, version, user_agent, first_seen,
                last_seen, height, best_hash, peers, status)
             VALUES ($1, $1, $2, $3, $4, $5, now(), now(), $6, $7, $8, $9)
             ON CONFLICT (node_id) DO UPDATE SET network = $2, endpoint = $3, version = $4, user_agent = $5,
                last_seen = now(), height = $6, best_hash = $7, peers = $8, status = $9",
        )
        .bind(&id)
        .bind(&context.params.name)
        .bind(&identity.endpoint)
        .bind(&identity.version)
        .bind(&identity.user_agent)
        .bind(tip.height as i32)
        .bind(&hash)
        .bind(vitals.peers as i32)
        .bind(if vitals.is_syncing { "syncing" } else { "ok" })
        .execute(&mut session.connection)
        .await
        .map_err(failed())?;
        if sample {
            sqlx::query(
                "INSERT INTO chaincore.node_samples (node_id, at, height, hash, peers, mempool)
                 VALUES ($1, now(), $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            )
            .bind(&id)
            .bind(tip.height as i32)
            .bind(&hash)
            .bind(vitals.peers as i32)
            .bind(vitals.mempool_txs as i32)
            .execute(&mut session.connection)
            .await
            .map_err(failed())?;
        }
        Ok(())
    }

    /// What miners did since the last time.
    async fn miners(
        &mut self,
        session: &mut Session,
        context: &Context,
        identity: &NodeIdentity,
    ) -> Result<(), MirrorError> {
        let events = context.node.miner_events(self.mined);
        let Some(last) = events.last().map(|event| event.number) else { return Ok(()) };
        fn column<T>(events: &[MinerEvent], value: impl Fn(&MinerEvent) -> T) -> Vec<T> {
            events.iter().map(value).collect()
        }
        let told = |number: fn(&MinerReport) -> u64| {
            let number = |report: &MinerReport| i64::try_from(number(report)).unwrap_or(i64::MAX);
            column(&events, |event| event.report.as_ref().map(number))
        };
        // What was written before an answer was lost is there already.
        sqlx::query(
            "INSERT INTO chaincore.miner_events (node_id, at, seq, kind, height, hash, latency_ms, detail, worker, address,
                hashes, hash_rate, blocks_accepted, blocks_rejected, uptime)
             SELECT $1, to_timestamp(at), seq, kind, height, hash, latency_ms, detail, worker, address, hashes, hash_rate,
                accepted, rejected, uptime
             FROM unnest($2::bigint[], $3::integer[], $4::text[], $5::integer[], $6::bytea[], $7::integer[], $8::text[],
                $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::bigint[], $14::bigint[], $15::bigint[])
                AS e (at, seq, kind, height, hash, latency_ms, detail, worker, address, hashes, hash_rate, accepted,
                    rejected, uptime) ON CONFLICT DO NOTHING",
        )
        .bind(node_id(identity))
        .bind(column(&events, |event| event.at))
        .bind(column(&events, |event| event.number as i32))
        .bind(column(&events, |event| event.kind.name()))
        .bind(column(&events, |event| event.height.map(|height| height as i32)))
        .bind(column(&events, |event| event.hash.map(|hash| display_order(&hash.0).to_vec())))
        .bind(column(&events, |event| event.latency.map(|latency| latency.min(i32::MAX as u32) as i32)))
        .bind(column(&events, |event| event.detail.clone()))
        .bind(column(&events, |event| event.report.as_ref().map(|told| told.worker.clone())))
        .bind(column(&events, |event| event.report.as_ref().map(|told| told.address.clone())))
        .bind(told(|told| told.hashes))
        .bind(told(|told| told.hashes_per_second))
        .bind(told(|told| told.accepted))
        .bind(told(|told| told.rejected))
        .bind(told(|told| told.uptime))
        .execute(&mut session.connection)
        .await
        .map_err(MirrorError::during("cannot record what miners did"))?;
        self.mined = last;
        Ok(())
    }

    /// Blocks that older rules judged are judged by the new ones, some at a time.
    async fn judge(&mut self, session: &mut Session) -> Result<(), MirrorError> {
        let failed = || MirrorError::during("cannot find out whose blocks are whose");
        session.rules = pools::read(&mut session.connection).await?;
        let version = session.rules.version();
        if self.judged == Some(version) {
            return Ok(());
        }
        let rows: Vec<(i32, Vec<u8>, Option<String>)> = sqlx::query_as(
            "SELECT height, coinbase_script, coinbase_address FROM chaincore.blocks
             WHERE pool_rule_version IS DISTINCT FROM $1 ORDER BY height LIMIT $2",
        )
        .bind(version)
        .bind(JUDGE)
        .fetch_all(&mut session.connection)
        .await
        .map_err(failed())?;
        if (rows.len() as i64) < JUDGE {
            self.judged = Some(version);
        }
        if rows.is_empty() {
            return Ok(());
        }
        let judge = |row: &(i32, Vec<u8>, Option<String>)| session.rules.judge(&row.1, row.2.as_deref());
        let pools: Vec<Option<i32>> = rows.iter().map(judge).collect();
        let heights: Vec<i32> = rows.iter().map(|row| row.0).collect();
        sqlx::query(
            "UPDATE chaincore.blocks b SET pool_id = j.pool_id, pool_rule_version = $3
             FROM unnest($1::integer[], $2::integer[]) AS j (height, pool_id) WHERE b.height = j.height",
        )
        .bind(&heights)
        .bind(&pools)
        .bind(version)
        .execute(&mut session.connection)
        .await
        .map_err(failed())?;
        Ok(())
    }

    /// Records what happened in the mempool.
    pub async fn events(
        &mut self,
        session: &mut Session,
        events: &[MempoolEvent],
    ) -> Result<(), MirrorError> {
        for some in events.chunks(MAX_EVENTS) {
            write_events(session, some).await?;
        }
        Ok(())
    }
}

/// Asks the node where it may wait.
async fn ask(
    node: Arc<dyn NodeReader>,
    with_mempool: bool,
) -> Result<(NodeIdentity, NodeVitals, Option<MempoolSnapshot>), MirrorError> {
    let answer = tokio::task::spawn_blocking(move || {
        (node.identity(), node.vitals(), with_mempool.then(|| node.mempool()))
    });
    answer.await.map_err(|_| MirrorError::Closed)
}

async fn snapshot(
    session: &mut Session,
    mempool: &MempoolSnapshot,
    vitals: NodeVitals,
) -> Result<(), MirrorError> {
    let failed = || MirrorError::during("cannot record the mempool");
    let edges: Vec<f64> =
        sqlx::query_scalar("SELECT from_feerate FROM chaincore.feerate_buckets ORDER BY bucket")
            .fetch_all(&mut session.connection)
            .await
            .map_err(failed())?;
    let rate = |fee: i64, vsize: u64| fee as f64 / vsize.max(1) as f64;
    let mut buckets = vec![0i64; edges.len()];
    for tx in &mempool.txs {
        let below = edges.partition_point(|edge| *edge <= rate(tx.fee.0, tx.vsize));
        if let Some(bucket) = buckets.get_mut(below.saturating_sub(1)) {
            *bucket += tx.vsize as i64;
        }
    }
    // A virtual byte is four of weight: the same figures as for blocks.
    let weights = mempool.txs.iter().map(|tx| (tx.fee.0, i32::try_from(tx.vsize * 4).unwrap_or(i32::MAX)));
    let rates = crate::rows::percentiles(weights);
    let percentile = |at: usize| rates.map(|rates| rates.percentiles[at]);
    sqlx::query(
        "INSERT INTO chaincore.mempool_snapshots (taken_at, tx_count, vsize, total_fee, min_feerate, feerate_p10,
            feerate_p25, feerate_p50, feerate_p75, feerate_p90, vsize_by_bucket)
         VALUES (now(), $1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
    )
    .bind(mempool.txs.len() as i32)
    .bind(mempool.txs.iter().map(|tx| tx.vsize as i64).sum::<i64>())
    .bind(mempool.txs.iter().map(|tx| tx.fee.0).sum::<i64>())
    .bind(vitals.mempool_min_fee.0 as f64 / 1000.0)
    .bind(percentile(0))
    .bind(percentile(1))
    .bind(percentile(2))
    .bind(percentile(3))
    .bind(percentile(4))
    .bind(&buckets)
    .execute(&mut session.connection)
    .await
    .map_err(failed())?;
    Ok(())
}

async fn clean(session: &mut Session, options: &MirrorOptions) -> Result<(), MirrorError> {
    for (statement, keep) in [
        (
            "DELETE FROM chaincore.node_samples WHERE at < now() - make_interval(secs => $1)",
            options.keep_samples,
        ),
        (
            "DELETE FROM chaincore.miner_events WHERE at < now() - make_interval(secs => $1)",
            options.keep_samples,
        ),
        (
            "DELETE FROM chaincore.mempool_events WHERE at < now() - make_interval(secs => $1)",
            options.keep_events,
        ),
    ] {
        let delete = sqlx::query(statement).bind(keep.as_secs_f64()).execute(&mut session.connection);
        delete.await.map_err(MirrorError::during("cannot drop old records"))?;
    }
    Ok(())
}

async fn write_events(session: &mut Session, events: &[MempoolEvent]) -> Result<(), MirrorError> {
    let (mut times, mut kinds, mut fees, mut sizes) = (vec![], vec![], vec![], vec![]);
    let (mut ids, mut replacements): (Vec<Vec<u8>>, Vec<Option<Vec<u8>>>) = (vec![], vec![]);
    for event in events {
        let (time, tx, fee, vsize, kind, by) = match event {
            MempoolEvent::Added { time, tx, fee, vsize, .. } => (time, tx, fee, vsize, "added", None),
            MempoolEvent::Removed { time, tx, fee, vsize, reason, .. } => {
                let (kind, by) = match reason {
                    RemovalReason::Expiry => ("expired", None),
                    RemovalReason::SizeLimit => ("evicted", None),
                    RemovalReason::Reorg => ("reorg", None),
                    RemovalReason::Block(_) => ("mined", None),
                    RemovalReason::Conflict => ("conflict", None),
                    RemovalReason::Replaced(by) => ("replaced", Some(display_order(&by.0).to_vec())),
                };
                (time, tx, fee, vsize, kind, by)
            }
            MempoolEvent::Gap { .. } => continue,
        };
        times.push(*time);
        kinds.push(kind);
        fees.push(fee.0);
        sizes.push(i32::try_from(*vsize).unwrap_or(i32::MAX));
        ids.push(display_order(&tx.txid().0).to_vec());
        replacements.push(by);
    }
    sqlx::query(
        "INSERT INTO chaincore.mempool_events (at, kind, fee, vsize, txid, replaced_by)
         SELECT to_timestamp(at), kind, fee, vsize, txid, replaced_by
         FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::integer[], $5::bytea[], $6::bytea[])
            WITH ORDINALITY AS e (at, kind, fee, vsize, txid, replaced_by, n) ORDER BY n",
    )
    .bind(&times)
    .bind(&kinds)
    .bind(&fees)
    .bind(&sizes)
    .bind(&ids)
    .bind(&replacements)
    .execute(&mut session.connection)
    .await
    .map_err(MirrorError::during("cannot record what happened in the mempool"))?;
    Ok(())
}
