//! Scans for what belongs to descriptors: over the unspent coins, and over the blocks by their filters.

use super::filters::filter_index;
use super::{Reply, reply};
use crate::descriptor::{Descriptor, Provider, infer_with};
use crate::error::RpcError;
use crate::json::Json;
use crate::node::{BlockInfo, Node};
use crate::registry::Args;
use crate::value::{Btc, Hex, Object};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::filter::basic_elements;
use chaincore_consensus::{Amount, BlockHash, OutPoint, Script, Txid};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// The positions that a ranged descriptor is looked at, unless the caller says otherwise.
const DEFAULT_RANGE: (u32, u32) = (0, 1000);
/// The most positions in one range.
const MAX_RANGE: i64 = 1_000_000;

/// One kind of scan, of which there is one at a time.
#[derive(Debug, Default)]
pub struct Scan {
    running: AtomicBool,
    abort: AtomicBool,
    /// In percent.
    progress: AtomicU32,
    height: AtomicU32,
}

/// The right to scan; given back when dropped.
struct Turn<'a>(&'a Scan);

impl Scan {
    fn begin(&self) -> Option<Turn<'_>> {
        (!self.running.swap(true, Ordering::AcqRel)).then(|| {
            self.abort.store(false, Ordering::Release);
            self.progress.store(0, Ordering::Release);
            Turn(self)
        })
    }

    fn is_aborted(&self) -> bool {
        self.abort.load(Ordering::Acquire)
    }

    fn progress(&self) -> Option<u32> {
        self.running.load(Ordering::Acquire).then(|| self.progress.load(Ordering::Acquire))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
    }
}

/// A range of positions: an end, or a beginning and an end.
pub fn descriptor_range(value: &Json) -> Result<(u32, u32), RpcError> {
    let wrong = |text: &str| Err(RpcError::invalid_parameter(text));
    let (low, high) = match value {
        Json::Number(_) => (0, value.get_int::<i64>()?),
        Json::Array(ends) => match ends.as_slice() {
            [low @ Json::Number(_), high @ Json::Number(_)] => (low.get_int()?, high.get_int()?),
            _ => return wrong("Range must be specified as end or as [begin,end]"),
        },
        _ => return wrong("Range must be specified as end or as [begin,end]"),
    };
    if matches!(value, Json::Array(_)) && low > high {
        return wrong("Range specified as [begin,end] must not have begin after end");
    }
    if low < 0 {
        return wrong("Range should be greater or equal than 0");
    }
    if high >> 31 != 0 {
        return wrong("End of range is too high");
    }
    if high >= low + MAX_RANGE {
        return wrong("Range is too large");
    }
    Ok((u32::try_from(low).unwrap_or(0), u32::try_from(high).unwrap_or(0)))
}

/// The scripts that a scan object stands for, a descriptor or an object with one and a range, and what is known of
/// them.
fn evaluate(node: &dyn Node, object: &Json) -> Result<(Vec<Script>, Provider), RpcError> {
    let (text, range) = match object {
        Json::String(text) => (text.as_str(), DEFAULT_RANGE),
        Json::Object(_) => {
            let text = object.field("desc");
            if text.is_null() {
                return Err(RpcError::invalid_parameter("Descriptor needs to be provided in scan object"));
            }
            let range = Some(object.field("range")).filter(|range| !range.is_null());
            (text.get_str()?, range.map(descriptor_range).transpose()?.unwrap_or(DEFAULT_RANGE))
        }
        _ => {
            let message = "Scan object needs to be either a string or an object";
            return Err(RpcError::invalid_parameter(message));
        }
    };
    let descriptors = Descriptor::parse(text, &node.params().addresses).map_err(RpcError::not_found)?;
    let is_range = descriptors.first().is_some_and(Descriptor::is_range);
    let (first, last) = if is_range { range } else { (0, 0) };
    let mut provider = Provider::default();
    let mut scripts = Vec::new();
    for position in first..=last {
        for descriptor in &descriptors {
            let found = descriptor.scripts(position, &mut provider).ok_or_else(|| {
                RpcError::not_found(format!("Cannot derive script without private keys: '{text}'"))
            })?;
            scripts.extend(found);
        }
    }
    Ok((scripts, provider))
}

