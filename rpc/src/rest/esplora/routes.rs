//! The table of Esplora's paths.

use super::{addresses, blocks, mempool, txs};
use crate::rest::route::Kind::{Flag, Integer, List, Number, Object, Text};
use crate::rest::route::{BodyDoc, Field, Handler, Reply, Route, field, optional};
use crate::rest::{Answer, Request, Rest, Verb};

const fn get(
    path: &'static str,
    summary: &'static str,
    params: &'static [Field],
    reply: Reply,
    run: fn(&Rest, &Request) -> Answer,
) -> Route {
    let run = Handler::Node(run);
    Route { verb: Verb::Get, path, summary, group: "esplora", params, body: None, reply, run }
}

const HASH: Field = field("hash", Text, "A block's hash");
const TXID: Field = field("txid", Text, "A transaction's id");
const ADDRESS: Field = field("address", Text, "An address of this chain");
const SCRIPT: Field =
    field("scripthash", Text, "The SHA-256 of an output script, in hex, its first byte first");
const LAST: Field = field("last", Text, "The last transaction that the client has seen");
const AFTER: Field = optional("after_txid", Text, "Only transactions of the chain behind this one");

const BLOCK: Reply = Reply::Json(&[
    field("id", Text, "Its hash"),
    field("height", Integer, "Its height"),
    field("version", Integer, "Its version"),
    field("timestamp", Integer, "Its time, in seconds since 1970"),
    field("tx_count", Integer, "How many transactions it has"),
    field("size", Integer, "Its bytes"),
    field("weight", Integer, "Its weight"),
    field("merkle_root", Text, "The root of its transactions"),
    optional("previousblockhash", Text, "The block below; null for genesis"),
    field("mediantime", Integer, "The median time of it and the ten blocks below"),
    field("nonce", Integer, "Its nonce"),
    field("bits", Integer, "Its target in compact form"),
    field("difficulty", Number, "Its difficulty"),
]);
const TX: Reply = Reply::Json(&[
    field("txid", Text, "Its id"),
    field("version", Integer, "Its version"),
    field("locktime", Integer, "Its lock time"),
    field("vin", List, "Its inputs, each with the output it spends (prevout)"),
    field("vout", List, "Its outputs; values in satoshis"),
    field("size", Integer, "Its bytes"),
    field("weight", Integer, "Its weight"),
    field("sigops", Integer, "Its sigop cost"),
    field("fee", Integer, "What it pays, in satoshis"),
    field("status", Object, "Where it is: confirmed, block_height, block_hash, block_time"),
]);
const TXS: Reply = Reply::List("Transactions, the newest first");
const UTXO: Reply = Reply::List("Unspent outputs: txid, vout, status, value (satoshis)");
const STATS: &str =
    "funded_txo_count, funded_txo_sum, spent_txo_count, spent_txo_sum, tx_count; sums in satoshis";
const HEX: Reply = Reply::Text("Hexadecimal digits");
const TX_BODY: &[Field] = &[];

/// What a transaction that is sent may do.
const LIMITS: &[Field] = &[
    optional(
        "maxfeerate",
        Number,
        "Refuse what pays more, in satoshis per virtual byte; 0 takes any, 10000 if absent",
    ),
    optional("maxburnamount", Number, "Refuse what makes more coins unspendable; 0 if absent"),
];

