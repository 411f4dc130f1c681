//! The light worker's face: accounts, coins and history, payments to be signed, and what to fetch. It never sees a key.
//!
//! | method | parameters | result |
//! |---|---|---|
//! | `open` | `chain`, `wallet_id?`, `state_key?`, `state?` | `{accounts, new}` |
//! | `save` | | `{state}` (sealed if there is a `state_key`) |
//! | `configure` | `mode?: verified or filters`, `gap?`, `birthday?`, `nodes?: [name]` | `{mode, gap, birthday, nodes}` |
//! | `add_account` | account keys, `name?` | `{id}` |
//! | `watch` | `name`, `descriptor` (or extended key), `kind?` | `{id}` |
//! | `rename_account` | `account`, `name` | `{}` |
//! | `poll` | `now` | `{fetch: [{id, node, method, path, body}], progress, faults, changed}` |
//! | `nudge`, `pause {paused}`, `rescan {birthday?}` | | `{}` |
//! | `summary` | | `{balance, tip, accounts, progress, faults, sent, mode, nodes}` |
//! | `balance` | `account?` | `{confirmed, unconfirmed, immature, frozen, total, spendable, unproven}` |
//! | `history` | `account?` | `[entry]`, newest first |
//! | `transaction` | `txid` | entry with `tx` |
//! | `coins` | `account?` | `[coin]` |
//! | `receive` | `account?`, `next?` | `{account, address, script, path, index, uri, label?}` |
//! | `create` | `to: [{address, amount}]`, `feerate`, `target` or `fee` (satoshis in all), `coins?`, `account?`, `data?` | `{psbt, fee, vsize, feerate, change?, inputs}` |
//! | `speed_up` | `txid`, `feerate` or `target` | the same and `method` |
//! | `cancel` | `txid`, `feerate?` or `target?` | the same |
//! | `broadcast` | `tx` | `{txid}`; what came of it is in `sent` of `summary` |
//! | `rebroadcast`, `forget` | `txid` | `{txid}`, `{forgotten}` |
//! | `label` | `kind`, `ref`, `label` | `{}` |
//! | `labels_export`, `labels_import {jsonl}` | | `{jsonl}`, `{count}` |
//! | `freeze` | `outpoint`, `frozen` | `{}` |
//! | `parse_uri`, `make_uri` | `text`; `address`, `amount?`, `label?`, `message?` | `{address, amount?, label?, message?}`, `{uri}` |
//! | `check_address` | `address` | `{valid, error?, mine, known, label?, warning?}` |
//! | `verify_message` | `address`, `message`, `signature` | as in [`super::stateless`] |
//! | `descriptors` | | `[{account, name, kind, held, receive, change?}]` |
//! | `review` | `psbt` | as the signer's, from what the ledger knows |
//! | `fees` | | `{targets: {blocks: sat/vB}, minimum}` |
//!
//! and those of [`super::stateless`]. Amounts are satoshis, rates are satoshis per virtual byte.

mod accounts;
mod names;
mod pay;
mod review;
mod show;

use super::{Fault, Params, answer, stateless, to_value};
use crate::chain::{Chain, ChainSpec};
use crate::keystore;
use crate::ledger::Ledger;
use crate::light::sync::{Answer, LightState, Mode, Sync};
use bitcoin::Script;
use chaincore_consensus::hex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use zeroize::Zeroizing;

/// The version of [`Kept`].
const STATE_VERSION: u32 = 1;
/// What a sealed state is bound to besides the wallet.
const STATE_NAME: &str = "light";
/// The most characters of a node's name.
const MAX_NODE_NAME: usize = 500;

/// What a wallet keeps between runs.
#[derive(Deserialize)]
struct Kept {
    chain: ChainSpec,
    ledger: Ledger,
    light: Option<LightState>,
    #[serde(default)]
    nodes: Vec<String>,
    mode: Mode,
}

/// [`Kept`], to be written.
#[derive(Serialize)]
struct Keep<'a> {
    version: u32,
    chain: ChainSpec,
    ledger: &'a Ledger,
    light: LightState,
    nodes: &'a [String],
    mode: Mode,
}

/// An open wallet.
struct Session {
    chain: Chain,
    ledger: Ledger,
    sync: Sync,
    nodes: Vec<String>,
    wallet_id: String,
    state_key: Option<Zeroizing<[u8; 32]>>,
    /// Whether something that [`Session::save`] writes has changed since it was asked last.
    changed: bool,
}

/// The light worker's state: nothing, or one open wallet.
#[derive(Default)]
pub struct LightService {
    session: Option<Session>,
}

impl LightService {
    /// Without a wallet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers one request.
    pub fn call(&mut self, request: &str) -> String {
        answer(request, |method, params| self.run(method, &params))
    }

    /// Takes what a node answered to the request `id` of `poll`. Status 0 says that there was no answer; then `body` says
    /// why.
    pub fn give(&mut self, id: u64, status: u16, body: Vec<u8>) {
        if let Some(session) = &mut self.session {
            let answer = match status {
                0 => Answer::Unreachable(String::from_utf8_lossy(&body).chars().take(500).collect()),
                status => Answer::Status(status, body),
            };
            session.sync.give(id, answer);
        }
    }

