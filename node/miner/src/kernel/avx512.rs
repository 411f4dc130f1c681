//! AVX-512: sixteen nonces side by side. Rotations are one instruction, and so is any function of three
//! words.
#![allow(unsafe_code)]

use super::{Batch, Kernel, Scan};
use crate::sha256::Lanes;
use std::arch::asm;
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

/// Sixteen words. Made and used only in functions that are inlined into `scan`, which runs only where there
/// is AVX-512.
#[derive(Clone, Copy)]
struct Words(__m512i);

/// Turns the bytes of every word.
#[inline(always)]
fn turn(words: __m512i) -> __m512i {
    // SAFETY: see `Words`.
    unsafe {
        _mm512_shuffle_epi8(words, _mm512_set4_epi32(0x0c0d_0e0f, 0x0809_0a0b, 0x0405_0607, 0x0001_0203))
    }
}

/// A round. The compiler would choose the same instructions, but their order matters: the processor decides
/// early on which of its ports an instruction will go to, and this order, found by trying thousands, leaves 3
/// % of them idle instead of 6.
#[inline]
#[target_feature(enable = "avx512f")]
fn round([a, b, c, mut d, e, f, g, mut h]: [__m512i; 8], kw: __m512i) -> [__m512i; 2] {
    // SAFETY: it reads and writes nothing but its registers.
    unsafe {
        asm!(
            "vprord {x}, {e}, 25",
            "vprord {y}, {e}, 11",
            "vpaddd {h}, {h}, {kw}",
            "vprord {z}, {e}, 6",
            "vpternlogd {x}, {y}, {z}, 0x96",
            "vmovdqa64 {y}, {e}",
            "vpternlogd {y}, {f}, {g}, 0xca",
            "vpaddd {h}, {h}, {y}",
            "vpaddd {h}, {h}, {x}",
            "vprord {x}, {a}, 22",
            "vpaddd {d}, {d}, {h}",
            "vprord {y}, {a}, 2",
            "vprord {z}, {a}, 13",
            "vmovdqa64 {m}, {a}",
            "vpternlogd {m}, {b}, {c}, 0xe8",
            "vpternlogd {x}, {y}, {z}, 0x96",
            "vpaddd {x}, {x}, {m}",
            "vpaddd {h}, {h}, {x}",
            a = in(zmm_reg) a,
            b = in(zmm_reg) b,
            c = in(zmm_reg) c,
            d = inout(zmm_reg) d,
            e = in(zmm_reg) e,
            f = in(zmm_reg) f,
            g = in(zmm_reg) g,
            h = inout(zmm_reg) h,
            kw = in(zmm_reg) kw,
            x = out(zmm_reg) _,
            y = out(zmm_reg) _,
            z = out(zmm_reg) _,
            m = out(zmm_reg) _,
            options(pure, nomem, nostack, preserves_flags)
        );
    }
    [d, h]
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
        // SAFETY: see `Words`.
        Self(unsafe { _mm512_set1_epi32(word as i32) })
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: see `Words`.
        Self(unsafe { _mm512_add_epi32(self.0, other.0) })
    }
    #[inline(always)]
    fn big0(self) -> Self {
        let x = self.0;
        // SAFETY: see `Words`.
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
        // SAFETY: see `Words`.
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
        // SAFETY: see `Words`.
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
        // SAFETY: see `Words`.
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
        // SAFETY: see `Words`.
        Self(unsafe { _mm512_ternarylogic_epi32::<CHOOSE>(self.0, f.0, g.0) })
    }
    #[inline(always)]
    fn majority(self, b: Self, c: Self) -> Self {
        // SAFETY: see `Words`.
        Self(unsafe { _mm512_ternarylogic_epi32::<MAJORITY>(self.0, b.0, c.0) })
    }
    #[inline(always)]
    fn round(state: [Self; 8], kw: Self) -> [Self; 2] {
        // SAFETY: see `Words`.
        unsafe { round(state.map(|word| word.0), kw.0).map(Self) }
    }
}

impl Batch for Words {
    const LANES: u32 = 16;
    #[inline(always)]
    fn nonces(first: u32) -> Self {
        // SAFETY: see `Words`.
        unsafe {
            let steps = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
            Self(turn(_mm512_add_epi32(_mm512_set1_epi32(first as i32), steps)))
        }
    }
    #[inline(always)]
    fn at_most(self, limit: u32) -> u32 {
        // SAFETY: see `Words`.
        unsafe { _mm512_cmple_epu32_mask(turn(self.0), _mm512_set1_epi32(limit as i32)).into() }
    }
}
