//! Addresses of nodes that other nodes' APIs tell (`peers` of `GET /getpeers`).
//!
//! They are P2P addresses of nodes that the teller has called. Whoever tells may be anybody, so few are kept, none is
//! called often, and none that the teller could not mean: an address within this machine counts only from this machine,
//! and one of a private network only from one.

use crate::p2p::net_address::NetAddress;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How many addresses are kept, and how many of one answer are looked at.
const MAX_KEPT: usize = 128;
const MAX_TOLD: usize = 32;
/// How long an address is left alone after a call.
const PAUSE: Duration = Duration::from_secs(10 * 60);

/// The addresses, with the time of the last call.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<BTreeMap<NetAddress, Option<Instant>>>);

/// Whether who is at `teller` may know of an address.
fn may_tell(teller: IpAddr, address: &NetAddress) -> bool {
    let teller = NetAddress::from(SocketAddr::new(teller, 1));
    let is_fine = address.is_valid() && address.port() != 0 && address.to_socket_addr().is_some();
    is_fine && (address.is_routable() || teller.is_local() || !teller.is_routable() && !address.is_local())
}

impl Heard {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<NetAddress, Option<Instant>>> {
        self.0.lock().expect("no one panics while holding the addresses")
    }

    /// Takes note of what a node says.
    pub(super) fn note(&self, teller: IpAddr, peers: &[String]) {
        let mut kept = self.lock();
        for text in peers.iter().take(MAX_TOLD) {
            let Ok(address) = text.parse::<NetAddress>() else { continue };
            if may_tell(teller, &address) && (kept.len() < MAX_KEPT || kept.contains_key(&address)) {
                kept.entry(address).or_default();
            }
        }
    }

    /// An address to call now, if there is one that `is_wanted`; it counts as called. One that is not wanted is
    /// forgotten: if somebody still tells of it later, it is looked at anew.
    pub(super) fn next(&self, now: Instant, is_wanted: impl Fn(&NetAddress) -> bool) -> Option<NetAddress> {
        let mut kept = self.lock();
        kept.retain(|address, called| called.is_some() || is_wanted(address));
        kept.retain(|_, called| called.is_none_or(|called| now.duration_since(called) < PAUSE));
        let next = kept.iter().find(|(_, called)| called.is_none()).map(|(address, _)| *address)?;
        kept.insert(next, Some(now));
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> NetAddress {
        text.parse().unwrap()
    }

    fn told(teller: &str, peers: &[&str]) -> Vec<String> {
        let heard = Heard::default();
        heard.note(teller.parse().unwrap(), &peers.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        let now = Instant::now();
        std::iter::from_fn(|| heard.next(now, |_| true)).map(|address| address.to_string()).collect()
    }

    #[test]
    fn nobody_tells_of_what_he_cannot_mean() {
        let (local, private, public) = ("127.0.0.1:8001", "10.0.0.7:8001", "50.1.1.1:8001");
        let nonsense = ["", "host.example:8001", "0.0.0.0:8001", "50.1.1.1:0", "http://50.1.1.1:5000"];
        let all = [&[local, private, public][..], &nonsense].concat();
        let sorted = |mut list: Vec<String>| {
            list.sort();
            list
        };
        assert_eq!(sorted(told("127.0.0.1", &all)), [private, local, public]);
        assert_eq!(sorted(told("10.0.0.2", &all)), [private, public]);
        assert_eq!(sorted(told("60.1.1.1", &all)), [public]);
    }

    #[test]
    fn few_are_kept_and_none_is_called_often() {
        let heard = Heard::default();
        for n in 0..10 {
            let peers: Vec<String> = (0..100).map(|m| format!("50.{n}.{m}.1:8001")).collect();
            heard.note("60.1.1.1".parse().unwrap(), &peers);
        }
        let now = Instant::now();
        assert_eq!(std::iter::from_fn(|| heard.next(now, |_| true)).count(), MAX_KEPT);
        let again = |now| {
            heard.note("60.1.1.1".parse().unwrap(), &["50.0.1.1:8001".to_owned()]);
            heard.next(now, |_| true)
        };
        assert_eq!(again(now + PAUSE - Duration::from_secs(1)), None);
        assert_eq!(again(now + PAUSE), None, "it is forgotten now");
        assert_eq!(again(now + PAUSE), Some(at("50.0.1.1:8001")));
        heard.note("60.1.1.1".parse().unwrap(), &["50.7.7.7:8001".to_owned()]);
        assert_eq!(heard.next(now + PAUSE, |address| *address != at("50.7.7.7:8001")), None);
    }
}
