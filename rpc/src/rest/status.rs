//! The node and its chain in numbers.

use super::peers::active;
use super::shapes::coins;
use super::{Answer, Request, Rest, RestError, json};
use crate::methods::mining::{bits_after, network_hashps};
use crate::network::{Network, PeerInfo};
use crate::node::{ChainView, Node};
use crate::value::CoreDouble;
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::{BlockHash, pow};
use serde::Serialize;
use std::collections::BTreeMap;

/// How many of the last blocks statistics look at.
pub const RECENT_BLOCKS: u32 = 120;

#[derive(Serialize)]
struct Status {
    node_id: String,
    version: String,
    chain: String,
    genesis_hash: BlockHash,
    blockchain_length: u32,
    height: u32,
    best_block_hash: BlockHash,
    best_block_time: u32,
    headers: u32,
    difficulty: CoreDouble,
    target_block_time: u32,
    pending_transactions: u64,
    active_peers: usize,
    p2p_port: Option<u16>,
    p2p_listening: bool,
    instance: String,
    authentication: Option<String>,
    node_key: Option<String>,
    syncing: bool,
    uptime_seconds: u64,
    warnings: Vec<String>,
}

/// `GET /status`.
pub fn status(rest: &Rest, _: &Request) -> Answer {
    let node = rest.node();
    let chain = node.chain();
    let tip = chain.tip();
    let network = node.network();
    let presence = network.presence();
    json(&Status {
        node_id: node.info().node_id.clone(),
        version: node.info().version.clone(),
        chain: node.params().name.clone(),
        genesis_hash: node.params().genesis.hash(),
        blockchain_length: tip.height + 1,
        height: tip.height,
        best_block_hash: tip.hash,
        best_block_time: tip.header.time,
        headers: chain.best_header().height,
        difficulty: CoreDouble(pow::difficulty(tip.header.bits)),
        target_block_time: node.params().target_spacing,
        pending_transactions: node.mempool_info().count,
        active_peers: active(&network.peers()),
        p2p_port: presence.p2p_port,
        p2p_listening: presence.p2p_port.is_some() && network.is_active(),
        instance: presence.instance,
        authentication: presence.authentication,
        node_key: presence.node_key,
        syncing: node.initial_block_download(),
        uptime_seconds: node.uptime().as_secs(),
        warnings: node.warnings(),
    })
}

/// One of the last blocks.
#[derive(Serialize, Clone)]
pub struct RecentBlock {
    /// Its height.
    pub height: u32,
    /// Its hash, by which nodes can be compared.
    pub hash: BlockHash,
    /// Its time.
    pub time: u32,
    /// The seconds since the block before; negative where a miner's clock was behind.
    pub spacing: i64,
    /// Its difficulty.
    pub difficulty: CoreDouble,
    /// Its transactions.
    pub transactions: u32,
}

/// The last blocks, the oldest first, genesis left out.
pub fn recent_blocks(chain: &dyn ChainView, count: u32) -> Vec<RecentBlock> {
    let tip = chain.tip().height;
    let first = (tip + 1).saturating_sub(count).max(1);
    let mut previous = first.checked_sub(1).and_then(|height| chain.at_height(height));
    let mut blocks = Vec::new();
    for block in (first..=tip).filter_map(|height| chain.at_height(height)) {
        let before = previous.map_or(block.header.time, |previous| previous.header.time);
        blocks.push(RecentBlock {
            height: block.height,
            hash: block.hash,
            time: block.header.time,
            spacing: i64::from(block.header.time) - i64::from(before),
            difficulty: CoreDouble(pow::difficulty(block.header.bits)),
            transactions: block.n_tx,
        });
        previous = Some(block);
    }
    blocks
}

/// The mean spacing of blocks, in seconds. The first after genesis says nothing: genesis may be years old.
pub fn average_spacing(blocks: &[RecentBlock]) -> f64 {
    let counted = blocks.iter().filter(|block| block.height > 1);
    let (sum, count) = counted.fold((0, 0u32), |(sum, count), block| (sum + block.spacing, count + 1));
    if count == 0 { 0.0 } else { sum as f64 / f64::from(count) }
}

#[derive(Serialize)]
struct MempoolStats {
    transactions: u64,
    virtual_size: u64,
    memory: u64,
    max_memory: u64,
    fees: i64,
    fees_coins: String,
    min_fee_rate: i64,
}

#[derive(Serialize)]
struct StorageStats {
    blocks: u64,
    coins: u64,
}

#[derive(Serialize)]
struct IndexStats {
    name: String,
    synced: bool,
    height: u32,
}

