//! `getblocktemplate`: work for miners (BIP22, BIP23, BIP9, BIP145), long polling and proposals.

use super::block_json::{bits_text, target_text};
use super::mining::{bip22_reason, decode_block};
use super::reply;
use crate::error::{RpcError, code};
use crate::json::Json;
use crate::node::{BlockTemplate, BlockValidity, ChainView, Node, NodeRef};
use crate::registry::{Call, CallResult};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::difficulty::next_bits;
use chaincore_consensus::script::{Builder, op};
use chaincore_consensus::transaction::WITNESS_SCALE_FACTOR;
use chaincore_consensus::versionbits::{DeploymentState, StateCache};
use chaincore_consensus::{BlockHash, Txid, Wtxid, hex};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A template younger than this is handed out again although the mempool has changed.
const TEMPLATE_LIFETIME: i64 = 5;
/// When a long poll first looks at the mempool.
const FIRST_MEMPOOL_LOOK: Duration = Duration::from_secs(60);
/// How often it looks after that.
const MEMPOOL_LOOK: Duration = Duration::from_secs(10);
/// The most a block's signature operations may cost.
const MAX_BLOCK_SIGOPS_COST: i64 = 80_000;
/// The most bytes a block may have.
const MAX_BLOCK_SIZE: i64 = 4_000_000;
/// The most weight a block may have.
const MAX_BLOCK_WEIGHT: i64 = 4_000_000;

/// The template handed out last, shared by all callers.
#[derive(Default)]
pub struct Templates(Mutex<Cached>);

