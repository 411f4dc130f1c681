//! The methods about the P2P network, as clients see them.

use super::{Handler, Row, known_addresses as book, network, peers};
use crate::registry::{Arg, Doc, Method};

fn method(name: &'static str, about: &'static str) -> Method {
    Method::new("network", name, about)
}

fn hidden(name: &'static str, about: &'static str) -> Method {
    Method::new("hidden", name, about)
}

fn transport() -> Arg {
    Arg::bool("v2transport", "Use the encrypted transport first (default: if the node has it)").optional()
}

/// The methods with their handlers.
pub fn rows() -> Vec<Row> {
    let mut rows = of_the_node();
    rows.extend(of_peers());
    rows.extend(of_addresses());
    rows.extend(for_tests());
    rows
}

fn of_the_node() -> Vec<Row> {
    vec![
        (
            method("getnetworkinfo", "Shows the state of the P2P network.").result(Doc::obj(
                "",
                "",
                vec![
                    Doc::num("version", "The version of Bitcoin Core whose interface this is"),
                    Doc::str("subversion", "What the node calls itself"),
                    Doc::num("protocolversion", "The P2P protocol's version"),
                    Doc::hex("localservices", "The services offered"),
                    Doc::arr("localservicesnames", "Their names", vec![Doc::str("", "A name")]),
                    Doc::bool("localrelay", "Whether transactions are relayed"),
                    Doc::num("timeoffset", "Seconds that the peers' clocks are off"),
                    Doc::bool("networkactive", "Whether P2P is on"),
                    Doc::num("connections", "How many peers"),
                    Doc::num("connections_in", "How many of them called"),
                    Doc::num("connections_out", "How many of them were called"),
                    Doc::arr("networks", "One per kind of network", vec![]),
                    Doc::amount("relayfee", "The least fee rate relayed, in coins per 1000 vbytes"),
                    Doc::amount(
                        "incrementalfee",
                        "The fee rate step of replacements, in coins per 1000 vbytes",
                    ),
                    Doc::arr("localaddresses", "The node's own addresses", vec![]),
                    Doc::arr("warnings", "What the operator should know", vec![Doc::str("", "A warning")]),
                ],
            )),
            network::getnetworkinfo as Handler,
        ),
        (
            method("getconnectioncount", "Counts the peers.").result(Doc::num("", "How many")),
            network::getconnectioncount,
        ),
        (
            method("getnettotals", "Shows how much went through all connections.").result(Doc::obj(
                "",
                "",
                vec![
                    Doc::num("totalbytesrecv", "Bytes received"),
                    Doc::num("totalbytessent", "Bytes sent"),
                    Doc::time("timemillis", "Now, in milliseconds since 1970"),
                    Doc::obj("uploadtarget", "The limit of what is sent (-maxuploadtarget)", vec![]),
                ],
            )),
            peers::getnettotals,
        ),
        (
            method("setnetworkactive", "Allows connections to peers, or ends all and allows none.")
                .arg(Arg::bool("state", "Whether connections are allowed"))
                .result(Doc::bool("", "Whether they are now")),
            peers::setnetworkactive,
        ),
    ]
}

fn of_peers() -> Vec<Row> {
    vec![
        (
            method("getpeerinfo", "Lists the peers.").result(Doc::arr(
                "",
                "",
                vec![Doc::obj("", "A peer", vec![])],
            )),
            peers::getpeerinfo as Handler,
        ),
        (
            method("ping", "Asks all peers for a sign of life; getpeerinfo shows how long it took.")
                .result(Doc::none("", "")),
            peers::ping,
        ),
        (
            method("addnode", "Keeps a connection to a peer, forgets such a peer, or calls one once.")
                .arg(Arg::str("node", "The peer: an address or name, with or without a port"))
                .arg(Arg::str("command", "'add', 'remove' or 'onetry'"))
                .arg(transport())
                .result(Doc::none("", "")),
            peers::addnode,
        ),
        (
            method("getaddednodeinfo", "Shows the peers that were added, and whether they are connected.")
                .arg(Arg::str("node", "Only this one").hint("all nodes"))
                .result(Doc::arr("", "", vec![Doc::obj("", "A peer", vec![])])),
            peers::getaddednodeinfo,
        ),
        (
            method("disconnectnode", "Ends the connection to a peer, named by its address or its number.")
                .arg(
                    Arg::str("address", "The peer's address as getpeerinfo shows it")
                        .hint("fallback to nodeid"),
                )
                .arg(Arg::num("nodeid", "The peer's number").hint("fallback to address"))
                .result(Doc::none("", "")),
            peers::disconnectnode,
        ),
        (
            Method::new("blockchain", "getblockfrompeer", "Asks a peer for a block whose header is known.")
                .arg(Arg::hex("blockhash", "The block"))
                .arg(Arg::num("peer_id", "The peer's number"))
                .result(Doc::obj("", "", vec![])),
            peers::getblockfrompeer,
        ),
    ]
}

