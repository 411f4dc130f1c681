//! Reading a range of the chain from one node, page by page, and comparing the others with it.

use super::blocks::read;
use super::check::{Checker, Rules};
use super::export::{BlockRow, Compared, Export, Intervals, Range, SCHEMA, Source, Validation};
use super::findings::Check;
use super::mining::Mining;
use super::patterns::Patterns;
use crate::nodes::{BlockReply, Miner, NodeApi, NodeError, Stats, Status};
use crate::text::clean;
use crate::watch::now;
use anyhow::{Result, bail};
use std::collections::VecDeque;
use std::time::Instant;

/// How many blocks are asked for at once; fewer if they are large.
const PAGE: u32 = 100;
/// How many blocks are exported.
const ROWS_KEPT: usize = 100_000;
/// How often it begins again after the chain changed under it.
const ATTEMPTS: u32 = 5;

/// A node, and what it said of itself.
pub struct Known {
    /// The node.
    pub api: NodeApi,
    /// What it said, or why it said nothing.
    pub said: Result<(Status, Stats), NodeError>,
}

impl Known {
    /// Asks a node for itself.
    pub async fn ask(api: NodeApi) -> Self {
        let said = async { Ok((api.status().await?, api.stats().await?)) }.await;
        Self { api, said }
    }
}

/// The node with the most work of those that answer, the one given first if in doubt.
pub fn choose(nodes: &[Known]) -> Result<usize> {
    let best = nodes
        .iter()
        .enumerate()
        .filter_map(|(at, node)| Some((&node.said.as_ref().ok()?.1.chain_work, at)))
        .max_by(|a, b| a.0.cmp(b.0).then(b.1.cmp(&a.1)));
    match best {
        Some((_, at)) => Ok(at),
        None => {
            let why: Vec<_> = nodes
                .iter()
                .filter_map(|node| Some(format!("{}: {}", node.api.endpoint, node.said.as_ref().err()?)))
                .collect();
            bail!(
                "no node answers ({}); is chaincored running there, and is this its API port?",
                why.join("; ")
            )
        }
    }
}

/// Everything that one pass over the range gathers.
struct Pass {
    checker: Checker,
    mining: Mining,
    patterns: Patterns,
    rows: VecDeque<BlockRow>,
    left_out: u64,
    range: Range,
    intervals: Vec<i64>,
    last_time: Option<u32>,
    /// What the node called the last two blocks.
    told: [Option<String>; 2],
    incomplete: Option<String>,
}

/// Reads the blocks `from` to `to` of the node at `at`, checks them and compares the other nodes. `progress` is told
/// how many blocks were read of how many.
pub async fn explore(
    nodes: &[Known],
    at: usize,
    from: u32,
    to: Option<u32>,
    mut progress: impl FnMut(u64, u64),
) -> Result<Export> {
    let begun = Instant::now();
    let node = &nodes[at];
    let Ok((status, stats)) = &node.said else { bail!("{} does not answer", node.api.endpoint) };
    let tip = stats.height;
    let end = to.unwrap_or(tip).min(tip);
    if from > end {
        let asked = to.filter(|to| *to < from);
        match asked {
            Some(to) => bail!("--from {from} is above --to {to}"),
            None => bail!("--from {from} is above the chain's height, which is {tip}"),
        }
    }
    let rules = Rules::of(
        &status.chain,
        &status.genesis_hash,
        tip.saturating_add(1),
        stats.block_reward,
        stats.halving_interval,
    );
    let mut attempt = 1;
    let mut pass = loop {
        match pass_over(&node.api, status, &rules, from, end, &mut progress).await {
            Some(pass) => break pass,
            None if attempt < ATTEMPTS => attempt += 1,
            None => bail!(
                "the node's chain changed {ATTEMPTS} times while it was read; try a range that ends below the tip (--to)"
            ),
        }
    };
    totals(&mut pass, stats, from, end);
    let mut compared = Vec::new();
    for (other, known) in nodes.iter().enumerate().filter(|(other, _)| *other != at) {
        let outcome = compare(&node.api, known, &status.genesis_hash, from, end).await;
        if let Some(agrees) = outcome.agrees {
            let height = outcome.fork_height.map_or(from, |height| height + 1);
            pass.checker.findings.check(height, Check::Nodes, agrees, || {
                format!("{} has other blocks", nodes[other].api.endpoint)
            });
        } else {
            let why = outcome.error.clone().unwrap_or_default();
            pass.checker.findings.note(Check::Nodes, format!("{}: {why}", outcome.url));
            pass.incomplete.get_or_insert_with(|| format!("{} could not be compared: {why}", outcome.url));
        }
        compared.push(outcome);
    }
    if nodes.len() == 1 {
        pass.checker.findings.note(Check::Nodes, "only one node was given (--nodes)");
    }
    let source = Source {
        url: node.api.endpoint.to_string(),
        node_id: clean(&status.node_id, 80),
        version: clean(&status.version, 80),
        chain: clean(&status.chain, 80),
        genesis_hash: clean(&status.genesis_hash, 80),
        height: tip,
        hash: stats.recent_blocks.last().map_or(&status.best_block_hash, |block| &block.hash).clone(),
    };
    Ok(Export {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION"),
        made_at: now(),
        took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        source,
        range: pass.range,
        validation: Validation::of(&pass.checker.findings, pass.incomplete),
        nodes: compared,
        intervals: Intervals::of(pass.intervals, status.target_block_time),
        mining: pass.mining.report(),
        transactions: pass.patterns.report(),
        blocks: pass.rows.into(),
        blocks_left_out: pass.left_out,
    })
}

