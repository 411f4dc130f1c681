//! Peers: who is connected, and connecting.

use super::network::service_names;
use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::network::{ConnectRefusal, PeerInfo};
use crate::node::{Node, NodeError};
use crate::registry::Args;
use crate::value::{Btc, CoreDouble, Object};
use chaincore_consensus::{BlockHash, hex};
use std::time::{SystemTime, UNIX_EPOCH};

/// The service of the encrypted transport.
const P2P_V2: u64 = 1 << 11;

fn nothing() -> Reply {
    reply(&())
}

pub fn getpeerinfo(node: &dyn Node, _: &Args) -> Reply {
    reply(&node.network().peers().iter().map(peer_json).collect::<Vec<_>>())
}

fn peer_json(peer: &PeerInfo) -> Object {
    let mut json = Object::new();
    json.put("id", &peer.id).put("addr", &peer.addr);
    json.put_some("addrbind", peer.addr_bind.as_ref()).put_some("addrlocal", peer.addr_local.as_ref());
    json.put("network", &peer.network)
        .put("services", &format!("{:016x}", peer.services))
        .put("servicesnames", &service_names(peer.services))
        .put("relaytxes", &peer.relays_txs)
        .put("last_inv_sequence", &peer.last_inv_sequence)
        .put("inv_to_send", &peer.inv_to_send)
        .put("lastsend", &peer.last_send)
        .put("lastrecv", &peer.last_recv)
        .put("last_transaction", &peer.last_transaction)
        .put("last_block", &peer.last_block)
        .put("bytessent", &peer.bytes_sent)
        .put("bytesrecv", &peer.bytes_recv)
        .put("conntime", &peer.connected_at)
        .put("timeoffset", &peer.time_offset);
    let seconds = |micros: i64| CoreDouble(micros as f64 / 1e6);
    json.put_some("pingtime", peer.ping_time.filter(|time| *time > 0).map(seconds))
        .put_some("minping", peer.min_ping.map(seconds))
        .put_some("pingwait", peer.ping_wait.filter(|time| *time > 0).map(seconds));
    json.put("version", &peer.version)
        .put("subver", &peer.subversion)
        .put("inbound", &peer.inbound)
        .put("bip152_hb_to", &peer.high_bandwidth_to)
        .put("bip152_hb_from", &peer.high_bandwidth_from)
        .put("presynced_headers", &peer.presynced_headers)
        .put("synced_headers", &peer.synced_headers)
        .put("synced_blocks", &peer.synced_blocks)
        .put("inflight", &peer.inflight)
        .put("addr_relay_enabled", &peer.addr_relay)
        .put("addr_processed", &peer.addr_processed)
        .put("addr_rate_limited", &peer.addr_rate_limited)
        .put("permissions", &peer.permissions)
        .put("minfeefilter", &Btc(peer.min_fee_filter))
        .put("bytessent_per_msg", &peer.sent_by_message)
        .put("bytesrecv_per_msg", &peer.recv_by_message)
        .put("connection_type", peer.connection_type)
        .put("transport_protocol_type", peer.transport.unwrap_or("detecting"))
        .put("session_id", peer.session_id.as_deref().unwrap_or_default());
    json
}

pub fn ping(node: &dyn Node, _: &Args) -> Reply {
    node.network().ping();
    nothing()
}

/// Whether the node speaks the encrypted transport (BIP324).
fn knows_encryption(node: &dyn Node) -> bool {
    node.info().services & P2P_V2 != 0
}

/// An answer to whether to use the encrypted transport, unless the node does not speak it.
fn check_transport(node: &dyn Node, encrypted: bool, message: &str) -> Result<bool, RpcError> {
    match encrypted && !knows_encryption(node) {
        true => Err(RpcError::invalid_parameter(message)),
        false => Ok(encrypted),
    }
}

pub fn addnode(node: &dyn Node, args: &Args) -> Reply {
    let (name, command) = (args.str(0)?, args.str(1)?);
    if !matches!(command, "onetry" | "add" | "remove") {
        return Err(args.usage_error());
    }
    let encrypted = args.opt_bool(2)?.unwrap_or_else(|| knows_encryption(node));
    let refusal = "Error: v2transport requested but not enabled (see -v2transport)";
    let encrypted = check_transport(node, encrypted, refusal)?;
    match command {
        "onetry" => node.network().try_once(name, encrypted),
        "add" if !node.network().add(name, encrypted) => {
            return Err(RpcError::new(code::CLIENT_NODE_ALREADY_ADDED, "Error: Node already added"));
        }
        "remove" if !node.network().remove(name) => {
            let message = "Error: Node could not be removed. It has not been added previously.";
            return Err(RpcError::new(code::CLIENT_NODE_NOT_ADDED, message));
        }
        _ => {}
    }
    nothing()
}

pub fn getaddednodeinfo(node: &dyn Node, args: &Args) -> Reply {
    let mut added = node.network().added();
    if let Some(name) = args.opt_str(0)? {
        added.retain(|peer| peer.name == name);
        if added.is_empty() {
            return Err(RpcError::new(code::CLIENT_NODE_NOT_ADDED, "Error: Node has not been added."));
        }
    }
    let shown = |peer: crate::network::AddedPeer| {
        let addresses: Vec<Object> = peer
            .connected
            .iter()
            .map(|(address, inbound)| {
                let direction = if *inbound { "inbound" } else { "outbound" };
                Object::new().with("address", address).with("connected", direction)
            })
            .collect();
        Object::new()
            .with("addednode", &peer.name)
            .with("connected", &peer.connected.is_some())
            .with("addresses", &addresses)
    };
    reply(&added.into_iter().map(shown).collect::<Vec<_>>())
}

