//! Esplora's JSON: blocks, transactions and where they are.

use super::asm::asm;
use crate::node::BlockInfo;
use crate::value::CoreDouble;
use chaincore_consensus::address::Address;
use chaincore_consensus::params::ChainParams;

use chaincore_consensus::script::{ScriptKind, VerifyFlags, classify, instructions, sigops};
use chaincore_consensus::{BlockHash, Hash256, Tx, TxIn, TxOut, Txid, hex, pow};
use serde::Serialize;

/// The annex of a taproot input begins with this byte (BIP341).
const ANNEX_TAG: u8 = 0x50;

/// Where a transaction is.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct Status {
    confirmed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_hash: Option<BlockHash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_time: Option<u32>,
}

impl Status {
    /// In a block of the active chain, or in none.
    pub fn new(block: Option<&BlockInfo>) -> Self {
        Self {
            confirmed: block.is_some(),
            block_height: block.map(|block| block.height),
            block_hash: block.map(|block| block.hash),
            block_time: block.map(|block| block.header.time),
        }
    }
}

/// An output.
#[derive(Debug, Clone, Serialize)]
pub struct Output {
    scriptpubkey: String,
    scriptpubkey_asm: String,
    scriptpubkey_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    scriptpubkey_address: Option<String>,
    value: i64,
}

impl Output {
    fn new(output: &TxOut, params: &ChainParams) -> Self {
        let script = &output.script_pubkey;
        Self {
            scriptpubkey: hex::encode(script),
            scriptpubkey_asm: asm(script),
            scriptpubkey_type: type_name(script),
            scriptpubkey_address: Address::from_script(script)
                .map(|address| address.to_text(&params.addresses)),
            value: output.value.sat(),
        }
    }
}

/// What Esplora calls a kind of output script.
fn type_name(script: &[u8]) -> &'static str {
    use chaincore_consensus::script::op::OP_RETURN;
    match classify(script) {
        _ if script.is_empty() => "empty",
        _ if script.first() == Some(&OP_RETURN) => "op_return",
        ScriptKind::PubKey(_) => "p2pk",
        ScriptKind::PubKeyHash(_) => "p2pkh",
        ScriptKind::ScriptHash(_) => "p2sh",
        ScriptKind::MultiSig { .. } => "multisig",
        ScriptKind::WitnessV0KeyHash(_) => "v0_p2wpkh",
        ScriptKind::WitnessV0ScriptHash(_) => "v0_p2wsh",
        ScriptKind::WitnessV1Taproot(_) => "v1_p2tr",
        ScriptKind::Anchor => "anchor",
        _ if chaincore_consensus::Script(script.to_vec()).is_unspendable() => "provably_unspendable",
        _ => "unknown",
    }
}

/// An input.
#[derive(Debug, Clone, Serialize)]
pub struct Input {
    txid: Txid,
    vout: u32,
    prevout: Option<Output>,
    scriptsig: String,
    scriptsig_asm: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    witness: Vec<String>,
    is_coinbase: bool,
    sequence: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_redeemscript_asm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner_witnessscript_asm: Option<String>,
}

impl Input {
    fn new(input: &TxIn, spent: Option<&TxOut>, coinbase: bool, params: &ChainParams) -> Self {
        let (redeem, witness) = spent.map(|spent| inner_scripts(input, spent)).unwrap_or_default();
        Self {
            txid: input.previous_output.txid,
            vout: input.previous_output.vout,
            prevout: spent.map(|spent| Output::new(spent, params)),
            scriptsig: hex::encode(&input.script_sig),
            scriptsig_asm: asm(&input.script_sig),
            witness: input.witness.iter().map(|item| hex::encode(item)).collect(),
            is_coinbase: coinbase,
            sequence: input.sequence,
            inner_redeemscript_asm: redeem.map(asm),
            inner_witnessscript_asm: witness.map(asm),
        }
    }
}

