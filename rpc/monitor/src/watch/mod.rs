//! Many nodes over time: observations go in, the state that screens, scripts and recordings show comes out.
//!
//! Nothing here asks a clock or a network: time is that of the observations, so a replay shows what was shown live.

mod events;
mod judge;
mod observation;
mod poll;
mod standing;
#[cfg(test)]
pub mod testing;
#[cfg(test)]
mod tests;

pub use events::{Event, Happening};
pub use observation::{BlockSeen, Facts, NodeSeen, Observation};
pub use poll::{Poller, now};
pub use standing::Standing;

use crate::verdict::Verdict;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How many events are kept for the screen.
const EVENTS_KEPT: usize = 200;
/// How many hashes of a node's chain are kept.
const HASHES_KEPT: usize = 1000;
/// How many whole blocks are kept.
const BLOCKS_KEPT: usize = 240;

/// How patient to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For how long nodes may differ or lack blocks before it counts.
    pub grace: Duration,
    /// For how long a node that lacks blocks may take none before it counts as stalled.
    pub stall: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { grace: Duration::from_secs(10), stall: Duration::from_secs(60) }
    }
}

/// One node as it is known by now. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default)]
pub struct Node {
    /// Where it is.
    pub url: String,
    /// What it said last.
    pub facts: Option<Facts>,
    /// Why it said nothing the last time.
    pub error: Option<String>,
    /// How long it took to answer, in milliseconds.
    pub round_trip: Option<u32>,
    /// The hashes of its chain, by height, as far as they were seen.
    pub chain: BTreeMap<u32, String>,
    /// The times of these blocks, in seconds since 1970.
    pub times: BTreeMap<u32, u32>,
    /// How often it left blocks for others.
    pub reorgs: u32,
    /// The most blocks that it left at once.
    pub deepest_reorg: u32,
    /// How it stands.
    pub standing: Option<Standing>,
    behind_since: Option<u64>,
    split_since: Option<u64>,
    progress_at: Option<u64>,
}

impl Node {
    /// The node's name, or where it is as long as it has said none.
    pub fn name(&self) -> &str {
        self.facts.as_ref().map_or(self.url.as_str(), |facts| facts.node_id.as_str())
    }

    /// What it says, if it answers.
    pub fn live(&self) -> Option<&Facts> {
        self.facts.as_ref().filter(|_| self.error.is_none())
    }

    /// How it stands.
    pub fn standing(&self) -> &Standing {
        self.standing.as_ref().unwrap_or(&Standing::Unknown)
    }
}

/// All nodes.
#[derive(Debug, Clone)]
pub struct Watch {
    /// How patient it is.
    pub patience: Patience,
    /// The nodes, in the order they were given.
    pub nodes: Vec<Node>,
    /// Blocks by hash, as far as they were seen whole.
    pub blocks: BTreeMap<String, BlockSeen>,
    /// What happened, the oldest first.
    pub events: VecDeque<Event>,
    /// When the first and the last observation were made.
    pub period: Option<(u64, u64)>,
    /// The node that others are compared with.
    pub reference: Option<usize>,
}

impl Watch {
    /// A watch over these.
    pub fn new(urls: impl IntoIterator<Item = String>, patience: Patience) -> Self {
        Self {
            patience,
            nodes: urls.into_iter().map(|url| Node { url, ..Node::default() }).collect(),
            blocks: BTreeMap::new(),
            events: VecDeque::new(),
            period: None,
            reference: None,
        }
    }

    /// Takes an observation in and returns what it showed to have happened.
    pub fn take(&mut self, seen: &Observation) -> Vec<Event> {
        let mut happened = Vec::new();
        let begun = self.period.is_some();
        let begin = self.period.map_or(seen.at, |(begin, _)| begin);
        self.period = Some((begin, seen.at));
        for block in &seen.blocks {
            let new = self.blocks.insert(block.hash.clone(), block.clone()).is_none();
            // What was there at the first look has not happened now.
            if new && begun {
                happened.push(Event {
                    at: seen.at,
                    node: None,
                    what: Happening::Block {
                        height: block.height,
                        hash: block.hash.clone(),
                        miner: block.miner.clone(),
                    },
                });
            }
        }
        while self.blocks.len() > BLOCKS_KEPT {
            let lowest =
                self.blocks.values().min_by_key(|block| block.height).map(|block| block.hash.clone());
            lowest.and_then(|hash| self.blocks.remove(&hash));
        }
        for (at, node) in self.nodes.iter_mut().enumerate() {
            let Some(now) = seen.nodes.iter().find(|candidate| candidate.url == node.url) else { continue };
            for what in events::of_node(node, now, seen.at) {
                happened.push(Event { at: seen.at, node: Some(at), what });
            }
        }
        let before: Vec<Standing> = self.nodes.iter().map(|node| node.standing().clone()).collect();
        judge::judge(self, seen.at);
        for (at, (node, before)) in self.nodes.iter().zip(before).enumerate() {
            if let Some(what) = events::of_standing(&before, node.standing()) {
                happened.push(Event { at: seen.at, node: Some(at), what });
            }
        }
        for event in &happened {
            self.events.push_back(event.clone());
        }
        self.events.drain(..self.events.len().saturating_sub(EVENTS_KEPT));
        happened
    }

    /// The worst of the nodes.
    pub fn verdict(&self) -> Verdict {
        let worst = self.nodes.iter().map(|node| node.standing().verdict()).max();
        worst.unwrap_or(Verdict::Good)
    }

    /// Whether the verdict may change with time alone.
    pub fn is_open(&self) -> bool {
        self.nodes.iter().any(|node| node.standing().is_open())
    }

    /// What the node with the most work says.
    pub fn best(&self) -> Option<&Facts> {
        self.nodes.get(self.reference?)?.live()
    }

    /// The last blocks of the node with the most work, the newest first: height, hash and, once looked at, the rest.
    pub fn last_blocks(&self, count: usize) -> Vec<(u32, &str, Option<&BlockSeen>)> {
        let Some(reference) = self.reference else { return Vec::new() };
        let chain = self.nodes[reference].chain.iter().rev().take(count);
        chain.map(|(height, hash)| (*height, hash.as_str(), self.blocks.get(hash))).collect()
    }

    /// How many different blocks the nodes that answer have at `height`, of those whose block there is known.
    pub fn branches_at(&self, height: u32) -> usize {
        let mut hashes: Vec<&String> = self
            .nodes
            .iter()
            .filter(|node| node.live().is_some())
            .filter_map(|node| node.chain.get(&height))
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes.len()
    }
}
