//! AVX2: eight nonces side by side.
#![allow(unsafe_code)]

use super::Kernel;
use std::arch::x86_64::*;

pub(super) const KERNEL: Kernel =
    Kernel { name: "avx2", lanes: 8, is_supported: || is_x86_feature_detected!("avx2"), scan };

#[target_feature(enable = "avx2")]
fn scan(scan: super::Scan<'_>) -> u32 {
    super::scan::<Words>(scan)
}

/// Eight words.
#[derive(Clone, Copy)]
struct Words(__m256i);

super::vector_without_rotations! {
    Words, 8, set1: _mm256_set1_epi32, add: _mm256_add_epi32, xor: _mm256_xor_si256, and: _mm256_and_si256,
    left: _mm256_slli_epi32, right: _mm256_srli_epi32
}

impl Words {
    #[inline(always)]
    fn from_words(words: [u32; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = words.map(|word| word as i32);
        // SAFETY: see `vector_without_rotations`.
        Self(unsafe { _mm256_set_epi32(h, g, f, e, d, c, b, a) })
    }

    #[inline(always)]
    fn lanes_at_most(self, limit: u32) -> u32 {
        // SAFETY: see `vector_without_rotations`.
        unsafe {
            let order = _mm256_set_epi32(
                0x0c0d_0e0f,
                0x0809_0a0b,
                0x0405_0607,
                0x0001_0203,
                0x0c0d_0e0f,
                0x0809_0a0b,
                0x0405_0607,
                0x0001_0203,
            );
            let words = _mm256_shuffle_epi8(self.0, order);
            // At most the limit: the smaller of the two is the word itself.
            let within = _mm256_cmpeq_epi32(_mm256_min_epu32(words, _mm256_set1_epi32(limit as i32)), words);
            _mm256_movemask_ps(_mm256_castsi256_ps(within)) as u32
        }
    }
}
