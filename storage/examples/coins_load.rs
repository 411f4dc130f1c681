//! Makes and spends coins as an import does, and prints what it took: `coins_load [COINS] [CACHE_MB] [SLED_MB]`.
//!
//! COINS (default 2,000,000) stay unspent in the end; half as many again are made and spent on the way, most of them
//! soon. The store is made in a folder under the system's temporary one and removed.
#![allow(clippy::print_stdout, reason = "this is what it is for")]

use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, BlockHash, OutPoint, Script, TxOut, Txid};
use chaincore_storage::{CoinsCache, Commit, Store, StoreOptions};
use std::time::{Duration, Instant};

const COINS_PER_BLOCK: u64 = 3000;

fn outpoint(n: u64) -> OutPoint {
    // Two outputs per transaction; the mixing is as random as a hash and costs nothing.
    let mut state = (n / 2).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut txid = [0; 32];
    for chunk in txid.chunks_mut(8) {
        state = (state ^ state >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(0x94d0_49bb_1331_11eb);
        chunk.copy_from_slice(&(state ^ state >> 29).to_le_bytes());
    }
    OutPoint { txid: Txid(txid), vout: (n % 2) as u32 }
}

fn coin(n: u64) -> Coin {
    let mut script = vec![0, 20];
    script.extend(&outpoint(n).txid.0[..20]);
    let output = TxOut { value: Amount(n as i64 * 1371), script_pubkey: Script(script) };
    Coin {
        output,
        height: (n / COINS_PER_BLOCK) as u32,
        coinbase: false,
        tx_index: (n % COINS_PER_BLOCK) as u32,
    }
}

fn resident() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    (field("VmRSS"), field("VmHWM"))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    let mut number = |default| numbers.next().unwrap_or(Ok(default));
    let (coins, cache_mb, sled_mb) = (number(2_000_000)?, number(100)?, number(64)?);
    let folder = std::env::temp_dir().join(format!("coins_load-{}", std::process::id()));
    let mut options = StoreOptions::new("regtest", [0; 4], BlockHash::ZERO);
    options.sled_cache_bytes = (sled_mb << 20) as usize;
    let store = Store::open(&folder, &options)?;
    let cache = CoinsCache::new(store.coins(), (cache_mb << 20) as usize);
    let (mut commits, mut committing, mut written) = (0, Duration::ZERO, 0);
    let mut commit = |last: bool| -> Result<(), chaincore_storage::StorageError> {
        let started = Instant::now();
        written += cache.usage().dirty;
        let (before, _) = resident();
        store.commit(Commit { coins: Some(&cache), ..Commit::default() })?;
        committing += started.elapsed();
        commits += 1;
        if last || commits % 4 == 1 {
            let rate = written as f64 / committing.as_secs_f64();
            let (now, most) = resident();
            println!(
                "{commits} commits: {rate:.0} changes/s, resident {before} MB before, {now} after, {most} at most"
            );
        }
        Ok(())
    };
    let started = Instant::now();
    let (mut made, mut spent, mut spending, mut adding) = (0u64, 0u64, Duration::ZERO, Duration::ZERO);
    let mut random = 1u64;
    while made < coins * 3 / 2 {
        let at = Instant::now();
        for n in made..made + COINS_PER_BLOCK {
            cache.add(outpoint(n), coin(n), false)?;
        }
        adding += at.elapsed();
        made += COINS_PER_BLOCK;
        let at = Instant::now();
        for _ in 0..COINS_PER_BLOCK / 3 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Nine of ten are young; one is any.
            let back = if random >> 60 < 14 { random >> 33 & 0x3fff } else { (random >> 33) % made };
            if cache.spend(&outpoint(made.saturating_sub(back + 1)))?.is_some() {
                spent += 1;
            }
        }
        spending += at.elapsed();
        if cache.wants_flush() {
            commit(false)?;
        }
    }
    commit(true)?;
    let took = started.elapsed();
    let per = |time: Duration, count: u64| time.as_nanos() as u64 / count.max(1);
    println!(
        "{made} made ({} ns each), {spent} spent ({} ns each), {took:.1?} in all, {committing:.1?} committing",
        per(adding, made),
        per(spending, spent)
    );
    let at = Instant::now();
    let found = (0..100_000u64).filter(|n| {
        let any = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % made;
        store.coins().get(&outpoint(any)).is_ok_and(|coin| coin.is_some())
    });
    println!(
        "{} of 100000 random coins there, {} ns each from disk",
        found.count(),
        per(at.elapsed(), 100_000)
    );
    println!("resident {} MB", resident().0);
    let at = Instant::now();
    let count = store.coins().iter().count();
    println!("{count} coins iterated in {:.1?}, {} MB on disk", at.elapsed(), store.disk_bytes()? >> 20);
    println!("resident {} MB, {} at most", resident().0, resident().1);
    drop((cache, store));
    let at = Instant::now();
    drop(Store::open(&folder, &options)?);
    println!("reopened in {:.1?}", at.elapsed());
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
