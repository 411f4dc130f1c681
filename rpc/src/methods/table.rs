//! All methods that answer without waiting, and those of the groups control, network and util.

use super::{
    Row, addresses, control, table_chain, table_inspect, table_network, table_pool, table_scan, table_work,
};
use crate::registry::{Arg, Doc, Method};

/// Every method with its handler, but for those that wait or need more than the node.
pub fn rows() -> Vec<Row> {
    let mut rows = own();
    rows.extend(table_chain::rows());
    rows.extend(table_inspect::rows());
    rows.extend(table_network::rows());
    rows.extend(table_pool::rows());
    rows.extend(table_scan::rows());
    rows.extend(table_work::rows());
    rows
}

/// `getrpcinfo`, which needs to know what else is running.
pub fn getrpcinfo() -> Method {
    Method::new("control", "getrpcinfo", "Shows what the RPC server is doing.").result(Doc::obj(
        "",
        "",
        vec![
            Doc::arr(
                "active_commands",
                "The calls in progress",
                vec![Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::str("method", "The method"),
                        Doc::num("duration", "For how long, in microseconds"),
                    ],
                )],
            ),
            Doc::str("logpath", "The debug log"),
        ],
    ))
}

fn echo(name: &'static str) -> Method {
    let names = ["arg0", "arg1", "arg2", "arg3", "arg4", "arg5", "arg6", "arg7", "arg8", "arg9"];
    let about =
        "Gives the arguments back. For tests.\nclients convert the arguments of echojson to JSON first.";
    let method = Method::new("hidden", name, about);
    names
        .iter()
        .fold(method, |method, name| method.arg(Arg::str(name, "").optional().any_type()))
        .result(Doc::any())
}

fn own() -> Vec<Row> {
    vec![
        (
            Method::new("control", "uptime", "Says for how many seconds the node has been running.")
                .result(Doc::num("", "Seconds")),
            control::uptime,
        ),
        (
            Method::new("control", "stop", "Stops the node cleanly.")
                .arg(Arg::num("wait", "Milliseconds to wait before the answer").optional().hidden())
                .result(Doc::str("", "\"ChainCore stopping\"")),
            control::stop,
        ),
        (
            Method::new(
                "hidden",
                "setmocktime",
                "Stops the node's clock at a time (chains for testing only).",
            )
            .arg(Arg::num("timestamp", "Seconds since 1970; 0 lets the clock run again"))
            .result(Doc::none("", "")),
            control::setmocktime,
        ),
        (echo("echo"), control::echo),
        (echo("echojson"), control::echo),
        (
            Method::new("util", "getindexinfo", "Shows how far the indexes have come.")
                .arg(Arg::str("index_name", "Show only this index").optional())
                .result(Doc::obj_dyn(
                    "",
                    "",
                    vec![Doc::obj(
                        "name",
                        "The index",
                        vec![
                            Doc::bool("synced", "Whether it is at the tip"),
                            Doc::num("best_block_height", "The height it has reached"),
                        ],
                    )],
                ))
                .example_cli("txindex"),
            control::getindexinfo,
        ),
        (
            Method::new("zmq", "getzmqnotifications", "Shows what is published over ZeroMQ, and where.")
                .result(Doc::arr(
                    "",
                    "One per topic and address",
                    vec![Doc::obj(
                        "",
                        "",
                        vec![
                            Doc::str("type", "What is published, such as pubhashtx"),
                            Doc::str("address", "Where"),
                            Doc::num("hwm", "How many messages may wait for a subscriber"),
                        ],
                    )],
                )),
            control::getzmqnotifications,
        ),
        (
            Method::new(
                "util",
                "validateaddress",
                "Says whether a text is an address of this chain, and of what kind.",
            )
            .arg(Arg::str("address", "The text"))
            .result(Doc::obj(
                "",
                "",
                vec![
                    Doc::bool("isvalid", "Whether it is an address"),
                    Doc::str("address", "The address").optional(),
                    Doc::hex("scriptPubKey", "The output script it stands for").optional(),
                    Doc::bool("isscript", "Whether a script is paid").optional(),
                    Doc::bool("iswitness", "Whether it is a segwit address").optional(),
                    Doc::num("witness_version", "The witness version").optional(),
                    Doc::hex("witness_program", "The witness program").optional(),
                    Doc::arr(
                        "error_locations",
                        "Where the errors seem to be",
                        vec![Doc::num("", "An index")],
                    )
                    .optional(),
                    Doc::str("error", "What is wrong").optional(),
                ],
            )),
            addresses::validateaddress,
        ),
        (
            Method::new("rawtransactions", "decodescript", "Explains a script.")
                .arg(Arg::hex("hexstring", "The script"))
                .result(Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::str("asm", "Its opcodes"),
                        Doc::str("desc", "The inferred descriptor"),
                        Doc::str("address", "Its address, if it has one").optional(),
                        Doc::str("type", "Its form"),
                        Doc::str("p2sh", "The address of the P2SH output it can redeem").optional(),
                        Doc::obj("segwit", "The segwit output that stands for it", vec![]).optional(),
                    ],
                )),
            addresses::decodescript,
        ),
    ]
}
