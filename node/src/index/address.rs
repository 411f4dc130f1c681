//! The address index: what every script received and spent, and what it has.
//!
//! Scripts are known by the SHA-256 of their bytes ([`script_hash`]), so any script has its rows, whether it has
//! an address form or not. Rows, all integers big-endian so that they sort:
//!
//! | key | value |
//! |---|---|
//! | `b` script | balance, unspent outputs, transactions, outputs ever received (8 bytes each), total received (16) |
//! | `h` script, height, position of the transaction in its block | txid, received, spent |
//! | `u` script, height, position, output number | txid, value, whether a coinbase made it |
//! | `s` txid, output number | height and position of the transaction that spends the output, number of its input |
//!
//! The last is no matter of scripts, but of the same blocks: who asks what became of an address asks next what became
//! of its coins, and to find that out from the history of a script that is used a thousand times costs a thousand
//! transactions.
//!
//! The genesis block has no rows: its coinbase cannot be spent.

mod read;

use super::{Change, Index, IndexError, Key, Row, Rules, Table};
use chaincore_consensus::codec::{DecodeError, Reader};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::hash::sha256;
use chaincore_consensus::{Amount, Hash256, OutPoint, Txid};
use chaincore_plugin::{AppliedBlock, BlockRef};
use chaincore_storage::Store;
use std::collections::BTreeMap;

/// The index, following the chain.
pub type AddressIndex = Index<Addresses>;

/// By what the index knows a script.
pub fn script_hash(script: &[u8]) -> Hash256 {
    Hash256(sha256(script))
}

/// What a script has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// The sum of its unspent outputs.
    pub total: Amount,
    /// Of that, coinbase outputs that the next block could not spend yet.
    pub immature: Amount,
    /// The number of its unspent outputs.
    pub unspent: u64,
    /// The sum of all it ever received; `i64::MAX` satoshis if it is more.
    pub received: Amount,
    /// The number of outputs it ever received.
    pub funded: u64,
    /// The number of transactions it took part in.
    pub transactions: u64,
}

/// A transaction that a script took part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryItem {
    /// The transaction.
    pub txid: Txid,
    /// Its block's height.
    pub height: u32,
    /// Its position in the block.
    pub tx_index: u32,
    /// What the script received by it.
    pub received: Amount,
    /// What the script spent in it.
    pub spent: Amount,
}

/// An unspent output of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnspentItem {
    /// The output.
    pub outpoint: OutPoint,
    /// Its value.
    pub value: Amount,
    /// The height of the block that made it.
    pub height: u32,
    /// The position in that block of the transaction that made it.
    pub tx_index: u32,
    /// Whether a coinbase made it.
    pub coinbase: bool,
}

/// The input that spends an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spender {
    /// The transaction.
    pub txid: Txid,
    /// The number of the input.
    pub vin: u32,
    /// Its block's height.
    pub height: u32,
    /// Its position in the block.
    pub tx_index: u32,
}

/// A place in a script's history or among its unspent outputs, to read on after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The height.
    pub height: u32,
    /// The position in the block.
    pub tx_index: u32,
    /// The output number; 0 in histories.
    pub vout: u32,
}

/// The rules of the index.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Confirmations before a coinbase may be spent.
    pub coinbase_maturity: u32,
}

const BALANCE: u8 = b'b';
const HISTORY: u8 = b'h';
const UNSPENT: u8 = b'u';
const SPENDER: u8 = b's';

/// The index's name before it had all of its rows. What was stored under it is of no use.
const OLD_NAME: &str = "address";

fn spender_key(outpoint: &OutPoint) -> Key {
    [&[SPENDER][..], &outpoint.txid.0, &outpoint.vout.to_be_bytes()].concat()
}

fn key(kind: u8, script: &Hash256, numbers: &[u32]) -> Key {
    let mut key = Vec::with_capacity(33 + 4 * numbers.len());
    key.push(kind);
    key.extend(script.0);
    numbers.iter().for_each(|number| key.extend(number.to_be_bytes()));
    key
}

/// The stored part of a [`Balance`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Totals {
    balance: i64,
    unspent: i64,
    /// Coins that come again and again count again and again: in time more than 64 bits hold.
    received: i128,
    funded: i64,
    transactions: i64,
}

impl Totals {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(48);
        let numbers = [self.balance, self.unspent, self.transactions, self.funded];
        numbers.iter().for_each(|n| bytes.extend(n.to_le_bytes()));
        bytes.extend(self.received.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            balance: reader.i64()?,
            unspent: reader.i64()?,
            transactions: reader.i64()?,
            funded: reader.i64()?,
            received: i128::from_le_bytes(reader.array()?),
        })
    }

    fn add(&mut self, other: &Self) {
        self.balance += other.balance;
        self.unspent += other.unspent;
        self.received += other.received;
        self.funded += other.funded;
        self.transactions += other.transactions;
    }

    fn negated(self) -> Self {
        Self {
            balance: -self.balance,
            unspent: -self.unspent,
            received: -self.received,
            funded: -self.funded,
            transactions: -self.transactions,
        }
    }
}

fn damaged(error: DecodeError) -> IndexError {
    IndexError::Damaged { index: Addresses::NAME, what: error.to_string() }
}

/// What a block does to scripts, independent of whether it comes or goes.
#[derive(Default)]
struct Effects {
    totals: BTreeMap<Hash256, Totals>,
    /// History rows.
    history: BTreeMap<Key, HistoryValue>,
    /// Unspent outputs that it makes, and keeps.
    made: BTreeMap<Key, Vec<u8>>,
    /// Unspent outputs of earlier blocks that it spends.
    spent: BTreeMap<Key, Vec<u8>>,
    /// Who spends what.
    spenders: Vec<Row>,
}

