//! The host of the plugins: leads each along the chain on a thread of its own.
//!
//! Owns: the threads, their runtimes, the states of plugins, what plugins add to the node's interfaces.
//!
//! Invariants: the chain, the mempool and the interfaces never wait for a plugin, and keep nothing for it; one call of a
//! plugin is made at a time; a plugin that fails, panics or hangs harms no other and, unless it is important, not the
//! node; a stop takes no longer than [`HostOptions::closing`].
//!
//! | module | what it holds |
//! |---|---|
//! | `host` | the plugins of a node: registered, started, commanded, stopped |
//! | `runner` | one plugin's thread |
//! | `board` | what is known of one plugin |
//! | `backoff` | how long to wait after a failure |
//! | [`command`] | what plugins in processes of their own are started with |
//! | `read_ahead` | reads what a plugin will be given next |
//! | `registrations` | what plugins add to the interfaces |
//! | `control` | the plugins as the interfaces see them |
//! | `metrics` | the plugin that tells Prometheus |
//! | [`process`] | plugins in processes of their own |
//! | `mempool` | where plugins hear of the mempool from |

mod backoff;
mod board;
pub mod command;
mod control;
mod host;
mod mempool;
mod metrics;
#[cfg(unix)]
pub mod process;
mod read_ahead;
mod registrations;
mod runner;

pub use backoff::BackoffPolicy;
pub use board::{Figure, PluginState};
pub use host::{Host, HostError, HostOptions, Kind, PluginCommand, PluginStatus, Surroundings};
pub use mempool::{MempoolSource, MempoolSubscriptions};
pub use metrics::Metrics;
pub use registrations::Registered;

#[cfg(test)]
mod tests;
