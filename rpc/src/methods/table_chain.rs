//! The methods of the groups blockchain and rawtransactions, as clients see them.

use super::{Row, blockchain, coins, deployments, rawtx};
use crate::registry::{Arg, Doc, Method};

fn block_hash_arg() -> Arg {
    Arg::hex("blockhash", "The block's hash")
}

fn tip_result() -> Doc {
    Doc::obj("", "", vec![Doc::hex("hash", "The tip's hash"), Doc::num("height", "The tip's height")])
}

fn timeout_arg() -> Arg {
    Arg::num("timeout", "Milliseconds to wait at most; 0 waits for ever").default("0")
}

/// `waitfornewblock`.
pub fn waitfornewblock() -> Method {
    Method::new("blockchain", "waitfornewblock", "Waits for another tip, and shows the tip there then is.")
        .arg(timeout_arg())
        .arg(Arg::hex("current_tip", "Wait until the tip is another than this").optional())
        .result(tip_result())
}

/// `waitforblock`.
pub fn waitforblock() -> Method {
    Method::new(
        "blockchain",
        "waitforblock",
        "Waits until a block is the tip, and shows the tip there then is.",
    )
    .arg(block_hash_arg())
    .arg(timeout_arg())
    .result(tip_result())
}

/// `waitforblockheight`.
pub fn waitforblockheight() -> Method {
    Method::new("blockchain", "waitforblockheight", "Waits for a height, and shows the tip there then is.")
        .arg(Arg::num("height", "The height"))
        .arg(timeout_arg())
        .result(tip_result())
}

/// What is shown of a header.
fn header_fields() -> Vec<Doc> {
    vec![
        Doc::hex("hash", "Its hash"),
        Doc::num("confirmations", "How deep it is, the tip being 1; -1 outside the active chain"),
        Doc::num("height", "Its height"),
        Doc::num("version", "Its version"),
        Doc::hex("versionHex", "Its version in hexadecimal"),
        Doc::hex("merkleroot", "The root of its transactions"),
        Doc::time("time", "Its time, in seconds since 1970"),
        Doc::time("mediantime", "The median time of it and the ten before"),
        Doc::num("nonce", "Its nonce"),
        Doc::hex("bits", "The compact target"),
        Doc::hex("target", "The target"),
        Doc::num("difficulty", "How many times harder than the easiest target of Bitcoin"),
        Doc::hex("chainwork", "The hashes expected for the chain up to it"),
        Doc::num("nTx", "How many transactions"),
        Doc::hex("previousblockhash", "The block before").optional(),
        Doc::hex("nextblockhash", "The block after").optional(),
    ]
}

fn block_fields(txs: Doc) -> Vec<Doc> {
    let mut fields = header_fields();
    fields.extend([
        Doc::num("strippedsize", "Bytes without witnesses"),
        Doc::num("size", "Bytes"),
        Doc::num("weight", "Weight"),
        Doc::obj("coinbase_tx", "What the coinbase says", vec![]),
        txs,
    ]);
    fields
}

fn txs_in_full(when: &'static str) -> Doc {
    let txs =
        Doc::arr("tx", "The transactions, as getrawtransaction shows them", vec![Doc::obj("", "", vec![])]);
    Doc::obj("", "", block_fields(txs)).when(when)
}

fn steering(category: &'static str, name: &'static str, about: &'static str) -> Method {
    Method::new(category, name, about).arg(block_hash_arg()).result(Doc::none("", ""))
}

/// The methods with their handlers.
pub fn rows() -> Vec<Row> {
    let mut rows = chain_rows();
    rows.extend(coin_and_tx_rows());
    rows
}

