//! A payment: recipients, a fee rate and coins become a PSBT that a signer can check by itself.
//!
//! Every input brings the whole transaction that it spends (except taproot's, whose signatures cover the amounts of all
//! inputs), and inputs and own outputs bring their key paths (BIP174, BIP371), so that a signer knows what is change.
//! Transactions can be replaced (BIP125), and none can be mined below the block that the wallet knows (a lock time
//! against fee sniping).

use crate::feerate::FeeRate;
use crate::ledger::{AccountError, Coin, Keychain, Ledger};
use crate::selection::{self, Candidate, Chance, FeeRule, Goal, INPUT_WEIGHT, Selection, Short};
use bitcoin::absolute::LockTime;
use bitcoin::script::PushBytesBuf;
use bitcoin::transaction::Version;
use bitcoin::{Amount, OutPoint, Psbt, ScriptBuf, Sequence, Transaction, TxIn, TxOut, Txid, Witness};
use miniscript::psbt::PsbtExt;
use std::collections::BTreeSet;

/// No node relays heavier transactions (Core's `MAX_STANDARD_TX_WEIGHT`).
const MAX_WEIGHT: u64 = 400_000;
/// How many bytes of data a transaction carries at most (what nodes before Core 30 relay).
pub const MAX_DATA: usize = 80;
/// Replaceable (BIP125), with a lock time that counts.
pub(crate) const SEQUENCE: Sequence = Sequence(0xffff_fffd);
/// One in this many transactions has a lock time a little in the past, as those that were signed on paper have.
const OLD_LOCK_TIMES: u64 = 10;

/// How much somebody is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Share {
    /// This many satoshis.
    Exactly(u64),
    /// All that the coins hold, less the fee and the other recipients' shares.
    All,
}

/// What is to be paid, and how.
#[derive(Debug, Clone)]
pub struct PaymentRequest {
    /// Whom, and how much each.
    pub to: Vec<(ScriptBuf, Share)>,
    /// What to pay for each virtual byte.
    pub feerate: FeeRate,
    /// What to pay whatever the size, in satoshis, if that is more. What would be dust as change is added to it.
    pub fee: u64,
    /// These coins, all of them and no others. Without, the wallet chooses.
    pub coins: Option<Vec<OutPoint>>,
    /// From this account only. Without, from all whose keys the wallet holds or, if it holds none, from all.
    pub account: Option<String>,
    /// Bytes to write into the chain.
    pub data: Option<Vec<u8>>,
    /// Chance, for the order of inputs and outputs.
    pub seed: u64,
}

/// A transaction that is ready to be signed.
#[derive(Debug, Clone)]
pub struct Payment {
    /// The transaction, with all that a signer needs.
    pub psbt: Psbt,
    /// What it pays to be confirmed, in satoshis.
    pub fee: u64,
    /// How large it will be when it is signed, in virtual bytes, at most.
    pub vsize: u64,
    /// The position and satoshis of the change, if there is any.
    pub change: Option<(u32, u64)>,
    /// The coins that it spends.
    pub inputs: Vec<OutPoint>,
}

