//! DNS seeds: names whose addresses are nodes.
//!
//! They are asked only when addresses are missing: whoever answers chooses our first peers, and learns that we
//! start. So a few are asked at a time, and nobody while the book has addresses that work.

use crate::p2p::connection::Network;
use crate::p2p::kind::ConnectionKind;
use crate::p2p::net_address::Host;
use crate::p2p::wire::{PeerAddress, ServiceFlags};
use rand::Rng;
use rand::seq::SliceRandom;
use std::sync::Arc;
use std::time::Duration;

/// With so many full connections, nobody has to be asked.
const ENOUGH_CONNECTIONS: usize = 2;
/// How long peers of `-seednode` have to find others first, and how often that is looked at.
const SEED_NODES_TIME: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(500);
/// How many seeds are asked at once.
const AT_ONCE: usize = 3;
/// How long known addresses have to prove themselves before the next seeds are asked: few, or many.
const WAIT_FEW: Duration = Duration::from_secs(11);
const WAIT_MANY: Duration = Duration::from_secs(5 * 60);
const MANY: usize = 1000;
/// How many addresses one seed may tell.
const MAX_ADDRESSES: usize = 32;
const DAY: u32 = 24 * 60 * 60;

fn full_connections(network: &Network) -> usize {
    let links = network.peers();
    let is_full =
        |link: &&Arc<_>| crate::p2p::connection::PeerLink::kind(link) == ConnectionKind::OutboundFullRelay;
    links.iter().filter(is_full).filter(|link| link.facts().handshake_done).count()
}

/// Asks the seeds while addresses are missing (Core's `ThreadDNSAddressSeed`).
pub(super) async fn ask(network: Arc<Network>) {
    let enough = |network: &Network| full_connections(network) >= ENOUGH_CONNECTIONS;
    if !network.options().seeds.is_empty() {
        let looks = SEED_NODES_TIME.as_millis() / LOOK.as_millis();
        for _ in 0..looks {
            tokio::time::sleep(LOOK).await;
            if enough(&network) {
                tracing::info!("P2P peers available. Finished fetching data from seed nodes.");
                break;
            }
        }
    }
    let mut seeds = network.options().dns_seeds.clone();
    seeds.shuffle(&mut rand::rng());
    // Who knows nobody asks all, and who is told to.
    let asks_all = network.options().force_dns_seeds || network.book().size(None, None) == 0;
    let mut now = if asks_all { seeds.len() } else { 0 };
    if now == 0 && enough(&network) {
        tracing::info!("Skipping DNS seeds. Enough peers have been found");
        return;
    }
    let wait = if network.book().size(None, None) >= MANY { WAIT_MANY } else { WAIT_FEW };
    let mut found = 0;
    for seed in seeds {
        if now == 0 {
            now = AT_ONCE;
            if network.book().size(None, None) > 0 {
                tracing::info!("Waiting {} seconds before querying DNS seeds.", wait.as_secs());
                let mut waited = Duration::ZERO;
                while waited < wait {
                    tokio::time::sleep(WAIT_FEW).await;
                    waited += WAIT_FEW;
                    if enough(&network) {
                        tracing::info!("P2P peers available. Finished DNS seeding.");
                        return;
                    }
                }
            }
        }
        while !network.is_active() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        found += ask_one(&network, &seed).await;
        now -= 1;
    }
    tracing::info!("{found} addresses found from DNS seeds");
}

/// Asks a seed for nodes that have all blocks, and puts them into the book; how many there were.
async fn ask_one(network: &Network, seed: &str) -> usize {
    tracing::info!("Loading addresses from DNS seed {seed}");
    let services = ServiceFlags::NETWORK | ServiceFlags::WITNESS;
    let name = format!("x{:x}.{seed}", services.0);
    let found = network.look_up(&format!("{name}:{}", network.options().default_port)).await;
    let (Some(found), Some(source)) = (found.filter(|found| !found.is_empty()), Host::internal(&name)) else {
        // It may not know such names; then one of its nodes is asked.
        network.wishes().fetch_addresses_from(seed);
        return 0;
    };
    let now = u32::try_from(network.clock().now()).unwrap_or(0);
    let addresses: Vec<PeerAddress> = found
        .into_iter()
        .take(MAX_ADDRESSES)
        .map(|address| {
            // Nobody has heard of them just now, and what is older than others is told last.
            let age = rand::rng().random_range(3 * DAY..7 * DAY);
            PeerAddress { address, services, time: now.saturating_sub(age) }
        })
        .collect();
    network.book().add(&addresses, &source, 0);
    addresses.len()
}
