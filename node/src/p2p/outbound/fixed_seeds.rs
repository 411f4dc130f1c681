//! Addresses that the chain's file lists, for nodes that nothing else brings any.
//!
//! Whoever wrote the list chooses our first peers, so it is the last resort: it has to wait for DNS seeds, `-seednode`
//! and `-addnode`, if there are any.

use crate::p2p::connection::Network;
use crate::p2p::net_address::{self, Host, NetAddress};
use crate::p2p::wire::{PeerAddress, ServiceFlags};
use rand::Rng;

/// How long other sources have, in seconds.
const PATIENCE: i64 = 60;
/// How old the addresses are said to be, in seconds: between one and two weeks.
const WEEK: u32 = 7 * 24 * 60 * 60;

/// The list, until it has been used.
pub(super) struct FixedSeeds {
    addresses: Option<Vec<NetAddress>>,
    /// When the search began, in seconds.
    start: i64,
    /// Whether there are other sources of addresses but for peers that the owner adds.
    has_others: bool,
}

impl FixedSeeds {
    pub fn new(network: &Network) -> Self {
        let options = network.options();
        if options.fixed_seeds.is_none() {
            tracing::info!("Fixed seeds are disabled");
        }
        Self {
            addresses: options.fixed_seeds.clone(),
            start: network.clock().now(),
            has_others: options.dns_seeding || !options.seeds.is_empty(),
        }
    }

    /// Adds those to the book that are of networks of which nothing is known, once there is no better way.
    pub fn add_if_due(&mut self, network: &Network, has_added: bool) {
        let Some(addresses) = &self.addresses else { return };
        let mut empty = network.options().reach.dialled();
        empty.retain(|one| network.book().size(Some(*one), None) == 0);
        if empty.is_empty() {
            return;
        }
        let now = network.clock().now();
        if now > self.start + PATIENCE {
            tracing::info!(
                "Adding fixed seeds as 60 seconds have passed and addrman is empty for at least one reachable network"
            );
        } else if !self.has_others && !has_added {
            tracing::info!(
                "Adding fixed seeds as -dnsseed=0 (or IPv4/IPv6 connections are disabled via -onlynet) and neither \
                 -addnode nor -seednode are provided"
            );
        } else {
            return;
        }
        let of_empty = |one: net_address::Network| empty.contains(&one);
        let chosen: Vec<PeerAddress> = addresses
            .iter()
            .filter(|address| of_empty(address.network()))
            .map(|address| PeerAddress {
                address: *address,
                services: ServiceFlags::NETWORK | ServiceFlags::WITNESS,
                time: u32::try_from(now)
                    .unwrap_or(0)
                    .saturating_sub(rand::rng().random_range(WEEK..2 * WEEK)),
            })
            .collect();
        if let Some(source) = Host::internal("fixedseeds") {
            network.book().add(&chosen, &source, 0);
        }
        self.addresses = None;
        tracing::info!("Added {} fixed seeds from reachable networks.", chosen.len());
    }
}
