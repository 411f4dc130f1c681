//! What must be on the machine beside Rust, and getting it there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Result, bail};
use clap::Args;

use crate::cargo;

/// What is to be done with the tools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum For {
    /// Building and running a node.
    Running,
    /// Building the web app.
    Web,
    /// Running every test.
    Testing,
}

#[derive(Args)]
pub struct Options {
    /// Only say what is missing; fails if something is.
    #[arg(long)]
    check: bool,
    /// Only what a node needs, not what the tests need.
    #[arg(long)]
    run_only: bool,
}

struct Tool {
    name: &'static str,
    why: &'static str,
    needed_for: For,
    present: fn() -> bool,
    /// The Debian or Ubuntu package; without one it is installed by `rustup`.
    package: Option<&'static str>,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "a C compiler",
        why: "signatures are verified by libsecp256k1, which is C",
        needed_for: For::Running,
        present: || ["cc", "gcc", "clang"].iter().any(|name| answers(name)),
        package: Some("build-essential"),
    },
    Tool {
        name: "a C++ compiler",
        why: "the tests compare every verdict with Bitcoin Core's engine, which is C++",
        needed_for: For::Testing,
        present: || ["c++", "g++", "clang++"].iter().any(|name| answers(name)),
        package: Some("build-essential"),
    },
    Tool {
        name: "clang",
        why: "libsecp256k1 is built for WebAssembly too",
        needed_for: For::Web,
        present: || answers("clang"),
        package: Some("clang"),
    },
    Tool {
        name: "Node.js 18 or newer",
        why: "the web app is bundled with it",
        needed_for: For::Web,
        present: has_node,
        package: Some("nodejs"),
    },
    Tool {
        name: "npm",
        why: "the web app's libraries come from it",
        needed_for: For::Web,
        present: || answers("npm"),
        package: Some("npm"),
    },
    Tool {
        name: "Chromium",
        why: "the web app is tested in a real browser",
        needed_for: For::Testing,
        present: has_chromium,
        package: Some("chromium"),
    },
    Tool {
        name: "curl",
        why: "the commands of the README are tested",
        needed_for: For::Testing,
        present: || answers("curl"),
        package: Some("curl"),
    },
    Tool {
        name: "Python 3",
        why: "a harness like those written for Bitcoin Core drives the node",
        needed_for: For::Testing,
        present: || answers("python3"),
        package: Some("python3"),
    },
    Tool {
        name: "cmake",
        why: "it builds Bitcoin Core's engine",
        needed_for: For::Testing,
        present: || answers("cmake"),
        package: Some("cmake"),
    },
    Tool {
        name: "Boost's headers",
        why: "Bitcoin Core's engine uses them",
        needed_for: For::Testing,
        present: has_boost,
        package: Some("libboost-dev"),
    },
    Tool {
        name: "a PostgreSQL server",
        why: "the mirror is tested on servers that the tests start themselves",
        needed_for: For::Testing,
        present: has_postgres,
        package: Some("postgresql"),
    },
    Tool {
        name: "Rust's target wasm32-unknown-unknown",
        why: "the wallet runs in the browser",
        needed_for: For::Web,
        present: has_wasm_target,
        package: None,
    },
];

fn answers(program: &str) -> bool {
    let quiet = Command::new(program).arg("--version").stdin(Stdio::null()).output();
    quiet.is_ok_and(|output| output.status.success())
}

fn has_node() -> bool {
    let output = Command::new("node").arg("--version").stdin(Stdio::null()).output();
    let version =
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let major = version.strip_prefix('v').and_then(|version| version.split('.').next()?.parse().ok());
    major.is_some_and(|major: u32| major >= 18)
}

/// The same places as the harness of the browser tests looks at.
fn has_chromium() -> bool {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let usual =
        ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].map(PathBuf::from);
    named.into_iter().chain(usual).any(|program| program.is_file())
}

fn has_boost() -> bool {
    let found = |compiler: &str| {
        let mut child = Command::new(compiler)
            .args(["-E", "-x", "c++", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        child.stdin.take()?.write_all(b"#include <boost/multi_index_container.hpp>\n").ok()?;
        Some(child.wait().ok()?.success())
    };
    ["c++", "g++", "clang++"].iter().any(|compiler| found(compiler).unwrap_or(false))
}

/// The same places, in the same order, as the crate `chaincore-postgres` of the tests looks at.
fn has_postgres() -> bool {
    if let Some(folder) = std::env::var_os("CHAINCORE_PG_BIN") {
        return Path::new(&folder).join("initdb").is_file();
    }
    // Debian keeps the server's programs out of the path.
    let packaged = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    answers("initdb")
        || packaged.map(|version| version.path().join("bin/initdb")).any(|program| program.is_file())
}

fn has_wasm_target() -> bool {
    let output = Command::new("rustc").args(["--print", "sysroot"]).current_dir(cargo::root()).output();
    let Ok(output) = output else { return false };
    let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    sysroot.join("lib/rustlib/wasm32-unknown-unknown").is_dir()
}

/// `cargo xtask setup`.
pub fn setup(options: &Options) -> Result<()> {
    let purpose = if options.run_only { For::Running } else { For::Testing };
    if options.check {
        let missing = missing(purpose);
        let names: Vec<_> = missing.iter().map(|tool| tool.name).collect();
        if !missing.is_empty() {
            bail!("missing: {}", names.join(", "));
        }
    } else {
        ensure(purpose)?;
    }
    println!("Everything that is needed is there.");
    Ok(())
}

fn missing(purpose: For) -> Vec<&'static Tool> {
    TOOLS.iter().filter(|tool| tool.needed_for <= purpose && !(tool.present)()).collect()
}

/// Installs what is missing. Says first what that is and how to do it by hand.
pub fn ensure(purpose: For) -> Result<()> {
    let missing = missing(purpose);
    if missing.is_empty() {
        return Ok(());
    }
    println!("Missing on this machine:");
    for tool in &missing {
        println!("  {} ({})", tool.name, tool.why);
    }
    let mut packages: Vec<_> = missing.iter().filter_map(|tool| tool.package).collect();
    packages.dedup();
    let mut commands = Vec::new();
    if !packages.is_empty() {
        commands.extend(package_commands(&packages)?);
    }
    if missing.iter().any(|tool| tool.package.is_none()) {
        commands.push(vec!["rustup", "target", "add", "wasm32-unknown-unknown"]);
    }
    println!("\nInstalling it now. By hand it would be:");
    for command in &commands {
        println!("  {}", command.join(" "));
    }
    println!();
    for words in &commands {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(cargo::root()).env("DEBIAN_FRONTEND", "noninteractive");
        cargo::run(&mut command)?;
    }
    let still: Vec<_> = missing.iter().filter(|tool| !(tool.present)()).map(|tool| tool.name).collect();
    if !still.is_empty() {
        bail!("still missing after the installation: {}", still.join(", "));
    }
    Ok(())
}

/// The commands that install Debian packages, or an error that says what to install where there is no `apt-get`.
fn package_commands(packages: &[&'static str]) -> Result<Vec<Vec<&'static str>>> {
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(
            "this machine has no apt-get: install what Debian calls {} with its own package manager and try again",
            packages.join(" ")
        );
    }
    let prefix: &[&str] = if is_root() {
        &[]
    } else if answers("sudo") {
        &["sudo"]
    } else {
        bail!("neither root nor sudo: have somebody run apt-get install {}", packages.join(" "));
    };
    let update = [prefix, &["apt-get", "update"]].concat();
    let install = [prefix, &["apt-get", "install", "--yes", "--no-install-recommends"], packages].concat();
    Ok(vec![update, install])
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
