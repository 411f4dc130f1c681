//! The options of `chaincore-cli`, beside the shared ones: those of bitcoin-cli.

use chaincore_rpc::conf::{Group, OptionSpec, OptionTable, SHARED_OPTIONS, option};

const OPTIONS: &[OptionSpec] = &[
    option("named", "", Group::General, "Parameters are name=value instead of positional"),
    option(
        "stdin",
        "",
        Group::General,
        "Read further parameters from standard input, one per line, until it ends",
    ),
    option(
        "stdinrpcpass",
        "",
        Group::General,
        "Read the RPC password from standard input, one line; with -stdin it is the first line",
    ),
    option(
        "stdinwalletpassphrase",
        "",
        Group::General,
        "Read the wallet passphrase from standard input, one line (after that of -stdinrpcpass)",
    ),
    option("color", "<when>", Group::General, "Colours in -getinfo: always, auto (default) or never")
        .no_negation(),
    option("rpcconnect", "<host>", Group::Api, "Send commands to this host[:port] (default: 127.0.0.1)")
        .separate(),
    option(
        "rpcclienttimeout",
        "<seconds>",
        Group::Api,
        "Give up on a request after so many seconds, 0 never (default: 900)",
    ),
    option("rpcwait", "", Group::Api, "Wait for the node to start"),
    option("rpcwaittimeout", "<seconds>", Group::Api, "Wait no longer than this, 0 for ever (default: 0)")
        .no_negation(),
    option("rpcwallet", "<name>", Group::Api, "Send the command to this wallet's endpoint"),
    option("rpcid", "<id>", Group::Api, "Id of the request (default: 1)").no_negation().needs_value(),
    option("getinfo", "", Group::ClientCommand, "Show the state of chain and network on one page"),
    option(
        "netinfo",
        "",
        Group::ClientCommand,
        "Show the peers at a glance; followed by a level from 0 to 4, and outonly; see -netinfo help",
    ),
    option("addrinfo", "", Group::ClientCommand, "Count the addresses that the node knows, per network"),
    option(
        "generate",
        "",
        Group::ClientCommand,
        "Mine: getnewaddress, then generatetoaddress. Parameters: number of blocks (default: 1), tries",
    ),
];

/// Everything that `chaincore-cli` knows.
pub fn table() -> OptionTable {
    OptionTable::new(&[SHARED_OPTIONS, OPTIONS])
}

/// The headings of its help, in order.
pub const GROUPS: &[Group] = &[Group::General, Group::Chain, Group::Api, Group::ClientCommand];
