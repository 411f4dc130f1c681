//! Starting a node to try things out with.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::announce;
use crate::cargo::{self, cargo, target_dir};
use crate::setup::{self, For};
use crate::web;

#[derive(Args)]
pub struct Options {
    /// Where the node keeps its data (default: ~/.chaincore-demo).
    #[arg(long, value_name = "DIR")]
    datadir: Option<PathBuf>,
    /// Where mining rewards go (default: an address of a new key, kept in the data folder's miner-key.txt).
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_mine")]
    mine: Option<String>,
    /// Do not mine.
    #[arg(long)]
    no_mine: bool,
    /// Do not build the web app: the node serves the one that was built last, or a plain page.
    #[arg(long)]
    no_web: bool,
    /// Port of JSON-RPC and REST.
    #[arg(long, value_name = "PORT", default_value_t = 5000)]
    api_port: u16,
    /// Further options for chaincored.
    #[arg(last = true)]
    more: Vec<String>,
}

/// `cargo xtask run`.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure(For::Running)?;
    if !options.no_web {
        println!("Building the web app (the first time takes some minutes) ...");
        web::offer();
    }
    println!(
        "Building the node, its client, miner, monitors and wallet (the first time takes some minutes) ..."
    );
    cargo::run(cargo().args([
        "build",
        "--release",
        "--quiet",
        "-p",
        "chaincore-node",
        "-p",
        "chaincore-cli",
        "-p",
        "chaincore-miner-client",
        "-p",
        "chaincore-monitor",
        "-p",
        "chaincore-wallet",
    ]))?;

    let datadir = match &options.datadir {
        Some(dir) => std::path::absolute(dir)?,
        None => home()?.join(".chaincore-demo"),
    };
    std::fs::create_dir_all(&datadir).with_context(|| format!("{} could not be made", datadir.display()))?;
    let binaries = target_dir().join("release");
    let daemon = binaries.join("chaincored");
    let address = match (&options.mine, options.no_mine) {
        (_, true) => None,
        (Some(address), _) => Some(address.clone()),
        (None, _) => Some(own_address(&daemon, &datadir.join("miner-key.txt"))?),
    };
    let mut command = Command::new(&daemon);
    command.arg(format!("-datadir={}", datadir.display())).arg(format!("--api-port={}", options.api_port));
    if let Some(address) = &address {
        command.arg(format!("--mine={address}"));
    }
    command.args(&options.more);
    // With port 0 the system chooses one; the node says which.
    if options.api_port != 0 {
        // The node writes this file when its port is open; one of an earlier run says nothing.
        let sign = datadir.join("xtask-run.pid");
        if sign.exists() {
            std::fs::remove_file(&sign)
                .with_context(|| format!("{} could not be removed", sign.display()))?;
        }
        command.arg(format!("-pid={}", sign.display()));
        let text = where_to_look(options.api_port, &datadir, &binaries, address.as_deref());
        announce::begin(&announce::Options { sign, port: options.api_port, text, waiting: false })?;
    }
    replace_by(command)
}

fn home() -> Result<PathBuf> {
    let home = std::env::var_os("HOME").or_else(|| std::env::var_os("USERPROFILE"));
    home.map(PathBuf::from).context("there is no home folder: say where with --datadir")
}

/// The address of the key in `file`, which is made if there is none.
fn own_address(daemon: &Path, file: &Path) -> Result<String> {
    if !file.exists() {
        let mut command = Command::new(daemon);
        let output = command.args(["key", "new", "--out"]).arg(file).output()?;
        if !output.status.success() {
            bail!("no key could be made: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
    }
    let text = std::fs::read_to_string(file)?;
    let address = text.lines().nth(1).map(str::trim).filter(|address| !address.is_empty());
    address
        .map(str::to_owned)
        .with_context(|| format!("{} has no address in its second line", file.display()))
}

fn where_to_look(port: u16, datadir: &Path, binaries: &Path, address: Option<&str>) -> String {
    let url = format!("http://127.0.0.1:{port}");
    let cli = format!(
        "{} -datadir={} -rpcport={port}",
        binaries.join("chaincore-cli").display(),
        datadir.display()
    );
    let mut text = format!(
        "The node keeps its data in {} and serves {url} (open it in a browser):\n\n",
        datadir.display()
    );
    let mut line = |command: String| text.push_str(&format!("  {command}\n"));
    line(format!("curl {url}/status"));
    line(format!("{cli} getblockchaininfo"));
    line(format!("{cli} getblocktemplate '{{\"rules\":[\"segwit\"]}}'"));
    if let Some(address) = address {
        line(format!("curl {url}/balance/{address}"));
    }
    text.push_str("\nCtrl-C stops it.\n");
    text
}

/// Becomes the node, so that Ctrl-C and signals reach it and nothing else.
#[cfg(unix)]
fn replace_by(mut command: Command) -> Result<()> {
    use std::os::unix::process::CommandExt;
    let error = command.exec();
    Err(error).with_context(|| format!("{} could not be started", cargo::shown(&command)))
}

#[cfg(not(unix))]
fn replace_by(mut command: Command) -> Result<()> {
    cargo::run(&mut command)
}
