//! What somebody writes first who has AVX-512: sixteen nonces side by side, the state of the header's first half kept, the
//! second hash left off after 61 rounds, and nothing else. The kernels are measured against it because it was measured
//! elsewhere, too: a ratio holds on cores of any clock.

#![allow(unsafe_code, reason = "instructions that only some processors have")]

use chaincore_miner::{ROUND_CONSTANTS, START_STATE};
use std::arch::x86_64::*;

/// What sixteen hashes take: 125 rounds (Σ 4 twice, ch, maj, 7 additions), 93 words of the schedule (σ 4 twice, 3
/// additions), and what is added to the state.
pub const INSTRUCTIONS: f64 = 125.0 * 17.0 + 93.0 * 11.0 + 9.0;

pub fn is_supported() -> bool {
    is_x86_feature_detected!("avx512f")
}

#[inline]
#[target_feature(enable = "avx512f")]
fn word(value: u32) -> __m512i {
    _mm512_set1_epi32(value.cast_signed())
}

/// Rounds and message schedule; the state as it stands after so many rounds, which is not added to yet.
#[inline]
#[target_feature(enable = "avx512f")]
fn compress<const COUNT: usize>(state: [__m512i; 8], mut words: [__m512i; 16]) -> [__m512i; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    for at in 0..COUNT {
        if at >= 16 {
            let (late, early) = (words[(at - 2) % 16], words[(at - 15) % 16]);
            let late = _mm512_ternarylogic_epi32::<0x96>(
                _mm512_ror_epi32::<17>(late),
                _mm512_ror_epi32::<19>(late),
                _mm512_srli_epi32::<10>(late),
            );
            let early = _mm512_ternarylogic_epi32::<0x96>(
                _mm512_ror_epi32::<7>(early),
                _mm512_ror_epi32::<18>(early),
                _mm512_srli_epi32::<3>(early),
            );
            let sum = _mm512_add_epi32(_mm512_add_epi32(words[at % 16], early), words[(at - 7) % 16]);
            words[at % 16] = _mm512_add_epi32(sum, late);
        }
        let mixed = _mm512_ternarylogic_epi32::<0x96>(
            _mm512_ror_epi32::<6>(e),
            _mm512_ror_epi32::<11>(e),
            _mm512_ror_epi32::<25>(e),
        );
        let chosen = _mm512_ternarylogic_epi32::<0xca>(e, f, g);
        let keyed = _mm512_add_epi32(words[at % 16], word(ROUND_CONSTANTS[at]));
        let first = _mm512_add_epi32(_mm512_add_epi32(h, keyed), _mm512_add_epi32(mixed, chosen));
        let mixed = _mm512_ternarylogic_epi32::<0x96>(
            _mm512_ror_epi32::<2>(a),
            _mm512_ror_epi32::<13>(a),
            _mm512_ror_epi32::<22>(a),
        );
        let most = _mm512_ternarylogic_epi32::<0xe8>(a, b, c);
        (h, g, f, e) = (g, f, e, _mm512_add_epi32(d, first));
        (d, c, b, a) = (c, b, a, _mm512_add_epi32(first, _mm512_add_epi32(mixed, most)));
    }
    [a, b, c, d, e, f, g, h]
}

#[target_feature(enable = "avx512f")]
fn search(midstate: &[u32; 8], tail: &[u32; 3], start: u32, count: u32) -> u32 {
    let mut found = 0;
    for batch in 0..count / 16 {
        let nonces: [u32; 16] =
            std::array::from_fn(|lane| start.wrapping_add(batch * 16 + lane as u32).swap_bytes());
        // SAFETY: sixteen words are read from sixteen.
        let nonces = unsafe { _mm512_loadu_si512(nonces.as_ptr().cast()) };
        let mut words = [word(0); 16];
        for (at, value) in tail.iter().enumerate() {
            words[at] = word(*value);
        }
        words[3] = nonces;
        words[4] = word(0x8000_0000);
        words[15] = word(640);
        let before = midstate.map(|value| word(value));
        let after = compress::<64>(before, words);
        let mut words = [word(0); 16];
        for at in 0..8 {
            words[at] = _mm512_add_epi32(before[at], after[at]);
        }
        words[8] = word(0x8000_0000);
        words[15] = word(256);
        let end = compress::<61>(START_STATE.map(|value| word(value)), words);
        let last = _mm512_add_epi32(end[4], word(START_STATE[7]));
        found += _mm512_cmpeq_epi32_mask(last, word(0)).count_ones();
    }
    found
}

/// Tries nonces from `start` on, in steps of sixteen, with the state after the header's first 64 bytes and the words that
/// follow; how many hashes end in 32 zero bits.
pub fn scan(midstate: &[u32; 8], tail: &[u32; 3], start: u32, count: u32) -> u32 {
    assert!(is_supported(), "asked before");
    // SAFETY: the processor has what it takes.
    unsafe { search(midstate, tail, start, count) }
}
