//! What happened between two looks.

use super::{Facts, HASHES_KEPT, Node, NodeSeen, Standing};
use crate::nodes::Miner;
use crate::text::{count_of, tail};
use crate::verdict::Verdict;
use serde::{Deserialize, Serialize};

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it was seen, in milliseconds since 1970.
    pub at: u64,
    /// At which of the nodes; none if at the chain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<usize>,
    /// What.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Happening {
    /// A node answers that did not.
    Up {
        /// Its name.
        node_id: String,
    },
    /// A node does not answer any more.
    Down {
        /// Why.
        reason: String,
    },
    /// A node is another process than before.
    Restarted,
    /// A node left blocks for others.
    Reorg {
        /// The last block that it kept; none if it is deeper than what was seen.
        fork_height: Option<u32>,
        /// How many it left, at least.
        depth: u32,
    },
    /// There is a new block.
    Block {
        /// Its height.
        height: u32,
        /// Its hash.
        hash: String,
        /// Who made it.
        miner: Miner,
    },
    /// A node stands otherwise to the others.
    Standing {
        /// In a word.
        now: String,
        /// How bad that is, as an exit code.
        severity: u8,
    },
}

impl Happening {
    /// How bad it is.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Up { .. } | Self::Block { .. } => Verdict::Good,
            Self::Standing { severity: 0, .. } => Verdict::Good,
            Self::Standing { severity: 2.., .. } => Verdict::Broken,
            Self::Down { .. } | Self::Restarted | Self::Reorg { .. } | Self::Standing { .. } => {
                Verdict::Behind
            }
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Up { .. } => "answers".into(),
            Self::Down { reason } => format!("does not answer: {reason}"),
            Self::Restarted => "was restarted".into(),
            Self::Reorg { fork_height: Some(height), depth } => {
                format!("left {} above height {height} for others", count_of(u64::from(*depth), "block"))
            }
            Self::Reorg { fork_height: None, depth } => {
                format!("left at least {} for others", count_of(u64::from(*depth), "block"))
            }
            Self::Block { height, hash, miner } => {
                format!("block {height} {} by {}", tail(hash), miner.short())
            }
            Self::Standing { now, .. } => format!("now: {now}"),
        }
    }
}

/// What a look at one node shows, taken into what is known of it.
pub(super) fn of_node(node: &mut Node, seen: &NodeSeen, at: u64) -> Vec<Happening> {
    let mut happened = Vec::new();
    node.round_trip = seen.round_trip;
    let Some(facts) = &seen.facts else {
        let reason = seen.error.clone().unwrap_or_else(|| "no answer".into());
        if node.error.is_none() {
            happened.push(Happening::Down { reason: reason.clone() });
        }
        node.error = Some(reason);
        return happened;
    };
    if node.error.take().is_some() || node.facts.is_none() {
        happened.push(Happening::Up { node_id: facts.node_id.clone() });
    }
    if let Some(before) = &node.facts {
        if !before.instance.is_empty() && before.instance != facts.instance {
            happened.push(Happening::Restarted);
        }
        if before.hash != facts.hash {
            node.progress_at = Some(at);
        }
        if let Some((fork_height, depth)) = reorg(node, before.height, facts) {
            node.reorgs += 1;
            node.deepest_reorg = node.deepest_reorg.max(depth);
            happened.push(Happening::Reorg { fork_height, depth });
        }
    } else {
        node.progress_at = Some(at);
    }
    follow(node, facts);
    node.facts = Some(facts.clone());
    happened
}

/// How far a node went back between two looks: the last block it kept and how many it left.
fn reorg(node: &Node, old_height: u32, facts: &Facts) -> Option<(Option<u32>, u32)> {
    let listed = facts.recent.iter().filter(|block| !block.hash.is_empty());
    let changed = listed
        .filter(|block| node.chain.get(&block.height).is_some_and(|known| *known != block.hash))
        .map(|block| block.height)
        .min();
    // A shorter chain than before has lost its end, even if what is left is the same.
    let lost = (facts.height < old_height).then_some(facts.height + 1);
    let first_left = changed.into_iter().chain(lost).min()?;
    let depth = (old_height + 1).saturating_sub(first_left);
    let fork = first_left.checked_sub(1)?;
    let kept = |height: u32| {
        let now = facts.recent.iter().find(|block| block.height == height);
        match (node.chain.get(&height), now) {
            (Some(before), Some(now)) => *before == now.hash,
            // Genesis is everybody's; it is not listed.
            (_, None) => height == 0 || lost.is_some(),
            (None, Some(_)) => false,
        }
    };
    Some((kept(fork).then_some(fork), depth))
}

/// Takes the node's last blocks into what is known of its chain.
fn follow(node: &mut Node, facts: &Facts) {
    let listed: Vec<_> = facts.recent.iter().filter(|block| !block.hash.is_empty()).collect();
    // The first block where what it lists departs from what is known; above it nothing is known any more.
    let departs = listed
        .iter()
        .find(|block| node.chain.get(&block.height).is_some_and(|known| *known != block.hash))
        .map(|block| block.height);
    if let Some(height) = departs {
        node.chain.split_off(&height);
        node.times.split_off(&height);
    }
    for block in listed {
        node.chain.insert(block.height, block.hash.clone());
        node.times.insert(block.height, block.time);
    }
    if !facts.hash.is_empty() {
        node.chain.insert(facts.height, facts.hash.clone());
        node.times.insert(facts.height, facts.time);
    }
    let above = facts.height.saturating_add(1);
    node.chain.split_off(&above);
    node.times.split_off(&above);
    while node.chain.len() > HASHES_KEPT {
        node.chain.pop_first();
    }
    while node.times.len() > HASHES_KEPT {
        node.times.pop_first();
    }
}

/// Whether a node's standing changed in a way to tell about.
pub(super) fn of_standing(before: &Standing, now: &Standing) -> Option<Happening> {
    // A block on its way is no news, nor is that a node answers or does not: that was told.
    let class = |standing: &Standing| match standing {
        Standing::Unknown | Standing::Agrees | Standing::Lagging { .. } => 0,
        Standing::Race { .. } => 1,
        Standing::Behind { .. } | Standing::Syncing { .. } => 2,
        Standing::Stalled { .. } => 3,
        Standing::Disagrees { .. } => 4,
        Standing::OtherChain { .. } => 5,
        Standing::Unreachable { .. } => 6,
    };
    if class(before) == class(now) || class(now) == 6 || (class(before) == 6 && class(now) == 0) {
        return None;
    }
    Some(Happening::Standing { now: now.word(), severity: now.verdict().code() })
}
