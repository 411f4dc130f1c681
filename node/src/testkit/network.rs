//! A network for tests: on loopback, and without calls of its own.

use crate::p2p::P2pOptions;
use crate::p2p::connection::BoundAddress;
use crate::p2p::options::OwnOptions;
use crate::p2p::permissions::{Permissions, Whitelist};
use crate::p2p::reach::Reach;
use crate::p2p::wire::ServiceFlags;
use chaincore_consensus::params::ChainParams;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// The options of a node of this chain that keeps all blocks, listens on a port of loopback that the system chooses and
/// calls nobody. `folder` is for what the network writes.
pub fn quiet_network(folder: &Path, params: &ChainParams) -> P2pOptions {
    P2pOptions {
        magic: params.magic,
        default_port: params.p2p_port,
        services: ServiceFlags(1 | 1 << 3 | 1 << 10),
        user_agent: "/test:1/".into(),
        minimum_chain_work: params.minimum_chain_work,
        headers_ahead: Default::default(),
        active: true,
        listen: true,
        binds: vec![BoundAddress {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            permissions: Permissions::NONE,
            is_onion: false,
        }],
        external: vec![],
        port: params.p2p_port,
        discover: false,
        max_inbound: 50,
        max_automatic: 11,
        target_outbound: 8,
        target_block_relay: 2,
        add: vec![],
        connect: Some(vec![]),
        seeds: vec![],
        dns_seeds: vec![],
        dns_seeding: false,
        force_dns_seeds: false,
        fixed_seeds: None,
        reach: Reach::ALL,
        upload_target: 0,
        dns: false,
        blocks_only: false,
        peer_timeout: i64::MAX,
        dial_timeout: Duration::from_secs(5),
        max_receive: 5_000_000,
        max_send: 1_000_000,
        whitelist: Whitelist::new(true, false, false),
        ban_time: 86_400,
        own: OwnOptions::default(),
        folder: folder.to_path_buf(),
    }
}
