//! How a plugin is led along the chain: the cursor algorithm, one step at a time, without threads or clocks of its own.
//!
//! A [`Guide`] owns a plugin and knows the last block that it has taken in. Each [`Guide::step`] does one thing that
//! the plugin answers for: it opens the plugin, finds where it stands, or moves it one batch nearer to where its
//! [`Gate`] is. The host repeats steps until one says [`Step::Level`] and waits for the chain to move; the test kit
//! does the same and kills in between. What the algorithm promises:
//!
//! - A plugin is given each block exactly above the one it has, and is told to drop exactly what it has above a fork.
//! - With [`Gate::Durable`] it never has a block that a crash of the node could take back: it is led to the durable
//!   tip, on whichever branch that is.
//! - A step that fails, or is dropped half-way, leaves nothing to remember: the next one opens the plugin again and
//!   goes on from the cursor that it has stored. So a plugin may be killed anywhere, also between the moment at which it
//!   commits and the moment at which the host hears of it.

use crate::{
    AppliedBlock, BlockRef, ChainReader, Context, Gate, Manifest, MempoolEvent, Plugin, PluginError, Start,
};
use chaincore_consensus::BlockHash;
use std::sync::Arc;
use std::time::Instant;

/// The most blocks asked for at a time, whatever a manifest says.
const MAX_PATH: usize = 2000;

/// What a step has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// The plugin is open, and this is its cursor. None if it begins with the genesis block.
    Opened(Option<BlockRef>),
    /// The plugin did not know where it is on this chain and has been emptied. It will be opened again.
    Emptied,
    /// The plugin has moved.
    Moved {
        /// Its cursor now.
        to: BlockRef,
        /// Blocks dropped.
        dropped: u32,
        /// Blocks taken in.
        taken: usize,
    },
    /// The plugin is where its gate is: there is nothing to do before the chain moves.
    Level,
}

/// Where a plugin stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// It is not open, or something has gone wrong since it was.
    Unknown,
    /// It is open and has nothing, not even the genesis block.
    Empty,
    /// It is open and has this block and all below.
    At(BlockRef),
}

/// The way from a plugin's cursor to where it is led.
struct Way {
    /// The last block that both have.
    fork: BlockRef,
    /// Blocks above, as far as this step goes at most.
    connect: Vec<BlockRef>,
}

/// Leads one plugin. Dropping it is what a kill is to the plugin: nothing is called any more.
pub struct Guide {
    plugin: Box<dyn Plugin>,
    manifest: Manifest,
    context: Context,
    place: Place,
    /// Where a plugin without a cursor has begun, for as long as it has none.
    begun: Option<BlockRef>,
    emptied: bool,
}

impl Guide {
    /// Will lead `plugin`, which is not open yet.
    pub fn new(plugin: Box<dyn Plugin>, context: Context) -> Self {
        let manifest = plugin.manifest();
        Self { plugin, manifest, context, place: Place::Unknown, begun: None, emptied: false }
    }

    /// What the plugin says of itself.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The last block that the plugin has taken in; none if it has none or is not open.
    pub fn cursor(&self) -> Option<BlockRef> {
        match self.place {
            Place::At(cursor) => Some(cursor),
            Place::Unknown | Place::Empty => None,
        }
    }

    /// Whether the plugin is open.
    pub fn is_open(&self) -> bool {
        self.place != Place::Unknown
    }

    /// Where the plugin is led to, as the chain is now.
    pub fn target(&self) -> BlockRef {
        match self.manifest.gate {
            Gate::Durable => self.context.chain.durable_tip(),
            Gate::Applied => self.context.chain.tip(),
        }
    }

    /// The plugin, which is not open any more for whoever leads it next.
    pub fn into_plugin(self) -> Box<dyn Plugin> {
        self.plugin
    }

    /// Does the next thing there is to do. After an error that may pass the next step opens the plugin again.
    pub async fn step(&mut self) -> Result<Step, PluginError> {
        // Whatever ends this before its end, an error or the loss of the future, leaves the place unknown.
        match std::mem::replace(&mut self.place, Place::Unknown) {
            Place::Unknown => self.open().await,
            Place::Empty => self.begin().await,
            Place::At(cursor) => self.advance(cursor).await,
        }
    }

