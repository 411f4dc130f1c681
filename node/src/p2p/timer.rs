//! Events at random times, so that nobody can foresee them or tell a node by its rhythm.
//!
//! All times are microseconds of the node's clock, which tests stop and owners set back: a timer whose next event
//! is further away than chance explains starts anew.

use rand::Rng;

/// A wait of so many means never comes by chance (once in 10^13).
const FAR: i64 = 30;

/// A random time until the next event of those that come every `mean` microseconds on average, independently.
pub fn exponential(rng: &mut impl Rng, mean: i64) -> i64 {
    // Uniform in (0, 1].
    let uniform = 1.0 - rng.random::<f64>();
    (-uniform.ln() * mean as f64).round() as i64
}

/// Events that come independently of each other at a known rate.
#[derive(Debug, Clone, Copy)]
pub struct RandomTimer {
    mean: i64,
    next: Option<i64>,
}

impl RandomTimer {
    /// Events every `mean` microseconds on average. The time runs from the first question.
    pub const fn every(mean: i64) -> Self {
        Self { mean, next: None }
    }

    /// The same, with the first event at once.
    pub const fn at_once_and_every(mean: i64) -> Self {
        Self { mean, next: Some(i64::MIN) }
    }

    /// Whether the next event has come; the time until another one runs from now then.
    pub fn is_due(&mut self, now: i64, rng: &mut impl Rng) -> bool {
        let next = self.next.filter(|next| *next <= now.saturating_add(self.mean.saturating_mul(FAR)));
        let is_due = next.is_some_and(|next| now > next);
        if is_due || next.is_none() {
            self.next = Some(now.saturating_add(exponential(rng, self.mean)));
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    const MEAN: i64 = 1_000_000;

    #[test]
    fn events_come_at_their_rate() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut timer = RandomTimer::every(MEAN);
        let events = (0..1_000_000).filter(|n| timer.is_due(n * MEAN / 100, &mut rng)).count();
        // 10000 are expected, give or take 100.
        assert!((9_500..10_500).contains(&events), "{events}");
    }

    #[test]
    fn the_first_event_may_come_at_once() {
        let mut rng = StdRng::seed_from_u64(1);
        assert!(!RandomTimer::every(MEAN).is_due(5, &mut rng));
        let mut timer = RandomTimer::at_once_and_every(MEAN);
        assert!(timer.is_due(5, &mut rng));
        assert!(!timer.is_due(5, &mut rng));
    }

    #[test]
    fn a_clock_that_was_set_back_does_not_stop_it() {
        let mut rng = StdRng::seed_from_u64(1);
        let mut timer = RandomTimer::every(MEAN);
        timer.is_due(1_000_000 * MEAN, &mut rng);
        assert!(!timer.is_due(0, &mut rng));
        assert!(timer.is_due(31 * MEAN, &mut rng));
    }
}
