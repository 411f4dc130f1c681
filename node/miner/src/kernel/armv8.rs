//! The SHA-256 instructions of 64-bit Arm: four rounds each, several hashes in turns.
#![allow(unsafe_code)]

use super::streams::{self, RoundUnit};
use super::{Kernel, Scan};
use crate::sha256::{HASH_BITS, HEADER_BITS, K, Midstate, PADDING, START, Tail};
use std::arch::aarch64::*;

pub(super) const KERNEL: Kernel = Kernel {
    name: "armv8-sha",
    lanes: STREAMS as u32,
    is_supported: || {
        std::arch::is_aarch64_feature_detected!("sha2") && std::arch::is_aarch64_feature_detected!("neon")
    },
    scan,
};

/// Hashes in turns.
const STREAMS: usize = 4;

#[target_feature(enable = "neon,sha2")]
fn scan(scan: Scan<'_>) -> u32 {
    streams::scan::<ArmV8, STREAMS>(scan)
}

/// Used only in functions that are inlined into `scan`, which runs only where its instructions exist.
struct ArmV8;

#[derive(Clone, Copy)]
struct State {
    abcd: uint32x4_t,
    efgh: uint32x4_t,
}

impl State {
    #[inline(always)]
    fn new([a, b, c, d, e, f, g, h]: &[u32; 8]) -> Self {
        Self { abcd: words([*a, *b, *c, *d]), efgh: words([*e, *f, *g, *h]) }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Version {
    start: State,
    after3: State,
}

#[inline(always)]
fn words(words: [u32; 4]) -> uint32x4_t {
    // SAFETY: see `ArmV8`; the array has the four words that are read.
    unsafe { vld1q_u32(words.as_ptr()) }
}

/// Words 4i to 4i + 3 of the round constants.
#[inline(always)]
fn constants(i: usize) -> uint32x4_t {
    words([K[4 * i], K[4 * i + 1], K[4 * i + 2], K[4 * i + 3]])
}

/// The four words of the schedule that follow these sixteen.
#[inline]
#[target_feature(enable = "neon,sha2")]
fn expand(m: [uint32x4_t; 4]) -> uint32x4_t {
    vsha256su1q_u32(vsha256su0q_u32(m[0], m[1]), m[2], m[3])
}

/// Four rounds.
#[inline]
#[target_feature(enable = "neon,sha2")]
fn rounds(state: State, kw: uint32x4_t) -> State {
    State {
        abcd: vsha256hq_u32(state.abcd, state.efgh, kw),
        efgh: vsha256h2q_u32(state.efgh, state.abcd, kw),
    }
}

/// Four rounds of each hash.
#[inline(always)]
fn four_rounds<const N: usize>(states: &mut [State; N], kw: [uint32x4_t; N]) {
    for (state, kw) in states.iter_mut().zip(kw) {
        // SAFETY: see `ArmV8`.
        *state = unsafe { rounds(*state, kw) };
    }
}

impl RoundUnit for ArmV8 {
    type Version = Version;
    /// Rounds 4 to 63.
    type Schedule = [uint32x4_t; 15];

    #[inline(always)]
    fn version(midstate: &Midstate) -> Version {
        Version { start: State::new(&midstate.start), after3: State::new(&midstate.after3()) }
    }

    #[inline(always)]
    fn schedule(tail: &Tail, nonce: u32) -> [uint32x4_t; 15] {
        let [w0, w1, w2] = tail.words;
        let mut m = [
            words([w0, w1, w2, nonce]),
            words([PADDING, 0, 0, 0]),
            words([0; 4]),
            words([0, 0, 0, HEADER_BITS]),
        ];
        let mut kw = [m[0]; 15];
        macro_rules! given {
            ($($i:literal)*) => { $(
                // SAFETY: see `ArmV8`.
                kw[$i - 1] = unsafe { vaddq_u32(m[$i], constants($i)) };
            )* };
        }
        macro_rules! expanded {
            ($($i:literal)*) => { $(
                // SAFETY: see `ArmV8`.
                unsafe {
                    m[$i % 4] = expand([m[$i % 4], m[($i + 1) % 4], m[($i + 2) % 4], m[($i + 3) % 4]]);
                    kw[$i - 1] = vaddq_u32(m[$i % 4], constants($i));
                }
            )* };
        }
        given!(1 2 3);
        expanded!(4 5 6 7 8 9 10 11 12 13 14 15);
        kw
    }

    #[inline(always)]
    fn last_words<const N: usize>(
        versions: [&Version; N],
        nonces: [u32; N],
        schedules: [&[uint32x4_t; 15]; N],
    ) -> [u32; N] {
        // SAFETY: see `ArmV8`.
        unsafe {
            // The nonce comes into a and e.
            let mut states: [State; N] = std::array::from_fn(|i| {
                let nonce = words([nonces[i], 0, 0, 0]);
                State {
                    abcd: vaddq_u32(versions[i].after3.abcd, nonce),
                    efgh: vaddq_u32(versions[i].after3.efgh, nonce),
                }
            });
            macro_rules! shared {
                ($($i:literal)*) => { $( four_rounds(&mut states, std::array::from_fn(|n| schedules[n][$i])); )* };
            }
            shared!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
            let mut m: [[uint32x4_t; 4]; N] = std::array::from_fn(|i| {
                [
                    vaddq_u32(states[i].abcd, versions[i].start.abcd),
                    vaddq_u32(states[i].efgh, versions[i].start.efgh),
                    words([PADDING, 0, 0, 0]),
                    words([0, 0, 0, HASH_BITS]),
                ]
            });
            let mut states = [State::new(&START); N];
            macro_rules! given {
                ($($i:literal)*) => { $(
                    four_rounds(&mut states, std::array::from_fn(|n| vaddq_u32(m[n][$i], constants($i))));
                )* };
            }
            macro_rules! expanded {
                ($($i:literal)*) => { $(
                    for m in &mut m {
                        m[$i % 4] = expand([m[$i % 4], m[($i + 1) % 4], m[($i + 2) % 4], m[($i + 3) % 4]]);
                    }
                    four_rounds(&mut states, std::array::from_fn(|n| vaddq_u32(m[n][$i % 4], constants($i))));
                )* };
            }
            given!(0 1 2 3);
            expanded!(4 5 6 7 8 9 10 11 12 13 14);
            // The last four rounds, of which only h is wanted: the first's e.
            std::array::from_fn(|n| {
                let kw = vaddq_u32(expand([m[n][3], m[n][0], m[n][1], m[n][2]]), constants(15));
                vgetq_lane_u32::<3>(rounds(states[n], kw).efgh).wrapping_add(START[7])
            })
        }
    }
}
