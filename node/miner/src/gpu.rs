//! The search on an NVIDIA card, through the driver that plays games and trains models: no toolkit is needed,
//! neither to build nor to run. Without a card or a driver everything still builds, and [`Gpu::open`] says
//! that there is none.
//!
//! The kernel is made by the same code as the processor's (see [`ptx`]). What it reports are candidates,
//! which are looked at again here, so a card that computes wrongly can only miss solutions.
#![allow(unsafe_code)]

mod ptx;
#[cfg(test)]
mod tests;

use crate::job::{Job, Page, Solution};
use crate::prepared::{Hit, Prepared};
use crate::workers::Ended;
use cudarc::driver::sys::{self, CUresult};
use cudarc::driver::{
    CudaContext, CudaFunction, CudaSlice, CudaStream, DeviceRepr, DriverError, LaunchConfig, PushKernelArg,
};
use cudarc::nvrtc::Ptx;
use ptx::{ENTRY, TAIL_WORDS, VERSION_WORDS};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Threads of a block: few enough that each may have all the registers it wants.
const BLOCK: u32 = 128;
/// The candidates that one launch may report.
const ROOM: u32 = 1 << 16;
/// How long a launch should take: work that has become stale is noticed two launches late.
const LAUNCH: Duration = Duration::from_millis(20);

/// Why a card does not search.
#[derive(Debug, thiserror::Error)]
pub enum GpuError {
    /// The driver's library is not there.
    #[error("there is no NVIDIA driver on this system")]
    NoDriver,
    /// There are fewer cards.
    #[error("there is no card {0}")]
    NoCard(usize),
    /// The driver refused something.
    #[error("the card's driver: {0}")]
    Driver(#[from] DriverError),
}

/// The words of the tail, as the kernel takes them.
#[repr(transparent)]
struct TailWords([u32; TAIL_WORDS]);

// SAFETY: an array of words without pointers or gaps.
unsafe impl DeviceRepr for TailWords {}

/// What one launch needs. Two of them take turns, so that the card never waits.
struct Slot {
    stream: Arc<CudaStream>,
    versions: CudaSlice<u32>,
    /// A count, then pairs of version and nonce.
    results: CudaSlice<u32>,
}

/// A graphics card that searches.
pub struct Gpu {
    context: Arc<CudaContext>,
    kernel: CudaFunction,
}

impl Gpu {
    /// How many cards there are.
    pub fn count() -> usize {
        // SAFETY: it opens the driver's library, whose start has no effects.
        if !unsafe { sys::is_culib_present() } {
            return 0;
        }
        CudaContext::device_count().ok().and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    }

    /// Takes card number `ordinal` and compiles the kernel for it, which takes about a second.
    pub fn open(ordinal: usize) -> Result<Self, GpuError> {
        // SAFETY: see `count`.
        if !unsafe { sys::is_culib_present() } {
            return Err(GpuError::NoDriver);
        }
        let context = CudaContext::new(ordinal).map_err(|error| match error {
            DriverError(CUresult::CUDA_ERROR_INVALID_DEVICE | CUresult::CUDA_ERROR_NO_DEVICE) => {
                GpuError::NoCard(ordinal)
            }
            error => error.into(),
        })?;
        let module = context.load_module(Ptx::from_src(ptx::module()))?;
        Ok(Self { kernel: module.load_function(ENTRY)?, context })
    }

    /// The card's name.
    pub fn name(&self) -> Result<String, GpuError> {
        Ok(self.context.name()?)
    }

    fn slot(&self) -> Result<Slot, GpuError> {
        let stream = self.context.new_stream()?;
        Ok(Slot {
            versions: stream.alloc_zeros(VERSION_WORDS)?,
            results: stream.alloc_zeros(1 + 2 * ROOM as usize)?,
            stream,
        })
    }

    /// Begins a search. The range must not pass the last nonce.
    fn launch(&self, slot: &mut Slot, work: &Prepared, start: u32, count: u32) -> Result<(), GpuError> {
        let words: Vec<u32> = work.versions.iter().flat_map(ptx::version_words).collect();
        if slot.versions.len() == words.len() {
            slot.stream.memcpy_htod(&words, &mut slot.versions)?;
        } else {
            slot.versions = slot.stream.clone_htod(&words)?;
        }
        slot.stream.memset_zeros(&mut slot.results.slice_mut(0..1))?;
        let (versions, limit, tail) = (work.versions(), work.limit(), TailWords(ptx::tail_words(&work.tail)));
        let shape = LaunchConfig {
            grid_dim: (count.div_ceil(BLOCK), 1, 1),
            block_dim: (BLOCK, 1, 1),
            shared_mem_bytes: 0,
        };
        let mut launch = slot.stream.launch_builder(&self.kernel);
        launch.arg(&slot.versions).arg(&mut slot.results);
        launch.arg(&start).arg(&count).arg(&versions).arg(&limit).arg(&ROOM).arg(&tail);
        // SAFETY: these are the kernel's parameters in their order. It reads `versions` versions, as many as
        // there are in the buffer, and writes a count and at most `ROOM` pairs to the results, which have
        // room for them.
        unsafe { launch.launch(shape)? };
        Ok(())
    }

