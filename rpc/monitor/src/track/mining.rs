//! Who made the blocks.

use crate::nodes::Miner;
use serde::Serialize;
use std::collections::HashMap;

/// How many miners are told apart; blocks of others count as one.
const MOST_MINERS: usize = 100_000;
/// How many are exported.
const EXPORTED: usize = 1000;
/// Stands for all miners beyond the bound.
const OTHERS: &str = "others";

/// One miner: whoever is paid at one address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MinerShare {
    /// Whom the coinbase pays.
    pub payee: String,
    /// What the coinbase of the last block said.
    pub tag: String,
    /// How many blocks.
    pub blocks: u64,
    /// The part of all blocks, from 0 to 1.
    pub share: f64,
    /// What the coinbases pay out, in satoshis.
    pub reward: i64,
    /// Blocks with nothing but a coinbase.
    pub empty_blocks: u64,
    /// The most blocks in a row.
    pub longest_streak: u64,
    /// The first and the last height.
    pub first_height: u32,
    /// The last height.
    pub last_height: u32,
}

/// All miners.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MiningReport {
    /// How many different payees there are.
    pub miners: usize,
    /// The smallest number of payees that made more than half of the blocks.
    pub majority: usize,
    /// The payees, most blocks first; at most 1000.
    pub distribution: Vec<MinerShare>,
}

#[derive(Debug, Clone, Default)]
struct Count {
    tag: String,
    blocks: u64,
    reward: i64,
    empty_blocks: u64,
    longest_streak: u64,
    first_height: u32,
    last_height: u32,
}

/// Counts blocks by payee.
#[derive(Debug, Clone, Default)]
pub struct Mining {
    miners: HashMap<String, Count>,
    streak: (String, u64),
    blocks: u64,
}

impl Mining {
    /// Takes a block; genesis has no miner worth the name.
    pub fn take(&mut self, height: u32, miner: &Miner, reward: i64, transactions: usize) {
        if height == 0 {
            return;
        }
        let known = self.miners.contains_key(&miner.payee);
        let payee = if known || self.miners.len() < MOST_MINERS { miner.payee.as_str() } else { OTHERS };
        self.streak = match &self.streak {
            (last, length) if last == payee => (payee.to_owned(), length + 1),
            _ => (payee.to_owned(), 1),
        };
        self.blocks += 1;
        let count = self
            .miners
            .entry(payee.to_owned())
            .or_insert_with(|| Count { first_height: height, ..Count::default() });
        count.tag.clone_from(&miner.tag);
        count.blocks += 1;
        count.reward = count.reward.saturating_add(reward);
        count.empty_blocks += u64::from(transactions <= 1);
        count.longest_streak = count.longest_streak.max(self.streak.1);
        count.last_height = height;
    }

    /// The distribution.
    pub fn report(&self) -> MiningReport {
        let mut distribution: Vec<MinerShare> = self
            .miners
            .iter()
            .map(|(payee, count)| MinerShare {
                payee: payee.clone(),
                tag: count.tag.clone(),
                blocks: count.blocks,
                share: count.blocks as f64 / self.blocks.max(1) as f64,
                reward: count.reward,
                empty_blocks: count.empty_blocks,
                longest_streak: count.longest_streak,
                first_height: count.first_height,
                last_height: count.last_height,
            })
            .collect();
        distribution.sort_by(|a, b| b.blocks.cmp(&a.blocks).then_with(|| a.payee.cmp(&b.payee)));
        let mut sum = 0;
        let majority = distribution.iter().take_while(|miner| {
            let more_needed = sum * 2 <= self.blocks;
            sum += miner.blocks;
            more_needed
        });
        let majority = majority.count();
        let miners = distribution.len();
        distribution.truncate(EXPORTED);
        MiningReport { miners, majority, distribution }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_streaks_and_the_majority() {
        let mut mining = Mining::default();
        let miner = |payee: &str| Miner { payee: payee.into(), tag: String::new() };
        for (height, payee) in (0..).zip(["genesis", "a", "a", "b", "a", "c", "b", "b", "b", "d"]) {
            mining.take(height, &miner(payee), 50, if height == 3 { 2 } else { 1 });
        }
        let report = mining.report();
        let shares: Vec<_> = report
            .distribution
            .iter()
            .map(|miner| (miner.payee.as_str(), miner.blocks, miner.longest_streak, miner.empty_blocks))
            .collect();
        assert_eq!(shares, [("b", 4, 3, 3), ("a", 3, 2, 3), ("c", 1, 1, 1), ("d", 1, 1, 1)]);
        assert_eq!((report.miners, report.majority, report.distribution[0].reward), (4, 2, 200));
        assert_eq!((report.distribution[1].first_height, report.distribution[1].last_height), (1, 4));
        assert_eq!(Mining::default().report().majority, 0);
    }
}
