//! Asking all nodes at once, again and again.

use super::observation::{BlockSeen, Facts, NodeSeen, Observation};
use crate::nodes::{BlockReply, Endpoint, Miner, NodeApi, NodeError, RecentBlock};
use crate::text::clean;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// How many of the last blocks are looked at whole, to know who made them. One per look while more are missing.
const BLOCKS_SHOWN: usize = 12;
/// How many hashes of blocks that were looked at are remembered.
const REMEMBERED: usize = 4096;
/// How many of a node's last blocks are taken.
const MOST_RECENT: usize = 240;
/// The longest a node's text may be, in characters.
const LONGEST_TEXT: usize = 80;

/// Asks nodes.
pub struct Poller {
    nodes: Vec<Arc<NodeApi>>,
    looked_at: HashSet<String>,
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Poller {
    /// Asks these, each of which must answer within `timeout`.
    pub fn new(endpoints: &[Endpoint], timeout: Duration) -> Self {
        let node = |endpoint: &Endpoint| Arc::new(NodeApi::new(endpoint.clone(), timeout));
        Self { nodes: endpoints.iter().map(node).collect(), looked_at: HashSet::new() }
    }

    /// One look at all.
    pub async fn look(&mut self) -> Observation {
        let mut asked = JoinSet::new();
        for (at, node) in self.nodes.iter().cloned().enumerate() {
            asked.spawn(async move { (at, see(&node).await) });
        }
        let mut nodes: Vec<Option<NodeSeen>> = vec![None; self.nodes.len()];
        while let Some(Ok((at, seen))) = asked.join_next().await {
            nodes[at] = Some(seen);
        }
        let mut nodes: Vec<NodeSeen> = nodes
            .into_iter()
            .zip(&self.nodes)
            .map(|(seen, node)| {
                seen.unwrap_or_else(|| NodeSeen {
                    url: node.endpoint.to_string(),
                    round_trip: None,
                    facts: None,
                    error: Some("the question was dropped".into()),
                })
            })
            .collect();
        self.anchor(&mut nodes).await;
        let blocks = self.new_blocks(&nodes).await;
        Observation { at: now(), nodes, blocks }
    }

    /// Nodes that are far behind have no block in common with what the best node lists. The best node is asked for
    /// its block at their height, so that they can be compared all the same.
    async fn anchor(&self, nodes: &mut [NodeSeen]) {
        let facts = |at: usize, nodes: &[NodeSeen]| nodes[at].facts.clone();
        let best = (0..nodes.len()).filter_map(|at| Some((facts(at, nodes)?.height, at))).max();
        let Some((_, best)) = best else { return };
        let Some(top) = facts(best, nodes) else { return };
        let listed = top.recent.first().map_or(top.height, |block| block.height);
        let mut heights: Vec<u32> = nodes
            .iter()
            .filter_map(|node| node.facts.as_ref())
            .map(|facts| facts.height)
            .filter(|height| (1..listed).contains(height))
            .collect();
        heights.sort_unstable();
        heights.dedup();
        for height in heights {
            if let Ok(blocks) = self.nodes[best].blocks(height, height).await
                && let Some(block) = blocks.first()
                && let Some(facts) = &mut nodes[best].facts
            {
                let place = facts.recent.partition_point(|known| known.height < block.height);
                facts.recent.insert(place, recent(block));
            }
        }
    }

    /// The newest blocks that were not looked at yet, of the node with the most work.
    async fn new_blocks(&mut self, nodes: &[NodeSeen]) -> Vec<BlockSeen> {
        let best = nodes
            .iter()
            .enumerate()
            .filter_map(|(at, node)| Some((node.facts.as_ref()?, at)))
            .max_by(|a, b| a.0.chain_work.cmp(&b.0.chain_work).then(b.1.cmp(&a.1)));
        let Some((facts, at)) = best else { return Vec::new() };
        let last = facts.recent.iter().rev().take(BLOCKS_SHOWN);
        let missing: Vec<u32> = last
            .filter(|block| !block.hash.is_empty() && !self.looked_at.contains(&block.hash))
            .map(|block| block.height)
            .collect();
        let mut found = Vec::new();
        for height in missing.into_iter().rev() {
            match self.nodes[at].blocks(height, height).await {
                Ok(blocks) => {
                    found.extend(blocks.iter().filter(|block| block.height == height).map(block_seen))
                }
                // It is asked for again at the next look, unless it is one that can never be taken.
                Err(NodeError::TooLong(_) | NodeError::Odd(_)) => {
                    self.looked_at
                        .extend(facts.recent.iter().filter(|b| b.height == height).map(|b| b.hash.clone()));
                }
                Err(_) => break,
            }
        }
        if self.looked_at.len() > REMEMBERED {
            self.looked_at.clear();
        }
        self.looked_at.extend(found.iter().map(|block| block.hash.clone()));
        found
    }

    /// Looks every `interval` until nobody takes what was seen.
    pub async fn run(mut self, interval: Duration, seen: mpsc::Sender<Observation>) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = seen.closed() => return,
            }
            let observation = self.look().await;
            if seen.send(observation).await.is_err() {
                return;
            }
        }
    }
}

