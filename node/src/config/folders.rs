//! Making the folders that a node lives in.

use std::io;
use std::path::Path;

use chaincore_consensus::params::ChainParams;
use chaincore_rpc::conf::{CHAIN_FILE_NAME, Conf, ConfError};

use super::Config;

/// Refuses a chain file whose rules are not those of the file kept in the chain's folder: what is stored there was
/// judged by the other rules. The ports may differ.
pub(super) fn check_kept_definition(conf: &Conf) -> Result<(), ConfError> {
    let kept = conf.chain_dir().join(CHAIN_FILE_NAME);
    let Some(given) = conf.chain.definition.as_ref().filter(|given| **given != kept && kept.is_file()) else {
        return Ok(());
    };
    let wrong = |why: &dyn std::fmt::Display| {
        ConfError::Chain(format!("Chain file {} could not be used: {why}", given.display()))
    };
    let text = std::fs::read_to_string(&kept).map_err(|error| wrong(&error))?;
    let mut known = ChainParams::from_toml(&text).map_err(|error| wrong(&error))?;
    (known.rpc_port, known.p2p_port) = (conf.chain.params.rpc_port, conf.chain.params.p2p_port);
    let asked = &conf.chain.params;
    if known == **asked {
        return Ok(());
    }
    if known.genesis_hash != asked.genesis_hash {
        return Err(wrong(&format!(
            "it founds chain {} on block {}, but this data folder is of chain {} on block {} ({})",
            asked.name,
            asked.genesis_hash,
            known.name,
            known.genesis_hash,
            kept.display()
        )));
    }
    Err(wrong(&format!(
        "its rules differ from those in {}, by which this data folder was filled",
        kept.display()
    )))
}

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
