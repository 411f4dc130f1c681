//! What a node wants mined: its answer, checked, as a block that lacks only its nonce.

use super::coinbase::{coinbase, commit_to_witnesses, script_sig};
use chaincore_consensus::codec::Decode;
use chaincore_consensus::merkle::{block_merkle_root, merkle_branch, root_from_branch};
use chaincore_consensus::pow::Target;
use chaincore_consensus::{Amount, Block, Hash256, Header, Script, Transaction, Tx, TxRef, hex};
use chaincore_miner::{BIP320_MASK, Job};
use serde_json::Value;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

/// Rules that a block may need and that this program knows; others marked `!` make a template useless (BIP9).
const KNOWN_RULES: &[&str] = &["csv", "segwit", "taproot", "testdummy"];
/// Transactions in a template: no block holds more.
const MAX_TRANSACTIONS: usize = 1_000_000;

/// Why a template cannot be mined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TemplateError {
    /// It lacks something or something in it makes no sense.
    #[error("the node's template is wrong: {0}")]
    Wrong(String),
    /// It is right, but nothing for this program.
    #[error("{0}")]
    Unusable(String),
}

fn wrong(text: impl Into<String>) -> TemplateError {
    TemplateError::Wrong(text.into())
}

/// A block to be mined.
#[derive(Debug, Clone)]
pub(crate) struct Work {
    /// The block; its coinbase has extranonce 0.
    block: Block,
    pub(crate) height: u32,
    pub(crate) target: Target,
    aux: Vec<u8>,
    words: String,
    branch: Vec<Hash256>,
    /// When it came; the node's clock said the header's time then.
    came: Instant,
    /// The latest time that the header may have, if it may change at all.
    last_time: Option<u32>,
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, TemplateError> {
    value[name].as_str().ok_or_else(|| wrong(format!("there is no text '{name}'")))
}

fn number(value: &Value, name: &str) -> Result<u64, TemplateError> {
    value[name].as_u64().ok_or_else(|| wrong(format!("there is no number '{name}'")))
}

fn bytes(value: &Value, name: &str) -> Result<Vec<u8>, TemplateError> {
    hex::decode(text(value, name)?).map_err(|error| wrong(format!("'{name}': {error}")))
}

fn target(value: &Value) -> Result<Target, TemplateError> {
    let bytes: Result<[u8; 32], _> = bytes(value, "target")?.try_into();
    bytes.map(Target::from_be_bytes).map_err(|_| wrong("'target' has not 32 bytes"))
}

impl Work {
    /// The work of `getblocktemplate`'s result (BIP22, BIP23, BIP9, BIP145), paying to `to`.
    pub(crate) fn from_template(template: &Value, to: &Script, words: &str) -> Result<Self, TemplateError> {
        if template.get("signet_challenge").is_some() {
            return Err(TemplateError::Unusable(
                "blocks of a signet carry its owner's signature; only its owner can mine them".into(),
            ));
        }
        let rules: Vec<&str> =
            template["rules"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let unknown =
            rules.iter().find_map(|rule| rule.strip_prefix('!').filter(|name| !KNOWN_RULES.contains(name)));
        if let Some(rule) = unknown {
            return Err(TemplateError::Unusable(format!(
                "blocks must follow the rule '{rule}', which is unknown here"
            )));
        }
        let entries =
            template["transactions"].as_array().ok_or_else(|| wrong("there are no 'transactions'"))?;
        if entries.len() > MAX_TRANSACTIONS {
            return Err(wrong(format!("{} transactions", entries.len())));
        }
        let height =
            u32::try_from(number(template, "height")?).map_err(|_| wrong("'height' is too large"))?;
        let value = i64::try_from(number(template, "coinbasevalue")?)
            .map_err(|_| wrong("'coinbasevalue' is too large"))?;
        let aux = template["coinbaseaux"].as_object().into_iter().flatten();
        let aux =
            aux.filter_map(|(_, value)| hex::decode(value.as_str()?).ok()).flatten().collect::<Vec<u8>>();
        let mut first = coinbase(height, Amount(value), to, &aux, words);
        let mut transactions: Vec<TxRef> = vec![Arc::new(Tx::from(first.clone()))];
        for entry in entries {
            let tx = Tx::decode_exact(&bytes(entry, "data")?)
                .map_err(|error| wrong(format!("a transaction cannot be decoded: {error}")))?;
            transactions.push(Arc::new(tx));
        }
        let version = template["version"].as_i64().and_then(|version| i32::try_from(version).ok());
        let bits =
            u32::from_str_radix(text(template, "bits")?, 16).map_err(|_| wrong("'bits' is no number"))?;
        let header = Header {
            version: version.ok_or_else(|| wrong("there is no number 'version'"))?,
            previous: text(template, "previousblockhash")?
                .parse()
                .map_err(|_| wrong("'previousblockhash' is no hash"))?,
            merkle_root: Hash256::ZERO,
            time: u32::try_from(number(template, "curtime")?).map_err(|_| wrong("'curtime' is too large"))?,
            bits,
            nonce: 0,
        };
        let mut block = Block { header, transactions };
        let has_segwit = rules.iter().any(|rule| rule.trim_start_matches('!') == "segwit");
        if has_segwit || template.get("default_witness_commitment").is_some() {
            commit_to_witnesses(&mut block, &mut first);
        }
        let mut changes = template["mutable"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let may_change = changes.any(|what| what == "time" || what == "time/increment");
        let maxtime = template["maxtime"].as_u64().and_then(|time| u32::try_from(time).ok());
        let last_time = may_change.then_some(maxtime.unwrap_or(u32::MAX));
        Ok(Self { last_time, ..Self::new(block, height, target(template)?, aux, words) })
    }

    /// The work of `POST /mine_block`'s answer: a whole block of the node's making.
    pub(crate) fn from_block(answer: &Value, words: &str) -> Result<Self, TemplateError> {
        let block = Block::decode_exact(&bytes(answer, "block")?)
            .map_err(|error| wrong(format!("the block cannot be decoded: {error}")))?;
        if block.transactions.first().is_none_or(|tx| !tx.is_coinbase()) {
            return Err(wrong("the block has no coinbase"));
        }
        let height = u32::try_from(number(answer, "height")?).map_err(|_| wrong("'height' is too large"))?;
        let work = Self::new(block, height, target(answer)?, Vec::new(), words);
        Ok(Self { last_time: Some(u32::MAX), ..work })
    }

    fn new(mut block: Block, height: u32, target: Target, aux: Vec<u8>, words: &str) -> Self {
        let words = words.to_owned();
        block.transactions[0] = with_extranonce(&block.transactions[0], height, 0, &aux, &words);
        block.header.merkle_root = block_merkle_root(&block).0;
        let leaves: Vec<Hash256> = block.transactions.iter().map(|tx| Hash256(tx.txid().0)).collect();
        let branch = merkle_branch(&leaves, 0);
        Self { branch, block, height, target, aux, words, came: Instant::now(), last_time: None }
    }

    /// The same with a time that stays as it is, unless `is_free`.
    pub(crate) fn with_free_time(mut self, is_free: bool) -> Self {
        self.last_time = self.last_time.filter(|_| is_free);
        self
    }

    /// Whether the header's time may move on.
    pub(crate) fn has_free_time(&self) -> bool {
        self.last_time.is_some()
    }

    /// When it came.
    pub(crate) fn came(&self) -> Instant {
        self.came
    }

    /// The header's time at `now`: it moves on from the node's as this machine's clock does, which need not be right.
    fn time_at(&self, now: Instant) -> u32 {
        let given = self.block.header.time;
        let Some(last) = self.last_time else { return given };
        let passed = u32::try_from(now.saturating_duration_since(self.came).as_secs()).unwrap_or(u32::MAX);
        given.saturating_add(passed).min(last.max(given))
    }

    /// What was the tip when this was made.
    pub(crate) fn previous(&self) -> chaincore_consensus::BlockHash {
        self.block.header.previous
    }

    /// How many transactions it has beside the coinbase.
    pub(crate) fn transactions(&self) -> usize {
        self.block.transactions.len() - 1
    }

    fn coinbase(&self, extranonce: u64) -> TxRef {
        with_extranonce(&self.block.transactions[0], self.height, extranonce, &self.aux, &self.words)
    }

    /// The search for it among these extranonces, with the time of `now`.
    pub(crate) fn job(self: &Arc<Self>, extranonces: Range<u64>, rolls_version: bool, now: Instant) -> Job {
        let work = self.clone();
        let job = Job::new(Header { time: self.time_at(now), ..self.block.header }, self.target)
            .rolling_extranonce(extranonces, move |extranonce| {
                root_from_branch(Hash256(work.coinbase(extranonce).txid().0), &work.branch, 0)
            });
        if rolls_version { job.rolling_version(BIP320_MASK) } else { job }
    }

    /// The block with a header that was found.
    pub(crate) fn block(&self, header: Header, extranonce: u64) -> Block {
        let mut block = self.block.clone();
        block.transactions[0] = self.coinbase(extranonce);
        block.header = header;
        block
    }
}

fn with_extranonce(tx: &TxRef, height: u32, extranonce: u64, aux: &[u8], words: &str) -> TxRef {
    let mut coinbase: Transaction = (***tx).clone();
    coinbase.inputs[0].script_sig = script_sig(height, extranonce, aux, words);
    Arc::new(Tx::from(coinbase))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn template() -> Value {
        json!({
            "version": 536_870_912, "rules": ["csv", "!segwit", "taproot"], "transactions": [],
            "previousblockhash": "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206",
            "coinbaseaux": {}, "coinbasevalue": 5_000_000_000u64, "height": 1, "bits": "207fffff",
            "curtime": 1_600_000_000, "target": format!("7fffff{}", "0".repeat(58)),
        })
    }

    fn to() -> Script {
        Script(vec![0x51])
    }

    #[test]
    fn a_block_found_is_the_one_that_was_searched() {
        let work = Arc::new(Work::from_template(&template(), &to(), "/test/").unwrap());
        let root = work.block.header.merkle_root;
        assert_eq!(root, block_merkle_root(&work.block).0);
        let other = work.block(Header { nonce: 7, ..work.block.header }, 99);
        let searched = root_from_branch(Hash256(work.coinbase(99).txid().0), &work.branch, 0);
        assert_eq!(block_merkle_root(&other).0, searched);
        assert_ne!(searched, root);
        // Commitment and reserved value are there, and hold for every extranonce.
        let coinbase = &other.transactions[0];
        assert_eq!((coinbase.outputs.len(), coinbase.inputs[0].witness.len()), (2, 1));
        assert_eq!(coinbase.outputs[0].value, Amount(5_000_000_000));
    }

    #[test]
    fn time_moves_on_from_the_nodes_where_it_may() {
        let work = |changes: &[(&str, Value)]| {
            let mut template = template();
            for (name, value) in changes {
                template[name] = value.clone();
            }
            Arc::new(Work::from_template(&template, &to(), "").unwrap())
        };
        let time = |work: &Arc<Work>, seconds| {
            work.job(0..1, false, work.came + std::time::Duration::from_secs(seconds)).header().time
        };
        let free = work(&[("mutable", json!(["transactions", "time"]))]);
        assert_eq!([0, 7, 3600].map(|after| time(&free, after)), [0, 7, 3600].map(|s| 1_600_000_000 + s));
        let limited = work(&[("mutable", json!(["time"])), ("maxtime", json!(1_600_000_005))]);
        assert_eq!(time(&limited, 60), 1_600_000_005);
        for fixed in [
            work(&[]),
            work(&[("mutable", json!(["transactions"]))]),
            Arc::new((*free).clone().with_free_time(false)),
        ] {
            assert!(!fixed.has_free_time() && time(&fixed, 60) == 1_600_000_000);
        }
    }

    #[test]
    fn what_cannot_be_mined_is_said() {
        let refused = |name: &str, value: Value| {
            let mut template = template();
            template[name] = value;
            Work::from_template(&template, &to(), "").unwrap_err().to_string()
        };
        assert!(refused("signet_challenge", json!("51")).contains("signet"));
        assert!(refused("rules", json!(["!quantum"])).contains("'quantum'"));
        assert!(refused("height", json!(-1)).contains("'height'"));
        assert!(refused("transactions", json!([{"data": "00"}])).contains("decoded"));
        assert!(refused("target", json!("ff")).contains("32 bytes"));
        assert!(refused("previousblockhash", json!("x")).contains("no hash"));
        assert!(Work::from_block(&json!({"block": "00", "height": 1}), "").is_err());
    }
}
