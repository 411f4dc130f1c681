//! The plugins of a node: registered before anything is served, started when the chain is open, stopped before it
//! closes.

use super::backoff::BackoffPolicy;
use super::board::{Board, Figure, PluginState};
use super::mempool::MempoolSubscriptions;
use super::read_ahead::ReadAhead;
use super::registrations::{Collector, Registered};
use super::runner::{End, Orders, Runner, panic_text};
use crate::chain::TipState;
use chaincore_consensus::params::ChainParams;
use chaincore_plugin::follow::Guide;
use chaincore_plugin::{BlockRef, ChainReader, Context, Gate, Manifest, NodeReader, Plugin};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How plugins are held.
#[derive(Clone, Copy, Debug)]
pub struct HostOptions {
    /// The waits after failures.
    pub backoff: BackoffPolicy,
    /// How long plugins may take to stop; what has not stopped then is left behind.
    pub closing: Duration,
    /// Told the id and the reason when a plugin has failed for good that is not important.
    pub on_failure: Option<fn(&str, &str)>,
}

impl Default for HostOptions {
    fn default() -> Self {
        Self { backoff: BackoffPolicy::default(), closing: Duration::from_secs(10), on_failure: None }
    }
}

/// What plugins run in: there once the chain is open.
#[derive(Clone)]
pub struct Surroundings {
    /// The chain.
    pub chain: Arc<dyn ChainReader>,
    /// The node beside its chain.
    pub node: Arc<dyn NodeReader>,
    /// The chain's rules and names.
    pub params: Arc<ChainParams>,
    /// The chain's folder: plugins have theirs in `plugins/<id>` in there.
    pub folder: PathBuf,
    /// Wakes plugins.
    pub tips: watch::Receiver<TipState>,
    /// Where the mempool's events come from, if anything tells them.
    pub mempool: Option<Arc<MempoolSubscriptions>>,
}

/// Where a plugin runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// In the node, on a thread of its own.
    InProcess,
    /// In a process of its own.
    Process,
}

/// Why a plugin cannot be had or commanded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HostError {
    /// Its name is none.
    #[error("'{0}' cannot be the id of a plugin: 1 to 32 of a-z, 0-9 and -, a letter first")]
    Id(String),
    /// There is one of that name already.
    #[error("there are two plugins with the id '{0}'")]
    Twice(String),
    /// What it adds to the node's interfaces is not possible.
    #[error("the plugin '{id}' cannot be started: {what}")]
    Registration {
        /// The plugin.
        id: String,
        /// What is wrong.
        what: String,
    },
    /// There is none of that name.
    #[error("there is no plugin '{0}'")]
    Unknown(String),
    /// The node is starting or stopping.
    #[error("plugins cannot be commanded while the node starts or stops")]
    NotNow,
    /// It goes on with what it was doing.
    #[error("the plugin '{0}' has not stopped yet")]
    StillRunning(String),
    /// Its thread cannot be started.
    #[error("cannot start a thread for the plugin '{id}': {what}")]
    Thread {
        /// The plugin.
        id: String,
        /// Why.
        what: String,
    },
}

/// What a plugin can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PluginCommand {
    /// Go on after a stop or a failure, or try again now.
    Start,
    /// Close, and stay closed.
    Stop,
    /// Forget everything and begin anew.
    Reset,
}

/// How a plugin is.
#[derive(Clone, PartialEq, Debug)]
pub struct PluginStatus {
    /// What it says of itself.
    pub manifest: Manifest,
    /// Where it runs.
    pub kind: Kind,
    /// What it is doing.
    pub state: PluginState,
    /// The last block that it has taken in.
    pub cursor: Option<BlockRef>,
    /// How many blocks the tip is above that.
    pub lag: Option<u32>,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// How often it has been tried again.
    pub retries: u64,
    /// Blocks taken in since the node started.
    pub blocks: u64,
    /// What it is doing, in its own words.
    pub description: String,
    /// Its figures.
    pub figures: Vec<Figure>,
}

