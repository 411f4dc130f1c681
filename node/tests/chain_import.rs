//! Rebuilding from block files, and taking in those of others.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

mod kit;

use chaincore_consensus::codec::Encode;
use chaincore_consensus::{Amount, Block};
use chaincore_node::chain::{ChainHandle, Importer, Rebuild, Status};
use chaincore_node::mempool::{Mempool, MempoolOptions};
use chaincore_node::testkit::{self, Branch, Lock, Numbers};
use kit::{address_index, assert_addresses, assert_state, open, options, submit, submit_all};
use std::path::Path;
use std::sync::Arc;

/// A block file as Core writes it, with what may lie between blocks.
fn write_file(path: &Path, magic: [u8; 4], blocks: &[Arc<Block>], garbage: bool) {
    let mut bytes = vec![];
    for (n, block) in blocks.iter().enumerate() {
        let block = block.to_bytes();
        if garbage && n % 3 == 1 {
            // A frame that is none: its length reaches over the next block.
            bytes.extend(magic);
            bytes.extend((block.len() as u32 + 60).to_le_bytes());
            bytes.extend([0x55; 20]);
        }
        bytes.extend(magic);
        bytes.extend((block.len() as u32).to_le_bytes());
        bytes.extend(block);
        if garbage && n % 4 == 0 {
            bytes.extend([0; 100]);
        }
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn everything_can_be_rebuilt_from_the_block_files() {
    let params = Arc::new(testkit::params(5));
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &params);
    options.max_block_file_bytes = 20 << 10;
    let chain = open(&options);
    let mut side = Branch::new(params.clone(), 21);
    for _ in 0..30 {
        submit_all(&chain, &[side.mine(6)]);
    }
    let mut main = side.fork(22);
    submit_all(&chain, &[side.mine(6), side.mine(6)]);
    for _ in 0..20 {
        submit_all(&chain, &[main.mine(6)]);
    }
    let bad = Arc::new(main.assemble(vec![], Lock::Anyone, Amount::from_coins(60), 1));
    assert!(!submit(&chain, &bad).is_accepted());
    assert_state(&chain, &main);
    let count = chain.snapshot().tips().len();
    let files = std::fs::read_dir(dir.path().join("blocks")).unwrap().count();
    assert!(files > 6, "{files}");
    chain.shutdown_blocking().unwrap();
    drop(chain);

    options.rebuild = Rebuild::Coins;
    let chain = open(&options);
    assert_state(&chain, &main);
    assert_eq!(chain.snapshot().tips().len(), count);
    chain.shutdown_blocking().unwrap();
    drop(chain);

    options.rebuild = Rebuild::Everything;
    let chain = open(&options);
    assert_eq!(chain.snapshot().height(), 0);
    // Interrupted before it began: it is still due after a start without the option.
    chain.crash_blocking();
    drop(chain);
    options.rebuild = Rebuild::Nothing;
    let chain = open(&options);
    assert!(Importer::new(chain.clone()).is_reindex_due().unwrap());
    let index = address_index(&chain);
    let report = Importer::new(chain.clone()).reindex().unwrap();
    assert_eq!((report.accepted, report.rejected), (53, 1));
    assert!(!Importer::new(chain.clone()).is_reindex_due().unwrap());
    assert_state(&chain, &main);
    assert_addresses(&index, &main);
    assert_eq!(chain.snapshot().tips().len(), count);
    index.stop();
    chain.crash_blocking();
    drop((index, chain));
    let chain = open(&options);
    assert_state(&chain, &main);
    submit_all(&chain, &[main.mine(6)]);
    assert_state(&chain, &main);
}

#[test]
fn an_interrupted_replay_goes_on_at_the_next_start() {
    let params = Arc::new(testkit::params(5));
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &params);
    let chain = open(&options);
    let mut branch = Branch::new(params.clone(), 24);
    for _ in 0..20 {
        submit_all(&chain, &[branch.mine(4)]);
    }
    chain.shutdown_blocking().unwrap();
    drop(chain);

    options.rebuild = Rebuild::Coins;
    let status = Status::new();
    status.interrupt();
    let chain = ChainHandle::open(&options, Mempool::new(MempoolOptions::default()), status).unwrap();
    assert_eq!(chain.snapshot().height(), 0);
    chain.shutdown_blocking().unwrap();
    drop(chain);

    options.rebuild = Rebuild::Nothing;
    let chain = open(&options);
    assert_state(&chain, &branch);
}

