//! The same answer for everyone who asks for addresses, for about a day.
//!
//! Whoever asks again and again would otherwise see all of our addresses, and by their changing times with whom we
//! are connected. Peers of each network that come to each of our listening addresses get an answer of their own:
//! who asks through two of them can't tell by the answers that both are us.

use crate::p2p::net_address::{NetAddress, Network};
use crate::p2p::wire::PeerAddress;
use std::collections::BTreeMap;
use std::sync::Arc;

const HOUR_MICROS: i64 = 3_600_000_000;
/// An answer is for at least 21 hours, and for up to 6 more.
const LEAST_LIFE: i64 = 21 * HOUR_MICROS;
const MORE_LIFE: i64 = 6 * HOUR_MICROS;
/// More ways in than a node has; beyond, the answer that ends first is forgotten.
const MAX_ANSWERS: usize = 64;

/// A way in to this node: the network of the peer, and the address that it connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WayIn {
    /// The peer's network; onion for what comes through our onion service.
    pub network: Network,
    /// Our side of the connection.
    pub bind: NetAddress,
}

/// The answers.
#[derive(Debug, Default)]
pub struct ResponseCache {
    answers: BTreeMap<WayIn, Answer>,
}

#[derive(Debug)]
struct Answer {
    /// In microseconds since 1970.
    until: i64,
    addresses: Arc<[PeerAddress]>,
}

impl ResponseCache {
    /// The answer for those who came that way, made anew when the last one has ended. `now_micros` is in
    /// microseconds since 1970.
    pub fn answer(
        &mut self,
        way_in: WayIn,
        now_micros: i64,
        make: impl FnOnce() -> Vec<PeerAddress>,
    ) -> Arc<[PeerAddress]> {
        if let Some(answer) = self.answers.get(&way_in)
            && now_micros <= answer.until
        {
            return answer.addresses.clone();
        }
        if self.answers.len() >= MAX_ANSWERS && !self.answers.contains_key(&way_in) {
            let first = self.answers.iter().min_by_key(|(_, answer)| answer.until).map(|(way_in, _)| *way_in);
            first.and_then(|way_in| self.answers.remove(&way_in));
        }
        let life = LEAST_LIFE + rand::random_range(0..MORE_LIFE);
        let addresses: Arc<[PeerAddress]> = make().into();
        let answer = Answer { until: now_micros.saturating_add(life), addresses: addresses.clone() };
        self.answers.insert(way_in, answer);
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::p2p::wire::ServiceFlags;

    const NOW: i64 = 1_700_000_000_000_000;

    fn way_in(network: Network, bind: &str) -> WayIn {
        WayIn { network, bind: bind.parse().unwrap() }
    }

    fn some(port: u16) -> Vec<PeerAddress> {
        let address = NetAddress::UNSPECIFIED.with_port(port);
        vec![PeerAddress { address, services: ServiceFlags::NONE, time: 1 }]
    }

    #[test]
    fn answers_last_a_day() {
        let mut cache = ResponseCache::default();
        let way = way_in(Network::Ipv4, "1.2.3.4:8333");
        assert_eq!(*cache.answer(way, NOW, || some(1)), some(1));
        assert_eq!(*cache.answer(way, NOW + 21 * HOUR_MICROS, || some(2)), some(1));
        assert_eq!(*cache.answer(way, NOW + 27 * HOUR_MICROS, || some(3)), some(3));
        assert_eq!(*cache.answer(way, NOW + 28 * HOUR_MICROS, || some(4)), some(3));
    }

    #[test]
    fn each_way_in_has_its_own() {
        let mut cache = ResponseCache::default();
        let ways = [
            way_in(Network::Ipv4, "1.2.3.4:8333"),
            way_in(Network::Ipv6, "1.2.3.4:8333"),
            way_in(Network::Ipv4, "1.2.3.5:8333"),
            way_in(Network::Ipv4, "1.2.3.4:8334"),
        ];
        for (port, way) in (0..).zip(ways) {
            cache.answer(way, NOW, || some(port));
        }
        for (port, way) in (0..).zip(ways) {
            assert_eq!(*cache.answer(way, NOW + 1, || some(99)), some(port));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut cache = ResponseCache::default();
        for port in 0..500 {
            let bind = NetAddress::UNSPECIFIED.with_port(port);
            cache.answer(WayIn { network: Network::Onion, bind }, NOW + i64::from(port), || some(port));
        }
        assert_eq!(cache.answers.len(), MAX_ANSWERS);
    }
}
