//! The PostgreSQL mirror of the chain: tables for analysts that follow the node's chain exactly once, block by block.
//!
//! | module | what it holds |
//! |---|---|
//! | [`rows`] | what a block becomes in the tables; pure |
//! | [`effects`] | what blocks do to coins and balances; pure |
//! | [`encode`] | the binary format of `COPY` |
//! | [`batch`] | rows of some blocks, ready to be copied |
//! | [`connection`], [`lease`], [`session`] | the server, time limits; one writer at a time, and what it knows |
//! | [`write`], [`reorg`], [`seal`] | blocks into tables; other branches; indexes after history |
//! | [`partitions`], [`indexes`] | the big tables' parts and what they are searched by |
//! | [`pools`], [`samples`] | whose blocks are whose; the mempool and the node from time to time |
//! | [`mirror`], [`options`] | the plugin |
//! | [`status`] | read-only questions, for monitors |

pub mod api;
pub mod batch;
pub mod connection;
pub mod effects;
pub mod encode;
pub mod error;
pub mod indexes;
pub mod lease;
pub mod mirror;
pub mod options;
pub mod partitions;
pub mod pools;
pub mod reorg;
pub mod rows;
pub mod samples;
pub mod seal;
pub mod session;
pub mod speed;
pub mod status;
pub mod verify;
pub mod write;

pub use error::MirrorError;
pub use mirror::Mirror;
pub use options::MirrorOptions;
