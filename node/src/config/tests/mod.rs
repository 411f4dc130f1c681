//! The command line and the configuration file, read as the node reads them.

mod chain_rules;
mod core_options;
mod documented;
#[cfg(unix)]
mod folders;
mod mining;
mod network;
#[cfg(unix)]
mod process_plugins;
mod refusals;
mod requests;
mod subcommands;

use super::{Config, Request};
use chaincore_rpc::conf::ConfError;

/// A data folder with a configuration file.
struct Home(tempfile::TempDir);

impl Home {
    fn new(conf: &str) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        std::fs::write(home.0.path().join("chaincore.conf"), conf).unwrap();
        home
    }

    fn request(&self, arguments: &[&str]) -> Result<Request, ConfError> {
        let datadir = format!("-datadir={}", self.0.path().display());
        Config::from_arguments(
            std::iter::once(datadir).chain(arguments.iter().map(|text| (*text).to_owned())),
        )
    }

    fn config(&self, arguments: &[&str]) -> Config {
        match self.request(arguments).unwrap() {
            Request::Run(config) => *config,
            other => panic!("{other:?}"),
        }
    }

    fn error(&self, arguments: &[&str]) -> String {
        self.request(arguments).unwrap_err().to_string()
    }
}
