//! Who may not connect.

use super::net_address::NetAddress;
use crate::clock::Clock;
use std::path::Path;

/// The ban list.
pub struct BanList;

impl BanList {
    /// Reads the list.
    pub fn open(_: &Path, _: Clock) -> Self {
        Self
    }

    /// Whether an address is banned.
    pub fn is_banned(&self, _: &NetAddress) -> bool {
        false
    }

    /// Whether an address has misbehaved.
    pub fn is_discouraged(&self, _: &NetAddress) -> bool {
        false
    }

    /// Remembers that an address has misbehaved.
    pub fn discourage(&self, _: &NetAddress) {}
}
