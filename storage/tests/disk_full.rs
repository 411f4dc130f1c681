//! A disk that fills up: the writing process gets a typed error and stops, and what is there is the last commit.
//!
//! The limit is the shell's on the size of a file, in a process of its own (this test again), with the signal for
//! it ignored so that writes fail as they do on a full disk.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells its parent by printing"
)]
#![cfg(unix)]

use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, BlockHash, OutPoint, Script, TxOut, Txid};
use chaincore_storage::{CoinsCache, Commit, Store, StoreOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FOLDER: &str = "CHAINCORE_DISK_FULL_FOLDER";
const COINS_PER_STEP: u32 = 500;

fn open(folder: &Path) -> Store {
    Store::open(folder, &StoreOptions::new("regtest", [1, 2, 3, 4], BlockHash([9; 32]))).unwrap()
}

fn outpoint(n: u32) -> OutPoint {
    OutPoint { txid: Txid(chaincore_consensus::hash::sha256(&n.to_le_bytes())), vout: 0 }
}

fn coin(n: u32) -> Coin {
    let script = Script(chaincore_consensus::hash::sha256(&n.to_be_bytes()).to_vec());
    Coin {
        output: TxOut { value: Amount(n.into()), script_pubkey: script },
        height: n,
        coinbase: false,
        tx_index: 0,
    }
}

/// Commits until the disk is full, tells the number of the last good commit and the file, and ends as a node would.
/// Each kind of test makes another file the largest.
fn fill(folder: &Path, what: &str) {
    let store = open(folder);
    let cache = CoinsCache::new(store.coins(), 1 << 20);
    for step in 1u32.. {
        let committed = (|| {
            if what.contains("block_file") {
                store.block_files().append_block(&[step as u8; 60_000])?;
            }
            for n in (step - 1) * COINS_PER_STEP..step * COINS_PER_STEP {
                cache.add(outpoint(n), coin(n), false)?;
            }
            let mut extra = vec![("step".to_owned(), Some(step.to_le_bytes().to_vec()))];
            if what.contains("journal") {
                // The database compresses it.
                extra.push(("zeros".to_owned(), Some(vec![0; step as usize * 100_000])));
            }
            let tip = Some(BlockHash([step as u8; 32]));
            store.commit(Commit { coins: Some(&cache), tip, extra, ..Commit::default() })
        })();
        if let Err(error) = committed {
            assert!(error.is_disk_full(), "{error}");
            println!("full {} {error}", step - 1);
            return;
        }
    }
}

fn run(what: &str, expected: &str) {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("data");
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 600; exec \"$0\" --exact --nocapture \"$1\""])
        .arg(std::env::current_exe().unwrap())
        .arg(what)
        .env(FOLDER, &folder)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    let told = text.lines().find_map(|line| line.split_once("full ")?.1.split_once(' ')).unwrap();
    assert!(told.1.starts_with("disk full while writing") && told.1.contains(expected), "{told:?}");
    let told: u32 = told.0.parse().unwrap();
    assert!(told >= 1, "the limit is too low for the test to mean anything");
    let store = open(&folder);
    // The step that failed may have been decided: then it has been completed now.
    let step = u32::from_le_bytes(store.extra("step").unwrap().unwrap().try_into().unwrap());
    assert!(step == told || step == told + 1, "step {step}, {told} had been told");
    assert_eq!(store.durable_tip(), Some(BlockHash([step as u8; 32])));
    let mut coins = store.coins().iter().collect::<Result<Vec<_>, _>>().unwrap();
    coins.sort_by_key(|(_, coin)| coin.height);
    assert!(coins.into_iter().eq((0..step * COINS_PER_STEP).map(|n| (outpoint(n), coin(n)))));
    // There is room again: it goes on.
    let cache = CoinsCache::new(store.coins(), 1 << 20);
    cache.spend(&outpoint(0)).unwrap().unwrap();
    let pos = store.block_files().append_block(&[1; 100]).unwrap();
    store.commit(Commit { coins: Some(&cache), ..Commit::default() }).unwrap();
    drop((store, cache));
    let store = open(&folder);
    assert_eq!(store.coins().get(&outpoint(0)).unwrap(), None);
    assert_eq!(store.block_files().read_block(pos).unwrap(), [1; 100]);
}

fn test(what: &str, expected: &str) {
    match std::env::var_os(FOLDER) {
        Some(folder) => fill(&PathBuf::from(folder), what),
        None => run(what, expected),
    }
}

#[test]
fn a_block_file_hits_the_end_of_the_disk() {
    test("a_block_file_hits_the_end_of_the_disk", "blk00000.dat");
}

#[test]
fn the_database_hits_the_end_of_the_disk() {
    test("the_database_hits_the_end_of_the_disk", "chainstate/db");
}

#[test]
fn the_journal_hits_the_end_of_the_disk() {
    test("the_journal_hits_the_end_of_the_disk", "journal");
}
