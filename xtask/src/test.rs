//! Running every test and counting them.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

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
    /// Run tests that failed once more, alone, and name those that pass then: they depend on the machine, and want
    /// mending.
    #[arg(long)]
    again: bool,
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
    let mut command = command(options);
    command.arg("--no-fail-fast").arg("--").args(&options.more);
    let first = run(&mut command)?;
    let Counts { passed, failed, ignored, suites } = first.counts;
    println!("\n{passed} tests passed, {failed} failed, {ignored} ignored, in {suites} suites");
    let holds = first.status.success() || options.again && pass_alone(options, &first)?;
    if !holds {
        bail!("the tests failed ({})", first.status);
    }
    if passed == 0 {
        bail!("no test was run");
    }
    Ok(())
}

/// `cargo test` of the workspace. What is built is the same whatever part of it is run.
fn command(options: &Options) -> Command {
    let mut command = cargo();
    command.args(["test", "--workspace"]);
    if options.release {
        command.arg("--release");
    }
    if options.no_kernel {
        command.args(["--exclude", "chaincore-kernel-tests"]);
    }
    // Building them again for the packages they are in alone would build what they use with other features.
    let profile = if options.release { "release" } else { "debug" };
    command.env("CHAINCORE_BINARIES", target_dir().join(profile));
    command
}

/// What a run of cargo's came to.
struct Run {
    status: ExitStatus,
    counts: Counts,
    /// The tests that failed.
    failed: BTreeSet<String>,
    /// The executables in which any did, as cargo's options name them.
    suites: BTreeSet<Vec<String>>,
}

/// Runs cargo, and shows and reads what it prints.
fn run(command: &mut Command) -> Result<Run> {
    println!("{}", shown(command));
    let piped = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().context("cargo could not be started")?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let said = thread::spawn(move || {
        let mut suites = BTreeSet::new();
        let read = lines(err.expect("it is piped"), |line| {
            eprintln!("{line}");
            suites.extend(suite(line));
        });
        read.map(|()| suites)
    });
    let (mut counts, mut failed) = (Counts::default(), BTreeSet::new());
    lines(out.expect("it is piped"), |line| {
        println!("{line}");
        counts.add(line);
        failed.extend(failure(line));
    })?;
    let suites = said.join().expect("reading does not panic")?;
    Ok(Run { status: child.wait()?, counts, failed, suites })
}

fn lines(from: impl Read, mut each: impl FnMut(&str)) -> Result<()> {
    for line in BufReader::new(from).split(b'\n') {
        each(&String::from_utf8_lossy(&line?));
    }
    Ok(())
}

/// The test of a line such as `test chain::tests::ok ... FAILED`.
fn failure(line: &str) -> Option<String> {
    let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
    Some(name.to_owned())
}

/// The executable of a line such as ``error: test failed, to rerun pass `-p chaincore-node --test mining` ``: which of
/// a package's, as cargo's options name it.
fn suite(line: &str) -> Option<Vec<String>> {
    let (_, options) = line.split_once("to rerun pass `")?;
    let mut words = options.trim_end().strip_suffix('`')?.split(' ').map(str::to_owned);
    let package = [words.next()?, words.next()?];
    (package[0] == "-p").then(|| words.collect())
}

/// Whether everything that failed passes when it is run alone.
fn pass_alone(options: &Options, first: &Run) -> Result<bool> {
    // A suite that died names no test, and what is written in documentation is not asked for by its name.
    let unknown = |suite: &Vec<String>| suite.is_empty() || suite.iter().any(|word| word == "--doc");
    if first.failed.is_empty() || first.suites.iter().any(unknown) {
        return Ok(false);
    }
    for suite in &first.suites {
        let mut command = command(options);
        command.args(suite).args(["--", "--exact"]).args(&first.failed);
        let second = run(&mut command)?;
        if !second.status.success() || second.counts.passed == 0 {
            return Ok(false);
        }
    }
    for test in &first.failed {
        println!("UNSTEADY: {test} failed beside the others and passed alone");
    }
    Ok(true)
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
    #[test]
    fn what_failed_and_where() {
        assert_eq!(failure("test chain::tests::ok ... FAILED").as_deref(), Some("chain::tests::ok"));
        assert_eq!(failure("test chain::tests::ok ... ok"), None);
        let words = |text: &str| suite(text).map(|words| words.join(" "));
        let line = "error: test failed, to rerun pass `-p chaincore-node --test mining`";
        assert_eq!(words(line).as_deref(), Some("--test mining"));
        let line = "error: 2 targets failed:";
        assert_eq!(words(line), None);
        assert_eq!(words("    `-p chaincore-node --lib`"), None);
    }
}
