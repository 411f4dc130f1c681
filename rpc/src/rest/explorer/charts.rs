//! Figures of many blocks: for charts, and who mined them.

use super::{Span, span};
use crate::methods::mining::bits_after;
use crate::node::{BlockInfo, ChainView};
use crate::rest::status::hash_rate;
use crate::rest::{Answer, Request, Rest, json};
use crate::value::CoreDouble;
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::{BlockHash, pow};
use serde::Serialize;
use std::collections::HashMap;

/// Over how many blocks below a block the hash rate at it is estimated.
const RATE_WINDOW: u32 = 30;
/// How many miners are told apart; the others are summed up.
const MINERS: usize = 50;

#[derive(Serialize)]
struct ChartBlock {
    height: u32,
    hash: BlockHash,
    time: u32,
    interval: Option<i64>,
    difficulty: CoreDouble,
    hash_rate: Option<CoreDouble>,
    tx_count: u32,
    size: Option<usize>,
    weight: Option<usize>,
    fees: Option<i64>,
    subsidy: Option<i64>,
    fee_rate: Option<CoreDouble>,
    miner: Option<String>,
    tag: Option<String>,
}

#[derive(Serialize)]
struct Chart {
    height: u32,
    hash: BlockHash,
    end: u32,
    target_spacing: u32,
    average_interval: CoreDouble,
    hash_rate: CoreDouble,
    difficulty: CoreDouble,
    next_difficulty: CoreDouble,
    next_subsidy: i64,
    complete: bool,
    blocks: Vec<ChartBlock>,
}

/// The hashes per second that the blocks up to this one took. Genesis is left out: its time may be years before all
/// others.
fn rate_at(chain: &dyn ChainView, info: &BlockInfo) -> Option<f64> {
    let first = info.height.saturating_sub(RATE_WINDOW).max(1);
    let first = chain.at_height(first).filter(|first| first.height < info.height)?;
    // Miners' clocks differ, so a few blocks may take no time at all by them.
    let seconds = info.header.time.saturating_sub(first.header.time).max(1);
    Some(info.chain_work.saturating_sub(first.chain_work).to_f64() / f64::from(seconds))
}

/// The mean seconds between blocks, genesis left out.
fn average_interval(blocks: &[ChartBlock]) -> f64 {
    let intervals: Vec<i64> =
        blocks.iter().filter(|block| block.height > 1).filter_map(|block| block.interval).collect();
    if intervals.is_empty() { 0.0 } else { intervals.iter().sum::<i64>() as f64 / intervals.len() as f64 }
}

/// `GET /api/v1/chain`.
pub fn chain(rest: &Rest, request: &Request) -> Answer {
    let node = rest.node();
    let chain = node.chain();
    let Span { blocks, complete } = span(rest, &*chain, request)?;
    let tip = chain.tip();
    let shown = |(info, facts): &(BlockInfo, Option<_>)| {
        let facts: Option<&std::sync::Arc<super::BlockFacts>> = facts.as_ref();
        let below = info.height.checked_sub(1).and_then(|below| chain.at_height(below));
        let fee_rate = facts.map(|facts| match facts.paying_weight {
            0 => 0.0,
            weight => facts.fees as f64 * 4.0 / weight as f64,
        });
        ChartBlock {
            height: info.height,
            hash: info.hash,
            time: info.header.time,
            interval: below.map(|below| i64::from(info.header.time) - i64::from(below.header.time)),
            difficulty: CoreDouble(pow::difficulty(info.header.bits)),
            hash_rate: rate_at(&*chain, info).map(CoreDouble),
            tx_count: info.n_tx,
            size: facts.map(|facts| facts.size),
            weight: facts.map(|facts| facts.weight),
            fees: facts.map(|facts| facts.fees),
            subsidy: facts.map(|facts| facts.subsidy),
            fee_rate: fee_rate.map(CoreDouble),
            miner: facts.and_then(|facts| facts.miner.clone()),
            tag: facts.map(|facts| facts.tag.clone()),
        }
    };
    let shown: Vec<ChartBlock> = blocks.iter().map(shown).collect();
    json(&Chart {
        height: tip.height,
        hash: tip.hash,
        end: shown.last().map_or(tip.height, |last| last.height),
        target_spacing: node.params().target_spacing,
        average_interval: CoreDouble(average_interval(&shown)),
        hash_rate: CoreDouble(hash_rate(node)?),
        difficulty: CoreDouble(pow::difficulty(tip.header.bits)),
        next_difficulty: CoreDouble(pow::difficulty(bits_after(node, &*chain, &tip))),
        next_subsidy: block_subsidy(tip.height + 1, node.params()).sat(),
        complete,
        blocks: shown,
    })
}

#[derive(Serialize, Clone, Default)]
struct Miner {
    miner: Option<String>,
    tag: String,
    blocks: u32,
    share: CoreDouble,
    fees: i64,
    reward: i64,
    last_height: u32,
    last_time: u32,
}

impl Miner {
    fn add(&mut self, other: &Self) {
        self.blocks += other.blocks;
        self.fees = self.fees.saturating_add(other.fees);
        self.reward = self.reward.saturating_add(other.reward);
        if other.last_height >= self.last_height {
            (self.last_height, self.last_time) = (other.last_height, other.last_time);
        }
    }
}

#[derive(Serialize)]
struct Shares {
    blocks: u32,
    first: u32,
    last: u32,
    complete: bool,
    miners: Vec<Miner>,
}

/// `GET /api/v1/mining`.
pub fn mining(rest: &Rest, request: &Request) -> Answer {
    let chain = rest.node().chain();
    let Span { blocks, complete } = span(rest, &*chain, request)?;
    let mut miners: HashMap<(Option<String>, String), Miner> = HashMap::new();
    // Genesis was mined by nobody.
    let mined = blocks.iter().filter(|(info, _)| info.height > 0);
    let mut counted = 0;
    for (info, facts) in mined.clone().filter_map(|(info, facts)| Some((info, facts.as_ref()?))) {
        counted += 1;
        let (miner, tag) = (facts.miner.clone(), facts.tag.clone());
        let one = Miner {
            blocks: 1,
            fees: facts.fees,
            reward: facts.reward,
            last_height: info.height,
            last_time: info.header.time,
            ..Miner::default()
        };
        let key = (miner.clone(), tag.clone());
        miners.entry(key).or_insert_with(|| Miner { miner, tag, ..Miner::default() }).add(&one);
    }
    let mut miners: Vec<Miner> = miners.into_values().collect();
    miners.sort_by(|one, other| {
        (other.blocks, other.last_height, &one.miner).cmp(&(one.blocks, one.last_height, &other.miner))
    });
    if miners.len() > MINERS {
        let mut others = Miner { tag: "others".into(), ..Miner::default() };
        miners.drain(MINERS..).for_each(|miner| others.add(&miner));
        miners.push(others);
    }
    for miner in &mut miners {
        miner.share = CoreDouble(f64::from(miner.blocks) / f64::from(counted.max(1)));
    }
    let heights = || mined.clone().map(|(info, _)| info.height);
    json(&Shares {
        blocks: counted,
        first: heights().next().unwrap_or(0),
        last: heights().next_back().unwrap_or(0),
        complete,
        miners,
    })
}
