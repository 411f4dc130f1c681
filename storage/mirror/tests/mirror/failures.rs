//! Lost connections, killed and frozen servers, at random moments: the tables end as if nothing had happened.

use crate::kit::{assert_sound, checksums, connect, lead, mirror, mirror_with, number};
use crate::world::{Filling, Numbers, World};
use chaincore_mirror::MirrorOptions;
use chaincore_mirror::connection::Limits;
use chaincore_plugin::follow::{Guide, Step};
use chaincore_plugin::testkit::killed_at;
use chaincore_plugin::{ChainReader, PluginError};
use chaincore_postgres::{Options, Server};
use std::time::Duration;

const FILLING: Filling = Filling { txs: 6, scripts: 6 };

/// How many troubles there are: tens by default, as many as `CHAINCORE_MIRROR_KILLS` says.
fn troubles(default: u32) -> u32 {
    std::env::var("CHAINCORE_MIRROR_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Impatient: what a test makes silent is given up soon.
fn options(url: &str) -> MirrorOptions {
    let limits = Limits {
        connect: Duration::from_secs(2),
        statement: Duration::from_secs(2),
        lock: Duration::from_secs(2),
    };
    MirrorOptions { limits, lease_patience: Duration::from_secs(2), ..MirrorOptions::new(url) }
}

fn grow(world: &World, numbers: &mut Numbers) {
    match numbers.below(4) {
        0 => {
            let depth = 1 + numbers.below(6) as u32;
            world.take_off(depth);
            world.extend(depth + 1);
        }
        _ => world.extend(1 + numbers.below(12) as u32),
    }
}

/// Leads on, over failures that pass, until there is nothing to do.
async fn lead_through(guide: &mut Guide) {
    let mut failures = 0;
    loop {
        let done = match guide.step().await {
            Ok(Step::Level) => guide.tick().await.map(|()| true),
            Ok(_) => Ok(false),
            Err(error) => Err(error),
        };
        match done {
            Ok(true) => return,
            Ok(false) => {}
            Err(PluginError::Retry { .. }) => {
                failures += 1;
                assert!(failures < 200, "it fails again and again");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(PluginError::Fatal(reason)) => panic!("{reason}"),
        }
    }
}

async fn assert_as_loaded(url: &str, world: &World, server: &Server) {
    let loaded = server.database("loaded");
    lead(&mut mirror(world, &loaded.url)).await;
    assert_eq!(checksums(url).await, checksums(&loaded.url).await);
    assert_sound(url, world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_connections_and_killed_writers_change_nothing() {
    let server = Server::shared();
    let database = server.database("terminated");
    let world = World::new(51, FILLING);
    let mut numbers = Numbers(510);
    let mut guide = mirror_with(&world, options(&database.url));
    let mut killer = connect(&database.url).await;
    for round in 0..troubles(30) {
        grow(&world, &mut numbers);
        if round % 2 == 0 {
            // The writer is killed where it waits for the n-th time of a step.
            for _ in 0..1 + numbers.below(3) {
                let dropped = killed_at(guide.step(), 1 + numbers.below(40) as usize).await;
                if let Some(Err(PluginError::Fatal(reason))) = dropped {
                    panic!("{reason}");
                }
            }
            guide = mirror_with(&world, options(&database.url));
        } else {
            // Its connection is cut while it works.
            let wait = Duration::from_micros(numbers.below(60_000));
            let cut = async {
                tokio::time::sleep(wait).await;
                sqlx::query(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE datname = current_database() AND application_name = 'chaincore-mirror'",
                )
                .execute(&mut killer)
                .await
                .unwrap();
            };
            tokio::join!(lead_through(&mut guide), cut);
        }
    }
    lead_through(&mut guide).await;
    assert!(number(&database.url, "SELECT writer_epoch FROM chaincore.sync_state").await > 5);
    assert_as_loaded(&database.url, &world, server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_that_are_killed_or_frozen_change_nothing() {
    let server = Server::start(Options::fast().durable());
    let database = server.database("killed");
    let world = World::new(52, FILLING);
    let mut numbers = Numbers(520);
    let mut guide = mirror_with(&world, options(&database.url));
    world.extend(20);
    for round in 0..troubles(8) {
        grow(&world, &mut numbers);
        let wait = Duration::from_micros(numbers.below(80_000));
        tokio::join!(lead_through(&mut guide), async {
            tokio::time::sleep(wait).await;
            tokio::task::block_in_place(|| {
                if round % 8 == 3 {
                    // Longer than the writer's patience.
                    server.freeze();
                    std::thread::sleep(Duration::from_secs(9));
                    server.thaw();
                } else {
                    server.kill();
                    server.restart();
                }
            });
        });
    }
    lead_through(&mut guide).await;
    assert_eq!(
        number(&database.url, "SELECT tip_height FROM chaincore.sync_state").await,
        i64::from(world.tip().height)
    );
    assert_as_loaded(&database.url, &world, &server).await;
}

/// Sealing is broken off again and again, at each of the places where it waits.
#[tokio::test]
async fn an_interrupted_seal_goes_on_with_what_is_missing() {
    let server = Server::shared();
    let database = server.database("seal");
    let world = World::new(53, FILLING);
    world.extend(30);
    let mut guide = mirror_with(&world, options(&database.url));
    crate::kit::steps(&mut guide).await;
    drop(guide);
    let mut killed = 0;
    for kill_at in (2..).step_by(4) {
        let mut guide = mirror_with(&world, options(&database.url));
        crate::kit::steps(&mut guide).await;
        match killed_at(guide.tick(), kill_at).await {
            None => killed += 1,
            Some(ended) => {
                ended.unwrap();
                break;
            }
        }
        // Blocks and branches come and go in between, whatever is built already.
        if killed % 5 == 4 {
            world.take_off(1);
            world.extend(2);
        }
        // An attempt of somebody's own that failed leaves this. Later the index may be part of a whole.
        if killed == 1 {
            drop(guide);
            database.sql("DROP INDEX IF EXISTS chaincore.outputs_p0000_script; CREATE INDEX outputs_p0000_script ON chaincore.outputs_p0000 (value);
                UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'chaincore.outputs_p0000_script'::regclass").unwrap();
        }
    }
    // How often it waits depends on the machine; the invalid index needs the second.
    assert!(killed > 1, "{killed}");
    let columns = "SELECT pg_get_indexdef('chaincore.outputs_p0000_script'::regclass)";
    assert!(crate::kit::text(&database.url, columns).await.ends_with("(script_key, tx_id)"));
    assert_eq!(number(&database.url, "SELECT count(*) FROM pg_index WHERE NOT indisvalid").await, 0);
    assert_eq!(
        number(&database.url, "SELECT count(*) FROM chaincore.index_builds WHERE state <> 'done'").await,
        0
    );
    assert_as_loaded(&database.url, &world, server).await;
}
