//! The index of compact block filters: right for every block, of every branch that was ever the best, and after
//! any end of the process.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

mod kit;

use chaincore_consensus::filter::{BasicFilter, HEADER_BEFORE_GENESIS};
use chaincore_consensus::{BlockHash, Hash256};
use chaincore_node::chain::{ChainHandle, Outcome};
use chaincore_node::index::{BasicFilters, BlockFilters, MAX_FILTERS, MAX_HASHES};
use chaincore_node::testkit::{self, Branch};
use kit::{Led, open, options, submit, submit_all};
use std::sync::Arc;
use std::time::Duration;

fn start(chain: &ChainHandle) -> Led<BasicFilters> {
    let index = Led::start(chain, BasicFilters::with_inline(30));
    sync(&index);
    index
}

fn sync(index: &BlockFilters) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    assert!(runtime.block_on(index.wait_synced(Duration::from_secs(120))), "{:?}", index.status());
}

/// The filters and headers that a branch must have, genesis first, made from the stored blocks alone.
fn expected(chain: &ChainHandle, tip: &BlockHash) -> Vec<(BlockHash, BasicFilter, Hash256)> {
    let mut hashes = vec![];
    let mut next = chain.entry(tip);
    while let Some(entry) = next {
        hashes.push(entry.hash());
        next = entry.parent().cloned();
    }
    let mut below = HEADER_BEFORE_GENESIS;
    let filter = |hash: BlockHash| {
        let block = chain.read_block(&hash).unwrap();
        let undo = chain.read_undo(&hash).unwrap();
        let spent: Vec<_> = undo.coins().map(|coin| coin.output.script_pubkey.clone()).collect();
        let filter = BasicFilter::of_block(&block, spent.iter().map(|script| &script[..]));
        below = filter.header(&below);
        (hash, filter, below)
    };
    hashes.into_iter().rev().map(filter).collect()
}

fn assert_filters(index: &BlockFilters, tip: &BlockHash) {
    let expected = expected(index.chain(), tip);
    for (hash, filter, header) in &expected {
        assert_eq!(index.filter(hash).unwrap().as_ref(), Some(filter));
        assert_eq!(index.filter_header(hash).unwrap(), Some(*header));
    }
    let last = expected.len() - 1;
    for (start, stop) in [(0, last), (last, last), (1, last / 2), (last / 2, last)] {
        let (part, hash) = (&expected[start..=stop], expected[stop].0);
        let range = index.range(&hash, start as u32).unwrap().unwrap();
        let wanted: Vec<_> =
            part.iter().map(|(hash, filter, _)| (*hash, filter.as_bytes().to_vec())).collect();
        assert!(range == wanted, "{start} to {stop}");
        let hashes = index.hashes(&hash, start as u32).unwrap().unwrap();
        let below = start.checked_sub(1).map_or(HEADER_BEFORE_GENESIS, |below| expected[below].2);
        assert_eq!(hashes.previous, below);
        assert!(
            hashes.hashes.iter().eq(&part.iter().map(|(_, filter, _)| filter.hash()).collect::<Vec<_>>())
        );
    }
}

#[test]
fn filters_of_all_branches_stay_through_reorganizations_and_restarts() {
    let params = Arc::new(testkit::params(10));
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), &params);
    let chain = open(&options);
    let index = start(&chain);
    let mut loser = Branch::new(params.clone(), 11);
    for _ in 0..20 {
        // Many spends make long filters, which lie in the file.
        submit_all(&chain, &[loser.mine(60)]);
    }
    let mut winner = loser.fork(12);
    for _ in 0..5 {
        submit_all(&chain, &[loser.mine(3)]);
    }
    sync(&index);
    assert!(index.is_at(&loser.tip_hash()));
    assert_filters(&index, &loser.tip_hash());
    for n in 0..6 {
        let block = winner.mine(3);
        let expected = if n < 5 { Outcome::SideChain } else { Outcome::Best { reorg_depth: 5 } };
        assert_eq!(submit(&chain, &block), expected);
    }
    sync(&index);
    assert!(index.is_at(&winner.tip_hash()) && !index.is_at(&loser.tip_hash()));
    // Both branches, whichever is the best now.
    for tip in [winner.tip_hash(), loser.tip_hash()] {
        assert_filters(&index, &tip);
    }
    let long = index.chain().entry(&winner.tip_hash()).unwrap().ancestor(19).unwrap().hash();
    assert!(index.filter(&long).unwrap().unwrap().as_bytes().len() > 30, "no filter lies in the file");
    let file = dir.path().join("indexes").join("blockfilter_basic.dat");
    index.stop();
    let filed = std::fs::metadata(&file).unwrap().len();
    assert!(filed > 300, "{filed}");
    chain.shutdown_blocking().unwrap();
    drop((index, chain));

    // A clean stop keeps what lay above the chain's durable state, the losers too, and makes nothing twice.
    let chain = open(&options);
    let index = start(&chain);
    for tip in [winner.tip_hash(), loser.tip_hash()] {
        assert_filters(&index, &tip);
    }
    index.stop();
    assert_eq!(std::fs::metadata(&file).unwrap().len(), filed);
    chain.shutdown_blocking().unwrap();
    drop((index, chain));

    // Bytes that a crash left at the file's end are nobody's filter.
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, [&bytes[..], b"half a filter"].concat()).unwrap();
    let chain = open(&options);
    let index = start(&chain);
    for _ in 0..3 {
        submit_all(&chain, &[winner.mine(60)]);
    }
    sync(&index);
    assert_filters(&index, &winner.tip_hash());
    index.stop();
    // A filter that has changed on disk is noticed, not served.
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let failing = (0..21).filter(|height| {
        let hash = index.chain().snapshot().block_at(*height).unwrap().hash();
        index.filter(&hash).is_err()
    });
    assert_eq!(failing.count(), 1);
}

