//! Plugins.

pub mod command;
#[cfg(unix)]
pub mod process;
