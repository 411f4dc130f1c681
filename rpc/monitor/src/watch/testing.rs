//! Observations for tests, as nodes on regtest would give them.

use super::{BlockSeen, Facts, NodeSeen, Observation};
use crate::nodes::{Miner, RecentBlock};

/// A hash of a branch's block.
pub fn hash(branch: char, height: u32) -> String {
    let tail = format!("{branch}{height:07x}");
    format!("{}{tail}", "0".repeat(64 - tail.len()))
}

/// What a node says that is on `branch` from the block above `fork` on, and on branch `a` below.
pub fn facts(name: &str, branch: char, fork: u32, height: u32) -> Facts {
    let of = |height: u32| if height <= fork { 'a' } else { branch };
    let first = height.saturating_sub(119).max(1);
    let recent = (first..=height).map(|at| RecentBlock {
        height: at,
        hash: hash(of(at), at),
        time: 1_700_000_000 + at * 10,
        transactions: 1,
    });
    Facts {
        node_id: name.into(),
        version: "0.1.0".into(),
        chain: "regtest".into(),
        genesis_hash: hash('g', 0),
        height,
        hash: hash(of(height), height),
        time: 1_700_000_000 + height * 10,
        headers: height,
        chain_work: format!("{height:064x}"),
        difficulty: 1.0,
        hash_rate: 1234.5,
        average_block_time: 10.0,
        target_block_time: 10,
        total_transactions: u64::from(height) + 1,
        mempool: 2,
        mempool_vsize: 300,
        inbound: 1,
        outbound: 2,
        syncing: false,
        uptime: 60,
        instance: name.into(),
        warnings: Vec::new(),
        recent: recent.collect(),
    }
}

/// A node that answers.
pub fn up(facts: Facts) -> NodeSeen {
    NodeSeen {
        url: format!("http://{}:5000", facts.node_id),
        round_trip: Some(3),
        facts: Some(facts),
        error: None,
    }
}

/// A node that does not.
pub fn down(name: &str, reason: &str) -> NodeSeen {
    NodeSeen { url: format!("http://{name}:5000"), round_trip: None, facts: None, error: Some(reason.into()) }
}

/// A look at the second `second`.
pub fn look(second: u64, nodes: Vec<NodeSeen>) -> Observation {
    Observation { at: 1_700_000_000_000 + second * 1000, nodes, blocks: Vec::new() }
}

/// A whole block.
pub fn block(branch: char, height: u32, payee: &str) -> BlockSeen {
    BlockSeen {
        hash: hash(branch, height),
        height,
        time: 1_700_000_000 + height * 10,
        transactions: 1,
        size: 250,
        miner: Miner { payee: payee.into(), tag: "/chaincored/".into() },
    }
}
