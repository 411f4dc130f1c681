//! Known addresses, and banned ones.

use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::network::{AddressCount, AddressPlace, BanRefusal};
use crate::node::Node;
use crate::registry::Args;
use crate::value::Object;

pub fn getnodeaddresses(node: &dyn Node, args: &Args) -> Reply {
    let count = args.opt_int::<i32>(0)?.unwrap_or(1);
    let count =
        usize::try_from(count).map_err(|_| RpcError::invalid_parameter("Address count out of range"))?;
    let network = args.opt_str(1)?;
    let Some(found) = node.network().addresses(count, network) else {
        let name = network.unwrap_or_default();
        return Err(RpcError::invalid_parameter(format!("Network not recognized: {name}")));
    };
    let shown = |known: crate::network::KnownAddress| {
        Object::new()
            .with("time", &known.time)
            .with("services", &known.services)
            .with("address", &known.address)
            .with("port", &known.port)
            .with("network", &known.network)
    };
    reply(&found.into_iter().map(shown).collect::<Vec<_>>())
}

pub fn addpeeraddress(node: &dyn Node, args: &Args) -> Reply {
    let tried = args.opt_bool(2)?.unwrap_or(false);
    let added = node.network().add_address(args.str(0)?, args.int(1)?, tried);
    match added {
        None => Err(RpcError::new(code::CLIENT_INVALID_IP_OR_SUBNET, "Invalid IP address")),
        Some(Ok(())) => reply(&Object::new().with("success", &true)),
        Some(Err(why)) => reply(&Object::new().with("error", why).with("success", &false)),
    }
}

fn table_json(places: &[AddressPlace]) -> Object {
    let mut table = Object::new();
    for place in places {
        let known = &place.known;
        table.put(
            &format!("{}/{}", place.bucket, place.position),
            &Object::new()
                .with("address", &known.address)
                .with("port", &known.port)
                .with("services", &known.services)
                .with("time", &known.time)
                .with("network", &known.network)
                .with("source", &place.source)
                .with("source_network", &place.source_network),
        );
    }
    table
}

pub fn getrawaddrman(node: &dyn Node, _: &Args) -> Reply {
    let [new, tried] = node.network().address_tables();
    reply(&Object::new().with("new", &table_json(&new)).with("tried", &table_json(&tried)))
}

pub fn getaddrmaninfo(node: &dyn Node, _: &Args) -> Reply {
    let counts = node.network().address_counts();
    let shown = |count: &AddressCount| {
        Object::new()
            .with("new", &count.new)
            .with("tried", &count.tried)
            .with("total", &(count.new + count.tried))
    };
    let mut info = Object::new();
    let mut all = AddressCount::default();
    for count in &counts {
        info.put(&count.network, &shown(count));
        all.new += count.new;
        all.tried += count.tried;
    }
    info.put("all_networks", &shown(&all));
    reply(&info)
}

pub fn setban(node: &dyn Node, args: &Args) -> Reply {
    let (subnet, command) = (args.str(0)?, args.str(1)?);
    let done = match command {
        "add" => {
            let time = args.opt_int::<i64>(2)?.unwrap_or(0);
            node.network().ban(subnet, time, args.opt_bool(3)?.unwrap_or(false))
        }
        "remove" => node.network().unban(subnet),
        _ => return Err(args.usage_error()),
    };
    let (code, message) = match done {
        Ok(()) => return reply(&()),
        Err(BanRefusal::Invalid) => (code::CLIENT_INVALID_IP_OR_SUBNET, "Error: Invalid IP/Subnet"),
        Err(BanRefusal::Known) => (code::CLIENT_NODE_ALREADY_ADDED, "Error: IP/Subnet already banned"),
        Err(BanRefusal::InThePast) => (code::INVALID_PARAMETER, "Error: Absolute timestamp is in the past"),
        Err(BanRefusal::Unknown) => (
            code::CLIENT_INVALID_IP_OR_SUBNET,
            "Error: Unban failed. Requested address/subnet was not previously manually banned.",
        ),
    };
    Err(RpcError::new(code, message))
}

pub fn listbanned(node: &dyn Node, _: &Args) -> Reply {
    let now = node.now();
    let shown = |ban: crate::network::BanInfo| {
        Object::new()
            .with("address", &ban.subnet)
            .with("ban_created", &ban.created)
            .with("banned_until", &ban.until)
            .with("ban_duration", &(ban.until - ban.created))
            .with("time_remaining", &(ban.until - now))
    };
    reply(&node.network().bans().into_iter().map(shown).collect::<Vec<_>>())
}

pub fn clearbanned(node: &dyn Node, _: &Args) -> Reply {
    node.network().clear_bans();
    reply(&())
}
