//! What the message thread, which sees the chain, wants of the task that makes connections.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

/// More peers to ask for addresses than this are never queued.
const MAX_FETCHES: usize = 256;

/// The wishes.
#[derive(Debug, Default)]
pub struct Wishes {
    uses_book: AtomicBool,
    extra_full_relay: AtomicBool,
    extra_block_relay: AtomicBool,
    fetches: Mutex<VecDeque<String>>,
}

impl Wishes {
    /// Notes that connections are made out of the address book.
    pub(super) fn use_book(&self) {
        self.uses_book.store(true, Ordering::Release);
    }

    /// Whether connections are made out of the address book (not so with `-connect`).
    pub fn uses_book(&self) -> bool {
        self.uses_book.load(Ordering::Acquire)
    }

    /// Whether one more full connection than usual is wanted, because no block has come for long.
    pub fn extra_full_relay(&self) -> bool {
        self.extra_full_relay.load(Ordering::Acquire)
    }

    /// Core's `SetTryNewOutboundPeer`.
    pub fn set_extra_full_relay(&self, wanted: bool) {
        self.extra_full_relay.store(wanted, Ordering::Release);
        tracing::debug!(target: "net", "setting try another outbound peer={wanted}");
    }

    /// Whether other peers are to be asked for their blocks from time to time.
    pub fn extra_block_relay(&self) -> bool {
        self.extra_block_relay.load(Ordering::Acquire)
    }

    /// Core's `StartExtraBlockRelayPeers`.
    pub fn start_extra_block_relay(&self) {
        tracing::debug!(target: "net", "enabling extra block-relay-only peers");
        self.extra_block_relay.store(true, Ordering::Release);
    }

    /// Queues a peer to be asked for addresses.
    pub fn fetch_addresses_from(&self, name: &str) {
        let mut fetches = self.fetches();
        if fetches.len() < MAX_FETCHES {
            fetches.push_back(name.to_owned());
        }
    }

    /// The next peer to ask for addresses.
    pub(in crate::p2p) fn next_fetch(&self) -> Option<String> {
        self.fetches().pop_front()
    }

    fn fetches(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.fetches.lock().expect("no one panics while holding the names")
    }
}
