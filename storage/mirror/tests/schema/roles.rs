//! What owner, writer and reader may do, by rights and not by settings.

use std::sync::LazyLock;

use crate::mirrored::migrate;
use chaincore_postgres::{Database, Options, Server};

/// Roles belong to a server, so these tests have one of their own.
static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let server = Server::start(Options::fast());
    let roles = "CREATE ROLE chaincore_owner LOGIN CREATEROLE; CREATE ROLE nobody_known LOGIN; CREATE ROLE known LOGIN";
    server.sql("postgres", roles).expect("a new server has no roles");
    server
});

/// A mirror of the role `chaincore_owner`.
fn owned(hint: &str) -> Database {
    let database = SERVER.database(hint);
    let name = &database.name;
    database.sql(&format!("ALTER DATABASE {name} OWNER TO chaincore_owner")).expect("the superuser may");
    migrate(&database.url_as("chaincore_owner")).expect("an owner may migrate its own database");
    database
}

fn refused(database: &Database, role: &str, text: &str) -> bool {
    match database.sql_as(role, text) {
        Ok(_) => false,
        Err(error) => {
            let error = error.to_string();
            assert!(
                ["permission denied", "must be owner", "must be superuser"]
                    .iter()
                    .any(|why| error.contains(why)),
                "{role} was refused {text} for another reason: {error}"
            );
            true
        }
    }
}

#[test]
fn each_role_may_do_what_it_should_and_nothing_else() {
    let database = owned("matrix");
    let owner = |text: &str| database.sql_as("chaincore_owner", text).unwrap();
    owner("SELECT chaincore.add_reader('analyst', 3), chaincore.add_writer('importer')");
    let row = "INSERT INTO chaincore.pools VALUES (900, 'N', NULL)";
    // What is tried, and whether reader, writer and owner may; a role with no rights may nothing of it.
    let matrix = [
        ("SELECT count(*) FROM chaincore.blocks", true, true, true),
        ("SELECT count(*) FROM chaincore.outputs_p0000", true, true, true),
        ("SELECT count(*) FROM analytics.daily_chain", true, true, true),
        ("SELECT count(*) FROM analytics.utxo_age_bands", true, true, true),
        (
            "SELECT * FROM analytics.address_history('x'), analytics.pool_share_over('1 day')",
            true,
            true,
            true,
        ),
        ("SELECT version FROM chaincore._sqlx_migrations", true, true, true),
        ("BEGIN; INSERT INTO chaincore.pools VALUES (901, 'M', NULL); ROLLBACK", false, true, true),
        (
            "BEGIN; INSERT INTO chaincore.pool_rules (version, pool_id, address) VALUES (1, 1, 'x'); ROLLBACK",
            false,
            true,
            true,
        ),
        ("UPDATE chaincore.blocks SET pool_id = 1", false, true, true),
        ("DELETE FROM chaincore.utxos", false, true, true),
        ("COPY chaincore.outputs_p0000 FROM STDIN;\n\\.\n", false, true, true),
        ("SELECT chaincore.recompute_pools()", false, true, true),
        ("SELECT chaincore.ensure_partition(0)", false, true, true),
        ("SELECT analytics.refresh()", false, true, true),
        ("BEGIN; TRUNCATE chaincore.utxos; ROLLBACK", false, false, true),
        ("BEGIN; DROP TABLE chaincore.mempool_events; ROLLBACK", false, false, true),
        ("BEGIN; CREATE INDEX ON chaincore.utxos (value); ROLLBACK", false, false, true),
        ("BEGIN; CREATE TABLE chaincore.mine (n int); ROLLBACK", false, false, true),
        ("BEGIN; CREATE VIEW analytics.mine AS SELECT 1; ROLLBACK", false, false, true),
        ("BEGIN; CREATE SCHEMA mine; ROLLBACK", false, false, true),
        ("BEGIN; DELETE FROM chaincore._sqlx_migrations; ROLLBACK", false, false, true),
        ("CREATE TEMPORARY TABLE mine (n int)", false, false, true),
        ("SELECT chaincore.grant_roles()", false, false, true),
        ("SELECT chaincore.add_reader('analyst')", false, false, true),
        ("SELECT chaincore.publish()", false, false, false),
        ("SELECT pg_read_file('postgresql.conf')", false, false, false),
        ("COPY (SELECT 1) TO PROGRAM 'true'", false, false, false),
    ];
    for (text, reader, writer, by_owner) in matrix {
        // Settings are no wall: the reader switches off what only keeps it from mistakes.
        let text = format!("SET default_transaction_read_only = off; {text}");
        let roles = [("analyst", reader), ("importer", writer), ("nobody_known", false)];
        for (role, may) in roles {
            assert_eq!(!refused(&database, role, &text), may, "{role}: {text}");
        }
        if by_owner {
            owner(&text);
        } else if !text.contains("publish") {
            assert!(refused(&database, "chaincore_owner", &text), "{text}");
        }
    }
    owner(row);
    assert!(refused(
        &database,
        "analyst",
        "SET default_transaction_read_only = off; DELETE FROM chaincore.pools"
    ));
    // Groups are nobody's login.
    for group in ["chaincore_reader", "chaincore_writer"] {
        let error = database.sql_as(group, "SELECT 1").unwrap_err().to_string();
        assert!(error.contains("not permitted to log in"), "{error}");
    }
}

