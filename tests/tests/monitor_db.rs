//! `chaincore-monitor db` beside a real PostgreSQL: one-shot for scripts, and live in a real terminal.

use chaincore_postgres::{Database, Server};
use chaincore_tests::{Terminal, TestNode, binary};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Keeps a writer's place: a session that holds the writer's lease.
struct Writer<'a>(Child, &'a Database);

impl<'a> Writer<'a> {
    fn of(server: &Server, database: &'a Database) -> Self {
        let lease = format!(
            "SET application_name = 'chaincored'; SELECT pg_advisory_lock({}); SELECT pg_sleep(600)",
            i64::from_be_bytes(*b"ChainCor")
        );
        let mut command = server.command("psql");
        command.args(["-X", "-q", "-d", &database.name, "-c", &lease]);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("psql can be run");
        let held = || database.sql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted");
        let since = Instant::now();
        while held().expect("the server answers").trim() != "1" {
            assert!(since.elapsed() < Duration::from_secs(60), "the lease was not taken");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self(child, database)
    }
}

impl Drop for Writer<'_> {
    fn drop(&mut self) {
        // A server that sleeps does not notice that its client is gone.
        let end =
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'chaincored'";
        let _ = self.1.sql(&format!("{end} AND datname = current_database()"));
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn sql(database: &Database, text: &str) -> String {
    database.sql(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A database with the mirror's schema and nothing in it.
fn empty(server: &Server, name: &str) -> Database {
    let database = server.database(name);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let entries = std::fs::read_dir(folder).expect("the migrations");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    for file in files {
        sql(&database, &std::fs::read_to_string(file).expect("a migration"));
    }
    database
}

/// Blocks up to `height`, as the writer would leave them: rows and totals in one transaction.
fn blocks(database: &Database, from: u32, height: u32) {
    // Columns whose values nobody looks at here get what their type begins with.
    let filled = sql(
        database,
        "SELECT string_agg(format('%I', column_name), ', ' ORDER BY ordinal_position), string_agg(CASE column_name
            WHEN 'height' THEN 'h'
            WHEN 'hash' THEN $$decode(lpad(to_hex(h), 64, '0'), 'hex')$$
            WHEN 'prev_hash' THEN $$decode(lpad(to_hex(greatest(h - 1, 0)), 64, '0'), 'hex')$$
            WHEN 'pool_id' THEN 'CASE WHEN h % 4 > 0 THEN (SELECT min(pool_id) FROM chaincore.pools) END'
            ELSE CASE data_type WHEN 'bytea' THEN $$''::bytea$$ WHEN 'timestamp with time zone' THEN 'now()'
                WHEN 'text' THEN $$''$$ ELSE '1' END END, ', ' ORDER BY ordinal_position)
         FROM information_schema.columns WHERE table_schema = 'chaincore' AND table_name = 'blocks'",
    );
    let (names, values) = filled.trim().split_once('|').expect("two columns");
    sql(
        database,
        &format!(
            "BEGIN;
             INSERT INTO chaincore.blocks ({names}) SELECT {values} FROM generate_series({from}, {height}) h;
             INSERT INTO chaincore.sync_state (network, genesis_hash, mode, plugin_version)
                VALUES ('regtest', decode(repeat('00', 32), 'hex'), 'tip', '0.1.0') ON CONFLICT DO NOTHING;
             UPDATE chaincore.sync_state SET tip_height = {height}, blocks = {height} + 1, txs = {height} + 1,
                tip_hash = decode(lpad(to_hex({height}), 64, '0'), 'hex'), updated_at = now();
             COMMIT"
        ),
    );
}

/// What the node said last: its height.
fn node(database: &Database, height: u32) {
    let hash = format!("decode(lpad(to_hex({height}), 64, '0'), 'hex')");
    sql(
        database,
        &format!(
            "INSERT INTO chaincore.nodes (node_id, name, network, first_seen, last_seen, height, best_hash, peers, status)
                VALUES ('core0', 'core0', 'regtest', now(), now(), {height}, {hash}, 2, 'running')
                ON CONFLICT (node_id) DO UPDATE SET height = {height}, best_hash = {hash}, last_seen = now();
             INSERT INTO chaincore.node_samples (node_id, at, height, hash) VALUES ('core0', clock_timestamp(), {height}, {hash})"
        ),
    );
}

fn monitor(url: &str, more: &[&str]) -> Output {
    let mut command = Command::new(binary("chaincore-monitor"));
    command.args(["db", "--database", url]).args(more).output().expect("the monitor can be run")
}

/// One look: the exit code and the report.
fn look(url: &str) -> (Option<i32>, Value) {
    let output = monitor(url, &["--status-only", "--json"]);
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    let schema = include_str!("../../rpc/monitor/schema/db.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<_> =
        validator.iter_errors(&report).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{report:#}");
    (output.status.code(), report)
}

fn has_trouble(report: &Value, words: &str) -> bool {
    let troubles = report["troubles"].as_array().expect("a list");
    troubles.iter().any(|trouble| trouble.as_str().is_some_and(|text| text.contains(words)))
}

#[test]
fn scripts_learn_whether_the_mirror_is_well_behind_or_broken() {
    let server = Server::shared();
    let bare = server.database("monitor bare");
    let (code, report) = look(&bare.url);
    assert!(code == Some(2) && has_trouble(&report, "start a node with --mirror"), "{report:#}");

    let database = empty(server, "monitor states");
    let (code, report) = look(&database.url);
    assert!(code == Some(2) && has_trouble(&report, "holds no mirror"), "{report:#}");

    blocks(&database, 0, 130);
    let (code, report) = look(&database.url);
    assert!(code == Some(1) && has_trouble(&report, "nobody writes"), "{report:#}");
    assert!(has_trouble(&report, "no node has told its height"), "{report:#}");

    let writer = Writer::of(server, &database);
    node(&database, 132);
    let (code, report) = look(&database.url);
    assert_eq!((code, &report["lag_blocks"], &report["troubles"]), (Some(0), &json!(2), &json!([])));
    assert_eq!(report["status"]["sync"]["totals"]["blocks"], 131);
    let writer_name = report["status"]["writer"].as_str().expect("somebody writes");
    assert!(writer_name.contains("chaincored"), "{writer_name}");
    assert_eq!(report["status"]["pools"][0]["blocks"], 98);
    // A reader's role is enough.
    sql(&database, "DO $$ BEGIN CREATE ROLE ann LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
    sql(&database, "GRANT chaincore_reader TO ann");
    let (code, report) = look(&database.url_as("ann"));
    assert_eq!((code, &report["lag_blocks"]), (Some(0), &json!(2)), "{report:#}");

    node(&database, 140);
    let (code, report) = look(&database.url);
    assert!(code == Some(1) && has_trouble(&report, "10 blocks missing"), "{report:#}");

    node(&database, 130);
    let insert = "INSERT INTO chaincore.integrity_checks (started_at, finished_at, name, ok) VALUES";
    sql(&database, &format!("{insert} (now(), now(), 'headers', true), (now(), now(), 'coins', false)"));
    let (code, report) = look(&database.url);
    assert!(code == Some(2) && has_trouble(&report, "the check 'coins' failed"), "{report:#}");
    sql(&database, &format!("{insert} (now(), now(), 'coins', true)"));
    let (code, report) = look(&database.url);
    assert_eq!(code, Some(0), "what was mended is well again: {report:#}");
    drop(writer);

    // For people: few lines, without escape sequences in a pipe.
    let output = monitor(&database.url, &["--status-only"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("ChainCore mirror  BEHIND") && text.contains("131 blocks"), "{text}");
    assert!(text.lines().count() < 12 && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn what_is_not_there_is_said_without_the_password() {
    let url = "postgres://ann:s3cret@127.0.0.1:1/chain";
    let (code, report) = look(url);
    assert!(code == Some(2) && has_trouble(&report, "is PostgreSQL running there"), "{report:#}");
    assert!(!report.to_string().contains("s3cret"), "{report:#}");
    for (args, said) in
        [(vec!["--database", "mysql://ann:s3cret@x/y"], "takes postgres://"), (vec![], "CHAINCORE_MIRROR")]
    {
        let mut command = Command::new(binary("chaincore-monitor"));
        let output =
            command.arg("db").args(args).env_remove("CHAINCORE_MIRROR").output().expect("it can be run");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(3) && text.contains(said) && !text.contains("s3cret"), "{text}");
    }
}

#[test]
fn a_terminal_shows_the_mirror_live_through_an_outage() {
    let server = Server::start(chaincore_postgres::Options::fast());
    let database = empty(&server, "monitor live");
    blocks(&database, 0, 50);
    node(&database, 1000);
    let writer = Writer::of(&server, &database);
    sql(&database, "UPDATE chaincore.sync_state SET mode = 'catch-up'");
    let args = ["db", "--interval", "0.2"];
    let variables = [("CHAINCORE_MIRROR", database.url.as_str())];
    let mut terminal = Terminal::start(&binary("chaincore-monitor"), &args, &variables, (110, 50));
    terminal.wait_for_all(&[
        "ChainCore mirror  BEHIND",
        "950 blocks missing",
        "mode catch-up · height 50 of 1,000",
        "mined by, of 51 blocks",
        "never verified",
    ]);
    assert!(terminal.is_full_screen() && terminal.has_colour());
    blocks(&database, 51, 1000);
    sql(&database, "UPDATE chaincore.sync_state SET mode = 'tip'");
    terminal.wait_for_all(&["up to date", "height 1,000 of 1,000 · 0 blocks behind", "rows/s", "tables, "]);

    drop(writer);
    terminal.wait_for("nobody writes");
    server.stop_fast();
    terminal.wait_for_all(&["OUT OF REACH", "what follows is what was seen before"]);
    server.restart();
    terminal.wait_for("ChainCore mirror  BEHIND");
    for (width, lines, part) in [(40, 30, "mirror"), (10, 3, "ChainCore"), (110, 50, "q quit")] {
        terminal.resize(width, lines);
        terminal.wait_for(part);
    }
    assert_eq!(terminal.quit(), 1, "the code tells what was seen last");
    terminal.is_restored();
}

/// What the writer of a real node leaves is what the monitor understands.
#[test]
fn the_mirror_of_a_real_node() {
    let database = Server::shared().database("monitor node");
    let mut node =
        TestNode::start(&["-regtest", "-connect=0", "-flushblocks=1", &format!("--mirror={}", database.url)]);
    node.rpc("generatetoaddress", json!([20, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z"]));
    let since = Instant::now();
    let report = loop {
        let (code, report) = look(&database.url);
        if code == Some(0) && report["status"]["sync"]["tip_height"] == 20 {
            break report;
        }
        assert!(since.elapsed() < Duration::from_secs(120), "{report:#}\n{}", node.log_tail());
        std::thread::sleep(Duration::from_millis(200));
    };
    let status = &report["status"];
    assert_eq!((&status["sync"]["mode"], &status["sync"]["totals"]["blocks"]), (&json!("tip"), &json!(21)));
    assert_eq!(status["sync"]["tip_hash"], node.get_json("/status")["best_block_hash"]);
    assert_eq!(status["blocks"].as_array().map(Vec::len), Some(12));
    node.kill();
    let since = Instant::now();
    loop {
        let (code, report) = look(&database.url);
        if code == Some(1) && has_trouble(&report, "nobody writes") {
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "{report:#}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
