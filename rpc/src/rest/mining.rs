//! Mining without `getblocktemplate`: a whole block to hash, and handing it in.

use super::addresses::address_script;
use super::shapes::coins;
use super::{Answer, Request, Rest, RestError, json, json_with};
use crate::json::Json;
use crate::methods::mining::{bip22_outcome, submit};
use crate::methods::template::{self, NoWork};
use crate::node::{BlockOutcome, BlockTemplate, Node};
use crate::value::CoreDouble;
use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::pow::{self, Target};
use chaincore_consensus::{Block, BlockHash, Hash256, Header, Txid, hex};
use chaincore_plugin::node::{MinerReport, MinerVia};
use hyper::StatusCode;
use serde::Serialize;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// How many templates are remembered for blocks that come back.
const REMEMBERED_TEMPLATES: usize = 64;

/// The templates handed out last. The merkle root names one: it covers the coinbase.
#[derive(Default)]
pub struct TemplateStore(Mutex<VecDeque<Block>>);

impl TemplateStore {
    fn remember(&self, block: Block) {
        let mut blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.retain(|known| known.header.merkle_root != block.header.merkle_root);
        if blocks.len() == REMEMBERED_TEMPLATES {
            blocks.pop_front();
        }
        blocks.push_back(block);
    }

    fn find(&self, id: &Hash256) -> Option<Block> {
        let blocks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.iter().find(|block| block.header.merkle_root == *id).cloned()
    }
}

#[derive(Serialize)]
struct Coinbase {
    txid: Txid,
    hex: String,
}

#[derive(Serialize)]
struct WorkTx {
    txid: Txid,
    hex: String,
    fee: i64,
    weight: usize,
}

#[derive(Serialize)]
struct Work {
    template_id: Hash256,
    height: u32,
    header: String,
    nonce_offset: usize,
    target: String,
    bits: String,
    difficulty: CoreDouble,
    version: i32,
    previous_hash: BlockHash,
    merkle_root: Hash256,
    time: u32,
    min_time: u32,
    miner_address: String,
    reward: i64,
    reward_coins: String,
    fees: i64,
    coinbase: Option<Coinbase>,
    transactions: Vec<WorkTx>,
    block: String,
}

impl Work {
    fn new(template: &BlockTemplate, miner_address: String) -> Self {
        let header = &template.block.header;
        let txs = &template.block.transactions;
        let reward = txs.first().map_or(Default::default(), |tx| tx.output_sum());
        let target = Target::from_compact(header.bits).map(|target| hex::encode(&target.to_be_bytes()));
        Self {
            template_id: header.merkle_root,
            height: template.height,
            header: hex::encode(&header.to_array()),
            nonce_offset: Header::LEN - 4,
            target: target.unwrap_or_default(),
            bits: format!("{:08x}", header.bits),
            difficulty: CoreDouble(pow::difficulty(header.bits)),
            version: header.version,
            previous_hash: header.previous,
            merkle_root: header.merkle_root,
            time: header.time,
            min_time: template.min_time,
            miner_address,
            reward: reward.sat(),
            reward_coins: coins(reward),
            fees: template.fees.iter().map(|fee| fee.sat()).sum(),
            coinbase: txs.first().map(|tx| Coinbase { txid: tx.txid(), hex: hex::encode(&tx.to_bytes()) }),
            transactions: txs
                .iter()
                .skip(1)
                .zip(&template.fees)
                .map(|(tx, fee)| WorkTx {
                    txid: tx.txid(),
                    hex: hex::encode(&tx.to_bytes()),
                    fee: fee.sat(),
                    weight: tx.weight(),
                })
                .collect(),
            block: hex::encode(&template.block.to_bytes()),
        }
    }
}

/// The longest name of a worker.
const MAX_WORKER: usize = 64;

/// Who has told nothing for so many seconds is not counted on any more. Miners tell something each minute.
const SILENT: i64 = 180;

/// Whether a miner on this machine may come to a path however often it came before: see `RestHandler::serves_local_miners`.
pub fn serves_local_miners(path: &str) -> bool {
    matches!(path, "/mine_block" | "/submit_block")
}

/// The JSON-RPC method whose right a user needs for a path from another machine.
pub fn controls(path: &str) -> Option<&'static str> {
    (path == "/mining_stats").then_some("submitblock")
}

#[derive(Serialize)]
struct Noted {
    noted: bool,
}