#[test]
fn a_crash_at_any_moment_leaves_an_index_that_goes_on() {
    let params = Arc::new(testkit::params(4));
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &params);
    options.flush.blocks = 3;
    let mut branch = Branch::new(params.clone(), 21);
    for round in 0..6 {
        let chain = open(&options);
        let index = start(&chain);
        for _ in 0..7 {
            submit_all(&chain, &[branch.mine(30)]);
        }
        if round % 2 == 0 {
            sync(&index);
        }
        let mut rival = branch.fork(round);
        branch.mine(2);
        for _ in 0..2 {
            submit_all(&chain, &[rival.mine(2)]);
        }
        branch = rival;
        // The chain forgets what it has not flushed; the index may be ahead of it, in memory.
        chain.crash_blocking();
        index.stop();
        drop((index, chain));
        let chain = open(&options);
        let index = start(&chain);
        assert_filters(&index, &chain.snapshot().tip().hash());
        index.stop();
        chain.shutdown_blocking().unwrap();
    }
}

#[test]
fn filters_of_a_branch_that_was_left_survive_a_crash_before_anything_is_durable() {
    let params = Arc::new(testkit::params(4));
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), &params);
    let chain = open(&options);
    let index = start(&chain);
    let mut loser = Branch::new(params.clone(), 41);
    let mut winner = loser.fork(42);
    submit_all(&chain, &[loser.mine(0), loser.mine(0)]);
    sync(&index);
    let expected: Vec<_> = expected(&chain, &loser.tip_hash()).into_iter().skip(1).collect();
    for _ in 0..3 {
        assert!(submit(&chain, &winner.mine(0)).is_accepted());
    }
    sync(&index);
    assert!(index.is_at(&winner.tip_hash()));
    chain.crash_blocking();
    // The index is killed too: nothing that it would store at its end is stored.
    let path = dir.path().join("indexes").join("blockfilter_basic");
    let kept = tempfile::tempdir().unwrap();
    copy(&path, kept.path());
    std::fs::copy(path.with_extension("dat"), kept.path().with_extension("dat")).unwrap();
    index.stop();
    drop((index, chain));
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    copy(kept.path(), &path);

    let chain = open(&options);
    let index = start(&chain);
    // Headers are what the node can forget; whoever has them again is told.
    for block in &loser.blocks {
        assert!(submit(&chain, block).is_accepted() || chain.entry(&block.hash()).is_some());
    }
    for (hash, filter, header) in &expected {
        assert_eq!(index.filter(hash).unwrap().as_ref(), Some(filter));
        assert_eq!(index.filter_header(hash).unwrap(), Some(*header));
    }
    index.stop();
}

/// Copies a folder's files and folders.
fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn ranges_are_bounded_and_checkpoints_are_every_thousandth() {
    let params = Arc::new(testkit::params(4));
    let dir = tempfile::tempdir().unwrap();
    let chain = open(&options(dir.path(), &params));
    let mut branch = Branch::new(params.clone(), 31);
    for _ in 0..2050 {
        submit_all(&chain, &[branch.mine(0)]);
    }
    let index = start(&chain);
    let snapshot = chain.snapshot();
    let at = |height| snapshot.block_at(height).unwrap().hash();
    let tip = at(2050);
    let checkpoints = index.checkpoints(&tip).unwrap().unwrap();
    let wanted: Vec<_> =
        [1000, 2000].iter().map(|height| index.filter_header(&at(*height)).unwrap().unwrap()).collect();
    assert_eq!(checkpoints, wanted);
    assert_eq!(index.checkpoints(&at(999)).unwrap(), Some(vec![]));
    assert_eq!(index.checkpoints(&at(1000)).unwrap(), Some(wanted[..1].to_vec()));
    assert_eq!(index.range(&at(999), 0).unwrap().unwrap().len(), MAX_FILTERS);
    assert!(index.range(&at(1000), 0).unwrap().is_none());
    assert_eq!(index.hashes(&at(2000), 1).unwrap().unwrap().hashes.len(), MAX_HASHES);
    assert!(index.hashes(&at(2000), 0).unwrap().is_none());
    assert!(index.hashes(&at(5), 6).unwrap().is_none());
    let unknown = BlockHash([7; 32]);
    assert!(index.range(&unknown, 0).unwrap().is_none() && index.checkpoints(&unknown).unwrap().is_none());
    assert_eq!((index.filter(&unknown).unwrap(), index.filter_header(&unknown).unwrap()), (None, None));
    // A block that never was in the active chain has no filter.
    let mut rival = Branch::new(params, 32);
    let side = rival.mine(0);
    assert_eq!(submit(&chain, &side), Outcome::SideChain);
    assert_eq!(index.filter(&side.hash()).unwrap(), None);
    assert!(index.hashes(&side.hash(), 0).unwrap().is_none());
    index.stop();
}
