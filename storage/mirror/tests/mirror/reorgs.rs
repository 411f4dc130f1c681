//! Changes of branches of all depths.

use crate::kit::{assert_sound, checksums, database, lead, mirror, number, steps, text};
use crate::world::{Filling, Numbers, World};
use chaincore_plugin::ChainReader;

/// Transactions of dropped blocks that are in the chain again where the mirror says.
const AGAIN: &str = "SELECT count(*) FROM chaincore.stale_transactions s JOIN chaincore.transactions t
    ON t.txid = s.txid AND t.tx_id >> 20 = s.reconfirmed_height";

#[tokio::test]
async fn reorganizations_of_depth_1_to_50_leave_the_tables_of_the_new_branch() {
    let world = World::new(7, Filling { txs: 4, scripts: 5 });
    world.extend(60);
    let followed = database("followed");
    let mut guide = mirror(&world, &followed.url);
    lead(&mut guide).await;
    let template = database("template");
    lead(&mut mirror(&World::new(7, Filling { txs: 4, scripts: 5 }), &template.url)).await;
    let mut numbers = Numbers(70);
    let mut depths: Vec<u32> = (1..=50).collect();
    let (mut done, mut most) = (0, 0);
    while !depths.is_empty() {
        let depth = depths.swap_remove(numbers.below(depths.len() as u64) as usize);
        world.take_off(depth);
        match numbers.below(6) {
            // Nothing instead: the chain is shorter for a while.
            0 => {
                steps(&mut guide).await;
                assert_sound(&followed.url, &world).await;
                world.extend(depth + 1);
            }
            1 => world.extend(1),
            _ => world.extend(depth + 1),
        }
        steps(&mut guide).await;
        assert_sound(&followed.url, &world).await;
        done += 1;
        most = most.max(number(&followed.url, AGAIN).await);
        if done % 10 == 0 {
            let loaded = template.copy("loaded");
            lead(&mut mirror(&world, &loaded.url)).await;
            assert_eq!(checksums(&followed.url).await, checksums(&loaded.url).await);
        }
    }
    let said = "SELECT count(*) FROM chaincore.stale_transactions WHERE reconfirmed_height IS NOT NULL";
    assert!(most > 10, "{most} transactions were in both branches");
    assert_eq!(number(&followed.url, AGAIN).await, number(&followed.url, said).await);
    // Whatever is in the chain again is known to be.
    let missed =
        "SELECT count(*) FROM chaincore.stale_transactions s JOIN chaincore.transactions t ON t.txid = s.txid
        WHERE s.reconfirmed_height IS NULL AND s.pos > 0";
    assert_eq!(number(&followed.url, missed).await, 0);
    // What was dropped is told as it was.
    let headers = "SELECT count(*) FROM chaincore.stale_blocks
        WHERE sha256(sha256(header)) <> (SELECT string_agg(substr(hash, n, 1), ''::bytea ORDER BY n DESC) FROM generate_series(1, 32) n)";
    assert_eq!(number(&followed.url, headers).await, 0);
    assert!(number(&followed.url, "SELECT count(*) FROM chaincore.reorgs").await >= 50);
    assert_eq!(number(&followed.url, "SELECT max(depth) FROM chaincore.reorgs").await, 50);
}

#[tokio::test]
async fn a_branch_that_comes_back_is_not_stale() {
    let world = World::new(8, Filling { txs: 4, scripts: 5 });
    world.extend(12);
    let database = database("back");
    let mut guide = mirror(&world, &database.url);
    lead(&mut guide).await;
    let before = checksums(&database.url).await;
    let first = world.tip();
    world.take_off(3);
    world.extend(4);
    let second = world.tip();
    steps(&mut guide).await;
    let stale = "SELECT string_agg(encode(hash, 'hex'), ' ' ORDER BY height) FROM chaincore.stale_blocks";
    assert!(text(&database.url, stale).await.ends_with(&first.hash.to_string()));
    world.activate(first);
    steps(&mut guide).await;
    assert_eq!(checksums(&database.url).await, before);
    assert!(text(&database.url, stale).await.ends_with(&second.hash.to_string()));
    assert_eq!(number(&database.url, "SELECT count(*) FROM chaincore.stale_blocks").await, 4);
    assert_eq!(
        number(&database.url, "SELECT count(DISTINCT block_hash) FROM chaincore.stale_transactions").await,
        4
    );
}

#[tokio::test]
async fn branches_change_while_history_is_loaded() {
    let world = World::new(9, Filling { txs: 5, scripts: 5 });
    world.extend(40);
    let database = database("bulk");
    let mut guide = mirror(&world, &database.url);
    steps(&mut guide).await;
    world.take_off(10);
    world.extend(13);
    steps(&mut guide).await;
    assert_eq!(text(&database.url, "SELECT mode FROM chaincore.sync_state").await, "bulk");
    lead(&mut guide).await;
    assert_sound(&database.url, &world).await;
    let loaded = crate::kit::database("loaded");
    lead(&mut mirror(&world, &loaded.url)).await;
    assert_eq!(checksums(&database.url).await, checksums(&loaded.url).await);
}
