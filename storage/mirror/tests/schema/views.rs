//! The analysts' views on a small chain, with answers computed by hand from the table at the top of `chain.sql`, on an
//! empty mirror and on one with a single block.

use crate::mirrored::{chain, database};

#[test]
fn daily_chain_counts_and_times_the_blocks_of_a_day() {
    // Day one: 6 h, as the 12 h from block 0 do not count. Day two: 30 h from the day before, then 6 h. What moved on day two is
    // 30 + 0.1 + 19.899 in block 3, 29.9999 and 300 satoshi and 29.9998 in block 4.
    assert_eq!(
        chain("daily").sql("SELECT * FROM analytics.daily_chain ORDER BY day").unwrap(),
        "2024-01-01|3|3|0|3|0|0|15000000000|21600|0.1|300000\n\
         2024-01-03|2|5|3|8|10999870300|119700|10000000000|64800|0.75|1500000"
    );
}

#[test]
fn days_do_not_depend_on_the_session() {
    let chain = chain("timezone");
    for zone in ["Pacific/Kiritimati", "America/Los_Angeles"] {
        let days = "SELECT string_agg(DISTINCT day::text, ' ') FROM analytics";
        let ask = |view: &str| chain.sql(&format!("SET timezone = '{zone}'; {days}.{view}")).unwrap();
        for view in ["daily_chain", "hashrate_daily", "script_type_adoption", "op_return_daily"] {
            assert_eq!(ask(view), "2024-01-01 2024-01-03", "{view} in {zone}");
        }
        assert_eq!(ask("coin_days_destroyed"), "2024-01-03");
    }
}

#[test]
fn fee_market_tells_rates_and_the_share_of_fees() {
    // 0.001 of 50.001 coins; 19,700 of 5,000,019,700 satoshi.
    assert_eq!(
        chain("fees")
            .sql(
                "SELECT height, paying_txs, feerate_min, feerate_p10, feerate_p25, feerate_p50, feerate_p75, feerate_p90,
                    feerate_max, fees, round(fee_share::numeric, 8), fullness
                 FROM analytics.fee_market WHERE height >= 2 ORDER BY height"
            )
            .unwrap(),
        "2|0||||||||0|0.00000000|0.1\n\
         3|1|100|100|100|100|100|100|100|100000|0.00002000|0.5\n\
         4|2|10|10|10|10|20|20|20|19700|0.00000394|1"
    );
}

#[test]
fn pool_share_counts_back_from_the_tip() {
    let chain = chain("pools");
    let week = "Foundry USA|2|0.4000|100000|1|1|0.3333\nunknown|2|0.4000|19700|1|0|0.0000\n\
                AntPool|1|0.2000|0|1|0|0.0000";
    let ask = |days: i32| {
        chain
            .sql(&format!(
                "SELECT pool, blocks, round(share::numeric, 4), fees, empty_blocks, stale_blocks, round(stale_rate::numeric, 4)
                 FROM analytics.pool_share WHERE days = {days} ORDER BY blocks DESC, pool COLLATE \"C\""
            ))
            .unwrap()
    };
    for days in [7, 30, 365] {
        assert_eq!(ask(days), week, "{days} days");
    }
    // The last day holds blocks 3 and 4 and the stale one; six hours hold block 4 alone, for block 3 is just as old,
    // and the stale block, of 05:00.
    let over = |span: &str| {
        chain
            .sql(&format!(
                "SELECT pool, blocks, share, stale_blocks FROM analytics.pool_share_over('{span}') ORDER BY pool COLLATE \"C\""
            ))
            .unwrap()
    };
    assert_eq!(over("1 day"), "Foundry USA|1|0.5|1\nunknown|1|0.5|0");
    assert_eq!(over("6 hours"), "Foundry USA|0|0|1\nunknown|1|1|0");
    assert_eq!(over("0 hours"), "");
}