    /// The open wallet's ledger.
    pub fn ledger(&self) -> Option<&Ledger> {
        self.session.as_ref().map(|session| &session.ledger)
    }

    fn run(&mut self, method: &str, params: &Params<'_>) -> Result<Value, Fault> {
        if method == "open" {
            return self.open(params);
        }
        // What needs a wallet of its own comes first: some names are the others' too, with other parameters.
        if let Some(session) = &mut self.session
            && let Some(result) = session.run(method, params)
        {
            return result;
        }
        match stateless::call(method, params) {
            Some(result) => result,
            None if self.session.is_none() && METHODS.contains(&method) => {
                Err(Fault::new("not_open", "no wallet is open"))
            }
            None => Err(Fault::unknown_method(method)),
        }
    }

    fn open(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Open {
            chain: ChainSpec,
            #[serde(default)]
            wallet_id: String,
            state_key: Option<Zeroizing<String>>,
            state: Option<String>,
        }
        let Open { chain, wallet_id, state_key, state } = params.read()?;
        let chain = Chain::from_spec(&chain)?;
        let state_key = state_key.map(|key| read_key(&key)).transpose()?;
        let kept = match &state {
            Some(state) => Some(read_state(state, state_key.as_deref(), &wallet_id)?),
            None => None,
        };
        let new = kept.is_none();
        let session = match kept {
            Some(kept) => {
                if Chain::from_spec(&kept.chain)? != chain {
                    let message = "the state was kept for another chain than the wallet's";
                    return Err(Fault::new("wrong_chain", message));
                }
                let mut sync = Sync::new(chain.params(), kept.mode, kept.light);
                sync.set_nodes(kept.nodes.len().max(1));
                Session {
                    chain,
                    ledger: kept.ledger,
                    sync,
                    nodes: kept.nodes,
                    wallet_id,
                    state_key,
                    changed: false,
                }
            }
            None => Session {
                ledger: Ledger::new(chain.params().coinbase_maturity),
                sync: Sync::new(chain.params(), Mode::Verified, None),
                chain,
                nodes: Vec::new(),
                wallet_id,
                state_key,
                changed: true,
            },
        };
        let session = self.session.insert(session);
        Ok(json!({"accounts": session.accounts(), "new": new}))
    }
}

/// The methods that need an open wallet.
const METHODS: &[&str] = &[
    "save",
    "configure",
    "add_account",
    "watch",
    "rename_account",
    "poll",
    "nudge",
    "pause",
    "rescan",
    "summary",
    "balance",
    "history",
    "transaction",
    "coins",
    "receive",
    "create",
    "speed_up",
    "cancel",
    "broadcast",
    "rebroadcast",
    "forget",
    "label",
    "labels_export",
    "labels_import",
    "freeze",
    "parse_uri",
    "make_uri",
    "check_address",
    "descriptors",
    "fees",
    "review",
];

fn read_key(text: &str) -> Result<Zeroizing<[u8; 32]>, Fault> {
    let mut key = Zeroizing::new([0; 32]);
    let bad = || Fault::new("bad_params", "a state key has 64 hexadecimal digits");
    if text.len() != 64 {
        return Err(bad());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or_else(bad);
    for (byte, digits) in key.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = (digit(digits[0])? << 4 | digit(digits[1])?) as u8;
    }
    Ok(key)
}

fn read_state(state: &str, key: Option<&[u8; 32]>, wallet_id: &str) -> Result<Kept, Fault> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let plain = match key {
        Some(key) => keystore::open_state(key, &state_id(wallet_id), state)?,
        None => Zeroizing::new(state.as_bytes().to_vec()),
    };
    let unreadable =
        |error: serde_json::Error| Fault::new("bad_state", format!("the state is broken: {error}"));
    let Version { version } = crate::text::read_json(&plain).map_err(unreadable)?;
    if version != STATE_VERSION {
        return Err(Fault::new("state_version", format!("states of version {version} are not supported")));
    }
    crate::text::read_json(&plain).map_err(unreadable)
}

fn state_id(wallet_id: &str) -> String {
    format!("{wallet_id}/{STATE_NAME}")
}

