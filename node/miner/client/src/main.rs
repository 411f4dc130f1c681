//! `chaincore-miner`: mines on any node that serves `getblocktemplate`, or on a ChainCore node without a password.
//!
//! - `options` is the command line,
//! - `node` is one node: its HTTP, its templates, how blocks are handed in,
//! - `template` makes a block of what a node answered, `coinbase` the first transaction of it,
//! - `watch` follows the nodes: long polls, back-off, failover,
//! - `mine` leads the engine along what the watch finds,
//! - `report` tells people and programs.
//!
//! Data flows one way: a node's answer becomes work, work becomes solutions, solutions go back to the node they came from.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its user")]

mod coinbase;
mod mine;
mod node;
mod options;
mod report;
mod template;
mod watch;

use clap::Parser;
use std::process::ExitCode;

/// Why mining ended, and the exit code that says so.
#[derive(Debug, thiserror::Error)]
enum Failure {
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
            Self::Address(_) => 3,
            Self::Node(_) => 4,
            Self::Machine(_) => 5,
        }
    }
}

fn main() -> ExitCode {
    let options = options::Options::parse();
    match mine::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("chaincore-miner: {failure}");
            ExitCode::from(failure.code())
        }
    }
}
