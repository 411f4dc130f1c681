//! Plugins.

#[cfg(unix)]
pub mod process;
