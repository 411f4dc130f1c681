//! SSE2, which every x86-64 processor has: four nonces side by side.
#![allow(unsafe_code)]

use super::Kernel;
use std::arch::x86_64::*;

pub(super) const KERNEL: Kernel =
    Kernel { name: "sse2", lanes: 4, is_supported: || is_x86_feature_detected!("sse2"), scan };

#[target_feature(enable = "sse2")]
fn scan(scan: super::Scan<'_>) -> u32 {
    super::scan::<Words>(scan)
}

/// Four words.
#[derive(Clone, Copy)]
struct Words(__m128i);

super::vector_without_rotations! {
    Words, 4, set1: _mm_set1_epi32, add: _mm_add_epi32, xor: _mm_xor_si128, and: _mm_and_si128,
    left: _mm_slli_epi32, right: _mm_srli_epi32
}

impl Words {
    #[inline(always)]
    fn from_words(words: [u32; 4]) -> Self {
        let [a, b, c, d] = words.map(|word| word as i32);
        // SAFETY: see `vector_without_rotations`.
        Self(unsafe { _mm_set_epi32(d, c, b, a) })
    }

    /// The bytes of every word turned: there is no instruction that shuffles bytes.
    #[inline(always)]
    fn turned(self) -> __m128i {
        // SAFETY: see `vector_without_rotations`.
        unsafe {
            let halves = _mm_or_si128(_mm_slli_epi32::<16>(self.0), _mm_srli_epi32::<16>(self.0));
            let low = _mm_set1_epi32(0x00ff_00ff);
            _mm_or_si128(
                _mm_slli_epi32::<8>(_mm_and_si128(halves, low)),
                _mm_and_si128(_mm_srli_epi32::<8>(halves), low),
            )
        }
    }

    #[inline(always)]
    fn lanes_at_most(self, limit: u32) -> u32 {
        // SAFETY: see `vector_without_rotations`.
        unsafe {
            // There is only a signed comparison: the top bit is turned over on both sides.
            let top = _mm_set1_epi32(i32::MIN);
            let limit = _mm_set1_epi32(limit as i32 ^ i32::MIN);
            let above = _mm_cmpgt_epi32(_mm_xor_si128(self.turned(), top), limit);
            !(_mm_movemask_ps(_mm_castsi128_ps(above)) as u32) & 0xf
        }
    }
}
