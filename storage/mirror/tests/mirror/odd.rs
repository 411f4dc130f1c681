//! Blocks that are rare or never seen, and must be mirrored all the same.

use crate::kit::{assert_sound, checksums, database, lead, mirror, number, steps, text};
use crate::world::{Filling, World, input};
use chaincore_consensus::{Amount, OutPoint, Transaction, Tx, TxOut};
use chaincore_plugin::ChainReader;
use std::sync::Arc;

const FILLING: Filling = Filling { txs: 3, scripts: 4 };

fn pays(value: i64, script: &[u8]) -> TxOut {
    TxOut { value: Amount(value), script_pubkey: script.to_vec().into() }
}

/// The two blocks of 2010 whose coinbases repeat unspent ones: later coins replace earlier ones, in every mode, and
/// come back when the later block goes.
#[tokio::test]
async fn coinbases_that_repeat_others_replace_their_coins() {
    let world = World::new(21, FILLING);
    world.extend(3);
    let script = [&[0x00, 0x14][..], &[0x77; 20]].concat();
    let odd = [&[0x21, 0x02][..], &[0x55; 32], &[0xac]].concat();
    let coinbase = vec![pays(700, &script), pays(50, &odd), pays(0, &[0x6a])];
    world.put(vec![1, 2, 3], coinbase, vec![]);
    let first = world.tip().height;
    // Nothing of it is spent: blocks without transactions.
    world.extend_bare(4);
    let at = world.repeat(first);
    world.extend_bare(2);

    let followed = database("followed");
    let mut guide = mirror(&world, &followed.url);
    steps(&mut guide).await;
    lead(&mut guide).await;
    assert_sound(&followed.url, &world).await;
    let copies = "SELECT count(*) FROM chaincore.transactions t JOIN chaincore.transactions u USING (txid) WHERE t.tx_id < u.tx_id";
    assert_eq!(number(&followed.url, copies).await, 1);
    let place = "SELECT max(tx_id >> 20) FROM chaincore.utxos WHERE value = 700";
    assert_eq!(number(&followed.url, place).await, i64::from(at.height));
    let lost = format!("SELECT unspendable_value FROM chaincore.blocks WHERE height = {}", at.height);
    assert_eq!(number(&followed.url, &lost).await, 750);
    let sealed = checksums(&followed.url).await;

    // Taken off, the earlier coins are back.
    world.take_off(3);
    steps(&mut guide).await;
    assert_eq!(number(&followed.url, place).await, i64::from(first));
    assert_eq!(
        number(&followed.url, "SELECT utxos FROM chaincore.sync_state").await,
        number(&followed.url, "SELECT count(*) FROM chaincore.utxos").await
    );
    // Put on block by block, all is as it was loaded.
    world.activate(at);
    world.extend_bare(2);
    steps(&mut guide).await;
    assert_sound(&followed.url, &world).await;
    let loaded = database("loaded");
    lead(&mut mirror(&world, &loaded.url)).await;
    assert_eq!(checksums(&followed.url).await, checksums(&loaded.url).await);
    assert_ne!(checksums(&followed.url).await, sealed);
}

#[tokio::test]
async fn nul_bytes_huge_values_and_many_outputs_are_mirrored() {
    let world = World::new(22, FILLING);
    let database = database("odd");
    let mut guide = mirror(&world, &database.url);
    lead(&mut guide).await;
    let most = 2_100_000_000_000_000;
    let script = [&[0x51, 0x20][..], &[3; 32]].concat();
    world.put(b"\0nul\0\xff\xfe not UTF-8 \0".to_vec(), vec![pays(most, &script)], vec![]);
    let coinbase = world.blocks().last().unwrap().block.transactions[0].txid();
    // One input, as many outputs as fit: more than any 16-bit count.
    let outputs: Vec<TxOut> = (0..70_000).map(|_| pays(most / 70_000, &script)).collect();
    let spend = Transaction {
        version: u32::MAX,
        inputs: vec![input(OutPoint { txid: coinbase, vout: 0 }, vec![], vec![vec![1; 64]], 0)],
        outputs,
        lock_time: u32::MAX,
    };
    world.put(vec![9], vec![], vec![Arc::new(Tx::from(spend))]);
    steps(&mut guide).await;
    assert_sound(&database.url, &world).await;
    let nul = "SELECT encode(coinbase_script, 'hex') FROM chaincore.blocks WHERE height = 1";
    assert!(text(&database.url, nul).await.starts_with("006e756c00fffe"));
    let numbers =
        "SELECT version || ' ' || locktime || ' ' || n_out FROM chaincore.transactions WHERE n_in = 1";
    assert_eq!(text(&database.url, numbers).await, "4294967295 4294967295 70000");
    let balance = "SELECT balance FROM chaincore.address_balances WHERE utxo_count = 70000";
    assert_eq!(number(&database.url, balance).await, most);
    world.take_off(2);
    steps(&mut guide).await;
    assert_sound(&database.url, &world).await;
    assert_eq!(number(&database.url, "SELECT count(*) FROM chaincore.address_balances").await, 0);
}

