//! Coins and sums of them.

use super::account::Keychain;
use super::update::TxState;
use bitcoin::{OutPoint, ScriptBuf};
use serde::{Deserialize, Serialize};

/// An unspent output that belongs to the wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coin {
    /// Which output.
    pub outpoint: OutPoint,
    /// Satoshis.
    pub value: u64,
    /// The script it is locked with.
    pub script: ScriptBuf,
    /// The account's id.
    pub account: String,
    /// Which of the account's chains its address belongs to.
    pub keychain: Keychain,
    /// The address's index.
    pub index: u32,
    /// Where its transaction is.
    pub state: TxState,
    /// How many blocks confirm it; 0 while it waits in the mempool.
    pub confirmations: u32,
    /// Whether it is the reward of a block.
    pub coinbase: bool,
    /// Whether it is a reward that is too young to be spent in the next block.
    pub immature: bool,
    /// Whether its owner said not to spend it.
    pub frozen: bool,
    /// Whether all inputs of its transaction were the wallet's own: then nobody else can take it back.
    pub own: bool,
    /// Whether the wallet holds its key.
    pub held: bool,
    /// What it is called: its own label, else its address's, else its transaction's.
    pub label: Option<String>,
}

impl Coin {
    /// Whether it may be spent without being asked for by name: mature, not frozen, and either confirmed or change of
    /// the wallet's own.
    pub fn is_spendable(&self) -> bool {
        !self.immature && !self.frozen && (self.confirmations > 0 || self.own)
    }
}

/// Sums of coins, in satoshis. The four parts make up `total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Balance {
    /// Confirmed coins that can be spent.
    pub confirmed: u64,
    /// Coins of transactions that wait in the mempool, own change among them.
    pub unconfirmed: u64,
    /// Rewards of blocks that are too young to be spent.
    pub immature: u64,
    /// Coins that are frozen.
    pub frozen: u64,
    /// All of these.
    pub total: u64,
    /// How much of it can be spent now: confirmed coins and own change, of accounts whose keys are held or, if there
    /// are none, of all.
    pub spendable: u64,
    /// How much of the confirmed, immature and frozen coins has been reported by the server and is not proven yet.
    pub unproven: u64,
}
