//! The questions.

use super::{
    BlockLine, CheckLine, IndexLine, MempoolLine, Node, POOL_BLOCKS, PoolShare, ReorgLine, Status, Sync,
    TableLine,
};
use crate::batch::Totals;
use crate::connection::Server;
use crate::error::{MirrorError, is_missing};
use crate::lease;
use crate::session::Mode;
use chaincore_consensus::hex;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

/// All of them.
pub(super) async fn status(
    connection: &mut PgConnection,
    server: &Server,
    blocks: u32,
) -> Result<Status, MirrorError> {
    let sync = sync(connection).await?;
    let node = node(connection).await?;
    let lag_blocks = node.as_ref().and_then(|node| node.height).map(|height| {
        let mirrored = sync.tip_height.map_or(0, |tip| tip + 1);
        (height + 1).saturating_sub(mirrored)
    });
    let tip = sync.tip_height.unwrap_or(0);
    let (now, server_version, database_bytes): (f64, String, i64) = sqlx::query_as(
        "SELECT extract(epoch FROM clock_timestamp())::float8, current_setting('server_version'),
            pg_database_size(current_database())",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(failed())?;
    let (reorg_count, last_reorg) = reorgs(connection).await?;
    Ok(Status {
        server: server.to_string(),
        now,
        server_version,
        node,
        lag_blocks,
        writer: lease::current_holder(connection).await?,
        blocks: last_blocks(connection, tip, blocks).await?,
        pools: pools(connection, tip).await?,
        reorg_count,
        last_reorg,
        checks: checks(connection).await?,
        index_builds: index_builds(connection, sync.mode == Mode::Seal).await?,
        invalid_indexes: invalid_indexes(connection).await?,
        tables: tables(connection).await?,
        database_bytes,
        mempool: mempool(connection).await?,
        sync,
    })
}

fn failed() -> impl FnOnce(sqlx::Error) -> MirrorError {
    MirrorError::during("cannot look at the mirror")
}

fn height(value: i32) -> u32 {
    u32::try_from(value).unwrap_or(0)
}

async fn sync(connection: &mut PgConnection) -> Result<Sync, MirrorError> {
    let row = sqlx::query(
        "SELECT network, genesis_hash, tip_height, tip_hash, final_height, mode, seeded, event_seq, writer_epoch, blocks,
            txs, outputs, inputs, utxos, utxo_value, extract(epoch FROM updated_at)::float8 AS updated_at, plugin_version
         FROM chaincore.sync_state",
    )
    .fetch_optional(connection)
    .await;
    let row = match row {
        Ok(Some(row)) => row,
        Ok(None) => return Err(MirrorError::NoMirror),
        Err(error) if is_missing(&error) => return Err(MirrorError::NoMirror),
        Err(error) => return Err(failed()(error)),
    };
    read_sync(&row).map_err(failed())
}

fn read_sync(row: &PgRow) -> Result<Sync, sqlx::Error> {
    let genesis: Vec<u8> = row.try_get("genesis_hash")?;
    let tip: Option<Vec<u8>> = row.try_get("tip_hash")?;
    let mode: String = row.try_get("mode")?;
    Ok(Sync {
        network: row.try_get("network")?,
        genesis_hash: hex::encode(&genesis),
        tip_height: row.try_get::<Option<i32>, _>("tip_height")?.map(height),
        tip_hash: tip.map(|tip| hex::encode(&tip)),
        final_height: row.try_get::<Option<i32>, _>("final_height")?.map(height),
        mode: Mode::by_name(&mode).ok_or_else(|| sqlx::Error::Decode(format!("mode '{mode}'").into()))?,
        seeded: row.try_get("seeded")?,
        event_seq: row.try_get("event_seq")?,
        writer_epoch: row.try_get("writer_epoch")?,
        totals: Totals {
            blocks: row.try_get("blocks")?,
            txs: row.try_get("txs")?,
            outputs: row.try_get("outputs")?,
            inputs: row.try_get("inputs")?,
            utxos: row.try_get("utxos")?,
            utxo_value: row.try_get("utxo_value")?,
        },
        updated_at: row.try_get("updated_at")?,
        plugin_version: row.try_get("plugin_version")?,
    })
}

type NodeRow = (String, Option<i32>, Option<Vec<u8>>, Option<i32>, String, f64);

/// The node whose samples have no round-trip time is the mirror's own; the one that was seen last if there are several.
/// Only the last sample of each is looked at: there are many.
async fn node(connection: &mut PgConnection) -> Result<Option<Node>, MirrorError> {
    let row: Option<NodeRow> = sqlx::query_as(
        "SELECT node_id, height, best_hash, peers, status, extract(epoch FROM last_seen)::float8 FROM chaincore.nodes n
         WHERE (SELECT s.rtt_ms IS NULL FROM chaincore.node_samples s WHERE s.node_id = n.node_id ORDER BY s.at DESC LIMIT 1)
         ORDER BY last_seen DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(failed())?;
    Ok(row.map(|(node_id, at, hash, peers, status, last_seen)| Node {
        node_id,
        height: at.map(height),
        best_hash: hash.map(|hash| hex::encode(&hash)),
        peers,
        status,
        last_seen,
    }))
}

async fn last_blocks(
    connection: &mut PgConnection,
    tip: u32,
    count: u32,
) -> Result<Vec<BlockLine>, MirrorError> {
    let rows = sqlx::query(
        "SELECT b.height, b.hash, extract(epoch FROM b.time)::float8 AS time, b.tx_count, b.size, b.weight, b.fees,
            b.subsidy, b.feerate_p50, p.name, extract(epoch FROM b.received_at)::float8 AS received_at
         FROM chaincore.blocks b LEFT JOIN chaincore.pools p USING (pool_id)
         WHERE b.height > $1 - $2 AND b.height <= $1 ORDER BY b.height DESC",
    )
    .bind(tip as i32)
    .bind(i32::try_from(count).unwrap_or(i32::MAX))
    .fetch_all(connection)
    .await
    .map_err(failed())?;
    let read = |row: &PgRow| -> Result<BlockLine, sqlx::Error> {
        let hash: Vec<u8> = row.try_get("hash")?;
        Ok(BlockLine {
            height: height(row.try_get("height")?),
            hash: hex::encode(&hash),
            time: row.try_get("time")?,
            tx_count: row.try_get("tx_count")?,
            size: row.try_get("size")?,
            weight: row.try_get("weight")?,
            fees: row.try_get("fees")?,
            subsidy: row.try_get("subsidy")?,
            feerate_p50: row.try_get("feerate_p50")?,
            pool: row.try_get("name")?,
            received_at: row.try_get("received_at")?,
        })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(failed())
}

async fn pools(connection: &mut PgConnection, tip: u32) -> Result<Vec<PoolShare>, MirrorError> {
    let rows: Vec<(Option<String>, i64, f64, i64)> = sqlx::query_as(
        "SELECT p.name, count(*), (count(*) / sum(count(*)) OVER ())::float8, sum(b.fees)::bigint
         FROM chaincore.blocks b LEFT JOIN chaincore.pools p USING (pool_id)
         WHERE b.height > $1 - $2 GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    .bind(tip as i32)
    .bind(POOL_BLOCKS as i32)
    .fetch_all(connection)
    .await
    .map_err(failed())?;
    Ok(rows.into_iter().map(|(pool, blocks, share, fees)| PoolShare { pool, blocks, share, fees }).collect())
}

async fn reorgs(connection: &mut PgConnection) -> Result<(i64, Option<ReorgLine>), MirrorError> {
    let row = sqlx::query(
        "SELECT id, extract(epoch FROM detected_at)::float8 AS detected_at, fork_height, depth, connected, old_tip,
            new_tip, txs_dropped, apply_ms, (SELECT count(*) FROM chaincore.reorgs) AS count
         FROM chaincore.reorgs ORDER BY id DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(failed())?;
    let Some(row) = row else { return Ok((0, None)) };
    let read = |row: &PgRow| -> Result<(i64, ReorgLine), sqlx::Error> {
        let hash = |name: &str| row.try_get::<Vec<u8>, _>(name).map(|hash| hex::encode(&hash));
        let line = ReorgLine {
            id: row.try_get("id")?,
            detected_at: row.try_get("detected_at")?,
            fork_height: height(row.try_get("fork_height")?),
            depth: row.try_get("depth")?,
            connected: row.try_get("connected")?,
            old_tip: hash("old_tip")?,
            new_tip: hash("new_tip")?,
            txs_dropped: row.try_get("txs_dropped")?,
            apply_ms: row.try_get("apply_ms")?,
        };
        Ok((row.try_get("count")?, line))
    };
    read(&row).map(|(count, line)| (count, Some(line))).map_err(failed())
}

type CheckRow = (String, Option<bool>, f64, Option<f64>, serde_json::Value);

async fn checks(connection: &mut PgConnection) -> Result<Vec<CheckLine>, MirrorError> {
    let rows: Vec<CheckRow> = sqlx::query_as(
        "SELECT DISTINCT ON (name) name, ok, extract(epoch FROM started_at)::float8,
            extract(epoch FROM finished_at)::float8, detail
         FROM (SELECT * FROM chaincore.integrity_checks ORDER BY id DESC LIMIT 1000) recent ORDER BY name, id DESC",
    )
    .fetch_all(connection)
    .await
    .map_err(failed())?;
    let line = |(name, ok, started_at, finished_at, detail): CheckRow| CheckLine {
        name,
        ok,
        started_at,
        finished_at,
        detail,
    };
    Ok(rows.into_iter().map(line).collect())
}

async fn index_builds(connection: &mut PgConnection, all: bool) -> Result<Vec<IndexLine>, MirrorError> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT index_name, relation, state FROM chaincore.index_builds WHERE $1 OR state <> 'done'
         ORDER BY started_at NULLS LAST, index_name",
    )
    .bind(all)
    .fetch_all(connection)
    .await
    .map_err(failed())?;
    Ok(rows
        .into_iter()
        .map(|(index_name, relation, state)| IndexLine { index_name, relation, state })
        .collect())
}

async fn invalid_indexes(connection: &mut PgConnection) -> Result<i64, MirrorError> {
    sqlx::query_scalar(
        "SELECT count(*) FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indrelid
         WHERE NOT i.indisvalid AND c.relnamespace = 'chaincore'::regnamespace",
    )
    .fetch_one(connection)
    .await
    .map_err(failed())
}

async fn tables(connection: &mut PgConnection) -> Result<Vec<TableLine>, MirrorError> {
    let rows: Vec<(String, i64, i64, i64)> = sqlx::query_as(
        "SELECT coalesce(p.relname, c.relname)::text, sum(pg_total_relation_size(c.oid))::bigint,
            coalesce(sum(s.n_live_tup), 0)::bigint, coalesce(sum(s.n_dead_tup), 0)::bigint
         FROM pg_catalog.pg_class c
         LEFT JOIN pg_catalog.pg_inherits i ON i.inhrelid = c.oid
         LEFT JOIN pg_catalog.pg_class p ON p.oid = i.inhparent
         LEFT JOIN pg_catalog.pg_stat_user_tables s ON s.relid = c.oid
         WHERE c.relnamespace = 'chaincore'::regnamespace AND c.relkind = 'r'
         GROUP BY 1 ORDER BY 2 DESC, 1",
    )
    .fetch_all(connection)
    .await
    .map_err(failed())?;
    let line = |(table, bytes, rows, dead_rows)| TableLine { table, bytes, rows, dead_rows };
    Ok(rows.into_iter().map(line).collect())
}

async fn mempool(connection: &mut PgConnection) -> Result<Option<MempoolLine>, MirrorError> {
    let row: Option<(f64, i32, i64, i64, f64, Option<f64>)> = sqlx::query_as(
        "SELECT extract(epoch FROM taken_at)::float8, tx_count, vsize, total_fee, min_feerate, feerate_p50
         FROM chaincore.mempool_snapshots ORDER BY taken_at DESC LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(failed())?;
    Ok(row.map(|(taken_at, tx_count, vsize, total_fee, min_feerate, feerate_p50)| MempoolLine {
        taken_at,
        tx_count,
        vsize,
        total_fee,
        min_feerate,
        feerate_p50,
    }))
}