/// Why there is no such payment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    /// Nobody is paid.
    #[error("a payment needs a recipient")]
    NoRecipient,
    /// Only one can have the rest.
    #[error("only one recipient can be sent all")]
    TwoGetAll,
    /// Nodes do not relay outputs that cost more than they are worth.
    #[error("{} coins are too little to be relayed: the least is {}", coins(*amount), coins(*least))]
    Dust {
        /// What was to be paid, in satoshis.
        amount: u64,
        /// The least that can be, in satoshis.
        least: u64,
    },
    /// More than there can be.
    #[error("{} coins are more than there can be", coins(*.0))]
    TooMuch(u64),
    /// The coins do not suffice.
    #[error(
        "not enough money: {} coins are needed with the fee, {} can be spent",
        coins(*needed),
        coins(*available)
    )]
    NotEnough {
        /// What is needed, in satoshis.
        needed: u64,
        /// What can be spent, in satoshis.
        available: u64,
    },
    /// Asked for by name, but not there.
    #[error("the wallet has no unspent coin {0}")]
    NoSuchCoin(OutPoint),
    /// Asked for by name, but marked.
    #[error("the coin {0} is frozen")]
    Frozen(OutPoint),
    /// A reward that nobody may spend yet.
    #[error("the coin {0} is the reward of a block that is too young")]
    Immature(OutPoint),
    /// The data is too long.
    #[error("a transaction carries at most {MAX_DATA} bytes of data, not {0}")]
    DataTooLong(usize),
    /// It would be too large.
    #[error(
        "the transaction would weigh {0} weight units, and nodes relay at most {MAX_WEIGHT}: spend fewer coins"
    )]
    TooHeavy(u64),
    /// No such account, or no change address.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Not known, not unconfirmed, or not the wallet's.
    #[error("the transaction {txid} can't be changed any more: {reason}")]
    Fixed {
        /// Which one.
        txid: Txid,
        /// Why.
        reason: &'static str,
    },
    /// It pays this much already.
    #[error("the transaction pays {0} sat/vB already: choose a higher rate")]
    PaysMore(FeeRate),
}

/// Satoshis as decimal coins.
fn coins(satoshis: u64) -> String {
    chaincore_consensus::amount::Amount(i64::try_from(satoshis).unwrap_or(i64::MAX)).to_string()
}

impl PaymentError {
    /// A word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRecipient => "no_recipient",
            Self::TwoGetAll => "two_get_all",
            Self::Dust { .. } => "dust",
            Self::TooMuch(_) => "too_much",
            Self::NotEnough { .. } => "not_enough_money",
            Self::NoSuchCoin(_) => "no_such_coin",
            Self::Frozen(_) => "coin_frozen",
            Self::Immature(_) => "coin_immature",
            Self::DataTooLong(_) => "data_too_long",
            Self::TooHeavy(_) => "too_heavy",
            Self::Account(error) => error.code(),
            Self::Fixed { .. } => "not_replaceable",
            Self::PaysMore(_) => "feerate_too_low",
        }
    }
}

impl From<Short> for PaymentError {
    fn from(Short { needed, available }: Short) -> Self {
        Self::NotEnough { needed, available }
    }
}

/// Coins to choose from, with what spending each weighs.
pub(crate) struct Purse {
    pub coins: Vec<Coin>,
    pub candidates: Vec<Candidate>,
}

impl Purse {
    pub fn new(ledger: &Ledger, coins: Vec<Coin>) -> Self {
        let candidates = coins.iter().map(|coin| candidate(ledger, coin)).collect();
        Self { coins, candidates }
    }

    /// Without the coins that a condition does not hold for.
    fn filtered(&self, keep: impl Fn(&Coin) -> bool) -> Self {
        let kept = self.coins.iter().zip(&self.candidates).filter(|(coin, _)| keep(coin));
        let (coins, candidates) = kept.map(|(coin, candidate)| (coin.clone(), *candidate)).unzip();
        Self { coins, candidates }
    }

    fn outpoints(&self, positions: &[usize]) -> Vec<OutPoint> {
        positions.iter().map(|&at| self.coins[at].outpoint).collect()
    }
}

/// What spending a coin weighs.
pub(crate) fn candidate(ledger: &Ledger, coin: &Coin) -> Candidate {
    let account = ledger.accounts().iter().find(|account| account.id() == coin.account);
    Candidate {
        value: coin.value,
        satisfaction: account.map_or(0, |account| account.satisfaction_weight()),
        segwit: account.is_some_and(|account| account.is_segwit()),
    }
}

/// Where change goes, and what it weighs.
pub(crate) struct ChangePlace {
    pub script: ScriptBuf,
    input_weight: u64,
}

impl ChangePlace {
    /// The next change address of an account.
    pub fn new(ledger: &mut Ledger, account: &str) -> Result<Self, PaymentError> {
        let (_, _, script) = ledger.change(account)?;
        Self::at(ledger, account, script)
    }

