//! The watch-only half of the wallet: accounts by descriptor, the transactions that touch them, and what follows from
//! both. It holds no private key, asks nobody and has no clock; the light client feeds it [`Update`]s.
//!
//! Invariants: the scripts only ever grow, each account's watched addresses reach `gap` beyond the last used one, and
//! everything else (coins, balance, history) is computed from the set of known transactions and their states, so the
//! order of updates does not matter and a reorganisation leaves nothing behind.

mod account;
mod coin;
mod history;
mod report;
mod stored;
mod update;
mod view;

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod world;

pub use account::{Account, AccountError, AccountSpec, Keychain};
pub use coin::{Balance, Coin};
pub use history::{Entry, EntryInput, EntryOutput, Standing};
pub use update::{TxState, TxUpdate, Update};

pub use report::AddressOf;
pub(crate) use report::signals_replacement;

use crate::labels::Labels;
use crate::text;
use bitcoin::{BlockHash, OutPoint, Script, ScriptBuf, Transaction, TxOut, Txid};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use view::View;

/// How many unused addresses in a row are watched, if nobody says otherwise (BIP44).
pub const DEFAULT_GAP: u32 = 20;
/// No gap is wider.
pub const MAX_GAP: u32 = 1000;
/// No wallet has more accounts.
pub const MAX_ACCOUNTS: usize = 100;
/// No chain of an account watches more addresses: a bound on what a lying server can make the wallet derive.
const MAX_ADDRESSES: u32 = 200_000;
/// How deep a transaction must be buried before those that it replaced are forgotten.
const FORGET_DEPTH: u32 = 100;

/// A transaction that the ledger knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTx {
    /// The transaction.
    #[serde(with = "text::consensus_hex")]
    pub tx: Transaction,
    /// Where it is.
    #[serde(flatten)]
    pub state: TxState,
    /// What its inputs spend, as far as the server said; as many as there are inputs.
    #[serde(with = "text::consensus_hex_options")]
    pub prevouts: Vec<Option<TxOut>>,
    /// Whether the node has neither confirmed it nor keeps it in its mempool.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
}

impl KnownTx {
    /// Whether it counts if nothing contradicts it. A reward that is in no block exists no more.
    fn may_count(&self) -> bool {
        !self.dropped && (self.state.height().is_some() || !self.tx.is_coinbase())
    }
}

/// Whose a script is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The account's position.
    pub account: usize,
    /// The chain.
    pub keychain: Keychain,
    /// The address's index.
    pub index: u32,
}

/// What an update changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Applied {
    /// Whether anything but the tip did.
    pub changed: bool,
    /// How many scripts are watched that were not before: they are the last ones of [`Ledger::scripts`].
    pub new_scripts: usize,
}

/// The watch-only wallet.
#[derive(Debug, Clone)]
pub struct Ledger {
    maturity: u32,
    gap: u32,
    birthday: u64,
    accounts: Vec<Account>,
    scripts: Vec<ScriptBuf>,
    owners: Vec<Owner>,
    tip: Option<(u32, BlockHash)>,
    known: BTreeMap<Txid, KnownTx>,
    frozen: BTreeSet<OutPoint>,
    /// What the owner calls things.
    pub labels: Labels,
    // Derived from the above.
    index: HashMap<ScriptBuf, usize>,
    view: View,
}

impl Ledger {
    /// An empty ledger for a chain whose rewards can be spent after this many blocks.
    pub fn new(coinbase_maturity: u32) -> Self {
        Self {
            maturity: coinbase_maturity,
            gap: DEFAULT_GAP,
            birthday: 0,
            accounts: Vec::new(),
            scripts: Vec::new(),
            owners: Vec::new(),
            tip: None,
            known: BTreeMap::new(),
            frozen: BTreeSet::new(),
            labels: Labels::default(),
            index: HashMap::new(),
            view: View::default(),
        }
    }

