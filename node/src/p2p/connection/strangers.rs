//! Peers of a private network that called and have not proved themselves yet.
//!
//! They have a few places of their own: whoever is nobody takes none of the members', makes no member go, and counts as
//! no peer. When those places are taken, one of them goes, of the host that has most of them the one that came first:
//! who calls again and again from one host pushes out himself, and a member is done with its proof soon.

use crate::p2p::kind::PeerId;
use crate::p2p::net_address::Host;
use std::collections::BTreeMap;

/// How many places there are.
pub(in crate::p2p) const PLACES: usize = 8;

/// Who goes so that one from `newcomer` has a place; `None` if there are places. `strangers` are in the order in which
/// they came, without those that may stay in any case.
pub(super) fn who_goes(strangers: &[(PeerId, Host)], newcomer: Host) -> Option<PeerId> {
    if strangers.len() < PLACES {
        return None;
    }
    let mut of_host: BTreeMap<Host, usize> = BTreeMap::from([(newcomer, 1)]);
    for (_, host) in strangers {
        *of_host.entry(*host).or_default() += 1;
    }
    // Of equal ones the first.
    let rank = |(id, host): &&(PeerId, Host)| (std::cmp::Reverse(of_host[host]), *id);
    strangers.iter().min_by_key(rank).map(|(id, _)| *id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u8) -> Host {
        Host::Ipv4([10, 0, 0, n])
    }

    fn strangers(hosts: [u8; PLACES]) -> Vec<(PeerId, Host)> {
        (0..).map(PeerId).zip(hosts.map(host)).collect()
    }

    #[test]
    fn nobody_goes_while_there_are_places() {
        assert_eq!(who_goes(&strangers([1; PLACES])[1..], host(1)), None);
    }

    #[test]
    fn a_host_with_many_pushes_out_its_own() {
        let many = strangers([2, 1, 1, 1, 3, 1, 1, 2]);
        assert_eq!(who_goes(&many, host(1)), Some(PeerId(1)));
        assert_eq!(who_goes(&many, host(9)), Some(PeerId(1)));
        // Whoever comes counts with his host.
        let even = strangers([1, 1, 2, 2, 3, 3, 4, 4]);
        assert_eq!(who_goes(&even, host(3)), Some(PeerId(4)));
        assert_eq!(who_goes(&even, host(9)), Some(PeerId(0)));
    }
}