    /// Waits for a search and adds what it found, in no order. False if the card had no room for it all: then
    /// nothing is added.
    fn collect(&self, slot: &mut Slot, work: &Prepared, hits: &mut Vec<Hit>) -> Result<bool, GpuError> {
        let found = slot.stream.clone_dtoh(&slot.results.slice(0..1))?;
        slot.stream.synchronize()?;
        let found = found.first().copied().unwrap_or(0);
        if found > ROOM {
            return Ok(false);
        }
        if found > 0 {
            let pairs = slot.stream.clone_dtoh(&slot.results.slice(1..1 + 2 * found as usize))?;
            slot.stream.synchronize()?;
            let pairs = pairs.chunks_exact(2).map(|pair| Hit { version: pair[0], nonce: pair[1] });
            hits.extend(pairs.filter(|hit| hit.version < work.versions() && work.solves(*hit)));
        }
        Ok(true)
    }

    /// Tries `count` nonces from `start` on in every version of `work`, and adds those that solve it to
    /// `hits`, in no order. Nonces past `u32::MAX` do not exist: the range ends there. Returns how many were
    /// tried.
    pub fn scan(
        &self,
        work: &Prepared,
        start: u32,
        count: u32,
        hits: &mut Vec<Hit>,
    ) -> Result<u32, GpuError> {
        let total = u64::from(count).min((1 << 32) - u64::from(start)) as u32;
        let mut slot = self.slot()?;
        self.scan_with(&mut slot, work, start, total, hits)?;
        Ok(total)
    }

    fn scan_with(
        &self,
        slot: &mut Slot,
        work: &Prepared,
        start: u32,
        count: u32,
        hits: &mut Vec<Hit>,
    ) -> Result<(), GpuError> {
        // In halves where there is too much to find.
        let mut parts = vec![(start, count)];
        while let Some((start, count)) = parts.pop() {
            if count == 0 {
                continue;
            }
            self.launch(slot, work, start, count)?;
            if !self.collect(slot, work, hits)? {
                let half = (count / 2).max(1);
                parts.push((start + half, count - half));
                parts.push((start, half));
            }
        }
        Ok(())
    }

    /// Searches a job as [`Workers::mine`](crate::Workers::mine) does, alone or beside them: they all take
    /// from one counter. `hashed` is told how many headers each launch has tried.
    pub fn mine(
        &self,
        job: &Job,
        is_stale: &dyn Fn() -> bool,
        found: &dyn Fn(Solution) -> bool,
        hashed: &dyn Fn(u64),
    ) -> Result<Ended, GpuError> {
        let mut slots = [self.slot()?, self.slot()?];
        let mut pages: [Option<Page>; 2] = [None, None];
        let mut running: [Option<(u32, u32)>; 2] = [None, None];
        // Few at first: a search that is easy ends at once.
        let mut units = 1u32;
        let mut turn = 0;
        let mut waited_since = Instant::now();
        loop {
            if is_stale() {
                return Ok(Ended::Stopped);
            }
            if let Some(unit) = job.take_many(units) {
                let page = job.turn_to(&mut pages[turn], &unit);
                self.launch(&mut slots[turn], &page.prepared, unit.start, unit.count)?;
                running[turn] = Some((unit.start, unit.count));
            }
            turn = 1 - turn;
            let Some((start, count)) = running[turn].take() else {
                if running == [None, None] {
                    return Ok(Ended::Exhausted);
                }
                continue;
            };
            let Some(page) = &pages[turn] else { continue };
            let mut hits = Vec::new();
            if self.collect(&mut slots[turn], &page.prepared, &mut hits)? {
                let took = waited_since.elapsed();
                if took < LAUNCH / 2 {
                    units = units.saturating_mul(2);
                } else if took > LAUNCH * 2 {
                    units = (units / 2).max(1);
                }
            } else {
                self.scan_with(&mut slots[turn], &page.prepared, start, count, &mut hits)?;
                units = (units / 4).max(1);
            }
            waited_since = Instant::now();
            hashed(u64::from(count) * u64::from(page.prepared.versions()));
            if !hits.into_iter().all(|hit| found(page.solution(hit))) {
                return Ok(Ended::Stopped);
            }
        }
    }
}