#[test]
fn hashrate_is_work_over_time() {
    // 648,000 hashes a block and 64,800 s on day one; twice as many of both on day two. Block 0 is no part of it.
    assert_eq!(
        chain("hashrate")
            .sql(
                "SELECT day, pool, blocks, round(hashrate::numeric, 6), round(network_hashrate::numeric, 6)
                 FROM analytics.hashrate_daily ORDER BY day, pool COLLATE \"C\""
            )
            .unwrap(),
        "2024-01-01|AntPool|1|10.000000|20.000000\n2024-01-01|Foundry USA|1|10.000000|20.000000\n\
         2024-01-03|Foundry USA|1|10.000000|20.000000\n2024-01-03|unknown|1|10.000000|20.000000"
    );
    // The easiest target of Bitcoin takes 2^48 / 65535 hashes.
    let work = database("work").sql("SELECT analytics.work_of(1)::numeric(20, 3)").unwrap();
    assert_eq!(work, "4295032833.000");
}

#[test]
fn difficulty_epochs_are_2016_blocks_and_the_next_change_is_foretold() {
    let database = database("epochs");
    database.sql("SELECT chaincore.ensure_partition(0)").unwrap();
    // Epoch 0 ticks every 600 s, epoch 1 every 300 s at twice the difficulty (with one easy block, as test networks
    // have), and of epoch 2 there are 11 blocks, 1,200 s apart, at three times the difficulty.
    database
        .sql(
            "INSERT INTO chaincore.blocks (height, hash, prev_hash, merkle_root, version, time, median_time, bits, nonce,
                difficulty, chainwork, size, stripped_size, weight, tx_count, input_count, output_count, input_value,
                output_value, subsidy, fees, coinbase_value, coinbase_script, segwit_txs, taproot_inputs, rbf_txs,
                op_return_count, utxo_delta, unspendable_value)
             SELECT h, decode(lpad(to_hex(h), 64, '0'), 'hex'), '', '', 1, t, t, 1, 1, d, '', 1, 1, 4, 1, 0, 1, 0, 0, 0, 0, 0,
                '', 0, 0, 0, 0, 0, 0
             FROM (SELECT h, CASE WHEN h < 2016 THEN 1000 WHEN h = 3000 THEN 1 WHEN h < 4032 THEN 2000 ELSE 3000 END AS d,
                      to_timestamp(CASE WHEN h < 2016 THEN h * 600 WHEN h < 4032 THEN 2016 * 600 + (h - 2016) * 300
                          ELSE 2016 * 900 + (h - 4032) * 1200 END) AS t
                   FROM generate_series(0, 4042) AS h) AS b;
             INSERT INTO chaincore.sync_state (network, genesis_hash, mode, plugin_version)
             VALUES ('main', decode(repeat('00', 32), 'hex'), 'tip', '1')",
        )
        .unwrap();
    let ask = "SELECT epoch, from_height, to_height, blocks, seconds, difficulty, round(change_percent::numeric, 3),
            round(expected_change_percent::numeric, 3)
        FROM analytics.difficulty_epochs ORDER BY epoch";
    // 2015 intervals of 1,200 s are 2,418,000 s where the rule wants 1,209,600: a change of -49.975 per cent.
    assert_eq!(
        database.sql(ask).unwrap(),
        "0|0|2015|2016|1209000|1000||\n1|2016|4031|2016|604500|2000|100.000|\n2|4032|4042|11|12000|3000|50.000|-49.975"
    );
    // A pace 100 times too slow still cannot change it by more than four times, and other networks have other rules.
    database
        .sql("UPDATE chaincore.blocks SET time = to_timestamp(2016 * 900 + (height - 4032) * 60000) WHERE height > 4031")
        .unwrap();
    assert!(database.sql(ask).unwrap().ends_with("50.000|-75.000"));
    database.sql("UPDATE chaincore.sync_state SET network = 'chaincore'").unwrap();
    assert!(database.sql(ask).unwrap().ends_with("50.000|"));
}

#[test]
fn supply_adds_up_to_the_unspent_outputs() {
    let chain = chain("supply");
    // 50 a block but 49 in block 2; 50 of block 0 and 0.1 of block 3 nobody can spend.
    assert_eq!(
        chain
            .sql("SELECT height, minted, unclaimed, unspendable, circulating FROM analytics.supply ORDER BY height")
            .unwrap(),
        "0|5000000000|0|5000000000|0\n\
         1|10000000000|0|5000000000|5000000000\n\
         2|14900000000|100000000|5000000000|9900000000\n\
         3|19900000000|100000000|5010000000|14890000000\n\
         4|24900000000|100000000|5010000000|19890000000"
    );
    let unspent = "SELECT sum(value), (SELECT utxo_value FROM chaincore.sync_state) FROM chaincore.utxos";
    assert_eq!(chain.sql(unspent).unwrap(), "19890000000|19890000000");
}

