//! The same for programs: `--json`.

use super::Looked;
use super::judge::lag_seconds;
use crate::verdict::Verdict;
use chaincore_mirror::status::Status;
use serde::Serialize;

/// The name and version of the format. The number rises when a reader of the old one could be misled.
pub const SCHEMA: &str = "chaincore-monitor-db/1";

/// The mirror at one moment.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    schema: &'static str,
    at: u64,
    verdict: Verdict,
    exit_code: u8,
    troubles: Vec<String>,
    lag_blocks: Option<u32>,
    lag_seconds: Option<f64>,
    rows_per_second: Option<f64>,
    blocks_per_second: Option<f64>,
    status: Option<&'a Status>,
}

/// The report of what was seen.
pub fn report(looked: &Looked) -> Report<'_> {
    let verdict = looked.verdict();
    let status = looked.now();
    Report {
        schema: SCHEMA,
        at: looked.at,
        verdict,
        exit_code: verdict.code(),
        troubles: looked.troubles().into_iter().map(|trouble| trouble.text).collect(),
        lag_blocks: status.and_then(|status| status.lag_blocks),
        lag_seconds: status.and_then(lag_seconds),
        rows_per_second: looked.rates.back().map(|rate| rate.rows),
        blocks_per_second: looked.rates.back().map(|rate| rate.blocks),
        status,
    }
}
