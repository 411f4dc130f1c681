//! The node's one clock, which tests and `setmocktime` can stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, shared by everything in the node that asks for the time. Clones are the same clock.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// The mocked time, 0 when the system's clock runs.
    mock: Arc<AtomicI64>,
}

impl Clock {
    /// A clock that follows the system's.
    pub fn new() -> Self {
        Self::default()
    }

    /// Seconds since 1970, or the mocked time.
    pub fn now(&self) -> i64 {
        match self.mock.load(Ordering::Relaxed) {
            0 => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX)),
            mocked => mocked,
        }
    }

    /// Microseconds since 1970; whole seconds while the time is mocked.
    pub fn now_micros(&self) -> i64 {
        match self.mock.load(Ordering::Relaxed) {
            0 => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX)),
            mocked => mocked.saturating_mul(1_000_000),
        }
    }

    /// Stops the clock at a time; `None` or 0 lets it follow the system's again (as Core's `setmocktime`).
    pub fn set_mock(&self, time: Option<i64>) {
        self.mock.store(time.unwrap_or(0), Ordering::Relaxed);
    }

    /// Whether the time is mocked.
    pub fn is_mocked(&self) -> bool {
        self.mock.load(Ordering::Relaxed) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_the_mocked_time() {
        let clock = Clock::new();
        let other = clock.clone();
        clock.set_mock(Some(1_296_688_602));
        assert_eq!(other.now(), 1_296_688_602);
        assert!(other.is_mocked());
        other.set_mock(None);
        assert!(clock.now() > 1_700_000_000);
    }
}
