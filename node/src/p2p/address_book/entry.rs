//! What is known of one address.

use crate::p2p::net_address::{Host, Network};
use crate::p2p::wire::PeerAddress;

pub(super) const MINUTE: i64 = 60;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// An address that nobody has heard of for longer is of no use.
const HORIZON: i64 = 30 * DAY;
/// After how many failures an address is given up that was never connected to.
const RETRIES: u32 = 3;
/// After how many failures an address is given up that was, if the last success is at least that long ago.
const MAX_FAILURES: u32 = 10;
const MIN_FAIL: i64 = 7 * DAY;

/// An address of the tables. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub address: PeerAddress,
    /// Who told of it first.
    pub source: Host,
    /// When it was last tried, and when that last counted as a failure until the opposite is known; never kept
    /// in the file.
    pub last_try: i64,
    pub last_counted_try: i64,
    /// When it was last connected to, 0 for never.
    pub last_success: i64,
    /// Failures since then.
    pub failures: u32,
    /// In how many places of the new table it is.
    pub references: usize,
    pub tried: bool,
    /// Where it is in the list of all addresses.
    pub position: usize,
}

impl Entry {
    pub fn new(address: PeerAddress, source: Host) -> Self {
        Self {
            address,
            source,
            last_try: 0,
            last_counted_try: 0,
            last_success: 0,
            failures: 0,
            references: 0,
            tried: false,
            position: 0,
        }
    }

    pub fn network(&self) -> Network {
        self.address.address.network()
    }

    /// When others last heard of it.
    pub fn time(&self) -> i64 {
        self.address.time.into()
    }

    pub fn set_time(&mut self, time: i64) {
        self.address.time = u32::try_from(time.max(0)).unwrap_or(u32::MAX);
    }

    /// Whether the address is so bad that it may be replaced and is not told to others.
    pub fn is_terrible(&self, now: i64) -> bool {
        let ago = |time: i64| now.saturating_sub(time);
        // One that is being tried now is not judged yet.
        ago(self.last_try) > MINUTE
            && (self.time() > now.saturating_add(10 * MINUTE)
                || ago(self.time()) > HORIZON
                || self.last_success == 0 && self.failures >= RETRIES
                || ago(self.last_success) > MIN_FAIL && self.failures >= MAX_FAILURES)
    }

    /// How likely it should be chosen when its turn comes: a hundredth if it was tried a moment ago, and two
    /// thirds for each of up to 8 failures.
    pub fn chance(&self, now: i64) -> f64 {
        let recent = if now.saturating_sub(self.last_try) < 10 * MINUTE { 0.01 } else { 1.0 };
        recent * 0.66_f64.powi(self.failures.min(8) as i32)
    }
}

/// An address that was chosen to be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choice {
    /// The address.
    pub address: PeerAddress,
    /// When it was last tried, in seconds since 1970; 0 for never in this run.
    pub last_try: i64,
}

/// An address with its place, as `getrawaddrman` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The bucket, from 0.
    pub bucket: usize,
    /// The place in the bucket, from 0.
    pub position: usize,
    /// The address.
    pub address: PeerAddress,
    /// Who told of it first.
    pub source: Host,
}

/// How many addresses of a network there are in each table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// Addresses that others told of.
    pub new: usize,
    /// Addresses that we have been connected to.
    pub tried: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::p2p::wire::ServiceFlags;

    const NOW: i64 = 1_700_000_000;

    fn entry() -> Entry {
        let address = "1.2.3.4:8333".parse().unwrap();
        let address = PeerAddress { address, services: ServiceFlags::NONE, time: NOW as u32 };
        Entry::new(address, Host::UNSPECIFIED)
    }

    #[test]
    fn terrible_addresses() {
        assert!(!entry().is_terrible(NOW));
        let with = |change: fn(&mut Entry)| {
            let mut entry = entry();
            change(&mut entry);
            entry.is_terrible(NOW)
        };
        assert!(!with(|entry| entry.set_time(NOW + 600)));
        assert!(with(|entry| entry.set_time(NOW + 601)));
        assert!(!with(|entry| entry.set_time(NOW - 30 * DAY)));
        assert!(with(|entry| entry.set_time(NOW - 30 * DAY - 1)));
        assert!(with(|entry| entry.set_time(-5)));
        assert!(!with(|entry| entry.failures = 2));
        assert!(with(|entry| entry.failures = 3));
        assert!(!with(|entry| (entry.failures, entry.last_success) = (9, NOW - 8 * DAY)));
        assert!(!with(|entry| (entry.failures, entry.last_success) = (10, NOW - 7 * DAY)));
        assert!(with(|entry| (entry.failures, entry.last_success) = (10, NOW - 7 * DAY - 1)));
        assert!(!with(|entry| (entry.failures, entry.last_try) = (3, NOW - 60)));
        assert!(with(|entry| (entry.failures, entry.last_try) = (3, NOW - 61)));
        // Times out of a damaged file.
        assert!(!with(|entry| entry.last_success = i64::MIN));
        assert!(!entry().is_terrible(i64::MIN));
    }

    #[test]
    fn chances() {
        let mut entry = entry();
        assert_eq!(entry.chance(NOW), 1.0);
        entry.failures = 1;
        assert_eq!(entry.chance(NOW), 0.66);
        entry.failures = 100;
        assert_eq!(entry.chance(NOW), 0.66_f64.powi(8));
        entry.failures = 0;
        entry.last_try = NOW - 599;
        assert_eq!(entry.chance(NOW), 0.01);
        entry.last_try = NOW - 600;
        assert_eq!(entry.chance(NOW), 1.0);
    }
}
