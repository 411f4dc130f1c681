//! The text of a template.
//!
//! Nearly all of it are the transactions. They are written once for a template, and of those that the template before
//! had too, the text is taken over.

use super::super::block_json::{bits_text, target_text};
use crate::error::{RpcError, code};
use crate::node::{BlockTemplate, ChainView, Node};
use crate::value::to_json_string;
use chaincore_consensus::codec::Encode;
use chaincore_consensus::difficulty::next_bits;
use chaincore_consensus::transaction::WITNESS_SCALE_FACTOR;
use chaincore_consensus::versionbits::{DeploymentState, StateCache};
use chaincore_consensus::{BlockHash, Tx, Txid, Wtxid, hex};
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::ops::Range;

/// The most a block's signature operations may cost.
const MAX_BLOCK_SIGOPS_COST: i64 = 80_000;
/// The most bytes a block may have.
const MAX_BLOCK_SIZE: i64 = 4_000_000;
/// The most weight a block may have.
const MAX_BLOCK_WEIGHT: i64 = 4_000_000;

/// Before segwit the cost of signature operations was not scaled.
fn unscaled(cost: i64, segwit: bool) -> i64 {
    if segwit { cost } else { cost / WITNESS_SCALE_FACTOR as i64 }
}

/// The transactions of a template as a JSON array.
pub(super) struct Transactions {
    text: Box<RawValue>,
    /// Where in the text stands what a transaction always begins with, wherever it is in a block.
    beginnings: HashMap<Wtxid, Range<usize>>,
}

impl Transactions {
    /// Those of a template. `before` are another template's.
    pub(super) fn print(
        template: &BlockTemplate,
        segwit: bool,
        before: Option<&Self>,
    ) -> Result<Self, RpcError> {
        let txs = &template.block.transactions;
        let places: HashMap<Txid, usize> = txs.iter().enumerate().map(|(at, tx)| (tx.txid(), at)).collect();
        let mut beginnings = HashMap::with_capacity(txs.len());
        let mut out = String::with_capacity(before.map_or(0, |before| before.text.get().len()) + 4096);
        out.push('[');
        let facts = template.fees.iter().zip(&template.sigops);
        for (tx, (fee, sigops)) in txs.iter().skip(1).zip(facts) {
            if out.len() > 1 {
                out.push(',');
            }
            let begins = out.len();
            let known = before
                .and_then(|before| Some(&before.text.get()[before.beginnings.get(&tx.wtxid())?.clone()]));
            match known {
                Some(text) => out.push_str(text),
                None => begin(&mut out, tx),
            }
            beginnings.insert(tx.wtxid(), begins..out.len());
            let mut separator = "";
            for place in tx.inputs.iter().filter_map(|input| places.get(&input.previous_output.txid)) {
                let _ = write!(out, "{separator}{place}");
                separator = ",";
            }
            let (fee, sigops, weight) = (fee.sat(), unscaled(*sigops, segwit), tx.weight());
            let _ = write!(out, "],\"fee\":{fee},\"sigops\":{sigops},\"weight\":{weight}}}");
        }
        out.push(']');
        Ok(Self { text: RawValue::from_string(out).map_err(unprintable)?, beginnings })
    }
}

/// What comes before the list of the transactions that this one depends on.
fn begin(out: &mut String, tx: &Tx) {
    let (data, txid, wtxid) = (hex::encode(&tx.to_bytes()), tx.txid(), tx.wtxid());
    // Writing to a text does not fail.
    let _ = write!(out, "{{\"data\":\"{data}\",\"txid\":\"{txid}\",\"hash\":\"{wtxid}\",\"depends\":[");
}

fn unprintable(error: serde_json::Error) -> RpcError {
    RpcError::new(code::INTERNAL_ERROR, format!("result cannot be printed: {error}"))
}

/// The text of a template at a time, for a miner who knows these rules. `updates` was the mempool's counter when it was
/// made.
pub(super) fn print(
    node: &dyn Node,
    template: &BlockTemplate,
    transactions: &Transactions,
    updates: u64,
    known_rules: &[String],
    now: i64,
) -> Result<String, RpcError> {
    let json = TemplateJson::new(node, template, &transactions.text, updates, known_rules, now)?;
    to_json_string(&json).map_err(unprintable)
}

/// Nothing needs to be in the coinbase's script besides the height.
#[derive(Serialize)]
struct CoinbaseAux {}

