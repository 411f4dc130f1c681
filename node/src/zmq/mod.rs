//! Core's ZeroMQ notifications (`-zmqpubhashblock` and its kin), as the plugin `zmq`: whoever subscribes hears of every
//! block and transaction, in the order in which they happened to the node.
//!
//! A message has three parts: the topic, the body, and four bytes that count the messages of this notification, so that
//! a subscriber sees when it has missed some. Nobody is asked who he is; the node listens only where it is told to.
//!
//! - `endpoint` is an address, and listening at it,
//! - `zmtp` is the protocol's bytes (ZMTP 3.1, mechanism NULL),
//! - `subscriber` is one subscriber and what waits for it,
//! - `publisher` is the socket of one address: who subscribes there, and sending to all of them,
//! - `connection` talks with one subscriber,
//! - `notifiers` makes messages of what happens,
//! - `plugin` starts it all, shows what it does, and stops it.
//!
//! Nothing here is waited for by the node. A subscriber that does not read has as many messages waiting as the high-water
//! mark says, and misses those that come meanwhile, as with every PUB socket; all that waits for all of them is bounded
//! in bytes, too ([`publisher::MAX_WAITING`]): beyond it, whoever has most waiting is left. When the plugin itself falls
//! behind so far that events are lost, the counters skip as many numbers.
//!
//! The `PubSocket` of the crate `zeromq` is not used, because its mark is fixed at 100,000 messages (of up to 4 MB here),
//! and neither the frames nor the subscriptions that it takes from a subscriber have a bound.

mod connection;
mod endpoint;
mod notifiers;
mod plugin;
mod publisher;
mod subscriber;
#[cfg(test)]
mod tests;
mod zmtp;

pub use endpoint::{Endpoint, EndpointError};
pub use plugin::{ZmqError, ZmqPlugin};
pub use publisher::MAX_SUBSCRIBERS;

/// The messages that wait for a subscriber at most, where no option says otherwise (Core's `DEFAULT_ZMQ_SNDHWM`).
pub const DEFAULT_HIGH_WATER_MARK: u32 = 1000;

/// What is published.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Topic {
    /// The hash of each new tip.
    HashBlock,
    /// The identifier of each transaction that comes into the mempool, into the chain, or out of it.
    HashTx,
    /// The bytes of each new tip's block.
    RawBlock,
    /// The bytes of the transactions of `HashTx`.
    RawTx,
    /// Blocks that come and go, and transactions that come into the mempool and leave it otherwise than in a block.
    Sequence,
}

impl Topic {
    /// All of them, in the order of Core's list.
    pub const ALL: [Self; 5] = [Self::HashBlock, Self::HashTx, Self::RawBlock, Self::RawTx, Self::Sequence];

    /// The first part of its messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::HashBlock => "hashblock",
            Self::HashTx => "hashtx",
            Self::RawBlock => "rawblock",
            Self::RawTx => "rawtx",
            Self::Sequence => "sequence",
        }
    }
}

/// One topic at one address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Notification {
    /// What is published.
    pub topic: Topic,
    /// Where.
    pub endpoint: Endpoint,
    /// How many messages may wait for a subscriber; 0 for any number. An address has the mark of the first of its
    /// topics.
    pub high_water_mark: u32,
}
