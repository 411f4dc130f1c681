//! However a chain comes into the mirror, the tables are the same.

use crate::kit::{self, assert_sound, checksums, database, lead, mirror, mirror_with, number, text};
use crate::world::{Filling, Numbers, World};
use chaincore_mirror::MirrorOptions;
use chaincore_plugin::ChainReader;

const FILLING: Filling = Filling { txs: 8, scripts: 6 };

/// Grows `world`, with reorganizations; calls `look` after each change.
async fn grow(world: &World, changes: u32, seed: u64, mut look: impl AsyncFnMut()) {
    let mut numbers = Numbers(seed);
    for _ in 0..changes {
        if numbers.below(5) == 0 {
            let depth = 1 + numbers.below(5) as u32;
            world.take_off(depth);
            world.extend(depth + 1);
        } else {
            world.extend(1 + numbers.below(9) as u32);
        }
        look().await;
    }
}

#[tokio::test]
async fn bulk_and_block_by_block_give_the_same_tables() {
    let world = World::new(1, FILLING);
    let followed = database("followed");
    let mut guide = mirror(&world, &followed.url);
    lead(&mut guide).await;
    assert_eq!(text(&followed.url, "SELECT mode FROM chaincore.sync_state").await, "tip");
    grow(&world, 30, 11, async || lead(&mut guide).await).await;
    assert!(world.tip().height > 60);

    let loaded = database("loaded");
    let mut bulk = mirror(&world, &loaded.url);
    kit::steps(&mut bulk).await;
    assert_eq!(text(&loaded.url, "SELECT mode FROM chaincore.sync_state").await, "bulk");
    lead(&mut bulk).await;
    assert_eq!(text(&loaded.url, "SELECT mode FROM chaincore.sync_state").await, "tip");

    assert_eq!(checksums(&followed.url).await, checksums(&loaded.url).await);
    assert_sound(&followed.url, &world).await;
    // Both go on the same way.
    world.extend(4);
    lead(&mut guide).await;
    lead(&mut bulk).await;
    assert_eq!(checksums(&followed.url).await, checksums(&loaded.url).await);
    assert_sound(&loaded.url, &world).await;
}

#[tokio::test]
async fn a_mirror_that_was_away_catches_up() {
    let world = World::new(2, FILLING);
    let away = database("away");
    lead(&mut mirror(&world, &away.url)).await;
    world.extend(57);
    // Too few for another load in bulk: several blocks to a transaction.
    let mut guide = mirror(&world, &away.url);
    kit::steps(&mut guide).await;
    assert_eq!(text(&away.url, "SELECT mode FROM chaincore.sync_state").await, "catch-up");
    let commits = number(&away.url, "SELECT event_seq FROM chaincore.sync_state").await;
    assert!(commits < 10, "{commits} commits for 57 blocks");
    guide.tick().await.unwrap();
    assert_eq!(text(&away.url, "SELECT mode FROM chaincore.sync_state").await, "tip");
    // Then on its own, one by one.
    world.extend(3);
    kit::steps(&mut guide).await;
    assert_eq!(number(&away.url, "SELECT event_seq FROM chaincore.sync_state").await, commits + 3);

    let loaded = database("loaded");
    lead(&mut mirror(&world, &loaded.url)).await;
    assert_eq!(checksums(&away.url).await, checksums(&loaded.url).await);
}

#[tokio::test]
async fn a_mirror_that_is_far_behind_is_loaded_in_bulk_again() {
    let world = World::new(3, FILLING);
    let old = database("old");
    world.extend(20);
    lead(&mut mirror(&world, &old.url)).await;
    let indexes = "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relnamespace = 'chaincore'::regnamespace AND c.relname ~ '^(outputs|inputs|transactions|utxos|address_balances)'";
    let sealed = number(&old.url, indexes).await;
    assert!(sealed >= 11);
    world.extend(60);
    let options = MirrorOptions { bulk_from: 30, ..MirrorOptions::new(&old.url) };
    // Not a mirror that others subscribe to: their tables need keys all the time.
    let published = old.copy("published");
    published.sql("CREATE PUBLICATION p FOR ALL TABLES").unwrap();
    let subscribed = MirrorOptions { bulk_from: 30, ..MirrorOptions::new(&published.url) };
    lead(&mut mirror_with(&world, subscribed)).await;
    assert!(number(&published.url, "SELECT event_seq FROM chaincore.sync_state").await > 3);
    assert_sound(&published.url, &world).await;

    let mut guide = mirror_with(&world, options);
    kit::steps(&mut guide).await;
    assert_eq!(number(&old.url, indexes).await, 0);
    assert_eq!(number(&old.url, "SELECT count(*) FROM chaincore.utxos").await, 0);
    lead(&mut guide).await;
    assert_eq!(number(&old.url, indexes).await, sealed);

    let loaded = database("loaded");
    lead(&mut mirror(&world, &loaded.url)).await;
    assert_eq!(checksums(&old.url).await, checksums(&loaded.url).await);
    assert_sound(&old.url, &world).await;
}

/// Blocks that hold the least there is, so that a chain reaches into the second partition.
#[tokio::test]
async fn long_chains_are_cut_into_partitions() {
    let world = World::new(4, Filling { txs: 0, scripts: 2 });
    let database = database("partitions");
    world.extend_bare(50_020);
    let mut guide = mirror(&world, &database.url);
    lead(&mut guide).await;
    let partitions = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'chaincore.outputs'::regclass";
    assert_eq!(number(&database.url, partitions).await, 2);
    let second = "SELECT count(*) FROM chaincore.outputs_p0001";
    assert_eq!(
        number(&database.url, second).await,
        number(&database.url, "SELECT count(*) FROM chaincore.outputs WHERE tx_id >= 50000::bigint << 20")
            .await
    );
    // Parents' indexes are whole only if each partition has its part.
    let valid = "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
        WHERE c.relname = 'outputs' AND c.relnamespace = 'chaincore'::regnamespace AND indisvalid";
    assert_eq!(number(&database.url, valid).await, 2);
    // Across the edge and back.
    world.take_off(40);
    world.extend(41);
    lead(&mut guide).await;
    assert_sound(&database.url, &world).await;
    let top = number(&database.url, "SELECT max(height) FROM chaincore.blocks").await;
    assert_eq!(top, i64::from(world.tip().height));
}
