//! However a chain comes into the mirror, the tables are the same.

mod kit;

use chaincore_plugin::ChainReader;
use kit::world::{Filling, Numbers, World};
use kit::{assert_sound, checksums, database, lead, mirror, text};

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
