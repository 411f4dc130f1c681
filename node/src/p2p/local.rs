//! At which addresses this node itself can be reached, as far as it knows: what it tells peers, and whom it never
//! calls.
//!
//! An address is known because the owner said it, because the node listens there, or because peers see the node
//! there. Nothing is told to peers unless the node listens.

use super::net_address::{Host, NetAddress, Network};
use super::reach::Reach;
use rand::Rng;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard};

/// How sure an address is (Core's `LOCAL_BIND` and `LOCAL_MANUAL`): it grows by one with every peer that sees it.
pub const SCORE_BOUND: u32 = 2;
/// See [`SCORE_BOUND`].
pub const SCORE_NAMED: u32 = 4;

/// More addresses than any node has.
const MAX_ADDRESSES: usize = 256;

/// The node's own addresses.
#[derive(Debug)]
pub struct LocalAddresses {
    listens: bool,
    /// Whether what peers see may be taken for an address that others can reach too.
    learns: bool,
    port: u16,
    reach: Reach,
    known: Mutex<BTreeMap<Host, (u16, u32)>>,
}

/// Whom an address would be told.
#[derive(Debug, Clone, Copy)]
pub struct Listener {
    /// Where the peer is.
    pub address: NetAddress,
    /// The network that it came through.
    pub network: Network,
    /// Whether it called.
    pub is_inbound: bool,
    /// Where it sees this node.
    pub sees_us_at: Option<NetAddress>,
}

