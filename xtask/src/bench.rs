//! Benchmarks by name.

use anyhow::{Result, bail};
use clap::Args;

use crate::cargo::{self, cargo};
use crate::setup::{self, For};

#[derive(Args)]
pub struct Options {
    /// The benchmark.
    name: Option<String>,
    /// Its own options (`--help` lists them).
    #[arg(last = true)]
    more: Vec<String>,
}

/// A benchmark: its name, what it measures, and the cargo command that runs it.
struct Bench {
    name: &'static str,
    about: &'static str,
    command: &'static [&'static str],
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "chain",
        about: "import of a signature-heavy chain with every script verified",
        command: &["bench", "-p", "chaincore-tests", "--bench", "chain"],
    },
    Bench {
        name: "miner",
        about: "hash rate of each kernel on one core beside plain SHA-256 and the bound, and over all cores",
        command: &["bench", "-p", "chaincore-miner", "--bench", "miner"],
    },
    Bench {
        name: "mirror",
        about: "bulk loading, tip and reorganizations of the SQL mirror against plain COPY",
        command: &["bench", "-p", "chaincore-mirror", "--bench", "mirror"],
    },
    Bench {
        name: "mirror-node",
        about: "what a mirror costs the node: on, its server frozen, its server dead",
        command: &["bench", "-p", "chaincore-tests", "--bench", "mirror_node"],
    },
    Bench {
        name: "p2p",
        about: "first download of that chain from peers, relay over five hops, memory of idle peers",
        command: &["bench", "-p", "chaincore-tests", "--bench", "p2p"],
    },
    Bench {
        name: "templates",
        about: "templates per second, latency beside 1, 100 and 1,000 long polls, a new tip to the last answer",
        command: &["bench", "-p", "chaincore-tests", "--bench", "templates"],
    },
];

/// `cargo xtask bench`.
pub fn bench(options: &Options) -> Result<()> {
    let Some(name) = &options.name else {
        for bench in BENCHES {
            println!("{:12} {}", bench.name, bench.about);
        }
        return Ok(());
    };
    let Some(bench) = BENCHES.iter().find(|bench| bench.name == name) else {
        let names: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
        bail!("there is no benchmark '{name}': one of {}", names.join(", "));
    };
    setup::ensure(For::Running)?;
    cargo::run(cargo().args(bench.command).arg("--").args(&options.more))
}
