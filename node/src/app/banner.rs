//! What a person at a terminal is told: where to look. One short text on standard output, nothing after it.

use crate::config::Config;
use std::io::Write;
use std::net::SocketAddr;

pub(super) fn print(config: &Config, addresses: &[SocketAddr]) {
    let Some(address) = addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first())
    else {
        return;
    };
    let mut text = format!("ChainCore {} on chain {}\n", env!("CARGO_PKG_VERSION"), config.params.name);
    text += &format!("  status page, REST and JSON-RPC: http://{address}/\n");
    text += &format!("  data and debug.log: {}\n", config.chain_dir.display());
    if let Some((miner, _)) = &config.mining.mine {
        text += &format!("  mining to {miner}\n");
    }
    // A closed terminal is no reason to stop.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
