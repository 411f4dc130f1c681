//! What is known about the hashes in scripts: keys with their origins, scripts, taproot trees.

use chaincore_consensus::Script;
use chaincore_consensus::hash::{hash160, sha256};
use std::collections::BTreeMap;

/// Where a key comes from: a master key by the beginning of its hash, and the path from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The first four bytes of the master key's hash.
    pub fingerprint: [u8; 4],
    /// The child numbers.
    pub path: Vec<u32>,
}

/// A taproot output's internal key and its scripts with their depths, from left to right.
pub type TaprootTree = ([u8; 32], Vec<(u8, Script)>);

/// The preimages of hashes in scripts. What is added first stays.
#[derive(Debug, Clone, Default)]
pub struct Provider {
    keys: BTreeMap<[u8; 20], (Vec<u8>, Option<Origin>)>,
    scripts: BTreeMap<[u8; 20], Script>,
    witness_scripts: BTreeMap<[u8; 32], Script>,
    trees: BTreeMap<[u8; 32], TaprootTree>,
}

impl Provider {
    /// Adds a public key.
    pub fn add_key(&mut self, key: &[u8], origin: Origin) {
        self.keys.entry(hash160(key)).or_insert_with(|| (key.to_vec(), Some(origin)));
    }

    /// Adds a public key of unknown origin.
    pub fn add_plain_key(&mut self, key: &[u8]) {
        self.keys.entry(hash160(key)).or_insert_with(|| (key.to_vec(), None));
    }

    /// Adds a script.
    pub fn add_script(&mut self, script: &Script) {
        self.scripts.entry(hash160(script)).or_insert_with(|| script.clone());
        self.witness_scripts.entry(sha256(script)).or_insert_with(|| script.clone());
    }

    /// Adds the tree behind a taproot output key.
    pub fn add_tree(&mut self, output_key: [u8; 32], tree: TaprootTree) {
        self.trees.entry(output_key).or_insert(tree);
    }

    /// The public key of a hash.
    pub fn key(&self, hash: &[u8; 20]) -> Option<&[u8]> {
        self.keys.get(hash).map(|(key, _)| key.as_slice())
    }

    /// Where a public key comes from.
    pub fn origin(&self, key: &[u8]) -> Option<&Origin> {
        self.keys.get(&hash160(key))?.1.as_ref()
    }

    /// The script of a hash.
    pub fn script(&self, hash: &[u8; 20]) -> Option<&Script> {
        self.scripts.get(hash)
    }

    /// The script of a SHA-256.
    pub fn witness_script(&self, hash: &[u8; 32]) -> Option<&Script> {
        self.witness_scripts.get(hash)
    }

    /// The tree behind a taproot output key.
    pub fn tree(&self, output_key: &[u8; 32]) -> Option<&TaprootTree> {
        self.trees.get(output_key)
    }
}
