//! The JSON that others read. `schema/track.schema.json` describes it, and a test holds the two together.

use super::findings::{CHECKS, Finding, Findings};
use super::mining::MiningReport;
use super::patterns::PatternReport;
use crate::nodes::Miner;
use crate::verdict::Verdict;
use serde::Serialize;

/// The name and version of the format. The number rises when a reader of the old one could be misled; members that
/// are only added do not raise it.
pub const SCHEMA: &str = "chaincore-monitor-track/1";

/// A whole report.
#[derive(Debug, Clone, Serialize)]
pub struct Export {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// The monitor's version.
    pub version: &'static str,
    /// When it was made, in milliseconds since 1970.
    pub made_at: u64,
    /// How long that took, in milliseconds.
    pub took_ms: u64,
    /// The node that was asked for the blocks.
    pub source: Source,
    /// What was looked at.
    pub range: Range,
    /// What was checked.
    pub validation: Validation,
    /// How the other nodes compare.
    pub nodes: Vec<Compared>,
    /// The time between blocks, in seconds, genesis left out.
    pub intervals: Intervals,
    /// Who made the blocks.
    pub mining: MiningReport,
    /// What transactions look like.
    pub transactions: PatternReport,
    /// The blocks, lowest first; only the last 100,000.
    pub blocks: Vec<BlockRow>,
    /// How many blocks of the range are not in the list.
    pub blocks_left_out: u64,
}

/// The node that was asked.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Source {
    /// Where it is.
    pub url: String,
    /// Its name.
    pub node_id: String,
    /// Its version.
    pub version: String,
    /// The chain's name.
    pub chain: String,
    /// The chain's first block.
    pub genesis_hash: String,
    /// The tip's height when it was asked.
    pub height: u32,
    /// The tip.
    pub hash: String,
}

/// The range.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Range {
    /// The first height.
    pub from: u32,
    /// The last height.
    pub to: u32,
    /// How many blocks of it were read.
    pub blocks: u64,
    /// The last block's hash.
    pub last_hash: Option<String>,
    /// The hashes expected for the range: 64 hex digits.
    pub work: String,
    /// The bytes of all blocks.
    pub size: u64,
    /// What all outputs are worth, in satoshis.
    pub output_value: i64,
}

/// What was checked.
#[derive(Debug, Clone, Serialize)]
pub struct Validation {
    /// Good, behind (something could not be read) or broken (something is wrong).
    pub verdict: Verdict,
    /// Check by check.
    pub checks: Vec<CheckRow>,
    /// What is wrong; at most 1000.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub findings_left_out: u64,
    /// Why the range was not read to its end.
    pub incomplete: Option<String>,
}

/// A check.
#[derive(Debug, Clone, Serialize)]
pub struct CheckRow {
    /// Its name.
    pub check: &'static str,
    /// What it says.
    pub about: &'static str,
    /// How often it was made.
    pub checked: u64,
    /// How often it failed.
    pub failed: u64,
    /// Why it was not made everywhere.
    pub note: Option<String>,
}

/// Another node.
#[derive(Debug, Clone, Serialize)]
pub struct Compared {
    /// Where it is.
    pub url: String,
    /// Its name, if it answers.
    pub node_id: Option<String>,
    /// Whether it has the same blocks; none if that could not be found out.
    pub agrees: Option<bool>,
    /// The height up to which it was compared.
    pub compared_to: Option<u32>,
    /// The last common block if it does not agree.
    pub fork_height: Option<u32>,
    /// Why it could not be compared.
    pub error: Option<String>,
}

/// The time between blocks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Intervals {
    /// How many.
    pub count: u64,
    /// The mean.
    pub mean: f64,
    /// The median.
    pub median: i64,
    /// The shortest; negative where a clock was behind.
    pub shortest: i64,
    /// The longest.
    pub longest: i64,
    /// What the chain aims at.
    pub target: u32,
}

impl Intervals {
    /// Of these.
    pub fn of(mut intervals: Vec<i64>, target: u32) -> Self {
        intervals.sort_unstable();
        let (Some(shortest), Some(longest)) = (intervals.first(), intervals.last()) else {
            return Self { target, ..Self::default() };
        };
        Self {
            count: intervals.len() as u64,
            mean: intervals.iter().sum::<i64>() as f64 / intervals.len() as f64,
            median: intervals[intervals.len() / 2],
            shortest: *shortest,
            longest: *longest,
            target,
        }
    }
}

/// A block.
#[derive(Debug, Clone, Serialize)]
pub struct BlockRow {
    /// Its height.
    pub height: u32,
    /// Its hash, as computed.
    pub hash: String,
    /// Its time, in seconds since 1970.
    pub time: u32,
    /// Its target in compact form, as hex.
    pub bits: String,
    /// Its bytes.
    pub size: u64,
    /// Its weight.
    pub weight: u64,
    /// How many transactions it has.
    pub transactions: u64,
    /// What its outputs are worth, in satoshis.
    pub output_value: i64,
    /// What its coinbase pays out, in satoshis.
    pub reward: i64,
    /// What its transactions pay, in satoshis; null if an input is not known.
    pub fees: Option<i64>,
    /// Who made it.
    pub miner: Miner,
}

impl Validation {
    /// Of these findings.
    pub fn of(findings: &Findings, incomplete: Option<String>) -> Self {
        let verdict = match (findings.failed(), &incomplete) {
            (1.., _) => Verdict::Broken,
            (0, Some(_)) => Verdict::Behind,
            (0, None) => Verdict::Good,
        };
        let checks = CHECKS.iter().map(|(check, name, about)| {
            let tally = findings.tally(*check);
            CheckRow {
                check: name,
                about,
                checked: tally.checked,
                failed: tally.failed,
                note: tally.note.clone(),
            }
        });
        Self {
            verdict,
            checks: checks.collect(),
            findings: findings.list.clone(),
            findings_left_out: findings.failed() - findings.list.len() as u64,
            incomplete,
        }
    }
}
