//! The way from what a reader knows to the active chain.

use crate::node::{BlockInfo, ChainView, Tip};
use chaincore_consensus::BlockHash;
use serde::Serialize;

/// How many hashes a reader may name.
pub const MAX_KNOWN: usize = 100;

/// A block's height and hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct BlockPlace {
    /// How many blocks lie below.
    pub height: u32,
    /// The block's hash.
    pub hash: BlockHash,
}

impl From<&BlockInfo> for BlockPlace {
    fn from(block: &BlockInfo) -> Self {
        Self { height: block.height, hash: block.hash }
    }
}

impl From<Tip> for BlockPlace {
    fn from(tip: Tip) -> Self {
        Self { height: tip.height, hash: tip.hash }
    }
}

/// What a reader has to do to be where the active chain is, or nearer to it: drop everything above `fork`, then take in
/// the blocks of `connect`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Step {
    /// Which of the known blocks this is the way from; `null` if the node knows none of them.
    pub from: Option<BlockHash>,
    /// The highest block of the active chain that is `from` or below it; the genesis block without `from`.
    pub fork: BlockPlace,
    /// The active chain's blocks right above `fork`, each on the one before it.
    pub connect: Vec<BlockPlace>,
    /// The active chain's tip; the last of `connect` when that goes all the way.
    pub tip: BlockPlace,
    /// A block that a crash of the node cannot take back; those above may go. It need not be in the active chain.
    pub durable_tip: BlockPlace,
}

impl Step {
    /// Where the reader is afterwards.
    pub fn end(&self) -> BlockPlace {
        self.connect.last().copied().unwrap_or(self.fork)
    }

    /// Whether that is the tip.
    pub fn is_complete(&self) -> bool {
        self.end() == self.tip
    }
}

/// The highest block of the active chain that is `block` or below it.
fn fork_of(chain: &dyn ChainView, block: &BlockInfo, tip: &BlockInfo) -> Option<BlockPlace> {
    let active = |height: u32| chain.at_height(height).map(|block| BlockPlace::from(&block));
    if chain.is_active(&block.hash) {
        return Some(block.into());
    }
    // Below the fork the two branches are one, above it they never are.
    let (mut low, mut high) = (0, block.height.min(tip.height));
    let mut fork = active(0)?;
    while low < high {
        let middle = high - (high - low) / 2;
        let ancestor = chain.ancestor(&block.hash, middle)?;
        match active(middle).filter(|at| at.hash == ancestor.hash) {
            Some(at) => (low, fork) = (middle, at),
            None => high = middle - 1,
        }
    }
    Some(fork)
}

