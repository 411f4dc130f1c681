//! Statistics of blocks and of the chain, and checking stored blocks again.

use super::blockchain::known_block;
use super::{Reply, reply};
use crate::error::{RpcError, code};
use crate::json::Json;
use crate::node::{BlockInfo, ChainView, Node};
use crate::registry::Args;
use crate::value::{CoreDouble, Object, to_raw};
use chaincore_consensus::check::{CheckOptions, check_block};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::{Block, BlockHash, OutPoint, TxOut};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Seconds of a month, the window that statistics cover unless the caller says otherwise.
const MONTH: u32 = 30 * 24 * 60 * 60;

#[derive(Serialize)]
struct ChainStats {
    time: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    txcount: Option<u64>,
    window_final_block_hash: BlockHash,
    window_final_block_height: u32,
    window_block_count: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_interval: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_tx_count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txrate: Option<CoreDouble>,
}

pub fn getchaintxstats(node: &dyn Node, args: &Args) -> Reply {
    let chain = node.chain();
    let last = match args.opt_hash(1, "blockhash")? {
        None => chain.tip(),
        Some(hash) => {
            let block = known_block(&*chain, &hash)?;
            if !chain.is_active(&hash) {
                return Err(RpcError::invalid_parameter("Block is not in main chain"));
            }
            block
        }
    };
    let count = match args.opt_int::<i32>(0)? {
        None => {
            let month = MONTH / node.params().target_spacing.max(1);
            month.min(last.height.saturating_sub(1))
        }
        Some(count) => u32::try_from(count)
            .ok()
            .filter(|count| *count == 0 || *count < last.height)
            .ok_or_else(|| {
                let message = "Invalid block count: should be between 0 and the block's height - 1";
                RpcError::invalid_parameter(message)
            })?,
    };
    let first = chain.ancestor(&last.hash, last.height - count);
    let first = first.ok_or_else(|| RpcError::misc("Block not found"))?;
    let interval = i64::from(last.median_time) - i64::from(first.median_time);
    let window = count > 0;
    let txs = (window && last.chain_tx != 0 && first.chain_tx != 0).then(|| last.chain_tx - first.chain_tx);
    reply(&ChainStats {
        time: last.header.time,
        txcount: (last.chain_tx != 0).then_some(last.chain_tx),
        window_final_block_hash: last.hash,
        window_final_block_height: last.height,
        window_block_count: count,
        window_interval: window.then_some(interval),
        window_tx_count: txs,
        txrate: txs.filter(|_| interval > 0).map(|txs| CoreDouble(txs as f64 / interval as f64)),
    })
}

/// A block by its hash, or of the active chain by its height.
fn hash_or_height(chain: &dyn ChainView, value: &Json) -> Result<BlockInfo, RpcError> {
    let Json::Number(_) = value else { return known_block(chain, &value.hash("hash_or_height")?) };
    let height: i32 = value.get_int()?;
    let wrong = |what: String| RpcError::invalid_parameter(format!("Target block height {height} {what}"));
    let unsigned = u32::try_from(height).map_err(|_| wrong("is negative".into()))?;
    let tip = chain.tip().height;
    chain.at_height(unsigned).ok_or_else(|| wrong(format!("after current tip {tip}")))
}

/// What an unspent output takes beside its own bytes: where it is, and its height with whether a coinbase made it.
const OUTPUT_OVERHEAD: i64 = 40;
/// The weight of a byte that is not witness.
const WITNESS_SCALE: i64 = 4;

fn output_size(output: &TxOut) -> i64 {
    output.encoded_len() as i64 + OUTPUT_OVERHEAD
}

/// The middle of some numbers, rounded down between two; 0 of none.
fn median(mut numbers: Vec<i64>) -> i64 {
    numbers.sort_unstable();
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => 0,
        count if count % 2 == 0 => (numbers[middle - 1] + numbers[middle]) / 2,
        _ => numbers[middle],
    }
}

