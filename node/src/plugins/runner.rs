//! One plugin's thread: leads the plugin along the chain until it is told to stop or fails for good.

use super::backoff::{Backoff, BackoffPolicy};
use super::board::{Board, PluginState};
use super::mempool::MempoolSource;
use crate::chain::TipState;
use chaincore_plugin::follow::{Guide, Step};
use chaincore_plugin::{BlockRef, PluginError};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A plugin that is no more blocks behind than these stays live while it takes them in.
const LIVE_LAG: u32 = 6;

/// Events of the mempool that a plugin is given at a time.
const MEMPOOL_BATCH: usize = 256;

/// What the thread is told.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Orders {
    /// Since when it is to stop.
    pub(super) stop: Option<Instant>,
    /// How often it was told to reset its plugin.
    pub(super) resets: u64,
    /// How often it was told to try again now.
    pub(super) retries: u64,
}

/// How it ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum End {
    /// As it was told to.
    Stopped,
    /// The plugin failed for good.
    Failed(String),
}

/// Why a call gave nothing.
enum Fault {
    Plugin(PluginError),
    /// It panicked.
    Panic(String),
    /// It had not returned long after it was told to stop.
    Dropped,
}

/// What a plugin's thread works with.
pub(super) struct Runner {
    pub(super) guide: Guide,
    pub(super) board: Arc<Board>,
    pub(super) orders: watch::Receiver<Orders>,
    pub(super) tips: watch::Receiver<TipState>,
    pub(super) mempool: Option<Box<dyn MempoolSource>>,
    pub(super) backoff: BackoffPolicy,
    /// How long a plugin may take to stop: half of it for the call that runs, the other half to close.
    pub(super) closing: Duration,
    /// Resets that have been done, at the start those before it.
    pub(super) resets: u64,
    /// The failure that is in the log since the plugin last was live: the same one is not logged again.
    pub(super) logged: Option<String>,
}

/// The message of a panic.
pub(super) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
    format!("it panicked: {}", text.unwrap_or_else(|| "without a message".into()))
}

/// Runs a future; a panic in it ends it.
async fn caught<T>(future: impl Future<Output = T>) -> Result<T, String> {
    let mut future = pin!(future);
    std::future::poll_fn(move |context| {
        match std::panic::catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => Poll::Ready(Ok(value)),
            Err(payload) => Poll::Ready(Err(panic_text(&*payload))),
        }
    })
    .await
}

/// Returns when the thread was told to stop and `patience` is over.
async fn overdue(mut orders: watch::Receiver<Orders>, patience: Duration) {
    let since = match orders.wait_for(|orders| orders.stop.is_some()).await {
        Ok(orders) => orders.stop,
        // Whoever gives orders is gone.
        Err(_) => Some(Instant::now()),
    };
    let until = since.unwrap_or_else(Instant::now) + patience;
    tokio::time::sleep_until(until.into()).await;
}

/// Makes a call, which is dropped if it does not return in time once it is told to stop.
async fn call<T>(
    orders: watch::Receiver<Orders>,
    patience: Duration,
    future: impl Future<Output = Result<T, PluginError>>,
) -> Result<T, Fault> {
    tokio::select! {
        biased;
        result = caught(future) => match result {
            Ok(result) => result.map_err(Fault::Plugin),
            Err(text) => Err(Fault::Panic(text)),
        },
        () = overdue(orders, patience) => Err(Fault::Dropped),
    }
}

impl Runner {
    /// Leads the plugin until the end, and closes it if it can be.
    pub(super) async fn run(&mut self) -> End {
        let mut backoff = Backoff::new(self.backoff);
        loop {
            let Some(fault) = self.lead(&mut backoff).await else {
                self.close().await;
                return End::Stopped;
            };
            let error = match fault {
                Fault::Plugin(error) => error,
                Fault::Panic(text) => return End::Failed(text),
                Fault::Dropped => {
                    self.note_error("it was stopped in the middle of a call");
                    return End::Stopped;
                }
            };
            match error {
                PluginError::Fatal(reason) => {
                    // It still lets go of what it has.
                    self.close().await;
                    return End::Failed(reason);
                }
                PluginError::Retry { after, source } => {
                    self.note_error(&source.to_string());
                    let wait = backoff.next(after);
                    tracing::debug!(target: "plugin", "{}: {source}; again in {wait:?}", self.id());
                    {
                        let mut known = self.board.change();
                        known.state = PluginState::Backoff;
                        known.retries += 1;
                    }
                    self.wait_for_orders(wait).await;
                }
            }
        }
    }

