//! The SHA extensions of x86-64: two rounds in one instruction, which takes four cycles and of which a core
//! begins one in two or three; so two hashes in turns keep it busy.
#![allow(unsafe_code)]

use super::streams::{self, RoundUnit};
use super::{Kernel, Scan};
use crate::sha256::{HASH_BITS, HEADER_BITS, K, Midstate, PADDING, START, Tail};
use std::arch::x86_64::*;

pub(super) const KERNEL: Kernel = Kernel {
    name: "sha-ni",
    lanes: STREAMS as u32,
    is_supported: || {
        is_x86_feature_detected!("sha")
            && is_x86_feature_detected!("ssse3")
            && is_x86_feature_detected!("sse4.1")
    },
    scan,
};

/// Hashes in turns.
const STREAMS: usize = 2;

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn scan(scan: Scan<'_>) -> u32 {
    streams::scan::<ShaNi, STREAMS>(scan)
}

/// Used only in functions that are inlined into `scan`, which runs only where its instructions exist.
struct ShaNi;

/// The state in the order of the instructions: a, b, e, f and c, d, g, h, the first in the highest place.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

impl State {
    #[inline(always)]
    fn new(words: &[u32; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = words.map(|word| word as i32);
        // SAFETY: see `ShaNi`.
        unsafe { Self { abef: _mm_set_epi32(a, b, e, f), cdgh: _mm_set_epi32(c, d, g, h) } }
    }
}

#[derive(Clone, Copy)]
pub(super) struct Version {
    start: State,
    after3: State,
}

#[inline(always)]
fn words(words: [u32; 4]) -> __m128i {
    let [a, b, c, d] = words.map(|word| word as i32);
    // SAFETY: see `ShaNi`.
    unsafe { _mm_set_epi32(d, c, b, a) }
}

/// Words 4i to 4i + 3 of the round constants.
#[inline(always)]
fn constants(i: usize) -> __m128i {
    words([K[4 * i], K[4 * i + 1], K[4 * i + 2], K[4 * i + 3]])
}

/// The four words of the schedule that follow these sixteen.
#[inline(always)]
fn expand(m: [__m128i; 4]) -> __m128i {
    // SAFETY: see `ShaNi`.
    unsafe {
        let sum = _mm_add_epi32(_mm_sha256msg1_epu32(m[0], m[1]), _mm_alignr_epi8::<4>(m[3], m[2]));
        _mm_sha256msg2_epu32(sum, m[3])
    }
}

/// Four rounds of each hash.
#[inline(always)]
fn four_rounds<const N: usize>(states: &mut [State; N], kw: [__m128i; N]) {
    for (state, kw) in states.iter_mut().zip(kw) {
        // SAFETY: see `ShaNi`.
        state.cdgh = unsafe { _mm_sha256rnds2_epu32(state.cdgh, state.abef, kw) };
    }
    for (state, kw) in states.iter_mut().zip(kw) {
        // SAFETY: see `ShaNi`.
        state.abef = unsafe { _mm_sha256rnds2_epu32(state.abef, state.cdgh, _mm_shuffle_epi32::<0x0e>(kw)) };
    }
}

impl RoundUnit for ShaNi {
    type Version = Version;
    /// Rounds 4 to 63.
    type Schedule = [__m128i; 15];

    #[inline(always)]
    fn version(midstate: &Midstate) -> Version {
        Version { start: State::new(&midstate.start), after3: State::new(&midstate.after3()) }
    }

    #[inline(always)]
    fn schedule(tail: &Tail, nonce: u32) -> [__m128i; 15] {
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
                // SAFETY: see `ShaNi`.
                kw[$i - 1] = unsafe { _mm_add_epi32(m[$i], constants($i)) };
            )* };
        }
        macro_rules! expanded {
            ($($i:literal)*) => { $(
                m[$i % 4] = expand([m[$i % 4], m[($i + 1) % 4], m[($i + 2) % 4], m[($i + 3) % 4]]);
                // SAFETY: see `ShaNi`.
                kw[$i - 1] = unsafe { _mm_add_epi32(m[$i % 4], constants($i)) };
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
        schedules: [&[__m128i; 15]; N],
    ) -> [u32; N] {
        // SAFETY: see `ShaNi`.
        unsafe {
            // The nonce comes into a and e.
            let mut states: [State; N] = std::array::from_fn(|i| State {
                abef: _mm_add_epi32(versions[i].after3.abef, words([0, nonces[i], 0, nonces[i]])),
                cdgh: versions[i].after3.cdgh,
            });
            macro_rules! shared {
                ($($i:literal)*) => { $( four_rounds(&mut states, std::array::from_fn(|n| schedules[n][$i])); )* };
            }
            shared!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14);
            let mut m: [[__m128i; 4]; N] = std::array::from_fn(|i| {
                let abef = _mm_add_epi32(states[i].abef, versions[i].start.abef);
                let cdgh = _mm_add_epi32(states[i].cdgh, versions[i].start.cdgh);
                [
                    _mm_shuffle_epi32::<0xb1>(_mm_unpackhi_epi64(abef, cdgh)),
                    _mm_shuffle_epi32::<0xb1>(_mm_unpacklo_epi64(abef, cdgh)),
                    words([PADDING, 0, 0, 0]),
                    words([0, 0, 0, HASH_BITS]),
                ]
            });
            let mut states = [State::new(&START); N];
            macro_rules! given {
                ($($i:literal)*) => { $(
                    four_rounds(&mut states, std::array::from_fn(|n| _mm_add_epi32(m[n][$i], constants($i))));
                )* };
            }
            macro_rules! expanded {
                ($($i:literal)*) => { $(
                    for m in &mut m {
                        m[$i % 4] = expand([m[$i % 4], m[($i + 1) % 4], m[($i + 2) % 4], m[($i + 3) % 4]]);
                    }
                    four_rounds(&mut states, std::array::from_fn(|n| _mm_add_epi32(m[n][$i % 4], constants($i))));
                )* };
            }
            given!(0 1 2 3);
            expanded!(4 5 6 7 8 9 10 11 12 13 14);
            // Of the last four rounds, the first: its `e` is the `f` of the second.
            std::array::from_fn(|n| {
                let kw = _mm_add_epi32(expand([m[n][3], m[n][0], m[n][1], m[n][2]]), constants(15));
                let abef = _mm_sha256rnds2_epu32(states[n].cdgh, states[n].abef, kw);
                (_mm_cvtsi128_si32(abef) as u32).wrapping_add(START[7])
            })
        }
    }
}
