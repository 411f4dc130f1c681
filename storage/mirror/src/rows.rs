//! What a block becomes in the tables. Pure: blocks and the coins they spend go in, rows come out; the same block
//! after the same chain always makes the same rows, so a mirror that was loaded in bulk equals one that followed the
//! tip.
//!
//! Hashes are in display order. Identifiers are positions: a transaction's is its block's height times 2^20 plus its
//! place in the block, so an input's reference to what it spends needs no lookup.

mod feerates;
mod lineage;
mod scripts;

pub use feerates::{FeeRates, percentiles};
pub use lineage::Lineage;
pub use scripts::{Owner, ScriptFacts, ScriptType, script_key};

use crate::error::MirrorError;
use chaincore_consensus::hash::sha256;
use chaincore_consensus::merkle::witness_commitment_position;
use chaincore_consensus::params::{AddressFormat, ChainParams};
use chaincore_consensus::subsidy::block_subsidy;
use chaincore_consensus::{OutPoint, Tx, pow};
use chaincore_plugin::AppliedBlock;
use std::collections::BTreeMap;

/// Bits of an identifier that are the place in the block. A block of the largest weight has under 17,000
/// transactions.
pub const POSITION_BITS: u32 = 20;

/// The identifier of the transaction at a place.
pub fn tx_id(height: u32, position: u32) -> i64 {
    i64::from(height) << POSITION_BITS | i64::from(position)
}

/// The first identifier of a block: everything of it and above is at or above this.
pub fn first_tx_id(height: u32) -> i64 {
    tx_id(height, 0)
}

/// The height that an identifier says.
pub fn height_of(tx_id: i64) -> u32 {
    (tx_id >> POSITION_BITS) as u32
}

/// A hash in the order in which people write it.
pub fn display_order(hash: &[u8; 32]) -> [u8; 32] {
    let mut bytes = *hash;
    bytes.reverse();
    bytes
}

/// What a transaction is, in `transactions.flags`.
pub mod flags {
    /// It is a coinbase.
    pub const COINBASE: i32 = 1;
    /// It has a witness.
    pub const SEGWIT: i32 = 2;
    /// It spends a taproot output.
    pub const TAPROOT: i32 = 4;
    /// It says that it may be replaced (BIP125), itself.
    pub const RBF: i32 = 8;
    /// It has an output of type nulldata.
    pub const OP_RETURN: i32 = 16;
    /// It has an output that begins with `OP_RETURN OP_13`, as runestones do.
    pub const RUNESTONE: i32 = 32;
}

/// A row of `blocks`, but for what only the mirror itself knows (pool, when it came).
#[derive(Clone, PartialEq, Debug)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct BlockRow {
    pub height: u32,
    pub hash: [u8; 32],
    pub prev_hash: [u8; 32],
    pub merkle_root: [u8; 32],
    pub version: i32,
    pub time: u32,
    pub median_time: u32,
    pub bits: u32,
    pub nonce: u32,
    pub difficulty: f64,
    pub chainwork: [u8; 32],
    pub size: i32,
    pub stripped_size: i32,
    pub weight: i32,
    pub tx_count: i32,
    pub input_count: i32,
    pub output_count: i32,
    pub input_value: i64,
    pub output_value: i64,
    pub subsidy: i64,
    pub fees: i64,
    pub coinbase_value: i64,
    pub coinbase_script: Vec<u8>,
    pub coinbase_address: Option<String>,
    pub witness_commitment: Option<[u8; 32]>,
    pub feerates: Option<FeeRates>,
    pub segwit_txs: i32,
    pub taproot_inputs: i32,
    pub rbf_txs: i32,
    pub op_return_count: i32,
    pub utxo_delta: i32,
    pub unspendable_value: i64,
    pub utxo_acc: i64,
    /// How the value of all unspent outputs changes; goes into the totals.
    pub utxo_value_delta: i64,
}

/// A row of `transactions`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct TransactionRow {
    pub tx_id: i64,
    pub fee: i64,
    pub input_value: i64,
    pub output_value: i64,
    pub weight: i32,
    pub size: i32,
    pub version: u32,
    pub locktime: u32,
    pub n_in: i32,
    pub n_out: i32,
    pub flags: i32,
    pub txid: [u8; 32],
    /// Only with a witness; else it is the txid.
    pub wtxid: Option<[u8; 32]>,
}

