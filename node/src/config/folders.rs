//! Making the folders that a node lives in.

use std::io;
use std::path::Path;

use chaincore_rpc::conf::CHAIN_FILE_NAME;

use super::Config;

impl Config {
    /// Makes the data folder, the chain's folder in it and its block folder, for the owner's eyes only, and keeps
    /// the definition of a chain of one's own in its folder, so that `-chain=NAME` is enough from then on.
    ///
    /// A new chain folder gets an empty `wallets` folder, as with Core: harnesses expect it.
    pub fn create_folders(&self) -> io::Result<()> {
        let new = !self.chain_dir.exists();
        create_private(&self.chain_dir)?;
        create_private(&self.storage.blocks_dir)?;
        if new {
            create_private(&self.chain_dir.join("wallets"))?;
        }
        if let Some(definition) = &self.conf.chain.definition {
            let kept = self.chain_dir.join(CHAIN_FILE_NAME);
            if !kept.exists() {
                std::fs::copy(definition, kept)?;
            }
        }
        Ok(())
    }
}

fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
