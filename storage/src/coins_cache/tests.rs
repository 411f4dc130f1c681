use super::*;
use crate::store::{Commit, Store, StoreOptions};
use chaincore_consensus::{Amount, BlockHash, Script, TxOut, Txid};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

fn store(folder: &std::path::Path) -> Store {
    Store::open(folder, &StoreOptions::new("regtest", [1, 2, 3, 4], BlockHash([9; 32]))).unwrap()
}

fn outpoint(n: u32) -> OutPoint {
    OutPoint { txid: Txid(chaincore_consensus::hash::sha256(&(n / 3).to_le_bytes())), vout: n % 3 }
}

fn coin(n: u32, height: u32) -> Coin {
    let script = Script(vec![n as u8; if n.is_multiple_of(10) { 70 } else { 25 }]);
    Coin {
        output: TxOut { value: Amount(n.into()), script_pubkey: script },
        height,
        coinbase: n.is_multiple_of(7),
        tx_index: n,
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((self.0 >> 33) as u32) % bound
    }
}

/// The sums that the cache keeps against the entries themselves.
fn check_sums(cache: &CoinsCache) {
    let usage = cache.usage();
    let (mut entries, mut dirty, mut bytes) = (0, 0, 0);
    for shard in &cache.shards {
        let shard = read(shard);
        entries += shard.table.len();
        dirty += shard.table.iter().filter(|entry| entry.flags & DIRTY != 0).count();
        let heap = |entry: &Entry| entry.coin.as_ref().map_or(0, PackedCoin::heap_bytes);
        bytes += shard.table.allocation_size() + shard.table.iter().map(heap).sum::<usize>();
        assert!(shard.table.iter().all(|entry| entry.flags & FRESH == 0 || entry.coin.is_some()));
    }
    assert_eq!((usage.entries, usage.dirty, usage.bytes), (entries, dirty, bytes));
}

#[test]
fn behaves_as_a_map_whatever_is_committed_when() {
    let folder = tempfile::tempdir().unwrap();
    let mut store_now = store(folder.path());
    let mut cache = CoinsCache::new(store_now.coins(), 200_000);
    let mut model: BTreeMap<OutPoint, Coin> = BTreeMap::new();
    let mut durable = model.clone();
    let mut random = Random(1);
    for step in 0..60_000u32 {
        let n = random.below(3000);
        let at = outpoint(n);
        match random.below(4) {
            0 => assert_eq!(cache.spend(&at).unwrap(), model.remove(&at)),
            1 => assert_eq!(cache.get(&at).unwrap(), model.get(&at).cloned()),
            2 => assert_eq!(cache.peek(&at).unwrap(), model.get(&at).cloned()),
            _ => {
                let new = coin(random.below(1 << 20), step);
                let overwrite = model.contains_key(&at) || random.below(4) == 0;
                cache.add(at, new.clone(), overwrite).unwrap();
                model.insert(at, new);
            }
        }
        if random.below(1500) == 0 {
            check_sums(&cache);
            store_now.commit(Commit { coins: Some(&cache), ..Commit::default() }).unwrap();
            check_sums(&cache);
            assert_eq!(cache.usage().dirty, 0);
            durable.clone_from(&model);
            let on_disk: Vec<_> = store_now.coins().iter().collect::<Result<_>>().unwrap();
            assert!(on_disk.iter().map(|(at, coin)| (at, coin)).eq(&durable));
        }
        if random.below(20_000) == 0 {
            // What was not committed is lost, all else is there.
            drop((cache, store_now));
            store_now = store(folder.path());
            cache = CoinsCache::new(store_now.coins(), 200_000);
            model.clone_from(&durable);
        }
    }
    cache.clear();
    check_sums(&cache);
    assert!(durable.iter().all(|(at, coin)| cache.get(at).unwrap().as_ref() == Some(coin)));
}

#[test]
fn coins_that_die_young_never_reach_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let cache = CoinsCache::new(store.coins(), 1 << 20);
    cache.add(outpoint(1), coin(1, 1), false).unwrap();
    assert_eq!(cache.spend(&outpoint(1)).unwrap(), Some(coin(1, 1)));
    assert_eq!(cache.spend(&outpoint(1)).unwrap(), None);
    assert_eq!((cache.usage().entries, cache.usage().dirty), (0, 0));
    // Over a spent coin that the disk still has, a new one is not fresh: its end must reach the disk.
    cache.add(outpoint(2), coin(2, 1), false).unwrap();
    store.commit(Commit { coins: Some(&cache), ..Commit::default() }).unwrap();
    cache.spend(&outpoint(2)).unwrap().unwrap();
    cache.add(outpoint(2), coin(3, 2), false).unwrap();
    cache.spend(&outpoint(2)).unwrap().unwrap();
    assert_eq!(store.coins().get(&outpoint(2)).unwrap(), Some(coin(2, 1)));
    store.commit(Commit { coins: Some(&cache), ..Commit::default() }).unwrap();
    assert_eq!(store.coins().get(&outpoint(2)).unwrap(), None);
    check_sums(&cache);
}

