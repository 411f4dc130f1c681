//! Every kernel finds exactly what plain SHA-256 finds.

use super::Kernel;
use crate::{Hit, Prepared};
use chaincore_consensus::hash::{BlockHash, Hash256};
use chaincore_consensus::{Header, pow::Target};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// The hash as a number, most significant byte first: the whole header through the `sha2` crate.
fn plain_hash(header: &Header) -> [u8; 32] {
    let mut hash: [u8; 32] = Sha256::digest(Sha256::digest(header.to_array())).into();
    hash.reverse();
    hash
}

fn plain_hits(header: &Header, versions: &[i32], target: [u8; 32], start: u32, count: u32) -> Vec<Hit> {
    let end = (u64::from(start) + u64::from(count)).min(1 << 32);
    (u64::from(start)..end)
        .flat_map(|nonce| (0..versions.len()).map(move |version| (version, nonce as u32)))
        .filter(|(version, nonce)| {
            plain_hash(&Header { version: versions[*version], nonce: *nonce, ..*header }) <= target
        })
        .map(|(version, nonce)| Hit { version: version as u32, nonce })
        .collect()
}

fn header() -> impl Strategy<Value = Header> {
    (any::<i32>(), any::<[u8; 32]>(), any::<[u8; 32]>(), any::<u32>(), any::<u32>()).prop_map(
        |(version, previous, merkle_root, time, bits)| Header {
            version,
            previous: BlockHash(previous),
            merkle_root: Hash256(merkle_root),
            time,
            bits,
            nonce: 0,
        },
    )
}

/// Targets that all, many, some or none of the hashes meet, and such as differ from a hash in the last bit.
#[derive(Clone, Debug)]
enum Aim {
    ZeroBits(u32),
    /// The hash of one of the nonces, or what is just below it.
    HashOf {
        place: u32,
        below: bool,
    },
}

fn aim() -> impl Strategy<Value = Aim> {
    prop_oneof![
        (0u32..12).prop_map(Aim::ZeroBits),
        Just(Aim::ZeroBits(256)),
        (any::<u32>(), any::<bool>()).prop_map(|(place, below)| Aim::HashOf { place, below }),
    ]
}

fn target(aim: &Aim, header: &Header, start: u32, count: u32) -> [u8; 32] {
    let mut target = [0xff; 32];
    match *aim {
        Aim::ZeroBits(bits) => {
            for bit in 0..bits as usize {
                target[bit / 8] >>= 1;
            }
        }
        Aim::HashOf { place, below } => {
            target = plain_hash(&Header { nonce: start.wrapping_add(place % count.max(1)), ..*header });
            if below {
                let last = target.iter().rposition(|byte| *byte > 0).unwrap();
                target[last] -= 1;
                target[last + 1..].fill(0xff);
            }
        }
    }
    target
}

/// Starts anywhere, and so near the end that the range would pass it.
fn start() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), (0u32..80).prop_map(|back| u32::MAX - back), Just(0)]
}

