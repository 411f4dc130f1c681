//! The loop that keeps an index level with the chain.

use super::overlay::{Changes, Overlay};
use super::{IndexError, Row, Rules, Table};
use crate::chain::{Chain, ChainHandle};
use chaincore_plugin::{BlockRef, ChainReader};
use chaincore_storage::{Cursor, IndexBatch, IndexDb};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::watch;

/// Memory for the database's own cache.
const CACHE_BYTES: usize = 16 << 20;

/// Blocks asked for at a time.
const PATH_LEN: usize = 64;

/// Bytes of changes above which what can be stored is stored.
const STORE_ABOVE: usize = 16 << 20;

/// Bytes of changes above which no more blocks are taken in before some can be stored.
const MAX_OVERLAY: usize = 64 << 20;

/// How often the loop looks around although nothing has woken it.
const IDLE: Duration = Duration::from_secs(5);

/// How far an index is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStatus {
    /// The index's name.
    pub name: &'static str,
    /// Whether it has reached the tip.
    pub synced: bool,
    /// The last block it has taken in.
    pub best_block: BlockRef,
    /// Why it has stopped, if it has.
    pub failure: Option<String>,
}

/// An index's table and how far it is: stored up to some block at or below the chain's durable tip, in memory
/// up to the tip.
struct State<R> {
    rules: R,
    chain: ChainHandle,
    db: IndexDb,
    overlay: RwLock<Overlay>,
    cursor: watch::Sender<BlockRef>,
    failure: Mutex<Option<String>>,
    stop: AtomicBool,
    wake: tokio::sync::Notify,
}

/// An index that follows the chain on a thread of its own. Clones are the same index.
pub struct Follower<R> {
    state: Arc<State<R>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl<R> Clone for Follower<R> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), thread: self.thread.clone() }
    }
}

/// The table at one moment: nothing changes while this is held.
pub struct View<'a> {
    db: &'a IndexDb,
    overlay: RwLockReadGuard<'a, Overlay>,
    /// The block up to which the table goes.
    pub at: BlockRef,
}

impl Table for View<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        match self.overlay.get(key) {
            Some(value) => Ok(value.cloned()),
            None => Ok(self.db.get(key)?),
        }
    }
}

impl View<'_> {
    /// Up to `limit` entries with keys from `from` up to but without `to`, in order.
    pub fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, IndexError> {
        // A removed key hides one stored entry: ask for as many more as there are removed keys.
        let changed: Vec<_> = self.overlay.range(from, to).collect();
        let removed = changed.iter().filter(|(_, value)| value.is_none()).count();
        let (from, to) = (Bound::Included(from), Bound::Excluded(to));
        let stored = self.db.range(from, to, limit.saturating_add(removed))?;
        let mut stored = stored.into_iter().peekable();
        let mut changed = changed.into_iter().peekable();
        let mut entries = vec![];
        while entries.len() < limit {
            let from_memory = match (stored.peek(), changed.peek()) {
                (None, None) => break,
                (Some(_), None) => false,
                (None, Some(_)) => true,
                (Some((old, _)), Some((new, _))) => {
                    let order = old.as_slice().cmp(new.as_slice());
                    if order.is_eq() {
                        stored.next();
                    }
                    order.is_ge()
                }
            };
            if from_memory {
                let (key, value) = changed.next().expect("it was there");
                entries.extend(value.map(|value| (key.clone(), value.clone())));
            } else {
                entries.extend(stored.next());
            }
        }
        Ok(entries)
    }
}

