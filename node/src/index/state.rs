//! An index's table and how far it is, for whoever asks.

use super::overlay::{Changes, Overlay};
use super::{IndexError, IndexPlugin, Key, Row, Rules, Table};
use crate::chain::ChainHandle;
use chaincore_plugin::{BlockRef, ChainReader};
use chaincore_storage::{Cursor, IndexBatch, IndexDb};
use std::ops::Bound;
use std::sync::{Arc, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tokio::sync::watch;

/// Memory for the database's own cache.
const CACHE_BYTES: usize = 16 << 20;

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

/// An index's table: stored up to some block at or below the chain's durable tip, in memory up to the tip.
pub(super) struct Contents {
    /// None if it could not be opened after it was removed.
    pub(super) db: Option<IndexDb>,
    pub(super) overlay: Overlay,
}

impl Contents {
    pub(super) fn db<R: Rules>(&self) -> Result<&IndexDb, IndexError> {
        self.db.as_ref().ok_or_else(|| IndexError::Damaged { index: R::NAME, what: "it is gone".into() })
    }
}

/// What an index and the plugin that fills it share.
pub(super) struct State<R> {
    pub(super) rules: R,
    pub(super) chain: ChainHandle,
    contents: RwLock<Contents>,
    pub(super) cursor: watch::Sender<BlockRef>,
    failure: Mutex<Option<String>>,
}

/// An index that follows the chain, as others see it. Clones are the same index.
pub struct Index<R>(pub(super) Arc<State<R>>);

impl<R> Clone for Index<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// The table at one moment: nothing changes while this is held.
pub struct View<'a, R> {
    contents: RwLockReadGuard<'a, Contents>,
    /// The block up to which the table goes.
    pub at: BlockRef,
    rules: std::marker::PhantomData<R>,
}

impl<R: Rules> Table for View<'_, R> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError> {
        match self.contents.overlay.get(key) {
            Some(value) => Ok(value.cloned()),
            None => Ok(self.contents.db::<R>()?.get(key)?),
        }
    }
}

