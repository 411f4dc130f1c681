use super::*;
use crate::record::{BlockStatus, FilePos};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, Hash256, Header, OutPoint, Script, TxOut, Txid};

fn options() -> StoreOptions {
    StoreOptions::new("regtest", [1, 2, 3, 4], BlockHash([9; 32]))
}

fn record(height: u32) -> (BlockHash, BlockRecord) {
    let header = Header {
        version: 4,
        previous: BlockHash([height as u8; 32]),
        merkle_root: Hash256([2; 32]),
        time: height,
        bits: 0x207f_ffff,
        nonce: 0,
    };
    let record = BlockRecord {
        header,
        height,
        status: BlockStatus(BlockStatus::VALID_TREE),
        n_tx: 1,
        data_pos: Some(FilePos { file: 0, offset: 8 }),
        undo_pos: None,
        sequence: 1,
    };
    (header.hash(), record)
}

fn outpoint(n: u32) -> OutPoint {
    OutPoint { txid: Txid([n as u8; 32]), vout: n }
}

fn coin(n: u32) -> Coin {
    Coin {
        output: TxOut { value: Amount(5), script_pubkey: Script(vec![0x51; 20]) },
        height: n,
        coinbase: false,
        tx_index: n,
    }
}

fn filled(folder: &Path) -> Vec<(BlockHash, BlockRecord)> {
    let store = Store::open(folder, &options()).unwrap();
    let cache = CoinsCache::new(store.coins(), 1 << 20);
    for n in 0..100 {
        cache.add(outpoint(n), coin(n), false).unwrap();
    }
    store.block_files().append_block(&[7; 100]).unwrap();
    store.block_files().append_undo(0, &[8; 100], &BlockHash::ZERO).unwrap();
    let mut records: Vec<_> = (0..20_000).map(record).collect();
    let extra = vec![("name".to_owned(), Some(vec![1, 2])), ("gone".to_owned(), None)];
    let tip = Some(BlockHash([7; 32]));
    store
        .commit(Commit { coins: Some(&cache), tip, records: records.clone(), extra, ..Commit::default() })
        .unwrap();
    assert_eq!(store.durable_tip(), tip);
    records.sort_unstable_by_key(|(hash, _)| *hash);
    records
}

#[test]
fn a_commit_is_there_after_reopening_and_after_moving_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let before = folder.path().join("before");
    let records = filled(&before);
    let after = folder.path().join("after");
    std::fs::rename(before, &after).unwrap();
    let store = Store::open(&after, &options()).unwrap();
    assert_eq!(store.durable_tip(), Some(BlockHash([7; 32])));
    let mut index = store.load_index().unwrap();
    index.sort_unstable_by_key(|(hash, _)| *hash);
    assert_eq!(index, records);
    assert_eq!(store.record(&records[5].0).unwrap(), Some(records[5].1));
    store.commit(Commit { forgotten: vec![records[5].0], ..Commit::default() }).unwrap();
    assert_eq!(store.record(&records[5].0).unwrap(), None);
    assert_eq!(store.load_index().unwrap().len(), records.len() - 1);
    assert_eq!(store.record(&BlockHash::ZERO).unwrap(), None);
    assert_eq!(store.extra("name").unwrap(), Some(vec![1, 2]));
    assert_eq!(store.extra("gone").unwrap(), None);
    assert_eq!(store.coins().iter().count(), 100);
    assert_eq!(store.coins().get(&outpoint(50)).unwrap(), Some(coin(50)));
    assert_eq!(store.block_files().infos()[&0].blocks, 1);
    assert!(!after.join("chainstate/journal").exists());
    assert!(store.disk_bytes().unwrap() > 0);
}

#[test]
fn one_process_at_a_time_one_chain_one_format() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    let error = Store::open(folder.path(), &options()).err().unwrap();
    let expected = format!(
        "Cannot obtain a lock on directory {}. ChainCore is probably already running.",
        folder.path().display()
    );
    assert_eq!(error.to_string(), expected);
    drop(store);
    for other in [
        StoreOptions { genesis: BlockHash([8; 32]), ..options() },
        StoreOptions { chain: "mine".into(), ..options() },
        StoreOptions { chain: "mine".into(), wipe: Wipe::AllButBlocks, ..options() },
    ] {
        let error = Store::open(folder.path(), &other).err().unwrap();
        assert!(matches!(error, StorageError::OtherChain { .. }));
        assert!(error.to_string().contains("'regtest'") && error.to_string().contains(&other.chain));
    }
    let identity = folder.path().join("chainstate/format");
    let text = std::fs::read_to_string(&identity).unwrap();
    std::fs::write(&identity, text.replace("store 1", "store 2")).unwrap();
    assert!(matches!(Store::open(folder.path(), &options()), Err(StorageError::Format { .. })));
    Store::open(folder.path(), &StoreOptions { wipe: Wipe::AllButBlocks, ..options() }).unwrap();
    Store::open(folder.path(), &options()).unwrap();
}

