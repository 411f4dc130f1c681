//! What a connection is for.

use std::fmt;

/// A peer's number: counts the connections of this process, and is never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a connection is for, with the words of `getpeerinfo`'s `connection_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionKind {
    /// The peer called.
    Inbound,
    /// Called to exchange blocks, transactions and addresses.
    OutboundFullRelay,
    /// Called because the owner named it.
    Manual,
    /// Called to see whether someone answers there; ends after the version message.
    Feeler,
    /// Called for blocks alone, so that the links of the network cannot be read off the rest.
    BlockRelay,
    /// Called for one answer to `getaddr`.
    AddrFetch,
}

impl ConnectionKind {
    /// Core's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::OutboundFullRelay => "outbound-full-relay",
            Self::Manual => "manual",
            Self::Feeler => "feeler",
            Self::BlockRelay => "block-relay-only",
            Self::AddrFetch => "addr-fetch",
        }
    }

    /// The kind that Core calls so.
    pub fn by_name(name: &str) -> Option<Self> {
        [
            Self::Inbound,
            Self::OutboundFullRelay,
            Self::Manual,
            Self::Feeler,
            Self::BlockRelay,
            Self::AddrFetch,
        ]
        .into_iter()
        .find(|kind| kind.name() == name)
    }

    /// Whether the peer called.
    pub fn is_inbound(self) -> bool {
        self == Self::Inbound
    }

    /// Whether transactions may be exchanged over such a connection at all.
    pub fn relays_txs(self) -> bool {
        !matches!(self, Self::BlockRelay | Self::Feeler)
    }

    /// Whether the node chose the peer by itself and may replace it by another (Core's
    /// `IsOutboundOrBlockRelayConn`).
    pub fn is_outbound_or_block_relay(self) -> bool {
        matches!(self, Self::OutboundFullRelay | Self::BlockRelay)
    }

    /// Whether a peer that offers too few services is of no use there (Core's `ExpectServicesFromConn`).
    pub fn expects_services(self) -> bool {
        matches!(self, Self::OutboundFullRelay | Self::BlockRelay | Self::AddrFetch)
    }
}
