//! The command line.

use super::Failure;
use super::node::{Login, Node};
use chaincore_consensus::address::{Address, decode_base58_check};
use chaincore_consensus::params::ChainParams;
use chaincore_miner::{Engine, Event, Kernel, Options as EngineOptions, WorkersError};
use clap::Parser;
use clap::builder::RangedU64ValueParser;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// More threads than any machine has cores, as for the node's own miner.
const MAX_THREADS: u64 = 1024;

/// Mine with this machine's processors.
#[derive(Parser, Debug)]
#[command(
    name = "chaincore-miner",
    version,
    about = "Mines on any node that serves getblocktemplate: ChainCore's or Bitcoin Core",
    after_help = "Examples:\n  \
        chaincore-miner --wallet 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa --node http://localhost:5000\n      \
        On a ChainCore node, without a password\n  \
        chaincore-miner --wallet bcrt1q… --node http://localhost:18443 --cookie ~/.bitcoin/regtest/.cookie\n      \
        On Bitcoin Core\n  \
        chaincore-miner --wallet 1A1z… --node http://a:5000,http://b:5000 --threads 4 --low-priority --stats\n      \
        Two nodes, the second when the first fails; a line for each core\n\n\
        Ctrl-C ends it well: it says what it did and tells the node; a second Ctrl-C ends it at once.\n\n\
        Exit codes: 0 the blocks asked for are mined, or Ctrl-C; 2 wrong arguments; 3 an address that cannot be paid; \
        4 no node can be used and waiting would not help; 5 this machine cannot mine so; 130 a second Ctrl-C."
)]
pub(crate) struct Options {
    /// The address that rewards go to.
    #[arg(long, visible_alias = "address", value_name = "ADDRESS")]
    pub(crate) wallet: String,
    /// Nodes, the preferred one first: http://[user:password@]host:port, with commas between them.
    #[arg(long, value_name = "URL,…", default_value = "http://localhost:5000", value_delimiter = ',')]
    pub(crate) node: Vec<String>,
    /// User name for JSON-RPC, at nodes whose URL has none.
    #[arg(long, value_name = "NAME", requires = "rpcpassword")]
    pub(crate) rpcuser: Option<String>,
    /// Password for JSON-RPC. Other users of this machine see it here: a file for --cookie may hold user:password
    /// instead.
    #[arg(long, value_name = "PASSWORD", requires = "rpcuser")]
    pub(crate) rpcpassword: Option<String>,
    /// The node's cookie file, or another that holds user:password, for JSON-RPC. One for all nodes, or one for each in
    /// their order (say it again for each). Without any of these the node is asked by REST, which only ChainCore serves.
    #[arg(long, visible_alias = "rpccookiefile", value_name = "FILE", conflicts_with = "rpcuser")]
    pub(crate) cookie: Vec<PathBuf>,
    /// Threads, up to 1024; 0 for one on each core.
    #[arg(long, short = 't', value_name = "N", default_value_t = 0,
        value_parser = RangedU64ValueParser::<usize>::new().range(..=MAX_THREADS))]
    pub(crate) threads: usize,
    /// Mine on NVIDIA cards beside the threads, too: their numbers from 0 on, with commas between them; without a number
    /// the first. Only in a miner that was built with the feature gpu.
    #[arg(long, visible_alias = "gpus", value_name = "N,…", num_args = 0..=1, default_missing_value = "0",
        value_delimiter = ',')]
    pub(crate) gpu: Vec<usize>,
    /// One thread only.
    #[arg(long, conflicts_with = "threads")]
    pub(crate) single_core: bool,
    /// Let the system move the threads between cores.
    #[arg(long)]
    pub(crate) no_pin: bool,
    /// Leave the processor to whatever else wants it.
    #[arg(long)]
    pub(crate) low_priority: bool,
    /// The kernel, instead of the fastest: avx512, avx2, sha-ni, sse2, neon, armv8, portable; which of them run depends
    /// on the processor.
    #[arg(long, value_name = "NAME")]
    pub(crate) kernel: Option<String>,
    /// Leave the block's version as the node gave it (otherwise BIP320's bits are rolled, which saves a sixth).
    #[arg(long)]
    pub(crate) no_version_rolling: bool,
    /// A name that stands in the coinbase of the blocks found: letters, digits, - and _, up to 20.
    #[arg(long, value_name = "NAME", value_parser = worker_name)]
    pub(crate) worker: Option<String>,
    /// Do not tell the node how this miner works (it shows it at /mining_stats, and its SQL mirror counts it).
    #[arg(long)]
    pub(crate) no_report: bool,
    /// Seconds that a node may take to answer, but for long polls.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) timeout: u64,
    /// Stop after so many accepted blocks.
    #[arg(long, value_name = "N")]
    pub(crate) blocks: Option<u64>,
    /// Show the hash rate of each core.
    #[arg(long)]
    pub(crate) stats: bool,
    /// Seconds between two reports.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub(crate) interval: u64,
    /// Write a JSON object for each event and report, one a line.
    #[arg(long, conflicts_with = "quiet")]
    pub(crate) json: bool,
    /// Say nothing but what is wrong.
    #[arg(long, short)]
    pub(crate) quiet: bool,
}

