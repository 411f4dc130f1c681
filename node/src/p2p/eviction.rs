//! Which inbound peer makes room for the next one when all slots are taken.
//!
//! The choice is Core's (`node/eviction.cpp`): peers are protected for several things that are hard to fake, each
//! by a fixed number, then half of the rest for how long they have been connected, with a part of that kept for
//! networks that are slower than others. Of what is left, the youngest peer of the network group with the most
//! peers goes. An attacker who wants all slots has to beat the honest peers at everything at once.

use super::net_address::Network;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// What is known of a peer that might have to go.
#[derive(Debug, Clone, Copy)]
pub struct Candidate {
    /// The peer.
    pub id: u64,
    /// Whether the peer connected to us; others are never chosen.
    pub inbound: bool,
    /// Whether the peer has the permission not to be disconnected.
    pub noban: bool,
    /// When the connection was made. Any unit, the same for all candidates; more is later.
    pub connected: i64,
    /// The shortest ping, in microseconds; `i64::MAX` if there was none.
    pub min_ping: i64,
    /// When the peer last gave us a block that was new and valid; seconds since 1970, 0 for never.
    pub last_block: i64,
    /// When the peer last gave us a transaction that entered the pool; seconds since 1970, 0 for never.
    pub last_tx: i64,
    /// Whether the peer has the services that we want of a peer.
    pub relevant_services: bool,
    /// Whether the peer takes transactions.
    pub relays_txs: bool,
    /// Whether the peer has set a bloom filter.
    pub bloom_filter: bool,
    /// The peer's network group, hashed with a secret of ours.
    pub group: u64,
    /// Whether the peer is to go rather than others, for it was discouraged.
    pub prefer: bool,
    /// Whether the peer connects from this machine.
    pub local: bool,
    /// The network that the peer connected through.
    pub network: Network,
}

/// The peer to disconnect, `None` if all are protected.
pub fn select(mut candidates: Vec<Candidate>) -> Option<u64> {
    candidates.retain(|peer| peer.inbound && !peer.noban);

    // Nobody knows which groups the secret puts last.
    protect_last(&mut candidates, 4, |peer| peer.group, |_| true);
    // Nobody is closer than they are.
    protect_last(&mut candidates, 8, |peer| Reverse(peer.min_ping), |_| true);
    protect_last(
        &mut candidates,
        4,
        |peer| (peer.last_tx, peer.relays_txs, !peer.bloom_filter, Reverse(peer.connected)),
        |_| true,
    );
    // Peers that take blocks only, so that those that take transactions don't have all the slots.
    protect_last(
        &mut candidates,
        8,
        |peer| (!peer.relays_txs, peer.last_block, peer.relevant_services, Reverse(peer.connected)),
        |peer| !peer.relays_txs && peer.relevant_services,
    );
    protect_last(
        &mut candidates,
        4,
        |peer| (peer.last_block, peer.relevant_services, Reverse(peer.connected)),
        |_| true,
    );
    protect_by_ratio(&mut candidates);

    if candidates.iter().any(|peer| peer.prefer) {
        candidates.retain(|peer| peer.prefer);
    }
    youngest_of_the_largest_group(&candidates)
}

/// Takes out of the last `count` candidates, ordered by `key`, those that `applies` to.
fn protect_last<K: Ord>(
    candidates: &mut Vec<Candidate>,
    count: usize,
    key: impl Fn(&Candidate) -> K,
    applies: impl Fn(&Candidate) -> bool,
) {
    candidates.sort_by_key(key);
    let from = candidates.len().saturating_sub(count);
    let mut at = 0;
    candidates.retain(|peer| {
        let kept = at < from || !applies(peer);
        at += 1;
        kept
    });
}

/// What a peer can be disadvantaged by: it shows longer pings than it would have without.
#[derive(Clone, Copy)]
enum Disadvantage {
    Network(Network),
    /// Onion services that are configured by hand look like this.
    Localhost,
}

impl Disadvantage {
    fn of(self, peer: &Candidate) -> bool {
        match self {
            Self::Network(network) => peer.network == network,
            Self::Localhost => peer.local,
        }
    }
}

/// Protects the half of the candidates that have been connected the longest, where up to half of that half are
/// the longest connected ones of the disadvantaged networks. Leaves the youngest first.
fn protect_by_ratio(candidates: &mut Vec<Candidate>) {
    let initial = candidates.len();
    let protect = initial / 2;
    let protect_by_network = protect / 2;

    let mut networks = [
        Disadvantage::Network(Network::Cjdns),
        Disadvantage::Network(Network::I2p),
        Disadvantage::Localhost,
        Disadvantage::Network(Network::Onion),
    ]
    .map(|network| (network, candidates.iter().filter(|peer| network.of(peer)).count()));
    // Slots that one network leaves go to those with the fewest peers first.
    networks.sort_by_key(|(_, count)| *count);

    let mut protected = 0;
    while protected < protect_by_network {
        let present = networks.iter().filter(|(_, count)| *count > 0).count();
        if present == 0 {
            break;
        }
        let each = ((protect_by_network - protected) / present).max(1);
        let before_all = protected;
        for (network, count) in networks.iter_mut().filter(|(_, count)| *count > 0) {
            let (network, before) = (*network, candidates.len());
            protect_last(
                candidates,
                each,
                |peer| (network.of(peer), Reverse(peer.connected)),
                |peer| network.of(peer),
            );
            let taken = before - candidates.len();
            protected += taken;
            *count -= taken;
            if protected >= protect_by_network {
                break;
            }
        }
        if protected == before_all {
            break;
        }
    }
    protect_last(candidates, protect - protected, |peer| Reverse(peer.connected), |_| true);
}

