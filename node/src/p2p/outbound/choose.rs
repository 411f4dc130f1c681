//! Choosing whom to call (the inner loop of Core's `ThreadOpenConnections`).

use super::added::Added;
use super::bad_ports::is_bad_port;
use super::{desirable_services, may_know_addresses};
use crate::chain::ChainHandle;
use crate::p2p::address_book::Choice;
use crate::p2p::connection::Network;
use crate::p2p::kind::ConnectionKind;
use crate::p2p::net_address;
use crate::p2p::wire::{PeerAddress, ServiceFlags};
use std::collections::BTreeSet;

/// How many addresses are looked at before a later attempt has to find one.
const MAX_TRIES: usize = 100;
/// From the how many-th address on some that are not so good will do.
const TRIES_BEFORE_RECENT: usize = 30;
const TRIES_BEFORE_BAD_PORTS: usize = 50;
/// An address that was tried a shorter time ago, in seconds, is left alone if there are others.
const RECENT: i64 = 10 * 60;
/// And one that was tried a shorter time ago is left alone even if there are no others: who knows few addresses must
/// not call them all the time.
const JUST_NOW: i64 = 30;

/// What the choice depends on.
pub(super) struct Chooser<'a> {
    pub network: &'a Network,
    pub chain: &'a ChainHandle,
    pub added: &'a Added,
    /// The groups of the peers that we called already: one of each is enough.
    pub groups: &'a BTreeSet<Vec<u8>>,
}

impl Chooser<'_> {
    /// An address of the book to make a connection of this kind to; of one network, if that is `preferred`.
    pub fn choose(
        &self,
        kind: ConnectionKind,
        preferred: Option<net_address::Network>,
    ) -> Option<PeerAddress> {
        let is_feeler = kind == ConnectionKind::Feeler;
        let now = self.network.clock().now();
        let reach = self.network.options().reach;
        let dialled = reach.dialled();
        if dialled.is_empty() {
            return None;
        }
        let networks = preferred.as_ref().map_or(&dialled[..], std::slice::from_ref);
        self.network.book().resolve_collisions();
        for tries in 1..=MAX_TRIES {
            let Choice { address: known, last_try } =
                if is_feeler { self.feeler(&dialled) } else { self.network.book().select(false, networks) }?;
            let address = known.address;
            if !is_feeler && self.groups.contains(&address.group()) {
                continue;
            }
            if !address.is_valid() || self.network.local().contains(&address) {
                return None;
            }
            let ago = now.saturating_sub(last_try);
            let is_recent = ago < if tries < TRIES_BEFORE_RECENT { RECENT } else { JUST_NOW };
            let is_bad = is_bad_port(address.port()) && tries < TRIES_BEFORE_BAD_PORTS;
            let offers =
                if is_feeler { may_know_addresses(known.services) } else { self.is_useful(known.services) };
            if !reach.contains(address.network()) || is_recent || is_bad || !offers {
                continue;
            }
            // What is refused later anyway must not take the turn of others.
            let (host, bans) = (address.host(), self.network.bans());
            let is_refused = bans.is_banned(&host) || bans.is_discouraged(&host);
            if is_refused || self.network.is_connected_to_host(&address) {
                continue;
            }
            if self.added.contains(&address) {
                tracing::debug!(
                    target: "net",
                    "Not making automatic {}{} connection to {} peer selected for manual (addnode) connection: \
                     {address}",
                    if preferred.is_some() { "network-specific " } else { "" },
                    kind.name(),
                    address.network()
                );
                continue;
            }
            return Some(known);
        }
        None
    }

    /// Whether a node with these services is worth a lasting connection.
    pub fn is_useful(&self, services: ServiceFlags) -> bool {
        services.contains(desirable_services(services, self.chain, self.network.clock().now()))
    }

    /// An address to be tested: one that another waits for to be given up, or one that was never connected to.
    fn feeler(&self, dialled: &[net_address::Network]) -> Option<Choice> {
        let book = self.network.book();
        match book.select_tried_collision() {
            Some(choice) if self.network.is_connected_to_host(&choice.address.address) => {
                // It can't be called again, and is there.
                book.good(&choice.address.address);
                book.select(true, dialled)
            }
            Some(choice) => Some(choice),
            None => book.select(true, dialled),
        }
    }
}
