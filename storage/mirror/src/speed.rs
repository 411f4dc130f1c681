//! Rows per second, of late.

use std::time::{Duration, Instant};

/// Counts rows.
#[derive(Debug)]
pub struct Speed {
    total: u64,
    since: Instant,
    rows: u64,
    rate: f64,
}

impl Default for Speed {
    fn default() -> Self {
        Self { total: 0, since: Instant::now(), rows: 0, rate: 0.0 }
    }
}

impl Speed {
    /// Adds rows; the rate then.
    pub fn add(&mut self, rows: u64) -> f64 {
        self.total += rows;
        self.rows += rows;
        let passed = self.since.elapsed();
        if passed >= Duration::from_secs(2) {
            self.rate = self.rows as f64 / passed.as_secs_f64();
            (self.rows, self.since) = (0, Instant::now());
        }
        self.rate
    }

    /// All rows.
    pub fn total(&self) -> u64 {
        self.total
    }
}
