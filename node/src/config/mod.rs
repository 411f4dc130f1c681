//! What the node was asked to be: the typed result of the command line and the configuration file.
//!
//! Owns: the daemon's options, their defaults and limits, the texts of `-help` and of what is wrong. The syntax and
//! the order of sources are shared with the client and live in [`chaincore_rpc::conf`].
//!
//! Invariants: a [`Config`] is complete and checked, so nothing after it has to look at options again; reading one
//! writes nothing but what [`Config::create_folders`] is asked for.

mod api;
mod background;
mod chain_new;
mod chain_rules;
mod folders;
mod ignored;
mod key_new;
mod log;
mod mempool;
mod mining;
mod mirror;
mod notify;
mod options;
mod peers;
mod process_plugins;
mod reach;
mod storage;
mod zmq;

pub use api::{ApiConfig, CookieReaders};
pub use background::start_in_background;
pub use log::{LogConfig, LogLevel};
pub use mempool::MempoolConfig;
pub use mining::MiningConfig;
pub use notify::NotifyConfig;
pub use peers::PeersConfig;
pub use reach::ReachConfig;
pub use storage::StorageConfig;

use std::path::PathBuf;
use std::sync::Arc;

use crate::plugins::command::CommandLine;
use crate::zmq::Notification;
use chaincore_consensus::params::ChainParams;
use chaincore_mirror::MirrorOptions;
use chaincore_rpc::conf::{Conf, ConfError, Group, OptionTable, help_text, paragraph, parse_arguments};
use clap::CommandFactory;

/// Everything that was chosen, by what it concerns.
#[derive(Debug, Clone)]
pub struct Config {
    /// The chain, with what the options change in it.
    pub params: Arc<ChainParams>,
    /// The data folder.
    pub datadir: PathBuf,
    /// The chain's folder in it: state, log and cookie.
    pub chain_dir: PathBuf,
    /// A name for the node, if it has one (`--node-id`).
    pub node_id: Option<String>,
    /// Where the process id is written.
    pub pid_file: PathBuf,
    /// A stopped clock, in seconds since 1970 (`-mocktime`).
    pub mock_time: Option<i64>,
    /// Stop when the chain reaches this height.
    pub stop_at_height: Option<u32>,
    /// Whether the terminal gets a banner.
    pub banner: bool,
    /// Databases, files, threads of verification.
    pub storage: StorageConfig,
    /// JSON-RPC and REST.
    pub api: ApiConfig,
    /// Peers.
    pub peers: PeersConfig,
    /// The mempool and relay policy.
    pub mempool: MempoolConfig,
    /// Templates and the built-in miner.
    pub mining: MiningConfig,
    /// Logs.
    pub log: LogConfig,
    /// Commands that are run when something happens.
    pub notify: NotifyConfig,
    /// What is published over ZeroMQ, and where.
    pub zmq: Vec<Notification>,
    /// Plugins in processes of their own, each with whether the node stops when it fails.
    pub process_plugins: Vec<(CommandLine, bool)>,
    /// The SQL mirror, if there is one.
    pub mirror: Option<MirrorOptions>,
    /// What it was all read from.
    pub conf: Conf,
}

pub use mirror::VerifyRequest;

/// What a command line asks for.
#[derive(Debug)]
pub enum Request {
    /// Run a node.
    Run(Box<Config>),
    /// Start a node in the background and return: at once (`-daemon`), or when its process id is in this file
    /// (`-daemonwait`).
    RunInBackground(Option<PathBuf>),
    /// Compare the mirror with the node.
    VerifyMirror(VerifyRequest),
    /// Print this and exit with 0.
    Print(String),
}