    /// Adds an account and watches its first addresses; its id.
    pub fn add_account(&mut self, spec: AccountSpec) -> Result<String, AccountError> {
        if self.accounts.len() >= MAX_ACCOUNTS {
            return Err(AccountError::TooMany(MAX_ACCOUNTS));
        }
        let account = Account::new(spec)?;
        let id = account.id().to_string();
        let same = |other: &Account| {
            Keychain::ALL.iter().any(|&keychain| {
                other.keychains().iter().any(|&k| other.descriptor(k) == account.descriptor(keychain))
            })
        };
        if self.accounts.iter().any(|other| other.id() == id || same(other)) {
            return Err(AccountError::Duplicate(id));
        }
        self.accounts.push(account);
        self.grow();
        self.rebuild();
        Ok(id)
    }

    /// The accounts, in the order in which they were added.
    pub fn accounts(&self) -> &[Account] {
        &self.accounts
    }

    /// An account by its id.
    pub fn account(&self, id: &str) -> Result<&Account, AccountError> {
        self.accounts
            .iter()
            .find(|account| account.id() == id)
            .ok_or_else(|| AccountError::Unknown(id.into()))
    }

    /// Gives an account another name.
    pub fn rename_account(&mut self, id: &str, name: &str) -> Result<(), AccountError> {
        let account = self.accounts.iter_mut().find(|account| account.id() == id);
        account.ok_or_else(|| AccountError::Unknown(id.into()))?.set_name(name.into());
        Ok(())
    }

    /// Everything to watch. The list only grows, at its end: whoever has handled the first n scripts has to handle
    /// `scripts()[n..]`.
    pub fn scripts(&self) -> &[ScriptBuf] {
        &self.scripts
    }

    /// Whose a script is.
    pub fn owner(&self, script: &Script) -> Option<Owner> {
        self.index.get(script).map(|&at| self.owners[at])
    }

    /// Whether a transaction pays the wallet or spends something of it, as far as is known.
    pub fn concerns(&self, tx: &Transaction) -> bool {
        tx.output.iter().any(|output| self.index.contains_key(&output.script_pubkey))
            || tx.input.iter().any(|input| self.owns_output(&input.previous_output))
    }

    /// Whether an output is the wallet's, spent or not.
    pub fn owns_output(&self, outpoint: &OutPoint) -> bool {
        self.output(outpoint).is_some_and(|output| self.index.contains_key(&output.script_pubkey))
    }

    /// The best block that the ledger was told of.
    pub fn tip(&self) -> Option<(u32, BlockHash)> {
        self.tip
    }

    /// How many unused addresses in a row are watched.
    pub fn gap(&self) -> u32 {
        self.gap
    }

    /// Watches another number of unused addresses (1 to [`MAX_GAP`]); fewer takes none away.
    pub fn set_gap(&mut self, gap: u32) {
        self.gap = gap.clamp(1, MAX_GAP);
        self.grow();
        self.rebuild();
    }

    /// No transaction of the wallet is older, in seconds since 1970; 0 if that is not known.
    pub fn birthday(&self) -> u64 {
        self.birthday
    }

    /// Says when the wallet was born.
    pub fn set_birthday(&mut self, birthday: u64) {
        self.birthday = birthday;
    }

    /// A known transaction.
    pub fn tx(&self, txid: &Txid) -> Option<&KnownTx> {
        self.known.get(txid)
    }

    /// All known transactions, also those that were replaced or dropped.
    pub fn txs(&self) -> impl Iterator<Item = (&Txid, &KnownTx)> {
        self.known.iter()
    }

    /// Whether a transaction is known and counts.
    pub fn counts(&self, txid: &Txid) -> bool {
        self.view.has(txid)
    }

    /// The transaction that spends an output, as far as the wallet knows.
    pub fn spender(&self, outpoint: &OutPoint) -> Option<Txid> {
        self.view.spenders.get(outpoint).copied()
    }

    /// An output of a known transaction.
    pub fn output(&self, outpoint: &OutPoint) -> Option<&TxOut> {
        self.known.get(&outpoint.txid)?.tx.output.get(usize::try_from(outpoint.vout).ok()?)
    }

    /// What an input of a known transaction spends: from the transaction itself if that is known, else as the server
    /// said.
    pub(crate) fn prevout<'a>(&'a self, known: &'a KnownTx, input: usize) -> Option<&'a TxOut> {
        self.output(&known.tx.input[input].previous_output).or(known.prevouts.get(input)?.as_ref())
    }