/// The fee rates below which 10, 25, 50, 75 and 90 percent of the weight lie. `rates` are rates and weights.
fn rate_percentiles(mut rates: Vec<(i64, i64)>, total_weight: i64) -> [i64; 5] {
    rates.sort_unstable();
    let total = total_weight as f64;
    let limits = [total / 10.0, total / 4.0, total / 2.0, total * 3.0 / 4.0, total * 9.0 / 10.0];
    let mut found = [rates.last().map_or(0, |(rate, _)| *rate); 5];
    let (mut next, mut weight) = (0, 0);
    for (rate, more) in rates {
        weight += more;
        while next < limits.len() && weight as f64 >= limits[next] {
            found[next] = rate;
            next += 1;
        }
    }
    found
}

#[derive(Default)]
struct BlockSums {
    inputs: i64,
    outputs: i64,
    total_out: i64,
    total_size: i64,
    total_weight: i64,
    segwit: (i64, i64, i64),
    unspent: i64,
    size_change: i64,
    real_size_change: i64,
    sizes: Vec<i64>,
    fees: Vec<i64>,
    rates: Vec<(i64, i64)>,
}

impl BlockSums {
    fn of(block: &Block, spent: &[Vec<Coin>], leaves_coins: impl Fn(bool) -> bool) -> Self {
        let mut sums = Self::default();
        for (position, tx) in block.transactions.iter().enumerate() {
            sums.outputs += tx.outputs.len() as i64;
            for output in &tx.outputs {
                let size = output_size(output);
                sums.size_change += size;
                if leaves_coins(tx.is_coinbase()) && !output.script_pubkey.is_unspendable() {
                    sums.unspent += 1;
                    sums.real_size_change += size;
                }
            }
            if tx.is_coinbase() {
                continue;
            }
            let (size, weight) = (tx.total_size() as i64, tx.weight() as i64);
            let paid = tx.output_sum().sat();
            sums.inputs += tx.inputs.len() as i64;
            sums.total_out += paid;
            sums.total_size += size;
            sums.total_weight += weight;
            sums.sizes.push(size);
            if tx.has_witness() {
                let (count, sizes, weights) = sums.segwit;
                sums.segwit = (count + 1, sizes + size, weights + weight);
            }
            let coins = position.checked_sub(1).and_then(|at| spent.get(at)).map_or(&[][..], Vec::as_slice);
            for coin in coins {
                let size = output_size(&coin.output);
                sums.size_change -= size;
                sums.real_size_change -= size;
            }
            let fee = coins.iter().map(|coin| coin.output.value.sat()).sum::<i64>() - paid;
            sums.fees.push(fee);
            sums.rates.push((fee.saturating_mul(WITNESS_SCALE) / weight.max(1), weight));
        }
        sums
    }
}

fn raw<T: Serialize>(value: &T) -> Result<Box<RawValue>, RpcError> {
    to_raw(value).map_err(|error| RpcError::new(code::INTERNAL_ERROR, error.to_string()))
}