/// Versions one after another, so many that groups are full and not full.
fn versions() -> impl Strategy<Value = Vec<i32>> {
    prop_oneof![
        any::<i32>().prop_map(|version| vec![version]),
        prop::collection::vec(any::<i32>(), 1..=5),
        any::<i32>().prop_map(|version| (0..16).map(|i| version ^ (i << 13)).collect()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn kernels_find_what_plain_sha256_finds(
        mut header in header(),
        versions in versions(),
        start in start(),
        count in 0u32..150,
        aim in aim(),
        enough in prop_oneof![Just(usize::MAX), 0usize..40],
    ) {
        header.version = versions[0];
        let target = target(&aim, &header, start, count);
        let work = Prepared::with_versions(&header, &versions, Target::from_be_bytes(target));
        for kernel in Kernel::available() {
            // What was there stays.
            let before = Hit { version: 99, nonce: 99 };
            let mut hits = vec![before];
            let tried = kernel.scan(&work, start, count, enough.saturating_add(1), &mut hits);
            prop_assert_eq!(hits.remove(0), before);
            let whole = count.min((u32::MAX - start).saturating_add(1));
            prop_assert!(tried == whole || (tried < whole && hits.len() >= enough), "{}: {}", kernel.name(), tried);
            prop_assert!(enough == 0 || whole == 0 || tried > 0);
            hits.sort_unstable_by_key(|hit| (hit.nonce.wrapping_sub(start), hit.version));
            prop_assert_eq!(hits, plain_hits(&header, &versions, target, start, tried), "{}", kernel.name());
        }
    }

    #[test]
    fn one_header_solves_if_its_hash_is_within(header in header(), nonce: u32, aim in aim()) {
        let target = target(&aim, &header, nonce, 1);
        let work = Prepared::new(&header, Target::from_be_bytes(target));
        let solved = plain_hash(&Header { nonce, ..header }) <= target;
        prop_assert_eq!(work.solves(Hit { version: 0, nonce }), solved);
    }
}

#[test]
fn kernels_find_bitcoins_genesis_block() {
    let genesis = Header {
        version: 1,
        previous: BlockHash::ZERO,
        merkle_root: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b".parse().unwrap(),
        time: 1_231_006_505,
        bits: 0x1d00_ffff,
        nonce: 0,
    };
    let work = Prepared::new(&genesis, Target::from_compact(genesis.bits).unwrap());
    for kernel in Kernel::available() {
        let mut hits = Vec::new();
        assert_eq!(kernel.scan(&work, 2_083_236_893 - 5000, 10_000, usize::MAX, &mut hits), 10_000);
        assert_eq!(hits, [Hit { version: 0, nonce: 2_083_236_893 }], "{}", kernel.name());
    }
}

#[test]
fn the_portable_kernel_is_always_there_and_the_fastest_comes_first() {
    let names: Vec<_> = Kernel::available().iter().map(Kernel::name).collect();
    assert_eq!(names.last(), Some(&"portable"));
    assert_eq!(Kernel::fastest().name(), names[0]);
    for name in &names {
        assert_eq!(Kernel::named(name).unwrap().name(), *name);
    }
    assert!(Kernel::named("").is_none());
    #[cfg(target_arch = "x86_64")]
    assert!(names.contains(&"sse2"), "{names:?}");
    #[cfg(target_arch = "aarch64")]
    assert!(names.contains(&"neon"), "{names:?}");
}

/// What the hashes of a long run are held against.
fn long_target(kind: u32, header: &Header, versions: &[i32], start: u32, seed: [u8; 32]) -> [u8; 32] {
    let easy = |mut target: [u8; 32]| {
        // 8 to 15 leading zero bits: a hit in some hundreds or thousands of hashes.
        target[0] = 0;
        target[1] >>= seed[0] % 8;
        target
    };
    // The smallest of some hashes of the run, and what differs from it a little. A kernel looks at the first
    // word of a hash alone and at the rest only if that word is small enough: here it is equal, and the rest
    // decides.
    let of_a_hash = || {
        let hashes = (0..512u32).map(|n| {
            let version = versions[n as usize % versions.len()];
            plain_hash(&Header { version, nonce: start.wrapping_add(n), ..*header })
        });
        hashes.min().unwrap()
    };
    match kind {
        0 => easy([0xff; 32]),
        1 => easy(seed),
        2 => of_a_hash(),
        3 => {
            let mut target = of_a_hash();
            let last = target.iter().rposition(|byte| *byte > 0).unwrap();
            target[last] -= 1;
            target[last + 1..].fill(0xff);
            target
        }
        // The first word alone is that of a hash: the rest lets it pass, or does not.
        4 => {
            let mut target = of_a_hash();
            target[4..].copy_from_slice(&seed[4..]);
            target
        }
        // A first word of nothing but zeros, as on a chain with real difficulty: nothing is found.
        _ => {
            let mut target = seed;
            target[..4].fill(0);
            target
        }
    }
}

/// The long test: `CHAINCORE_MINER_NONCES` nonces (a few hundred thousand if not set; 1000000000 in a release
/// build takes some minutes), in runs of random headers, versions and targets, by every kernel and by the
/// `sha2` crate. `CHAINCORE_MINER_SEED` makes other headers.
#[test]
fn kernels_find_what_plain_sha256_finds_in_a_long_run() {
    use rayon::prelude::*;
    const RUN: u32 = 1 << 16;
    const KINDS: u64 = 6;
    let given = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let nonces = given("CHAINCORE_MINER_NONCES").unwrap_or(1 << 19);
    let other = given("CHAINCORE_MINER_SEED").unwrap_or(0);
    let runs = nonces.div_ceil(RUN.into());
    let sums = (0..runs)
        .into_par_iter()
        .map(|run| {
            // Headers that look random and are the same each time.
            let seed = |what: &str| -> [u8; 32] { Sha256::digest(format!("{what} {run} {other}")).into() };
            let words: Vec<u32> =
                seed("words").chunks(4).map(|bytes| u32::from_le_bytes(bytes.try_into().unwrap())).collect();
            let header = Header {
                version: words[0] as i32,
                previous: BlockHash(seed("previous")),
                merkle_root: Hash256(seed("merkle root")),
                time: words[1],
                bits: words[2],
                nonce: 0,
            };
            let versions: Vec<i32> = (0..1 << (run % 5)).map(|i| header.version ^ (i << 13)).collect();
            let count = RUN >> (run % 5);
            let kind = (run % KINDS) as u32;
            let target = long_target(kind, &header, &versions, words[4], seed("target"));
            let expected = plain_hits(&header, &versions, target, words[4], count);
            let work = Prepared::with_versions(&header, &versions, Target::from_be_bytes(target));
            let whole = u64::from(count).min((1 << 32) - u64::from(words[4]));
            for kernel in Kernel::available() {
                let mut hits = Vec::new();
                let tried = kernel.scan(&work, words[4], count, usize::MAX, &mut hits);
                assert_eq!(u64::from(tried), whole);
                hits.sort_unstable_by_key(|hit| (hit.nonce.wrapping_sub(words[4]), hit.version));
                assert_eq!(hits, expected, "{} in run {run}", kernel.name());
            }
            // Hashes whose first word alone would do.
            let misled = match kind {
                3 | 4 => {
                    let mut easier = target;
                    easier[4..].fill(0xff);
                    plain_hits(&header, &versions, easier, words[4], count.min(512)).len()
                        - expected.iter().filter(|hit| hit.nonce.wrapping_sub(words[4]) < 512).count()
                }
                _ => 0,
            };
            [expected.len() as u64, misled as u64, whole * versions.len() as u64]
        })
        .reduce(|| [0; 3], |a, b| std::array::from_fn(|i| a[i] + b[i]));
    let [found, misled, hashed] = sums;
    let names: Vec<_> = Kernel::available().iter().map(Kernel::name).collect();
    println!("{hashed} hashes by each of {names:?}: {found} hits, {misled} misses by the last words alone");
    assert!(found > 0, "runs without hits show nothing");
    assert!(misled > 0 || runs < KINDS, "no hash failed by its last words");
}
