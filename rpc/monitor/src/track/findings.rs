//! What was checked, how often, and what was found wrong.

use serde::Serialize;

/// How many findings are kept; the others are counted.
pub const FINDINGS_KEPT: usize = 1000;

/// A kind of check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The answer can be read as a block.
    Shape,
    /// The first block is the chain's.
    Genesis,
    /// The block builds on the one before.
    Link,
    /// The hash is that of the header.
    Hash,
    /// The hash is below the target, and the target below the chain's limit.
    Work,
    /// The target is the one that the chain's rules ask for.
    Difficulty,
    /// The time is after the median of the eleven before, and not two hours ahead.
    Time,
    /// The ids are those of the transactions.
    Txids,
    /// The header's root is that of the ids, and no list of ids that has the same root.
    Merkle,
    /// The coinbase commits to the witnesses.
    Witness,
    /// The first transaction, and only the first, is a coinbase.
    Coinbase,
    /// Inputs spend outputs that exist, are unspent and, of a coinbase, old enough.
    Spends,
    /// No transaction pays out more than it takes in.
    Sums,
    /// The coinbase claims no more than new coins and fees.
    Reward,
    /// The work of all blocks is what the node says it is.
    ChainWork,
    /// There are as many transactions as the node says.
    Count,
    /// Other nodes have the same blocks.
    Nodes,
}

/// Every check, in the order of a report, with what it says in a line.
pub const CHECKS: [(Check, &str, &str); 17] = [
    (Check::Shape, "shape", "the answers are blocks"),
    (Check::Genesis, "genesis", "the first block is the chain's"),
    (Check::Link, "link", "each block builds on the one before"),
    (Check::Hash, "hash", "hashes are those of the headers"),
    (Check::Work, "work", "hashes are below their targets"),
    (Check::Difficulty, "difficulty", "targets are those the rules ask for"),
    (Check::Time, "time", "times rise by the median of eleven"),
    (Check::Txids, "txids", "ids are those of the transactions"),
    (Check::Merkle, "merkle", "merkle roots cover the transactions"),
    (Check::Witness, "witness", "coinbases commit to the witnesses"),
    (Check::Coinbase, "coinbase", "one coinbase per block, the first"),
    (Check::Spends, "spends", "inputs spend what exists, once"),
    (Check::Sums, "sums", "no transaction makes coins"),
    (Check::Reward, "reward", "coinbases claim what they may"),
    (Check::ChainWork, "chain_work", "the work adds up to what the node says"),
    (Check::Count, "count", "the transactions add up to what the node says"),
    (Check::Nodes, "nodes", "other nodes have the same blocks"),
];

/// Something wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// At which height.
    pub height: u32,
    /// Which check.
    pub check: Check,
    /// What, with the values.
    pub detail: String,
}

/// How often something was checked and what came out.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// How often.
    pub checked: u64,
    /// How often it was wrong.
    pub failed: u64,
    /// Why it was not checked, or not everywhere.
    pub note: Option<String>,
}

/// All checks of a run.
#[derive(Debug, Clone, Default)]
pub struct Findings {
    tallies: [Tally; CHECKS.len()],
    /// The first ones.
    pub list: Vec<Finding>,
}

impl Findings {
    /// Counts a check.
    pub fn check(&mut self, height: u32, check: Check, holds: bool, detail: impl FnOnce() -> String) {
        let tally = &mut self.tallies[check as usize];
        tally.checked += 1;
        if holds {
            return;
        }
        tally.failed += 1;
        if self.list.len() < FINDINGS_KEPT {
            self.list.push(Finding { height, check, detail: detail() });
        }
    }

    /// Says why something was not checked; the first reason stays.
    pub fn note(&mut self, check: Check, note: impl Into<String>) {
        self.tallies[check as usize].note.get_or_insert_with(|| note.into());
    }

    /// What came out of a check.
    pub fn tally(&self, check: Check) -> &Tally {
        &self.tallies[check as usize]
    }

    /// How much is wrong.
    pub fn failed(&self) -> u64 {
        self.tallies.iter().map(|tally| tally.failed).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_is_listed_once_under_its_own_name() {
        for (at, (check, name, _)) in CHECKS.iter().enumerate() {
            assert_eq!(*check as usize, at);
            assert_eq!(serde_json::to_value(check).expect("a name"), *name);
        }
    }
}
