//! The methods that look through many blocks or all coins, and those about descriptors.

use super::{Row, filters, outputs};
use crate::registry::{Arg, Doc, Method};

fn action_arg() -> Arg {
    Arg::str(
        "action",
        "What to do\n\"start\" scans\n\"abort\" ends a scan\n\"status\" says how far a scan is, in percent",
    )
}

fn objects_arg() -> Arg {
    Arg::arr(
        "scanobjects",
        "What to look for; for \"start\" it must be given",
        vec![
            Arg::str("descriptor", "A descriptor").optional(),
            Arg::obj(
                "",
                "A descriptor and its range",
                vec![
                    Arg::str("desc", "A descriptor"),
                    Arg::range("range", "The positions to look at, an end or [begin,end]").default("1000"),
                ],
            )
            .optional(),
        ],
    )
    .optional()
    .oneline("[scanobjects,...]")
}

fn aborted() -> Doc {
    Doc::bool("", "Whether there was a scan to end").when("for action = \"abort\"")
}

fn idle() -> Doc {
    Doc::none("", "").when("for action = \"status\", while there is no scan")
}

/// `scantxoutset`, which keeps what is known of a scan in progress.
pub fn scantxoutset() -> Method {
    Method::new(
        "blockchain",
        "scantxoutset",
        "Looks through all unspent outputs for those that descriptors describe.",
    )
    .arg(action_arg())
    .arg(objects_arg())
    .result(
        Doc::obj(
            "",
            "",
            vec![
                Doc::bool("success", "Whether the scan was not ended before its end"),
                Doc::num("txouts", "How many outputs were looked at"),
                Doc::num("height", "The tip's height"),
                Doc::hex("bestblock", "The tip"),
                Doc::arr(
                    "unspents",
                    "What was found",
                    vec![Doc::obj(
                        "",
                        "",
                        vec![
                            Doc::hex("txid", "The transaction"),
                            Doc::num("vout", "The output's place in it"),
                            Doc::hex("scriptPubKey", "What locks it"),
                            Doc::str("desc", "The descriptor of that script"),
                            Doc::amount("amount", "What it is worth"),
                            Doc::bool("coinbase", "Whether a coinbase made it"),
                            Doc::num("height", "The height of its block"),
                            Doc::hex("blockhash", "Its block"),
                            Doc::num("confirmations", "How deep it is"),
                        ],
                    )],
                ),
                Doc::amount("total_amount", "What all of them are worth"),
            ],
        )
        .when("for action = \"start\""),
    )
    .result(aborted())
    .result(
        Doc::obj("", "", vec![Doc::num("progress", "Percent done")])
            .when("for action = \"status\", while there is a scan"),
    )
    .result(idle())
    .example_cli("start '[\"raw(76a91411b366edfc0a8b66feebae5c2e25a7b6a5d1cf3188ac)#fm24fxxy\"]'")
    .example_cli("status")
}

/// `scanblocks`, which keeps what is known of a scan in progress.
pub fn scanblocks() -> Method {
    Method::new(
        "blockchain",
        "scanblocks",
        "Looks through the block filters for blocks that touch what descriptors describe (needs -blockfilterindex).",
    )
    .arg(action_arg())
    .arg(objects_arg())
    .arg(Arg::num("start_height", "The first block's height").default("0"))
    .arg(Arg::num("stop_height", "The last block's height").hint("the tip"))
    .arg(Arg::str("filtertype", "The type of the filters").default("\"basic\""))
    .arg(
        Arg::options(
            "options",
            "",
            vec![
                Arg::bool("filter_false_positives", "Look into the blocks, which is slower but sure").default("false"),
            ],
        )
        .optional()
        .oneline("options"),
    )
    .result(idle())
    .result(
        Doc::obj(
            "",
            "",
            vec![
                Doc::num("from_height", "The first block's height"),
                Doc::num("to_height", "The last block's height"),
                Doc::arr("relevant_blocks", "Blocks that may matter", vec![Doc::hex("", "A block")]),
                Doc::bool("completed", "Whether the scan was not ended before its end"),
            ],
        )
        .when("for action = \"start\""),
    )
    .result(
        Doc::obj(
            "",
            "",
            vec![Doc::num("progress", "Percent done"), Doc::num("current_height", "Where it is")],
        )
        .when("for action = \"status\", while there is a scan"),
    )
    .result(aborted())
}

/// The methods with their handlers.
pub fn rows() -> Vec<Row> {
    let mut rows = vec![(
        Method::new("blockchain", "getblockfilter", "Shows the compact filter of a block (BIP157).")
            .arg(Arg::hex("blockhash", "The block"))
            .arg(Arg::str("filtertype", "The type of the filter").default("\"basic\""))
            .result(Doc::obj(
                "",
                "",
                vec![
                    Doc::hex("filter", "The filter's bytes"),
                    Doc::hex("header", "The header that commits to it and to those below"),
                ],
            ))
            .example_cli("\"00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09\" \"basic\""),
        filters::getblockfilter as super::Handler,
    )];
    rows.extend(descriptor_rows());
    rows
}

fn descriptor_rows() -> Vec<Row> {
    vec![
        (
            Method::new("util", "getdescriptorinfo", "Explains a descriptor.")
                .arg(Arg::str("descriptor", "The descriptor"))
                .result(Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::str("descriptor", "Its canonical form, without private keys"),
                        Doc::arr(
                            "multipath_expansion",
                            "All that its multipath steps stand for",
                            vec![Doc::str("", "")],
                        )
                        .optional(),
                        Doc::str("checksum", "The checksum of the given form"),
                        Doc::bool("isrange", "Whether it stands for scripts at each position"),
                        Doc::bool("issolvable", "Whether it tells what spending takes"),
                        Doc::bool("hasprivatekeys", "Whether the given form has a private key"),
                    ],
                )),
            outputs::getdescriptorinfo,
        ),
        (
            Method::new("util", "deriveaddresses", "Lists the addresses that a descriptor stands for.")
                .arg(Arg::str("descriptor", "The descriptor, with its checksum"))
                .arg(
                    Arg::range("range", "For a ranged descriptor, the positions: an end or [begin,end]")
                        .optional(),
                )
                .result(
                    Doc::arr("", "", vec![Doc::str("address", "An address")]).when("for a single descriptor"),
                )
                .result(
                    Doc::arr("", "", vec![Doc::arr("", "", vec![Doc::str("address", "An address")])])
                        .when("for one with a multipath step"),
                ),
            outputs::deriveaddresses,
        ),
        (
            Method::new("util", "createmultisig", "Makes an address that takes several signatures.")
                .arg(Arg::num("nrequired", "How many of the keys must sign"))
                .arg(Arg::arr("keys", "The public keys", vec![Arg::hex("key", "A public key").optional()]))
                .arg(Arg::str("address_type", "legacy, p2sh-segwit or bech32").default("\"legacy\""))
                .result(Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::str("address", "The address"),
                        Doc::hex("redeemScript", "The script behind it"),
                        Doc::str("descriptor", "Its descriptor"),
                        Doc::arr("warnings", "What was not done as asked", vec![Doc::str("", "")]).optional(),
                    ],
                )),
            outputs::createmultisig,
        ),
    ]
}
