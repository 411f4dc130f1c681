//! Which coins pay: branch and bound for a payment without change, else the best of three simple ways.
//!
//! The search over subsets is `bdk_coin_select`'s. All amounts, also those that the search compares, are counted here in
//! whole satoshis, so a rounded fee rate can neither underpay nor break anything.

use crate::feerate::FeeRate;
use bdk_coin_select::float::Ordf32;
use bdk_coin_select::{BnbMetric, CoinSelector};

/// How many steps the search may take. Enough for wallets with hundreds of coins; it ends within a blink.
const MAX_ROUNDS: usize = 4_000;
/// With more coins than this the search for a payment without change looks at the most valuable ones only.
const MAX_SEARCHED: usize = 200;
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

/// The search's idea of a good set: no change, and less left over than change would cost.
struct WithoutChange<'a> {
    goal: &'a Goal,
    candidates: &'a [Candidate],
    tolerance: u64,
}

impl WithoutChange<'_> {
    fn selected<'b>(
        &'b self,
        selector: &'b CoinSelector<'_>,
    ) -> impl Iterator<Item = &'b Candidate> + Clone + 'b {
        selector.selected_indices().iter().map(|&at| &self.candidates[at])
    }

    /// A float for the search's queue; sums that matter are far below 2^24 satoshis of waste, and others only order it.
    fn score_of(waste: i64) -> Ordf32 {
        Ordf32(waste as f32)
    }
}

