//! Kills a writing process at random moments and checks that what is there afterwards is exactly one of its commits,
//! none older than the last it has seen finished.
//!
//! The process killed is this test again, told by environment variables to write. `CHAINCORE_CRASH_ROUNDS` sets the
//! number of kills.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, BlockHash, Hash256, Header, OutPoint, Script, TxOut, Txid};
use chaincore_storage::{
    BlockRecord, BlockStatus, CoinsCache, Commit, Cursor, FilePos, IndexBatch, IndexDb, Store, StoreOptions,
};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const MAGIC: [u8; 4] = [0xfa, 0xbf, 0xb5, 0xda];
/// Coins that each step makes and spends.
const COINS_PER_STEP: u32 = 60;
const FOLDER: &str = "CHAINCORE_CRASH_FOLDER";

fn open(folder: &Path) -> Store {
    let mut options = StoreOptions::new("regtest", MAGIC, BlockHash([9; 32]));
    // Small, so that files roll over and the database is closed and opened again now and then.
    options.max_file_bytes = 100_000;
    options.sled_cache_bytes = 1 << 20;
    Store::open(folder, &options).unwrap()
}

fn outpoint(n: u32) -> OutPoint {
    OutPoint { txid: Txid(chaincore_consensus::hash::sha256(&n.to_le_bytes())), vout: n % 300 }
}

fn coin(n: u32) -> Coin {
    let script = Script(vec![n as u8; (n % 90) as usize]);
    Coin {
        output: TxOut { value: Amount(n.into()), script_pubkey: script },
        height: n,
        coinbase: false,
        tx_index: n,
    }
}

/// The coins after `step` steps: of those that step s made, every third one lives on, the others die in step s + 1
/// (and so never reach the disk if both are in one commit).
fn coins_after(step: u32) -> BTreeMap<OutPoint, Coin> {
    let made = (1..=step).flat_map(|s| (0..COINS_PER_STEP).map(move |n| (s, s * COINS_PER_STEP + n)));
    made.filter(|(s, n)| *s == step || n % 3 == 0).map(|(_, n)| (outpoint(n), coin(n))).collect()
}

fn header(step: u32) -> Header {
    let merkle_root = Hash256(chaincore_consensus::hash::sha256(&step.to_be_bytes()));
    Header { version: 1, previous: BlockHash::ZERO, merkle_root, time: step, bits: 0, nonce: 0 }
}

fn block(step: u32) -> Vec<u8> {
    let mut bytes = header(step).to_array().to_vec();
    bytes.resize(80 + (step as usize * 379) % 3000, step as u8);
    bytes
}

fn undo(step: u32) -> Vec<u8> {
    vec![step as u8; step as usize % 500]
}

fn record(step: u32, data: FilePos, undo: Option<FilePos>) -> (BlockHash, BlockRecord) {
    let header = header(step);
    let status = BlockStatus(BlockStatus::VALID_SCRIPTS | BlockStatus::HAVE_DATA);
    let record = BlockRecord {
        header,
        height: step,
        status,
        n_tx: 1,
        data_pos: Some(data),
        undo_pos: undo,
        sequence: step.into(),
    };
    (header.hash(), record)
}

fn committed_step(store: &Store) -> u32 {
    let extra = store.extra("step").unwrap();
    extra.map_or(0, |bytes| u32::from_le_bytes(bytes.try_into().unwrap()))
}

/// Writes until killed, and tells of every commit.
fn write_forever(folder: &Path) {
    let store = open(folder);
    let index = store.open_index("follower", 1 << 20).unwrap();
    let cache = CoinsCache::new(store.coins(), 150_000);
    let mut step = committed_step(&store);
    let mut records = Vec::new();
    // Blocks that the last life had stored are not stored again.
    let scans = store.block_files().scan_uncommitted().unwrap();
    let mut stored =
        scans.into_iter().flatten().map(|block| block.unwrap().pos).collect::<Vec<_>>().into_iter();
    let mut say = std::io::stdout().lock();
    loop {
        step += 1;
        let data = stored.next().unwrap_or_else(|| store.block_files().append_block(&block(step)).unwrap());
        let undo =
            store.block_files().append_undo(data.file, &undo(step), &BlockHash([step as u8; 32])).unwrap();
        records.push(record(step, data, Some(undo)));
        for n in 0..COINS_PER_STEP {
            let made = step * COINS_PER_STEP + n;
            cache.add(outpoint(made), coin(made), false).unwrap();
            let spent = made - COINS_PER_STEP;
            if step > 1 && !spent.is_multiple_of(3) {
                assert_eq!(cache.spend(&outpoint(spent)).unwrap(), Some(coin(spent)));
            }
        }
        if step.is_multiple_of(4) || cache.wants_flush() {
            let tip = Some(records.last().unwrap().0);
            let extra = vec![("step".to_owned(), Some(step.to_le_bytes().to_vec()))];
            store
                .commit(Commit {
                    coins: Some(&cache),
                    tip,
                    records: std::mem::take(&mut records),
                    extra,
                    ..Commit::default()
                })
                .unwrap();
            writeln!(say, "c {step}").unwrap();
            follow(&index, step);
            writeln!(say, "i {step}").unwrap();
        }
    }
}