struct Slot {
    manifest: Manifest,
    kind: Kind,
    board: Arc<Board>,
    orders: watch::Sender<Orders>,
    /// The plugin, while no thread has it.
    idle: Mutex<Option<Box<dyn Plugin>>>,
    returned: Condvar,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Slot {
    fn idle(&self) -> MutexGuard<'_, Option<Box<dyn Plugin>>> {
        self.idle.lock().expect("no one panics while holding a plugin that does nothing")
    }

    fn order_stop(&self) {
        self.board.set_stopping(true);
        self.orders.send_modify(|orders| {
            orders.stop.get_or_insert_with(Instant::now);
        });
    }

    /// Waits until the thread has ended; whether it has.
    fn wait_until_idle(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self.returned.wait_timeout_while(self.idle(), left, |idle| idle.is_none());
        let is_idle = waited.expect("no one panics while holding a plugin that does nothing").0.is_some();
        let thread = self.thread.lock().expect("no one panics while holding the thread").take_if(|_| is_idle);
        if let Some(thread) = thread {
            // It has nothing left to do but to let go of what it knows.
            let _ = thread.join();
        }
        is_idle
    }
}

pub(super) struct Inner {
    options: HostOptions,
    slots: Mutex<Vec<Arc<Slot>>>,
    registered: Mutex<Registered>,
    surroundings: OnceLock<Surroundings>,
    failure: watch::Sender<Option<String>>,
    stopping: watch::Sender<bool>,
}

/// The plugins of a node. Clones are the same host.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

impl Host {
    /// A host without plugins, and without a chain yet.
    pub fn new(options: HostOptions) -> Self {
        Self(Arc::new(Inner {
            options,
            slots: Mutex::default(),
            registered: Mutex::default(),
            surroundings: OnceLock::new(),
            failure: watch::Sender::new(None),
            stopping: watch::Sender::new(false),
        }))
    }

    pub(super) fn from_inner(inner: Arc<Inner>) -> Self {
        Self(inner)
    }

    /// The same host, for those who must not keep it.
    pub(super) fn downgrade(&self) -> Weak<Inner> {
        Arc::downgrade(&self.0)
    }

    fn slots(&self) -> Vec<Arc<Slot>> {
        self.0.slots.lock().expect("no one panics while holding the plugins").clone()
    }

    fn slot(&self, id: &str) -> Option<Arc<Slot>> {
        self.slots().into_iter().find(|slot| slot.manifest.id == id)
    }

    /// Takes a plugin in: what it registers is in [`Self::registered`] from now on. It is started at once, or with
    /// [`Self::open`] if that has not been called yet.
    pub fn start(&self, plugin: Box<dyn Plugin>) -> Result<(), HostError> {
        self.take(plugin, Kind::InProcess)
    }

    /// [`Self::start`] of a plugin that stands for one in a process of its own.
    pub fn start_process(&self, plugin: Box<dyn Plugin>) -> Result<(), HostError> {
        self.take(plugin, Kind::Process)
    }

    fn take(&self, plugin: Box<dyn Plugin>, kind: Kind) -> Result<(), HostError> {
        let manifest = plugin.manifest();
        if !manifest.is_id_valid() {
            return Err(HostError::Id(manifest.id));
        }
        if self.slot(&manifest.id).is_some() {
            return Err(HostError::Twice(manifest.id));
        }
        {
            let mut registered = self.0.registered.lock().expect("no one panics while holding it");
            let mut with_it = registered.clone();
            let mut collector = Collector::new(&manifest.id, &mut with_it);
            plugin.register(&mut collector);
            collector.finish()?;
            *registered = with_it;
        }
        let slot = Arc::new(Slot {
            manifest,
            kind,
            board: Arc::new(Board::new()),
            orders: watch::Sender::default(),
            idle: Mutex::new(Some(plugin)),
            returned: Condvar::new(),
            thread: Mutex::default(),
        });
        self.0.slots.lock().expect("no one panics while holding the plugins").push(slot.clone());
        if self.0.surroundings.get().is_some() { self.spawn(&slot, 0) } else { Ok(()) }
    }

