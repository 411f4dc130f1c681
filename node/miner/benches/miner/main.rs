//! What a core makes of each kernel, what it could at most, and what several cores make together.
//!
//! Samples are short and the best counts: the question is what the processor can do, not how busy it is
//! today. Time is the thread's own on its core where the system tells it, so that other work on the machine
//! disturbs little.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

#[cfg(target_arch = "x86_64")]
mod straightforward;

use chaincore_consensus::hash::{BlockHash, Hash256};
use chaincore_consensus::{Header, pow::Target};
use chaincore_miner::{BIP320_MASK, Job, Kernel, Operations, Options, Prepared, Workers};
use sha2::{Digest, Sha256};
use std::hint::black_box;
use std::time::Duration;

/// Samples of each figure, and how long one takes.
const SAMPLES: usize = 30;
const SAMPLE: Duration = Duration::from_millis(50);
/// Versions searched side by side, as jobs do.
const VERSIONS: u32 = 16;

fn main() {
    let header = Header {
        version: 0x2000_0000,
        previous: BlockHash([3; 32]),
        merkle_root: Hash256([5; 32]),
        time: 1_700_000_000,
        bits: 0x1d00_ffff,
        nonce: 0,
    };
    println!("best of {SAMPLES} samples of {} ms\n", SAMPLE.as_millis());
    let (naive, _) = best(&mut || naive(&header));
    println!("{:10} {:>8}  {:>8.2} MH/s  the sha2 crate's digest of the digest", "sha2", "", naive / 1e6);
    println!();
    println!("kernel     versions      rate   x sha2     clock  cycles/hash      bound  reached");
    let mut single = 0.0;
    for kernel in Kernel::available() {
        for versions in [1, VERSIONS] {
            let (rate, clock) = kernel_rate(kernel, &header, versions);
            let bound = bound(kernel.name(), versions);
            let cycles = clock / rate;
            println!(
                "{:10} {versions:>8}  {:>8.2}   {:>6.1}   {:>4.2} GHz  {cycles:>11.1}  {:>9.1}  {:>6.1} %",
                kernel.name(),
                rate / 1e6,
                rate / naive,
                clock / 1e9,
                bound.cycles(),
                100.0 * bound.cycles() / cycles,
            );
            if kernel.name() == Kernel::fastest().name() && versions == VERSIONS {
                single = rate;
            }
        }
    }
    #[cfg(target_arch = "x86_64")]
    beside_straightforward(&header, single);
    println!("\nthe bounds, for a core of Intel's of the years 2019 to 2023, in cycles for each hash:");
    for kernel in Kernel::available() {
        for versions in [1, VERSIONS] {
            println!("{:10} {versions:>8}  {}", kernel.name(), bound(kernel.name(), versions).text);
        }
    }
    println!("\n{} over cores, {VERSIONS} versions:", Kernel::fastest().name());
    println!("threads  MH/s of the cores' own time  of linear  MH/s by the clock on the wall");
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut counts: Vec<usize> =
        std::iter::successors(Some(1), |n| Some(n * 2)).take_while(|n| *n < cores).collect();
    counts.push(cores);
    for threads in counts {
        scaling(&header, threads, single);
    }
    #[cfg(feature = "gpu")]
    gpu::rates(&header);
}

/// The fastest kernel beside what somebody writes first.
#[cfg(target_arch = "x86_64")]
fn beside_straightforward(header: &Header, single: f64) {
    if !straightforward::is_supported() {
        return;
    }
    // It does find what there is to find: the nonce of Bitcoin's first block.
    let genesis = &chaincore_consensus::params::ChainParams::main().genesis.header;
    let (midstate, tail) = halves(genesis);
    let start = genesis.nonce & !15;
    assert_eq!(straightforward::scan(&midstate, &tail, start, 16), 1, "the first block is not found");
    let (midstate, tail) = halves(header);
    let mut start = 0u32;
    let (rate, clock) = best(&mut || {
        black_box(straightforward::scan(&midstate, &tail, start, 1 << 14));
        start = start.wrapping_add(1 << 14);
        1 << 14
    });
    let least = straightforward::INSTRUCTIONS / 2.0 / 16.0;
    println!(
        "\nstraightforward AVX-512 (16 lanes, the first half kept, 61 rounds in the second hash): {:.2} MH/s; {} with \
         {VERSIONS} versions does {:.2} times that.\nIts {} instructions / 2 ports / 16 lanes = {least:.1} cycles for \
         each hash; were it that fast: {:.2} MH/s, of which that is {:.2} times",
        rate / 1e6,
        Kernel::fastest().name(),
        single / rate,
        straightforward::INSTRUCTIONS,
        clock / least / 1e6,
        single * least / clock,
    );
}