/// Brings the follower to `step`, in one flush of two batches.
fn follow(index: &IndexDb, step: u32) {
    let from = index.cursor().unwrap().map_or(0, |cursor| cursor.height);
    for half in [from + (step - from) / 2, step] {
        let mut batch = IndexBatch::new();
        for height in from + 1..=half {
            batch.put([b'h', height as u8, (height >> 8) as u8], height.to_le_bytes());
            batch.remove([b'h', (height - 1) as u8, ((height - 1) >> 8) as u8]);
        }
        index.apply(&batch, Some(Cursor { height: half, hash: header(half).hash() })).unwrap();
    }
    index.flush().unwrap();
}

/// Gives the steps of the store and of the follower, and the number of blocks kept behind the commit.
fn check(folder: &Path, seen: u32, seen_index: u32) -> (u32, u32, u32) {
    let store = open(folder);
    let step = committed_step(&store);
    assert!(step >= seen, "commit {seen} had finished, {step} is there");
    assert_eq!(store.durable_tip(), (step > 0).then(|| header(step).hash()));
    let coins: BTreeMap<OutPoint, Coin> = store.coins().iter().collect::<Result<_, _>>().unwrap();
    assert!(coins == coins_after(step), "the coins are not those of step {step}");
    let mut records = store.load_index().unwrap();
    records.sort_unstable_by_key(|(_, record)| record.height);
    assert_eq!(records.len(), step as usize);
    let files = store.block_files();
    for (at, (hash, found)) in (1..).zip(&records) {
        let expected = record(at, found.data_pos.unwrap(), found.undo_pos);
        assert_eq!((*hash, *found), expected);
        assert_eq!(files.read_block(found.data_pos.unwrap()).unwrap(), block(at));
        assert_eq!(files.read_undo(found.undo_pos.unwrap(), &BlockHash([at as u8; 32])).unwrap(), undo(at));
    }
    // Blocks stored behind the commit are complete and in order.
    let mut next = step + 1;
    for scan in files.scan_uncommitted().unwrap() {
        for found in scan {
            let found = found.unwrap();
            assert_eq!(found.bytes, block(next));
            assert_eq!(files.read_block(found.pos).unwrap(), found.bytes);
            next += 1;
        }
    }
    let index = store.open_index("follower", 1 << 20).unwrap();
    let cursor = index.cursor().unwrap().map_or(0, |cursor| cursor.height);
    assert!(
        (seen_index..=step).contains(&cursor),
        "the follower is at {cursor} of {step}, it had been at {seen_index}"
    );
    let expected: Vec<_> = (cursor > 0)
        .then(|| (vec![b'h', cursor as u8, (cursor >> 8) as u8], cursor.to_le_bytes().to_vec()))
        .into_iter()
        .collect();
    assert_eq!(index.scan_prefix(b"h", None, 10).unwrap(), expected);
    (step, cursor, next - 1 - step)
}

#[test]
fn a_killed_process_leaves_exactly_a_commit() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        write_forever(&PathBuf::from(folder));
    }
    let rounds: u32 = std::env::var("CHAINCORE_CRASH_ROUNDS").map_or(20, |rounds| rounds.parse().unwrap());
    let temporary = tempfile::tempdir().unwrap();
    let mut random = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let mut draw = |bound: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % bound
    };
    let (mut seen, mut seen_index, mut folder) = (0, 0, temporary.path().join("0"));
    let (mut fresh, mut behind, mut undecided) = (0, 0, 0);
    for round in 0..rounds {
        if seen > 1500 {
            // Checking takes longer with every step: begin anew.
            std::fs::remove_dir_all(&folder).unwrap();
            fresh += 1;
            (seen, seen_index, folder) = (0, 0, temporary.path().join(fresh.to_string()));
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "a_killed_process_leaves_exactly_a_commit"])
            .env(FOLDER, &folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        // Not before it writes, then at any moment: most kills hit a commit, some the blocks between two.
        let mut line = String::new();
        let wait = draw(4);
        while !line.contains("c ") || wait == 0 {
            line.clear();
            if said.read_line(&mut line).unwrap() == 0 || wait == 0 {
                break;
            }
            note(&line, &mut seen, &mut seen_index);
        }
        std::thread::sleep(Duration::from_micros(draw(300_000).into()));
        child.kill().unwrap();
        let mut rest = String::new();
        said.read_to_string(&mut rest).unwrap();
        for line in std::iter::once(line.as_str()).chain(rest.lines()) {
            note(line, &mut seen, &mut seen_index);
        }
        let status = child.wait().unwrap();
        assert!(status.code().is_none(), "the writer ended by itself in round {round}: {status}");
        // The second opening finds what the first one has left.
        let found = check(&folder, seen, seen_index);
        assert_eq!(check(&folder, seen, seen_index), found);
        // A kill can come between a commit and the word of it.
        seen = found.0;
        seen_index = found.1;
        behind += found.2;
        undecided += u32::from(found.2 > 0);
    }
    println!(
        "{rounds} kills, {fresh} fresh starts, step {seen}; {behind} blocks kept behind {undecided} commits"
    );
}

/// Reads what the writer says, which may end in the middle of a line.
fn note(line: &str, seen: &mut u32, seen_index: &mut u32) {
    let mut words = line.split_whitespace().skip_while(|word| !["c", "i"].contains(word));
    if let (Some(kind), Some(Ok(step))) = (words.next(), words.next().map(str::parse::<u32>)) {
        match kind {
            "c" => *seen = step.max(*seen),
            _ => *seen_index = step.max(*seen_index),
        }
    }
}
