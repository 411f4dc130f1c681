//! Which coins pay: branch and bound for a payment without change, else the best of three simple ways.
//!
//! The search over subsets is `bdk_coin_select`'s. All amounts, also those that the search compares, are counted here in
//! whole satoshis, so a rounded fee rate can neither underpay nor break anything.

mod chance;
mod search;

pub(crate) use chance::Chance;

use crate::feerate::FeeRate;
use search::search;

/// What an input weighs besides its signatures: outpoint, sequence and an empty script.
pub(crate) const INPUT_WEIGHT: u64 = 164;
/// What a transaction weighs besides inputs, outputs and their counts: version and lock time.
const FIXED_WEIGHT: u64 = 32;

/// A coin that may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Satoshis.
    pub value: u64,
    /// The most weight that its signatures take.
    pub satisfaction: u64,
    /// Whether it has a witness.
    pub segwit: bool,
}

impl Candidate {
    fn weight(&self) -> u64 {
        INPUT_WEIGHT + self.satisfaction
    }

    /// What it is worth after its own fee, in satoshis.
    pub fn effective_value(&self, rate: FeeRate) -> i64 {
        signed(self.value) - signed(rate.fee_for_weight(self.weight() + 1))
    }
}

/// What a transaction has to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct FeeRule {
    /// For its own size.
    pub rate: FeeRate,
    /// The fees of the transactions that it replaces: it must pay more by [`FeeRate::INCREMENTAL_RELAY`] for its own
    /// size (BIP125, rules 3 and 4).
    pub replaces: Option<u64>,
    /// The size in virtual bytes of unconfirmed ancestors that it lifts to its own rate, and what they pay.
    pub parents: (u64, u64),
    /// What it pays whatever its size, in satoshis, if that is more.
    pub least: u64,
}

impl FeeRule {
    /// The least fee in satoshis for a transaction of this weight.
    pub fn fee(&self, weight: u64) -> u64 {
        let vsize = weight.div_ceil(4);
        let own = self.rate.fee(vsize);
        let replacement =
            self.replaces.map_or(0, |fees| fees.saturating_add(FeeRate::INCREMENTAL_RELAY.fee(vsize).max(1)));
        let package = self.rate.fee(vsize.saturating_add(self.parents.0)).saturating_sub(self.parents.1);
        own.max(replacement).max(package).max(self.least)
    }
}

/// What is to be paid.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    /// The sum of the outputs, in satoshis.
    pub value: u64,
    /// The weight of the outputs, without their count.
    pub outputs_weight: u64,
    /// How many outputs there are.
    pub outputs: usize,
    /// The fee.
    pub fee: FeeRule,
    /// The weight of a change output.
    pub change_weight: u64,
    /// The least change in satoshis: less is dust.
    pub min_change: u64,
    /// The weight of an input that spends the change one day.
    pub change_input_weight: u64,
}

/// Coins that pay for a goal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Their positions among the candidates, in ascending order.
    pub chosen: Vec<usize>,
    /// What remains as change, in satoshis.
    pub change: Option<u64>,
    /// What is paid to be confirmed, in satoshis.
    pub fee: u64,
}

/// The coins do not suffice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Short {
    /// What would be needed, with the fee for spending everything there is, in satoshis.
    pub needed: u64,
    /// What there is, in satoshis.
    pub available: u64,
}

/// The length of a count.
fn count_len(count: usize) -> u64 {
    match count {
        0..=0xfc => 1,
        0xfd..=0xffff => 3,
        _ => 5,
    }
}

fn sum_of<'a>(inputs: impl Iterator<Item = &'a Candidate>) -> u64 {
    inputs.fold(0, |sum, input| sum.saturating_add(input.value))
}

fn signed(amount: u64) -> i64 {
    i64::try_from(amount).unwrap_or(i64::MAX)
}

/// The weight of a transaction with these inputs and outputs, at most.
pub(crate) fn weight_of<'a>(
    inputs: impl Iterator<Item = &'a Candidate>,
    outputs_weight: u64,
    outputs: usize,
) -> u64 {
    let (mut weight, mut count, mut segwit) = (0u64, 0usize, false);
    for input in inputs {
        weight += input.weight();
        count += 1;
        segwit |= input.segwit;
    }
    let witness = if segwit { 2 + u64::try_from(count).unwrap_or(u64::MAX) } else { 0 };
    FIXED_WEIGHT + 4 * count_len(count) + weight + witness + 4 * count_len(outputs) + outputs_weight
}

