//! `chaincore-wallet`: a wallet for the terminal. What it knows of wallets is the library's; this is arguments, files,
//! HTTP and printing.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this program is for")]

mod cli;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = match cli::args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        // Programs that read JSON want errors in it, too.
        Err(error) if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            return fail(&cli::Failure::usage(first), true);
        }
        Err(error) => error.exit(),
    };
    let json = arguments.shared.json;
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&failure, json),
    }
}

fn fail(failure: &cli::Failure, json: bool) -> ExitCode {
    if json {
        eprintln!("{}", failure.to_json());
    } else {
        eprintln!("error: {failure}");
    }
    ExitCode::from(failure.exit_code())
}
