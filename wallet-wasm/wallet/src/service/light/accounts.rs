//! Accounts and the addresses that they hand out.

use super::Session;
use crate::descriptor::Watched;
use crate::keys::{AccountKeys, AccountKind};
use crate::labels::LabelKind;
use crate::ledger::{Account, AccountSpec, Keychain};
use crate::service::{Fault, Params, to_value};
use crate::uri;
use serde::Deserialize;
use serde_json::{Value, json};

/// The most characters of an account's name.
const MAX_NAME: usize = 200;

fn checked_name(name: String) -> Result<String, Fault> {
    if name.chars().count() > MAX_NAME {
        return Err(Fault::new("bad_params", format!("a name has at most {MAX_NAME} characters")));
    }
    Ok(name)
}

impl Session {
    /// What everybody may know of the accounts.
    pub(super) fn accounts(&self) -> Vec<Value> {
        let describe = |account: &Account| {
            json!({
                "id": account.id(),
                "name": account.name(),
                "kind": account.kind(),
                "held": account.held(),
                "balance": to_value(self.ledger.balance(Some(account.id()))).unwrap_or_default(),
                "used": account.next_index(Keychain::Receive),
            })
        };
        self.ledger.accounts().iter().map(describe).collect()
    }

    pub(super) fn add_account(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Add {
            #[serde(flatten)]
            keys: AccountKeys,
            name: Option<String>,
        }
        let Add { keys, name } = params.read()?;
        let kind = to_value(keys.kind)?;
        let usual = || match (kind.as_str().unwrap_or_default(), keys.index) {
            (kind, 0) => kind.to_string(),
            (kind, index) => format!("{kind} {index}"),
        };
        let name = checked_name(name.unwrap_or_else(usual))?;
        // The keys come from outside, and must be this chain's.
        let text = format!("{}\n{}", keys.receive, keys.change);
        let watched = Watched::parse(&text, None, &self.chain)?;
        let spec = AccountSpec {
            name,
            receive: watched.receive.to_string(),
            change: watched.change.map(|change| change.to_string()),
            held: true,
        };
        Ok(json!({"id": self.ledger.add_account(spec)?}))
    }

    pub(super) fn watch(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Watch {
            name: String,
            #[serde(alias = "xpub")]
            descriptor: String,
            kind: Option<AccountKind>,
        }
        let Watch { name, descriptor, kind } = params.read()?;
        let watched = Watched::parse(&descriptor, kind, &self.chain)?;
        let spec = AccountSpec {
            name: checked_name(name)?,
            receive: watched.receive.to_string(),
            change: watched.change.map(|change| change.to_string()),
            held: false,
        };
        Ok(json!({"id": self.ledger.add_account(spec)?}))
    }

    pub(super) fn rename_account(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Rename {
            account: String,
            name: String,
        }
        let Rename { account, name } = params.read()?;
        let id = self.account_id(&account)?;
        self.ledger.rename_account(&id, &checked_name(name)?)?;
        Ok(json!({}))
    }

    /// An account by its id or its name.
    pub(super) fn account_id(&self, text: &str) -> Result<String, Fault> {
        let accounts = self.ledger.accounts();
        let named = || accounts.iter().find(|account| account.name() == text);
        match accounts.iter().find(|account| account.id() == text).or_else(named) {
            Some(account) => Ok(account.id().to_string()),
            None => Err(crate::ledger::AccountError::Unknown(text.chars().take(100).collect()).into()),
        }
    }

    /// The account that is meant, if none is said: the first whose keys are held, else the first.
    fn usual_account(&self) -> Result<String, Fault> {
        let accounts = self.ledger.accounts();
        let account = accounts.iter().find(|account| account.held()).or(accounts.first());
        let none = || Fault::new("no_account", "the wallet has no account");
        Ok(account.ok_or_else(none)?.id().to_string())
    }

    pub(super) fn receive(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Receive {
            account: Option<String>,
            #[serde(default)]
            next: bool,
        }
        let Receive { account, next } = params.read()?;
        let id = match account {
            Some(account) => self.account_id(&account)?,
            None => self.usual_account()?,
        };
        let (index, script) = self.ledger.receive(&id, next)?;
        let none = || Fault::new("no_address", "the account's scripts have no address");
        let address = self.address(&script).ok_or_else(none)?;
        let label = self.ledger.labels.get(LabelKind::Addr, &address);
        let used = self
            .ledger
            .txs()
            .any(|(_, known)| known.tx.output.iter().any(|output| output.script_pubkey == script));
        Ok(json!({
            "account": id,
            "script": script.to_hex_string(),
            "path": self.path(&id, Keychain::Receive, index),
            "index": index,
            "uri": uri::make(&address, None, label, None),
            "label": label,
            "used": used,
            "address": address,
        }))
    }

    /// The path of an address's key from the master key on, if it has one key and that is known.
    pub(super) fn path(&self, account: &str, keychain: Keychain, index: u32) -> Option<String> {
        let definite = self.ledger.account(account).ok()?.at(keychain, index);
        let mut keys = definite.iter_pk();
        let key = keys.next().filter(|_| keys.next().is_none())?;
        Some(format!("m/{}", key.full_derivation_path()?))
    }

    pub(super) fn descriptors(&self) -> Result<Value, Fault> {
        let describe = |account: &Account| {
            let own_change = account.descriptor(Keychain::Change) != account.descriptor(Keychain::Receive);
            json!({
                "account": account.id(),
                "name": account.name(),
                "kind": account.kind(),
                "held": account.held(),
                "receive": account.descriptor(Keychain::Receive).to_string(),
                "change": own_change.then(|| account.descriptor(Keychain::Change).to_string()),
            })
        };
        Ok(self.ledger.accounts().iter().map(describe).collect())
    }
}
