//! The hot path of an import: adding and spending coins in the cache, and the commit.

use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, BlockHash, OutPoint, Script, TxOut, Txid};
use chaincore_storage::{CoinsCache, Commit, Store, StoreOptions};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

fn outpoint(n: u32) -> OutPoint {
    OutPoint { txid: Txid(chaincore_consensus::hash::sha256(&n.to_le_bytes())), vout: n % 4 }
}

fn coin(n: u32) -> Coin {
    let script = Script(outpoint(n).txid.0[..22].to_vec());
    Coin {
        output: TxOut { value: Amount(n.into()), script_pubkey: script },
        height: n,
        coinbase: false,
        tx_index: n,
    }
}

fn coins(criterion: &mut Criterion) {
    const COUNT: u32 = 100_000;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = StoreOptions::new("regtest", [0; 4], BlockHash::ZERO);
    let store = Store::open(folder.path(), &options).expect("a fresh store");
    let all: Vec<_> = (0..COUNT).map(|n| (outpoint(n), coin(n))).collect();
    let filled = || {
        let cache = CoinsCache::new(store.coins(), 64 << 20);
        for (outpoint, coin) in &all {
            cache.add(*outpoint, coin.clone(), true).expect("overwriting is permitted");
        }
        cache
    };
    let mut group = criterion.benchmark_group("coins");
    group.sample_size(10).throughput(Throughput::Elements(COUNT.into()));
    group
        .bench_function("add", |bencher| bencher.iter_batched(|| (), |()| filled(), BatchSize::PerIteration));
    group.bench_function("get", |bencher| {
        let cache = filled();
        bencher.iter(|| {
            all.iter().filter(|(outpoint, _)| cache.get(outpoint).is_ok_and(|coin| coin.is_some())).count()
        });
    });
    group.bench_function("spend", |bencher| {
        let spend = |cache: CoinsCache| {
            all.iter().filter(|(outpoint, _)| cache.spend(outpoint).is_ok_and(|coin| coin.is_some())).count()
        };
        bencher.iter_batched(filled, spend, BatchSize::PerIteration);
    });
    group.bench_function("commit", |bencher| {
        let commit = |cache: CoinsCache| {
            store.commit(Commit { coins: Some(&cache), ..Commit::default() }).expect("room on the disk");
        };
        bencher.iter_batched(filled, commit, BatchSize::PerIteration);
    });
    group.bench_function("get from disk", |bencher| {
        let db = store.coins();
        bencher.iter(|| {
            all.iter().filter(|(outpoint, _)| db.get(outpoint).is_ok_and(|coin| coin.is_some())).count()
        });
    });
    group.finish();
}

criterion_group!(benches, coins);
criterion_main!(benches);
