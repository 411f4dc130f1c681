//! What peers are allowed beyond others.

use super::kind::ConnectionKind;
use super::net_address::NetAddress;

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Permissions(pub u32);

impl Permissions {
    /// None.
    pub const NONE: Self = Self(0);
    /// Is never disconnected for what it does.
    pub const NOBAN: Self = Self(1);
    /// Transactions are taken from it even if from nobody else.
    pub const RELAY: Self = Self(2);
    /// May fetch as much as it likes.
    pub const DOWNLOAD: Self = Self(4);
    /// Has its transactions relayed even if they are in the pool already.
    pub const FORCE_RELAY: Self = Self(8 | Self::RELAY.0);
    /// May ask for the pool's contents.
    pub const MEMPOOL: Self = Self(16);

    /// Whether all of `other` are among these.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Who is allowed what.
#[derive(Debug, Clone, Default)]
pub struct PermissionRules;

impl PermissionRules {
    /// What a peer that called is allowed.
    pub fn of_inbound(&self, _: &NetAddress, bound: Option<Permissions>) -> Permissions {
        bound.unwrap_or_default()
    }

    /// What a peer that was called is allowed.
    pub fn of_outbound(&self, _: &NetAddress, _: ConnectionKind) -> Permissions {
        Permissions::NONE
    }
}