impl<R: Rules> Follower<R> {
    /// Opens the index and starts following.
    pub fn start(chain: ChainHandle, mut rules: R) -> Result<Self, IndexError> {
        let mut db = chain.store().open_index(R::NAME, CACHE_BYTES)?;
        let genesis = chain.path(&[], 0).fork;
        let stored = db.cursor()?.map(|Cursor { height, hash }| BlockRef { height, hash });
        let known = stored.filter(|cursor| chain.is_ancestor(cursor, cursor));
        if stored.is_some() && known.is_none() {
            tracing::info!("the index {} is of another chain's blocks: it is made anew", R::NAME);
            db.close()?;
            chain.store().remove_index(R::NAME)?;
            db = chain.store().open_index(R::NAME, CACHE_BYTES)?;
        }
        rules.open(chain.store())?;
        let state = Arc::new(State {
            rules,
            chain,
            db,
            overlay: RwLock::new(Overlay::new(known)),
            cursor: watch::Sender::new(known.unwrap_or(genesis)),
            failure: Mutex::new(None),
            stop: AtomicBool::new(false),
            wake: tokio::sync::Notify::new(),
        });
        let thread = std::thread::Builder::new().name(format!("index-{}", R::NAME)).spawn({
            let state = state.clone();
            move || state.run()
        });
        let thread =
            thread.map_err(|error| IndexError::Damaged { index: R::NAME, what: error.to_string() })?;
        Ok(Self { state, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// How far it is.
    pub fn status(&self) -> IndexStatus {
        let best_block = *self.state.cursor.borrow();
        let failure = self.state.failure.lock().expect("no one panics while holding the failure").clone();
        let synced = failure.is_none() && best_block == self.state.chain.tip();
        IndexStatus { name: R::LABEL, synced, best_block, failure }
    }

    /// The last block it has taken in, and a way to be woken when there is another.
    pub fn cursor(&self) -> watch::Receiver<BlockRef> {
        self.state.cursor.subscribe()
    }

    /// Waits until the index has taken in the chain's tip of now (or one that replaced it); false if that takes
    /// longer than `limit` or the index has failed.
    pub async fn wait_synced(&self, limit: Duration) -> bool {
        let mut cursor = self.cursor();
        let reached = async {
            loop {
                if *cursor.borrow_and_update() == self.state.chain.tip() {
                    return true;
                }
                if self.status().failure.is_some() || cursor.changed().await.is_err() {
                    return false;
                }
            }
        };
        tokio::time::timeout(limit, reached).await.unwrap_or(false)
    }

    /// The table as it is now.
    pub fn view(&self) -> View<'_> {
        self.state.view()
    }

    /// The index's rules.
    pub fn rules(&self) -> &R {
        &self.state.rules
    }

    /// The chain that is followed.
    pub fn chain(&self) -> &ChainHandle {
        &self.state.chain
    }

    /// Stops following. What is not stored yet is made anew at the next start.
    pub fn stop(&self) {
        self.state.stop.store(true, Ordering::Release);
        self.state.wake.notify_one();
        let thread = self.thread.lock().expect("no one panics while holding the thread").take();
        if let Some(thread) = thread {
            // A failed thread has said so already.
            let _ = thread.join();
        }
    }
}

impl<R: Rules> State<R> {
    fn view(&self) -> View<'_> {
        let overlay = self.overlay.read().expect("no one panics while holding the overlay");
        let at = overlay.cursor().unwrap_or(*self.cursor.borrow());
        View { db: &self.db, overlay, at }
    }

    fn run(&self) {
        let follow = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()
                .map_err(|error| IndexError::Damaged { index: R::NAME, what: error.to_string() })
                .and_then(|runtime| self.follow(&runtime))
        };
        // A fault of one index must not look like an index that is merely behind.
        let panicked = |_| Err(IndexError::Damaged { index: R::NAME, what: "its thread has failed".into() });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(follow)).unwrap_or_else(panicked);
        if let Err(error) = result {
            tracing::error!("the index {} stops: {error}", R::NAME);
            *self.failure.lock().expect("no one panics while holding the failure") = Some(error.to_string());
            // Wakes those who wait for it.
            self.cursor.send_modify(|_| ());
        }
    }

    fn follow(&self, runtime: &tokio::runtime::Runtime) -> Result<(), IndexError> {
        let mut tip = self.chain.tip_state();
        while !self.stop.load(Ordering::Acquire) {
            tip.borrow_and_update();
            let progressed = self.step()?;
            self.store_durable(!progressed)?;
            if progressed {
                continue;
            }
            let closed = runtime.block_on(async {
                tokio::select! {
                    changed = tip.changed() => changed.is_err(),
                    () = self.wake.notified() => false,
                    () = tokio::time::sleep(IDLE) => false,
                }
            });
            if closed {
                break;
            }
        }
        self.store_durable(true)?;
        if R::FACTS { self.store_facts() } else { Ok(()) }
    }

    /// Takes in some blocks, or takes off some; whether there was anything to do.
    fn step(&self) -> Result<bool, IndexError> {
        if self.is_full() {
            return Ok(false);
        }
        let (genesis, mut cursor) = match self.view().overlay.cursor() {
            Some(cursor) => (false, cursor),
            // Not even the genesis block: take that in first.
            None => (true, self.chain.path(&[], 0).fork),
        };
        if genesis {
            self.apply(&cursor, true)?;
            return Ok(true);
        }
        let path = self.chain.path(&[cursor], PATH_LEN);
        if path.fork != cursor {
            while !self.chain.is_ancestor(&cursor, &path.tip) {
                cursor = self.apply(&cursor, false)?;
            }
            return Ok(true);
        }
        for block in &path.connect {
            self.apply(block, true)?;
            if self.stop.load(Ordering::Acquire) || self.is_full() {
                break;
            }
        }
        Ok(!path.connect.is_empty())
    }

    fn is_full(&self) -> bool {
        self.view().overlay.bytes() >= MAX_OVERLAY
    }

    /// Takes one block in or off; the cursor after that.
    fn apply(&self, block: &BlockRef, connect: bool) -> Result<BlockRef, IndexError> {
        let applied = self.chain.applied_block(&block.hash)?;
        let (cursor, changes) = {
            let view = self.view();
            if connect {
                (*block, self.rules.connect(&applied, &view)?)
            } else {
                let below = self.chain.parent(block).ok_or_else(|| IndexError::Damaged {
                    index: R::NAME,
                    what: format!("block {block} has nothing below it"),
                })?;
                (below, self.rules.disconnect(&applied, &view)?)
            }
        };
        self.overlay.write().expect("no one panics while holding the overlay").push(cursor, changes);
        self.cursor.send_replace(cursor);
        Ok(cursor)
    }

    /// Stores the steps that the chain cannot take back any more: all of them if `all`, or when there are many.
    fn store_durable(&self, all: bool) -> Result<(), IndexError> {
        let (count, oldest) = {
            let view = self.view();
            if view.overlay.is_empty() || (!all && view.overlay.bytes() < STORE_ABOVE) {
                return Ok(());
            }
            let durable = self.chain.durable_tip();
            let count = view.overlay.storable(|cursor| self.chain.is_ancestor(cursor, &durable));
            (count, view.overlay.oldest(count))
        };
        match oldest {
            Some((cursor, changes)) => {
                // Readers see the overlay's values until they are dropped, so it does not matter how much of
                // them is in the database already.
                self.write(changes, Some(Cursor { height: cursor.height, hash: cursor.hash }))?;
                self.overlay.write().expect("no one panics while holding the overlay").drop_oldest(count);
            }
            None if self.is_full() && !self.chain.status().is_importing() => {
                // The chain has not flushed for long; ask it to.
                if let Err(error) = self.chain.query_blocking(Chain::flush) {
                    tracing::debug!("the index {} could not have the chain flushed: {error}", R::NAME);
                }
            }
            None => {}
        }
        Ok(())
    }

    /// Stores what is left in memory, and leaves the cursor where it is.
    fn store_facts(&self) -> Result<(), IndexError> {
        let changes = self.view().overlay.changes().clone();
        if changes.is_empty() { Ok(()) } else { self.write(changes, self.db.cursor()?) }
    }

    fn write(&self, changes: Changes, cursor: Option<Cursor>) -> Result<(), IndexError> {
        let mut batch = IndexBatch::new();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(key, self.rules.store(value)?),
                None => batch.remove(key),
            }
        }
        self.rules.sync()?;
        self.db.apply(&batch, cursor)?;
        Ok(self.db.flush()?)
    }
}
