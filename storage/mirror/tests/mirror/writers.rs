//! One writer at a time, and only on its own chain.

use crate::kit::{connect, context, database, lead, mirror, mirror_with, number, steps, text};
use crate::world::{Filling, World};
use chaincore_mirror::{Mirror, MirrorOptions};
use chaincore_plugin::{ChainReader, Plugin, PluginError};
use std::time::Duration;

const FILLING: Filling = Filling { txs: 3, scripts: 4 };

#[tokio::test]
async fn a_second_writer_waits_until_the_first_lets_go() {
    let world = World::new(31, FILLING);
    let database = database("lease");
    world.extend(5);
    let mut first = mirror(&world, &database.url);
    lead(&mut first).await;
    let options = MirrorOptions { lease_patience: Duration::ZERO, ..MirrorOptions::new(&database.url) };
    let mut second = mirror_with(&world, options);
    let error = second.step().await.unwrap_err();
    assert!(matches!(error, PluginError::Retry { .. }), "{error}");
    assert!(error.to_string().contains("chaincore-mirror"), "{error}");
    first.close().await;
    world.extend(2);
    let options =
        MirrorOptions { lease_patience: Duration::from_secs(30), ..MirrorOptions::new(&database.url) };
    let mut second = mirror_with(&world, options);
    steps(&mut second).await;
    assert_eq!(
        number(&database.url, "SELECT tip_height FROM chaincore.sync_state").await,
        i64::from(world.tip().height)
    );
}

#[tokio::test]
async fn a_writer_whose_place_was_taken_cannot_write() {
    let world = World::new(32, FILLING);
    let database = database("epoch");
    world.extend(5);
    let mut old = mirror(&world, &database.url);
    lead(&mut old).await;
    // Somebody took over, and the old one has not noticed: its session lives, only the epoch is another.
    let mut other = connect(&database.url).await;
    sqlx::query("UPDATE chaincore.sync_state SET writer_epoch = writer_epoch + 1")
        .execute(&mut other)
        .await
        .unwrap();
    world.extend(1);
    let error = old.step().await.unwrap_err();
    assert!(error.to_string().contains("took the database over"), "{error}");
    world.take_off(2);
    assert_eq!(number(&database.url, "SELECT max(height) FROM chaincore.blocks").await, 5);
    // Terminated in the midst of its life, it comes back as a new writer, after whoever was first.
    drop(old);
    let mut new = mirror_with(
        &world,
        MirrorOptions { lease_patience: Duration::from_secs(30), ..MirrorOptions::new(&database.url) },
    );
    steps(&mut new).await;
    assert_eq!(number(&database.url, "SELECT max(height) FROM chaincore.blocks").await, 4);
    assert!(number(&database.url, "SELECT writer_epoch FROM chaincore.sync_state").await >= 3);
}

#[tokio::test]
async fn another_chain_is_refused_and_nothing_is_touched() {
    let world = World::new(33, FILLING);
    let database = database("chains");
    world.extend(3);
    lead(&mut mirror(&world, &database.url)).await;
    let mut stranger = context(&world);
    stranger.params = std::sync::Arc::new(chaincore_consensus::params::ChainParams::main());
    let options =
        MirrorOptions { lease_patience: Duration::from_secs(30), ..MirrorOptions::new(&database.url) };
    let error = Mirror::new(options).unwrap().open(&stranger).await.unwrap_err();
    assert!(matches!(error, PluginError::Fatal(_)));
    assert!(error.to_string().contains("mirrors the chain regtest"), "{error}");
    assert_eq!(number(&database.url, "SELECT tip_height FROM chaincore.sync_state").await, 3);
}

#[tokio::test]
async fn a_schema_of_a_newer_release_is_refused() {
    let world = World::new(34, FILLING);
    let database = database("newer");
    lead(&mut mirror(&world, &database.url)).await;
    database
        .sql(
            "INSERT INTO chaincore._sqlx_migrations (version, description, success, checksum, execution_time)
              VALUES (999999, 'from the future', true, '\\x00', 0)",
        )
        .unwrap();
    let options =
        MirrorOptions { lease_patience: Duration::from_secs(30), ..MirrorOptions::new(&database.url) };
    let error = Mirror::new(options).unwrap().open(&context(&world)).await.unwrap_err();
    assert!(matches!(&error, PluginError::Fatal(reason) if reason.contains("999999")), "{error}");
}

#[tokio::test]
async fn what_comes_again_with_every_try_is_fatal_and_says_where() {
    let world = World::new(35, FILLING);
    let database = database("damaged");
    world.extend(8);
    let mut guide = mirror(&world, &database.url);
    lead(&mut guide).await;
    // A coin that the next blocks spend is gone.
    database.sql("DELETE FROM chaincore.utxos").unwrap();
    world.extend(6);
    let error = loop {
        match guide.step().await {
            Ok(_) => assert!(guide.cursor().unwrap().height < world.tip().height),
            Err(error) => break error,
        }
    };
    assert!(matches!(&error, PluginError::Fatal(reason) if reason.contains("were in utxos")), "{error}");
    // Nothing of the refused block is stored.
    let height = number(&database.url, "SELECT tip_height FROM chaincore.sync_state").await;
    assert_eq!(number(&database.url, "SELECT max(height) FROM chaincore.blocks").await, height);
    assert_eq!(text(&database.url, "SELECT count(*) FROM chaincore.blocks WHERE NOT EXISTS (SELECT FROM chaincore.transactions WHERE tx_id >> 20 = height)").await, "0");
}