#[derive(Default)]
struct Cached {
    /// The mempool's counter when the template was built; long polls compare with it.
    updates: u64,
    built_at: i64,
    template: Option<BlockTemplate>,
}

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
pub async fn getblocktemplate(node: NodeRef, templates: Arc<Templates>, call: Call) -> CallResult {
    let (rules, longpollid) = match Request::read(call.args.get(0))? {
        Request::Proposal(text) => return blocking(move || propose(&*node, &text)).await,
        Request::Template { rules, longpollid } => (rules, longpollid),
    };
    if !node.params().is_test_chain() {
        let connections = node.connections();
        if connections.inbound + connections.outbound == 0 {
            return Err(RpcError::new(code::CLIENT_NOT_CONNECTED, "ChainCore is not connected!"));
        }
        if node.initial_block_download() {
            let message = "ChainCore is in initial sync and waiting for blocks...";
            return Err(RpcError::new(code::CLIENT_IN_INITIAL_DOWNLOAD, message));
        }
    }
    if let Some(id) = longpollid {
        let last = templates.0.lock().unwrap_or_else(PoisonError::into_inner).updates;
        let (tip, updates) = watched(&id, node.chain().tip().hash, last)?;
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
    blocking(move || {
        let (template, updates) = templates.current(&*node)?;
        reply(&TemplateJson::new(&*node, &template, updates, &rules)?)
    })
    .await
}

/// Runs what blocks where blocking is allowed.
async fn blocking(work: impl FnOnce() -> CallResult + Send + 'static) -> CallResult {
    tokio::task::spawn_blocking(work).await.map_err(|_| RpcError::shutting_down())?
}

impl Templates {
    /// The template to hand out now, and the mempool's counter when it was built.
    fn current(&self, node: &dyn Node) -> Result<(BlockTemplate, u64), RpcError> {
        let mut cached = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tip = node.chain().tip().hash;
        let now = node.now();
        let updates = node.mempool_info().updates;
        let outdated = updates != cached.updates && now - cached.built_at > TEMPLATE_LIFETIME;
        if let Some(template) = &cached.template
            && template.block.header.previous == tip
            && !outdated
        {
            return Ok((template.clone(), cached.updates));
        }
        // Whatever fails below, the next call starts afresh.
        cached.template = None;
        cached.updates = updates;
        cached.built_at = now;
        let anyone = Builder::new().op(op::OP_1).into_script();
        let template = node.build_template(anyone, true)?;
        cached.template = Some(template.clone());
        Ok((template, updates))
    }
}

#[derive(Serialize)]
struct TemplateTx {
    data: String,
    txid: Txid,
    hash: Wtxid,
    depends: Vec<usize>,
    fee: i64,
    sigops: i64,
    weight: usize,
}

/// Nothing needs to be in the coinbase's script besides the height.
#[derive(Serialize)]
struct CoinbaseAux {}

#[derive(Serialize)]
struct TemplateJson {
    capabilities: [&'static str; 1],
    version: i32,
    rules: Vec<String>,
    vbavailable: BTreeMap<String, u8>,
    vbrequired: u32,
    previousblockhash: BlockHash,
    transactions: Vec<TemplateTx>,
    coinbaseaux: CoinbaseAux,
    coinbasevalue: i64,
    longpollid: String,
    target: String,
    mintime: u32,
    mutable: [&'static str; 3],
    noncerange: &'static str,
    sigoplimit: i64,
    sizelimit: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    weightlimit: Option<i64>,
    curtime: u32,
    bits: String,
    height: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    signet_challenge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_witness_commitment: Option<String>,
}

/// The version and rules of a template for a miner who knows `rules`.
struct Voting {
    version: i32,
    rules: Vec<String>,
    available: BTreeMap<String, u8>,
}

impl Voting {
    fn new(
        node: &dyn Node,
        chain: &dyn ChainView,
        template: &BlockTemplate,
        known: &[String],
        segwit: bool,
    ) -> Result<Self, RpcError> {
        let params = node.params();
        let mut version = template.block.header.version;
        let mut rules = vec!["csv".to_owned()];
        if segwit {
            rules.extend(["!segwit".into(), "taproot".into()]);
        }
        if params.signet_challenge.is_some() {
            rules.push("!signet".into());
        }
        let mut available = BTreeMap::new();
        let Some(branch) = chain.ancestry(&template.block.header.previous) else {
            return Ok(Self { version, rules, available });
        };
        for deployment in &params.version_bits {
            let shown = format!("{}{}", if deployment.gbt_optional { "" } else { "!" }, deployment.name);
            let understood = deployment.gbt_optional || known.contains(&deployment.name);
            let mask = deployment.mask();
            match deployment.state_at(&*branch, template.height, &mut StateCache::default()) {
                DeploymentState::Active if !understood => {
                    let name = &deployment.name;
                    let message = format!("Support for '{name}' rule requires explicit client support");
                    return Err(RpcError::invalid_parameter(message));
                }
                DeploymentState::Active => rules.push(shown),
                state @ (DeploymentState::Started | DeploymentState::LockedIn) => {
                    if state == DeploymentState::LockedIn {
                        version |= mask;
                    }
                    available.insert(shown, deployment.bit);
                    if !understood {
                        version &= !mask;
                    }
                }
                _ => {}
            }
        }
        Ok(Self { version, rules, available })
    }
}

impl TemplateJson {
    fn new(
        node: &dyn Node,
        template: &BlockTemplate,
        updates: u64,
        known_rules: &[String],
    ) -> Result<Self, RpcError> {
        let params = node.params();
        let chain = node.chain();
        let header = &template.block.header;
        let segwit = template.height >= params.deployments.segwit;
        let voting = Voting::new(node, &*chain, template, known_rules, segwit)?;
        let now = u32::try_from(node.now()).unwrap_or(u32::MAX);
        let curtime = header.time.max(template.min_time).max(now);
        // On some chains a later time makes a block easier.
        let branch = chain.ancestry(&header.previous);
        let bits = branch.map_or(header.bits, |branch| next_bits(params, &*branch, curtime));
        // Before segwit the cost was not scaled.
        let unscaled = |cost: i64| if segwit { cost } else { cost / WITNESS_SCALE_FACTOR as i64 };
        Ok(Self {
            capabilities: ["proposal"],
            version: voting.version,
            rules: voting.rules,
            vbavailable: voting.available,
            vbrequired: 0,
            previousblockhash: header.previous,
            transactions: transactions(template, unscaled),
            coinbaseaux: CoinbaseAux {},
            coinbasevalue: coinbase_value(template),
            longpollid: format!("{}{updates}", header.previous),
            target: target_text(bits),
            mintime: template.min_time,
            mutable: ["time", "transactions", "prevblock"],
            noncerange: "00000000ffffffff",
            sigoplimit: unscaled(MAX_BLOCK_SIGOPS_COST),
            sizelimit: unscaled(MAX_BLOCK_SIZE),
            weightlimit: segwit.then_some(MAX_BLOCK_WEIGHT),
            curtime,
            bits: bits_text(bits),
            height: template.height,
            signet_challenge: params.signet_challenge.as_ref().map(|script| hex::encode(script)),
            default_witness_commitment: template
                .witness_commitment
                .as_ref()
                .map(|script| hex::encode(script)),
        })
    }
}

/// What the coinbase may pay.
fn coinbase_value(template: &BlockTemplate) -> i64 {
    let coinbase = template.block.transactions.first();
    coinbase.and_then(|tx| tx.outputs.first()).map_or(0, |output| output.value.sat())
}

fn transactions(template: &BlockTemplate, unscaled: impl Fn(i64) -> i64) -> Vec<TemplateTx> {
    let txs = &template.block.transactions;
    let places: HashMap<Txid, usize> = txs.iter().enumerate().map(|(at, tx)| (tx.txid(), at)).collect();
    let facts = template.fees.iter().zip(&template.sigops);
    txs.iter()
        .skip(1)
        .zip(facts)
        .map(|(tx, (fee, sigops))| TemplateTx {
            data: hex::encode(&tx.to_bytes()),
            txid: tx.txid(),
            hash: tx.wtxid(),
            depends: tx
                .inputs
                .iter()
                .filter_map(|input| places.get(&input.previous_output.txid).copied())
                .collect(),
            fee: fee.sat(),
            sigops: unscaled(*sigops),
            weight: tx.weight(),
        })
        .collect()
}
