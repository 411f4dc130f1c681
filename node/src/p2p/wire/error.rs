//! What can be wrong with a payload, and what Core does about it.

use chaincore_consensus::codec::DecodeError;

/// Why a payload is not the message that its command says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The bytes are not a message. Core logs it and goes on.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The message is well-formed, but holds more than a peer may send at once.
    #[error("{what} message size = {count}")]
    TooMany {
        /// The command.
        what: &'static str,
        /// How many there are.
        count: usize,
    },
    /// A locator has more than [`super::MAX_LOCATOR`] hashes.
    #[error("{what} locator size {count} > {}", super::MAX_LOCATOR)]
    LocatorTooLong {
        /// The command.
        what: &'static str,
        /// How many there are.
        count: usize,
    },
    /// The first field of a `sendcmpct` is neither 0 nor 1.
    #[error("invalid sendcmpct announce field")]
    BadAnnounceField(u8),
    /// A `feature` has no valid name, too much data, or bytes left over.
    #[error("invalid feature payload")]
    BadFeature,
}

/// What becomes of a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Penalty {
    /// Nothing: the message is ignored.
    None,
    /// It is disconnected.
    Disconnect,
    /// It is disconnected and discouraged from coming back (Core's `Misbehaving`, with the error's text).
    Misbehaving,
}

impl WireError {
    /// What becomes of a peer that sends this.
    pub fn penalty(&self) -> Penalty {
        match self {
            Self::Decode(_) => Penalty::None,
            Self::LocatorTooLong { .. } | Self::BadFeature => Penalty::Disconnect,
            Self::TooMany { .. } | Self::BadAnnounceField(_) => Penalty::Misbehaving,
        }
    }
}