    /// An address of an account that is change already.
    pub fn at(ledger: &Ledger, account: &str, script: ScriptBuf) -> Result<Self, PaymentError> {
        let input_weight = INPUT_WEIGHT + ledger.account(account)?.satisfaction_weight();
        Ok(Self { script, input_weight })
    }

    /// The least amount that is worth an output.
    pub fn least(&self) -> u64 {
        self.script.minimal_non_dust().to_sat()
    }

    /// What is to be chosen for.
    pub fn goal(&self, outputs: &[TxOut], fee: FeeRule) -> Goal {
        Goal {
            value: outputs.iter().fold(0, |sum, output| sum.saturating_add(output.value.to_sat())),
            outputs_weight: outputs.iter().map(|output| output.weight().to_wu()).sum(),
            outputs: outputs.len(),
            fee,
            change_weight: self.output(0).weight().to_wu(),
            min_change: self.least(),
            change_input_weight: self.input_weight,
        }
    }

    /// An output that pays it.
    pub fn output(&self, amount: u64) -> TxOut {
        TxOut { value: Amount::from_sat(amount), script_pubkey: self.script.clone() }
    }
}

/// The accounts that pay if nobody says which: those whose keys are held, or all of a wallet that only watches.
pub(crate) fn pays(ledger: &Ledger, coin: &Coin) -> bool {
    coin.held || !ledger.accounts().iter().any(|account| account.held())
}

/// Makes a transaction that pays.
pub fn create(ledger: &mut Ledger, request: &PaymentRequest) -> Result<Payment, PaymentError> {
    let outputs = outputs_of(request)?;
    let purse = purse_of(ledger, request)?;
    let place = place_for(ledger, request, &purse)?;
    let rule = FeeRule { rate: request.feerate, least: request.fee, ..FeeRule::default() };
    let all = request.to.iter().position(|(_, share)| *share == Share::All);
    let mut chance = Chance::new(request.seed);
    if let Some(all) = all {
        return send_all(ledger, &purse, outputs, all, rule, request.coins.is_some(), &mut chance);
    }
    let goal = place.goal(&outputs, rule);
    let required: Vec<usize> =
        if request.coins.is_some() { (0..purse.coins.len()).collect() } else { Vec::new() };
    let confirmed = purse.filtered(|coin| coin.confirmations > 0);
    // Unconfirmed change only if there is no other way: it makes the payment wait for its parents.
    let chosen = match selection::select(&confirmed.candidates, &[], &goal, request.seed) {
        Ok(chosen) if request.coins.is_none() => (confirmed, chosen),
        _ => {
            let chosen = selection::select(&purse.candidates, &required, &goal, request.seed)?;
            (purse, chosen)
        }
    };
    let (purse, Selection { chosen, change, .. }) = chosen;
    finish(ledger, &purse, &chosen, outputs, change.map(|change| place.output(change)), &mut chance)
}

/// The outputs that were asked for; one that gets all has nothing yet.
fn outputs_of(request: &PaymentRequest) -> Result<Vec<TxOut>, PaymentError> {
    if request.to.is_empty() && request.data.is_none() {
        return Err(PaymentError::NoRecipient);
    }
    if request.to.iter().filter(|(_, share)| *share == Share::All).count() > 1 {
        return Err(PaymentError::TwoGetAll);
    }
    let mut outputs = Vec::with_capacity(request.to.len() + 1);
    let mut sum = 0u64;
    for (script, share) in &request.to {
        let amount = match share {
            Share::All => 0,
            Share::Exactly(amount) => {
                check_dust(script, *amount)?;
                *amount
            }
        };
        sum = sum.saturating_add(amount);
        outputs.push(TxOut { value: Amount::from_sat(amount), script_pubkey: script.clone() });
    }
    if sum > Amount::MAX_MONEY.to_sat() {
        return Err(PaymentError::TooMuch(sum));
    }
    if let Some(data) = &request.data {
        let too_long = || PaymentError::DataTooLong(data.len());
        if data.len() > MAX_DATA {
            return Err(too_long());
        }
        let push = PushBytesBuf::try_from(data.clone()).map_err(|_| too_long())?;
        outputs.push(TxOut { value: Amount::ZERO, script_pubkey: ScriptBuf::new_op_return(push) });
    }
    Ok(outputs)
}