impl BnbMetric for WithoutChange<'_> {
    fn score(&mut self, selector: &CoinSelector<'_>) -> Option<Ordf32> {
        let selected = self.selected(selector);
        let sum = sum_of(selected.clone());
        let least = self.goal.least(selected.clone());
        let excess = sum.checked_sub(least).filter(|excess| *excess <= self.tolerance)?;
        // If change would be made of it all the same, this is no payment without change.
        self.goal.settle(selected.clone()).ok().filter(|(change, _)| change.is_none())?;
        let fee = sum - self.goal.value;
        debug_assert!(excess <= fee);
        Some(Self::score_of(self.goal.waste(selected, None, fee)))
    }

    fn bound(&mut self, selector: &CoinSelector<'_>) -> Option<Ordf32> {
        let selected = self.selected(selector);
        let sum = sum_of(selected.clone());
        let least = self.goal.least(selected.clone());
        // More coins leave over only more: each is worth more than its fee.
        if sum > least.saturating_add(self.tolerance) {
            return None;
        }
        let rate = self.goal.fee.rate;
        let rest = || selector.unselected_indices().map(|at| self.candidates[at]);
        let mut reach = signed(sum);
        for input in rest() {
            if reach >= signed(least) {
                break;
            }
            reach = reach.saturating_add(input.effective_value(rate).max(0) + 1);
        }
        if reach < signed(least) {
            return None;
        }
        let weight: u64 = selected.map(Candidate::weight).sum();
        // Every further coin adds to the waste if fees are high now, and takes from it if they are low.
        let most: u64 = if rate < FeeRate::LONG_TERM { rest().map(|input| input.weight()).sum() } else { 0 };
        let weight = weight + most;
        let waste = signed(rate.fee_for_weight(weight)) - signed(FeeRate::LONG_TERM.fee_for_weight(weight));
        Some(Self::score_of(waste.saturating_sub(2)))
    }

    fn requires_ordering_by_descending_value_pwu(&self) -> bool {
        true
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

/// Branch and bound: a set without change, if there is one.
fn search(candidates: &[Candidate], required: &[usize], useful: &[usize], goal: &Goal) -> Option<Vec<usize>> {
    let mut positions = useful.to_vec();
    positions.sort_by_key(|&at| std::cmp::Reverse(candidates[at].value));
    positions.truncate(MAX_SEARCHED);
    let positions = [required, &positions].concat();
    let ours: Vec<Candidate> = pick(candidates, &positions).copied().collect();
    let theirs: Vec<_> = ours
        .iter()
        .map(|coin| bdk_coin_select::Candidate {
            value: coin.value,
            weight: coin.weight(),
            input_count: 1,
            is_segwit: coin.segwit,
        })
        .collect();
    let mut selector = CoinSelector::new(&theirs);
    for at in 0..required.len() {
        selector.select(at);
    }
    let metric = WithoutChange { goal, candidates: &ours, tolerance: goal.cost_of_change() };
    selector.run_bnb(metric, MAX_ROUNDS).ok()?;
    Some(selector.selected_indices().iter().map(|&at| positions[at]).collect())
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

/// Repeatable chance for shuffling; not for secrets (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    /// The same seed gives the same order.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Puts a list into an order that nobody can foresee.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = self.next() % (u64::try_from(last).expect("a length fits") + 1);
            list.swap(last, usize::try_from(other).expect("it is at most a length"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A P2WPKH output and the input that spends it.
    const OUTPUT: u64 = 31 * 4;
    const WITNESS: u64 = 109;

    fn coin(value: u64) -> Candidate {
        Candidate { value, satisfaction: WITNESS, segwit: true }
    }

    fn goal(value: u64, rate: u64) -> Goal {
        Goal {
            value,
            outputs_weight: OUTPUT,
            outputs: 1,
            fee: FeeRule { rate: FeeRate(rate), ..FeeRule::default() },
            change_weight: OUTPUT,
            min_change: 294,
            change_input_weight: INPUT_WEIGHT + WITNESS,
        }
    }

    #[test]
    fn a_set_without_change_is_found() {
        let coins: Vec<_> = [50_000, 31_000, 20_000, 9_000, 120_000].map(coin).into();
        // 20,000 + 31,000 less the fee for two inputs and one output at 5 sat/vB.
        let inputs = [coin(0), coin(0)];
        let fee = FeeRate(5000).fee_for_weight(weight_of(inputs.iter(), OUTPUT, 1));
        let found = select(&coins, &[], &goal(51_000 - fee, 5000), 1).unwrap();
        assert_eq!(found, Selection { chosen: vec![1, 2], change: None, fee });
    }

    #[test]
    fn change_is_made_where_it_is_worth_it() {
        let found = select(&[coin(100_000)], &[], &goal(40_000, 1000), 1).unwrap();
        let fee = FeeRate(1000).fee_for_weight(weight_of([coin(0)].iter(), 2 * OUTPUT, 2));
        assert_eq!(fee, 141, "one input, two outputs");
        assert_eq!(found, Selection { chosen: vec![0], change: Some(60_000 - fee), fee });
        // One satoshi less than worth the change output goes to the miner.
        let found = select(&[coin(40_000 + fee + 293)], &[], &goal(40_000, 1000), 1).unwrap();
        assert_eq!(found, Selection { chosen: vec![0], change: None, fee: fee + 293 });
    }

    #[test]
    fn too_little_says_how_much_is_missing() {
        let short = select(&[coin(1000), coin(500)], &[], &goal(2000, 1000), 1).unwrap_err();
        assert_eq!(short, Short { needed: 2000 + 179, available: 1500 });
        // Coins that cost more than they bring are no help.
        let short = select(&[coin(60); 100], &[], &goal(2000, 1000), 1).unwrap_err();
        assert_eq!(short.available, 0);
        assert!(select(&[], &[], &goal(0, 1000), 1).is_err());
    }

    #[test]
    fn replacements_and_children_pay_for_others() {
        let mut rule = FeeRule { rate: FeeRate(1000), ..FeeRule::default() };
        assert_eq!(rule.fee(400), 100);
        rule.replaces = Some(500);
        assert_eq!(rule.fee(400), 510);
        rule = FeeRule { rate: FeeRate(2000), parents: (200, 200), ..FeeRule::default() };
        assert_eq!(rule.fee(400), 400, "2 sat/vB for 300 vB, of which 200 are paid");
        rule.parents = (200, 1_000_000);
        assert_eq!(rule.fee(400), 200, "its own bytes at least");
    }

    #[test]
    fn thousands_of_coins_are_no_trouble() {
        let coins: Vec<_> = (0..5000).map(|n| coin(1000 + n * 7 % 100_000)).collect();
        let found = select(&coins, &[], &goal(3_000_000, 2000), 7).unwrap();
        assert!(goal(3_000_000, 2000).settle(pick(&coins, &found.chosen)).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn money_is_conserved_and_the_fee_is_right(
            values in prop::collection::vec(1u64..10_000_000, 1..30),
            part in 1u64..1000,
            rate in 100u64..200_000,
            require in any::<bool>(),
            seed in any::<u64>(),
        ) {
            let coins: Vec<_> = values
                .iter()
                .enumerate()
                .map(|(at, &value)| if at % 3 == 0 {
                    Candidate { value, satisfaction: 4 * 107, segwit: false }
                } else {
                    coin(value)
                })
                .collect();
            let sum: u64 = values.iter().sum();
            let goal = goal(sum / 1000 * part + 1, rate);
            let required: &[usize] = if require { &[0] } else { &[] };
            match select(&coins, required, &goal, seed) {
                Ok(found) => {
                    let inputs = pick(&coins, &found.chosen);
                    let brought = sum_of(inputs.clone());
                    prop_assert_eq!(brought, goal.value + found.fee + found.change.unwrap_or(0));
                    let least = goal.fee.fee(goal.weight(inputs, found.change.is_some()));
                    prop_assert!(found.fee >= least);
                    match found.change {
                        Some(change) => prop_assert!(change >= goal.min_change && found.fee == least),
                        None => prop_assert!(found.fee - least <= goal.min_change + goal.cost_of_change()),
                    }
                    prop_assert!(found.chosen.windows(2).all(|pair| pair[0] < pair[1]), "no coin twice");
                    prop_assert!(required.iter().all(|at| found.chosen.contains(at)));
                }
                Err(short) => {
                    // Nothing that helps would have been enough.
                    let useful: Vec<_> = (0..coins.len())
                        .filter(|at| required.contains(at) || coins[*at].effective_value(goal.fee.rate) > 0)
                        .collect();
                    prop_assert!(goal.settle(pick(&coins, &useful)).is_err());
                    prop_assert!(short.needed > short.available);
                }
            }
        }
    }
}