impl Config {
    /// Reads the command line (without the program's name) and the configuration file it leads to.
    ///
    /// The error's text is what belongs on standard error after `Error: `.
    pub fn from_arguments(arguments: impl IntoIterator<Item = String>) -> Result<Request, ConfError> {
        let table = options::table();
        let arguments: Vec<String> = arguments.into_iter().collect();
        if let Some(text) = subcommand(&arguments) {
            return text.map(Request::Print);
        }
        if let [noun, words @ ..] = arguments.as_slice()
            && noun == "mirror"
        {
            return Ok(mirror::request(words)?.map_or_else(Request::Print, Request::VerifyMirror));
        }
        let arguments = parse_arguments(&table, arguments)?;
        if arguments.asks_for("help") || arguments.asks_for("help-debug") {
            return Ok(Request::Print(help(&table, arguments.asks_for("help-debug"))));
        }
        if arguments.asks_for("version") {
            return Ok(Request::Print(version()));
        }
        if let Some(word) = arguments.words.first() {
            return Err(ConfError::Arguments(format!(
                "Command line contains unexpected token '{word}', see chaincored -h for a list of options."
            )));
        }
        let conf = Conf::read(&table, arguments)?;
        let waits = conf.settings.switch_or("daemonwait", false)?;
        if conf.settings.switch_or("daemon", waits)? || waits {
            // The options are checked before the terminal is let go of.
            let config = Self::from_conf(conf)?;
            return Ok(Request::RunInBackground(waits.then_some(config.pid_file)));
        }
        Ok(Request::Run(Box::new(Self::from_conf(conf)?)))
    }

    /// The configuration that a tool beside the node works with.
    fn for_tool(arguments: Vec<String>) -> Result<Self, ConfError> {
        let table = options::table();
        let arguments = parse_arguments(&table, arguments)?;
        if let Some(word) = arguments.words.first() {
            return Err(ConfError::Arguments(format!(
                "Command line contains unexpected token '{word}', see chaincored -h for a list of options."
            )));
        }
        Self::from_conf(Conf::read(&table, arguments)?)
    }

    fn from_conf(mut conf: Conf) -> Result<Self, ConfError> {
        let settings = &conf.settings;
        let params = chain_rules::params(&conf)?;
        let chain_dir = conf.chain_dir();
        folders::check_kept_definition(&conf)?;
        let quiet = settings.switch_or("quiet", false)?;
        let verbose = settings.switch_or("verbose", false)?;
        if quiet && verbose {
            return Err(ConfError::Value("Options -quiet and -verbose contradict each other.".to_owned()));
        }
        let pid_file = settings.text("pid").filter(|name| !name.is_empty());
        let log = LogConfig::read(&conf, verbose)?;
        let unused: Vec<_> = options::table()
            .iter()
            .filter(|spec| spec.group == Group::Ignored && settings.is_set(spec.name))
            .map(|spec| format!("-{}", spec.name))
            .collect();
        let config = Self {
            node_id: settings.text("node-id").filter(|name| !name.is_empty()),
            pid_file: conf.chain_path(pid_file.as_deref().unwrap_or("bitcoind.pid")),
            mock_time: settings.number("mocktime", 0..=i64::from(u32::MAX))?.filter(|time| *time != 0),
            stop_at_height: settings.number("stopatheight", 0..=u32::MAX >> 1)?.filter(|height| *height != 0),
            // A log on the terminal says it all.
            banner: !quiet && !log.to_terminal,
            storage: StorageConfig::read(&conf)?,
            api: ApiConfig::read(&conf)?,
            peers: PeersConfig::read(&conf)?,
            mempool: MempoolConfig::read(&conf, &params)?,
            mining: MiningConfig::read(&conf, &params)?,
            log,
            notify: NotifyConfig::read(&conf),
            zmq: zmq::read(&conf)?,
            process_plugins: process_plugins::read(&conf)?,
            mirror: mirror::read(&conf)?,
            params: Arc::new(params),
            datadir: conf.datadir.clone(),
            chain_dir,
            conf: {
                if !unused.is_empty() {
                    let names = unused.join(" ");
                    conf.warnings.push(format!("Options of Bitcoin Core that have no effect here: {names}"));
                }
                conf
            },
        };
        Ok(config)
    }