    /// Forgets a transaction that does not count. Whether it was there.
    pub fn forget(&mut self, txid: &Txid) -> bool {
        !self.view.has(txid) && self.known.remove(txid).is_some() && {
            self.rebuild();
            true
        }
    }

    /// Marks a coin as not to be spent, or takes the mark away.
    pub fn set_frozen(&mut self, outpoint: OutPoint, frozen: bool) {
        if frozen {
            self.frozen.insert(outpoint);
        } else {
            self.frozen.remove(&outpoint);
        }
    }

    /// The coins that are marked as not to be spent, whether they are there or not.
    pub fn frozen(&self) -> &BTreeSet<OutPoint> {
        &self.frozen
    }

    /// Takes note of what changed.
    pub fn apply(&mut self, update: Update) -> Applied {
        let before = self.scripts.len();
        let mut changed = false;
        self.tip = Some(update.tip);
        if let Some(from) = update.reorg_from {
            for known in self.known.values_mut() {
                if known.state.height().is_some_and(|height| height >= from) {
                    known.state = TxState::Mempool { seen: known.state.time().unwrap_or_default() };
                    changed = true;
                }
            }
        }
        for txid in &update.gone {
            changed |= self.drop_tx(txid);
        }
        for tx in update.txs {
            changed |= self.put(tx);
        }
        if changed {
            self.grow();
            self.rebuild();
        }
        self.forget_replaced();
        Applied { changed, new_scripts: self.scripts.len() - before }
    }

    /// Takes note of a transaction that the node has just accepted from this wallet.
    pub fn sent(&mut self, tx: Transaction, now: u64) -> Applied {
        let before = self.scripts.len();
        // What it replaces came before it, be it in the same second.
        let own = tx.compute_txid();
        let replaced = tx.input.iter().filter_map(|input| self.spender(&input.previous_output));
        let earlier =
            replaced.filter(|txid| *txid != own).filter_map(|txid| match self.known.get(&txid)?.state {
                TxState::Mempool { seen } => Some(seen.saturating_add(1)),
                _ => None,
            });
        let seen = earlier.fold(now, u64::max);
        let changed = self.put(TxUpdate { tx, state: TxState::Mempool { seen }, prevouts: Vec::new() });
        if changed {
            self.grow();
            self.rebuild();
        }
        Applied { changed, new_scripts: self.scripts.len() - before }
    }

    fn drop_tx(&mut self, txid: &Txid) -> bool {
        let Some(known) = self.known.get_mut(txid) else { return false };
        // A proof outweighs hearsay.
        if known.dropped || matches!(known.state, TxState::Proven { .. }) {
            return false;
        }
        if known.tx.is_coinbase() {
            self.known.remove(txid);
            return true;
        }
        known.state = TxState::Mempool { seen: known.state.time().unwrap_or_default() };
        known.dropped = true;
        true
    }

