//! Relaying addresses.

use super::{Peer, Protocol};

impl Protocol {
    /// Starts to exchange addresses with a peer that we called.
    pub(super) fn start_address_relay(&mut self, _: &mut Peer) {}
}
