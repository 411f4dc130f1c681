//! Which chain is meant.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaincore_consensus::params::ChainParams;

use super::{ConfError, Settings};

/// Name of the file, in the folder of a chain of one's own, with the chain's definition. A node writes it when it
/// first starts with `--chain-file`; afterwards `-chain=NAME` is enough.
pub const CHAIN_FILE_NAME: &str = "chain.toml";
/// A file larger than this defines no chain.
const MAX_BYTES: u64 = 1 << 20;

/// The chosen chain.
#[derive(Debug, Clone)]
pub struct Chain {
    /// Its name, ports, folder and rules, before any option that changes the rules.
    pub params: Arc<ChainParams>,
    /// The file that defines it, for a chain of one's own (absolute).
    pub definition: Option<PathBuf>,
}

/// The chain of a node that is told of none.
const DEFAULT: &str = "chaincore";

impl Chain {
    /// A chain that ChainCore knows by name.
    pub fn known(name: &str) -> Option<Chain> {
        ChainParams::by_name(name).map(|params| Chain { params: Arc::new(params), definition: None })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.params.name
    }

    /// Its folder in `datadir`: the data folder itself for Bitcoin's main chain, as in Core.
    pub fn folder_in(&self, datadir: &Path) -> PathBuf {
        if self.params.data_subfolder.is_empty() {
            datadir.to_owned()
        } else {
            datadir.join(&self.params.data_subfolder)
        }
    }

    /// The chain that a file founds; the error names the file.
    pub fn from_file(path: &Path) -> Result<Chain, ConfError> {
        let wrong = |error: &dyn std::fmt::Display| {
            ConfError::Chain(format!("Chain file {} could not be used: {error}", path.display()))
        };
        let bytes = super::read_at_most(path, MAX_BYTES).map_err(|error| wrong(&error))?;
        let text = String::from_utf8(bytes).map_err(|_| wrong(&"it is not UTF-8 text"))?;
        let params = ChainParams::from_toml(&text).map_err(|error| wrong(&error))?;
        let path = std::path::absolute(path).map_err(|error| wrong(&error))?;
        Ok(Chain { params: Arc::new(params), definition: Some(path) })
    }
}

/// Whether a section of the file belongs to a chain that exists (here or in Core).
pub(super) fn is_section(name: &str) -> bool {
    name == "test" || ChainParams::NAMES.contains(&name)
}

/// The ways in which a chain was asked for, as the user would spell them, with the chain's name.
fn requests(settings: &Settings) -> Result<Vec<(String, Option<String>)>, ConfError> {
    let mut found = Vec::new();
    for switch in ["regtest", "testnet4", "signet", "testnet"] {
        if settings.chain_switch(switch)? {
            found.push((format!("-{switch}"), Some(switch.to_owned())));
        }
    }
    if let Some(name) = settings.text("chain").filter(|name| name != "0") {
        found.push((format!("-chain={name}"), Some(name)));
    }
    if let Some(file) = settings.text("chain-file") {
        found.push((format!("--chain-file={file}"), None));
    }
    Ok(found)
}

/// The section whose `includeconf` counts: the chain as far as it is known before included files are read.
pub(super) fn section_before_includes(settings: &Settings) -> String {
    let chosen = requests(settings).ok().and_then(|mut found| found.pop()).and_then(|(_, name)| name);
    chosen.unwrap_or_else(|| DEFAULT.to_owned())
}

/// The chain that the options mean.
pub(super) fn choose(settings: &Settings, datadir: &Path) -> Result<Chain, ConfError> {
    let found = requests(settings)?;
    if found.len() > 1 {
        let spelled: Vec<_> = found.into_iter().map(|(spelled, _)| spelled).collect();
        return Err(ConfError::Chain(format!(
            "Invalid combination of {}: each of them chooses the chain. Can use at most one.",
            spelled.join(" and ")
        )));
    }
    let Some((_, name)) = found.into_iter().next() else {
        return Ok(Chain::known(DEFAULT).expect("the default chain is a known one"));
    };
    let Some(name) = name else {
        return Chain::from_file(Path::new(&settings.text("chain-file").unwrap_or_default()));
    };
    if let Some(chain) = Chain::known(&name) {
        return Ok(chain);
    }
    if matches!(name.as_str(), "test" | "testnet") {
        return Err(ConfError::Chain(
            "Chain test (testnet3) is not supported, its successor is: use -testnet4.".to_owned(),
        ));
    }
    let plain = !name.is_empty() && name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-' || c == b'_');
    let definition = datadir.join(&name).join(CHAIN_FILE_NAME);
    if plain && definition.is_file() {
        return Chain::from_file(&definition);
    }
    Err(ConfError::Chain(format!(
        "Unknown chain {name}. It must be one of {}, or a chain of your own (--chain-file=<file>).",
        ChainParams::NAMES.join(", ")
    )))
}
