//! The kernels: ways to try nonces, each for another kind of processor.

#[cfg(target_arch = "aarch64")]
mod armv8;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod portable;
#[cfg(target_arch = "x86_64")]
mod sha_ni;
#[cfg(target_arch = "x86_64")]
mod sse2;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod streams;
#[cfg(target_arch = "x86_64")]
mod vector;

#[cfg(target_arch = "x86_64")]
use vector::vector_without_rotations;

use crate::prepared::{Hit, Prepared};
use crate::sha256::{Lanes, Schedule, last_word, schedule};

/// A search, and how much of it to do.
struct Scan<'a> {
    work: &'a Prepared,
    /// The first nonce.
    start: u32,
    /// How many nonces; those past `u32::MAX` do not exist.
    count: u32,
    /// The number of hits after which the kernel may end: it finishes its batch.
    enough: usize,
    hits: &'a mut Vec<Hit>,
}

impl Scan<'_> {
    fn total(&self) -> u64 {
        u64::from(self.count).min((1 << 32) - u64::from(self.start))
    }
}

/// A way to try nonces that this processor can.
#[derive(Clone, Copy)]
pub struct Kernel {
    name: &'static str,
    lanes: u32,
    is_supported: fn() -> bool,
    /// # Safety
    /// Only where `is_supported`.
    scan: unsafe fn(Scan<'_>) -> u32,
}

impl Kernel {
    /// The kernels this processor can run, the fastest first.
    pub fn available() -> Vec<Self> {
        ALL.iter().copied().filter(|kernel| (kernel.is_supported)()).collect()
    }

    /// The fastest that this processor can run.
    pub fn fastest() -> Self {
        Self::available()[0]
    }

    /// The kernel of this name, if there is one and this processor can run it.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().into_iter().find(|kernel| kernel.name == name)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How many hashes it works on at once.
    pub fn lanes(&self) -> u32 {
        self.lanes
    }

    /// Tries `count` nonces from `start` on in every version of `work`, and adds those that solve it to
    /// `hits`. Nonces past `u32::MAX` do not exist: the range ends there.
    ///
    /// It may end sooner, once there are `enough` hits. Returns how many nonces were tried, each in every
    /// version: all the hits among them are there, and no others.
    #[allow(unsafe_code)]
    pub fn scan(&self, work: &Prepared, start: u32, count: u32, enough: usize, hits: &mut Vec<Hit>) -> u32 {
        // SAFETY: a kernel is only ever handed out if `is_supported` says that this processor has its
        // instructions.
        unsafe { (self.scan)(Scan { work, start, count, enough, hits }) }
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernel").field("name", &self.name).field("lanes", &self.lanes).finish_non_exhaustive()
    }
}

/// The fastest first. What is first on one kind of processor was found by measuring.
const ALL: &[Kernel] = &[
    #[cfg(target_arch = "x86_64")]
    avx512::KERNEL,
    #[cfg(target_arch = "x86_64")]
    sha_ni::KERNEL,
    #[cfg(target_arch = "x86_64")]
    avx2::KERNEL,
    #[cfg(target_arch = "x86_64")]
    sse2::KERNEL,
    #[cfg(target_arch = "aarch64")]
    armv8::KERNEL,
    #[cfg(target_arch = "aarch64")]
    neon::KERNEL,
    portable::KERNEL,
];

/// Lanes that hold nonces.
trait Batch: Lanes<Uniform = u32> {
    /// How many lanes: at most 32.
    const LANES: u32;
    /// `LANES` nonces from `first` on, as words of the message: with their bytes turned.
    fn nonces(first: u32) -> Self;
    /// The lanes, as bits, whose word is at most `limit` when its bytes are turned.
    fn at_most(self, limit: u32) -> u32;
}

/// The search, for any kind of lanes. Returns how many nonces were tried.
#[inline(always)]
fn scan<L: Batch>(scan: Scan<'_>) -> u32 {
    let total = scan.total();
    let Scan { work, start, enough, hits, .. } = scan;
    let limit = work.limit();
    // The schedule has to lie in memory, on lines of its own: a compiler that sees that nobody else looks
    // keeps it in registers that it does not have, and lays what is too much across two lines each.
    let mut kw: Schedule<L> = [L::splat(0); 46];
    let kw = std::hint::black_box(&mut kw);
    let mut done = 0;
    while done < total && hits.len() < enough {
        let first = start.wrapping_add(done as u32);
        let nonces = L::nonces(first);
        schedule(&work.tail, nonces, kw);
        let wanted = u32::MAX >> (32 - u64::from(L::LANES).min(total - done));
        for (version, midstate) in work.versions.iter().enumerate() {
            let lanes = last_word(midstate, &work.tail, nonces, kw).at_most(limit) & wanted;
            if lanes != 0 {
                push(work, version as u32, first, lanes, hits);
            }
        }
        done += u64::from(L::LANES);
    }
    done.min(total) as u32
}

/// Takes what survives a look at the whole hash.
#[cold]
#[inline(never)]
fn push(work: &Prepared, version: u32, first: u32, mut lanes: u32, hits: &mut Vec<Hit>) {
    while lanes != 0 {
        let hit = Hit { version, nonce: first + lanes.trailing_zeros() };
        lanes &= lanes - 1;
        if work.solves(hit) {
            hits.push(hit);
        }
    }
}

#[cfg(test)]
mod tests;
