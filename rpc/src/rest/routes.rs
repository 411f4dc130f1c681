//! The table of routes: what the router follows and the OpenAPI document tells.

use super::{Answer, Request, Rest, Verb, addresses, blocks, mining, page, peers, status, transactions};

/// What answers a route.
#[derive(Clone, Copy)]
pub enum Handler {
    /// A function of the node and the request.
    Node(fn(&Rest, &Request) -> Answer),
    /// The OpenAPI document itself.
    Document,
}

/// The JSON type of a value, for the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// A truth value.
    Flag,
    /// A list.
    List,
    /// An object.
    Object,
}

/// A named value: a parameter, or a member of a body.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Whether it may be absent or null.
    pub optional: bool,
    /// What it is, with its unit.
    pub about: &'static str,
}

const fn field(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, optional: false, about }
}

const fn optional(name: &'static str, kind: Kind, about: &'static str) -> Field {
    Field { name, kind, optional: true, about }
}

/// What a route answers with.
#[derive(Debug, Clone, Copy)]
pub enum Reply {
    /// A JSON object of these members.
    Json(&'static [Field]),
    /// A page for people.
    Html,
    /// Any JSON object.
    AnyJson,
}

/// A body that a route takes: any one of several shapes.
#[derive(Debug, Clone, Copy)]
pub struct BodyDoc {
    /// What the body says and in which shapes.
    pub about: &'static str,
    /// The members of the JSON shapes, all of them optional where there are several shapes.
    pub fields: &'static [Field],
    /// Whether plain text (hexadecimal digits) is taken too.
    pub text: bool,
}

/// One route.
pub struct Route {
    /// The verb.
    pub verb: Verb,
    /// The path; its last part may be `{name}`.
    pub path: &'static str,
    /// What it does, in a line.
    pub summary: &'static str,
    /// The group it is shown in.
    pub group: &'static str,
    /// The parameters in the path and the query. The one named in the path comes first.
    pub params: &'static [Field],
    /// The body it takes.
    pub body: Option<BodyDoc>,
    /// What it answers with.
    pub reply: Reply,
    /// What answers it.
    pub run: Handler,
}

use Kind::{Flag, Integer, List, Number, Object, Text};

const ADDRESS: Field = field("address", Text, "An address of this chain");
const TEMPLATE_FIELDS: &[Field] = &[
    field("template_id", Text, "Names this template in POST /submit_block"),
    field("height", Integer, "The block's height"),
    field(
        "header",
        Text,
        "The 80 bytes to hash, twice with SHA-256, as hex; the nonce is the last four bytes",
    ),
    field("nonce_offset", Integer, "Where the nonce's four little-endian bytes are in the header"),
    field(
        "target",
        Text,
        "The hash, as a number, must not be above this one: 64 hex digits, the highest first",
    ),
    field("bits", Text, "The target in compact form"),
    field("difficulty", Number, "The difficulty"),
    field("version", Integer, "The header's version"),
    field("previous_hash", Text, "The block built upon"),
    field("merkle_root", Text, "The root of the transactions"),
    field("time", Integer, "The header's time, in seconds since 1970"),
    field("min_time", Integer, "The earliest time that is valid"),
    field("miner_address", Text, "Whom the coinbase pays"),
    field("reward", Integer, "What the coinbase pays, in satoshis"),
    field("reward_coins", Text, "The same in coins"),
    field("fees", Integer, "The part of it that is fees, in satoshis"),
    field("coinbase", Object, "The coinbase transaction: txid and hex"),
    field("transactions", List, "The transactions after it: txid, hex, fee (satoshis) and weight"),
    field("block", Text, "The whole block as hex, lacking only the nonce"),
];
const TX_BODY: &[Field] = &[
    optional("hex", Text, "The transaction as hex"),
    optional("tx_hex", Text, "The same under another name"),
    optional("transaction", Object, "The transaction as JSON, in one of the shapes below"),
    optional("version", Integer, "The version; 2 if absent"),
    optional("locktime", Integer, "The lock time; 0 if absent"),
    optional(
        "inputs",
        List,
        "The inputs: txid, vout, script_sig (hex; the signatures of legacy inputs), witness (list of hex), sequence",
    ),
    optional("outputs", List, "The outputs: value (satoshis) and script_pubkey (hex) or address"),
    optional(
        "vin",
        List,
        "The inputs as decoderawtransaction shows them: txid, vout, scriptSig.hex, txinwitness, sequence",
    ),
    optional(
        "vout",
        List,
        "The outputs as decoderawtransaction shows them: value (coins) and scriptPubKey.hex",
    ),
];
const PEER_LIST: &[Field] = &[
    field(
        "peers",
        List,
        "The peers: id, address, local_address, node_id, user_agent, direction, connection_type, ready (both have said \
         hello), height, since and last_seen (seconds since 1970), ping_ms, bytes_sent, bytes_received",
    ),
    field("count", Integer, "How many"),
    field("active_peers", Integer, "How many of them are ready"),
    field("min_peers", Integer, "Below so many the search for more is urgent"),
    field("target_peers", Integer, "With so many nobody is called"),
    field("max_peers", Integer, "More are not taken"),
    field("p2p", Flag, "Whether connections may be made"),
];
const SHARED_LIST: &[Field] = &[
    field("peers", List, "P2P addresses of nodes that this node has called"),
    field("count", Integer, "How many"),
    field("active_peers", Integer, "How many peers are ready, whoever called"),
    field("p2p", Flag, "Whether connections may be made"),
    field(
        "connections",
        List,
        "The connections that this node made: address, local_address, connection_type; by its end of one, a node knows \
         which of its peers this is",
    ),
];

/// Every route.
pub static ROUTES: &[Route] = &[
    Route {
        verb: Verb::Get,
        path: "/",
        summary: "A status page for people",
        group: "status",
        params: &[],
        body: None,
        reply: Reply::Html,
        run: Handler::Node(page::page),
    },
    Route {
        verb: Verb::Get,
        path: "/openapi.json",
        summary: "This document",
        group: "status",
        params: &[],
        body: None,
        reply: Reply::AnyJson,
        run: Handler::Document,
    },
    Route {
        verb: Verb::Get,
        path: "/status",
        summary: "The node and its chain in short",
        group: "status",
        params: &[],
        body: None,
        reply: Reply::Json(&[
            field("node_id", Text, "The node's name"),
            field("version", Text, "The node's version"),
            field("chain", Text, "The chain's name"),
            field("genesis_hash", Text, "The chain's first block"),
            field("blockchain_length", Integer, "How many blocks, genesis included"),
            field("height", Integer, "The tip's height"),
            field("best_block_hash", Text, "The tip"),
            field("best_block_time", Integer, "The tip's time, in seconds since 1970"),
            field("headers", Integer, "The height of the best header"),
            field("difficulty", Number, "The tip's difficulty"),
            field("target_block_time", Integer, "The spacing aimed at, in seconds"),
            field("pending_transactions", Integer, "How many transactions wait in the mempool"),
            field("active_peers", Integer, "How many peers are connected"),
            optional("p2p_port", Integer, "The port that peers connect to; null if the node does not listen"),
            field("p2p_listening", Flag, "Whether peers can connect"),
            field("instance", Text, "A number of this process, by which the node knows itself"),
            optional("authentication", Text, "What peers must prove themselves by; null if by nothing"),
            optional("node_key", Text, "The node's public key; null if it has none"),
            field("syncing", Flag, "Whether most of the chain is still missing"),
            field("uptime_seconds", Integer, "How long the node has been running"),
            field("warnings", List, "What the operator should know"),
        ]),
        run: Handler::Node(status::status),
    },
    Route {
        verb: Verb::Get,
        path: "/stats",
        summary: "The node and its chain at length",
        group: "status",
        params: &[],
        body: None,
        reply: Reply::Json(&[
            field("node_id", Text, "The node's name"),
            field("chain", Text, "The chain's name"),
            field("height", Integer, "The tip's height"),
            field("total_transactions", Integer, "How many transactions the chain has"),
            field("chain_work", Text, "The hashes expected for the chain, 64 hex digits"),
            field("difficulty", Number, "The tip's difficulty"),
            field("next_difficulty", Number, "The difficulty of the next block"),
            field("network_hashes_per_second", Number, "Estimated over the last 120 blocks"),
            field("target_block_time", Integer, "The spacing aimed at, in seconds"),
            field("average_block_time", Number, "The spacing of the last 120 blocks, in seconds"),
            field("block_reward", Integer, "The next block's new coins, in satoshis"),
            field("block_reward_coins", Text, "The same in coins"),
            field("halving_interval", Integer, "After how many blocks the new coins halve"),
            field(
                "mempool",
                Object,
                "The mempool: transactions, virtual_size, memory, max_memory, fees, min_fee_rate",
            ),
            field("storage", Object, "Bytes on disk: blocks, coins"),
            field("indexes", List, "The indexes: name, synced, height"),
            field("peers", Object, "The peers: active, inbound, outbound, by_kind, min, target, max, p2p"),
            field(
                "network",
                Object,
                "The network: bytes_sent, bytes_received, best_peer_height (null without peers), known_addresses, \
                 hashes_per_second",
            ),
            field(
                "recent_blocks",
                List,
                "The last 120 blocks: height, hash, time, spacing (seconds), difficulty, transactions",
            ),
            field("uptime_seconds", Integer, "How long the node has been running"),
        ]),
        run: Handler::Node(status::stats),
    },
    Route {
        verb: Verb::Get,
        path: "/blockchain",
        summary: "The active chain's blocks, streamed",
        group: "blocks",
        params: &[
            optional("start", Integer, "The height to begin at; 0 if absent"),
            optional("limit", Integer, "How many blocks at most; all if absent"),
        ],
        body: None,
        reply: Reply::Json(&[
            field("length", Integer, "How many blocks the chain has"),
            field("start", Integer, "The height of the first block here"),
            field("count", Integer, "How many blocks are here"),
            optional("next", Integer, "Where the next page starts; null at the end"),
            field("chain", List, "The blocks with their transactions"),
        ]),
        run: Handler::Node(blocks::blockchain),
    },
    Route {
        verb: Verb::Get,
        path: "/blocks/range",
        summary: "Some blocks of the active chain, both ends included",
        group: "blocks",
        params: &[
            field("start", Integer, "The first height"),
            field("end", Integer, "The last height; at most 1000 blocks in one answer"),
        ],
        body: None,
        reply: Reply::Json(&[
            field("start", Integer, "The first height"),
            field("end", Integer, "The last height that the chain has"),
            field("count", Integer, "How many blocks are here"),
            field("blocks", List, "The blocks with their transactions"),
        ]),
        run: Handler::Node(blocks::range),
    },
    Route {
        verb: Verb::Get,
        path: "/balance/{address}",
        summary: "What an address holds",
        group: "addresses",
        params: &[ADDRESS],
        body: None,
        reply: Reply::Json(&[
            field("address", Text, "The address"),
            field("balance", Integer, "What it holds by the chain, in satoshis"),
            field("balance_coins", Text, "The same in coins"),
            field("spendable", Integer, "The part that the next block may spend, in satoshis"),
            field("immature", Integer, "The part that is too young coinbase, in satoshis"),
            field("received", Integer, "All that it was ever paid, in satoshis"),
            field("utxo_count", Integer, "How many unspent outputs"),
            field("transaction_count", Integer, "How many transactions pay it or spend from it"),
            field("height", Integer, "The height up to which this counts"),
            field("block_hash", Text, "The block up to which this counts"),
        ]),
        run: Handler::Node(addresses::balance),
    },
    Route {
        verb: Verb::Get,
        path: "/utxos/{address}",
        summary: "An address's unspent outputs, the oldest first",
        group: "addresses",
        params: &[
            ADDRESS,
            optional("skip", Integer, "How many to leave out"),
            optional("limit", Integer, "How many at most: 1000 if absent, at most 10000"),
        ],
        body: None,
        reply: Reply::Json(&[
            field("address", Text, "The address"),
            field("script_pubkey", Text, "The output script it stands for, as hex"),
            field("count", Integer, "How many are here"),
            field("total", Integer, "What they are worth, in satoshis"),
            field("total_coins", Text, "The same in coins"),
            optional("next", Integer, "How many to skip for the next page; null at the end"),
            field("height", Integer, "The tip's height"),
            field(
                "utxos",
                List,
                "The outputs: txid, vout, value (satoshis), amount (coins), height, confirmations, coinbase, spendable, \
                 spent_in_mempool",
            ),
        ]),
        run: Handler::Node(addresses::utxos),
    },
    Route {
        verb: Verb::Get,
        path: "/history/{address}",
        summary: "The transactions that pay an address or spend from it, the newest first",
        group: "addresses",
        params: &[
            ADDRESS,
            optional("skip", Integer, "How many to leave out"),
            optional("limit", Integer, "How many at most: 1000 if absent, at most 10000"),
        ],
        body: None,
        reply: Reply::Json(&[
            field("address", Text, "The address"),
            field("count", Integer, "How many are here"),
            optional("next", Integer, "How many to skip for the next page; null at the end"),
            field("height", Integer, "The tip's height"),
            field("transactions", List, "The transactions: txid, height, tx_index, confirmations, time"),
        ]),
        run: Handler::Node(addresses::history),
    },
    Route {
        verb: Verb::Post,
        path: "/add_transaction",
        summary: "Put a signed transaction into the mempool",
        group: "transactions",
        params: &[],
        body: Some(BodyDoc {
            about: "The signed transaction: its hex as text, {\"hex\": …}, {\"tx_hex\": …}, or its parts as JSON (with \
                    inputs and outputs, or as decoderawtransaction shows it; both also inside {\"transaction\": …})",
            fields: TX_BODY,
            text: true,
        }),
        reply: Reply::Json(&[
            field("txid", Text, "Its id"),
            field("wtxid", Text, "Its id with witnesses"),
            field("status", Text, "accepted, or known if it was in the mempool already"),
            field("size", Integer, "Its bytes"),
            field("vsize", Integer, "Its virtual bytes"),
            optional("fee", Integer, "What it pays, in satoshis"),
            optional("fee_coins", Text, "The same in coins"),
        ]),
        run: Handler::Node(transactions::add),
    },
    Route {
        verb: Verb::Get,
        path: "/transaction_pool",
        summary: "The transactions that wait for a block, the best first",
        group: "transactions",
        params: &[
            optional("skip", Integer, "How many to leave out"),
            optional("limit", Integer, "How many at most: 1000 if absent, at most 10000"),
        ],
        body: None,
        reply: Reply::Json(&[
            field("count", Integer, "How many the mempool has"),
            field("virtual_size", Integer, "Their virtual bytes"),
            field("total_fees", Integer, "What they pay, in satoshis"),
            field("total_fees_coins", Text, "The same in coins"),
            optional("next", Integer, "How many to skip for the next page; null at the end"),
            field(
                "transactions",
                List,
                "The transactions with their inputs and outputs, fee (satoshis), fee_coins, fee_rate (satoshis per \
                 virtual byte), time and depends",
            ),
        ]),
        run: Handler::Node(transactions::pool),
    },
    Route {
        verb: Verb::Post,
        path: "/mine_block",
        summary: "A block to mine that pays to an address",
        group: "mining",
        params: &[],
        body: Some(BodyDoc {
            about: "Whom the coinbase pays",
            fields: &[field("miner_address", Text, "An address of this chain")],
            text: false,
        }),
        reply: Reply::Json(TEMPLATE_FIELDS),
        run: Handler::Node(mining::mine_block),
    },
    Route {
        verb: Verb::Post,
        path: "/submit_block",
        summary: "Hand in a mined block",
        group: "mining",
        params: &[],
        body: Some(BodyDoc {
            about: "The block: its hex as text, {\"block\": hex}, or what was found for a template of POST /mine_block: \
                    {\"template_id\", \"nonce\"} with the time and version if they were changed, or {\"template_id\", \
                    \"header\"}",
            fields: &[
                optional("block", Text, "The whole block as hex"),
                optional("template_id", Text, "The template that was mined"),
                optional("nonce", Integer, "The nonce that was found"),
                optional("time", Integer, "The header's time, if it was changed"),
                optional("version", Integer, "The header's version, if it was changed"),
                optional("header", Text, "The 80 bytes of the finished header as hex, instead of the three"),
            ],
            text: true,
        }),
        reply: Reply::Json(&[
            field("accepted", Flag, "Whether the block is now in the active chain"),
            field("status", Text, "accepted, inconclusive (a branch of less work) or duplicate"),
            field("hash", Text, "The block's hash"),
            optional("height", Integer, "Its height"),
            field("blockchain_length", Integer, "How many blocks the chain has now"),
        ]),
        run: Handler::Node(mining::submit_block),
    },
    Route {
        verb: Verb::Get,
        path: "/peers",
        summary: "The connected peers",
        group: "peers",
        params: &[],
        body: None,
        reply: Reply::Json(PEER_LIST),
        run: Handler::Node(peers::peers),
    },
    Route {
        verb: Verb::Get,
        path: "/getpeers",
        summary: "The peers to share with others",
        group: "peers",
        params: &[],
        body: None,
        reply: Reply::Json(SHARED_LIST),
        run: Handler::Node(peers::shared),
    },
    Route {
        verb: Verb::Post,
        path: "/discover_peers",
        summary: "Look for peers now: for clients on this machine, and for users that may call addnode",
        group: "peers",
        params: &[],
        body: None,
        reply: Reply::Json(&[
            field("discovered", Integer, "How many of the nodes that were found are peers now"),
            field("peers", List, "The nodes: name, node_id, address, height, is_peer, outcome (in words)"),
            field("ports_scanned", Integer, "How many ports were asked"),
            field("active_peers", Integer, "How many peers are ready now"),
            field("p2p", Flag, "Whether connections may be made"),
            field("message", Text, "What was done"),
        ]),
        run: Handler::Node(peers::discover),
    },
    Route {
        verb: Verb::Post,
        path: "/addpeer",
        summary: "Connect to a peer and keep connected: for clients on this machine, and for users that may call addnode",
        group: "peers",
        params: &[],
        body: Some(BodyDoc {
            about: "The peer",
            fields: &[field("peer_url", Text, "http://host:port of its API, or host:port of its P2P port")],
            text: false,
        }),
        reply: Reply::Json(&[
            field("status", Text, "added"),
            field("peer", Object, "The peer: name, node_id, address, height, is_peer, outcome (in words)"),
        ]),
        run: Handler::Node(peers::add),
    },
];