pub fn getblockstats(node: &dyn Node, args: &Args) -> Reply {
    let chain = node.chain();
    let info = hash_or_height(&*chain, args.get(0))?;
    let names = args.opt_array(1)?.unwrap_or_default();
    let names: BTreeSet<&str> = names.iter().map(Json::get_str).collect::<Result<_, _>>()?;
    if !info.has_data {
        return Err(RpcError::misc("Block not available (not fully downloaded)"));
    }
    let block = node.block(&info.hash)?.ok_or_else(|| RpcError::misc("Block not found on disk"))?;
    let undo = if info.height == 0 {
        Arc::default()
    } else if info.has_undo {
        node.undo(&info.hash)?.ok_or_else(|| RpcError::misc("Can't read undo data from disk"))?
    } else {
        return Err(RpcError::misc("Undo data not available (not fully downloaded)"));
    };
    let params = node.params();
    let repeats = params.bip30_repeats.contains(&(info.height, info.hash));
    let leaves_coins = |coinbase| info.height > 0 && !(repeats && coinbase);
    let sums = BlockSums::of(&block, &undo.txs, leaves_coins);
    let payers = sums.fees.len() as i64;
    let total_fee: i64 = sums.fees.iter().sum();
    let mean = |total: i64, count: i64| if count == 0 { 0 } else { total / count };
    let rates = || sums.rates.iter().map(|(rate, _)| *rate);
    let numbers = [
        ("avgfee", mean(total_fee, payers)),
        ("avgfeerate", mean(total_fee * WITNESS_SCALE, sums.total_weight)),
        ("avgtxsize", mean(sums.total_size, payers)),
        ("height", info.height.into()),
        ("ins", sums.inputs),
        ("maxfee", sums.fees.iter().copied().max().unwrap_or(0).max(0)),
        ("maxfeerate", rates().max().unwrap_or(0).max(0)),
        ("maxtxsize", sums.sizes.iter().copied().max().unwrap_or(0)),
        ("medianfee", median(sums.fees.clone())),
        ("mediantime", info.median_time.into()),
        ("mediantxsize", median(sums.sizes.clone())),
        ("minfee", sums.fees.iter().copied().min().unwrap_or(0)),
        ("minfeerate", rates().min().unwrap_or(0)),
        ("mintxsize", sums.sizes.iter().copied().min().unwrap_or(0)),
        ("outs", sums.outputs),
        ("subsidy", block_subsidy(info.height, params).sat()),
        ("swtotal_size", sums.segwit.1),
        ("swtotal_weight", sums.segwit.2),
        ("swtxs", sums.segwit.0),
        ("time", info.header.time.into()),
        ("total_out", sums.total_out),
        ("total_size", sums.total_size),
        ("total_weight", sums.total_weight),
        ("totalfee", total_fee),
        ("txs", block.transactions.len() as i64),
        ("utxo_increase", sums.outputs - sums.inputs),
        ("utxo_size_inc", sums.size_change),
        ("utxo_increase_actual", sums.unspent - sums.inputs),
        ("utxo_size_inc_actual", sums.real_size_change),
    ];
    let mut all: Vec<(&str, Box<RawValue>)> = Vec::with_capacity(numbers.len() + 2);
    for (name, number) in numbers {
        if name == "height" {
            all.push(("blockhash", raw(&info.hash)?));
            let percentiles = rate_percentiles(sums.rates.clone(), sums.total_weight);
            all.push(("feerate_percentiles", raw(&percentiles)?));
        }
        all.push((name, raw(&number)?));
    }
    let mut object = Object::new();
    if names.is_empty() {
        for (name, value) in &all {
            object.put(name, value);
        }
    } else {
        let all: BTreeMap<&str, Box<RawValue>> = all.into_iter().collect();
        for name in names {
            let unknown = || RpcError::invalid_parameter(format!("Invalid selected statistic '{name}'"));
            object.put(name, all.get(name).ok_or_else(unknown)?);
        }
    }
    reply(&object)
}

/// How many blocks are checked unless the caller says otherwise, and how thoroughly (Core's defaults).
const CHECK_BLOCKS: i32 = 6;
const CHECK_LEVEL: i32 = 3;

/// The coins at the tip with some blocks taken off again, as far as anyone asked.
struct Unwound<'a> {
    node: &'a dyn Node,
    changed: HashMap<OutPoint, Option<Coin>>,
}

impl Unwound<'_> {
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, RpcError> {
        match self.changed.get(outpoint) {
            Some(coin) => Ok(coin.clone()),
            None => Ok(self.node.coin(outpoint)?),
        }
    }

    /// Takes a block off; whether the coins are those that it must have left.
    fn disconnect(&mut self, info: &BlockInfo, block: &Block, spent: &[Vec<Coin>]) -> Result<bool, RpcError> {
        let mut clean = true;
        for (position, tx) in block.transactions.iter().enumerate().rev() {
            for (vout, output) in (0u32..).zip(&tx.outputs) {
                if output.script_pubkey.is_unspendable() {
                    continue;
                }
                let outpoint = OutPoint { txid: tx.txid(), vout };
                let coin = self.coin(&outpoint)?;
                clean &= coin.is_some_and(|coin| coin.output == *output && coin.height == info.height);
                self.changed.insert(outpoint, None);
            }
            let Some(coins) = position.checked_sub(1).and_then(|at| spent.get(at)) else { continue };
            clean &= coins.len() == tx.inputs.len();
            for (input, coin) in tx.inputs.iter().zip(coins) {
                clean &= self.coin(&input.previous_output)?.is_none();
                self.changed.insert(input.previous_output, Some(coin.clone()));
            }
        }
        Ok(clean)
    }
}

