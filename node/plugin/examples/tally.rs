//! A plugin in thirty lines: how many transactions each block has, in a file that is replaced as a whole. Run it with
//! `cargo run -p chaincore-plugin --features testkit --example tally`.
#![allow(clippy::print_stdout, dead_code)]

use chaincore_plugin::{AppliedBlock, BlockRef, Context, Manifest, Plugin, PluginError, async_trait};
use std::path::PathBuf;

/// The blocks from the genesis block up: hash and transactions. The last one is the cursor.
#[derive(Default)]
pub struct Tally(PathBuf, Vec<(String, usize)>);

impl Tally {
    fn store(&self) -> Result<(), PluginError> {
        let rows = serde_json::to_vec(&self.1).map_err(PluginError::fatal)?;
        std::fs::write(self.0.with_extension("new"), rows).map_err(PluginError::retry)?;
        std::fs::rename(self.0.with_extension("new"), &self.0).map_err(PluginError::retry)
    }
}

#[async_trait]
impl Plugin for Tally {
    fn manifest(&self) -> Manifest {
        Manifest::new("tally", "1")
    }

    async fn open(&mut self, context: &Context) -> Result<Option<BlockRef>, PluginError> {
        std::fs::create_dir_all(&context.folder).map_err(PluginError::retry)?;
        self.0 = context.folder.join("tally.json");
        let rows = std::fs::read(&self.0).unwrap_or_else(|_| b"[]".into());
        self.1 = serde_json::from_slice(&rows).map_err(PluginError::fatal)?;
        let Some((hash, _)) = self.1.last() else { return Ok(None) };
        let hash = hash.parse().map_err(PluginError::fatal)?;
        Ok(Some(BlockRef { height: self.1.len() as u32 - 1, hash }))
    }

    async fn extend(&mut self, blocks: &[AppliedBlock]) -> Result<(), PluginError> {
        self.1.extend(blocks.iter().map(|b| (b.at.hash.to_string(), b.block.transactions.len())));
        self.store()
    }

    async fn rollback(&mut self, to: BlockRef) -> Result<(), PluginError> {
        self.1.truncate(to.height as usize + 1);
        self.store()
    }

    async fn reset(&mut self) -> Result<(), PluginError> {
        self.1.clear();
        self.store()
    }
}

/// Leads it along a scripted chain. In a node the host does that.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), PluginError> {
    use chaincore_plugin::follow::{Guide, Step};
    let chain = chaincore_plugin::testkit::ScriptedChain::new(1);
    chain.extend(10);
    chain.flush();
    let folder = std::env::temp_dir().join(format!("tally-{}", std::process::id()));
    let mut guide = Guide::new(Box::new(Tally::default()), chain.context(&folder));
    while guide.step().await? != Step::Level {}
    let rows = std::fs::read_to_string(folder.join("tally.json")).map_err(PluginError::retry)?;
    println!("{rows}");
    std::fs::remove_dir_all(&folder).map_err(PluginError::retry)
}