/// One pass; nothing if the chain changed meanwhile.
async fn pass_over(
    api: &NodeApi,
    status: &Status,
    rules: &Rules,
    from: u32,
    end: u32,
    progress: &mut impl FnMut(u64, u64),
) -> Option<Pass> {
    let mut pass = Pass {
        checker: Checker::new(rules.clone(), from, now() / 1000),
        mining: Mining::default(),
        patterns: Patterns::default(),
        rows: VecDeque::new(),
        left_out: 0,
        range: Range { from, to: end, ..Range::default() },
        intervals: Vec::new(),
        last_time: None,
        told: [None, None],
        incomplete: None,
    };
    let total = u64::from(end - from) + 1;
    let mut page = PAGE;
    let mut next = from;
    while next <= end {
        let last = end.min(next.saturating_add(page - 1));
        let blocks = match api.blocks(next, last).await {
            Ok(blocks) => blocks,
            Err(NodeError::TooLong(_)) if page > 1 => {
                page = page.div_ceil(4);
                continue;
            }
            Err(error) => {
                pass.incomplete = Some(format!("the blocks from {next} on cannot be read: {error}"));
                break;
            }
        };
        if blocks.is_empty() {
            // The chain is shorter than it was.
            return None;
        }
        for block in blocks.iter().take((last - next + 1) as usize) {
            match take(&mut pass, block, &status.genesis_hash) {
                Taken::Well => {}
                // Between two pages the chain may have changed: then the block before is another one now.
                Taken::Unlinked if changed(api, &pass).await => return None,
                Taken::Unlinked => {}
                Taken::Unreadable => break,
            }
        }
        if pass.incomplete.is_some() {
            break;
        }
        next = pass.checker.next_height();
        progress(u64::from(next - from), total);
    }
    pass.range.blocks = u64::from(pass.checker.next_height() - from);
    pass.range.last_hash = pass.checker.last().map(|hash| hash.to_string());
    pass.range.work = pass.checker.work.to_string();
    Some(pass)
}

enum Taken {
    Well,
    Unlinked,
    Unreadable,
}

/// Takes one block in.
fn take(pass: &mut Pass, reply: &BlockReply, genesis: &str) -> Taken {
    let height = pass.checker.next_height();
    let told = read(reply);
    let shape = told.as_ref().err().cloned();
    pass.checker.findings.check(height, Check::Shape, shape.is_none(), || shape.clone().unwrap_or_default());
    let Ok(told) = told else {
        pass.incomplete = Some(format!("block {height} makes no sense: {}", shape.unwrap_or_default()));
        return Taken::Unreadable;
    };
    let linked = pass.checker.last().is_none_or(|last| last == told.block.header.previous);
    let sums = pass.checker.take(&told, genesis);
    let miner = reply.transactions.first().map(Miner::of).unwrap_or_default();
    pass.mining.take(height, &miner, sums.coinbase, told.block.transactions.len());
    pass.patterns.take(reply, &told.block, &sums);
    pass.range.size += reply.size;
    pass.range.output_value = pass.range.output_value.saturating_add(sums.outputs);
    // Genesis may be years old: the first interval says nothing.
    if let Some(before) = pass.last_time.filter(|_| height > 1) {
        pass.intervals.push(i64::from(reply.time) - i64::from(before));
    }
    pass.last_time = Some(reply.time);
    pass.told = [pass.told[1].take(), Some(reply.hash.clone())];
    let fees: Option<i64> = sums.fees.iter().copied().sum();
    pass.rows.push_back(BlockRow {
        height,
        hash: told.block.header.hash().to_string(),
        time: reply.time,
        bits: format!("{:08x}", told.block.header.bits),
        size: reply.size,
        weight: reply.weight,
        transactions: reply.transactions.len() as u64,
        output_value: sums.outputs,
        reward: sums.coinbase,
        fees,
        miner,
    });
    if pass.rows.len() > ROWS_KEPT {
        pass.rows.pop_front();
        pass.left_out += 1;
    }
    if linked { Taken::Well } else { Taken::Unlinked }
}