fn check_dust(script: &ScriptBuf, amount: u64) -> Result<(), PaymentError> {
    let least = script.minimal_non_dust().to_sat();
    if amount < least { Err(PaymentError::Dust { amount, least }) } else { Ok(()) }
}

/// The coins that may pay.
fn purse_of(ledger: &Ledger, request: &PaymentRequest) -> Result<Purse, PaymentError> {
    if let Some(account) = &request.account {
        ledger.account(account)?;
    }
    let coins = ledger.coins(&|_| None);
    let Some(wanted) = &request.coins else {
        let ours = |coin: &Coin| match &request.account {
            Some(account) => *account == coin.account,
            None => pays(ledger, coin),
        };
        let coins = coins.into_iter().filter(|coin| coin.is_spendable() && ours(coin)).collect();
        return Ok(Purse::new(ledger, coins));
    };
    let mut named = Vec::new();
    for outpoint in wanted.iter().collect::<BTreeSet<_>>() {
        let coin = coins.iter().find(|coin| coin.outpoint == *outpoint);
        let coin = coin.ok_or(PaymentError::NoSuchCoin(*outpoint))?;
        if coin.frozen {
            return Err(PaymentError::Frozen(*outpoint));
        }
        if coin.immature {
            return Err(PaymentError::Immature(*outpoint));
        }
        named.push(coin.clone());
    }
    Ok(Purse::new(ledger, named))
}

/// Change goes back to the account that was named, else to the one that has most of the money.
fn place_for(
    ledger: &mut Ledger,
    request: &PaymentRequest,
    purse: &Purse,
) -> Result<ChangePlace, PaymentError> {
    let richest = || {
        let sum_of = |id: &str| -> u64 {
            let coins = purse.coins.iter().filter(|coin| coin.account == id);
            coins.fold(0, |sum, coin| sum.saturating_add(coin.value))
        };
        // Of equals the first.
        let accounts = ledger.accounts().iter().rev().map(|account| account.id());
        accounts.max_by_key(|id| sum_of(id)).map(str::to_string)
    };
    let account = request.account.clone().or_else(richest);
    let account = account.ok_or(PaymentError::NotEnough { needed: 0, available: 0 })?;
    ChangePlace::new(ledger, &account)
}

/// Everything goes to one recipient: no change.
fn send_all(
    ledger: &Ledger,
    purse: &Purse,
    mut outputs: Vec<TxOut>,
    all: usize,
    rule: FeeRule,
    named: bool,
    chance: &mut Chance,
) -> Result<Payment, PaymentError> {
    let worth = |at: &usize| named || purse.candidates[*at].effective_value(rule.rate) > 0;
    let chosen: Vec<usize> = (0..purse.coins.len()).filter(worth).collect();
    let inputs = chosen.iter().map(|&at| &purse.candidates[at]);
    let available = inputs.clone().fold(0u64, |sum, input| sum.saturating_add(input.value));
    let weight = outputs.iter().map(|output| output.weight().to_wu()).sum();
    let fee = rule.fee(selection::weight_of(inputs, weight, outputs.len()));
    let others: u64 = outputs.iter().map(|output| output.value.to_sat()).sum();
    let least = outputs[all].script_pubkey.minimal_non_dust().to_sat();
    let needed = others.saturating_add(fee).saturating_add(least);
    if available < needed || chosen.is_empty() {
        return Err(PaymentError::NotEnough { needed, available });
    }
    outputs[all].value = Amount::from_sat(available - others - fee);
    finish(ledger, purse, &chosen, outputs, None, chance)
}

