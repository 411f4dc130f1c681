//! The protocol: what messages mean, and what is sent when.
//!
//! [`Protocol`] belongs to one thread, `msghand`, and nobody else touches it: everything here is plain data without
//! locks. The thread goes round the peers; at each it takes one message, does all that follows from it, and runs one
//! send cycle. So a `pong` leaves only after everything that came before its `ping` has been done, blocks connected
//! and log lines written included, and what one peer sends cannot starve the others.
//!
//! While a peer is served it is taken out of [`Protocol::peers`] and passed beside it: `peers` are the *others* then.
//! All times come from the node's [`Clock`](crate::clock::Clock), so that tests can stop and move them.

mod addresses;
mod announce;
mod authentication;
mod behind;
mod blocks;
mod compact;
mod dispatch;
mod download;
mod extra_peers;
mod filters;
mod handshake;
mod headers;
mod inactivity;
mod inventory;
mod lead;
mod locator;
mod misbehaviour;
mod peer;
mod ping;
mod presync;
mod serve;
mod thread;
mod txs;

pub use lead::Limits as HeaderLimits;
pub use peer::Peer;
pub use thread::{MessageThread, ProtocolHandle};
pub use txs::OrphanInfo;

use super::connection::Network;
use super::kind::PeerId;
use crate::chain::{BlockEntry, ChainHandle, Snapshot};
use crate::clock::Clock;
use crate::index::BlockFilters;
use addresses::AddressRelay;
use blocks::{BlockSources, ChainEvent};
use chaincore_consensus::BlockHash;
use compact::CompactBlocks;
use download::Downloads;
use extra_peers::ExtraPeers;
use headers::HeadersSync;
use lead::Lead;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use txs::Txs;

/// A second, in the microseconds that all times here are.
pub(super) const SECOND: i64 = 1_000_000;

/// The state of the protocol.
pub struct Protocol {
    network: Arc<Network>,
    chain: ChainHandle,
    clock: Clock,
    rng: StdRng,
    /// The peers, without the one that is being served.
    peers: BTreeMap<PeerId, Peer>,
    headers: HeadersSync,
    lead: Lead,
    downloads: Downloads,
    block_sources: BlockSources,
    auth_failures: authentication::FailureLog,
    compact: CompactBlocks,
    /// What light clients are served from.
    filters: Option<BlockFilters>,
    /// What the writer reports while it works.
    events: mpsc::Receiver<ChainEvent>,
    events_in: mpsc::Sender<ChainEvent>,
    /// The tip that peers have last been told of.
    announced: Arc<BlockEntry>,
    /// Blocks that the peers are to be told of at the next round, the oldest first.
    news: Vec<Arc<BlockEntry>>,
    /// When the tip last changed, in seconds.
    last_tip_update: i64,
    txs: Txs,
    addresses: AddressRelay,
    extra_peers: ExtraPeers,
}

impl Protocol {
    /// A node without peers.
    pub fn new(network: Arc<Network>, chain: ChainHandle, filters: Option<BlockFilters>) -> Self {
        let clock = network.clock().clone();
        let (events_in, events) = ChainEvent::channel(&network, &chain);
        Self {
            announced: chain.snapshot().tip().clone(),
            last_tip_update: clock.now(),
            txs: Txs::new(chain.snapshot().tip().clone()),
            lead: Lead::new(network.options().headers_ahead),
            network,
            chain,
            clock,
            rng: StdRng::from_rng(&mut rand::rng()),
            peers: BTreeMap::new(),
            headers: HeadersSync::default(),
            downloads: Downloads::default(),
            block_sources: BlockSources::default(),
            auth_failures: authentication::FailureLog::default(),
            compact: CompactBlocks::default(),
            filters,
            events,
            events_in,
            news: Vec::new(),
            addresses: AddressRelay::default(),
            extra_peers: ExtraPeers::default(),
        }
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        self.chain.snapshot()
    }

    fn entry(&self, hash: &BlockHash) -> Option<Arc<BlockEntry>> {
        self.chain.entry(hash)
    }

    fn random_u32(&mut self) -> u32 {
        self.rng.next_u32()
    }

    fn random_u64(&mut self) -> u64 {
        self.rng.next_u64()
    }

    /// Seconds by the node's clock.
    fn now(&self) -> i64 {
        self.clock.now()
    }

    /// Microseconds by the node's clock.
    fn now_micros(&self) -> i64 {
        self.clock.now_micros()
    }

    /// Whether block files are being taken in: peers' blocks and headers are not looked at meanwhile.
    fn is_importing(&self) -> bool {
        self.chain.status().is_importing()
    }
}
