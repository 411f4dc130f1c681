//! From the configuration to what each part wants to be told.

use super::{AppError, node_id};
use crate::chain::{ChainOptions, FlushPolicy, Rebuild};
use crate::clock::Clock;
use crate::config::{Config, CookieReaders};
use crate::mempool::graph::ClusterLimits;
use crate::mempool::{FeeRate, MempoolOptions};
use crate::p2p::P2pOptions;
use crate::p2p::authentication::{Credentials, FileError, read_keys, read_or_make_key, read_secret};
use crate::p2p::connection::BoundAddress;
use crate::p2p::discovery::{DiscoveryOptions, Identity};
use crate::p2p::net_address::NetAddress;
use crate::p2p::options::OwnOptions;
use crate::p2p::permissions::Permissions;
use crate::p2p::wire::{PROTOCOL_VERSION, ServiceFlags};
use crate::service::TemplatePolicy;
use chaincore_rpc::http::{AuthOptions, CookieAccess, HttpOptions, OriginRules, SubnetError};
use chaincore_rpc::node::NodeInfo;
use chaincore_rpc::ratelimit::Rate;
use chaincore_rpc::registry::CallLimits;
use chaincore_rpc::web::WebOptions;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::Arc;

/// The version of Core whose interface is spoken (see the chapter on RPC for why).
const CORE_VERSION: u32 = 310_000;
const CORE_NAME: &str = "Satoshi:31.0.0";

/// Of the memory given for the chain, this share is the database's own; the rest holds coins.
const DATABASE_SHARE: u64 = 8;

/// How many short connections, made to see whether somebody answers, there are at once.
const FEELERS: usize = 1;

pub(super) fn node_info(config: &Config) -> Result<NodeInfo, AppError> {
    let version = env!("CARGO_PKG_VERSION");
    // A name that the owner gave is shown to peers; one that was made up is nothing to them.
    let comments: Vec<&str> =
        config.node_id.iter().chain(&config.peers.comments).map(String::as_str).collect();
    let comments = if comments.is_empty() { String::new() } else { format!("({})", comments.join("; ")) };
    Ok(NodeInfo {
        node_id: match &config.node_id {
            Some(name) => name.clone(),
            None => node_id::of_folder(&config.chain_dir)?,
        },
        version: version.into(),
        core_version: CORE_VERSION,
        subversion: format!("/{CORE_NAME}/ChainCore:{version}{comments}/"),
        protocol_version: PROTOCOL_VERSION,
        services: services(config).0,
        data_dir: config.chain_dir.clone(),
        log_path: config.log.file.clone(),
    })
}

/// The services that this node offers to peers.
fn services(config: &Config) -> ServiceFlags {
    let filters = if config.peers.serve_filters { ServiceFlags::COMPACT_FILTERS } else { ServiceFlags::NONE };
    let encrypted = if config.peers.encrypted { ServiceFlags::P2P_V2 } else { ServiceFlags::NONE };
    ServiceFlags::NETWORK | ServiceFlags::NETWORK_LIMITED | ServiceFlags::WITNESS | filters | encrypted
}

pub(super) fn p2p(config: &Config, info: &NodeInfo) -> Result<P2pOptions, AppError> {
    let peers = &config.peers;
    // The node's own connections come out of the same number, as in Core.
    let most = peers.max_connections as usize;
    let target_outbound = peers.target_outbound.min(most);
    let target_block_relay = peers.target_block_relay.min(most - target_outbound);
    let own_calls = target_outbound + target_block_relay + FEELERS;
    // Where all connections count alike, only the fewest calls that are needed are kept free of others'.
    let automatic = if peers.counts_all { peers.min_peers } else { own_calls };
    let external = peers.external.iter().map(|text| {
        let wrong = || AppError::Option(format!("Cannot resolve -externalip address: '{text}'"));
        NetAddress::parse(text, peers.port).map_err(|_| wrong())
    });
    Ok(P2pOptions {
        external: external.collect::<Result<_, _>>()?,
        port: peers.port,
        discover: peers.discover && peers.external.is_empty(),
        dns_seeds: if peers.reach.dns_seeds { config.params.dns_seeds.clone() } else { Vec::new() },
        dns_seeding: peers.reach.dns_seeds,
        force_dns_seeds: peers.reach.force_dns_seeds,
        fixed_seeds: fixed_seeds(config),
        reach: peers.reach.reach,
        upload_target: peers.reach.upload_target,
        max_automatic: own_calls.min(most),
        magic: config.params.magic,
        default_port: config.params.p2p_port,
        services: services(config),
        user_agent: info.subversion.clone(),
        minimum_chain_work: config.params.minimum_chain_work,
        headers_ahead: Default::default(),
        active: peers.active,
        listen: peers.listen,
        binds: binds(config)?,
        max_inbound: most.saturating_sub(automatic),
        target_outbound,
        target_block_relay,
        add: peers.add.clone(),
        connect: peers.connect.clone(),
        seeds: peers.seeds.clone(),
        dns: peers.dns,
        blocks_only: peers.blocks_only,
        peer_timeout: peers.peer_timeout,
        dial_timeout: peers.dial_timeout,
        max_receive: peers.max_receive,
        max_send: peers.max_send,
        whitelist: peers.whitelist.clone(),
        ban_time: peers.ban_time,
        own: own(config)?,
        folder: config.chain_dir.clone(),
    })
}

