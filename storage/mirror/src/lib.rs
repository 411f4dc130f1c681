//! The PostgreSQL mirror of the chain: tables for analysts that follow the node's chain exactly once, block by block.
//!
//! | module | what it holds |
//! |---|---|
//! | [`rows`] | what a block becomes in the tables; pure |
//! | [`effects`] | what blocks do to coins and balances; pure |
//! | [`encode`] | the binary format of `COPY` |
//! | [`connection`], [`lease`] | the server, time limits; one writer at a time |
//! | [`partitions`], [`indexes`] | the big tables' parts and what they are searched by |
//! | [`pools`] | whose blocks are whose |

pub mod connection;
pub mod effects;
pub mod encode;
pub mod error;
pub mod indexes;
pub mod lease;
pub mod partitions;
pub mod pools;
pub mod rows;
pub mod verify;

pub use error::MirrorError;
