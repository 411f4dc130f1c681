//! Choosing addresses: one to connect to, some to tell others.

use super::bucket::{BUCKET_SIZE, Place, Table};
use super::entry::Choice;
use super::tables::{Id, Tables};
use crate::p2p::net_address::Network;
use crate::p2p::wire::PeerAddress;
use rand::Rng;

impl Tables {
    /// An address to connect to: one of the tried or the new ones, as likely if there are both. Those that failed
    /// or were tried a moment ago are less likely. `networks` are those that it may be of, none for any.
    pub fn select(&mut self, new_only: bool, networks: &[Network], now: i64) -> Option<Choice> {
        let of_networks = |network: Network| networks.is_empty() || networks.contains(&network);
        let count = |tables: &Self, table| {
            let counted = Network::ALL.into_iter().filter(|network| of_networks(*network));
            counted.map(|network| tables.size(Some(network), Some(table))).sum::<usize>()
        };
        let table = match (count(self, Table::New), count(self, Table::Tried)) {
            (0, _) if new_only => return None,
            (0, 0) => return None,
            (_, 0) => Table::New,
            _ if new_only => Table::New,
            (0, _) => Table::Tried,
            _ if self.random.random() => Table::Tried,
            _ => Table::New,
        };
        // Ends: there is such an address, and its bucket and then its chance come.
        let mut factor = 1.0;
        loop {
            let Some(id) = self.draw(table, of_networks) else {
                continue;
            };
            let entry = &self.entries[&id];
            if self.random.random::<f64>() < factor * entry.chance(now) {
                tracing::debug!(target: "addrman", "selected {} from {table:?}", entry.address.address);
                return Some(Choice { address: entry.address, last_try: entry.last_try });
            }
            factor *= 1.2;
        }
    }

    /// The first address of a random bucket from a random position on, if there is one of those networks. Empty buckets
    /// are not drawn: in a small book nearly all are.
    fn draw(&mut self, table: Table, of_networks: impl Fn(Network) -> bool) -> Option<Id> {
        let used = self.slots(table).used_buckets().len();
        let drawn = self.random.random_range(0..used);
        let bucket = self.slots(table).used_buckets()[drawn];
        let first = self.random.random_range(0..BUCKET_SIZE);
        (0..BUCKET_SIZE)
            .filter_map(|n| self.slots(table).get(Place { bucket, position: (first + n) % BUCKET_SIZE }))
            .find(|id| of_networks(self.entries[id].network()))
    }

    /// Random addresses, no more than `max` and `max_percent` of all, 0 for any number; of one network if it is
    /// given; none that is terrible, if they are `filtered`.
    pub fn get_addr(
        &mut self,
        max: usize,
        max_percent: usize,
        network: Option<Network>,
        filtered: bool,
        now: i64,
    ) -> Vec<PeerAddress> {
        let all = self.order.len();
        let mut wanted = all;
        if max_percent != 0 {
            wanted = max_percent.min(100) * all / 100;
        }
        if max != 0 {
            wanted = wanted.min(max);
        }
        let mut addresses = Vec::with_capacity(wanted);
        for at in 0..all {
            if addresses.len() >= wanted {
                break;
            }
            let other = self.random.random_range(at..all);
            self.swap_order(at, other);
            let entry = &self.entries[&self.order[at]];
            let of_network =
                network.is_none_or(|network| entry.address.address.host().net_class() == network);
            if of_network && !(filtered && entry.is_terrible(now)) {
                addresses.push(entry.address);
            }
        }
        addresses
    }
}
