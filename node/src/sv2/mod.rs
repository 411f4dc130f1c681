//! The template provider of Stratum v2 (`-sv2`), as the plugin `sv2`: pools and job declarators take their block
//! templates from the node, put their own coinbase into them, and hand in the blocks that come of it.
//!
//! What is spoken is the Template Distribution Protocol, version 2, over the encrypted connection that Stratum v2
//! prescribes (Noise NX on secp256k1). Messages, frames and handshake are those of the Stratum project's crates; what
//! they mean for this node is here.
//!
//! - `keys` is the key that says to clients which node they talk to,
//! - `wire` makes frames of bytes and bytes of messages,
//! - `work` makes messages of a template and a block of a solution,
//! - `session` is what one client has been told and may ask; it knows neither sockets nor the chain,
//! - `connection` leads one connection, `server` listens,
//! - `plugin` is what the node sees of it.
//!
//! Each connection has templates of its own, since each says how much room its coinbase needs. Everything that a client
//! sends is bounded: the length of a frame, the messages per second, the templates that are remembered for it, the number
//! of connections. A client cannot change what the node's chain or mempool hold but by a valid block.

mod connection;
mod keys;
mod plugin;
mod server;
mod session;
#[cfg(test)]
mod tests;
mod wire;
mod work;

pub use plugin::{ListenError, Sv2Plugin};

use crate::template::TemplateOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The file of the authority's key, in the chain's folder.
pub const KEY_FILE: &str = "sv2_authority_key";
/// Pools have one client, or a few. Each has its own templates made.
pub const MAX_CONNECTIONS: usize = 16;
/// The handshake takes two messages of each side, which machines send at once.
pub const HANDSHAKE: Duration = Duration::from_secs(10);
/// For so long a template on a former tip is kept: its solution may be on its way.
pub const STALE_KEPT: Duration = Duration::from_secs(10);

/// How template clients are served.
#[derive(Clone, Debug, PartialEq)]
pub struct Sv2Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The file with the authority's key; made if there is none.
    pub key_file: PathBuf,
    /// How often the pool is looked at for better fees.
    pub interval: Duration,
    /// By how many satoshis the fees must have risen for a new template on the same tip.
    pub fee_delta: i64,
    /// The most connections at a time.
    pub max_connections: usize,
    /// Who has not said by then who it is is no client: it gives its place to one.
    pub handshake: Duration,
    /// How long templates on a former tip are remembered.
    pub stale_kept: Duration,
    /// How templates are filled. The room for the coinbase is each client's own.
    pub template: TemplateOptions,
}
