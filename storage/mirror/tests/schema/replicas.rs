//! `migrations/REPLICAS.md`, command by command: a primary, a streaming replica that takes over, a logical one that follows a
//! reorganization; and the settings beside it.

use std::time::{Duration, Instant};

use crate::mirrored::{database, migrate, migrations};
use chaincore_postgres::{Options, Server};

/// Waits for something that must come; how long it takes is not what is tested.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(120), "never came: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A command of the guide: where it is run, and what.
struct Step {
    place: String,
    text: String,
}

fn steps() -> Vec<Step> {
    let guide =
        std::fs::read_to_string(migrations().join("REPLICAS.md")).expect("the guide is part of the project");
    let mut found = Vec::new();
    let mut rest = guide.as_str();
    while let Some((_, block)) = rest.split_once("\n```") {
        let (place, block) = block.split_once('\n').expect("a block has lines");
        let (text, after) = block.split_once("\n```\n").expect("a block that ends");
        found.push(Step { place: place.to_owned(), text: text.to_owned() });
        rest = after;
    }
    found.retain(|step| step.place != "text");
    found
}

/// The guide, to be followed step by step; each place must be the one that is expected.
struct Guide(std::vec::IntoIter<Step>);

impl Guide {
    fn next(&mut self, place: &str, primary: &Server) -> String {
        let step = self.0.next().expect("the guide goes on");
        assert_eq!(step.place, place, "{}", step.text);
        step.text.replace("primary.example", primary.folder().to_str().expect("a plain path"))
    }