impl Options {
    /// The nodes, if what can be checked before any is asked is right.
    pub(crate) fn check(&self) -> Result<Vec<Arc<Node>>, Failure> {
        check_address(&self.wallet).map_err(Failure::Address)?;
        if let Some(name) = &self.kernel
            && Kernel::named(name).is_none()
        {
            let available: Vec<_> = Kernel::available().iter().map(Kernel::name).collect();
            let error = WorkersError::Kernel { name: name.clone(), available };
            return Err(Failure::Arguments(error.to_string()));
        }
        self.nodes().map_err(Failure::Arguments)
    }

    fn nodes(&self) -> Result<Vec<Arc<Node>>, String> {
        let (nodes, cookies) = (self.node.len(), self.cookie.len());
        if cookies > 1 && cookies != nodes {
            return Err(format!("{cookies} cookies for {nodes} nodes: say one for all, or one for each"));
        }
        let login = |number: usize| match (&self.rpcuser, &self.rpcpassword) {
            (Some(user), Some(password)) => Login::Password(format!("{user}:{password}")),
            _ => self
                .cookie
                .get(number)
                .or(self.cookie.first())
                .map_or(Login::None, |path| Login::Cookie(path.clone())),
        };
        let timeout = Duration::from_secs(self.timeout);
        let nodes = self.node.iter().enumerate();
        nodes.map(|(number, url)| Node::new(url.trim(), &login(number), timeout).map(Arc::new)).collect()
    }
}

/// Starts what searches.
pub(crate) fn engine(options: &Options) -> Result<(Engine, Receiver<Event>), Failure> {
    let of_engine = EngineOptions {
        threads: options.threads,
        single_core: options.single_core,
        pin: !options.no_pin,
        low_priority: options.low_priority,
        kernel: options.kernel.clone(),
    };
    start(&of_engine, &options.gpu)
}

#[cfg(feature = "gpu")]
fn start(options: &EngineOptions, cards: &[usize]) -> Result<(Engine, Receiver<Event>), Failure> {
    let open = |number: &usize| {
        let card = chaincore_miner::Gpu::open(*number);
        card.map_err(|error| Failure::Machine(format!("--gpu {number}: {error}")))
    };
    let mut numbers = cards.to_vec();
    numbers.sort_unstable();
    numbers.dedup();
    let cards = numbers.iter().map(open).collect::<Result<_, _>>()?;
    Engine::start_with_cards(options, cards).map_err(|error| Failure::Machine(error.to_string()))
}

#[cfg(not(feature = "gpu"))]
fn start(options: &EngineOptions, cards: &[usize]) -> Result<(Engine, Receiver<Event>), Failure> {
    if !cards.is_empty() {
        return Err(Failure::Machine(
            "--gpu: this miner was built without it; build it with \
             cargo build --release -p chaincore-miner-client --features gpu"
                .into(),
        ));
    }
    Engine::start(options).map_err(|error| Failure::Machine(error.to_string()))
}

fn worker_name(text: &str) -> Result<String, String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if (1..=20).contains(&text.len()) && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    Err("1 to 20 letters, digits, - and _".into())
}

/// What can be said about an address before any node is asked: a checksum that is wrong is wrong on every chain.
pub(crate) fn check_address(text: &str) -> Result<(), String> {
    if text.is_empty() {
        return Err("the address is empty: say where rewards go with --wallet ADDRESS".into());
    }
    let known = ChainParams::NAMES.iter().filter_map(|name| ChainParams::by_name(name));
    let mut said = None;
    for params in known {
        match Address::parse(text, &params.addresses) {
            Ok(_) => return Ok(()),
            Err(error) => said.get_or_insert(error.to_string()),
        };
    }
    // A chain of one's own has prefixes of its own; the node knows them.
    let base58 = decode_base58_check(text, 25).is_some_and(|bytes| bytes.len() == 21);
    let one_case = text == text.to_ascii_lowercase() || text == text.to_ascii_uppercase();
    let bech32 = text.rsplit_once('1').filter(|_| one_case);
    let bech32 = bech32.is_some_and(|(prefix, data)| !prefix.is_empty() && data.len() >= 14);
    if base58 || bech32 {
        return Ok(());
    }
    Err(format!("'{text}' is no address: {}", said.unwrap_or_else(|| "it has no checksum".into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_checked_before_any_node_is_asked() {
        for good in [
            "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080",
            // Of a chain of somebody's own.
            "corp1qw508d6qejxtdg4y5r3zarvary0c5xw7k000000",
        ] {
            assert_eq!(check_address(good), Ok(()), "{good}");
        }
        for bad in ["", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "alice", "1"] {
            assert!(check_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Options::command().debug_assert();
        assert!(Options::try_parse_from(["x", "--wallet", "a", "--worker", "no spaces"]).is_err());
        assert!(Options::try_parse_from(["x"]).is_err());
        let options =
            Options::try_parse_from(["x", "--wallet", "a", "--node", "http://a:1,http://b:2"]).unwrap();
        assert_eq!(options.node.len(), 2);
        assert!(Options::try_parse_from(["x", "--wallet", "a", "--gpu"]).is_ok_and(|it| it.gpu == [0]));
        assert!(
            Options::try_parse_from(["x", "--wallet", "a", "--gpu", "0,2"]).is_ok_and(|it| it.gpu == [0, 2])
        );
    }
}
