//! Coins and history as JSON.

use super::Session;
use crate::ledger::{Coin, Entry, EntryOutput, Keychain, Standing};
use crate::service::{Fault, Params, to_value};
use crate::text;
use bitcoin::Txid;
use bitcoin::consensus::encode::serialize_hex;
use serde::Deserialize;
use serde_json::{Value, json};

/// Of one account or of all.
#[derive(Deserialize)]
struct Of {
    account: Option<String>,
}

/// A transaction's id.
#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(with = "text::shown")]
    pub txid: Txid,
}

impl Session {
    fn account_of(&self, params: &Params<'_>) -> Result<Option<String>, Fault> {
        params.read::<Of>()?.account.map(|account| self.account_id(&account)).transpose()
    }

    pub(super) fn balance(&self, params: &Params<'_>) -> Result<Value, Fault> {
        let account = self.account_of(params)?;
        to_value(self.ledger.balance(account.as_deref()))
    }

    pub(super) fn history(&self, params: &Params<'_>) -> Result<Value, Fault> {
        let account = self.account_of(params)?;
        let entries = self.ledger.history(account.as_deref(), &|script| self.address(script));
        Ok(entries.iter().map(|entry| self.entry(entry)).collect())
    }

    pub(super) fn transaction(&self, params: &Params<'_>) -> Result<Value, Fault> {
        let Which { txid } = params.read()?;
        let entry = self.ledger.entry(&txid, &|script| self.address(script));
        let known = self.ledger.tx(&txid);
        let (Some(entry), Some(known)) = (entry, known) else {
            return Err(Fault::new("unknown_transaction", format!("the wallet has no transaction {txid}")));
        };
        let mut shown = self.entry(&entry);
        shown["tx"] = serialize_hex(&known.tx).into();
        Ok(shown)
    }

    fn entry(&self, entry: &Entry) -> Value {
        let state = match entry.standing {
            Standing::Good => entry.state.name(),
            Standing::Replaced => "replaced",
            Standing::Dropped => "dropped",
        };
        let inputs: Vec<Value> = entry
            .inputs
            .iter()
            .map(|input| {
                json!({
                    "outpoint": input.outpoint.to_string(),
                    "value": input.value,
                    "address": input.script.as_ref().and_then(|script| self.address(script)),
                    "mine": input.account.is_some(),
                })
            })
            .collect();
        let replaced_by = entry
            .inputs
            .iter()
            .filter(|_| entry.standing == Standing::Replaced)
            .find_map(|input| self.ledger.spender(&input.outpoint))
            .filter(|txid| *txid != entry.txid);
        json!({
            "txid": entry.txid.to_string(),
            "time": entry.state.time(),
            "height": entry.state.height(),
            "state": state,
            "confirmations": entry.confirmations,
            "net": entry.net(),
            "received": entry.received,
            "sent": entry.sent,
            "fee": entry.fee,
            "feerate": entry.fee.map(|fee| crate::feerate::FeeRate::of(fee, entry.vsize).sat_per_vb()),
            "vsize": entry.vsize,
            "coinbase": entry.coinbase,
            "own": entry.own,
            "label": entry.label,
            "can_speed_up": entry.can_speed_up,
            "can_cancel": entry.can_cancel,
            "replaced_by": replaced_by.map(|txid| txid.to_string()),
            "inputs": inputs,
            "outputs": entry.outputs.iter().map(|output| self.output(output)).collect::<Vec<_>>(),
        })
    }

    fn output(&self, output: &EntryOutput) -> Value {
        let address = self.address(&output.script);
        let owner = output.owner.as_ref();
        json!({
            "vout": output.vout,
            "value": output.value,
            "script": address.is_none().then(|| output.script.to_hex_string()),
            "address": address,
            "mine": owner.is_some(),
            "change": owner.is_some_and(|(_, keychain, _)| *keychain == Keychain::Change),
            "account": owner.map(|(account, ..)| account),
            "spent_by": output.spent_by.map(|txid| txid.to_string()),
        })
    }

    pub(super) fn coins(&self, params: &Params<'_>) -> Result<Value, Fault> {
        let account = self.account_of(params)?;
        let mut coins = self.ledger.coins(&|script| self.address(script));
        coins.retain(|coin| account.as_ref().is_none_or(|account| *account == coin.account));
        coins.sort_by_key(|coin| (std::cmp::Reverse(coin.value), coin.outpoint));
        Ok(coins.iter().map(|coin| self.coin(coin)).collect())
    }

    fn coin(&self, coin: &Coin) -> Value {
        json!({
            "outpoint": coin.outpoint.to_string(),
            "value": coin.value,
            "address": self.address(&coin.script),
            "account": coin.account,
            "change": coin.keychain == Keychain::Change,
            "path": self.path(&coin.account, coin.keychain, coin.index),
            "height": coin.state.height(),
            "state": coin.state.name(),
            "confirmations": coin.confirmations,
            "coinbase": coin.coinbase,
            "immature": coin.immature,
            "frozen": coin.frozen,
            "spendable": coin.is_spendable() && coin.held,
            "label": coin.label,
        })
    }
}
