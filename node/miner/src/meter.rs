//! What each thread has done: counters that only it writes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One thread's counters, on cache lines of their own: threads that count must not disturb each other.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Meter {
    hashes: AtomicU64,
    busy_nanos: AtomicU64,
    cpu_nanos: AtomicU64,
}

/// What a searching thread has done since it started.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct CoreFigures {
    /// The core it is pinned to, by the system's number.
    pub core: Option<usize>,
    /// Headers hashed.
    pub hashes: u64,
    /// How long it has been searching.
    pub busy: Duration,
    /// How much of that time the core was really its own. Equal to `busy` where the system does not tell.
    pub cpu: Duration,
}

impl CoreFigures {
    /// Hashes per second of searching.
    pub fn rate(&self) -> f64 {
        self.hashes as f64 / self.busy.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// The part of the time in which the core worked for the search: near 1 unless something else runs on it.
    pub fn efficiency(&self) -> f64 {
        (self.cpu.as_secs_f64() / self.busy.as_secs_f64().max(f64::MIN_POSITIVE)).min(1.0)
    }
}

impl Meter {
    pub(crate) fn figures(&self, core: Option<usize>) -> CoreFigures {
        CoreFigures {
            core,
            hashes: self.hashes(),
            busy: Duration::from_nanos(self.busy_nanos.load(Ordering::Relaxed)),
            cpu: Duration::from_nanos(self.cpu_nanos.load(Ordering::Relaxed)),
        }
    }

    pub(crate) fn hashes(&self) -> u64 {
        self.hashes.load(Ordering::Relaxed)
    }

    /// Counts from now on, on the calling thread.
    pub(crate) fn begin(&self) -> Turn<'_> {
        Turn { meter: self, since: Instant::now(), cpu_since: cpu_time(), units: 0 }
    }
}

/// A thread that is searching.
pub(crate) struct Turn<'a> {
    meter: &'a Meter,
    since: Instant,
    cpu_since: Option<Duration>,
    units: u32,
}

impl Turn<'_> {
    pub(crate) fn count(&mut self, hashes: u64) {
        self.meter.hashes.fetch_add(hashes, Ordering::Relaxed);
        self.units += 1;
        // Asking for the time costs a call to the system.
        if self.units.is_multiple_of(64) {
            self.tell();
        }
    }

    fn tell(&mut self) {
        let (now, cpu) = (Instant::now(), cpu_time());
        let busy = now - self.since;
        let used = cpu.zip(self.cpu_since).map_or(busy, |(now, before)| now.saturating_sub(before));
        (self.since, self.cpu_since) = (now, cpu);
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.meter.busy_nanos.fetch_add(nanos(busy), Ordering::Relaxed);
        self.meter.cpu_nanos.fetch_add(nanos(used), Ordering::Relaxed);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.tell();
    }
}

/// The time that the calling thread has spent on a core.
#[cfg(unix)]
fn cpu_time() -> Option<Duration> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Some(Duration::new(u64::try_from(time.tv_sec).ok()?, u32::try_from(time.tv_nsec).ok()?))
}

#[cfg(not(unix))]
fn cpu_time() -> Option<Duration> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_counts_its_hashes_and_its_time() {
        let meter = Meter::default();
        let begun = Instant::now();
        {
            let mut turn = meter.begin();
            for _ in 0..1000 {
                turn.count(7);
            }
        }
        let figures = meter.figures(Some(3));
        assert_eq!((figures.core, figures.hashes), (Some(3), 7000));
        assert!(figures.busy > Duration::ZERO && figures.busy <= begun.elapsed());
        assert!(figures.rate() >= 7000.0 / begun.elapsed().as_secs_f64());
        assert!((0.0..=1.0).contains(&figures.efficiency()));
        assert_eq!(CoreFigures::default().efficiency(), 0.0, "of nothing");
    }
}
