//! The contract between the node and whatever follows its chain: indexes, the SQL mirror, the miner, metrics,
//! and plugins of the user's own.
//!
//! A [`Plugin`] keeps a cursor, the last block it has taken in. The host asks the chain for the way from there to the
//! tip ([`ChainReader::path`]) and leads the plugin along it: [`Plugin::rollback`] to the fork, then
//! [`Plugin::extend`] upwards in bounded batches. Nothing is pushed, so nothing can be missed; the node never waits
//! for a plugin, and a plugin that commits its cursor with its rows can be killed at any moment without losing or
//! repeating a block.
//!
//! | module | what it holds |
//! |---|---|
//! | [`chain`] | blocks, cursors, the chain as followers read it |
//! | [`manifest`] | what a plugin says of itself before it runs |
//! | [`plugin`] | the trait, its context, its errors |
//! | [`node`] | what a plugin may ask of the node beside the chain |
//! | [`mempool`] | what happens in the mempool |
//! | [`api`] | RPC methods and REST paths of plugins |
//! | [`policy`] | the two hooks that may change what the node relays and mines |
//! | [`follow`] | how a plugin is led along the chain |
//! | `testkit` | a scripted chain and a check for plugins (feature `testkit`) |

pub mod api;
pub mod chain;
pub mod follow;
pub mod manifest;
pub mod mempool;
pub mod node;
pub mod plugin;
pub mod policy;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;

pub use api::{ApiError, ApiRegistry};
pub use chain::{AppliedBlock, BlockRef, ChainReader, Path, ReadError};
pub use manifest::{BatchLimits, Gate, Manifest, Start};
pub use mempool::{MempoolEvent, RemovalReason};
pub use node::NodeReader;
pub use plugin::{Context, Plugin, PluginError, Reporter};
pub use policy::{MempoolFilter, TemplateOrder};

/// Makes a trait with async methods usable as `dyn`; put it on every `impl Plugin`.
pub use async_trait::async_trait;

/// The README's code compiles.
#[cfg(all(doctest, feature = "testkit"))]
#[doc = include_str!("../README.md")]
pub struct Readme;
