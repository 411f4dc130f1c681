//! The peer-to-peer network: how ChainCore talks to other Bitcoin nodes.
//!
//! [`wire`] is the protocol's bytes and [`net_address`] what a node is reached at; both are pure. What a compact
//! block is put together from is in [`compact_block`].
//!
//! [`address_book`] is where other nodes are, [`bans`] who may not be among them, [`permissions`] who may do more than
//! others, and [`eviction`] who goes when there are too many.

pub mod address_book;
pub mod anchors;
pub mod bans;
pub mod compact_block;
mod disk;
pub mod eviction;
pub mod net_address;
pub mod permissions;
pub mod rolling_bloom;
pub mod subnet;
pub mod token_bucket;
pub mod wire;
