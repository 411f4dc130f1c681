//! Merkle trees over transactions and the witness commitment in the coinbase.

use crate::block::Block;
use crate::hash::{Hash256, sha256d};
use crate::script::op::OP_RETURN;

/// What the script of a witness commitment begins with: `OP_RETURN`, a push of 36 bytes and BIP141's header.
pub const WITNESS_COMMITMENT_HEADER: [u8; 6] = [OP_RETURN, 0x24, 0xaa, 0x21, 0xa9, 0xed];

fn parent(left: &Hash256, right: &Hash256) -> Hash256 {
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&left.0);
    bytes[32..].copy_from_slice(&right.0);
    Hash256(sha256d(&bytes))
}

/// The root over `leaves` (all zero bytes for none), and whether two equal hashes stand side by side at any level:
/// as the last hash of an odd level is paired with itself, such a list has the root of a shorter one
/// (CVE-2012-2459).
pub fn merkle_root(leaves: &[Hash256]) -> (Hash256, bool) {
    let mut level = leaves.to_vec();
    let mut mutated = false;
    while level.len() > 1 {
        mutated |= level.chunks_exact(2).any(|pair| pair[0] == pair[1]);
        level = level
            .chunks(2)
            .map(|pair| parent(&pair[0], pair.last().expect("chunks are not empty")))
            .collect();
    }
    (level.first().copied().unwrap_or_default(), mutated)
}

/// The hashes beside the path from the leaf at `position` up to the root, lowest first; empty if there is no such
/// leaf.
pub fn merkle_branch(leaves: &[Hash256], position: usize) -> Vec<Hash256> {
    let mut branch = Vec::new();
    if position >= leaves.len() {
        return branch;
    }
    let mut level = leaves.to_vec();
    let mut at = position;
    while level.len() > 1 {
        let sibling = (at ^ 1).min(level.len() - 1);
        branch.push(level[sibling]);
        level = level
            .chunks(2)
            .map(|pair| parent(&pair[0], pair.last().expect("chunks are not empty")))
            .collect();
        at /= 2;
    }
    branch
}

/// The root that a [`merkle_branch`] leads to from `leaf` at `position`.
pub fn root_from_branch(leaf: Hash256, branch: &[Hash256], position: usize) -> Hash256 {
    let (root, _) = branch.iter().fold((leaf, position), |(hash, at), sibling| {
        let up = if at & 1 == 1 { parent(sibling, &hash) } else { parent(&hash, sibling) };
        (up, at >> 1)
    });
    root
}

/// The root over the block's transaction ids, and whether the list is mutated: see [`merkle_root`].
pub fn block_merkle_root(block: &Block) -> (Hash256, bool) {
    let leaves: Vec<Hash256> = block.transactions.iter().map(|tx| Hash256(tx.txid().0)).collect();
    merkle_root(&leaves)
}

/// The root over the block's witness ids, the coinbase counting as all zero bytes (BIP141).
pub fn block_witness_merkle_root(block: &Block) -> Hash256 {
    let rest = block.transactions.iter().skip(1).map(|tx| Hash256(tx.wtxid().0));
    let leaves: Vec<Hash256> = std::iter::once(Hash256::ZERO).chain(rest).collect();
    merkle_root(&leaves).0
}

/// Which output of the coinbase has the witness commitment: the last that looks like one.
pub fn witness_commitment_position(block: &Block) -> Option<usize> {
    let coinbase = block.transactions.first()?;
    coinbase.outputs.iter().rposition(|output| {
        let script = &output.script_pubkey.0;
        script.len() >= 38 && script.starts_with(&WITNESS_COMMITMENT_HEADER)
    })
}

/// The hash that a witness commitment holds for this root and reserved value.
pub fn witness_commitment(witness_root: &Hash256, reserved: &[u8]) -> Hash256 {
    Hash256(sha256d(&[&witness_root.0, reserved].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: u8) -> Vec<Hash256> {
        (0..count).map(|n| Hash256([n + 1; 32])).collect()
    }

    #[test]
    fn roots_of_small_trees() {
        let [a, b, c] = [1, 2, 3].map(|n| Hash256([n; 32]));
        assert_eq!(merkle_root(&[]), (Hash256::ZERO, false));
        assert_eq!(merkle_root(&[a]), (a, false));
        assert_eq!(merkle_root(&[a, b]), (parent(&a, &b), false));
        assert_eq!(merkle_root(&[a, b, c]), (parent(&parent(&a, &b), &parent(&c, &c)), false));
    }

    #[test]
    fn repeated_tails_keep_the_root_and_are_seen() {
        let six = leaves(6);
        let eight = [&six[..], &six[4..]].concat();
        assert_eq!(merkle_root(&six).0, merkle_root(&eight).0);
        assert!(!merkle_root(&six).1);
        assert!(merkle_root(&eight).1);
    }

    #[test]
    fn branches_lead_to_the_root() {
        for count in 1..20 {
            let leaves = leaves(count);
            for (position, leaf) in leaves.iter().enumerate() {
                let branch = merkle_branch(&leaves, position);
                assert_eq!(root_from_branch(*leaf, &branch, position), merkle_root(&leaves).0);
            }
            assert!(merkle_branch(&leaves, usize::from(count)).is_empty());
        }
    }
}
