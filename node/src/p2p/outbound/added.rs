//! The peers that the owner added: `-addnode`, and `addnode … add`.

use super::PAUSE;
use crate::p2p::connection::Network;
use crate::p2p::kind::ConnectionKind;
use crate::p2p::net_address::NetAddress;
use crate::p2p::transport::TransportVersion;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;

/// How many connections to added peers there may be (Core's `MAX_ADDNODE_CONNECTIONS`).
const MAX_CONNECTIONS: usize = 8;
/// How long to wait after a round of calls, and after one in which there was nobody to call.
const AFTER_CALLS: Duration = Duration::from_secs(60);
const AFTER_NONE: Duration = Duration::from_secs(2);

/// A peer that the owner added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddedPeer {
    /// What the owner called it.
    pub name: String,
    /// Where it is, and whether it called; `None` if there is no connection.
    pub connected: Option<(NetAddress, bool)>,
}

/// The peers that the owner added.
#[derive(Debug)]
pub(super) struct Added {
    /// Names, and by which transport they are called.
    names: Mutex<Vec<(String, TransportVersion)>>,
    default_port: u16,
    changed: Notify,
}

impl Added {
    pub fn new(names: Vec<String>, default_port: u16, transport: TransportVersion) -> Self {
        let added = Self { names: Mutex::default(), default_port, changed: Notify::new() };
        for name in names {
            added.add(&name, transport);
        }
        // Nobody waits yet.
        Self { changed: Notify::new(), ..added }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, TransportVersion)>> {
        self.names.lock().expect("no one panics while holding the names")
    }

    fn address(&self, name: &str) -> Option<NetAddress> {
        NetAddress::parse(name, self.default_port).ok().filter(NetAddress::is_valid)
    }

    pub fn names(&self) -> Vec<String> {
        self.lock().iter().map(|(name, _)| name.clone()).collect()
    }

    pub fn add(&self, name: &str, transport: TransportVersion) -> bool {
        let mut names = self.lock();
        let address = self.address(name);
        let is_known = |(known, _): &(String, TransportVersion)| {
            known == name || address.is_some() && self.address(known) == address
        };
        if names.iter().any(is_known) {
            return false;
        }
        names.push((name.to_owned(), transport));
        self.changed.notify_one();
        true
    }

    pub fn remove(&self, name: &str) -> bool {
        let mut names = self.lock();
        let before = names.len();
        names.retain(|(known, _)| known != name);
        names.len() != before
    }

    /// Whether the owner added an address, with or without its port: the node does not use up its own connections
    /// for such.
    pub fn contains(&self, address: &NetAddress) -> bool {
        let (full, host) = (address.to_string(), address.host().to_string());
        self.lock().iter().any(|(name, _)| *name == full || *name == host)
    }

    /// The peers with their connections, whoever made them.
    pub fn peers(&self, network: &Network) -> Vec<AddedPeer> {
        let links = network.peers();
        let connection = |name: &str| {
            let address = self.address(name);
            let is_it = |link: &&Arc<_>| same(link, name, address);
            links.iter().find(is_it).map(|link| (link.address(), link.is_inbound()))
        };
        let added = |name: String| AddedPeer { connected: connection(&name), name };
        self.names().into_iter().map(added).collect()
    }

    fn transport(&self, name: &str) -> Option<TransportVersion> {
        self.lock().iter().find(|(known, _)| known == name).map(|(_, transport)| *transport)
    }

    /// Calls whoever is not connected (Core's `ThreadOpenAddedConnections`).
    pub async fn keep_connected(self: Arc<Self>, network: Arc<Network>) {
        loop {
            let mut called = false;
            // Nobody is called while the network is off, and everybody soon after it is switched on.
            let peers = if network.is_active() { self.peers(&network) } else { Vec::new() };
            for peer in peers.into_iter().filter(|peer| peer.connected.is_none()) {
                let connected = self.peers(&network).iter().filter(|peer| peer.connected.is_some()).count();
                if connected >= MAX_CONNECTIONS {
                    break;
                }
                // It may have been removed meanwhile.
                let Some(transport) = self.transport(&peer.name) else { continue };
                called = true;
                // Failures are logged where they happen; it is tried again.
                let _ = network.connect(&peer.name, ConnectionKind::Manual, transport).await;
                tokio::time::sleep(PAUSE).await;
            }
            let pause = if called { AFTER_CALLS } else { AFTER_NONE };
            // Who was added just now need not wait.
            let _ = tokio::time::timeout(pause, self.changed.notified()).await;
        }
    }
}

/// Whether a connection is the one to an added peer: by its address, or by its name if that is none.
fn same(link: &crate::p2p::connection::PeerLink, name: &str, address: Option<NetAddress>) -> bool {
    match address {
        Some(address) => link.address() == address,
        None => link.name() == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::p2p::transport::TransportVersion::{V1, V2};

    #[test]
    fn a_peer_is_added_once_by_whatever_spelling() {
        let added =
            Added::new(vec!["1.2.3.4".into(), "node.example".into(), "1.2.3.4:8333".into()], 8333, V1);
        assert_eq!(added.names(), ["1.2.3.4", "node.example"]);
        assert!(!added.add("1.2.3.4:8333", V2));
        assert!(!added.add("node.example", V1));
        assert!(added.add("1.2.3.4:8334", V2));
        assert_eq!([added.transport("1.2.3.4"), added.transport("1.2.3.4:8334")], [Some(V1), Some(V2)]);
        // It is removed by the name that it was added by.
        assert!(!added.remove("1.2.3.4:8333"));
        assert!(added.remove("1.2.3.4"));
        assert!(!added.remove("1.2.3.4"));
        assert_eq!(added.names(), ["node.example", "1.2.3.4:8334"]);
    }

    #[test]
    fn addresses_that_were_added_are_known() {
        let added = Added::new(vec!["1.2.3.4".into(), "2.3.4.5:8333".into()], 8333, V1);
        let has = |text: &str| added.contains(&text.parse().unwrap());
        assert!(has("1.2.3.4:8333") && has("1.2.3.4:1") && has("2.3.4.5:8333"));
        assert!(!has("2.3.4.5:1") && !has("1.2.3.5:8333"));
    }
}