    fn put(&mut self, update: TxUpdate) -> bool {
        let TxUpdate { tx, state, mut prevouts } = update;
        // No block may hold such an output: whoever sends it lies.
        if tx.output.iter().any(|output| output.value > bitcoin::Amount::MAX_MONEY) {
            return false;
        }
        prevouts.resize(tx.input.len(), None);
        match self.known.entry(tx.compute_txid()) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(KnownTx { tx, state, prevouts, dropped: false });
                true
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                let known = entry.get_mut();
                let old = known.clone();
                known.state = match (known.state, state) {
                    // It is as old as it was.
                    (TxState::Mempool { seen: a }, TxState::Mempool { seen: b }) => {
                        TxState::Mempool { seen: a.min(b) }
                    }
                    // A proof is not taken back by a report of the same.
                    (proven @ TxState::Proven { height: a, .. }, TxState::Reported { height: b, .. })
                        if a == b =>
                    {
                        proven
                    }
                    (_, new) => new,
                };
                known.dropped = false;
                for (slot, new) in known.prevouts.iter_mut().zip(prevouts) {
                    if slot.is_none() {
                        *slot = new;
                    }
                }
                *known != old
            }
        }
    }

    /// Marks the addresses that transactions use and watches as many beyond them as the gap asks for.
    fn grow(&mut self) {
        loop {
            for known in self.known.values() {
                for output in &known.tx.output {
                    if let Some(&at) = self.index.get(&output.script_pubkey) {
                        let Owner { account, keychain, index } = self.owners[at];
                        let used = &mut self.accounts[account].used[keychain.position()];
                        used.seen = used.seen.max(index + 1);
                        used.next = used.next.max(index + 1);
                    }
                }
            }
            let before = self.scripts.len();
            for account in 0..self.accounts.len() {
                for &keychain in self.accounts[account].keychains() {
                    self.watch(account, keychain);
                }
            }
            if self.scripts.len() == before {
                return;
            }
        }
    }

    fn watch(&mut self, position: usize, keychain: Keychain) {
        let account = &mut self.accounts[position];
        let used = account.used[keychain.position()];
        let want = match account.is_ranged(keychain) {
            true => used.next.saturating_add(self.gap).min(MAX_ADDRESSES),
            false => 1,
        };
        for index in used.watched..want {
            let script = account.script(crate::keys::secp(), keychain, index);
            self.index.entry(script.clone()).or_insert(self.scripts.len());
            self.scripts.push(script);
            self.owners.push(Owner { account: position, keychain, index });
        }
        account.used[keychain.position()].watched = want.max(used.watched);
    }

    /// The next unused address of an account; with `next` the one after those that were handed out, so that everybody
    /// is given another. Its index and script.
    pub fn receive(&mut self, id: &str, next: bool) -> Result<(u32, ScriptBuf), AccountError> {
        self.reveal(id, Keychain::Receive, next)
    }

    /// The address that the next change of an account goes to, which stays the same until it is used.
    pub fn change(&mut self, id: &str) -> Result<(Keychain, u32, ScriptBuf), AccountError> {
        let keychain = self.account(id)?.chain(Keychain::Change);
        let (index, script) = self.reveal(id, keychain, false)?;
        Ok((keychain, index, script))
    }

    fn reveal(&mut self, id: &str, keychain: Keychain, next: bool) -> Result<(u32, ScriptBuf), AccountError> {
        let position = self.accounts.iter().position(|account| account.id() == id);
        let position = position.ok_or_else(|| AccountError::Unknown(id.into()))?;
        let account = &mut self.accounts[position];
        if !account.is_ranged(keychain) {
            return Ok((0, account.script(crate::keys::secp(), keychain, 0)));
        }
        let used = &mut account.used[keychain.position()];
        // Handing out without end would leave a gap that a restored wallet does not cross.
        let furthest = (used.seen + self.gap - 1).min(MAX_ADDRESSES - 1);
        let index = match next {
            true => used.next.min(furthest),
            false => used.next.saturating_sub(1).max(used.seen).min(furthest),
        };
        used.next = used.next.max(index + 1);
        let script = account.script(crate::keys::secp(), keychain, index);
        self.grow();
        self.rebuild();
        Ok((index, script))
    }

    fn rebuild(&mut self) {
        self.view = View::new(&self.known);
    }

    /// Forgets what was replaced so long ago that it can't come back.
    fn forget_replaced(&mut self) {
        let Some((tip, _)) = self.tip else { return };
        let buried = |txid: &Txid| {
            let height = self.known.get(txid).and_then(|known| known.state.height());
            height.is_some_and(|height| tip.saturating_sub(height) >= FORGET_DEPTH)
        };
        let dead = |(txid, known): (&Txid, &KnownTx)| {
            let inputs = || known.tx.input.iter().map(|input| input.previous_output);
            let replaced = || inputs().any(|input| self.view.spenders.get(&input).is_some_and(buried));
            (!self.view.has(txid) && replaced()).then_some(*txid)
        };
        let dead: Vec<Txid> = self.known.iter().filter_map(dead).collect();
        if !dead.is_empty() {
            for txid in dead {
                self.known.remove(&txid);
            }
            self.rebuild();
        }
    }
}
