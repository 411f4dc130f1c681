//! What the vectors without a rotation instruction have in common.

/// Implements [`Lanes`](crate::sha256::Lanes) and [`Batch`](super::Batch) with additions, exclusive ors, ands
/// and shifts. The two halves of a rotation are never put together: they go into the exclusive or as they
/// are.
///
/// # Safety of what it writes
/// The vectors are made and used only in functions that are inlined into the kernel's `scan`, which runs only
/// where its instructions exist.
macro_rules! vector_without_rotations {
    ($words:ident, $lanes:literal, set1: $set1:ident, add: $add:ident, xor: $xor:ident, and: $and:ident,
     left: $left:ident, right: $right:ident) => {
        impl crate::sha256::Lanes for $words {
            type Uniform = u32;
            #[inline(always)]
            fn uniform(word: u32) -> Self {
                Self::splat(word)
            }
            #[inline(always)]
            fn splat(word: u32) -> Self {
                // SAFETY: see the macro.
                Self(unsafe { $set1(word as i32) })
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                // SAFETY: see the macro.
                Self(unsafe { $add(self.0, other.0) })
            }
            #[inline(always)]
            fn big0(self) -> Self {
                let x = self.0;
                // SAFETY: see the macro.
                Self(unsafe {
                    let small = $xor($right::<2>(x), $left::<30>(x));
                    let middle = $xor($right::<13>(x), $left::<19>(x));
                    $xor($xor(small, middle), $xor($right::<22>(x), $left::<10>(x)))
                })
            }
            #[inline(always)]
            fn big1(self) -> Self {
                let x = self.0;
                // SAFETY: see the macro.
                Self(unsafe {
                    let small = $xor($right::<6>(x), $left::<26>(x));
                    let middle = $xor($right::<11>(x), $left::<21>(x));
                    $xor($xor(small, middle), $xor($right::<25>(x), $left::<7>(x)))
                })
            }
            #[inline(always)]
            fn small0(self) -> Self {
                let x = self.0;
                // SAFETY: see the macro.
                Self(unsafe {
                    let small = $xor($right::<7>(x), $left::<25>(x));
                    let middle = $xor($right::<18>(x), $left::<14>(x));
                    $xor($xor(small, middle), $right::<3>(x))
                })
            }
            #[inline(always)]
            fn small1(self) -> Self {
                let x = self.0;
                // SAFETY: see the macro.
                Self(unsafe {
                    let small = $xor($right::<17>(x), $left::<15>(x));
                    let middle = $xor($right::<19>(x), $left::<13>(x));
                    $xor($xor(small, middle), $right::<10>(x))
                })
            }
            #[inline(always)]
            fn choose(self, f: Self, g: Self) -> Self {
                // SAFETY: see the macro.
                Self(unsafe { $xor(g.0, $and(self.0, $xor(f.0, g.0))) })
            }
            #[inline(always)]
            fn majority(self, b: Self, c: Self) -> Self {
                // `a ^ b` is the next round's `b ^ c`: the compiler sees that.
                // SAFETY: see the macro.
                Self(unsafe { $xor(b.0, $and($xor(self.0, b.0), $xor(b.0, c.0))) })
            }
        }

        impl super::Batch for $words {
            const LANES: u32 = $lanes;
            #[inline(always)]
            fn nonces(first: u32) -> Self {
                Self::from_words(std::array::from_fn(|lane| first.wrapping_add(lane as u32).swap_bytes()))
            }
            #[inline(always)]
            fn at_most(self, limit: u32) -> u32 {
                self.lanes_at_most(limit)
            }
        }
    };
}

pub(super) use vector_without_rotations;
