//! The search with instructions that do whole rounds of SHA-256 for one hash, which is the same on x86-64 and
//! Arm: several hashes are worked on in turns, because each has to wait for its own last instruction.

use super::{Scan, push};
use crate::sha256::{Midstate, Tail};

/// Instructions that do rounds of SHA-256.
pub(super) trait RoundUnit {
    /// A version of the header, made ready.
    type Version: Copy;
    /// The message schedule of the header's second block with the round constants added.
    type Schedule: Copy;

    /// A version's state after round 3 but for the nonce, and its start.
    fn version(midstate: &Midstate) -> Self::Version;
    /// What `nonce`, as it stands in the message, gives for all versions. Its first four words are not used.
    fn schedule(tail: &Tail, nonce: u32) -> Self::Schedule;
    /// The last words of `N` hashes.
    fn last_words<const N: usize>(
        versions: [&Self::Version; N],
        nonces: [u32; N],
        schedules: [&Self::Schedule; N],
    ) -> [u32; N];
}

/// The search with `N` hashes in turns.
#[inline(always)]
pub(super) fn scan<U: RoundUnit, const N: usize>(scan: Scan<'_>) -> u32 {
    let versions: Vec<U::Version> = scan.work.versions.iter().map(U::version).collect();
    match versions.as_slice() {
        [version] => scan_nonces::<U, N>(scan, version),
        versions => scan_versions::<U, N>(scan, versions),
    }
}

/// `N` nonces of one version in turns.
#[inline(always)]
fn scan_nonces<U: RoundUnit, const N: usize>(scan: Scan<'_>, version: &U::Version) -> u32 {
    let (total, limit) = (scan.total(), scan.work.limit());
    let mut done = 0;
    while done < total && scan.hits.len() < scan.enough {
        let first = scan.start.wrapping_add(done as u32);
        let nonces: [u32; N] = std::array::from_fn(|i| first.wrapping_add(i as u32).swap_bytes());
        // Not `from_fn`: a closure would not be inlined, nor would the instructions into it.
        let mut schedules = [U::schedule(&scan.work.tail, nonces[0]); N];
        for (schedule, nonce) in schedules.iter_mut().zip(nonces).skip(1) {
            *schedule = U::schedule(&scan.work.tail, nonce);
        }
        let words = U::last_words([version; N], nonces, std::array::from_fn(|i| &schedules[i]));
        let mut lanes = 0;
        for (i, word) in words.into_iter().enumerate() {
            lanes |= u32::from(word.swap_bytes() <= limit) << i;
        }
        lanes &= u32::MAX >> (32 - (N as u64).min(total - done));
        if lanes != 0 {
            push(scan.work, 0, first, lanes, scan.hits);
        }
        done += N as u64;
    }
    done.min(total) as u32
}

/// `N` versions with one nonce in turns.
#[inline(always)]
fn scan_versions<U: RoundUnit, const N: usize>(scan: Scan<'_>, versions: &[U::Version]) -> u32 {
    let (total, limit) = (scan.total(), scan.work.limit());
    let mut done = 0;
    while done < total && scan.hits.len() < scan.enough {
        let nonce = scan.start.wrapping_add(done as u32);
        let word = nonce.swap_bytes();
        let schedule = U::schedule(&scan.work.tail, word);
        for (group, some) in versions.chunks(N).enumerate() {
            // A last group that is not full is filled up with its first version.
            let group_versions = std::array::from_fn(|i| some.get(i).unwrap_or(&some[0]));
            let words = U::last_words(group_versions, [word; N], [&schedule; N]);
            for (i, word) in words.into_iter().enumerate().take(some.len()) {
                if word.swap_bytes() <= limit {
                    push(scan.work, (group * N + i) as u32, nonce, 1, scan.hits);
                }
            }
        }
        done += 1;
    }
    done as u32
}
