//! The methods of the groups mining and mempool, as clients see them.

use super::{Row, generate, mempool, mining, submission};
use crate::registry::{Arg, Doc, Method};

fn txid_arg() -> Arg {
    Arg::hex("txid", "The transaction, which must be in the mempool")
}

fn max_fee_rate_arg() -> Arg {
    Arg::amount("maxfeerate", "Refuse a higher fee rate, in coins per 1000 vbytes; 0 takes any")
        .default("\"0.10\"")
}

fn entry_doc(key: &'static str) -> Doc {
    Doc::obj(
        key,
        "",
        vec![
            Doc::num("vsize", "Its virtual size in bytes"),
            Doc::num("weight", "Its weight"),
            Doc::time("time", "When it came"),
            Doc::num("height", "The chain's height then"),
            Doc::num("descendantcount", "How many need it, itself included"),
            Doc::num("descendantsize", "Their virtual size"),
            Doc::num("ancestorcount", "How many it needs, itself included"),
            Doc::num("ancestorsize", "Their virtual size"),
            Doc::hex("wtxid", "Its id with witnesses"),
            Doc::num("chunkweight", "The weight of the chunk it would be mined in"),
            Doc::obj(
                "fees",
                "",
                vec![
                    Doc::amount("base", "What it pays"),
                    Doc::amount("modified", "The same with its priority"),
                    Doc::amount("ancestor", "What it and those it needs pay"),
                    Doc::amount("descendant", "What it and those that need it pay"),
                    Doc::amount("chunk", "What its chunk pays"),
                ],
            ),
            Doc::arr("depends", "What it spends from in the mempool", vec![Doc::hex("", "An id")]),
            Doc::arr("spentby", "What spends it in the mempool", vec![Doc::hex("", "An id")]),
            Doc::bool("bip125-replaceable", "Whether it or what it needs says that it may be replaced"),
            Doc::bool("unbroadcast", "Whether no peer has asked for it yet"),
        ],
    )
}

fn relatives(name: &'static str, about: &'static str) -> Method {
    Method::new("blockchain", name, about)
        .arg(txid_arg())
        .arg(Arg::bool("verbose", "Objects, or else ids").default("false"))
        .result(Doc::arr("", "", vec![Doc::hex("", "An id")]).when("for verbose = false"))
        .result(Doc::obj_dyn("", "", vec![entry_doc("transactionid")]).when("for verbose = true"))
}

/// `getblocktemplate`, which may wait.
pub fn getblocktemplate() -> Method {
    Method::new(
        "mining",
        "getblocktemplate",
        "Gives a miner what a block needs, or says whether a block would do (BIP22, BIP23, BIP9, BIP145).",
    )
    .arg(Arg::obj(
        "template_request",
        "What is asked for",
        vec![
            Arg::str("mode", "\"template\" or \"proposal\"").optional(),
            Arg::arr(
                "capabilities",
                "What the miner can do",
                vec![Arg::str("str", "A capability").optional()],
            )
            .optional(),
            Arg::arr(
                "rules",
                "The rules that the miner knows",
                vec![Arg::str("segwit", "Must be among them"), Arg::str("str", "Another rule").optional()],
            ),
            Arg::str("longpollid", "Wait until the template would differ from the one with this id")
                .optional(),
            Arg::hex("data", "The block to judge, for mode \"proposal\"").optional(),
        ],
    ))
    .result(Doc::none("", "").when("If a proposed block would do"))
    .result(Doc::str("", "Why not").when("If it would not"))
    .result(
        Doc::obj(
            "",
            "",
            vec![
                Doc::arr("capabilities", "What this server can do", vec![Doc::str("", "A capability")]),
                Doc::num("version", "The block's version"),
                Doc::arr("rules", "The rules that hold", vec![Doc::str("", "A rule")]),
                Doc::obj_dyn(
                    "vbavailable",
                    "The rules that are voted on",
                    vec![Doc::num("rulename", "Its bit")],
                ),
                Doc::num("vbrequired", "The version bits that must be set"),
                Doc::hex("previousblockhash", "The block to build on"),
                Doc::arr(
                    "transactions",
                    "The transactions after the coinbase",
                    vec![Doc::obj("", "", vec![])],
                ),
                Doc::obj_dyn("coinbaseaux", "What must be in the coinbase's script", vec![]),
                Doc::num("coinbasevalue", "What the coinbase may pay, in satoshis"),
                Doc::str("longpollid", "The id to wait with"),
                Doc::hex("target", "The target"),
                Doc::time("mintime", "The earliest time"),
                Doc::arr(
                    "mutable",
                    "What the miner may change",
                    vec![Doc::str("", "time, transactions, prevblock")],
                ),
                Doc::hex("noncerange", "The nonces to try"),
                Doc::num("sigoplimit", "The most that signature operations may cost"),
                Doc::num("sizelimit", "The most bytes"),
                Doc::num("weightlimit", "The most weight").optional(),
                Doc::time("curtime", "The time now"),
                Doc::hex("bits", "The compact target"),
                Doc::num("height", "The block's height"),
                Doc::hex("signet_challenge", "The script that the block must satisfy").optional(),
                Doc::hex("default_witness_commitment", "The output script that commits to the witnesses")
                    .optional(),
            ],
        )
        .when("Otherwise"),
    )
    .example_cli("'{\"rules\": [\"segwit\"]}'")
    .example_rpc("{\"rules\": [\"segwit\"]}")
}

