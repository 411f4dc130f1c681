//! The miner as a plugin: the host starts it, shows what it does, and stops it.

use super::{Miner, MiningError, MiningOptions};
use crate::chain::ChainHandle;
use crate::mining_server::payee;
use chaincore_plugin::node::{MinerReport, MinerVia};
use chaincore_plugin::{BlockRef, Context, Gate, Manifest, Plugin, PluginError, Reporter, async_trait};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Mines while it is open. It takes in no blocks: the thread that mines watches the tip and the mempool itself, between
/// two turns of searching.
pub struct MinerPlugin {
    chain: ChainHandle,
    options: MiningOptions,
    miner: Option<Miner>,
    report: Option<Arc<dyn Reporter>>,
    /// What it is called, as its node, and since when it mines.
    named: Option<(String, Instant)>,
}

impl MinerPlugin {
    /// Will mine on a chain.
    pub fn new(chain: ChainHandle, options: MiningOptions) -> Self {
        Self { chain, options, miner: None, report: None, named: None }
    }

    fn stand(&self, standing: Vec<MinerReport>) {
        self.chain.mining_log().stand(self.chain.clock().now(), MinerVia::Node, standing);
    }

    fn tell(&self) {
        let (Some(miner), Some(report)) = (&self.miner, &self.report) else { return };
        let stats = miner.stats();
        let Some((worker, begun)) = &self.named else { return };
        let uptime = begun.elapsed();
        let standing = MinerReport {
            worker: worker.clone(),
            address: payee(&self.options.script, self.chain.params()),
            via: MinerVia::Node,
            hashes: stats.hashes,
            hashes_per_second: (stats.hashes as f64 / uptime.as_secs_f64().max(1.0)) as u64,
            accepted: stats.blocks,
            rejected: stats.lost,
            blocks: stats.blocks,
            uptime: uptime.as_secs(),
            ..MinerReport::default()
        };
        self.stand(vec![standing]);
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
        self.named = Some((context.node.identity().node_id, Instant::now()));
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
        self.stand(vec![]);
        drop(self.miner.take());
    }
}
