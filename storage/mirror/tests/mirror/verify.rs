//! The checks: a sound mirror passes all of them, wherever it and the node are; each fails on a copy in which the thing
//! that it looks for has been spoiled.

use crate::kit::{context, database, lead, mirror, steps};
use crate::world::{Filling, World};
use chaincore_consensus::params::ChainParams;
use chaincore_mirror::connection::Server;
use chaincore_mirror::verify::{Check, Extent, Finding, Source, verify};
use chaincore_plugin::testkit::NodeDouble;
use chaincore_plugin::{BlockRef, ChainReader};
use std::collections::BTreeSet;

const FILLING: Filling = Filling { txs: 4, scripts: 5 };

/// What a node with the coins of `at` finds.
async fn findings(url: &str, world: &World, at: BlockRef, extent: Extent) -> Vec<Finding> {
    let here = world.tip();
    world.activate(at);
    let coins = world.coins().iter().map(|(outpoint, coin)| (*outpoint, coin.clone())).collect();
    world.activate(here);
    let node = NodeDouble::default();
    node.set_coins(at, coins);
    let params = world.params();
    let source = Source { chain: world, node: &node, params: &params };
    let mut told = vec![];
    let mut tell = |finding: &Finding| told.push(finding.clone());
    let found = verify(&Server::parse(url).unwrap(), source, extent, &mut tell).await.unwrap();
    assert_eq!(told, found);
    found
}

fn failed(findings: &[Finding]) -> BTreeSet<&'static str> {
    let failed = findings.iter().filter(|finding| finding.is_ok() == Some(false));
    failed.map(|finding| finding.check.name()).collect()
}

fn assert_all_ok(findings: &[Finding]) {
    for finding in findings {
        assert_eq!(finding.is_ok(), Some(true), "{finding:?}");
    }
}

/// A mirror with a history: loaded, sealed, followed, reorganized.
async fn sealed(world: &World, hint: &str) -> chaincore_postgres::Database {
    let database = database(hint);
    world.extend(40);
    let mut guide = mirror(world, &database.url);
    lead(&mut guide).await;
    world.extend(3);
    steps(&mut guide).await;
    world.take_off(5);
    world.extend(9);
    steps(&mut guide).await;
    guide.close().await;
    database
}

