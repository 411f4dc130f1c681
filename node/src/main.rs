//! The `chaincored` daemon: what it was asked for, and its exit code.

use chaincore_node::app;
use chaincore_node::config::{Config, Request, start_in_background};
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match act(arguments) {
        Ok(code) => code,
        Err(message) => {
            // Harnesses compare this text, so it goes out as it is.
            let _ = writeln!(std::io::stderr(), "Error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: Vec<String>) -> Result<ExitCode, String> {
    match Config::from_arguments(arguments).map_err(|error| error.to_string())? {
        Request::Print(text) => print(&text)?,
        Request::RunInBackground(until) => {
            let pid = start_in_background(until.as_deref())
                .map_err(|error| format!("cannot start in the background: {error}"))?;
            print(&format!("ChainCore starting (process {pid})\n"))?;
        }
        Request::Run(config) => {
            keep_files_private();
            app::run(&config).map_err(|error| error.to_string())?;
        }
        Request::VerifyMirror(request) => {
            let verdict = app::verify_mirror(&request).map_err(|error| error.to_string())?;
            print(&verdict.text)?;
            return Ok(if verdict.is_ok { ExitCode::SUCCESS } else { ExitCode::from(2) });
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(text: &str) -> Result<(), String> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| format!("cannot print: {error}"))
}

/// What the node writes is for its owner alone, as with Core; whatever is to be read by others says so itself.
fn keep_files_private() {
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
}