    /// Tells the plugin that there is nothing else to do. Only after a [`Step::Level`].
    pub async fn tick(&mut self) -> Result<(), PluginError> {
        let place = std::mem::replace(&mut self.place, Place::Unknown);
        self.plugin.tick().await?;
        self.place = place;
        Ok(())
    }

    /// Tells the plugin what happened in the mempool. Only while it is open.
    pub async fn mempool(&mut self, events: &[MempoolEvent]) -> Result<(), PluginError> {
        let place = std::mem::replace(&mut self.place, Place::Unknown);
        self.plugin.mempool(events).await?;
        self.place = place;
        Ok(())
    }

    /// Has the plugin forget everything. The next step opens it.
    pub async fn reset(&mut self) -> Result<(), PluginError> {
        self.place = Place::Unknown;
        self.begun = None;
        self.plugin.reset().await
    }

    /// Closes the plugin. The next step would open it again.
    pub async fn close(&mut self) {
        self.place = Place::Unknown;
        self.plugin.close().await;
    }

    async fn open(&mut self) -> Result<Step, PluginError> {
        let chain = self.context.chain.clone();
        let stored = self.plugin.open(&self.context).await?;
        if !self.manifest.needs_blocks {
            self.place = Place::At(self.target());
            return Ok(Step::Opened(self.cursor()));
        }
        let Some(cursor) = stored else {
            self.emptied = false;
            self.place = match self.start()? {
                Some(cursor) => Place::At(cursor),
                None => Place::Empty,
            };
            return Ok(Step::Opened(self.cursor()));
        };
        self.begun = None;
        if is_known(&*chain, &cursor) {
            self.emptied = false;
            self.place = Place::At(cursor);
            return Ok(Step::Opened(Some(cursor)));
        }
        let known = self.plugin.locator().await?.into_iter().find(|block| is_known(&*chain, block));
        if let Some(known) = known {
            self.plugin.rollback(known).await?;
            self.emptied = false;
            self.place = Place::At(known);
            return Ok(Step::Opened(Some(known)));
        }
        if std::mem::replace(&mut self.emptied, true) {
            return Err(PluginError::fatal(format!("it is still at block {cursor} after it was emptied")));
        }
        self.plugin.reset().await?;
        Ok(Step::Emptied)
    }

    /// Where a plugin without a cursor begins: above which block, or none for the genesis block.
    fn start(&mut self) -> Result<Option<BlockRef>, PluginError> {
        let chain = &self.context.chain;
        let begin = match self.manifest.start {
            Start::Genesis => None,
            // What came between the first opening and this one would else be left out.
            Start::Tip => Some(self.begun.unwrap_or_else(|| chain.tip())),
            Start::At(block) if self.begun == Some(block) || chain.is_ancestor(&block, &chain.tip()) => {
                Some(block)
            }
            Start::At(block) => {
                return Err(PluginError::fatal(format!(
                    "it begins above block {block}, which is not active"
                )));
            }
        };
        self.begun = begin;
        Ok(begin)
    }

    async fn begin(&mut self) -> Result<Step, PluginError> {
        let genesis = self.context.chain.path(&[], 0).fork;
        let way = loop {
            if let Some(way) = self.way(genesis, self.target()) {
                break way;
            }
        };
        let connect = [vec![genesis], way.connect].concat();
        let blocks = self.collect(BlockHash::ZERO, &connect)?;
        self.plugin.extend(&blocks).await?;
        self.moved(genesis, 0, &blocks)
    }