/// The scripts that an input shows for what its output had only the hash of: the redeem script, the witness script.
fn inner_scripts<'a>(input: &'a TxIn, spent: &TxOut) -> (Option<&'a [u8]>, Option<&'a [u8]>) {
    let kind = classify(&spent.script_pubkey);
    let redeem = match kind {
        ScriptKind::ScriptHash(_) => {
            instructions(&input.script_sig).last().and_then(Result::ok).and_then(|last| last.data)
        }
        _ => None,
    };
    let of_hash = |kind: &ScriptKind<'_>| matches!(kind, ScriptKind::WitnessV0ScriptHash(_));
    let items = &input.witness;
    let witness = if of_hash(&kind) || redeem.is_some_and(|script| of_hash(&classify(script))) {
        items.last()
    } else if matches!(kind, ScriptKind::WitnessV1Taproot(_)) {
        let has_annex = items.len() > 1 && items.last().is_some_and(|item| item.first() == Some(&ANNEX_TAG));
        let stack = &items[..items.len() - usize::from(has_annex)];
        // The last is the control block of a script path; a key path has one item alone.
        stack.len().checked_sub(2).map(|at| &stack[at])
    } else {
        None
    };
    (redeem, witness.map(Vec::as_slice))
}

/// A transaction.
#[derive(Debug, Clone, Serialize)]
pub struct TxJson {
    txid: Txid,
    /// Signed, as libraries read it.
    version: i32,
    locktime: u32,
    vin: Vec<Input>,
    vout: Vec<Output>,
    size: usize,
    weight: usize,
    sigops: i64,
    fee: i64,
    status: Status,
}

impl TxJson {
    /// A transaction, what its inputs spend (as far as that is known; of a coinbase, nothing), and the block that it is
    /// in.
    pub fn new(tx: &Tx, spent: &[Option<TxOut>], block: Option<&BlockInfo>, params: &ChainParams) -> Self {
        let coinbase = tx.is_coinbase();
        let spent_of = |at: usize| spent.get(at).and_then(Option::as_ref);
        let known: Option<Vec<TxOut>> = (0..tx.inputs.len()).map(|at| spent_of(at).cloned()).collect();
        let paid = known.as_ref().map(|known| known.iter().map(|output| output.value.sat()).sum::<i64>());
        let sigops =
            sigops::transaction_sigop_cost(tx, known.as_deref().unwrap_or_default(), VerifyFlags::STANDARD);
        let inputs = tx.inputs.iter().enumerate();
        Self {
            txid: tx.txid(),
            version: tx.version.cast_signed(),
            locktime: tx.lock_time,
            vin: inputs.map(|(at, input)| Input::new(input, spent_of(at), coinbase, params)).collect(),
            vout: tx.outputs.iter().map(|output| Output::new(output, params)).collect(),
            size: tx.total_size(),
            weight: tx.weight(),
            sigops,
            fee: paid.filter(|_| !coinbase).map_or(0, |paid| paid - tx.output_sum().sat()),
            status: Status::new(block),
        }
    }
}

/// A block.
#[derive(Debug, Clone, Serialize)]
pub struct BlockJson {
    id: BlockHash,
    height: u32,
    version: i32,
    timestamp: u32,
    tx_count: u32,
    size: usize,
    weight: usize,
    merkle_root: Hash256,
    previousblockhash: Option<BlockHash>,
    mediantime: u32,
    nonce: u32,
    bits: u32,
    difficulty: CoreDouble,
}

impl BlockJson {
    /// A block of these bytes and this weight.
    pub fn new(info: &BlockInfo, size: usize, weight: usize) -> Self {
        let header = &info.header;
        Self {
            id: info.hash,
            height: info.height,
            version: header.version,
            timestamp: header.time,
            tx_count: info.n_tx,
            size,
            weight,
            merkle_root: header.merkle_root,
            previousblockhash: (info.height > 0).then_some(header.previous),
            mediantime: info.median_time,
            nonce: header.nonce,
            bits: header.bits,
            difficulty: CoreDouble(pow::difficulty(header.bits)),
        }
    }
}
