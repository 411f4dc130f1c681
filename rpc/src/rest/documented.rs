//! What several routes, or long ones, take and answer, for the table of routes.

use super::route::Kind::{Flag, Integer, List, Number, Object, Text};
use super::route::{Field, field, optional};

pub(super) const ADDRESS: Field = field("address", Text, "An address of this chain");
pub(super) const TEMPLATE_FIELDS: &[Field] = &[
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
pub(super) const MINER_REPORT: &[Field] = &[
    field("worker", Text, "What it calls itself: up to 64 letters, digits, -, _ and ."),
    field("miner_address", Text, "The address that its blocks pay"),
    field("hashes", Integer, "Headers hashed"),
    field("hashes_per_second", Integer, "Headers hashed in a second, on average"),
    field("accepted", Integer, "Blocks that became a tip"),
    field("rejected", Integer, "Blocks that did not"),
    field("uptime", Integer, "Seconds since it began"),
    optional(
        "instance",
        Text,
        "Tells this process from others of the same worker and address: up to 64 letters, digits, -, _ and .",
    ),
];
/// What a miner on the node's machine says of itself.
pub(super) const LOCAL_MINING: Field = optional(
    "X-Local-Mining",
    Flag,
    "\"true\": the request comes from a miner on the node's machine, and is never turned away for coming too often (429), so \
     that no block is lost. From elsewhere, or through a proxy, it changes nothing",
);
pub(super) const TX_BODY: &[Field] = &[
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
pub(super) const PEER_LIST: &[Field] = &[
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
pub(super) const SHARED_LIST: &[Field] = &[
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
