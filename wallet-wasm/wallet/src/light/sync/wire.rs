//! Requests as values: what is asked, how it is written as HTTP, and how large an answer may be.

use crate::light::{esplora, filters, headers};
use bitcoin::Txid;
use chaincore_consensus::BlockHash;
use serde::Serialize;

/// A verb.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

/// Something to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// By which the answer is given.
    pub id: u64,
    /// Which node: 0 is the main one.
    pub node: usize,
    /// The verb.
    pub method: Method,
    /// The path, from the node's address on, with the query.
    pub path: String,
    /// The body; empty with `GET`.
    pub body: Vec<u8>,
}

/// What a node answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A status and a body.
    Status(u16, Vec<u8>),
    /// No answer, and why.
    Unreachable(String),
}

/// A question to a node.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Ask {
    /// Which chain, and its tip.
    Chain,
    /// Headers from a file on, the first ones left out.
    Headers { file: u32, skip: u32 },
    /// The newest page of the history of the script at that place of the ledger's list.
    Script { at: usize },
    /// The page after a transaction.
    More { at: usize, after: Txid },
    /// The merkle branch of a transaction.
    Proof { txid: Txid },
    /// The ids of a block's transactions.
    BlockTxids { height: u32, hash: BlockHash },
    /// Filter headers from a height on, to the end of their file.
    FilterHeaders { from: u32 },
    /// Filters from a height on, to the end of their file.
    Filters { from: u32 },
    /// A block.
    Block { height: u32, hash: BlockHash },
    /// A transaction that a disputed block spends from.
    Parent { txid: Txid },
    /// What is in the mempool.
    PoolIds,
    /// A transaction of the mempool.
    PoolTx { txid: Txid },
    /// Fee estimates.
    Fees,
    /// Sends a transaction; its bytes are kept beside.
    Send { txid: Txid },
}

fn file(kind: &str, file: u32, skip: u32) -> String {
    match skip {
        0 => format!("/light/{kind}/{file}.bin"),
        _ => format!("/light/{kind}/{file}.bin?skip={skip}"),
    }
}

impl Ask {
    pub(super) fn method(&self) -> Method {
        if matches!(self, Self::Send { .. }) { Method::Post } else { Method::Get }
    }

    /// The path; of a script's history it needs the script, see [`Ask::path_of_script`].
    pub(super) fn path(&self) -> String {
        match self {
            Self::Chain => "/light/chain".into(),
            Self::Headers { file: number, skip } => file("headers", *number, *skip),
            Self::FilterHeaders { from } => {
                file("filterheaders", from / filters::HEADERS_FILE, from % filters::HEADERS_FILE)
            }
            Self::Filters { from } => file("filters", from / filters::FILE, from % filters::FILE),
            Self::Script { at } | Self::More { at, .. } => format!("/api/scripthash/#{at}/txs"),
            Self::Proof { txid } => format!("/api/tx/{txid}/merkle-proof"),
            Self::BlockTxids { hash, .. } => format!("/api/block/{hash}/txids"),
            Self::Block { hash, .. } => format!("/api/block/{hash}/raw"),
            Self::Parent { txid } | Self::PoolTx { txid } => format!("/api/tx/{txid}/raw"),
            Self::PoolIds => "/api/mempool/txids".into(),
            Self::Fees => "/api/fee-estimates".into(),
            Self::Send { .. } => "/api/tx".into(),
        }
    }

    /// The path of a question about a script.
    pub(super) fn path_of_script(&self, script: &bitcoin::Script) -> String {
        let hash = esplora::script_hash(script);
        match self {
            Self::More { after, .. } => format!("/api/scripthash/{hash}/txs/chain/{after}"),
            _ => format!("/api/scripthash/{hash}/txs"),
        }
    }

    /// No honest answer is longer, in bytes.
    pub(super) fn most_bytes(&self) -> usize {
        match self {
            Self::Chain => 256 << 10,
            Self::Headers { .. } => headers::FILE as usize * 80,
            Self::FilterHeaders { .. } => filters::HEADERS_FILE as usize * 32,
            Self::Filters { .. } => 128 << 20,
            Self::Script { .. } | Self::More { .. } => 64 << 20,
            Self::Proof { .. } | Self::Fees | Self::Send { .. } => 64 << 10,
            Self::BlockTxids { .. } => 2 << 20,
            Self::Block { .. } | Self::Parent { .. } | Self::PoolTx { .. } => 4 << 20,
            Self::PoolIds => 32 << 20,
        }
    }
}
