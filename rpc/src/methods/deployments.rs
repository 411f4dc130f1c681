//! `getdeploymentinfo`: the soft forks, those with fixed heights and those that are voted on.

use super::blockchain::known_block;
use super::{Reply, reply};
use crate::node::Node;
use crate::registry::Args;
use crate::value::Object;
use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::connect::script_flags;
use chaincore_consensus::params::{DeploymentStart, VersionBitsDeployment};
use chaincore_consensus::versionbits::{DeploymentState, StateCache};
use serde::Serialize;

#[derive(Serialize)]
struct Statistics {
    period: u32,
    elapsed: u32,
    count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    possible: Option<bool>,
}

#[derive(Serialize)]
struct Vote {
    #[serde(skip_serializing_if = "Option::is_none")]
    bit: Option<u8>,
    start_time: i64,
    timeout: i64,
    min_activation_height: u32,
    status: &'static str,
    since: u32,
    status_next: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    statistics: Option<Statistics>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signalling: Option<String>,
}

#[derive(Serialize)]
struct Buried {
    #[serde(rename = "type")]
    kind: &'static str,
    active: bool,
    height: u32,
}

#[derive(Serialize)]
struct Voted {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    active: bool,
    bip9: Vote,
}

/// A voted deployment at the branch's tip; `None` for one that never comes, which Core does not list.
fn voted(deployment: &VersionBitsDeployment, branch: &dyn Ancestry) -> Option<Voted> {
    let start_time = match deployment.start {
        DeploymentStart::Time(time) => time,
        DeploymentStart::AlwaysActive => -1,
        DeploymentStart::NeverActive => return None,
    };
    let info = deployment.info(branch, &mut StateCache::default());
    let signalling = info
        .votes
        .as_ref()
        .map(|votes| votes.signalling.iter().map(|voted| if *voted { '#' } else { '-' }).collect::<String>());
    // Once it is locked in there is nothing left to reach.
    let open = info.state == DeploymentState::Started;
    let bip9 = Vote {
        bit: info.votes.as_ref().map(|_| deployment.bit),
        start_time,
        timeout: deployment.timeout,
        min_activation_height: deployment.min_activation_height,
        status: info.state.name(),
        since: info.since,
        status_next: info.next_state.name(),
        statistics: info.votes.map(|votes| Statistics {
            period: votes.period,
            elapsed: votes.elapsed,
            count: votes.count,
            threshold: open.then_some(votes.threshold),
            possible: open.then_some(votes.possible),
        }),
        signalling,
    };
    let active = info.active_since.is_some_and(|height| height <= branch.tip_height() + 1);
    Some(Voted { kind: "bip9", height: info.active_since, active, bip9 })
}

#[derive(Serialize)]
struct DeploymentsJson {
    hash: chaincore_consensus::BlockHash,
    height: u32,
    script_flags: Vec<&'static str>,
    deployments: Object,
}

pub fn getdeploymentinfo(node: &dyn Node, args: &Args) -> Reply {
    let chain = node.chain();
    let block = match args.opt_hash(0, "blockhash")? {
        None => chain.tip(),
        Some(hash) => known_block(&*chain, &hash)?,
    };
    let params = node.params();
    let heights = &params.deployments;
    let mut deployments = Object::new();
    let buried = [
        ("bip34", heights.bip34),
        ("bip66", heights.bip66),
        ("bip65", heights.bip65),
        ("csv", heights.csv),
        ("segwit", heights.segwit),
    ];
    for (name, height) in buried {
        let active = block.height + 1 >= height;
        deployments.put(name, &Buried { kind: "buried", active, height });
    }
    if let Some(branch) = chain.ancestry(&block.hash) {
        for deployment in &params.version_bits {
            deployments.put_some(&deployment.name, voted(deployment, &*branch));
        }
    }
    let mut script_flags: Vec<&str> = script_flags(block.height, &block.hash, params).names().collect();
    script_flags.sort_unstable();
    reply(&DeploymentsJson { hash: block.hash, height: block.height, script_flags, deployments })
}