#[tokio::test]
async fn every_column_of_a_block_is_right() {
    let world = World::new(23, FILLING);
    let database = database("columns");
    let mut guide = mirror(&world, &database.url);
    world.extend(15);
    lead(&mut guide).await;
    let blocks = world.blocks();
    let mut times: Vec<u32> = vec![];
    for block in &blocks {
        let height = block.at.height;
        times.push(block.block.header.time);
        let mut last: Vec<u32> = times.iter().rev().take(11).copied().collect();
        last.sort_unstable();
        let fees: i64 = block
            .block
            .transactions
            .iter()
            .zip(block.spent_by_tx())
            .skip(1)
            .map(|(tx, spent)| spent.iter().map(|coin| coin.output.value.0).sum::<i64>() - tx.output_sum().0)
            .sum();
        let expected = format!(
            "{}|{}|{}|{}|{}|{}|{}|{}|{}|{}",
            block.at.hash,
            block.prev,
            block.block.header.version,
            block.block.header.time,
            last[last.len() / 2],
            block.block.header.nonce,
            block.block.weight(),
            block.block.transactions.len(),
            block.spent.len(),
            fees,
        );
        let row = format!(
            "SELECT concat_ws('|', encode(hash, 'hex'), encode(prev_hash, 'hex'), version,
                extract(epoch FROM time)::bigint, extract(epoch FROM median_time)::bigint, nonce, weight, tx_count,
                input_count, fees) FROM chaincore.blocks WHERE height = {height}"
        );
        assert_eq!(text(&database.url, &row).await, expected);
    }
    // The tables say of themselves what the blocks' rows say.
    let sums = "SELECT count(*) FROM chaincore.blocks b WHERE
        (tx_count, output_count, input_count, output_value, input_value, fees) IS DISTINCT FROM (
            (SELECT count(*) FROM chaincore.transactions t WHERE t.tx_id >> 20 = height),
            (SELECT count(*) FROM chaincore.outputs o WHERE o.tx_id >> 20 = height),
            (SELECT count(*) FROM chaincore.inputs i WHERE i.tx_id >> 20 = height),
            (SELECT sum(value) FROM chaincore.outputs o WHERE o.tx_id >> 20 = height),
            (SELECT coalesce(sum(value), 0) FROM chaincore.inputs i WHERE i.tx_id >> 20 = height),
            (SELECT sum(fee) FROM chaincore.transactions t WHERE t.tx_id >> 20 = height))";
    assert_eq!(number(&database.url, sums).await, 0);
    // Inputs lead to what they spend.
    let spent = "SELECT count(*) FROM chaincore.inputs i JOIN chaincore.outputs o
        ON o.tx_id = i.prev_tx_id AND o.vout = i.prev_vout AND o.value = i.value AND o.script_key = i.script_key
            AND o.script_type = i.script_type AND o.tx_id < i.tx_id";
    let inputs = "SELECT count(*) FROM chaincore.inputs";
    assert_eq!(number(&database.url, spent).await, number(&database.url, inputs).await);
    // SQL finds an address's key by the address alone.
    let keys = "SELECT count(*) FROM chaincore.outputs WHERE address IS NOT NULL AND chaincore.addr(address) <> script_key";
    assert_eq!(number(&database.url, keys).await, 0);
    let raw = "SELECT count(*) FROM chaincore.outputs WHERE address IS NULL AND chaincore.script_key(script) <> script_key";
    assert_eq!(number(&database.url, raw).await, 0);
}