#[test]
fn utxo_age_bands_cut_at_exact_ages() {
    let chain = chain("ages");
    let ask =
        "SELECT band, utxos, value, round(share::numeric, 4), as_of_height FROM analytics.utxo_age_bands
        WHERE utxos > 0 ORDER BY band";
    // B's 49 of block 2 is 36 h old, all the rest 6 h or new.
    assert_eq!(chain.sql(ask).unwrap(), "1|5|14990000000|0.7536|4\n2|1|4900000000|0.2464|4");
    assert_eq!(chain.sql("SELECT count(*), sum(share) FROM analytics.utxo_age_bands").unwrap(), "12|1");
    // One day to the second is in the second band, a second less in the first; ten years in the last.
    let move_to = |tip_is_later: &str| {
        chain
            .sql(&format!(
                "UPDATE chaincore.blocks SET median_time = '2024-01-01 18:00Z'::timestamptz + interval '{tip_is_later}'
                 WHERE height = 4;
                 UPDATE chaincore.blocks SET median_time = '2024-01-01 18:00Z' WHERE height = 3;
                 SELECT analytics.refresh()"
            ))
            .unwrap();
        let bands = "SELECT string_agg(band || ':' || utxos, ' ' ORDER BY band) FROM analytics.utxo_age_bands
            WHERE utxos > 0";
        chain.sql(bands).unwrap()
    };
    assert_eq!(move_to("23:59:59"), "1:6");
    assert_eq!(move_to("24:00:00"), "1:3 2:3");
    assert_eq!(move_to("3650 days"), "1:3 12:3");
}

#[test]
fn utxo_value_bands_are_powers_of_ten() {
    let chain = chain("values");
    let ask = "SELECT exponent, from_value, utxos, value, round(utxo_share::numeric, 4), dust_utxos,
            round(dust_share::numeric, 4)
        FROM analytics.utxo_value_bands WHERE utxos > 0 ORDER BY exponent";
    assert_eq!(
        chain.sql(ask).unwrap(),
        "2|100|1|300|0.1667|1|0.1667\n9|1000000000|5|19889999700|0.8333|0|0.1667"
    );
    // 294 is no dust for a key's hash with witness, but for everything else; nothing and all the money have bands.
    chain
        .sql(
            "DELETE FROM chaincore.utxos;
             INSERT INTO chaincore.utxos (tx_id, value, script_key, vout, script_type, coinbase)
             SELECT n, value, 0, 0, type, false
             FROM (VALUES (1, 0, 2), (2, 9, 2), (3, 10, 2), (4, 294, 6), (5, 293, 6), (6, 545, 2), (7, 546, 2),
                          (8, 2100000000000000, 8)) AS u(n, value, type);
             SELECT analytics.refresh()",
        )
        .unwrap();
    let bands = "SELECT string_agg(exponent || ':' || utxos || ':' || dust_utxos, ' ' ORDER BY exponent)
        FROM analytics.utxo_value_bands WHERE utxos > 0";
    assert_eq!(chain.sql(bands).unwrap(), "-1:1:1 0:1:1 1:1:1 2:4:2 15:1:0");
    assert_eq!(chain.sql("SELECT DISTINCT dust_share FROM analytics.utxo_value_bands").unwrap(), "0.625");
}

#[test]
fn script_type_adoption_shares_a_day_among_the_types() {
    assert_eq!(
        chain("types")
            .sql(
                "SELECT day, name, outputs, output_share, out_value, inputs, round(input_share::numeric, 3), in_value
                 FROM analytics.script_type_adoption WHERE day = '2024-01-03' ORDER BY script_type"
            )
            .unwrap(),
        "2024-01-03|pubkey|1|0.125|2999980000|0|0.000|0\n\
         2024-01-03|pubkeyhash|2|0.25|6990000000|1|0.333|5000000000\n\
         2024-01-03|scripthash|1|0.125|300|0|0.000|0\n\
         2024-01-03|nulldata|1|0.125|10000000|0|0.000|0\n\
         2024-01-03|witness_v0_keyhash|1|0.125|5000019700|0|0.000|0\n\
         2024-01-03|witness_v0_scripthash|1|0.125|3000000000|1|0.333|3000000000\n\
         2024-01-03|witness_v1_taproot|1|0.125|2999990000|1|0.333|2999990000"
    );
}