/// The state after a header's first 64 bytes, and the three words that follow.
#[cfg(target_arch = "x86_64")]
fn halves(header: &Header) -> ([u32; 8], [u32; 3]) {
    let bytes = header.to_array();
    let first: [u8; 64] = bytes[..64].try_into().expect("64 bytes");
    let mut midstate = chaincore_miner::START_STATE;
    sha2::block_api::compress256(&mut midstate, &[first]);
    let word = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    (midstate, [word(64), word(68), word(72)])
}

/// A bound on the cycles of one hash, with how it came about.
struct Bound {
    cycles: f64,
    text: String,
}

impl Bound {
    fn cycles(&self) -> f64 {
        self.cycles
    }
}

/// Every operation has to go through an execution port; so the ports and the number of operations bound the
/// rate. Moves, loads and the loop are left out: a perfect kernel hides them.
fn bound(kernel: &str, versions: u32) -> Bound {
    let operations = Operations::per_hash(versions);
    let Operations { add, big, small, choose, majority } = operations;
    let mix = format!("{add:.1} add, {big:.1} Σ, {small:.1} σ, {choose:.1} ch, {majority:.1} maj");
    // Instructions for Σ, σ, ch and maj; how many ports do them; the part of them that shifts or rotates, and
    // its ports.
    let ports = |lanes: f64, each: [f64; 4], ports: f64, shifts: [f64; 2], shift_ports: f64| {
        let [e_big, e_small, e_choose, e_majority] = each;
        let weights =
            Operations { add: 1.0, big: e_big, small: e_small, choose: e_choose, majority: e_majority };
        let all = operations.weighed(&weights);
        let shifting = big * shifts[0] + small * shifts[1];
        let cycles = (all / ports).max(shifting / shift_ports) / lanes;
        Bound {
            cycles,
            text: format!(
                "({mix}) = {all:.0} instructions (Σ {e_big}, σ {e_small}, ch {e_choose}, maj {e_majority}) \
                 / {ports} ports, {shifting:.0} of them / {shift_ports} that shift; / {lanes} lanes = {cycles:.1}"
            ),
        }
    };
    match kernel {
        // Three rotations and one function of three words; ports 0 and 5, rotations only 0.
        "avx512" => ports(16.0, [4.0, 4.0, 1.0, 1.0], 2.0, [3.0, 3.0], 1.0),
        // A rotation is two shifts; ports 0, 1 and 5, shifts 0 and 1.
        "avx2" => ports(8.0, [11.0, 9.0, 3.0, 3.0], 3.0, [6.0, 5.0], 2.0),
        "sse2" => ports(4.0, [11.0, 9.0, 3.0, 3.0], 3.0, [6.0, 5.0], 2.0),
        // Rotations on two of five ports.
        "portable" => ports(1.0, [5.0, 5.0, 3.0, 3.0], 5.0, [3.0, 3.0], 2.0),
        // Two rounds an instruction, one port; what comes with it goes elsewhere.
        "sha-ni" => {
            let (rounds, throughput) = (30.0 + 31.0, 3.0);
            let cycles = rounds * throughput;
            Bound {
                cycles,
                text: format!("{rounds} sha256rnds2, one in {throughput} cycles (measured) = {cycles:.1}"),
            }
        }
        // Nobody has worked it out yet.
        _ => Bound { cycles: f64::NAN, text: mix },
    }
}

fn kernel_rate(kernel: Kernel, header: &Header, versions: u32) -> (f64, f64) {
    let all: Vec<i32> = (0..versions as i32).map(|version| header.version ^ (version << 13)).collect();
    let work = Prepared::with_versions(header, &all, Target::from_compact(0x1d00_ffff).expect("a target"));
    let count = (1 << 14) / versions;
    let mut start = 0u32;
    let mut hits = Vec::new();
    best(&mut || {
        let tried = kernel.scan(&work, start, count, usize::MAX, &mut hits);
        start = start.wrapping_add(tried);
        u64::from(tried) * u64::from(versions)
    })
}

fn naive(header: &Header) -> u64 {
    let mut bytes = header.to_array();
    for nonce in 0..4096u32 {
        bytes[76..].copy_from_slice(&nonce.to_le_bytes());
        black_box(Sha256::digest(Sha256::digest(bytes)));
    }
    4096
}

