//! Tables, partitions and their functions.

use crate::mirrored::{database, migrate};
use chaincore_postgres::Server;

#[test]
fn migrations_run_twice_change_nothing_the_second_time() {
    let database = Server::shared().database("twice");
    migrate(&database.url).unwrap();
    let look = "SELECT version, success, encode(checksum, 'hex'), installed_on FROM chaincore._sqlx_migrations ORDER BY 1;
        SELECT oid, relname, relfilenode FROM pg_class WHERE relnamespace = 'chaincore'::regnamespace ORDER BY 1";
    let once = database.sql(look).unwrap();
    assert!(once.starts_with("1|t|"), "{once}");
    migrate(&database.url).unwrap();
    assert_eq!(database.sql(look).unwrap(), once);
    // Nothing was put where a user of the same database may have things of their own.
    assert_eq!(
        database.sql("SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace").unwrap(),
        "0"
    );
}

#[test]
fn the_documented_tables_are_there() {
    let database = database("documented");
    for name in ["blocks", "transactions", "utxos", "nodes", "mining_stats", "address_balances"] {
        assert_eq!(database.sql(&format!("SELECT count(*) FROM chaincore.{name}")).unwrap(), "0", "{name}");
    }
}

#[test]
fn large_tables_have_no_index_before_they_are_loaded_and_all_others_a_primary_key() {
    let database = database("indexes");
    let without_key = database
        .sql(
            "SELECT string_agg(c.relname, ' ' ORDER BY c.relname) FROM pg_class c
             WHERE c.relnamespace = 'chaincore'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
               AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid)",
        )
        .unwrap();
    assert_eq!(without_key, "address_balances inputs outputs transactions utxos");
    let keyless = database
        .sql(
            "SELECT count(*) FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid
             WHERE c.relnamespace = 'chaincore'::regnamespace AND c.relkind IN ('r', 'p')
             GROUP BY c.oid HAVING NOT bool_or(i.indisprimary)",
        )
        .unwrap();
    assert_eq!(keyless, "");
}

#[test]
fn partitions_are_made_once_and_hold_what_belongs_to_them() {
    let database = database("partitions");
    let call = |height: i64| database.sql(&format!("SELECT chaincore.ensure_partition({height})"));
    assert_eq!(call(0).unwrap(), "f");
    assert_eq!(call(49_999).unwrap(), "f");
    assert_eq!(call(50_000).unwrap(), "t");
    assert_eq!(call(50_000).unwrap(), "f");
    assert_eq!(call(i64::from(i32::MAX)).unwrap(), "t");
    assert!(call(-1).unwrap_err().to_string().contains("no partition for height -1"));
    let names = database
        .sql(
            "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
             WHERE relispartition AND relkind = 'r' AND relname LIKE 'inputs%'",
        )
        .unwrap();
    assert_eq!(names, "inputs_p0000 inputs_p0001 inputs_p42949");
    let insert = |heights: &str| {
        database.sql(&format!(
            "INSERT INTO chaincore.outputs(tx_id, value, script_key, vout, script_type)
             SELECT chaincore.first_tx_id(h) + 7, 5000000000, 1, 0, 5 FROM unnest(ARRAY[{heights}]) h"
        ))
    };
    insert("0, 49999, 50000, 99999").unwrap();
    assert!(insert("100000").unwrap_err().to_string().contains("no partition of relation"));
    let leaf = "SELECT string_agg(chaincore.height_of(tx_id)::text, ' ' ORDER BY tx_id) FROM chaincore.outputs_p0001";
    assert_eq!(database.sql(leaf).unwrap(), "50000 99999");
    // The keys that the writer adds to the parent come to each partition, made before or after.
    database.sql("ALTER TABLE chaincore.outputs ADD PRIMARY KEY (tx_id, vout)").unwrap();
    assert_eq!(call(100_000).unwrap(), "t");
    let keyed = database
        .sql("SELECT indisprimary FROM pg_index WHERE indrelid = 'chaincore.outputs_p0002'::regclass")
        .unwrap();
    assert_eq!(keyed, "t");
}

