//! What a template takes from the pool.

use super::*;
use crate::template::{TemplateOptions, build};
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::versionbits::StateCache;

fn template(world: &World, change: impl FnOnce(&mut TemplateOptions)) -> crate::template::BlockTemplate {
    let mut options = TemplateOptions::paying_to(anyone());
    change(&mut options);
    let mut versions = StateCache::default();
    build(Some(&world.pool), &world.branch, &world.params, &mut versions, world.now, &options)
}

#[test]
fn the_best_chunks_come_first_and_the_fees_are_claimed() {
    let mut world = World::new();
    let (a, b) = (world.fund(1_000_000), world.fund(1_000_000));
    let poor = spend(&[a], &[999_000]);
    let rich_child = spend(&[output(&poor, 0)], &[900_000]);
    let middling = spend(&[b], &[980_000]);
    for tx in [&poor, &rich_child, &middling] {
        world.accept(tx).unwrap();
    }
    let template = template(&world, |_| ());
    assert_eq!(template.height, 201);
    assert_eq!(template.block.transactions[1..], [poor, rich_child, middling]);
    assert_eq!(template.fees, [1_000, 99_000, 20_000]);
    assert_eq!(template.sigop_costs.len(), 3);
    let subsidy = block_subsidy(201, &world.params).sat();
    assert_eq!(template.reward, Amount(subsidy + 120_000));
    assert_eq!(template.block.transactions[0].outputs[0].value, template.reward);
    assert_eq!(template.block.transactions[0].outputs[1].script_pubkey, template.witness_commitment);
    assert_eq!(i64::from(template.block.header.time), world.now);
    assert_eq!(template.min_time, i64::from(world.branch[195].time) + 1);
    assert_eq!(template.transactions_updated, world.pool.transactions_updated());
}

#[test]
fn weight_signature_operations_and_rates_are_bounded() {
    let mut world = World::new();
    world.pool.options.require_standard = false;
    let mut txs = Vec::new();
    for n in 0..8 {
        let coin = world.fund(1_000_000);
        let mut data = transaction(&[coin], &[1_000_000 - 100_000 - n]);
        // 15,200 of 80,000 signature operations each: five fit beside the 400 kept free.
        data.outputs.push(to(Script(vec![0xae; 190]), 0));
        txs.push(tx(data));
        world.accept(&txs[n as usize]).unwrap();
    }
    let full = template(&world, |_| ());
    assert_eq!(full.sigop_costs, [15_200; 5]);
    let best: Vec<TxRef> = txs.iter().rev().take(5).cloned().collect();
    assert_eq!(full.block.transactions[1..], best);
    let weight = txs[0].weight() as i64;
    // What a chunk counts as is its signature operations' worth; the block only gets heavier by real weight.
    let counted = world.pool.get(&txs[0].txid()).unwrap().adjusted_weight;
    let two = template(&world, |options| options.max_weight = options.reserved_weight + weight + counted + 1);
    assert_eq!(two.fees.len(), 2);
    let one = template(&world, |options| options.max_weight = options.reserved_weight + weight + counted);
    assert_eq!(one.fees.len(), 1);
    assert_eq!(template(&world, |options| options.min_rate = FeeRate(1_000_000_000)).fees.len(), 0);
    assert!(template(&world, |options| options.version = Some(4)).block.header.version == 4);
}

#[test]
fn a_chunk_that_is_not_final_takes_its_followers_with_it() {
    let mut world = World::new();
    let (a, b) = (world.fund(1_000_000), world.fund(1_000_000));
    let mut locked = transaction(&[a], &[900_000]);
    locked.lock_time = 200;
    let locked = tx(locked);
    let child = spend(&[output(&locked, 0)], &[890_000]);
    let free = spend(&[b], &[999_000]);
    for tx in [&locked, &child, &free] {
        world.accept(tx).unwrap();
    }
    // Nobody told the pool that the branch got shorter.
    world.branch.pop();
    let template = template(&world, |_| ());
    assert_eq!(template.block.transactions[1..], [free]);
}

#[test]
fn an_empty_pool_and_an_early_clock() {
    let mut world = World::new();
    world.now = 0;
    let template = template(&world, |_| ());
    assert_eq!(template.block.transactions.len(), 1);
    assert_eq!(i64::from(template.block.header.time), template.min_time);
    assert_eq!(template.block.header.previous, world.branch[200].hash());
}
