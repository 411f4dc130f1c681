//! How long to wait after a failure.

use rand::Rng;
use std::time::Duration;

/// The longest wait that a plugin may ask for itself.
const MOST_ASKED: Duration = Duration::from_secs(60 * 60);

/// The waits after failures in a row: they double.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BackoffPolicy {
    /// The first.
    pub first: Duration,
    /// None is longer.
    pub most: Duration,
}

impl Default for BackoffPolicy {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), most: Duration::from_secs(60) }
    }
}

/// Failures in a row.
#[derive(Debug)]
pub(super) struct Backoff {
    policy: BackoffPolicy,
    failures: u32,
}

impl Backoff {
    pub(super) fn new(policy: BackoffPolicy) -> Self {
        Self { policy, failures: 0 }
    }

    /// It works again.
    pub(super) fn clear(&mut self) {
        self.failures = 0;
    }

    /// How long to wait after one more failure: `asked`, or the policy's wait less up to half of it by chance, so that
    /// those who failed together do not come back together.
    pub(super) fn next(&mut self, asked: Option<Duration>) -> Duration {
        let doubled = self.policy.first.saturating_mul(1 << self.failures.min(16)).min(self.policy.most);
        self.failures = self.failures.saturating_add(1);
        match asked {
            Some(asked) => asked.min(MOST_ASKED),
            None => doubled.mul_f64(rand::rng().random_range(0.5..=1.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_most_with_jitter() {
        let mut backoff = Backoff::new(BackoffPolicy::default());
        for expected in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            let (most, wait) = (Duration::from_secs(expected), backoff.next(None));
            assert!(wait <= most && wait >= most / 2, "{wait:?} after {expected} s");
        }
        assert_eq!(backoff.next(Some(Duration::from_secs(5))), Duration::from_secs(5));
        assert_eq!(backoff.next(Some(Duration::MAX)), MOST_ASKED);
        backoff.clear();
        assert!(backoff.next(None) <= Duration::from_secs(1));
        let mut many = Backoff { failures: u32::MAX, ..Backoff::new(BackoffPolicy::default()) };
        assert!(many.next(None) <= Duration::from_secs(60));
    }
}
