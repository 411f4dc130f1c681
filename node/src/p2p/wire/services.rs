//! What a node says that it can do.

use std::fmt;
use std::ops::{BitOr, BitOrAssign};

/// A set of services, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ServiceFlags(pub u64);

impl ServiceFlags {
    /// No service.
    pub const NONE: Self = Self(0);
    /// All blocks.
    pub const NETWORK: Self = Self(1);
    /// Bloom filters (BIP111).
    pub const BLOOM: Self = Self(1 << 2);
    /// Blocks and transactions with witnesses (BIP144).
    pub const WITNESS: Self = Self(1 << 3);
    /// Block filters (BIP157).
    pub const COMPACT_FILTERS: Self = Self(1 << 6);
    /// The last 288 blocks (BIP159).
    pub const NETWORK_LIMITED: Self = Self(1 << 10);
    /// The encrypted transport (BIP324).
    pub const P2P_V2: Self = Self(1 << 11);

    /// Whether all services of `other` are here.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any service of `other` is here.
    pub const fn intersects(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The services without those of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the node may know many addresses (Core's `MayHaveUsefulAddressDB`).
    pub const fn may_have_addresses(self) -> bool {
        self.intersects(Self(Self::NETWORK.0 | Self::NETWORK_LIMITED.0))
    }

    /// The names of the services, lowest bit first (Core's `serviceFlagsToStr`).
    pub fn names(self) -> Vec<String> {
        let bits = (0..u64::BITS).filter(|bit| self.0 & (1 << bit) != 0);
        bits.map(|bit| {
            let name = match Self(1 << bit) {
                Self::NETWORK => "NETWORK",
                Self::BLOOM => "BLOOM",
                Self::WITNESS => "WITNESS",
                Self::COMPACT_FILTERS => "COMPACT_FILTERS",
                Self::NETWORK_LIMITED => "NETWORK_LIMITED",
                Self::P2P_V2 => "P2P_V2",
                _ => return format!("UNKNOWN[2^{bit}]"),
            };
            name.into()
        })
        .collect()
    }
}

impl BitOr for ServiceFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for ServiceFlags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

impl fmt::Debug for ServiceFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceFlags({})", self.names().join("|"))
    }
}

impl fmt::Display for ServiceFlags {
    /// Sixteen hexadecimal digits, as RPC gives `services`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
