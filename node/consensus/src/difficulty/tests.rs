use super::*;
use crate::block::Header;
use crate::hash::{BlockHash, Hash256};
use crate::params::ChainParams;

fn header(time: u32, bits: u32) -> Header {
    Header { version: 4, previous: BlockHash::ZERO, merkle_root: Hash256::ZERO, time, bits, nonce: 0 }
}

/// A branch whose tip is at a great height and of which only a few headers matter.
struct Sparse {
    height: u32,
    known: Vec<(u32, Header)>,
}

impl Ancestry for Sparse {
    fn tip_height(&self) -> u32 {
        self.height
    }

    fn header_at(&self, height: u32) -> Header {
        self.known.iter().find(|known| known.0 == height).expect("the rule asks for known heights").1
    }
}

/// The retargets of mainnet that Core's own unit tests use.
#[test]
fn mainnet_retargets() {
    let params = ChainParams::main();
    for (first_time, height, time, bits, expected) in [
        (1_261_130_161, 32_255, 1_262_152_739, 0x1d00_ffff, 0x1d00_d86a),
        (1_231_006_505, 2_015, 1_233_061_996, 0x1d00_ffff, 0x1d00_ffff),
        (1_279_008_237, 68_543, 1_279_297_671, 0x1c05_a3f4, 0x1c01_68fd),
        (1_263_163_443, 46_367, 1_269_211_443, 0x1c38_7f6f, 0x1d00_e1fd),
    ] {
        let branch = Sparse {
            height,
            known: vec![(height - 2015, header(first_time, bits)), (height, header(time, bits))],
        };
        assert_eq!(next_bits(&params, &branch, time + 600), expected, "height {height}");
        assert!(permitted_transition(&params, height + 1, bits, expected));
        let branch = Sparse { height: height - 1, known: vec![(height - 1, header(time, bits))] };
        assert_eq!(next_bits(&params, &branch, time + 600), bits);
    }
    assert!(!permitted_transition(&params, 68_544, 0x1c05_a3f4, 0x1c01_68fc));
    assert!(!permitted_transition(&params, 46_368, 0x1c38_7f6f, 0x1d00_e1fe));
    assert!(!permitted_transition(&params, 5, 0x1c38_7f6f, 0x1c38_7f6e));
}

#[test]
fn testnet_blocks_may_be_easy_when_late() {
    let mut params = ChainParams::testnet4();
    let hard = 0x1c00_ffff;
    let easy = 0x1d00_ffff;
    let mut branch: Vec<Header> = (0..2014).map(|n| header(n * 600, hard)).collect();
    assert_eq!(next_bits(&params, &branch, 2013 * 600 + 1200), hard);
    assert_eq!(next_bits(&params, &branch, 2013 * 600 + 1201), easy);
    // The block after easy ones goes back to the last that was not.
    branch.push(header(2014 * 600, easy));
    assert_eq!(next_bits(&params, &branch, 2014 * 600 + 1), hard);
    branch.push(header(2015 * 600, easy));
    // BIP94 retargets from the interval's first block, the older rule from its last.
    let timespan = 2015 * 600;
    assert_eq!(
        next_bits(&params, &branch, 2015 * 600 + 5000),
        scale(hard, timespan, 1_209_600, params.pow_limit)
    );
    params.enforce_bip94 = false;
    assert_eq!(
        next_bits(&params, &branch, 2015 * 600 + 5000),
        scale(easy, timespan, 1_209_600, params.pow_limit)
    );
}

#[test]
fn regtest_and_fixed_chains_never_change() {
    let mut params = ChainParams::regtest();
    let branch: Vec<Header> = (0..144).map(|n| header(n, 0x207f_ffff)).collect();
    assert_eq!(next_bits(&params, &branch, 1_000_000), 0x207f_ffff);
    params.retarget = Retarget::Fixed(0x1f00_ffff);
    assert_eq!(next_bits(&params, &branch, 1_000_000), 0x1f00_ffff);
}

