//! A process that is killed loses nothing that it has accepted.
//!
//! The test runs itself as a child process that feeds a chain with blocks until it is killed, at a moment that
//! nobody chose, and looks at what is left.

#![allow(clippy::unwrap_used, reason = "a test may end there")]

mod kit;

use chaincore_consensus::Block;
use chaincore_consensus::codec::{Decode, Encode};
use chaincore_node::chain::{ChainError, Origin};
use chaincore_node::testkit::{self, Branch};
use kit::{address_index, assert_addresses, assert_state, open, options, submit};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// The child's folder: the chain's, with the blocks still to come in a file beside it.
const CHILD: &str = "CHAINCORE_CRASH_CHILD";

/// Two branches that overtake each other, in order of arrival: each entry with the branch that then is best.
fn story() -> Vec<(Arc<Block>, Branch)> {
    let params = Arc::new(testkit::params(4));
    let mut best = Branch::new(params, 31);
    let mut story = vec![];
    for round in 0..12 {
        for _ in 0..5 {
            let block = best.mine(6);
            story.push((block, best.clone()));
        }
        let mut rival = best.fork(100 + round);
        for _ in 0..3 {
            let block = best.mine(6);
            story.push((block, best.clone()));
        }
        for n in 0..4 {
            let block = rival.mine(6);
            story.push((block, if n == 3 { rival.clone() } else { best.clone() }));
        }
        best = rival;
    }
    story
}

fn child_options(dir: &Path) -> chaincore_node::chain::ChainOptions {
    let mut options = options(dir, &Arc::new(testkit::params(4)));
    options.flush.blocks = 5;
    options.max_block_file_bytes = 24 << 10;
    options
}

fn write_blocks(path: &Path, blocks: &[(Arc<Block>, Branch)]) {
    let mut bytes = vec![];
    for (block, _) in blocks {
        let block = block.to_bytes();
        bytes.extend((block.len() as u32).to_le_bytes());
        bytes.extend(block);
    }
    std::fs::write(path, bytes).unwrap();
}

fn read_blocks(path: &Path) -> Vec<Arc<Block>> {
    let bytes = std::fs::read(path).unwrap();
    let mut rest = &bytes[..];
    let mut blocks = vec![];
    while let Some((len, tail)) = rest.split_first_chunk::<4>() {
        let (block, tail) = tail.split_at(u32::from_le_bytes(*len) as usize);
        blocks.push(Arc::new(Block::decode_exact(block).unwrap()));
        rest = tail;
    }
    blocks
}

/// The child: goes on with the story, and says which blocks were accepted.
#[test]
fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let dir = Path::new(&dir);
    let blocks = read_blocks(&dir.join("blocks.bin"));
    let chain = open(&child_options(&dir.join("chain")));
    let index = address_index(&chain);
    for (n, block) in blocks.iter().enumerate() {
        match chain.submit_block_blocking(block.clone(), Origin::Rpc) {
            Ok(outcome) => assert!(outcome.is_accepted(), "{outcome:?}"),
            Err(error) => {
                // Only the test of the full disk gets here: what comes after is refused, with the reason.
                assert!(matches!(&error, ChainError::Storage(cause) if cause.is_disk_full()), "{error}");
                let next = chain.submit_block_blocking(block.clone(), Origin::Rpc).unwrap_err();
                assert!(next.to_string().contains("disk full"), "{next}");
                assert!(chain.shutdown_blocking().is_err());
                index.stop();
                println!("full");
                return;
            }
        }
        println!("accepted {n}");
    }
    index.stop();
    // Waits to be killed.
    std::thread::sleep(Duration::from_secs(600));
}