#[derive(Default)]
struct HistoryValue {
    txid: Txid,
    received: i64,
    spent: i64,
}

fn unspent_row(script: &Hash256, coin: &Coin, outpoint: OutPoint) -> (Key, Vec<u8>) {
    let mut value = outpoint.txid.0.to_vec();
    value.extend(coin.output.value.sat().to_le_bytes());
    value.push(coin.coinbase.into());
    (key(UNSPENT, script, &[coin.height, coin.tx_index, outpoint.vout]), value)
}

impl Effects {
    fn of(block: &AppliedBlock) -> Self {
        let mut effects = Self::default();
        if block.at.height == 0 {
            return effects;
        }
        for ((tx_index, tx), spent) in (0u32..).zip(&block.block.transactions).zip(block.spent_by_tx()) {
            for ((vin, input), coin) in (0u32..).zip(&tx.inputs).zip(spent) {
                effects.spend(&block.at, tx_index, tx.txid(), coin, input.previous_output);
                let place = [block.at.height, tx_index, vin].map(u32::to_be_bytes).concat();
                effects.spenders.push((spender_key(&input.previous_output), place));
            }
            for (vout, output) in (0u32..).zip(&tx.outputs) {
                if !output.script_pubkey.is_unspendable() {
                    let coin = Coin {
                        output: output.clone(),
                        height: block.at.height,
                        coinbase: tx_index == 0,
                        tx_index,
                    };
                    effects.make(&block.at, tx_index, &coin, OutPoint { txid: tx.txid(), vout });
                }
            }
        }
        effects
    }

    fn history(&mut self, at: &BlockRef, tx_index: u32, script: &Hash256, txid: Txid) -> &mut HistoryValue {
        let totals = self.totals.entry(*script).or_default();
        self.history.entry(key(HISTORY, script, &[at.height, tx_index])).or_insert_with(|| {
            totals.transactions += 1;
            HistoryValue { txid, ..HistoryValue::default() }
        })
    }

    fn make(&mut self, at: &BlockRef, tx_index: u32, coin: &Coin, outpoint: OutPoint) {
        let script = script_hash(&coin.output.script_pubkey);
        let value = coin.output.value.sat();
        self.history(at, tx_index, &script, outpoint.txid).received += value;
        self.totals.entry(script).or_default().add(&Totals {
            balance: value,
            unspent: 1,
            received: value.into(),
            funded: 1,
            transactions: 0,
        });
        self.made.extend([unspent_row(&script, coin, outpoint)]);
    }

    fn spend(&mut self, at: &BlockRef, tx_index: u32, txid: Txid, coin: &Coin, outpoint: OutPoint) {
        let script = script_hash(&coin.output.script_pubkey);
        let value = coin.output.value.sat();
        self.history(at, tx_index, &script, txid).spent += value;
        self.totals.entry(script).or_default().add(&Totals {
            balance: -value,
            unspent: -1,
            ..Totals::default()
        });
        let (key, row) = unspent_row(&script, coin, outpoint);
        // An output made and spent in the same block never shows.
        if self.made.remove(&key).is_none() {
            self.spent.insert(key, row);
        }
    }

    fn totals_changes(&self, table: &dyn Table, undo: bool) -> Result<Vec<Change>, IndexError> {
        let mut changes = Vec::with_capacity(self.totals.len());
        for (script, change) in &self.totals {
            let key = key(BALANCE, script, &[]);
            let stored = table.get(&key)?;
            let mut totals =
                stored.map_or(Ok(Totals::default()), |bytes| Totals::from_bytes(&bytes)).map_err(damaged)?;
            totals.add(&if undo { change.negated() } else { *change });
            changes.push((key, (totals != Totals::default()).then(|| totals.to_bytes())));
        }
        Ok(changes)
    }
}

impl HistoryValue {
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.txid.0.to_vec();
        bytes.extend(self.received.to_le_bytes());
        bytes.extend(self.spent.to_le_bytes());
        bytes
    }
}

impl Rules for Addresses {
    const NAME: &'static str = "addresses";
    const ID: &'static str = "addressindex";
    const LABEL: &'static str = OLD_NAME;

    fn open(&self, store: &Store) -> Result<(), IndexError> {
        Ok(store.remove_index(OLD_NAME)?)
    }

    fn connect(&self, block: &AppliedBlock, table: &dyn Table) -> Result<Vec<Change>, IndexError> {
        let effects = Effects::of(block);
        let mut changes = effects.totals_changes(table, false)?;
        changes.extend(effects.history.into_iter().map(|(key, value)| (key, Some(value.to_bytes()))));
        changes.extend(effects.spent.into_keys().map(|key| (key, None)));
        changes.extend(effects.made.into_iter().map(|(key, row)| (key, Some(row))));
        changes.extend(effects.spenders.into_iter().map(|(key, place)| (key, Some(place))));
        Ok(changes)
    }

    fn disconnect(&self, block: &AppliedBlock, table: &dyn Table) -> Result<Vec<Change>, IndexError> {
        let effects = Effects::of(block);
        let mut changes = effects.totals_changes(table, true)?;
        changes.extend(effects.history.into_keys().map(|key| (key, None)));
        changes.extend(effects.made.into_keys().map(|key| (key, None)));
        changes.extend(effects.spent.into_iter().map(|(key, row)| (key, Some(row))));
        changes.extend(effects.spenders.into_iter().map(|(key, _)| (key, None)));
        Ok(changes)
    }
}
