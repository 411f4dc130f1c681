//! The ChainCore full node.

pub mod mempool;
pub mod chain;
pub mod clock;
pub mod index;
pub mod config;
pub mod logging;
pub mod template;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod mining;
pub mod service;
pub mod app;
