//! How a transaction and its scripts look in JSON (Core's `TxToUniv` and `ScriptToUniv`), and how transactions
//! are read from hex (Core's `DecodeHexTx`).

use crate::descriptor;
use crate::value::Btc;
use chaincore_consensus::address::Address;
use chaincore_consensus::codec::{Decode, Encode, Reader};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::script::{self, ScriptKind, classify, to_asm};
use chaincore_consensus::{Amount, Script, Transaction, Tx, Txid, Wtxid, hex};
use serde::Serialize;

/// An output script.
#[derive(Debug, Serialize)]
pub struct ScriptPubKeyJson {
    /// The opcodes and pushes as text.
    pub asm: String,
    /// The inferred descriptor.
    pub desc: String,
    /// The bytes; left out where the caller gave them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    /// The address, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Core's name for the form.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

impl ScriptPubKeyJson {
    /// A script as it looks on a chain.
    pub fn new(script: &Script, params: &ChainParams, include_hex: bool) -> Self {
        let kind = classify(script);
        let address = match kind {
            ScriptKind::PubKey(_) => None,
            _ => Address::from_script(script).map(|address| address.to_text(&params.addresses)),
        };
        Self {
            asm: to_asm(script, false),
            desc: descriptor::infer(script, params),
            hex: include_hex.then(|| hex::encode(script)),
            address,
            kind: kind.name(),
        }
    }
}

/// An input script.
#[derive(Debug, Serialize)]
pub struct ScriptSigJson {
    /// The opcodes and pushes as text, signatures with their sighash type.
    pub asm: String,
    /// The bytes.
    pub hex: String,
}

/// The output that an input spends.
#[derive(Debug, Serialize)]
pub struct PrevoutJson {
    /// Whether a coinbase made it.
    pub generated: bool,
    /// The height it was mined at.
    pub height: u32,
    /// What it was worth.
    pub value: Btc,
    /// What locked it.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: ScriptPubKeyJson,
}

/// An input.
#[derive(Debug, Serialize)]
pub struct InputJson {
    /// The script of a coinbase input, which has nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coinbase: Option<String>,
    /// The transaction spent from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub txid: Option<Txid>,
    /// Which of its outputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vout: Option<u32>,
    /// The unlocking script.
    #[serde(rename = "scriptSig", skip_serializing_if = "Option::is_none")]
    pub script_sig: Option<ScriptSigJson>,
    /// The witness, where there is one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub txinwitness: Vec<String>,
    /// The output spent, where it was asked for and is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prevout: Option<PrevoutJson>,
    /// The sequence number.
    pub sequence: u32,
}

/// An output.
#[derive(Debug, Serialize)]
pub struct OutputJson {
    /// What it is worth.
    pub value: Btc,
    /// Its place.
    pub n: usize,
    /// What locks it.
    #[serde(rename = "scriptPubKey")]
    pub script_pubkey: ScriptPubKeyJson,
}

/// A transaction.
#[derive(Debug, Serialize)]
pub struct TxJson {
    /// Its identifier.
    pub txid: Txid,
    /// Its identifier with witnesses.
    pub hash: Wtxid,
    /// Its version.
    pub version: u32,
    /// Its bytes.
    pub size: usize,
    /// Its virtual bytes.
    pub vsize: usize,
    /// Its weight.
    pub weight: usize,
    /// Its lock time.
    pub locktime: u32,
    /// Its inputs.
    pub vin: Vec<InputJson>,
    /// Its outputs.
    pub vout: Vec<OutputJson>,
    /// What it pays, where the outputs it spends are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee: Option<Btc>,
    /// Its bytes, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
}

/// How much of a transaction to show.
#[derive(Debug, Clone, Copy, Default)]
pub struct TxDetail<'a> {
    /// The bytes as hex.
    pub hex: bool,
    /// The coins it spends, one per input: they tell the fee.
    pub spent: Option<&'a [Coin]>,
    /// Those coins themselves.
    pub prevouts: bool,
}

