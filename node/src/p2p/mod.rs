//! The peer-to-peer network: how ChainCore talks to other Bitcoin nodes.
//!
//! [`wire`] is the protocol's bytes and [`net_address`] what a node is reached at; both are pure. What a compact
//! block is put together from is in [`compact_block`].

pub mod compact_block;
pub mod net_address;
pub mod wire;