#[tokio::test]
async fn every_check_passes_on_a_sound_mirror_and_fails_on_a_spoiled_one() {
    let world = World::new(77, FILLING);
    let sound = sealed(&world, "sound").await;
    let tip = world.tip();
    for extent in [Extent::Fast, Extent::Heights(3..=20), Extent::Full] {
        assert_all_ok(&findings(&sound.url, &world, tip, extent).await);
    }
    let recorded = sound.sql("SELECT count(*), bool_and(ok) FROM chaincore.integrity_checks").unwrap();
    assert_eq!(recorded, "23|t");

    // What is done to a copy, and the checks that must see it.
    let spoiled: &[(&str, &[&str])] = &[
        ("UPDATE chaincore.sync_state SET tip_hash = sha256('elsewhere')", &["cursor"]),
        ("UPDATE chaincore.blocks SET nonce = nonce + 1 WHERE height = 11", &["headers"]),
        ("UPDATE chaincore.blocks SET prev_hash = sha256('x') WHERE height = 12", &["headers"]),
        ("UPDATE chaincore.blocks SET chainwork = sha256('') WHERE height = 5", &["headers"]),
        ("UPDATE chaincore.blocks SET subsidy = subsidy + 1 WHERE height = 7", &["headers"]),
        ("DELETE FROM chaincore.blocks WHERE height = 9", &["headers", "totals", "supply"]),
        (
            "UPDATE chaincore.transactions SET txid = sha256(txid) WHERE tx_id = (20::bigint << 20)",
            &["merkle", "content"],
        ),
        ("UPDATE chaincore.transactions SET locktime = 17 WHERE tx_id = (21::bigint << 20)", &["content"]),
        (
            "UPDATE chaincore.outputs SET address = 'nobody' WHERE tx_id = (22::bigint << 20) AND vout = 0",
            &["content"],
        ),
        (
            "UPDATE chaincore.inputs SET sequence = 3 WHERE ctid = (SELECT min(ctid) FROM chaincore.inputs)",
            &["content"],
        ),
        ("UPDATE chaincore.blocks SET tx_count = tx_count + 1 WHERE height = 30", &["sums", "content"]),
        (
            "UPDATE chaincore.blocks SET coinbase_value = coinbase_value + 1 WHERE height = 31",
            &["sums", "supply"],
        ),
        ("UPDATE chaincore.script_type_stats SET n_out = n_out + 1 WHERE height = 8", &["sums", "content"]),
        (
            "UPDATE chaincore.outputs SET value = value + 1 WHERE tx_id = (23::bigint << 20) AND vout = 0",
            &["sums", "content"],
        ),
        (
            "DELETE FROM chaincore.utxos WHERE (tx_id, vout) = (SELECT tx_id, vout FROM chaincore.utxos LIMIT 1)",
            &["coins", "buckets", "supply", "totals"],
        ),
        (
            "UPDATE chaincore.utxos SET value = value + 5 WHERE (tx_id, vout) = \
             (SELECT tx_id, vout FROM chaincore.utxos ORDER BY tx_id LIMIT 1)",
            &["coins", "buckets", "balances"],
        ),
        (
            "UPDATE chaincore.utxos SET script_key = script_key + 256 WHERE (tx_id, vout) = \
             (SELECT tx_id, vout FROM chaincore.utxos ORDER BY tx_id LIMIT 1)",
            &["buckets"],
        ),
        (
            "UPDATE chaincore.utxos SET coinbase = NOT coinbase WHERE (tx_id, vout) = \
             (SELECT tx_id, vout FROM chaincore.utxos ORDER BY tx_id LIMIT 1)",
            &["buckets"],
        ),
        (
            "UPDATE chaincore.address_balances SET received = received + 1, balance = balance + 1 \
             WHERE script_key = (SELECT min(script_key) FROM chaincore.address_balances)",
            &["balances"],
        ),
        (
            "UPDATE chaincore.address_balances SET first_height = first_height + 1 \
             WHERE script_key = (SELECT min(script_key) FROM chaincore.address_balances)",
            &["balances"],
        ),
        (
            "DELETE FROM chaincore.address_balances WHERE balance = (SELECT max(balance) FROM chaincore.address_balances)",
            &["balances"],
        ),
        (
            "UPDATE chaincore.blocks SET unspendable_value = unspendable_value + 9 WHERE height = 33",
            &["supply"],
        ),
        ("UPDATE chaincore.blocks SET utxo_delta = utxo_delta - 1 WHERE height = 33", &["supply"]),
        (
            "INSERT INTO chaincore.outputs SELECT tx_id + (100::bigint << 20), value, script_key, vout, script_type, \
             address, script FROM chaincore.outputs WHERE tx_id = (2::bigint << 20)",
            &["spends", "totals"],
        ),
        (
            "INSERT INTO chaincore.inputs SELECT tx_id, prev_tx_id, value, script_key, sequence, vin + 1000, prev_vout, \
             witness_size, scriptsig_size, script_type FROM chaincore.inputs ORDER BY tx_id LIMIT 1",
            &["spends", "sums"],
        ),
        (
            "UPDATE chaincore.inputs SET value = value - 1 WHERE (tx_id, vin) = \
             (SELECT tx_id, vin FROM chaincore.inputs ORDER BY tx_id LIMIT 1)",
            &["spends", "sums"],
        ),
        (
            "INSERT INTO chaincore.utxos SELECT o.tx_id, o.value, o.script_key, o.vout, o.script_type, false, o.address \
             FROM chaincore.outputs o JOIN chaincore.inputs i ON i.prev_tx_id = o.tx_id AND i.prev_vout = o.vout \
             ORDER BY o.tx_id LIMIT 1",
            &["spends", "coins"],
        ),
        ("DROP INDEX chaincore.utxos_script", &["indexes"]),
        ("DROP INDEX chaincore.blocks_hash", &["indexes"]),
        ("ALTER TABLE chaincore.nodes DROP CONSTRAINT nodes_pkey", &["indexes"]),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'chaincore.utxos_script'::regclass",
            &["indexes"],
        ),
        ("UPDATE chaincore.sync_state SET outputs = outputs + 1", &["totals"]),
        ("UPDATE chaincore.sync_state SET utxo_value = utxo_value + 1", &["totals"]),
    ];
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for (sql, expected) in spoiled {
        let copy = sound.copy("spoiled");
        copy.sql(sql).unwrap();
        let found = findings(&copy.url, &world, tip, Extent::Full).await;
        let failed = failed(&found);
        for check in *expected {
            assert!(failed.contains(check), "{sql}\n{check} does not see it: {found:#?}");
        }
        seen.extend(*expected);
    }
    assert_eq!(seen.len(), 12, "every check must have failed once: {seen:?}");

    let copy = sound.copy("spoiled");
    copy.sql("UPDATE chaincore.blocks SET nonce = nonce + 1 WHERE height = 11").unwrap();
    assert!(failed(&findings(&copy.url, &world, tip, Extent::Heights(11..=11)).await).contains("headers"));
    assert!(failed(&findings(&copy.url, &world, tip, Extent::Heights(12..=15)).await).is_empty());
}

