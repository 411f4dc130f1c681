//! NEON, which every 64-bit Arm processor has: four nonces side by side.
#![allow(unsafe_code)]

use super::{Batch, Kernel, Scan};
use crate::sha256::Lanes;
use std::arch::aarch64::*;

pub(super) const KERNEL: Kernel =
    Kernel { name: "neon", lanes: 4, is_supported: || std::arch::is_aarch64_feature_detected!("neon"), scan };

#[target_feature(enable = "neon")]
fn scan(scan: Scan<'_>) -> u32 {
    super::scan::<Words>(scan)
}

/// Four words. Made and used only in functions that are inlined into `scan`, which runs only where there is
/// NEON.
#[derive(Clone, Copy)]
struct Words(uint32x4_t);

/// A rotation: one half is shifted, the other shifted into it.
macro_rules! rotate {
    ($x:expr, $right:literal, $left:literal) => {
        vsriq_n_u32::<$right>(vshlq_n_u32::<$left>($x), $x)
    };
}

impl Lanes for Words {
    type Uniform = u32;
    #[inline(always)]
    fn uniform(word: u32) -> Self {
        Self::splat(word)
    }
    #[inline(always)]
    fn splat(word: u32) -> Self {
        // SAFETY: see `Words`.
        Self(unsafe { vdupq_n_u32(word) })
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see `Words`.
        Self(unsafe { vaddq_u32(self.0, other.0) })
    }
    #[inline(always)]
    fn big0(self) -> Self {
        let x = self.0;
        // SAFETY: see `Words`.
        Self(unsafe { veorq_u32(veorq_u32(rotate!(x, 2, 30), rotate!(x, 13, 19)), rotate!(x, 22, 10)) })
    }
    #[inline(always)]
    fn big1(self) -> Self {
        let x = self.0;
        // SAFETY: see `Words`.
        Self(unsafe { veorq_u32(veorq_u32(rotate!(x, 6, 26), rotate!(x, 11, 21)), rotate!(x, 25, 7)) })
    }
    #[inline(always)]
    fn small0(self) -> Self {
        let x = self.0;
        // SAFETY: see `Words`.
        Self(unsafe { veorq_u32(veorq_u32(rotate!(x, 7, 25), rotate!(x, 18, 14)), vshrq_n_u32::<3>(x)) })
    }
    #[inline(always)]
    fn small1(self) -> Self {
        let x = self.0;
        // SAFETY: see `Words`.
        Self(unsafe { veorq_u32(veorq_u32(rotate!(x, 17, 15), rotate!(x, 19, 13)), vshrq_n_u32::<10>(x)) })
    }
    #[inline(always)]
    fn choose(self, f: Self, g: Self) -> Self {
        // SAFETY: see `Words`.
        Self(unsafe { vbslq_u32(self.0, f.0, g.0) })
    }
    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        // Where a and b differ, c decides.
        // SAFETY: see `Words`.
        Self(unsafe { vbslq_u32(veorq_u32(self.0, b.0), c.0, b.0) })
    }
}

impl Batch for Words {
    const LANES: u32 = 4;
    #[inline(always)]
    fn nonces(first: u32) -> Self {
        let words: [u32; 4] = std::array::from_fn(|lane| first.wrapping_add(lane as u32).swap_bytes());
        // SAFETY: see `Words`; the array has the four words that are read.
        Self(unsafe { vld1q_u32(words.as_ptr()) })
    }
    #[inline(always)]
    fn at_most(self, limit: u32) -> u32 {
        // SAFETY: see `Words`.
        unsafe {
            let words = vreinterpretq_u32_u8(vrev32q_u8(vreinterpretq_u8_u32(self.0)));
            let within = vcleq_u32(words, vdupq_n_u32(limit));
            let bits: [u32; 4] = [1, 2, 4, 8];
            vaddvq_u32(vandq_u32(within, vld1q_u32(bits.as_ptr())))
        }
    }
}
