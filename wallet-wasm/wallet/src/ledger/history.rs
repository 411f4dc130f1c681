//! What happened: one entry for each transaction.

use super::account::Keychain;
use super::update::TxState;
use bitcoin::{OutPoint, ScriptBuf, Txid};

/// Why a transaction does or does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It counts.
    Good,
    /// Another transaction that spends the same coins counts in its place.
    Replaced,
    /// Neither the chain nor the node's mempool has it any more. Its coins are free again; it may still be sent anew.
    Dropped,
}

/// A transaction of the wallet, or of one of its accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub txid: Txid,
    /// Where it is.
    pub state: TxState,
    /// Whether it counts.
    pub standing: Standing,
    /// How many blocks confirm it.
    pub confirmations: u32,
    /// Whether it is the reward of a block.
    pub coinbase: bool,
    /// Satoshis that it brought.
    pub received: u64,
    /// Satoshis that it spent.
    pub sent: u64,
    /// What it paid to be confirmed, in satoshis; unknown if not all of its inputs' amounts are.
    pub fee: Option<u64>,
    /// Its size in virtual bytes.
    pub vsize: u64,
    /// Whether all of its inputs were the wallet's own.
    pub own: bool,
    /// Its outputs.
    pub outputs: Vec<EntryOutput>,
    /// The outputs that it spends, with what is known of them.
    pub inputs: Vec<EntryInput>,
    /// Whether it can be replaced, or pushed by spending one of its outputs.
    pub can_speed_up: bool,
    /// Whether it can be replaced by a payment to the wallet itself.
    pub can_cancel: bool,
    /// What it is called.
    pub label: Option<String>,
}

impl Entry {
    /// By how many satoshis it changed the balance.
    pub fn net(&self) -> i64 {
        // Amounts of valid transactions are far below 2^63.
        let signed = |amount| i64::try_from(amount).unwrap_or(i64::MAX);
        signed(self.received) - signed(self.sent)
    }
}

/// An output of an [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryOutput {
    /// Its position.
    pub vout: u32,
    /// Satoshis.
    pub value: u64,
    /// Whom it pays.
    pub script: ScriptBuf,
    /// Whose it is, if it is the wallet's: account, chain and index of the address.
    pub owner: Option<(String, Keychain, u32)>,
    /// Which transaction spends it, as far as the wallet knows.
    pub spent_by: Option<Txid>,
}

/// An input of an [`Entry`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryInput {
    /// What it spends.
    pub outpoint: OutPoint,
    /// Satoshis, if known.
    pub value: Option<u64>,
    /// Whom the spent output had paid, if known.
    pub script: Option<ScriptBuf>,
    /// The account it belonged to, if it was the wallet's.
    pub account: Option<String>,
}
