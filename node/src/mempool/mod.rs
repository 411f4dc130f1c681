//! The mempool.

pub mod feerate;
pub mod graph;
pub mod linearize;
pub mod options;
pub mod policy;
pub mod truc;
