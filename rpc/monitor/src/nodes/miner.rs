//! Who made a block, as far as the block tells.

use super::replies::TxReply;
use crate::text::clean;
use chaincore_consensus::hex;
use serde::{Deserialize, Serialize};

/// Whom a coinbase pays and what it says.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Miner {
    /// The address of the output that is worth most, or that output's script as `script:<hex>`, cut off.
    pub payee: String,
    /// What can be read in the coinbase's script; often the miner's program or pool.
    pub tag: String,
}

impl Miner {
    /// The miner of the block that this is the first transaction of.
    pub fn of(coinbase: &TxReply) -> Self {
        // Of outputs that are worth the same, the first.
        let best = coinbase.outputs.iter().rev().max_by_key(|output| output.value);
        let payee = best.map_or_else(String::new, |output| match &output.address {
            Some(address) => clean(address, 100),
            None => clean(&format!("script:{}", output.script_pubkey), 40),
        });
        let script = coinbase.inputs.first().and_then(|input| input.coinbase.as_deref()).unwrap_or_default();
        // 100 bytes is the longest valid one; a genesis block's text fits, too.
        let script = hex::decode(script.get(..script.len().min(200)).unwrap_or_default()).unwrap_or_default();
        Self { payee, tag: readable(&script) }
    }

    /// In few characters.
    pub fn short(&self) -> String {
        let characters = self.payee.chars().count();
        let payee = match characters {
            0..=16 => self.payee.clone(),
            _ => {
                let (head, tail) = (self.payee.chars().take(8), self.payee.chars().skip(characters - 6));
                head.chain(['…']).chain(tail).collect()
            }
        };
        if self.tag.is_empty() { payee } else { format!("{payee} {}", clean(&self.tag, 16)) }
    }
}

/// The runs of at least four letters and the like in a script, behind the height that it begins with.
fn readable(script: &[u8]) -> String {
    let height = match script.first() {
        Some(length @ 1..=8) => usize::from(*length) + 1,
        _ => 1,
    };
    let body = script.get(height..).unwrap_or_default();
    let runs = body.split(|byte| !(0x20..0x7f).contains(byte)).filter(|run| run.len() >= 4);
    let runs: Vec<_> = runs.map(|run| String::from_utf8_lossy(run).trim().to_owned()).collect();
    clean(runs.join(" ").trim(), 60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn coinbase(script: &[u8], outputs: serde_json::Value) -> TxReply {
        let tx = json!({"txid": "", "version": 1, "locktime": 0, "outputs": outputs,
            "inputs": [{"coinbase": hex::encode(script), "witness": [], "sequence": 0}]});
        serde_json::from_value(tx).expect("a transaction")
    }

    #[test]
    fn a_miner_is_whom_the_coinbase_pays_most() {
        let outputs = json!([
            {"value": 0, "address": null, "script_pubkey": "6a24aa21a9ed", "type": "nulldata"},
            {"value": 5, "address": "cc1qminer", "script_pubkey": "00", "type": "witness_v0_keyhash"},
            {"value": 5, "address": "cc1qother", "script_pubkey": "00", "type": "witness_v0_keyhash"},
        ]);
        let miner = Miner::of(&coinbase(b"\x02\x41\x42\x01/chaincored/\x00\x1b[2J", outputs));
        assert_eq!(miner, Miner { payee: "cc1qminer".into(), tag: "/chaincored/".into() });
        assert_eq!(miner.short(), "cc1qminer /chaincored/");
        let bare = json!([{"value": 1, "address": null, "script_pubkey": "51", "type": "nonstandard"}]);
        assert_eq!(Miner::of(&coinbase(b"\x01\x07", bare)).payee, "script:51");
        assert_eq!(Miner::of(&coinbase(b"", json!([]))), Miner::default());
    }
}
