//! Two miners on two nodes of the chain `chaincore` for ten hours that pass in seconds.
//!
//! Both nodes are whole: chain, storage, P2P over a real socket; they share a clock that the test moves. What is
//! simulated is hash power, as chance decides when a miner finds a block (exponential times, by the difficulty of its
//! template and its rate), and distance: what a node sends takes up to 0.9 s of that clock, so that now and then both
//! find a block. The blocks are really mined, with the chain's own rules and difficulty. Rates are some thousand
//! hashes per second, so that this takes no longer than the rest.
//!
//! All is drawn from a seed and everything waits for what it depends on: each run is the same. `CHAINCORE_SIMULATED_HOURS`
//! makes it longer, `CHAINCORE_SIMULATION_SEED` another one.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

mod chance;
mod line;
mod node;
mod simulation;

use chaincore_consensus::{Amount, Block};
use chance::difficulty;
use simulation::{Found, Simulation};
use std::sync::Arc;
use std::time::Instant;

/// Simulated seconds after the start and after each step that are not looked at for the pace.
const TRANSITION: f64 = 900.0;
/// Hashes per second of both miners in the three parts of the time: one becomes ten times what both were, and goes.
const RATES: [[f64; 2]; 3] = [[600.0, 400.0], [600.0, 9_400.0], [600.0, 400.0]];
/// When the parts end, of the whole time.
const PARTS: [f64; 3] = [0.4, 0.6, 1.0];

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (count, sum) = values.fold((0u32, 0.0), |(count, sum), value| (count + 1, sum + value));
    sum / f64::from(count)
}

#[test]
fn two_miners_on_two_nodes_keep_the_pace_for_ten_hours() {
    let given = |name: &str| std::env::var(name).ok().map(|text| text.parse::<f64>().unwrap());
    let hours = given("CHAINCORE_SIMULATED_HOURS").unwrap_or(10.0);
    assert!(hours >= 5.0, "the time after a step must be longer than the transition");
    let seed = given("CHAINCORE_SIMULATION_SEED").map_or(7, |seed| seed as u64);
    let dir = tempfile::tempdir().unwrap();
    let mut simulation = Simulation::new(dir.path(), hours, seed);
    let connections = [simulation.nodes[0].connection(), simulation.nodes[1].connection()];
    let begun = Instant::now();
    simulation.run();
    let (end, simulated) = (simulation.end, begun.elapsed());
    simulation.settle();
    simulation.end = end;

    // One chain, without a quarrel.
    let chain = simulation.chain(0);
    assert_eq!(chain, simulation.chain(1));
    assert_eq!(connections, [simulation.nodes[0].connection(), simulation.nodes[1].connection()]);
    let blocks: Vec<&Found> = chain.iter().map(|hash| &simulation.found[hash]).collect();
    for miner in 0..2 {
        let all = simulation.found.values().filter(|found| found.by == miner).count();
        let kept = blocks.iter().filter(|found| found.by == miner).count();
        simulation.miners[miner].stale = u32::try_from(all - kept).unwrap();
        assert_eq!(simulation.miners[miner].blocks as usize, all);
    }
    let stale = simulation.miners[0].stale + simulation.miners[1].stale;
    println!(
        "{hours} simulated hours in {simulated:.1?}: {} blocks, {} forks, {stale} stale blocks (of the miners: {} and \
         {}); work at most {:.2} s old",
        chain.len(),
        simulation.forks,
        simulation.miners[0].stale,
        simulation.miners[1].stale,
        simulation.stalest,
    );
    assert!(simulation.forks > 0 && stale > 0, "a simulation without forks shows nothing of how they end");
    assert!(stale <= 2 * simulation.forks, "more was lost than forked");
    assert!(simulation.stalest > 0.0 && simulation.stalest <= 1.0, "{}", simulation.stalest);

    // Who mined what: the coinbases say what the miners know.
    let mut coins = [Amount::ZERO; 2];
    for (hash, found) in chain.iter().zip(&blocks) {
        let block: Arc<Block> = simulation.nodes[1 - found.by].chain.read_block(hash).unwrap();
        let coinbase = &block.transactions[0];
        assert_eq!(coinbase.outputs[0].script_pubkey, simulation.miners[found.by].script);
        let tag = format!("/miner {}/", found.by);
        assert!(coinbase.inputs[0].script_sig.0.windows(tag.len()).any(|bytes| bytes == tag.as_bytes()));
        coins[found.by] = Amount(coins[found.by].sat() + coinbase.outputs[0].value.sat());
    }
    assert_eq!(coins[0].sat() + coins[1].sat(), 50_0000_0000 * i64::try_from(chain.len()).unwrap());

    // The work that was told was done: single blocks differ, all of them hardly.
    let hashed = simulation.hashes.load(std::sync::atomic::Ordering::Relaxed) as f64;
    let told = hashed / simulation.expected_hashes;
    println!("{:.0} million hashes, {told:.3} of what the targets ask for", hashed / 1e6);
    assert!((0.85..1.15).contains(&told), "{told}");

    let mut begins = 0.0;
    for (part, rates) in RATES.iter().enumerate() {
        let ends = PARTS[part] * end;
        let total = rates[0] + rates[1];
        let ideal = 10.0 * total;
        let of_part: Vec<&&Found> =
            blocks.iter().filter(|found| found.at >= begins && found.at < ends).collect();
        // How the difficulty comes to where it belongs.
        let arrived = of_part.iter().position(|found| {
            let ratio = difficulty(found.bits) / ideal;
            (0.8..1.25).contains(&ratio)
        });
        let arrived = arrived.expect("the difficulty follows the hash rate");
        let took = of_part[arrived].at - begins;
        // And how it stays there.
        let settled: Vec<&&&Found> = of_part.iter().filter(|found| found.at >= begins + TRANSITION).collect();
        let count = settled.len();
        let spacing = (settled[count - 1].at - settled[0].at) / (count - 1) as f64;
        let ratio = mean(settled.iter().map(|found| difficulty(found.bits) / ideal));
        let share = mean(settled.iter().map(|found| f64::from(u8::from(found.by == 0))));
        println!(
            "{total:.0} hashes/s: the difficulty is right after {arrived} blocks, {took:.0} s; then {count} blocks every \
             {spacing:.2} s, difficulty {ratio:.3} of 10 s of work, miner 0 has {share:.3} of {:.3}",
            rates[0] / total,
        );
        // The mean time of n blocks differs from 10 s by 60 s times the doublings of the difficulty from the first to
        // the last, over n: that is how ASERT is made. They are seldom more than one apart, and n is 600 at least.
        assert!((spacing - 10.0).abs() < 0.25, "{spacing}");
        assert!((ratio - 1.0).abs() < 0.15, "{ratio}");
        // A factor of ten takes 38 blocks up and 200 s either way if every block came when it should.
        assert!(arrived < 120 && took < TRANSITION, "{arrived} blocks, {took} s");
        let expected = rates[0] / total;
        let deviation = (expected * (1.0 - expected) / count as f64).sqrt();
        assert!((share - expected).abs() < 5.0 * deviation + 0.01, "{share}");
        begins = ends;
    }
    for node in &simulation.nodes {
        node.p2p.stop();
        node.chain.shutdown_blocking().unwrap();
    }
}
