//! What is recorded beside the chain, and what monitors are told.

use crate::kit::{context, database, lead, mirror, number, steps, text};
use crate::world::{Filling, World};
use chaincore_consensus::{Amount, Txid, Wtxid};
use chaincore_mirror::status::Watcher;
use chaincore_mirror::{Mirror, MirrorError, MirrorOptions};
use chaincore_plugin::follow::Guide;
use chaincore_plugin::node::{
    MempoolSnapshot, MinerEvent, MinerEventKind, MinerReport, NodeIdentity, NodeVitals, PooledTx,
};
use chaincore_plugin::testkit::NodeDouble;
use chaincore_plugin::{ChainReader, MempoolEvent, RemovalReason};
use std::sync::Arc;
use std::time::Duration;

const FILLING: Filling = Filling { txs: 4, scripts: 4 };

fn pooled(fee: i64, vsize: u64) -> PooledTx {
    PooledTx { txid: Txid([1; 32]), wtxid: Wtxid([1; 32]), fee: Amount(fee), vsize, time: 0 }
}

#[tokio::test]
async fn the_mempool_and_the_node_are_recorded() {
    let world = World::new(41, FILLING);
    let database = database("samples");
    world.extend(3);
    let node = Arc::new(NodeDouble::default());
    node.set_identity(NodeIdentity {
        node_id: "alice".into(),
        version: "1.2".into(),
        ..NodeIdentity::default()
    });
    node.set_vitals(NodeVitals {
        peers: 8,
        mempool_txs: 3,
        mempool_min_fee: Amount(100),
        ..NodeVitals::default()
    });
    let txs = vec![pooled(100, 100), pooled(1_100, 200), pooled(300_000, 100)];
    node.set_mempool(MempoolSnapshot { sequence: 9, txs });
    let report = MinerReport {
        worker: "rig".into(),
        address: "lone".into(),
        hashes: u64::MAX,
        hashes_per_second: 42_000_000,
        accepted: 2,
        rejected: 1,
        uptime: 60,
        ..MinerReport::default()
    };
    // What is older than a month is cleaned away at once.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let at = i64::try_from(now).unwrap();
    let rejected = MinerEvent {
        number: 1,
        at,
        detail: Some("high-hash".into()),
        ..MinerEvent::new(MinerEventKind::Rejected)
    };
    let told = MinerEvent { number: 2, at, report: Some(report), ..MinerEvent::new(MinerEventKind::Report) };
    node.set_miner_events(vec![rejected, told]);
    let mut context = context(&world);
    context.node = node;
    let options = MirrorOptions { mempool_events: true, ..MirrorOptions::new(&database.url) };
    let mut guide = Guide::new(Box::new(Mirror::new(options).unwrap()), context);
    assert!(guide.manifest().needs_mempool);
    lead(&mut guide).await;
    let snapshot = "SELECT concat_ws(' ', tx_count, vsize, total_fee, min_feerate, feerate_p10, feerate_p50, feerate_p90,
        vsize_by_bucket[3], vsize_by_bucket[7], vsize_by_bucket[26]) FROM chaincore.mempool_snapshots";
    assert_eq!(text(&database.url, snapshot).await, "3 400 301200 0.1 1 5.5 3000 100 200 100");
    let seen = "SELECT concat_ws(' ', n.node_id, n.version, n.height, n.peers, n.status, s.mempool)
        FROM chaincore.nodes n JOIN chaincore.node_samples s USING (node_id)";
    assert_eq!(text(&database.url, seen).await, "alice 1.2 3 8 ok 3");
    let miners =
        "SELECT string_agg(concat_ws(' ', kind, detail, worker, address, hashes, hash_rate, blocks_accepted,
        blocks_rejected, uptime), ', ' ORDER BY seq) FROM chaincore.miner_events";
    assert_eq!(
        text(&database.url, miners).await,
        "rejected high-hash, report rig lone 9223372036854775807 42000000 2 1 60"
    );
    // A second tick is too early for a second snapshot.
    guide.tick().await.unwrap();
    assert_eq!(number(&database.url, "SELECT count(*) FROM chaincore.mempool_snapshots").await, 1);

    let tx = world.blocks()[1].block.transactions[0].clone();
    let (fee, time, vsize) = (Amount(5), 1_700_000_000, 150);
    let removed = |reason, tx| MempoolEvent::Removed { sequence: 2, time, tx, fee, vsize, reason };
    let events = [
        MempoolEvent::Added { sequence: 1, time, tx: tx.clone(), fee, vsize },
        removed(RemovalReason::Replaced(Txid([0xab; 32])), tx.clone()),
        MempoolEvent::Gap { lost: 3 },
        removed(RemovalReason::SizeLimit, tx),
    ];
    guide.mempool(&events).await.unwrap();
    let kinds = "SELECT string_agg(kind || coalesce(substr(encode(replaced_by, 'hex'), 1, 2), ''), ' ' ORDER BY seq) FROM chaincore.mempool_events";
    assert_eq!(text(&database.url, kinds).await, "added replacedab evicted");
}

