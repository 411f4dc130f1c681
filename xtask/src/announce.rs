//! Saying where a node is to be found, not before it is to be found there.
//!
//! `cargo xtask run` becomes the node, so another process has to wait for it: this one.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Args;

/// How long a node may take to open its port.
const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

#[derive(Args)]
pub struct Options {
    /// A file that the node writes when its port is open: whatever answers there before is another.
    #[arg(long)]
    pub sign: PathBuf,
    /// The port.
    #[arg(long)]
    pub port: u16,
    /// What to print.
    #[arg(long)]
    pub text: String,
    /// Whether this is the process that waits.
    #[arg(long)]
    pub waiting: bool,
}

/// Starts a process that waits for the node and then prints.
pub fn begin(options: &Options) -> Result<()> {
    // The process between takes the place of its parent, who becomes the node and knows no children.
    let done = command(options)?.status().context("nobody could be left waiting for the node")?;
    anyhow::ensure!(done.success(), "nobody could be left waiting for the node ({done})");
    Ok(())
}

fn command(options: &Options) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("announce").arg("--sign").arg(&options.sign);
    command.arg(format!("--port={}", options.port)).arg(format!("--text={}", options.text));
    command.stdin(Stdio::null());
    Ok(command)
}

/// The hidden task `announce`.
pub fn announce(options: &Options) -> Result<()> {
    if !options.waiting {
        command(options)?.arg("--waiting").spawn()?;
        return Ok(());
    }
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if options.sign.exists() && answers(options.port) {
            println!("\n{}", options.text);
            break;
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Ok(())
}

/// Whether the node there has something to say.
fn answers(port: u16) -> bool {
    let ask = || -> std::io::Result<bool> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut start = [0; 12];
        stream.read_exact(&mut start)?;
        Ok(&start == b"HTTP/1.1 200")
    };
    ask().unwrap_or(false)
}
