//! The plugin that keeps an index level with the chain: in memory up to the tip, stored up to the durable tip.

use super::overlay::Overlay;
use super::state::{State, stored_cursor};
use super::{IndexError, Rules};
use crate::chain::Chain;
use chaincore_plugin::{
    AppliedBlock, BlockRef, ChainReader, Context, Gate, Manifest, Plugin, PluginError, Reporter, async_trait,
};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of changes above which what can be stored is stored.
const STORE_ABOVE: usize = 16 << 20;

/// Bytes of changes above which no more blocks are taken in before some can be stored.
const MAX_OVERLAY: usize = 64 << 20;

/// How often it is looked whether some can be.
const FULL_PAUSE: Duration = Duration::from_millis(50);

/// Fills an index.
pub struct IndexPlugin<R> {
    state: Arc<State<R>>,
    report: Option<Arc<dyn Reporter>>,
}

/// A fault of an index must not look like an index that is merely behind.
struct Alarm<'a, R: Rules>(&'a State<R>);

impl<R: Rules> Drop for Alarm<'_, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set_failure(Some("its thread has failed".into()));
        }
    }
}

impl<R: Rules> IndexPlugin<R> {
    pub(super) fn new(state: Arc<State<R>>) -> Self {
        Self { state, report: None }
    }

    /// What the host is told of an error: what the chain could not give it may later.
    fn told<T>(&self, result: Result<T, IndexError>) -> Result<T, PluginError> {
        result.map_err(|error| match error {
            IndexError::Chain(error) => PluginError::retry(error),
            error => {
                self.state.set_failure(Some(error.to_string()));
                PluginError::fatal(error)
            }
        })
    }

    fn is_full(&self) -> bool {
        self.state.contents().overlay.bytes() >= MAX_OVERLAY
    }

    /// Waits until there is room for the changes of another block.
    async fn make_room(&self) -> Result<(), IndexError> {
        while self.is_full() {
            if !self.store_durable(true)? {
                if self.report.as_ref().is_some_and(|report| report.is_stopping()) {
                    break;
                }
                let chain = &self.state.chain;
                if !chain.status().is_importing() {
                    // The chain has not flushed for long; ask it to.
                    if let Err(error) = chain.query(Chain::flush).await {
                        tracing::debug!("the index {} could not have the chain flushed: {error}", R::NAME);
                    }
                }
                tokio::time::sleep(FULL_PAUSE).await;
            }
        }
        Ok(())
    }

    fn connect(&self, block: &AppliedBlock) -> Result<(), IndexError> {
        let changes = self.state.rules.connect(block, &self.state.view())?;
        self.state.change().overlay.push(block.at, changes);
        self.state.cursor.send_replace(block.at);
        Ok(())
    }

    /// Takes one block off; the cursor after that.
    fn disconnect(&self, block: &BlockRef) -> Result<BlockRef, IndexError> {
        let applied = self.state.chain.applied_block(&block.hash)?;
        let below = self.state.chain.parent(block).ok_or_else(|| IndexError::Damaged {
            index: R::NAME,
            what: format!("block {block} has nothing below it"),
        })?;
        let changes = self.state.rules.disconnect(&applied, &self.state.view())?;
        self.state.change().overlay.push(below, changes);
        self.state.cursor.send_replace(below);
        Ok(below)
    }

    /// Stores the steps that the chain cannot take back any more: all of them if `all`, or when there are many. Whether
    /// there were any.
    fn store_durable(&self, all: bool) -> Result<bool, IndexError> {
        let (count, oldest) = {
            let contents = self.state.contents();
            let overlay = &contents.overlay;
            if overlay.is_empty() || (!all && overlay.bytes() < STORE_ABOVE) {
                return Ok(false);
            }
            let durable = self.state.chain.durable_tip();
            let count = overlay.storable(|cursor| self.state.chain.is_ancestor(cursor, &durable));
            (count, overlay.oldest(count))
        };
        let Some((cursor, changes)) = oldest else { return Ok(false) };
        // Readers see the overlay's values until they are dropped, so it does not matter how much of them is in the
        // database already.
        self.state.write(changes, Some(cursor))?;
        self.state.change().overlay.drop_oldest(count);
        Ok(true)
    }

    /// Stores what is in memory and true whatever becomes of the chain, and leaves the cursor where it is.
    fn store_facts(&self) -> Result<(), IndexError> {
        let (changes, cursor) = {
            let contents = self.state.contents();
            (contents.overlay.changes().clone(), stored_cursor(contents.db::<R>()?)?)
        };
        if !changes.is_empty() {
            self.state.write(changes, cursor)?;
            self.state.change().overlay.drop_changes();
        }
        Ok(())
    }
}

#[async_trait]
impl<R: Rules> Plugin for IndexPlugin<R> {
    fn manifest(&self) -> Manifest {
        Manifest {
            // What is above the durable tip is kept apart.
            gate: Gate::Applied,
            needs_spent: R::NEEDS_SPENT,
            ..Manifest::new(R::ID, env!("CARGO_PKG_VERSION"))
        }
    }

    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError> {
        let _alarm = Alarm(&self.state);
        self.report = Some(context.report.clone());
        let opened = || -> Result<_, IndexError> {
            let mut contents = self.state.change();
            let cursor = stored_cursor(contents.db::<R>()?)?;
            contents.overlay = Overlay::new(cursor);
            Ok(cursor)
        };
        let cursor = self.told(opened())?;
        self.state.cursor.send_replace(cursor.unwrap_or_else(|| self.state.chain.path(&[], 0).fork));
        self.state.set_failure(None);
        Ok(cursor)
    }

    async fn extend(&mut self, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        let _alarm = Alarm(&self.state);
        for block in blocks {
            let room = self.make_room().await;
            self.told(room)?;
            self.told(self.connect(block))?;
            self.told(self.store_durable(false))?;
        }
        Ok(())
    }

    async fn rollback(&mut self, to: BlockRef) -> Result<(), PluginError> {
        let _alarm = Alarm(&self.state);
        if R::FACTS {
            // Nobody will tell of these blocks again.
            self.told(self.store_facts())?;
        }
        let mut cursor = *self.state.cursor.borrow();
        while cursor.height > to.height {
            cursor = self.told(self.disconnect(&cursor))?;
        }
        Ok(())
    }

    async fn reset(&mut self) -> Result<(), PluginError> {
        let _alarm = Alarm(&self.state);
        tracing::info!("the index {} is made anew", R::NAME);
        self.told(self.state.remove())
    }

    async fn tick(&mut self) -> Result<(), PluginError> {
        let _alarm = Alarm(&self.state);
        self.told(self.store_durable(true))?;
        if let Some(report) = &self.report {
            let bytes = self.state.contents().overlay.bytes();
            report.figure("index_memory_bytes", "bytes of changes that are not stored yet", bytes as f64);
        }
        Ok(())
    }

    async fn close(&mut self) {
        let stored =
            self.store_durable(true).and_then(|_| if R::FACTS { self.store_facts() } else { Ok(()) });
        if let Err(error) = stored {
            tracing::error!("the index {} could not be stored: {error}", R::NAME);
        }
        self.state.set_failure(Some("it was stopped".into()));
    }
}
