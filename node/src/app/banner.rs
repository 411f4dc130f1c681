//! What a person at a terminal is told: where to look. One short text on standard output; after it only
//! plugins that fail for good, on standard error.

use super::plugins::Served;
use crate::config::Config;
use chaincore_mirror::connection::Server;
use std::io::Write;
use std::net::SocketAddr;

pub(super) fn print(config: &Config, addresses: &[SocketAddr], served: &Served) {
    for warning in &config.mining.unused {
        let _ = std::io::stderr().write_all(format!("Warning: {warning}\n").as_bytes());
    }
    let Some(address) = addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first())
    else {
        return;
    };
    let mut text = format!("ChainCore {} on chain {}\n", env!("CARGO_PKG_VERSION"), config.params.name);
    text += &format!("  web page, REST and JSON-RPC: http://{address}/\n");
    text += &format!("  data and debug.log: {}\n", config.chain_dir.display());
    if let Some(server) = config.mirror.as_ref().and_then(|mirror| Server::parse(&mirror.url).ok()) {
        text += &format!("  mirror: {server} (chaincore-cli listplugins tells how far it is)\n");
    }
    if let Some((miner, _)) = &config.mining.mine {
        text += &format!("  mining to {miner}\n");
    }
    if let Some(address) = served.stratum {
        text += &format!("  mining machines (Stratum): stratum+tcp://{address}\n");
    }
    if let Some((address, key)) = &served.sv2 {
        text += &format!("  templates (Stratum v2): {address}, authority key {key}\n");
    }
    // A closed terminal is no reason to stop.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Tells of a plugin that has failed for good: who has just mistyped a password looks at the terminal, not into the log.
pub(super) fn print_failure(id: &str, reason: &str) {
    let text = format!("Warning: the plugin {id} has failed, the node goes on without it: {reason}\n");
    let _ = std::io::stderr().write_all(text.as_bytes());
}
