//! Random trees of blocks in random order of arrival: the same tip and coins as in sorted order, and followers
//! that see nothing else.

mod kit;

use chaincore_consensus::{Block, BlockHash};
use chaincore_node::chain::{ChainHandle, Outcome};
use chaincore_node::index::Transactions;
use chaincore_node::testkit::{self, Branch, Numbers};
use kit::{Led, address_index, assert_addresses, assert_state, open, options, submit};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A tree: for every node the branch that ends there.
fn tree(seed: u64, size: usize) -> Vec<Branch> {
    let params = Arc::new(testkit::params(2));
    let mut numbers = Numbers::new(seed);
    let mut nodes = vec![Branch::new(params, seed)];
    for n in 0..size {
        // Mostly near the end, so that branches grow long enough to compete.
        let back = numbers.below(4.min(nodes.len() as u64)) as usize;
        let parent = &nodes[nodes.len() - 1 - back];
        let mut child = parent.fork(seed.wrapping_add(1_000 + n as u64));
        child.mine(4);
        nodes.push(child);
    }
    nodes.remove(0);
    nodes
}

/// What the rules say about the tip: of the blocks that can be connected, the one with the most work, and of
/// those the one that became connectable first.
struct Model {
    nodes: HashMap<BlockHash, Branch>,
    order: Vec<BlockHash>,
}

impl Model {
    fn best(&self) -> Option<&Branch> {
        let best = self.order.iter().map(|hash| &self.nodes[hash]).max_by(|a, b| {
            // `max_by` takes the last of equals: turn the order around.
            a.height().cmp(&b.height())
        });
        let height = best?.height();
        self.order.iter().map(|hash| &self.nodes[hash]).find(|branch| branch.height() == height)
    }
}

/// Hands blocks in as a network would: those without parent again as soon as that is there.
fn deliver(
    chain: &ChainHandle,
    model: &mut Model,
    block: &Arc<Block>,
    parked: &mut HashMap<BlockHash, Vec<Arc<Block>>>,
) {
    let mut ready = vec![block.clone()];
    while let Some(block) = ready.pop() {
        match submit(chain, &block) {
            Outcome::MissingParent => parked.entry(block.header.previous).or_default().push(block),
            outcome => {
                assert!(outcome.is_accepted(), "{outcome:?}");
                model.order.push(block.hash());
                ready.extend(parked.remove(&block.hash()).unwrap_or_default());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_arrival_gives_the_same_chain(seed in any::<u64>(), size in 5usize..40, restart in 0usize..40) {
        let nodes = tree(seed, size);
        let params = Arc::new(testkit::params(2));
        let dir = tempfile::tempdir().unwrap();
        let mut options = options(dir.path(), &params);
        options.flush.blocks = 7;
        let mut chain = open(&options);
        let mut index = address_index(&chain);
        let mut transactions = Led::start(&chain, Transactions);
        let blocks: Vec<Arc<Block>> = nodes.iter().map(|node| node.blocks.last().unwrap().clone()).collect();
        let mut model = Model {
            nodes: nodes.iter().map(|node| (node.tip_hash(), node.clone())).collect(),
            order: vec![],
        };
        let mut order: Vec<usize> = (0..blocks.len()).collect();
        let mut numbers = Numbers::new(seed ^ 0xabcdef);
        for at in (1..order.len()).rev() {
            order.swap(at, numbers.below(at as u64 + 1) as usize);
        }
        let mut parked = HashMap::new();
        for (n, at) in order.into_iter().enumerate() {
            deliver(&chain, &mut model, &blocks[at], &mut parked);
            if let Some(best) = model.best() {
                prop_assert_eq!(chain.snapshot().tip().hash(), best.tip_hash());
            }
            if n == restart {
                // As if the process had died.
                index.stop();
                transactions.stop();
                chain.crash_blocking();
                drop((index, transactions, chain));
                chain = open(&options);
                index = address_index(&chain);
                transactions = Led::start(&chain, Transactions);
                if let Some(best) = model.best() {
                    prop_assert_eq!(chain.snapshot().tip().hash(), best.tip_hash());
                }
            }
            if n % 9 == 4 && let Some(best) = model.best() {
                assert_addresses(&index, best);
            }
        }
        prop_assert!(parked.is_empty());
        let best = model.best().unwrap();
        assert_state(&chain, best);
        assert_addresses(&index, best);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        prop_assert!(runtime.block_on(transactions.wait_synced(Duration::from_secs(60))));
        let active: HashMap<_, _> = best.blocks.iter().flat_map(|block| block.transactions.iter().map(|tx| (tx.txid(), block.hash()))).collect();
        for tx in blocks.iter().flat_map(|block| &block.transactions) {
            let found = transactions.transaction(&tx.txid()).unwrap().map(|(tx, place)| (tx.txid(), place.block));
            prop_assert_eq!(found, active.get(&tx.txid()).map(|block| (tx.txid(), *block)));
        }
        index.stop();
        transactions.stop();
    }
}