/// The methods with their handlers.
pub fn rows() -> Vec<Row> {
    let mut rows = mining_rows();
    rows.extend(mempool_rows());
    rows
}

fn mining_rows() -> Vec<Row> {
    let hashes = || Doc::arr("", "The blocks", vec![Doc::hex("", "A hash")]);
    let max_tries = || Arg::num("maxtries", "How many hashes to try").default("1000000");
    vec![
        (
            Method::new("mining", "submitblock", "Takes a block (BIP22).")
                .arg(Arg::hex("hexdata", "The block"))
                .arg(Arg::str("dummy", "Nothing; BIP22 has it").hint("ignored"))
                .result(Doc::none("", "").when("If the block is now in the active chain"))
                .result(Doc::str("", "BIP22's word for what it is instead").when("Otherwise"))
                .example_cli("\"mydata\"")
                .example_rpc("\"mydata\""),
            mining::submitblock,
        ),
        (
            Method::new("mining", "submitheader", "Takes a header into the block tree.")
                .arg(Arg::hex("hexdata", "The header"))
                .result(Doc::none("", "")),
            mining::submitheader,
        ),
        (
            Method::new("mining", "getmininginfo", "Shows what is known about mining.").result(Doc::obj(
                "",
                "",
                vec![
                    Doc::num("blocks", "The active chain's height"),
                    Doc::num("currentblockweight", "The weight of the last template").optional(),
                    Doc::num("currentblocktx", "Its transactions, without the coinbase").optional(),
                    Doc::hex("bits", "The tip's compact target"),
                    Doc::num("difficulty", "The tip's difficulty"),
                    Doc::hex("target", "The tip's target"),
                    Doc::num("networkhashps", "The network's hashes per second"),
                    Doc::num("pooledtx", "How many transactions the mempool has"),
                    Doc::amount("blockmintxfee", "The least fee rate of templates, in coins per 1000 vbytes"),
                    Doc::str("chain", "The chain's name"),
                    Doc::obj(
                        "next",
                        "The next block",
                        vec![
                            Doc::num("height", "Its height"),
                            Doc::hex("bits", "Its compact target"),
                            Doc::num("difficulty", "Its difficulty"),
                            Doc::hex("target", "Its target"),
                        ],
                    ),
                    Doc::hex("signet_challenge", "The script that blocks must satisfy").optional(),
                    Doc::arr("warnings", "What the operator should know", vec![Doc::str("", "A warning")]),
                ],
            )),
            mining::getmininginfo,
        ),
        (
            Method::new(
                "mining",
                "getnetworkhashps",
                "Estimates the network's hashes per second from blocks.",
            )
            .arg(Arg::num("nblocks", "How many blocks; -1 for those since the last retarget").default("120"))
            .arg(Arg::num("height", "The last of them; -1 for the tip").default("-1"))
            .result(Doc::num("", "Hashes per second")),
            mining::getnetworkhashps,
        ),
        (
            Method::new(
                "mining",
                "prioritisetransaction",
                "Makes a transaction count as if it paid more or less.",
            )
            .arg(Arg::hex("txid", "The transaction"))
            .arg(Arg::num("dummy", "Must be 0 or null; older clients send it").optional())
            .arg(Arg::num("fee_delta", "What to add to its fee, in satoshis"))
            .result(Doc::bool("", "true")),
            mempool::prioritisetransaction,
        ),
        (
            Method::new("mining", "getprioritisedtransactions", "Lists what prioritisetransaction did.")
                .result(Doc::obj_dyn(
                    "",
                    "",
                    vec![Doc::obj(
                        "transactionid",
                        "",
                        vec![
                            Doc::num("fee_delta", "What is added to the fee, in satoshis"),
                            Doc::bool("in_mempool", "Whether it is in the mempool"),
                            Doc::num("modified_fee", "Its fee with that, in satoshis").optional(),
                        ],
                    )],
                )),
            mempool::getprioritisedtransactions,
        ),
        (
            Method::new(
                "hidden",
                "generate",
                "has been replaced by the -generate cli option. Refer to -help for more information.",
            )
            .result(Doc::none("", "")),
            generate::generate_is_gone,
        ),
        (
            Method::new("hidden", "generatetoaddress", "Mines blocks that pay to an address.")
                .arg(Arg::num("nblocks", "How many"))
                .arg(Arg::str("address", "The address"))
                .arg(max_tries())
                .result(hashes()),
            generate::generatetoaddress,
        ),
        (
            Method::new(
                "hidden",
                "generatetodescriptor",
                "Mines blocks that pay to a raw() or addr() descriptor.",
            )
            .arg(Arg::num("num_blocks", "How many"))
            .arg(Arg::str("descriptor", "The descriptor"))
            .arg(max_tries())
            .result(hashes()),
            generate::generatetodescriptor,
        ),
        (
            Method::new("hidden", "generateblock", "Mines a block of these transactions in this order.")
                .arg(Arg::str("output", "The address or descriptor to pay to"))
                .arg(Arg::arr(
                    "transactions",
                    "Transactions, or ids of those in the mempool",
                    vec![Arg::hex("rawtx/txid", "").optional()],
                ))
                .arg(Arg::bool("submit", "Submit the block, or else show it").default("true"))
                .result(Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::hex("hash", "Its hash"),
                        Doc::hex("hex", "The block, if it is not submitted").optional(),
                    ],
                )),
            generate::generateblock,
        ),
    ]
}

