//! Project tasks: `cargo xtask setup`, `run`, `web`, `test` and `bench`.
//!
//! This crate knows the other crates by name only; it drives `cargo` and links none of them.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever runs it")]

mod announce;
mod bench;
mod cargo;
mod run;
mod setup;
mod test;
mod web;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tasks of the ChainCore project.
#[derive(Parser)]
#[command(name = "cargo xtask", version)]
struct Tasks {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Check for the tools that building and testing need, and install what is missing.
    Setup(setup::Options),
    /// Build and start a node that mines, with everything that is needed to try it out.
    Run(run::Options),
    /// Print a text once a node answers; part of `run`.
    #[command(hide = true)]
    Announce(announce::Options),
    /// Build the web app and the wallet's package for npm.
    Web(web::Options),
    /// Run every test.
    Test(test::Options),
    /// Run a benchmark; without a name, list them.
    Bench(bench::Options),
}

fn main() -> ExitCode {
    let done = match Tasks::parse().task {
        Task::Setup(options) => setup::setup(&options),
        Task::Run(options) => run::run(&options),
        Task::Announce(options) => announce::announce(&options),
        Task::Web(options) => web::web(&options),
        Task::Test(options) => test::test(&options),
        Task::Bench(options) => bench::bench(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