#[test]
fn an_unspent_coin_is_overwritten_only_by_permission() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let cache = CoinsCache::new(store.coins(), 1 << 20);
    cache.add(outpoint(0), coin(10, 1), false).unwrap();
    assert!(matches!(cache.add(outpoint(0), coin(2, 2), false), Err(StorageError::CoinExists(_))));
    assert_eq!(cache.get(&outpoint(0)).unwrap(), Some(coin(10, 1)));
    cache.add(outpoint(0), coin(20, 2), true).unwrap();
    assert_eq!(cache.get(&outpoint(0)).unwrap(), Some(coin(20, 2)));
    check_sums(&cache);
}

#[test]
fn memory_stays_near_the_budget_and_the_young_stay_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    for budget in [150_000, 1_000_000, 1_300_000] {
        let cache = CoinsCache::new(store.coins(), budget);
        let mut commits = 0;
        let mut fullest = 0;
        let count = budget as u32 / 30;
        for n in 0..count {
            cache.add(outpoint(n), coin(n, n), true).unwrap();
            fullest = fullest.max(cache.usage().bytes);
            if cache.wants_flush() {
                commits += 1;
                store.commit(Commit { coins: Some(&cache), ..Commit::default() }).unwrap();
                check_sums(&cache);
                assert!(!cache.wants_flush());
            }
        }
        assert!(commits >= 2, "{commits}");
        assert!(fullest <= budget + budget / 20, "{fullest} of {budget}");
        assert!(fullest >= budget * 3 / 4, "{fullest} of {budget}");
        let (hash, shard) = cache.locate(&outpoint(count - 1));
        assert!(read(shard).table.find(hash, |entry| entry.outpoint == outpoint(count - 1)).is_some());
    }
}

#[test]
fn long_scripts_count() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let cache = CoinsCache::new(store.coins(), 2_000_000);
    let mut commits = 0;
    for n in 0..2000 {
        let mut coin = coin(n, n);
        coin.output.script_pubkey = Script(vec![1; 5000]);
        cache.add(outpoint(n), coin, true).unwrap();
        assert!(cache.usage().bytes < 2_100_000);
        if cache.wants_flush() {
            commits += 1;
            store.commit(Commit { coins: Some(&cache), ..Commit::default() }).unwrap();
            check_sums(&cache);
            assert!(!cache.wants_flush());
        }
    }
    assert!((3..20).contains(&commits), "{commits}");
}

#[test]
fn readers_never_see_a_spent_coin_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path());
    let cache = CoinsCache::new(store.coins(), 300_000);
    let done = AtomicBool::new(false);
    // How many coins are spent for good, and how many have been made.
    let (spent, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for reader in 0..3 {
            let (cache, done, spent, made) = (&cache, &done, &spent, &made);
            scope.spawn(move || {
                let mut random = Random(reader);
                while !done.load(Ordering::SeqCst) {
                    let dead = spent.load(Ordering::SeqCst);
                    let there = made.load(Ordering::SeqCst);
                    let n = random.below(there.max(1) as u32);
                    let found = cache.get(&outpoint(n)).unwrap();
                    if (n as usize) < dead {
                        assert_eq!(found, None, "coin {n} was spent");
                    } else if (n as usize) < there {
                        // It can have been spent while we looked, the last one before the count says so.
                        assert!(found.is_some() || n as usize <= spent.load(Ordering::SeqCst), "coin {n}");
                    }
                }
            });
        }
        for n in 0..20_000u32 {
            cache.add(outpoint(n), coin(n, n), false).unwrap();
            made.store(n as usize + 1, Ordering::SeqCst);
            if n >= 500 {
                let at = n - 500;
                assert_eq!(cache.spend(&outpoint(at)).unwrap(), Some(coin(at, at)));
                spent.store(at as usize + 1, Ordering::SeqCst);
            }
            if n % 700 == 0 {
                store.commit(Commit { coins: Some(&cache), ..Commit::default() }).unwrap();
            }
        }
        done.store(true, Ordering::SeqCst);
    });
    check_sums(&cache);
    store.commit(Commit { coins: Some(&cache), ..Commit::default() }).unwrap();
    assert_eq!(store.coins().iter().count(), 500);
}