/// Whether the node has another block now where it had the one before last.
async fn changed(api: &NodeApi, pass: &Pass) -> bool {
    let Some(before) = pass.checker.next_height().checked_sub(2) else { return false };
    // What the node said then, not what the block hashes to: it may be a lie, and then it stays one.
    let known = pass.told[0].clone();
    match api.blocks(before, before).await {
        Ok(blocks) => blocks.first().map(|block| block.hash.clone()) != known,
        Err(_) => false,
    }
}

/// Compares the sums of the whole chain with what the node says, if the range is the whole chain.
fn totals(pass: &mut Pass, stats: &Stats, from: u32, end: u32) {
    let whole = from == 0 && pass.incomplete.is_none();
    let tip = stats.recent_blocks.last().map(|block| block.hash.clone());
    let at_tip = end == stats.height && (tip.is_none() || tip == pass.range.last_hash);
    if whole && at_tip {
        let work = pass.range.work.clone();
        pass.checker.findings.check(end, Check::ChainWork, work == stats.chain_work, || {
            format!("the blocks' work is {work}, the node says {}", clean(&stats.chain_work, 64))
        });
        let count = pass.patterns.report().total;
        pass.checker.findings.check(end, Check::Count, count == stats.total_transactions, || {
            format!("there are {count} transactions, the node says {}", stats.total_transactions)
        });
    } else if whole {
        pass.checker.findings.note(Check::ChainWork, "the range does not end at the tip");
        pass.checker.findings.note(Check::Count, "the range does not end at the tip");
    }
}

/// The hash at a height of a node's chain.
async fn hash_at(api: &NodeApi, height: u32) -> Result<String, NodeError> {
    let blocks = api.blocks(height, height).await?;
    let block = blocks.into_iter().next();
    block.map(|block| block.hash).ok_or_else(|| NodeError::Odd(format!("no block at height {height}")))
}

/// Compares a node with the one that was read. One hash stands for all blocks below it, so one comparison is enough,
/// and the last common block is found by halving.
async fn compare(ours: &NodeApi, other: &Known, genesis: &str, from: u32, end: u32) -> Compared {
    let mut outcome = Compared {
        url: other.api.endpoint.to_string(),
        node_id: None,
        agrees: None,
        compared_to: None,
        fork_height: None,
        error: None,
    };
    let (status, stats) = match &other.said {
        Ok((status, stats)) => (status, stats),
        Err(error) => {
            outcome.error = Some(error.to_string());
            return outcome;
        }
    };
    outcome.node_id = Some(clean(&status.node_id, 80));
    if status.genesis_hash != genesis {
        outcome.agrees = Some(false);
        outcome.error = Some(format!("it is on another chain: {}", clean(&status.chain, 40)));
        return outcome;
    }
    if stats.height < from {
        outcome.error = Some(format!("its height is {}, the range begins at {from}", stats.height));
        return outcome;
    }
    let top = end.min(stats.height);
    let same = async |height: u32| -> Result<bool, NodeError> {
        Ok(hash_at(ours, height).await? == hash_at(&other.api, height).await?)
    };
    let found = async {
        if same(top).await? {
            return Ok((true, None));
        }
        let (mut common, mut differs) = (0, top);
        while differs - common > 1 {
            let middle = common + (differs - common) / 2;
            if same(middle).await? {
                common = middle;
            } else {
                differs = middle;
            }
        }
        Ok::<_, NodeError>((false, Some(common)))
    };
    match found.await {
        Ok((agrees, fork_height)) => {
            outcome.agrees = Some(agrees);
            outcome.compared_to = Some(top);
            outcome.fork_height = fork_height;
        }
        Err(error) => outcome.error = Some(error.to_string()),
    }
    outcome
}