/// The way from the one of `known` whose fork with the active chain is the highest, to at most `limit` blocks above that
/// fork. `durable` must have been read before `chain` was.
pub fn step(chain: &dyn ChainView, durable: Tip, known: &[BlockHash], limit: usize) -> Step {
    let tip = chain.tip();
    let mut from = None;
    for hash in known {
        let fork = chain.entry(hash).and_then(|block| fork_of(chain, &block, &tip));
        if let Some(fork) = fork
            && from.is_none_or(|(_, best): (BlockHash, BlockPlace)| fork.height > best.height)
        {
            from = Some((*hash, fork));
        }
    }
    let genesis = || chain.at_height(0).as_ref().map_or_else(|| BlockPlace::from(&tip), BlockPlace::from);
    let fork = from.map_or_else(genesis, |(_, fork)| fork);
    let heights = (fork.height + 1..=tip.height).take(limit);
    let connect = heights.filter_map(|height| chain.at_height(height)).map(|block| (&block).into()).collect();
    Step { from: from.map(|(hash, _)| hash), fork, connect, tip: (&tip).into(), durable_tip: durable.into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::BlockValidity;
    use chaincore_consensus::ancestry::Ancestry;
    use chaincore_consensus::params::ChainParams;
    use chaincore_consensus::pow::Work;
    use proptest::prelude::*;

    /// A tree of blocks, each with its parent's place in the list; the last of `active` is the tip.
    struct Tree {
        blocks: Vec<(BlockInfo, usize)>,
        active: Vec<usize>,
    }

    fn hash(number: usize) -> BlockHash {
        BlockHash(chaincore_consensus::hash::sha256(&number.to_le_bytes()))
    }

    impl Tree {
        /// Each block builds on one of those before it.
        fn new(parents: &[usize], tip: usize) -> Self {
            let header = ChainParams::regtest().genesis.header;
            let block = |number, height| BlockInfo {
                hash: hash(number),
                header,
                height,
                chain_work: Work::ZERO,
                n_tx: 1,
                chain_tx: 1,
                median_time: 0,
                validity: BlockValidity::Scripts,
                has_data: true,
                has_undo: true,
            };
            let mut blocks = vec![(block(0, 0), 0)];
            for (at, parent) in parents.iter().enumerate() {
                let parent = parent % blocks.len();
                let height = blocks[parent].0.height + 1;
                blocks.push((block(at + 1, height), parent));
            }
            let mut tree = Self { blocks, active: vec![] };
            tree.active = tree.branch(tip % tree.blocks.len());
            tree
        }

        /// A block and all below it, the genesis block first.
        fn branch(&self, of: usize) -> Vec<usize> {
            let mut branch = vec![of];
            while let Some(at) = branch.last().copied().filter(|at| *at != 0) {
                branch.push(self.blocks[at].1);
            }
            branch.reverse();
            branch
        }

        fn number(&self, of: &BlockHash) -> Option<usize> {
            (0..self.blocks.len()).find(|number| hash(*number) == *of)
        }
    }

    impl ChainView for Tree {
        fn tip(&self) -> BlockInfo {
            self.blocks[self.active[self.active.len() - 1]].0.clone()
        }
        fn best_header(&self) -> BlockInfo {
            self.tip()
        }
        fn at_height(&self, height: u32) -> Option<BlockInfo> {
            self.active.get(height as usize).map(|at| self.blocks[*at].0.clone())
        }
        fn entry(&self, hash: &BlockHash) -> Option<BlockInfo> {
            self.number(hash).map(|at| self.blocks[at].0.clone())
        }
        fn is_active(&self, hash: &BlockHash) -> bool {
            self.number(hash).is_some_and(|at| self.active.contains(&at))
        }
        fn ancestor(&self, hash: &BlockHash, height: u32) -> Option<BlockInfo> {
            let branch = self.branch(self.number(hash)?);
            branch.get(height as usize).map(|at| self.blocks[*at].0.clone())
        }
        fn tips(&self) -> Vec<BlockInfo> {
            vec![self.tip()]
        }
        fn ancestry(&self, _: &BlockHash) -> Option<Box<dyn Ancestry + Send + Sync>> {
            None
        }
    }

    fn durable() -> Tip {
        Tip { hash: hash(0), height: 0 }
    }

    proptest! {
        #[test]
        fn a_reader_of_any_branch_arrives_at_the_tip(
            parents in prop::collection::vec(any::<usize>(), 0..60),
            tip in any::<usize>(),
            reader in any::<usize>(),
            others in prop::collection::vec(any::<usize>(), 0..4),
            limit in 1usize..9,
        ) {
            let tree = Tree::new(&parents, tip);
            let reader = reader % tree.blocks.len();
            let mut chain = tree.branch(reader);
            let common = chain.iter().zip(&tree.active).take_while(|(a, b)| a == b).count() - 1;
            let mut steps = 0;
            loop {
                // What the reader no longer has on its branch, and what nobody knows, changes nothing.
                let last = chain[chain.len() - 1];
                let mut known = vec![BlockHash([9; 32]), hash(last)];
                known.extend(others.iter().map(|other| hash(chain[other % chain.len()])));
                let step = step(&tree, durable(), &known, limit);
                if steps == 0 {
                    prop_assert_eq!(step.from, Some(hash(last)));
                    prop_assert_eq!(step.fork.height as usize, common);
                }
                chain.truncate(step.fork.height as usize + 1);
                prop_assert_eq!(hash(chain[chain.len() - 1]), step.fork.hash);
                prop_assert!(step.connect.len() <= limit);
                for place in &step.connect {
                    let number = tree.number(&place.hash).unwrap();
                    prop_assert_eq!(tree.blocks[number].1, chain[chain.len() - 1]);
                    prop_assert_eq!(place.height as usize, chain.len());
                    chain.push(number);
                }
                prop_assert_eq!(step.end().hash, hash(chain[chain.len() - 1]));
                steps += 1;
                if step.is_complete() {
                    break;
                }
            }
            prop_assert_eq!(&chain, &tree.active);
            prop_assert!(steps <= tree.active.len() / limit + 1);
        }
    }

    #[test]
    fn who_knows_nothing_begins_above_the_genesis_block() {
        let tree = Tree::new(&[0, 1, 2], 3);
        for known in [vec![], vec![BlockHash([7; 32])]] {
            let step = step(&tree, durable(), &known, 2);
            assert_eq!((step.from, step.fork.height), (None, 0));
            let connect: Vec<_> = step.connect.iter().map(|place| place.hash).collect();
            assert_eq!(connect, [hash(1), hash(2)]);
            assert!(!step.is_complete());
        }
    }
}
