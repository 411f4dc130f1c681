//! A Stratum v1 server (`-stratum`), as the plugin `stratum`: mining hardware and pool software connect to the node and
//! mine for themselves, without a pool in between.
//!
//! A worker's name is the address that its blocks pay (`address` or `address.worker`); a name that is no address mines
//! to `-stratumaddress` or, without that, to the address of `-mine`. The password may say `d=0.5` for a fixed
//! difficulty. Shares prove to the worker and to the node's owner that the machine works; only a share that meets the
//! network's target is a block.
//!
//! - `job` makes work of a template and a block of a share,
//! - `difficulty` is the arithmetic of shares and how often one is asked for,
//! - `protocol` reads requests and writes answers, one JSON object a line,
//! - `session` is one connection, `server` listens and makes the jobs,
//! - `workers` counts who did what.
//!
//! Everything that a connection sends is bounded: the length of a line, the lines per second, the jobs and shares that
//! are remembered, the number of connections. A miner cannot change what the node's chain or mempool hold but by a
//! valid block.

mod difficulty;
mod job;
mod plugin;
mod protocol;
mod server;
mod session;
#[cfg(test)]
mod tests;
mod workers;

pub use plugin::StratumPlugin;

use chaincore_consensus::Script;
use std::net::SocketAddr;

/// The port that mining software tries by default.
pub const DEFAULT_PORT: u16 = 3333;

/// How mining machines are served.
#[derive(Clone, Debug, PartialEq)]
pub struct StratumOptions {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Who is paid for the blocks of workers whose name is no address.
    pub payout: Option<Script>,
    /// The difficulty that a worker begins with; without it, one that fits the network's.
    pub difficulty: Option<f64>,
    /// The most connections at a time.
    pub max_connections: usize,
}
