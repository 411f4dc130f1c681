//! The trait that plugins implement, what they are given, and how they fail.

use crate::api::ApiRegistry;
use crate::{AppliedBlock, BlockRef, ChainReader, Manifest, MempoolEvent, NodeReader};
use async_trait::async_trait;
use chaincore_consensus::params::ChainParams;
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Why a plugin could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// It may work later: a connection is lost, a disk is full. The host waits (1 s, doubling up to 60 s, with
    /// jitter; or `after`), calls [`Plugin::open`] again and goes on from the cursor that gives.
    #[error("{source}")]
    Retry {
        /// How long to wait instead of the host's own back-off.
        after: Option<Duration>,
        /// What is wrong.
        source: Box<dyn Error + Send + Sync>,
    },
    /// It will not work before somebody does something. Stops this plugin, and the node if it is important.
    #[error("{0}")]
    Fatal(String),
}

impl PluginError {
    /// An error that may pass.
    pub fn retry(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Retry { after: None, source: source.into() }
    }

    /// An error that does not pass by itself.
    pub fn fatal(reason: impl std::fmt::Display) -> Self {
        Self::Fatal(reason.to_string())
    }
}

/// What a plugin tells of itself while it runs.
pub trait Reporter: Send + Sync {
    /// What it is doing, for `listplugins` and people: one line.
    fn describe(&self, text: &str);
    /// A figure for `listplugins` and `/metrics` (there `chaincore_plugin_<name>{plugin="<id>"}`). `name` is of
    /// `a-z 0-9 _`, ends in `_total` if it only grows, and `help` says the unit.
    fn figure(&self, name: &'static str, help: &'static str, value: f64);

    /// Whether the node wants to stop. A call that takes long ends early then; one that has not returned some seconds
    /// later is dropped, and the plugin is not closed.
    fn is_stopping(&self) -> bool {
        false
    }
}

/// What a plugin is given when it is opened. It stays valid until the plugin is closed.
#[derive(Clone)]
pub struct Context {
    /// The chain.
    pub chain: Arc<dyn ChainReader>,
    /// The node beside its chain.
    pub node: Arc<dyn NodeReader>,
    /// The chain's rules and names.
    pub params: Arc<ChainParams>,
    /// A folder of the plugin's own, `<data folder of the chain>/plugins/<id>`. It need not exist.
    pub folder: PathBuf,
    /// Where to tell what it is doing.
    pub report: Arc<dyn Reporter>,
}

/// Something that follows the chain. The host calls one method at a time, in one task, and waits for the answer.
///
/// The rule that makes everything else simple: the cursor that [`open`](Self::open) gives names exactly the blocks
/// whose effect is stored. A plugin that stores anything commits its cursor together with what it made of the blocks.
#[async_trait]
pub trait Plugin: Send + 'static {
    /// What it is. Pure: no files, no network, the same answer every time.
    fn manifest(&self) -> Manifest;

    /// Adds its RPC methods, REST paths and policy hooks. Called once, before anything is opened.
    fn register(&self, _api: &mut dyn ApiRegistry) {}

    /// Opens what it keeps and gives its cursor, the last block whose effect is stored; `None` if it has none.
    /// Called before everything else, and again after every [`PluginError::Retry`]: it must bring the plugin back to
    /// what is stored, whatever the failed call had begun.
    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError>;

    /// Takes in blocks: contiguous, each on the one before it, the first right above the cursor.
    ///
    /// Whoever takes in blocks ([`Manifest::needs_blocks`]) writes this, [`rollback`](Self::rollback) and
    /// [`reset`](Self::reset): a plugin that has not fails for good once the missing one is due. The others are never
    /// given blocks, and need not write them.
    async fn extend(&mut self, _blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        Err(unwritten(&self.manifest(), "extend"))
    }

    /// Drops everything above `to`, which is at or below the cursor and on its branch. Idempotent.
    async fn rollback(&mut self, _to: BlockRef) -> Result<(), PluginError> {
        Err(unwritten(&self.manifest(), "rollback"))
    }

    /// Changes branches: drops everything above `to` and takes in `blocks`, the first of the new branch. For plugins
    /// whose readers must never see the state in between; the others keep this one.
    async fn reorganize(&mut self, to: BlockRef, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        self.rollback(to).await?;
        if blocks.is_empty() { Ok(()) } else { self.extend(blocks).await }
    }

    /// Blocks that it has, the newest first, for the host to find the fork with. Asked only if the node does not know
    /// the cursor (it was opened on another copy of the chain). If none of them is known either, the plugin begins
    /// anew: [`reset`](Self::reset), then `open`.
    async fn locator(&mut self) -> Result<Vec<BlockRef>, PluginError> {
        Ok(vec![])
    }

    /// Forgets everything: rows and cursor. The next call is `open`. There has been a call of `open` before, which may
    /// have failed: what is stored may be damaged. A plugin that takes in no blocks is also asked, and has nothing to
    /// forget unless it writes this.
    async fn reset(&mut self) -> Result<(), PluginError> {
        let manifest = self.manifest();
        if manifest.needs_blocks { Err(unwritten(&manifest, "reset")) } else { Ok(()) }
    }

    /// What happened in the mempool, in order. Best effort: [`MempoolEvent::Gap`] stands for events that were lost and
    /// means that a snapshot is due ([`NodeReader::mempool`]).
    async fn mempool(&mut self, _events: &[MempoolEvent]) -> Result<(), PluginError> {
        Ok(())
    }

    /// There is nothing else to do: the plugin is where its [`Gate`](crate::Gate) is. Called when the tip or the
    /// durable tip has moved and all is taken in, and every [`Manifest::tick`].
    async fn tick(&mut self) -> Result<(), PluginError> {
        Ok(())
    }

    /// Stores what is due and lets go of everything. Nothing but [`open`](Self::open) is called afterwards. Also called
    /// after [`PluginError::Fatal`]; not after a panic, nor when a call had to be dropped.
    async fn close(&mut self) {}
}

fn unwritten(manifest: &Manifest, call: &str) -> PluginError {
    PluginError::fatal(format!("the plugin {} takes in blocks and has no `{call}`", manifest.id))
}
