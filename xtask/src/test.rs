//! Running every test and counting them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::cargo::{cargo, shown, target_dir};
use crate::setup::{self, For};
use crate::web;

#[derive(Args)]
pub struct Options {
    /// Build with the release profile.
    #[arg(long)]
    release: bool,
    /// Leave out the comparison with Bitcoin Core's engine, which takes minutes to build.
    #[arg(long)]
    no_kernel: bool,
    /// Passed on to the tests, such as part of a name.
    #[arg(last = true)]
    more: Vec<String>,
}

/// What tests came to.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
    suites: u64,
}

impl Counts {
    /// Adds a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
    fn add(&mut self, line: &str) {
        let Some((_, results)) = line.split_once("test result: ").and_then(|(_, rest)| rest.split_once(". "))
        else {
            return;
        };
        self.suites += 1;
        for part in results.split(';') {
            if let Some((number, what)) = part.trim().split_once(' ') {
                let number = number.parse().unwrap_or(0);
                match what {
                    "passed" => self.passed += number,
                    "failed" => self.failed += number,
                    "ignored" => self.ignored += number,
                    _ => {}
                }
            }
        }
    }
}

/// `cargo xtask test`.
pub fn test(options: &Options) -> Result<()> {
    setup::ensure(if options.no_kernel { For::Web } else { For::Testing })?;
    // Before the node, which carries it.
    web::build_for_tests()?;
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast"]);
    if options.release {
        command.arg("--release");
    }
    if options.no_kernel {
        command.args(["--exclude", "chaincore-kernel-tests"]);
    }
    command.arg("--").args(&options.more);
    // Building them again for the packages they are in alone would build what they use with other features.
    let profile = if options.release { "release" } else { "debug" };
    command.env("CHAINCORE_BINARIES", target_dir().join(profile));
    println!("{}", shown(&command));
    let mut child = command.stdout(Stdio::piped()).spawn().context("cargo could not be started")?;
    let mut counts = Counts::default();
    let output = child.stdout.take().expect("it is piped");
    for line in BufReader::new(output).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        println!("{line}");
        counts.add(&line);
    }
    let status = child.wait()?;
    let Counts { passed, failed, ignored, suites } = counts;
    println!("\n{passed} tests passed, {failed} failed, {ignored} ignored, in {suites} suites");
    if !status.success() {
        bail!("the tests failed ({status})");
    }
    if passed == 0 {
        bail!("no test was run");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_suites_are_added_up() {
        let mut counts = Counts::default();
        for line in [
            "test result: ok. 17 passed; 0 failed; 0 ignored; 0 measured; 6 filtered out; finished in 0.04s",
            "test chain::tests::ok ... ok",
            "test result: FAILED. 1 passed; 2 failed; 3 ignored; 0 measured; 0 filtered out; finished in 0.04s",
        ] {
            counts.add(line);
        }
        assert_eq!(counts, Counts { passed: 18, failed: 2, ignored: 3, suites: 2 });
    }
}
