//! Servers for tests: they answer, they are apart from each other, they end with their process.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use chaincore_postgres::{Options, Server};

/// Waits for something that must come; how long it takes is not what is tested.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "never came: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn lives(process: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
    stat.is_ok_and(|text| !text.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

#[test]
fn threads_share_a_server_and_have_databases_of_their_own() {
    let threads: Vec<_> = (0..4)
        .map(|number| {
            std::thread::spawn(move || {
                let server = Server::shared();
                let database = server.database("Same name!");
                database.sql(&format!("CREATE TABLE t AS SELECT {number} AS n")).unwrap();
                let copy = database.copy("copy");
                database.sql("DROP TABLE t").unwrap();
                assert_eq!(copy.sql("SELECT n FROM t").unwrap(), number.to_string());
                (server.process(), database.name.clone())
            })
        })
        .collect();
    let seen: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert!(seen.iter().all(|(process, _)| process == &seen[0].0 && process.is_some()));
    let left = Server::shared().sql("postgres", "SELECT datname FROM pg_database").unwrap();
    for (_, name) in &seen {
        assert!(name.contains("same_name_"), "{name}");
        assert!(!left.contains(name.as_str()), "{name} was not dropped: {left}");
    }
}

#[test]
fn what_is_wrong_in_sql_is_an_error_that_says_it() {
    let database = Server::shared().database("errors");
    let error = database.sql("SELECT 1; SELECT nothing_like_this; CREATE TABLE after_it()").unwrap_err();
    assert!(error.to_string().contains("nothing_like_this"), "{error}");
    assert_eq!(database.sql("SELECT to_regclass('after_it') IS NULL").unwrap(), "t");
    database.sql("CREATE ROLE errors_guest LOGIN").unwrap();
    assert_eq!(database.sql_as("errors_guest", "SELECT current_user").unwrap(), "errors_guest");
    database.sql("DROP ROLE errors_guest").unwrap();
}

#[test]
fn what_was_committed_outlives_a_crash_and_a_restart() {
    let server = Server::start(Options::fast().durable());
    assert_eq!(server.sql("postgres", "SHOW fsync").unwrap(), "on");
    assert_eq!(server.sql("postgres", "SHOW synchronous_commit").unwrap(), "on");
    let database = server.database("crash");
    database.sql("CREATE TABLE t(n int); INSERT INTO t VALUES (1)").unwrap();
    let before = server.process();
    server.kill();
    assert_eq!(server.process(), None);
    assert!(database.sql("SELECT 1").is_err());
    server.restart();
    assert_ne!(server.process(), before);
    assert!(server.log().contains("was not properly shut down"), "{}", server.log());
    database.sql("INSERT INTO t VALUES (2)").unwrap();
    server.stop_fast();
    assert!(database.sql("SELECT 1").is_err());
    server.restart();
    assert_eq!(database.sql("SELECT sum(n) FROM t").unwrap(), "3");
    server.restart();
    assert_eq!(database.sql("SELECT sum(n) FROM t").unwrap(), "3");
}

#[test]
fn a_frozen_server_answers_when_it_goes_on_and_can_be_killed_as_it_is() {
    let server = Server::start(Options::fast().durable());
    let database = server.database("frozen");
    database.sql("CREATE TABLE t(n int)").unwrap();
    server.freeze();
    let (asked, answers) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            asked.send(database.sql("INSERT INTO t VALUES (7) RETURNING n").map_err(|e| e.to_string()))
        });
        // It cannot have answered: nothing of the server runs. What shows that it was not luck is the state.
        let state = std::fs::read_to_string(format!("/proc/{}/stat", server.process().unwrap())).unwrap();
        assert!(state.rsplit(')').next().unwrap().trim_start().starts_with('T'), "{state}");
        assert!(answers.try_recv().is_err());
        server.thaw();
        assert_eq!(answers.recv().unwrap(), Ok("7".to_owned()));
    });
    server.freeze();
    server.kill();
    server.restart();
    assert_eq!(database.sql("SELECT count(*) FROM t").unwrap(), "1");
    server.freeze();
    let folder = server.folder().to_owned();
    drop(server);
    assert!(!folder.exists());
    drop(database);
}

