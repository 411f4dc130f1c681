//! How fast a node imports a signature-heavy chain with every script verified.
//!
//! Makes the chain once per plan (`blk` files that Bitcoin Core's `-loadblock` and `-reindex` take too), then times
//! whole runs of `chaincored -loadblock=… -stopatheight=…`, and of `bitcoind` beside it where `--core` names one.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]

mod files;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use files::{FOUNDING_BLOCKS, Made, Plan};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Times the import of a deterministic chain.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    plan: Plan,
    /// Memory for coins, in MiB, given to every node timed.
    #[arg(long, default_value_t = 450)]
    dbcache: u32,
    /// Where the chain's files are made and left; without it, in a temporary folder.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Only make the files.
    #[arg(long)]
    make_only: bool,
    /// A `bitcoind` to time on the same files.
    #[arg(long)]
    core: Option<PathBuf>,
    /// How many times each node imports the chain; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

struct Figures {
    wall: Duration,
    peak_memory: u64,
    disk: u64,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let scratch = tempfile::tempdir()?;
    let folder = args.dir.clone().unwrap_or_else(|| scratch.path().join("blocks"));
    let since = Instant::now();
    let last = FOUNDING_BLOCKS + args.plan.blocks;
    let made = files::make(&args.plan, &folder, |height| {
        if height.is_multiple_of(50) {
            eprintln!("  made {height} of {last} blocks");
        }
    })?;
    println!(
        "chain: {} blocks, {} transactions, {} inputs, {:.1} MB in {}, tip {}, made in {:.1} s",
        made.height,
        made.transactions,
        made.inputs,
        made.bytes as f64 / 1e6,
        folder.display(),
        made.tip,
        since.elapsed().as_secs_f64()
    );
    if args.make_only {
        return Ok(());
    }
    let chaincored = chaincore_tests::binary("chaincored");
    // Core keeps no index of addresses.
    let ours = median(
        &args,
        &made,
        "chaincored",
        &chaincored,
        &["--api-port=0", "--p2p-port=0", "--quiet", "-noaddressindex"],
    )?;
    if let Some(core) = &args.core {
        let theirs = median(
            &args,
            &made,
            "bitcoind",
            core,
            &["-server=0", "-connect=0", "-listen=0", "-assumevalid=0"],
        )?;
        println!(
            "ratio chaincored : bitcoind  time {:.2}, memory {:.2}, disk {:.2}",
            ours.wall.as_secs_f64() / theirs.wall.as_secs_f64(),
            ours.peak_memory as f64 / theirs.peak_memory as f64,
            ours.disk as f64 / theirs.disk as f64
        );
    }
    Ok(())
}

fn median(args: &Args, made: &Made, name: &str, program: &Path, more: &[&str]) -> Result<Figures> {
    ensure!(args.runs > 0, "--runs must be at least 1");
    let mut runs = (0..args.runs).map(|_| import(args, made, program, more)).collect::<Result<Vec<_>>>()?;
    runs.sort_by_key(|run| run.wall);
    let figures = runs.swap_remove(runs.len() / 2);
    let seconds = figures.wall.as_secs_f64();
    println!(
        "{name}: {seconds:.2} s (median of {}), {:.0} blocks/s, {:.0} inputs/s, peak memory {:.0} MB, {:.1} MB on disk",
        args.runs,
        f64::from(made.height) / seconds,
        made.inputs as f64 / seconds,
        figures.peak_memory as f64 / 1e6,
        figures.disk as f64 / 1e6
    );
    Ok(figures)
}

/// Imports the chain into a new folder and checks that its tip was reached.
fn import(args: &Args, made: &Made, program: &Path, more: &[&str]) -> Result<Figures> {
    let datadir = tempfile::tempdir()?;
    let mut flags: Vec<OsString> = vec!["-regtest".into(), format!("-dbcache={}", args.dbcache).into()];
    flags.push(format!("-datadir={}", datadir.path().display()).into());
    flags.push(format!("-stopatheight={}", made.height).into());
    flags.extend(made.files.iter().map(|file| format!("-loadblock={}", file.display()).into()));
    flags.extend(more.iter().map(Into::into));
    let since = Instant::now();
    let mut child = Command::new(program)
        .args(&flags)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| program.display().to_string())?;
    let mut peak_memory = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        peak_memory = resident_high_water(child.id()).unwrap_or(0).max(peak_memory);
        std::thread::sleep(Duration::from_millis(5));
    };
    let wall = since.elapsed();
    ensure!(status.success(), "{} ended with {status}", program.display());
    let log = std::fs::read_to_string(datadir.path().join("regtest/debug.log"))?;
    if !log.contains(&made.tip.to_string()) {
        bail!("{} did not reach block {}", program.display(), made.tip);
    }
    Ok(Figures { wall, peak_memory, disk: folder_size(datadir.path())? })
}

/// The most memory that a process has had, in bytes, as Linux counts it.
fn resident_high_water(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

fn folder_size(folder: &Path) -> Result<u64> {
    let mut size = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let data = entry.metadata()?;
        size += if data.is_dir() { folder_size(&entry.path())? } else { data.len() };
    }
    Ok(size)
}
