//! AVX-512: sixteen nonces side by side. Rotations are one instruction, and so is any function of three words.
#![allow(unsafe_code)]

use super::{Batch, Kernel, Scan};
use crate::sha256::Lanes;
use std::arch::x86_64::*;

pub(super) const KERNEL: Kernel = Kernel {
    name: "avx512",
    lanes: 16,
    is_supported: || is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw"),
    scan,
};

#[target_feature(enable = "avx512f,avx512bw")]
fn scan(scan: Scan<'_>) -> u32 {
    super::scan::<Words>(scan)
}

/// Sixteen words.
#[derive(Clone, Copy)]
struct Words(__m512i);

/// Turns the bytes of every word.
#[inline(always)]
fn turn(words: __m512i) -> __m512i {
    unsafe {
        _mm512_shuffle_epi8(words, _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203))
    }
}

/// The truth tables of `a ^ b ^ c`, of `a ? b : c` and of the majority.
const XOR: i32 = 0x96;
const CHOOSE: i32 = 0xca;
const MAJORITY: i32 = 0xe8;

impl Lanes for Words {
    type Uniform = u32;
    #[inline(always)]
    fn uniform(word: u32) -> Self {
        Self::splat(word)
    }
    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self(unsafe { _mm512_set1_epi32(word as i32) })
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(unsafe { _mm512_add_epi32(self.0, other.0) })
    }
    #[inline(always)]
    fn big0(self) -> Self {
        let x = self.0;
        Self(unsafe {
            _mm512_ternarylogic_epi32::<XOR>(
                _mm512_ror_epi32::<2>(x),
                _mm512_ror_epi32::<13>(x),
                _mm512_ror_epi32::<22>(x),
            )
        })
    }
    #[inline(always)]
    fn big1(self) -> Self {
        let x = self.0;
        Self(unsafe {
            _mm512_ternarylogic_epi32::<XOR>(
                _mm512_ror_epi32::<6>(x),
                _mm512_ror_epi32::<11>(x),
                _mm512_ror_epi32::<25>(x),
            )
        })
    }
    #[inline(always)]
    fn small0(self) -> Self {
        let x = self.0;
        Self(unsafe {
            _mm512_ternarylogic_epi32::<XOR>(
                _mm512_ror_epi32::<7>(x),
                _mm512_ror_epi32::<18>(x),
                _mm512_srli_epi32::<3>(x),
            )
        })
    }
    #[inline(always)]
    fn small1(self) -> Self {
        let x = self.0;
        Self(unsafe {
            _mm512_ternarylogic_epi32::<XOR>(
                _mm512_ror_epi32::<17>(x),
                _mm512_ror_epi32::<19>(x),
                _mm512_srli_epi32::<10>(x),
            )
        })
    }
    #[inline(always)]
    fn choose(self, f: Self, g: Self) -> Self {
        Self(unsafe { _mm512_ternarylogic_epi32::<CHOOSE>(self.0, f.0, g.0) })
    }
    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        Self(unsafe { _mm512_ternarylogic_epi32::<MAJORITY>(self.0, b.0, c.0) })
    }
}

impl Batch for Words {
    const LANES: u32 = 16;
    #[inline(always)]
    fn nonces(first: u32) -> Self {
        unsafe {
            let steps = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
            Self(turn(_mm512_add_epi32(_mm512_set1_epi32(first as i32), steps)))
        }
    }
    #[inline(always)]
    fn at_most(self, limit: u32) -> u32 {
        unsafe { _mm512_cmple_epu32_mask(turn(self.0), _mm512_set1_epi32(limit as i32)).into() }
    }
}