/// The answer to actions other than `start`; `None` for `start`.
fn other_action(scan: &Scan, action: &str, status: impl FnOnce(u32) -> Object) -> Option<Reply> {
    match action {
        "status" => Some(reply(&scan.progress().map(status))),
        "abort" => {
            let running = scan.running.load(Ordering::Acquire);
            if running {
                scan.abort.store(true, Ordering::Release);
            }
            Some(reply(&running))
        }
        "start" => None,
        _ => Some(Err(RpcError::invalid_parameter(format!("Invalid action '{action}'")))),
    }
}

fn busy() -> RpcError {
    RpcError::invalid_parameter("Scan already in progress, use action \"abort\" or \"status\"")
}

#[derive(Serialize)]
struct UnspentJson<'a> {
    txid: Txid,
    vout: u32,
    #[serde(rename = "scriptPubKey")]
    script_pubkey: Hex<'a>,
    desc: &'a str,
    amount: Btc,
    coinbase: bool,
    height: u32,
    blockhash: BlockHash,
    confirmations: u32,
}

#[derive(Serialize)]
struct CoinsFound<'a> {
    success: bool,
    txouts: u64,
    height: u32,
    bestblock: BlockHash,
    unspents: Vec<UnspentJson<'a>>,
    total_amount: Btc,
}

pub fn scantxoutset(node: &dyn Node, scan: &Scan, args: &Args) -> Reply {
    if let Some(answer) =
        other_action(scan, args.str(0)?, |progress| Object::new().with("progress", &progress))
    {
        return answer;
    }
    let _turn = scan.begin().ok_or_else(busy)?;
    if args.len() < 2 {
        return Err(RpcError::misc("scanobjects argument is required for the start action"));
    }
    let mut wanted: BTreeMap<Script, String> = BTreeMap::new();
    for object in args.array(1)? {
        let (scripts, provider) = evaluate(node, object)?;
        for script in scripts {
            let text = infer_with(&script, &provider, &node.params().addresses);
            wanted.entry(script).or_insert(text);
        }
    }
    let (mut count, mut complete, mut stopping) = (0u64, true, false);
    let mut found: Vec<(OutPoint, Coin)> = Vec::new();
    let tip = node.visit_coins(&mut |outpoint, coin| {
        count += 1;
        if count.is_multiple_of(256) {
            let high = u32::from(outpoint.txid.0[0]) << 8 | u32::from(outpoint.txid.0[1]);
            scan.progress.store((high * 100 + (1 << 15)) >> 16, Ordering::Release);
        }
        if count.is_multiple_of(8192) {
            stopping = node.is_stopping();
            complete = !scan.is_aborted();
        }
        if complete && wanted.contains_key(&coin.output.script_pubkey) {
            found.push((*outpoint, coin.clone()));
        }
        complete && !stopping
    })?;
    if stopping {
        return Err(RpcError::shutting_down());
    }
    let chain = node.chain();
    let unspent = |(outpoint, coin): &(OutPoint, Coin)| {
        let block = chain.ancestor(&tip.hash, coin.height);
        let (script, desc) = wanted.get_key_value(&coin.output.script_pubkey)?;
        Some(UnspentJson {
            txid: outpoint.txid,
            vout: outpoint.vout,
            script_pubkey: Hex(script),
            desc,
            amount: Btc(coin.output.value),
            coinbase: coin.coinbase,
            height: coin.height,
            blockhash: block?.hash,
            confirmations: (tip.height + 1).saturating_sub(coin.height),
        })
    };
    let unspents: Option<Vec<UnspentJson<'_>>> = found.iter().map(unspent).collect();
    let total = found.iter().map(|(_, coin)| coin.output.value.sat()).sum();
    reply(&CoinsFound {
        success: complete,
        txouts: count,
        height: tip.height,
        bestblock: tip.hash,
        unspents: unspents.ok_or_else(|| RpcError::misc("a coin of no known block"))?,
        total_amount: Btc(Amount(total)),
    })
}

