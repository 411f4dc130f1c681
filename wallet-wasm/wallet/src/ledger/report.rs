//! What the ledger answers: coins, balance and history.

use super::{Account, Balance, Coin, Entry, EntryInput, EntryOutput, KnownTx, Ledger, Owner, Standing};
use crate::labels::LabelKind;
use bitcoin::{OutPoint, Sequence, Transaction, Txid};
use std::cmp::Reverse;

/// An input with a sequence above this does not ask for replaceability (BIP125).
const MAX_REPLACEABLE: Sequence = Sequence(0xffff_fffd);

/// How addresses are written, to find their labels: scripts that have none are found by output and transaction only.
pub type AddressOf<'a> = &'a dyn Fn(&bitcoin::Script) -> Option<String>;

impl Ledger {
    /// How many blocks confirm what is in a block of this height.
    pub fn confirmations(&self, height: Option<u32>) -> u32 {
        match (self.tip(), height) {
            (Some((tip, _)), Some(height)) => (tip + 1).saturating_sub(height).max(1),
            _ => 0,
        }
    }

    /// All unspent outputs of the wallet.
    pub fn coins(&self, address: AddressOf<'_>) -> Vec<Coin> {
        let counting = self.txs().filter(|(txid, _)| self.counts(txid));
        let mut coins = Vec::new();
        for (txid, known) in counting {
            let mut own = None;
            for (vout, output) in (0u32..).zip(&known.tx.output) {
                let Some(owner) = self.owner(&output.script_pubkey) else { continue };
                let outpoint = OutPoint::new(*txid, vout);
                if self.spender(&outpoint).is_some() {
                    continue;
                }
                let own = *own.get_or_insert_with(|| self.is_own(known));
                coins.push(self.coin(known, own, outpoint, owner, address));
            }
        }
        coins
    }

    /// An output of the wallet, whether it is spent or not.
    pub fn coin_at(&self, outpoint: &OutPoint) -> Option<Coin> {
        let known = self.tx(&outpoint.txid)?;
        let owner = self.owner(&self.output(outpoint)?.script_pubkey)?;
        Some(self.coin(known, self.is_own(known), *outpoint, owner, &|_| None))
    }

    fn coin(
        &self,
        known: &KnownTx,
        own: bool,
        outpoint: OutPoint,
        owner: Owner,
        address: AddressOf<'_>,
    ) -> Coin {
        let output = self.output(&outpoint).expect("whoever asks has found it");
        let (script, value) = (output.script_pubkey.clone(), output.value.to_sat());
        let account = &self.accounts()[owner.account];
        let confirmations = self.confirmations(known.state.height());
        let coinbase = known.tx.is_coinbase();
        let label = self
            .labels
            .get(LabelKind::Output, &outpoint.to_string())
            .or_else(|| self.labels.get(LabelKind::Addr, &address(&script)?))
            .or_else(|| self.labels.get(LabelKind::Tx, &outpoint.txid.to_string()));
        Coin {
            outpoint,
            value,
            account: account.id().to_string(),
            keychain: owner.keychain,
            index: owner.index,
            state: known.state,
            confirmations,
            coinbase,
            // It can be in the next block if that is `maturity` above its own.
            immature: coinbase && confirmations < self.maturity,
            frozen: self.frozen().contains(&outpoint),
            own,
            held: account.held(),
            label: label.map(ToString::to_string),
            script,
        }
    }

    /// Whether all inputs of a transaction are the wallet's own.
    pub fn is_own(&self, known: &KnownTx) -> bool {
        !known.tx.is_coinbase() && known.tx.input.iter().all(|input| self.owns_output(&input.previous_output))
    }

    /// Sums of the coins, of one account or of all.
    pub fn balance(&self, account: Option<&str>) -> Balance {
        let holds = self.accounts().iter().any(Account::held);
        let mut balance = Balance::default();
        for coin in self.coins(&|_| None) {
            if account.is_some_and(|account| account != coin.account) {
                continue;
            }
            let value = coin.value;
            balance.total = balance.total.saturating_add(value);
            let part = if coin.frozen {
                &mut balance.frozen
            } else if coin.immature {
                &mut balance.immature
            } else if coin.confirmations == 0 {
                &mut balance.unconfirmed
            } else {
                &mut balance.confirmed
            };
            *part = part.saturating_add(value);
            if coin.is_spendable() && (coin.held || !holds) {
                balance.spendable = balance.spendable.saturating_add(value);
            }
            if matches!(coin.state, super::TxState::Reported { .. }) {
                balance.unproven = balance.unproven.saturating_add(value);
            }
        }
        balance
    }

    /// What happened, newest first: of one account or of all.
    pub fn history(&self, account: Option<&str>, address: AddressOf<'_>) -> Vec<Entry> {
        let mut entries: Vec<_> =
            self.txs().filter_map(|(txid, known)| self.entry_of(txid, known, account, address)).collect();
        entries.sort_by_key(|entry| {
            let height = entry.state.height();
            let index = match entry.state {
                super::TxState::Proven { index, .. } => index,
                _ => 0,
            };
            let seen = entry.state.time().unwrap_or_default();
            // What waits is above all that is confirmed.
            Reverse((height.is_none(), height, if height.is_none() { seen } else { 0 }, index, entry.txid))
        });
        entries
    }