#[test]
fn asert_anchors() {
    let mut params = ChainParams::chaincore();
    params.retarget = Retarget::Asert { half_life: 60, anchor: AsertAnchor::Genesis };
    let start = params.genesis.header.bits;
    let on_time: Vec<Header> = (0..100).map(|n| header(n * 10, start)).collect();
    assert_eq!(next_bits(&params, &on_time, 0), start);
    // Six spacings ahead of schedule are one half-life.
    let ahead: Vec<Header> = (0..100).map(|n| header((n * 10u32).saturating_sub(60), start)).collect();
    let halved = Target(Target::from_compact(start).unwrap().0 >> 1).to_compact();
    assert_eq!(next_bits(&params, &ahead, 0), halved);
    params.retarget = Retarget::Asert { half_life: 60, anchor: AsertAnchor::Parent };
    assert_eq!(next_bits(&params, &ahead, 0), start);
    assert_eq!(next_bits(&params, &ahead[..1], 0), start);
    // A parent found at once makes the next block 2^(10/60) harder; one that took a night, sixteen times easier, less
    // what its own spacing counts for.
    let quick = vec![header(0, start), header(0, start)];
    let ratio = block_work(next_bits(&params, &quick, 0)).to_f64() / block_work(start).to_f64();
    assert!((ratio - 2f64.powf(1.0 / 6.0)).abs() < 0.001, "{ratio}");
    let slow = vec![header(0, start), header(0, 0x1b00_ffff), header(28_800, 0x1b00_ffff)];
    let ratio = block_work(0x1b00_ffff).to_f64() / block_work(next_bits(&params, &slow, 0)).to_f64();
    assert!((ratio - 2f64.powf(4.0 - 1.0 / 6.0)).abs() < 0.01, "{ratio}");
    let ahead = vec![header(0, start), header(7200, start), header(10, start)];
    assert_eq!(next_bits(&params, &ahead[..2], 0), start);
    let ratio = block_work(next_bits(&params, &ahead, 0)).to_f64() / block_work(start).to_f64();
    assert!((ratio - 2f64.powf(4.0 + 1.0 / 6.0)).abs() < 0.1, "{ratio}");
}

/// Mines 2,000 blocks at 5 MH/s, of which some have a time too far ahead; mean and longest spacing after the ramp.
fn with_wrong_clocks(seed: u64, ahead: impl Fn(u32, f64) -> u32) -> (f64, f64) {
    let params = ChainParams::chaincore();
    let mut random = Random(seed);
    let mut branch = vec![params.genesis.header];
    let mut now = f64::from(params.genesis.header.time) + 1e7;
    let mut spacings = Vec::new();
    for block in 0..2000 {
        let ahead = ahead(block, random.unit());
        let bits = next_bits(&params, &branch, 0);
        let took = -random.unit().ln() * block_work(bits).to_f64() / 5e6;
        now += took;
        spacings.push(took);
        branch.push(header((now as u32 + ahead).max(branch.median_time_past() + 1), bits));
    }
    let longest = spacings.iter().copied().fold(0.0, f64::max);
    (mean_and_deviation(&spacings[300..]).0, longest)
}

#[test]
fn wrong_clocks_do_not_stall_chaincore() {
    for seed in 1..6 {
        // One block two hours ahead, once the pace is reached: nobody notices.
        let (mean, longest) = with_wrong_clocks(seed, |block, _| if block == 400 { 7200 } else { 0 });
        assert!((9.0..11.0).contains(&mean) && longest < 300.0, "{mean} {longest}");
        // The very first block two hours ahead: the median holds all times there until the clock has come after.
        let (mean, longest) = with_wrong_clocks(seed, |block, _| if block == 0 { 7200 } else { 0 });
        assert!((9.0..11.0).contains(&mean) && longest < 7200.0, "{mean} {longest}");
        // A quarter of the miners two minutes ahead.
        let (mean, longest) = with_wrong_clocks(seed, |_, who| if who < 0.25 { 120 } else { 0 });
        assert!((9.0..11.0).contains(&mean) && longest < 600.0, "{mean} {longest}");
        // A tenth of them two hours ahead.
        let (mean, longest) = with_wrong_clocks(seed, |_, who| if who < 0.1 { 7200 } else { 0 });
        assert!((9.0..25.0).contains(&mean) && longest < 7200.0, "{mean} {longest}");
    }
}

use crate::pow::block_work;

/// A generator good enough to draw solve times with (xorshift64*).
struct Random(u64);

impl Random {
    /// A number from (0, 1].
    fn unit(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) + 1) as f64 / (1u64 << 53) as f64
    }
}

/// Mines `count` blocks at `rate` hashes per second from clock time `clock` on; the clock times at which they
/// were found.
fn mine(
    params: &ChainParams,
    branch: &mut Vec<Header>,
    random: &mut Random,
    clock: f64,
    rate: f64,
    count: u32,
) -> Vec<f64> {
    let mut now = clock;
    let mut found = Vec::new();
    for _ in 0..count {
        // A template takes the clock's second, or the first that the median allows.
        let earliest = branch.median_time_past() + 1;
        let time = earliest.max(now as u32);
        let bits = next_bits(params, branch, time);
        now += -random.unit().ln() * block_work(bits).to_f64() / rate;
        // Miners refresh their templates: the time is that of the find.
        branch.push(header(earliest.max(now as u32), bits));
        found.push(now);
    }
    found
}