fn of_addresses() -> Vec<Row> {
    vec![
        (
            method("getnodeaddresses", "Shows known addresses of other nodes.")
                .arg(Arg::num("count", "How many at most; 0 for all").default("1"))
                .arg(
                    Arg::str("network", "Of one network only: ipv4, ipv6, onion, i2p, cjdns")
                        .hint("all networks"),
                )
                .result(Doc::arr("", "", vec![Doc::obj("", "An address", vec![])])),
            book::getnodeaddresses as Handler,
        ),
        (
            method("getaddrmaninfo", "Counts the known addresses by network.").result(Doc::obj_dyn(
                "",
                "One per network",
                vec![Doc::obj("network", "A network", vec![])],
            )),
            book::getaddrmaninfo,
        ),
        (
            method("setban", "Bans an address or subnet, or lifts a ban.")
                .arg(Arg::str("subnet", "The address, or the subnet with /bits or /mask"))
                .arg(Arg::str("command", "'add' or 'remove'"))
                .arg(
                    Arg::num("bantime", "For how many seconds, or until when; 0 for the usual time")
                        .default("0"),
                )
                .arg(Arg::bool("absolute", "Whether bantime is a time since 1970").default("false"))
                .result(Doc::none("", "")),
            book::setban,
        ),
        (
            method("listbanned", "Lists the bans.").result(Doc::arr(
                "",
                "",
                vec![Doc::obj("", "A ban", vec![])],
            )),
            book::listbanned,
        ),
        (method("clearbanned", "Lifts all bans.").result(Doc::none("", "")), book::clearbanned),
    ]
}

fn for_tests() -> Vec<Row> {
    vec![
        (
            hidden(
                "addconnection",
                "Opens a connection of some kind, as the node would by itself; for tests.",
            )
            .arg(Arg::str("address", "The peer's address and port"))
            .arg(Arg::str("connection_type", "outbound-full-relay, block-relay-only, addr-fetch or feeler"))
            .arg(Arg::bool("v2transport", "Use the encrypted transport"))
            .result(Doc::obj("", "", vec![])),
            peers::addconnection as Handler,
        ),
        (
            hidden("sendmsgtopeer", "Sends a message to a peer as it is; for tests.")
                .arg(Arg::num("peer_id", "The peer's number"))
                .arg(Arg::str("msg_type", "The kind of message"))
                .arg(Arg::str("msg", "The payload in hexadecimal"))
                .result(Doc::obj("", "", vec![])),
            peers::sendmsgtopeer,
        ),
        (
            hidden("addpeeraddress", "Adds an address to those known; for tests.")
                .arg(Arg::str("address", "The address"))
                .arg(Arg::num("port", "The port"))
                .arg(Arg::bool("tried", "As one that was connected to").default("false"))
                .result(Doc::obj("", "", vec![])),
            book::addpeeraddress,
        ),
        (
            hidden("getrawaddrman", "Shows the tables of known addresses.").result(Doc::obj("", "", vec![])),
            book::getrawaddrman,
        ),
        (
            hidden("mockscheduler", "Does now what is due in the next seconds; for tests.")
                .arg(Arg::num("delta_time", "How many seconds, 3600 at most"))
                .result(Doc::none("", "")),
            peers::mockscheduler,
        ),
    ]
}