/// Esplora's routes, and those of mempool.space on fees.
pub static ROUTES: &[Route] = &[
    get("/api/blocks", "The ten newest blocks", &[], Reply::List("Blocks, the newest first"), blocks::list),
    get("/api/blocks/tip/height", "The tip's height", &[], Reply::Text("A number"), blocks::tip_height),
    get("/api/blocks/tip/hash", "The tip's hash", &[], Reply::Text("A hash"), blocks::tip_hash),
    get(
        "/api/blocks/{start}",
        "Ten blocks from a height down",
        &[field("start", Integer, "The height of the first one")],
        Reply::List("Blocks, the newest first"),
        blocks::list,
    ),
    get(
        "/api/block-height/{height}",
        "The hash of the block at a height",
        &[field("height", Integer, "A height of the active chain")],
        Reply::Text("A hash"),
        blocks::at_height,
    ),
    get("/api/block/{hash}", "A block", &[HASH], BLOCK, blocks::one),
    get("/api/block/{hash}/header", "A block's header", &[HASH], HEX, blocks::header),
    get(
        "/api/block/{hash}/status",
        "Whether a block is in the active chain",
        &[HASH],
        Reply::Json(&[
            field("in_best_chain", Flag, "Whether it is"),
            optional("height", Integer, "Its height; null if it is not"),
            optional("next_best", Text, "The block above it in the active chain"),
        ]),
        blocks::status,
    ),
    get("/api/block/{hash}/raw", "A block's bytes", &[HASH], Reply::Bytes, blocks::raw),
    get(
        "/api/block/{hash}/txids",
        "A block's transactions",
        &[HASH],
        Reply::List("Their ids"),
        blocks::txids,
    ),
    get(
        "/api/block/{hash}/txid/{index}",
        "One of a block's transactions",
        &[HASH, field("index", Integer, "Its position in the block")],
        Reply::Text("Its id"),
        blocks::txid,
    ),
    get(
        "/api/block/{hash}/txs",
        "A block's first 25 transactions",
        &[HASH],
        Reply::List("Transactions"),
        blocks::txs,
    ),
    get(
        "/api/block/{hash}/txs/{start}",
        "25 of a block's transactions",
        &[HASH, field("start", Integer, "The position of the first one, a multiple of 25")],
        Reply::List("Transactions"),
        blocks::txs,
    ),
    get("/api/tx/{txid}", "A transaction", &[TXID], TX, txs::one),
    get("/api/tx/{txid}/raw", "A transaction's bytes", &[TXID], Reply::Bytes, txs::raw),
    get("/api/tx/{txid}/hex", "A transaction's bytes as hex", &[TXID], HEX, txs::hex_text),
    get(
        "/api/tx/{txid}/status",
        "Where a transaction is",
        &[TXID],
        Reply::Json(&[
            field("confirmed", Flag, "Whether it is in the active chain"),
            optional("block_height", Integer, "The height of its block"),
            optional("block_hash", Text, "Its block"),
            optional("block_time", Integer, "The time of its block, in seconds since 1970"),
        ]),
        txs::status,
    ),
    get(
        "/api/tx/{txid}/merkle-proof",
        "The proof that a transaction is in its block",
        &[TXID],
        Reply::Json(&[
            field("block_height", Integer, "The height of its block"),
            field("merkle", List, "The hashes beside the way to the merkle root, the lowest first"),
            field("pos", Integer, "Its position in the block"),
        ]),
        txs::merkle_proof,
    ),
    get(
        "/api/tx/{txid}/merkleblock-proof",
        "The same as BIP37 has it",
        &[TXID],
        HEX,
        txs::merkle_block_proof,
    ),
    get(
        "/api/tx/{txid}/outspend/{vout}",
        "What spends an output",
        &[TXID, field("vout", Integer, "The output's number")],
        Reply::Json(&[
            field("spent", Flag, "Whether anything does"),
            optional("txid", Text, "The transaction that does"),
            optional("vin", Integer, "The number of its input"),
            optional("status", Object, "Where that transaction is"),
        ]),
        txs::outspend_of,
    ),
    get(
        "/api/tx/{txid}/outspends",
        "What spends each of a transaction's outputs",
        &[TXID],
        Reply::List("One for each output, in order: spent, txid, vin, status"),
        txs::outspends,
    ),
    get(
        "/api/address/{address}",
        "What an address was paid and has spent",
        &[ADDRESS],
        Reply::Json(&[
            field("address", Text, "The address"),
            field("chain_stats", Object, STATS),
            field("mempool_stats", Object, "The same of what waits"),
        ]),
        addresses::address_stats,
    ),
    get(
        "/api/address/{address}/txs",
        "An address's waiting transactions, at most 50, and its 25 newest mined ones",
        &[ADDRESS, AFTER],
        TXS,
        addresses::address_txs,
    ),
    get(
        "/api/address/{address}/txs/chain",
        "An address's 25 newest mined transactions",
        &[ADDRESS],
        TXS,
        addresses::address_chain,
    ),
    get(
        "/api/address/{address}/txs/chain/{last}",
        "The 25 behind one",
        &[ADDRESS, LAST],
        TXS,
        addresses::address_chain,
    ),
    get(
        "/api/address/{address}/txs/mempool",
        "An address's waiting transactions",
        &[ADDRESS],
        TXS,
        addresses::address_mempool,
    ),
    get(
        "/api/address/{address}/utxo",
        "An address's unspent outputs",
        &[ADDRESS],
        UTXO,
        addresses::address_utxo,
    ),
    get(
        "/api/scripthash/{scripthash}",
        "What a script was paid and has spent",
        &[SCRIPT],
        Reply::Json(&[
            field("scripthash", Text, "The hash"),
            field("chain_stats", Object, STATS),
            field("mempool_stats", Object, "The same of what waits"),
        ]),
        addresses::script_stats,
    ),
    get(
        "/api/scripthash/{scripthash}/txs",
        "A script's waiting transactions, at most 50, and its 25 newest mined ones",
        &[SCRIPT, AFTER],
        TXS,
        addresses::script_txs,
    ),
    get(
        "/api/scripthash/{scripthash}/txs/chain",
        "A script's 25 newest mined transactions",
        &[SCRIPT],
        TXS,
        addresses::script_chain,
    ),
    get(
        "/api/scripthash/{scripthash}/txs/chain/{last}",
        "The 25 behind one",
        &[SCRIPT, LAST],
        TXS,
        addresses::script_chain,
    ),
    get(
        "/api/scripthash/{scripthash}/txs/mempool",
        "A script's waiting transactions",
        &[SCRIPT],
        TXS,
        addresses::script_mempool,
    ),
    get(
        "/api/scripthash/{scripthash}/utxo",
        "A script's unspent outputs",
        &[SCRIPT],
        UTXO,
        addresses::script_utxo,
    ),
    get(
        "/api/mempool",
        "How much waits",
        &[],
        Reply::Json(&[
            field("count", Integer, "How many transactions"),
            field("vsize", Integer, "Their virtual bytes"),
            field("total_fee", Integer, "What they pay, in satoshis"),
            field(
                "fee_histogram",
                List,
                "Pairs, the best rate first: a fee rate in satoshis per virtual byte, and the virtual bytes that pay it or \
                 more, but less than the pair before",
            ),
        ]),
        mempool::backlog,
    ),
    get("/api/mempool/txids", "What waits", &[], Reply::List("Ids of transactions"), mempool::txids),
    get(
        "/api/mempool/recent",
        "The ten transactions that came last",
        &[],
        Reply::List("The newest first: txid, fee (satoshis), vsize, value (the sum of its outputs)"),
        mempool::recent,
    ),
    get(
        "/api/fee-estimates",
        "What a transaction must pay to be mined within so many blocks, by what waits now: members 1 to 25, 144, 504 and \
         1008, in satoshis per virtual byte",
        &[],
        Reply::AnyJson,
        mempool::estimates,
    ),
    get(
        "/api/v1/fees/recommended",
        "The same in five words, as mempool.space has it",
        &[],
        Reply::Json(&[
            field("fastestFee", Number, "For the next block, in satoshis per virtual byte"),
            field("halfHourFee", Number, "For the next three"),
            field("hourFee", Number, "For the next six"),
            field("economyFee", Number, "For the next 144"),
            field("minimumFee", Number, "What is taken at all"),
        ]),
        mempool::recommended,
    ),
    get(
        "/api/v1/fees/mempool-blocks",
        "The next blocks, as they would be mined of what waits",
        &[],
        Reply::List(
            "At most eight, the best first; the last holds all the rest: blockSize, blockVSize, nTx, totalFees, medianFee, \
             feeRange (seven rates from the lowest to the highest)",
        ),
        mempool::next_blocks,
    ),
    Route {
        verb: Verb::Post,
        path: "/api/tx",
        summary: "Put a signed transaction into the mempool",
        group: "esplora",
        params: LIMITS,
        body: Some(BodyDoc { about: "The transaction as hex", fields: TX_BODY, text: true }),
        reply: Reply::Text("Its id"),
        run: Handler::Node(mempool::post),
    },
    Route {
        verb: Verb::Post,
        path: "/api/txs/package",
        summary: "Put a child with its unconfirmed parents, which come first, into the mempool",
        group: "esplora",
        params: LIMITS,
        body: Some(BodyDoc {
            about: "A JSON list of transactions, each as hex",
            fields: TX_BODY,
            text: true,
        }),
        reply: Reply::Json(&[
            field("package_msg", Text, "success, or what is wrong"),
            field("tx-results", Object, "What became of each, by wtxid, as submitpackage tells it"),
            field("replaced-transactions", List, "What was replaced"),
        ]),
        run: Handler::Node(mempool::post_package),
    },
];
