//! Telling peers which transactions pay too little to be worth announcing, and minding what they tell (BIP133).

use super::exponential;
use crate::mempool::FeeRate;
use crate::p2p::kind::ConnectionKind;
use crate::p2p::permissions::Permissions;
use crate::p2p::processing::{Peer, Protocol, SECOND};
use crate::p2p::wire::{FEE_FILTER_VERSION, Message};
use chaincore_consensus::Amount;
use chaincore_consensus::amount::MAX_MONEY;
use rand::Rng;

/// The mean time between two filters, in microseconds.
const INTERVAL: i64 = 10 * 60 * SECOND;
/// A filter that changed much goes out within this time.
const MAX_CHANGE_DELAY: i64 = 5 * 60 * SECOND;
/// The steps of what is told: from about half the least rate that anybody relays, in satoshis per 1000 virtual bytes, a
/// tenth more each, up to this.
const FIRST_STEP: f64 = 50.0;
const LAST_STEP: f64 = 1e7;
const SPACING: f64 = 1.1;

/// Rounds rates to few steps, and not always to the same one, so that a node cannot be told by its filter.
#[derive(Debug)]
pub(super) struct FeeRounder {
    /// Growing; the first is 0.
    steps: Vec<f64>,
}

impl Default for FeeRounder {
    fn default() -> Self {
        let mut steps = vec![0.0];
        let mut step = FIRST_STEP;
        while step <= LAST_STEP {
            steps.push(step);
            step *= SPACING;
        }
        Self { steps }
    }
}

impl FeeRounder {
    /// A step near a rate: the next one below it two times in three, else the next one not below it.
    fn round(&self, rate: i64, rng: &mut impl Rng) -> i64 {
        let above = self.steps.partition_point(|step| *step < rate as f64);
        let goes_down = above == self.steps.len() || (above != 0 && rng.random_range(0..3u32) != 0);
        self.steps[above - usize::from(goes_down)] as i64
    }

    /// What [`MAX_MONEY`] is rounded to.
    fn highest(&self) -> i64 {
        self.steps.last().map_or(0, |step| *step as i64)
    }
}

impl Protocol {
    pub(in crate::p2p::processing) fn on_fee_filter(&self, peer: &mut Peer, rate: i64) {
        if !Amount(rate).in_range() {
            return;
        }
        peer.txs.set_min_rate(FeeRate(rate));
        let (rate, id) = (FeeRate(rate), peer.id());
        tracing::debug!(target: "net", "received: feefilter of {rate} BTC/kvB from peer={id}");
    }

    /// Core's `MaybeSendFeefilter`.
    pub(in crate::p2p::processing) fn send_fee_filter_if_due(&mut self, peer: &mut Peer) {
        if self.network.options().blocks_only
            || peer.common_version < FEE_FILTER_VERSION
            || peer.link.may(Permissions::FORCE_RELAY)
            || peer.kind() == ConnectionKind::BlockRelay
        {
            return;
        }
        let (mut rate, least) = {
            let pool = self.pool();
            (pool.min_fee(self.now()).0, pool.options().min_relay.0)
        };
        if self.chain.is_initial_download() {
            // Nothing that is announced now would be fetched.
            rate = MAX_MONEY;
        } else if peer.txs.sent_filter == self.txs.rounder.highest() {
            peer.txs.next_filter = 0;
        }
        let now = self.now_micros();
        let sent = peer.txs.sent_filter;
        if now > peer.txs.next_filter {
            let rounded = self.txs.rounder.round(rate, &mut self.rng).max(least);
            if rounded != sent {
                peer.send(&Message::FeeFilter(rounded));
                peer.txs.sent_filter = rounded;
            }
            peer.txs.next_filter = now + exponential(&mut self.rng, INTERVAL);
        } else if now + MAX_CHANGE_DELAY < peer.txs.next_filter
            && (rate < 3 * sent / 4 || rate > 4 * sent / 3)
        {
            peer.txs.next_filter = now + self.rng.random_range(0..MAX_CHANGE_DELAY);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn rates_become_one_of_the_two_steps_around_them() {
        let rounder = FeeRounder::default();
        let mut rng = StdRng::seed_from_u64(1);
        let mut seen: Vec<i64> = (0..100).map(|_| rounder.round(100, &mut rng)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen, [97, 107]);
        assert_eq!(rounder.round(0, &mut rng), 0);
    }

    #[test]
    fn the_largest_amount_is_always_the_last_step() {
        let rounder = FeeRounder::default();
        let mut rng = StdRng::seed_from_u64(2);
        // What Core sends during its first sync.
        assert_eq!(rounder.round(MAX_MONEY, &mut rng), 9_936_506);
        assert_eq!(rounder.highest(), 9_936_506);
    }
}