/// What is wrong with a stored block; `None` if nothing is.
fn fault(
    node: &dyn Node,
    info: &BlockInfo,
    level: i32,
    coins: &mut Unwound<'_>,
) -> Result<Option<&'static str>, RpcError> {
    let Some(block) = node.block(&info.hash)? else { return Ok(Some("it cannot be read")) };
    if block.hash() != info.hash {
        return Ok(Some("another block is stored in its place"));
    }
    if level >= 1 && check_block(&block, node.params(), CheckOptions::ALL).is_err() {
        return Ok(Some("it breaks a rule"));
    }
    if level < 2 {
        return Ok(None);
    }
    let Some(undo) = node.undo(&info.hash)? else { return Ok(Some("its undo data cannot be read")) };
    if undo.txs.len() + 1 != block.transactions.len() {
        return Ok(Some("its undo data is of another block"));
    }
    if level >= 3 && !coins.disconnect(info, &block, &undo.txs)? {
        return Ok(Some("the coins are not those that it left"));
    }
    if level >= 4 && !scripts_hold(node, info, &block, &undo.txs) {
        return Ok(Some("a script fails"));
    }
    Ok(None)
}

/// Whether every input of a block satisfies the script that it spends.
fn scripts_hold(node: &dyn Node, info: &BlockInfo, block: &Block, spent: &[Vec<Coin>]) -> bool {
    use chaincore_consensus::connect::script_flags;
    use chaincore_consensus::script::verify_input;
    use chaincore_consensus::sighash::PrecomputedTx;
    let flags = script_flags(info.height, &info.hash, node.params());
    block.transactions.iter().skip(1).zip(spent).all(|(tx, coins)| {
        let outputs: Vec<TxOut> = coins.iter().map(|coin| coin.output.clone()).collect();
        let pre = PrecomputedTx::new(tx, &outputs);
        (0..tx.inputs.len()).all(|input| verify_input(tx, input, &outputs, &pre, flags, None).is_ok())
    })
}

/// Whether the chain up to `tip` is as it should be; `None` if another tip came meanwhile and the coins are its.
fn check_chain(node: &dyn Node, tip: &BlockInfo, level: i32, depth: u32) -> Result<Option<bool>, RpcError> {
    let chain = node.chain();
    let mut coins = Unwound { node, changed: HashMap::new() };
    for height in (tip.height - depth + 1..=tip.height).rev() {
        if node.is_stopping() {
            return Err(RpcError::shutting_down());
        }
        let Some(info) = chain.ancestor(&tip.hash, height) else { return Ok(Some(false)) };
        if let Some(what) = fault(node, &info, level, &mut coins)? {
            if node.chain().tip().hash != tip.hash {
                return Ok(None);
            }
            tracing::error!(target: "validation", "Verification error at {height}, hash={}: {what}", info.hash);
            return Ok(Some(false));
        }
    }
    Ok(Some(true))
}

/// How often a check begins anew because the tip has moved under it.
const ATTEMPTS: usize = 5;

pub fn verifychain(node: &dyn Node, args: &Args) -> Reply {
    let level = args.opt_int::<i32>(0)?.unwrap_or(CHECK_LEVEL).clamp(0, 4);
    let depth = args.opt_int::<i32>(1)?.unwrap_or(CHECK_BLOCKS);
    for _ in 0..ATTEMPTS {
        let tip = node.chain().tip();
        let wanted = u32::try_from(depth).ok().filter(|depth| *depth > 0).unwrap_or(tip.height);
        if let Some(verdict) = check_chain(node, &tip, level, wanted.min(tip.height))? {
            return reply(&verdict);
        }
    }
    Err(RpcError::misc("the chain grows faster than it can be checked"))
}