#[test]
fn files_of_others_are_taken_in_whatever_their_order() {
    let params = Arc::new(testkit::params(5));
    let mut branch = Branch::new(params.clone(), 23);
    let genesis = Arc::new(params.genesis.clone());
    for _ in 0..120 {
        branch.mine(5);
    }
    let mut shuffled = branch.blocks.clone();
    let mut numbers = Numbers::new(5);
    for at in (1..shuffled.len()).rev() {
        shuffled.swap(at, numbers.below(at as u64 + 1) as usize);
    }
    let files = tempfile::tempdir().unwrap();
    let (first, second) = (files.path().join("blk00000.dat"), files.path().join("other.dat"));
    write_file(&first, params.magic, &[vec![genesis], shuffled[..70].to_vec()].concat(), true);
    write_file(&second, params.magic, &shuffled[70..], false);

    let dir = tempfile::tempdir().unwrap();
    let chain = open(&options(dir.path(), &params));
    let report = Importer::new(chain.clone()).load(&[first.clone(), second.clone()]).unwrap();
    assert_eq!((report.accepted, report.rejected, report.without_parent), (120, 0, 0));
    assert_state(&chain, &branch);
    // Again: nothing new.
    let report = Importer::new(chain.clone()).load(&[second]).unwrap();
    assert_eq!((report.accepted, report.known), (0, 50));
    assert_state(&chain, &branch);

    // A gap: what is above it waits in vain.
    let gap = files.path().join("gap.dat");
    let blocks: Vec<_> =
        branch.blocks.iter().take(10).chain(branch.blocks.iter().skip(11)).cloned().collect();
    write_file(&gap, params.magic, &blocks, false);
    let other_dir = tempfile::tempdir().unwrap();
    let other = open(&options(other_dir.path(), &params));
    let report = Importer::new(other.clone()).load(&[gap]).unwrap();
    assert_eq!((report.accepted, report.without_parent), (10, 109));
    assert_eq!(other.snapshot().height(), 10);
    assert!(Importer::new(other).load(&[files.path().join("none.dat")]).is_err());
}

#[test]
fn block_files_beside_no_database_wait_to_be_taken_in() {
    let params = Arc::new(testkit::params(5));
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), &params);
    let chain = open(&options);
    let mut main = Branch::new(params.clone(), 31);
    for _ in 0..12 {
        submit_all(&chain, &[main.mine(4)]);
    }
    chain.shutdown_blocking().unwrap();
    drop(chain);
    // What a -reindex leaves that is killed just after it has removed the old database.
    std::fs::remove_dir_all(dir.path().join("chainstate")).unwrap();
    std::fs::remove_dir_all(dir.path().join("indexes")).ok();
    for killed in [true, false] {
        let chain = open(&options);
        let importer = Importer::new(chain.clone());
        assert!(importer.is_reindex_due().unwrap(), "the blocks must not be forgotten");
        if killed {
            chain.crash_blocking();
        } else {
            importer.reindex().unwrap();
            assert_state(&chain, &main);
            assert!(!Importer::new(chain.clone()).is_reindex_due().unwrap());
            chain.shutdown_blocking().unwrap();
        }
    }
}

#[test]
fn nothing_is_connected_above_the_height_to_stop_at() {
    let params = Arc::new(testkit::params(5));
    let dir = tempfile::tempdir().unwrap();
    let mut states = vec![Branch::new(params.clone(), 27)];
    for _ in 0..60 {
        let mut next = states[states.len() - 1].clone();
        next.mine(1);
        states.push(next);
    }
    let all = &states[60];
    let file = dir.path().join("bootstrap.dat");
    write_file(&file, params.magic, &all.blocks, false);

    // Taken in from a file; whether the import itself notices before its end is not said.
    let mut options = options(&dir.path().join("chain"), &params);
    options.stop_at_height = Some(20);
    let chain = open(&options);
    let _ = Importer::new(chain.clone()).load(&[file]);
    assert_state(&chain, &states[20]);
    assert!(chain.status().is_interrupted());
    chain.shutdown_blocking().unwrap();
    drop(chain);
    // Replayed at a start, on the coins there are and on none.
    for (height, rebuild) in [(33, Rebuild::Nothing), (27, Rebuild::Coins)] {
        options.stop_at_height = Some(height);
        options.rebuild = rebuild;
        let chain = open(&options);
        assert_state(&chain, &states[height as usize]);
        chain.shutdown_blocking().unwrap();
        drop(chain);
    }
    options.stop_at_height = Some(11);
    options.rebuild = Rebuild::Everything;
    let chain = open(&options);
    let _ = Importer::new(chain.clone()).reindex();
    assert_state(&chain, &states[11]);
    chain.shutdown_blocking().unwrap();
    drop(chain);
    options.stop_at_height = None;
    options.rebuild = Rebuild::Nothing;
    let chain = open(&options);
    Importer::new(chain.clone()).reindex().unwrap();
    assert_state(&chain, all);
}
