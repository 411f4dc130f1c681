//! What the node is to other nodes.

use super::{Reply, reply};
use crate::node::Node;
use crate::registry::Args;
use crate::value::Btc;
use serde::Serialize;

/// The names of the P2P service bits.
const SERVICES: [(u32, &str); 6] = [
    (0, "NETWORK"),
    (2, "BLOOM"),
    (3, "WITNESS"),
    (6, "COMPACT_FILTERS"),
    (10, "NETWORK_LIMITED"),
    (11, "P2P_V2"),
];

/// The names of the services offered, lowest bit first.
pub fn service_names(services: u64) -> Vec<String> {
    let name = |bit: u32| match SERVICES.iter().find(|(known, _)| *known == bit) {
        Some((_, name)) => (*name).into(),
        None => format!("UNKNOWN[2^{bit}]"),
    };
    (0..64).filter(|bit| services >> bit & 1 == 1).map(name).collect()
}

#[derive(Serialize)]
struct NetworkJson {
    name: &'static str,
    limited: bool,
    reachable: bool,
    proxy: &'static str,
    proxy_randomize_credentials: bool,
}

#[derive(Serialize)]
struct LocalAddress {
    address: String,
    port: u16,
    score: u32,
}

#[derive(Serialize)]
struct NetworkInfo {
    version: u32,
    subversion: String,
    protocolversion: u32,
    localservices: String,
    localservicesnames: Vec<String>,
    localrelay: bool,
    timeoffset: i64,
    networkactive: bool,
    connections: u32,
    connections_in: u32,
    connections_out: u32,
    networks: Vec<NetworkJson>,
    relayfee: Btc,
    incrementalfee: Btc,
    localaddresses: Vec<LocalAddress>,
    warnings: Vec<String>,
}

pub fn getnetworkinfo(node: &dyn Node, _: &Args) -> Reply {
    let info = node.info();
    let connections = node.connections();
    let mempool = node.mempool_info();
    let network = |name: &'static str| {
        let reachable = node.network().reaches(name);
        NetworkJson { name, limited: !reachable, reachable, proxy: "", proxy_randomize_credentials: false }
    };
    reply(&NetworkInfo {
        version: info.core_version,
        subversion: info.subversion.clone(),
        protocolversion: info.protocol_version,
        localservices: format!("{:016x}", info.services),
        localservicesnames: service_names(info.services),
        localrelay: node.network().takes_txs(),
        timeoffset: node.network().time_offset(),
        networkactive: connections.enabled,
        connections: connections.inbound + connections.outbound,
        connections_in: connections.inbound,
        connections_out: connections.outbound,
        networks: ["ipv4", "ipv6", "onion", "i2p", "cjdns"].map(network).into(),
        relayfee: Btc(mempool.min_relay_fee_rate),
        incrementalfee: Btc(mempool.incremental_fee_rate),
        localaddresses: node.network().local_addresses().into_iter().map(local_address).collect(),
        warnings: node.warnings(),
    })
}

fn local_address(local: crate::network::LocalAddress) -> LocalAddress {
    LocalAddress { address: local.address, port: local.port, score: local.score }
}

pub fn getconnectioncount(node: &dyn Node, _: &Args) -> Reply {
    let connections = node.connections();
    reply(&(connections.inbound + connections.outbound))
}
