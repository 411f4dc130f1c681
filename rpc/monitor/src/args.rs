//! The command line.

use crate::nodes::Endpoint;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Terminal monitors of ChainCore nodes, of their chain and of its SQL mirror.
#[derive(Debug, Parser)]
#[command(name = "chaincore-monitor", version, about, after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  chaincore-monitor chain                                       watch the node on this machine
  chaincore-monitor chain --nodes :5000,:5001,http://core2:5000 compare three nodes
  chaincore-monitor chain --nodes :5000,:5001 --once || alert   for scripts: 0 agree, 1 behind, 2 disagree
  chaincore-monitor track --json chain.json                     check the whole chain and export it
  chaincore-monitor track --record hour.json --for 3600         write down what nodes and miners do
  chaincore-monitor replay hour.json --speed 60                 watch that again, sixty times as fast
  chaincore-monitor db --database postgres://reader@host/db     watch the SQL mirror
  chaincore-monitor db --status-only                            one look, exit code: 0 ok, 1 behind, 2 broken

Exit codes: 0 all is well, 1 something is late or cannot be reached, 2 something is contradictory or broken,
3 the monitor itself could not do its work (a bad argument, a file that cannot be written).
Colours are off with NO_COLOR and where the output is no terminal. Keys: q quits, arrows scroll.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare nodes: height, tip, peers, mempool, forks, hash rate, last blocks
    Chain(ChainArgs),
    /// Explore and check a range of the chain, export it as JSON, or record what happens
    Track(TrackArgs),
    /// Show a recording again
    Replay(ReplayArgs),
    /// Watch the SQL mirror
    Db(DbArgs),
}

/// Which nodes, and how patiently.
#[derive(Debug, Args)]
pub struct NodeArgs {
    /// The nodes' URLs, with commas between them; a host alone means port 5000, :5001 means this machine
    #[arg(long, value_name = "URL,URL,…", value_delimiter = ',', default_value = "http://127.0.0.1:5000")]
    pub nodes: Vec<Endpoint>,
    /// How long a node may take to answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout: u64,
}

/// How often, and how patiently with differences.
#[derive(Debug, Args)]
pub struct PaceArgs {
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = interval)]
    pub interval: f64,
    /// For how long nodes may differ or lack blocks before it counts, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=86_400))]
    pub grace: u64,
    /// For how long a node that lacks blocks may take none before it counts as stalled, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub stall: u64,
}

/// `chain`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chaincore-monitor chain --nodes http://127.0.0.1:5000,http://127.0.0.1:5001
  chaincore-monitor chain --nodes :5000,:5001 --once --json | jq .verdict
  chaincore-monitor chain --interval 10 --json >> nodes.jsonl     a line of JSON every ten seconds

Nodes disagree if they have different blocks at the same height for longer than --grace. Two blocks found at the
same time are such a difference until the next block: on a chain that is slow, give it more grace.")]
pub struct ChainArgs {
    #[command(flatten)]
    pub nodes: NodeArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
    /// Look once and exit; if nodes differ, look again until --grace has passed
    #[arg(long)]
    pub once: bool,
    /// Print JSON, a line for each look (chaincore-monitor-chain/1)
    #[arg(long)]
    pub json: bool,
}

/// `track`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chaincore-monitor track                                  check the node's whole chain
  chaincore-monitor track --from 1000 --to 2000            check a part of it
  chaincore-monitor track --nodes :5000,:5001 --json -     two nodes, JSON to standard output
  chaincore-monitor track --record session.json --for 600  record ten minutes

Checked for every block: that it builds on the one before, its proof of work and hash, its transactions' ids, the
merkle root, the witness commitment, its time; from genesis on also that every input spends an output that exists
and is unspent, that no transaction makes coins, and that the coinbase claims no more than it may. Scripts and
signatures are not run: nodes do that.")]
pub struct TrackArgs {
    #[command(flatten)]
    pub nodes: NodeArgs,
    #[command(flatten)]
    pub pace: PaceArgs,
    /// The first height
    #[arg(long, value_name = "HEIGHT", default_value_t = 0)]
    pub from: u32,
    /// The last height; the tip if absent
    #[arg(long, value_name = "HEIGHT")]
    pub to: Option<u32>,
    /// Write what was found as JSON (chaincore-monitor-track/1); - is standard output
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Record what nodes and miners do from now on (chaincore-monitor-session/1)
    #[arg(long, value_name = "FILE", requires = "duration", conflicts_with_all = ["json", "from", "to"])]
    pub record: Option<PathBuf>,
    /// For how long to record, in seconds; q and Ctrl-C end it earlier and keep what was recorded
    #[arg(long = "for", id = "duration", value_name = "SECONDS", requires = "record",
        value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub duration: Option<u64>,
}

/// `replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chaincore-monitor replay session.json              at the speed of life
  chaincore-monitor replay session.json --speed 60   a minute in a second
  chaincore-monitor replay session.json --speed 0    its end, at once
Keys: space holds it, + and - change the speed.")]
pub struct ReplayArgs {
    /// What `track --record` wrote
    pub file: PathBuf,
    /// How many times as fast; 0 is at once
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = speed)]
    pub speed: f64,
    /// Print JSON, a line for each look (chaincore-monitor-chain/1)
    #[arg(long)]
    pub json: bool,
}

/// `db`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  chaincore-monitor db --database postgres://chaincore_reader@127.0.0.1/chaincore
  CHAINCORE_MIRROR=postgres://… chaincore-monitor db --interval 5
  chaincore-monitor db --status-only || alert    one look: 0 ok, 1 behind, 2 broken or out of reach
  chaincore-monitor db --status-only --json | jq .lag_blocks

Only small tables are read, never the big ones as a whole: a look takes as long on any chain. The role of a reader
is enough. A password is better kept in PGPASSWORD or ~/.pgpass than on the command line, where others can see it.")]
pub struct DbArgs {
    /// Where the mirror is; if absent, what the environment variable CHAINCORE_MIRROR says
    #[arg(long, value_name = "URL")]
    pub database: Option<String>,
    /// One look, in few lines, with an exit code
    #[arg(long)]
    pub status_only: bool,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0, value_parser = interval)]
    pub interval: f64,
    /// Print JSON, a line for each look (chaincore-monitor-db/1)
    #[arg(long)]
    pub json: bool,
}

fn interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=86_400.0).contains(&seconds) => Ok(seconds),
        _ => Err("a number of seconds from 0.1 to 86400 is needed".into()),
    }
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(factor) if (0.0..=1e6).contains(&factor) => Ok(factor),
        _ => Err("a number from 0 to 1000000 is needed".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn nodes_come_with_commas_and_have_a_default() {
        let nodes = |args: &[&str]| {
            let all = [&["chaincore-monitor", "chain"], args].concat();
            match Cli::try_parse_from(all).expect("good arguments").command {
                Command::Chain(chain) => {
                    chain.nodes.nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
                }
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(nodes(&[]), "http://127.0.0.1:5000");
        assert_eq!(nodes(&["--nodes", ":5001,http://b:7"]), "http://127.0.0.1:5001 http://b:7");
        for bad in [
            &["chain", "--nodes", "https://x"][..],
            &["chain", "--interval", "0"],
            &["chain", "--interval", "nan"],
            &["track", "--record", "x"],
            &["track", "--for", "3"],
            &["track", "--record", "x", "--for", "1", "--json", "y"],
            &["replay"],
            &["replay", "x", "--speed", "-1"],
        ] {
            assert!(Cli::try_parse_from([&["chaincore-monitor"], bad].concat()).is_err(), "{bad:?}");
        }
    }
}
