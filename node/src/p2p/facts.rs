//! What the message thread tells the interfaces about a peer.

use super::net_address::NetAddress;
use super::wire::ServiceFlags;

/// What is known of a peer, as of the last message that was taken from it. Times are seconds since 1970 by the
/// node's clock unless they say otherwise, 0 for never; heights are -1 for unknown.
#[derive(Debug, Clone, Default)]
pub struct PeerFacts {
    /// The version it offered; 0 before its version message.
    pub version: i32,
    /// The services it offers.
    pub services: ServiceFlags,
    /// Its user agent, with nothing unsafe in it.
    pub subversion: String,
    /// The height that it started with.
    pub starting_height: i32,
    /// By how many seconds its clock is ahead of ours.
    pub time_offset: i64,
    /// Whether both have said hello.
    pub handshake_done: bool,
    /// Our address as the peer sees it.
    pub local_address: Option<NetAddress>,
    /// Whether it wants to hear of transactions.
    pub relays_txs: bool,
    /// The rate below which it wants to hear of none, in satoshis per 1000 virtual bytes.
    pub min_fee_filter: i64,
    /// Transactions that wait to be announced to it.
    pub inv_to_send: usize,
    /// The mempool's sequence number when it was last told of new transactions; 0 if it is told of none.
    pub last_inv_sequence: u64,
    /// The height of the best block that it is known to have.
    pub synced_headers: i32,
    /// The height of the last block that both have.
    pub synced_blocks: i32,
    /// The height up to which its headers have been looked at without being kept.
    pub presynced_headers: i32,
    /// The heights of blocks that are being fetched from it.
    pub inflight: Vec<u32>,
    /// When it last sent a block that was new and valid.
    pub last_block: i64,
    /// When it last sent a transaction that was new and taken.
    pub last_transaction: i64,
    /// The last time that a ping took, in microseconds.
    pub ping_time: Option<i64>,
    /// The shortest time that a ping took, in microseconds.
    pub min_ping: Option<i64>,
    /// When the ping was sent that has no answer yet, in microseconds since 1970.
    pub ping_sent: Option<i64>,
    /// Whether addresses are relayed with it.
    pub addr_relay: bool,
    /// Addresses that were taken from it.
    pub addr_processed: u64,
    /// Addresses that were not, because it sent too many.
    pub addr_rate_limited: u64,
    /// Whether we asked it for compact blocks unasked (BIP152's high bandwidth).
    pub high_bandwidth_to: bool,
    /// Whether it asked us for those.
    pub high_bandwidth_from: bool,
    /// Whether the peer relayed a block or is protected for it, for eviction.
    pub last_block_announcement: i64,
}