/// The best rate of all samples, and the fastest clock seen between them.
fn best(run: &mut dyn FnMut() -> u64) -> (f64, f64) {
    let (mut rate, mut hertz) = (0f64, 0f64);
    for _ in 0..SAMPLES {
        hertz = hertz.max(clock());
        let since = own_time();
        let mut hashes = 0;
        let took = loop {
            hashes += run();
            let took = own_time() - since;
            if took >= SAMPLE {
                break took;
            }
        };
        rate = rate.max(hashes as f64 / took.as_secs_f64());
    }
    (rate, hertz)
}

/// Cycles per second: a chain of operations that each wait for the one before and take one cycle.
fn clock() -> f64 {
    const LINKS: u64 = 2_000_000;
    let (flip, step) = (black_box(0x5a5a_1234_u64), black_box(0x9e37_79b9_7f4a_7c15_u64));
    let since = own_time();
    let mut word = flip;
    for _ in 0..LINKS / 2 {
        word = (word ^ flip).wrapping_add(step);
    }
    black_box(word);
    LINKS as f64 / (own_time() - since).as_secs_f64()
}

/// The time that this thread has had a core.
#[cfg(unix)]
fn own_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).expect("less than a second"))
}

#[cfg(not(unix))]
fn own_time() -> Duration {
    use std::sync::LazyLock;
    use std::time::Instant;
    static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
    BEGIN.elapsed()
}

fn scaling(header: &Header, threads: usize, single: f64) {
    let workers = Workers::start(&Options { threads, ..Options::default() }).expect("threads can be started");
    let (mut own, mut wall) = (0f64, 0f64);
    for _ in 0..SAMPLES {
        let before = workers.figures();
        let since = std::time::Instant::now();
        let job = Job::new(*header, Target::from_be_bytes([0; 32])).rolling_version(BIP320_MASK);
        workers.mine(&job, &|| since.elapsed() >= SAMPLE, &|_| true);
        let took = since.elapsed().as_secs_f64();
        let after = workers.figures();
        let of_core = |i: usize| {
            let hashes = (after[i].hashes - before[i].hashes) as f64;
            hashes / (after[i].cpu - before[i].cpu).as_secs_f64().max(1e-9)
        };
        own = own.max((0..threads).map(of_core).sum());
        wall =
            wall.max(after.iter().zip(&before).map(|(a, b)| a.hashes - b.hashes).sum::<u64>() as f64 / took);
    }
    let linear = 100.0 * own / (single * threads as f64);
    println!("{threads:>7}  {:>27.2}  {linear:>7.1} %  {:>29.2}", own / 1e6, wall / 1e6);
}

#[cfg(feature = "gpu")]
mod gpu {
    use super::{Header, Job, Target};
    use chaincore_miner::{BIP320_MASK, Gpu};
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    /// What each card makes in some seconds.
    pub fn rates(header: &Header) {
        println!("\ncards: {}", Gpu::count());
        for ordinal in 0..Gpu::count() {
            let begun = Instant::now();
            let gpu = match Gpu::open(ordinal) {
                Ok(gpu) => gpu,
                Err(error) => {
                    println!("card {ordinal}: {error}");
                    continue;
                }
            };
            let compiled = begun.elapsed();
            let name = gpu.name().unwrap_or_default();
            for (mask, what) in [(0, "one version"), (BIP320_MASK, "16 versions")] {
                let job = Job::new(*header, Target::from_be_bytes([0; 32]))
                    .rolling_version(mask)
                    .rolling_time(u32::MAX);
                let (warm, long) = (Duration::from_secs(1), Duration::from_secs(6));
                let (hashes, at_warm) = (Cell::new(0u64), Cell::new((0u64, Duration::ZERO)));
                let begun = Instant::now();
                let hashed = |more| {
                    hashes.set(hashes.get() + more);
                    if begun.elapsed() < warm {
                        at_warm.set((hashes.get(), begun.elapsed()));
                    }
                };
                let ended = gpu.mine(&job, &|| begun.elapsed() >= long, &|_| true, &hashed);
                let (before, since) = at_warm.get();
                let rate = (hashes.get() - before) as f64 / (begun.elapsed() - since).as_secs_f64();
                println!("{name}, {what}: {:.1} MH/s ({ended:?}; compiled in {compiled:.1?})", rate / 1e6);
            }
        }
    }
}
