//! The methods that look closer at blocks, proofs, messages and the node itself.

use super::{Row, control, messages, proofs, stats, transact};
use crate::registry::{Arg, Doc, Method};

/// The methods with their handlers.
pub fn rows() -> Vec<Row> {
    let mut rows = block_rows();
    rows.extend(node_rows());
    rows.extend(transaction_rows());
    rows
}

fn block_rows() -> Vec<Row> {
    vec![
        (
            Method::new("blockchain", "getchaintxstats", "Counts the transactions of a window of blocks.")
                .arg(Arg::num("nblocks", "How many blocks the window has").hint("one month"))
                .arg(Arg::hex("blockhash", "The window's last block").hint("chain tip"))
                .result(Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::time("time", "The last block's time"),
                        Doc::num("txcount", "The transactions of the chain up to it").optional(),
                        Doc::hex("window_final_block_hash", "The last block"),
                        Doc::num("window_final_block_height", "Its height"),
                        Doc::num("window_block_count", "How many blocks"),
                        Doc::num("window_interval", "Seconds from the first to the last").optional(),
                        Doc::num("window_tx_count", "Transactions in the window").optional(),
                        Doc::num("txrate", "Transactions per second").optional(),
                    ],
                )),
            stats::getchaintxstats as super::Handler,
        ),
        (
            Method::new("blockchain", "getblockstats", "Counts and sums over a block. Amounts are in satoshis.")
                .arg(
                    Arg::num("hash_or_height", "The block")
                        .any_type()
                        .type_words("", "string or numeric"),
                )
                .arg(
                    Arg::arr(
                        "stats",
                        "The figures to show",
                        vec![Arg::str("height", "A figure").optional(), Arg::str("time", "Another").optional()],
                    )
                    .hint("all values")
                    .oneline("stats"),
                )
                .result(Doc::obj("", "", vec![])),
            stats::getblockstats,
        ),
        (
            Method::new("blockchain", "verifychain", "Checks stored blocks again, from the tip downwards.")
                .arg(
                    Arg::num(
                        "checklevel",
                        "How thoroughly: 0 reads them, 1 checks them, 2 reads what they spent, 3 takes them off the \
                         coins, 4 runs their scripts",
                    )
                    .default("3"),
                )
                .arg(Arg::num("nblocks", "How many blocks, 0 for all").default("6"))
                .result(Doc::bool("", "Whether nothing is wrong; if something is, the log says what")),
            stats::verifychain,
        ),
        (
            Method::new("blockchain", "gettxoutproof", "Proves that transactions are in a block.")
                .arg(Arg::arr("txids", "The transactions", vec![Arg::hex("txid", "A transaction").optional()]))
                .arg(Arg::hex("blockhash", "The block to look in").optional())
                .result(Doc::str("data", "The proof")),
            proofs::gettxoutproof,
        ),
        (
            Method::new(
                "blockchain",
                "verifytxoutproof",
                "Says what a proof proves. It is an error if its block is not in the active chain.",
            )
            .arg(Arg::hex("proof", "The proof"))
            .result(Doc::arr("", "", vec![Doc::hex("txid", "A transaction; none if the proof is wrong")])),
            proofs::verifytxoutproof,
        ),
    ]
}

fn node_rows() -> Vec<Row> {
    vec![
        (
            Method::new("util", "verifymessage", "Says whether the key of an address signed a message.")
                .arg(Arg::str("address", "The address"))
                .arg(Arg::str("signature", "The signature in base 64"))
                .arg(Arg::str("message", "The message"))
                .result(Doc::bool("", "Whether it did")),
            messages::verifymessage as super::Handler,
        ),
        (
            Method::new("util", "signmessagewithprivkey", "Signs a message with a private key.")
                .arg(Arg::str("privkey", "The key"))
                .arg(Arg::str("message", "The message"))
                .result(Doc::str("signature", "The signature in base 64")),
            messages::signmessagewithprivkey,
        ),
        (
            Method::new(
                "control",
                "logging",
                "Shows which categories log details, and switches them.\n\"all\" and \"1\" stand for every category. \
                 What is both included and excluded is off.",
            )
            .arg(
                Arg::arr(
                    "include",
                    "Categories to switch on",
                    vec![Arg::str("include_category", "A category").optional()],
                )
                .optional(),
            )
            .arg(
                Arg::arr(
                    "exclude",
                    "Categories to switch off",
                    vec![Arg::str("exclude_category", "A category").optional()],
                )
                .optional(),
            )
            .result(Doc::obj_dyn("", "", vec![Doc::bool("category", "Whether it logs details")])),
            control::logging,
        ),
        (
            Method::new("hidden", "echoipc", "Gives the argument back. For tests.")
                .arg(Arg::str("arg", "The text"))
                .result(Doc::str("echo", "The text")),
            control::echoipc,
        ),
        (
            Method::new("control", "getmemoryinfo", "Shows how much memory is locked for keys.")
                .arg(
                    Arg::str("mode", "\"stats\", or \"mallocinfo\" for the heap's state where that is known")
                        .default("\"stats\""),
                )
                .result(
                    Doc::obj(
                        "",
                        "",
                        vec![Doc::obj(
                            "locked",
                            "",
                            vec![
                                Doc::num("used", "Bytes in use"),
                                Doc::num("free", "Bytes free"),
                                Doc::num("total", "Both together"),
                                Doc::num("locked", "Bytes that are locked"),
                                Doc::num("chunks_used", "Pieces in use"),
                                Doc::num("chunks_free", "Pieces free"),
                            ],
                        )],
                    )
                    .when("mode \"stats\""),
                )
                .result(Doc::str("", "XML").when("mode \"mallocinfo\"")),
            control::getmemoryinfo,
        ),
    ]
}