    fn sql(&mut self, place: &str, server: &Server, primary: &Server) -> String {
        let text = self.next(&format!("sql {place}"), primary);
        let database = if place.ends_with("postgres") { "postgres" } else { "chaincore" };
        server.sql(database, &text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }
}

fn run(mut command: std::process::Command) {
    let output = command.output().expect("a shell");
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// A digest of each table that is replicated.
fn digests(server: &Server) -> Vec<String> {
    let tables = [
        "sync_state",
        "blocks",
        "transactions",
        "outputs",
        "inputs",
        "utxos",
        "address_balances",
        "script_type_stats",
        "reorgs",
        "stale_blocks",
        "stale_transactions",
        "mempool_snapshots",
        "nodes",
        "pools",
        "pool_rules",
        "script_types",
        "transaction_flags",
        "feerate_buckets",
    ];
    let digest = |table: &&str| {
        format!(
            "SELECT '{table}', count(*), md5(string_agg(t::text, ';' ORDER BY t::text)) FROM chaincore.{table} t;"
        )
    };
    let all: String = tables.iter().map(digest).collect();
    let answer = server.sql("chaincore", &all).expect("the tables can be read");
    answer.lines().map(str::to_owned).collect()
}

/// What a writer does when block 4 makes place for another one with nothing but a coinbase.
const REORGANIZATION: &str = "BEGIN;
    INSERT INTO chaincore.stale_blocks SELECT hash, height, prev_hash, decode(repeat('00', 80), 'hex'), tx_count, fees, pool_id,
        2, '2024-01-03 07:00Z' FROM chaincore.blocks WHERE height = 4;
    INSERT INTO chaincore.utxos SELECT o.tx_id, o.value, o.script_key, o.vout, o.script_type, false, o.address
        FROM chaincore.inputs i JOIN chaincore.outputs o ON o.tx_id = i.prev_tx_id AND o.vout = i.prev_vout
        WHERE i.tx_id >= chaincore.first_tx_id(4) AND o.tx_id < chaincore.first_tx_id(4);
    DELETE FROM chaincore.utxos WHERE tx_id >= chaincore.first_tx_id(4);
    DELETE FROM chaincore.address_balances WHERE first_height = 4;
    UPDATE chaincore.address_balances SET balance = balance - 5000019700, received = received - 5000019700, last_height = 2
        WHERE address LIKE 'bc1qw508%';
    DELETE FROM chaincore.outputs WHERE tx_id >= chaincore.first_tx_id(4);
    DELETE FROM chaincore.inputs WHERE tx_id >= chaincore.first_tx_id(4);
    DELETE FROM chaincore.transactions WHERE tx_id >= chaincore.first_tx_id(4);
    DELETE FROM chaincore.script_type_stats WHERE height = 4;
    UPDATE chaincore.blocks SET hash = decode(repeat('c4', 32), 'hex'), tx_count = 1, fees = 0 WHERE height = 4;
    UPDATE chaincore.sync_state SET tip_hash = decode(repeat('c4', 32), 'hex'), utxos = 5, utxo_value = 14890000000;
    COMMIT;";

#[test]
fn the_guide_leads_to_replicas_that_follow() {
    let options = || {
        // Retries at once, and all tables side by side: the waits are not what is tested.
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
    let (primary, subscriber) = std::thread::scope(|scope| {
        let other = scope.spawn(|| Server::start(options()));
        (Server::start(options()), other.join().expect("a second server"))
    });
    let mut guide = Guide(steps().into_iter());

    // One machine, and what the node would do.
    guide.sql("primary postgres", &primary, &primary);
    migrate(&primary.url("chaincore").replace("postgres@", "chaincore_owner@")).unwrap();
    let before_keys = primary.sql("chaincore", "SELECT chaincore.publish()").unwrap_err().to_string();
    assert!(
        before_keys.contains("address_balances, inputs, outputs, transactions, utxos have no primary key"),
        "{before_keys}"
    );
    primary
        .sql(
            "chaincore",
            &format!(
                "SET ROLE chaincore_owner; GRANT TEMPORARY ON DATABASE chaincore TO postgres;
        {}",
                include_str!("chain.sql")
            ),
        )
        .unwrap();

    // A streaming replica.
    guide.sql("primary", &primary, &primary);
    let copy = guide.next("sh replica", &primary);
    let streaming = primary.standby_by(options(), |data| {
        let own = data.to_str().expect("a plain path");
        assert!(copy.contains("/var/lib/postgresql/15/main"));
        copy.replace("/var/lib/postgresql/15/main", own)
    });
    let look = guide.next("sql primary", &primary);
    until("the stream", || {
        let state = primary.sql("chaincore", &look).unwrap();
        state.starts_with("replica_1|t|reserved|") && state.contains("|streaming|")
    });
    assert!(guide.sql("replica", &streaming, &primary).starts_with("4|tip|"));
    let promote = guide.next("sql replica", &primary);

    // A logical one.
    assert_eq!(guide.sql("primary", &primary, &primary), "chaincore_pub");
    let again = primary.sql("chaincore", "SET ROLE chaincore_owner; SELECT chaincore.publish()").unwrap();
    assert_eq!(again, "chaincore_pub");
    guide.sql("subscriber postgres", &subscriber, &primary);
    run(subscriber.shell(&guide.next("sh subscriber", &primary)));
    let made = guide.sql("subscriber", &subscriber, &primary);
    assert_eq!(made.lines().filter(|line| *line == "t").count(), 3, "{made}");
    guide.sql("subscriber", &subscriber, &primary);
    let look = guide.next("sql subscriber", &primary);
    until("the copy of the rows", || {
        let state = subscriber.sql("chaincore", &look).unwrap();
        let (tables, tip) = state.split_once('\n').unwrap_or_default();
        tables == "22|22" && tip == "4"
    });
    until("the same rows", || digests(&subscriber) == digests(&primary));
    let views = "SELECT * FROM analytics.utxo_age_bands ORDER BY band; SELECT * FROM analytics.daily_chain ORDER BY day";
    assert!(subscriber.sql("chaincore", views).unwrap_err().to_string().contains("has not been populated"));
    guide.sql("subscriber", &subscriber, &primary);
    assert_eq!(subscriber.sql("chaincore", views).unwrap(), primary.sql("chaincore", views).unwrap());

    // A reorganization comes over as one.
    let before = digests(&primary);
    primary.sql("chaincore", REORGANIZATION).unwrap();
    assert_ne!(digests(&primary), before);
    until("the reorganization", || digests(&subscriber) == digests(&primary));
    until("the reorganization", || digests(&streaming) == digests(&primary));
    assert_eq!(
        subscriber
            .sql("chaincore", "SELECT count(*), sum(value) = (SELECT utxo_value FROM chaincore.sync_state) FROM chaincore.utxos")
            .unwrap(),
        "4|t"
    );
    assert_eq!(subscriber.sql("chaincore", "SELECT analytics.refresh()").unwrap(), "");

    // Rows that have no place wait for it, and nothing is lost.
    let insert = |height: u32| {
        let row = format!(
            "SELECT chaincore.ensure_partition({height}); INSERT INTO chaincore.outputs (tx_id, value, script_key, vout, script_type)
             VALUES (chaincore.first_tx_id({height}), 1, 2, 0, 5)"
        );
        primary.sql("chaincore", &row).unwrap();
    };
    insert(150_000);
    until("the row", || digests(&subscriber) == digests(&primary));
    insert(200_000);
    until("the complaint", || subscriber.log().contains("no partition of relation \"outputs\""));
    subscriber.sql("chaincore", "SELECT chaincore.ensure_partition(200000)").unwrap();
    until("the row that waited", || digests(&subscriber) == digests(&primary));
    guide.sql("subscriber", &subscriber, &primary);

    // Partitions.
    let sizes = guide.sql("primary", &primary, &primary);
    assert!(sizes.starts_with("inputs_p0000|") && sizes.contains("transactions_p0004|"), "{sizes}");
    guide.sql("primary", &primary, &primary);
    let dump = primary.folder().join("outputs_p0000.dump");
    let save = guide.next("sh primary", &primary);
    run(primary.shell(&save.replace("/var/backups/outputs_p0000.dump", dump.to_str().expect("a plain path"))));
    assert!(dump.metadata().expect("a dump").len() > 0);
    assert!(guide.0.next().is_none());

    // The primary is lost.
    until("the last row", || digests(&streaming) == digests(&primary));
    primary.kill();
    let refused = streaming.sql("chaincore", REORGANIZATION).unwrap_err().to_string();
    assert!(refused.contains("read-only transaction"), "{refused}");
    streaming.sql("chaincore", &promote).unwrap();
    streaming.sql("chaincore", "UPDATE chaincore.sync_state SET writer_epoch = writer_epoch + 1").unwrap();
}

#[test]
fn every_published_table_has_an_identity_and_none_is_forgotten() {
    let database = database("published");
    database
        .sql(
            "ALTER TABLE chaincore.transactions ADD PRIMARY KEY (tx_id);
             ALTER TABLE chaincore.outputs ADD PRIMARY KEY (tx_id, vout);
             ALTER TABLE chaincore.inputs ADD PRIMARY KEY (tx_id, vin);
             ALTER TABLE chaincore.utxos ADD PRIMARY KEY (tx_id, vout);
             ALTER TABLE chaincore.address_balances ADD PRIMARY KEY (script_key, address);
             SELECT chaincore.publish()",
        )
        .unwrap();
    let missing = "SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c
        WHERE c.relnamespace = 'chaincore'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
          AND c.relname NOT IN (SELECT tablename FROM pg_publication_tables WHERE pubname = 'chaincore_pub')";
    assert_eq!(database.sql(missing).unwrap(), "_sqlx_migrations bulk_ranges index_builds");
}

#[test]
fn the_settings_are_ones_that_a_server_takes() {
    let text = std::fs::read_to_string(migrations().join("chaincore-postgres.conf")).unwrap();
    let settings: Vec<_> = text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .map(|line| line.split_once(" = ").expect("name = value"))
        .collect();
    assert!(settings.len() > 15);
    // All but the one that a small machine has no room for.
    let small = |name: &str| name == "shared_buffers";
    let options = settings.iter().filter(|(name, _)| !small(name));
    let server = Server::start(options.fold(Options::fast(), |all, (name, value)| all.set(name, value)));
    for (name, value) in settings.iter().filter(|(name, _)| !small(name)) {
        // Not what a session sees: some hold only over the network, and others have several names for one value.
        let taken = "SELECT applied, error, setting FROM pg_file_settings WHERE name =";
        let shown = server.sql("postgres", &format!("{taken} '{name}' ORDER BY seqno DESC LIMIT 1")).unwrap();
        assert_eq!(shown, format!("t||{value}"), "{name}");
    }
}