/// `POST /mining_stats`.
pub fn report(rest: &Rest, request: &Request) -> Answer {
    let body = request.json()?;
    let wrong = |message: String| RestError::bad_request("bad_report", message);
    let text = |name: &str| {
        let value = body.field(name);
        value.get_str().map_err(|_| wrong(format!("{name} must be a text, not {value}")))
    };
    let number = |name: &str| {
        let value = body.field(name);
        value.get_int::<u64>().map_err(|_| wrong(format!("{name} must be a whole number, not {value}")))
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let name = |field: &str| {
        let name = text(field)?;
        if !(1..=MAX_WORKER).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(wrong(format!("{field} must be 1 to {MAX_WORKER} letters, digits, -, _ and .")));
        }
        Ok(name.to_owned())
    };
    let worker = name("worker")?;
    let instance = body.member("instance").filter(|value| !value.is_null());
    let instance = instance.map(|_| name("instance")).transpose()?;
    let node = rest.node();
    let (address, _) = address_script(text("miner_address")?, node.params())?;
    node.note_miner(MinerReport {
        worker,
        address: address.to_text(&node.params().addresses),
        instance,
        via: MinerVia::Rest,
        hashes: number("hashes")?,
        hashes_per_second: number("hashes_per_second")?,
        accepted: number("accepted")?,
        blocks: number("accepted")?,
        rejected: number("rejected")?,
        uptime: number("uptime")?,
    });
    json(&Noted { noted: true })
}

#[derive(Serialize)]
struct Reported {
    worker: String,
    miner_address: String,
    instance: Option<String>,
    via: &'static str,
    hashes: u64,
    hashes_per_second: u64,
    accepted: u64,
    rejected: u64,
    blocks: u64,
    uptime: u64,
    time: i64,
}

/// A worker: all its instances together.
#[derive(Serialize)]
struct Worker {
    worker: String,
    miner_address: String,
    instances: u64,
    hashes_per_second: u64,
    accepted: u64,
    rejected: u64,
    blocks: u64,
}

#[derive(Serialize)]
struct Miners {
    workers: Vec<Worker>,
    miners: Vec<Reported>,
}

/// Adds up what is known of each worker for each address, in the order in which they come. Who has told nothing for a
/// while may have ended, and has no hash rate.
fn workers(miners: &[Reported], now: i64) -> Vec<Worker> {
    let mut workers: Vec<Worker> = Vec::new();
    let mut places = HashMap::new();
    for miner in miners {
        let place = *places.entry((&miner.worker, &miner.miner_address)).or_insert(workers.len());
        if place == workers.len() {
            workers.push(Worker {
                worker: miner.worker.clone(),
                miner_address: miner.miner_address.clone(),
                instances: 0,
                hashes_per_second: 0,
                accepted: 0,
                rejected: 0,
                blocks: 0,
            });
        }
        let worker = &mut workers[place];
        let speed = if now.saturating_sub(miner.time) <= SILENT { miner.hashes_per_second } else { 0 };
        worker.instances += 1;
        for (sum, part) in [
            (&mut worker.hashes_per_second, speed),
            (&mut worker.accepted, miner.accepted),
            (&mut worker.rejected, miner.rejected),
            (&mut worker.blocks, miner.blocks),
        ] {
            *sum = sum.saturating_add(part);
        }
    }
    workers
}

/// `GET /mining_stats`.
pub fn reports(rest: &Rest, _: &Request) -> Answer {
    let reported = |(time, report): (i64, MinerReport)| Reported {
        worker: report.worker,
        miner_address: report.address,
        instance: report.instance,
        via: report.via.name(),
        hashes: report.hashes,
        hashes_per_second: report.hashes_per_second,
        accepted: report.accepted,
        rejected: report.rejected,
        blocks: report.blocks,
        uptime: report.uptime,
        time,
    };
    let miners: Vec<Reported> = rest.node().miner_reports().into_iter().map(reported).collect();
    json(&Miners { workers: workers(&miners, rest.node().now()), miners })
}

/// What `getblocktemplate` refuses, and a signet, whose blocks need its owner's signature: whoever knows what to do about
/// that says so with a rule of `getblocktemplate`, for which there is no place here.
fn check_ready(node: &dyn Node) -> Result<(), RestError> {
    if node.params().signet_challenge.is_some() {
        let message = "blocks of a signet carry its owner's signature, which POST /mine_block cannot ask for: use getblocktemplate with \
                       the signet rule";
        return Err(RestError::bad_request("signet", message));
    }
    template::ready(node).map_err(|why| {
        let code = match why {
            NoWork::NotConnected => "not_connected",
            NoWork::InitialSync => "initial_sync",
        };
        RestError::new(StatusCode::SERVICE_UNAVAILABLE, code, why.to_string())
    })
}

