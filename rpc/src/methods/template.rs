//! `getblocktemplate`: work for miners (BIP22, BIP23, BIP9, BIP145), long polling and proposals.

//!
//! - `ready` says whether there is work for anybody,
//! - `cache` keeps the template handed out last, and its text, for all who ask,
//! - `print` writes that text.

mod cache;
mod print;
mod ready;

pub use cache::Templates;
pub use ready::{NoWork, ready};

use super::mining::{bip22_reason, decode_block};
use super::reply;
use crate::error::RpcError;
use crate::json::Json;
use crate::node::{BlockValidity, Node, NodeRef};
use crate::registry::{Call, CallResult, Printed, PrintedResult};
use chaincore_consensus::BlockHash;
use std::sync::Arc;
use std::time::Duration;

/// When a long poll first looks at the mempool.
const FIRST_MEMPOOL_LOOK: Duration = Duration::from_secs(60);
/// How often it looks after that.
const MEMPOOL_LOOK: Duration = Duration::from_secs(10);
/// What a caller asks for.
enum Request {
    Template { rules: Vec<String>, longpollid: Option<Json> },
    Proposal(String),
}

impl Request {
    fn read(request: &Json) -> Result<Self, RpcError> {
        let invalid_mode = || RpcError::invalid_parameter("Invalid mode");
        let mode = match request.field("mode") {
            Json::Null => "template",
            Json::String(mode) => mode,
            _ => return Err(invalid_mode()),
        };
        if mode == "proposal" {
            return match request.field("data") {
                Json::String(data) => Ok(Self::Proposal(data.clone())),
                _ => Err(RpcError::wrong_type("Missing data String key for proposal")),
            };
        }
        let mut rules = Vec::new();
        if let Json::Array(values) = request.field("rules") {
            for rule in values {
                rules.push(rule.get_str()?.to_owned());
            }
        }
        if mode != "template" {
            return Err(invalid_mode());
        }
        let longpollid = Some(request.field("longpollid")).filter(|id| !id.is_null()).cloned();
        Ok(Self::Template { rules, longpollid })
    }
}

/// BIP23: whether a block without work would be valid.
fn propose(node: &dyn Node, text: &str) -> CallResult {
    let block = decode_block(text)?;
    if let Some(known) = node.chain().entry(&block.hash()) {
        return reply(match known.validity {
            BlockValidity::Scripts => "duplicate",
            BlockValidity::Failed => "duplicate-invalid",
            _ => "duplicate-inconclusive",
        });
    }
    let verdict = node.test_block(Arc::new(block), false, true)?;
    reply(&verdict.err().map(|reason| bip22_reason(&reason)))
}

/// The tip and the mempool counter that a `longpollid` names.
fn watched(id: &Json, tip: BlockHash, updates: u64) -> Result<(BlockHash, u64), RpcError> {
    let Json::String(id) = id else { return Ok((tip, updates)) };
    let split = id.char_indices().nth(64).map_or(id.len(), |(at, _)| at);
    let hash = Json::String(id[..split].into()).hash("longpollid")?;
    let digits = id[split..].bytes().take_while(u8::is_ascii_digit).count();
    Ok((hash, id[split..split + digits].parse().unwrap_or(0)))
}

/// Waits until the tip differs from the one named, or, looking now and then, the mempool has changed.
async fn wait_for_change(node: &dyn Node, tip: BlockHash, updates: u64) {
    let mut tips = node.tip_watch();
    let mut patience = FIRST_MEMPOOL_LOOK;
    loop {
        let changed = tips.wait_for(|now| now.hash != tip);
        match tokio::time::timeout(patience, changed).await {
            Ok(_) => return,
            Err(_) if node.mempool_info().updates != updates => return,
            Err(_) => patience = MEMPOOL_LOOK,
        }
    }
}

/// Answers one call.
pub async fn getblocktemplate(node: NodeRef, templates: Arc<Templates>, call: Call) -> PrintedResult {
    let (rules, longpollid) = match Request::read(call.args.get(0))? {
        Request::Proposal(text) => {
            let judged = tokio::task::spawn_blocking(move || propose(&*node, &text)).await;
            return judged.map_err(|_| RpcError::shutting_down())?.map(Printed::Own);
        }
        Request::Template { rules, longpollid } => (rules, longpollid),
    };
    ready(&*node)?;
    if let Some(id) = longpollid {
        let (tip, updates) = watched(&id, node.chain().tip().hash, templates.updates())?;
        wait_for_change(&*node, tip, updates).await;
    }
    let supports = |rule: &str| rules.iter().any(|known| known == rule);
    if node.params().signet_challenge.is_some() && !supports("signet") {
        return Err(RpcError::invalid_parameter(
            "getblocktemplate must be called with the signet rule set (call with {\"rules\": [\"segwit\", \"signet\"]})",
        ));
    }
    if !supports("segwit") {
        return Err(RpcError::invalid_parameter(
            "getblocktemplate must be called with the segwit rule set (call with {\"rules\": [\"segwit\"]})",
        ));
    }
    templates.text(node, &rules).await.map(Printed::Shared)
}