/// A row of `outputs`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct OutputRow {
    pub tx_id: i64,
    pub value: i64,
    pub vout: i32,
    pub script: ScriptFacts,
    /// The script, where there is no address to write it as.
    pub raw_script: Option<Vec<u8>>,
    /// Whether it becomes a coin: it can be spent, and is not of the genesis block.
    pub is_coin: bool,
}

/// A row of `inputs`. Coinbase inputs spend nothing and have none.
#[derive(Clone, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct InputRow {
    pub tx_id: i64,
    pub prev_tx_id: i64,
    pub value: i64,
    pub script_key: i64,
    pub sequence: u32,
    pub vin: i32,
    pub prev_vout: i32,
    pub script_type: ScriptType,
    pub witness_size: i32,
    pub scriptsig_size: i32,
    /// Whose coin it was; only if asked for.
    pub owner: Option<Owner>,
}

/// A row of `script_type_stats`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[expect(missing_docs, reason = "the columns are described in the migrations")]
pub struct TypeStats {
    pub n_out: i32,
    pub out_value: i64,
    pub n_in: i32,
    pub in_value: i64,
}

/// All rows of a block.
#[derive(Clone, PartialEq, Debug)]
pub struct BlockRows {
    /// Its row of `blocks`.
    pub block: BlockRow,
    /// Its transactions, in order.
    pub transactions: Vec<TransactionRow>,
    /// Their outputs, in order.
    pub outputs: Vec<OutputRow>,
    /// Their inputs, in order.
    pub inputs: Vec<InputRow>,
    /// What there is of each script type.
    pub types: BTreeMap<ScriptType, TypeStats>,
    /// Whether its coinbase repeats an unspent one (the two blocks that BIP30 excepts): that one's coins are then
    /// replaced by this one's.
    pub repeats_coinbase: bool,
}

impl BlockRows {
    /// How many rows go into the four big tables.
    pub fn count(&self) -> usize {
        1 + self.transactions.len() + self.outputs.len() + self.inputs.len()
    }
}

/// Whether this block is one of those whose coinbase overwrites an unspent one with the same identifier.
pub fn repeats_coinbase(params: &ChainParams, block: &AppliedBlock) -> bool {
    params.bip30_repeats.iter().any(|(height, hash)| *height == block.at.height && *hash == block.at.hash)
}

/// What makes rows.
#[derive(Clone, Copy, Debug)]
pub struct Maker<'a> {
    /// The chain's rules.
    pub params: &'a ChainParams,
    /// Whether to work out whose the spent coins are, for balances. In bulk these come from the tables at the end.
    pub owners: bool,
}

impl Maker<'_> {
    /// The rows of a block that follows `lineage`, which goes on by it.
    ///
    /// # Errors
    /// [`MirrorError::Input`] if the block does not follow or its spent coins are missing.
    pub fn rows(&self, block: &AppliedBlock, lineage: &mut Lineage) -> Result<BlockRows, MirrorError> {
        let height = block.at.height;
        let bad = |what: String| MirrorError::Input { height, what };
        if lineage.tip().is_some_and(|tip| tip.hash != block.prev || tip.height + 1 != height) {
            return Err(bad(format!("it follows {}, not what was there", block.prev)));
        }
        let non_coinbase = block.block.transactions.iter().filter(|tx| !tx.is_coinbase());
        let wanted: usize = non_coinbase.map(|tx| tx.inputs.len()).sum();
        if wanted != block.spent.len() {
            return Err(bad(format!("it spends {wanted} coins, {} were given", block.spent.len())));
        }
        if block.block.transactions.len() >= 1 << POSITION_BITS {
            return Err(bad(format!("it has {} transactions", block.block.transactions.len())));
        }
        let mut work = Work::new(self, block, wanted);
        for (position, (tx, spent)) in block.block.transactions.iter().zip(block.spent_by_tx()).enumerate() {
            work.transaction(position as u32, tx, spent);
        }
        Ok(work.finish(lineage))
    }
}

/// Rows in the making.
struct Work<'a> {
    maker: &'a Maker<'a>,
    source: &'a AppliedBlock,
    repeats_coinbase: bool,
    transactions: Vec<TransactionRow>,
    outputs: Vec<OutputRow>,
    inputs: Vec<InputRow>,
    types: BTreeMap<ScriptType, TypeStats>,
    sums: Sums,
}

#[derive(Default)]
struct Sums {
    input_value: i64,
    output_value: i64,
    fees: i64,
    segwit_txs: i32,
    taproot_inputs: i32,
    rbf_txs: i32,
    op_return_count: i32,
    unspendable_value: i64,
    utxo_delta: i32,
    utxo_value_delta: i64,
    utxo_acc: u64,
}

