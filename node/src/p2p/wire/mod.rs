//! The protocol's bytes: frames, messages and what they are made of.
//!
//! Nothing here does I/O, knows a chain or keeps state of a peer. A [`FrameReader`] cuts a stream into
//! [`Frame`]s, [`Message::decode`] turns a payload into a [`Message`], and [`Message::encode`] gives the whole
//! frame of one. What Bitcoin Core tolerates is tolerated (bytes behind a message's end, a `version` that ends
//! early), what it punishes is told apart from what it only ignores ([`WireError::penalty`]). No decoder panics,
//! and none allocates more than a small multiple of the payload that it was given.

mod address;
mod authentication;
mod command;
mod compact;
mod error;
mod frame;
mod inventory;
mod memory;
mod message;
mod payload;
mod services;
#[cfg(test)]
mod tests;
mod version;

pub use address::PeerAddress;
pub use authentication::{AuthChallenge, AuthMethods, AuthProof};
pub use command::{Command, sanitized};
pub use compact::{BlockTxn, BlockTxnRequest, CompactBlock, PrefilledTx, ShortIdHasher};
pub use error::{Penalty, WireError};
pub use frame::{Frame, FrameError, FrameHeader, FrameReader, frame};
pub use inventory::{InvKind, Inventory, Locator};
pub use memory::tx_memory;
pub use message::{Message, ReceivedBlock};
pub use services::ServiceFlags;
pub use version::Version;

/// The version that this node speaks.
pub const PROTOCOL_VERSION: u32 = 70016;
/// The least version of a peer that is talked to.
pub const MIN_PEER_PROTOCOL_VERSION: i32 = 31800;
/// Peers above this version put a nonce in their pings (BIP31).
pub const BIP31_VERSION: i32 = 60000;
/// From this version on, `sendheaders` is understood (BIP130).
pub const SEND_HEADERS_VERSION: i32 = 70012;
/// From this version on, `feefilter` is understood (BIP133).
pub const FEE_FILTER_VERSION: i32 = 70013;
/// From this version on, compact blocks are understood (BIP152).
pub const COMPACT_BLOCKS_VERSION: i32 = 70014;
/// From this version on, `wtxidrelay` is understood (BIP339).
pub const WTXID_RELAY_VERSION: i32 = 70016;
/// From this version on, `feature` is understood (BIP434).
pub const FEATURE_VERSION: i32 = 70017;

/// The longest payload of a message, in bytes.
pub const MAX_PAYLOAD: usize = 4_000_000;
/// The most entries of an `inv` or `getdata`.
pub const MAX_INVENTORY: usize = 50_000;
/// The most headers of a `headers`.
pub const MAX_HEADERS: usize = 2_000;
/// The most addresses of an `addr` or `addrv2`.
pub const MAX_ADDRESSES: usize = 1_000;
/// The most hashes of a locator.
pub const MAX_LOCATOR: usize = 101;
/// The longest user agent, in bytes.
pub const MAX_USER_AGENT: usize = 256;
/// The version of compact blocks that is spoken: short ids are of wtxids.
pub const COMPACT_BLOCKS_WITH_WITNESS: u64 = 2;
/// The type of BIP158's basic block filters.
pub const BASIC_FILTER_TYPE: u8 = 0;
