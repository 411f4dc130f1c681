//! Which target the next block must have.

mod asert;

pub use asert::asert_target;

use crate::ancestry::Ancestry;
use crate::params::{AsertAnchor, ChainParams, Retarget};
use crate::pow::Target;
use ruint::aliases::U512;

/// The bits that a block with timestamp `new_time` on top of `parent` must carry.
pub fn next_bits(params: &ChainParams, parent: &(impl Ancestry + ?Sized), new_time: u32) -> u32 {
    match params.retarget {
        Retarget::Bitcoin2016 => bitcoin_bits(params, parent, None),
        Retarget::TestnetMinDifficulty => bitcoin_bits(params, parent, Some(new_time)),
        Retarget::NoRetarget => parent.tip().bits,
        Retarget::Fixed(bits) => bits,
        Retarget::Asert { half_life, anchor } => asert_bits(params, parent, half_life, anchor),
    }
}

/// Core's `GetNextWorkRequired`; `new_time` is given where late blocks may be easy.
fn bitcoin_bits(params: &ChainParams, parent: &(impl Ancestry + ?Sized), new_time: Option<u32>) -> u32 {
    let interval = params.retarget_interval();
    let tip_height = parent.tip_height();
    let tip = parent.tip();
    if !(tip_height + 1).is_multiple_of(interval) {
        let Some(new_time) = new_time else { return tip.bits };
        let easiest = params.pow_limit.to_compact();
        if i64::from(new_time) > i64::from(tip.time) + 2 * i64::from(params.target_spacing) {
            return easiest;
        }
        // The last block that was not easy because it was late.
        let mut height = tip_height;
        let mut bits = tip.bits;
        while height > 0 && !height.is_multiple_of(interval) && bits == easiest {
            height -= 1;
            bits = parent.header_at(height).bits;
        }
        return bits;
    }
    let first = parent.header_at(tip_height + 1 - interval);
    let base = if params.enforce_bip94 { first.bits } else { tip.bits };
    let timespan = i64::from(params.target_timespan);
    let actual = (i64::from(tip.time) - i64::from(first.time)).clamp(timespan / 4, timespan * 4);
    scale(base, actual as u64, params.target_timespan, params.pow_limit)
}

/// `bits` times `numerator / denominator`, at most the limit. 512 bits in between, so an easy limit can't wrap.
fn scale(bits: u32, numerator: u64, denominator: u32, limit: Target) -> u32 {
    let Ok(base) = Target::from_compact(bits) else { return limit.to_compact() };
    let scaled = U512::from(base.0) * U512::from(numerator) / U512::from(denominator.max(1));
    let target = if scaled > U512::from(limit.0) { limit } else { Target(scaled.to()) };
    target.to_compact()
}

/// By how many halvings or doublings one block may move the target where ASERT is anchored at the parent.
///
/// Lead and lag of consecutive blocks add up there only as long as the target is not cut off at the limit. Without
/// a bound, one block stamped two hours ahead would count for nothing at the limit, and the honest one after it for
/// 120 halvings: the chain would never find another block. With it, the way up and the way down count the same.
const MAX_STEP_HALF_LIVES: i64 = 4;

fn asert_bits(
    params: &ChainParams,
    parent: &(impl Ancestry + ?Sized),
    half_life: u32,
    anchor: AsertAnchor,
) -> u32 {
    let height = parent.tip_height();
    let tip = parent.tip();
    let (anchor_height, anchor_bits, time_before_anchor) = match anchor {
        // Genesis has no parent to take the time of: it counts as having come exactly on schedule.
        AsertAnchor::Genesis => {
            let genesis = parent.header_at(0);
            (0, genesis.bits, i64::from(genesis.time) - i64::from(params.target_spacing))
        }
        AsertAnchor::Parent if height == 0 => return tip.bits,
        AsertAnchor::Parent => {
            let bound = MAX_STEP_HALF_LIVES * i64::from(half_life);
            let solve_time = i64::from(tip.time) - i64::from(parent.header_at(height - 1).time);
            (height, tip.bits, i64::from(tip.time) - solve_time.clamp(-bound, bound))
        }
    };
    let Ok(anchor_target) = Target::from_compact(anchor_bits) else { return params.pow_limit.to_compact() };
    asert_target(
        anchor_target,
        params.target_spacing,
        i64::from(tip.time) - time_before_anchor,
        height - anchor_height,
        params.pow_limit,
        half_life,
    )
    .to_compact()
}

/// Whether a block at `height` may have `new_bits` on top of a parent with `old_bits`, as far as that can be
/// judged without the branch (Core's `PermittedDifficultyTransition`, for header sync against floods).
pub fn permitted_transition(params: &ChainParams, height: u32, old_bits: u32, new_bits: u32) -> bool {
    match params.retarget {
        Retarget::TestnetMinDifficulty | Retarget::Asert { .. } => true,
        Retarget::NoRetarget => old_bits == new_bits,
        Retarget::Fixed(bits) => new_bits == bits,
        Retarget::Bitcoin2016 if !height.is_multiple_of(params.retarget_interval()) => old_bits == new_bits,
        Retarget::Bitcoin2016 => {
            let timespan = params.target_timespan;
            let bound = |numerator| scale(old_bits, numerator, timespan, params.pow_limit);
            let (Ok(easiest), Ok(hardest), Ok(new)) = (
                Target::from_compact(bound(u64::from(timespan) * 4)),
                Target::from_compact(bound(u64::from(timespan / 4))),
                Target::from_compact(new_bits),
            ) else {
                return false;
            };
            (hardest..=easiest).contains(&new)
        }
    }
}

#[cfg(test)]
mod tests;