/// The addresses that the chain lists, if they may be used.
fn fixed_seeds(config: &Config) -> Option<Vec<NetAddress>> {
    let listed = config.params.fixed_seeds.iter().copied().map(NetAddress::from);
    config.peers.reach.fixed_seeds.then(|| listed.collect())
}

/// What ChainCore's networks have beyond Bitcoin's.
fn own(config: &Config) -> Result<OwnOptions, AppError> {
    let peers = &config.peers;
    Ok(OwnOptions {
        max_connections: peers.max_connections as usize,
        reserved_outbound: peers.counts_all.then_some(peers.min_peers),
        credentials: credentials(config)?.map(Arc::new),
        discovery: DiscoveryOptions {
            us: Identity {
                instance: instance(),
                chain: config.params.name.clone(),
                genesis: config.params.genesis.hash().to_string(),
            },
            bootstrap: peers.bootstrap.clone(),
            range: peers.discovery_range.clone(),
            // Who names the only peers wants no others.
            automatic: peers.discover && peers.connect.is_none(),
            min_peers: peers.min_peers,
            target_peers: peers.target_outbound,
        },
        ping_interval: peers.ping_interval,
        ping_timeout: peers.ping_timeout,
    })
}

/// What peers must prove themselves by. A key is made where there is none.
fn credentials(config: &Config) -> Result<Option<Credentials>, AppError> {
    let peers = &config.peers;
    let wrong = |option: &str, error: FileError| AppError::Option(format!("Invalid -{option}: {error}"));
    let secret =
        peers.secret.as_ref().map(|path| read_secret(path).map_err(|error| wrong("peersecret", error)));
    let keys = peers.keys.as_ref().map(|path| {
        let allowed = read_keys(path).map_err(|error| wrong("peerkeys", error))?;
        let own = read_or_make_key(&peers.node_key).map_err(|error| wrong("nodekey", error))?;
        Ok::<_, AppError>((own, allowed))
    });
    Ok(Credentials::new(secret.transpose()?, keys.transpose()?))
}

/// A number of this process, by which the node knows itself when it finds its own API.
fn instance() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system has random numbers");
    chaincore_consensus::hex::encode(&bytes)
}

/// Where to listen: as told, or on loopback. Whoever wants to be reached from elsewhere says `-bind=0.0.0.0`.
fn binds(config: &Config) -> Result<Vec<BoundAddress>, AppError> {
    let peers = &config.peers;
    let mut bound = vec![];
    for bind in &peers.white_binds {
        let wrong = || AppError::Option(format!("Cannot resolve -whitebind address: '{}'", bind.address));
        bound.push(BoundAddress {
            address: bind.address.to_socket_addr().ok_or_else(wrong)?,
            permissions: bind.permissions,
            is_onion: false,
        });
    }
    for bind in &peers.binds {
        let (address, tag) = bind.rsplit_once('=').unwrap_or((bind, ""));
        let wrong = || AppError::Option(format!("Cannot resolve -bind address: '{bind}'"));
        let address = NetAddress::parse(address, peers.port).map_err(|_| wrong())?;
        bound.push(BoundAddress {
            address: address.to_socket_addr().ok_or_else(wrong)?,
            permissions: Permissions::NONE,
            is_onion: tag == "onion",
        });
    }
    if bound.is_empty() {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, peers.port));
        bound.push(BoundAddress { address, permissions: Permissions::NONE, is_onion: false });
    }
    Ok(bound)
}

pub(super) fn templates(config: &Config) -> TemplatePolicy {
    TemplatePolicy {
        max_weight: config.mining.max_weight.into(),
        reserved_weight: config.mining.reserved_weight.into(),
        min_rate: FeeRate(config.mining.min_fee.sat()),
        version: config.mining.block_version,
    }
}

pub(super) fn call_limits(config: &Config) -> CallLimits {
    let api = &config.api;
    CallLimits { threads: api.threads, queue_depth: api.queue, parked: api.long_polls }
}