#[tokio::test]
async fn a_mirror_that_is_behind_is_compared_where_it_is() {
    let world = World::new(78, FILLING);
    let database = sealed(&world, "behind").await;
    // The node has gone on, and been elsewhere: its coins are led back to the mirror's block.
    world.extend(4);
    let ahead = world.tip();
    assert_all_ok(&findings(&database.url, &world, ahead, Extent::Full).await);
    world.take_off(7);
    world.extend(6);
    let elsewhere = world.tip();
    let found = findings(&database.url, &world, elsewhere, Extent::Full).await;
    assert_eq!(found[0].check, Check::Cursor);
    assert_eq!(found[0].is_ok(), None, "{:?}", found[0]);
    assert_all_ok(&found[1..]);
    // The coins of a block below the mirror's.
    let mut below = world.blocks()[30].at;
    assert_all_ok(&findings(&database.url, &world, below, Extent::Full).await[1..]);
    below = world.blocks()[0].at;
    assert_all_ok(&findings(&database.url, &world, below, Extent::Full).await[1..]);
}

#[tokio::test]
async fn a_mirror_without_coins_yet_is_looked_at_as_far_as_it_goes() {
    let world = World::new(79, FILLING);
    let database = database("bare");
    let nothing = NodeDouble::default();
    let mut guide = mirror(&world, &database.url);
    guide.step().await.unwrap();
    world.extend(12);
    steps(&mut guide).await;
    let unsealed = database.sql("SELECT seeded FROM chaincore.sync_state").unwrap() == "f";
    assert!(unsealed, "the last step seals, and there has been no tick");
    let found = findings(&database.url, &world, world.tip(), Extent::Full).await;
    assert_eq!(failed(&found), BTreeSet::new());
    let skipped: Vec<_> = found.iter().filter(|finding| finding.is_ok().is_none()).collect();
    assert_eq!(skipped.len(), 5, "{skipped:?}");
    // Another chain's node finds nothing to compare.
    let context = context(&world);
    let params = ChainParams::testnet4();
    let source = Source { chain: &*context.chain, node: &nothing, params: &params };
    let refused = verify(&Server::parse(&database.url).unwrap(), source, Extent::Fast, &mut |_| ()).await;
    assert!(refused.unwrap_err().to_string().contains("regtest"));
}

#[test]
fn extents_are_read_as_they_are_written() {
    assert_eq!(Extent::parse("fast"), Some(Extent::Fast));
    assert_eq!(Extent::parse("full"), Some(Extent::Full));
    assert_eq!(Extent::parse("3..9"), Some(Extent::Heights(3..=9)));
    assert_eq!(Extent::parse("7"), Some(Extent::Heights(7..=7)));
    for wrong in ["", "9..3", "-1..4", "a..b", "1..2..3", "everything"] {
        assert_eq!(Extent::parse(wrong), None, "{wrong}");
    }
}