    /// What all plugins have registered so far.
    pub fn registered(&self) -> Registered {
        self.0.registered.lock().expect("no one panics while holding it").clone()
    }

    /// Gives the plugins their chain and starts them. Once.
    pub fn open(&self, surroundings: Surroundings) -> Result<(), HostError> {
        assert!(self.0.surroundings.set(surroundings).is_ok(), "a host is given its chain once");
        self.slots().iter().try_for_each(|slot| self.spawn(slot, 0))
    }

    /// Starts a thread for a plugin that has none. `resets` are those that it has behind it.
    fn spawn(&self, slot: &Arc<Slot>, resets: u64) -> Result<(), HostError> {
        let around = self.0.surroundings.get().ok_or(HostError::NotNow)?;
        if *self.0.stopping.borrow() {
            return Err(HostError::NotNow);
        }
        let Some(plugin) = slot.idle().take() else {
            return Err(HostError::StillRunning(slot.manifest.id.clone()));
        };
        slot.board.set_stopping(false);
        slot.orders.send_modify(|orders| orders.stop = None);
        slot.board.change().state = PluginState::Starting;
        let chain = match slot.manifest.needs_blocks {
            true => Arc::new(ReadAhead::new(around.chain.clone(), &slot.manifest.id)),
            false => around.chain.clone(),
        };
        let context = Context {
            chain,
            node: around.node.clone(),
            params: around.params.clone(),
            folder: around.folder.join("plugins").join(&slot.manifest.id),
            report: slot.board.clone(),
        };
        let subscribe = around.mempool.as_ref().filter(|_| slot.manifest.needs_mempool);
        let runner = Runner {
            guide: Guide::new(plugin, context),
            board: slot.board.clone(),
            orders: slot.orders.subscribe(),
            tips: around.tips.clone(),
            mempool: subscribe.map(|subscribe| subscribe()),
            backoff: self.0.options.backoff,
            closing: self.0.options.closing,
            resets,
            logged: None,
        };
        let on_failure = self.0.options.on_failure;
        let (failure, stopping) = (self.0.failure.clone(), self.0.stopping.subscribe());
        let of_thread = slot.clone();
        let thread = std::thread::Builder::new().name(format!("plugin-{}", slot.manifest.id));
        let spawned = thread.spawn(move || lead(runner, &of_thread, &failure, on_failure, &stopping));
        let thread = spawned
            .map_err(|error| HostError::Thread { id: slot.manifest.id.clone(), what: error.to_string() })?;
        *slot.thread.lock().expect("no one panics while holding the thread") = Some(thread);
        Ok(())
    }

    /// How each plugin is, in the order in which they were started.
    pub fn statuses(&self) -> Vec<PluginStatus> {
        let tip = self.0.surroundings.get().map(|around| around.chain.tip());
        let status = |slot: Arc<Slot>| {
            let known = slot.board.known();
            let figures = known.figures().copied().collect();
            PluginStatus {
                manifest: slot.manifest.clone(),
                kind: slot.kind,
                state: known.state,
                lag: known.cursor.zip(tip).map(|(cursor, tip)| tip.height.saturating_sub(cursor.height)),
                cursor: known.cursor,
                last_error: known.last_error,
                retries: known.retries,
                blocks: known.blocks,
                description: known.description,
                figures,
            }
        };
        self.slots().into_iter().map(status).collect()
    }

    /// Whether a plugin that is led to the durable tip has all up to `durable` and could go on at once: to it, every
    /// further block that becomes durable is news. One that is behind, has failed or was stopped does not wait for any.
    pub fn waits_at(&self, durable: BlockRef) -> bool {
        self.slots().iter().filter(|slot| slot.manifest.gate == Gate::Durable).any(|slot| {
            let known = slot.board.known();
            let goes_on = matches!(known.state, PluginState::Live | PluginState::CatchingUp);
            goes_on && known.cursor.is_some_and(|cursor| cursor.height >= durable.height)
        })
    }

