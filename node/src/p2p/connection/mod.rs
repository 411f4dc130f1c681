//! Connections: sockets, framing, queues and counting; nothing here knows what a message means.
//!
//! Each peer has a reader task and a writer task. The reader takes frames off the socket, decodes them and puts
//! them into the peer's [`Inbox`]; the writer sends what is in its [`Outbox`]. Both queues are bounded by bytes: a
//! full inbox stops the reader (and by that the peer), and the message thread does not take up anything for a peer
//! whose outbox is full.

mod counters;
mod dial;
mod inbox;
mod link;
mod listener;
mod network;
mod outbox;
mod session;
mod strangers;
mod unfinished;
mod upload;

pub use counters::{ByMessage, Counters, Totals};
pub use dial::ConnectError;
pub use inbox::{Inbox, Received};
pub use link::PeerLink;
pub use listener::{BoundAddress, listen};
pub use network::Network;
pub use outbox::Outbox;
pub use upload::{TIMEFRAME, UploadTarget};
#[cfg(test)]
pub(in crate::p2p) use {network::MAX_UNFINISHED, strangers::PLACES as STRANGERS};