#[test]
fn a_reader_has_courteous_settings_of_its_own_in_this_database_only() {
    let database = owned("settings");
    let ask = "SHOW default_transaction_read_only; SHOW statement_timeout; SHOW work_mem";
    database.sql_as("chaincore_owner", "SELECT chaincore.add_reader('reader_of_settings', 7)").unwrap();
    assert_eq!(database.sql_as("reader_of_settings", ask).unwrap(), "on\n1min\n64MB");
    let error =
        database.sql_as("reader_of_settings", "CREATE TEMPORARY TABLE t (n int)").unwrap_err().to_string();
    assert!(error.contains("read-only transaction") || error.contains("permission denied"), "{error}");
    let limit =
        database.sql("SELECT rolconnlimit FROM pg_roles WHERE rolname = 'reader_of_settings'").unwrap();
    assert_eq!(limit, "7");
    // A role that exists already is let in as it is, and twice does no harm.
    for _ in 0..2 {
        database.sql("SELECT chaincore.add_reader('known')").unwrap();
    }
    assert_eq!(database.sql_as("known", "SELECT count(*) FROM chaincore.blocks").unwrap(), "0");
    let elsewhere = SERVER.database("elsewhere");
    assert!(elsewhere.sql_as("reader_of_settings", ask).unwrap().starts_with("off\n0\n"));
}

#[test]
fn what_is_made_later_can_be_read_and_written_at_once() {
    let database = owned("later");
    database
        .sql_as(
            "chaincore_owner",
            "SELECT chaincore.add_reader('reader_of_later'), chaincore.add_writer('writer_of_later')",
        )
        .unwrap();
    // The writer, who may make no table, makes room for a new range of heights and fills the leaf.
    assert_eq!(database.sql_as("writer_of_later", "SELECT chaincore.ensure_partition(50000)").unwrap(), "t");
    let insert =
        "INSERT INTO chaincore.inputs_p0001 (tx_id, prev_tx_id, value, script_key, sequence, vin, prev_vout,
            witness_size, scriptsig_size, script_type)
        VALUES (chaincore.first_tx_id(50001), 0, 5, 0, 0, 0, 0, 0, 0, 0)";
    database.sql_as("writer_of_later", insert).unwrap();
    assert_eq!(database.sql_as("reader_of_later", "SELECT value FROM chaincore.inputs_p0001").unwrap(), "5");
    assert_eq!(database.sql_as("reader_of_later", "SELECT value FROM chaincore.inputs").unwrap(), "5");
    let owner = "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname LIKE '%_p000_'";
    assert_eq!(database.sql(owner).unwrap(), "chaincore_owner");
    assert!(refused(&database, "writer_of_later", "DROP TABLE chaincore.inputs_p0001"));
    // A function with the owner's rights does not run what a caller puts in its way.
    database.sql("CREATE SCHEMA trap; GRANT ALL ON SCHEMA trap TO writer_of_later").unwrap();
    database
        .sql_as(
            "writer_of_later",
            "CREATE FUNCTION trap.to_regclass(text) RETURNS regclass LANGUAGE plpgsql
                AS 'BEGIN RAISE EXCEPTION ''run as %'', current_user; END';
             CREATE FUNCTION trap.format(text, text) RETURNS text LANGUAGE plpgsql
                AS 'BEGIN RAISE EXCEPTION ''run as %'', current_user; END';
             SET search_path = trap, pg_catalog;
             SELECT chaincore.ensure_partition(100000), analytics.refresh()",
        )
        .unwrap();
}

#[test]
fn an_owner_who_may_not_create_roles_still_has_a_working_mirror() {
    let server = Server::start(Options::fast().set("log_min_messages", "notice"));
    server.sql("postgres", "CREATE ROLE plain LOGIN; CREATE ROLE guest LOGIN; CREATE ROLE landlord").unwrap();
    let database = server.database("plain");
    let name = &database.name;
    // Not even the database is its own; it may only make schemas in it.
    database
        .sql(&format!("ALTER DATABASE {name} OWNER TO landlord; GRANT CREATE ON DATABASE {name} TO plain"))
        .unwrap();
    migrate(&database.url_as("plain")).unwrap();
    assert!(server.log().contains("may not create chaincore_reader, chaincore_writer"), "{}", server.log());
    let insert = "INSERT INTO chaincore.sync_state (network, genesis_hash, mode, plugin_version)
        VALUES ('regtest', decode(repeat('00', 32), 'hex'), 'bulk', '1')";
    database.sql_as("plain", insert).unwrap();
    assert_eq!(database.sql_as("plain", "SELECT chaincore.ensure_partition(50000)").unwrap(), "t");
    assert!(refused(&database, "guest", "SELECT 1 FROM chaincore.blocks"));
    assert_eq!(database.sql_as("plain", "SELECT chaincore.grant_roles()").unwrap(), "f");
    // The one who may creates them; the owner then gives the rights.
    server
        .sql(
            "postgres",
            "CREATE ROLE chaincore_reader; CREATE ROLE chaincore_writer; GRANT chaincore_reader TO guest",
        )
        .unwrap();
    assert_eq!(database.sql_as("plain", "SELECT chaincore.grant_roles()").unwrap(), "t");
    assert_eq!(database.sql_as("guest", "SELECT count(*) FROM chaincore.blocks").unwrap(), "0");
    assert!(server.log().contains("plain does not own database"), "{}", server.log());
}
