//! Soft forks that miners vote on with bits of the block version (BIP9).

use crate::ancestry::Ancestry;
use crate::hash::BlockHash;
use crate::params::{ChainParams, DeploymentStart, VersionBitsDeployment};
use std::collections::HashMap;

/// What the upper three bits of a voting version are.
pub const TOP_BITS: i32 = 0x2000_0000;

const TOP_MASK: u32 = 0xe000_0000;

/// Where a deployment stands. All blocks of a period share one state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DeploymentState {
    /// Before voting.
    Defined,
    /// Miners vote.
    Started,
    /// The vote was won; the rules hold from a later period on.
    LockedIn,
    /// The rules hold, for ever.
    Active,
    /// The vote was lost, for ever.
    Failed,
}

impl DeploymentState {
    /// Core's name of the state.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Defined => "defined",
            Self::Started => "started",
            Self::LockedIn => "locked_in",
            Self::Active => "active",
            Self::Failed => "failed",
        }
    }
}

/// States found before, by deployment and last block of a period. It may be kept between calls and shared between
/// branches, never between chains with different deployments.
#[derive(Debug, Clone, Default)]
pub struct StateCache(HashMap<(u8, BlockHash), DeploymentState>);

/// The votes within a period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VoteCount {
    /// How many blocks the period has.
    pub period: u32,
    /// How many of them must vote for it; 0 once it is locked in.
    pub threshold: u32,
    /// How many of them there are so far.
    pub elapsed: u32,
    /// How many voted for it.
    pub count: u32,
    /// Whether the vote can still be won in this period.
    pub possible: bool,
    /// Who voted for it, from the period's first block on.
    pub signalling: Vec<bool>,
}

/// All that `getdeploymentinfo` says of a deployment at a block (Core's `BIP9Info`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeploymentInfo {
    /// The state of the block.
    pub state: DeploymentState,
    /// The state of the block after it.
    pub next_state: DeploymentState,
    /// The height of the first block in the present state.
    pub since: u32,
    /// The votes so far, while there is a vote or it was won.
    pub votes: Option<VoteCount>,
    /// From which height the rules hold, once that is known.
    pub active_since: Option<u32>,
}

impl VersionBitsDeployment {
    /// The version's bit as a mask.
    pub const fn mask(&self) -> i32 {
        1 << self.bit
    }

    /// Whether a block of this version votes for it.
    pub const fn is_signalled_by(&self, version: i32) -> bool {
        version as u32 & TOP_MASK == TOP_BITS as u32 && version & self.mask() != 0
    }

    /// The state of a block at `height` (at most one above the tip) of the branch.
    pub fn state_at(
        &self,
        branch: &(impl Ancestry + ?Sized),
        height: u32,
        cache: &mut StateCache,
    ) -> DeploymentState {
        match self.start {
            DeploymentStart::AlwaysActive => DeploymentState::Active,
            DeploymentStart::NeverActive => DeploymentState::Failed,
            DeploymentStart::Time(start) => self.voted_state(branch, height / self.period, start, cache),
        }
    }

    /// The state of the given period (0 for the one that begins with genesis): goes back to a period whose state is
    /// known, and then forward.
    fn voted_state(
        &self,
        branch: &(impl Ancestry + ?Sized),
        period: u32,
        start: i64,
        cache: &mut StateCache,
    ) -> DeploymentState {
        let last_before = |period: u32| period * self.period - 1;
        let mut known = period;
        let mut state = loop {
            if known == 0 {
                break DeploymentState::Defined;
            }
            let last = last_before(known);
            if let Some(state) = cache.0.get(&(self.bit, branch.hash_at(last))) {
                break *state;
            }
            if i64::from(branch.median_time_past_at(last)) < start {
                // Everything before it is before the start too.
                break DeploymentState::Defined;
            }
            known -= 1;
        };
        while known < period {
            known += 1;
            state = self.next_state(state, branch, last_before(known), start);
            cache.0.insert((self.bit, branch.hash_at(last_before(known))), state);
        }
        state
    }

    /// The state that follows `state` after the period that ends with the block at `last`.
    fn next_state(
        &self,
        state: DeploymentState,
        branch: &(impl Ancestry + ?Sized),
        last: u32,
        start: i64,
    ) -> DeploymentState {
        let median_time = i64::from(branch.median_time_past_at(last));
        match state {
            DeploymentState::Defined if median_time >= start => DeploymentState::Started,
            DeploymentState::Started => {
                let votes = (last + 1 - self.period..=last)
                    .filter(|height| self.is_signalled_by(branch.header_at(*height).version))
                    .count();
                if votes >= self.threshold as usize {
                    DeploymentState::LockedIn
                } else if median_time >= self.timeout {
                    DeploymentState::Failed
                } else {
                    state
                }
            }
            DeploymentState::LockedIn if last + 1 >= self.min_activation_height => DeploymentState::Active,
            _ => state,
        }
    }

    /// The height of the first block that has the state of the block at `height`.
    fn since(&self, branch: &(impl Ancestry + ?Sized), height: u32, cache: &mut StateCache) -> u32 {
        let DeploymentStart::Time(start) = self.start else { return 0 };
        let mut period = height / self.period;
        let state = self.voted_state(branch, period, start, cache);
        while period > 0 && self.voted_state(branch, period - 1, start, cache) == state {
            period -= 1;
        }
        if state == DeploymentState::Defined { 0 } else { period * self.period }
    }