#[test]
fn a_killed_process_loses_nothing_that_it_accepted() {
    let story = story();
    let kills: u64 = std::env::var("CHAINCORE_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let mut numbers = testkit::Numbers::new(kills);
    let mut dir = tempfile::tempdir().unwrap();
    let mut done = 0;
    for kill in 0..kills {
        write_blocks(&dir.path().join("blocks.bin"), &story[done..]);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // A number of blocks, then a moment more: within a connect, a reorganization or a flush.
        let target = done + numbers.below(12) as usize;
        let mut accepted = done;
        for line in lines.by_ref() {
            let line = line.unwrap();
            if let Some(n) = line.split("accepted ").nth(1) {
                accepted = done + n.trim().parse::<usize>().unwrap() + 1;
                if accepted > target || accepted == story.len() {
                    break;
                }
            }
        }
        std::thread::sleep(Duration::from_micros(numbers.below(15_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            if let Some(n) = line.unwrap().split("accepted ").nth(1) {
                accepted = accepted.max(done + n.trim().parse::<usize>().unwrap() + 1);
            }
        }
        assert!(accepted > done, "the child has accepted nothing");

        // What was accepted last, or one block more whose answer was not heard.
        let chain = open(&child_options(&dir.path().join("chain")));
        let tip = chain.snapshot().tip().hash();
        let states = &story[accepted - 1..(accepted + 1).min(story.len())];
        let state = states.iter().map(|(_, branch)| branch).find(|branch| branch.tip_hash() == tip);
        let state = state.unwrap_or_else(|| panic!("kill {kill}: after {accepted} blocks the tip is {tip}"));
        assert_state(&chain, state);
        let index = address_index(&chain);
        assert_addresses(&index, state);
        index.stop();
        if kill % 2 == 0 {
            chain.shutdown_blocking().unwrap();
        } else {
            chain.crash_blocking();
        }
        done = accepted;
        if done == story.len() {
            drop((index, chain));
            dir = tempfile::tempdir().unwrap();
            done = 0;
        }
    }
}

#[cfg(unix)]
#[test]
fn a_full_disk_stops_the_chain_and_harms_nothing() {
    let story = story();
    let mut full = 0;
    // A limit on the size of files stands for a disk without room; in half kilobytes or kilobytes.
    for limit in [30, 90, 200, 500] {
        let dir = tempfile::tempdir().unwrap();
        write_blocks(&dir.path().join("blocks.bin"), &story);
        // A first part without limit, so that there is something to keep.
        let chain = open(&child_options(&dir.path().join("chain")));
        for (block, _) in &story[..20] {
            assert!(submit(&chain, block).is_accepted());
        }
        chain.shutdown_blocking().unwrap();
        drop(chain);
        let mut child = Command::new("sh")
            .args(["-c", "trap '' XFSZ; ulimit -f \"$1\"; shift; exec \"$@\"", "sh", &limit.to_string()])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "child", "--nocapture", "--test-threads=1"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut accepted = 20;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(n) = line.split("accepted ").nth(1) {
                accepted = accepted.max(n.trim().parse::<usize>().unwrap() + 1);
            }
            full += usize::from(line.ends_with("full"));
            if accepted == story.len() {
                break;
            }
        }
        let _ = child.kill();
        child.wait().unwrap();
        let chain = open(&child_options(&dir.path().join("chain")));
        let tip = chain.snapshot().tip().hash();
        let states = &story[accepted - 1..(accepted + 1).min(story.len())];
        let state = states.iter().map(|(_, branch)| branch).find(|branch| branch.tip_hash() == tip);
        assert_state(
            &chain,
            state.unwrap_or_else(|| panic!("limit {limit}: after {accepted} the tip is {tip}")),
        );
    }
    assert!(full > 0, "no limit was hit in a write of the chain's");
}

#[test]
fn a_chain_that_was_never_flushed_is_found_again() {
    let params = Arc::new(testkit::params(4));
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), &params);
    let chain = open(&options);
    let mut branch = Branch::new(params.clone(), 41);
    for _ in 0..60 {
        assert!(submit(&chain, &branch.mine(6)).is_accepted());
    }
    assert_eq!(chain.tip_state().borrow().durable.height, 0);
    chain.crash_blocking();
    drop(chain);
    let chain = open(&options);
    assert_state(&chain, &branch);
    assert_eq!(chain.tip_state().borrow().durable.height, 60);
}

#[test]
fn blocks_that_were_stored_before_their_parents_are_found_again() {
    let params = Arc::new(testkit::params(4));
    let dir = tempfile::tempdir().unwrap();
    let mut options = options(dir.path(), &params);
    options.max_block_file_bytes = 8 << 10;
    let chain = open(&options);
    let mut branch = Branch::new(params, 43);
    (0..60).for_each(|_| drop(branch.mine(4)));
    let headers: Vec<_> = branch.blocks.iter().map(|block| block.header).collect();
    chain.query_blocking(move |chain| Ok(chain.accept_headers(&headers, true))).unwrap().unwrap();
    for block in branch.blocks.iter().rev() {
        assert!(submit(&chain, block).is_accepted());
    }
    assert_eq!(chain.tip_state().borrow().durable.height, 0);
    chain.crash_blocking();
    drop(chain);
    assert_state(&open(&options), &branch);
}