/// Blocks and seconds until the difficulty is first such that a block takes nine seconds or more.
fn ramp(branch: &[Header], from: usize, found: &[f64], clock: f64, rate: f64) -> (usize, f64) {
    let blocks = found
        .iter()
        .enumerate()
        .position(|(at, _)| block_work(branch[from + at].bits).to_f64() / rate >= 9.0);
    let blocks = blocks.expect("the pace is reached");
    (blocks, found[blocks] - clock)
}

fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (mean, variance.sqrt())
}

struct Pace {
    ramp_blocks: f64,
    ramp_seconds: f64,
    spacing: f64,
    deviation: f64,
    after_sleep_blocks: f64,
    after_sleep_spacing: f64,
    ahead: f64,
}

fn pace(half_life: u32, rate: f64) -> Pace {
    const SEEDS: u64 = 40;
    let mut params = ChainParams::chaincore();
    params.retarget = Retarget::Asert { half_life, anchor: AsertAnchor::Parent };
    let (mut ramps, mut seconds, mut spacings) = (vec![], vec![], vec![]);
    let (mut slept_ramps, mut slept_spacings, mut ahead) = (vec![], vec![], 0f64);
    for seed in 1..=SEEDS {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut branch = vec![params.genesis.header];
        let clock = f64::from(params.genesis.header.time) + 1e7;
        let found = mine(&params, &mut branch, &mut random, clock, rate, 700);
        let (blocks, took) = ramp(&branch, 1, &found, clock, rate);
        ramps.push(blocks as f64);
        seconds.push(took);
        spacings.extend(found[300..].windows(2).map(|pair| pair[1] - pair[0]));
        for (header, found) in branch[1..].iter().zip(&found) {
            ahead = ahead.max(f64::from(header.time) - found);
        }
        // The network stops for a night and starts again.
        let clock = found[699] + 8.0 * 3600.0;
        let from = branch.len();
        let found = mine(&params, &mut branch, &mut random, clock, rate, 700);
        // The first block still has the old difficulty; the flood, if any, comes after it.
        let (blocks, _) = ramp(&branch, from + 1, &found[1..], clock, rate);
        slept_ramps.push(blocks as f64);
        slept_spacings.extend(found[300..].windows(2).map(|pair| pair[1] - pair[0]));
    }
    let (spacing, deviation) = mean_and_deviation(&spacings);
    Pace {
        ramp_blocks: mean_and_deviation(&ramps).0,
        ramp_seconds: mean_and_deviation(&seconds).0,
        spacing,
        deviation,
        after_sleep_blocks: mean_and_deviation(&slept_ramps).0,
        after_sleep_spacing: mean_and_deviation(&slept_spacings).0,
        ahead,
    }
}

/// The numbers in the documentation of [`crate::params`], and the bounds that the default half-life keeps.
#[test]
fn the_pace_of_chaincore() {
    for half_life in [30, 60, 90, 120] {
        let pace = pace(half_life, 5e6);
        println!(
            "half-life {half_life} s: ramp {:.0} blocks in {:.0} s, then {:.2} s ± {:.1}; after 8 h of sleep {:.0} \
             blocks, then {:.2} s; at most {:.0} s ahead of the clock",
            pace.ramp_blocks,
            pace.ramp_seconds,
            pace.spacing,
            pace.deviation,
            pace.after_sleep_blocks,
            pace.after_sleep_spacing,
            pace.ahead,
        );
        if half_life == 60 {
            assert!((60.0..150.0).contains(&pace.ramp_blocks));
            assert!((10.0..60.0).contains(&pace.after_sleep_blocks));
            assert!((9.0..11.0).contains(&pace.spacing));
            assert!((9.0..11.0).contains(&pace.after_sleep_spacing));
            assert!(pace.deviation < 15.0);
            assert!(pace.ahead < 120.0);
        }
    }
    let default = ChainParams::chaincore().retarget;
    assert_eq!(default, Retarget::Asert { half_life: 60, anchor: AsertAnchor::Parent });
    // A hundred times the hash rate only adds the blocks for the difference in difficulty.
    let fast = pace(60, 5e8);
    println!("at 500 MH/s: ramp {:.0} blocks, then {:.2} s", fast.ramp_blocks, fast.spacing);
    assert!(fast.ramp_blocks < 200.0 && (9.0..11.0).contains(&fast.spacing));
}