fn transaction_rows() -> Vec<Row> {
    vec![
        (
            Method::new(
                "rawtransactions",
                "createrawtransaction",
                "Makes a transaction that is not signed.\nIt is neither kept nor sent anywhere.",
            )
            .arg(Arg::arr(
                "inputs",
                "What it spends",
                vec![
                    Arg::obj(
                        "",
                        "",
                        vec![
                            Arg::hex("txid", "The transaction"),
                            Arg::num("vout", "The output's place in it"),
                            Arg::num("sequence", "The sequence number")
                                .hint("depends on the value of the 'replaceable' and 'locktime' arguments"),
                        ],
                    )
                    .optional(),
                ],
            ))
            .arg(
                Arg::arr(
                    "outputs",
                    "What it pays, no address twice and data once; an object with all of them will do, too",
                    vec![
                        Arg::user_keys(
                            "",
                            "",
                            vec![Arg::amount("address", "An address, and the coins it gets")],
                        )
                        .optional(),
                        Arg::obj("", "", vec![Arg::hex("data", "Data for an OP_RETURN output")]).optional(),
                    ],
                )
                .any_type(),
            )
            .arg(Arg::num("locktime", "The lock time").default("0"))
            .arg(Arg::bool("replaceable", "Say that it may be replaced (BIP125)").default("true"))
            .arg(Arg::num("version", "The version").default("2"))
            .result(Doc::hex("transaction", "The transaction")),
            transact::createrawtransaction as super::Handler,
        ),
        (
            Method::new(
                "rawtransactions",
                "combinerawtransaction",
                "Puts the signatures of several copies of a transaction together.",
            )
            .arg(Arg::arr("txs", "The copies", vec![Arg::hex("hexstring", "A copy").optional()]))
            .result(Doc::str("", "The transaction")),
            transact::combinerawtransaction,
        ),
        (
            Method::new(
                "rawtransactions",
                "signrawtransactionwithkey",
                "Signs the inputs of a transaction with the given keys and no others.",
            )
            .arg(Arg::str("hexstring", "The transaction"))
            .arg(Arg::arr(
                "privkeys",
                "The keys",
                vec![Arg::hex("privatekey", "A key in base 58").optional()],
            ))
            .arg(
                Arg::arr(
                    "prevtxs",
                    "Outputs it spends that the node may not know",
                    vec![
                        Arg::obj(
                            "",
                            "",
                            vec![
                                Arg::hex("txid", "The transaction"),
                                Arg::num("vout", "The output's place in it"),
                                Arg::hex("scriptPubKey", "What locks it"),
                                Arg::hex("redeemScript", "The script behind a P2SH output").optional(),
                                Arg::hex("witnessScript", "The script behind a P2WSH output").optional(),
                                Arg::amount("amount", "What it is worth; segwit needs it").optional(),
                            ],
                        )
                        .optional(),
                    ],
                )
                .optional(),
            )
            .arg(
                Arg::str(
                    "sighashtype",
                    "What the signatures cover: DEFAULT, ALL, NONE, SINGLE, or one of the last three with \
                     |ANYONECANPAY",
                )
                .default("\"DEFAULT for Taproot, ALL otherwise\""),
            )
            .result(Doc::obj(
                "",
                "",
                vec![
                    Doc::hex("hex", "The transaction"),
                    Doc::bool("complete", "Whether all inputs are signed"),
                    Doc::arr(
                        "errors",
                        "What is wrong with the others",
                        vec![Doc::obj(
                            "",
                            "",
                            vec![
                                Doc::hex("txid", "What the input spends"),
                                Doc::num("vout", "Its place there"),
                                Doc::arr("witness", "", vec![Doc::hex("witness", "")]),
                                Doc::hex("scriptSig", "The unlocking script"),
                                Doc::num("sequence", "The sequence number"),
                                Doc::str("error", "What is wrong"),
                            ],
                        )],
                    )
                    .optional(),
                ],
            )),
            transact::signrawtransactionwithkey,
        ),
    ]
}
