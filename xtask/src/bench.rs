//! Benchmarks by name.

use std::process::Command;

use anyhow::{Result, bail};
use clap::Args;

use crate::cargo::{self, cargo, root, target_dir};
use crate::setup::{self, For};
use crate::web;

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
    /// A program for Node.js that measures the same in the module for browsers, and the folder, below cargo's for such
    /// things, in which it finds what the first left.
    module: Option<(&'static str, &'static str)>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "chain",
        about: "import of a signature-heavy chain with every script verified",
        command: &["bench", "-p", "chaincore-tests", "--bench", "chain"],
        module: None,
    },
    Bench {
        name: "light",
        about: "the wallet natively and in the module: headers, filters, time to the first balance, signing",
        command: &[
            "bench",
            "-p",
            "chaincore-wallet",
            "--no-default-features",
            "--features=unicode",
            "--bench",
            "light",
        ],
        module: Some(("wallet-wasm/bench/light.mjs", "light-bench")),
    },
    Bench {
        name: "miner",
        about: "hash rate of each kernel on one core beside plain SHA-256 and the bound, and over all cores",
        command: &["bench", "-p", "chaincore-miner", "--bench", "miner"],
        module: None,
    },
    Bench {
        name: "mirror",
        about: "bulk loading, tip and reorganizations of the SQL mirror against plain COPY",
        command: &["bench", "-p", "chaincore-mirror", "--bench", "mirror"],
        module: None,
    },
    Bench {
        name: "mirror-node",
        about: "what a mirror costs the node: on, its server frozen, its server dead",
        command: &["bench", "-p", "chaincore-tests", "--bench", "mirror_node"],
        module: None,
    },
    Bench {
        name: "p2p",
        about: "first download of that chain from peers, relay over five hops, memory of idle peers",
        command: &["bench", "-p", "chaincore-tests", "--bench", "p2p"],
        module: None,
    },
    Bench {
        name: "templates",
        about: "templates per second, latency beside 1, 100 and 1,000 long polls, a new tip to the last answer",
        command: &["bench", "-p", "chaincore-tests", "--bench", "templates"],
        module: None,
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
    cargo::run(cargo().args(bench.command).arg("--").args(&options.more))?;
    if let Some((script, folder)) = bench.module {
        web::module()?;
        println!("The same in the module, under Node.js:");
        cargo::run(Command::new("node").arg(root().join(script)).arg(target_dir().join("tmp").join(folder)))?;
    }
    Ok(())
}
