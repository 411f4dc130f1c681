//! What a session came to: who was there, from when to when, and what they did.

use crate::watch::{Happening, Observation, Watch};
use serde::{Deserialize, Serialize};

/// How many periods of a node are told.
const PERIODS_KEPT: usize = 1000;
/// How many miners are told.
const MINERS_KEPT: usize = 10_000;

/// The whole session. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The first look.
    pub from: u64,
    /// The last look.
    pub to: u64,
    /// How many looks.
    pub looks: u64,
    /// The height of the best node at the first look.
    pub first_height: Option<u32>,
    /// The same at the last.
    pub last_height: Option<u32>,
    /// The worst verdict: 0 agree, 1 behind, 2 disagree.
    pub worst: u8,
    /// The nodes.
    pub nodes: Vec<NodeSummary>,
    /// The miners of the blocks that came during the session.
    pub miners: Vec<MinerSummary>,
}

/// What a node did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct NodeSummary {
    /// Where it is.
    pub url: String,
    /// Its name.
    pub node_id: Option<String>,
    /// Whether it answered at the last look.
    #[serde(skip)]
    answering: bool,
    /// When it answered: from the first to the last look of each time.
    pub answered: Vec<(u64, u64)>,
    /// How often it did not.
    pub silent_looks: u64,
    /// How often it was another process than before.
    pub restarts: u32,
    /// How often it left blocks for others.
    pub reorgs: u32,
    /// The most that it left at once.
    pub deepest_reorg: u32,
    /// Its height when it first and last answered.
    pub first_height: Option<u32>,
    /// The last one.
    pub last_height: Option<u32>,
    /// The most transactions in its mempool.
    pub most_mempool: u64,
    /// The most peers.
    pub most_peers: u32,
}

/// What a miner did.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MinerSummary {
    /// Whom its coinbases pay.
    pub payee: String,
    /// What they say.
    pub tag: String,
    /// How many blocks came.
    pub blocks: u64,
    /// How many transactions they have.
    pub transactions: u64,
    /// When the first and the last was seen.
    pub from: u64,
    /// The last.
    pub to: u64,
    /// The heights of the first and the last.
    pub first_height: u32,
    /// The last.
    pub last_height: u32,
}

impl Summary {
    /// Of a session with these nodes.
    pub fn new(urls: impl IntoIterator<Item = String>) -> Self {
        let nodes = urls.into_iter().map(|url| NodeSummary { url, ..NodeSummary::default() });
        Self { nodes: nodes.collect(), ..Self::default() }
    }

    /// Takes a look in, and what the watch that took it says happened.
    pub fn take(&mut self, seen: &Observation, watch: &Watch, happened: &[crate::watch::Event]) {
        if self.looks == 0 {
            self.from = seen.at;
        }
        self.to = seen.at;
        let begun = self.looks > 0;
        self.looks += 1;
        if let Some(best) = watch.best() {
            self.first_height.get_or_insert(best.height);
            self.last_height = Some(best.height);
        }
        self.worst = self.worst.max(watch.verdict().code());
        for summary in &mut self.nodes {
            let Some(node) = seen.nodes.iter().find(|node| node.url == summary.url) else { continue };
            let Some(facts) = &node.facts else {
                summary.silent_looks += 1;
                summary.answering = false;
                continue;
            };
            if !std::mem::replace(&mut summary.answering, true) && summary.answered.len() < PERIODS_KEPT {
                summary.answered.push((seen.at, seen.at));
            }
            if let Some((_, to)) = summary.answered.last_mut() {
                *to = seen.at;
            }
            summary.node_id = Some(facts.node_id.clone());
            summary.first_height.get_or_insert(facts.height);
            summary.last_height = Some(facts.height);
            summary.most_mempool = summary.most_mempool.max(facts.mempool);
            summary.most_peers = summary.most_peers.max(facts.inbound + facts.outbound);
        }
        // What was there at the first look came before.
        for block in seen.blocks.iter().filter(|_| begun) {
            let known = self.miners.iter().position(|miner| miner.payee == block.miner.payee);
            let at = match known {
                Some(at) => at,
                None if self.miners.len() < MINERS_KEPT => {
                    self.miners.push(MinerSummary {
                        payee: block.miner.payee.clone(),
                        from: seen.at,
                        first_height: block.height,
                        ..MinerSummary::default()
                    });
                    self.miners.len() - 1
                }
                None => continue,
            };
            let miner = &mut self.miners[at];
            miner.tag.clone_from(&block.miner.tag);
            miner.blocks += 1;
            miner.transactions += u64::from(block.transactions);
            (miner.to, miner.last_height) = (seen.at, block.height);
        }
        for event in happened {
            if let Some(node) = event.node.and_then(|at| self.nodes.get_mut(at)) {
                match &event.what {
                    Happening::Restarted => node.restarts += 1,
                    Happening::Reorg { depth, .. } => {
                        node.reorgs += 1;
                        node.deepest_reorg = node.deepest_reorg.max(*depth);
                    }
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::Patience;
    use crate::watch::testing::{block, down, facts, look, up};

    #[test]
    fn who_was_there_and_who_mined() {
        let urls = || ["n0", "n1"].map(|name| format!("http://{name}:5000"));
        let mut watch = Watch::new(urls(), Patience::default());
        let mut summary = Summary::new(urls());
        let n1 = |second: u64| match second {
            2..4 => down("n1", "gone"),
            _ => up(facts("n1", 'a', 0, 3)),
        };
        for second in 0..6u64 {
            let height = 3 + second as u32;
            let mut seen = look(second, vec![up(facts("n0", 'a', 0, height)), n1(second)]);
            seen.blocks.push(block('a', height, if second % 2 == 0 { "alice" } else { "bob" }));
            let happened = watch.take(&seen);
            summary.take(&seen, &watch, &happened);
        }
        let at = |second: u64| 1_700_000_000_000 + second * 1000;
        assert_eq!((summary.from, summary.to, summary.looks, summary.worst), (at(0), at(5), 6, 1));
        assert_eq!((summary.first_height, summary.last_height), (Some(3), Some(8)));
        assert_eq!(summary.nodes[0].answered, [(at(0), at(5))]);
        assert_eq!(summary.nodes[1].answered, [(at(0), at(1)), (at(4), at(5))]);
        assert_eq!(summary.nodes[1].silent_looks, 2);
        // Alice's first block was there before.
        let miners: Vec<_> =
            summary.miners.iter().map(|m| (m.payee.as_str(), m.blocks, m.first_height, m.from)).collect();
        assert_eq!(miners, [("bob", 3, 4, at(1)), ("alice", 2, 5, at(2))]);
    }
}
