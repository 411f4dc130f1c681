//! Speeding up what waits: by replacing it (BIP125), or by a child that pays for it; and cancelling it.
//!
//! A replacement pays every recipient what the original paid; the change, and coins besides if it does not suffice, pay
//! the higher fee. Cancelling replaces a transaction by one that pays the wallet itself.

use crate::feerate::FeeRate;
use crate::ledger::{Coin, KnownTx, Ledger, signals_replacement};
use crate::payment::{self, ChangePlace, Payment, PaymentError, Purse};
use crate::selection::{self, Chance, FeeRule};
use bitcoin::{OutPoint, TxOut, Txid};
use std::cmp::Reverse;

/// How many unconfirmed ancestors are looked at: nodes relay no longer chains (Core's `DEFAULT_ANCESTOR_LIMIT` is 25),
/// so more is somebody's joke.
const MAX_ANCESTORS: usize = 100;

/// How a transaction is sped up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Another transaction takes its place (BIP125).
    Rbf,
    /// Another transaction spends its output and pays for both.
    Cpfp,
}

impl Method {
    /// `rbf` or `cpfp`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rbf => "rbf",
            Self::Cpfp => "cpfp",
        }
    }
}

/// Gets a transaction confirmed at this rate: by a replacement if it is the wallet's own, asks for it (BIP125) and
/// nothing of the wallet's was built on it; else by a child that pays for it.
pub fn speed_up(
    ledger: &mut Ledger,
    txid: &Txid,
    rate: FeeRate,
    seed: u64,
) -> Result<(Payment, Method), PaymentError> {
    let known = waiting(ledger, txid)?;
    let pays = ledger.fee(&known).map(|fee| FeeRate::of(fee, vsize(&known)));
    if let Some(pays) = pays.filter(|pays| *pays >= rate) {
        return Err(PaymentError::PaysMore(pays));
    }
    if is_replaceable(ledger, &known) && !has_children(ledger, txid, &known) {
        return replace(ledger, &known, rate, seed).map(|payment| (payment, Method::Rbf));
    }
    push(ledger, txid, rate, seed).map(|payment| (payment, Method::Cpfp))
}

/// Replaces a transaction by one that pays the wallet itself at this rate or, if that is more, as much as a replacement
/// must.
pub fn cancel(ledger: &mut Ledger, txid: &Txid, rate: FeeRate, seed: u64) -> Result<Payment, PaymentError> {
    let known = waiting(ledger, txid)?;
    let fixed = |reason| Err(PaymentError::Fixed { txid: *txid, reason });
    if !is_replaceable(ledger, &known) {
        return fixed("it is not the wallet's own, or it does not allow to be replaced");
    }
    if has_children(ledger, txid, &known) {
        return fixed("the wallet has spent its change already: cancel what spends it first");
    }
    let rule = replacement(ledger, &known, rate)?;
    let purse = Purse::new(ledger, spent_coins(ledger, &known));
    let place = ChangePlace::new(ledger, &purse.coins[0].account.clone())?;
    let all: Vec<usize> = (0..purse.coins.len()).collect();
    to_one(ledger, &purse, &all, place.output(0), rule, &mut Chance::new(seed))
}

/// A transaction that counts and waits in the mempool.
fn waiting(ledger: &Ledger, txid: &Txid) -> Result<KnownTx, PaymentError> {
    let fixed = |reason| PaymentError::Fixed { txid: *txid, reason };
    let known = ledger.tx(txid).ok_or(fixed("the wallet does not know it"))?;
    if !ledger.counts(txid) {
        return Err(fixed("it was replaced or dropped"));
    }
    match known.state.height() {
        Some(_) => Err(fixed("it is confirmed")),
        None => Ok(known.clone()),
    }
}

fn is_replaceable(ledger: &Ledger, known: &KnownTx) -> bool {
    let coins = spent_coins(ledger, known);
    ledger.is_own(known)
        && signals_replacement(&known.tx)
        && coins.len() == known.tx.input.len()
        && coins.iter().all(|coin| payment::pays(ledger, coin))
}

/// Whether the wallet knows a transaction that spends an output of this one.
fn has_children(ledger: &Ledger, txid: &Txid, known: &KnownTx) -> bool {
    (0u32..).zip(&known.tx.output).any(|(vout, _)| ledger.spender(&OutPoint::new(*txid, vout)).is_some())
}

/// The wallet's coins that a transaction spends.
fn spent_coins(ledger: &Ledger, known: &KnownTx) -> Vec<Coin> {
    let inputs = known.tx.input.iter().map(|input| input.previous_output);
    inputs.filter_map(|outpoint| ledger.coin_at(&outpoint)).collect()
}

fn vsize(known: &KnownTx) -> u64 {
    u64::try_from(known.tx.vsize()).unwrap_or(u64::MAX)
}

/// What a replacement of a transaction must pay: more in all, and more for each byte.
fn replacement(ledger: &Ledger, known: &KnownTx, rate: FeeRate) -> Result<FeeRule, PaymentError> {
    let fee = ledger.fee(known).ok_or_else(|| PaymentError::Fixed {
        txid: known.tx.compute_txid(),
        reason: "it is not known what it pays",
    })?;
    let more = FeeRate(FeeRate::of(fee, vsize(known)).0.saturating_add(1));
    Ok(FeeRule { rate: rate.max(more), replaces: Some(fee), ..FeeRule::default() })
}