fn chain_rows() -> Vec<Row> {
    vec![
        (
            Method::new("blockchain", "getblockcount", "Says how high the active chain is; genesis is 0.")
                .result(Doc::num("", "The height")),
            blockchain::getblockcount,
        ),
        (
            Method::new("blockchain", "getbestblockhash", "Says which block is the tip.")
                .result(Doc::hex("", "Its hash")),
            blockchain::getbestblockhash,
        ),
        (
            Method::new("blockchain", "getdifficulty", "Says how hard the tip was to find.")
                .result(Doc::num("", "The difficulty")),
            blockchain::getdifficulty,
        ),
        (
            Method::new("blockchain", "getblockhash", "Says which block of the active chain is at a height.")
                .arg(Arg::num("height", "The height"))
                .result(Doc::hex("", "Its hash"))
                .example_cli("1000")
                .example_rpc("1000"),
            blockchain::getblockhash,
        ),
        (
            Method::new("blockchain", "getblockheader", "Shows a header.")
                .arg(block_hash_arg())
                .arg(Arg::bool("verbose", "An object, or else the bytes").default("true"))
                .result(Doc::obj("", "", header_fields()).when("for verbose = true"))
                .result(Doc::hex("", "The header's bytes").when("for verbose = false")),
            blockchain::getblockheader,
        ),
        (
            Method::new("blockchain", "getblock", "Shows a block.")
                .arg(block_hash_arg())
                .arg(
                    Arg::num(
                        "verbosity|verbose",
                        "0 for the bytes, 1 for an object, 2 for its transactions too, 3 for the outputs they spend too",
                    )
                    .default("1")
                    .any_type(),
                )
                .result(Doc::hex("", "The block's bytes").when("for verbosity = 0"))
                .result(
                    Doc::obj("", "", block_fields(Doc::arr("tx", "The transactions", vec![Doc::hex("", "An id")])))
                        .when("for verbosity = 1"),
                )
                .result(txs_in_full("for verbosity = 2"))
                .result(txs_in_full("for verbosity = 3")),
            blockchain::getblock,
        ),
        (
            Method::new("blockchain", "getblockchaininfo", "Shows the state of the chain.").result(Doc::obj(
                "",
                "",
                vec![
                    Doc::str("chain", "The chain's name"),
                    Doc::num("blocks", "The active chain's height"),
                    Doc::num("headers", "The height of the best header"),
                    Doc::hex("bestblockhash", "The tip"),
                    Doc::hex("bits", "The tip's compact target"),
                    Doc::hex("target", "The tip's target"),
                    Doc::num("difficulty", "The tip's difficulty"),
                    Doc::time("time", "The tip's time"),
                    Doc::time("mediantime", "The median time of it and the ten before"),
                    Doc::num("verificationprogress", "An estimate of how much is verified, 0 to 1"),
                    Doc::bool("initialblockdownload", "Whether most of the chain is still missing"),
                    Doc::hex("chainwork", "The hashes expected for the active chain"),
                    Doc::num("size_on_disk", "Bytes of block and undo files"),
                    Doc::bool("pruned", "Whether old blocks are deleted"),
                    Doc::hex("signet_challenge", "The script that blocks must satisfy").optional(),
                    Doc::arr("warnings", "What the operator should know", vec![Doc::str("", "A warning")]),
                ],
            )),
            blockchain::getblockchaininfo,
        ),
        (
            Method::new("blockchain", "getchaintips", "Lists the ends of all branches of the block tree.").result(
                Doc::arr(
                    "",
                    "",
                    vec![Doc::obj(
                        "",
                        "",
                        vec![
                            Doc::num("height", "Its height"),
                            Doc::hex("hash", "Its hash"),
                            Doc::num("branchlen", "How many blocks it is from the active chain"),
                            Doc::str("status", "active, valid-fork, valid-headers, headers-only or invalid"),
                        ],
                    )],
                ),
            ),
            blockchain::getchaintips,
        ),
        (
            Method::new("blockchain", "getdeploymentinfo", "Shows the state of the soft forks.")
                .arg(Arg::hex("blockhash", "The block to look from").hint("the tip"))
                .result(Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::hex("hash", "The block"),
                        Doc::num("height", "Its height"),
                        Doc::arr("script_flags", "The script rules of the block", vec![Doc::str("", "A rule")]),
                        Doc::obj_dyn("deployments", "", vec![Doc::obj("xxxx", "A soft fork", vec![])]),
                    ],
                )),
            deployments::getdeploymentinfo,
        ),
        (
            steering("hidden", "invalidateblock", "Marks a block as invalid, with all that build on it.\nreconsiderblock undoes it."),
            blockchain::invalidateblock,
        ),
        (
            steering("hidden", "reconsiderblock", "Takes the mark of invalidity from a block, its ancestors and descendants."),
            blockchain::reconsiderblock,
        ),
        (
            steering("blockchain", "preciousblock", "Treats a block as if it had come before others of the same work."),
            blockchain::preciousblock,
        ),
        (
            Method::new(
                "hidden",
                "syncwithvalidationinterfacequeue",
                "Waits until all that happened before has reached every follower of the chain.",
            )
            .result(Doc::none("", "")),
            blockchain::syncwithvalidationinterfacequeue,
        ),
    ]
}

