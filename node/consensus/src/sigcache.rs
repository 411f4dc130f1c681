//! Signatures that have been verified once.
//!
//! A transaction is verified when it enters the mempool and again in its block; the second time its signatures are
//! found here. Only valid signatures are kept, under a hash of everything that the verdict depends on, salted so that
//! nobody can aim for collisions.

use sha2::{Digest, Sha256};
use std::sync::{Mutex, PoisonError};

const ENTRY_LEN: usize = 32;

/// Entries that share a place; the fullest use of a cache line or four.
const WAYS: usize = 4;

/// Locks, so that verifying threads seldom meet.
const SHARDS: usize = 64;

type Entry = [u8; ENTRY_LEN];

/// Sets of entries; zeros mark an empty place.
type Shard = Mutex<Box<[[Entry; WAYS]]>>;

/// A bounded set of verified signatures that threads share. When a place is full a new entry drives out an old one.
pub struct SignatureCache {
    ecdsa: Sha256,
    schnorr: Sha256,
    shards: Box<[Shard]>,
}

impl SignatureCache {
    /// A cache of at most about `max_bytes`, at least one entry per shard. `salt` must be random and secret.
    pub fn new(max_bytes: usize, salt: [u8; 32]) -> Self {
        let salted = |kind: u8| {
            // Together one block of SHA-256, so that the salted state costs nothing per entry.
            let mut padding = [0; 32];
            padding[0] = kind;
            Sha256::new_with_prefix(salt).chain_update(padding)
        };
        let sets = (max_bytes / (ENTRY_LEN * WAYS * SHARDS)).max(1);
        let shard = |_| Mutex::new(vec![[[0; ENTRY_LEN]; WAYS]; sets].into_boxed_slice());
        Self { ecdsa: salted(b'E'), schnorr: salted(b'S'), shards: (0..SHARDS).map(shard).collect() }
    }

    /// Whether the signature is valid: known to be, or found so by `verify` and kept.
    pub fn remember_ecdsa(
        &self,
        hash: &[u8; 32],
        key: &[u8],
        der: &[u8],
        verify: impl FnOnce() -> bool,
    ) -> bool {
        self.remember(entry(&self.ecdsa, hash, key, der), verify)
    }

    /// Whether the signature is valid: known to be, or found so by `verify` and kept.
    pub fn remember_schnorr(
        &self,
        hash: &[u8; 32],
        key: &[u8; 32],
        signature: &[u8; 64],
        verify: impl FnOnce() -> bool,
    ) -> bool {
        self.remember(entry(&self.schnorr, hash, key, signature), verify)
    }

    fn remember(&self, entry: Entry, verify: impl FnOnce() -> bool) -> bool {
        if self.with_set(&entry, |set| set.contains(&entry)) {
            return true;
        }
        let valid = verify();
        if valid {
            self.with_set(&entry, |set| insert(set, entry));
        }
        valid
    }

    fn with_set<T>(&self, entry: &Entry, act: impl FnOnce(&mut [Entry; WAYS]) -> T) -> T {
        let word = |at: usize| u64::from_le_bytes(entry[at..at + 8].try_into().expect("8 bytes of 32"));
        let shard = &self.shards[(word(0) % SHARDS as u64) as usize];
        // A set is whole at every moment, so a thread that panicked elsewhere leaves nothing broken.
        let mut sets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (word(8) % sets.len() as u64) as usize;
        act(&mut sets[at])
    }
}

fn insert(set: &mut [Entry; WAYS], entry: Entry) {
    let place = set.iter().position(|kept| *kept == entry || *kept == [0; ENTRY_LEN]);
    set[place.unwrap_or(usize::from(entry[16]) % WAYS)] = entry;
}

/// The hash of everything the verdict depends on. Keys have one of two sizes, told apart by their first byte, so the
/// concatenation is unambiguous.
fn entry(salted: &Sha256, hash: &[u8; 32], key: &[u8], signature: &[u8]) -> Entry {
    salted.clone().chain_update(hash).chain_update(key).chain_update(signature).finalize().into()
}

impl std::fmt::Debug for SignatureCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SignatureCache")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_valid_signatures_are_kept_and_verified_once() {
        let cache = SignatureCache::new(1 << 16, [7; 32]);
        assert!(!cache.remember_ecdsa(&[1; 32], &[2; 33], &[3; 70], || false));
        assert!(cache.remember_ecdsa(&[1; 32], &[2; 33], &[3; 70], || true));
        assert!(cache.remember_ecdsa(&[1; 32], &[2; 33], &[3; 70], || unreachable!("verified before")));
        for other in [([2; 32], [2; 33], [3; 70]), ([1; 32], [3; 33], [3; 70]), ([1; 32], [2; 33], [4; 70])] {
            assert!(!cache.remember_ecdsa(&other.0, &other.1, &other.2, || false));
        }
        assert!(!cache.remember_schnorr(&[1; 32], &[2; 32], &[3; 64], || false));
    }

    #[test]
    fn a_full_cache_stays_bounded_and_keeps_the_newest() {
        let cache = SignatureCache::new(0, [7; 32]);
        for i in 0..2000u32 {
            let mut hash = [0; 32];
            hash[..4].copy_from_slice(&i.to_le_bytes());
            assert!(cache.remember_ecdsa(&hash, &[2; 33], &[3; 70], || true));
            assert!(cache.remember_ecdsa(&hash, &[2; 33], &[3; 70], || unreachable!("just kept")));
        }
        let kept: usize = cache.shards.iter().map(|shard| shard.lock().unwrap().len() * WAYS).sum();
        assert_eq!(kept, SHARDS * WAYS);
    }
}
