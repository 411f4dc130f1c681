//! How often one client may ask: a [token bucket](Bucket) per address, or one for a connection.
//!
//! A client may make `burst` requests at once and `per_second` in the long run. Memory is bounded: when the table is
//! full, buckets that are full again are dropped, and if none is, the one that was used longest ago.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How many addresses are remembered.
const MAX_CLIENTS: usize = 10_000;

/// A rate of requests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests per second in the long run; above 0.
    pub per_second: f64,
    /// Requests at once; at least 1.
    pub burst: f64,
}

impl Default for Rate {
    fn default() -> Self {
        Self { per_second: 200.0, burst: 400.0 }
    }
}

/// What one client may still ask for, at a rate that is the same at every call.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// That of a client who has not asked yet.
    pub fn full(rate: &Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, at: now }
    }

    /// Takes one token; otherwise the time until there is one.
    pub fn take(&mut self, rate: &Rate, now: Instant) -> Result<(), Duration> {
        let tokens = self.tokens_at(rate, now);
        *self = Self { tokens, at: now.max(self.at) };
        if tokens < 1.0 {
            let wait = Duration::try_from_secs_f64((1.0 - tokens) / rate.per_second);
            return Err(wait.unwrap_or(Duration::MAX));
        }
        self.tokens = tokens - 1.0;
        Ok(())
    }

    fn tokens_at(&self, rate: &Rate, now: Instant) -> f64 {
        let since = now.saturating_duration_since(self.at).as_secs_f64();
        (self.tokens + since * rate.per_second).min(rate.burst)
    }
}

/// The buckets of the clients that asked lately.
#[derive(Debug)]
pub struct RateLimiter {
    rate: Rate,
    capacity: usize,
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

/// Who asks, as far as counting goes: one subscriber holds a whole /64 of IPv6: it is one client.
pub(crate) fn client_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() & !u128::from(u64::MAX)).into()),
        v4 => v4,
    }
}

impl RateLimiter {
    /// A limiter with full buckets.
    pub fn new(rate: Rate) -> Self {
        let rate = Rate { per_second: rate.per_second.max(1e-3), burst: rate.burst.max(1.0) };
        Self { rate, capacity: MAX_CLIENTS, buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes one token of `address` at `now`; otherwise the time until there is one.
    pub fn take(&self, address: IpAddr, now: Instant) -> Result<(), Duration> {
        let client = client_of(address);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= self.capacity && !buckets.contains_key(&client) {
            buckets.retain(|_, bucket| bucket.tokens_at(&self.rate, now) < self.rate.burst);
            if buckets.len() >= self.capacity
                && let Some(oldest) =
                    buckets.iter().min_by_key(|(_, bucket)| bucket.at).map(|(client, _)| *client)
            {
                buckets.remove(&oldest);
            }
        }
        buckets.entry(client).or_insert_with(|| Bucket::full(&self.rate, now)).take(&self.rate, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_the_rate() {
        let limiter = RateLimiter::new(Rate { per_second: 2.0, burst: 3.0 });
        let start = Instant::now();
        let client: IpAddr = "10.0.0.1".parse().unwrap();
        for _ in 0..3 {
            assert_eq!(limiter.take(client, start), Ok(()));
        }
        assert_eq!(limiter.take(client, start), Err(Duration::from_millis(500)));
        assert_eq!(limiter.take("10.0.0.2".parse().unwrap(), start), Ok(()));
        assert_eq!(limiter.take(client, start + Duration::from_millis(500)), Ok(()));
        assert!(limiter.take(client, start + Duration::from_millis(500)).is_err());
        for _ in 0..3 {
            assert_eq!(limiter.take(client, start + Duration::from_secs(3600)), Ok(()));
        }
        assert!(limiter.take(client, start + Duration::from_secs(3600)).is_err());
    }

    #[test]
    fn a_subscribers_ipv6_network_is_one_client() {
        let limiter = RateLimiter::new(Rate { per_second: 1.0, burst: 1.0 });
        let now = Instant::now();
        assert!(limiter.take("2001:db8::1".parse().unwrap(), now).is_ok());
        assert!(limiter.take("2001:db8::2".parse().unwrap(), now).is_err());
        assert!(limiter.take("2001:db8:0:1::1".parse().unwrap(), now).is_ok());
        assert!(limiter.take("10.0.0.1".parse().unwrap(), now).is_ok());
        assert!(limiter.take("::ffff:10.0.0.1".parse().unwrap(), now).is_err());
    }

    #[test]
    fn memory_is_bounded() {
        let mut limiter = RateLimiter::new(Rate { per_second: 1.0, burst: 2.0 });
        limiter.capacity = 10;
        let start = Instant::now();
        for number in 0..100u32 {
            let at = start + Duration::from_millis(number.into());
            assert!(limiter.take(IpAddr::V4(number.into()), at).is_ok());
        }
        assert_eq!(limiter.buckets.lock().unwrap().len(), 10);
        let later = start + Duration::from_secs(60);
        assert!(limiter.take(IpAddr::V4(1_000.into()), later).is_ok());
        assert_eq!(limiter.buckets.lock().unwrap().len(), 1);
    }
}