    /// The votes in the period of the tip, up to the tip.
    fn votes(&self, branch: &(impl Ancestry + ?Sized)) -> VoteCount {
        let tip = branch.tip_height();
        let first = tip - tip % self.period;
        let signalling: Vec<bool> =
            (first..=tip).map(|height| self.is_signalled_by(branch.header_at(height).version)).collect();
        let elapsed = tip - first + 1;
        let count = signalling.iter().filter(|voted| **voted).count() as u32;
        VoteCount {
            period: self.period,
            threshold: self.threshold,
            elapsed,
            count,
            possible: i64::from(self.period) - i64::from(self.threshold) >= i64::from(elapsed - count),
            signalling,
        }
    }

    /// How it stands with the deployment at the branch's tip.
    pub fn info(&self, branch: &(impl Ancestry + ?Sized), cache: &mut StateCache) -> DeploymentInfo {
        let height = branch.tip_height();
        let state = self.state_at(branch, height, cache);
        let next_state = self.state_at(branch, height + 1, cache);
        let since = self.since(branch, height, cache);
        let votes = match state {
            DeploymentState::Started => Some(self.votes(branch)),
            DeploymentState::LockedIn => {
                Some(VoteCount { threshold: 0, possible: false, ..self.votes(branch) })
            }
            _ => None,
        };
        let active_since = match (state, next_state) {
            (DeploymentState::Active, _) => Some(since),
            (_, DeploymentState::Active) => Some(height + 1),
            _ => None,
        };
        DeploymentInfo { state, next_state, since, votes, active_since }
    }
}

/// The version of a block on top of `parent` that votes for all that can be voted for.
pub fn compute_block_version(
    params: &ChainParams,
    parent: &(impl Ancestry + ?Sized),
    cache: &mut StateCache,
) -> i32 {
    let height = parent.tip_height() + 1;
    params.version_bits.iter().fold(TOP_BITS, |version, deployment| {
        match deployment.state_at(parent, height, cache) {
            DeploymentState::Started | DeploymentState::LockedIn => version | deployment.mask(),
            _ => version,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::block::Header;
    use crate::hash::Hash256;

    fn extend(branch: &mut Vec<Header>, count: u32, version: impl Fn(u32, &Vec<Header>) -> i32) {
        for _ in 0..count {
            let height = branch.tip_height() + 1;
            let previous = branch.tip_hash();
            let header = Header {
                version: version(height, branch),
                previous,
                merkle_root: Hash256::ZERO,
                time: 1_296_688_602 + height,
                bits: 0x207f_ffff,
                nonce: 0,
            };
            branch.push(header);
        }
    }

    fn states(
        deployment: &VersionBitsDeployment,
        branch: &Vec<Header>,
        heights: &[u32],
    ) -> Vec<&'static str> {
        let mut kept = StateCache::default();
        let state = |height: &u32| {
            let fresh = deployment.state_at(branch, *height, &mut StateCache::default());
            assert_eq!(deployment.state_at(branch, *height, &mut kept), fresh);
            fresh.name()
        };
        heights.iter().map(state).collect()
    }

    #[test]
    fn regtest_blocks_signal_from_144_on() {
        let params = ChainParams::regtest();
        let mut branch = vec![params.genesis.header];
        let version =
            |_, branch: &Vec<Header>| compute_block_version(&params, branch, &mut StateCache::default());
        extend(&mut branch, 600, version);
        for (height, header) in branch.iter().enumerate().skip(1) {
            let signals = (144..432).contains(&height);
            assert_eq!(header.version, if signals { 0x3000_0000 } else { 0x2000_0000 }, "height {height}");
        }
        let deployment = &params.version_bits[0];
        let expected =
            ["defined", "defined", "started", "started", "locked_in", "locked_in", "active", "active"];
        assert_eq!(states(deployment, &branch, &[0, 143, 144, 287, 288, 431, 432, 601]), expected);
        let info = deployment.info(&branch, &mut StateCache::default());
        assert_eq!((info.since, info.active_since, info.votes), (432, Some(432), None));
        branch.truncate(300);
        let info = deployment.info(&branch, &mut StateCache::default());
        assert_eq!((info.state, info.since), (DeploymentState::LockedIn, 288));
        let votes = info.votes.unwrap();
        assert_eq!((votes.elapsed, votes.count, votes.threshold, votes.possible), (12, 12, 0, false));
        branch.truncate(288);
        let info = deployment.info(&branch, &mut StateCache::default());
        assert_eq!(info.next_state, DeploymentState::LockedIn);
        assert_eq!(info.votes.unwrap().signalling, [true; 144]);
    }

    #[test]
    fn votes_can_fail_wait_and_be_won_at_the_threshold() {
        let mut params = ChainParams::regtest();
        let deployment = &mut params.version_bits[0];
        deployment.timeout = 1_296_688_602 + 400;
        deployment.min_activation_height = 720;
        let voters = |needed: u32| {
            move |height: u32, _: &Vec<Header>| if height % 144 < needed { 0x3000_0000 } else { 0x2000_0000 }
        };
        let heights = [143, 144, 288, 432, 576, 719, 720];
        let mut lost = vec![params.genesis.header];
        extend(&mut lost, 800, voters(107));
        let expected = ["defined", "started", "started", "failed", "failed", "failed", "failed"];
        assert_eq!(states(&params.version_bits[0], &lost, &heights), expected);
        let mut won = vec![params.genesis.header];
        extend(&mut won, 800, voters(108));
        let expected = ["defined", "started", "locked_in", "locked_in", "locked_in", "locked_in", "active"];
        assert_eq!(states(&params.version_bits[0], &won, &heights), expected);
        let mut never = ChainParams::main().version_bits.remove(0);
        assert_eq!(states(&never, &won, &[500]), ["failed"]);
        never.start = DeploymentStart::AlwaysActive;
        assert_eq!(states(&never, &won, &[500]), ["active"]);
        assert!(!never.is_signalled_by(0x1000_0000) && !never.is_signalled_by(0x7000_0000));
    }
}
