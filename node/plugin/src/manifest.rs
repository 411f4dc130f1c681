//! What a plugin says of itself before it runs.

use crate::BlockRef;
use std::time::Duration;

/// Where a plugin that has no cursor yet begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// With the genesis block: `extend` is given that first.
    Genesis,
    /// With the first block above the tip of the moment at which it is opened.
    Tip,
    /// With the first block above this one. It must be in the active chain, or the plugin fails.
    At(BlockRef),
}

/// Up to where a plugin is led.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    /// Up to the durable tip: the plugin never has a block that the node could forget in a crash. For whatever
    /// stores what it makes of the blocks.
    Durable,
    /// Up to the tip. For what keeps nothing, and for what keeps apart the blocks above
    /// [`ChainReader::durable_tip`](crate::ChainReader::durable_tip).
    Applied,
}

/// Bounds of what one call of [`Plugin::extend`](crate::Plugin::extend) is given. A batch ends at the first of them
/// that is reached, and has one block at least.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BatchLimits {
    /// Blocks.
    pub max_blocks: usize,
    /// Bytes of serialized blocks.
    pub max_bytes: usize,
    /// How long the host may collect.
    pub max_wait: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { max_blocks: 64, max_bytes: 8 << 20, max_wait: Duration::from_millis(500) }
    }
}

/// What a plugin is and how it wants to be led. Made without touching files or network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// Its name in RPC, REST paths, folders and logs: 1 to 32 of `a-z 0-9 -`, a letter first. Unique in the node.
    pub id: String,
    /// Its version, for people.
    pub version: String,
    /// Where it begins without a cursor.
    pub start: Start,
    /// Up to where it is led.
    pub gate: Gate,
    /// How much it takes at a time.
    pub batch: BatchLimits,
    /// Whether it takes in blocks. If not, it is only told by [`Plugin::tick`](crate::Plugin::tick) that the tip has
    /// moved: `extend` and `rollback` are never called and need not be written, its cursor counts for nothing, and no
    /// block is read for it.
    pub needs_blocks: bool,
    /// Whether [`AppliedBlock::spent`](crate::AppliedBlock::spent) is read. The host need not read undo data, and
    /// leaves it empty, for a plugin that does not want it.
    pub needs_spent: bool,
    /// Whether [`Plugin::mempool`](crate::Plugin::mempool) is called.
    pub needs_mempool: bool,
    /// How often [`Plugin::tick`](crate::Plugin::tick) is called at least while there is nothing else to do.
    pub tick: Duration,
    /// Whether the node stops when this plugin fails.
    pub important: bool,
}

impl Manifest {
    /// A plugin that begins at the genesis block, is led to the durable tip with spent coins, hears nothing of the
    /// mempool, and is not important.
    pub fn new(id: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            version: version.into(),
            start: Start::Genesis,
            gate: Gate::Durable,
            batch: BatchLimits::default(),
            needs_blocks: true,
            needs_spent: true,
            needs_mempool: false,
            tick: Duration::from_secs(5),
            important: false,
        }
    }

    /// Whether the name may be one.
    pub fn is_id_valid(&self) -> bool {
        let bytes = self.id.as_bytes();
        (1..=32).contains(&bytes.len())
            && bytes[0].is_ascii_lowercase()
            && bytes.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    }
}