/// Puts the parts together, in an order that says nothing.
pub(crate) fn finish(
    ledger: &Ledger,
    purse: &Purse,
    chosen: &[usize],
    mut outputs: Vec<TxOut>,
    change: Option<TxOut>,
    chance: &mut Chance,
) -> Result<Payment, PaymentError> {
    let mut inputs = purse.outpoints(chosen);
    chance.shuffle(&mut inputs);
    // Change takes a place that chance gives; the recipients' order is theirs, so that positions mean something.
    let position = change.map(|output| {
        let places = u64::try_from(outputs.len() + 1).expect("a length fits");
        let at = usize::try_from(chance.next() % places).expect("it is at most a length");
        let amount = output.value.to_sat();
        outputs.insert(at, output);
        (u32::try_from(at).expect("a transaction has fewer outputs"), amount)
    });
    let candidates = chosen.iter().map(|&at| &purse.candidates[at]);
    let outputs_weight = outputs.iter().map(|output| output.weight().to_wu()).sum();
    let weight = selection::weight_of(candidates.clone(), outputs_weight, outputs.len());
    if weight > MAX_WEIGHT {
        return Err(PaymentError::TooHeavy(weight));
    }
    let brought: u64 = candidates.map(|input| input.value).sum();
    let paid: u64 = outputs.iter().map(|output| output.value.to_sat()).sum();
    let psbt = psbt_of(ledger, &inputs, outputs, lock_time(ledger, chance));
    Ok(Payment { psbt, fee: brought - paid, vsize: weight.div_ceil(4), change: position, inputs })
}

/// The height of the best block, so that nobody gains by mining an earlier one anew; now and then a little less.
pub(crate) fn lock_time(ledger: &Ledger, chance: &mut Chance) -> LockTime {
    let (height, _) = ledger.tip().unwrap_or((0, bitcoin::hashes::Hash::all_zeros()));
    let back = if chance.next().is_multiple_of(OLD_LOCK_TIMES) { chance.next() % 100 } else { 0 };
    let height = height.saturating_sub(u32::try_from(back).expect("it is below 100"));
    LockTime::from_height(height).unwrap_or(LockTime::ZERO)
}

/// The transaction with what a signer needs: the spent outputs, and the paths of all keys of the wallet in it.
pub(crate) fn psbt_of(
    ledger: &Ledger,
    inputs: &[OutPoint],
    outputs: Vec<TxOut>,
    lock_time: LockTime,
) -> Psbt {
    let input = |outpoint: &OutPoint| TxIn {
        previous_output: *outpoint,
        script_sig: ScriptBuf::new(),
        sequence: SEQUENCE,
        witness: Witness::new(),
    };
    let tx = Transaction {
        version: Version::TWO,
        lock_time,
        input: inputs.iter().map(input).collect(),
        output: outputs,
    };
    let mut psbt = Psbt::from_unsigned_tx(tx).expect("no input is signed");
    for (at, outpoint) in inputs.iter().enumerate() {
        let Some((known, output)) = ledger.tx(&outpoint.txid).zip(ledger.output(outpoint)) else { continue };
        let Some(owner) = ledger.owner(&output.script_pubkey) else { continue };
        let account = &ledger.accounts()[owner.account];
        if account.is_segwit() {
            psbt.inputs[at].witness_utxo = Some(output.clone());
        }
        if !account.is_taproot() {
            psbt.inputs[at].non_witness_utxo = Some(known.tx.clone());
        }
        psbt.update_input_with_descriptor(at, &account.at(owner.keychain, owner.index))
            .expect("the descriptor gave the script by which the output was found");
    }
    for at in 0..psbt.outputs.len() {
        let Some(owner) = ledger.owner(&psbt.unsigned_tx.output[at].script_pubkey) else { continue };
        let descriptor = ledger.accounts()[owner.account].at(owner.keychain, owner.index);
        psbt.update_output_with_descriptor(at, &descriptor)
            .expect("the descriptor gave the script by which the output was found");
    }
    psbt
}

/// Whether an output is change: it pays an address that was never handed out.
pub(crate) fn is_change(ledger: &Ledger, output: &TxOut) -> bool {
    ledger.owner(&output.script_pubkey).is_some_and(|owner| owner.keychain == Keychain::Change)
}

#[cfg(test)]
mod tests;
