//! How far the client has come, for people to look at.

use super::{Mode, Sync};
use chaincore_consensus::BlockHash;
use serde::Serialize;

/// How far something has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Part {
    /// Done so far.
    pub at: u32,
    /// Of how much.
    pub of: u32,
}

/// How far a node has come, as far as it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeProgress {
    /// The height of its tip, if it has told one.
    pub height: Option<u32>,
    /// Whether it answers.
    pub reachable: bool,
    /// Whether it was caught lying.
    pub lied: bool,
}

/// How far the client has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// Whether the ledger is what the nodes know, as far as it can be proven.
    pub synced: bool,
    /// The height of the best header, and that of the best tip told.
    pub headers: Part,
    /// Filters: the height scanned up to.
    pub filters: Part,
    /// Index: scripts asked for in this round.
    pub scripts: Part,
    /// Confirmed transactions whose proof is still missing.
    pub unproven: u32,
    /// Requests that wait for an answer.
    pub in_flight: u32,
    /// The time of the best block, in seconds since 1970.
    pub tip_time: u32,
    /// The hash of the best block.
    pub tip_hash: BlockHash,
    /// Whether the chain has the work that this chain must have at the least.
    pub enough_work: bool,
    /// The nodes, the main one first.
    pub nodes: Vec<NodeProgress>,
}

impl Sync {
    /// How far things are.
    pub fn progress(&self) -> Progress {
        let (height, tip_hash) = self.headers.tip();
        let told = self.nodes.iter().filter(|node| !node.wrong_chain).filter_map(|node| node.tip);
        let best = told.map(|(height, _)| height).max().unwrap_or(0).max(height);
        let source = &self.indexes[self.source()];
        let found = match self.mode {
            Mode::Verified => source.is_done(tip_hash) && self.unproven() == 0,
            Mode::Filters => self.scan.next() == Some(height + 1),
        };
        Progress {
            synced: found && self.headers_done() && self.headers.has_minimum_work(),
            headers: Part { at: height, of: best },
            filters: Part { at: self.scan.next().map_or(0, |next| next.saturating_sub(1)), of: height },
            scripts: source.progress(),
            unproven: if self.mode == Mode::Verified { self.unproven() as u32 } else { 0 },
            in_flight: self.desk.len() as u32,
            tip_time: self.headers.tip_header().time,
            tip_hash,
            enough_work: self.headers.has_minimum_work(),
            nodes: self
                .nodes
                .iter()
                .map(|node| NodeProgress {
                    height: node.tip.map(|(height, _)| height),
                    reachable: node.tip.is_some() && node.failures == 0,
                    lied: node.lied,
                })
                .collect(),
        }
    }
}
