//! One nonce at a time, on any processor.

use super::{Batch, Kernel};

pub(super) const KERNEL: Kernel =
    Kernel { name: "portable", lanes: 1, is_supported: || true, scan: super::scan::<u32> };

impl Batch for u32 {
    const LANES: u32 = 1;
    #[inline(always)]
    fn nonces(first: u32) -> Self {
        first.swap_bytes()
    }
    #[inline(always)]
    fn at_most(self, limit: u32) -> u32 {
        u32::from(self.swap_bytes() <= limit)
    }
}
