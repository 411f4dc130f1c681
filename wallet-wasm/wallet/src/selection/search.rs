//! Branch and bound: the set without change that wastes least.

use super::{Candidate, Goal, pick, signed, sum_of};
use crate::feerate::FeeRate;
use bdk_coin_select::float::Ordf32;
use bdk_coin_select::{BnbMetric, CoinSelector};

/// How many steps the search may take. Enough for wallets with hundreds of coins; it ends within a blink.
const MAX_ROUNDS: usize = 4_000;

/// With more coins than this the search for a payment without change looks at the most valuable ones only.
const MAX_SEARCHED: usize = 200;

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

/// Branch and bound: a set without change, if there is one.
pub(super) fn search(
    candidates: &[Candidate],
    required: &[usize],
    useful: &[usize],
    goal: &Goal,
) -> Option<Vec<usize>> {
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
