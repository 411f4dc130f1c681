//! The same state for programs: `--json`.

use crate::nodes::Miner;
use crate::verdict::Verdict;
use crate::watch::{Event, Standing, Watch};
use serde::Serialize;

/// The name and version of the format. The number rises when a reader of the old one could be misled.
pub const SCHEMA: &str = "chaincore-monitor-chain/1";

/// All nodes at one moment.
#[derive(Debug, Serialize)]
pub struct Report<'a> {
    schema: &'static str,
    at: u64,
    verdict: Verdict,
    exit_code: u8,
    best: Option<Best<'a>>,
    nodes: Vec<NodeReport<'a>>,
    last_blocks: Vec<BlockReport<'a>>,
    events: Vec<&'a Event>,
}

#[derive(Debug, Serialize)]
struct Best<'a> {
    url: &'a str,
    chain: &'a str,
    height: u32,
    hash: &'a str,
    time: u32,
    chain_work: &'a str,
    difficulty: f64,
    hashes_per_second: f64,
    average_block_time: f64,
    target_block_time: u32,
    total_transactions: u64,
}

#[derive(Debug, Serialize)]
struct NodeReport<'a> {
    url: &'a str,
    node_id: Option<&'a str>,
    version: Option<&'a str>,
    #[serde(flatten)]
    standing: &'a Standing,
    word: String,
    advice: Option<String>,
    height: Option<u32>,
    hash: Option<&'a str>,
    headers: Option<u32>,
    chain_work: Option<&'a str>,
    hashes_per_second: Option<f64>,
    inbound: Option<u32>,
    outbound: Option<u32>,
    mempool: Option<u64>,
    mempool_vsize: Option<u64>,
    uptime_seconds: Option<u64>,
    round_trip_ms: Option<u32>,
    reorgs: u32,
    deepest_reorg: u32,
    warnings: &'a [String],
}

#[derive(Debug, Serialize)]
struct BlockReport<'a> {
    height: u32,
    hash: &'a str,
    branches: usize,
    time: Option<u32>,
    transactions: Option<u32>,
    size: Option<u64>,
    miner: Option<&'a Miner>,
}

/// The report of a watch.
pub fn report(watch: &Watch) -> Report<'_> {
    let verdict = watch.verdict();
    let best = watch.best().zip(watch.reference).map(|(facts, at)| Best {
        url: &watch.nodes[at].url,
        chain: &facts.chain,
        height: facts.height,
        hash: &facts.hash,
        time: facts.time,
        chain_work: &facts.chain_work,
        difficulty: facts.difficulty,
        hashes_per_second: facts.hash_rate,
        average_block_time: facts.average_block_time,
        target_block_time: facts.target_block_time,
        total_transactions: facts.total_transactions,
    });
    let nodes = watch.nodes.iter().map(|node| {
        let live = node.live();
        NodeReport {
            url: &node.url,
            node_id: node.facts.as_ref().map(|facts| facts.node_id.as_str()),
            version: live.map(|facts| facts.version.as_str()),
            standing: node.standing(),
            word: node.standing().word(),
            advice: node.standing().advice(),
            height: live.map(|facts| facts.height),
            hash: live.map(|facts| facts.hash.as_str()),
            headers: live.map(|facts| facts.headers),
            chain_work: live.map(|facts| facts.chain_work.as_str()),
            hashes_per_second: live.map(|facts| facts.hash_rate),
            inbound: live.map(|facts| facts.inbound),
            outbound: live.map(|facts| facts.outbound),
            mempool: live.map(|facts| facts.mempool),
            mempool_vsize: live.map(|facts| facts.mempool_vsize),
            uptime_seconds: live.map(|facts| facts.uptime),
            round_trip_ms: node.round_trip,
            reorgs: node.reorgs,
            deepest_reorg: node.deepest_reorg,
            warnings: live.map_or(&[], |facts| &facts.warnings),
        }
    });
    let last_blocks = watch.last_blocks(12).into_iter().map(|(height, hash, block)| BlockReport {
        height,
        hash,
        branches: watch.branches_at(height),
        time: block.map(|block| block.time),
        transactions: block.map(|block| block.transactions),
        size: block.map(|block| block.size),
        miner: block.map(|block| &block.miner),
    });
    Report {
        schema: SCHEMA,
        at: watch.period.map_or(0, |(_, last)| last),
        verdict,
        exit_code: verdict.code(),
        best,
        nodes: nodes.collect(),
        last_blocks: last_blocks.collect(),
        events: watch.events.iter().collect(),
    }
}