    /// What the log should begin with: where everything lies and every option, secrets starred out.
    pub fn describe(&self) -> Vec<String> {
        let conf = &self.conf;
        let mut lines = vec![
            format!("ChainCore version {}", env!("CARGO_PKG_VERSION")),
            format!("Using data directory {}", self.chain_dir.display()),
            match &conf.conf_file {
                Some(path) => format!("Config file: {}", path.display()),
                None if conf.conf_path.as_os_str().is_empty() => "Config file: <disabled>".to_owned(),
                None => format!("Config file: {} (not found, skipping)", conf.conf_path.display()),
            },
        ];
        lines.extend(conf.settings.describe(&options::table()));
        lines.extend(self.peers.reach.interactions.iter().cloned());
        lines
    }

    /// What the user should be warned of, once there is a log.
    pub fn warnings(&self) -> &[String] {
        &self.conf.warnings
    }
}

/// What `chain new` and `key new` say, if the arguments are one of these. clap reads their options: nothing in Core
/// has such subcommands, so there is no syntax to keep to.
fn subcommand(arguments: &[String]) -> Option<Result<String, ConfError>> {
    let [noun, rest @ ..] = arguments else { return None };
    let usage = |mut command: clap::Command| command.render_long_help().to_string();
    let usage = match noun.as_str() {
        "chain" => usage(chain_new::NewChain::command()),
        "key" => usage(key_new::NewKey::command()),
        _ => return None,
    };
    Some(match rest {
        [verb, options @ ..] if verb == "new" => match noun.as_str() {
            "chain" => read_options(noun, verb, options, chain_new::NewChain::run),
            _ => read_options(noun, verb, options, key_new::NewKey::run),
        },
        // There is one thing to do with either, so this is its help.
        [] => Ok(usage),
        [word, ..] if matches!(word.as_str(), "help" | "-h" | "-help" | "--help") => Ok(usage),
        [word, ..] => Err(ConfError::Value(format!(
            "chaincored {noun} can do 'new', not '{word}'; see chaincored {noun} new --help"
        ))),
    })
}

fn read_options<T: clap::Parser>(
    noun: &str,
    verb: &str,
    options: &[String],
    run: impl FnOnce(&T) -> anyhow::Result<String>,
) -> Result<String, ConfError> {
    let name = format!("chaincored {noun} {verb}");
    match T::try_parse_from(std::iter::once(&name).chain(options)) {
        Ok(parsed) => run(&parsed).map_err(|error| ConfError::Value(format!("{error:#}"))),
        Err(answer) if !answer.use_stderr() => Ok(answer.to_string()),
        Err(error) => {
            let text = error.to_string();
            Err(ConfError::Value(text.trim_start_matches("error: ").trim_end().to_owned()))
        }
    }
}

/// The text of `-version`.
pub fn version() -> String {
    format!(
        "ChainCore daemon version v{}\nA full node that speaks Bitcoin's formats. MIT license; there is no warranty.\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn help(table: &OptionTable, debug: bool) -> String {
    let mut groups = options::GROUPS.to_vec();
    if debug {
        groups.extend(options::DEBUG_GROUPS);
    }
    let intro = "chaincored runs a node: it validates and stores a chain, serves JSON-RPC as Bitcoin Core does and \
                 REST on one port, and mines if told to. Options stand on the command line (-name=value, one dash or \
                 two, -noname for no) or in chaincore.conf in the data folder (name=value, with [regtest] and other \
                 sections); the command line counts first.";
    format!(
        "ChainCore daemon version v{version}\n\n{intro}\n\n\
         Usage: chaincored [options]\n   or: chaincored chain new --name NAME --out FILE [options]\n   or: chaincored key new --out FILE [options]\n\n\
         Examples:\n\n\
         \x20 chaincored --mine 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa\n\
         \x20      A node of the chain chaincore that mines, on http://127.0.0.1:5000\n\n\
         \x20 chaincored -regtest -datadir=/tmp/node -daemon\n\
         \x20      A node for tests, in the background; chaincore-cli ... stop ends it\n\n\
         \x20 chaincored chain new --name town --out town.toml\n\
         \x20 chaincored --chain-file town.toml\n\
         \x20      A chain of one's own\n\n{options}",
        version = env!("CARGO_PKG_VERSION"),
        intro = paragraph(intro, 79, 0),
        options = help_text(table, &groups),
    )
}

#[cfg(test)]
mod tests;
