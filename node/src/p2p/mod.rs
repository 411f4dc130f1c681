//! The peer-to-peer network: how ChainCore talks to other Bitcoin nodes.
//!
//! Bytes come in at [`connection`] (sockets, frames, bounded queues), are decoded by [`wire`] (pure), and are acted
//! upon by [`processing`], whose one thread owns all that is known of the peers. What the others need of it goes
//! through [`P2p`]. [`net_address`] is what a node is reached at, [`address_book`] where other nodes are, [`bans`]
//! who may not be among them, [`permissions`] who may do more than others, [`eviction`] who goes when there are too
//! many, and [`compact_block`] what a compact block is put together from. [`discovery`] finds the nodes of a
//! ChainCore network by their APIs, [`authentication`] is what the members of a private network prove to each other.

pub mod address_book;
pub mod anchors;
pub mod authentication;
pub mod bans;
pub mod compact_block;
pub mod connection;
pub mod discovery;
mod disk;
pub mod eviction;
pub mod facts;
pub mod kind;
pub mod local;
pub mod net_address;
pub mod options;
pub mod outbound;
pub mod permissions;
pub mod processing;
pub mod reach;
pub mod rolling_bloom;
mod service;
pub mod subnet;
#[cfg(test)]
mod tests;
pub mod timer;
pub mod token_bucket;
pub mod transport;
pub mod wake;
pub mod wire;

pub use options::P2pOptions;
pub use service::{P2p, P2pError};
