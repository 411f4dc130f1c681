//! What the mirror's tests share.

use crate::world::World;
use chaincore_mirror::{Mirror, MirrorOptions};
use chaincore_plugin::Context;
use chaincore_plugin::follow::{Guide, Step};
use chaincore_plugin::testkit::{NodeDouble, Notes};
use chaincore_postgres::Database;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::sync::Arc;

/// A folder that is never made.
const FOLDER: &str = "/nonexistent/mirror";

/// What a mirror of `world` is given.
pub fn context(world: &World) -> Context {
    Context {
        chain: Arc::new(world.clone()),
        node: Arc::new(NodeDouble::default()),
        params: Arc::new(world.params()),
        folder: FOLDER.into(),
        report: Arc::new(Notes::default()),
    }
}

/// A mirror of `world` in a database.
pub fn mirror(world: &World, url: &str) -> Guide {
    mirror_with(world, MirrorOptions::new(url))
}

pub fn mirror_with(world: &World, options: MirrorOptions) -> Guide {
    Guide::new(Box::new(Mirror::new(options).unwrap()), context(world))
}

/// Leads a mirror until there is nothing to do, ticks included.
pub async fn lead(guide: &mut Guide) {
    steps(guide).await;
    guide.tick().await.unwrap();
    // After a seal there may be more.
    steps(guide).await;
}

/// Leads a mirror until there is nothing to do, without a tick.
pub async fn steps(guide: &mut Guide) {
    for _ in 0..10_000 {
        if guide.step().await.unwrap() == Step::Level {
            return;
        }
    }
    panic!("the mirror does not come to an end");
}

/// Columns that depend on the way there, not on the chain alone.
const CHAIN: [(&str, &str); 8] = [
    (
        "blocks",
        "SELECT to_jsonb(b) - '{received_at,relayed_by_node}'::text[] AS r FROM chaincore.blocks b ORDER BY height",
    ),
    ("transactions", "SELECT t AS r FROM chaincore.transactions t ORDER BY tx_id"),
    ("outputs", "SELECT o AS r FROM chaincore.outputs o ORDER BY tx_id, vout"),
    ("inputs", "SELECT i AS r FROM chaincore.inputs i ORDER BY tx_id, vin"),
    ("utxos", "SELECT u AS r FROM chaincore.utxos u ORDER BY tx_id, vout"),
    ("address_balances", "SELECT a AS r FROM chaincore.address_balances a ORDER BY script_key, address"),
    ("script_type_stats", "SELECT s AS r FROM chaincore.script_type_stats s ORDER BY height, script_type"),
    (
        "sync_state",
        "SELECT to_jsonb(s) - '{mode,event_seq,writer_epoch,updated_at,plugin_version}'::text[] AS r FROM chaincore.sync_state s",
    ),
];

/// A line for each table with the count and checksum of its rows.
pub async fn checksums(url: &str) -> String {
    let mut connection = connect(url).await;
    let mut lines = String::new();
    for (table, rows) in CHAIN {
        let text = format!(
            "SELECT count(*) || ' ' || coalesce(md5(string_agg(md5(r::text), '')), 'none') FROM ({rows}) q"
        );
        let sum: String = sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&mut connection).await.unwrap();
        lines += &format!("{table} {sum}\n");
    }
    lines
}

pub async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

/// One number.
pub async fn number(url: &str, sql: &str) -> i64 {
    let mut connection = connect(url).await;
    let text = format!("SELECT ({sql})::bigint");
    sqlx::query_scalar(AssertSqlSafe(text)).fetch_one(&mut connection).await.unwrap()
}

/// One text.
pub async fn text(url: &str, sql: &str) -> String {
    let mut connection = connect(url).await;
    sqlx::query_scalar(AssertSqlSafe(format!("SELECT ({sql})::text")))
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

/// A new database.
pub fn database(hint: &str) -> Database {
    chaincore_postgres::Server::shared().database(hint)
}

/// What must hold in every mirror that is sealed, in SQL of its own.
pub async fn assert_sound(url: &str, world: &World) {
    let coins = world.coins();
    let value: i64 = coins.values().map(|coin| coin.output.value.0).sum();
    assert_eq!(number(url, "SELECT count(*) FROM chaincore.utxos").await, coins.len() as i64);
    assert_eq!(number(url, "SELECT coalesce(sum(value), 0) FROM chaincore.utxos").await, value);
    assert_eq!(number(url, "SELECT utxo_value FROM chaincore.sync_state").await, value);
    assert_eq!(number(url, "SELECT coalesce(sum(balance), 0) FROM chaincore.address_balances").await, value);
    let wrong = "SELECT count(*) FROM chaincore.address_balances
        WHERE balance < 0 OR utxo_count < 0 OR balance <> received - sent OR first_height > last_height";
    assert_eq!(number(url, wrong).await, 0);
    let mut marks = 0u64;
    for (outpoint, coin) in coins.iter() {
        let mark = chaincore_mirror::rows::coin_mark(outpoint, coin.output.value.0);
        marks = marks.wrapping_add(mark);
    }
    let stored = number(url, "SELECT utxo_acc FROM chaincore.blocks ORDER BY height DESC LIMIT 1").await;
    assert_eq!(stored as u64, marks);
}
