//! How one node stands to the others, in one word, a sentence and a verdict.

use crate::text::{count_of, span};
use crate::verdict::Verdict;
use serde::Serialize;

/// How a node stands to the node with the most work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "standing", rename_all = "snake_case")]
pub enum Standing {
    /// It was not asked yet.
    Unknown,
    /// It has the same tip, or is the node with the most work.
    Agrees,
    /// It lacks blocks, but not for long.
    Lagging {
        /// How many.
        blocks: u32,
    },
    /// It has another block at the same height, but not for long: two blocks found at the same time.
    Race {
        /// The last common block, if it is not deeper than what nodes list.
        fork_height: Option<u32>,
        /// How many blocks of its own it has above that.
        own: u32,
    },
    /// It lacks blocks, for longer than the grace.
    Behind {
        /// How many.
        blocks: u32,
    },
    /// It lacks blocks and says itself that it is still fetching the chain.
    Syncing {
        /// How many.
        blocks: u32,
    },
    /// It lacks blocks, and its height has not changed for long.
    Stalled {
        /// How many.
        blocks: u32,
        /// For how long.
        seconds: u64,
    },
    /// It says nothing.
    Unreachable {
        /// Why.
        reason: String,
    },
    /// It has another block at the same height, for longer than the grace.
    Disagrees {
        /// The last common block, if it is not deeper than what nodes list.
        fork_height: Option<u32>,
        /// How many blocks of its own it has above that.
        own: u32,
    },
    /// Its first block is another.
    OtherChain {
        /// The chain's name, as the node says it.
        chain: String,
    },
}

impl Standing {
    /// What it means for the whole.
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Unknown | Self::Agrees | Self::Lagging { .. } | Self::Race { .. } => Verdict::Good,
            Self::Behind { .. } | Self::Syncing { .. } | Self::Stalled { .. } | Self::Unreachable { .. } => {
                Verdict::Behind
            }
            Self::Disagrees { .. } | Self::OtherChain { .. } => Verdict::Broken,
        }
    }

    /// Whether time alone will show what it is.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Unknown | Self::Lagging { .. } | Self::Race { .. })
    }

    /// One or two words. Capitals are alarms.
    pub fn word(&self) -> String {
        match self {
            Self::Unknown => "asking".into(),
            Self::Agrees => "agrees".into(),
            Self::Lagging { blocks } | Self::Behind { blocks } => format!("{blocks} behind"),
            Self::Race { .. } => "race".into(),
            Self::Syncing { blocks } => format!("syncing, {blocks} left"),
            Self::Stalled { .. } => "STALLED".into(),
            Self::Unreachable { .. } => "UNREACHABLE".into(),
            Self::Disagrees { .. } => "DISAGREES".into(),
            Self::OtherChain { .. } => "OTHER CHAIN".into(),
        }
    }

    /// What is wrong and what to do next; nothing if nothing is.
    pub fn advice(&self) -> Option<String> {
        let fork = |fork_height: &Option<u32>, own: &u32| {
            match fork_height {
            Some(height) => format!(
                "its chain leaves that of the node with the most work after height {height} ({} of its own)",
                count_of(u64::from(*own), "block")
            ),
            None => "its chain leaves that of the node with the most work deeper than what nodes list (120 blocks)".into(),
        }
        };
        Some(match self {
            Self::Unknown | Self::Agrees | Self::Lagging { .. } => return None,
            Self::Race { fork_height, own } => format!(
                "{}; two blocks found at the same time look like this until the next block",
                fork(fork_height, own)
            ),
            Self::Behind { blocks } => {
                format!("lacks {}; look at its peers and its log", count_of(u64::from(*blocks), "block"))
            }
            Self::Syncing { blocks } => {
                format!("is fetching the chain, {} left", count_of(u64::from(*blocks), "block"))
            }
            Self::Stalled { blocks, seconds } => format!(
                "lacks {} and has taken none for {}; look at its peers (chaincore-cli -netinfo 4) and its debug.log",
                count_of(u64::from(*blocks), "block"),
                span(*seconds)
            ),
            Self::Unreachable { reason } => {
                format!("{reason}; is chaincored running there, and is this its API port?")
            }
            Self::Disagrees { fork_height, own } => format!(
                "{}; compare `chaincore-cli getchaintips` of both, one may have refused a block (debug.log)",
                fork(fork_height, own)
            ),
            Self::OtherChain { chain } => {
                format!("is on another chain ('{chain}', with another first block); leave it out of --nodes")
            }
        })
    }
}