    fn id(&self) -> &str {
        &self.guide.manifest().id
    }

    fn note_error(&mut self, text: &str) {
        if self.logged.as_deref() != Some(text) {
            tracing::warn!(target: "plugin", "the plugin {}: {text}", self.id());
            self.logged = Some(text.to_owned());
        }
        self.board.change().last_error = Some(text.to_owned());
    }

    fn is_told_to_stop(&self) -> bool {
        self.orders.borrow().stop.is_some() || self.orders.has_changed().is_err()
    }

    /// Waits, or until there is an order.
    async fn wait_for_orders(&mut self, wait: Duration) {
        if !self.is_told_to_stop() {
            tokio::select! {
                _ = self.orders.changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Leads the plugin until something goes wrong, or until it is told to stop: then there is no fault.
    async fn lead(&mut self, backoff: &mut Backoff) -> Option<Fault> {
        let patience = self.closing / 2;
        loop {
            if self.is_told_to_stop() {
                return None;
            }
            let resets = self.orders.borrow_and_update().resets;
            if resets != self.resets {
                // What is stored may be damaged, but it has to be opened once to be emptied.
                if !self.guide.is_open() {
                    let _ = call(self.orders.clone(), patience, self.guide.step()).await;
                }
                if let Err(fault) = call(self.orders.clone(), patience, self.guide.reset()).await {
                    return Some(fault);
                }
                self.resets = resets;
                tracing::info!(target: "plugin", "the plugin {} was reset", self.id());
                self.board.change().cursor = None;
            }
            self.tips.mark_unchanged();
            let step = match call(self.orders.clone(), patience, self.guide.step()).await {
                Ok(step) => step,
                Err(fault) => return Some(fault),
            };
            self.show(step);
            if matches!(step, Step::Moved { .. }) {
                backoff.clear();
            }
            if step == Step::Level {
                if let Err(fault) = call(self.orders.clone(), patience, self.guide.tick()).await {
                    return Some(fault);
                }
                backoff.clear();
                if let Err(fault) = self.wait(patience).await {
                    return Some(fault);
                }
            }
        }
    }

    /// Waits until there is something to do: the chain has moved, there is an order, or it is time for a tick. Events of
    /// the mempool are passed on meanwhile.
    async fn wait(&mut self, patience: Duration) -> Result<(), Fault> {
        let tick = tokio::time::sleep(self.guide.manifest().tick);
        let mut tick = pin!(tick);
        loop {
            let hears = self.mempool.is_some();
            let events = async {
                match &mut self.mempool {
                    Some(source) => source.next(MEMPOOL_BATCH).await,
                    None => vec![],
                }
            };
            let events = tokio::select! {
                biased;
                _ = self.orders.changed() => return Ok(()),
                changed = self.tips.changed() => {
                    if changed.is_err() {
                        // The chain is gone. What comes next is the order to stop.
                        let _ = self.orders.changed().await;
                    }
                    return Ok(());
                }
                () = &mut tick => return Ok(()),
                events = events, if hears => events,
            };
            if events.is_empty() {
                self.mempool = None;
                continue;
            }
            call(self.orders.clone(), patience, self.guide.mempool(&events)).await?;
        }
    }

    fn show(&mut self, step: Step) {
        let target = self.guide.target();
        let cursor: Option<BlockRef> = self.guide.cursor();
        let mut known = self.board.change();
        known.cursor = cursor;
        match step {
            Step::Level => {
                known.state = PluginState::Live;
                self.logged = None;
            }
            Step::Opened(_) | Step::Emptied => known.state = PluginState::CatchingUp,
            Step::Moved { to, taken, .. } => {
                known.blocks += taken as u64;
                let behind = target.height.saturating_sub(to.height);
                if known.state != PluginState::Live || behind > LIVE_LAG {
                    known.state = PluginState::CatchingUp;
                }
            }
        }
    }

    async fn close(&mut self) {
        let patience = self.closing.mul_f64(0.9);
        let close = async {
            let closed = tokio::time::timeout(self.closing, self.guide.close()).await;
            closed.map_err(PluginError::retry)
        };
        match call(self.orders.clone(), patience, close).await {
            Ok(()) => {}
            Err(Fault::Panic(text)) => self.note_error(&text),
            Err(_) => self.note_error("it did not close in time"),
        }
    }
}
