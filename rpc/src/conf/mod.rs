//! Options of the command line and of `chaincore.conf`, shared by the daemon and the command-line client.
//!
//! Owns: the syntax (Core's one-dash options, sections, `includeconf`), which source wins, how the chain is
//! chosen, and where the data folder, the chain's folder in it and the cookie lie. It does not own what the
//! daemon's options mean: the node builds its typed configuration on [`Conf`].
//!
//! Why not clap: in Core's syntax `-datadir=x`, `--datadir=x`, `-nodatadir` and `[regtest]` sections are one
//! language with its own rules of precedence (last wins on the command line, first wins in the file, a negation
//! clears what came before it). clap knows none of it, and scripts written for Core depend on all of it.
//!
//! Invariants: nothing is written to disk here; a [`Conf`] that was read has a known chain and an existing data
//! folder (or the default one, which may not exist yet).

mod arguments;
mod chain;
mod datadir;
mod file;
mod help;
mod options;
mod settings;

pub use arguments::{Arguments, parse_arguments};
pub use chain::{CHAIN_FILE_NAME, Chain};
pub use datadir::{COOKIE_FILE, default_datadir, read_cookie};
pub use help::{help_text, paragraph};
pub use options::{Group, OptionSpec, OptionTable, SHARED_OPTIONS, option};
pub use settings::{Settings, Value};

use std::path::{Path, PathBuf};

/// The configuration file that is looked for first in the data folder.
pub const CONF_FILE: &str = "chaincore.conf";
/// The configuration file that is read when there is no [`CONF_FILE`]: Core's.
pub const CORE_CONF_FILE: &str = "bitcoin.conf";

/// Why a configuration could not be read. Texts are Core's where Core has the same error, because harnesses
/// compare them.
#[derive(Debug, thiserror::Error)]
pub enum ConfError {
    /// The command line is malformed.
    #[error("Error parsing command line arguments: {0}")]
    Arguments(String),
    /// The configuration file (or one that it includes) is malformed or unreadable.
    #[error("Error reading configuration file: {0}")]
    File(String),
    /// `-datadir` names something that is no folder.
    #[error("Specified data directory \"{0}\" does not exist.")]
    NoDatadir(String),
    /// No chain, or more than one, is meant.
    #[error("{0}")]
    Chain(String),
    /// An option's value is not one that it can have: names the option, the value and what is allowed.
    #[error("{0}")]
    Value(String),
}

/// What was asked for on the command line and in the files, with its chain and folders found.
#[derive(Debug, Clone)]
pub struct Conf {
    /// Every option from every source.
    pub settings: Settings,
    /// The chain that was chosen.
    pub chain: Chain,
    /// The data folder (absolute).
    pub datadir: PathBuf,
    /// The configuration file that was used, if it exists.
    pub conf_file: Option<PathBuf>,
    /// The path where the configuration file was looked for; empty with `-noconf`.
    pub conf_path: PathBuf,
    /// What a user should be told, once there is a log to tell it in.
    pub warnings: Vec<String>,
}

/// A file's bytes; one with more than `max` is an error, and so is one that has no end.
fn read_at_most(path: &Path, max: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(std::io::Error::other(format!("it is larger than {max} bytes")));
    }
    Ok(bytes)
}

impl Conf {
    /// Reads the configuration files that `arguments` lead to and finds the chain and the folders.
    ///
    /// Options that `table` does not know are an error on the command line (see [`parse_arguments`]) and only a
    /// warning in a file.
    pub fn read(table: &OptionTable, arguments: Arguments) -> Result<Conf, ConfError> {
        let mut settings = Settings::new(table, arguments);
        let mut warnings = Vec::new();
        let mut datadir = datadir::find(&settings)?;

        let conf_path = file::conf_path(&settings, &datadir, &mut warnings);
        let conf_file = file::read_all(table, &mut settings, &conf_path, &datadir, &mut warnings)?;
        // The file may name another data folder; then that is where everything else lies.
        datadir = datadir::find(&settings)?;

        let chain = chain::choose(&settings, &datadir)?;
        settings.select_chain(chain.name());
        settings.read_saved(&chain.folder_in(&datadir).join("settings.json"))?;
        file::warn_about_sections(&settings, &chain, &mut warnings);
        file::check_sections_of_network_options(table, &settings, &chain)?;
        Ok(Conf { settings, chain, datadir, conf_file, conf_path, warnings })
    }

    /// The folder of the chosen chain: the data folder itself for Bitcoin's main chain, a folder in it for others.
    pub fn chain_dir(&self) -> PathBuf {
        self.chain.folder_in(&self.datadir)
    }

    /// Where the cookie lies: `-rpccookiefile`, or `.cookie` in the chain's folder; `None` with
    /// `-norpccookiefile`.
    pub fn cookie_path(&self) -> Option<PathBuf> {
        if self.settings.is_negated("rpccookiefile") {
            return None;
        }
        let named = self.settings.text("rpccookiefile").filter(|name| !name.is_empty());
        Some(self.chain_path(named.as_deref().unwrap_or(COOKIE_FILE)))
    }

    /// `path` as it stands if it is absolute, else inside the chain's folder.
    pub fn chain_path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.chain_dir().join(path)
    }
}

#[cfg(test)]
mod tests;