fn mempool_rows() -> Vec<Row> {
    vec![
        (
            Method::new("rawtransactions", "sendrawtransaction", "Puts a transaction into the mempool.")
                .arg(Arg::hex("hexstring", "The transaction"))
                .arg(max_fee_rate_arg())
                .arg(
                    Arg::amount("maxburnamount", "Refuse outputs that can't be spent and are worth more")
                        .default("\"0.00\""),
                )
                .result(Doc::hex("", "Its id")),
            submission::sendrawtransaction,
        ),
        (
            Method::new(
                "rawtransactions",
                "testmempoolaccept",
                "Says whether the mempool would take transactions, each seeing those before it.",
            )
            .arg(Arg::arr(
                "rawtxs",
                "At most 25 transactions, parents first",
                vec![Arg::hex("rawtx", "").optional()],
            ))
            .arg(max_fee_rate_arg())
            .result(Doc::arr(
                "",
                "",
                vec![Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::hex("txid", "Its id"),
                        Doc::hex("wtxid", "Its id with witnesses"),
                        Doc::str("package-error", "What is wrong with them together").optional(),
                        Doc::bool("allowed", "Whether it would be taken; absent if it was not looked at")
                            .optional(),
                        Doc::num("vsize", "Its virtual size").optional(),
                        Doc::obj("fees", "What it pays", vec![]).optional(),
                        Doc::str("reject-reason", "Why not").optional(),
                        Doc::str("reject-details", "Why not, at length").optional(),
                    ],
                )],
            )),
            submission::testmempoolaccept,
        ),
        (
            Method::new(
                "rawtransactions",
                "submitpackage",
                "Puts a transaction with its unconfirmed parents into the mempool: it may pay for them.",
            )
            .arg(Arg::arr(
                "package",
                "At most 25 transactions, parents first; all others are parents of the last",
                vec![Arg::hex("rawtx", "").optional()],
            ))
            .arg(max_fee_rate_arg())
            .arg(
                Arg::amount("maxburnamount", "Refuse outputs that can't be spent and are worth more")
                    .default("\"0.00\""),
            )
            .result(Doc::obj(
                "",
                "",
                vec![
                    Doc::str("package_msg", "\"success\" if all are in the mempool now, or else why not"),
                    Doc::obj_dyn(
                        "tx-results",
                        "What became of each",
                        vec![Doc::obj(
                            "wtxid",
                            "",
                            vec![
                                Doc::hex("txid", "Its id"),
                                Doc::hex("other-wtxid", "Of what the mempool has with another witness")
                                    .optional(),
                                Doc::num("vsize", "Its virtual size").optional(),
                                Doc::obj("fees", "What it pays", vec![]).optional(),
                                Doc::str("error", "Why it was refused").optional(),
                            ],
                        )],
                    ),
                    Doc::arr("replaced-transactions", "", vec![Doc::hex("", "An id")]).optional(),
                ],
            )),
            submission::submitpackage,
        ),
        (
            Method::new("blockchain", "getrawmempool", "Lists the mempool.")
                .arg(Arg::bool("verbose", "Objects, or else ids").default("false"))
                .arg(Arg::bool("mempool_sequence", "Show the sequence number too, with ids").default("false"))
                .result(Doc::arr("", "", vec![Doc::hex("", "An id")]).when("for verbose = false"))
                .result(Doc::obj_dyn("", "", vec![entry_doc("transactionid")]).when("for verbose = true"))
                .result(
                    Doc::obj(
                        "",
                        "",
                        vec![
                            Doc::arr("txids", "", vec![Doc::hex("", "An id")]),
                            Doc::num("mempool_sequence", "The sequence number"),
                        ],
                    )
                    .when("for verbose = false and mempool_sequence = true"),
                ),
            mempool::getrawmempool,
        ),
        (
            Method::new("blockchain", "getmempoolentry", "Shows a transaction's place in the mempool.")
                .arg(txid_arg())
                .result(entry_doc("")),
            mempool::getmempoolentry,
        ),
        (
            relatives("getmempoolancestors", "Lists what a transaction needs in the mempool."),
            mempool::getmempoolancestors,
        ),
        (
            relatives("getmempooldescendants", "Lists what needs a transaction in the mempool."),
            mempool::getmempooldescendants,
        ),
        (
            Method::new("blockchain", "getmempoolinfo", "Shows the state of the mempool.").result(Doc::obj(
                "",
                "",
                vec![
                    Doc::bool("loaded", "Whether what was saved at the last stop is in"),
                    Doc::num("size", "How many transactions"),
                    Doc::num("bytes", "Their virtual size"),
                    Doc::num("usage", "The memory they take"),
                    Doc::amount("total_fee", "What they pay"),
                    Doc::num("maxmempool", "The memory they may take"),
                    Doc::amount("mempoolminfee", "The least fee rate taken now, in coins per 1000 vbytes"),
                    Doc::amount("minrelaytxfee", "The least fee rate ever taken, in coins per 1000 vbytes"),
                    Doc::amount(
                        "incrementalrelayfee",
                        "The fee rate step of replacements, in coins per 1000 vbytes",
                    ),
                    Doc::num("unbroadcastcount", "How many no peer has asked for yet"),
                    Doc::bool("fullrbf", "true: replacement needs no signal"),
                    Doc::bool("permitbaremultisig", "Whether bare multisig outputs are taken"),
                    Doc::num("maxdatacarriersize", "The most bytes of OP_RETURN outputs"),
                    Doc::num("limitclustercount", "The most transactions of a cluster"),
                    Doc::num("limitclustersize", "The most virtual bytes of a cluster"),
                    Doc::bool("optimal", "Whether the order is known to be the best"),
                ],
            )),
            mempool::getmempoolinfo,
        ),
    ]
}