#[test]
fn places_in_the_chain_are_numbers_of_height_and_position() {
    let database = database("places");
    let shown = database
        .sql(
            "SELECT chaincore.height_of(0), chaincore.height_of((840000::bigint << 20) + 1048575),
                    chaincore.first_tx_id(840000), chaincore.first_tx_id(2147483647),
                    chaincore.partition_of('inputs', 840000), chaincore.height_of(null) IS NULL",
        )
        .unwrap();
    assert_eq!(shown, "0|840000|880803840000|2251799812636672|inputs_p0016|t");
}

#[test]
fn a_script_key_is_the_head_of_its_hash_as_a_signed_number() {
    let database = database("keys");
    // SHA256 of nothing begins with e3b0c44298fc1c14, of `abc` with ba7816bf8f01cfea.
    let shown = database
        .sql("SELECT chaincore.script_key(''), chaincore.script_key('abc'), to_hex(chaincore.script_key('abc'))")
        .unwrap();
    let key = |hex: u64| hex.cast_signed();
    let (empty, abc) = (key(0xe3b0_c442_98fc_1c14), key(0xba78_16bf_8f01_cfea));
    assert_eq!(shown, format!("{empty}|{abc}|ba7816bf8f01cfea"));
}

#[test]
fn transactions_are_found_by_their_id_even_if_it_stands_twice() {
    let database = database("txid");
    database
        .sql(
            "INSERT INTO chaincore.transactions(tx_id, fee, input_value, output_value, version, locktime, weight, size, n_in,
                n_out, flags, txid)
             SELECT chaincore.first_tx_id(h), 0, 0, 0, 1, 0, 400, 100, 0, 1, f, decode(t, 'hex')
             FROM (VALUES (91812, 1, repeat('d5', 32)), (91842, 1, repeat('d5', 32)),
                          (91843, 3, repeat('d5', 8) || repeat('00', 24))) AS v(h, f, t)",
        )
        .unwrap_err();
    database.sql("SELECT chaincore.ensure_partition(91812)").unwrap();
    database
        .sql(
            "INSERT INTO chaincore.transactions(tx_id, fee, input_value, output_value, version, locktime, weight, size, n_in,
                n_out, flags, txid)
             SELECT chaincore.first_tx_id(h), 0, 0, 0, 1, 0, 400, 100, 0, 1, f, decode(t, 'hex')
             FROM (VALUES (91812, 1, repeat('d5', 32)), (91842, 1, repeat('d5', 32)),
                          (91843, 3, repeat('d5', 8) || repeat('00', 24))) AS v(h, f, t)",
        )
        .unwrap();
    let find = |id: &str| {
        let call = format!(
            "SELECT string_agg(chaincore.height_of(t)::text, ' ') FROM chaincore.transaction_ids(decode({id}, 'hex')) t"
        );
        database.sql(&call).unwrap()
    };
    assert_eq!(find("repeat('d5', 32)"), "91812 91842");
    assert_eq!(find("repeat('d5', 8) || repeat('00', 24)"), "91843");
    assert_eq!(find("repeat('ff', 32)"), "");
    let flags =
        "SELECT string_agg(chaincore.height_of(tx_id)::text, ' ' ORDER BY tx_id) FROM chaincore.transactions
        WHERE chaincore.has_flag(flags, 'segwit')";
    assert_eq!(database.sql(flags).unwrap(), "91843");
    assert_eq!(database.sql("SELECT chaincore.has_flag(1, 'no such flag') IS NULL").unwrap(), "t");
}

#[test]
fn the_mirror_has_one_state_and_its_tip_is_both_height_and_hash() {
    let database = database("state");
    let insert = |more: &str, values: &str| {
        database.sql(&format!(
            "INSERT INTO chaincore.sync_state(network, genesis_hash, mode, plugin_version{more})
             VALUES ('regtest', decode(repeat('06', 32), 'hex'), 'bulk', '1'{values})"
        ))
    };
    assert!(insert(", tip_height", ", 5").is_err());
    assert!(insert(", tip_hash", ", '\\x00'").is_err());
    insert("", "").unwrap();
    assert!(insert("", "").unwrap_err().to_string().contains("sync_state_pkey"));
}

