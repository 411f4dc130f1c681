//! The ChainCore full node.

pub mod app;
pub mod chain;
pub mod clock;
pub mod config;
pub mod index;
pub mod logging;
pub mod mempool;
pub mod mining;
mod mining_server;
pub mod p2p;
pub mod plugins;
pub mod service;
pub mod stratum;
pub mod sv2;
pub mod template;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod zmq;