/// Methods that only make sense in tests.
fn check_regtest(node: &dyn Node, method: &str) -> Result<(), RpcError> {
    match node.params().name == "regtest" {
        true => Ok(()),
        false => Err(RpcError::misc(format!("{method} is for regression testing (-regtest mode) only."))),
    }
}

pub fn addconnection(node: &dyn Node, args: &Args) -> Reply {
    check_regtest(node, "addconnection")?;
    let (address, kind) = (args.str(0)?, args.str(1)?.trim());
    let unknown = || RpcError::invalid_parameter(args.usage_error().message);
    if !matches!(kind, "outbound-full-relay" | "block-relay-only" | "addr-fetch" | "feeler") {
        return Err(unknown());
    }
    let refusal = "Error: Adding v2transport connections requires -v2transport init flag to be set.";
    let encrypted = check_transport(node, args.bool(2)?, refusal)?;
    match node.network().open(address, kind, encrypted) {
        Ok(()) => reply(&Object::new().with("address", address).with("connection_type", kind)),
        Err(ConnectRefusal::UnknownKind) => Err(unknown()),
        Err(ConnectRefusal::Full) => Err(RpcError::new(
            code::CLIENT_NODE_CAPACITY_REACHED,
            "Error: Already at capacity for specified connection type.",
        )),
    }
}

pub fn disconnectnode(node: &dyn Node, args: &Args) -> Reply {
    let found = match (args.opt_str(0)?, args.opt_int::<i64>(1)?) {
        (Some(address), None) => node.network().disconnect_address(address),
        (None | Some(""), Some(id)) => u64::try_from(id).is_ok_and(|id| node.network().disconnect_id(id)),
        _ => {
            let message = "Only one of address and nodeid should be provided.";
            return Err(RpcError::new(code::INVALID_PARAMS, message));
        }
    };
    if !found {
        return Err(RpcError::new(code::CLIENT_NODE_NOT_CONNECTED, "Node not found in connected nodes"));
    }
    nothing()
}

/// The longest name that a kind of message can have.
const MAX_COMMAND: usize = 12;

pub fn sendmsgtopeer(node: &dyn Node, args: &Args) -> Reply {
    let id: i64 = args.int(0)?;
    let name = args.str(1)?;
    if name.len() > MAX_COMMAND {
        let message = format!("Error: msg_type too long, max length is {MAX_COMMAND}");
        return Err(RpcError::invalid_parameter(message));
    }
    let payload =
        hex::decode(args.str(2)?).map_err(|_| RpcError::invalid_parameter("Error parsing input for msg"))?;
    let mut command = [0; MAX_COMMAND];
    command[..name.len()].copy_from_slice(name.as_bytes());
    let is_sent = u64::try_from(id).is_ok_and(|id| node.network().send_raw(id, command, &payload));
    if !is_sent {
        return Err(RpcError::misc("Error: Could not send message to peer"));
    }
    reply(&Object::new())
}

pub fn getblockfrompeer(node: &dyn Node, args: &Args) -> Reply {
    let hash: BlockHash = args.hash(0, "blockhash")?;
    let id: i64 = args.int(1)?;
    let Some(block) = node.chain().entry(&hash) else {
        return Err(RpcError::misc("Block header missing"));
    };
    if block.has_data {
        return Err(RpcError::misc("Block already downloaded"));
    }
    let id = u64::try_from(id).unwrap_or(u64::MAX);
    match node.network().fetch_block(&hash, id) {
        Ok(Ok(())) => reply(&Object::new()),
        Ok(Err(message)) => Err(RpcError::misc(message)),
        Err(NodeError::Stopping) => Err(RpcError::shutting_down()),
        Err(error) => Err(RpcError::misc(error.to_string())),
    }
}

pub fn getnettotals(node: &dyn Node, _: &Args) -> Reply {
    let totals = node.network().totals();
    // The wall clock, as Core: the figures are of real connections.
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let target = Object::new()
        .with("timeframe", &totals.upload.timeframe)
        .with("target", &totals.upload.target)
        .with("target_reached", &totals.upload.is_reached)
        .with("serve_historical_blocks", &totals.upload.serves_old_blocks)
        .with("bytes_left_in_cycle", &totals.upload.bytes_left)
        .with("time_left_in_cycle", &totals.upload.time_left);
    reply(
        &Object::new()
            .with("totalbytesrecv", &totals.received)
            .with("totalbytessent", &totals.sent)
            .with("timemillis", &millis)
            .with("uploadtarget", &target),
    )
}

pub fn setnetworkactive(node: &dyn Node, args: &Args) -> Reply {
    node.network().set_active(args.bool(0)?);
    reply(&node.network().is_active())
}

pub fn mockscheduler(node: &dyn Node, args: &Args) -> Reply {
    if node.params().name != "regtest" {
        return Err(RpcError::misc("mockscheduler is for regression testing (-regtest mode) only"));
    }
    let seconds: i64 = args.int(0)?;
    if seconds <= 0 || seconds > 3600 {
        return Err(RpcError::misc("delta_time must be between 1 and 3600 seconds (1 hr)"));
    }
    node.network().advance(seconds);
    nothing()
}