async fn see(node: &NodeApi) -> NodeSeen {
    let url = node.endpoint.to_string();
    let begun = Instant::now();
    match facts(node).await {
        Ok((facts, first_answer)) => {
            let milliseconds = first_answer.duration_since(begun).as_millis();
            let round_trip = Some(u32::try_from(milliseconds).unwrap_or(u32::MAX));
            NodeSeen { url, round_trip, facts: Some(facts), error: None }
        }
        Err(error) => {
            NodeSeen { url, round_trip: None, facts: None, error: Some(clean(&error.to_string(), 200)) }
        }
    }
}

async fn facts(node: &NodeApi) -> Result<(Facts, Instant), NodeError> {
    let status = node.status().await?;
    let first_answer = Instant::now();
    let stats = node.stats().await?;
    let peers = node.peers().await?;
    let text = |text: &str| clean(text, LONGEST_TEXT);
    let mut recent = stats.recent_blocks;
    recent.drain(..recent.len().saturating_sub(MOST_RECENT));
    for block in &mut recent {
        block.hash = text(&block.hash);
    }
    // The tip may have changed between the answers: what belongs together is taken from one of them.
    let (height, hash, time) = match recent.last() {
        Some(tip) if !tip.hash.is_empty() => (tip.height, tip.hash.clone(), tip.time),
        _ => (status.height, text(&status.best_block_hash), status.best_block_time),
    };
    let ready = |direction: &str| {
        let of = peers.peers.iter().filter(|peer| peer.ready && peer.direction == direction).count();
        u32::try_from(of).unwrap_or(u32::MAX)
    };
    Ok((
        Facts {
            node_id: text(&status.node_id),
            version: text(&status.version),
            chain: text(&status.chain),
            genesis_hash: text(&status.genesis_hash),
            height,
            hash,
            time,
            headers: status.headers.max(height),
            chain_work: text(&stats.chain_work),
            difficulty: stats.difficulty,
            hash_rate: stats.network_hashes_per_second,
            average_block_time: stats.average_block_time,
            target_block_time: status.target_block_time,
            total_transactions: stats.total_transactions,
            mempool: stats.mempool.transactions,
            mempool_vsize: stats.mempool.virtual_size,
            inbound: ready("inbound"),
            outbound: ready("outbound"),
            syncing: status.syncing,
            uptime: status.uptime_seconds,
            instance: text(&status.instance),
            warnings: status.warnings.iter().take(8).map(|warning| clean(warning, 300)).collect(),
            recent,
        },
        first_answer,
    ))
}

fn recent(block: &BlockReply) -> RecentBlock {
    RecentBlock {
        height: block.height,
        hash: clean(&block.hash, LONGEST_TEXT),
        time: block.time,
        transactions: u32::try_from(block.transactions.len()).unwrap_or(u32::MAX),
    }
}

fn block_seen(block: &BlockReply) -> BlockSeen {
    let RecentBlock { height, hash, time, transactions } = recent(block);
    let miner = block.transactions.first().map(Miner::of).unwrap_or_default();
    BlockSeen { hash, height, time, transactions, size: block.size, miner }
}