    /// Tells a plugin something. A stop returns when the plugin has stopped, or fails when that takes too long. Not for
    /// async code.
    pub fn command(&self, id: &str, command: PluginCommand) -> Result<(), HostError> {
        let slot = self.slot(id).ok_or_else(|| HostError::Unknown(id.into()))?;
        if self.0.surroundings.get().is_none() || *self.0.stopping.borrow() {
            return Err(HostError::NotNow);
        }
        let is_idle = slot.idle().is_some();
        let resets = slot.orders.borrow().resets;
        match command {
            PluginCommand::Start if is_idle => self.spawn(&slot, resets),
            PluginCommand::Reset if is_idle => {
                slot.orders.send_modify(|orders| orders.resets += 1);
                self.spawn(&slot, resets)
            }
            PluginCommand::Start | PluginCommand::Reset if slot.orders.borrow().stop.is_some() => {
                Err(HostError::StillRunning(id.into()))
            }
            PluginCommand::Start => {
                slot.orders.send_modify(|orders| orders.retries += 1);
                Ok(())
            }
            PluginCommand::Reset => {
                slot.orders.send_modify(|orders| orders.resets += 1);
                Ok(())
            }
            PluginCommand::Stop if is_idle => {
                slot.board.change().state = PluginState::Stopped;
                Ok(())
            }
            PluginCommand::Stop => {
                slot.order_stop();
                match slot.wait_until_idle(Instant::now() + self.0.options.closing) {
                    true => Ok(()),
                    false => Err(HostError::StillRunning(id.into())),
                }
            }
        }
    }

    /// Returns, with the reason, when an important plugin has failed.
    pub async fn failed(&self) -> String {
        let mut failure = self.0.failure.subscribe();
        loop {
            if let Some(reason) = failure.borrow_and_update().clone() {
                return reason;
            }
            if failure.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Stops all plugins and waits for them, no longer than [`HostOptions::closing`]. Those that have not stopped by then
    /// are left to themselves. Not for async code.
    pub fn stop(&self) {
        self.0.stopping.send_replace(true);
        let slots = self.slots();
        slots.iter().for_each(|slot| slot.order_stop());
        let until = Instant::now() + self.0.options.closing;
        for slot in slots {
            if !slot.wait_until_idle(until) {
                tracing::error!(target: "plugin", "the plugin {} does not stop and is left behind", slot.manifest.id);
            }
        }
    }
}

/// What a plugin's thread does.
fn lead(
    mut runner: Runner,
    slot: &Slot,
    failure: &watch::Sender<Option<String>>,
    on_failure: Option<fn(&str, &str)>,
    stopping: &watch::Receiver<bool>,
) {
    let id = &slot.manifest.id;
    let end = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Err(error) => End::Failed(format!("its runtime cannot be started: {error}")),
        Ok(runtime) => {
            let run = AssertUnwindSafe(|| runtime.block_on(runner.run()));
            let end = std::panic::catch_unwind(run);
            // What the plugin has left running on threads of the runtime is not waited for.
            runtime.shutdown_background();
            end.unwrap_or_else(|payload| End::Failed(panic_text(&*payload)))
        }
    };
    match end {
        End::Stopped => slot.board.change().state = PluginState::Stopped,
        End::Failed(reason) => {
            tracing::error!(target: "plugin", "the plugin {id} has failed: {reason}");
            {
                let mut known = slot.board.change();
                known.state = PluginState::Failed;
                known.last_error = Some(reason.clone());
            }
            if let (Some(tell), false) = (on_failure, slot.manifest.important) {
                tell(id, &reason);
            }
            if slot.manifest.important && !*stopping.borrow() {
                failure.send_if_modified(|failure| {
                    let first = failure.is_none();
                    failure.get_or_insert_with(|| format!("the plugin '{id}' has failed: {reason}"));
                    first
                });
            }
        }
    }
    let plugin = runner.guide.into_plugin();
    *slot.idle() = Some(plugin);
    slot.returned.notify_all();
}
