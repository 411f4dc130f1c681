//! Whom fresh addresses are passed on to.

use crate::p2p::kind::PeerId;
use crate::p2p::net_address::NetAddress;
use crate::p2p::processing::{Peer, Protocol};
use crate::p2p::wire::PeerAddress;

/// How long an address goes to the same peers, in seconds.
const ROTATION: u64 = 24 * 60 * 60;

/// The one or two of the peers that hear of an address now (the choice of Core's `RelayAddress`): the same ones for a
/// day, if the peers stay, by a hash that nobody outside can foresee. An address that this node could call goes to two,
/// others to one or two.
fn choose(
    peers: impl Iterator<Item = PeerId>,
    address: &NetAddress,
    is_reachable: bool,
    now: i64,
    hash: impl Fn(&[u8]) -> u64,
) -> Vec<PeerId> {
    let of_address = hash(&address.key());
    // Each address has its own midnight.
    let day = now.unsigned_abs().wrapping_add(of_address % ROTATION) / ROTATION;
    let seed = [of_address.to_le_bytes(), day.to_le_bytes()].concat();
    let count = if is_reachable || hash(&seed) & 1 == 1 { 2 } else { 1 };
    let mut ranked: Vec<(u64, PeerId)> =
        peers.map(|id| (hash(&[&seed[..], &id.0.to_le_bytes()].concat()), id)).collect();
    ranked.sort_unstable_by(|one, other| other.cmp(one));
    ranked.into_iter().take(count).map(|(_, id)| id).collect()
}

impl Peer {
    /// Whether the peer understands a message that holds an address.
    pub(super) fn takes_address(&self, address: &NetAddress) -> bool {
        self.wants_addrv2 || address.host().is_addr_v1_compatible()
    }
}

impl Protocol {
    /// Passes on an address that the peer being served told.
    pub(super) fn relay_address(&mut self, known: &PeerAddress, is_reachable: bool) {
        if !is_reachable && !known.address.host().is_relayable() {
            return;
        }
        let takers = self
            .peers
            .values()
            .filter(|peer| peer.addresses.is_relaying() && peer.takes_address(&known.address))
            .map(Peer::id);
        let network = &self.network;
        let hash = |data: &[u8]| network.keyed_hash("address relay", data);
        for id in choose(takers, &known.address, is_reachable, self.now(), hash) {
            if let Some(peer) = self.peers.get_mut(&id) {
                peer.queue_address(*known, &mut self.rng);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::hash::sha256;
    use std::collections::BTreeSet;

    const NOW: i64 = 1_700_000_000;
    const DAY: i64 = ROTATION as i64;

    fn hash(data: &[u8]) -> u64 {
        u64::from_le_bytes(*sha256(data).first_chunk().unwrap())
    }

    fn address(n: u8) -> NetAddress {
        format!("1.2.3.{n}:8333").parse().unwrap()
    }

    fn chosen(peers: u64, n: u8, is_reachable: bool, now: i64) -> Vec<PeerId> {
        choose((0..peers).map(PeerId), &address(n), is_reachable, now, hash)
    }

    #[test]
    fn two_peers_hear_of_an_address_that_can_be_called() {
        assert!(chosen(0, 1, true, NOW).is_empty());
        assert_eq!(chosen(1, 1, true, NOW), [PeerId(0)]);
        for n in 0..50 {
            let chosen = chosen(20, n, true, NOW);
            assert_eq!(chosen.len(), 2);
            assert_ne!(chosen[0], chosen[1]);
        }
    }

    #[test]
    fn one_or_two_hear_of_others() {
        let counts: Vec<usize> = (0..100).map(|n| chosen(20, n, false, NOW).len()).collect();
        let twice = counts.iter().filter(|count| **count == 2).count();
        assert!(counts.iter().all(|count| (1..=2).contains(count)));
        assert!((30..70).contains(&twice), "{twice} of 100");
    }

    #[test]
    fn the_choice_lasts_a_day() {
        // Whatever the address's midnight: from some second on there is another choice, once a day.
        let choices: Vec<_> = (0..=48).map(|hour| chosen(1000, 7, true, NOW + hour * DAY / 24)).collect();
        let changes = choices.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert_eq!(changes, 2);
    }

    #[test]
    fn addresses_spread_over_all_peers_and_change_at_different_times() {
        let mut peers = BTreeSet::new();
        let mut at_once = 0;
        for n in 0..=255 {
            peers.extend(chosen(20, n, true, NOW));
            at_once += usize::from(chosen(20, n, true, NOW) != chosen(20, n, true, NOW + DAY / 24));
        }
        assert_eq!(peers.len(), 20);
        assert!((2..30).contains(&at_once), "{at_once} of 256 in an hour");
    }

    #[test]
    fn who_leaves_changes_nothing_for_others() {
        let before = chosen(20, 3, true, NOW);
        let others = (0..20).map(PeerId).filter(|id| *id != before[1]);
        let after = choose(others, &address(3), true, NOW, hash);
        assert_eq!(after[0], before[0]);
    }
}