fn coin_and_tx_rows() -> Vec<Row> {
    vec![
        (
            Method::new("blockchain", "gettxout", "Shows an unspent output.")
                .arg(Arg::str("txid", "The transaction"))
                .arg(Arg::num("n", "The output's place in it"))
                .arg(
                    Arg::bool("include_mempool", "Whether the mempool's outputs and spends count").default("true"),
                )
                .result(Doc::none("", "").when("If there is no such unspent output"))
                .result(
                    Doc::obj(
                        "",
                        "",
                        vec![
                            Doc::hex("bestblock", "The tip"),
                            Doc::num("confirmations", "How deep it is"),
                            Doc::amount("value", "What it is worth"),
                            Doc::obj("scriptPubKey", "What locks it", vec![]),
                            Doc::bool("coinbase", "Whether a coinbase made it"),
                        ],
                    )
                    .when("Otherwise"),
                ),
            coins::gettxout,
        ),
        (
            Method::new("blockchain", "gettxoutsetinfo", "Counts and hashes all unspent outputs. This takes a while.")
                .arg(
                    Arg::str("hash_type", "The hash: hash_serialized_3, muhash or none")
                        .default("\"hash_serialized_3\""),
                )
                .arg(
                    Arg::num("hash_or_height", "The block to look from")
                        .hint("the tip")
                        .any_type()
                        .type_words("", "string or numeric"),
                )
                .arg(Arg::bool("use_index", "Whether an index may answer").default("true"))
                .result(Doc::obj(
                    "",
                    "",
                    vec![
                        Doc::num("height", "The tip's height"),
                        Doc::hex("bestblock", "The tip"),
                        Doc::num("txouts", "How many unspent outputs"),
                        Doc::num("bogosize", "A size that depends on no database"),
                        Doc::hex("hash_serialized_3", "The hash of them in order").optional(),
                        Doc::hex("muhash", "The hash of them in any order").optional(),
                        Doc::amount("total_amount", "What they are worth"),
                        Doc::num("transactions", "How many transactions made them"),
                        Doc::num("disk_size", "Bytes on disk"),
                    ],
                )),
            coins::gettxoutsetinfo,
        ),
        (
            Method::new(
                "rawtransactions",
                "getrawtransaction",
                "Shows a transaction of the mempool, or of the chain if the transaction index is on or its block is named.",
            )
            .arg(Arg::hex("txid", "The transaction"))
            .arg(
                Arg::num(
                    "verbosity|verbose",
                    "0 for the bytes, 1 for an object, 2 for the fee and the outputs it spends too",
                )
                .default("0")
                .any_type(),
            )
            .arg(Arg::hex("blockhash", "The block it is in").optional())
            .result(Doc::hex("", "The transaction's bytes").when("for verbosity = 0"))
            .result(Doc::obj("", "", vec![]).when("otherwise")),
            rawtx::getrawtransaction,
        ),
        (
            Method::new("rawtransactions", "decoderawtransaction", "Explains a transaction.")
                .arg(Arg::hex("hexstring", "The transaction"))
                .arg(
                    Arg::bool("iswitness", "Whether it is in the form with witnesses").hint("what its bytes suggest"),
                )
                .result(Doc::obj("", "", vec![])),
            rawtx::decoderawtransaction,
        ),
    ]
}
