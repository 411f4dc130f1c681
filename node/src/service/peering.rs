//! The node's place among its peers, finding more, and adding one by name.

use crate::p2p::P2p;
use crate::p2p::discovery::{Found, PeerName, Refusal};
use chaincore_consensus::hex;
use chaincore_rpc::network::{AddPeerError, FoundPeer, Presence, Search};
use tokio::runtime::Handle;

pub(super) fn presence(p2p: &P2p) -> Presence {
    let options = &p2p.network().options().own;
    let search = &options.discovery;
    let credentials = options.credentials.as_ref();
    let node_key = credentials.and_then(|credentials| credentials.public_key());
    Presence {
        instance: search.us.instance.clone(),
        p2p_port: p2p.bound().first().map(|address| address.port()),
        authentication: credentials.map(|credentials| credentials.methods().to_string()),
        node_key: node_key.map(|key| hex::encode(&key)),
        discovery_ports: search.range.as_ref().map(|range| (*range.start(), *range.end())),
        min_peers: search.min_peers,
        target_peers: search.target_peers,
        max_peers: options.max_connections,
    }
}

pub(super) fn discover(p2p: &P2p) -> Search {
    let round = Handle::current().block_on(p2p.discovery().run_now());
    Search { found: round.found.into_iter().map(found_peer).collect(), ports: round.ports }
}

pub(super) fn join(p2p: &P2p, name: &str) -> Result<FoundPeer, AddPeerError> {
    if !p2p.network().is_active() {
        return Err(AddPeerError::Off(format!("cannot connect to '{name}': the network is switched off")));
    }
    let name: PeerName =
        name.parse().map_err(|error| AddPeerError::Name(format!("peer_url is not understood: {error}")))?;
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

/// The name of a ChainCore node: the first comment behind its version, `/…/ChainCore:0.1.0(name; …)/`.
pub(super) fn node_id(user_agent: &str) -> Option<String> {
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
