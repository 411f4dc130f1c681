//! `chaincore-wallet`: a wallet for the terminal. What it knows of wallets is the library's; this is arguments, files,
//! HTTP and printing.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what this program is for")]

mod cli;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = cli::args::Arguments::parse();
    let json = arguments.shared.json;
    match cli::run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if json {
                eprintln!("{}", failure.to_json());
            } else {
                eprintln!("error: {failure}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
