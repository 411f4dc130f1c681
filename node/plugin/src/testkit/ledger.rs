//! A plugin that is easy to believe, and can be spoiled: what the tests of the algorithm and of the check lead along.

use super::Subject;
use crate::{AppliedBlock, BatchLimits, BlockRef, Context, Gate, Manifest, Plugin, PluginError, async_trait};
use chaincore_consensus::BlockHash;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// What is wrong with the plugin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Spoil {
    Nothing,
    /// The cursor is stored before the rows.
    CursorFirst,
    /// The rows are stored before the cursor, so that some are counted twice.
    CursorLast,
    /// Rollbacks move the cursor and leave the rows.
    RowsStay,
    /// It stores what is not durable yet.
    NotGated,
    /// After a failure it believes what it remembers and not what is stored.
    Believes,
    /// A reset leaves the rows.
    KeepsRows,
}

/// Blocks by height: which, how often it was taken in, and what it spent in all.
type Rows = BTreeMap<u32, (BlockHash, i32, i64)>;

#[derive(Default, Debug)]
struct Stored {
    rows: Rows,
    cursor: Option<BlockRef>,
    /// Writes that succeed before the process is dead.
    left: Option<usize>,
}

/// What survives the plugin.
#[derive(Clone, Default, Debug)]
pub(crate) struct Disk(Arc<Mutex<Stored>>);

impl Disk {
    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().expect("no one panics while holding the disk")
    }

    pub(crate) fn cursor(&self) -> Option<BlockRef> {
        self.stored().cursor
    }

    pub(crate) fn rows(&self) -> Rows {
        self.stored().rows.clone()
    }

    /// The process dies after so many more writes.
    pub(crate) fn die_after(&self, writes: usize) {
        self.stored().left = Some(writes);
    }

    /// There is a new process.
    pub(crate) fn revive(&self) {
        self.stored().left = None;
    }

    /// One atomic write. The process may die before it, and after it.
    async fn write(&self, change: impl FnOnce(&mut Stored)) -> Result<(), PluginError> {
        yield_once().await;
        {
            let mut stored = self.stored();
            match &mut stored.left {
                Some(0) => return Err(PluginError::retry("the process is dead")),
                Some(left) => *left -= 1,
                None => {}
            }
            change(&mut stored);
            if stored.left == Some(0) {
                return Err(PluginError::retry("the process died after its last write"));
            }
        }
        yield_once().await;
        Ok(())
    }
}

async fn yield_once() {
    let mut waited = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Stores a row for each block.
pub(crate) struct Ledger {
    disk: Disk,
    spoil: Spoil,
    gate: Gate,
    cursor: Option<BlockRef>,
    opened: bool,
}

impl Ledger {
    pub(crate) fn new(disk: &Disk, spoil: Spoil) -> Self {
        let gate = if spoil == Spoil::NotGated { Gate::Applied } else { Gate::Durable };
        Self { disk: disk.clone(), spoil, gate, cursor: None, opened: false }
    }

    fn take(rows: &mut Rows, blocks: &[AppliedBlock]) {
        for block in blocks {
            let spent: i64 = block.spent.iter().map(|coin| coin.output.value.sat()).sum();
            let row = rows.entry(block.at.height).or_insert((block.at.hash, 0, 0));
            *row = (block.at.hash, row.1 + 1, row.2 + spent);
        }
    }
}

#[async_trait]
impl Plugin for Ledger {
    fn manifest(&self) -> Manifest {
        Manifest {
            gate: self.gate,
            batch: BatchLimits { max_blocks: 3, max_bytes: 1 << 20, max_wait: Duration::from_secs(60) },
            ..Manifest::new("ledger", "1")
        }
    }

    async fn open(&mut self, _: &Context) -> Result<Option<BlockRef>, PluginError> {
        if !(self.opened && self.spoil == Spoil::Believes) {
            self.cursor = self.disk.cursor();
        }
        self.opened = true;
        Ok(self.cursor)
    }

    async fn extend(&mut self, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        let (first, last) = (&blocks[0], &blocks[blocks.len() - 1]);
        let below = self.cursor.map_or(BlockHash::ZERO, |cursor| cursor.hash);
        if first.prev != below || blocks.windows(2).any(|pair| pair[1].prev != pair[0].at.hash) {
            return Err(PluginError::fatal(format!("block {} is not above {below}", first.at)));
        }
        self.cursor = Some(last.at);
        let disk = self.disk.clone();
        match self.spoil {
            Spoil::CursorFirst => {
                disk.write(|stored| stored.cursor = Some(last.at)).await?;
                disk.write(|stored| Self::take(&mut stored.rows, blocks)).await
            }
            Spoil::CursorLast => {
                disk.write(|stored| Self::take(&mut stored.rows, blocks)).await?;
                disk.write(|stored| stored.cursor = Some(last.at)).await
            }
            _ => {
                let commit = |stored: &mut Stored| {
                    Self::take(&mut stored.rows, blocks);
                    stored.cursor = Some(last.at);
                };
                disk.write(commit).await
            }
        }
    }

    async fn rollback(&mut self, to: BlockRef) -> Result<(), PluginError> {
        if self.cursor.is_none_or(|cursor| cursor.height < to.height) {
            return Err(PluginError::fatal(format!("rolled back to {to} from below")));
        }
        self.cursor = Some(to);
        let disk = self.disk.clone();
        let keeps = self.spoil == Spoil::RowsStay;
        let commit = |stored: &mut Stored| {
            if !keeps {
                stored.rows.retain(|height, _| *height <= to.height);
            }
            stored.cursor = Some(to);
        };
        disk.write(commit).await
    }

    async fn reset(&mut self) -> Result<(), PluginError> {
        self.cursor = None;
        let disk = self.disk.clone();
        let keeps = self.spoil == Spoil::KeepsRows;
        let commit = |stored: &mut Stored| {
            if !keeps {
                stored.rows.clear();
            }
            stored.cursor = None;
        };
        disk.write(commit).await
    }
}

/// The ledger under check.
pub(crate) struct Book {
    disk: Disk,
    spoil: Spoil,
}

impl Book {
    pub(crate) fn new(spoil: Spoil) -> Self {
        Self { disk: Disk::default(), spoil }
    }
}

#[async_trait]
impl Subject for Book {
    fn plugin(&mut self) -> Box<dyn Plugin> {
        Box::new(Ledger::new(&self.disk, self.spoil))
    }

    async fn contents(&mut self) -> String {
        format!("{:?} {:?}", self.disk.cursor(), self.disk.rows())
    }
}
