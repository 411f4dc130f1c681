//! What the REST paths are told of the peers.

use super::Service;
use crate::p2p::connection::PeerLink;
use crate::p2p::discovery::{Found, PeerName, Refusal};
use chaincore_consensus::hex;
use chaincore_rpc::peering::{AddPeerError, FoundPeer, Neighbour, Peering, Presence, Search};
use tokio::runtime::Handle;

impl Peering for Service {
    fn presence(&self) -> Presence {
        let Some(p2p) = self.p2p.get() else { return Presence::default() };
        let network = p2p.network();
        let options = &network.options().own;
        let search = &options.discovery;
        let credentials = options.credentials.as_ref();
        Presence {
            instance: search.us.instance.clone(),
            p2p_port: p2p.bound().first().map(|address| address.port()),
            active: network.is_active(),
            authentication: credentials.map(|credentials| credentials.methods().to_string()),
            node_key: credentials
                .and_then(|credentials| credentials.public_key())
                .map(|key| hex::encode(&key)),
            discovery_ports: search.range.as_ref().map(|range| (*range.start(), *range.end())),
            min_peers: search.min_peers,
            target_peers: search.target_peers,
            max_peers: options.max_connections,
            bytes_sent: network.totals().sent(),
            bytes_received: network.totals().received(),
            known_addresses: network.book().size(None, None) as u64,
        }
    }

    fn neighbours(&self) -> Vec<Neighbour> {
        let Some(p2p) = self.p2p.get() else { return Vec::new() };
        p2p.network().peers().iter().map(|link| neighbour(link)).collect()
    }

    fn discover_peers(&self) -> Search {
        let Some(p2p) = self.p2p.get() else { return Search::default() };
        let round = Handle::current().block_on(p2p.discovery().run_now());
        Search { found: round.found.into_iter().map(found_peer).collect(), ports: round.ports }
    }

    fn add_peer(&self, name: &str) -> Result<FoundPeer, AddPeerError> {
        let p2p = self.p2p.get().filter(|p2p| p2p.network().is_active());
        let off = || AddPeerError::Off(format!("cannot connect to '{name}': the network is switched off"));
        let p2p = p2p.ok_or_else(off)?;
        let name: PeerName = name
            .parse()
            .map_err(|error| AddPeerError::Name(format!("peer_url is not understood: {error}")))?;
        let found = Handle::current().block_on(p2p.discovery().add(&name)).map_err(|refusal| {
            let text = format!("cannot add '{name}': {refusal}");
            match refusal {
                Refusal::Fetch { .. } | Refusal::Connect(_) | Refusal::Ended(_) => {
                    AddPeerError::Unreachable(text)
                }
                _ => AddPeerError::Unfit(text),
            }
        })?;
        Ok(found_peer(found))
    }
}

fn found_peer(found: Found) -> FoundPeer {
    FoundPeer {
        is_peer: found.is_peer(),
        name: found.name,
        node_id: found.node_id,
        address: found.address,
        height: found.height,
        outcome: found.outcome,
    }
}

fn neighbour(link: &PeerLink) -> Neighbour {
    let facts = link.facts().clone();
    let height = facts.synced_headers.max(facts.starting_height);
    Neighbour {
        id: link.id().0,
        address: link.address().to_string(),
        local_address: link.bind().map(|address| address.to_string()),
        node_id: node_id(&facts.subversion),
        user_agent: facts.subversion,
        inbound: link.is_inbound(),
        kind: link.kind().name(),
        ready: facts.handshake_done,
        height: (height >= 0).then_some(height.into()),
        since: link.connected_at(),
        last_seen: link.counters().last_received(),
        ping: facts.ping_time,
        bytes_sent: link.counters().sent(),
        bytes_received: link.counters().received(),
    }
}

/// The name of a ChainCore node: the first comment behind its version, `/…/ChainCore:0.1.0(name; …)/`.
fn node_id(user_agent: &str) -> Option<String> {
    let (_, ours) = user_agent.split_once("/ChainCore:")?;
    let (_, comments) = ours.split('/').next()?.split_once('(')?;
    let name = comments.strip_suffix(')').unwrap_or(comments).split(';').next()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_off_user_agents() {
        for (agent, name) in [
            ("/Satoshi:31.0.0/ChainCore:0.1.0(core1)/", Some("core1")),
            ("/Satoshi:31.0.0/ChainCore:0.1.0(core1; more)/", Some("core1")),
            ("/Satoshi:31.0.0/ChainCore:0.1.0/", None),
            ("/Satoshi:31.0.0(testnode0)/", None),
            ("/ChainCore:(", None),
            ("", None),
        ] {
            assert_eq!(node_id(agent).as_deref(), name, "{agent}");
        }
    }
}
