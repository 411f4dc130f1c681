//! Worker slots: how many requests are worked on at a time, and how many may wait for that.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Too many requests are waiting for a worker. Displays as the body of Core's 503.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Work queue depth exceeded")]
pub struct Busy;

/// The slots (`-rpcthreads`) and the bound of the queue before them (`-rpcworkqueue`).
#[derive(Debug)]
pub struct Workers {
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    depth: usize,
}

/// The right to one slot. It can be given up while a call waits and taken again for the next call of a batch.
#[derive(Debug)]
pub struct Ticket {
    slots: Arc<Semaphore>,
    slot: Option<OwnedSemaphorePermit>,
}

struct InQueue<'a>(&'a AtomicUsize);

impl Drop for InQueue<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Workers {
    /// `threads` slots (at least one) and room for `depth` waiting requests.
    pub fn new(threads: usize, depth: usize) -> Arc<Self> {
        let slots = Arc::new(Semaphore::new(threads.clamp(1, Semaphore::MAX_PERMITS)));
        Arc::new(Self { slots, waiting: AtomicUsize::new(0), depth })
    }

    /// Waits for a slot, first come first served; [`Busy`] at once if the queue is full.
    pub async fn acquire(&self) -> Result<Ticket, Busy> {
        let mut ticket = self.ticket();
        if let Ok(slot) = self.slots.clone().try_acquire_owned() {
            ticket.slot = Some(slot);
            return Ok(ticket);
        }
        let ahead = self.waiting.fetch_add(1, Ordering::SeqCst);
        let _queued = InQueue(&self.waiting);
        if ahead >= self.depth {
            return Err(Busy);
        }
        ticket.hold().await;
        Ok(ticket)
    }

    /// A ticket that holds no slot yet.
    pub(super) fn ticket(&self) -> Ticket {
        Ticket { slots: self.slots.clone(), slot: None }
    }
}

impl Ticket {
    /// A ticket for a slot that nobody else wants.
    pub(super) fn of_its_own() -> Self {
        Self { slots: Arc::new(Semaphore::new(1)), slot: None }
    }

    /// Gives the slot to the next in the queue.
    pub fn release(&mut self) {
        self.slot = None;
    }

    /// Waits for a slot unless this ticket holds one.
    pub async fn hold(&mut self) {
        if self.slot.is_none() {
            // The semaphore is never closed.
            self.slot = self.slots.clone().acquire_owned().await.ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_queue_is_bounded_and_slots_pass_on() {
        let workers = Workers::new(1, 1);
        let mut first = workers.acquire().await.unwrap();
        let queued = tokio::spawn({
            let workers = workers.clone();
            async move { workers.acquire().await.is_ok() }
        });
        while workers.waiting.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(workers.acquire().await.unwrap_err(), Busy);
        first.release();
        assert!(queued.await.unwrap());
        first.hold().await;
        assert_eq!(workers.waiting.load(Ordering::SeqCst), 0);
    }
}
