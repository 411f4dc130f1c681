//! The methods about the mempool as a whole.

use super::{Row, pool};
use crate::registry::{Arg, Doc, Method};

fn orphan_doc(in_full: bool) -> Doc {
    let mut fields = vec![
        Doc::hex("txid", "Its id"),
        Doc::hex("wtxid", "Its id with witnesses"),
        Doc::num("bytes", "Its size"),
        Doc::num("vsize", "Its virtual size"),
        Doc::num("weight", "Its weight"),
        Doc::arr("from", "Who announced it", vec![Doc::num("peer_id", "A peer's number")]),
    ];
    if in_full {
        fields.push(Doc::hex("hex", "The transaction"));
    }
    Doc::obj("", "", fields)
}

/// The methods with their handlers.
pub fn rows() -> Vec<Row> {
    vec![
        (
            Method::new(
                "blockchain",
                "getmempoolcluster",
                "Shows the cluster that a mempool transaction is in.",
            )
            .arg(Arg::hex("txid", "The transaction"))
            .result(Doc::obj(
                "",
                "",
                vec![
                    Doc::num("clusterweight", "The weight of its transactions, adjusted for sigops"),
                    Doc::num("txcount", "How many there are"),
                    Doc::arr(
                        "chunks",
                        "What would be mined together, the best first",
                        vec![Doc::obj(
                            "",
                            "",
                            vec![
                                Doc::amount("chunkfee", "What the chunk pays"),
                                Doc::num("chunkweight", "Its weight, adjusted for sigops"),
                                Doc::arr("txs", "Its transactions", vec![Doc::hex("txid", "A transaction")]),
                            ],
                        )],
                    ),
                ],
            )),
            pool::getmempoolcluster as super::Handler,
        ),
        (
            Method::new(
                "hidden",
                "getmempoolfeeratediagram",
                "Shows what the mempool pays for how much weight, the best chunks first.",
            )
            .result(Doc::arr(
                "",
                "",
                vec![Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::num("weight", "The weight so far, adjusted for sigops"),
                        Doc::num("fee", "What it pays"),
                    ],
                )],
            )),
            pool::getmempoolfeeratediagram,
        ),
        (
            Method::new(
                "blockchain",
                "savemempool",
                "Writes the mempool to its file. It fails while the last one is still being read.",
            )
            .result(Doc::obj("", "", vec![Doc::str("filename", "The file")])),
            pool::savemempool,
        ),
        (
            Method::new(
                "blockchain",
                "importmempool",
                "Takes the transactions of a mempool.dat into the mempool.\nWhat such a file says beside the \
                 transactions is better not believed.",
            )
            .arg(Arg::str("filepath", "The file"))
            .arg(
                Arg::options(
                    "options",
                    "",
                    vec![
                        Arg::bool("use_current_time", "The transactions count as new").default("true"),
                        Arg::bool("apply_fee_delta_priority", "Take over its priorities").default("false"),
                        Arg::bool("apply_unbroadcast_set", "Take over what is still to be announced")
                            .default("false"),
                    ],
                )
                .optional()
                .oneline("options"),
            )
            .result(Doc::obj("", "", vec![]))
            .example_cli("/path/to/mempool.dat"),
            pool::importmempool,
        ),
        (
            Method::new(
                "blockchain",
                "gettxspendingprevout",
                "Says which mempool transactions spend given outputs.",
            )
            .arg(Arg::arr(
                "outputs",
                "The outputs",
                vec![
                    Arg::obj(
                        "",
                        "",
                        vec![
                            Arg::hex("txid", "The transaction"),
                            Arg::num("vout", "The output's place in it"),
                        ],
                    )
                    .optional(),
                ],
            ))
            .arg(
                Arg::options(
                    "options",
                    "",
                    vec![
                        Arg::bool(
                            "mempool_only",
                            "Do not ask an index of spent outputs, which there is none of",
                        )
                        .hint("true if txospenderindex unavailable, otherwise false"),
                        Arg::bool("return_spending_tx", "Show the spending transaction").hint("false"),
                    ],
                )
                .optional(),
            )
            .result(Doc::arr(
                "",
                "",
                vec![Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::hex("txid", "The transaction"),
                        Doc::num("vout", "The output's place in it"),
                        Doc::hex("spendingtxid", "What spends it").optional(),
                        Doc::hex("spendingtx", "The same in full").optional(),
                    ],
                )],
            )),
            pool::gettxspendingprevout,
        ),
        (
            Method::new(
                "hidden",
                "getorphantxs",
                "Lists transactions of peers that spend unknown outputs, while these are being looked for.",
            )
            .arg(
                Arg::num("verbosity", "0 for ids, 1 for objects, 2 for the transactions in full too")
                    .default("0")
                    .any_type(),
            )
            .result(
                Doc::arr("", "", vec![Doc::hex("txid", "A transaction; more than one may have this id")])
                    .when("for verbose = 0"),
            )
            .result(Doc::arr("", "", vec![orphan_doc(false)]).when("for verbose = 1"))
            .result(Doc::arr("", "", vec![orphan_doc(true)]).when("for verbose = 2"))
            .example_cli("2"),
            pool::getorphantxs,
        ),
    ]
}