/// `POST /mine_block`.
pub fn mine_block(rest: &Rest, request: &Request) -> Answer {
    let node = rest.node();
    check_ready(node)?;
    let body = request.json()?;
    let address = body.field("miner_address").get_str().map_err(|_| {
        RestError::bad_request("bad_body", "the body must be {\"miner_address\": \"an address\"}")
    })?;
    let (address, script) = address_script(address, node.params())?;
    let template = node.build_template(script, true)?;
    rest.0.templates.remember(template.block.clone());
    json(&Work::new(&template, address.to_text(&node.params().addresses)))
}

fn bad(message: impl Into<String>) -> RestError {
    RestError::bad_request("bad_block", message)
}

fn from_hex(text: &str) -> Result<Block, RestError> {
    let bytes = hex::decode(text).map_err(|error| bad(format!("the block is not hexadecimal: {error}")))?;
    Block::decode_exact(&bytes).map_err(|error| bad(format!("the block cannot be decoded: {error}")))
}

/// A whole number of a body.
fn whole<T: std::str::FromStr>(body: &Json, name: &str) -> Result<Option<T>, RestError> {
    let read = |value: &Json| {
        value.get_int().map_err(|_| bad(format!("{name} must be a whole number in range, not {value}")))
    };
    body.member(name).map(read).transpose()
}

/// The block that a template became.
fn from_template(rest: &Rest, body: &Json) -> Result<Block, RestError> {
    let Some(id) = body.member("template_id") else {
        return Err(bad("there is neither block nor template_id"));
    };
    let unknown = || {
        let message = format!("template_id {id} is none of the last {REMEMBERED_TEMPLATES} templates");
        RestError::new(StatusCode::NOT_FOUND, "unknown_template", message)
    };
    let id: Hash256 = id.get_str().ok().and_then(|text| text.parse().ok()).ok_or_else(unknown)?;
    let mut block = rest.0.templates.find(&id).ok_or_else(unknown)?;
    if let Some(header) = body.member("header") {
        let bytes = header.get_str().ok().and_then(|text| hex::decode(text).ok());
        let finished = bytes.and_then(|bytes| Header::decode_exact(&bytes).ok());
        let finished =
            finished.ok_or_else(|| bad(format!("header must be 80 bytes in hexadecimal, not {header}")))?;
        if finished.merkle_root != id {
            return Err(bad(format!(
                "the header's merkle root is {}, the template's {id}",
                finished.merkle_root
            )));
        }
        block.header = finished;
        return Ok(block);
    }
    block.header.nonce = whole(body, "nonce")?.ok_or_else(|| bad("there is neither nonce nor header"))?;
    block.header.time = whole(body, "time")?.unwrap_or(block.header.time);
    block.header.version = whole(body, "version")?.unwrap_or(block.header.version);
    Ok(block)
}

fn read(rest: &Rest, request: &Request) -> Result<Block, RestError> {
    let text = request.text()?;
    if !text.starts_with(['{', '"']) {
        return from_hex(text);
    }
    let body = request.json()?;
    match (&body, body.member("block").or_else(|| body.member("hex"))) {
        (Json::String(text), _) | (_, Some(Json::String(text))) => from_hex(text),
        (_, Some(other)) => Err(bad(format!("block must be hexadecimal text, not {other}"))),
        (body, None) => from_template(rest, body),
    }
}

#[derive(Serialize)]
struct Submitted {
    accepted: bool,
    status: &'static str,
    hash: BlockHash,
    height: Option<u32>,
    blockchain_length: u32,
}

/// `POST /submit_block`.
pub fn submit_block(rest: &Rest, request: &Request) -> Answer {
    let node: &dyn Node = rest.node();
    let block = read(rest, request)?;
    let hash = block.hash();
    let outcome = submit(node, block)?;
    let (http, status) = match outcome {
        BlockOutcome::Best => (StatusCode::OK, "accepted"),
        BlockOutcome::SideChain => (StatusCode::ACCEPTED, "inconclusive"),
        BlockOutcome::AlreadyKnown => (StatusCode::OK, "duplicate"),
        refused => {
            let word = bip22_outcome(&refused).unwrap_or_default();
            let message = match refused {
                BlockOutcome::Rejected(reason) => format!("block {hash} was refused: {reason}"),
                _ => format!("block {hash} was refused: {word}"),
            };
            return Err(RestError::bad_request(&word, message));
        }
    };
    let chain = node.chain();
    json_with(
        http,
        &Submitted {
            accepted: chain.is_active(&hash),
            status,
            hash,
            height: chain.entry(&hash).map(|block| block.height),
            blockchain_length: chain.tip().height + 1,
        },
    )
}