impl Goal {
    fn weight<'a>(&self, inputs: impl Iterator<Item = &'a Candidate>, change: bool) -> u64 {
        let (extra, more) = if change { (self.change_weight, 1) } else { (0, 0) };
        weight_of(inputs, self.outputs_weight + extra, self.outputs + more)
    }

    /// What these coins must bring if there is no change.
    fn least<'a>(&self, inputs: impl Iterator<Item = &'a Candidate>) -> u64 {
        self.value.saturating_add(self.fee.fee(self.weight(inputs, false)))
    }

    /// What these coins leave over as change, and the fee; `Err` says how much is missing.
    fn settle<'a>(
        &self,
        inputs: impl Iterator<Item = &'a Candidate> + Clone,
    ) -> Result<(Option<u64>, u64), u64> {
        let sum = sum_of(inputs.clone());
        let least = self.least(inputs.clone());
        if sum < least {
            return Err(least - sum);
        }
        let with_change = self.value.saturating_add(self.fee.fee(self.weight(inputs, true)));
        match sum.checked_sub(with_change) {
            Some(change) if change >= self.min_change => Ok((Some(change), with_change - self.value)),
            _ => Ok((None, sum - self.value)),
        }
    }

    /// What making change costs: its output now, its input one day.
    fn cost_of_change(&self) -> u64 {
        self.fee.rate.fee_for_weight(self.change_weight)
            + FeeRate::DUST_RELAY.fee_for_weight(self.change_input_weight)
    }

    /// How much worse than in a calm hour it is to spend these coins now, and what else is lost, in satoshis.
    fn waste<'a>(
        &self,
        inputs: impl Iterator<Item = &'a Candidate> + Clone,
        change: Option<u64>,
        fee: u64,
    ) -> i64 {
        let weight: u64 = inputs.clone().map(Candidate::weight).sum();
        let now = signed(self.fee.rate.fee_for_weight(weight));
        let later = signed(FeeRate::LONG_TERM.fee_for_weight(weight));
        let lost = match change {
            Some(_) => self.cost_of_change(),
            None => fee.saturating_sub(self.fee.fee(self.weight(inputs, false))),
        };
        now - later + signed(lost)
    }
}

/// Chooses coins for a goal. Those at the positions `required` are used in any case; `seed` makes chance repeatable.
pub(crate) fn select(
    candidates: &[Candidate],
    required: &[usize],
    goal: &Goal,
    seed: u64,
) -> Result<Selection, Short> {
    // A coin that costs more than it brings is no help.
    let useful: Vec<usize> = (0..candidates.len())
        .filter(|at| !required.contains(at) && candidates[*at].effective_value(goal.fee.rate) > 0)
        .collect();
    let mut found: Vec<Vec<usize>> = Vec::new();
    found.extend(search(candidates, required, &useful, goal));
    let mut by_value = useful.clone();
    by_value.sort_by_key(|&at| (candidates[at].value, at));
    // The smallest coin that suffices by itself.
    if enough(candidates, required, goal) {
        found.push(required.to_vec());
    } else {
        let alone = by_value.iter().map(|&at| [required, &[at]].concat());
        found.extend(alone.into_iter().find(|set| enough(candidates, set, goal)));
        // The largest first: few inputs.
        found.extend(draw(candidates, required, by_value.iter().rev(), goal));
        // As chance will have it: keeps the wallet's coins of mixed sizes.
        let mut shuffled = useful.clone();
        Chance::new(seed).shuffle(&mut shuffled);
        found.extend(draw(candidates, required, shuffled.iter(), goal));
    }
    let settle = |mut chosen: Vec<usize>| {
        chosen.sort_unstable();
        let inputs = pick(candidates, &chosen);
        let (change, fee) = goal.settle(inputs.clone()).ok()?;
        let waste = goal.waste(inputs, change, fee);
        Some((waste, Selection { chosen, change, fee }))
    };
    let best = found.into_iter().filter_map(settle).min_by_key(|(waste, set)| (*waste, set.chosen.len()));
    best.map(|(_, selection)| selection).ok_or_else(|| {
        let all = [required, &useful].concat();
        let inputs = pick(candidates, &all);
        Short { needed: goal.least(inputs.clone()), available: sum_of(inputs) }
    })
}

fn pick<'a>(
    candidates: &'a [Candidate],
    positions: &'a [usize],
) -> impl Iterator<Item = &'a Candidate> + Clone + 'a {
    positions.iter().map(|&at| &candidates[at])
}

fn enough(candidates: &[Candidate], positions: &[usize], goal: &Goal) -> bool {
    goal.settle(pick(candidates, positions)).is_ok()
}

/// Takes coins in this order until they suffice, then leaves out those that are not needed.
fn draw<'a>(
    candidates: &[Candidate],
    required: &[usize],
    order: impl Iterator<Item = &'a usize>,
    goal: &Goal,
) -> Option<Vec<usize>> {
    let mut set = required.to_vec();
    let mut sum = sum_of(pick(candidates, &set));
    for &at in order {
        set.push(at);
        sum = sum.saturating_add(candidates[at].value);
        if sum >= goal.value && enough(candidates, &set, goal) {
            break;
        }
    }
    if !enough(candidates, &set, goal) {
        return None;
    }
    let mut at = required.len();
    while at + 1 < set.len() {
        let dropped = set.remove(at);
        if !enough(candidates, &set, goal) {
            set.insert(at, dropped);
            at += 1;
        }
    }
    Some(set)
}

#[cfg(test)]
mod tests;
