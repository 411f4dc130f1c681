//! How messages travel: in the open (the first version of the transport), or encrypted (the second, BIP324).
//!
//! Nothing here does I/O. A [`Receiver`] takes the bytes of a connection as they come, finds out which version they
//! are of, agrees on keys, and gives the messages; what has to be sent because of that comes out of it as
//! [`Step`]s. A [`SendCipher`] makes packets of messages. The encrypted transport hides what is said from whoever
//! only listens, and looks like random bytes; it does not say who is at the other end. Both ends of a connection
//! have the same session id, and nobody in between has: what is proved about that id is proved about the connection.
//!
//! Invariants: no byte of the other side is trusted before its packet's tag is right; what is held of a handshake is
//! a few thousand bytes; memory for a packet grows with what has arrived, not with what was announced; a key
//! encrypts 224 packets and is then replaced by one from which it cannot be found again.

mod cipher;
mod message;
mod receiver;
mod session;
#[cfg(test)]
mod tests;

pub use cipher::{ReceiveCipher, SendCipher};
pub use receiver::{Event, Receiver, Step, TransportError};
pub use session::{Greeting, MAX_GARBAGE, Session, SessionId};

use std::fmt;

/// A version of the transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportVersion {
    /// In the open.
    V1,
    /// Encrypted (BIP324).
    V2,
}

impl fmt::Display for TransportVersion {
    /// Core's word, as in `transport_protocol_type`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1 => "v1",
            Self::V2 => "v2",
        })
    }
}

/// What a connection has turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In the open.
    Plain,
    /// Encrypted: the other side has shown that it has the same keys.
    Encrypted(SessionId),
}

impl Transport {
    /// Its version.
    pub fn version(self) -> TransportVersion {
        match self {
            Self::Plain => TransportVersion::V1,
            Self::Encrypted(_) => TransportVersion::V2,
        }
    }

    /// What both ends of an encrypted connection call it.
    pub fn session(self) -> Option<SessionId> {
        match self {
            Self::Plain => None,
            Self::Encrypted(id) => Some(id),
        }
    }
}