#[test]
fn rich_list_and_balance_distribution_rank_what_addresses_have() {
    let chain = chain("rich");
    assert_eq!(
        chain
            .sql(
                "SELECT rank, left(address, 4), balance, utxo_count, first_height, last_height, round(share::numeric, 4)
                 FROM analytics.rich_list ORDER BY rank"
            )
            .unwrap(),
        "1|bc1q|9900019700|2|2|4|0.4977\n2|1BvB|6990000000|2|1|3|0.3514\n\
         3|raw:|2999980000|1|4|4|0.1508\n4|3J98|300|1|4|4|0.0000"
    );
    let tenths = "SELECT decile, addresses, balance, round(share::numeric, 4), least, most, as_of_height
        FROM analytics.balance_distribution WHERE decile IN (1, 4, 5) ORDER BY decile";
    assert_eq!(
        chain.sql(tenths).unwrap(),
        "1|1|9900019700|0.4977|9900019700|9900019700|4\n4|1|300|0.0000|300|300|4\n5|0|0|0.0000|||4"
    );
    // 23 addresses: three tenths get one more, and those without balance do not count. The richest three have 23, 22, 21.
    chain
        .sql(
            "DELETE FROM chaincore.address_balances;
             INSERT INTO chaincore.address_balances SELECT n, n, n, 0, 1, 0, 0, 'a' || n FROM generate_series(0, 23) AS n;
             SELECT analytics.refresh()",
        )
        .unwrap();
    let tenths = "SELECT string_agg(addresses || ':' || balance, ' ' ORDER BY decile) FROM analytics.balance_distribution";
    assert_eq!(chain.sql(tenths).unwrap(), "3:66 3:57 3:48 2:27 2:23 2:19 2:15 2:11 2:7 2:3");
    assert_eq!(chain.sql("SELECT count(*), min(balance) FROM analytics.rich_list").unwrap(), "23|1");
}

#[test]
fn coin_days_are_coins_times_the_days_they_lay() {
    let chain = chain("coindays");
    // 50 coins for 1.5 days, 30 for a quarter, 29.9999 within a block: 82.5 over 109.9999 coins.
    let ask = |source: &str| {
        let columns = "SELECT day, moved, coin_days, round(mean_age_days::numeric, 6) FROM";
        chain.sql(&format!("{columns} analytics.{source}")).unwrap()
    };
    assert_eq!(ask("coin_days_destroyed"), "2024-01-03|10999990000|82.5|0.750001");
    assert_eq!(ask("coin_days_destroyed_between(0, 4)"), "2024-01-03|10999990000|82.5|0.750001");
    assert_eq!(ask("coin_days_destroyed_between(4, 4)"), "2024-01-03|5999990000|7.5|0.125000");
    assert_eq!(ask("coin_days_destroyed_between(0, 2)"), "");
    assert_eq!(ask("coin_days_destroyed_between(4, 2147483647)"), "2024-01-03|5999990000|7.5|0.125000");
    // A range of heights reads its partitions only.
    chain.sql("SELECT chaincore.ensure_partition(50000)").unwrap();
    let plan =
        chain.sql("EXPLAIN SELECT * FROM analytics.coin_days_destroyed_between(50000, 50001)").unwrap();
    assert!(plan.contains("inputs_p0001") && !plan.contains("inputs_p0000"), "{plan}");
}

#[test]
fn reorg_log_and_stale_rate_tell_what_was_dropped_and_what_came_back() {
    let chain = chain("reorgs");
    let log = "SELECT id, fork_height, depth, connected, txs_dropped, txs_still_stale, txs_reconfirmed, txs_missing,
            value_dropped, apply_ms
        FROM analytics.reorg_log";
    assert_eq!(chain.sql(log).unwrap(), "1|3|1|1|2|2|1|0|8000000000|12");
    let rate = "SELECT month, blocks, stale_blocks, round(stale_rate::numeric, 4), reorgs, deepest
        FROM analytics.stale_rate ORDER BY month";
    assert_eq!(chain.sql(rate).unwrap(), "2024-01-01|5|1|0.1667|1|1");
    // A transaction that nobody took again is missing; a coinbase never is. A reorganization whose blocks came back has
    // nothing stale any more, and a month without blocks has no rate.
    chain
        .sql(
            "UPDATE chaincore.stale_transactions SET reconfirmed_height = NULL;
             INSERT INTO chaincore.reorgs SELECT 2, '2024-02-29 23:59Z', fork_height, fork_hash, old_tip, new_tip, 7, 8, 9,
                10, 11 FROM chaincore.reorgs",
        )
        .unwrap();
    assert_eq!(
        chain.sql(&format!("{log} ORDER BY id")).unwrap(),
        "1|3|1|1|2|2|0|1|8000000000|12\n2|3|7|8|9|0|0|0|10|11"
    );
    assert_eq!(chain.sql(rate).unwrap(), "2024-01-01|5|1|0.1667|1|1\n2024-02-01|0|0||1|7");
}