impl<'a> Work<'a> {
    fn new(maker: &'a Maker<'a>, source: &'a AppliedBlock, inputs: usize) -> Self {
        let txs = &source.block.transactions;
        Self {
            maker,
            source,
            repeats_coinbase: repeats_coinbase(maker.params, source),
            transactions: Vec::with_capacity(txs.len()),
            outputs: Vec::with_capacity(txs.iter().map(|tx| tx.outputs.len()).sum()),
            inputs: Vec::with_capacity(inputs),
            types: BTreeMap::new(),
            sums: Sums::default(),
        }
    }

    fn formats(&self) -> &'a AddressFormat {
        &self.maker.params.addresses
    }

    fn transaction(&mut self, position: u32, tx: &Tx, spent: &[chaincore_consensus::coin::Coin]) {
        let id = tx_id(self.source.at.height, position);
        let is_coinbase = tx.is_coinbase();
        let mut marks = if is_coinbase { flags::COINBASE } else { 0 };
        if tx.has_witness() {
            marks |= flags::SEGWIT;
            self.sums.segwit_txs += i32::from(!is_coinbase);
        }
        let mut input_value = 0i64;
        for (vin, (input, coin)) in tx.inputs.iter().zip(spent).enumerate() {
            let value = coin.output.value.0;
            input_value = input_value.saturating_add(value);
            let script = &coin.output.script_pubkey;
            let script_type = ScriptType::of(script);
            if script_type == ScriptType::Taproot {
                marks |= flags::TAPROOT;
                self.sums.taproot_inputs += 1;
            }
            let of_type = self.types.entry(script_type).or_default();
            of_type.n_in += 1;
            of_type.in_value = of_type.in_value.saturating_add(value);
            self.coin(&input.previous_output, value, -1);
            self.inputs.push(InputRow {
                tx_id: id,
                prev_tx_id: tx_id(coin.height, coin.tx_index),
                value,
                script_key: script_key(&sha256(script)),
                sequence: input.sequence,
                vin: vin as i32,
                prev_vout: input.previous_output.vout as i32,
                script_type,
                witness_size: witness_size(&input.witness),
                scriptsig_size: input.script_sig.len() as i32,
                owner: self.maker.owners.then(|| Owner::of(script, self.formats())),
            });
        }
        if !is_coinbase && tx.inputs.iter().any(|input| input.sequence < 0xffff_fffe) {
            marks |= flags::RBF;
            self.sums.rbf_txs += 1;
        }
        let mut output_value = 0i64;
        for (vout, output) in tx.outputs.iter().enumerate() {
            let value = output.value.0;
            output_value = output_value.saturating_add(value);
            let script = &output.script_pubkey;
            let facts = ScriptFacts::of(script, self.formats());
            if facts.script_type == ScriptType::NullData {
                marks |= flags::OP_RETURN;
                self.sums.op_return_count += 1;
            }
            if script.starts_with(&RUNESTONE) {
                marks |= flags::RUNESTONE;
            }
            let of_type = self.types.entry(facts.script_type).or_default();
            of_type.n_out += 1;
            of_type.out_value = of_type.out_value.saturating_add(value);
            let is_coin = !script.is_unspendable() && self.source.at.height > 0;
            if !is_coin || (is_coinbase && self.repeats_coinbase) {
                // Of two equal outputs one can be spent; there are as many coins as before.
                self.sums.unspendable_value = self.sums.unspendable_value.saturating_add(value);
            } else {
                self.coin(&OutPoint { txid: tx.txid(), vout: vout as u32 }, value, 1);
            }
            let raw_script = facts.address.is_none().then(|| script.0.clone());
            self.outputs.push(OutputRow {
                tx_id: id,
                value,
                vout: vout as i32,
                script: facts,
                raw_script,
                is_coin,
            });
        }
        let fee = if is_coinbase { 0 } else { input_value.saturating_sub(output_value) };
        self.sums.fees += fee;
        self.sums.input_value = self.sums.input_value.saturating_add(input_value);
        self.sums.output_value = self.sums.output_value.saturating_add(output_value);
        self.transactions.push(TransactionRow {
            tx_id: id,
            fee,
            input_value,
            output_value,
            weight: tx.weight() as i32,
            size: tx.total_size() as i32,
            version: tx.version,
            locktime: tx.lock_time,
            n_in: spent.len() as i32,
            n_out: tx.outputs.len() as i32,
            flags: marks,
            txid: display_order(&tx.txid().0),
            wtxid: tx.has_witness().then(|| display_order(&tx.wtxid().0)),
        });
    }

    /// A coin comes (`1`) or goes (`-1`).
    fn coin(&mut self, outpoint: &OutPoint, value: i64, sign: i32) {
        self.sums.utxo_delta += sign;
        self.sums.utxo_value_delta += i64::from(sign) * value;
        let mark = coin_mark(outpoint, value);
        self.sums.utxo_acc = if sign > 0 {
            self.sums.utxo_acc.wrapping_add(mark)
        } else {
            self.sums.utxo_acc.wrapping_sub(mark)
        };
    }

    fn finish(self, lineage: &mut Lineage) -> BlockRows {
        let (source, block, sums) = (self.source, &self.source.block, self.sums);
        let header = &block.header;
        let grown = lineage.extend(source.at, header, sums.utxo_acc);
        let coinbase = block.transactions.first();
        let weights = self.transactions.iter().skip(1).map(|tx| (tx.fee, tx.weight));
        let row = BlockRow {
            height: source.at.height,
            hash: display_order(&source.at.hash.0),
            prev_hash: display_order(&source.prev.0),
            merkle_root: display_order(&header.merkle_root.0),
            version: header.version,
            time: header.time,
            median_time: grown.median_time,
            bits: header.bits,
            nonce: header.nonce,
            difficulty: pow::difficulty(header.bits),
            chainwork: grown.chainwork.to_be_bytes(),
            size: block.total_size() as i32,
            stripped_size: block.stripped_size() as i32,
            weight: block.weight() as i32,
            tx_count: self.transactions.len() as i32,
            input_count: self.inputs.len() as i32,
            output_count: self.outputs.len() as i32,
            input_value: sums.input_value,
            output_value: sums.output_value,
            subsidy: block_subsidy(source.at.height, self.maker.params).0,
            fees: sums.fees,
            coinbase_value: coinbase.map_or(0, |tx| tx.output_sum().0),
            coinbase_script: coinbase
                .and_then(|tx| tx.inputs.first())
                .map_or_else(Vec::new, |input| input.script_sig.0.clone()),
            coinbase_address: self
                .outputs
                .iter()
                .take(coinbase.map_or(0, |tx| tx.outputs.len()))
                .find_map(|output| output.script.address.clone()),
            witness_commitment: witness_commitment_position(block).and_then(|at| {
                // A header of 6 bytes, then the hash (BIP141).
                coinbase?.outputs[at].script_pubkey.get(6..38)?.try_into().ok()
            }),
            feerates: percentiles(weights),
            segwit_txs: sums.segwit_txs,
            taproot_inputs: sums.taproot_inputs,
            rbf_txs: sums.rbf_txs,
            op_return_count: sums.op_return_count,
            utxo_delta: sums.utxo_delta,
            unspendable_value: sums.unspendable_value,
            utxo_acc: grown.utxo_acc as i64,
            utxo_value_delta: sums.utxo_value_delta,
        };
        BlockRows {
            block: row,
            transactions: self.transactions,
            outputs: self.outputs,
            inputs: self.inputs,
            types: self.types,
            repeats_coinbase: self.repeats_coinbase,
        }
    }
}

/// `OP_RETURN OP_13`.
const RUNESTONE: [u8; 2] = [0x6a, 0x5d];

/// A coin's part of the accumulator `blocks.utxo_acc`, the sum modulo 2^64 over all coins: the first 8 bytes, as a
/// big-endian number, of SHA256 over transaction identifier (serialization order), output number and value (both
/// little-endian, 4 and 8 bytes).
pub fn coin_mark(outpoint: &OutPoint, value: i64) -> u64 {
    let mut bytes = [0; 44];
    bytes[..32].copy_from_slice(&outpoint.txid.0);
    bytes[32..36].copy_from_slice(&outpoint.vout.to_le_bytes());
    bytes[36..].copy_from_slice(&value.to_le_bytes());
    let digest = sha256(&bytes);
    u64::from_be_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
}

/// Bytes of a witness as serialized, with its count of items; 0 for none.
fn witness_size(witness: &[Vec<u8>]) -> i32 {
    let compact = |n: usize| chaincore_consensus::codec::compact_size_len(n as u64);
    if witness.is_empty() {
        return 0;
    }
    let items: usize = witness.iter().map(|item| compact(item.len()) + item.len()).sum();
    (compact(witness.len()) + items) as i32
}

#[cfg(test)]
mod tests;