#[derive(Serialize)]
struct BlocksFound {
    from_height: u32,
    to_height: u32,
    relevant_blocks: Vec<BlockHash>,
    completed: bool,
}

/// Whether a block really pays to one of these scripts or spends from one.
fn is_relevant(node: &dyn Node, hash: &BlockHash, wanted: &BTreeSet<Script>) -> Result<bool, RpcError> {
    let block = node.block(hash)?.ok_or_else(|| RpcError::misc("Block not found on disk"))?;
    let undo = node.undo(hash)?.unwrap_or_default();
    let spent = undo.coins().map(|coin| &coin.output.script_pubkey[..]);
    let relevant = basic_elements(&block, spent).any(|script| wanted.contains(&Script(script.to_vec())));
    Ok(relevant)
}

/// How many blocks are looked at between two looks at whether to go on.
const BLOCKS_BETWEEN_LOOKS: u32 = 64;

pub fn scanblocks(node: &dyn Node, scan: &Scan, args: &Args) -> Reply {
    let status = |progress: u32| {
        let height = scan.height.load(Ordering::Acquire);
        Object::new().with("progress", &progress).with("current_height", &height)
    };
    if let Some(answer) = other_action(scan, args.str(0)?, status) {
        return answer;
    }
    let _turn = scan.begin().ok_or_else(busy)?;
    let exact = match args.opt_object(5)?.map(|options| options.field("filter_false_positives")) {
        Some(exact) if !exact.is_null() => exact.get_bool()?,
        _ => false,
    };
    filter_index(node, args.opt_str(4)?.unwrap_or("basic"))?;
    let chain = node.chain();
    let at = |height: Option<i32>| height.and_then(|height| chain.at_height(u32::try_from(height).ok()?));
    let start = match args.opt_int::<i32>(2)? {
        None => 0,
        height => at(height).ok_or_else(|| RpcError::misc("Invalid start_height"))?.height,
    };
    let stop = match args.opt_int::<i32>(3)? {
        None => Some(chain.tip()),
        height => at(height),
    };
    let stop: Option<BlockInfo> = stop.filter(|stop| args.is_null(3) || stop.height >= start);
    let stop = stop.ok_or_else(|| RpcError::misc("Invalid stop_height"))?.height;
    let mut wanted = BTreeSet::new();
    for object in args.array(1)? {
        wanted.extend(evaluate(node, object)?.0);
    }
    let mut relevant_blocks = Vec::new();
    let mut completed = true;
    let mut to_height = start;
    for height in start..=stop {
        if (height - start).is_multiple_of(BLOCKS_BETWEEN_LOOKS) {
            if node.is_stopping() {
                return Err(RpcError::shutting_down());
            }
            if scan.is_aborted() {
                completed = false;
                break;
            }
            let percent = 100 * u64::from(height - start) / u64::from(stop - start).max(1);
            scan.progress.store(u32::try_from(percent).unwrap_or(100), Ordering::Release);
            scan.height.store(height, Ordering::Release);
        }
        to_height = height;
        let Some(block) = chain.at_height(height) else { break };
        let Some(found) = node.block_filter(&block.hash)? else { continue };
        if found.filter.matches_any(wanted.iter().map(|script| &script[..]))
            && (!exact || is_relevant(node, &block.hash, &wanted)?)
        {
            relevant_blocks.push(block.hash);
        }
    }
    reply(&BlocksFound { from_height: start, to_height, relevant_blocks, completed })
}