#[test]
fn mempool_and_data_outputs_are_summed_up() {
    let chain = chain("sums");
    let hours = "SET timezone = 'Asia/Kolkata'; SELECT hour AT TIME ZONE 'UTC', snapshots, mean_txs, max_vsize, mean_fee,
            max_min_feerate, mean_feerate_p50
        FROM analytics.mempool_hourly ORDER BY hour";
    assert_eq!(
        chain.sql(hours).unwrap(),
        "2024-01-03 05:00:00|2|3|2470|24700|1|12\n2024-01-03 06:00:00|1|0|0|0|2.5|"
    );
    assert_eq!(
        chain.sql("SELECT * FROM analytics.op_return_daily ORDER BY day").unwrap(),
        "2024-01-01|0|0|5000000000\n2024-01-03|1|0.125|10000000"
    );
}

#[test]
fn an_address_has_a_history_and_a_balance_at_each_height() {
    let chain = chain("addresses");
    let history = |address: &str| {
        let columns =
            "SELECT height, tx_id & 1048575, right(encode(txid, 'hex'), 3), received, sent, balance";
        chain.sql(&format!("{columns} FROM analytics.address_history('{address}')")).unwrap()
    };
    let a = "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2";
    assert_eq!(
        history(a),
        "1|0|200|5000000000|0|5000000000\n3|0|400|5000100000|0|10000100000\n3|1|401|1989900000|5000000000|6990000000"
    );
    let d = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0";
    assert_eq!(history(d), "4|1|501|2999990000|0|2999990000\n4|2|502|0|2999990000|0");
    let raw = chain.sql("SELECT address FROM chaincore.address_balances WHERE address LIKE 'raw:%'").unwrap();
    assert_eq!(history(&raw), "4|2|502|2999980000|0|2999980000");
    // What nobody can spend belongs to nobody: the coinbase of block 0, data.
    for name in ["pubkey", "nulldata"] {
        let script = "SELECT 'raw:' || encode(sha256(script), 'hex') FROM chaincore.outputs JOIN chaincore.script_types
            USING (script_type) WHERE name =";
        let address = chain.sql(&format!("{script} '{name}' ORDER BY tx_id LIMIT 1")).unwrap();
        assert!(address.len() == 68 && history(&address).is_empty(), "{name}: {address}");
    }
    // One that never was used, and what is no address.
    assert_eq!(history("12higDjoCCNXSA95xZMWUdPvXNmkAduhWv"), "");
    assert_eq!(history("1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3"), "");
    let balances = format!(
        "SELECT string_agg(analytics.balance_at('{a}', h)::text, ' ' ORDER BY h) FROM generate_series(-1, 5) h"
    );
    assert_eq!(chain.sql(&balances).unwrap(), "0 0 5000000000 5000000000 6990000000 6990000000 6990000000");
    // Another script with the same key of 8 bytes has an address of its own and is not taken for this one.
    chain
        .sql(&format!(
            "INSERT INTO chaincore.outputs (tx_id, value, script_key, vout, script_type, address)
             VALUES ((2::bigint << 20) + 9, 77, chaincore.addr('{a}'), 0, 2, 'another');
             INSERT INTO chaincore.inputs (tx_id, prev_tx_id, value, script_key, sequence, vin, prev_vout, witness_size,
                scriptsig_size, script_type)
             VALUES ((4::bigint << 20) + 9, (2::bigint << 20) + 9, 77, chaincore.addr('{a}'), 0, 0, 0, 0, 0, 2)"
        ))
        .unwrap();
    assert_eq!(chain.sql(&balances).unwrap(), "0 0 5000000000 5000000000 6990000000 6990000000 6990000000");
}