fn replace(ledger: &mut Ledger, known: &KnownTx, rate: FeeRate, seed: u64) -> Result<Payment, PaymentError> {
    let rule = replacement(ledger, known, rate)?;
    let spent = spent_coins(ledger, known);
    let mut chance = Chance::new(seed);
    let outputs = &known.tx.output;
    let foreign = outputs.iter().any(|output| ledger.owner(&output.script_pubkey).is_none());
    if let ([only], false) = (outputs.as_slice(), foreign) {
        // All went to one address of the wallet: so it does again.
        let purse = Purse::new(ledger, spent);
        let all: Vec<usize> = (0..purse.coins.len()).collect();
        return to_one(ledger, &purse, &all, only.clone(), rule, &mut chance);
    }
    let change = outputs.iter().find(|output| payment::is_change(ledger, output)).cloned();
    let payees: Vec<TxOut> =
        outputs.iter().filter(|output| Some(*output) != change.as_ref()).cloned().collect();
    let account = spent[0].account.clone();
    let place = match &change {
        Some(output) => ChangePlace::at(ledger, &account, output.script_pubkey.clone())?,
        None => ChangePlace::new(ledger, &account)?,
    };
    let required: Vec<usize> = (0..spent.len()).collect();
    // A replacement must not bring unconfirmed coins that the original did not have (BIP125, rule 2).
    let mut coins = spent;
    coins.extend(
        ledger
            .coins(&|_| None)
            .into_iter()
            .filter(|coin| coin.confirmations > 0 && coin.is_spendable() && payment::pays(ledger, coin)),
    );
    let purse = Purse::new(ledger, coins);
    let selection = selection::select(&purse.candidates, &required, &place.goal(&payees, rule), seed)?;
    let change = selection.change.map(|amount| place.output(amount));
    payment::finish(ledger, &purse, &selection.chosen, payees, change, &mut chance)
}

/// A child that spends an output of a transaction to the wallet itself and pays for both.
fn push(ledger: &mut Ledger, txid: &Txid, rate: FeeRate, seed: u64) -> Result<Payment, PaymentError> {
    let coins = ledger.coins(&|_| None).into_iter();
    let usable = coins.filter(|coin| !coin.frozen && payment::pays(ledger, coin));
    let (mut theirs, others): (Vec<Coin>, Vec<Coin>) = usable.partition(|coin| coin.outpoint.txid == *txid);
    if theirs.is_empty() {
        let reason = "it is not the wallet's own, and it left the wallet no coin that could pay for it";
        return Err(PaymentError::Fixed { txid: *txid, reason });
    }
    let parents = ancestors(ledger, txid)?;
    let rule = FeeRule { rate, parents, ..FeeRule::default() };
    theirs.sort_by_key(|coin| (Reverse(coin.value), coin.outpoint));
    let mut others: Vec<Coin> =
        others.into_iter().filter(|coin| coin.confirmations > 0 && coin.is_spendable()).collect();
    others.sort_by_key(|coin| (Reverse(coin.value), coin.outpoint));
    let place = ChangePlace::new(ledger, &theirs[0].account)?;
    theirs.append(&mut others);
    let purse = Purse::new(ledger, theirs);
    let mut chance = Chance::new(seed);
    let mut last = PaymentError::NoRecipient;
    for count in 1..=purse.coins.len() {
        let chosen: Vec<usize> = (0..count).collect();
        match to_one(ledger, &purse, &chosen, place.output(0), rule, &mut chance) {
            Err(error @ PaymentError::NotEnough { .. }) => last = error,
            other => return other,
        }
    }
    Err(last)
}

/// The sizes in virtual bytes and the fees of a transaction and its unconfirmed ancestors.
fn ancestors(ledger: &Ledger, txid: &Txid) -> Result<(u64, u64), PaymentError> {
    let mut family = vec![*txid];
    let (mut size, mut fees, mut at) = (0u64, 0u64, 0);
    while let Some(member) = family.get(at).copied() {
        at += 1;
        let Some(known) = ledger.tx(&member).filter(|known| known.state.height().is_none()) else { continue };
        let unknown = PaymentError::Fixed { txid: member, reason: "it is not known what it pays" };
        fees = fees.saturating_add(ledger.fee(known).ok_or(unknown)?);
        size = size.saturating_add(vsize(known));
        for input in &known.tx.input {
            let parent = input.previous_output.txid;
            if !family.contains(&parent) && family.len() < MAX_ANCESTORS {
                family.push(parent);
            }
        }
    }
    Ok((size, fees))
}

/// Spends coins to one output, which gets all but the fee.
fn to_one(
    ledger: &Ledger,
    purse: &Purse,
    chosen: &[usize],
    mut output: TxOut,
    rule: FeeRule,
    chance: &mut Chance,
) -> Result<Payment, PaymentError> {
    let inputs = chosen.iter().map(|&at| &purse.candidates[at]);
    let available = inputs.clone().fold(0u64, |sum, input| sum.saturating_add(input.value));
    let fee = rule.fee(selection::weight_of(inputs, output.weight().to_wu(), 1));
    let needed = fee.saturating_add(output.script_pubkey.minimal_non_dust().to_sat());
    if available < needed {
        return Err(PaymentError::NotEnough { needed, available });
    }
    output.value = bitcoin::Amount::from_sat(available - fee);
    payment::finish(ledger, purse, chosen, vec![output], None, chance)
}

#[cfg(test)]
mod tests;
