//! The table of the explorer's own paths.

use super::{charts, plugins, search};
use crate::rest::Verb;
use crate::rest::route::Kind::{Flag, Integer, List, Number, Text};
use crate::rest::route::{Field, Handler, Reply, Route, field, optional};

const BLOCKS: Field = optional("blocks", Integer, "How many blocks: 144 if absent, at most 1008");
const END: Field = optional("end", Integer, "The height of the last one; the tip if absent");
const COMPLETE: Field =
    field("complete", Flag, "Whether every block could be read for this answer; if not, ask again");

/// The explorer's routes.
pub static ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/api/v1/chain",
        summary: "Figures of the last blocks, for charts",
        group: "explorer",
        params: &[BLOCKS, END],
        body: None,
        reply: Reply::Json(&[
            field("height", Integer, "The tip's height"),
            field("hash", Text, "The tip"),
            field("end", Integer, "The height of the last block here"),
            field("target_spacing", Integer, "The spacing aimed at, in seconds"),
            field("average_interval", Number, "The mean spacing of these blocks, in seconds"),
            field("hash_rate", Number, "Hashes per second, estimated over the last 120 blocks"),
            field("difficulty", Number, "The tip's difficulty"),
            field("next_difficulty", Number, "The difficulty of the next block"),
            field("next_subsidy", Integer, "The next block's new coins, in satoshis"),
            COMPLETE,
            field(
                "blocks",
                List,
                "The blocks, the oldest first: height, hash, time, interval (seconds since the block below), difficulty, \
                 hash_rate (over 30 blocks), tx_count, size, weight, fees and subsidy (satoshis), fee_rate (satoshis per \
                 virtual byte), miner (the address that the coinbase pays most to), tag (what the coinbase says)",
            ),
        ]),
        run: Handler::Node(charts::chain),
    },
    Route {
        verb: Verb::Get,
        path: "/api/v1/mining",
        summary: "Who mined the last blocks",
        group: "explorer",
        params: &[BLOCKS, END],
        body: None,
        reply: Reply::Json(&[
            field("blocks", Integer, "How many blocks were looked at"),
            field("first", Integer, "The height of the first"),
            field("last", Integer, "The height of the last"),
            COMPLETE,
            field(
                "miners",
                List,
                "Who mined most first, at most 50 and the others together: miner (an address), tag, blocks, share (of 1), \
                 fees and reward (satoshis), last_height, last_time",
            ),
        ]),
        run: Handler::Node(charts::mining),
    },
    Route {
        verb: Verb::Get,
        path: "/api/v1/search",
        summary: "What a text names",
        group: "explorer",
        params: &[field(
            "q",
            Text,
            "A height, a block's hash, a transaction's id, an address, the SHA-256 of a script",
        )],
        body: None,
        reply: Reply::Json(&[
            field("query", Text, "The text"),
            field("kind", Text, "block, tx, address, scripthash or none"),
            optional("height", Integer, "A block's height"),
            optional("hash", Text, "A block's hash"),
            optional("txid", Text, "A transaction's id"),
            optional("address", Text, "An address"),
            optional("scripthash", Text, "A script's hash"),
        ]),
        run: Handler::Node(search::search),
    },
    Route {
        verb: Verb::Get,
        path: "/plugins",
        summary: "What follows the chain in or beside this node",
        group: "explorer",
        params: &[],
        body: None,
        reply: Reply::Json(&[field(
            "plugins",
            List,
            "The plugins: id, version, kind, state, important, cursor, lag, blocks, retries, failing, description, figures",
        )]),
        run: Handler::Node(plugins::list),
    },
];