#[test]
fn node_lag_compares_nodes_with_the_mirror() {
    assert_eq!(
        chain("lag")
            .sql("SELECT node_id, status, height, blocks_behind, on_active_chain FROM analytics.node_lag ORDER BY node_id")
            .unwrap(),
        "alpha|ok|4|0|t\nbeta|ok|3|1|f\ngamma|unreachable|||"
    );
}

/// Every view of the schema, and how many rows it has by nature in an empty mirror.
const VIEWS: &[(&str, u32)] = &[
    ("balance_distribution", 10),
    ("coin_days_destroyed", 0),
    ("daily_chain", 0),
    ("difficulty_epochs", 0),
    ("fee_market", 0),
    ("hashrate_daily", 0),
    ("mempool_hourly", 0),
    ("node_lag", 0),
    ("op_return_daily", 0),
    ("pool_share", 0),
    ("reorg_log", 0),
    ("rich_list", 0),
    ("script_type_adoption", 0),
    ("stale_rate", 0),
    ("supply", 0),
    ("utxo_age_bands", 12),
    ("utxo_value_bands", 17),
];

#[test]
fn an_empty_mirror_has_empty_answers() {
    let database = database("nothing");
    let names = "SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class
        WHERE relnamespace = 'analytics'::regnamespace AND relkind IN ('v', 'm')";
    let listed: Vec<_> = VIEWS.iter().map(|(name, _)| *name).collect();
    assert_eq!(database.sql(names).unwrap(), listed.join(" "));
    database.sql("SELECT analytics.refresh()").unwrap();
    for (view, rows) in VIEWS {
        let counted = database.sql(&format!("SELECT count(*) FROM analytics.{view}")).unwrap();
        assert_eq!(counted, rows.to_string(), "{view}");
    }
    let sums = "SELECT sum(utxos), sum(value), max(share), max(as_of_height) FROM analytics.utxo_age_bands;
        SELECT sum(utxos), max(dust_share), max(as_of_height) FROM analytics.utxo_value_bands;
        SELECT sum(addresses), max(share), max(as_of_height) FROM analytics.balance_distribution;
        SELECT count(*) FROM analytics.pool_share_over('1 day');
        SELECT analytics.balance_at('1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2', 0)";
    assert_eq!(database.sql(sums).unwrap(), "0|0|0|\n0|0|\n0|0|\n0\n0");
}

#[test]
fn a_mirror_of_one_block_has_answers_without_intervals() {
    let chain = chain("one");
    chain
        .sql(
            "TRUNCATE chaincore.utxos, chaincore.address_balances, chaincore.inputs, chaincore.reorgs, chaincore.stale_blocks,
                chaincore.stale_transactions;
             DELETE FROM chaincore.blocks WHERE height > 0; DELETE FROM chaincore.script_type_stats WHERE height > 0;
             UPDATE chaincore.sync_state SET utxo_value = 0; SELECT analytics.refresh()",
        )
        .unwrap();
    let ask = |text: &str| chain.sql(text).unwrap();
    assert_eq!(ask("SELECT * FROM analytics.daily_chain"), "2024-01-01|1|1|0|1|0|0|5000000000||0.1|100000");
    assert_eq!(ask("SELECT count(*) FROM analytics.hashrate_daily"), "0");
    assert_eq!(
        ask(
            "SELECT blocks, seconds, change_percent, expected_change_percent FROM analytics.difficulty_epochs"
        ),
        "1|0||"
    );
    assert_eq!(ask("SELECT minted, circulating FROM analytics.supply"), "5000000000|0");
    assert_eq!(ask("SELECT pool, share FROM analytics.pool_share WHERE days = 7"), "unknown|1");
    assert_eq!(ask("SELECT fee_share, feerate_min IS NULL FROM analytics.fee_market"), "0|t");
    assert_eq!(ask("SELECT count(*) FROM analytics.rich_list"), "0");
    assert_eq!(ask("SELECT sum(utxos), max(as_of_height) FROM analytics.utxo_age_bands"), "0|0");
    assert_eq!(ask("SELECT month, blocks, stale_rate, reorgs FROM analytics.stale_rate"), "2024-01-01|1|0|0");
    assert_eq!(ask("SELECT count(*) FROM analytics.coin_days_destroyed"), "0");
}