impl Session {
    /// Answers what needs an open wallet; `None` if it is none of that.
    fn run(&mut self, method: &str, params: &Params<'_>) -> Option<Result<Value, Fault>> {
        let changes = !matches!(
            method,
            "save"
                | "poll"
                | "nudge"
                | "pause"
                | "summary"
                | "balance"
                | "history"
                | "transaction"
                | "coins"
                | "parse_uri"
                | "make_uri"
                | "check_address"
                | "verify_message"
                | "descriptors"
                | "fees"
                | "labels_export"
                | "review"
        );
        let result = match method {
            "save" => self.save(),
            "configure" => self.configure(params),
            "add_account" => self.add_account(params),
            "watch" => self.watch(params),
            "rename_account" => self.rename_account(params),
            "poll" => self.poll(params),
            "nudge" => {
                self.sync.nudge();
                Ok(json!({}))
            }
            "pause" => self.pause(params),
            "rescan" => self.rescan(params),
            "summary" => self.summary(),
            "balance" => self.balance(params),
            "history" => self.history(params),
            "transaction" => self.transaction(params),
            "coins" => self.coins(params),
            "receive" => self.receive(params),
            "create" => self.create(params),
            "speed_up" => self.speed_up(params),
            "cancel" => self.cancel(params),
            "broadcast" => self.broadcast(params),
            "rebroadcast" => self.rebroadcast(params),
            "forget" => self.forget(params),
            "label" => self.label(params),
            "labels_export" => self.labels_export(),
            "labels_import" => self.labels_import(params),
            "freeze" => self.freeze(params),
            "parse_uri" => self.parse_uri(params),
            "make_uri" => self.make_uri(params),
            "check_address" => self.check_address(params),
            "verify_message" => self.verify_message(params),
            "descriptors" => self.descriptors(),
            "fees" => self.fees(),
            "review" => self.review(params),
            _ => return None,
        };
        self.changed |= changes && result.is_ok();
        Some(result)
    }

    /// How scripts of this chain are written.
    fn address(&self, script: &Script) -> Option<String> {
        self.chain.address(script)
    }

    fn save(&mut self) -> Result<Value, Fault> {
        let keep = Keep {
            version: STATE_VERSION,
            chain: self.chain.spec(),
            ledger: &self.ledger,
            light: self.sync.state(),
            nodes: &self.nodes,
            mode: self.sync.mode(),
        };
        let text = serde_json::to_string(&keep).map_err(|error| Fault::new("internal", error.to_string()))?;
        let text = Zeroizing::new(text);
        let state = match &self.state_key {
            Some(key) => keystore::seal_state(key, &state_id(&self.wallet_id), text.as_bytes())?,
            None => text.to_string(),
        };
        self.changed = false;
        Ok(json!({"state": state}))
    }

    fn configure(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Configure {
            mode: Option<Mode>,
            gap: Option<u32>,
            birthday: Option<u64>,
            nodes: Option<Vec<String>>,
        }
        let Configure { mode, gap, birthday, nodes } = params.read()?;
        if let Some(nodes) = nodes {
            let most = crate::light::sync::MAX_NODES;
            if nodes.is_empty() || nodes.len() > most || nodes.iter().any(|node| node.len() > MAX_NODE_NAME) {
                return Err(Fault::new(
                    "bad_params",
                    format!("1 to {most} nodes with short names are needed"),
                ));
            }
            if nodes != self.nodes {
                self.sync.set_nodes(nodes.len());
                self.nodes = nodes;
            }
        }
        if let Some(mode) = mode {
            self.sync.set_mode(mode);
        }
        if let Some(gap) = gap {
            self.ledger.set_gap(gap);
        }
        if let Some(birthday) = birthday {
            self.ledger.set_birthday(birthday);
        }
        Ok(json!({
            "mode": self.sync.mode(),
            "gap": self.ledger.gap(),
            "birthday": self.ledger.birthday(),
            "nodes": self.nodes,
        }))
    }

    fn poll(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Poll {
            now: u64,
        }
        let Poll { now } = params.read()?;
        let fetch = self.sync.poll(&mut self.ledger, now);
        let fetch: Vec<Value> = fetch
            .into_iter()
            .map(|fetch| {
                json!({
                    "id": fetch.id,
                    "node": fetch.node,
                    "method": fetch.method,
                    "path": fetch.path,
                    "body": hex::encode(&fetch.body),
                })
            })
            .collect();
        let changed = self.sync.take_changed();
        self.changed |= changed;
        Ok(json!({
            "fetch": fetch,
            "progress": self.progress()?,
            "faults": to_value(self.sync.faults())?,
            "changed": changed,
        }))
    }

    fn progress(&self) -> Result<Value, Fault> {
        to_value(self.sync.progress())
    }

    fn pause(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Pause {
            paused: bool,
        }
        self.sync.pause(params.read::<Pause>()?.paused);
        Ok(json!({}))
    }

    fn rescan(&mut self, params: &Params<'_>) -> Result<Value, Fault> {
        #[derive(Deserialize)]
        struct Rescan {
            birthday: Option<u64>,
        }
        if let Some(birthday) = params.read::<Rescan>()?.birthday {
            self.ledger.set_birthday(birthday);
        }
        self.sync.rescan(self.ledger.birthday());
        Ok(json!({}))
    }

    fn summary(&mut self) -> Result<Value, Fault> {
        let tip = self.ledger.tip().map(|(height, hash)| json!({"height": height, "hash": hash.to_string()}));
        Ok(json!({
            "chain": self.chain.name(),
            "balance": to_value(self.ledger.balance(None))?,
            "tip": tip,
            "accounts": self.accounts(),
            "progress": self.progress()?,
            "faults": to_value(self.sync.faults())?,
            "sent": to_value(self.sync.sent().collect::<Vec<_>>())?,
            "mode": self.sync.mode(),
            "nodes": self.nodes,
            "gap": self.ledger.gap(),
            "birthday": self.ledger.birthday(),
            "unsaved": self.changed,
        }))
    }
}

#[cfg(test)]
mod tests;