/// The first candidate, youngest first, of the group that has the most; of groups as large as each other, the one
/// whose youngest is youngest.
fn youngest_of_the_largest_group(candidates: &[Candidate]) -> Option<u64> {
    let mut groups: BTreeMap<u64, (usize, &Candidate)> = BTreeMap::new();
    let mut largest: Option<(usize, &Candidate)> = None;
    for peer in candidates {
        let group = groups.entry(peer.group).or_insert((0, peer));
        group.0 += 1;
        let (size, youngest) = *group;
        if largest.is_none_or(|(most, of)| (size, youngest.connected) > (most, of.connected)) {
            largest = Some((size, youngest));
        }
    }
    largest.map(|(_, youngest)| youngest.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Peers whose order is different for every seed, with nothing that protects one of them.
    fn candidates(count: u64, seed: u64, setup: impl Fn(&mut Candidate)) -> Vec<Candidate> {
        let mut peers: Vec<_> = (0..count)
            .map(|id| {
                let mut peer = Candidate {
                    id,
                    inbound: true,
                    noban: false,
                    connected: id as i64,
                    min_ping: i64::MAX,
                    last_block: 0,
                    last_tx: 0,
                    relevant_services: false,
                    relays_txs: false,
                    bloom_filter: false,
                    group: id,
                    prefer: false,
                    local: false,
                    network: Network::Ipv4,
                };
                setup(&mut peer);
                peer
            })
            .collect();
        peers.sort_by_key(|peer| (peer.id + 1).wrapping_mul(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1));
        peers
    }

    /// Whether exactly the peers of `protected` are protected by how long they are connected and by network.
    fn assert_protected(count: u64, setup: impl Fn(&mut Candidate), protected: &[u64]) {
        for seed in 0..5 {
            let mut peers = candidates(count, seed, &setup);
            protect_by_ratio(&mut peers);
            let left: BTreeSet<_> = peers.iter().map(|peer| peer.id).collect();
            let gone: Vec<_> = (0..count).filter(|id| !left.contains(id)).collect();
            assert_eq!(gone, protected);
            assert!(peers.is_sorted_by_key(|peer| Reverse(peer.connected)));
        }
    }

    #[test]
    fn half_are_protected_by_uptime() {
        assert_protected(12, |_| (), &[0, 1, 2, 3, 4, 5]);
        assert_protected(12, |peer| peer.connected = 12 - peer.id as i64, &[6, 7, 8, 9, 10, 11]);
        assert_protected(7, |_| (), &[0, 1, 2]);
        assert_protected(1, |_| (), &[]);
    }

    #[test]
    fn a_quarter_are_protected_by_network() {
        let one = |network: Network, ids: &'static [u64]| {
            move |peer: &mut Candidate| {
                if ids.contains(&peer.id) {
                    peer.network = network;
                }
            }
        };
        for network in [Network::Onion, Network::I2p, Network::Cjdns] {
            assert_protected(12, one(network, &[3, 8, 9, 10, 11]), &[0, 1, 2, 3, 8, 9]);
            assert_protected(12, one(network, &[9]), &[0, 1, 2, 3, 4, 9]);
        }
        assert_protected(12, |peer| peer.local = peer.id > 6, &[0, 1, 2, 7, 8, 9]);
    }

    /// The networks of Core's scenarios, by peer.
    fn by_network(
        local: &'static [u64],
        onion: &'static [u64],
        i2p: &'static [u64],
        cjdns: &'static [u64],
    ) -> impl Fn(&mut Candidate) {
        move |peer| {
            peer.local = local.contains(&peer.id);
            for (ids, network) in [(cjdns, Network::Cjdns), (i2p, Network::I2p), (onion, Network::Onion)] {
                if ids.contains(&peer.id) {
                    peer.network = network;
                }
            }
        }
    }

    #[test]
    fn networks_share_their_slots() {
        assert_protected(4, by_network(&[3], &[2], &[], &[]), &[0, 3]);
        assert_protected(7, by_network(&[6], &[5], &[], &[]), &[0, 1, 6]);
        assert_protected(8, by_network(&[6], &[5], &[], &[]), &[0, 1, 5, 6]);
        assert_protected(12, by_network(&[6, 9, 11], &[7, 8, 10], &[], &[]), &[0, 1, 2, 6, 7, 9]);
        assert_protected(12, by_network(&[5, 6, 7, 8], &[10], &[], &[]), &[0, 1, 2, 5, 6, 10]);
        let sixteen = by_network(&[11, 12, 13, 14, 15], &[10], &[], &[]);
        assert_protected(16, sixteen, &[0, 1, 2, 3, 10, 11, 12, 13]);
        let sixteen = by_network(&[15], &[7, 8, 9, 10], &[], &[]);
        assert_protected(16, sixteen, &[0, 1, 2, 3, 7, 8, 9, 15]);
        assert_protected(12, by_network(&[], &[8, 10], &[6, 9, 11], &[]), &[0, 1, 2, 6, 8, 10]);
        assert_protected(7, by_network(&[4], &[5], &[6], &[]), &[0, 1, 6]);
        assert_protected(8, by_network(&[6], &[4], &[5], &[]), &[0, 1, 5, 6]);
        let sixteen = by_network(&[6, 12, 13, 14, 15], &[9, 10], &[7, 11], &[]);
        assert_protected(16, sixteen, &[0, 1, 2, 3, 6, 7, 9, 11]);
        let many = by_network(&[12], &[23], &[15, 16, 17, 18, 19, 20, 21, 22], &[]);
        assert_protected(24, many, &[0, 1, 2, 3, 4, 5, 12, 15, 16, 17, 18, 23]);
        // With all four, those of one count are served in the order CJDNS, I2P, localhost, onion.
        assert_protected(5, by_network(&[3], &[4], &[1], &[2]), &[0, 2]);
        let four = by_network(&[15], &[6, 12, 13, 14], &[7, 10], &[9]);
        assert_protected(16, four, &[0, 1, 2, 3, 6, 7, 9, 15]);
    }

    #[test]
    fn few_peers_are_all_protected() {
        // 4 by group, 8 by ping, 4 by transactions and 4 by blocks.
        for count in 0..=20 {
            assert_eq!(select(candidates(count, 1, |_| ())), None, "{count} peers");
        }
        assert!(select(candidates(29, 1, |peer| peer.relays_txs = true)).is_some());
        assert_eq!(select(candidates(100, 1, |peer| peer.noban = true)), None);
        assert_eq!(select(candidates(100, 1, |peer| peer.inbound = false)), None);
    }

    /// Whether none of `protected` of 100 peers is ever chosen.
    fn assert_never_chosen(setup: impl Fn(&mut Candidate), protected: std::ops::Range<u64>) {
        for seed in 0..6 {
            let mut peers = candidates(100, seed, |peer| {
                peer.relays_txs = true;
                peer.connected = (peer.id * 7919 % 101) as i64;
                setup(peer);
            });
            // Whoever is chosen leaves, and the next one is chosen.
            while let Some(id) = select(peers.clone()) {
                assert!(!protected.contains(&id), "{id} of {} peers", peers.len());
                peers.retain(|peer| peer.id != id);
            }
            assert!(peers.len() < 30, "{} peers protect each other", peers.len());
        }
    }

    #[test]
    fn each_merit_protects() {
        assert_never_chosen(
            |peer| peer.group = if peer.id < 4 { u64::MAX - peer.id } else { peer.id % 10 },
            0..4,
        );
        assert_never_chosen(|peer| peer.min_ping = peer.id as i64, 0..8);
        assert_never_chosen(|peer| peer.last_tx = 1_000 - peer.id as i64, 0..4);
        assert_never_chosen(|peer| peer.last_block = 1_000 - peer.id as i64, 0..4);
        assert_never_chosen(
            |peer| {
                peer.relevant_services = true;
                peer.relays_txs = peer.id >= 8;
                peer.last_block = 1_000 - peer.id as i64;
            },
            0..12,
        );
    }

    #[test]
    fn the_youngest_of_the_largest_group_goes() {
        let peer = |id, group, connected| Candidate { id, group, connected, ..candidates(1, 0, |_| ())[0] };
        // Youngest first, as it is called.
        let peers = [peer(1, 7, 90), peer(2, 8, 80), peer(3, 8, 70), peer(4, 7, 60), peer(5, 9, 50)];
        assert_eq!(youngest_of_the_largest_group(&peers), Some(1));
        let peers = [peer(1, 7, 90), peer(2, 8, 80), peer(3, 8, 70)];
        assert_eq!(youngest_of_the_largest_group(&peers), Some(2));
        assert_eq!(youngest_of_the_largest_group(&[]), None);
    }

    #[test]
    fn discouraged_peers_go_first() {
        for id in 56..96 {
            // The last four are protected by group, the first 56 by ping, time and uptime.
            let chosen = select(candidates(100, id, |peer| {
                peer.min_ping = peer.id as i64;
                peer.prefer = peer.id == id;
            }));
            assert_eq!(chosen, Some(id));
        }
        let chosen = select(candidates(100, 1, |peer| {
            peer.min_ping = peer.id as i64;
            peer.prefer = peer.id == 3;
        }));
        assert_eq!(chosen, Some(95), "a discouraged peer is protected as others are");
    }
}
