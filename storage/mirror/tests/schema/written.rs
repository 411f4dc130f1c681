//! The analysts' views and the replicas on what the writer writes: a chain with reorganizations, asked in two ways.

use std::time::{Duration, Instant};

use crate::kit::{lead, mirror};
use crate::world::{Filling, World};
use chaincore_plugin::ChainReader;
use chaincore_postgres::{Options, Server};

const FILLING: Filling = Filling { txs: 8, scripts: 5 };

/// A chain of some blocks with reorganizations of different depths, as a mirror has followed it.
async fn written(url: &str, seed: u64) -> (World, chaincore_plugin::follow::Guide) {
    let world = World::new(seed, FILLING);
    let mut guide = mirror(&world, url);
    world.extend(40);
    lead(&mut guide).await;
    for depth in [1, 3, 6] {
        world.take_off(depth);
        world.extend(depth + 2);
        lead(&mut guide).await;
    }
    (world, guide)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn views_agree_with_the_tables_that_the_writer_keeps() {
    let database = Server::shared().database("views");
    let (world, _guide) = written(&database.url, 5).await;
    let tip = world.tip().height;
    assert!(tip > 40);
    database.sql("SELECT analytics.refresh()").unwrap();
    // Each names what must be so, in columns that must all be true.
    let truths = [
        (
            "supply ends with what is unspent",
            "SELECT circulating = (SELECT sum(value) FROM chaincore.utxos),
                circulating = (SELECT utxo_value FROM chaincore.sync_state)
             FROM analytics.supply ORDER BY height DESC LIMIT 1"
                .to_owned(),
        ),
        (
            "days have all blocks, transactions and rows",
            "SELECT sum(blocks) = (SELECT count(*) FROM chaincore.blocks), sum(txs) = (SELECT count(*) FROM chaincore.transactions),
                sum(inputs) = (SELECT count(*) FROM chaincore.inputs), sum(outputs) = (SELECT count(*) FROM chaincore.outputs),
                sum(volume) = (SELECT sum(output_value) FROM chaincore.transactions WHERE NOT chaincore.has_flag(flags, 'coinbase')),
                sum(fees) = (SELECT sum(fee) FROM chaincore.transactions)
             FROM analytics.daily_chain"
                .to_owned(),
        ),
        (
            "mining is all blocks, and the stale ones",
            "SELECT sum(blocks) = (SELECT count(*) FROM chaincore.blocks),
                sum(stale_blocks) = (SELECT count(*) FROM chaincore.stale_blocks), count(*) > 0
             FROM chaincore.mining_stats"
                .to_owned(),
        ),
        (
            "bands hold all unspent outputs",
            "SELECT (SELECT sum(utxos) FROM analytics.utxo_age_bands) = count(*), (SELECT sum(value) FROM analytics.utxo_age_bands) = sum(value),
                (SELECT sum(utxos) FROM analytics.utxo_value_bands) = count(*),
                (SELECT sum(value) FROM analytics.utxo_value_bands) = sum(value),
                (SELECT max(as_of_height) FROM analytics.utxo_age_bands) = (SELECT tip_height FROM chaincore.sync_state)
             FROM chaincore.utxos"
                .to_owned(),
        ),
        (
            "types add up to the rows",
            "SELECT sum(outputs) = (SELECT count(*) FROM chaincore.outputs), sum(out_value) = (SELECT sum(value) FROM chaincore.outputs),
                sum(inputs) = (SELECT count(*) FROM chaincore.inputs), sum(in_value) = (SELECT sum(value) FROM chaincore.inputs)
             FROM analytics.script_type_adoption"
                .to_owned(),
        ),
        (
            "nobody has more than the rich list says",
            "SELECT sum(balance) = (SELECT sum(balance) FROM chaincore.address_balances), count(*) > 5 FROM analytics.rich_list"
                .to_owned(),
        ),
        (
            "what moved is what was spent",
            format!(
                "SELECT sum(moved) = (SELECT sum(value) FROM chaincore.inputs), bool_and(coin_days >= 0),
                    sum(moved) = (SELECT sum(moved) FROM analytics.coin_days_destroyed_between(0, {tip}))
                 FROM analytics.coin_days_destroyed"
            ),
        ),
        (
            "three reorganizations were of these depths",
            "SELECT array_agg(depth ORDER BY id) = '{1,3,6}', array_agg(connected ORDER BY id) = '{3,5,8}',
                sum(txs_dropped) >= sum(txs_still_stale), bool_and(txs_reconfirmed + txs_missing <= txs_still_stale)
             FROM analytics.reorg_log"
                .to_owned(),
        ),
        (
            "SQL and the writer tell the same pool",
            "SELECT bool_and(pool_id IS NOT DISTINCT FROM chaincore.pool_of(coinbase_script, coinbase_address)),
                bool_and(pool_rule_version = chaincore.pool_rules_version()) FROM chaincore.blocks"
                .to_owned(),
        ),
        (
            "SQL and the writer make the same keys of scripts",
            "SELECT bool_and(script_key = chaincore.addr(address)), count(*) > 5 FROM chaincore.address_balances"
                .to_owned(),
        ),
        (
            "the history of each address ends with its balance",
            "SELECT bool_and(a.balance = analytics.balance_at(a.address, 2147483647)),
                bool_and(a.received = (SELECT sum(h.received) FROM analytics.address_history(a.address) h)),
                bool_and(a.first_height = (SELECT min(h.height) FROM analytics.address_history(a.address) h)),
                bool_and(a.last_height = (SELECT max(h.height) FROM analytics.address_history(a.address) h))
             FROM chaincore.address_balances a"
                .to_owned(),
        ),
        (
            "each transaction is found by its id",
            "SELECT bool_and(tx_id IN (SELECT chaincore.transaction_ids(txid))) FROM chaincore.transactions".to_owned(),
        ),
    ];
    for (what, sql) in truths {
        let answer = database.sql(&sql).unwrap();
        assert!(!answer.is_empty() && answer.split('|').all(|truth| truth == "t"), "{what}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn questions_about_one_thing_are_answered_by_indexes() {
    let database = Server::shared().database("plans");
    let _kept = written(&database.url, 7).await;
    let txid = "decode(repeat('ab', 32), 'hex')";
    // What is asked, and the index that must answer it however long the chain is.
    let plans = [
        (format!("SELECT * FROM chaincore.transaction_ids({txid})"), "transactions_p0000_txid", "substr(txid, 1, 8)"),
        ("SELECT * FROM analytics.address_history('1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2')".into(), "outputs_p0000_script", "inputs_p0000_script"),
        ("SELECT * FROM chaincore.inputs WHERE prev_tx_id = 1048576 AND prev_vout = 0".into(), "inputs_p0000_spent", ""),
        ("SELECT * FROM chaincore.utxos WHERE script_key = chaincore.addr('1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2')".into(), "utxos_script", ""),
        ("SELECT * FROM analytics.rich_list LIMIT 10".into(), "address_balances_rich", ""),
        ("SELECT * FROM chaincore.blocks WHERE hash = '\\x00'".into(), "blocks_hash", ""),
        (
            "SELECT * FROM chaincore.outputs WHERE tx_id >= chaincore.first_tx_id(3) AND tx_id < chaincore.first_tx_id(4)".into(),
            "outputs_p0000_pkey",
            "'3145728'::bigint",
        ),
    ];
    for (sql, index, condition) in plans {
        // On so few rows reading all of them would be cheaper.
        let plan = database
            .sql(&format!("SET enable_seqscan = off; SET enable_bitmapscan = off; EXPLAIN {sql}"))
            .unwrap();
        assert!(plan.contains(index) && plan.contains(condition), "{sql}\n{plan}");
    }
}

/// A digest of each table of the publication.
fn digests(server: &Server, database: &str) -> String {
    let tables = server
        .sql("postgres", "SELECT 1")
        .and_then(|_| {
            server.sql(
                database,
                "SELECT relname FROM pg_class WHERE relnamespace = 'chaincore'::regnamespace AND relkind IN ('r', 'p')
                    AND NOT relispartition AND relname NOT IN ('_sqlx_migrations', 'bulk_ranges', 'index_builds') ORDER BY 1",
            )
        })
        .unwrap();
    let digest = |table: &str| {
        format!(
            "SELECT '{table}', count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM chaincore.{table} t;"
        )
    };
    server.sql(database, &tables.lines().map(digest).collect::<String>()).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_follows_the_writer_through_reorganizations() {
    let options = || {
        let quick = Options::fast().logical().set("wal_retrieve_retry_interval", "50ms");
        let many = [
            ("max_sync_workers_per_subscription", "12"),
            ("max_logical_replication_workers", "16"),
            ("max_worker_processes", "24"),
            ("max_wal_senders", "24"),
            ("max_replication_slots", "32"),
        ];
        many.iter().fold(quick, |options, (name, value)| options.set(name, value))
    };
    let (primary, subscriber) = (Server::start(options()), Server::start(options()));
    let database = primary.database("written");
    let name = database.name.as_str();
    let (world, mut guide) = written(&database.url, 6).await;

    // As REPLICAS.md says, with the superuser in every part.
    assert_eq!(database.sql("SELECT chaincore.publish()").unwrap(), "chaincore_pub");
    let roles = "CREATE ROLE chaincore_reader; CREATE ROLE chaincore_writer;";
    subscriber.sql("postgres", &format!("{roles} CREATE DATABASE {name}")).unwrap();
    let folder = primary.folder().display();
    let copy = format!(
        "pg_dump -h {folder} -U postgres -s -n chaincore -n analytics {name} | psql -q -v ON_ERROR_STOP=1 -U postgres -d {name}"
    );
    let output = subscriber.shell(&copy).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let subscribe = format!(
        "CREATE SUBSCRIPTION s CONNECTION 'host={folder} dbname={name} user=postgres' PUBLICATION chaincore_pub"
    );
    subscriber.sql(name, &subscribe).unwrap();
    let until_level = |what: &str| {
        let began = Instant::now();
        let expected = digests(&primary, name);
        loop {
            let got = digests(&subscriber, name);
            if got == expected {
                return expected;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{what}: {got}\nand not\n{expected}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    let first = until_level("the first copy");
    for depth in [2, 5] {
        world.take_off(depth);
        world.extend(depth + 1);
        lead(&mut guide).await;
        assert_ne!(until_level("a reorganization"), first);
    }
    let reorganizations = subscriber.sql(name, "SELECT count(*), max(depth) FROM chaincore.reorgs").unwrap();
    assert_eq!(reorganizations, "5|6");
    let sum = "SELECT sum(value) = (SELECT utxo_value FROM chaincore.sync_state) FROM chaincore.utxos";
    assert_eq!(subscriber.sql(name, sum).unwrap(), "t");
}
