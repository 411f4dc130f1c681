//! The miner as a plugin: the host starts it, shows what it does, and stops it.

use super::{Miner, MiningError, MiningOptions};
use crate::chain::ChainHandle;
use chaincore_plugin::{BlockRef, Context, Gate, Manifest, Plugin, PluginError, Reporter, async_trait};
use std::sync::Arc;
use std::time::Duration;

/// Mines while it is open. It takes in no blocks: the thread that mines watches the tip and the mempool itself, between
/// two turns of searching.
pub struct MinerPlugin {
    chain: ChainHandle,
    options: MiningOptions,
    miner: Option<Miner>,
    report: Option<Arc<dyn Reporter>>,
}

impl MinerPlugin {
    /// Will mine on a chain.
    pub fn new(chain: ChainHandle, options: MiningOptions) -> Self {
        Self { chain, options, miner: None, report: None }
    }

    fn tell(&self) {
        let (Some(miner), Some(report)) = (&self.miner, &self.report) else { return };
        let stats = miner.stats();
        report.figure("miner_hashes_total", "headers hashed since mining began", stats.hashes as f64);
        report.figure("miner_blocks_total", "blocks found that became the tip", stats.blocks as f64);
        report.figure("miner_lost_total", "blocks found that did not", stats.lost as f64);
    }
}

impl From<MiningError> for PluginError {
    fn from(error: MiningError) -> Self {
        Self::fatal(error)
    }
}

#[async_trait]
impl Plugin for MinerPlugin {
    fn manifest(&self) -> Manifest {
        Manifest {
            gate: Gate::Applied,
            needs_blocks: false,
            tick: Duration::from_secs(1),
            // Whoever runs a node to mine wants to know that it does not.
            important: true,
            ..Manifest::new("miner", env!("CARGO_PKG_VERSION"))
        }
    }

    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError> {
        // What a failed call had begun.
        drop(self.miner.take());
        let miner = Miner::start(self.chain.clone(), self.options.clone())?;
        context.report.describe(&format!("mining with {} threads", miner.threads()));
        (self.miner, self.report) = (Some(miner), Some(context.report.clone()));
        self.tell();
        Ok(None)
    }

    async fn tick(&mut self) -> Result<(), PluginError> {
        self.tell();
        match &self.miner {
            Some(miner) if miner.has_ended() => Err(PluginError::retry("the mining thread has ended")),
            _ => Ok(()),
        }
    }

    async fn close(&mut self) {
        if let Some(report) = &self.report {
            report.describe("not mining");
        }
        // It may find a block until it has ended: its last figures are told after.
        if let Some(miner) = &mut self.miner {
            miner.stop();
        }
        self.tell();
        drop(self.miner.take());
    }
}