impl<R: Rules> View<'_, R> {
    /// Up to `limit` entries with keys from `from` up to but without `to`, in order.
    pub fn range(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, IndexError> {
        let changed = self.contents.overlay.range(from, to).collect();
        self.merged(changed, (from, to), limit, false)
    }

    /// The same from the last entry backwards.
    pub fn range_back(&self, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, IndexError> {
        let changed = self.contents.overlay.range(from, to).rev().collect();
        self.merged(changed, (from, to), limit, true)
    }

    /// What is stored between two keys and what is changed there, as one list in the order that both have.
    fn merged(
        &self,
        changed: Vec<(&Key, Option<&Vec<u8>>)>,
        (from, to): (&[u8], &[u8]),
        limit: usize,
        backwards: bool,
    ) -> Result<Vec<Row>, IndexError> {
        // A removed key hides one stored entry: ask for as many more as there are removed keys.
        let removed = changed.iter().filter(|(_, value)| value.is_none()).count();
        let (from, to) = (Bound::Included(from), Bound::Excluded(to));
        let (db, most) = (self.contents.db::<R>()?, limit.saturating_add(removed));
        let stored = if backwards { db.range_rev(from, to, most)? } else { db.range(from, to, most)? };
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
                    let order = if backwards { order.reverse() } else { order };
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

impl<R: Rules> Index<R> {
    /// Opens an index. What is returned with it fills it, and is for the host of plugins.
    pub fn open(chain: ChainHandle, rules: R) -> Result<(Self, IndexPlugin<R>), IndexError> {
        rules.open(chain.store())?;
        let db = chain.store().open_index(R::NAME, CACHE_BYTES)?;
        let stored = stored_cursor(&db)?;
        let genesis = chain.path(&[], 0).fork;
        let state = Arc::new(State {
            rules,
            chain,
            contents: RwLock::new(Contents { db: Some(db), overlay: Overlay::new(stored) }),
            cursor: watch::Sender::new(stored.unwrap_or(genesis)),
            failure: Mutex::new(None),
        });
        Ok((Self(state.clone()), IndexPlugin::new(state)))
    }

    /// How far it is.
    pub fn status(&self) -> IndexStatus {
        let best_block = *self.0.cursor.borrow();
        let failure = self.0.failure();
        let synced = failure.is_none() && best_block == self.0.chain.tip();
        IndexStatus { name: R::LABEL, synced, best_block, failure }
    }

    /// The last block it has taken in, and a way to be woken when there is another.
    pub fn cursor(&self) -> watch::Receiver<BlockRef> {
        self.0.cursor.subscribe()
    }

    /// Waits until the index has taken in the chain's tip of now (or one that replaced it); false if that takes
    /// longer than `limit` or the index has failed.
    pub async fn wait_synced(&self, limit: Duration) -> bool {
        let mut cursor = self.cursor();
        let reached = async {
            loop {
                if *cursor.borrow_and_update() == self.0.chain.tip() {
                    return true;
                }
                if self.0.failure().is_some() || cursor.changed().await.is_err() {
                    return false;
                }
            }
        };
        tokio::time::timeout(limit, reached).await.unwrap_or(false)
    }

    /// The table as it is now.
    pub fn view(&self) -> View<'_, R> {
        self.0.view()
    }

    /// The index's rules.
    pub fn rules(&self) -> &R {
        &self.0.rules
    }

    /// The chain that is followed.
    pub fn chain(&self) -> &ChainHandle {
        &self.0.chain
    }
}

/// The cursor that a database has.
pub(super) fn stored_cursor(db: &IndexDb) -> Result<Option<BlockRef>, IndexError> {
    Ok(db.cursor()?.map(|Cursor { height, hash }| BlockRef { height, hash }))
}

impl<R: Rules> State<R> {
    pub(super) fn view(&self) -> View<'_, R> {
        let contents = self.contents();
        let at = contents.overlay.cursor().unwrap_or(*self.cursor.borrow());
        View { contents, at, rules: std::marker::PhantomData }
    }

    pub(super) fn contents(&self) -> RwLockReadGuard<'_, Contents> {
        self.contents.read().expect("no one panics while holding the table")
    }

    pub(super) fn change(&self) -> RwLockWriteGuard<'_, Contents> {
        self.contents.write().expect("no one panics while holding the table")
    }

    fn failure(&self) -> Option<String> {
        self.failure.lock().expect("no one panics while holding the failure").clone()
    }

    /// Tells those who ask, and those who wait, that the index does not go on; or that it does again.
    pub(super) fn set_failure(&self, failure: Option<String>) {
        *self.failure.lock().expect("no one panics while holding the failure") = failure;
        self.cursor.send_modify(|_| ());
    }

    /// Removes all that is stored.
    pub(super) fn remove(&self) -> Result<(), IndexError> {
        let mut contents = self.change();
        contents.overlay = Overlay::new(None);
        if let Some(db) = contents.db.take() {
            db.close()?;
        }
        self.chain.store().remove_index(R::NAME)?;
        contents.db = Some(self.chain.store().open_index(R::NAME, CACHE_BYTES)?);
        self.rules.open(self.chain.store())?;
        self.cursor.send_replace(self.chain.path(&[], 0).fork);
        Ok(())
    }

    /// Stores changes with a cursor, durably.
    pub(super) fn write(&self, changes: Changes, cursor: Option<BlockRef>) -> Result<(), IndexError> {
        let mut batch = IndexBatch::new();
        for (key, value) in changes {
            match value {
                Some(value) => batch.put(key, self.rules.store(value)?),
                None => batch.remove(key),
            }
        }
        self.rules.sync()?;
        let contents = self.contents();
        let db = contents.db::<R>()?;
        db.apply(&batch, cursor.map(|BlockRef { height, hash }| Cursor { height, hash }))?;
        Ok(db.flush()?)
    }
}