#[tokio::test]
async fn blocks_are_judged_anew_when_the_rules_of_pools_change() {
    let world = World::new(42, FILLING);
    let database = database("pools");
    world.extend(20);
    let mut guide = mirror(&world, &database.url);
    lead(&mut guide).await;
    assert_eq!(number(&database.url, "SELECT count(pool_id) FROM chaincore.blocks").await, 0);
    database
        .sql(
            "INSERT INTO chaincore.pools VALUES (901, 'A', NULL), (902, 'B', NULL);
              INSERT INTO chaincore.pool_rules (version, pool_id, pattern) VALUES
                (50, 901, convert_to('/Pool A', 'UTF8')), (50, 902, convert_to('/Pool B', 'UTF8'))",
        )
        .unwrap();
    guide.tick().await.unwrap();
    world.extend(10);
    steps(&mut guide).await;
    let wrong = "SELECT count(*) FROM chaincore.blocks WHERE pool_rule_version <> 50
        OR pool_id IS DISTINCT FROM chaincore.pool_of(coinbase_script, coinbase_address)";
    assert_eq!(number(&database.url, wrong).await, 0);
    assert!(number(&database.url, "SELECT count(pool_id) FROM chaincore.blocks").await > 5);
}

#[tokio::test]
async fn monitors_are_told_how_the_mirror_is() {
    let world = World::new(43, FILLING);
    let database = database("status");
    let mut watcher = Watcher::new(&database.url, Duration::from_secs(20)).unwrap();
    assert!(matches!(watcher.status(5).await, Err(MirrorError::NoMirror)));
    world.extend(10);
    let mut guide = mirror(&world, &database.url);
    lead(&mut guide).await;
    let before = watcher.status(5).await.unwrap();
    world.take_off(2);
    world.extend(3);
    lead(&mut guide).await;
    let status = watcher.status(5).await.unwrap();
    assert_eq!(status.sync.tip_height, Some(world.tip().height));
    assert_eq!(status.sync.tip_hash, Some(world.tip().hash.to_string()));
    assert_eq!(status.sync.mode.name(), "tip");
    assert_eq!(status.lag_blocks, Some(0));
    assert!(status.writer.as_ref().unwrap().contains("chaincore-mirror"));
    let heights: Vec<u32> = status.blocks.iter().map(|block| block.height).collect();
    assert_eq!(heights, [11, 10, 9, 8, 7]);
    assert_eq!(status.pools.iter().map(|pool| pool.blocks).sum::<i64>(), 12);
    assert_eq!((status.reorg_count, status.last_reorg.as_ref().unwrap().depth), (1, 2));
    assert!(status.index_builds.is_empty() && status.invalid_indexes == 0);
    assert!(status.tables.iter().any(|table| table.table == "outputs" && table.bytes > 0));
    assert!(status.rows_per_second(&before) > 0.0 && before.rows_per_second(&status) == 0.0);
    assert!(!status.server.contains("password"));
    guide.close().await;
    world.extend(1);
    assert_eq!(watcher.status(5).await.unwrap().writer, None);
    serde_json::to_string(&status).unwrap();
}
