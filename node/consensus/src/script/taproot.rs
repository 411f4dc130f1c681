//! The tree of scripts behind a taproot output (BIP341).

use crate::codec::put_var_bytes;
use crate::sighash::Sha256Sink;
use secp256k1::{Parity, Scalar, XOnlyPublicKey};
use sha2::{Digest, Sha256};

/// The leaf version whose scripts are tapscript.
pub const LEAF_TAPSCRIPT: u8 = 0xc0;

/// The bits of a control block's first byte that are the leaf version.
pub const LEAF_MASK: u8 = 0xfe;

/// The first byte of an annex.
pub const ANNEX_TAG: u8 = 0x50;

const CONTROL_BASE_SIZE: usize = 33;
const CONTROL_NODE_SIZE: usize = 32;
const CONTROL_MAX_NODES: usize = 128;

/// The tags of taproot's hashes (BIP340), by the SHA-256 of their names: every use begins with two copies of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    Leaf,
    Branch,
    Tweak,
    Sighash,
}

impl Tag {
    const fn name_hash(self) -> [u8; 32] {
        match self {
            Self::Leaf => TAP_LEAF,
            Self::Branch => TAP_BRANCH,
            Self::Tweak => TAP_TWEAK,
            Self::Sighash => TAP_SIGHASH,
        }
    }

    /// A hasher that has read the tag.
    pub(crate) fn hasher(self) -> Sha256 {
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.name_hash());
        block[32..].copy_from_slice(&self.name_hash());
        Sha256::new_with_prefix(block)
    }
}

/// The hash of a leaf: its version and its script.
pub fn leaf_hash(version: u8, script: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256Sink(Tag::Leaf.hasher().chain_update([version]));
    put_var_bytes(&mut hasher, script);
    hasher.single()
}

/// The hash of a branch, whichever side its children are on.
pub fn branch_hash(a: &[u8; 32], b: &[u8; 32]) -> [u8; 32] {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    Tag::Branch.hasher().chain_update(low).chain_update(high).finalize().into()
}

/// What is added to an internal key to commit to a tree of scripts, or to none.
pub fn tweak_hash(internal_key: &[u8; 32], merkle_root: Option<&[u8; 32]>) -> [u8; 32] {
    let mut hasher = Tag::Tweak.hasher().chain_update(internal_key);
    if let Some(root) = merkle_root {
        hasher.update(root);
    }
    hasher.finalize().into()
}

/// The output key of an internal key and a tree, and whether its Y coordinate is odd. `None` if the internal key is
/// not a point, or for a tweak that no one can find.
pub fn output_key(internal_key: &[u8; 32], merkle_root: Option<&[u8; 32]>) -> Option<([u8; 32], bool)> {
    let key = XOnlyPublicKey::from_byte_array(*internal_key).ok()?;
    let tweak = Scalar::from_be_bytes(tweak_hash(internal_key, merkle_root)).ok()?;
    let (key, parity) = key.add_tweak(&tweak).ok()?;
    Some((key.to_byte_array(), parity == Parity::Odd))
}

/// A control block: what connects a leaf to the output key.
#[derive(Debug, Clone, Copy)]
pub struct ControlBlock<'a> {
    first: u8,
    internal_key: &'a [u8; 32],
    path: &'a [[u8; CONTROL_NODE_SIZE]],
}

impl<'a> ControlBlock<'a> {
    /// Reads a control block; `None` if its size is none that a control block has.
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (first, rest) = bytes.split_first()?;
        let (internal_key, path) = rest.split_first_chunk()?;
        debug_assert_eq!(bytes.len() - path.len(), CONTROL_BASE_SIZE);
        let (path, rest) = path.as_chunks();
        (rest.is_empty() && path.len() <= CONTROL_MAX_NODES).then_some(Self {
            first: *first,
            internal_key,
            path,
        })
    }

    /// The version of the leaf.
    pub fn leaf_version(&self) -> u8 {
        self.first & LEAF_MASK
    }

    /// The root of the tree that has `leaf` at the end of this path.
    pub fn merkle_root(&self, leaf: &[u8; 32]) -> [u8; 32] {
        self.path.iter().fold(*leaf, |hash, node| branch_hash(&hash, node))
    }

    /// Whether `output_key` commits to `leaf` through this block.
    pub fn commits(&self, output_key: &[u8], leaf: &[u8; 32]) -> bool {
        let odd = self.first & 1 != 0;
        self::output_key(self.internal_key, Some(&self.merkle_root(leaf)))
            .is_some_and(|(key, key_is_odd)| key == *output_key && key_is_odd == odd)
    }
}

const TAP_LEAF: [u8; 32] = [
    0xae, 0xea, 0x8f, 0xdc, 0x42, 0x08, 0x98, 0x31, 0x05, 0x73, 0x4b, 0x58, 0x08, 0x1d, 0x1e, 0x26, 0x38,
    0xd3, 0x5f, 0x1c, 0xb5, 0x40, 0x08, 0xd4, 0xd3, 0x57, 0xca, 0x03, 0xbe, 0x78, 0xe9, 0xee,
];
const TAP_BRANCH: [u8; 32] = [
    0x19, 0x41, 0xa1, 0xf2, 0xe5, 0x6e, 0xb9, 0x5f, 0xa2, 0xa9, 0xf1, 0x94, 0xbe, 0x5c, 0x01, 0xf7, 0x21,
    0x6f, 0x33, 0xed, 0x82, 0xb0, 0x91, 0x46, 0x34, 0x90, 0xd0, 0x5b, 0xf5, 0x16, 0xa0, 0x15,
];
const TAP_TWEAK: [u8; 32] = [
    0xe8, 0x0f, 0xe1, 0x63, 0x9c, 0x9c, 0xa0, 0x50, 0xe3, 0xaf, 0x1b, 0x39, 0xc1, 0x43, 0xc6, 0x3e, 0x42,
    0x9c, 0xbc, 0xeb, 0x15, 0xd9, 0x40, 0xfb, 0xb5, 0xc5, 0xa1, 0xf4, 0xaf, 0x57, 0xc5, 0xe9,
];
const TAP_SIGHASH: [u8; 32] = [
    0xf4, 0x0a, 0x48, 0xdf, 0x4b, 0x2a, 0x70, 0xc8, 0xb4, 0x92, 0x4b, 0xf2, 0x65, 0x46, 0x61, 0xed, 0x3d,
    0x95, 0xfd, 0x66, 0xa3, 0x13, 0xeb, 0x87, 0x23, 0x75, 0x97, 0xc6, 0x28, 0xe4, 0xa0, 0x31,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::{sha256, tagged_hash};

    #[test]
    fn tags_are_the_hashes_of_their_names() {
        for (tag, name) in [
            (Tag::Leaf, "TapLeaf"),
            (Tag::Branch, "TapBranch"),
            (Tag::Tweak, "TapTweak"),
            (Tag::Sighash, "TapSighash"),
        ] {
            assert_eq!(tag.name_hash(), sha256(name.as_bytes()));
            let hash: [u8; 32] = tag.hasher().chain_update(b"x").finalize().into();
            assert_eq!(hash, tagged_hash(name, &[b"x"]));
        }
    }

    #[test]
    fn control_blocks_have_whole_nodes() {
        for (len, fits) in
            [(32, false), (33, true), (34, false), (65, true), (33 + 32 * 128, true), (33 + 32 * 129, false)]
        {
            assert_eq!(ControlBlock::parse(&vec![0xc1; len]).is_some(), fits, "{len}");
        }
    }
}