impl LocalAddresses {
    /// None yet; of networks beyond `reach` only those that the owner names are taken. `listens` says whether any are told, `learns` whether peers are asked where they see the node, and
    /// `port` where they would find it there.
    pub fn new(listens: bool, learns: bool, port: u16, reach: Reach) -> Self {
        Self { listens, learns, port, reach, known: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Host, (u16, u32)>> {
        self.known.lock().expect("no one panics while holding the addresses")
    }

    /// Adds an address that the owner named, of whatever network.
    pub fn add_named(&self, address: NetAddress) {
        self.add_any(address, SCORE_NAMED);
    }

    /// Adds an address; one that is not routable, or not on a network of ours, is of no use.
    pub fn add(&self, address: NetAddress, score: u32) {
        if self.reach.contains(address.network()) {
            self.add_any(address, score);
        }
    }

    fn add_any(&self, address: NetAddress, score: u32) {
        let mut known = self.lock();
        if !address.is_routable() || !known.contains_key(&address.host()) && known.len() >= MAX_ADDRESSES {
            return;
        }
        tracing::info!("AddLocal({address},{score})");
        let is_known = known.contains_key(&address.host());
        let entry = known.entry(address.host()).or_insert((address.port(), score));
        if is_known && score >= entry.1 {
            *entry = (address.port(), score.saturating_add(1));
        }
    }

    /// Notes that a peer has found the node at an address.
    pub fn seen(&self, address: &NetAddress) {
        if let Some((_, score)) = self.lock().get_mut(&address.host()) {
            *score = score.saturating_add(1);
        }
    }

    /// Whether an address is this node's own.
    pub fn contains(&self, address: &NetAddress) -> bool {
        self.lock().contains_key(&address.host())
    }

    /// The addresses with their scores.
    pub fn list(&self) -> Vec<(NetAddress, u32)> {
        self.lock().iter().map(|(host, (port, score))| (NetAddress::new(*host, *port), *score)).collect()
    }

    /// The address to tell a peer: the one that it can reach best; now and then, and if there is none, the one that
    /// it sees (Core's `GetLocalAddrForPeer`). `None` if none is routable.
    pub fn for_peer(&self, peer: &Listener, rng: &mut impl Rng) -> Option<NetAddress> {
        if !self.listens {
            return None;
        }
        let best = self.best_for(peer);
        let seen = peer.sees_us_at.filter(|seen| {
            self.learns
                && peer.address.is_routable()
                && seen.is_routable()
                && self.reach.contains(seen.network())
        });
        let Some(seen) = seen else { return best };
        let one_in = match best.and_then(|best| self.lock().get(&best.host()).map(|(_, score)| *score)) {
            None => 1,
            Some(score) if score > SCORE_NAMED => 8,
            Some(_) => 2,
        };
        if rng.random_range(0..one_in) > 0 {
            return best;
        }
        // Who was called knows the host, but not the port that others would have to call.
        Some(match peer.is_inbound {
            true => seen,
            false => seen.with_port(best.map_or(self.port, |best| best.port())),
        })
    }

    fn best_for(&self, peer: &Listener) -> Option<NetAddress> {
        // What hides where a node is must not be linked with what shows it.
        let hides = |network| matches!(network, Network::Onion | Network::I2p);
        let usable = |network: Network| network == peer.network || !hides(network) && !hides(peer.network);
        let known = self.list().into_iter().filter(|(address, _)| usable(address.network()));
        let best =
            known.max_by_key(|(address, score)| (reachability(address.host(), peer.address.host()), *score));
        best.map(|(address, _)| address)
    }
}

/// Core's scale of how well an address is reached from another network (`GetReachabilityFrom`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reachability {
    Default,
    Teredo,
    Ipv6Weak,
    Ipv4,
    Ipv6Strong,
    Private,
}

/// `ours` is routable.
fn reachability(ours: Host, theirs: Host) -> Reachability {
    let is_teredo = |host: Host| matches!(host, Host::Ipv6([0x20, 0x01, 0, 0, ..]));
    let is_tunnelled = ours.form() == Network::Ipv6 && !is_teredo(ours) && ours.linked_ipv4().is_some();
    let (we_teredo, they_teredo) = (is_teredo(ours), is_teredo(theirs) && theirs.is_routable());
    match (ours.network(), theirs.network()) {
        (_, _)
            if we_teredo
                && (they_teredo || matches!(theirs.network(), Network::Ipv6 | Network::Unroutable)) =>
        {
            Reachability::Teredo
        }
        (Network::Ipv6, _) if they_teredo && !we_teredo => Reachability::Ipv6Weak,
        (Network::Ipv4, Network::I2p | Network::Cjdns | Network::Internal) => Reachability::Default,
        (Network::Ipv4, _) => Reachability::Ipv4,
        (Network::Ipv6, Network::Ipv6) if !we_teredo && !is_tunnelled => Reachability::Ipv6Strong,
        (Network::Ipv6, Network::Ipv6 | Network::Unroutable) if !we_teredo => Reachability::Ipv6Weak,
        (Network::Onion, Network::Onion | Network::Unroutable)
        | (Network::I2p, Network::I2p)
        | (Network::Cjdns, Network::Cjdns) => Reachability::Private,
        _ => Reachability::Default,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const ONION: &str = "pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion:8333";

    fn at(text: &str) -> NetAddress {
        text.parse().unwrap()
    }

    fn peer(address: &str, is_inbound: bool, sees_us_at: Option<&str>) -> Listener {
        let address = at(address);
        Listener { address, network: address.network(), is_inbound, sees_us_at: sees_us_at.map(at) }
    }

    fn told(known: &LocalAddresses, peer: &Listener) -> Option<String> {
        known.for_peer(peer, &mut StdRng::seed_from_u64(1)).map(|address| address.to_string())
    }

    #[test]
    fn peers_are_told_what_they_can_reach() {
        let known = LocalAddresses::new(true, false, 8333, Reach::ALL);
        for address in ["1.2.3.4:8333", "[2a00::1]:8333", ONION, "127.0.0.1:8333", "10.0.0.1:8333"] {
            known.add_named(at(address));
        }
        assert_eq!(known.list().len(), 3);
        assert_eq!(told(&known, &peer("8.8.8.8:1", true, None)).unwrap(), "1.2.3.4:8333");
        assert_eq!(told(&known, &peer("[2a00::2]:1", true, None)).unwrap(), "[2a00::1]:8333");
        assert_eq!(told(&known, &peer(ONION, true, None)).unwrap(), ONION);
        // Loopback: the onion address would be the best, but its network is another one.
        assert_eq!(told(&known, &peer("127.0.0.1:1", true, None)).unwrap(), "1.2.3.4:8333");
        assert!(known.contains(&at("1.2.3.4:1")) && !known.contains(&at("1.2.3.5:8333")));
    }

    #[test]
    fn of_equal_addresses_the_surer_one_is_told() {
        let known = LocalAddresses::new(true, false, 8333, Reach::ALL);
        known.add(at("1.2.3.4:8333"), SCORE_BOUND);
        known.add(at("1.2.3.5:8333"), SCORE_BOUND);
        known.seen(&at("1.2.3.4:1"));
        assert_eq!(known.list(), [(at("1.2.3.4:8333"), 3), (at("1.2.3.5:8333"), 2)]);
        assert_eq!(told(&known, &peer("8.8.8.8:1", true, None)).unwrap(), "1.2.3.4:8333");
        known.add_named(at("1.2.3.5:8334"));
        assert_eq!(told(&known, &peer("8.8.8.8:1", true, None)).unwrap(), "1.2.3.5:8334");
    }

    #[test]
    fn what_a_peer_sees_is_told_if_nothing_better_is_known() {
        let inbound = peer("8.8.8.8:1", true, Some("1.2.3.4:9999"));
        let outbound = peer("8.8.8.8:1", false, Some("1.2.3.4:9999"));
        let learning = LocalAddresses::new(true, true, 8333, Reach::ALL);
        assert_eq!(told(&learning, &inbound).unwrap(), "1.2.3.4:9999");
        assert_eq!(told(&learning, &outbound).unwrap(), "1.2.3.4:8333");
        assert_eq!(told(&learning, &peer("127.0.0.1:1", true, Some("1.2.3.4:9"))), None);
        assert_eq!(told(&learning, &peer("8.8.8.8:1", true, Some("10.0.0.1:9"))), None);
        assert_eq!(told(&LocalAddresses::new(true, false, 8333, Reach::ALL), &inbound), None);
        assert_eq!(told(&LocalAddresses::new(false, true, 8333, Reach::ALL), &inbound), None);
    }
}