#[derive(Serialize)]
struct TemplateJson<'a> {
    capabilities: [&'static str; 1],
    version: i32,
    rules: Vec<String>,
    vbavailable: BTreeMap<String, u8>,
    vbrequired: u32,
    previousblockhash: BlockHash,
    transactions: &'a RawValue,
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

impl<'a> TemplateJson<'a> {
    fn new(
        node: &dyn Node,
        template: &BlockTemplate,
        transactions: &'a RawValue,
        updates: u64,
        known_rules: &[String],
        now: i64,
    ) -> Result<Self, RpcError> {
        let params = node.params();
        let chain = node.chain();
        let header = &template.block.header;
        let segwit = template.height >= params.deployments.segwit;
        let voting = Voting::new(node, &*chain, template, known_rules, segwit)?;
        let now = u32::try_from(now).unwrap_or(u32::MAX);
        let curtime = header.time.max(template.min_time).max(now);
        // On some chains a later time makes a block easier.
        let branch = chain.ancestry(&header.previous);
        let bits = branch.map_or(header.bits, |branch| next_bits(params, &*branch, curtime));
        let unscaled = |cost| unscaled(cost, segwit);
        Ok(Self {
            capabilities: ["proposal"],
            version: voting.version,
            rules: voting.rules,
            vbavailable: voting.available,
            vbrequired: 0,
            previousblockhash: header.previous,
            transactions,
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

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::{
        Amount, Block, Hash256, Header, OutPoint, Script, Transaction, TxIn, TxOut, TxRef,
    };
    use std::sync::Arc;

    fn tx(from: OutPoint, value: i64) -> TxRef {
        let input = TxIn {
            previous_output: from,
            script_sig: Script(vec![]),
            sequence: 7,
            witness: vec![vec![value as u8; 3]],
        };
        let output = TxOut { value: Amount(value), script_pubkey: Script(vec![0x51]) };
        Arc::new(Tx::from(Transaction {
            version: 2,
            inputs: vec![input],
            outputs: vec![output],
            lock_time: 0,
        }))
    }

    fn template(txs: &[(&TxRef, i64)]) -> BlockTemplate {
        let header = Header {
            version: 4,
            previous: BlockHash([1; 32]),
            merkle_root: Hash256::ZERO,
            time: 5,
            bits: 0x207f_ffff,
            nonce: 0,
        };
        let transactions =
            std::iter::once(tx(OutPoint::NULL, 50)).chain(txs.iter().map(|(tx, _)| (*tx).clone())).collect();
        BlockTemplate {
            block: Block { header, transactions },
            height: 9,
            fees: txs.iter().map(|(_, fee)| Amount(*fee)).collect(),
            sigops: txs.iter().map(|_| 8).collect(),
            min_time: 1,
            witness_commitment: None,
        }
    }

    #[test]
    fn what_is_taken_over_is_what_would_be_written() {
        let coin = |n: u8| OutPoint { txid: Txid([n; 32]), vout: 0 };
        let parent = tx(coin(1), 10);
        let child = tx(OutPoint { txid: parent.txid(), vout: 0 }, 9);
        let other = tx(coin(2), 20);
        let first = template(&[(&parent, 3), (&child, 4)]);
        let first = Transactions::print(&first, true, None).unwrap();
        // The same ones at other places, with others between them.
        let second = template(&[(&other, 5), (&parent, 3), (&child, 4)]);
        let fresh = Transactions::print(&second, true, None).unwrap();
        let taken = Transactions::print(&second, true, Some(&first)).unwrap();
        assert_eq!(taken.text.get(), fresh.text.get());
        let again = Transactions::print(&second, true, Some(&taken)).unwrap();
        assert_eq!(again.text.get(), fresh.text.get());
        let all: serde_json::Value = serde_json::from_str(fresh.text.get()).unwrap();
        assert_eq!(all[2]["depends"], serde_json::json!([2]), "{all}");
        assert_eq!(all[0]["depends"], serde_json::json!([]));
        let told = (&all[2]["fee"], &all[2]["sigops"], &all[2]["txid"], &all[2]["hash"]);
        let (txid, wtxid) = (child.txid().to_string(), child.wtxid().to_string());
        assert_eq!(told, (&4.into(), &8.into(), &txid.into(), &wtxid.into()));
        assert_eq!(all[1]["data"], hex::encode(&parent.to_bytes()));
        // Before segwit signature operations cost a quarter.
        let old = Transactions::print(&second, false, Some(&taken)).unwrap();
        assert!(old.text.get().contains("\"sigops\":2,"), "{}", old.text.get());
        let none = Transactions::print(&template(&[]), true, Some(&taken)).unwrap();
        assert_eq!(none.text.get(), "[]");
    }
}
