//! Whole chains: blocks with payments, valid and changed in many ways, get the same verdict from Bitcoin Core 31 and
//! from our rules, down to the words of the reject reason.

mod regtest;

use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::{Block, OutPoint};
use regtest::kernel::{Core, Refusal};
use regtest::ours::Chain;
use regtest::wallet::{Kind, output, spend};
use regtest::{Draft, Random, spoil};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// How often each change is tried.
const ROUNDS: usize = 12;

/// A valid block with up to four payments of coins that are there.
fn draft(chain: &Chain, random: &mut Random) -> Draft {
    let height = chain.headers.tip_height() + 1;
    let mature = |coin: &chaincore_consensus::coin::Coin| {
        let depth = height - coin.height;
        depth >= if coin.coinbase { 100 } else { 2 }
    };
    let mut coins: Vec<_> = chain.coins.iter().filter(|(_, coin)| mature(coin)).collect();
    coins.sort_by_key(|(outpoint, _)| **outpoint);
    let mut coins: Vec<_> = coins.into_iter().map(|(outpoint, coin)| (*outpoint, coin.clone())).collect();
    let mut fees = 0;
    let mut txs = Vec::new();
    for _ in 0..random.below(5) {
        let mut inputs = Vec::new();
        for _ in 0..1 + random.below(2) {
            if !coins.is_empty() {
                inputs.push(coins.swap_remove(random.below(coins.len())));
            }
        }
        let value: i64 = inputs.iter().map(|(_, coin)| coin.output.value.sat()).sum();
        let fee = random.below(1000) as i64;
        if inputs.is_empty() || value < 10_000 {
            continue;
        }
        let count = 1 + random.below(3) as i64;
        let kind = |random: &mut Random| Kind::ALL[random.below(Kind::ALL.len())];
        let outputs = (0..count).map(|_| output(kind(random), (value - fee) / count)).collect();
        fees += value - (value - fee) / count * count;
        txs.push(spend(&inputs, outputs));
    }
    let reward_to = Kind::ALL[random.below(Kind::ALL.len())].script();
    Draft::new(&chain.params, &chain.headers, txs, fees, reward_to)
}

/// Gives the block to both and compares what they say.
fn judge(chain: &mut Chain, core: &Core, block: &Block, name: &str) -> Result<(), RejectReason> {
    let ours = chain.connect(block);
    let theirs = core.process(block);
    match (&ours, &theirs) {
        (Ok(()), Ok(())) => {}
        (Err(ours), Err(theirs)) => assert_same(ours, theirs, name),
        _ => panic!("{name}: we say {ours:?}, Core says {theirs:?}"),
    }
    assert_eq!(core.tip(), chain.headers.tip_hash(), "{name}");
    ours
}

fn assert_same(ours: &RejectReason, theirs: &Refusal, name: &str) {
    assert_eq!(ours.to_string(), theirs.reason, "{name}");
    if let Some(kind) = theirs.kind {
        assert_eq!(ours.kind, kind, "{name}: {ours} / {theirs:?}");
    }
}

#[test]
fn blocks_get_the_same_verdict() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut chain = Chain::new(i64::try_from(now).expect("a time of our days"));
    let core = Core::new();
    let mut random = Random(31);
    for _ in 0..110 {
        let block = draft(&chain, &mut random).finish();
        judge(&mut chain, &core, &block, "a block of the start").expect("a valid block");
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let (mut blocks, mut valid, mut spends) = (0, 0, 0);
    for _ in 0..ROUNDS {
        for (name, spoil) in spoil::ALL {
            let block = spoil(draft(&chain, &mut random), &chain, &mut random);
            spends += block.transactions.len().saturating_sub(1);
            blocks += 1;
            match judge(&mut chain, &core, &block, name) {
                Ok(()) => valid += 1,
                Err(refusal) => {
                    *seen.entry(refusal.reason.into_owned()).or_default() += 1;
                    // A good block on the same parent is accepted all the same.
                    let block = draft(&chain, &mut random).finish();
                    judge(&mut chain, &core, &block, name).expect("a valid block");
                }
            }
        }
    }
    let kinds: usize = Kind::ALL.iter().filter(|kind| spent_kind(&chain, **kind)).count();
    println!(
        "{} changes, {blocks} changed blocks with {spends} payments: {valid} valid, the rest:",
        spoil::ALL.len()
    );
    for (reason, count) in &seen {
        println!("{count:6} {reason}");
    }
    println!(
        "tip at height {}, {} coins, {kinds} kinds of outputs",
        chain.headers.tip_height(),
        chain.coins.len()
    );
    assert!(seen.len() >= 30, "{} reasons", seen.len());
    assert!(valid >= ROUNDS * 10);
    assert_eq!(kinds, Kind::ALL.len());
}

/// Whether an output of this kind is there.
fn spent_kind(chain: &Chain, kind: Kind) -> bool {
    let is_kind = |(_, coin): (&OutPoint, &chaincore_consensus::coin::Coin)| {
        Kind::of(&coin.output.script_pubkey) == Some(kind)
    };
    chain.coins.iter().any(is_kind)
}