impl TxJson {
    /// A transaction as it looks on a chain.
    pub fn new(tx: &Tx, params: &ChainParams, detail: TxDetail<'_>) -> Self {
        let spent = detail.spent.filter(|spent| spent.len() == tx.inputs.len());
        let coinbase = tx.is_coinbase();
        let input = |at: usize| {
            let input = &tx.inputs[at];
            let prevout = spent.filter(|_| detail.prevouts).map(|spent| PrevoutJson {
                generated: spent[at].coinbase,
                height: spent[at].height,
                value: Btc(spent[at].output.value),
                script_pubkey: ScriptPubKeyJson::new(&spent[at].output.script_pubkey, params, true),
            });
            InputJson {
                coinbase: coinbase.then(|| hex::encode(&input.script_sig)),
                txid: (!coinbase).then_some(input.previous_output.txid),
                vout: (!coinbase).then_some(input.previous_output.vout),
                script_sig: (!coinbase).then(|| ScriptSigJson {
                    asm: to_asm(&input.script_sig, true),
                    hex: hex::encode(&input.script_sig),
                }),
                txinwitness: input.witness.iter().map(|item| hex::encode(item)).collect(),
                prevout,
                sequence: input.sequence,
            }
        };
        let output = |(n, output): (usize, &chaincore_consensus::TxOut)| OutputJson {
            value: Btc(output.value),
            n,
            script_pubkey: ScriptPubKeyJson::new(&output.script_pubkey, params, true),
        };
        let fee = spent.map(|spent| {
            let sum: i64 = spent.iter().map(|coin| coin.output.value.sat()).sum();
            Btc(Amount(sum - tx.output_sum().sat()))
        });
        Self {
            txid: tx.txid(),
            hash: tx.wtxid(),
            version: tx.version,
            size: tx.total_size(),
            vsize: tx.vsize(),
            weight: tx.weight(),
            locktime: tx.lock_time,
            vin: (0..tx.inputs.len()).map(input).collect(),
            vout: tx.outputs.iter().enumerate().map(output).collect(),
            fee,
            hex: detail.hex.then(|| hex::encode(&tx.to_bytes())),
        }
    }
}

/// Reads a transaction from hex, with witnesses, without, or as its bytes suggest. The two forms overlap for
/// transactions without inputs; the one whose scripts make sense wins, and the one with witnesses on a tie.
pub fn decode_hex(text: &str, try_plain: bool, try_witness: bool) -> Option<Tx> {
    let bytes = hex::decode(text).ok()?;
    let witness = if try_witness { Transaction::decode_exact(&bytes).ok() } else { None };
    if let Some(tx) = witness.as_ref().filter(|tx| scripts_make_sense(tx)) {
        return Some(tx.clone().into());
    }
    let plain = if try_plain { decode_plain(&bytes) } else { None };
    if let Some(tx) = plain.as_ref().filter(|tx| scripts_make_sense(tx)) {
        return Some(tx.clone().into());
    }
    witness.or(plain).map(Tx::from)
}

fn decode_plain(bytes: &[u8]) -> Option<Transaction> {
    let mut reader = Reader::new(bytes);
    let tx = Transaction::decode_stripped(&mut reader).ok()?;
    (reader.remaining() == 0).then_some(tx)
}

/// Whether every script of a transaction parses into known opcodes and is short enough to run (Core's
/// `CheckTxScriptsSanity`).
fn scripts_make_sense(tx: &Transaction) -> bool {
    let inputs = tx.inputs.iter().map(|input| &input.script_sig).filter(|_| !tx.is_coinbase());
    let outputs = tx.outputs.iter().map(|output| &output.script_pubkey);
    inputs.chain(outputs).all(|script| script.len() <= MAX_SCRIPT_SIZE && has_valid_ops(script))
}

/// No script longer than this can be run.
const MAX_SCRIPT_SIZE: usize = 10_000;
/// The longest push that can be run.
const MAX_ELEMENT_SIZE: usize = 520;

/// Whether a script consists of opcodes up to the last that legacy scripts know and of pushes that can be run (Core's `CScript::HasValidOps`).
pub fn has_valid_ops(script: &[u8]) -> bool {
    script::instructions(script).all(|instruction| {
        instruction.is_ok_and(|instruction| {
            instruction.op <= script::op::OP_NOP10
                && instruction.data.is_none_or(|data| data.len() <= MAX_ELEMENT_SIZE)
        })
    })
}
