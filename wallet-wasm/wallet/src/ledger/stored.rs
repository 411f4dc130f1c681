//! The ledger as it is kept: everything that can't be computed again, and the scripts, whose derivation would take a
//! page of a large wallet seconds.

use super::{Account, KnownTx, Ledger, Owner};
use crate::labels::Labels;
use crate::text;
use bitcoin::{BlockHash, OutPoint, ScriptBuf};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;

/// The version of the form below.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    version: u32,
    maturity: u32,
    gap: u32,
    birthday: u64,
    accounts: Cow<'a, [Account]>,
    scripts: Vec<StoredScript>,
    tip: Option<StoredTip>,
    txs: Cow<'a, [KnownTx]>,
    frozen: Vec<StoredOutPoint>,
    labels: Cow<'a, Labels>,
}

#[derive(Serialize, Deserialize)]
struct StoredScript(#[serde(with = "text::script_hex")] ScriptBuf, Owner);

#[derive(Serialize, Deserialize)]
struct StoredTip(u32, #[serde(with = "text::shown")] BlockHash);

#[derive(Serialize, Deserialize)]
struct StoredOutPoint(#[serde(with = "text::shown")] OutPoint);

impl Serialize for Ledger {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let scripts = self.scripts.iter().zip(&self.owners);
        let stored = Stored {
            version: VERSION,
            maturity: self.maturity,
            gap: self.gap,
            birthday: self.birthday,
            accounts: Cow::Borrowed(&self.accounts),
            scripts: scripts.map(|(script, owner)| StoredScript(script.clone(), *owner)).collect(),
            tip: self.tip.map(|(height, hash)| StoredTip(height, hash)),
            txs: self.known.values().cloned().collect(),
            frozen: self.frozen.iter().copied().map(StoredOutPoint).collect(),
            labels: Cow::Borrowed(&self.labels),
        };
        stored.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ledger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let stored = Stored::deserialize(deserializer)?;
        if stored.version != VERSION {
            let message = format!("the ledger has version {}, this program reads {VERSION}", stored.version);
            return Err(D::Error::custom(message));
        }
        let mut ledger = Self::new(stored.maturity);
        ledger.gap = stored.gap.clamp(1, super::MAX_GAP);
        ledger.birthday = stored.birthday;
        ledger.accounts = stored.accounts.into_owned();
        for StoredScript(script, owner) in stored.scripts {
            if owner.account >= ledger.accounts.len() {
                return Err(D::Error::custom(format!("a script of account {} is no one's", owner.account)));
            }
            ledger.index.entry(script.clone()).or_insert(ledger.scripts.len());
            ledger.scripts.push(script);
            ledger.owners.push(owner);
        }
        ledger.tip = stored.tip.map(|tip| (tip.0, tip.1));
        for mut known in stored.txs.into_owned() {
            known.prevouts.resize(known.tx.input.len(), None);
            ledger.known.insert(known.tx.compute_txid(), known);
        }
        ledger.frozen = stored.frozen.into_iter().map(|outpoint| outpoint.0).collect();
        ledger.labels = stored.labels.into_owned();
        ledger.grow();
        ledger.rebuild();
        Ok(ledger)
    }
}