    /// One transaction.
    pub fn entry(&self, txid: &Txid, address: AddressOf<'_>) -> Option<Entry> {
        self.entry_of(txid, self.tx(txid)?, None, address)
    }

    fn entry_of(
        &self,
        txid: &Txid,
        known: &KnownTx,
        account: Option<&str>,
        address: AddressOf<'_>,
    ) -> Option<Entry> {
        let tx = &known.tx;
        let name = |owner: Owner| self.accounts()[owner.account].id().to_string();
        let mut inputs = Vec::with_capacity(tx.input.len());
        for (at, input) in tx.input.iter().enumerate() {
            let spent = self.prevout(known, at);
            inputs.push(EntryInput {
                outpoint: input.previous_output,
                value: spent.map(|output| output.value.to_sat()),
                script: spent.map(|output| output.script_pubkey.clone()),
                account: spent.and_then(|output| self.owner(&output.script_pubkey)).map(name),
            });
        }
        let outputs: Vec<EntryOutput> = (0u32..)
            .zip(&tx.output)
            .map(|(vout, output)| EntryOutput {
                vout,
                value: output.value.to_sat(),
                script: output.script_pubkey.clone(),
                owner: self
                    .owner(&output.script_pubkey)
                    .map(|owner| (name(owner), owner.keychain, owner.index)),
                spent_by: self.spender(&OutPoint::new(*txid, vout)),
            })
            .collect();
        let mine = |id: &str| account.is_none_or(|account| account == id);
        let received = outputs.iter().filter(|output| output.owner.as_ref().is_some_and(|(id, ..)| mine(id)));
        let received: Vec<u64> = received.map(|output| output.value).collect();
        let sent = inputs.iter().filter(|input| input.account.as_deref().is_some_and(mine));
        let sent: Vec<u64> = sent.filter_map(|input| input.value).collect();
        if received.is_empty() && sent.is_empty() {
            return None;
        }
        let counts = self.counts(txid);
        let waits = counts && known.state.height().is_none();
        let own = self.is_own(known);
        let unspent_output = outputs.iter().any(|output| {
            output.owner.is_some()
                && output.spent_by.is_none()
                && !self.frozen().contains(&OutPoint::new(*txid, output.vout))
        });
        let untouched = outputs.iter().all(|output| output.spent_by.is_none());
        let replaceable = waits && own && signals_replacement(tx) && untouched;
        // Also what the node lost first: its coins went elsewhere.
        let replaced = tx.input.iter().any(|input| self.spender(&input.previous_output).is_some());
        Some(Entry {
            txid: *txid,
            state: known.state,
            standing: match (counts, known.dropped && !replaced) {
                (true, _) => Standing::Good,
                (false, true) => Standing::Dropped,
                (false, false) => Standing::Replaced,
            },
            confirmations: if counts { self.confirmations(known.state.height()) } else { 0 },
            coinbase: tx.is_coinbase(),
            received: total(&received),
            sent: total(&sent),
            fee: self.fee(known),
            vsize: u64::try_from(tx.vsize()).unwrap_or(u64::MAX),
            own,
            can_speed_up: replaceable || waits && unspent_output,
            can_cancel: replaceable,
            label: self.entry_label(txid, tx, &outputs, address),
            inputs,
            outputs,
        })
    }

    /// A transaction is called as it is labelled itself, else as the first labelled address of its outputs is: an
    /// address of the wallet's own if it received, of others if it paid.
    fn entry_label(
        &self,
        txid: &Txid,
        tx: &Transaction,
        outputs: &[EntryOutput],
        address: AddressOf<'_>,
    ) -> Option<String> {
        if let Some(label) = self.labels.get(LabelKind::Tx, &txid.to_string()) {
            return Some(label.into());
        }
        let spends = tx.input.iter().any(|input| self.owns_output(&input.previous_output));
        let told = outputs.iter().filter(|output| output.owner.is_none() == spends);
        let label_of = |output: &EntryOutput| {
            let outpoint = OutPoint::new(*txid, output.vout).to_string();
            let label = self.labels.get(LabelKind::Output, &outpoint);
            label.or_else(|| self.labels.get(LabelKind::Addr, &address(&output.script)?)).map(String::from)
        };
        told.into_iter().find_map(label_of)
    }

    /// What a transaction pays to be confirmed, in satoshis, if the amounts of all inputs are known.
    pub fn fee(&self, known: &KnownTx) -> Option<u64> {
        if known.tx.is_coinbase() {
            return None;
        }
        let mut sum = 0u64;
        for at in 0..known.tx.input.len() {
            sum = sum.checked_add(self.prevout(known, at)?.value.to_sat())?;
        }
        let out =
            known.tx.output.iter().try_fold(0u64, |sum, output| sum.checked_add(output.value.to_sat()))?;
        sum.checked_sub(out)
    }
}

/// Whether a transaction asks to be replaceable itself (BIP125).
pub(crate) fn signals_replacement(tx: &Transaction) -> bool {
    tx.input.iter().any(|input| input.sequence <= MAX_REPLACEABLE)
}

/// The sum of amounts, however absurd they are.
fn total(amounts: &[u64]) -> u64 {
    amounts.iter().fold(0, |sum, amount| sum.saturating_add(*amount))
}