pub(super) fn mempool(config: &Config) -> MempoolOptions {
    let wanted = &config.mempool;
    MempoolOptions {
        max_bytes: wanted.max_bytes,
        expiry: i64::try_from(wanted.expiry.as_secs()).unwrap_or(i64::MAX),
        min_relay: FeeRate(wanted.min_relay_fee.sat()),
        incremental_relay: FeeRate(wanted.incremental_relay_fee.sat()),
        dust_relay: FeeRate(wanted.dust_relay_fee.sat()),
        data_carrier: wanted.max_data_carrier_bytes.map(|bytes| bytes as usize),
        permit_bare_multisig: wanted.permit_bare_multisig,
        require_standard: wanted.require_standard,
        bytes_per_sigop: wanted.bytes_per_sigop.into(),
        clusters: ClusterLimits { count: wanted.cluster_count as usize, vsize: wanted.cluster_vbytes.into() },
    }
}

pub(super) fn chain(config: &Config, clock: &Clock) -> ChainOptions {
    let storage = &config.storage;
    let bytes = |mib: u64| usize::try_from(mib << 20).unwrap_or(usize::MAX);
    let database = (storage.cache_mib / DATABASE_SHARE).max(1);
    let rebuild = match (storage.reindex, storage.reindex_chainstate) {
        (true, _) => Rebuild::Everything,
        (false, true) => Rebuild::Coins,
        (false, false) => Rebuild::Nothing,
    };
    let mut flush =
        FlushPolicy { coins_bytes: bytes(storage.cache_mib - database), ..FlushPolicy::default() };
    if let Some(blocks) = storage.flush_blocks {
        flush.blocks = blocks;
    }
    ChainOptions {
        clock: clock.clone(),
        blocks_dir: Some(storage.blocks_dir.clone()),
        flush,
        database_cache_bytes: bytes(database),
        signature_cache_bytes: bytes(storage.signature_cache_mib),
        script_threads: storage.script_threads,
        rebuild,
        max_tip_age: storage.max_tip_age,
        stop_at_height: config.stop_at_height,
        ..ChainOptions::new(config.params.clone(), config.chain_dir.clone())
    }
}

pub(super) fn web(config: &Config) -> WebOptions {
    WebOptions { folder: config.api.web_folder.clone(), connect: config.api.web_connect.clone() }
}

/// Connections to the API beside those in which a call waits: however many of these there are, others come through.
const CONNECTIONS_THAT_DO_NOT_WAIT: usize = 1000;

/// Connections that the API takes at a time.
pub(super) fn max_connections(config: &Config) -> usize {
    config.api.long_polls + CONNECTIONS_THAT_DO_NOT_WAIT
}

pub(super) fn http(config: &Config) -> Result<HttpOptions, AppError> {
    let api = &config.api;
    let mut bind = Vec::new();
    for (host, port) in &api.binds {
        let resolved = (host.as_str(), *port).to_socket_addrs();
        let addresses: Vec<SocketAddr> = resolved
            .map_err(|error| AppError::Option(format!("Cannot resolve -rpcbind address '{host}': {error}")))?
            .collect();
        bind.extend(addresses);
    }
    // A port that the system is to choose is one port, not one for each protocol.
    if bind.len() > 1 && bind.iter().all(|address| address.port() == 0) {
        bind.truncate(1);
    }
    let allowed = api
        .allow
        .iter()
        .map(|text| text.parse().map_err(|error: SubnetError| AppError::Option(error.to_string())));
    let (user, password) = api.password.clone().unwrap_or_default();
    let auth = AuthOptions {
        user,
        password,
        rpcauth: api.auth.clone(),
        whitelist: api.whitelist.clone(),
        whitelist_default: Some(api.whitelist_default),
        cookie_file: api.cookie.clone(),
        cookie_access: match api.cookie_readers {
            CookieReaders::Owner => CookieAccess::Owner,
            CookieReaders::Group => CookieAccess::Group,
            CookieReaders::All => CookieAccess::All,
        },
    };
    Ok(HttpOptions {
        max_connections: max_connections(config),
        bind,
        allowed: allowed.collect::<Result<_, _>>()?,
        auth,
        timeout: Some(api.idle_timeout).filter(|timeout| !timeout.is_zero()),
        rest_rate: api.rate_limit.map(|rate| Rate { per_second: rate.into(), burst: f64::from(rate) * 2.0 }),
        origins: OriginRules { allowed: api.cors_origins.clone(), host_names: api.host_names.clone() },
        feed_tokens: api.feed_tokens.clone(),
        ..HttpOptions::default()
    })
}