#[derive(Serialize)]
struct PeerStats {
    active: usize,
    inbound: u32,
    outbound: u32,
    by_kind: BTreeMap<&'static str, u32>,
    min: usize,
    target: usize,
    max: usize,
    p2p: bool,
}

/// What is known of the network as a whole.
#[derive(Serialize)]
struct NetworkStats {
    bytes_sent: u64,
    bytes_received: u64,
    best_peer_height: Option<i64>,
    known_addresses: u64,
    hashes_per_second: CoreDouble,
}

/// The peers, counted.
fn peer_stats(peers: &[PeerInfo], network: &dyn Network) -> PeerStats {
    let presence = network.presence();
    let mut by_kind = BTreeMap::new();
    for peer in peers {
        *by_kind.entry(peer.connection_type).or_default() += 1;
    }
    let count = |is: fn(&PeerInfo) -> bool| peers.iter().filter(|peer| is(peer)).count();
    PeerStats {
        active: active(peers),
        inbound: u32::try_from(count(|peer| peer.inbound)).unwrap_or(u32::MAX),
        outbound: u32::try_from(count(|peer| !peer.inbound)).unwrap_or(u32::MAX),
        by_kind,
        min: presence.min_peers,
        target: presence.target_peers,
        max: presence.max_peers,
        p2p: network.is_active(),
    }
}

#[derive(Serialize)]
struct Stats {
    node_id: String,
    chain: String,
    height: u32,
    total_transactions: u64,
    chain_work: String,
    difficulty: CoreDouble,
    next_difficulty: CoreDouble,
    network_hashes_per_second: CoreDouble,
    target_block_time: u32,
    average_block_time: CoreDouble,
    block_reward: i64,
    block_reward_coins: String,
    halving_interval: u32,
    mempool: MempoolStats,
    storage: StorageStats,
    indexes: Vec<IndexStats>,
    peers: PeerStats,
    network: NetworkStats,
    recent_blocks: Vec<RecentBlock>,
    uptime_seconds: u64,
}

/// The network's hash rate over the recent blocks; 0 while there are too few. Genesis is left out: on a young chain
/// its time, years ago, would drown all others (and does in `getnetworkhashps`, which is as Core's).
pub fn hash_rate(node: &dyn Node) -> Result<f64, RestError> {
    let blocks = node.chain().tip().height.saturating_sub(1).min(RECENT_BLOCKS);
    if blocks == 0 { Ok(0.0) } else { Ok(network_hashps(node, blocks as i32, -1)?) }
}

/// `GET /stats`.
pub fn stats(rest: &Rest, _: &Request) -> Answer {
    let node = rest.node();
    let chain = node.chain();
    let tip = chain.tip();
    let params = node.params();
    let mempool = node.mempool_info();
    let network = node.network();
    let (peers, totals) = (network.peers(), network.totals());
    let hash_rate = CoreDouble(hash_rate(node)?);
    let reward = block_subsidy(tip.height + 1, params);
    let recent = recent_blocks(&*chain, RECENT_BLOCKS);
    json(&Stats {
        node_id: node.info().node_id.clone(),
        chain: params.name.clone(),
        height: tip.height,
        total_transactions: tip.chain_tx,
        chain_work: tip.chain_work.to_string(),
        difficulty: CoreDouble(pow::difficulty(tip.header.bits)),
        next_difficulty: CoreDouble(pow::difficulty(bits_after(node, &*chain, &tip))),
        network_hashes_per_second: hash_rate,
        target_block_time: params.target_spacing,
        average_block_time: CoreDouble(average_spacing(&recent)),
        block_reward: reward.sat(),
        block_reward_coins: coins(reward),
        halving_interval: params.halving_interval,
        mempool: MempoolStats {
            transactions: mempool.count,
            virtual_size: mempool.vsize,
            memory: mempool.usage,
            max_memory: mempool.max_usage,
            fees: mempool.total_fee.sat(),
            fees_coins: coins(mempool.total_fee),
            min_fee_rate: mempool.min_fee_rate.max(mempool.min_relay_fee_rate).sat(),
        },
        storage: StorageStats { blocks: node.blocks_disk_size(), coins: node.coins_disk_size() },
        indexes: node
            .indexes()
            .into_iter()
            .map(|index| IndexStats { name: index.name, synced: index.synced, height: index.best_height })
            .collect(),
        peers: peer_stats(&peers, network),
        network: NetworkStats {
            bytes_sent: totals.sent,
            bytes_received: totals.received,
            best_peer_height: peers.iter().filter_map(PeerInfo::height).max(),
            known_addresses: network.address_counts().iter().map(|count| count.new + count.tried).sum(),
            hashes_per_second: hash_rate,
        },
        recent_blocks: recent,
        uptime_seconds: node.uptime().as_secs(),
    })
}
