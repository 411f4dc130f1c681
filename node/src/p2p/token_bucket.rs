//! How many of a peer's addresses are processed: a few in a burst, then a steady trickle.
//!
//! Times are microseconds since 1970 of the node's clock, so that a mocked clock fills the bucket too.

/// Addresses per second that any peer may tell of (Core's `MAX_ADDR_RATE_PER_SECOND`).
const PER_SECOND: f64 = 0.1;
/// What time alone fills a bucket to (Core's `MAX_ADDR_PROCESSING_TOKEN_BUCKET`, the size of one message).
const CAPACITY: f64 = 1000.0;

/// The addresses that a peer may still tell of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TokenBucket {
    tokens: f64,
    filled_at: i64,
}

impl TokenBucket {
    /// The bucket of a peer that connects now: one address, its own.
    pub fn new(now_micros: i64) -> Self {
        Self { tokens: 1.0, filled_at: now_micros }
    }

    /// Adds what the time since the last call is worth. A clock that went back adds nothing.
    pub fn refill(&mut self, now_micros: i64) {
        // More than the capacity, which only an expected answer brings, is kept but does not grow.
        if self.tokens < CAPACITY {
            let seconds = now_micros.saturating_sub(self.filled_at).max(0) as f64 / 1e6;
            self.tokens = (self.tokens + seconds * PER_SECOND).min(CAPACITY);
        }
        self.filled_at = now_micros;
    }

    /// Makes room for the answer to a question, whether or not it fits the bucket.
    pub fn expect(&mut self, addresses: u32) {
        self.tokens += f64::from(addresses);
    }

    /// Takes one address; false if there is none.
    pub fn take(&mut self) -> bool {
        let has_one = self.tokens >= 1.0;
        if has_one {
            self.tokens -= 1.0;
        }
        has_one
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn takes(bucket: &mut TokenBucket) -> usize {
        (0..10_000).take_while(|_| bucket.take()).count()
    }

    #[test]
    fn ten_seconds_are_worth_an_address() {
        let start = 1_700_000_000 * SECOND;
        let mut bucket = TokenBucket::new(start);
        assert_eq!(takes(&mut bucket), 1);
        bucket.refill(start + 9 * SECOND);
        assert_eq!(takes(&mut bucket), 0);
        bucket.refill(start + 31 * SECOND);
        assert_eq!(takes(&mut bucket), 3);
    }

    #[test]
    fn time_fills_the_bucket_to_its_capacity() {
        let mut bucket = TokenBucket::new(0);
        bucket.refill(i64::MAX);
        assert_eq!(takes(&mut bucket), 1000);
    }

    #[test]
    fn an_expected_answer_may_overflow_it() {
        let mut bucket = TokenBucket::new(0);
        bucket.refill(100_000 * SECOND);
        bucket.expect(1000);
        bucket.refill(200_000 * SECOND);
        assert_eq!(takes(&mut bucket), 2000);
        // The time above the capacity was not saved up.
        bucket.refill(200_010 * SECOND);
        assert_eq!(takes(&mut bucket), 1);
    }

    #[test]
    fn a_clock_that_goes_back_takes_nothing_away() {
        let mut bucket = TokenBucket::new(100 * SECOND);
        bucket.refill(50 * SECOND);
        assert_eq!(takes(&mut bucket), 1);
        bucket.refill(60 * SECOND);
        assert_eq!(takes(&mut bucket), 1);
        bucket.refill(i64::MIN);
        assert_eq!(takes(&mut bucket), 0);
    }
}