    async fn advance(&mut self, cursor: BlockRef) -> Result<Step, PluginError> {
        let chain = self.context.chain.clone();
        let way = loop {
            let target = self.target();
            if target == cursor || !self.manifest.needs_blocks {
                self.place = Place::At(target);
                return Ok(Step::Level);
            }
            if chain.is_ancestor(&target, &cursor) {
                // The plugin is ahead of what is durable. On the active chain that will come; of another branch it
                // keeps no more than the active chain has too.
                let fork = fork(&*chain, cursor, &chain.tip());
                if fork == cursor {
                    self.place = Place::At(cursor);
                    return Ok(Step::Level);
                }
                break Way { fork: if fork.height > target.height { fork } else { target }, connect: vec![] };
            }
            // None if the chain has moved meanwhile.
            if let Some(way) = self.way(cursor, target) {
                break way;
            }
        };
        let dropped = cursor.height - way.fork.height;
        if way.connect.is_empty() {
            self.plugin.rollback(way.fork).await?;
            return self.moved(way.fork, dropped, &[]);
        }
        let blocks = self.collect(way.fork.hash, &way.connect)?;
        if dropped == 0 {
            self.plugin.extend(&blocks).await?;
        } else {
            self.plugin.reorganize(way.fork, &blocks).await?;
        }
        self.moved(way.fork, dropped, &blocks)
    }

    fn moved(&mut self, from: BlockRef, dropped: u32, blocks: &[AppliedBlock]) -> Result<Step, PluginError> {
        let to = blocks.last().map_or(from, |block| block.at);
        self.place = Place::At(to);
        Ok(Step::Moved { to, dropped, taken: blocks.len() })
    }

    /// The way from `cursor` towards `target`, which need not be in the active chain. None if the chain moved while it
    /// was looked for.
    fn way(&self, cursor: BlockRef, target: BlockRef) -> Option<Way> {
        let chain = &*self.context.chain;
        let limit = self.manifest.batch.max_blocks.clamp(1, MAX_PATH);
        let fork = fork(chain, cursor, &target);
        // What of the target's branch lies above the active chain, from the top.
        let (mut top, mut off) = (target, vec![]);
        let tip = chain.tip();
        while top.height > fork.height && !chain.is_ancestor(&top, &tip) {
            off.push(top);
            top = chain.parent(&top)?;
        }
        let mut connect = vec![];
        if top.height > fork.height {
            let path = chain.path(&[fork], limit);
            if path.fork != fork || !chain.is_ancestor(&top, &path.tip) {
                return None;
            }
            connect.extend(path.connect.into_iter().filter(|block| block.height <= top.height));
        }
        if connect.last().is_none_or(|last| *last == top) {
            connect.extend(off.into_iter().rev());
        }
        connect.truncate(limit);
        Some(Way { fork, connect })
    }

    /// Reads the first of `connect`, as many as a batch holds. The first builds on `below`.
    fn collect(&self, below: BlockHash, connect: &[BlockRef]) -> Result<Vec<AppliedBlock>, PluginError> {
        let limits = &self.manifest.batch;
        let (begun, mut bytes, mut below) = (Instant::now(), 0, below);
        let mut blocks = Vec::with_capacity(connect.len());
        for at in connect {
            let mut block = match self.context.chain.applied_block(&at.hash) {
                Ok(block) => block,
                Err(error) if blocks.is_empty() => return Err(PluginError::retry(error)),
                // The next step asks again.
                Err(_) => break,
            };
            if block.at != *at || block.prev != below {
                return Err(PluginError::retry(format!("block {} was read where {at} is", block.at)));
            }
            if !self.manifest.needs_spent {
                block.spent = Arc::new([]);
            }
            bytes += block.block.total_size();
            below = at.hash;
            blocks.push(block);
            if blocks.len() >= limits.max_blocks
                || bytes >= limits.max_bytes
                || begun.elapsed() >= limits.max_wait
            {
                break;
            }
        }
        Ok(blocks)
    }
}

fn is_known(chain: &dyn ChainReader, block: &BlockRef) -> bool {
    chain.is_ancestor(block, block)
}

/// The highest block that is below or at both, `block` being known.
fn fork(chain: &dyn ChainReader, block: BlockRef, of: &BlockRef) -> BlockRef {
    let mut fork = block;
    while !chain.is_ancestor(&fork, of) {
        let Some(below) = chain.parent(&fork) else { break };
        fork = below;
    }
    fork
}

#[cfg(test)]
mod tests;
