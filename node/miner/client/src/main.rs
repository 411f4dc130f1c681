//! `chaincore-miner`: mines on any node that serves `getblocktemplate`, or on a ChainCore node without a password.
//!
//! - `options` is the command line,
//! - `node` is one node: its HTTP, its templates, how blocks are handed in,
//! - `template` makes a block of what a node answered, `coinbase` the first transaction of it,
//! - `watch` follows the nodes: long polls, back-off, failover,
//! - `mine` leads the engine along what the watch finds,
//! - `handing` hands blocks in until somebody has them,
//! - `signals` lets Ctrl-C end all of it well,
//! - `report` tells people and programs.
//!
//! Data flows one way: a node's answer becomes work, work becomes solutions, solutions go back to the node they came from.

mod coinbase;
mod handing;
mod mine;
mod node;
mod options;
mod report;
mod signals;
mod template;
mod watch;

use clap::Parser;
use std::process::ExitCode;

/// Why mining ended, and the exit code that says so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Failure {
    /// The command line asks for what there is not.
    #[error("{0}")]
    Arguments(String),
    /// The address cannot be paid.
    #[error("{0}")]
    Address(String),
    /// No node can be used, and waiting would not help.
    #[error("{0}")]
    Node(String),
    /// This machine cannot mine.
    #[error("{0}")]
    Machine(String),
}

impl Failure {
    fn code(&self) -> u8 {
        match self {
            Self::Arguments(_) => ARGUMENTS,
            Self::Address(_) => 3,
            Self::Node(_) => 4,
            Self::Machine(_) => 5,
        }
    }
}

/// The exit code for wrong arguments.
const ARGUMENTS: u8 = 2;

fn main() -> ExitCode {
    let options = match options::Options::try_parse() {
        Ok(options) => options,
        Err(error) => {
            // Help and the version are asked for, and no error.
            if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
                report::fatal(error.to_string().trim_end(), ARGUMENTS);
            }
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(ARGUMENTS) } else { ExitCode::SUCCESS };
        }
    };
    match mine::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if options.json {
                report::fatal(&failure.to_string(), failure.code());
            }
            report::aside(&failure.to_string());
            ExitCode::from(failure.code())
        }
    }
}