#[test]
fn loopback_takes_only_tls_with_a_certificate_that_can_be_verified() {
    let server = Server::start(Options::fast().tls());
    let ask = |url: String| {
        let mut psql = server.command("psql");
        psql.env_remove("PGHOST").env_remove("PGPORT").args(["-X", "-A", "-t", "-c"]);
        psql.arg("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").arg(url);
        psql.output().unwrap()
    };
    let verified = ask(server.tls_url("postgres"));
    assert_eq!(String::from_utf8_lossy(&verified.stdout), "t\n", "{verified:?}");
    let plain = ask(server.tls_url("postgres").replace("verify-full", "disable"));
    assert!(String::from_utf8_lossy(&plain.stderr).contains("no encryption"), "{plain:?}");
    let other = Server::start(Options::fast().tls());
    let (mine, others) = (server.authority().unwrap(), other.authority().unwrap());
    let url = server.tls_url("postgres").replace(mine.to_str().unwrap(), others.to_str().unwrap());
    let stranger = ask(url);
    // Both authorities have one name, so it is the signature that fails, whatever OpenSSL calls that.
    assert!(String::from_utf8_lossy(&stranger.stderr).contains("SSL error"), "{stranger:?}");
    assert_eq!(server.sql("postgres", "SELECT 1").unwrap(), "1");
}

#[test]
fn settings_are_taken_and_a_wrong_one_is_told_from_the_log() {
    let server =
        Server::start(Options::fast().logical().set("work_mem", "7MB").set("cluster_name", "it's ours"));
    let shown =
        server.sql("postgres", "SHOW wal_level; SHOW work_mem; SHOW cluster_name; SHOW fsync").unwrap();
    assert_eq!(shown, "logical\n7MB\nit's ours\noff");
    let error = Server::try_start(Options::fast().set("work_mem", "much")).map(drop).unwrap_err();
    assert!(error.to_string().contains("invalid value for parameter \"work_mem\""), "{error}");
}

#[test]
fn a_standby_follows_and_refuses_writes() {
    let server = Server::start(Options::fast());
    server.sql("postgres", "CREATE TABLE t(n int)").unwrap();
    let standby = server.standby(Options::fast());
    server.sql("postgres", "INSERT INTO t VALUES (5)").unwrap();
    until("the row", || standby.sql("postgres", "SELECT n FROM t").unwrap() == "5");
    let refused = standby.sql("postgres", "INSERT INTO t VALUES (6)").unwrap_err().to_string();
    assert!(refused.contains("read-only transaction"), "{refused}");
}

const CHILD: &str = "CHAINCORE_POSTGRES_TEST_CHILD";

/// Not a test by itself: what [`no_server_outlives_its_process`] runs in a process that it then kills.
#[test]
fn child_that_is_killed() {
    let Some(freeze) = std::env::var_os(CHILD) else { return };
    // Started in a thread that ends: the server must not end with it.
    let server = std::thread::spawn(Server::shared).join().unwrap();
    if freeze == "frozen" {
        server.freeze();
    } else {
        assert_eq!(server.sql("postgres", "SELECT 1").unwrap(), "1");
    }
    println!("\nserver {} {}", server.process().unwrap(), server.folder().display());
    loop {
        std::thread::sleep(Duration::from_secs(60));
    }
}

#[test]
fn no_server_outlives_its_process() {
    for how in ["running", "frozen"] {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_that_is_killed", "--exact", "--nocapture"])
            .env(CHILD, how)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let said = lines.map(Result::unwrap).find(|line| line.starts_with("server ")).unwrap();
        let mut words = said.split(' ').skip(1);
        let (process, folder) = (words.next().unwrap(), PathBuf::from(words.next().unwrap()));
        assert!(lives(process) && folder.join("data").is_dir());
        child.kill().unwrap();
        child.wait().unwrap();
        until("the end of the server", || !lives(process));
        until("the end of its folder", || !Path::new(&folder).exists());
    }
}
