//! Terminal monitors of nodes, of the chain and of its SQL mirror.
//!
//! | module | what it holds |
//! |---|---|
//! | [`args`] | the command line |
//! | [`nodes`] | REST of nodes |
//! | [`watch`] | many nodes over time: observations in, state out |
//! | [`chain`] | `chain`: the nodes beside each other |
//! | [`track`] | `track`: a range of the chain, checked and exported |
//! | [`db`] | `db`: the mirror's database |
//! | [`session`] | `track --record` and `replay` |
//! | [`screen`] | pictures: lines of text by state and size, the terminal |
//! | [`verdict`] | exit codes |
//!
//! A state never asks a clock, a network or a terminal, and a picture is a function of a state: what a terminal
//! shows is what tests read.

mod args;
mod chain;
mod db;
mod files;
mod nodes;
mod screen;
mod session;
mod stop;
mod text;
mod track;
mod verdict;
mod watch;

use anyhow::Result;
use args::{Cli, Command, PaceArgs, TrackArgs};
use clap::Parser;
use clap::error::ErrorKind;
use std::process::ExitCode;
use std::time::Duration;
use verdict::{FAILED, Verdict};
use watch::Patience;

impl PaceArgs {
    fn patience(&self) -> Patience {
        Patience { grace: Duration::from_secs(self.grace), stall: Duration::from_secs(self.stall) }
    }
}

async fn run(command: Command) -> Result<Verdict> {
    match command {
        Command::Chain(args) => {
            let options = chain::Options {
                patience: args.pace.patience(),
                interval: Duration::from_secs_f64(args.pace.interval),
                timeout: Duration::from_secs(args.nodes.timeout),
                nodes: args.nodes.nodes,
                once: args.once,
                json: args.json,
            };
            chain::run(&options).await
        }
        Command::Track(TrackArgs { nodes, pace, record: Some(file), duration: Some(seconds), .. }) => {
            let options = session::RecordOptions {
                patience: pace.patience(),
                interval: Duration::from_secs_f64(pace.interval),
                timeout: Duration::from_secs(nodes.timeout),
                nodes: nodes.nodes,
                file,
                duration: Duration::from_secs(seconds),
            };
            session::record(&options).await
        }
        Command::Track(args) => {
            let options = track::Options {
                // A page of large blocks takes longer than a look at a node.
                timeout: Duration::from_secs(args.nodes.timeout.max(60)),
                nodes: args.nodes.nodes,
                from: args.from,
                to: args.to,
                json: args.json,
            };
            track::run(&options).await
        }
        Command::Replay(args) => session::replay(&args.file, args.speed, args.json).await,
        Command::Db(args) => {
            let options = db::Options {
                database: args.database,
                status_only: args.status_only,
                interval: Duration::from_secs_f64(args.interval),
                json: args.json,
            };
            db::run(&options).await
        }
    }
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // The text goes where it belongs; the code is not clap's own 2, which here means "broken".
            let told = error.print().is_ok();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if told && asked { ExitCode::SUCCESS } else { FAILED.into() };
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run(cli.command)));
    match ended {
        Ok(verdict) => verdict.into(),
        Err(error) => {
            complain(&format!("chaincore-monitor: {error:#}"));
            FAILED.into()
        }
    }
}

/// Says something on standard error; if nobody listens there, the exit code has to do.
fn complain(text: &str) {
    use std::io::Write;
    let _unheard = writeln!(std::io::stderr(), "{text}").is_err();
}