#[test]
fn mining_stats_tell_day_and_pool_with_stale_blocks_and_local_miners() {
    let database = database("mining");
    // 2024-01-01 has three blocks: two of pool 1 (one empty), one of nobody known; the day after one stale block of
    // pool 1 only, whose header says so in bytes 68 to 71 (1704153600 = 0x65935280, least significant first).
    database
        .sql(
            "INSERT INTO chaincore.pools VALUES (-1, 'Lone Miner', null);
             INSERT INTO chaincore.blocks(height, hash, prev_hash, merkle_root, version, time, median_time, bits, nonce,
                difficulty, chainwork, size, stripped_size, weight, tx_count, input_count, output_count, input_value,
                output_value, subsidy, fees, coinbase_value, coinbase_script, segwit_txs, taproot_inputs, rbf_txs,
                op_return_count, utxo_delta, unspendable_value, pool_id)
             SELECT h, decode(lpad(to_hex(h), 64, '0'), 'hex'), '', '', 1, t::timestamptz, t::timestamptz, 1, 1, 1, '', 1,
                1, w, n, 0, 0, 0, 0, 50, f, 50, '', 0, 0, 0, 0, 0, 0, p
             FROM (VALUES (1, '2024-01-01 00:00:00Z', 1000000, 1, 0, -1), (2, '2024-01-01 12:00:00Z', 3000000, 5, 70, -1),
                          (3, '2024-01-01 23:59:59Z', 4000000, 2, 30, null)) AS v(h, t, w, n, f, p);
             INSERT INTO chaincore.stale_blocks VALUES ('\\xff', 4, '', decode(repeat('00', 68) || '80529365' ||
                repeat('00', 8), 'hex'), 9, 1000, -1, 1, now());
             INSERT INTO chaincore.miner_events VALUES
                (now(), 'a', 1, 'accepted', 2, decode(lpad('2', 64, '0'), 'hex'), 40, null),
                (now(), 'a', 2, 'rejected', 2, decode(lpad('2', 64, '0'), 'hex'), 99, 'duplicate'),
                (now(), 'a', 3, 'template', 3, null, 1, null);
             UPDATE chaincore.blocks SET coinbase_address = 'lone' WHERE pool_id = -1;
             INSERT INTO chaincore.miner_events (at, node_id, seq, kind, worker, address, hash_rate) VALUES
                ('2024-01-01 01:00:00Z', 'a', 4, 'report', 'rig1', 'lone', 100),
                ('2024-01-01 02:00:00Z', 'a', 5, 'report', 'rig1', 'lone', 300),
                ('2024-01-01 02:00:00Z', 'b', 5, 'report', 'rig2', 'lone', 50),
                ('2024-01-02 02:00:00Z', 'a', 6, 'report', 'rig1', 'lone', 100),
                ('2024-01-01 02:00:00Z', 'a', 7, 'report', 'rig1', 'somebody', 9)",
        )
        .unwrap();
    // The session's time zone must not move a block to another day.
    let shown = database
        .sql(
            "SET timezone = 'Asia/Tokyo';
             SELECT day, pool, blocks, round(share::numeric, 4), stale_blocks, empty_blocks, fees, subsidy, fullness,
                local_accepted, local_latency_ms, local_workers, local_hash_rate
             FROM chaincore.mining_stats ORDER BY day, pool",
        )
        .unwrap();
    assert_eq!(
        shown,
        "2024-01-01|Lone Miner|2|0.6667|0|1|70|100|0.5|1|40|2|250\n\
         2024-01-01|unknown|1|0.3333|0|0|30|50|1|0||0|0\n\
         2024-01-02|Lone Miner|0||1|0|0|0||0||0|0"
    );
}