#[test]
fn wiping_the_coins_keeps_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let records = filled(folder.path());
    for wipe in [Wipe::Coins, Wipe::Nothing] {
        let store = Store::open(folder.path(), &StoreOptions { wipe, ..options() }).unwrap();
        assert_eq!(store.durable_tip(), None);
        assert_eq!(store.coins().iter().count(), 0);
        assert_eq!(store.load_index().unwrap().len(), records.len());
        assert_eq!(store.extra("name").unwrap(), Some(vec![1, 2]));
        assert_eq!(store.block_files().infos()[&0].undo_size, 140);
    }
}

#[test]
fn an_interrupted_wiping_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let mut journal = JournalWriter::create(&folder.path().join("chainstate"), true).unwrap();
    journal.put((META, keys::MADE, Some(b""))).unwrap();
    journal.put((META, &keys::extra_key("only"), Some(b"this"))).unwrap();
    journal.finish().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    assert_eq!((store.durable_tip(), store.coins().iter().count()), (None, 0));
    assert_eq!((store.extra("only").unwrap(), store.extra("name").unwrap()), (Some(b"this".to_vec()), None));
}

#[test]
fn wiping_all_keeps_the_block_files() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let store = Store::open(folder.path(), &StoreOptions { wipe: Wipe::AllButBlocks, ..options() }).unwrap();
    assert_eq!(
        (store.durable_tip(), store.coins().iter().count(), store.load_index().unwrap().len()),
        (None, 0, 0)
    );
    assert_eq!(store.extra("name").unwrap(), None);
    assert!(!folder.path().join("blocks/rev00000.dat").exists());
    let blocks: Vec<_> = store.block_files().scan(0, 0).unwrap().collect::<Result<_>>().unwrap();
    assert_eq!(blocks.len(), 1);
    assert_eq!(store.block_files().read_block(blocks[0].pos).unwrap(), [7; 100]);
    assert_eq!(store.block_files().append_block(&[1; 90]).unwrap().file, 1);
}

#[test]
fn a_decided_commit_is_completed_and_an_undecided_one_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    let chainstate = folder.path().join("chainstate");
    let mut journal = JournalWriter::create(&chainstate, false).unwrap();
    journal.put((META, keys::TIP, Some(&[0x55; 32]))).unwrap();
    let undecided = chainstate.join("journal.tmp");
    assert!(undecided.exists());
    drop(journal);
    let store = Store::open(folder.path(), &options()).unwrap();
    assert_eq!(store.durable_tip(), Some(BlockHash([7; 32])));
    assert!(!undecided.exists());
    drop(store);

    let mut journal = JournalWriter::create(&chainstate, false).unwrap();
    journal.put((COINS, CoinKey::new(&outpoint(3)).as_bytes(), None)).unwrap();
    journal.put((COINS, CoinKey::new(&outpoint(500)).as_bytes(), Some(&coin(500).to_bytes()))).unwrap();
    journal.put((META, keys::TIP, Some(&[0x66; 32]))).unwrap();
    journal.finish().unwrap();
    let decided = std::fs::read(chainstate.join("journal")).unwrap();
    // The second time it comes back after it had been applied, as a power failure may leave it.
    for _ in 0..2 {
        let store = Store::open(folder.path(), &options()).unwrap();
        assert_eq!(store.durable_tip(), Some(BlockHash([0x66; 32])));
        assert_eq!(store.coins().get(&outpoint(3)).unwrap(), None);
        assert_eq!(store.coins().get(&outpoint(500)).unwrap(), Some(coin(500)));
        assert_eq!(store.coins().iter().count(), 100);
        drop(store);
        std::fs::write(chainstate.join("journal"), &decided).unwrap();
    }
}

#[test]
fn indexes_live_beside_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &options()).unwrap();
    let index = store.open_index("tx", 1 << 20).unwrap();
    let mut batch = crate::IndexBatch::new();
    batch.put("key", "value");
    index.apply(&batch, None).unwrap();
    index.close().unwrap();
    assert_eq!(store.open_index("tx", 1 << 20).unwrap().get(b"key").unwrap(), Some(b"value".to_vec()));
    assert!(folder.path().join("indexes/tx").is_dir());
    store.remove_index("tx").unwrap();
    assert_eq!(store.open_index("tx", 1 << 20).unwrap().get(b"key").unwrap(), None);
}

#[test]
fn a_lost_database_is_no_fresh_one() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    std::fs::remove_dir_all(folder.path().join("chainstate/db")).unwrap();
    let error = Store::open(folder.path(), &options()).err().unwrap();
    assert!(matches!(error, StorageError::Corrupt { .. }), "{error}");
    let store = Store::open(folder.path(), &StoreOptions { wipe: Wipe::AllButBlocks, ..options() }).unwrap();
    assert_eq!(store.durable_tip(), None);
}
